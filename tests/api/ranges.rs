//! Times and ranges of times and revisions, in every parameter and member that takes one.

use reqwest::Method;
use serde_json::json;

use crate::{operations, support::TestApp};

const LAST: &str = "9999-12-31T23:59:59Z";

#[tokio::test(flavor = "multi_thread")]
async fn range_that_ends_before_it_begins_is_refused() {
    let app = TestApp::start().await;
    let first = app
        .put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
        .expect(201)
        .await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://b.example" }))
        .expect(200)
        .await;
    let mut walked = Vec::new();
    for operation in operations::all() {
        let query = operation.query();
        for (from, to) in [("from", "to"), ("start_time", "end_time")] {
            let Some(end) = query.iter().find(|parameter| parameter.name == to) else {
                continue;
            };
            assert!(
                query.iter().any(|parameter| parameter.name == from),
                "{}: {to} without {from}",
                operation.name()
            );
            let is_time = end.schema_name == "TimestampIn";
            // A range of times excludes its end. A range of revisions includes both ends.
            let (swapped, empty) = if is_time {
                (
                    ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"),
                    Some("2026-02-01T00:00:00Z"),
                )
            } else {
                (("2", "1"), None)
            };
            let rest = operation.required_query(&first.tag(), &[from, to]);
            for last in [Some(swapped.1), empty].into_iter().flatten() {
                let path = format!(
                    "{}?{rest}&{from}={}&{to}={last}",
                    operation.path(),
                    swapped.0
                )
                .replace("?&", "?");
                let refused = app
                    .call(Method::GET, &path)
                    .problem(422, "invalid_request")
                    .await;
                assert_eq!(refused.pointers(), [format!("?{to}")], "{path}");
                assert_eq!(refused.json["errors"][0]["code"], "empty_range", "{path}");
            }
            walked.push(operation.template);
        }
    }
    walked.sort_unstable();
    let known = ["access", "events", "export", "time-range", "verify"]
        .map(|name| format!("/api/v1/audit/{name}"));
    let known: Vec<_> = known
        .into_iter()
        .chain(["/api/v1/tenants/{tenant}/diff".to_owned()])
        .collect();
    assert_eq!(walked, known);
    let replay = json!({ "tenant": "acme", "from": 2, "to": 1, "reason": "r" });
    let refused = app
        .post("/replays")
        .json(&replay)
        .problem(422, "invalid_request")
        .await;
    assert_eq!(
        (
            refused.pointers(),
            refused.json["errors"][0]["code"].as_str()
        ),
        (vec!["/to"], Some("empty_range"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn last_second_of_the_year_9999_is_accepted_everywhere() {
    let app = TestApp::start().await;
    let first = app
        .put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
        .expect(201)
        .await;
    let mut walked = 0;
    for operation in operations::all() {
        let method: Method = operation.method.parse().unwrap();
        for parameter in operation.query() {
            if !["TimestampIn", "PointInTime"].contains(&parameter.schema_name) {
                continue;
            }
            let rest = operation.required_query(&first.tag(), &[parameter.name]);
            let tenant = if operation.template == "/api/v1/routes" {
                "&tenant=acme"
            } else {
                ""
            };
            let path = format!(
                "{}?{rest}&{}={LAST}{tenant}",
                operation.path(),
                parameter.name
            )
            .replace("?&", "?");
            // A valid export goes on for as long as the archive is read, so this export is refused
            // for its format.
            let path = if path.contains("/audit/export") {
                format!("{path}&format=none")
            } else {
                path
            };
            // Other errors are allowed: there may be nothing at that instant, or a range may end
            // before it begins.
            let answer = app.call(method.clone(), &path).send().await;
            assert!(
                !answer.json.to_string().contains("not_a_time") && answer.status != 400,
                "{path}: {}",
                answer.json
            );
            walked += 1;
        }
        for (pointer, schema) in operation
            .texts()
            .iter()
            .filter(|(_, schema)| schema["format"] == "date-time")
        {
            let body = operation.body_with(pointer, LAST);
            let answer = app
                .call(method.clone(), &operation.path())
                .json(&body)
                .send()
                .await;
            assert!(
                !answer.pointers().contains(&pointer.as_str()),
                "{schema}: {}",
                answer.json
            );
            walked += 1;
        }
    }
    assert!(walked >= 14, "{walked}");
}
