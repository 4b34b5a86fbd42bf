//! Access control: keys, roles, tenants and limits, on a service that requires credentials.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use traffic_manager::http::endpoints::{self, Access, Endpoint};

use crate::support::{PATIENCE, TestApp, callers::Office, eventually};

/// Returns the path with the names of a route of `tenant` filled in.
pub fn filled(path: &str, tenant: &str) -> String {
    path.replace("{tenant}", tenant)
        .replace("{service}", "checkout")
        .replace("{env}", "prod")
        .replace("{version}", "v1")
        .replace("{id}", "01a1fd21-de3d-7778-bc54-13f4251a9a0f")
        .replace("{key_id}", "0Yb3kQ9zTn5W")
        .replace("{letter_id}", "0-0")
        .replace("{replay_id}", "01a1fd21-de3d-7778-bc54-13f4251a9a0f")
        .replace("{code}", "not_found")
        .replace("{file:.*}", "swagger-ui.css")
        .replace("{path:.*}", "acme/routes")
}

/// Returns a call with valid names in its query or its body, so that the result depends only on the
/// caller.
pub fn call_as(
    office: &Office,
    endpoint: &Endpoint,
    tenant: &str,
    token: &str,
) -> crate::support::client::Call {
    let method: Method = endpoint.method.parse().unwrap();
    let names = format!("tenant={tenant}&service=checkout&env=prod&version=v1");
    let query = match endpoint.path {
        "/api/v1/routes/resolve" | "/api/v1/audit/route" => format!("?{names}"),
        "/api/v1/audit/action" => format!("?tenant={tenant}&action=created"),
        "/api/v1/audit/time-range" => {
            format!(
                "?tenant={tenant}&start_time=2026-01-01T00:00:00Z&end_time=2027-01-01T00:00:00Z"
            )
        }
        path if path.ends_with("/diff") => "?from=0&to=0".to_owned(),
        path if path.ends_with("/changes") => "?after=0123456789abcdef.0".to_owned(),
        path if path.ends_with("/stream") && !path.contains("{tenant}") => String::new(),
        path if method == Method::GET
            && !path.contains("{tenant}")
            && !path.contains("{key_id}")
            && !path.contains("openapi") =>
        {
            format!("?tenant={tenant}")
        }
        _ => String::new(),
    };
    let query = if endpoint.path == "/api/v1/tenants" {
        String::new()
    } else {
        query
    };
    let call = office
        .app
        .call(method, &format!("{}{query}", filled(endpoint.path, tenant)))
        .bearer(token);
    let key = json!({ "tenant": tenant, "service": "checkout", "env": "prod", "version": "v1" });
    let body = match (endpoint.method, endpoint.path) {
        ("POST", "/api/v1/routes") => {
            let mut body = key;
            body["url"] = json!("https://a.example.com");
            body
        }
        ("POST", "/api/v1/routes/activate" | "/api/v1/routes/deactivate") => key,
        ("POST", "/api/v1/tenants") => json!({ "name": tenant }),
        ("POST", "/api/v1/keys") => json!({ "tenant": tenant, "roles": ["viewer"] }),
        ("POST", "/api/v1/replays") => json!({ "tenant": tenant, "reason": "test" }),
        ("POST", path) if path.ends_with("/plans") || path.starts_with("/api/v1/dead-letters") => {
            json!({})
        }
        ("POST", path) if path.ends_with("/batch") => json!({ "changes": [] }),
        ("POST", path) if path.ends_with("/apply") => json!({ "hash": "0".repeat(64) }),
        ("POST", path) if path.ends_with("/rollback") => json!({ "to": 0, "reason": "test" }),
        ("POST", path) if path.ends_with("/rotate") => json!({}),
        ("PUT", path) if path.contains("/policies/") => {
            json!({ "hosts": [], "path_prefix": "/", "split": [{ "version": "v1", "weight": 1 }] })
        }
        ("PUT", _) => json!({ "url": "https://a.example.com" }),
        ("PATCH", _) => json!({}),
        _ => Value::Null,
    };
    if body.is_null() {
        call
    } else {
        call.json(&body)
    }
}

fn listed() -> impl Iterator<Item = &'static Endpoint> {
    endpoints::all()
        .iter()
        .filter(|endpoint| endpoint.access != Access::Public)
}

#[tokio::test]
async fn without_credentials_only_public_endpoints_answer() {
    let office = Office::open().await;
    for endpoint in listed() {
        let method: Method = endpoint.method.parse().unwrap();
        let answer = office
            .app
            .call(method, &filled(endpoint.path, "acme"))
            .problem(401, "unauthenticated")
            .await;
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer",
            "{} {}",
            endpoint.method,
            endpoint.path
        );
    }
    for endpoint in endpoints::all()
        .iter()
        .filter(|endpoint| endpoint.access == Access::Public)
    {
        // The web page has tests of its own: its answers depend on how the program was built.
        if endpoint.path.starts_with("/ui") {
            continue;
        }
        // Pages for people are not in the OpenAPI document.
        office
            .app
            .call(Method::GET, &filled(endpoint.path, "acme"))
            .of_tampered_data()
            .expect(200)
            .await;
    }
}

#[tokio::test]
async fn objects_of_another_tenant_get_404() {
    let office = Office::open().await;
    office.tenant("acme").await;
    office.tenant("other").await;
    let token = office
        .key("other", &["tenant_admin", "auditor", "node"])
        .await;
    let mut checked = 0;
    for endpoint in listed() {
        // Endpoints that name no tenant show only the caller's own: see the tests of lists.
        let is_no_tenant_s =
            matches!(endpoint.access, Access::Platform(_)) || endpoint.path.contains("{key_id}");
        if ["/api/v1/tenants", "/api/v1/stream"].contains(&endpoint.path) || is_no_tenant_s {
            continue;
        }
        let foreign = call_as(&office, endpoint, "acme", &token)
            .header("x-correlation-id", "same")
            .send()
            .await;
        let missing = call_as(&office, endpoint, "nobody", &token)
            .header("x-correlation-id", "same")
            .send()
            .await;
        let name = format!("{} {}", endpoint.method, endpoint.path);
        assert_eq!(
            foreign.status,
            StatusCode::NOT_FOUND,
            "{name}: {}",
            foreign.json
        );
        assert_eq!(foreign.json["code"], "tenant_not_found", "{name}");
        assert_eq!(foreign.bytes, missing.bytes, "{name}");
        let headers = |answer: &crate::support::client::Answer| {
            let told = answer.headers.iter().filter(|(name, _)| {
                ![
                    "date",
                    "ratelimit-remaining",
                    "ratelimit-reset",
                    "traceparent",
                ]
                .contains(&name.as_str())
            });
            told.map(|(name, value)| (name.to_string(), value.clone()))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        assert_eq!(headers(&foreign), headers(&missing), "{name}");
        checked += 1;
    }
    assert!(checked > 40, "{checked}");
    let revision = office
        .app
        .get("/tenants/acme")
        .bearer(&office.admin)
        .expect(200)
        .await
        .revision();
    assert_eq!(revision, 2, "no row was written");
}

#[tokio::test]
async fn every_role_may_do_exactly_what_the_access_table_says() {
    use traffic_manager::auth::Role;
    let office = Office::open().await;
    office.tenant("acme").await;
    for role in Role::ALL {
        let token = match role {
            Role::PlatformAdmin => office.admin.clone(),
            role => office.key("acme", &[role.as_str()]).await,
        };
        // Leaves out streams, which never end, and the deletion of the tenant by a role that may
        // delete it.
        for endpoint in listed().filter(|endpoint| !endpoint.path.ends_with("/stream")) {
            let Some(roles) = endpoint.access.roles() else {
                continue;
            };
            let is_for_all = matches!(endpoint.access, Access::Platform(_));
            if roles.contains(&role)
                && endpoint.method == "DELETE"
                && endpoint.path == "/api/v1/tenants/{tenant}"
            {
                continue;
            }
            let answer = call_as(&office, endpoint, "acme", &token).send().await;
            let name = format!(
                "{} {} as {}: {}",
                endpoint.method,
                endpoint.path,
                role.as_str(),
                answer.json
            );
            if roles.contains(&role) && (role == Role::PlatformAdmin || !is_for_all) {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{name}");
            } else {
                assert_eq!(
                    (answer.status.as_u16(), &answer.json["code"]),
                    (403, &json!("forbidden")),
                    "{name}"
                );
            }
        }
    }
}

#[tokio::test]
async fn only_platform_auditors_read_platform_wide_lists() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let everywhere = office.made(&json!({ "roles": ["auditor"] })).await;
    let of_acme = office.key("acme", &["auditor"]).await;
    office
        .app
        .get("/replays")
        .bearer(&everywhere)
        .expect(200)
        .await;
    for path in ["/replays", "/dead-letters", "/dead-letters/0-0"] {
        office
            .app
            .get(path)
            .bearer(&of_acme)
            .problem(403, "forbidden")
            .await;
    }
    let replay = json!({ "tenant": "acme", "reason": "test" });
    office
        .app
        .post("/replays")
        .bearer(&everywhere)
        .json(&replay)
        .problem(403, "forbidden")
        .await;
}

#[tokio::test]
async fn lists_show_only_the_tenants_of_the_caller() {
    let office = Office::open().await;
    office.tenant("acme").await;
    office.tenant("other").await;
    let token = office.key("other", &["viewer"]).await;
    let names = async |path: &str, token: &str| -> Vec<String> {
        let answer = office.app.get(path).bearer(token).expect(200).await;
        let name = |item: &Value| {
            item["tenant"]
                .as_str()
                .or(item["name"].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        answer.json["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(name)
            .collect()
    };
    assert_eq!(names("/tenants", &token).await, ["other"]);
    assert_eq!(names("/routes", &token).await, ["other"]);
    assert_eq!(names("/tenants", &office.admin).await, ["acme", "other"]);
    assert_eq!(names("/routes", &office.admin).await, ["acme", "other"]);
    let admin = office.key("other", &["tenant_admin"]).await;
    let keys = names("/keys", &admin).await;
    assert!(
        keys.len() == 2 && keys.iter().all(|tenant| tenant == "other"),
        "{keys:?}"
    );
}

#[tokio::test]
async fn scoped_editor_changes_only_its_resource_scope() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let body = json!({ "tenant": "acme", "roles": ["editor"], "services": ["checkout"], "envs": ["test"] });
    let token = office.made(&body).await;
    let put = async |path: &str| {
        office
            .app
            .put(path)
            .bearer(&token)
            .json(&json!({ "url": "https://b.example.com" }))
            .send()
            .await
    };
    assert_eq!(put("/routes/acme/checkout/test/v1").await.status, 201);
    for path in [
        "/routes/acme/checkout/prod/v1",
        "/routes/acme/other/test/v1",
    ] {
        let answer = put(path).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["code"]),
            (403, &json!("outside_grant")),
            "{path}"
        );
    }
    let change = |env: &str| json!({ "action": "put", "route": { "service": "checkout", "env": env, "version": "v2", "url": "https://c.example.com" } });
    let batch = async |changes: Value| {
        office
            .app
            .post("/tenants/acme/batch")
            .bearer(&token)
            .json(&json!({ "changes": changes }))
            .send()
            .await
    };
    assert_eq!(
        batch(json!([change("test"), change("prod")])).await.json["code"],
        "outside_grant",
        "all or nothing"
    );
    assert_eq!(batch(json!([change("test")])).await.status, 200);
    let document =
        json!({ "scope": { "env": "prod" }, "prune": true, "routes": [], "policies": [] });
    let plan = office
        .app
        .post("/tenants/acme/plans")
        .bearer(&token)
        .json(&document)
        .send()
        .await;
    assert_eq!(plan.json["code"], "outside_grant", "{}", plan.json);
    let tag = office
        .app
        .get("/routes/acme/checkout/prod/v1")
        .bearer(&token)
        .expect(200)
        .await;
    assert_eq!(
        tag.json["url"], "https://a.example.com",
        "it may read all of its tenant"
    );
}

#[tokio::test]
async fn scoped_node_polls_only_its_resource_scope() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let token = office
        .made(&json!({ "tenant": "acme", "roles": ["node"], "envs": ["prod"] }))
        .await;
    let resolve =
        |env: &str| format!("/routes/resolve?tenant=acme&service=checkout&env={env}&version=v1");
    // Twice: the second time the fast path answers.
    for _ in 0..2 {
        let first = office
            .app
            .get("/tenants/acme/snapshot?env=prod")
            .bearer(&token)
            .expect(200)
            .await;
        let again = office
            .app
            .get("/tenants/acme/snapshot?env=prod")
            .bearer(&token)
            .header("if-none-match", first.header("etag"));
        again.expect(304).await;
        office
            .app
            .get(&resolve("prod"))
            .bearer(&token)
            .expect(200)
            .await;
        for path in [
            &resolve("test"),
            "/tenants/acme/snapshot",
            "/tenants/acme/snapshot?env=test",
        ] {
            let call = office
                .app
                .get(path)
                .bearer(&token)
                .header("if-none-match", first.header("etag"));
            call.problem(403, "outside_grant").await;
        }
    }
}

#[tokio::test]
async fn key_is_shown_once_rotates_with_overlap_and_can_be_revoked() {
    let office = Office::open().await;
    let second = office.another().await;
    office.tenant("acme").await;
    let body = json!({ "tenant": "acme", "roles": ["viewer"], "description": "a dashboard" });
    let made = office
        .app
        .post("/keys")
        .bearer(&office.admin)
        .json(&body)
        .expect(201)
        .await;
    let (id, first) = (
        made.json["id"].as_str().unwrap().to_owned(),
        made.json["token"].as_str().unwrap().to_owned(),
    );
    let shown = office
        .app
        .get(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(200)
        .await;
    assert!(
        !String::from_utf8_lossy(&shown.bytes).contains(&first) && shown.json["token"].is_null()
    );
    let status = async |app: &TestApp, token: &str| {
        app.get("/tenants/acme")
            .bearer(token)
            .send()
            .await
            .status
            .as_u16()
    };
    assert_eq!(
        (
            status(&office.app, &first).await,
            status(&second, &first).await
        ),
        (200, 200)
    );

    let rotate = async |overlap: u32| {
        let call = office
            .app
            .post(&format!("/keys/{id}/rotate"))
            .bearer(&office.admin);
        let answer = call
            .json(&json!({ "overlap_seconds": overlap }))
            .expect(200)
            .await;
        answer.json["token"].as_str().unwrap().to_owned()
    };
    let next = rotate(3600).await;
    for token in [&first, &next] {
        assert_eq!(
            (
                status(&office.app, token).await,
                status(&second, token).await
            ),
            (200, 200),
            "both tokens work on both instances"
        );
    }
    let last = rotate(0).await;
    for (token, good) in [(&first, false), (&next, false), (&last, true)] {
        let wanted = if good { 200 } else { 401 };
        eventually("the overlap is over", async || {
            (status(&second, token).await == wanted).then_some(())
        })
        .await;
    }

    office
        .app
        .delete(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(204)
        .await;
    let revoked = std::time::Instant::now();
    for app in [&office.app, &second] {
        eventually("the key is revoked", async || {
            (status(app, &last).await == 401).then_some(())
        })
        .await;
    }
    assert!(
        revoked.elapsed() < std::time::Duration::from_secs(5).min(PATIENCE),
        "{:?}",
        revoked.elapsed()
    );
    office
        .app
        .post(&format!("/keys/{id}/rotate"))
        .bearer(&office.admin)
        .json(&json!({}))
        .problem(409, "key_ended")
        .await;
    office
        .app
        .delete(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(204)
        .await;
}

#[tokio::test]
async fn tenant_callers_do_not_see_the_backlog_of_other_tenants() {
    let office = Office::open().await;
    office.tenant("acme").await;
    office.tenant("other").await;
    for version in 2..6 {
        let put = office
            .app
            .put(&format!("/routes/other/checkout/prod/v{version}"))
            .bearer(&office.admin);
        put.json(&json!({ "url": "https://b.example.com" }))
            .expect(201)
            .await;
    }
    // Nothing is published here, so the written events wait in the outbox.
    let waiting = async |token: &str, query: &str| {
        let status = office
            .app
            .get(&format!("/audit/status{query}"))
            .bearer(token)
            .expect(200)
            .await;
        assert!(
            status.json["outbox"]["oldest_seconds"].as_f64().unwrap() > 0.0,
            "{}",
            status.json
        );
        status.json["outbox"]["events"].as_i64().unwrap()
    };
    let everywhere = office.made(&json!({ "roles": ["auditor"] })).await;
    for query in ["", "?tenant=acme"] {
        for role in ["auditor", "tenant_admin"] {
            assert_eq!(
                waiting(&office.key("acme", &[role]).await, query).await,
                2,
                "{role} {query}"
            );
        }
        for token in [&everywhere, &office.admin] {
            assert_eq!(waiting(token, query).await, 8, "{query}");
        }
    }
    assert_eq!(
        waiting(&office.key("other", &["auditor"]).await, "").await,
        6
    );
}
