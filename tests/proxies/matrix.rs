//! The same questions to each of the five proxies, which the service configures: what a proxy does
//! otherwise must be in its report, word for word, and what the report says must be so.

mod answers;
mod hosts;
mod probes;
mod rows;
mod rules;
mod traffic;

use serde_json::Value;
use test_support::authority::{Authority, Time};

use self::rows::{How, Row};
use crate::{
    programs::{Program, Proxy},
    served::{Service, code, policy, route},
    upstreams::Upstream,
};

#[tokio::test]
async fn envoy_does_what_the_service_says_and_reports() {
    every_row(Program::Envoy).await;
}

#[tokio::test]
async fn traefik_does_what_the_service_says_and_reports() {
    every_row(Program::Traefik).await;
}

#[tokio::test]
async fn caddy_does_what_the_service_says_and_reports() {
    every_row(Program::Caddy).await;
}

#[tokio::test]
async fn haproxy_does_what_the_service_says_and_reports() {
    every_row(Program::HaProxy).await;
}

#[tokio::test]
async fn nginx_does_what_the_service_says_and_reports() {
    every_row(Program::Nginx).await;
}

/// The questions × the dialects: each row has a policy, the questions, and what each dialect does
/// otherwise.
fn table() -> Vec<Row> {
    let parts = [
        hosts::rows(),
        rules::rows(),
        answers::rows(),
        traffic::rows(),
    ];
    parts.into_iter().flatten().collect()
}

/// Upstreams, a service that knows all policies of the table, and a proxy that has them.
struct Stage {
    upstreams: Upstreams,
    service: Service,
    proxy: Proxy,
}

/// What the versions of the policies lead to. `v1` and `v2` are versions of every policy.
struct Upstreams {
    /// Behind URLs with the path `/one`.
    v1: Upstream,
    /// Behind URLs without a path.
    v2: Upstream,
    /// Speaks TLS, behind the path `/two`.
    tls: Upstream,
    /// Has a certificate of an authority that nobody trusts.
    stranger: Upstream,
    /// Has a certificate for another name.
    misnamed: Upstream,
    /// Answers late.
    slow: Upstream,
    /// Gets copies.
    copies: Upstream,
}

impl Upstreams {
    async fn start(authority: &Authority) -> Self {
        let slow = Upstream::plain("slow").await;
        slow.answer_after(traffic::LATE);
        let now = |authority: &Authority, name| authority.server(name, Time::Now);
        Self {
            v1: Upstream::plain("v1").await,
            v2: Upstream::plain("v2").await,
            tls: Upstream::tls("tls", &now(authority, "localhost")).await,
            stranger: Upstream::tls("stranger", &now(&Authority::new(), "localhost")).await,
            misnamed: Upstream::tls("misnamed", &now(authority, "elsewhere.test")).await,
            slow,
            copies: Upstream::plain("copies").await,
        }
    }

    fn url(&self, version: &str) -> String {
        match version {
            "v1" => self.v1.url("/one"),
            "v2" => self.v2.url(""),
            "tls" => self.tls.url("/two"),
            "stranger" => self.stranger.url(""),
            "misnamed" => self.misnamed.url(""),
            "slow" => self.slow.url("/one"),
            "copies" => self.copies.url("/one"),
            "query" => self.v1.url("/one?a=b"),
            other => panic!("no upstream for {other}"),
        }
    }

    /// Returns the upstreams that must never get a request.
    fn forbidden(&self) -> [&Upstream; 2] {
        [&self.stranger, &self.misnamed]
    }
}

impl Stage {
    async fn new(program: Program, table: &[Row]) -> Self {
        let authority = Authority::new();
        let upstreams = Upstreams::start(&authority).await;
        let service = Service::start(&authority).await;
        service.change(&changes(table, &upstreams)).await;
        let proxy = service.proxy(program).await;
        let stage = Self {
            upstreams,
            service,
            proxy,
        };
        let first = stage.proxy.get("/").host(&table[0].host());
        stage.proxy.answers(&first, 200).await;
        stage
    }

    fn program(&self) -> Program {
        self.proxy.site.program
    }
}

fn changes(table: &[Row], upstreams: &Upstreams) -> Vec<Value> {
    let mut changes = Vec::new();
    for row in table {
        let versions = ["v1", "v2"].iter().chain(&row.versions);
        changes.extend(versions.map(|version| {
            let is_active = !row.inactive.contains(version);
            route(row.name, version, &upstreams.url(version), is_active)
        }));
        changes.push(policy(row.name, &row.policy));
    }
    changes
}

async fn every_row(program: Program) {
    let table = table();
    let stage = Stage::new(program, &table).await;
    let mut faults = Vec::new();
    let reports = stage.service.report(program).await;
    for row in &table {
        let how = row.how(program);
        let reported = reports.get(row.name).cloned();
        if let Err(fault) = how.is_reported(reported) {
            faults.push(format!("{}: {fault}", row.name));
        }
        faults.extend(asked(&stage, row, how).await);
    }
    for upstream in stage.upstreams.forbidden() {
        if upstream.requests() > 0 {
            faults.push("a version with a wrong certificate got a request".to_owned());
        }
    }
    assert!(
        faults.is_empty(),
        "{program:?}, {} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Puts the questions of a row, and returns what was answered otherwise.
async fn asked(stage: &Stage, row: &Row, how: &How) -> Vec<String> {
    if let How::Refused(_) = how {
        let answer = row.ask(stage).send().await.expect("an answer");
        let told = (answer.status, code(&answer));
        return match &told {
            (503, Some(code)) if code == "policy_refused" => Vec::new(),
            // Traefik has no bodies of its own.
            (503, None) if stage.program() == Program::Traefik => Vec::new(),
            _ => vec![format!("{}: refused, but answers {told:?}", row.name)],
        };
    }
    let mut faults = Vec::new();
    for (at, probe) in how.probes(row).iter().enumerate() {
        if let Err(fault) = probe.put(stage, row).await {
            faults.push(format!("{}, question {at}: {fault}", row.name));
        }
    }
    faults
}
