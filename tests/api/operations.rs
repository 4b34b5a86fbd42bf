//! The operations of the OpenAPI document, for tests that walk over all of them: a new endpoint is walked over without a line here.

use std::sync::LazyLock;

use serde_json::{Value, json};
use traffic_manager::http::openapi;

static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::document);

/// What is referred to, or what stands there.
pub fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => resolved(DOCUMENT.pointer(reference.trim_start_matches('#')).expect(reference)),
        None => value,
    }
}

/// One operation.
pub struct Operation {
    pub method: String,
    pub template: &'static str,
    operation: &'static Value,
}

/// A parameter of a query, or a header.
pub struct Parameter {
    pub name: &'static str,
    pub is_required: bool,
    pub schema: &'static Value,
    /// The name of its schema, if it has one.
    pub schema_name: &'static str,
}

/// All operations of the API itself.
pub fn all() -> Vec<Operation> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/v1/"));
    let of_path = |(template, item): (&'static String, &'static Value)| {
        let methods = item
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| ["get", "post", "put", "patch", "delete"].contains(&name.as_str()));
        methods.map(move |(name, operation)| Operation { method: name.to_uppercase(), template, operation })
    };
    let all: Vec<_> = paths.flat_map(of_path).collect();
    assert!(all.len() > 50, "{}", all.len());
    all
}

impl Operation {
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }

    /// The path with the names of what the tests make: acme/web/prod/v1.
    pub fn path(&self) -> String {
        let value = |name: &str| match name {
            "tenant" => "acme",
            "service" => "web",
            "env" => "prod",
            "version" => "v1",
            "key_id" => "000000000000",
            "letter_id" => "0-0",
            "dependency" => "mongo",
            "id" | "replay_id" => "01a1fd21-de3d-7778-bc54-13f5856b700d",
            other => panic!("{}: the walk has no value for {other}", self.name()),
        };
        let parts =
            self.template.split('/').map(|part| part.strip_prefix('{').map_or(part, |name| value(name.trim_end_matches('}'))));
        parts.collect::<Vec<_>>().join("/")
    }

    fn parameters(&self, place: &str) -> Vec<Parameter> {
        let all = self.operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let of_place = all.iter().map(resolved).filter(|parameter| parameter["in"] == *place);
        of_place
            .map(|parameter| Parameter {
                name: parameter["name"].as_str().unwrap(),
                is_required: parameter["required"] == true,
                schema: resolved(&parameter["schema"]),
                schema_name: parameter["schema"]["$ref"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default(),
            })
            .collect()
    }

    pub fn query(&self) -> Vec<Parameter> {
        self.parameters("query")
    }

    pub fn headers(&self) -> Vec<Parameter> {
        self.parameters("header")
    }

    /// A query with what the operation requires, without a name. `tag` is one that the tenant has had.
    pub fn required_query(&self, tag: &str, without: &[&str]) -> String {
        let required = self.query().into_iter().filter(|parameter| parameter.is_required && !without.contains(&parameter.name));
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
        required.map(|parameter| format!("{}={}", parameter.name, value(parameter.name))).collect::<Vec<_>>().join("&")
    }

    /// Whether its usual answer has an entity tag.
    pub fn has_tag(&self) -> bool {
        resolved(&self.operation["responses"]["200"])["headers"].get("ETag").is_some()
    }

    /// The media types of its body.
    pub fn media_types(&self) -> Vec<&'static str> {
        let content = self.operation["requestBody"]["content"].as_object();
        content.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    /// The body of the document's example, if it takes one.
    pub fn example(&self) -> Option<Value> {
        self.operation["requestBody"]["content"]["application/json"].get("example").cloned()
    }

    /// The example with another text at a place of [`Operation::texts`], and nothing else wrong with it.
    pub fn body_with(&self, pointer: &str, text: &str) -> Value {
        with(around(self.example().expect("a body"), pointer), pointer, json!(text))
    }

    /// Every text in its body, as JSON pointers, with the schema of each.
    pub fn texts(&self) -> Vec<(String, &'static Value)> {
        let mut found = Vec::new();
        let schema = &self.operation["requestBody"]["content"]["application/json"]["schema"];
        if !schema.is_null() {
            walk(schema, "", self.example().as_ref().unwrap_or(&Value::Null), 0, &mut found);
        }
        found
    }
}

/// What must stand around a text so that nothing else is wrong.
fn around(mut body: Value, pointer: &str) -> Value {
    let route = json!({ "service": "web", "env": "prod", "version": "v1", "url": "http://a.example" });
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
    // A condition has one of its members.
    match pointer.rsplit_once('/') {
        Some((parent, "exact" | "prefix" | "regex" | "suffix" | "contains")) => with(body, parent, json!({})),
        _ => body,
    }
}

/// The texts below a schema. In lists it goes into the first item, in maps into the example's first member.
fn walk(schema: &'static Value, place: &str, example: &Value, depth: usize, found: &mut Vec<(String, &'static Value)>) {
    let schema = resolved(schema);
    if depth > 12 {
        return;
    }
    if schema["type"] == "string" || schema["type"].as_array().is_some_and(|types| types.contains(&json!("string"))) {
        found.push((place.to_owned(), schema));
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        walk(member, &format!("{place}/{name}"), &example[name], depth + 1, found);
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{place}/0"), &example[0], depth + 1, found);
    }
    if schema["additionalProperties"].is_object() {
        let first = example.as_object().and_then(|members| members.keys().next().cloned()).unwrap_or_else(|| "k".to_owned());
        walk(&schema["additionalProperties"], &format!("{place}/{first}"), &example[&first], depth + 1, found);
    }
    for name in ["anyOf", "oneOf", "allOf"] {
        for choice in schema[name].as_array().into_iter().flatten() {
            walk(choice, place, example, depth + 1, found);
        }
    }
}

/// `body` with `value` at a JSON pointer. What stands in the way is made.
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
                at.as_object_mut().unwrap().entry(part).or_insert(Value::Null)
            }
        };
    }
    *at = value;
    body
}
