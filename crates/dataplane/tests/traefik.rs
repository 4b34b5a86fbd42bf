//! Traefik's document and bootstrap.

mod samples_json;

use samples_json::{ask, everything, golden, model, notes, one, pretty, settings};
use serde_json::{Value, json};
use traffic_manager_dataplane::{Dialect, model::Model, traefik};

fn document(model: &Model) -> Value {
    serde_json::from_slice(
        &Dialect::Traefik
            .render(model, &settings())
            .document
            .to_bytes(),
    )
    .unwrap()
}

fn state(more: Value) -> (String, String) {
    notes(
        &Dialect::Traefik.render(&one(more), &settings()).report,
        "a",
    )
}

#[test]
fn document_report_and_bootstrap_are_these() {
    let rendered = Dialect::Traefik.render(&everything(), &settings());
    golden(
        "traefik/everything.json",
        &pretty(&rendered.document.to_bytes()),
    );
    golden(
        "traefik/report.json",
        &format!("{:#}\n", json!(rendered.report)),
    );
    golden("traefik/bootstrap.sh", &traefik::bootstrap(&ask()));
    assert_eq!(
        Dialect::Traefik.render(&everything(), &settings()),
        rendered
    );
}

#[test]
fn document_without_policies_is_one_that_traefik_takes() {
    let empty = model(&[], &[]);
    let document = document(&empty);
    let http = document["http"].as_object().unwrap();
    assert!(
        http.values()
            .all(|map| !map.as_object().unwrap().is_empty())
    );
    let headers = &http["middlewares"]["tm-revision"]["headers"]["customResponseHeaders"];
    assert_eq!(headers["x-tm-revision"], empty.version());
}

#[test]
fn every_name_that_a_document_uses_is_in_it() {
    let document = document(&everything());
    let http = &document["http"];
    for (name, router) in http["routers"].as_object().unwrap() {
        assert!(
            http["services"][router["service"].as_str().unwrap()].is_object(),
            "{name}"
        );
        for middleware in router["middlewares"].as_array().into_iter().flatten() {
            assert!(
                http["middlewares"][middleware.as_str().unwrap()].is_object(),
                "{middleware}"
            );
        }
    }
}

#[test]
fn longer_prefix_and_exact_host_have_the_higher_priority() {
    let document = document(&everything());
    let priority = |name: &str| {
        document["http"]["routers"][name]["priority"]
            .as_u64()
            .unwrap()
    };
    let order = [
        "acme~gone~prod~0~pay.acme.io~refused",
        "acme~pay~prod~0~pay.acme.io~version~v1",
        "acme~pay~prod~0~pay.acme.io~unknown",
        "acme~pay~prod~0~pay.acme.io~rule-0",
        "acme~pay~prod~0~pay.acme.io~default",
        "acme~site~prod~0~acme.io~default",
        "acme~site~prod~2~*.acme.io~default",
        "acme~site~prod~0~*.acme.io~default",
    ];
    assert!(
        order.map(priority).is_sorted_by(|a, b| a > b),
        "{:?}",
        order.map(priority)
    );
}

#[test]
fn policy_that_traefik_cannot_take_is_refused_alone() {
    let rule = |respond: Value| json!({"rules": [{"name": "r", "match": {"methods": ["GET"]}, "respond": respond}]});
    for respond in [json!({"status": 200, "body": "x"}), json!({"status": 599})] {
        assert_eq!(state(rule(respond.clone())).0, "refused", "{respond}");
    }
    assert_eq!(
        state(rule(json!({"status": 503, "body": "x"}))).0,
        "degraded"
    );
    assert_eq!(state(rule(json!({"status": 204}))).0, "native");
    let rendered = Dialect::Traefik.render(&everything(), &settings());
    assert_eq!(notes(&rendered.report, "gone").0, "refused");
    let text = String::from_utf8(rendered.document.to_bytes().to_vec()).unwrap();
    assert!(!text.contains("acme~gone~prod~v1") && text.contains("acme~pay~prod~v1"));
}

#[test]
fn differences_are_named() {
    let halves = json!([{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]);
    for (more, note) in [
        (
            json!({"mirror": {"version": "v2", "share": 250}}),
            "3 % instead of 250/10000",
        ),
        (json!({"timeout_ms": 5}), "time limit"),
        (
            json!({"retries": {"attempts": 1, "on": ["gateway_error"]}}),
            "502",
        ),
        (json!({"version_header": "x-v"}), "unknown version"),
        (json!({"hosts": []}), "no hosts"),
        (
            json!({"sticky_by": {"cookie": "c"}, "split": halves}),
            "tm_a~prod~default",
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
        json!({"mirror": {"version": "v2", "share": 300}}),
        json!({"retries": {"attempts": 1, "on": ["connect_failure"]}}),
    ] {
        assert_eq!(state(more).0, "native");
    }
}

#[test]
fn bootstrap_quotes_what_it_is_asked_for() {
    let ask = traffic_manager_dataplane::bootstrap::Ask {
        url: "https://a'b".to_owned(),
        ..ask()
    };
    let script = traefik::bootstrap(&ask);
    assert!(
        script.contains(r"'https://a'\''b/dataplane/traefik?tenant=acme&env=prod'"),
        "{script}"
    );
    assert!(script.contains("TRAEFIK_PROVIDERS_HTTP_TLS_CA='/var/lib/tm/ca.pem'"));
}
