//! Each kind of proxy serves two tenants.

use super::stage::Stage;
use crate::common::{HOST, eventually, get, tag, tenant_of};

/// The highest revision.
const LAST: u64 = i64::MAX as u64;
const BETA: &str = "beta.example";

async fn answers(stage: &Stage, host: &str, name: &str) {
    let wanted = Some((200, name.to_owned()));
    eventually(&format!("{name} answers for {host}"), async || {
        (get(stage.web, Some(host), "/").await == wanted).then_some(())
    })
    .await;
}

/// Both are served, and a change of one leaves the other alone.
async fn serves_two_tenants(dialect: &'static str) {
    let mut stage = Stage::new(dialect).await;
    let config = stage.folder.read("agent.toml");
    let config = config.replace("tenant = \"acme\"", "tenants = [\"acme\", \"beta\"]");
    stage.folder.write("agent.toml", &config);
    let plane = stage.plane.as_ref().unwrap();
    let beta = |revision, url: &str| tenant_of("beta", BETA, revision, 2, url);
    plane.publish(beta(1, &stage.two));
    let agent = stage.agent();
    stage.files_are_there().await;
    stage.start_proxy();
    answers(&stage, HOST, "one").await;
    answers(&stage, BETA, "two").await;
    let plane = stage.plane.as_ref().unwrap();
    plane.publish(beta(2, &stage.one));
    agent
        .shows("the change is applied", |status| {
            status["tenants"]["beta"]["runs"] == tag(2)
                && status["tenants"]["acme"]["runs"] == tag(1)
        })
        .await;
    answers(&stage, HOST, "one").await;
    answers(&stage, BETA, "one").await;
}

/// The most tenants, with the longest names and revisions.
async fn serves_the_most_tenants(dialect: &'static str) {
    let mut stage = Stage::new(dialect).await;
    let names: Vec<_> = (10..26)
        .map(|at| format!("{at}{}", "t".repeat(61)))
        .collect();
    let list = format!("tenants = {names:?}");
    let config = stage.folder.read("agent.toml");
    let config = config.replace("tenant = \"acme\"", &list);
    stage.folder.write("agent.toml", &config);
    let plane = stage.plane.as_ref().unwrap();
    for (at, name) in names.iter().enumerate() {
        let host = format!("{at}.example");
        plane.publish(tenant_of(name, &host, LAST, 2, &stage.one));
    }
    let agent = stage.agent();
    stage.files_are_there().await;
    stage.start_proxy();
    agent
        .shows("all are applied", |status| {
            let runs = |name: &String| status["tenants"][name]["runs"] == tag(LAST);
            names.iter().all(runs)
        })
        .await;
    answers(&stage, "0.example", "one").await;
    answers(&stage, "15.example", "one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_serves_the_most_tenants() {
    serves_the_most_tenants("envoy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_serves_the_most_tenants() {
    serves_the_most_tenants("caddy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_serves_the_most_tenants() {
    serves_the_most_tenants("haproxy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_serves_the_most_tenants() {
    serves_the_most_tenants("nginx").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_serves_the_most_tenants() {
    serves_the_most_tenants("traefik").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_serves_two_tenants() {
    serves_two_tenants("envoy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traefik_serves_two_tenants() {
    serves_two_tenants("traefik").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_serves_two_tenants() {
    serves_two_tenants("caddy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_serves_two_tenants() {
    serves_two_tenants("haproxy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_serves_two_tenants() {
    serves_two_tenants("nginx").await;
}
