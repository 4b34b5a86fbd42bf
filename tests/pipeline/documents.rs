//! The documents of events against events: what the API tells of them, and what it commits, publishes and sets aside.

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
    jsonschema::options().should_validate_formats(true).build(schema).expect("a schema")
}

fn assert_valid(validator: &Validator, value: &Value) {
    let errors: Vec<_> = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value}");
}

fn headers(record: &Record) -> Value {
    let text = |value: &Option<Vec<u8>>| String::from_utf8(value.clone().unwrap_or_default()).expect("UTF-8");
    let headers: Map<_, _> = record.headers.iter().map(|(name, value)| (name.clone(), json!(text(value)))).collect();
    headers.into()
}

/// One change of every sort, with and without a reason, a trace, labels and a description.
async fn every_sort_of_change(app: &TestApp) -> usize {
    const ROUTE: &str = "/routes/acme/web/prod/v1";
    let body = json!({ "url": "http://a.example/\"ü\"", "labels": { "a/b": "ü" }, "description": "ü \"quoted\"" });
    app.put(ROUTE).json(&body).header("x-reason", "first").expect(201).await;
    let traced = app.patch(ROUTE).header("traceparent", "00-15cc96b475ce9c542b4baf19ce78b7d7-be335cf238cfff6a-01");
    traced.json(&json!({ "labels": null, "description": null })).expect(200).await;
    app.post(&format!("{ROUTE}/deactivate")).expect(200).await;
    app.post(&format!("{ROUTE}/activate")).expect(200).await;
    app.delete(ROUTE).expect(204).await;
    5
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_what_its_documents_say() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let created = app.post("/tenants").json(&json!({ "name": "acme" })).expect(201).await;
    let count = every_sort_of_change(&app).await;

    let schema = app.call(Method::GET, "/docs/events/route-event.v1.json").expect(200).await;
    assert_eq!(schema.header("content-type"), "application/schema+json");
    let event = validator(&schema.json);
    let document = app.call(Method::GET, "/docs/events").expect(200).await.json;
    let message = &document["components"]["messages"]["change"];
    assert_eq!(message["payload"]["schema"], schema.json);
    let attributes = validator(&message["headers"]);
    let channel = &document["channels"]["route-events"];
    assert_eq!(channel["address"], world.settings.kafka.topic);

    let published = records(&world.settings.kafka.topic, count).await;
    let mut actions = Vec::new();
    for record in &published {
        let value: Value = serde_json::from_slice(record.value.as_deref().expect("a value")).expect("JSON");
        assert_valid(&event, &value);
        assert_valid(&attributes, &headers(record));
        actions.push(value["action"].as_str().expect("an action").to_owned());
    }
    assert_eq!(actions, ["created", "updated", "deactivated", "activated", "deleted"]);

    let changes = app.get(&format!("/tenants/acme/changes?after={}", created.tag())).expect(200).await.json;
    let changes = changes["changes"].as_array().expect("changes");
    assert_eq!(changes.len(), count);
    changes.iter().for_each(|change| assert_valid(&event, change));
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_what_its_document_says() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let topic = world.settings.kafka.topic.clone();
    let garbage =
        Record { topic: topic.clone(), partition: 0, offset: 0, key: None, value: Some(b"x".to_vec()), headers: Vec::new() };
    send(&topic, &garbage).await;
    let document = app.call(Method::GET, "/docs/events").expect(200).await.json;
    assert_eq!(document["channels"]["route-events.dlq"]["address"], world.settings.kafka.dlq_topic);
    let set_aside = records(&world.settings.kafka.dlq_topic, 1).await;
    let attributes = validator(&document["components"]["messages"]["deadLetter"]["headers"]);
    assert_valid(&attributes, &headers(&set_aside[0]));
    app.drain().await;
    world.end().await;
}
