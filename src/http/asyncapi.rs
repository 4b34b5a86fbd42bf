//! The AsyncAPI document: the Kafka topics, their records and the records' headers.

use serde_json::{Value, json};

use super::event_schema;
use crate::{config, domain::event::Action};

const ABOUT: &str = "Every change that was committed, in CloudEvents 1.0 binary mode: the attributes are headers, the value is the event. Delivery \
is at least once. A record's key is its tenant, so all changes of one tenant are in one partition, in the order of their revisions, which \
have no gaps: a consumer that keeps the last `tm_epoch` and `tm_revision` of each tenant knows whether it has everything and what it has \
twice. The bytes of the value are those that the hash chain covers.";

/// Returns the document, with the topic names of this installation.
pub fn document(kafka: &config::Kafka) -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Traffic Manager events", "version": "1.0.0", "description": ABOUT,
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": {
            "route-events": {
                "address": kafka.topic, "description": "Every change, keyed by tenant.",
                "messages": { "change": { "$ref": "#/components/messages/change" } },
                "bindings": { "kafka": { "topic": kafka.topic, "bindingVersion": "0.5.0" } },
            },
            "route-events.dlq": {
                "address": kafka.dlq_topic, "description": "Records that can never be archived, each with the reason. Any is an alarm.",
                "messages": { "deadLetter": { "$ref": "#/components/messages/deadLetter" } },
                "bindings": { "kafka": { "topic": kafka.dlq_topic, "bindingVersion": "0.5.0" } },
            },
        },
        "operations": {
            "publishChange": {
                "action": "send", "channel": { "$ref": "#/channels/route-events" }, "summary": "The relay publishes what was committed.",
                "messages": [{ "$ref": "#/channels/route-events/messages/change" }],
            },
            "publishDeadLetter": {
                "action": "send", "channel": { "$ref": "#/channels/route-events.dlq" },
                "summary": "The audit consumer sets aside what it cannot archive.",
                "messages": [{ "$ref": "#/channels/route-events.dlq/messages/deadLetter" }],
            },
        },
        "components": {
            "messages": {
                "change": {
                    "name": "change", "title": "A change", "contentType": "application/json",
                    "headers": change_headers(),
                    "payload": { "schemaFormat": "application/schema+json;version=draft-2020-12", "schema": event_schema::document() },
                    "bindings": { "kafka": { "key": { "type": "string", "description": "The tenant." }, "bindingVersion": "0.5.0" } },
                    "examples": [
                        example("created", "acme/checkout/prod/v1", &event_schema::example()),
                        example("policySet", "acme/checkout/prod", &event_schema::policy_example()),
                        example("tenantCreated", "acme", &event_schema::tenant_example()),
                    ],
                },
                "deadLetter": {
                    "name": "deadLetter", "title": "A record that was set aside",
                    "description": "Its own key, value and headers, and these.",
                    "headers": dead_letter_headers(),
                    "payload": {},
                    "bindings": { "kafka": { "key": { "type": "string" }, "bindingVersion": "0.5.0" } },
                },
            },
        },
    })
}

fn change_headers() -> Value {
    let types: Vec<_> = Action::ALL.into_iter().map(Action::ce_type).collect();
    let text = |pattern: &str, description: &str| json!({ "type": "string", "pattern": pattern, "description": description });
    let required = [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "ce_datacontenttype",
        "tm_revision",
        "tm_epoch",
    ];
    json!({
        "type": "object", "additionalProperties": false, "required": required,
        "properties": {
            "ce_specversion": { "type": "string", "const": "1.0" },
            "ce_id": { "type": "string", "format": "uuid", "description": "The event's `id`." },
            "ce_source": { "type": "string", "minLength": 1, "description": "The setting `kafka.source`." },
            "ce_type": { "type": "string", "enum": types },
            "ce_subject": text("^[^/]+(/[^/]+/[^/]+(/[^/]+)?)?$", "tenant/service/env/version of a route; without the version of a policy; the tenant alone."),
            "ce_time": { "type": "string", "format": "date-time", "description": "The event's `occurred_at`." },
            "ce_datacontenttype": { "type": "string", "const": "application/json" },
            "tm_revision": text("^[1-9][0-9]*$", "The event's `revision`."),
            "tm_epoch": text("^[0-9a-f]{16}$", "The event's `epoch`."),
            "tm_replay": text(UUID, "When a replay publishes it again: the replay's id."),
            "tm_redriven_from": text("^[0-9]+-[0-9]+$", "When a dead letter is sent again: the letter's id."),
            "tm_redriven_attempts": text("^[0-9]+$", "How often that had been tried."),
            "traceparent": text("^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$", "When the request had a trace."),
        },
    })
}

const UUID: &str = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

fn dead_letter_headers() -> Value {
    let reasons = [
        "unknown_type",
        "unknown_version",
        "poison",
        "not_json",
        "not_an_event",
        "hash_mismatch",
        "header_mismatch",
        "contradiction",
        "refused",
    ];
    let required = [
        "tm_dlq_reason",
        "tm_dlq_attempts",
        "tm_dlq_topic",
        "tm_dlq_partition",
        "tm_dlq_offset",
    ];
    let number = json!({ "type": "string", "pattern": "^[0-9]+$" });
    json!({
        "type": "object", "required": required,
        "properties": {
            "tm_dlq_reason": { "type": "string", "enum": reasons }, "tm_dlq_attempts": number, "tm_dlq_topic": { "type": "string" },
            "tm_dlq_partition": number, "tm_dlq_offset": number,
            "tm_dlq_omitted": { "type": "string", "description": "What was left out because the record is too large for the topic." },
        },
    })
}

fn example(name: &str, subject: &str, event: &Value) -> Value {
    let action = event["action"].as_str().unwrap_or_default();
    let headers = json!({
        "ce_specversion": "1.0", "ce_id": event["id"], "ce_source": "/traffic-manager",
        "ce_type": format!("trafficmanager.route.{action}.v1"), "ce_subject": subject, "ce_time": event["occurred_at"],
        "ce_datacontenttype": "application/json", "tm_revision": event["revision"].to_string(), "tm_epoch": event["epoch"],
        "traceparent": "00-15cc96b475ce9c542b4baf19ce78b7d7-be335cf238cfff6a-00",
    });
    json!({ "name": name, "headers": headers, "payload": event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asyncapi_examples_match_their_schemas() {
        let document = document(&config::Settings::without_environment(&[]).unwrap().kafka);
        let message = &document["components"]["messages"]["change"];
        let headers = jsonschema::validator_for(&message["headers"]).unwrap();
        let payload = jsonschema::validator_for(&message["payload"]["schema"]).unwrap();
        let examples = message["examples"].as_array().unwrap();
        assert_eq!(examples.len(), 3);
        for example in examples {
            assert!(
                headers.is_valid(&example["headers"]),
                "{:?}",
                headers.iter_errors(&example["headers"]).next()
            );
            assert!(payload.is_valid(&example["payload"]));
        }
        assert_eq!(
            document["channels"]["route-events"]["address"],
            "route-events"
        );
        assert_eq!(
            document["channels"]["route-events.dlq"]["address"],
            "route-events.dlq"
        );
    }
}
