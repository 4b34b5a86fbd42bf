//! Snapshots of a part of a tenant, and their content codings.

use std::{collections::BTreeMap, io::Read as _};

use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

const SCOPES: [&str; 8] = [
    "",
    "?env=prod",
    "?env=dev",
    "?service=web",
    "?service=api",
    "?service=web&env=prod",
    "?env=prod&service=api",
    "?service=nothing&env=there",
];

async fn put(app: &TestApp, route: &str, url: &str) -> Answer {
    app.put(&format!("/routes/acme/{route}"))
        .json(&json!({ "url": format!("http://{url}") }))
        .send()
        .await
}

async fn snapshots(app: &TestApp) -> BTreeMap<&'static str, Answer> {
    let mut all = BTreeMap::new();
    for scope in SCOPES {
        all.insert(
            scope,
            app.get(&format!("/tenants/acme/snapshot{scope}"))
                .expect(200)
                .await,
        );
    }
    all
}

fn names(answer: &Answer) -> Vec<String> {
    let part = |route: &Value, name: &str| route[name].as_str().unwrap().to_owned();
    let routes = answer.json["routes"].as_array().unwrap();
    routes
        .iter()
        .map(|route| {
            ["service", "env", "version"]
                .map(|name| part(route, name))
                .join("/")
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn scope_tag_moves_only_with_routes_of_the_scope() {
    let app = TestApp::start().await;
    for route in ["web/prod/v1", "web/dev/v1", "api/prod/v1", "api/prod/v2"] {
        assert_eq!(put(&app, route, "a").await.status, 201);
    }
    let first = snapshots(&app).await;
    let of = |scope: &str| names(&first[scope]);
    assert_eq!(
        of("?env=prod"),
        ["api/prod/v1", "api/prod/v2", "web/prod/v1"]
    );
    assert_eq!(of("?service=web"), ["web/dev/v1", "web/prod/v1"]);
    assert_eq!(of("?service=web&env=prod"), ["web/prod/v1"]);
    assert_eq!(of("?service=nothing&env=there"), [""; 0]);
    let revisions: Vec<_> = SCOPES.iter().map(|scope| first[scope].revision()).collect();
    assert_eq!(revisions, [4, 4, 2, 2, 4, 1, 4, 0]);
    for answer in first.values() {
        assert_eq!(
            answer.json["revision"],
            answer.revision(),
            "the body says the tag's revision"
        );
    }

    // A route is changed, deleted and made again. The deletion takes the last route out of its
    // scope.
    let changes: [(&str, &[&str]); 3] = [
        ("put", &["", "?env=dev", "?service=web"]),
        ("delete", &["", "?env=dev", "?service=web"]),
        ("put", &["", "?env=dev", "?service=web"]),
    ];
    let mut before = first;
    for (step, (what, moved)) in changes.into_iter().enumerate() {
        if what == "put" {
            put(&app, "web/dev/v1", &format!("b{step}")).await;
        } else {
            app.delete("/routes/acme/web/dev/v1").expect(204).await;
        }
        let after = snapshots(&app).await;
        for scope in SCOPES {
            let (old, new) = (&before[scope], &after[scope]);
            let same = app
                .get(&format!("/tenants/acme/snapshot{scope}"))
                .header("if-none-match", old.header("etag"))
                .send()
                .await;
            if moved.contains(&scope) {
                assert!(new.revision() > old.revision(), "{what} {scope}");
                assert_eq!(same.status, 200, "{what} {scope}");
            } else {
                assert_eq!(
                    (new.tag(), &new.bytes),
                    (old.tag(), &old.bytes),
                    "{what} {scope}"
                );
                assert_eq!(same.status, 304, "{what} {scope}");
            }
        }
        before = after;
    }

    // An instance that read everything from the database, instead of seeing the changes, answers
    // the same.
    let other = TestApp::on(app.db.clone(), &[]).await;
    app.db.caught_up().await;
    for (scope, answer) in snapshots(&other).await {
        assert_eq!(
            (answer.tag(), &answer.bytes),
            (before[scope].tag(), &before[scope].bytes),
            "{scope}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_incarnation_has_no_scopes_of_the_last_one() {
    let app = TestApp::start().await;
    for n in 0..3 {
        put(&app, "web/prod/v1", &format!("h{n}")).await;
    }
    app.delete("/routes/acme/web/prod/v1").expect(204).await;
    app.delete("/tenants/acme").expect(204).await;
    put(&app, "api/prod/v1", "new").await;
    let other = TestApp::on(app.db.clone(), &[]).await;
    app.db.caught_up().await;
    for instance in [&app, &other] {
        let web = instance
            .get("/tenants/acme/snapshot?service=web")
            .expect(200)
            .await;
        assert_eq!(web.revision(), 0);
        let prod = instance
            .get("/tenants/acme/snapshot?env=prod")
            .expect(200)
            .await;
        assert_eq!(
            (prod.revision(), names(&prod)),
            (1, vec!["api/prod/v1".to_owned()])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn minimum_revision_of_the_tenant_holds_for_its_scopes() {
    let app = TestApp::start().await;
    let slow = TestApp::on(
        app.db.clone(),
        &["read.refresh_ms=60000", "kafka.bootstrap_servers="],
    )
    .await;
    put(&app, "web/prod/v1", "a").await;
    slow.get("/tenants/acme/snapshot?env=prod")
        .expect(200)
        .await;
    let newest = put(&app, "web/dev/v1", "b").await;
    let prod = slow
        .get("/tenants/acme/snapshot?env=prod")
        .header("tm-min-revision", newest.tag())
        .expect(200)
        .await;
    assert_eq!(
        prod.revision(),
        1,
        "the answer reaches the minimum with the scope's unchanged tag"
    );
    let dev = slow.get("/tenants/acme/snapshot?env=dev").expect(200).await;
    assert_eq!(dev.tag(), newest.tag());
    // A tag of a scope is a tag of the tenant: a client that has it gets no older answer.
    let next = put(&app, "web/prod/v1", "c").await;
    let prod = slow
        .get("/tenants/acme/snapshot?env=prod")
        .header("if-none-match", next.header("etag"))
        .expect(304)
        .await;
    assert_eq!(prod.tag(), next.tag());
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_scopes_are_refused_by_name() {
    let app = TestApp::start().await;
    put(&app, "web/prod/v1", "a").await;
    for (query, pointer) in [
        ("env=Prod", "?env"),
        ("service=a_b", "?service"),
        ("version=v1", "?version"),
        ("env=", "?env"),
    ] {
        let problem = app
            .get(&format!("/tenants/acme/snapshot?{query}"))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(problem.pointers(), [pointer], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_has_the_content_coding_that_the_client_prefers() {
    let app = TestApp::start().await;
    for n in 0..20 {
        put(&app, &format!("web/prod/v{n}"), "a").await;
    }
    let plain = app.get("/tenants/acme/snapshot").expect(200).await;
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        ("", "accept-encoding, prefer")
    );
    for (accepted, coding) in [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, zstd", "zstd"),
        ("br, gzip;q=0.8", "gzip"),
        ("br", ""),
        ("identity", ""),
        ("gzip;q=0", ""),
        (";;,", ""),
    ] {
        let coded = app
            .get("/tenants/acme/snapshot")
            .header("accept-encoding", accepted)
            .expect(200)
            .await;
        assert_eq!(coded.header("content-encoding"), coding, "{accepted}");
        let mut decoded = Vec::new();
        match coding {
            "gzip" => drop(
                flate2::read::GzDecoder::new(coded.bytes.as_slice())
                    .read_to_end(&mut decoded)
                    .unwrap(),
            ),
            "zstd" => decoded = zstd::decode_all(coded.bytes.as_slice()).unwrap(),
            _ => decoded = coded.bytes.clone(),
        }
        assert_eq!(decoded, plain.bytes, "{accepted}");
        // Two representations do not share a strong tag. With either tag, the other representation
        // counts as unchanged.
        let weak = if coding.is_empty() { "" } else { "W/" };
        assert_eq!(
            coded.header("etag"),
            format!("{weak}{}", plain.header("etag")),
            "{accepted}"
        );
        assert_eq!(coded.header("vary"), plain.header("vary"));
        let same = app
            .get("/tenants/acme/snapshot")
            .header("accept-encoding", accepted)
            .header("if-none-match", coded.header("etag"));
        assert_eq!(same.expect(304).await.header("etag"), coded.header("etag"));
        app.get("/tenants/acme/snapshot")
            .header("if-none-match", coded.header("etag"))
            .expect(304)
            .await;
    }
}
