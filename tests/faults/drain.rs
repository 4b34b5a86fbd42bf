//! SIGTERM under load, behind a load balancer that acts on readiness: no request fails, nothing that was answered is lost, and the
//! process ends in time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    processes::{Process, eventually},
    support::World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_ends_cleanly() {
    let world = World::new().await;
    let mut environment = world.environment.clone();
    environment.insert("TM__DRAIN__READY_GRACE_MS".into(), "3000".into());
    let mut process = Process::start("all", &environment);
    process.ready().await;
    let (api, ops) = (process.base(), process.ops);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let taken_out = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let (acknowledged, taken_out, api) = (acknowledged.clone(), taken_out.clone(), api.clone());
            tokio::spawn(async move {
                let http = crate::support::secure::http().build().unwrap();
                for number in 0.. {
                    if taken_out.load(Ordering::Relaxed) {
                        return;
                    }
                    let body = json!({ "tenant": format!("t{caller}"), "service": "web", "env": "prod", "version": format!("v{number}"), "url": "http://a/" });
                    let answer = http.post(format!("{api}/api/v1/routes")).json(&body).send().await;
                    assert_eq!(answer.expect("a request was dropped while draining").status(), 201);
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    eventually(Duration::from_secs(30), "the load runs", async || acknowledged.load(Ordering::Relaxed) > 100).await;
    let started = Instant::now();
    process.terminate();
    eventually(Duration::from_secs(5), "readiness says 503 while requests are still served", async || {
        reqwest::get(format!("http://{ops}/health/ready")).await.is_ok_and(|response| response.status() == 503)
    })
    .await;
    let at_drain = acknowledged.load(Ordering::Relaxed);
    // A load balancer that acts on what readiness says a little later, well within the grace.
    tokio::time::sleep(Duration::from_millis(500)).await;
    taken_out.store(true, Ordering::Relaxed);
    let code = process.wait(Duration::from_secs(30)).await;
    println!("ended {:?} after SIGTERM with {code:?}", started.elapsed());
    assert_eq!(code, Some(0));
    for caller in callers {
        caller.await.expect("no request was answered badly or dropped");
    }
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    assert!(acknowledged > at_drain, "requests were served during the grace");
    let events: i64 = world.db.count("select count(*) from route_events").await;
    assert_eq!(usize::try_from(events).expect("a count"), acknowledged);
    world.end().await;
}
