//! Tenants: they are made, read, changed, removed and made again.

use serde_json::{Value, json};

use crate::support::{TestApp, eventually, secure};

/// Returns a tenant's quotas as the API shows them: all of them, of which only `routes` may be set.
fn quotas(routes: Option<u32>) -> Value {
    json!({ "body_bytes": null, "policies": null, "routes": routes, "waiters": null, "writes_per_second": null })
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_is_created_read_changed_and_deleted() {
    let app = TestApp::start().await;
    let created = app
        .post("/tenants")
        .json(&json!({ "name": "acme" }))
        .expect(201)
        .await;
    assert_eq!(created.header("location"), "/api/v1/tenants/acme");
    assert_eq!(created.revision(), 1);
    let mut tenant = created.json.clone();
    let now = tenant["created_at"].take();
    assert_eq!(tenant["updated_at"].take(), now);
    let want = json!({
        "name": "acme", "epoch": created.epoch(), "revision": 1, "quotas": quotas(None), "allowed_hosts": [], "routes": 0, "policies": 0,
        "created_at": null, "created_by": secure::who(), "updated_at": null, "updated_by": secure::who(),
    });
    assert_eq!(tenant, want);
    assert_eq!(
        app.get("/tenants/acme").expect(200).await.json,
        created.json
    );
    app.post("/tenants")
        .json(&json!({ "name": "acme" }))
        .problem(409, "tenant_exists")
        .await;

    let patched = app
        .patch("/tenants/acme")
        .json(&json!({ "quotas": { "routes": 7 } }))
        .expect(200)
        .await;
    assert_eq!(patched.json["quotas"], quotas(Some(7)));
    assert_eq!(
        (patched.epoch(), patched.revision()),
        (created.epoch(), 2),
        "a change of quotas is a revision"
    );
    assert_eq!(patched.json["revision"], 2);
    assert!(patched.json["updated_at"].as_str() > created.json["updated_at"].as_str());
    for nothing in [
        json!({}),
        json!({ "quotas": {} }),
        json!({ "quotas": { "routes": 7 } }),
    ] {
        assert_eq!(
            app.patch("/tenants/acme")
                .json(&nothing)
                .expect(200)
                .await
                .header("tm-unchanged"),
            "true",
            "{nothing}"
        );
    }
    for removal in [
        json!({ "quotas": { "routes": null } }),
        json!({ "quotas": null }),
    ] {
        assert_eq!(
            app.patch("/tenants/acme")
                .json(&removal)
                .expect(200)
                .await
                .json["quotas"],
            quotas(None)
        );
        app.patch("/tenants/acme")
            .json(&json!({ "quotas": { "routes": 7 } }))
            .expect(200)
            .await;
    }
    app.delete("/tenants/acme").expect(204).await;
    app.get("/tenants/acme")
        .problem(404, "tenant_not_found")
        .await;
    app.patch("/tenants/acme")
        .json(&json!({}))
        .problem(404, "tenant_not_found")
        .await;
    app.delete("/tenants/acme")
        .problem(404, "tenant_not_found")
        .await;
    let sql = "select e.payload ->> 'action' as action, e.revision from outbox o join route_events e on e.id = o.event_id order by o.id";
    let rows = app.db.rows(sql, &[]).await;
    let told: Vec<(String, i64)> = rows
        .iter()
        .map(|row| (row.get("action"), row.get("revision")))
        .collect();
    let mut want = vec!["tenant_created"];
    want.extend(["tenant_updated"; 5]);
    want.push("tenant_deleted");
    assert_eq!(
        told,
        want.into_iter()
            .map(str::to_owned)
            .zip(1..)
            .collect::<Vec<_>>(),
        "the stream has the tenant's own changes too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn first_route_creates_the_tenant() {
    let app = TestApp::start().await;
    let route = app
        .put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let tenant = app.get("/tenants/acme").expect(200).await;
    assert_eq!(tenant.tag(), route.tag());
    assert_eq!(tenant.json["routes"], 1);
    app.put("/routes/acme/web/prod/v2")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    app.post("/routes/acme/web/prod/v2/deactivate")
        .expect(200)
        .await;
    let tenant = app.get("/tenants/acme").expect(200).await;
    assert_eq!(
        (
            tenant.json["routes"].as_u64(),
            tenant.json["revision"].as_u64()
        ),
        (Some(2), Some(3))
    );
    let refused = app
        .delete("/tenants/acme")
        .problem(409, "tenant_not_empty")
        .await;
    assert!(refused.json["detail"].as_str().unwrap().contains('2'));
    for version in ["v1", "v2"] {
        app.delete(&format!("/routes/acme/web/prod/{version}"))
            .expect(204)
            .await;
    }
    let tenant = app.get("/tenants/acme").expect(200).await;
    assert_eq!(
        (
            tenant.json["routes"].as_u64(),
            tenant.json["revision"].as_u64()
        ),
        (Some(0), Some(5))
    );
    app.delete("/tenants/acme").expect(204).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_limit_the_number_of_routes() {
    let app = TestApp::with(&["limits.routes_per_tenant=2"]).await;
    let put = |tenant: &str, version: &str| {
        app.put(&format!("/routes/{tenant}/web/prod/{version}"))
            .json(&json!({ "url": "http://a" }))
    };
    for version in ["v1", "v2"] {
        put("default", version).expect(201).await;
    }
    let refused = put("default", "v3").problem(409, "quota_exceeded").await;
    assert_eq!(
        refused.json["detail"],
        "the tenant may have at most 2 routes"
    );
    put("default", "v2").expect(200).await;
    app.patch("/routes/default/web/prod/v1")
        .json(&json!({ "url": "http://b" }))
        .expect(200)
        .await;
    app.post("/tenants")
        .json(&json!({ "name": "own", "quotas": { "routes": 1 } }))
        .expect(201)
        .await;
    put("own", "v1").expect(201).await;
    put("own", "v2").problem(409, "quota_exceeded").await;
    app.patch("/tenants/own")
        .json(&json!({ "quotas": { "routes": 3 } }))
        .expect(200)
        .await;
    put("own", "v2").expect(201).await;
    app.delete("/routes/default/web/prod/v1").expect(204).await;
    put("default", "v3").expect(201).await;
    app.post("/tenants")
        .json(&json!({ "name": "none", "quotas": { "routes": 0 } }))
        .expect(201)
        .await;
    put("none", "v1").problem(409, "quota_exceeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preconditions_apply_to_tenants() {
    let app = TestApp::start().await;
    let tenant = app
        .post("/tenants")
        .header("if-none-match", "*")
        .json(&json!({ "name": "acme" }))
        .expect(201)
        .await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let patch = || {
        app.patch("/tenants/acme")
            .json(&json!({ "quotas": { "routes": 9 } }))
    };
    let refused = patch()
        .header("if-match", tenant.header("etag"))
        .problem(412, "precondition_failed")
        .await;
    assert_eq!(refused.revision(), 2);
    patch()
        .header("if-match", refused.header("etag"))
        .expect(200)
        .await;
    app.delete("/tenants/acme")
        .header("if-match", tenant.header("etag"))
        .problem(412, "precondition_failed")
        .await;
    app.post("/tenants")
        .header("if-none-match", "*")
        .json(&json!({ "name": "acme" }))
        .problem(409, "tenant_exists")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_listed_in_pages() {
    let app = TestApp::start().await;
    for name in ["c", "a", "e", "b", "d"] {
        app.post("/tenants")
            .json(&json!({ "name": name }))
            .expect(201)
            .await;
    }
    let (mut names, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = app
            .get(&format!("/tenants?limit=2{cursor}"))
            .expect(200)
            .await
            .json;
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        names.extend(
            items
                .iter()
                .map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((names.concat().as_str(), sizes), ("abcde", vec![2, 2, 1]));
    let all = app.get("/tenants").expect(200).await.json;
    assert_eq!(all["items"].as_array().unwrap().len(), 5);
    assert_eq!(
        all["items"][0],
        app.get("/tenants/a").expect(200).await.json
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_tenant_is_gone_on_every_instance() {
    let app = TestApp::start().await;
    let other = TestApp::on(app.db.clone(), &["read.refresh_ms=50"]).await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    for instance in [&app, &other] {
        instance.get("/tenants/acme/snapshot").expect(200).await;
    }
    app.delete("/routes/acme/web/prod/v1").expect(204).await;
    app.delete("/tenants/acme").expect(204).await;
    app.get("/tenants/acme/snapshot")
        .problem(404, "tenant_not_found")
        .await;
    eventually("the other instance sees it", async || {
        let answer = other.get("/tenants/acme/snapshot").send().await;
        (answer.status == 404 && answer.json["code"] == "tenant_not_found").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recreated_tenant_replaces_its_cached_snapshot() {
    let app = TestApp::start().await;
    let slow = TestApp::on(app.db.clone(), &["read.refresh_ms=60000"]).await;
    let first = app
        .post("/tenants")
        .json(&json!({ "name": "acme" }))
        .expect(201)
        .await;
    assert_eq!(
        slow.get("/tenants/acme/snapshot").expect(200).await.tag(),
        first.tag()
    );
    app.delete("/tenants/acme").expect(204).await;
    let second = slow
        .post("/tenants")
        .json(&json!({ "name": "acme" }))
        .expect(201)
        .await;
    assert_eq!(
        slow.get("/tenants/acme/snapshot").expect(200).await.tag(),
        second.tag()
    );
}
