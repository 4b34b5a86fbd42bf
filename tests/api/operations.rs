//! The operations of the OpenAPI document, for tests that walk over all of them: a new endpoint
//! needs no change here.

use std::sync::LazyLock;

use serde_json::{Value, json};
use traffic_manager::http::document;

static DOCUMENT: LazyLock<Value> = LazyLock::new(document::openapi);

/// Returns the value that a `$ref` refers to, or the value itself if it has no `$ref`.
pub fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => resolved(
            DOCUMENT
                .pointer(reference.trim_start_matches('#'))
                .expect(reference),
        ),
        None => value,
    }
}

/// An operation of the OpenAPI document.
pub struct Operation {
    pub method: String,
    pub template: &'static str,
    operation: &'static Value,
}

/// A parameter: of the query, or a header.
pub struct Parameter {
    pub name: &'static str,
    pub is_required: bool,
    pub schema: &'static Value,
    /// The schema's name, if it has one.
    pub schema_name: &'static str,
}

/// Returns all operations with a path below `/api/v1/`.
pub fn all() -> Vec<Operation> {
    let paths = DOCUMENT["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, _)| path.starts_with("/api/v1/"));
    let of_path = |(template, item): (&'static String, &'static Value)| {
        let methods =
            item.as_object().unwrap().iter().filter(|(name, _)| {
                ["get", "post", "put", "patch", "delete"].contains(&name.as_str())
            });
        methods.map(move |(name, operation)| Operation {
            method: name.to_uppercase(),
            template,
            operation,
        })
    };
    let all: Vec<_> = paths.flat_map(of_path).collect();
    assert!(all.len() > 50, "{}", all.len());
    all
}

impl Operation {
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }

    /// Returns the path with the names of the objects that the tests make: acme/web/prod/v1.
    pub fn path(&self) -> String {
        let value = |name: &str| match name {
            "tenant" => "acme",
            "service" => "web",
            "env" => "prod",
            "version" => "v1",
            "dialect" => "nginx",
            "node" => "edge-1",
            "key_id" => "000000000000",
            "letter_id" => "0-0",
            "dependency" => "mongo",
            "id" | "replay_id" => "01a1fd21-de3d-7778-bc54-13f5856b700d",
            other => panic!("{}: the walk has no value for {other}", self.name()),
        };
        let parts = self.template.split('/').map(|part| {
            part.strip_prefix('{')
                .map_or(part, |name| value(name.trim_end_matches('}')))
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn parameters(&self, place: &str) -> Vec<Parameter> {
        let all = self.operation["parameters"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let of_place = all
            .iter()
            .map(resolved)
            .filter(|parameter| parameter["in"] == *place);
        of_place
            .map(|parameter| Parameter {
                name: parameter["name"].as_str().unwrap(),
                is_required: parameter["required"] == true,
                schema: resolved(&parameter["schema"]),
                schema_name: parameter["schema"]["$ref"]
                    .as_str()
                    .and_then(|name| name.rsplit('/').next())
                    .unwrap_or_default(),
            })
            .collect()
    }

    pub fn query(&self) -> Vec<Parameter> {
        self.parameters("query")
    }

    pub fn headers(&self) -> Vec<Parameter> {
        self.parameters("header")
    }

    /// Returns a query with the parameters that the operation requires, except those in `without`.
    /// `tag` is a tag that the tenant has had.
    pub fn required_query(&self, tag: &str, without: &[&str]) -> String {
        let required = self
            .query()
            .into_iter()
            .filter(|parameter| parameter.is_required && !without.contains(&parameter.name));
        let value = |name: &str| match name {
            "tenant" => "acme".to_owned(),
            "service" => "web".to_owned(),
            "env" => "prod".to_owned(),
            "version" => "v1".to_owned(),
            "action" => "created".to_owned(),
            "after" | "from" => tag.to_owned(),
            "start_time" => "2026-01-01T00:00:00Z".to_owned(),
            "end_time" => "2026-01-02T00:00:00Z".to_owned(),
            other => panic!("{}: the walk has no value for ?{other}", self.name()),
        };
        required
            .map(|parameter| format!("{}={}", parameter.name, value(parameter.name)))
            .collect::<Vec<_>>()
            .join("&")
    }

    /// Returns whether the answer 200 has an entity tag.
    pub fn has_tag(&self) -> bool {
        resolved(&self.operation["responses"]["200"])["headers"]
            .get("ETag")
            .is_some()
    }

    /// Returns the media types that the body may have.
    pub fn media_types(&self) -> Vec<&'static str> {
        let content = self.operation["requestBody"]["content"].as_object();
        content
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Returns the document's example of the body, if the operation takes a body.
    pub fn example(&self) -> Option<Value> {
        self.operation["requestBody"]["content"]["application/json"]
            .get("example")
            .cloned()
    }

    /// Returns the example with another text at a pointer of [`Operation::texts`]. The rest of the
    /// body is valid.
    pub fn body_with(&self, pointer: &str, text: &str) -> Value {
        with(
            around(self.example().expect("a body"), pointer),
            pointer,
            json!(text),
        )
    }

    /// Returns the JSON pointers of all texts in the body, with the schema of each.
    pub fn texts(&self) -> Vec<(String, &'static Value)> {
        let mut found = Vec::new();
        let schema = &self.operation["requestBody"]["content"]["application/json"]["schema"];
        if !schema.is_null() {
            walk(
                schema,
                "",
                self.example().as_ref().unwrap_or(&Value::Null),
                0,
                &mut found,
            );
        }
        found
    }
}

/// Adds the members around a text that make the rest of the body valid.
fn around(mut body: Value, pointer: &str) -> Value {
    let route =
        json!({ "service": "web", "env": "prod", "version": "v1", "url": "http://a.example" });
    let policy = json!({ "service": "web", "env": "prod" });
    for (object, whole) in [("route", route), ("policy", policy)] {
        if pointer.starts_with(&format!("/changes/0/{object}/")) {
            body["changes"] = json!([{ "action": "put", object: whole }]);
        }
    }
    if let Some((list, _)) = pointer.split_once("/rules/0/") {
        let rule = json!({ "match": { "headers": { "x-beta": { "present": true } } }, "name": "n", "version": "v1" });
        body = with(body, &format!("{list}/rules"), json!([rule]));
    }
    // A condition has exactly one of these members.
    match pointer.rsplit_once('/') {
        Some((parent, "exact" | "prefix" | "regex" | "suffix" | "contains")) => {
            with(body, parent, json!({}))
        }
        _ => body,
    }
}

/// Collects the texts below a schema. Goes into the first item of each list, and into the example's
/// first member of each map.
fn walk(
    schema: &'static Value,
    place: &str,
    example: &Value,
    depth: usize,
    found: &mut Vec<(String, &'static Value)>,
) {
    let schema = resolved(schema);
    if depth > 12 {
        return;
    }
    if schema["type"] == "string"
        || schema["type"]
            .as_array()
            .is_some_and(|types| types.contains(&json!("string")))
    {
        found.push((place.to_owned(), schema));
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        walk(
            member,
            &format!("{place}/{name}"),
            &example[name],
            depth + 1,
            found,
        );
    }
    if schema["items"].is_object() {
        walk(
            &schema["items"],
            &format!("{place}/0"),
            &example[0],
            depth + 1,
            found,
        );
    }
    if schema["additionalProperties"].is_object() {
        let first = example
            .as_object()
            .and_then(|members| members.keys().next().cloned())
            .unwrap_or_else(|| "k".to_owned());
        walk(
            &schema["additionalProperties"],
            &format!("{place}/{first}"),
            &example[&first],
            depth + 1,
            found,
        );
    }
    for name in ["anyOf", "oneOf", "allOf"] {
        for choice in schema[name].as_array().into_iter().flatten() {
            walk(choice, place, example, depth + 1, found);
        }
    }
}

/// Returns `body` with `value` at a JSON pointer. Objects and lists that the pointer needs are
/// made.
fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let mut at = &mut body;
    for part in pointer.split('/').skip(1) {
        at = match part.parse::<usize>() {
            Ok(index) => {
                if !at.is_array() {
                    *at = json!([]);
                }
                let items = at.as_array_mut().unwrap();
                items.resize(items.len().max(index + 1), Value::Null);
                &mut items[index]
            }
            Err(_) => {
                if !at.is_object() {
                    *at = json!({});
                }
                at.as_object_mut()
                    .unwrap()
                    .entry(part)
                    .or_insert(Value::Null)
            }
        };
    }
    *at = value;
    body
}
