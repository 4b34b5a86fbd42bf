//! The wipe guard: what would empty the proxy waits for somebody on the machine.

use std::fs;

use serde_json::Value;

use crate::common::{
    stage::{Stage, URL, program, saved},
    tag, tenant,
};

#[tokio::test(flavor = "multi_thread")]
async fn wipe_is_held_back_over_a_restart_until_it_is_accepted() {
    let stage = Stage::new(tenant(1, 30, URL)).await;
    let config = stage.folder.path("agent.toml");
    let agent = stage.agent();
    agent.applies(1).await;
    saved(&stage, 1).await;
    stage.publish(tenant(2, 10, URL));
    let held_back = |status: &Value| status["tenants"]["acme"]["held_back"]["tag"] == tag(2);
    let status = agent.shows("it is held back", held_back).await;
    assert_eq!(
        status["tenants"]["acme"]["held_back"]["reason"],
        "it drops 20 of 30 routes"
    );
    assert_eq!(status["tenants"]["acme"]["held"]["tag"], tag(1));
    agent.kill();
    let agent = stage.agent();
    agent.applies(1).await;
    agent.shows("it is held back still", held_back).await;
    assert_eq!(stage.placed(), tag(1));

    let (is_accepted, said) = program(&["accept", &tag(3)], &config);
    assert!(!is_accepted && said.contains(&tag(2)), "{said}");
    assert_eq!(stage.placed(), tag(1));
    let (is_accepted, said) = program(&["accept", &tag(2)], &config);
    assert!(is_accepted, "{said}");
    let status = agent.applies(2).await;
    assert_eq!(status["tenants"]["acme"]["held_back"], Value::Null);
    // Accepted once: after the tenant has grown again, the next wipe is held back, too.
    stage.publish(tenant(3, 30, URL));
    agent.applies(3).await;
    stage.publish(tenant(4, 10, URL));
    agent
        .shows("the next one is held back", |status| {
            status["tenants"]["acme"]["held_back"]["tag"] == tag(4)
        })
        .await;
    agent.applies(3).await;
    let (_, printed) = program(&["status"], &config);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["proxy"]["revision"], tag(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn wipe_is_held_back_if_the_agent_has_lost_its_last_state() {
    let (stage, agent) = Stage::running(tenant(1, 30, URL)).await;
    agent.kill();
    let _ = fs::remove_file(stage.folder.path("state/snapshot.tm"));
    let _ = fs::remove_file(stage.folder.path("state/snapshot.tm.previous"));
    stage.publish(tenant(2, 1, URL));
    let agent = stage.agent();
    agent
        .shows("it is held back", |status| {
            status["tenants"]["acme"]["held_back"]["tag"] == tag(2)
        })
        .await;
    assert_eq!(stage.placed(), tag(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn first_state_that_is_empty_is_held_back() {
    let stage = Stage::new(tenant(1, 0, URL)).await;
    let agent = stage.agent();
    let status = agent
        .shows("it is held back", |status| {
            status["tenants"]["acme"]["held_back"]["tag"] == tag(1)
        })
        .await;
    assert_eq!(
        status["tenants"]["acme"]["held_back"]["reason"],
        "it is empty"
    );
    assert_eq!(stage.steps(), [""; 0]);
    stage.publish(tenant(2, 1, URL));
    agent.applies(2).await;
}
