//! URLs to which no proxy can send a request are refused by every endpoint that takes a URL.

use reqwest::Method;
use serde_json::json;

use crate::{operations, support::TestApp};

const NONE: [&str; 26] = [
    "http://a.example/%zz",
    "http://a.example/%",
    "http://a.example/%4",
    "http://a.example/\"",
    "http://a.example/<x>",
    "http://a.example/a|b",
    "http://a.example/`",
    "http://a.example/^",
    "http://a.example/?x={y}",
    "http://a.example/ä",
    "http://a.example/../b",
    "http://exa%6dple.com/",
    "http://a.example:0/",
    "http://a.example:00000",
    "http://[::1]:0/",
    "http://a.example:65536/",
    "http://a..b/",
    "http://./",
    "http://../",
    "http://.a.example/",
    "http://-a.example/",
    "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://xn--a/",
    "http://bücher.example/",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_refuses_invalid_urls() {
    let app = TestApp::start().await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
        .expect(201)
        .await;
    let before = app.db.fingerprint().await;
    let mut walked = 0;
    for operation in operations::all() {
        let method: Method = operation.method.parse().unwrap();
        for (pointer, _) in operation
            .texts()
            .iter()
            .filter(|(_, schema)| schema["format"] == "url")
        {
            for url in NONE {
                let body = operation.body_with(pointer, url);
                let refused = app
                    .call(method.clone(), &operation.path())
                    .json(&body)
                    .problem(422, "invalid_request")
                    .await;
                assert!(
                    refused.pointers().contains(&pointer.as_str()),
                    "{} {url}: {}",
                    operation.name(),
                    refused.json
                );
                walked += 1;
            }
        }
    }
    assert!(walked >= 5 * NONE.len(), "{walked}");
    assert_eq!(app.db.fingerprint().await, before);
}
