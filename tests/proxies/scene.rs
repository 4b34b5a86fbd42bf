//! A service with one policy, two upstreams, and proxies that have the policy.

use std::time::Instant;

use futures_util::future::join_all;
use serde_json::{Value, json};
use test_support::{authority::Authority, eventually};

use crate::{
    ask::Ask,
    load::{Connections, Counts, Load},
    programs::{Program, Proxy},
    served::{Service, policy, route},
    upstreams::Upstream,
};

pub const SERVICE: &str = "pay";
pub const HOST: &str = "pay.acme.io";

pub struct Scene {
    pub first: Upstream,
    pub second: Upstream,
    pub service: Service,
    pub proxies: Vec<Proxy>,
}

impl Scene {
    /// Returns once each of the proxies forwards to the first upstream.
    pub async fn new(programs: &[Program]) -> Self {
        let (first, second) = (
            Upstream::plain("first").await,
            Upstream::plain("second").await,
        );
        let service = Service::start(&Authority::new()).await;
        let (to_first, to_second) = (first.url("/a"), second.url("/b"));
        let changes = [
            route(SERVICE, "v1", &to_first, true),
            route(SERVICE, "v2", &to_second, true),
            policy(SERVICE, &split(1, 0)),
        ];
        service.change(&changes).await;
        let started = programs.iter().map(|program| service.proxy(*program));
        let proxies = join_all(started).await;
        let scene = Self {
            first,
            second,
            service,
            proxies,
        };
        scene.comes_to("first").await;
        scene
    }

    /// Returns the proxy of a scene with one.
    pub fn proxy(&self) -> &Proxy {
        assert_eq!(self.proxies.len(), 1);
        &self.proxies[0]
    }

    /// Prepares a request to the only proxy.
    pub fn ask(&self) -> Ask {
        ask(self.proxy())
    }

    pub async fn set(&self, spec: &Value) {
        self.service.change(&[policy(SERVICE, spec)]).await;
    }

    /// Waits until every proxy forwards to this upstream.
    pub async fn comes_to(&self, name: &str) {
        self.comes_to_since(Instant::now(), name).await;
    }

    /// The same, and tells how long each took since then.
    pub async fn comes_to_since(&self, started: Instant, name: &str) -> String {
        let each = self.proxies.iter().map(async |proxy| {
            comes_to(&ask(proxy), name).await;
            let (dialect, took) = (proxy.site.program.dialect(), started.elapsed());
            format!("{dialect} {} ms", took.as_millis())
        });
        join_all(each).await.join(", ")
    }

    /// Starts a load of so many tasks on the only proxy.
    pub fn load(&self, connections: Connections, tasks: usize) -> Load {
        load(self.proxy(), connections, tasks)
    }

    /// Starts a load of one task on each proxy.
    pub fn loads(&self) -> Vec<Load> {
        let proxies = self.proxies.iter();
        proxies
            .map(|proxy| load(proxy, Connections::Kept, 1))
            .collect()
    }

    /// Ends the loads of [`Scene::loads`]: no request was lost. Returns the number of requests.
    pub async fn nothing_was_lost(&self, loads: Vec<Load>) -> u64 {
        let mut requests = 0;
        for (proxy, load) in self.proxies.iter().zip(loads) {
            let counts = load.stop().await;
            nothing_was_lost(proxy.site.program, &counts);
            requests += counts.requests();
        }
        requests
    }
}

fn ask(proxy: &Proxy) -> Ask {
    proxy.get("/x").host(HOST)
}

fn load(proxy: &Proxy, connections: Connections, tasks: usize) -> Load {
    let ask = ask(proxy);
    Load::start(tasks, connections, move |_| ask.clone())
}

pub async fn comes_to(ask: &Ask, name: &str) {
    eventually(&format!("an answer of {name}"), async || {
        (ask.send().await.ok()?.name() == Some(name)).then_some(())
    })
    .await;
}

/// Returns the policy that gives the versions these weights.
pub fn split(first: u32, second: u32) -> Value {
    json!({"hosts": [HOST], "failover": ["v1"], "split": [
        {"version": "v1", "weight": first}, {"version": "v2", "weight": second},
    ]})
}

/// A reload of Caddy closes connections that were just opened; what it answers is right.
pub fn nothing_was_lost(program: Program, counts: &Counts) {
    let statuses: Vec<_> = counts.statuses.keys().collect();
    assert_eq!(statuses, [&200], "{program:?}: {counts:?}");
    let lost = match program {
        Program::Caddy => counts.requests() / 50,
        _ => 0,
    };
    assert!(counts.failures <= lost, "{program:?}: {counts:?}");
}
