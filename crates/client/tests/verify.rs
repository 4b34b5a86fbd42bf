//! Every kind of forgery is found, as `docs/verify_chain.py --self-test` shows for that program.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use traffic_manager_client::verify::{ChainFault, FaultKind, Verifier};

const EPOCH: &str = "0123456789abcdef";

/// Returns the event with the hash of its content.
fn sealed(mut event: Value) -> Value {
    event.as_object_mut().unwrap().remove("hash");
    let bytes = serde_json_canonicalizer::to_vec(&event).unwrap();
    event["hash"] = hex::encode(Sha256::digest(bytes)).into();
    event
}

fn changed(event: &Value, member: &str, value: Value) -> Value {
    let mut event = event.clone();
    event[member] = value;
    event
}

/// Returns a whole chain with events at these places: revision, item, items.
fn chain(places: &[(u64, u64, u64)]) -> Vec<Value> {
    let mut previous = "0".repeat(64);
    let event = |(revision, item, items): &(u64, u64, u64)| {
        let event = sealed(json!({
            "id": format!("id-{revision}-{item}"), "tenant": "t", "epoch": EPOCH, "revision": revision,
            "item": item, "items": items, "action": "created", "actor": {"kind": "k", "id": "someone"},
            "after": {"url": "http://a/", "is_active": true}, "before": null,
            "route": {"service": "s", "env": "e", "version": "v"},
            "reason": "é \"€\"\u{2028}\n", "prev_hash": previous,
        }));
        previous = event["hash"].as_str().unwrap().to_owned();
        event
    };
    places.iter().map(event).collect()
}

fn good() -> Vec<Value> {
    let places = [
        (1, 0, 1),
        (2, 0, 1),
        (3, 0, 1),
        (4, 0, 3),
        (4, 1, 3),
        (4, 2, 3),
        (5, 0, 1),
    ];
    chain(&places)
}

/// Returns the first fault of the only chain.
fn fault(mut verifier: Verifier, events: &[Value]) -> Option<ChainFault> {
    for event in events {
        verifier.add(&event.to_string()).unwrap();
    }
    let mut reports = verifier.finish();
    assert_eq!(reports.len(), 1);
    reports.remove(0).fault
}

/// Returns an archived document of an event.
fn document(event: &Value) -> Value {
    json!({
        "_id": event["id"], "event_id": event["id"], "url": "http://a/", "state": "active",
        "previous_state": null, "changed_by": event["actor"]["id"], "revision": event["revision"],
        "event_type": "trafficmanager.route.created.v1", "of_a_later_version": 1, "event": event,
        "route": {"tenant": "t", "service": "s", "env": "e", "version": "v"},
    })
}

#[test]
fn whole_chain_is_whole_in_any_order_and_form() {
    let good = good();
    let mut verifier = Verifier::new();
    let mut turned = good.clone();
    turned.reverse();
    verifier
        .add(&json!({"items": turned[..3], "next_cursor": null}).to_string())
        .unwrap();
    let lines: Vec<_> = turned[3..6].iter().map(Value::to_string).collect();
    verifier.add(&lines.join("\n")).unwrap();
    let mut exported = document(&turned[6]);
    exported["event"]["revision"] = json!({"$numberLong": "1"});
    verifier.add(&format!("\u{feff}{exported}")).unwrap();
    let report = verifier.finish().remove(0);
    assert_eq!(report.fault, None);
    assert_eq!((report.events, report.revisions), (7, Some((1, 5))));
    assert_eq!(report.head.as_deref(), good[6]["hash"].as_str());
    assert_eq!(fault(Verifier::from_middle(), &good[4..]), None);
}

#[test]
fn every_forgery_is_found() {
    let good = good();
    let resealed = |event: &Value, member, value| sealed(changed(event, member, value));
    let with = |at: usize, event: Value| {
        let mut events = good.clone();
        events[at] = event;
        events
    };
    let without = |at: usize| {
        let mut events = good.clone();
        events.remove(at);
        events
    };
    let and = |event: Value| [&good[..], &[event]].concat();
    let forgeries = [
        ("edited", with(2, changed(&good[2], "reason", json!("x")))),
        (
            "edited and hashed again",
            with(2, resealed(&good[2], "reason", json!("x"))),
        ),
        (
            "edited beside the event",
            with(
                0,
                changed(&document(&good[0]), "changed_by", json!("nobody")),
            ),
        ),
        (
            "another route",
            with(
                0,
                changed(&document(&good[0]), "route", json!({"tenant": "t"})),
            ),
        ),
        ("deleted", without(2)),
        ("deleted within a revision", without(4)),
        ("without its beginning", good[1..].to_vec()),
        ("the last item deleted", good[..5].to_vec()),
        ("doubled", and(good[2].clone())),
        ("inserted", and(resealed(&good[2], "reason", json!("x")))),
        (
            "before the first",
            and(resealed(&good[0], "revision", json!(0))),
        ),
        (
            "a beginning that is none",
            with(0, resealed(&good[0], "prev_hash", json!("1".repeat(64)))),
        ),
    ];
    for (name, events) in forgeries {
        assert!(fault(Verifier::new(), &events).is_some(), "{name}");
    }
    let found = fault(Verifier::new(), &without(4)).unwrap();
    assert_eq!(
        found.to_string(),
        "revision 4 item 2: missing: revision 4 item 1 should stand here"
    );
    let found = fault(
        Verifier::new(),
        &with(2, resealed(&good[2], "reason", json!("x"))),
    )
    .unwrap();
    assert_eq!((found.revision, found.kind), (4, FaultKind::Broken));
}

#[test]
fn type_beside_an_event_may_have_any_version() {
    let archived = document(&good()[0]);
    let kind = archived["event_type"].as_str().unwrap();
    let (kind, _) = kind.rsplit_once(".v").unwrap();
    let said = |text: String| changed(&archived, "event_type", text.into());
    for version in [1, 2, 10] {
        let events = [said(format!("{kind}.v{version}"))];
        assert_eq!(fault(Verifier::new(), &events), None, "{version}");
    }
    for wrong in ["", ".v", ".v0", ".v01", ".v+1", ".v1.v2", "x.v2"] {
        let events = [said(format!("{kind}{wrong}"))];
        assert!(fault(Verifier::new(), &events).is_some(), "{wrong}");
    }
}

#[test]
fn opened_personal_data_is_compared_only_in_the_archive() {
    let mut event = good()[0].clone();
    event["actor"]["id"] = "enc:v1:0123456789abcdef:AAAA".into();
    let event = sealed(event);
    let archived = changed(&document(&event), "changed_by", json!("someone"));
    assert!(fault(Verifier::new(), std::slice::from_ref(&archived)).is_some());
    let mut answer = archived;
    answer.as_object_mut().unwrap().remove("_id");
    assert_eq!(fault(Verifier::new(), std::slice::from_ref(&answer)), None);
    let other = changed(&answer, "url", json!("http://b/"));
    assert!(fault(Verifier::new(), &[other]).is_some());
}

#[test]
fn chain_goes_on_after_a_checkpoint() {
    let good = good();
    let at = |revision, hash: &Value| {
        let mut verifier = Verifier::new();
        verifier.checkpoint("t", EPOCH, revision, hash.as_str().unwrap());
        verifier
    };
    let kept = &good[1]["hash"];
    for events in [&good[2..], &good[1..], &good[..], &[]] {
        assert_eq!(fault(at(2, kept), events), None);
    }
    assert!(fault(at(2, kept), &good[3..]).is_some());
    assert!(fault(at(2, &good[0]["hash"]), &good[2..]).is_some());
    assert!(fault(at(2, &json!("no hash")), &good[2..]).is_some());
}

#[test]
fn text_that_parsers_read_differently_is_refused() {
    let fraction = changed(&good()[0], "weight", json!(0.5)).to_string();
    let large = changed(&good()[0], "weight", json!(1_u64 << 53)).to_string();
    for text in [
        r#"{"prev_hash": "x", "prev_hash": "y"}"#,
        "NaN",
        "{}",
        r#"{"prev_hash": "x"}"#,
        "\"text\"",
        &fraction,
        &large,
    ] {
        assert!(Verifier::new().add(text).is_err(), "{text}");
    }
}
