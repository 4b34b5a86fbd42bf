//! Long answers are compressed for clients that accept it, and their content stays the same.

use std::{collections::BTreeMap, io::Read as _};

use serde_json::{Value, json};

use crate::support::{Answer, TestApp, callers::Office};

/// Lists of data that comes from Kafka. They are empty here, and so too short to be compressed.
const SHORT: [&str; 9] = [
    "/audit/access",
    "/audit/action",
    "/audit/events",
    "/audit/recent",
    "/audit/route",
    "/audit/time-range",
    "/dead-letters",
    "/dead-letters/{letter_id}",
    "/replays",
];

/// Returns the paths, under `/api/v1`, whose answers are compressed according to the OpenAPI
/// document. The snapshot is left out, because it is compressed once for all.
fn documented() -> Vec<String> {
    let document = traffic_manager::http::document::openapi();
    let paths = document["paths"].as_object().expect("paths").iter();
    let compressed = paths.filter(|(_, item)| {
        item["get"]["responses"]["200"]["headers"]
            .get("Content-Encoding")
            .is_some()
    });
    let paths = compressed.filter_map(|(path, _)| path.strip_prefix("/api/v1").map(str::to_owned));
    paths
        .filter(|path| path != "/tenants/{tenant}/snapshot")
        .collect()
}

fn decoded(answer: &Answer) -> Vec<u8> {
    let mut decoded = Vec::new();
    match answer.header("content-encoding") {
        "gzip" => flate2::read::GzDecoder::new(&answer.bytes[..])
            .read_to_end(&mut decoded)
            .expect("gzip"),
        "zstd" => zstd::Decoder::new(&answer.bytes[..])
            .expect("zstd")
            .read_to_end(&mut decoded)
            .expect("zstd"),
        other => panic!("compressed as {other:?}"),
    };
    decoded
}

/// Fills a tenant until each of its lists is long. Returns the paths of the lists, by documented
/// path.
async fn long_lists(office: &Office) -> BTreeMap<&'static str, String> {
    let (app, admin) = (&office.app, &office.admin);
    office.tenant("acme").await;
    let put = async |path: String, body: Value| {
        app.put(&path)
            .bearer(admin)
            .json(&body)
            .send()
            .await
            .status
            .as_u16()
    };
    for n in 0..20 {
        assert_eq!(
            put(
                format!("/routes/acme/web/prod/v{n}"),
                json!({ "url": format!("https://h{n}.example.com") })
            )
            .await,
            201
        );
        assert_eq!(
            put(
                format!("/routes/acme/s{n}/prod/v1"),
                json!({ "url": format!("https://s{n}.example.com") })
            )
            .await,
            201
        );
        let policy = |weight| json!({ "split": [{ "version": "v1", "weight": weight }] });
        assert_eq!(
            put(format!("/policies/acme/s{n}/prod"), policy(1)).await,
            201
        );
        assert_eq!(
            put("/policies/acme/s0/prod".into(), policy(n + 2)).await,
            200
        );
        assert_eq!(
            put(
                "/routes/acme/web/prod/v0".into(),
                json!({ "url": format!("https://b{n}.example.com") })
            )
            .await,
            200
        );
        office.tenant(&format!("other-{n}")).await;
        office.key("acme", &["viewer"]).await;
    }
    let mut plan = String::new();
    for _ in 0..5 {
        let route = |n| json!({ "service": "new", "env": "prod", "version": format!("v{n}"), "url": "https://new.example.com" });
        let document = json!({ "routes": (0..20).map(route).collect::<Vec<_>>() });
        let made = app
            .post("/tenants/acme/plans")
            .bearer(admin)
            .json(&document)
            .expect(201)
            .await;
        plan = made.json["id"].as_str().expect("an id").to_owned();
    }
    let epoch = app
        .get("/routes/acme/web/prod/v0")
        .bearer(admin)
        .expect(200)
        .await
        .epoch();
    BTreeMap::from([
        (
            "/dataplane/{dialect}",
            "/dataplane/nginx?tenant=acme".to_owned(),
        ),
        ("/keys", "/keys".to_owned()),
        ("/policies", "/policies?tenant=acme".to_owned()),
        (
            "/policies/{tenant}/{service}/{env}/history",
            "/policies/acme/s0/prod/history".to_owned(),
        ),
        ("/routes", "/routes?tenant=acme".to_owned()),
        (
            "/routes/{tenant}/{service}/{env}/{version}/history",
            "/routes/acme/web/prod/v0/history".to_owned(),
        ),
        ("/tenants", "/tenants".to_owned()),
        (
            "/tenants/{tenant}/changes",
            format!("/tenants/acme/changes?after={epoch}.1"),
        ),
        (
            "/tenants/{tenant}/diff",
            "/tenants/acme/diff?from=1".to_owned(),
        ),
        (
            "/tenants/{tenant}/export",
            "/tenants/acme/export".to_owned(),
        ),
        ("/tenants/{tenant}/plans", "/tenants/acme/plans".to_owned()),
        (
            "/tenants/{tenant}/plans/{id}",
            format!("/tenants/acme/plans/{plan}"),
        ),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_are_compressed_with_the_same_content() {
    let office = Office::open().await;
    let long = long_lists(&office).await;
    let covered: Vec<_> = documented()
        .into_iter()
        .filter(|path| !SHORT.contains(&path.as_str()))
        .collect();
    assert_eq!(
        covered,
        long.keys()
            .map(|path| (*path).to_owned())
            .collect::<Vec<_>>()
    );
    for path in long.values() {
        let ask = || office.app.get(path).bearer(&office.admin);
        let plain = ask().expect(200).await;
        assert!(
            plain.bytes.len() > 1024,
            "{path}: {} bytes",
            plain.bytes.len()
        );
        let vary = if path.contains("/changes?") || path.contains("/dataplane/") {
            "accept-encoding, prefer"
        } else {
            "accept-encoding"
        };
        assert_eq!(
            (plain.header("content-encoding"), plain.header("vary")),
            ("", vary),
            "{path}"
        );
        for coding in ["gzip", "zstd"] {
            let packed = ask().header("accept-encoding", coding).expect(200).await;
            assert_eq!(packed.header("content-encoding"), coding, "{path}");
            assert_eq!(packed.header("vary"), vary, "{path}");
            assert_eq!(
                String::from_utf8(decoded(&packed)),
                String::from_utf8(plain.bytes.clone()),
                "{path} in {coding}"
            );
            assert!(
                packed.bytes.len() * 2 < plain.bytes.len(),
                "{path}: {} of {}",
                packed.bytes.len(),
                plain.bytes.len()
            );
            if plain.header("etag").is_empty() {
                continue;
            }
            assert_eq!(
                packed.header("etag"),
                format!("W/\"{}\"", plain.tag()),
                "two representations"
            );
            let known = ask()
                .header("accept-encoding", coding)
                .header("if-none-match", packed.header("etag"))
                .send()
                .await;
            assert_eq!(
                (known.status.as_u16(), known.header("etag")),
                (304, packed.header("etag")),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn short_answers_and_objects_are_not_compressed() {
    let app = TestApp::start().await;
    let labels: serde_json::Map<_, _> = (0..16)
        .map(|n| (format!("label-{n}"), json!("x".repeat(120))))
        .collect();
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a", "labels": labels }))
        .expect(201)
        .await;
    // The object's tag is the condition of the next write, which needs a strong tag.
    let object = app
        .get("/routes/acme/web/prod/v1")
        .header("accept-encoding", "gzip, zstd")
        .expect(200)
        .await;
    assert!(object.bytes.len() > 1024);
    assert_eq!(
        (object.header("content-encoding"), object.header("vary")),
        ("", "")
    );
    let put = app
        .put("/routes/acme/web/prod/v1")
        .header("if-match", object.header("etag"));
    put.json(&json!({ "url": "http://b" })).expect(200).await;
    let short = app
        .get("/tenants")
        .header("accept-encoding", "gzip")
        .expect(200)
        .await;
    assert_eq!(
        (short.header("content-encoding"), short.header("vary")),
        ("", "accept-encoding")
    );
}
