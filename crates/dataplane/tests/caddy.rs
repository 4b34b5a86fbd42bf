//! Caddy's document and bootstrap.

mod samples_json;

use samples_json::{ask, everything, golden, model, notes, one, pretty, settings};
use serde_json::{Value, json};
use traffic_manager_dataplane::{Dialect, caddy, model::Model};

fn document(model: &Model) -> Value {
    serde_json::from_slice(
        &Dialect::Caddy
            .render(model, &settings())
            .document
            .to_bytes(),
    )
    .unwrap()
}

fn state(more: Value) -> (String, String) {
    notes(&Dialect::Caddy.render(&one(more), &settings()).report, "a")
}

#[test]
fn document_report_and_bootstrap_are_these() {
    let rendered = Dialect::Caddy.render(&everything(), &settings());
    golden(
        "caddy/everything.json",
        &pretty(&rendered.document.to_bytes()),
    );
    golden(
        "caddy/report.json",
        &format!("{:#}\n", json!(rendered.report)),
    );
    golden("caddy/follower.sh", &caddy::bootstrap(&ask()));
    assert_eq!(Dialect::Caddy.render(&everything(), &settings()), rendered);
}

#[test]
fn load_of_any_document_keeps_the_administration_endpoint() {
    let script = caddy::bootstrap(&ask());
    let first = script.split_once("<<'FIRST'\n").unwrap().1;
    let bootstrap: Value = serde_json::from_str(first.split_once("\nFIRST\n").unwrap().0).unwrap();
    for model in [Model::default(), everything()] {
        assert_eq!(document(&model)["admin"], bootstrap["admin"]);
    }
}

#[test]
fn last_route_answers_404_and_carries_the_version() {
    let empty = model(&[], &[]);
    let routes = &document(&empty)["apps"]["http"]["servers"]["tm"]["routes"];
    assert_eq!(routes[1]["@id"], format!("tm-{}", empty.version()));
    assert_eq!(routes[1]["handle"][0]["status_code"], 404);
}

#[test]
fn policy_that_caddy_cannot_take_is_refused_alone() {
    let (how, why) = state(json!({"response_headers": {"remove": ["x-*"]}}));
    assert_eq!(
        (how.as_str(), why.contains("x-*")),
        ("refused", true),
        "{why}"
    );
    let rendered = Dialect::Caddy.render(&everything(), &settings());
    assert_eq!(notes(&rendered.report, "gone").0, "refused");
    let text = String::from_utf8(rendered.document.to_bytes().to_vec()).unwrap();
    assert!(text.contains("policy_refused") && text.contains("acme/pay/prod/v1"));
    assert!(!text.contains("acme/gone/prod"));
}

#[test]
fn stored_pattern_that_go_reads_in_another_way_refuses_the_policy() {
    let rule =
        json!({"name": "r", "match": {"headers": {"x-a": {"regex": "(?u)a"}}}, "version": "v1"});
    assert_eq!(state(json!({"rules": [rule]})).0, "refused");
}

#[test]
fn differences_are_named() {
    for (more, note) in [
        (json!({"mirror": {"version": "v2", "share": 1}}), "copies"),
        (json!({"timeout_ms": 5}), "time limit"),
        (
            json!({"retries": {"attempts": 1, "on": ["gateway_error"]}}),
            "502",
        ),
        (json!({"retries": {"attempts": 1, "on": ["reset"]}}), "GET"),
        (json!({"hosts": []}), "no hosts"),
        (
            json!({"sticky_by": {"cookie": "c"}, "split": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]}),
            "tm_a~prod",
        ),
    ] {
        let (how, why) = state(more.clone());
        assert_eq!(
            (how.as_str(), why.contains(note)),
            ("degraded", true),
            "{more}: {why}"
        );
    }
    for more in [
        json!({}),
        json!({"sticky_by": {"header": "x-user"}}),
        json!({"retries": {"attempts": 1, "on": ["connect_failure"]}}),
    ] {
        assert_eq!(state(more).0, "native");
    }
}
