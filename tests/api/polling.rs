//! The reads of proxies: resolve and snapshot, never older than a revision that was seen.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{TestApp, eventually};

const V1: &str = "/routes/acme/web/prod/v1";
const RESOLVE: &str = "/routes/resolve?tenant=acme&service=web&env=prod&version=v1";
const SNAPSHOT: &str = "/tenants/acme/snapshot";

fn url(name: &str) -> Value {
    json!({ "url": format!("http://{name}") })
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_answers_active_routes_only() {
    let app = TestApp::start().await;
    app.get(RESOLVE).problem(404, "route_not_found").await;
    let created = app
        .put(V1)
        .json(&json!({ "url": "http://a", "labels": { "x": "y" }, "description": "d" }))
        .expect(201)
        .await;
    let resolved = app.get(RESOLVE).expect(200).await;
    let want = r#"{"tenant":"acme","service":"web","env":"prod","version":"v1","url":"http://a","revision":1}"#;
    assert_eq!(String::from_utf8(resolved.bytes.clone()).unwrap(), want);
    assert_eq!(resolved.tag(), created.tag());
    assert_eq!(resolved.header("content-type"), "application/json");
    assert_eq!(resolved.header("tm-stale"), "");

    // The route's tag changes only with the route.
    app.put("/routes/acme/web/prod/v2")
        .json(&url("b"))
        .expect(201)
        .await;
    let same = app
        .get(RESOLVE)
        .header("if-none-match", created.header("etag"))
        .expect(304)
        .await;
    assert_eq!(same.tag(), created.tag());
    assert!(same.bytes.is_empty());
    app.patch(V1).json(&url("c")).expect(200).await;
    let moved = app
        .get(RESOLVE)
        .header("if-none-match", created.header("etag"))
        .expect(200)
        .await;
    assert_eq!(
        (moved.json["url"].as_str(), moved.revision()),
        (Some("http://c"), 3)
    );

    app.post(&format!("{V1}/deactivate")).expect(200).await;
    app.get(RESOLVE).problem(404, "route_inactive").await;
    app.post(&format!("{V1}/activate")).expect(200).await;
    app.get(RESOLVE).expect(200).await;
    app.delete(V1).expect(204).await;
    app.get(RESOLVE).problem(404, "route_not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_has_sorted_active_routes_and_their_digest() {
    let app = TestApp::start().await;
    for (route, active) in [
        ("web/prod/v2", true),
        ("api/prod/v1", true),
        ("web/prod/v10", true),
        ("web/dev/v1", true),
        ("web/prod/v3", false),
    ] {
        let body = json!({ "url": format!("http://host/{route}?q='%C3%BC'"), "is_active": active, "labels": { "z": "1", "a": "ü" } });
        app.put(&format!("/routes/acme/{route}"))
            .json(&body)
            .expect(201)
            .await;
    }
    let snapshot = app.get(SNAPSHOT).expect(200).await;
    let routes = snapshot.json["routes"].as_array().unwrap();
    let names: Vec<_> = routes
        .iter()
        .map(|r| {
            ["service", "env", "version"]
                .map(|m| r[m].as_str().unwrap())
                .join("/")
        })
        .collect();
    assert_eq!(
        names,
        ["api/prod/v1", "web/dev/v1", "web/prod/v10", "web/prod/v2"]
    );
    let want = json!({ "service": "api", "env": "prod", "version": "v1", "url": "http://host/api/prod/v1?q='%C3%BC'", "labels": { "a": "ü", "z": "1" }, "revision": 2 });
    assert_eq!(routes[0], want);
    let members: Vec<_> = snapshot
        .json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        members,
        [
            "digest", "epoch", "policies", "revision", "routes", "tenant"
        ]
    );
    assert_eq!(
        snapshot.tag(),
        format!(
            "{}.{}",
            snapshot.json["epoch"].as_str().unwrap(),
            snapshot.json["revision"]
        )
    );
    assert_eq!(snapshot.revision(), 5);
    assert_eq!(snapshot.json["tenant"], "acme");
    assert_eq!(snapshot.header("cache-control"), "no-cache");
    // The digest is over one digest for each service. A service's digest is over one digest for
    // each route, of the route's canonical JSON (RFC 8785): keys sorted, no white space. There are
    // no numbers here that need care, so serde's own map order will do.
    let digest = |routes: &[Value]| {
        let each = routes
            .iter()
            .map(|route| Sha256::digest(serde_json::to_vec(route).unwrap()));
        each.fold(Sha256::new(), |sum, digest| sum.chain_update(digest))
            .finalize()
    };
    let services = [digest(&routes[..1]), digest(&routes[1..])];
    assert_eq!(
        snapshot.json["digest"],
        hex::encode(Sha256::digest(services.concat()))
    );
    assert_eq!(serde_json::to_vec(&snapshot.json).unwrap(), snapshot.bytes);

    let same = app
        .get(SNAPSHOT)
        .header(
            "if-none-match",
            format!("\"other\", {}", snapshot.header("etag")),
        )
        .expect(304)
        .await;
    assert_eq!((same.tag(), same.bytes.len()), (snapshot.tag(), 0));
    app.get(SNAPSHOT)
        .header("if-none-match", "\"0123456789abcdef.5\"")
        .expect(200)
        .await;
    app.get(SNAPSHOT)
        .header("if-none-match", "garbage")
        .expect(200)
        .await;

    // An instance that read the routes, instead of writing them, returns the same bytes.
    let other = TestApp::on(app.db.clone(), &[]).await;
    let read = other
        .get(SNAPSHOT)
        .header("tm-min-revision", snapshot.tag())
        .expect(200)
        .await;
    assert_eq!(
        String::from_utf8_lossy(&read.bytes),
        String::from_utf8_lossy(&snapshot.bytes)
    );
    assert_eq!(read.header("etag"), snapshot.header("etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_snapshot_needs_an_existing_tenant() {
    let app = TestApp::start().await;
    app.get(SNAPSHOT).problem(404, "tenant_not_found").await;
    let tenant = app
        .post("/tenants")
        .json(&json!({ "name": "acme" }))
        .expect(201)
        .await;
    // The 404 a moment ago is not remembered against a write of this instance.
    let snapshot = eventually("the tenant is there", async || {
        let answer = app
            .get(SNAPSHOT)
            .header("tm-min-revision", tenant.tag())
            .send()
            .await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(snapshot.json["routes"], json!([]));
    assert_eq!(snapshot.tag(), tenant.tag());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_tenant_is_served_once_it_is_created() {
    let app = TestApp::start().await;
    let other = TestApp::on(app.db.clone(), &["read.negative_ttl_ms=60000"]).await;
    for instance in [&app, &other] {
        instance
            .get(SNAPSHOT)
            .problem(404, "tenant_not_found")
            .await;
        instance.get(RESOLVE).problem(404, "route_not_found").await;
    }
    let created = app.put(V1).json(&url("a")).expect(201).await;
    app.get(RESOLVE).expect(200).await;
    assert_eq!(app.get(SNAPSHOT).expect(200).await.tag(), created.tag());
    // The other instance remembers its 404 for a minute, but not against a client with a newer tag.
    other.get(SNAPSHOT).problem(404, "tenant_not_found").await;
    assert_eq!(
        other
            .get(SNAPSHOT)
            .header("tm-min-revision", created.tag())
            .expect(200)
            .await
            .tag(),
        created.tag()
    );
    other.get(RESOLVE).expect(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_instance_serves_an_empty_tenant_at_once() {
    let app = TestApp::with(&["read.negative_ttl_ms=60000"]).await;
    app.get(SNAPSHOT).problem(404, "tenant_not_found").await;
    app.post("/tenants")
        .json(&json!({ "name": "acme" }))
        .expect(201)
        .await;
    app.get(SNAPSHOT).expect(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tenant_read_honours_the_minimum_revision() {
    let app = TestApp::start().await;
    let first = app.put(V1).json(&url("a")).expect(201).await;
    let second = app.patch(V1).json(&url("b")).expect(200).await;
    let epoch = first.epoch();
    let history = format!("{V1}/history");
    for path in [
        RESOLVE,
        SNAPSHOT,
        V1,
        &history,
        "/routes?tenant=acme",
        "/tenants/acme",
    ] {
        let and = if path.contains('?') { '&' } else { '?' };
        let weak = format!("W/{}", second.header("etag"));
        for reached in [
            first.tag(),
            second.tag(),
            second.header("etag").to_owned(),
            weak,
        ] {
            assert_eq!(
                app.get(path)
                    .header("tm-min-revision", &reached)
                    .expect(200)
                    .await
                    .tag(),
                second.tag(),
                "{path}"
            );
        }
        app.get(&format!("{path}{and}min_revision={}", second.tag()))
            .expect(200)
            .await;
        for unreachable in [
            format!("{epoch}.3"),
            format!("{epoch}.9223372036854775807"),
            "0123456789abcdef.1".to_owned(),
        ] {
            let refused = app
                .get(path)
                .header("tm-min-revision", &unreachable)
                .problem(503, "revision_not_reached")
                .await;
            assert_eq!(
                refused.tag(),
                second.tag(),
                "{path}: the refusal carries the reached revision"
            );
            assert_eq!(refused.header("retry-after"), "1");
            app.get(&format!("{path}{and}min_revision={unreachable}"))
                .problem(503, "revision_not_reached")
                .await;
            // If a request has two minimums, both must hold.
            let both = format!("{path}{and}min_revision={}", first.tag());
            app.get(&both)
                .header("tm-min-revision", &unreachable)
                .problem(503, "revision_not_reached")
                .await;
            let both = format!("{path}{and}min_revision={unreachable}");
            app.get(&both)
                .header("tm-min-revision", first.tag())
                .problem(503, "revision_not_reached")
                .await;
        }
        let malformed = [
            "",
            "1",
            "x",
            "0123456789abcdef",
            "0123456789abcdef.",
            "0123456789abcdef.-1",
            "0123456789abcdef.01",
            "0123456789ABCDEF.1",
            "0123456789abcdef.9223372036854775808",
            "0123456789abcdef.1.1",
            "w/\"0123456789abcdef.1\"",
        ];
        for malformed in malformed {
            let refused = app
                .get(path)
                .header("tm-min-revision", malformed)
                .problem(422, "invalid_request")
                .await;
            assert_eq!(
                refused.pointers(),
                ["TM-Min-Revision:"],
                "{path} {malformed}"
            );
            let refused = app
                .get(&format!("{path}{and}min_revision={malformed}"))
                .problem(422, "invalid_request")
                .await;
            assert_eq!(refused.pointers(), ["?min_revision"], "{path} {malformed}");
        }
    }
    // No instance reaches a minimum for a tenant that does not exist.
    for path in [
        "/tenants/nobody/snapshot",
        "/tenants/nobody",
        "/routes?tenant=nobody",
    ] {
        app.get(path)
            .header("tm-min-revision", first.tag())
            .problem(503, "revision_not_reached")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn write_through_one_instance_is_visible_through_another() {
    // The second instance never refreshes by itself here, so it learns of revisions only from its
    // clients.
    let app = TestApp::start().await;
    let slow = TestApp::on(app.db.clone(), &["read.refresh_ms=60000"]).await;
    let quick = TestApp::on(app.db.clone(), &["read.refresh_ms=50"]).await;
    let first = app.put(V1).json(&url("a")).expect(201).await;
    for instance in [&slow, &quick] {
        instance
            .get(SNAPSHOT)
            .header("tm-min-revision", first.tag())
            .expect(200)
            .await;
    }
    let second = app.patch(V1).json(&url("b")).expect(200).await;
    assert_eq!(
        slow.get(SNAPSHOT).expect(200).await.tag(),
        first.tag(),
        "the instance holds only the first revision"
    );
    assert_eq!(
        slow.get(RESOLVE)
            .header("tm-min-revision", second.tag())
            .expect(200)
            .await
            .json["url"],
        "http://b"
    );
    assert_eq!(
        slow.get(SNAPSHOT).expect(200).await.tag(),
        second.tag(),
        "answers never go back"
    );

    // A client's tag is a minimum too: an instance that is behind does not answer with an older
    // revision.
    let third = app.patch(V1).json(&url("c")).expect(200).await;
    assert_eq!(
        slow.get(SNAPSHOT)
            .header("if-none-match", third.header("etag"))
            .expect(304)
            .await
            .tag(),
        third.tag()
    );
    let fourth = app.patch(V1).json(&url("d")).expect(200).await;
    let tags = format!("{}, {}", third.header("etag"), fourth.header("etag"));
    assert_eq!(
        slow.get(RESOLVE)
            .header("if-none-match", tags)
            .expect(304)
            .await
            .tag(),
        fourth.tag()
    );

    // Reads from Postgres update the cache as well.
    let fifth = app.patch(V1).json(&url("e")).expect(200).await;
    assert_eq!(
        slow.get(V1)
            .header("tm-min-revision", fifth.tag())
            .expect(200)
            .await
            .json["url"],
        "http://e"
    );
    // Without a hint from a client, the update takes as long as a refresh.
    eventually("the refresh brings it", async || {
        (quick.get(RESOLVE).expect(200).await.json["url"] == "http://e").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_of_an_earlier_incarnation_gets_the_current_snapshot() {
    let app = TestApp::start().await;
    for n in 1..=3 {
        app.put(V1).json(&url(&format!("h{n}"))).send().await;
    }
    let earlier = app.get(SNAPSHOT).expect(200).await;
    app.delete(V1).expect(204).await;
    app.delete("/tenants/acme").expect(204).await;
    let slow = TestApp::on(app.db.clone(), &["read.refresh_ms=60000"]).await;
    for instance in [&app, &slow] {
        instance
            .get(SNAPSHOT)
            .header("if-none-match", earlier.header("etag"))
            .problem(404, "tenant_not_found")
            .await;
    }
    let new = app.put(V1).json(&url("new")).expect(201).await;
    for instance in [&app, &slow] {
        let snapshot = instance
            .get(SNAPSHOT)
            .header("if-none-match", earlier.header("etag"))
            .expect(200)
            .await;
        assert_eq!(snapshot.tag(), new.tag());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_several_incarnations_are_compared_separately() {
    let app = TestApp::start().await;
    for n in 1..=3 {
        app.put(V1).json(&url(&format!("h{n}"))).send().await;
    }
    let earlier = app.get(SNAPSHOT).expect(200).await;
    app.delete(V1).expect(204).await;
    app.delete("/tenants/acme").expect(204).await;
    app.put(V1).json(&url("first")).expect(201).await;
    // The instance holds the first revision of the new incarnation, and gets no notification of any
    // other.
    let slow = TestApp::on(
        app.db.clone(),
        &["read.refresh_ms=60000", "kafka.bootstrap_servers="],
    )
    .await;
    slow.get(SNAPSHOT).expect(200).await;
    let newest = app.put(V1).json(&url("second")).expect(200).await;
    assert!(newest.revision() < earlier.revision());
    let both = format!("{}, {}", earlier.header("etag"), newest.header("etag"));
    let answer = slow
        .get(SNAPSHOT)
        .header("if-none-match", both)
        .expect(304)
        .await;
    assert_eq!(answer.tag(), newest.tag());
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_with_the_headers_of_get() {
    let app = TestApp::start().await;
    app.put(V1).json(&url("a")).expect(201).await;
    for path in [
        RESOLVE,
        SNAPSHOT,
        V1,
        "/tenants/acme",
        "/routes?tenant=acme",
    ] {
        let got = app.get(path).expect(200).await;
        let head = app
            .call(reqwest::Method::HEAD, &format!("/api/v1{path}"))
            .expect(200)
            .await;
        assert!(head.bytes.is_empty() && !got.bytes.is_empty(), "{path}");
        for name in ["etag", "content-type", "content-length"] {
            assert_eq!(head.header(name), got.header(name), "{path} {name}");
        }
    }
    app.call(reqwest::Method::HEAD, "/api/v1/routes/acme/web/prod/v9")
        .expect(404)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_through_two_instances_never_goes_back() {
    let app = TestApp::start().await;
    let other = TestApp::on(app.db.clone(), &["read.refresh_ms=50"]).await;
    let first = app.put(V1).json(&url("h0")).expect(201).await;
    other
        .get(SNAPSHOT)
        .header("tm-min-revision", first.tag())
        .expect(200)
        .await;
    let writer = async {
        for n in 1..=100 {
            let instance = if n % 3 == 0 { &other } else { &app };
            instance
                .put(V1)
                .json(&url(&format!("h{n}")))
                .expect(200)
                .await;
        }
    };
    let poll = async |instance: &TestApp| {
        let (mut seen, mut polls) = (0, 0);
        while seen <= 100 {
            let answer = instance.get(SNAPSHOT).expect(200).await;
            let url = answer.json["routes"][0]["url"].as_str().unwrap().to_owned();
            assert_eq!(
                url,
                format!("http://h{}", answer.revision() - 1),
                "tag and content belong together"
            );
            assert!(
                answer.revision() >= seen,
                "{} after {seen}",
                answer.revision()
            );
            seen = answer.revision();
            let resolved = instance.get(RESOLVE).expect(200).await;
            assert!(resolved.revision() >= seen);
            seen = resolved.revision();
            polls += 1;
        }
        polls
    };
    // A client polls both instances, as behind a load balancer, and sends the tag it saw as the
    // minimum.
    let both = async {
        let mut tag = first.tag();
        let mut seen = 1;
        while seen <= 100 {
            for instance in [&app, &other] {
                let answer = instance
                    .get(SNAPSHOT)
                    .header("tm-min-revision", &tag)
                    .expect(200)
                    .await;
                assert!(answer.revision() >= seen);
                (tag, seen) = (answer.tag(), answer.revision());
            }
        }
    };
    let ((), one, two, ()) = tokio::join!(writer, poll(&app), poll(&other), both);
    assert!(one > 10 && two > 10, "{one} {two}");
}

/// A plain request with a cached answer is answered before routing, on the fast path. A request
/// with a minimum takes the ordinary path.
#[tokio::test(flavor = "multi_thread")]
async fn fast_path_answers_as_the_ordinary_path() {
    for setting in [
        "http.cors_origins=",
        "http.cors_origins=https://page.example",
    ] {
        assert_fast_path_answers_as_the_ordinary_path(&TestApp::with(&[setting]).await).await;
    }
}

async fn assert_fast_path_answers_as_the_ordinary_path(app: &TestApp) {
    app.put(V1)
        .json(&json!({ "url": "http://a/'%C3%BC'" }))
        .expect(201)
        .await;
    let newest = app
        .put("/routes/acme/web/dev/v1")
        .json(&url("b"))
        .expect(201)
        .await;
    let snapshot = app.get(SNAPSHOT).expect(200).await;
    let dev = "/tenants/acme/snapshot?env=dev";
    for (path, seen) in [
        (RESOLVE, ""),
        (RESOLVE, "\"0123456789abcdef.1\""),
        (RESOLVE, &format!("\"{}.1\"", newest.epoch())),
        (SNAPSHOT, snapshot.header("etag")),
        (dev, newest.header("etag")),
        (
            "/tenants/acme/snapshot?service=web&env=dev",
            newest.header("etag"),
        ),
        (SNAPSHOT, ""),
        (dev, &format!("\"{}.1\"", newest.epoch())),
        ("/tenants/acme/snapshot?env=BAD!", "*"),
    ] {
        for coding in ["identity", "gzip", "zstd"] {
            let ask = || {
                app.get(path)
                    .header("if-none-match", seen)
                    .header("accept-encoding", coding)
            };
            // Only a body that is kept is sent on the fast path: this call makes it.
            ask().send().await;
            let short = ask().header("x-correlation-id", "mine").send().await;
            let ordinary = ask()
                .header("x-correlation-id", "mine")
                .header("tm-min-revision", newest.tag())
                .send()
                .await;
            assert_eq!(
                (short.status, &short.bytes),
                (ordinary.status, &ordinary.bytes),
                "{path} {seen} {coding}"
            );
            let headers = |answer: &crate::support::Answer| {
                let mut headers = answer.headers.clone();
                headers.remove("date");
                // Each thread of the service has these names in an order of its own.
                let exposed = headers.remove("access-control-expose-headers");
                let exposed = exposed.map(|names| {
                    let names = names.to_str().unwrap_or_default().split(", ");
                    names.map(str::to_owned).collect::<BTreeSet<_>>()
                });
                (headers, exposed)
            };
            assert_eq!(
                headers(&short),
                headers(&ordinary),
                "{path} {seen} {coding}"
            );
        }
    }
    // The fast path makes correlation ids too, and they differ.
    let ids = [
        app.get(RESOLVE).expect(200).await,
        app.get(RESOLVE).expect(200).await,
    ]
    .map(|answer| {
        let id: uuid::Uuid = answer.header("x-correlation-id").parse().expect("a UUID");
        assert_eq!(id.get_version_num(), 7);
        id
    });
    assert_ne!(ids[0], ids[1]);
    let text = String::from_utf8(app.ops("/metrics").expect(200).await.bytes).unwrap();
    let counted =
        r#"tm_http_requests_total{method="GET",endpoint="/api/v1/routes/resolve",status="2xx"} "#;
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix(counted))
        .map(|count| count.parse::<u64>().unwrap());
    assert!(count.is_some_and(|count| count >= 2), "{text}");
}
