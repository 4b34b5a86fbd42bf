//! Version tags: a client with the current answer gets 304, and a tag from any answer is accepted
//! everywhere.

use reqwest::Method;
use serde_json::json;

use crate::{
    operations::{self, Operation},
    support::{Answer, Call, TestApp, secure},
};

/// Starts a service with a tenant that has all kinds of objects that can be read: a route and a
/// policy.
async fn start() -> (TestApp, Answer) {
    let app = TestApp::start().await;
    let first = app
        .put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example", "labels": { "a": "b" } }))
        .expect(201)
        .await;
    app.put("/policies/acme/web/prod")
        .json(&json!({ "split": [{ "version": "v1", "weight": 1 }] }))
        .expect(201)
        .await;
    (app, first)
}

/// Returns the operation's path with all required parameters. Lists are limited to the tenant.
fn path(operation: &Operation, tag: &str) -> String {
    let names_tenant = operation
        .query()
        .iter()
        .any(|parameter| parameter.name == "tenant" && !parameter.is_required);
    let tenant = if names_tenant { "&tenant=acme" } else { "" };
    format!(
        "{}?{}{tenant}",
        operation.path(),
        operation.required_query(tag, &[])
    )
    .replace("?&", "?")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tagged_answer_gives_304_for_its_own_tag() {
    let (app, first) = start().await;
    let mut walked = 0;
    for operation in operations::all()
        .iter()
        .filter(|operation| operation.method == "GET" && operation.has_tag())
    {
        let path = path(operation, &first.tag());
        for path in [path.clone(), format!("{path}&at=1")] {
            if path.ends_with("&at=1")
                && !operation
                    .query()
                    .iter()
                    .any(|parameter| parameter.name == "at")
            {
                continue;
            }
            let path = if path.contains("/policies/") {
                path.replace("at=1", "at=2")
            } else {
                path
            };
            let call =
                |method: Method, seen: &str| app.call(method, &path).header("if-none-match", seen);
            let plain = app.call(Method::GET, &path).expect(200).await;
            let tag = plain.header("etag");
            assert!(!tag.is_empty(), "{path} has no tag");
            for seen in [
                "*",
                tag,
                &format!("W/{tag}"),
                &format!("\"a,b\", W/\"x\" ,, {tag}"),
                &format!("{tag}, \"other\""),
            ] {
                for method in [Method::GET, Method::HEAD] {
                    let same = call(method.clone(), seen).expect(304).await;
                    assert_eq!(
                        (same.header("etag"), same.bytes.len()),
                        (tag, 0),
                        "{method} {path} {seen}"
                    );
                    assert_eq!(
                        same.header("cache-control"),
                        plain.header("cache-control"),
                        "{method} {path} {seen}"
                    );
                    assert_eq!(same.header("content-type"), "", "{method} {path} {seen}");
                }
            }
            for other in [
                "\"*\"",
                "\"x\"",
                "",
                "*, \"x\"",
                &format!("\"{}0\"", plain.tag().split_once('.').unwrap().0),
            ] {
                assert_eq!(
                    call(Method::GET, other).expect(200).await.bytes,
                    plain.bytes,
                    "{path} {other}"
                );
            }
            walked += 1;
        }
    }
    assert!(walked >= 16, "{walked}");
    // A missing object is 404 also with `If-None-Match: *`.
    app.get("/routes/acme/web/prod/v9")
        .header("if-none-match", "*")
        .problem(404, "route_not_found")
        .await;
    app.get("/tenants/nobody/snapshot")
        .header("if-none-match", "*")
        .problem(404, "tenant_not_found")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn if_none_match_star_does_not_wait() {
    let (app, _) = start().await;
    let asked = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        app.get("/tenants/acme/snapshot?wait=60s")
            .header("if-none-match", "*")
            .expect(304),
    );
    asked.await.expect("an answer at once");
}

/// Returns each spelling of a tag that an answer may have had: plain, quoted, and weak as of a
/// compressed snapshot.
fn spellings(tag: &str) -> [String; 3] {
    [tag.to_owned(), format!("\"{tag}\""), format!("W/\"{tag}\"")]
}

fn encoded(text: &str) -> String {
    text.replace('"', "%22").replace('/', "%2F")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_accepts_an_answered_tag() {
    let (app, first) = start().await;
    let zipped = app
        .get("/tenants/acme/snapshot")
        .header("accept-encoding", "gzip")
        .expect(200)
        .await;
    let weak = zipped.header("etag").to_owned();
    assert!(weak.starts_with("W/\""), "{weak}");
    let newest = weak.trim_start_matches("W/").trim_matches('"').to_owned();
    let mut walked = 0;
    for operation in operations::all()
        .iter()
        .filter(|operation| operation.method == "GET")
    {
        for parameter in operation.query() {
            if !["VersionTag", "PointInTime"].contains(&parameter.schema_name) {
                continue;
            }
            // The policy exists since the second revision, and a difference needs an end after its
            // beginning.
            let tag = if parameter.name == "from" {
                first.tag()
            } else {
                newest.clone()
            };
            for spelling in spellings(&tag) {
                let query = operation.required_query(&first.tag(), &[parameter.name]);
                let tenant = if operation.template == "/api/v1/routes" {
                    "&tenant=acme"
                } else {
                    ""
                };
                let path = format!(
                    "{}?{query}&{}={}{tenant}",
                    operation.path(),
                    parameter.name,
                    encoded(&spelling)
                );
                app.call(Method::GET, &path.replace("?&", "?"))
                    .expect(200)
                    .await;
                walked += 1;
            }
        }
        if operation
            .headers()
            .iter()
            .any(|header| header.name == "TM-Min-Revision")
        {
            for spelling in spellings(&newest) {
                app.call(Method::GET, &path(operation, &first.tag()))
                    .header("tm-min-revision", spelling)
                    .expect(200)
                    .await;
                walked += 1;
            }
        }
    }
    assert!(walked >= 60, "{walked}");
    for spelling in spellings(&newest) {
        let stream = secure::http()
            .build()
            .unwrap()
            .get(format!("{}/api/v1/tenants/acme/stream", app.api));
        assert_eq!(
            stream
                .header("last-event-id", &spelling)
                .send()
                .await
                .unwrap()
                .status(),
            200,
            "{spelling}"
        );
        let body = json!({ "to": spelling });
        app.post("/tenants/acme/rollback")
            .json(&body)
            .expect(201)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_tag_is_a_condition_for_tenants_and_not_for_objects() {
    let (app, first) = start().await;
    let tag = format!("\"x,y\", W/{}", first.header("etag"));
    let route = "/routes/acme/web/prod/v1";
    let calls: [(&str, &dyn Fn() -> Call); 6] = [
        ("patch", &|| {
            app.patch(route).json(&json!({ "description": "a" }))
        }),
        ("put", &|| {
            app.put(route).json(&json!({ "url": "http://b.example" }))
        }),
        ("deactivate", &|| {
            app.post(&format!("{route}/deactivate?confirm_in_use=true"))
        }),
        ("activate", &|| app.post(&format!("{route}/activate"))),
        ("delete", &|| {
            app.delete(&format!("{route}?confirm_in_use=true"))
        }),
        ("delete of a policy", &|| {
            app.delete("/policies/acme/web/prod")
        }),
    ];
    for (name, call) in calls {
        let answer = call().header("if-match", &tag).send().await;
        assert_eq!(answer.status, 412, "{name}: {}", answer.json);
    }
    // Returns the tag of a compressed snapshot.
    let coded = async || {
        let zipped = app
            .get("/tenants/acme/snapshot")
            .header("accept-encoding", "gzip")
            .send()
            .await;
        let tag = zipped.header("etag").to_owned();
        assert!(tag.starts_with("W/"), "{tag}");
        tag
    };
    let change = json!({ "action": "put", "route": { "service": "web", "env": "prod", "version": "v9", "url": "http://c.example" } });
    let batch = || {
        app.post("/tenants/acme/batch")
            .json(&json!({ "changes": [change] }))
    };
    let plan = || {
        app.post("/tenants/acme/plans")
            .json(&json!({ "prune": false }))
    };
    let old = coded().await;
    plan().header("if-match", &old).expect(201).await;
    batch().header("if-match", &old).expect(200).await;
    batch()
        .header("if-match", &old)
        .problem(412, "precondition_failed")
        .await;
    plan()
        .header("if-match", &old)
        .problem(412, "precondition_failed")
        .await;
    plan().header("if-match", coded().await).expect(201).await;
}
