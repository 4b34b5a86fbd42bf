//! `snapshot`, `changes` and `resolve`.

use std::sync::Arc;

use hyper::header::{CACHE_CONTROL, HeaderValue};
use tokio::{task::block_in_place, time::timeout};
use traffic_manager_api_types::Code;
use traffic_manager_client::Scope;
use traffic_manager_core::{
    etag::{Seen, version_tag},
    ids::TenantName,
    ledger::words::Condition,
    snapshot::Recent,
    tag::VersionTag,
};

use super::{
    Ask,
    asked::{self, Wait},
    reply::{Reply, content, empty},
};
use crate::{
    http::{
        api,
        problem::Problem,
        query::{Query, refused},
    },
    relay::{
        edition::{Edition, gzip},
        followed::{Followed, Part, Shown},
    },
};

/// The changes in one answer without a `limit`, and the highest `limit`.
const CHANGES: usize = 100;
const MAX_CHANGES: usize = 1000;

/// `GET /tenants/{tenant}/snapshot`
pub async fn snapshot(ask: &Ask<'_>, tenant: &str, mut query: Query) -> Result<Reply, Problem> {
    if query.text("at").is_some() {
        return Err(refused(
            "at",
            "not_here",
            "only the control plane itself has it",
        ));
    }
    let poll = Poll::of(ask, tenant, &mut query)?;
    query.finish()?;
    let mut node = ask.node(&poll.part, Condition::Runs(&poll.seen))?;
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
    Ok(tagged.now(edition.body(), || edition.gzip(), Some(&edition)))
}

/// A poll of a part of a tenant.
pub struct Poll {
    /// The part.
    pub part: Part,
    /// What the caller has.
    pub seen: Seen,
    /// How long it waits for something else.
    pub wait: Wait,
    least: Option<VersionTag>,
}

impl Poll {
    /// Reads what polls have in common.
    pub fn of(ask: &Ask<'_>, tenant: &str, query: &mut Query) -> Result<Self, Problem> {
        Ok(Self {
            part: ask.part(tenant, query)?,
            seen: api::seen(ask.headers),
            wait: Wait::of(query, ask.headers)?,
            least: asked::least(query, ask.headers)?,
        })
    }

    /// Returns the part and a state of it that is not older than what the caller knows of.
    pub async fn held(&self, ask: &Ask<'_>) -> Result<(Arc<Followed>, Arc<Edition>), Problem> {
        let (followed, edition) = ask.held(&self.part).await?;
        let known: Vec<_> = self
            .seen
            .tags()
            .iter()
            .chain(&self.least)
            .cloned()
            .collect();
        let edition = ask.at_least(&followed, edition, &known).await?;
        Ok((followed, edition))
    }

    /// Waits for another state than the caller has, if it wants to.
    pub async fn newest(
        &self,
        ask: &Ask<'_>,
        followed: &Arc<Followed>,
        edition: Arc<Edition>,
    ) -> Result<Arc<Edition>, Problem> {
        // A caller that has any state (`*`) names no tag that the part could move from.
        let is_seen = |edition: &Edition| self.seen.tags().contains(edition.tag());
        let Some(time) = self.wait.time().filter(|_| is_seen(&edition)) else {
            return Ok(edition);
        };
        let _place = ask.place(&self.part)?;
        let mut shown = followed.shown.subscribe();
        let is_other = |shown: &Shown| {
            let edition = shown.edition.as_ref();
            shown.is_gone || edition.is_some_and(|edition| !is_seen(edition))
        };
        let other = timeout(time, shown.wait_for(is_other)).await;
        let Some(other) = other.ok().and_then(Result::ok).map(|shown| shown.clone()) else {
            return Ok(edition);
        };
        if other.is_gone {
            let why = "tenant does not exist";
            return Err(Problem::new(Code::TenantNotFound, why));
        }
        Ok(other.edition.unwrap_or(edition))
    }
}

/// `GET /tenants/{tenant}/changes`
pub async fn changes(ask: &Ask<'_>, tenant: &str, mut query: Query) -> Result<Reply, Problem> {
    let after = query
        .text("after")
        .ok_or_else(|| refused("after", "required", "is required"))?;
    let after = version_tag(&after).map_err(|invalid| Problem::field("?after", &invalid))?;
    let limit = match query.text("limit").map(|text| text.parse::<usize>()) {
        None => CHANGES,
        Some(Ok(limit)) if (1..=MAX_CHANGES).contains(&limit) => limit,
        Some(_) => return Err(refused("limit", "out_of_range", "1 to 1000")),
    };
    let poll = Poll::of(ask, tenant, &mut query)?;
    query.finish()?;
    let mut node = ask.node(&poll.part, Condition::After(&after))?;
    let (followed, mut edition) = ask.held(&poll.part).await?;
    let mut known: Vec<_> = poll.least.iter().cloned().collect();
    if poll.part.scope.is_whole() {
        known.push(after.clone());
    }
    edition = ask.at_least(&followed, edition, &known).await?;
    let presence = poll.wait.time().map(|_| node.waits());
    if let Some(time) = poll.wait.time().filter(|_| is_nothing(&edition, &after)) {
        let _place = ask.place(&poll.part)?;
        let mut shown = followed.shown.subscribe();
        let is_more = |shown: &Shown| {
            let edition = shown.edition.as_ref();
            edition.is_some_and(|edition| !is_nothing(edition, &after))
        };
        let more = timeout(time, shown.wait_for(is_more)).await;
        let more = more
            .ok()
            .and_then(Result::ok)
            .and_then(|it| it.edition.clone());
        edition = more.unwrap_or(edition);
    }
    drop(presence);
    let (to, body) = since(&edition, &after, limit);
    node.served(&to);
    let mut tagged = ask.tagged(&to, &followed);
    tagged.preference = poll.wait.applied();
    let packed = body.clone();
    Ok(tagged.now(body.into(), || gzip(&packed), None))
}

fn is_nothing(edition: &Edition, after: &VersionTag) -> bool {
    let changes = edition.changes_after(after);
    changes.is_some_and(|changes| changes.is_empty())
}

/// Writes the answer `{from, to, complete, changes: [event…]}`, or one with the whole snapshot if the relay does not know all
/// changes since the tag. A revision is never split.
fn since(edition: &Edition, after: &VersionTag, limit: usize) -> (VersionTag, Vec<u8>) {
    let Some(changes) = edition.changes_after(after) else {
        let place = edition.place().clone();
        let head = format!(
            "{{\"from\":\"{after}\",\"to\":\"{place}\",\"complete\":true,\"changes\":[],\"reset\":true,\"snapshot\":"
        );
        let body = [head.as_bytes(), &edition.body(), b"}"].concat();
        return (place, body);
    };
    let count = whole_revisions(&changes, limit);
    let complete = count == changes.len();
    let to = match changes.get(count.wrapping_sub(1)) {
        Some(last) if !complete => VersionTag {
            epoch: after.epoch.clone(),
            revision: last.revision,
        },
        // The caller may be further than the relay knows, with what was of other parts.
        _ if after.revision > edition.place().revision => after.clone(),
        _ => edition.place().clone(),
    };
    let head =
        format!("{{\"from\":\"{after}\",\"to\":\"{to}\",\"complete\":{complete},\"changes\":[");
    let mut body = head.into_bytes();
    for (at, change) in changes.iter().take(count).enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&change.json);
    }
    body.extend_from_slice(b"]}");
    (to, body)
}

/// How many changes there are in whole revisions: at least `limit`, if there are so many.
fn whole_revisions(changes: &[Arc<Recent>], limit: usize) -> usize {
    let revision = |at: usize| changes.get(at).map(|change| change.revision);
    let is_end =
        |at: &usize| revision(*at) != revision(at.wrapping_sub(1)) || revision(*at).is_none();
    (limit.min(changes.len())..=changes.len())
        .find(is_end)
        .unwrap_or(changes.len())
}

/// `GET /routes/resolve`
pub async fn resolve(ask: &Ask<'_>, mut query: Query) -> Result<Reply, Problem> {
    let tenant: TenantName = query.required("tenant")?;
    let least = asked::least(&mut query, ask.headers)?;
    let scope = Scope {
        service: Some(query.required("service")?),
        env: Some(query.required("env")?),
    };
    let tenant = ask.tenant(tenant.as_str())?;
    if !ask.caller.may_have(&scope) {
        let why = "the key is for other services or environments";
        return Err(Problem::new(Code::OutsideGrant, why));
    }
    // Another part that has it is enough. A whole tenant serves all further questions.
    let part = match ask.relay.followed.covering(&tenant, &scope) {
        Some(followed) => followed.part.clone(),
        None if ask.caller.may_have(&Scope::default()) => Part {
            tenant: tenant.clone(),
            scope: Scope::default(),
        },
        None => Part {
            tenant: tenant.clone(),
            scope: scope.clone(),
        },
    };
    let (followed, edition) = ask.held(&part).await?;
    let seen = api::seen(ask.headers);
    let known: Vec<_> = seen.tags().iter().chain(&least).cloned().collect();
    let edition = ask.at_least(&followed, edition, &known).await?;
    let (Some(service), Some(env)) = (scope.service, scope.env) else {
        return Err(Problem::new(Code::Internal, "a scope without names"));
    };
    // A policy's patterns may be compiled, which takes time.
    let found = block_in_place(|| api::resolved(edition.snapshot(), service, env, query))?;
    let Some(tag) = &found.tag else {
        let mut reply = content("application/json", found.json);
        let caching = HeaderValue::from_static("no-store");
        reply.headers_mut().insert(CACHE_CONTROL, caching);
        return Ok(reply);
    };
    let mut reply = if seen.has(tag) {
        empty(hyper::StatusCode::NOT_MODIFIED)
    } else {
        content("application/json", found.json)
    };
    super::reply::resolve_headers(&mut reply, tag, followed.stale_seconds());
    Ok(reply)
}
