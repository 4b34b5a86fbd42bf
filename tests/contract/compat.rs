//! Finds the changes of a document that would break a client of an older one. Additions are fine.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The direction of a value: requests may accept more and not less, and answers may not lose a
/// member that clients read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// Two documents, and the breaking changes found in the second.
struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    found: BTreeSet<String>,
    /// Pairs of references under comparison, so that recursive schemas end.
    open: Vec<(String, String)>,
}

/// Returns every way in which `new` breaks a promise of `old`.
pub fn breakages(old: &Value, new: &Value) -> BTreeSet<String> {
    let mut comparison = Comparison {
        old,
        new,
        found: BTreeSet::new(),
        open: Vec::new(),
    };
    for (path, item) in object(&old["paths"]) {
        for (method, operation) in object(item) {
            let place = format!("{method} {path}");
            match new["paths"].get(path).and_then(|item| item.get(method)) {
                None => comparison.found(&place, "is gone"),
                Some(now) => comparison.operation(&place, operation, now),
            }
        }
    }
    // Code generators make the names of types from the names of schemas.
    for name in object(&old["components"]["schemas"]).keys() {
        if new["components"]["schemas"].get(name).is_none() {
            comparison.found(&format!("schema {name}"), "is gone");
        }
    }
    comparison.found
}

impl Comparison<'_> {
    fn found(&mut self, place: &str, what: &str) {
        self.found.insert(format!("{place}: {what}"));
    }

    fn operation(&mut self, place: &str, old: &Value, new: &Value) {
        // Code generators make the names of functions from it.
        if !old["operationId"].is_null() && old["operationId"] != new["operationId"] {
            self.found(place, "operationId is another");
        }
        self.parameters(place, &old["parameters"], &new["parameters"]);
        self.request_body(
            &format!("{place} body"),
            &old["requestBody"],
            &new["requestBody"],
        );
        for (status, answer) in object(&old["responses"]) {
            let place = format!("{place} {status}");
            match new["responses"].get(status) {
                None => self.found(&place, "is gone"),
                Some(now) => self.answer(
                    &place,
                    &resolved(self.old, answer),
                    &resolved(self.new, now),
                ),
            }
        }
    }

    fn parameters(&mut self, place: &str, old: &Value, new: &Value) {
        let key =
            |parameter: &Value| format!("{} {}", text(&parameter["in"]), text(&parameter["name"]));
        let whole = |document, list| {
            array(list)
                .iter()
                .map(|one| resolved(document, one))
                .collect::<Vec<_>>()
        };
        let (old, new) = (whole(self.old, old), whole(self.new, new));
        for parameter in &old {
            let place = format!("{place} {}", key(parameter));
            match new.iter().find(|now| key(now) == key(parameter)) {
                None => self.found(&place, "is gone"),
                Some(now) => {
                    if parameter["required"] != true && now["required"] == true {
                        self.found(&place, "has become required");
                    }
                    self.schema(&place, &parameter["schema"], &now["schema"], Way::In);
                }
            }
        }
        for now in new.iter().filter(|now| now["required"] == true) {
            if !old.iter().any(|parameter| key(parameter) == key(now)) {
                self.found(&format!("{place} {}", key(now)), "is new and required");
            }
        }
    }

    fn request_body(&mut self, place: &str, old: &Value, new: &Value) {
        if old["required"] != true && new["required"] == true {
            self.found(place, "has become required");
        }
        self.content(place, &old["content"], &new["content"], Way::In);
    }

    fn answer(&mut self, place: &str, old: &Value, new: &Value) {
        let codes = array(&new["x-codes"]);
        for code in array(&old["x-codes"]) {
            if !codes.contains(code) {
                self.found(place, &format!("the code {code} is gone"));
            }
        }
        for (name, header) in object(&old["headers"]) {
            let place = format!("{place} header {name}");
            match new["headers"].get(name) {
                None => self.found(&place, "is gone"),
                Some(now) => {
                    let (header, now) = (resolved(self.old, header), resolved(self.new, now));
                    if header["required"] == true && now["required"] != true {
                        self.found(&place, "is not certain any more");
                    }
                    self.schema(&place, &header["schema"], &now["schema"], Way::Out);
                }
            }
        }
        self.content(place, &old["content"], &new["content"], Way::Out);
    }

    fn content(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        for (media_type, content) in object(old) {
            let place = format!("{place} {media_type}");
            match new.get(media_type) {
                None => self.found(&place, "is gone"),
                Some(now) => self.schema(&place, &content["schema"], &now["schema"], way),
            }
        }
    }

    fn schema(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        let references = (text(&old["$ref"]).to_owned(), text(&new["$ref"]).to_owned());
        if !references.0.is_empty() && self.open.contains(&references) {
            return;
        }
        self.open.push(references);
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        self.types(place, &old, &new, way);
        self.values(place, &old, &new);
        self.bounds(place, &old, &new, way);
        self.members(place, &old, &new, way);
        self.choices(place, &old, &new, way);
        for inner in ["items", "additionalProperties", "propertyNames"] {
            if old[inner].is_object() || new[inner].is_object() {
                self.schema(&format!("{place}/{inner}"), &old[inner], &new[inner], way);
            }
        }
        self.open.pop();
    }

    fn types(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        let (old, new) = (types(old), types(new));
        let (Some(old), Some(new)) = (old, new) else {
            return;
        };
        let has = |set: &BTreeSet<String>, name: &str| {
            set.contains(name) || (name == "integer" && set.contains("number"))
        };
        let (from, to) = if way == Way::In {
            (&old, &new)
        } else {
            (&new, &old)
        };
        for name in from.iter().filter(|name| !has(to, name)) {
            self.found(
                place,
                &format!(
                    "{name} is {}",
                    if way == Way::In {
                        "not taken any more"
                    } else {
                        "answered now"
                    }
                ),
            );
        }
    }

    /// Compares enumerations and patterns: fewer values, or another pattern, is a breaking change.
    fn values(&mut self, place: &str, old: &Value, new: &Value) {
        if let Some(now) = values(new) {
            match values(old) {
                None => self.found(place, "only some values are left"),
                Some(old) => {
                    for value in old.iter().filter(|value| !now.contains(value)) {
                        self.found(place, &format!("{value} is gone"));
                    }
                }
            }
        }
        for keyword in ["pattern", "format"] {
            if !new[keyword].is_null() && old[keyword] != new[keyword] {
                self.found(place, &format!("{keyword} is another"));
            }
        }
    }

    /// The bounds of requests may not become narrower. The bounds of answers are not checked here:
    /// a wider range is an addition.
    fn bounds(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        if way == Way::Out {
            return;
        }
        for keyword in [
            "maximum",
            "maxLength",
            "maxItems",
            "maxProperties",
            "minimum",
            "minLength",
            "minItems",
            "minProperties",
        ] {
            let (was, is) = (old[keyword].as_f64(), new[keyword].as_f64());
            let narrower = match (was, is) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(was), Some(is)) => {
                    if keyword.starts_with("max") {
                        is < was
                    } else {
                        is > was
                    }
                }
            };
            if narrower {
                self.found(place, &format!("{keyword} is narrower"));
            }
        }
        if old["additionalProperties"] != false
            && new["additionalProperties"] == false
            && old.is_object()
        {
            self.found(place, "takes no further members any more");
        }
    }

    fn members(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        for (name, member) in object(&old["properties"]) {
            let place = format!("{place}/{name}");
            match new["properties"].get(name) {
                None => self.found(&place, "is gone"),
                Some(now) => self.schema(&place, member, now, way),
            }
        }
        let (was, is) = (names(&old["required"]), names(&new["required"]));
        let (from, to, what) = match way {
            Way::In => (&is, &was, "is required now"),
            Way::Out => (&was, &is, "is not certain any more"),
        };
        for name in from.difference(to) {
            self.found(&format!("{place}/{name}"), what);
        }
    }

    /// Compares the alternatives (`anyOf`, `oneOf`) or the parts (`allOf`) of a schema, in the
    /// order of their declaration.
    fn choices(&mut self, place: &str, old: &Value, new: &Value, way: Way) {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let (was, is) = (array(&old[keyword]), array(&new[keyword]));
            let lost = if keyword == "allOf" {
                is.len() > was.len() && way == Way::In
            } else {
                is.len() < was.len()
            };
            if lost {
                self.found(place, &format!("{keyword} takes less"));
            }
            for (at, (old, new)) in was.iter().zip(is).enumerate() {
                self.schema(&format!("{place}/{keyword}/{at}"), old, new, way);
            }
        }
    }
}

/// Follows a `$ref` into the document, or returns the schema itself.
fn resolved(document: &Value, schema: &Value) -> Value {
    let target = schema["$ref"]
        .as_str()
        .and_then(|reference| document.pointer(reference.trim_start_matches('#')));
    target.unwrap_or(schema).clone()
}

fn types(schema: &Value) -> Option<BTreeSet<String>> {
    match &schema["type"] {
        Value::String(name) => Some([name.clone()].into()),
        Value::Array(_) => Some(names(&schema["type"])),
        _ => None,
    }
}

fn values(schema: &Value) -> Option<Vec<Value>> {
    match schema.get("const") {
        Some(value) => Some(vec![value.clone()]),
        None => schema["enum"].as_array().cloned(),
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&EMPTY)
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn names(value: &Value) -> BTreeSet<String> {
    array(value)
        .iter()
        .map(|name| text(name).to_owned())
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A change to a document.
type Change = Box<dyn Fn(&mut Value)>;

/// Applies `change` to a small document and returns the breaking changes.
fn after(change: impl Fn(&mut Value)) -> Vec<String> {
    let old = json!({
        "paths": { "/things": { "post": {
            "operationId": "makeThing",
            "parameters": [
                { "name": "limit", "in": "query", "required": false, "schema": { "type": "integer", "minimum": 1, "maximum": 200 } },
                { "name": "kind", "in": "query", "required": true, "schema": { "$ref": "#/components/schemas/Kind" } },
            ],
            "requestBody": { "required": false, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ThingIn" } } } },
            "responses": {
                "200": {
                    "headers": { "ETag": { "required": true, "schema": { "type": "string" } } },
                    "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } },
                },
                "409": {
                    "headers": {}, "x-codes": ["a", "b"],
                    "content": { "application/problem+json": { "schema": { "type": "object" } } },
                },
            },
        } } },
        "components": { "schemas": {
            "Kind": { "type": "string", "enum": ["x", "y"] },
            "ThingIn": {
                "type": "object", "required": ["name"], "additionalProperties": false,
                "properties": { "name": { "type": "string", "pattern": "^a$", "maxLength": 9 }, "note": { "type": ["string", "null"] } },
            },
            "Thing": {
                "type": "object", "required": ["name", "size"],
                "properties": {
                    "name": { "type": "string" }, "size": { "type": "integer" },
                    "inner": { "anyOf": [{ "$ref": "#/components/schemas/Thing" }, { "type": "null" }] },
                },
            },
        } },
    });
    let mut new = old.clone();
    change(&mut new);
    breakages(&old, &new).into_iter().collect()
}

const POST: &str = "/paths/~1things/post";

fn set(pointer: impl Into<String>, value: Value) -> impl Fn(&mut Value) {
    let pointer = pointer.into();
    move |document| {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = document
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("{pointer}"));
        match member.parse::<usize>() {
            Ok(at) if parent.is_array() => parent[at] = value.clone(),
            _ => parent[member] = value.clone(),
        }
    }
}

fn without(pointer: impl Into<String>, member: &'static str) -> impl Fn(&mut Value) {
    let pointer = pointer.into();
    move |document| {
        let parent = document
            .pointer_mut(&pointer)
            .unwrap_or_else(|| panic!("{pointer}"));
        parent
            .as_object_mut()
            .unwrap()
            .remove(member)
            .unwrap_or_else(|| panic!("{pointer}/{member}"));
    }
}

#[test]
fn compatibility_check_finds_each_breakage() {
    let schema = |rest: &str| format!("/components/schemas/{rest}");
    let post = |rest: &str| format!("{POST}/{rest}");
    let cases: Vec<(&str, Change, &str)> = vec![
        (
            "a path",
            Box::new(without("/paths", "/things")),
            "post /things: is gone",
        ),
        (
            "an operation",
            Box::new(without("/paths/~1things", "post")),
            "post /things: is gone",
        ),
        (
            "a status",
            Box::new(without(post("responses"), "409")),
            "post /things 409: is gone",
        ),
        (
            "a header",
            Box::new(without(post("responses/200/headers"), "ETag")),
            "post /things 200 header ETag: is gone",
        ),
        (
            "a certain header",
            Box::new(set(
                post("responses/200/headers/ETag/required"),
                json!(false),
            )),
            "post /things 200 header ETag: is not certain any more",
        ),
        (
            "a media type",
            Box::new(without(post("responses/200/content"), "application/json")),
            "post /things 200 application/json: is gone",
        ),
        (
            "a media type that is taken",
            Box::new(without(post("requestBody/content"), "application/json")),
            "post /things body application/json: is gone",
        ),
        (
            "a parameter",
            Box::new(set(post("parameters/0/name"), json!("most"))),
            "post /things query limit: is gone",
        ),
        (
            "an optional parameter",
            Box::new(set(post("parameters/0/required"), json!(true))),
            "post /things query limit: has become required",
        ),
        (
            "a new parameter",
            Box::new(|document: &mut Value| {
                let parameters = document
                    .pointer_mut(&format!("{POST}/parameters"))
                    .unwrap()
                    .as_array_mut()
                    .unwrap();
                parameters
                    .push(json!({ "name": "n", "in": "query", "required": true, "schema": {} }));
            }),
            "post /things query n: is new and required",
        ),
        (
            "a maximum",
            Box::new(set(post("parameters/0/schema/maximum"), json!(100))),
            "post /things query limit: maximum is narrower",
        ),
        (
            "a minimum",
            Box::new(set(post("parameters/0/schema/minimum"), json!(2))),
            "post /things query limit: minimum is narrower",
        ),
        (
            "a type",
            Box::new(set(post("parameters/0/schema/type"), json!("string"))),
            "post /things query limit: integer is not taken any more",
        ),
        (
            "a value",
            Box::new(set(schema("Kind/enum"), json!(["x"]))),
            "post /things query kind: \"y\" is gone",
        ),
        (
            "an optional body",
            Box::new(set(post("requestBody/required"), json!(true))),
            "post /things body: has become required",
        ),
        (
            "a pattern",
            Box::new(set(schema("ThingIn/properties/name/pattern"), json!("^b$"))),
            "post /things body application/json/name: pattern is another",
        ),
        (
            "a new pattern",
            Box::new(set(schema("ThingIn/properties/note/pattern"), json!("^b$"))),
            "post /things body application/json/note: pattern is another",
        ),
        (
            "a length",
            Box::new(set(schema("ThingIn/properties/name/maxLength"), json!(8))),
            "post /things body application/json/name: maxLength is narrower",
        ),
        (
            "a member that is taken",
            Box::new(without(schema("ThingIn/properties"), "note")),
            "post /things body application/json/note: is gone",
        ),
        (
            "an optional member",
            Box::new(set(schema("ThingIn/required"), json!(["name", "note"]))),
            "post /things body application/json/note: is required now",
        ),
        (
            "null",
            Box::new(set(schema("ThingIn/properties/note/type"), json!("string"))),
            "post /things body application/json/note: null is not taken any more",
        ),
        (
            "a member that is answered",
            Box::new(without(schema("Thing/properties"), "size")),
            "post /things 200 application/json/size: is gone",
        ),
        (
            "a certain member",
            Box::new(set(schema("Thing/required"), json!(["name"]))),
            "post /things 200 application/json/size: is not certain any more",
        ),
        (
            "a member that was never null",
            Box::new(set(
                schema("Thing/properties/name/type"),
                json!(["string", "null"]),
            )),
            "post /things 200 application/json/name: null is answered now",
        ),
        (
            "a code",
            Box::new(set(post("responses/409/x-codes"), json!(["a"]))),
            "post /things 409: the code \"b\" is gone",
        ),
        (
            "an operationId",
            Box::new(set(post("operationId"), json!("createThing"))),
            "post /things: operationId is another",
        ),
        (
            "a schema",
            Box::new(without("/components/schemas", "Kind")),
            "schema Kind: is gone",
        ),
    ];
    for (name, change, want) in cases {
        let found = after(change);
        assert!(
            found.iter().any(|breakage| breakage == want),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn additions_are_compatible() {
    let cases: Vec<Change> = vec![
        Box::new(|_: &mut Value| {}),
        Box::new(set("/paths/~1more", json!({ "get": {} }))),
        Box::new(set("/paths/~1things/get", json!({ "responses": {} }))),
        Box::new(set(format!("{POST}/responses/202"), json!({}))),
        Box::new(set(
            format!("{POST}/parameters/0/schema/maximum"),
            json!(1000),
        )),
        Box::new(set(format!("{POST}/parameters/1/required"), json!(false))),
        Box::new(set("/components/schemas/Kind/enum", json!(["x", "y", "z"]))),
        Box::new(set(
            "/components/schemas/ThingIn/properties/more",
            json!({ "type": "string" }),
        )),
        Box::new(set(
            "/components/schemas/Thing/properties/more",
            json!({ "type": "string" }),
        )),
        Box::new(set(
            "/components/schemas/Thing/required",
            json!(["name", "size", "inner"]),
        )),
        Box::new(set(
            "/components/schemas/Thing/description",
            json!("a thing"),
        )),
    ];
    for change in cases {
        assert_eq!(after(change), Vec::<String>::new());
    }
}
