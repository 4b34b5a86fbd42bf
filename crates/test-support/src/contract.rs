//! Checks every answer that a test gets against the `OpenAPI` document: status, headers, media type
//! and body.
//!
//! The document leaves objects open, so that members can be added. Here they are closed: an
//! undocumented member fails the test.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use jsonschema::Validator;
use parking_lot::Mutex;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// Headers that mean something to the API's clients. Each must be documented where it is sent.
const CONTRACT_HEADERS: [&str; 10] = [
    "etag",
    "location",
    "retry-after",
    "tm-unchanged",
    "tm-stale",
    "idempotency-replayed",
    "preference-applied",
    "content-encoding",
    "vary",
    "cache-control",
];

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| closed(traffic_manager::http::document::openapi()));
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Fails the test if the answer differs from the document.
pub fn check(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap, bytes: &[u8]) {
    let faults = faults(method, path, status, headers, bytes);
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]);
    assert!(
        faults.is_empty(),
        "{method} {path}: {status} is not as documented: {faults:#?}\n{shown}"
    );
}

fn faults(
    method: &Method,
    path: &str,
    status: StatusCode,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Vec<String> {
    let Some((template, item)) = item(path) else {
        return if status == 404 {
            Vec::new()
        } else {
            vec!["the path is not documented".into()]
        };
    };
    let name = if method == Method::HEAD {
        "get".to_owned()
    } else {
        method.as_str().to_lowercase()
    };
    let Some(operation) = item.get(&name) else {
        return if status == 405 {
            Vec::new()
        } else {
            vec!["the method is not documented".into()]
        };
    };
    let place = format!("{name} {template} {status}");
    // Streams answer `GET` only.
    if method == Method::HEAD && status == 405 {
        return Vec::new();
    }
    let Some(answer) = operation["responses"].get(status.as_str()).map(resolved) else {
        return vec!["the status is not documented".into()];
    };
    let mut faults = header_faults(&place, answer, headers);
    faults.extend(body_faults(&place, answer, method, headers, bytes));
    faults
}

/// Returns the path item that matches a path. A literal segment counts for more than a parameter.
fn item(path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().unwrap_or(path);
    let parts: Vec<_> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<_> = template.split('/').collect();
        wanted.len() == parts.len()
            && wanted
                .iter()
                .zip(&parts)
                .all(|(want, part)| want == part || (want.starts_with('{') && !part.is_empty()))
    };
    let items = DOCUMENT["paths"]
        .as_object()?
        .iter()
        .filter(|(template, _)| fits(template));
    items
        .min_by_key(|(template, _)| template.matches('{').count())
        .map(|(template, item)| (template.as_str(), item))
}

/// Follows a `$ref` into the document, or returns the value itself.
fn resolved(value: &'static Value) -> &'static Value {
    let target = value["$ref"]
        .as_str()
        .and_then(|reference| DOCUMENT.pointer(reference.trim_start_matches('#')));
    target.unwrap_or(value)
}

fn header_faults(place: &str, answer: &'static Value, headers: &HeaderMap) -> Vec<String> {
    let documented = answer["headers"]
        .as_object()
        .expect("every answer has headers");
    let mut faults = Vec::new();
    for (name, header) in documented {
        let header = resolved(header);
        match headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
        {
            None if header["required"] == true => faults.push(format!("without the header {name}")),
            None => {}
            Some(value) => {
                let errors = errors(&format!("{place} {name}"), &header["schema"], &json!(value));
                faults.extend(errors.into_iter().map(|error| format!("{name}: {error}")));
            }
        }
    }
    let is_documented = |name: &str| {
        documented
            .keys()
            .any(|documented| documented.eq_ignore_ascii_case(name))
    };
    // CORS says on every answer that answers differ by origin.
    let is_of_cors =
        |name: &str| name == "vary" && headers[name].as_bytes().starts_with(b"Origin, ");
    let unannounced = CONTRACT_HEADERS
        .iter()
        .filter(|name| headers.contains_key(**name) && !is_documented(name) && !is_of_cors(name));
    faults.extend(unannounced.map(|name| format!("the header {name} is not documented")));
    faults
}

fn body_faults(
    place: &str,
    answer: &Value,
    method: &Method,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Vec<String> {
    if method == Method::HEAD || headers.contains_key("content-encoding") {
        return Vec::new();
    }
    let Some(content) = answer["content"].as_object() else {
        return if bytes.is_empty() {
            Vec::new()
        } else {
            vec!["a body is not documented".into()]
        };
    };
    let media_type = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    let Some(documented) = content.get(media_type) else {
        return vec![format!("the media type {media_type:?} is not documented")];
    };
    if media_type != "application/json" && !media_type.ends_with("+json") {
        return Vec::new();
    }
    let body: Value = match serde_json::from_slice(bytes) {
        Ok(body) => body,
        Err(error) => return vec![format!("the body is not JSON: {error}")],
    };
    let mut faults = errors(
        &format!("{place} {media_type}"),
        &documented["schema"],
        &body,
    );
    if media_type == "application/problem+json" {
        faults.extend(problem_faults(answer, &body));
    }
    faults
}

/// Compares a problem with the codes of the answer and with the members that its code always has.
fn problem_faults(answer: &Value, problem: &Value) -> Vec<String> {
    let Some(codes) = answer["x-codes"].as_array() else {
        return vec!["the answer has no x-codes".into()];
    };
    let code = &problem["code"];
    if !codes.contains(code) {
        return vec![format!("the code {code} is not documented")];
    }
    let members = &DOCUMENT["components"]["schemas"]["Problem"]["x-code-members"]
        [code.as_str().unwrap_or("")];
    members
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|name| problem.get(name).is_none())
        .map(|name| format!("the code {code} has no member {name}"))
        .collect()
}

/// Lists the violations of the schema in `value`. Each schema is compiled once, when it is first
/// needed.
fn errors(place: &str, schema: &Value, value: &Value) -> Vec<String> {
    let compiled = VALIDATORS.lock().get(place).cloned();
    let validator = compiled.unwrap_or_else(|| {
        let mut schema = schema.clone();
        schema["components"] = DOCUMENT["components"].clone();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .expect("a schema of the document");
        let validator = Arc::new(validator);
        VALIDATORS
            .lock()
            .insert(place.to_owned(), validator.clone());
        validator
    });
    validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn closed(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            if members.get("type") == Some(&json!("object")) && members.contains_key("properties") {
                members
                    .entry("additionalProperties")
                    .or_insert(json!(false));
            }
            members
                .values_mut()
                .for_each(|value| *value = closed(value.take()));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| *item = closed(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    schema
}

/// The check itself must be able to fail.
#[test]
fn contract_check_finds_every_undocumented_answer() {
    let good = json!({ "tenant": "t", "service": "s", "env": "e", "version": "v", "url": "http://a", "revision": 1 });
    let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    };
    let usual = [
        ("x-correlation-id", "a"),
        ("etag", "\"0123456789abcdef.1\""),
        ("content-type", "application/json"),
        ("cache-control", "no-cache"),
    ];
    let check = |status: u16, headers: &HeaderMap, body: &Value| {
        let path = "/api/v1/routes/resolve?tenant=t";
        faults(
            &Method::GET,
            path,
            StatusCode::from_u16(status).unwrap(),
            headers,
            body.to_string().as_bytes(),
        )
        .len()
    };
    assert_eq!(check(200, &headers(&usual), &good), 0);
    assert_eq!(
        check(200, &headers(&usual[1..]), &good),
        1,
        "without a header"
    );
    assert_eq!(
        check(
            200,
            &headers(&[usual[0], ("etag", "W/\"x\""), usual[2], usual[3]]),
            &good
        ),
        1,
        "another header"
    );
    assert_eq!(
        check(
            200,
            &headers(&[
                usual[0],
                usual[1],
                usual[2],
                usual[3],
                ("tm-unchanged", "true")
            ]),
            &good
        ),
        1,
        "a header too many"
    );
    assert_eq!(
        check(
            200,
            &headers(&[usual[0], usual[1], usual[3], ("content-type", "text/html")]),
            &good
        ),
        1,
        "another media type"
    );
    assert_eq!(check(201, &headers(&usual), &good), 1, "another status");
    for (member, value) in [
        ("more", json!(1)),
        ("url", json!(null)),
        ("tenant", json!("T")),
    ] {
        let mut body = good.clone();
        body[member] = value;
        assert_eq!(check(200, &headers(&usual), &body), 1, "{member}");
    }
    let mut body = good;
    body.as_object_mut().unwrap().remove("revision");
    assert_eq!(check(200, &headers(&usual), &body), 1, "a member too few");
    let problem = json!({
        "type": "/problems/tenant_exists", "status": 404, "title": "t", "detail": "d", "code": "tenant_exists", "request_id": "a",
    });
    let headers = headers(&[
        usual[0],
        usual[3],
        ("content-type", "application/problem+json"),
    ]);
    assert_eq!(
        check(404, &headers, &problem),
        1,
        "a code that the operation does not have"
    );
    let mut problem = DOCUMENT["components"]["examples"]["no_active_version"]["value"].clone();
    assert_eq!(check(404, &headers, &problem), 0);
    problem.as_object_mut().unwrap().remove("explanation");
    assert_eq!(
        check(404, &headers, &problem),
        1,
        "without a member of its code"
    );
}
