//! What commands say of nodes, and how they end, against a scripted service.

#[path = "../../client/tests/calls/server.rs"]
#[expect(dead_code, reason = "the tests of the client use the rest")]
mod server;

use std::process::Output;

use server::{Server, answer};
use tokio::process::Command;

const TAG: &str = "0123456789abcdef.7";

/// Runs `tmctl` with words.
async fn run(arguments: &str, server: &Server) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tmctl"));
    command.args(arguments.split_whitespace()).env_clear();
    command
        .env("TM_CONFIG_DIR", std::env::temp_dir())
        .env("TM_SERVER", &server.url)
        .env("TM_TENANT", "acme");
    parts(command.output().await.unwrap())
}

fn parts(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

/// Returns the numbers of nodes, with members before them.
fn numbers(live: u64, converged: u64, refused: u64, members: &str) -> String {
    format!(
        r#"{{{members}"revision":"{TAG}","live":{live},"converged":{converged},"refused":{refused},"lost":0,
            "anonymous":0,"laggards":[{{"node":"edge-1","applied":null,"seconds":1.5}}],"oldest":null,
            "partial":false,"warming":false}}"#
    )
}

#[tokio::test]
async fn nodes_have_rows_for_people_and_the_answer_for_programs() {
    let node = |name: &str| {
        format!(
            r#"{{"node":"{name}","service":null,"env":"prod","state":"refused","dialect":"envoy",
                "applied":"0123456789abcdef.6","since":"2026-11-21T10:00:00Z","served":"{TAG}","lag_revisions":1,
                "error":{{"tag":"{TAG}","code":"refused","text":"invalid regex"}},"seen":"2026-11-21T10:05:00Z",
                "interval_seconds":5.0,"instance":"i-1"}}"#
        )
    };
    let page = format!(
        r#"{{"items":[{},{}],"next_cursor":null}}"#,
        node("edge-10"),
        node("edge-2")
    );
    let one = format!(r#"{{"node":"edge-2","scopes":[{}]}}"#, node("edge-2"));
    let server = Server::start(&[
        answer(200, &[], &page),
        answer(200, &[], &one),
        answer(200, &[], &one),
    ])
    .await;
    let table = "NODE     FOLLOWS  STATE    BEHIND  SEEN\n\
                 edge-2   */prod   refused  1       2026-11-21T10:05:00.000000Z\n\
                 edge-10  */prod   refused  1       2026-11-21T10:05:00.000000Z\n";
    let listed = run("get nodes --state refused --env prod", &server).await;
    assert_eq!(listed, (0, table.to_owned(), String::new()));
    let (code, wide, _) = run("get node edge-2 -o wide", &server).await;
    assert_eq!(code, 0);
    assert!(wide.contains("refused: invalid regex"), "{wide}");
    let (_, json, _) = run("get node edge-2 -o json", &server).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["scopes"][0]["node"], "edge-2");
    let lines: Vec<_> = server.seen().into_iter().map(|seen| seen.line).collect();
    let one = "GET /api/v1/tenants/acme/nodes/edge-2";
    assert_eq!(
        lines,
        [
            "GET /api/v1/tenants/acme/nodes?env=prod&limit=200&state=refused",
            one,
            one
        ]
    );
}

#[tokio::test]
async fn wait_for_nodes_looks_until_they_run_the_first_revision_that_it_saw() {
    let server = Server::start(&[
        answer(200, &[], &numbers(20, 18, 0, "")),
        answer(200, &[], &numbers(20, 19, 0, "")),
    ])
    .await;
    let ended = run("wait --for converged=95%", &server).await;
    let told = format!("19 of 20 nodes run {TAG}\n");
    assert_eq!(ended, (0, String::new(), told));
    let lines: Vec<_> = server.seen().into_iter().map(|seen| seen.line).collect();
    let path = "GET /api/v1/tenants/acme/convergence";
    assert_eq!(lines, [path.to_owned(), format!("{path}?revision={TAG}")]);
}

#[tokio::test]
async fn wait_for_nodes_that_is_no_success_says_why() {
    for (numbers, expected, why) in [
        (
            numbers(20, 0, 2, ""),
            1,
            "2 nodes refuse it, so that 95% cannot run it",
        ),
        (numbers(0, 0, 0, ""), 1, "there are no nodes"),
        (
            numbers(20, 18, 0, ""),
            3,
            "only 18 of 20 nodes run 0123456789abcdef.7; not yet edge-1",
        ),
        (
            numbers(20, 20, 0, "").replace("\"partial\":false", "\"partial\":true"),
            3,
            "does not know all nodes",
        ),
        (
            numbers(20, 20, 0, "").replace("\"warming\":false", "\"warming\":true"),
            3,
            "has just started",
        ),
    ] {
        let server = Server::start(&[answer(200, &[], &numbers)]).await;
        let (code, out, errors) = run("wait --for converged=95% --timeout 0s", &server).await;
        assert_eq!((code, &*out), (expected, ""), "{errors}");
        assert!(
            errors.starts_with("error: waited for 0 s, but "),
            "{errors}"
        );
        assert!(errors.contains(why), "{errors}");
    }
}

#[tokio::test]
async fn change_that_waits_is_shown_and_ends_as_the_nodes_do() {
    let route = |state: &str| {
        let convergence = numbers(20, 18, 0, &format!(r#""state":"{state}","#));
        let body = format!(
            r#"{{"tenant":"acme","service":"shop","env":"prod","version":"v1","url":"http://v1","is_active":true,
                "labels":{{}},"description":null,"revision":7,"created_by":"a","created_at":"2026-11-21T08:03:37Z",
                "updated_at":"2026-11-21T08:03:37Z","updated_by":"ann","convergence":{convergence}}}"#
        );
        answer(200, &[], &body)
    };
    let states = [
        ("converged", 0),
        ("failed", 1),
        ("no_nodes", 1),
        ("timeout", 3),
        ("partial", 3),
        ("warming", 3),
    ];
    let answers: Vec<_> = states.iter().map(|(state, _)| route(state)).collect();
    let server = Server::start(&answers).await;
    for (state, expected) in states {
        let (code, out, errors) = run("activate shop/prod/v1 --wait 95%,30s", &server).await;
        assert_eq!(code, expected, "{state}: {errors}");
        assert!(out.contains("shop/prod/v1  active"), "{out}");
        assert_eq!(
            expected == 0,
            !errors.contains("error: the change is made, but "),
            "{errors}"
        );
    }
    let lines: Vec<_> = server.seen().into_iter().map(|seen| seen.line).collect();
    let line = "POST /api/v1/routes/acme/shop/prod/v1/activate?wait=95%25%2C30000ms";
    assert_eq!(lines, [line; 6]);
}

#[tokio::test]
async fn deletion_that_waits_looks_at_the_nodes_once_more() {
    let etag = format!("etag: \"{TAG}\"");
    let server = Server::start(&[
        answer(204, &[&etag], ""),
        answer(200, &[], &numbers(20, 20, 0, "")),
    ])
    .await;
    let (code, _, errors) = run("delete shop/prod/v1 --wait 100%", &server).await;
    let told = format!("shop/prod/v1 is deleted\n20 of 20 nodes run {TAG}\n");
    assert_eq!((code, errors), (0, told));
    let seen = server.seen();
    assert!(
        seen[0]
            .line
            .ends_with("/shop/prod/v1?wait=100%25%2C10000ms"),
        "{}",
        seen[0].line
    );
    assert!(
        seen[1]
            .line
            .ends_with(&format!("/convergence?revision={TAG}")),
        "{}",
        seen[1].line
    );
}
