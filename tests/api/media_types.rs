//! Media types of bodies: each operation takes the media types that the OpenAPI document names, and
//! no other.

use reqwest::Method;
use serde_json::json;

use crate::{operations, support::TestApp};

const MEDIA_TYPES: [&str; 18] = [
    "application/json",
    "application/merge-patch+json",
    "application/json-patch+json",
    "application/problem+json",
    "application/ld+json",
    "application/vnd.api+json",
    "application/x+json",
    "application/yaml",
    "application/x-yaml",
    "application/vnd.x+yaml",
    "application/jsonl",
    "application/json5",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "text/json",
    "text/yaml",
    "text/plain",
    "multipart/form-data; boundary=x",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_accepts_only_its_own_media_types() {
    let app = TestApp::start().await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
        .expect(201)
        .await;
    let before = app.db.fingerprint().await;
    let mut walked = 0;
    for operation in operations::all()
        .iter()
        .filter(|operation| !operation.media_types().is_empty())
    {
        let (method, taken): (Method, _) =
            (operation.method.parse().unwrap(), operation.media_types());
        // No call changes anything, because no operation takes an array as its body.
        let call = |media_type: &str| {
            app.call(method.clone(), &operation.path())
                .body(media_type, "[]")
        };
        for media_type in MEDIA_TYPES {
            for form in [
                media_type.to_owned(),
                media_type.to_uppercase(),
                format!("{media_type}; a=b"),
            ] {
                let answer = call(&form).send().await;
                walked += 1;
                if taken.contains(&media_type) {
                    assert_ne!(answer.status, 415, "{} {form}", operation.name());
                    continue;
                }
                assert_eq!(answer.status, 415, "{} {form}", operation.name());
                answer.assert_problem(&form);
                let header = if method == Method::PATCH {
                    "accept-patch"
                } else {
                    "accept"
                };
                let mut told: Vec<_> = answer.header(header).split(", ").collect();
                told.sort_unstable();
                assert_eq!(told, taken, "{} {form}", operation.name());
            }
        }
        for charset in ["utf-8", "UTF-8", "\"utf-8\""] {
            assert_ne!(
                call(&format!("application/json; charset={charset}"))
                    .send()
                    .await
                    .status,
                415,
                "{charset}"
            );
        }
        for charset in ["latin1", "utf-16", "utf-8x"] {
            call(&format!("application/json; charset={charset}"))
                .problem(415, "unsupported_media_type")
                .await;
        }
    }
    assert!(walked > 700, "{walked}");
    assert_eq!(app.db.fingerprint().await, before);
}
