//! What nodes say reaches the control plane.

use serde_json::{Value, json};

use super::{
    plane::{NODE, Plane},
    process::{Relay, ask},
};
use crate::common::{tag, tenant};

const KEYS: &str = "report_ms = 100\npresence_ms = 1000";

/// A report without its times, which must be short.
fn timeless(mut report: Value) -> Value {
    for time in ["seen_ms_ago", "applied_ms_ago"] {
        if let Some(ago) = report.as_object_mut().unwrap().remove(time) {
            assert!(ago.as_u64().unwrap() < 20_000, "{time}: {ago}");
        }
    }
    report
}

async fn poll(relay: &Relay, query: &str, headers: &[(&str, &str)]) -> u16 {
    let url = format!("{}/api/v1/{query}", relay.url());
    ask(&url, NODE, headers).await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_says_arrives_exactly_and_again_after_a_failure() {
    let plane = Plane::start([tenant(3, 3, "http://a.example/")]).await;
    let relay = Relay::start(&[plane.url()], KEYS).await;
    let etag = format!("\"{}\"", tag(3));
    let seen = ("if-none-match", etag.as_str());
    assert_eq!(
        poll(
            &relay,
            "tenants/acme/snapshot",
            &[("tm-node", "edge-1"), seen]
        )
        .await,
        304
    );
    let report = plane.hears("edge-1", |_, it| it["node"] == "edge-1").await;
    let wanted = json!({"node": "edge-1", "served": tag(3), "applied": tag(3)});
    assert_eq!(timeless(report), wanted);

    // An agent reports what its proxy runs, and why not a newer state.
    plane.refuse_reports(true);
    let said = [
        ("tm-node", "edge-2"),
        ("tm-dialect", "haproxy"),
        seen,
        ("tm-applied", &tag(2)),
        ("tm-refused", &tag(3)),
        ("tm-error", "refused line 7%0Aä"),
    ];
    let said: Vec<_> = said
        .iter()
        .map(|(name, value)| (*name, value.replace('ä', "%C3%A4")))
        .collect();
    let said: Vec<_> = said
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(
        poll(&relay, "tenants/acme/snapshot?env=prod", &said).await,
        503,
        "no such tag of the part"
    );
    let without: Vec<_> = said
        .iter()
        .filter(|(name, _)| *name != "if-none-match")
        .copied()
        .collect();
    assert_eq!(
        poll(&relay, "tenants/acme/snapshot?env=prod", &without).await,
        200
    );
    relay
        .shows("a report has failed", |it| {
            it["counts"]["reports_failed"].as_u64() > Some(0)
        })
        .await;
    plane.refuse_reports(false);
    let report = plane
        .hears("edge-2", |_, it| {
            it["node"] == "edge-2" && it.get("served").is_some()
        })
        .await;
    let wanted = json!({
        "node": "edge-2", "env": "prod", "dialect": "haproxy", "served": tag(1), "applied": tag(2),
        "error": {"tag": tag(3), "code": "refused", "text": "line 7 ä"},
    });
    assert_eq!(timeless(report), wanted);
    let names: Vec<_> = plane
        .reports()
        .into_iter()
        .map(|(tenant, _)| tenant)
        .collect();
    assert!(names.iter().all(|tenant| tenant == "acme"), "{names:?}");

    // What is wrong is refused, and not reported.
    for wrong in [("tm-node", "A b"), ("tm-applied", "x"), ("tm-error", "")] {
        let name = ("tm-node", "edge-3");
        let sent: &[_] = if wrong.0 == name.0 {
            &[wrong]
        } else {
            &[name, wrong]
        };
        assert_eq!(
            poll(&relay, "tenants/acme/snapshot", sent).await,
            422,
            "{wrong:?}"
        );
    }
    assert!(plane.reports().iter().all(|(_, it)| it["node"] != "edge-3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn node_that_waits_is_said_to_be_there_and_one_that_left_is_not() {
    let plane = Plane::start([tenant(3, 3, "http://a.example/")]).await;
    let relay = Relay::start(&[plane.url()], KEYS).await;
    let url = format!("{}/api/v1/tenants/acme/stream", relay.url());
    let node = [("tm-node", "edge-1"), ("last-event-id", &tag(3))];
    let stream = ask(&url, NODE, &node).await;
    let report = plane
        .hears("it is there", |_, it| it["node"] == "edge-1")
        .await;
    assert_eq!(
        (&report["applied"], &report["seen_ms_ago"]),
        (&serde_json::Value::Null, &0.into())
    );
    plane.change("acme", &["shop/prod/v1"], "http://b.example/");
    // It was served. What it runs it has not said: a stream continues after what a client has.
    let report = plane
        .hears("it is served", |_, it| it["served"] == tag(4))
        .await;
    assert_eq!(
        (&report["applied"], &report["seen_ms_ago"]),
        (&serde_json::Value::Null, &0.into())
    );
    drop(stream);
    relay
        .shows("nobody waits", |it| it["counts"]["waiters"] == 0)
        .await;
    plane
        .hears("it is older", |_, it| {
            it["seen_ms_ago"].as_u64() > Some(500)
        })
        .await;
    relay
        .shows("it is forgotten", |it| it["counts"]["nodes"] == 0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_go_up_through_relays_and_are_bounded() {
    let plane = Plane::start([tenant(3, 3, "http://a.example/")]).await;
    let first = Relay::start(&[plane.url()], KEYS).await;
    let second = Relay::start(&[first.url()], &format!("{KEYS}\nmax_nodes = 3")).await;
    for at in 0..5 {
        let name = format!("edge-{at}");
        let sent = [("tm-node", name.as_str()), ("tm-applied", &tag(2))];
        assert_eq!(
            poll(&second, "tenants/acme/snapshot", &sent).await,
            200,
            "served all the same"
        );
    }
    for at in 0..3 {
        let name = format!("edge-{at}");
        let report = plane
            .hears(&name, |_, it| it["node"] == name.as_str())
            .await;
        let wanted = json!({"node": name, "served": tag(3), "applied": tag(2)});
        assert_eq!(timeless(report), wanted);
    }
    let status = second.status().await;
    assert_eq!(
        (
            &status["counts"]["nodes"],
            &status["counts"]["nodes_unrecorded"]
        ),
        (&3.into(), &2.into())
    );
    assert!(plane.reports().iter().all(|(_, it)| it["node"] != "edge-4"));
}
