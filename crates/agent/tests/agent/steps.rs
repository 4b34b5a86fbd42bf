//! The program with an nginx that is two scripts: which steps it takes, and what stays when
//! something is wrong.

use std::{fs, os::unix::fs::MetadataExt as _};

use serde_json::Value;

use crate::common::{
    eventually, get,
    stage::{Stage, URL, program, saved},
    tag, tenant,
};

fn failed(status: &Value, words: &str) -> bool {
    let reason = status["proxy"]["last_failure"]["reason"].as_str();
    reason.is_some_and(|reason| reason.contains(words))
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_checked_then_placed_then_reloaded() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let agent = stage.agent();
    let status = agent.applies(1).await;
    assert_eq!(status["tenants"]["acme"]["held"]["size"]["routes"], 2);
    assert_eq!(status["proxy"]["is_newest"], true);
    stage.publish(tenant(2, 3, URL));
    agent.applies(2).await;
    let steps = ["check 1 over ", "reload 1", "check 2 over 1", "reload 2"];
    assert_eq!(stage.steps(), steps);
    let (ready, _) = get(agent.listen, None, "/ready").await.unwrap();
    let (_, metrics) = get(agent.listen, None, "/metrics").await.unwrap();
    assert_eq!(ready, 200);
    assert!(
        metrics.contains("\ntm_agent_applied_revision{tenant=\"acme\"} 2\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\ntm_agent_applied_is_newest{tenant=\"acme\"} 1\n"),
        "{metrics}"
    );
    let (_, snapshot) = get(agent.listen, None, "/snapshot").await.unwrap();
    let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
    assert_eq!(snapshot["routes"].as_array().unwrap().len(), 3);
    let (refused, _) = get(agent.listen, Some("evil.example"), "/snapshot")
        .await
        .unwrap();
    assert_eq!(refused, 421);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_that_come_during_a_change_become_one() {
    let (stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    stage.set("gate");
    stage.publish(tenant(2, 2, URL));
    eventually("the second reload has begun", async || {
        stage.steps().contains(&"reload 2".to_owned()).then_some(())
    })
    .await;
    for revision in 3..=20 {
        stage.publish(tenant(revision, 2, URL));
    }
    agent
        .shows("the newest is held", |status| {
            status["tenants"]["acme"]["held"]["tag"] == tag(20)
        })
        .await;
    stage.unset("gate");
    agent.applies(20).await;
    let last = ["check 2 over 1", "reload 2", "check 20 over 2", "reload 20"];
    assert_eq!(stage.steps()[2..], last);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_files_change_nothing_and_are_tried_again() {
    let (stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    stage.set("broken");
    stage.publish(tenant(2, 2, URL));
    let status = agent
        .shows("failures", |status| {
            status["proxy"]["failures"].as_u64() > Some(1)
        })
        .await;
    assert!(failed(&status, "this is broken"), "{status}");
    assert_eq!(status["proxy"]["revision"], tag(1));
    assert_eq!(stage.placed(), tag(1));
    stage.unset("broken");
    agent.applies(2).await;
    assert_eq!(stage.placed(), tag(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_state_remedies_a_refused_one() {
    let (stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    stage.set("broken");
    stage.publish(tenant(2, 2, URL));
    agent
        .shows("a failure", |status| failed(status, "this is broken"))
        .await;
    stage.unset("broken");
    stage.publish(tenant(3, 2, URL));
    agent.applies(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn command_that_hangs_is_ended_and_begun_anew() {
    let (stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    stage.set("hangs");
    stage.publish(tenant(2, 2, URL));
    let status = agent
        .shows("a failure", |status| failed(status, "was killed"))
        .await;
    assert_eq!(status["proxy"]["revision"], tag(1));
    stage.unset("hangs");
    agent.applies(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_signal_that_is_lost_is_sent_again() {
    let (stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    stage.set("deaf");
    stage.publish(tenant(2, 2, URL));
    agent.applies(2).await;
    assert_eq!(
        stage.steps()[2..],
        ["check 2 over 1", "reload 2", "reload 2"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_if_the_proxy_does_not_take_the_new_ones() {
    let (stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    stage.set("stubborn");
    stage.publish(tenant(2, 2, URL));
    agent
        .shows("a failure", |status| {
            failed(status, "does not show revision")
        })
        .await;
    agent.kill();
    assert_eq!(
        stage.steps()[2..7],
        [
            "check 2 over 1",
            "reload 2",
            "reload 2",
            "reload 2",
            "reload 1"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_without_the_control_plane_changes_nothing() {
    let (mut stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    saved(&stage, 1).await;
    agent.kill();
    stage.plane = None;
    let steps = stage.steps();
    let inode = fs::metadata(stage.folder.path("proxy/nginx.conf"))
        .unwrap()
        .ino();
    let agent = stage.agent();
    let status = agent
        .shows("it has looked", |status| status["proxy"]["changes"] == 1)
        .await;
    assert_eq!(status["proxy"]["revision"], tag(1));
    assert_ne!(status["tenants"]["acme"]["held"]["state"], "live");
    assert_eq!(stage.steps(), steps);
    agent.kill();

    // The proxy was started with something older meanwhile.
    stage.folder.write("running", "# revision old\n");
    let agent = stage.agent();
    agent
        .shows("it has looked", |status| status["proxy"]["changes"] == 1)
        .await;
    assert_eq!(stage.steps()[steps.len()..], ["check 1 over 1", "reload 1"]);
    let now = fs::metadata(stage.folder.path("proxy/nginx.conf"))
        .unwrap()
        .ino();
    assert_eq!(now, inode, "the file was right and is the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_that_runs_something_else_is_noticed() {
    let (stage, _agent) = Stage::running(tenant(1, 2, URL)).await;
    stage.folder.write("running", "# revision old\n");
    eventually("it is told again", async || {
        (stage.folder.read("running") == stage.folder.read("proxy/nginx.conf")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_file_is_not_applied() {
    let (mut stage, agent) = Stage::running(tenant(1, 2, URL)).await;
    saved(&stage, 1).await;
    agent.kill();
    stage.plane = None;
    let damaged = stage
        .folder
        .read("state/snapshot.tm")
        .replace("127.0.0.1", "127.0.0.2");
    stage.folder.write("state/snapshot.tm", &damaged);
    let steps = stage.steps();
    let agent = stage.agent();
    let looked = |status: &Value| {
        status["tenants"]["acme"]["held"]["file_errors"] == 1
            && status["tenants"]["acme"]["held"]["reconnects"].as_u64() > Some(0)
    };
    let status = agent.shows("it has looked", looked).await;
    assert_eq!(status["tenants"]["acme"]["held"]["tag"], Value::Null);
    assert_eq!((stage.placed(), stage.steps()), (tag(1), steps));
}

#[tokio::test(flavor = "multi_thread")]
async fn second_agent_in_the_same_folder_is_refused() {
    let (stage, _agent) = Stage::running(tenant(1, 2, URL)).await;
    let (has_run, said) = program(&["run"], &stage.folder.path("agent.toml"));
    assert!(
        !has_run && said.contains("another agent has the folder"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_is_wrong() {
    let stage = Stage::new(tenant(1, 2, URL)).await;
    let path = stage.folder.path("agent.toml");
    let (is_good, said) = program(&["check"], &path);
    assert!(is_good, "{said}");
    let config = stage.folder.read("agent.toml");
    stage.folder.write(
        "agent.toml",
        &config.replace("tenant =", "token_file = \"/nowhere\"\ntenant ="),
    );
    let (is_good, said) = program(&["check"], &path);
    assert!(
        !is_good && said.contains("service.token_file: cannot read /nowhere"),
        "{said}"
    );
    stage
        .folder
        .write("agent.toml", &config.replace("pause_ms", "pauses_ms"));
    let (is_good, said) = program(&["check"], &path);
    assert!(!is_good && said.contains("pauses_ms"), "{said}");
}
