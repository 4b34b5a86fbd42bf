//! Header fields with one value: two lines of the same field are refused, and neither is guessed
//! at.

use reqwest::Method;
use serde_json::json;

use crate::{operations, support::TestApp};

/// The fields with one value that the service reads, each with a valid value.
const SINGLE: [(&str, &str); 6] = [
    ("content-type", "application/json"),
    ("x-correlation-id", "abc"),
    ("x-reason", "because"),
    ("idempotency-key", "k-1"),
    ("tm-min-revision", "0123456789abcdef.1"),
    ("last-event-id", "0123456789abcdef.1"),
];

#[tokio::test(flavor = "multi_thread")]
async fn repeated_single_value_header_is_refused_everywhere() {
    let app = TestApp::start().await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
        .expect(201)
        .await;
    let before = app.db.fingerprint().await;
    let mut walked = 0;
    for operation in operations::all() {
        let method: Method = operation.method.parse().unwrap();
        for (name, value) in SINGLE {
            for second in [value, "other"] {
                let mut call = app
                    .call(method.clone(), &operation.path())
                    .header(name, value)
                    .header(name, second);
                if let Some(body) = operation.example().filter(|_| name != "content-type") {
                    call = call.json(&body);
                }
                let refused = call.problem(400, "malformed_request").await;
                assert_eq!(
                    refused.pointers(),
                    [format!("{name}:")],
                    "{} {name}",
                    operation.name()
                );
                walked += 1;
            }
        }
    }
    assert!(walked > 500, "{walked}");
    assert_eq!(app.db.fingerprint().await, before);
}

/// Each header of the OpenAPI document is in [`SINGLE`], or is a list, or is `traceparent`, which
/// is passed over.
#[test]
fn every_documented_header_is_in_the_test_table() {
    let lists = ["If-Match", "If-None-Match", "Prefer", "Accept-Encoding"];
    for operation in operations::all() {
        for header in operation.headers() {
            let is_single = SINGLE
                .iter()
                .any(|(name, _)| header.name.eq_ignore_ascii_case(name));
            assert!(
                is_single || lists.contains(&header.name) || header.name == "traceparent",
                "{}",
                header.name
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_headers_may_be_repeated() {
    let app = TestApp::start().await;
    let route = app
        .put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
        .expect(201)
        .await;
    let call = app
        .get("/tenants/acme/snapshot?wait=0")
        .header("if-none-match", "\"x\"")
        .header("if-none-match", route.header("etag"));
    call.header("prefer", "respond-async")
        .header("prefer", "handling=lenient")
        .expect(304)
        .await;
    let call = app
        .delete("/routes/acme/web/prod/v1")
        .header("if-match", "\"x\"")
        .header("if-match", route.header("etag"));
    call.expect(204).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prefer_wait_is_parsed_by_its_grammar() {
    let app = TestApp::start().await;
    let route = app
        .put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
        .expect(201)
        .await;
    let ask = async |lines: &[&str]| {
        let call = app
            .get("/tenants/acme/snapshot")
            .header("if-none-match", route.header("etag"));
        let call = lines
            .iter()
            .fold(call, |call, line| call.header("prefer", line));
        call.expect(304)
            .await
            .header("preference-applied")
            .to_owned()
    };
    for lines in [
        &["wait=0"][..],
        &["Wait=0"],
        &["respond-async, WAIT=0"],
        &["wait=\"0\""],
        &["wait = 0"],
        &["respond-async", "wait=0"],
        &["foo;wait=50, wait=0"],
        &["wait=0, wait=50"],
        &["wait=0;wait=50"],
        &["foo=\"a, wait=50\", wait=0"],
    ] {
        assert_eq!(ask(lines).await, "wait=0", "{lines:?}");
    }
    for lines in [
        &["foo;wait=50"][..],
        &["foo; bar; wait=50"],
        &["wait"],
        &["wait=soon"],
        &["wait=-1"],
        &["wait=\"\""],
        &["x-wait=50"],
    ] {
        assert_eq!(ask(lines).await, "", "{lines:?}");
    }
    // A number with too many digits counts as more than the longest wait.
    let moved = app
        .get("/tenants/acme/snapshot")
        .header("prefer", "wait=99999999999999999999999")
        .expect(200)
        .await;
    assert_eq!(moved.header("preference-applied"), "wait=60");
}
