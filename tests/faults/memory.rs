//! The memory that large work took is given back.
//!
//! The test does hours' worth of large work in minutes: plans, batches, exports, patterns, refused
//! bodies, tenants that come and go. After any number of rounds the process holds at most 1.2 times
//! the memory that it held after the first.
//!
//! `make soak-memory` does many rounds (`TM_MEMORY_ROUNDS`).

use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt as _, stream};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    oversize::memory,
    processes::Process,
    support::{World, eventually, secure},
};

/// The factor by which the memory may grow over many rounds.
const PROMISED: f64 = 1.2;

/// The factor for a single further round: a leak in every round shows here already.
const AT_ONCE: f64 = 2.0;

/// The number of routes of a tenant.
const ROUTES: usize = 1500;

struct Caller {
    http: Client,
    base: String,
}

impl Caller {
    async fn call(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> StatusCode {
        let request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.base))
            .header("content-type", kind)
            .body(body);
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        drop(answer.bytes().await);
        status
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> StatusCode {
        self.call(
            method,
            path,
            "application/json",
            serde_json::to_vec(body).unwrap(),
        )
        .await
    }

    async fn get(&self, path: &str) -> StatusCode {
        self.call(Method::GET, path, "application/json", Vec::new())
            .await
    }

    /// Creates a tenant, does all the large work on it, and deletes it.
    async fn life(&self, tenant: &str, routes: usize) {
        let route = |at: usize| {
            let labels: HashMap<String, String> = (0..8)
                .map(|label| (format!("label-{label}"), "x".repeat(100)))
                .collect();
            json!({ "service": format!("s{}", at % 50), "env": "prod", "version": format!("v{at}"), "url": "http://a.example/", "labels": labels })
        };
        let document = json!({ "routes": (0..routes).map(route).collect::<Vec<_>>() });
        let at = format!("/tenants/{tenant}");
        self.send(Method::POST, "/tenants", &json!({ "name": tenant }))
            .await;
        let planned = self
            .send(Method::POST, &format!("{at}/plans"), &document)
            .await;
        assert!(
            planned == StatusCode::CREATED || planned.is_server_error(),
            "{planned}"
        );
        let change = |at| json!({ "action": "put", "route": route(at) });
        let batch = json!({ "changes": (0..routes).map(change).collect::<Vec<_>>() });
        self.send(Method::POST, &format!("{at}/batch"), &batch)
            .await;
        let patterns: Vec<_> =
            (0..8).map(|n| json!({ "headers": { "x": { "regex": format!("[a-z]{{1,40}}{n}") } }, "version": "v0" })).collect();
        let policy = json!({ "split": [{ "version": "v0", "weight": 1 }], "rules": patterns });
        self.send(Method::PUT, &format!("/policies/{tenant}/s0/prod"), &policy)
            .await;
        for path in [
            "/export",
            "/export?format=json",
            "/snapshot",
            "/snapshot?at=2",
            "/diff?from=1",
            "/plans",
            "/changes?after=x",
        ] {
            self.get(&format!("{at}{path}")).await;
        }
        let refused = self
            .call(
                Method::POST,
                &format!("{at}/plans"),
                "application/yaml",
                vec![b'['; 1_000_000],
            )
            .await;
        assert!(
            refused.is_client_error() || refused.is_server_error(),
            "{refused}"
        );
        self.call(
            Method::POST,
            &format!("{at}/plans"),
            "application/json",
            vec![b' '; 20_000_000],
        )
        .await;
        let delete = format!("{at}?confirm={tenant}");
        eventually("the tenant goes", async || {
            let status = self.send(Method::DELETE, &delete, &json!({})).await;
            matches!(status.as_u16(), 204 | 404).then_some(())
        })
        .await;
    }

    async fn round(&self, round: usize, routes: usize) {
        let lives = stream::iter(0..8)
            .map(|at| async move { self.life(&format!("r{round}-{at}"), routes).await });
        lives.buffer_unordered(4).collect::<Vec<_>>().await;
    }
}

/// Returns the resident memory in bytes once it has not fallen for 12 s, longer than the service
/// waits between two checks.
async fn settled(process: &Process) -> usize {
    let (mut least, mut quiet) = (memory(process, "VmRSS"), 0);
    while quiet < 12 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = memory(process, "VmRSS");
        (least, quiet) = if now < least {
            (now, 0)
        } else {
            (least, quiet + 1)
        };
    }
    least
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_of_large_requests_is_released() {
    let soaked = std::env::var("TM_MEMORY_ROUNDS")
        .ok()
        .map(|rounds| rounds.parse().expect("a number"));
    let (rounds, promised) = soaked.map_or((1, AT_ONCE), |rounds| (rounds, PROMISED));
    let world = World::new().await;
    let mut environment = world.environment.clone();
    // The routes' bodies are kept for a minute, which is not a leak.
    environment.insert("TM__WRITE__TIMEOUT_MS".into(), "30000".into());
    environment.insert("TM__HTTP__REQUEST_TIMEOUT_MS".into(), "60000".into());
    // A connection keeps the buffers of its largest statement for this long.
    environment.insert("TM__POSTGRES__MAX_LIFETIME_MS".into(), "10000".into());
    let process = Process::start("serve", &environment);
    let caller = Caller {
        http: secure::http()
            .timeout(Duration::from_secs(90))
            .build()
            .unwrap(),
        base: process.base(),
    };
    let get = async || {
        caller
            .http
            .get(format!("{}/health/ready", process.base()))
            .send()
            .await
            .is_ok_and(|a| a.status().is_success())
            .then_some(())
    };
    eventually("it serves", get).await;
    // The first work of each kind and size has costs that stay: threads, connections and their
    // buffers, statements.
    caller.round(0, ROUTES).await;
    let before = settled(&process).await;
    for round in 1..=rounds {
        caller.round(round, ROUTES).await;
        println!(
            "memory: round {round}: {} MiB",
            memory(&process, "VmRSS") / (1 << 20)
        );
    }
    let bound = (before as f64 * promised) as usize;
    let peak = memory(&process, "VmHWM");
    let given_back = async || (memory(&process, "VmRSS") <= bound).then_some(());
    let waited = tokio::time::timeout(Duration::from_secs(180), async {
        while given_back().await.is_none() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let is_given_back = waited.await.is_ok();
    let after = memory(&process, "VmRSS");
    println!(
        "memory: {} MiB before, {} MiB at most, {} MiB after",
        before >> 20,
        peak >> 20,
        after >> 20
    );
    assert!(is_given_back, "{before} bytes before, {after} after");
}
