//! The documents that are made of the endpoints: the OpenAPI document, and docs/roles.md.

use serde_json::{Map, Value, json};

use super::{
    endpoints::{self, Access, AccessLogging},
    openapi::Schemas,
};
use crate::auth::Role;

const ABOUT: &str = "A multi-tenant traffic-routing control plane with a provable audit trail.

Every answer carries a *version tag*, `<epoch>.<revision>`, as its `ETag`. Send the tag of a write as a minimum (`TM-Min-Revision`), \
and no answer is older. Unknown members of a body and unknown or repeated parameters of a query are refused (422). Every `GET` also answers \
`HEAD`, except the streams and the audit export.

Callers send `Authorization: Bearer` with an API key or a token of the identity provider. `x-roles` of an operation lists the roles that may \
call it. A tenant that the caller may not see gets the same answer as one that does not exist.

Errors are problem documents (RFC 9457) with a stable `code`. `x-codes` of a response lists its codes, and `/problems/{code}` explains each \
code.

Answers may get more members, and enumerations in answers may get more values, without a new version of the API: clients must ignore members \
and accept values that they do not know. Bodies of requests have no other members than those described.

Limits that are settings are given with their defaults: `http.max_body_bytes`: 65536 bytes of a body, `http.max_bulk_bytes` for a plan or a \
batch, `http.request_timeout_ms`: 10 s. The AsyncAPI document at `/docs/events` describes the events.";

/// Builds the OpenAPI document.
pub fn openapi() -> Value {
    let mut schemas = Schemas::default();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints::all() {
        if let Some(operation) = endpoint.document(&mut schemas) {
            let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
            item[endpoint.method.to_lowercase()] = operation;
        }
    }
    let tags: Vec<_> = endpoints::TAGS
        .iter()
        .map(|tag| json!({ "name": tag.name, "description": tag.about }))
        .collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Traffic Manager", "version": env!("CARGO_PKG_VERSION"), "summary": "Traffic-routing control plane",
            "description": ABOUT, "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
    });
    schemas.finish(&mut document);
    document["components"]["securitySchemes"] = json!({
        "apiKey": { "type": "http", "scheme": "bearer", "bearerFormat": "tmk_<id>_<secret><checksum>", "description": "An API key of this service." },
        "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token of the identity provider." },
    });
    document
}

/// Returns docs/roles.md: the roles that each endpoint needs, from the table in the source.
pub fn roles_page() -> String {
    let names = Role::ALL
        .map(|role| format!(" `{}` |", role.as_str()))
        .concat();
    let mut page = format!(
        "# Roles\n\nThe permissions of each endpoint. This page is made from the list in [src/http/endpoints.rs](../src/http/endpoints.rs), which the service \
         itself asks, by\n`UPDATE_DOCS=1 cargo test --test contract`. A caller must also reach the tenant that a request names: another's is \
         answered as one that\ndoes not exist. How callers prove who they are, and what narrows them: [authentication.md](authentication.md).\nLast \
         column: the access log records each successful request. \"all\": only with the role in every tenant. A caller that may read a tenant may\nalso request \
         a plan with `dry_run=true`; that plan is not stored.\n\n| endpoint |{names} audited |\n|---|{}---|\n",
        "---|".repeat(Role::ALL.len()),
    );
    let mut public = String::from("\nFor everybody, without credentials:\n\n");
    for endpoint in endpoints::all() {
        let (method, path) = (endpoint.method, endpoint.path);
        match endpoint.access {
            Access::Public => public.push_str(&format!("- `{method} {path}`\n")),
            Access::Roles(roles) | Access::Platform(roles) => {
                let mark = if matches!(endpoint.access, Access::Platform(_)) {
                    " all |"
                } else {
                    " ✓ |"
                };
                let cells = Role::ALL
                    .map(|role| if roles.contains(&role) { mark } else { " |" })
                    .concat();
                let audited = if endpoint.access_log == AccessLogging::Sensitive {
                    " ✓ |"
                } else {
                    " |"
                };
                page.push_str(&format!("| `{method} {path}` |{cells}{audited}\n"));
            }
        }
    }
    page + &public
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use actix_web::{App, HttpResponse, introspection::IntrospectionTree, test as server, web};

    use super::*;

    /// Pages for people, which are served but not described.
    const PAGES: [&str; 7] = [
        "/docs",
        "/docs/{file:.*}",
        "/ui",
        "/ui/session",
        "/ui/login",
        "/ui/callback",
        "/ui/{path:.*}",
    ];

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
        for (path, item) in openapi()["paths"].as_object().unwrap() {
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
        let document = openapi();
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
            http.request_timeout.as_secs()
        );
        assert!(
            ABOUT.contains(&body) && ABOUT.contains(&time),
            "{body}, {time}"
        );
    }

    #[test]
    fn openapi_examples_match_their_schemas() {
        let document = openapi();
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
            examples.extend(named.map(|example| {
                let pointer = example["$ref"].as_str().unwrap().trim_start_matches('#');
                let example = document.pointer(pointer).unwrap();
                (schema.clone(), example["value"].clone())
            }));
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
