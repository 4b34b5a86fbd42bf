//! Every operation of the OpenAPI document has a method, and is sent as the document says.

use std::collections::BTreeMap;

use serde_json::Value;
use traffic_manager_client::{Client, Effect};

/// Returns `listRoutes` as `list_routes`.
fn snake_case(id: &str) -> String {
    let mut name = String::new();
    for c in id.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Returns the names of an operation's parameters.
fn parameters<'a>(document: &'a Value, operation: &'a Value) -> Vec<&'a str> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let named = parameters.map(|parameter| match parameter["$ref"].as_str() {
        Some(reference) => &document.pointer(&reference[1..]).unwrap()["name"],
        None => &parameter["name"],
    });
    named.map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn every_operation_of_the_document_has_a_method() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut expected = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else {
                continue;
            };
            let names = parameters(&document, operation);
            let effect = match (method.as_str(), &names) {
                ("get", names) if names.contains(&"TM-Min-Revision") => Effect::ReadTenant,
                ("get", _) => Effect::Read,
                (_, names) if names.contains(&"Idempotency-Key") => Effect::Write,
                _ => Effect::WriteOnce,
            };
            let row = (method.to_ascii_uppercase(), path.clone(), effect);
            expected.insert(snake_case(id), row);
        }
    }
    let found: BTreeMap<_, _> = Client::operations()
        .map(|row| {
            let line = (row.method.to_string(), row.path.to_owned(), row.effect);
            (row.name.to_owned(), line)
        })
        .collect();
    assert!(found.len() > 70, "{}", found.len());
    assert_eq!(found.len(), Client::operations().count(), "a name twice");
    for (name, row) in &expected {
        assert_eq!(found.get(name), Some(row), "{name}");
    }
    let unknown: Vec<_> = found
        .keys()
        .filter(|name| !expected.contains_key(*name))
        .collect();
    assert!(unknown.is_empty(), "no such operations: {unknown:?}");
}
