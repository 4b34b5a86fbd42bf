//! An agent of several tenants, with an nginx that is two scripts.

use std::fs;

use serde_json::Value;

use crate::common::{
    Agent, get,
    stage::{Stage, URL, program},
    tag, tenant, tenant_of,
};

fn beta(revision: u64, routes: usize) -> traffic_manager_core::snapshot::TenantSnapshot {
    tenant_of("beta", "beta.example", revision, routes, URL)
}

/// A stage whose agent is to follow `acme` and `beta`. The control plane has only `acme` yet.
async fn two_tenants(first_state_ms: u64) -> Stage {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let config = stage.folder.read("agent.toml");
    let config = config
        .replace("tenant = \"acme\"", "tenants = [\"beta\", \"acme\"]")
        .replace(
            "[times]",
            &format!("[times]\nfirst_state_ms = {first_state_ms}"),
        );
    stage.folder.write("agent.toml", &config);
    stage
}

async fn applies(agent: &Agent, acme: u64, beta: u64) -> Value {
    let wanted = [("acme", tag(acme)), ("beta", tag(beta))];
    agent
        .shows(&format!("{wanted:?} are applied"), |status| {
            let of = |(tenant, tag): &(&str, String)| status["tenants"][tenant]["applied"] == *tag;
            wanted.iter().all(of) && status["proxy"]["is_changing"] == false
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn states_of_two_tenants_are_one_configuration_and_two_reports() {
    let stage = two_tenants(20_000).await;
    let plane = stage.plane.as_ref().unwrap();
    stage.publish(beta(1, 2));
    let agent = stage.agent();
    let status = applies(&agent, 1, 1).await;
    let revision = format!("acme={},beta={}", tag(1), tag(1));
    assert_eq!(status["proxy"]["revision"], revision);
    assert_eq!(stage.placed(), revision);
    assert_eq!(stage.steps().len(), 2, "{:?}", stage.steps());
    stage.publish(beta(2, 3));
    let status = applies(&agent, 1, 2).await;
    assert_eq!(status["tenants"]["beta"]["held"]["size"]["routes"], 3);
    for (tenant, revision) in [("acme", 1), ("beta", 2)] {
        let is_applied = |it: &crate::common::control_plane::Report| {
            it.get("tm-applied") == Some(&tag(revision))
        };
        plane.hears_of(tenant, "it is applied", is_applied).await;
        let path = format!("/api/v1/tenants/{tenant}/snapshot");
        let (status, body) = get(agent.listen, None, &path).await.unwrap();
        assert_eq!(status, 200);
        assert!(body.contains(&format!("\"tenant\":\"{tenant}\"")), "{body}");
    }
    let (_, metrics) = get(agent.listen, None, "/metrics").await.unwrap();
    let wanted = "\ntm_agent_applied_revision{tenant=\"beta\"} 2\n";
    assert!(metrics.contains(wanted), "{metrics}");
    let (status, _) = get(agent.listen, None, "/snapshot").await.unwrap();
    assert_eq!(status, 404, "of which tenant?");
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_without_the_control_plane_has_both_tenants() {
    let mut stage = two_tenants(20_000).await;
    stage.publish(beta(1, 2));
    let agent = stage.agent();
    applies(&agent, 1, 1).await;
    let saved = async || {
        ["acme", "beta"]
            .iter()
            .all(|name| {
                stage
                    .folder
                    .path(&format!("state/tenants/{name}/snapshot.tm"))
                    .exists()
            })
            .then_some(())
    };
    crate::common::eventually("both are on the disk", saved).await;
    agent.kill();
    stage.plane = None;
    let steps = stage.steps();
    let agent = stage.agent();
    let status = applies(&agent, 1, 1).await;
    assert_eq!(status["tenants"]["beta"]["held"]["state"], "disk");
    assert_eq!(stage.steps(), steps, "nothing was needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn wipe_of_one_tenant_is_held_back_and_the_other_goes_on() {
    let stage = two_tenants(20_000).await;
    stage.publish(beta(1, 30));
    let agent = stage.agent();
    applies(&agent, 1, 1).await;
    stage.publish(beta(2, 0));
    agent
        .shows("beta is held back", |status| {
            status["tenants"]["beta"]["held_back"]["tag"] == tag(2)
        })
        .await;
    stage.publish(tenant(2, 3, URL));
    let status = applies(&agent, 2, 1).await;
    assert_eq!(status["tenants"]["acme"]["held_back"], Value::Null);
    let config = stage.folder.path("agent.toml");
    let (is_accepted, said) = program(&["accept", &tag(2)], &config);
    assert!(is_accepted && said.contains("of tenant beta"), "{said}");
    applies(&agent, 2, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_that_never_was_holds_up_the_others_only_at_first() {
    let stage = two_tenants(400).await;
    let agent = stage.agent();
    let status = agent.applies(1).await;
    assert_eq!(status["tenants"]["beta"]["applied"], Value::Null);
    stage.publish(beta(1, 2));
    applies(&agent, 1, 1).await;
    // A tenant that is gone keeps its routes.
    stage.plane.as_ref().unwrap().remove("beta");
    stage.publish(tenant(2, 3, URL));
    applies(&agent, 2, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_whose_state_is_lost_keeps_what_the_proxy_has() {
    let stage = two_tenants(100).await;
    stage.publish(beta(1, 2));
    let agent = stage.agent();
    applies(&agent, 1, 1).await;
    agent.kill();
    fs::remove_dir_all(stage.folder.path("state/tenants/beta")).unwrap();
    stage.plane.as_ref().unwrap().remove("beta");
    stage.publish(tenant(2, 3, URL));
    let agent = stage.agent();
    agent
        .shows("the other has its newest state", |status| {
            status["tenants"]["acme"]["held"]["tag"] == tag(2)
                && status["tenants"]["beta"]["held"]["state"] == "gone"
        })
        .await;
    // Longer than first_state_ms: a tenant that the proxy had is waited for without end.
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    let revision = format!("acme={},beta={}", tag(1), tag(1));
    assert_eq!(stage.placed(), revision);
    stage.publish(beta(2, 2));
    applies(&agent, 2, 2).await;
}
