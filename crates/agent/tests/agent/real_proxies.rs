//! The agent with real proxies: `make proxies` installs them, and `.stack/env.proxies` names them.

mod load;
mod maps;
mod stage;
mod tenants;

use std::time::{Duration, Instant};

use self::stage::Stage;
use crate::common::{HOST, eventually, get, tag};

/// What the agent promises: from its start to the old answers, without a control plane.
const FROM_DISK: Duration = Duration::from_secs(2);

/// Follows changes; then everything is killed, and the agent serves from its disk.
async fn follows_and_starts_from_disk(dialect: &'static str) {
    let mut stage = Stage::new(dialect).await;
    let agent = stage.begin().await;
    let two = stage.two.clone();
    stage.publish(2, &two);
    agent.applies(2).await;
    stage.answers("two").await;

    // The control plane goes, the agent is killed, and so is the proxy.
    eventually("the state is on the disk", async || {
        stage
            .folder
            .read("state/snapshot.tm")
            .contains(&tag(2))
            .then_some(())
    })
    .await;
    agent.kill();
    stage.plane = None;
    stage.answers("two").await;
    stage.stop_proxy();
    stage.start_proxy();
    let started = Instant::now();
    let agent = stage.agent();
    agent.applies(2).await;
    stage.answers("two").await;
    let took = started.elapsed();
    println!("{dialect}: {took:?} from the agent's start without a control plane");
    assert!(took < FROM_DISK, "{dialect}: {took:?}");
    let status = agent.status().await.unwrap();
    assert_ne!(status["tenants"]["acme"]["held"]["state"], "live");
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("envoy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("traefik").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("caddy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("haproxy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_follows_and_starts_from_disk() {
    follows_and_starts_from_disk("nginx").await;
}

/// Many changes one right after the other: the last one is served, whatever signals get lost.
async fn last_of_many_changes_is_served(dialect: &'static str) {
    let mut stage = Stage::new(dialect).await;
    let agent = stage.begin().await;
    let failures = agent.status().await.unwrap()["proxy"]["failures"].clone();
    for revision in 2..=40 {
        let url = if revision % 2 == 0 {
            &stage.two
        } else {
            &stage.one
        };
        stage.publish(revision, url);
        // Changes at any moment of a reload.
        tokio::time::sleep(Duration::from_millis(revision * 3)).await;
    }
    let status = agent.applies(40).await;
    stage.answers("two").await;
    assert_eq!(status["proxy"]["failures"], failures, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_serves_the_last_of_many_changes() {
    last_of_many_changes_is_served("haproxy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_serves_the_last_of_many_changes() {
    last_of_many_changes_is_served("envoy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_serves_when_a_name_does_not_resolve() {
    let mut stage = Stage::new("nginx").await;
    let agent = stage.begin().await;
    stage.publish(2, "http://nowhere.invalid:80/");
    agent.applies(2).await;
    let lost = async || {
        get(stage.web, Some(HOST), "/")
            .await
            .filter(|(status, _)| *status == 502)
    };
    eventually("the version is left out", lost).await;
    let one = stage.one.clone();
    stage.publish(3, &one);
    agent.applies(3).await;
    stage.answers("one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_that_has_forgotten_gets_its_configuration_again() {
    let mut stage = Stage::new("caddy").await;
    let agent = stage.begin().await;
    stage.stop_proxy();
    stage.start_proxy();
    stage.answers("one").await;
    agent.applies(1).await;
}
