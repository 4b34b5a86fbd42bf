//! Two tenants side by side: one asks for as much as it can of everything that is slow.
//!
//! The other keeps at least half of the answers that it gets beside a tenant that asks as often for
//! light work.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use traffic_manager::app::Role;

use crate::support::{
    TestApp, World,
    callers::{ASKING, first_key},
    eventually, secure,
};

const ROUTES: usize = 400;
const WINDOW: Duration = Duration::from_secs(4);
/// The part of its control result that the other tenant keeps at least.
const PROMISED: f64 = 0.5;
/// The number of rounds; the best one counts, since the machine runs other tests.
const ROUNDS: usize = 8;

fn batch(round: usize, changes: usize) -> Value {
    let change = |at| {
        let route = json!({ "service": "large", "env": "prod", "version": format!("v{at}"), "url": format!("https://a{round}.example.com") });
        json!({ "action": "put", "route": route })
    };
    json!({ "changes": (0..changes).map(change).collect::<Vec<_>>() })
}

struct Desk<'a> {
    app: &'a TestApp,
    http: reqwest::Client,
}

impl Desk<'_> {
    /// Sends requests, `at_once` at a time, until `over` is set. Returns the number of answers 200.
    async fn ask(&self, key: &str, path: &str, at_once: usize, over: &AtomicBool) -> usize {
        let answered = AtomicUsize::new(0);
        let one = async || {
            while !over.load(Ordering::Relaxed) {
                let request = self
                    .http
                    .get(format!("{}/api/v1{path}", self.app.api))
                    .bearer_auth(key);
                let Ok(answer) = request.send().await else {
                    continue;
                };
                let is_ok = answer.status() == 200;
                if answer.bytes().await.is_ok() && is_ok {
                    answered.fetch_add(1, Ordering::Relaxed);
                } else {
                    // Waits before the next attempt, as a client does after a refusal.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        join_all((0..at_once).map(|_| one())).await;
        answered.into_inner()
    }

    async fn write(&self, key: &str, over: &AtomicBool) {
        for round in 0.. {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let _ = self
                .app
                .post("/tenants/a/batch")
                .bearer(key)
                .json(&batch(round, 3000))
                .send()
                .await;
        }
    }

    /// Counts the quiet tenant's successes in a window, beside the other's work: reads of
    /// PostgreSQL, archive queries, and writes.
    async fn window(&self, b: &str, beside: impl AsyncFnOnce(&AtomicBool)) -> [usize; 3] {
        let over = AtomicBool::new(false);
        let writes = async {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                let put = self.app.put("/routes/b/web/prod/w").bearer(b);
                let answer = put
                    .json(&json!({ "url": format!("https://b{count}.example.com") }))
                    .send()
                    .await;
                count += usize::from(answer.status.is_success());
            }
            count
        };
        let timer = async {
            tokio::time::sleep(WINDOW).await;
            over.store(true, Ordering::Relaxed);
        };
        let (routes, audit, writes, (), ()) = tokio::join!(
            self.ask(b, "/policies?tenant=b", 20, &over),
            self.ask(b, "/audit/events?limit=1", 4, &over),
            writes,
            beside(&over),
            timer,
        );
        [routes, audit, writes]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_requests_of_a_tenant_leave_half_to_another() {
    let world = World::with(&ASKING).await;
    let admin = first_key(&world.settings).await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let mut keys = Vec::new();
    for tenant in ["a", "b"] {
        app.post("/tenants")
            .bearer(&admin)
            .json(&json!({ "name": tenant }))
            .expect(201)
            .await;
        let grant = json!({ "tenant": tenant, "roles": ["viewer", "editor", "auditor"] });
        let made = app
            .post("/keys")
            .bearer(&admin)
            .json(&grant)
            .expect(201)
            .await;
        keys.push(made.json["token"].as_str().unwrap().to_owned());
        app.post(&format!("/tenants/{tenant}/batch"))
            .bearer(&admin)
            .json(&batch(0, ROUTES))
            .expect(200)
            .await;
    }
    let all = 2 * (ROUTES as u64 + 1);
    eventually("all is archived", async || {
        (world.archived_count().await == all).then_some(())
    })
    .await;
    let [a, b] = [&keys[0], &keys[1]];
    let desk = Desk {
        app: &app,
        http: secure::http().build().unwrap(),
    };
    let mut best = [0.0_f64; 3];
    for round in 0..ROUNDS {
        let light = async |over: &AtomicBool| {
            tokio::join!(
                desk.ask(a, "/policies?tenant=a", 80, over),
                desk.ask(a, "/audit/events?limit=1", 8, over)
            );
        };
        let slow = async |over: &AtomicBool| {
            tokio::join!(
                desk.ask(a, "/tenants/a/export", 40, over),
                desk.ask(a, "/tenants/a/snapshot?at=2", 40, over),
                desk.ask(a, "/audit/export", 8, over),
                desk.write(a, over),
            );
        };
        let began = Instant::now();
        let (control, beside) = (desk.window(b, light).await, desk.window(b, slow).await);
        for (best, (got, of)) in best.iter_mut().zip(beside.iter().zip(control)) {
            *best = best.max(*got as f64 / of.max(1) as f64);
        }
        println!(
            "shares: round {round}: {control:?} in the control, {beside:?} beside, {:?}",
            began.elapsed()
        );
        if best.iter().all(|ratio| *ratio >= PROMISED) {
            break;
        }
    }
    println!("shares: reads, audit, writes: {best:.2?} of the control");
    assert!(best.iter().all(|ratio| *ratio >= PROMISED), "{best:?}");
    app.drain().await;
    world.end().await;
}
