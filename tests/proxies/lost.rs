//! The control plane is lost: it is away, something else answers in its place, its database is
//! empty, out of reach or restored to an earlier state. All five proxies go on with the routes that
//! they have, no request fails, and they follow again once the service is back.

mod stranger;

use std::time::{Duration, Instant};

use test_support::{Database, eventually};

use self::stranger::Stranger;
use crate::{
    load::Load,
    programs::Program,
    scene::{SERVICE, Scene, split},
    served::route,
};

/// A database that nobody can reach.
const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";

/// How long the service is away: `TM_LOST_SECONDS`, by default 3.
fn away() -> Duration {
    let seconds = std::env::var("TM_LOST_SECONDS").ok();
    let seconds = seconds.map_or(3, |text| text.parse().expect("a number of seconds"));
    Duration::from_secs(seconds)
}

/// Waits until the log of every proxy has the answer of the service: a status of HTTP, or words of
/// a status of gRPC.
async fn all_are_told(scene: &Scene, status: u16, words: &str) {
    for proxy in &scene.proxies {
        let told = match proxy.site.program {
            Program::Envoy => words.to_owned(),
            Program::Traefik => format!("code: {status}"),
            _ => format!("answered {status}:"),
        };
        eventually(&format!("{:?}: {told}", proxy.site.program), async || {
            proxy.log().contains(&told).then_some(())
        })
        .await;
    }
}

async fn all_go_on(loads: &[Load], requests: u64) {
    futures_util::future::join_all(loads.iter().map(|load| load.goes_on(requests))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_proxy_serves_on_while_the_service_is_away() {
    let mut scene = Scene::new(&Program::ALL).await;
    let loads = scene.loads();
    scene.service.stop().await;
    let (gone, away) = (Instant::now(), away());
    while gone.elapsed() < away {
        all_go_on(&loads, 10).await;
    }
    let back = Instant::now();
    scene.service.run().await;
    scene.set(&split(0, 1)).await;
    let took = scene.comes_to_since(back, "second").await;
    let requests = scene.nothing_was_lost(loads).await;
    println!("after {away:?} without the service: {took}; {requests} requests, none failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_proxy_follows_a_restored_database_back() {
    let mut scene = Scene::new(&Program::ALL).await;
    let loads = scene.loads();
    scene.service.back_up().await;
    // Several revisions, of which the restored database knows none.
    for number in 0..3 {
        let url = scene.second.url(&format!("/{number}"));
        scene
            .service
            .change(&[route(SERVICE, "v2", &url, true)])
            .await;
    }
    let lost = scene.service.tag().await;
    scene.set(&split(0, 1)).await;
    scene.comes_to("second").await;

    let began = Instant::now();
    scene.service.restore().await;
    let took = scene.comes_to_since(began, "first").await;
    println!("restored while the service runs: {took}");
    let restored = scene.service.tag().await;
    assert_ne!(restored.0, lost.0, "the epoch is a new one");
    assert!(restored.1 < lost.1, "{restored:?} after {lost:?}");
    scene.set(&split(0, 1)).await;
    scene.comes_to("second").await;

    scene.service.stop().await;
    scene.service.restore().await;
    let back = Instant::now();
    scene.service.run().await;
    let took = scene.comes_to_since(back, "first").await;
    println!("restored while the service is away: {took}");
    scene.set(&split(0, 1)).await;
    scene.comes_to("second").await;
    scene.nothing_was_lost(loads).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_no_configuration_changes_no_proxy() {
    let mut scene = Scene::new(&Program::ALL).await;
    let loads = scene.loads();
    scene.service.stop().await;
    let stranger = Stranger::listen(scene.service.address, scene.service.ads).await;
    eventually("every proxy had every answer", async || {
        stranger.has_told_all().then_some(())
    })
    .await;
    all_go_on(&loads, 50).await;
    stranger.leave().await;
    scene.service.run().await;
    scene.set(&split(0, 1)).await;
    scene.comes_to("second").await;
    scene.nothing_was_lost(loads).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_or_unknown_database_changes_no_proxy() {
    let mut scene = Scene::new(&Program::ALL).await;
    let loads = scene.loads();

    // Nobody's key is in this database, and no tenant.
    let database = Database::create().await;
    scene.service.stop().await;
    let (primary, replica) = (&database.app_url, &database.replica_url);
    scene.service.run_on(primary, replica).await;
    all_are_told(&scene, 401, " 16, ").await;

    scene.service.stop().await;
    scene.service.run_on(NOWHERE, NOWHERE).await;
    all_are_told(&scene, 503, "14, unavailable: postgres is not available").await;

    all_go_on(&loads, 50).await;
    scene.service.stop().await;
    scene.service.run().await;
    scene.set(&split(0, 1)).await;
    scene.comes_to("second").await;
    scene.nothing_was_lost(loads).await;
}
