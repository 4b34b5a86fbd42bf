//! The AsyncAPI document: the Kafka topics, their records and the records' headers.

use serde_json::{Value, json};

use super::event_schema;
use crate::{config, domain::event::Action};

const ABOUT: &str = "Every committed change, in CloudEvents 1.0 binary mode: the attributes are headers, the value is the event. Delivery \
is at least once. The key of a record is its tenant, so all changes of a tenant are in one partition, in the order of their revisions. \
Revisions have no gaps: a consumer that keeps the last `tm_epoch` and `tm_revision` of each tenant recognises missing and repeated records. \
The hash chain covers the bytes of the value.";

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
                "address": kafka.topic, "description": "All changes, with the tenant as the key.",
                "messages": { "change": { "$ref": "#/components/messages/change" } },
                "bindings": { "kafka": { "topic": kafka.topic, "bindingVersion": "0.5.0" } },
            },
            "route-events.dlq": {
                "address": kafka.dlq_topic, "description": "Records that could not be archived, each with the reason. Every record here needs a decision by an operator.",
                "messages": { "deadLetter": { "$ref": "#/components/messages/deadLetter" } },
                "bindings": { "kafka": { "topic": kafka.dlq_topic, "bindingVersion": "0.5.0" } },
            },
        },
        "operations": {
            "publishChange": {
                "action": "send", "channel": { "$ref": "#/channels/route-events" }, "summary": "The relay publishes a committed change.",
                "messages": [{ "$ref": "#/channels/route-events/messages/change" }],
            },
            "publishDeadLetter": {
                "action": "send", "channel": { "$ref": "#/channels/route-events.dlq" },
                "summary": "The audit consumer publishes a record that it cannot archive.",
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
                    "name": "deadLetter", "title": "A dead letter",
                    "description": "The record with its own key, value and headers, and these headers in addition.",
                    "headers": dead_letter_headers(),
                    "payload": {},
                    "bindings": { "kafka": { "key": { "type": "string" }, "bindingVersion": "0.5.0" } },
                },
            },
        },
    })
}

fn change_headers() -> Value {
    let types: Vec<_> = Action::ALL
        .into_iter()
        .flat_map(|action| {
            action
                .versions()
                .map(move |version| action.ce_type(version))
        })
        .collect();
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
            "ce_subject": text("^[^/]+(/[^/]+/[^/]+(/[^/]+)?)?$", "The object: `tenant/service/env/version` for a route, `tenant/service/env` for a policy, `tenant` for a tenant."),
            "ce_time": { "type": "string", "format": "date-time", "description": "The event's `occurred_at`." },
            "ce_datacontenttype": { "type": "string", "const": "application/json" },
            "tm_revision": text("^[1-9][0-9]*$", "The event's `revision`."),
            "tm_epoch": text("^[0-9a-f]{16}$", "The event's `epoch`."),
            "tm_replay": text(UUID, "The id of the replay, if a replay publishes the record again."),
            "tm_redriven_from": text("^[0-9]+-[0-9]+$", "The id of the dead letter, if a dead letter is sent again."),
            "tm_redriven_attempts": text("^[0-9]+$", "The number of earlier attempts to send the dead letter again."),
            "traceparent": text("^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$", "The trace of the request, if it was traced."),
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
            "tm_dlq_omitted": { "type": "string", "description": "The parts that are left out because the record is too large for the topic." },
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
