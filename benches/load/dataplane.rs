//! Real proxies that follow the service, and very many Envoys: how soon a change is served, what it
//! costs, and what a stream takes in memory.
//!
//! The service runs as it is shipped, with keys and limits. The proxies start as their bootstraps
//! say, with the key of a node.

pub mod changes;
mod node;
pub mod streams;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    Bench,
    http::{once, with_json},
    process::Guarded,
    service::{Service, Site},
    support::{
        ports::free_address,
        proxies::{
            ask::{Ask, Echo},
            programs::{self, Program},
            upstreams::Upstream,
        },
    },
};

const TENANT: &str = "acme";
const HOST: &str = "pay.acme.io";
/// The longest wait until a change is served.
const LIMIT: Duration = Duration::from_secs(60);
/// The pause between two questions to a proxy: the precision of the figures.
const PAUSE: Duration = Duration::from_millis(1);

/// The number of answers after which a proxy has settled.
const ROW: usize = 50;

/// A running service with one tenant, and two upstreams.
struct Stage<'a> {
    bench: &'a Bench,
    /// The service. It is declared, and so dropped, before the site that it uses.
    service: Service,
    ads: std::net::SocketAddr,
    /// The key of a node.
    token: String,
    upstreams: [Upstream; 2],
    _site: Site<'a>,
}

impl<'a> Stage<'a> {
    fn start(bench: &'a Bench) -> Result<Self> {
        let (site, ads) = (Site::new(bench), free_address());
        let service = Service::start(&site, &[("HTTP__ADS_LISTEN", &ads.to_string())])?;
        let upstreams = bench.runtime.block_on(async {
            [
                Upstream::plain("first").await,
                Upstream::plain("second").await,
            ]
        });
        let mut stage = Self {
            bench,
            service,
            ads,
            token: String::new(),
            upstreams,
            _site: site,
        };
        stage.post("/tenants", &json!({ "name": TENANT }), 201)?;
        let key = json!({ "tenant": TENANT, "roles": ["node"] });
        let key = stage.post("/keys", &key, 201)?;
        stage.token = key["token"].as_str().context("no token")?.to_owned();
        Ok(stage)
    }

    fn post(&self, path: &str, body: &Value, expected: u16) -> Result<Value> {
        let asked = self.call(with_json(
            "POST",
            &format!("/api/v1{path}"),
            &self.service.key,
            &body.to_string(),
        ));
        let (status, body) = self.bench.runtime.block_on(asked)?;
        ensure!(status == expected, "POST {path}: status {status} {body}");
        Ok(serde_json::from_str(&body)?)
    }

    async fn call(&self, request: Vec<u8>) -> Result<(u16, String)> {
        let (status, _, body) = once(self.service.api, &request).await?;
        Ok((status, String::from_utf8(body)?))
    }

    /// Makes all changes in one revision, and returns it.
    async fn change(&self, changes: &[Value]) -> Result<u64> {
        let body = json!({ "changes": changes, "confirm_in_use": true });
        let path = format!("/api/v1/tenants/{TENANT}/batch");
        let request = with_json("POST", &path, &self.service.key, &body.to_string());
        let (status, body) = self.call(request).await?;
        ensure!(status == 200, "a batch was answered {status} {body}");
        let answer: Value = serde_json::from_str(&body)?;
        answer["revision"].as_u64().context("no revision")
    }

    /// Starts a proxy with its bootstrap as `edit` returns it.
    fn proxy(&self, follows: Follows, edit: impl Fn(String) -> String) -> Result<Proxy> {
        let (program, transport) = match follows {
            Follows::Stream => (Program::Envoy, "&transport=ads"),
            Follows::PollsOfEnvoy => (Program::Envoy, "&transport=rest"),
            Follows::Polls(program) => (program, ""),
        };
        let site = programs::Site::new(program);
        let path = format!(
            "/api/v1/dataplane/{}/bootstrap?tenant={TENANT}&listen={}&admin={}{transport}",
            program.dialect(),
            site.web,
            site.admin,
        );
        // A proxy asks where its bootstrap came from: at the address in the `Host` header.
        let key = format!("Bearer {}", self.token);
        let ask = Ask::get(self.service.api, &path).header("authorization", &key);
        let answer = self.bench.runtime.block_on(ask.send())?;
        let (status, bootstrap) = (answer.status, answer.text());
        ensure!(status == 200, "GET {path}: status {status} {bootstrap}");
        let proxy = site.run_bootstrap(&edit(bootstrap), &self.token);
        Ok(Proxy {
            _guarded: Guarded::new(proxy.pid()),
            ask: proxy.get("/x").host(HOST),
            proxy,
        })
    }
}

/// How a proxy follows the service.
#[derive(Debug, Clone, Copy)]
enum Follows {
    /// An Envoy, by a stream.
    Stream,
    /// An Envoy, by polls.
    PollsOfEnvoy,
    /// Another proxy: it polls, or a follower does and writes its files.
    Polls(Program),
}

impl Follows {
    fn name(self) -> &'static str {
        match self {
            Self::Stream => "envoy",
            Self::PollsOfEnvoy => "envoy that polls",
            Self::Polls(program) => program.dialect(),
        }
    }

    fn program(self) -> Program {
        match self {
            Self::Stream | Self::PollsOfEnvoy => Program::Envoy,
            Self::Polls(program) => program,
        }
    }
}

/// A running proxy, which also ends when this program is interrupted.
struct Proxy {
    ask: Ask,
    proxy: programs::Proxy,
    _guarded: Guarded,
}

impl Proxy {
    /// Waits until an upstream answers that it got the request so.
    async fn serves(&self, is_served: impl Fn(&Echo) -> bool) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Ok(answer) = self.ask.send().await
                && answer.echo().is_some_and(|echo| is_served(&echo))
            {
                return Ok(());
            }
            if started.elapsed() > LIMIT {
                let name = self.proxy.site.program.dialect();
                bail!(
                    "{name} does not serve a change after {LIMIT:?}; its log: {}",
                    self.proxy.log()
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until many answers in a row come from the same version.
    async fn settles(&self) -> Result<()> {
        let (started, mut last, mut row) = (Instant::now(), None, 0);
        while row < ROW {
            let echo = self
                .ask
                .send()
                .await?
                .echo()
                .context("not from an upstream")?;
            row = if last.as_ref() == Some(&echo.target) {
                row + 1
            } else {
                0
            };
            last = Some(echo.target);
            ensure!(
                started.elapsed() < LIMIT,
                "the answers change for {LIMIT:?}"
            );
        }
        Ok(())
    }
}

/// Returns the change that puts a version of a service.
fn route(service: &str, version: &str, url: &str) -> Value {
    json!({ "action": "put", "route": {
        "service": service, "env": "prod", "version": version, "url": url,
    } })
}

/// Returns the change that gives a service's versions these weights.
fn weights(service: &str, host: &str, versions: &[(&str, u32)]) -> Value {
    let split: Vec<Value> = versions
        .iter()
        .map(|(version, weight)| json!({ "version": version, "weight": weight }))
        .collect();
    json!({ "action": "put", "policy": {
        "service": service, "env": "prod", "hosts": [host], "split": split,
    } })
}

/// Returns the milliseconds that at least this share of the times is not above.
fn quantile_ms(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() as f64 * share).ceil() as usize;
    let found = sorted.get(at.saturating_sub(1)).or(sorted.last());
    found.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
