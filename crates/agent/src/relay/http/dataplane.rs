//! Documents for proxies that speak their own language, and the public keys of the control plane.

use std::{net::SocketAddr, time::Instant};

use bytes::Bytes;
use hyper::StatusCode;
use tokio::sync::Mutex;
use traffic_manager_api_types::Code;
use traffic_manager_core::{ids::TenantName, ledger::words::Condition};
use traffic_manager_dataplane::Dialect;

use super::{
    Ask,
    polls::Poll,
    reply::{Reply, content},
};
use crate::{
    http::{
        problem::Problem,
        query::{Query, refused},
    },
    relay::{
        rendered::Subject,
        upstream::{Key, Upstream},
    },
};

/// The time that the public keys are kept before they are asked for again.
const KEYS: std::time::Duration = std::time::Duration::from_secs(60);

/// `GET /dataplane/{dialect}`
pub async fn document(ask: &Ask<'_>, dialect: &str, mut query: Query) -> Result<Reply, Problem> {
    let dialect: Dialect = dialect.parse().map_err(|()| {
        let names = Dialect::ALL.map(Dialect::as_str).join(", ");
        Problem::new(Code::NotFound, format!("there is no such dialect: {names}"))
    })?;
    let tenant: TenantName = query.required("tenant")?;
    let own = &ask.relay.config.proxy;
    let listen = address(&mut query, "listen", own.listen)?;
    let admin = address(&mut query, "admin", own.admin)?;
    let poll = Poll::of(ask, tenant.as_str(), &mut query)?;
    query.finish()?;
    let mut node = ask.node(&poll.part, Condition::Has(dialect.as_str()))?;
    let (followed, edition) = poll.held(ask).await?;
    let presence = poll.wait.time().map(|_| node.waits());
    let edition = poll.newest(ask, &followed, edition).await?;
    drop(presence);
    node.served(edition.tag());
    let mut tagged = ask.tagged(edition.tag(), &followed);
    tagged.preference = poll.wait.applied();
    if poll.seen.has(edition.tag()) {
        return Ok(tagged.unchanged());
    }
    let subject = Subject {
        part: poll.part,
        dialect,
        listen,
        admin,
    };
    let rendered = &ask.relay.rendered;
    let body = rendered.get(&subject, &edition, false).await;
    let packed = match tagged.packs(&body) {
        true => rendered.get(&subject, &edition, true).await,
        false => Bytes::new(),
    };
    Ok(tagged.now(body, || packed, None))
}

/// Reads an address in its one spelling, so that no other text gets into a configuration.
fn address(query: &mut Query, name: &str, own: SocketAddr) -> Result<String, Problem> {
    let Some(raw) = query.text(name) else {
        return Ok(own.to_string());
    };
    let address: Result<SocketAddr, _> = raw.parse();
    address.map(|address| address.to_string()).map_err(|_| {
        let why = "must be an IP address and a port, such as 127.0.0.1:10000";
        refused(name, "not_an_address", why)
    })
}

/// The public keys, as the control plane said them last.
#[derive(Debug, Default)]
pub struct PublicKeys(Mutex<Option<(Instant, Bytes)>>);

impl PublicKeys {
    async fn get(&self, upstream: &Upstream) -> Option<Bytes> {
        let mut kept = self.0.lock().await;
        if let Some((at, keys)) = kept.as_ref().filter(|(at, _)| at.elapsed() < KEYS) {
            tracing::trace!(age = ?at.elapsed(), "the public keys are kept");
            return Some(keys.clone());
        }
        let said = upstream.get(&["dataplane", "keys"], Key::Own).await;
        if let Ok(said) = said
            && said.status == StatusCode::OK
        {
            *kept = Some((Instant::now(), said.body));
        }
        kept.as_ref().map(|(_, keys)| keys.clone())
    }
}

/// `GET /dataplane/keys`
pub async fn keys(ask: &Ask<'_>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let keys = ask.relay.public_keys.get(&ask.relay.upstream).await;
    let why = "the control plane cannot be asked for its keys";
    let keys = keys.ok_or_else(|| Problem::new(Code::Unavailable, why))?;
    Ok(content("application/json", keys))
}
