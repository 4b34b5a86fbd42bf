//! Checks that code generators understand the whole document, and that it is open for additions.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use traffic_manager::http::document;

/// The largest value of a 32-bit integer, which generators use for integers without a format.
const MAX_INT32: u64 = i32::MAX as u64;

/// Calls `visit` for each object in the document that is no example, with its JSON pointer.
fn each(value: &Value, pointer: &str, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(pointer, members);
            for (name, member) in members {
                if name != "example" && name != "examples" {
                    each(
                        member,
                        &format!("{pointer}/{}", name.replace('/', "~1")),
                        visit,
                    );
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                each(item, &format!("{pointer}/{at}"), visit);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the pointers of the objects for which `is_wrong` is true.
fn wrong(document: &Value, is_wrong: impl Fn(&Map<String, Value>) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    each(document, "", &mut |pointer, members| {
        // A member of an object may have the name of a keyword.
        if !pointer.ends_with("/properties") && is_wrong(members) {
            found.push(pointer.to_owned());
        }
    });
    found
}

fn has_type(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.contains(&json!(name)),
        _ => false,
    }
}

/// Returns the names of the schemas that a part of the document refers to, directly or through
/// other schemas.
fn reached(document: &Value, part: &Value, names: &mut BTreeSet<String>) {
    let mut found = Vec::new();
    each(part, "", &mut |_, members| {
        found.extend(
            members
                .get("$ref")
                .and_then(Value::as_str)
                .map(str::to_owned),
        );
    });
    for reference in found {
        let target = document.pointer(&reference[1..]).expect(&reference);
        match reference.strip_prefix("#/components/schemas/") {
            Some(name) if !names.insert(name.to_owned()) => {}
            _ => reached(document, target, names),
        }
    }
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((format!("{method} {path}"), operation));
        }
    }
    all
}

#[test]
fn every_constant_and_enumeration_has_a_type() {
    let document = document::openapi();
    let untyped = wrong(&document, |schema| {
        (schema.contains_key("const") || schema.contains_key("enum"))
            && !schema.contains_key("type")
    });
    assert_eq!(untyped, Vec::<String>::new());
    let described = wrong(&document, |schema| {
        schema
            .get("oneOf")
            .is_some_and(|choices| choices.to_string().contains("\"const\""))
    });
    assert_eq!(described, Vec::<String>::new());
}

#[test]
fn every_integer_that_may_exceed_32_bits_is_an_int64() {
    let document = document::openapi();
    let narrow = wrong(&document, |schema| {
        let fits = schema
            .get("maximum")
            .and_then(Value::as_u64)
            .is_some_and(|most| most <= MAX_INT32)
            || schema.get("format") == Some(&json!("int32"));
        has_type(schema, "integer") && !fits && schema.get("format") != Some(&json!("int64"))
    });
    assert_eq!(narrow, Vec::<String>::new());
    let unsigned = wrong(&document, |schema| {
        schema
            .get("format")
            .and_then(Value::as_str)
            .is_some_and(|format| format.starts_with("uint"))
    });
    assert_eq!(unsigned, Vec::<String>::new());
}

#[test]
fn no_schema_has_conditions_or_alternatives_of_patterns() {
    let document = document::openapi();
    let conditional = wrong(&document, |schema| {
        schema.contains_key("if") || schema.contains_key("allOf")
    });
    assert_eq!(conditional, Vec::<String>::new());
    let bare = wrong(&document, |schema| {
        ["anyOf", "oneOf"].iter().any(|keyword| {
            let choices = schema.get(*keyword).and_then(Value::as_array);
            choices.into_iter().flatten().any(|choice| {
                ["type", "$ref", "anyOf"]
                    .iter()
                    .all(|known| choice.get(known).is_none())
            })
        })
    });
    assert_eq!(bare, Vec::<String>::new());
}

#[test]
fn answers_stay_open_and_requests_are_closed() {
    let document = document::openapi();
    let (mut sent, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for (_, operation) in operations(&document) {
        reached(&document, &operation["requestBody"], &mut sent);
        reached(&document, &operation["responses"], &mut answered);
    }
    let schema = |name: &String| &document["components"]["schemas"][name];
    let closed: Vec<_> = answered
        .iter()
        .filter(|name| {
            schema(name)
                .to_string()
                .contains("\"additionalProperties\":false")
        })
        .collect();
    assert!(closed.is_empty(), "answered, but closed: {closed:?}");
    let opened: Vec<_> = sent
        .iter()
        .filter(|name| schema(name).get("properties").is_some())
        .filter(|name| schema(name)["additionalProperties"] != false)
        .collect();
    assert!(opened.is_empty(), "sent, but open: {opened:?}");
}

#[test]
fn every_error_is_the_same_problem_with_its_codes() {
    let document = document::openapi();
    let mut count = 0;
    for (place, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let target = answer["$ref"]
                .as_str()
                .and_then(|reference| document.pointer(&reference[1..]));
            let answer = target.unwrap_or(answer);
            let content = &answer["content"]["application/problem+json"];
            if content.is_null() {
                assert!(status.starts_with(['2', '3']), "{place} {status}");
                continue;
            }
            count += 1;
            let schema = json!({ "$ref": "#/components/schemas/Problem" });
            assert_eq!(content["schema"], schema, "{place} {status}");
            let codes = answer["x-codes"].as_array().unwrap();
            let examples = content["examples"].as_object().unwrap();
            let mut codes: Vec<_> = codes.iter().filter_map(Value::as_str).collect();
            codes.sort_unstable();
            let examples: Vec<_> = examples.keys().map(String::as_str).collect();
            assert_eq!(codes, examples, "{place} {status}");
        }
    }
    assert!(count > 400, "{count}");
}

#[test]
fn names_of_operations_and_schemas_say_what_they_are() {
    let document = document::openapi();
    let verbs = [
        "activate",
        "apply",
        "cancel",
        "create",
        "deactivate",
        "delete",
        "diff",
        "discard",
        "export",
        "force",
        "get",
        "list",
        "patch",
        "put",
        "redrive",
        "release",
        "report",
        "resolve",
        "revoke",
        "rotate",
        "stream",
        "upsert",
        "verify",
    ];
    for (place, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let verb = id.split(char::is_uppercase).next().unwrap();
        assert!(verbs.contains(&verb), "{place}: {id}");
        let summary = operation["summary"].as_str().unwrap();
        assert!(
            summary.starts_with(char::is_uppercase) && !summary.ends_with('.'),
            "{place}: {summary}"
        );
        assert!(summary.len() < 72, "{place}: {summary}");
    }
    for section in document["components"].as_object().unwrap().values() {
        for name in section.as_object().unwrap().keys() {
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
                "{name}"
            );
        }
    }
    // schemars numbers types that have the same name.
    for name in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        assert!(
            !name.ends_with(|c: char| c.is_ascii_digit()) || name == "Sha256",
            "{name}"
        );
    }
}
