//! A policy that an Envoy refuses, for a reason that the service does not know.
//!
//! The Envoys here have Envoy's own limit of patterns, 100; the service renders for the bootstrap's.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{authority::Authority, eventually};

use crate::{
    ask::Ask,
    load::{Connections, Load},
    programs::{Program, Proxy, Site},
    scene::nothing_was_lost,
    served::{Service, policy, route},
    upstreams::Upstream,
};

/// The longest time in which a refused policy must be found.
const FOUND: Duration = Duration::from_secs(5);

/// The services, each with a policy and a host of its own.
const SERVICES: usize = 8;

/// The service whose policy is refused.
const BAD: &str = "s5";

fn host(service: &str) -> String {
    format!("{service}.acme.io")
}

/// A policy of a service; one with a pattern that an Envoy with its own limit refuses.
fn spec(service: &str, version: &str, is_bad: bool) -> Value {
    let mut spec = json!({"hosts": [host(service)], "split": [{"version": version, "weight": 1}]});
    if is_bad {
        spec["rules"] = json!([{
            "name": "long", "match": {"headers": {"x-long": {"regex": "[ab]{200}c"}}}, "version": version,
        }]);
    }
    spec
}

fn services() -> Vec<String> {
    (0..SERVICES).map(|at| format!("s{at}")).collect()
}

/// The changes that bring every service to a version.
fn all(version: &str, bad: Option<&str>) -> Vec<Value> {
    let services = services();
    let changes = services.iter().map(|service| {
        let is_bad = bad == Some(service.as_str());
        policy(service, &spec(service, version, is_bad))
    });
    changes.collect()
}

struct Stage {
    service: Service,
    envoy: Proxy,
    _upstreams: [Upstream; 3],
}

impl Stage {
    async fn new(transport: &str) -> Self {
        let service = Service::start(&Authority::new()).await;
        let upstreams = [
            Upstream::plain("one").await,
            Upstream::plain("two").await,
            Upstream::plain("three").await,
        ];
        let names = services();
        let routes = names.iter().flat_map(|name| {
            let versions = ["v1", "v2", "v3"].iter().zip(&upstreams);
            versions.map(|(version, upstream)| route(name, version, &upstream.url("/"), true))
        });
        let changes: Vec<_> = routes.chain(all("v1", None)).collect();
        service.change(&changes).await;
        let site = Site::new(Program::Envoy);
        let bootstrap = service
            .bootstrap_with(&site, &format!("&transport={transport}"))
            .await;
        let own = "re2: {max_program_size: {error_level: 32768, warn_level: 32768}}";
        assert_eq!(bootstrap.matches(own).count(), 1);
        let strict = bootstrap.replace(own, "re2: {max_program_size: {error_level: 100}}");
        let envoy = service.start_proxy(site, &strict);
        let stage = Self {
            service,
            envoy,
            _upstreams: upstreams,
        };
        for service in services() {
            stage.comes_to(&service, "one").await;
        }
        stage
    }

    fn ask(&self, service: &str) -> Ask {
        self.envoy.get("/x").host(&host(service))
    }

    async fn comes_to(&self, service: &str, name: &str) {
        let ask = self.ask(service);
        eventually(&format!("{service} is answered by {name}"), async || {
            (ask.send().await.ok()?.name() == Some(name)).then_some(())
        })
        .await;
    }

    /// Waits until every service but the bad one is answered by this upstream.
    async fn others_come_to(&self, name: &str) {
        for service in services().iter().filter(|service| *service != BAD) {
            self.comes_to(service, name).await;
        }
    }

    fn loads(&self) -> Vec<Load> {
        let loads = ["s0", BAD].map(|service| {
            let ask = self.ask(service);
            Load::start(1, Connections::Kept, move |_| ask.clone())
        });
        loads.into()
    }

    async fn nothing_was_lost(loads: Vec<Load>) {
        for load in loads {
            nothing_was_lost(Program::Envoy, &load.stop().await);
        }
    }

    async fn is_reported(&self) -> Value {
        eventually("the report says so", async || {
            let report = self.service.report_of(BAD).await;
            (report["state"] == "quarantined").then_some(report)
        })
        .await
    }

    /// Waits until the access log has this and nothing else of policies.
    async fn is_recorded(&self, action: &str) {
        eventually("the access log has it", async || {
            let events = self.service.access_events("policy_").await;
            (events == [action]).then_some(())
        })
        .await;
    }

    async fn is_not_reported(&self) {
        eventually("the report says so no longer", async || {
            let report = self.service.report_of(BAD).await;
            (report["state"] == "native").then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_policy_stays_as_it_was_and_all_others_move_on_also_through_a_restart() {
    let mut stage = Stage::new("ads").await;
    let loads = stage.loads();
    let began = Instant::now();
    stage.service.change(&all("v2", Some(BAD))).await;
    stage.others_come_to("two").await;
    let report = stage.is_reported().await;
    let took = began.elapsed();
    assert!(took < FOUND, "found after {took:?}");
    println!("the refused policy was found after {took:?}");
    let quarantine = &report["quarantine"];
    let reason = quarantine["reason"].as_str().expect("the proxy's words");
    assert!(reason.contains("regex"), "{reason}");
    assert_eq!(quarantine["node"], "envoy-1");
    assert!(
        quarantine["program"]
            .as_str()
            .unwrap()
            .starts_with("Envoy 1.")
    );
    assert!(!quarantine["author"].as_str().unwrap().is_empty());
    assert!(quarantine["serves"].as_u64() < report["revision"].as_u64());
    stage.comes_to(BAD, "one").await;

    let node = stage.service.node_comes_to("envoy-1", "refused").await;
    assert_eq!(node["dialect"], "envoy");
    assert!(
        node["error"]["text"].as_str().unwrap().contains("regex"),
        "{node}"
    );
    stage.is_recorded("policy_quarantined").await;

    // After a restart of the service nothing of it is in memory.
    stage.service.stop().await;
    stage.service.run().await;
    let most: Vec<_> = all("v3", Some(BAD))
        .into_iter()
        .filter(|change| change["policy"]["service"] != BAD)
        .collect();
    stage.service.change(&most).await;
    stage.others_come_to("three").await;
    stage.comes_to(BAD, "one").await;
    assert_eq!(stage.service.report_of(BAD).await["state"], "quarantined");

    // Repaired, it is released by itself.
    stage
        .service
        .change(&[policy(BAD, &spec(BAD, "v3", false))])
        .await;
    stage.comes_to(BAD, "three").await;
    let node = stage.service.node_comes_to("envoy-1", "converged").await;
    assert_eq!(node["error"], Value::Null);
    stage.is_not_reported().await;
    Stage::nothing_was_lost(loads).await;
    stage.is_recorded("policy_released").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envoy_that_polls_gets_changes_and_loses_no_request_and_a_refused_policy_stays() {
    let stage = Stage::new("rest").await;
    let loads = stage.loads();
    stage.service.change(&all("v2", None)).await;
    stage.others_come_to("two").await;
    stage.comes_to(BAD, "two").await;
    stage.service.change(&all("v3", Some(BAD))).await;
    stage.others_come_to("three").await;
    stage.is_reported().await;
    stage.service.node_comes_to("envoy-1", "refused").await;
    stage.comes_to(BAD, "two").await;
    stage
        .service
        .change(&[policy(BAD, &spec(BAD, "v3", false))])
        .await;
    stage.comes_to(BAD, "three").await;
    stage.is_not_reported().await;
    stage.service.node_comes_to("envoy-1", "converged").await;
    Stage::nothing_was_lost(loads).await;
}
