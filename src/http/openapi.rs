//! The OpenAPI document, built from the types that the handlers read and write.
//!
//! Each resource describes its operations beside its handlers (`<resource>/operations.rs`), in a
//! few words. Headers, errors and schemas that several resources share are described here once. A
//! test compares the paths and methods with those that actix has.

mod operation;
mod problems;
pub(super) mod schemas;
mod shared;
mod texts;

use serde_json::{Map, Value, json};

pub(super) use self::operation::{Answer, Operation};
use self::schemas::Schemas;
use super::{
    audit, dead_letters, docs, health, keys, plans, policies, polling, replays, routes, tenants,
};

/// A part of the document: its tag, the tag's description, and its operations.
type Part = (&'static str, &'static str, fn() -> Vec<Operation>);

const PARTS: [Part; 11] = [
    (
        "routes",
        "Where the traffic of a version of a service goes.",
        routes::operations,
    ),
    (
        "policies",
        "How traffic without an explicit version is shared between versions.",
        policies::operations,
    ),
    (
        "tenants",
        "The owners of routes and policies.",
        tenants::operations,
    ),
    (
        "plans",
        "Many changes at once, and what they were.",
        plans::operations,
    ),
    (
        "proxies",
        "What data-plane proxies ask, again and again.",
        polling::operations,
    ),
    (
        "audit",
        "Who changed what, when, from what to what: read from the archive.",
        audit::operations,
    ),
    (
        "dead letters",
        "What could not be archived, and what becomes of it.",
        dead_letters::operations,
    ),
    (
        "replays",
        "Pieces of the history that are published again.",
        replays::operations,
    ),
    ("keys", "API keys: who may do what.", keys::operations),
    (
        "health",
        "How the service and its dependencies are.",
        health::operations,
    ),
    (
        "documents",
        "What the API tells of itself.",
        docs::operations,
    ),
];

const ABOUT: &str = "A multi-tenant traffic-routing control plane with a provable audit trail.

Every answer carries a *version tag*, `<epoch>.<revision>`, as its `ETag`. What a write answered can be asked for as a minimum \
(`TM-Min-Revision`), and no answer is older. Unknown members of a body and unknown or doubled parameters of a query are refused (422). \
Every `GET` but the streams' and the audit export's answers `HEAD` too. Callers send `Authorization: Bearer` with an API key or a token of the identity provider; what a role may do stands with each \
operation (`x-roles`), and another tenant's objects are answered as those that do not exist. Errors are problem documents (RFC 9457) with a stable `code`; `/problems/{code}` explains \
each. Limits that can be set (`http.max_body_bytes`: 65536 bytes of a body, `http.max_bulk_bytes` of a plan or batch, `http.request_timeout_ms`: 10 s) are given with their \
defaults. Events are described by the AsyncAPI document at `/docs/events`.";

/// Builds the OpenAPI document.
pub fn document() -> Value {
    let mut schemas = Schemas::default();
    let mut paths: Map<String, Value> = Map::new();
    for (tag, _, operations) in PARTS {
        for operation in operations() {
            let (path, method) = operation.place();
            let item = paths.entry(path).or_insert_with(|| json!({}));
            item[method] = operation.document(tag, &mut schemas);
        }
    }
    let mut components = schemas.into_components();
    components["securitySchemes"] = json!({
        "apiKey": { "type": "http", "scheme": "bearer", "bearerFormat": "tmk_<id>_<secret><checksum>", "description": "An API key of ours." },
        "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token of the identity provider." },
    });
    let tags: Vec<_> = PARTS
        .iter()
        .map(|(name, about, _)| json!({ "name": name, "description": about }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Traffic Manager", "version": env!("CARGO_PKG_VERSION"), "summary": "Traffic-routing control plane",
            "description": ABOUT, "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": components,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use actix_web::{App, HttpResponse, introspection::IntrospectionTree, test as server, web};

    use super::*;
    use crate::http::endpoints;

    /// Pages for people, which are served but not described.
    const PAGES: [&str; 2] = ["/docs", "/docs/{file:.*}"];

    type Endpoints = BTreeSet<(String, String)>;

    async fn served() -> Endpoints {
        let tree = async |tree: web::Data<IntrospectionTree>| {
            HttpResponse::Ok().body(tree.report_as_json())
        };
        let app = App::new()
            .configure(endpoints::configure)
            .route("/tree", web::get().to(tree));
        let app = server::init_service(app).await;
        let request = server::TestRequest::with_uri("/tree").to_request();
        let report: Vec<Value> = server::call_and_read_body_json(&app, request).await;
        let methods = |item: &Value| -> Vec<String> {
            item["methods"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_lowercase)
                .collect()
        };
        let mut served = Endpoints::new();
        for item in report
            .iter()
            .filter(|item| item["resource_type"] == "resource")
        {
            let path = item["full_path"]
                .as_str()
                .unwrap_or_default()
                .trim_end_matches('/')
                .to_owned();
            served.extend(
                methods(item)
                    .into_iter()
                    .map(|method| (path.clone(), method)),
            );
        }
        served.retain(|(path, method)| path != "/tree" && method != "head");
        served
    }

    #[actix_web::test]
    async fn endpoints_and_openapi_operations_match() {
        let mut served = served().await;
        served.retain(|(path, _)| !PAGES.contains(&path.as_str()));
        assert!(served.len() > 25, "{served:?}");
        let mut documented = Endpoints::new();
        for (path, item) in document()["paths"].as_object().unwrap() {
            documented.extend(
                item.as_object()
                    .unwrap()
                    .keys()
                    .map(|method| (path.clone(), method.clone())),
            );
        }
        let missing: Vec<_> = served.difference(&documented).collect();
        let invented: Vec<_> = documented.difference(&served).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "without an operation: {missing:?}; without an endpoint: {invented:?}"
        );
    }

    #[actix_web::test]
    async fn endpoints_and_access_rows_match() {
        let served = served().await;
        assert!(
            PAGES
                .iter()
                .all(|page| served.iter().any(|(path, _)| path == page)),
            "{served:?}"
        );
        let listed: Endpoints = endpoints::all()
            .iter()
            .map(|row| (row.path.to_owned(), row.method.to_lowercase()))
            .collect();
        let missing: Vec<_> = served.difference(&listed).collect();
        let invented: Vec<_> = listed.difference(&served).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "without a row: {missing:?}; without an endpoint: {invented:?}"
        );
    }

    fn each(value: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(members) => {
                visit(members);
                members.values().for_each(|value| each(value, visit));
            }
            Value::Array(items) => items.iter().for_each(|value| each(value, visit)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn references_resolve_and_every_part_has_a_description() {
        let document = document();
        let mut ids = BTreeMap::new();
        each(&document, &mut |members| {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            // Checks parameters and headers: a name that has no row in `shared` would have neither
            // a description nor a schema.
            if let (Some(description), Some(schema)) =
                (members.get("description"), members.get("schema"))
            {
                assert!(description != "" && schema != false, "{members:?}");
            }
            if let Some(id) = members.get("operationId") {
                *ids.entry(id.to_string()).or_insert(0) += 1;
                assert!(
                    members["summary"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty()),
                    "{id}"
                );
            }
        });
        assert!(ids.values().all(|count| *count == 1), "{ids:?}");
    }

    #[test]
    fn documented_limits_are_the_default_settings() {
        let http = crate::config::Settings::without_environment(&[])
            .unwrap()
            .http;
        let body = format!("`http.max_body_bytes`: {} bytes", http.max_body_bytes);
        let time = format!(
            "`http.request_timeout_ms`: {} s",
            http.request_timeout_ms / 1000
        );
        assert!(
            ABOUT.contains(&body) && ABOUT.contains(&time),
            "{body}, {time}"
        );
    }

    #[test]
    fn openapi_examples_match_their_schemas() {
        let document = document();
        let mut examples = Vec::new();
        each(&document, &mut |members| {
            let Some(schema) = members.get("schema") else {
                return;
            };
            examples.extend(
                members
                    .get("example")
                    .map(|example| (schema.clone(), example.clone())),
            );
            let named = members
                .get("examples")
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(Map::values);
            examples.extend(named.map(|example| (schema.clone(), example["value"].clone())));
        });
        assert!(examples.len() > 50, "{}", examples.len());
        for (mut schema, example) in examples {
            schema["components"] = document["components"].clone();
            let validator = jsonschema::options()
                .should_validate_formats(true)
                .build(&schema)
                .unwrap();
            let errors: Vec<_> = validator
                .iter_errors(&example)
                .map(|error| error.to_string())
                .collect();
            assert!(errors.is_empty(), "{example}: {errors:?}");
        }
    }
}
