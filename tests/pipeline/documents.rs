//! Validates events against their documents: events that the API answers, commits, publishes and
//! sets aside.

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Map, Value, json};
use traffic_manager::{app::Role, kafka::Record};

use crate::{
    support::{TestApp, World},
    topic::{records, send},
};

fn validator(schema: &Value) -> Validator {
    let dialect = "https://json-schema.org/draft/2020-12/schema";
    assert!(schema["$schema"].is_null() || schema["$schema"] == dialect);
    jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .expect("a schema")
}

fn assert_valid(validator: &Validator, value: &Value) {
    let errors: Vec<_> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value}");
}

fn headers(record: &Record) -> Value {
    let text = |value: &Option<Vec<u8>>| {
        String::from_utf8(value.clone().unwrap_or_default()).expect("UTF-8")
    };
    let headers: Map<_, _> = record
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(text(value))))
        .collect();
    headers.into()
}

/// Makes every sort of change except the tenant's deletion, with and without a reason, a trace,
/// labels and a description.
async fn every_sort_of_change(app: &TestApp) {
    const ROUTE: &str = "/routes/acme/web/prod/v1";
    const POLICY: &str = "/policies/acme/web/prod";
    let body = json!({ "url": "http://a.example/'%C3%BC'", "labels": { "a/b": "ü" }, "description": "ü \"quoted\"" });
    app.put(ROUTE)
        .json(&body)
        .header("x-reason", "first")
        .expect(201)
        .await;
    let traced = app.patch(ROUTE).header(
        "traceparent",
        "00-15cc96b475ce9c542b4baf19ce78b7d7-be335cf238cfff6a-01",
    );
    traced
        .json(&json!({ "labels": null, "description": null }))
        .expect(200)
        .await;
    app.post(&format!("{ROUTE}/deactivate")).expect(200).await;
    app.post(&format!("{ROUTE}/activate")).expect(200).await;
    app.put(POLICY)
        .json(&json!({ "failover": ["v1"] }))
        .expect(201)
        .await;
    let rules = json!([{ "name": "ü", "version": "v1", "match": { "headers": {
        "x-a": { "exact": "ü" }, "x-b": { "prefix": "" }, "x-c": { "regex": "a|b" }, "x-d": { "present": false },
    } } }]);
    let parts = json!({
        "hosts": ["*.shop.example"], "path_prefix": "/a", "rules": rules, "split": [{ "version": "v1", "weight": 1 }],
        "sticky_by": { "header": "x-user" },
    });
    app.patch(POLICY).json(&parts).expect(200).await;
    app.patch("/tenants/acme")
        .json(&json!({ "quotas": { "routes": 10, "writes_per_second": 100 } }))
        .expect(200)
        .await;
    let key =
        json!({ "service": "web", "env": "prod", "version": "v2", "url": "http://b.example" });
    let changes = json!([
        { "action": "put", "route": key }, { "action": "delete", "policy": { "service": "web", "env": "prod" } },
    ]);
    app.post("/tenants/acme/batch")
        .json(&json!({ "changes": changes }))
        .expect(200)
        .await;
    app.delete(ROUTE).expect(204).await;
}

/// The events of those changes after the tenant's creation: the action, the item, and the number of
/// items in the revision.
const CHANGES: [(&str, u64, u64); 10] = [
    ("created", 0, 1),
    ("updated", 0, 1),
    ("deactivated", 0, 1),
    ("activated", 0, 1),
    ("policy_set", 0, 1),
    ("policy_set", 0, 1),
    ("tenant_updated", 0, 1),
    ("created", 0, 2),
    ("policy_deleted", 1, 2),
    ("deleted", 0, 1),
];

fn sort_of(event: &Value) -> (&str, u64, u64) {
    let number = |name: &str| event[name].as_u64().expect("a number");
    (
        event["action"].as_str().expect("an action"),
        number("item"),
        number("items"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_matches_its_documents() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let created = app
        .post("/tenants")
        .json(&json!({ "name": "acme" }))
        .expect(201)
        .await;
    every_sort_of_change(&app).await;

    let schema = app
        .call(Method::GET, "/docs/events/route-event.v1.json")
        .expect(200)
        .await;
    assert_eq!(schema.header("content-type"), "application/schema+json");
    let event = validator(&schema.json);
    let document = app.call(Method::GET, "/docs/events").expect(200).await.json;
    let message = &document["components"]["messages"]["change"];
    assert_eq!(message["payload"]["schema"], schema.json);
    let attributes = validator(&message["headers"]);
    let channel = &document["channels"]["route-events"];
    assert_eq!(channel["address"], world.settings.kafka.topic);

    let changes = app
        .get(&format!("/tenants/acme/changes?after={}", created.tag()))
        .expect(200)
        .await
        .json;
    let changes = changes["changes"].as_array().expect("changes");
    assert_eq!(changes.iter().map(sort_of).collect::<Vec<_>>(), CHANGES);
    changes
        .iter()
        .for_each(|change| assert_valid(&event, change));

    app.delete("/tenants/acme?confirm=acme").expect(204).await;
    let expected = [
        &[("tenant_created", 0, 1)],
        &CHANGES[..],
        &[("deleted", 0, 2), ("tenant_deleted", 1, 2)],
    ]
    .concat();
    let published = records(&world.settings.kafka.topic, expected.len()).await;
    let mut values = Vec::new();
    for record in &published {
        let value: Value =
            serde_json::from_slice(record.value.as_deref().expect("a value")).expect("JSON");
        assert_valid(&event, &value);
        assert_valid(&attributes, &headers(record));
        values.push(value);
    }
    assert_eq!(values.iter().map(sort_of).collect::<Vec<_>>(), expected);
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_matches_its_document() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let topic = world.settings.kafka.topic.clone();
    let garbage = Record {
        topic: topic.clone(),
        partition: 0,
        offset: 0,
        key: None,
        value: Some(b"x".to_vec()),
        headers: Vec::new(),
    };
    send(&topic, &garbage).await;
    let document = app.call(Method::GET, "/docs/events").expect(200).await.json;
    assert_eq!(
        document["channels"]["route-events.dlq"]["address"],
        world.settings.kafka.dlq_topic
    );
    let set_aside = records(&world.settings.kafka.dlq_topic, 1).await;
    let attributes = validator(&document["components"]["messages"]["deadLetter"]["headers"]);
    assert_valid(&attributes, &headers(&set_aside[0]));
    app.drain().await;
    world.end().await;
}
