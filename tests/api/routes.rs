//! Routes: create or replace, read, change, remove, list, and history.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, secure};

const ROUTE: &str = "/routes/acme/web/prod/v1";

fn key(version: &str) -> Value {
    json!({ "tenant": "acme", "service": "web", "env": "prod", "version": version })
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

/// Returns a route without its times, after a check that their format is that of the contract.
fn timeless(answer: &Answer) -> Value {
    let mut route = answer.json.clone();
    for member in ["created_at", "updated_at"] {
        let time = route.as_object_mut().unwrap().remove(member).expect(member);
        let time = time.as_str().unwrap();
        // RFC 3339 in UTC with microseconds: 2026-11-21T05:48:00.123456Z
        assert!(
            time.len() == 27 && time.ends_with('Z') && time.as_bytes()[19] == b'.',
            "{time}"
        );
    }
    route
}

#[tokio::test(flavor = "multi_thread")]
async fn post_creates_then_replaces_then_changes_nothing() {
    let app = TestApp::start().await;
    let body = with(key("v1"), json!({ "url": "http://10.0.0.1:8080/a?b=c" }));
    let created = app.post("/routes").json(&body).expect(201).await;
    let want = json!({
        "tenant": "acme", "service": "web", "env": "prod", "version": "v1", "url": "http://10.0.0.1:8080/a?b=c",
        "is_active": true, "labels": {}, "description": null, "revision": 1, "created_by": secure::who(), "updated_by": secure::who(),
    });
    assert_eq!(timeless(&created), want);
    assert_eq!(created.revision(), 1);
    assert_eq!(
        created.header("location"),
        "/api/v1/routes/acme/web/prod/v1"
    );
    assert_eq!(created.header("tm-unchanged"), "");
    assert_eq!(created.json["created_at"], created.json["updated_at"]);

    let body = with(
        body,
        json!({ "url": "https://b", "labels": { "team": "a" }, "description": "edge", "is_active": false }),
    );
    let changed = app.post("/routes").json(&body).expect(200).await;
    assert_eq!(changed.tag(), format!("{}.2", created.epoch()));
    assert_eq!(changed.json["url"], "https://b");
    assert_eq!(changed.json["labels"], json!({ "team": "a" }));
    assert_eq!(changed.json["description"], "edge");
    assert_eq!(changed.json["is_active"], false);
    assert_eq!(changed.json["revision"], 2);
    assert_eq!(changed.json["created_at"], created.json["created_at"]);
    assert!(changed.json["updated_at"].as_str() > created.json["updated_at"].as_str());

    let unchanged = app.post("/routes").json(&body).expect(200).await;
    assert_eq!(unchanged.header("tm-unchanged"), "true");
    assert_eq!(unchanged.tag(), changed.tag());
    assert_eq!(unchanged.json, changed.json);
    assert_eq!(app.db.count("select count(*) from route_events").await, 2);
    assert_eq!(app.db.count("select count(*) from outbox").await, 2);
    assert_eq!(app.get(ROUTE).expect(200).await.json, changed.json);

    // Members that are left out go back to their defaults: POST replaces the route whole.
    let body = with(key("v1"), json!({ "url": "https://b" }));
    let replaced = app.post("/routes").json(&body).expect(200).await;
    let want = with(want, json!({ "url": "https://b", "revision": 3 }));
    assert_eq!(timeless(&replaced), want);
}

#[tokio::test(flavor = "multi_thread")]
async fn put_creates_or_replaces_the_whole_route() {
    let app = TestApp::start().await;
    let created = app
        .put(ROUTE)
        .json(&json!({ "url": "http://a", "description": "d", "labels": { "k": "v" } }))
        .expect(201)
        .await;
    assert_eq!(created.json["labels"], json!({ "k": "v" }));
    let replaced = app
        .put(ROUTE)
        .json(&json!({ "url": "http://b", "is_active": false }))
        .expect(200)
        .await;
    assert_eq!(replaced.json["labels"], json!({}));
    assert_eq!(replaced.json["description"], json!(null));
    assert_eq!(replaced.json["is_active"], false);
    let unchanged = app
        .put(ROUTE)
        .json(&json!({ "is_active": false, "url": "http://b" }))
        .expect(200)
        .await;
    assert_eq!(unchanged.header("tm-unchanged"), "true");
    assert_eq!(unchanged.revision(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn patch_applies_a_merge_patch() {
    let app = TestApp::start().await;
    let first = json!({ "url": "http://a", "description": "d", "labels": { "a": "1", "b": "2", "c/d": "3" } });
    app.put(ROUTE).json(&first).expect(201).await;

    let patch = json!({ "labels": { "a": null, "b": "x", "new": "y", "none": null } });
    let patched = app.patch(ROUTE).json(&patch).expect(200).await;
    assert_eq!(
        patched.json["labels"],
        json!({ "b": "x", "c/d": "3", "new": "y" })
    );
    assert_eq!(patched.json["description"], "d");
    assert_eq!(patched.json["url"], "http://a");
    assert_eq!(patched.revision(), 2);

    let patched = app
        .patch(ROUTE)
        .json(&json!({ "description": null }))
        .expect(200)
        .await;
    assert_eq!(patched.json["description"], json!(null));
    let patched = app
        .patch(ROUTE)
        .json(&json!({ "labels": null, "url": "http://b", "is_active": false }))
        .expect(200)
        .await;
    assert_eq!(patched.json["labels"], json!({}));
    assert_eq!(patched.json["url"], "http://b");
    assert_eq!(patched.json["is_active"], false);
    assert_eq!(patched.revision(), 4);

    for nothing in [
        json!({}),
        json!({ "labels": {} }),
        json!({ "labels": { "gone": null } }),
        json!({ "url": "http://b" }),
    ] {
        let unchanged = app.patch(ROUTE).json(&nothing).expect(200).await;
        assert_eq!(unchanged.header("tm-unchanged"), "true", "{nothing}");
        assert_eq!(unchanged.revision(), 4, "{nothing}");
    }
    // The media type of RFC 7396.
    app.patch(ROUTE)
        .body("application/merge-patch+json", br#"{"url":"http://c"}"#)
        .expect(200)
        .await;
    for required in ["url", "is_active"] {
        let refused = app
            .patch(ROUTE)
            .json(&json!({ required: null }))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(refused.pointers(), [format!("/{required}")]);
    }
    app.patch("/routes/acme/web/prod/v9")
        .json(&json!({}))
        .problem(404, "route_not_found")
        .await;
    app.patch("/routes/nobody/web/prod/v9")
        .json(&json!({}))
        .problem(404, "route_not_found")
        .await;
    assert_eq!(app.get(ROUTE).expect(200).await.json["revision"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn patch_that_makes_too_many_labels_is_refused() {
    let app = TestApp::start().await;
    let labels = |range: std::ops::Range<usize>| {
        range
            .map(|n| (format!("k{n}"), json!("v")))
            .collect::<serde_json::Map<_, _>>()
    };
    app.put(ROUTE)
        .json(&json!({ "url": "http://a", "labels": labels(0..31) }))
        .expect(201)
        .await;
    let refused = app
        .patch(ROUTE)
        .json(&json!({ "labels": labels(31..33) }))
        .problem(422, "invalid_request")
        .await;
    assert_eq!(refused.pointers(), ["/labels"]);
    assert_eq!(refused.json["errors"][0]["code"], "too_many");
    let full = app
        .patch(ROUTE)
        .json(&json!({ "labels": labels(31..32) }))
        .expect(200)
        .await;
    assert_eq!(full.json["labels"].as_object().unwrap().len(), 32);
    assert_eq!(full.revision(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_removes_the_route_and_keeps_its_history() {
    let app = TestApp::start().await;
    let created = app
        .put(ROUTE)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let deleted = app.delete(ROUTE).expect(204).await;
    assert_eq!(deleted.tag(), format!("{}.2", created.epoch()));
    assert!(deleted.bytes.is_empty());
    app.get(ROUTE).problem(404, "route_not_found").await;
    app.delete(ROUTE).problem(404, "route_not_found").await;
    let again = app
        .put(ROUTE)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    assert_eq!(again.tag(), format!("{}.3", created.epoch()));
    let history = app.get(&format!("{ROUTE}/history")).expect(200).await;
    let actions: Vec<_> = history.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["created", "deleted", "created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn activate_and_deactivate_work_in_both_forms() {
    let app = TestApp::start().await;
    app.put(ROUTE)
        .json(&json!({ "url": "http://a", "labels": { "k": "v" }, "description": "d" }))
        .expect(201)
        .await;
    let off = app.post(&format!("{ROUTE}/deactivate")).expect(200).await;
    assert_eq!(off.json["is_active"], false);
    assert_eq!(off.json["labels"], json!({ "k": "v" }));
    assert_eq!(off.json["description"], "d");
    assert_eq!(off.revision(), 2);
    let off = app
        .post("/routes/deactivate")
        .json(&key("v1"))
        .expect(200)
        .await;
    assert_eq!(off.header("tm-unchanged"), "true");
    let on = app
        .post("/routes/activate")
        .json(&key("v1"))
        .expect(200)
        .await;
    assert_eq!(on.json["is_active"], true);
    assert_eq!(on.revision(), 3);
    let on = app.post(&format!("{ROUTE}/activate")).expect(200).await;
    assert_eq!(on.header("tm-unchanged"), "true");
    assert_eq!(on.revision(), 3);
    for form in ["activate", "deactivate"] {
        app.post(&format!("/routes/{form}"))
            .json(&key("v9"))
            .problem(404, "route_not_found")
            .await;
        app.post(&format!("/routes/acme/web/prod/v9/{form}"))
            .problem(404, "route_not_found")
            .await;
    }
    let history = app.get(&format!("{ROUTE}/history")).expect(200).await;
    let actions: Vec<_> = history.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["activated", "deactivated", "created"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_missing_objects_get_404() {
    let app = TestApp::start().await;
    app.put(ROUTE)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    app.get("/routes/acme/web/prod/v2")
        .problem(404, "route_not_found")
        .await;
    app.get("/routes/nobody/web/prod/v1")
        .problem(404, "tenant_not_found")
        .await;
    app.get("/routes/acme/web/prod/v2/history")
        .problem(404, "route_not_found")
        .await;
    app.get("/routes/nobody/web/prod/v1/history")
        .problem(404, "tenant_not_found")
        .await;
    app.get("/routes?tenant=nobody")
        .problem(404, "tenant_not_found")
        .await;
    app.get("/nothing").problem(404, "not_found").await;
    for (method, path) in [
        (Method::PUT, "/api/v1/routes"),
        (Method::DELETE, "/api/v1/tenants"),
        (Method::POST, "/api/v1/routes/resolve"),
    ] {
        app.call(method, path)
            .problem(405, "method_not_allowed")
            .await;
    }
    let tagged = app.get(ROUTE).expect(200).await;
    let same = app
        .get(ROUTE)
        .header("if-none-match", tagged.header("etag"))
        .expect(304)
        .await;
    assert_eq!(same.tag(), tagged.tag());
    // A change of a neighbour does not move the route's tag.
    app.put("/routes/acme/web/prod/v2")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    app.get(ROUTE)
        .header("if-none-match", format!("\"x\", W/\"{}\"", tagged.tag()))
        .expect(304)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_pages_have_whole_events_newest_first() {
    let app = TestApp::start().await;
    let created = app
        .put(ROUTE)
        .header("x-reason", "first")
        .header("x-correlation-id", "req-1")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    assert_eq!(created.header("x-correlation-id"), "req-1");
    // Events of a neighbouring route lie in between.
    for n in 2..=5 {
        app.put("/routes/acme/web/prod/v2")
            .json(&json!({ "url": format!("http://n{n}") }))
            .send()
            .await;
        app.patch(ROUTE)
            .json(&json!({ "url": format!("http://m{n}") }))
            .expect(200)
            .await;
    }
    let all = app.get(&format!("{ROUTE}/history")).expect(200).await;
    let events = all.json["items"].as_array().unwrap();
    let revisions: Vec<_> = events
        .iter()
        .map(|e| e["revision"].as_u64().unwrap())
        .collect();
    assert_eq!(revisions, [9, 7, 5, 3, 1]);
    assert_eq!(all.revision(), 9);
    assert_eq!(all.json["next_cursor"], json!(null));
    let mut first = events[4].clone();
    let id = first["id"].take();
    assert_eq!(id.as_str().unwrap().as_bytes()[14], b'7', "a UUIDv7: {id}");
    let hash = first["hash"].take();
    assert_eq!(
        traffic_manager::domain::chain::check(&events[4])
            .unwrap()
            .to_string(),
        hash.as_str().unwrap()
    );
    assert_eq!(first["occurred_at"].take(), created.json["created_at"]);
    let want = json!({
        "id": null, "tenant": "acme", "epoch": created.epoch(), "revision": 1, "item": 0, "items": 1, "action": "created",
        "route": { "service": "web", "env": "prod", "version": "v1" }, "before": null,
        "after": { "url": "http://a", "is_active": true, "labels": {}, "description": null },
        "actor": { "kind": secure::actor().0, "id": secure::who() }, "reason": "first", "request_id": "req-1", "trace_id": null,
        "source_ip": "127.0.0.1", "occurred_at": null, "prev_hash": "0".repeat(64), "hash": null,
    });
    assert_eq!(first, want);

    let mut paged = Vec::new();
    let mut cursor = String::new();
    for size in [2, 2, 1] {
        let page = app
            .get(&format!("{ROUTE}/history?limit=2{cursor}"))
            .expect(200)
            .await
            .json;
        assert_eq!(page["items"].as_array().unwrap().len(), size);
        paged.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => assert_eq!(paged.len(), 5),
        }
    }
    assert_eq!(&paged, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_incarnation_of_a_tenant_has_a_new_history() {
    let app = TestApp::start().await;
    let first = app
        .put(ROUTE)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    app.patch(ROUTE)
        .json(&json!({ "url": "http://b" }))
        .expect(200)
        .await;
    let page = app
        .get(&format!("{ROUTE}/history?limit=1"))
        .expect(200)
        .await
        .json;
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    app.delete(ROUTE).expect(204).await;
    app.delete("/tenants/acme").expect(204).await;
    app.get(ROUTE).problem(404, "tenant_not_found").await;
    let second = app
        .put(ROUTE)
        .json(&json!({ "url": "http://c" }))
        .expect(201)
        .await;
    assert_ne!(second.epoch(), first.epoch());
    assert_eq!(second.revision(), 1);
    let history = app.get(&format!("{ROUTE}/history")).expect(200).await;
    assert_eq!(history.json["items"].as_array().unwrap().len(), 1);
    assert_eq!(history.json["items"][0]["prev_hash"], "0".repeat(64));
    // A cursor of the earlier incarnation finds nothing in the new one.
    let rest = app
        .get(&format!("{ROUTE}/history?limit=1&cursor={cursor}"))
        .expect(200)
        .await;
    assert_eq!(rest.json, json!({ "items": [], "next_cursor": null }));
}
