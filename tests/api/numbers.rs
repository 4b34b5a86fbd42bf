//! Whole numbers in every spelling, in every member of every body that the OpenAPI document calls
//! an integer.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    policies::route,
    support::{Answer, TestApp},
};

/// The maximum depth of the walk through a schema. It is deeper than any body.
const MAX_DEPTH: usize = 24;

fn resolved<'a>(document: &'a Value, mut schema: &'a Value) -> &'a Value {
    while let Some(reference) = schema["$ref"].as_str() {
        schema = document
            .pointer(&reference[1..])
            .expect("a reference to something");
    }
    schema
}

/// Collects the JSON pointers of all integers of a schema. Lists count with their first item only.
fn integers(
    document: &Value,
    schema: &Value,
    pointer: &str,
    depth: usize,
    found: &mut BTreeSet<String>,
) {
    let schema = resolved(document, schema);
    if depth > MAX_DEPTH {
        return;
    }
    let is_integer = |name: &Value| name == "integer";
    if is_integer(&schema["type"])
        || schema["type"]
            .as_array()
            .is_some_and(|types| types.iter().any(is_integer))
    {
        found.insert(pointer.to_owned());
    }
    for choice in ["anyOf", "oneOf", "allOf"]
        .iter()
        .filter_map(|word| schema[*word].as_array())
        .flatten()
    {
        integers(document, choice, pointer, depth + 1, found);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        integers(
            document,
            member,
            &format!("{pointer}/{name}"),
            depth + 1,
            found,
        );
    }
    if schema["items"].is_object() {
        integers(
            document,
            &schema["items"],
            &format!("{pointer}/0"),
            depth + 1,
            found,
        );
    }
    if schema["additionalProperties"].is_object() {
        integers(
            document,
            &schema["additionalProperties"],
            &format!("{pointer}/any"),
            depth + 1,
            found,
        );
    }
}

/// Returns each integer of each body: method, path, media type, pointer.
fn members() -> Vec<(Method, String, String, String)> {
    let document = traffic_manager::http::document::openapi();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (media_type, content) in operation["requestBody"]["content"]
                .as_object()
                .into_iter()
                .flatten()
            {
                let mut found = BTreeSet::new();
                integers(&document, &content["schema"], "", 0, &mut found);
                let method: Method = method.to_uppercase().parse().unwrap();
                all.extend(
                    found
                        .into_iter()
                        .map(|pointer| (method.clone(), path.clone(), media_type.clone(), pointer)),
                );
            }
        }
    }
    all
}

/// Returns a body with this member only, except for members that must come before it.
fn body(pointer: &str, number: &str) -> String {
    let parts: Vec<_> = pointer[1..].split('/').collect();
    let body = parts
        .iter()
        .rev()
        .fold(number.to_owned(), |inner, part| match *part {
            "0" => format!("[{inner}]"),
            name => format!("{{\"{name}\": {inner}}}"),
        });
    body.replace("{\"policy\"", "{\"action\": \"put\", \"policy\"")
}

async fn send(
    app: &TestApp,
    (method, path, media_type, pointer): &(Method, String, String, String),
    number: &str,
) -> Answer {
    let path = path
        .replace("{tenant}", "acme")
        .replace("{service}", "web")
        .replace("{env}", "prod");
    let path = path
        .replace("{key_id}", "0123456789ab")
        .replace("{dependency}", "postgres_primary");
    assert!(!path.contains('{'), "{path} needs a name");
    app.call(method.clone(), &path)
        .body(media_type, body(pointer, number))
        .send()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_integer_member_accepts_the_same_spellings() {
    let app = TestApp::start().await;
    assert_eq!(route(&app, "acme", "v1").await.status, 201);
    app.put("/policies/acme/web/prod")
        .json(&json!({"failover": ["v1"]}))
        .expect(201)
        .await;
    let members = members();
    assert!(
        members.len() > 20
            && members
                .iter()
                .any(|(.., pointer)| pointer == "/quotas/waiters"),
        "{members:?}"
    );
    for member in &members {
        let (_, _, media_type, pointer) = member;
        for number in ["1.0", "10e-1", "0.1E+1", "1.000"] {
            let answer = send(&app, member, number).await;
            // The number may be too large, or not fit the other members, but it counts as a number.
            let is_refused = |error: &Value| {
                error["pointer"] == pointer.as_str() && error["code"] == "wrong_type"
            };
            let is_refused = answer.json["errors"]
                .as_array()
                .is_some_and(|errors| errors.iter().any(is_refused));
            assert!(
                answer.status != 400 && !is_refused,
                "{member:?} {number}: {}",
                answer.json
            );
        }
        for number in [
            "1.5",
            "15e-1",
            "-0.5",
            "1e400000",
            "\"1\"",
            "[1]",
            "-1",
            "-1.0",
            "99999999999999999999",
        ] {
            let answer = send(&app, member, number).await;
            // `to` may be a time, which is a text.
            if pointer == "/to" && number == "\"1\"" {
                continue;
            }
            // The parser of the format does not read these texts as numbers.
            let is_beyond =
                number == "1e400000" || (media_type.contains("yaml") && number.len() > 15);
            if is_beyond && answer.status == 400 {
                continue;
            }
            assert_eq!(
                (answer.status.as_u16(), answer.pointers()),
                (422, vec![pointer.as_str()]),
                "{member:?} {number}: {}",
                answer.json
            );
            let detail = answer.json["errors"][0]["detail"].as_str().unwrap();
            let is_range = detail.contains("a whole number from ")
                || detail.starts_with("must be ")
                || detail.contains("1 to ");
            assert!(is_range, "{member:?} {number}: {detail}");
            let words: Vec<_> = detail.split(|c: char| !c.is_alphanumeric()).collect();
            assert!(
                !words
                    .iter()
                    .any(|word| ["u8", "u16", "u32", "u64", "i64", "usize"].contains(word)),
                "{detail}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_spellings_of_a_whole_number_are_the_same_request() {
    let app = TestApp::start().await;
    assert_eq!(route(&app, "acme", "v1").await.status, 201);
    let put = async |weight: &str| {
        let body = format!(
            "{{\"split\": [{{\"version\": \"v1\", \"weight\": {weight}}}], \"failover\": [\"v1\"]}}"
        );
        app.put("/policies/acme/web/prod")
            .header("idempotency-key", "same")
            .body("application/json", body)
            .send()
            .await
    };
    let first = put("50").await;
    assert_eq!(
        (first.status.as_u16(), &first.json["split"][0]["weight"]),
        (201, &json!(50))
    );
    for spelled in ["50.0", "5e1", "0.5E+2", "5000e-2"] {
        let again = put(spelled).await;
        assert_eq!(
            (again.header("idempotency-replayed"), &again.json),
            ("true", &first.json),
            "{spelled}"
        );
    }
    let zero = json!({"split": [{"version": "v1", "weight": 0}]})
        .to_string()
        .replace('0', "-0");
    let answer = app
        .put("/policies/acme/web/prod")
        .body("application/json", zero)
        .problem(422, "invalid_request")
        .await;
    assert_eq!(
        answer.pointers(),
        ["/split"],
        "-0 is a weight, and not enough"
    );
    let yaml = "policies:\n- {service: web, env: prod, split: [{version: v1, weight: 5.5e+1}]}\n";
    let plan = app
        .post("/tenants/acme/plans")
        .body("application/yaml", yaml)
        .expect(201)
        .await;
    assert_eq!(plan.json["changes"][0]["after"]["split"][0]["weight"], 55);
    let plan = app
        .post("/tenants/acme/rollback")
        .body("application/json", "{\"to\": 10e-1}")
        .expect(201)
        .await;
    assert_eq!(plan.json["summary"]["delete"], 1);
    let quotas = app
        .patch("/tenants/acme")
        .body("application/json", "{\"quotas\": {\"routes\": 1e3}}")
        .expect(200)
        .await;
    assert_eq!(quotas.json["quotas"]["routes"], 1000);
}
