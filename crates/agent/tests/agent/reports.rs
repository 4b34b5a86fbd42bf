//! What the control plane hears of an agent.

use crate::common::{
    control_plane::Report,
    eventually,
    stage::{Stage, URL},
    tag, tenant,
};

fn is_applied(report: &Report, revision: u64) -> bool {
    report.get("tm-applied") == Some(&tag(revision))
}

fn error(report: &Report) -> &str {
    report.get("tm-error").map_or("", String::as_str)
}

#[tokio::test(flavor = "multi_thread")]
async fn applied_state_is_reported_under_the_name_of_the_node() {
    let (stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    let plane = stage.plane.as_ref().unwrap();
    let report = plane.hears("1 is applied", |it| is_applied(it, 1)).await;
    assert_eq!(report["tm-node"], "edge-1");
    assert_eq!(report["tm-dialect"], "nginx");
    assert_eq!(report["if-none-match"], format!("\"{}\"", tag(1)));
    assert_eq!(error(&report), "");
    stage.publish(tenant(2, 2, URL));
    plane.hears("2 is applied", |it| is_applied(it, 2)).await;
    agent
        .shows("the reports are counted", |status| {
            status["tenants"]["acme"]["reports"]["sent"].as_u64() >= Some(2)
                && status["node"] == "edge-1"
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_state_is_reported_with_the_words_of_the_check() {
    let (stage, _agent) = Stage::running(tenant(1, 2, URL)).await;
    let plane = stage.plane.as_ref().unwrap();
    stage.set("broken");
    stage.publish(tenant(2, 2, URL));
    let report = plane
        .hears("2 is refused", |it| error(it).starts_with("refused "))
        .await;
    assert!(error(&report).contains("this is broken"), "{report:?}");
    assert_eq!(report["tm-refused"], tag(2));
    assert!(is_applied(&report, 1), "{report:?}");
    stage.unset("broken");
    let report = plane.hears("2 is applied", |it| is_applied(it, 2)).await;
    assert_eq!(error(&report), "");
    assert_eq!(report.get("tm-refused"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_is_held_back_is_reported() {
    let (stage, _agent) = Stage::running(tenant(1, 30, URL)).await;
    let plane = stage.plane.as_ref().unwrap();
    stage.publish(tenant(2, 1, URL));
    let report = plane
        .hears("2 is held back", |it| error(it).starts_with("held_back "))
        .await;
    assert_eq!(error(&report), "held_back it drops 29 of 30 routes");
    assert_eq!(report["tm-refused"], tag(2));
    assert!(is_applied(&report, 1), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_that_is_away_has_applied_nothing() {
    let (stage, _agent) = Stage::running(tenant(1, 2, URL)).await;
    let plane = stage.plane.as_ref().unwrap();
    plane.hears("1 is applied", |it| is_applied(it, 1)).await;
    // The proxy ends, and no reload starts it.
    stage.set("stubborn");
    stage.unset("running");
    let report = plane
        .hears("nothing is applied", |it| {
            !it.contains_key("tm-applied") && it.contains_key("tm-error")
        })
        .await;
    assert!(error(&report).starts_with("unreachable "), "{report:?}");
    stage.unset("stubborn");
    plane
        .hears("1 is applied again", |it| is_applied(it, 1))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_that_starts_reports_only_what_it_has_read_back() {
    let (stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    let plane = stage.plane.as_ref().unwrap();
    plane.hears("1 is applied", |it| is_applied(it, 1)).await;
    agent.kill();
    stage.set("stubborn");
    stage.unset("running");
    let agent = stage.agent();
    let report = plane
        .hears("the proxy is away", |it| !it.contains_key("tm-applied"))
        .await;
    assert_eq!(report["tm-node"], "edge-1");
    eventually("a failure", async || {
        let status = agent.status().await?;
        (status["proxy"]["failures"].as_u64() > Some(0)).then_some(())
    })
    .await;
    let status = agent.status().await.unwrap();
    assert_eq!(status["tenants"]["acme"]["runs"], serde_json::Value::Null);
    assert_eq!(status["proxy"]["revision"], tag(1));
}
