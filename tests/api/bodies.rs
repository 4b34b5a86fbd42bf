//! Bodies as clients send them: YAML and its traps, byte order marks, answers sent back as writes,
//! and answers that stay small.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

const YAML: &str = "application/yaml";
const JSON: &str = "application/json";

/// The endpoints that take large bodies, each with the list that holds its items.
const LARGE: [(&str, &str); 2] = [
    ("/tenants/acme/plans", "routes"),
    ("/tenants/acme/batch", "changes"),
];

/// The maximum size of an answer to a refused body, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

async fn acme() -> TestApp {
    let app = TestApp::start().await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    app
}

fn repeated(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

/// Returns bodies that are refused late and with as many errors as possible: the name, the media
/// type, the body.
fn refused() -> Vec<(String, &'static str, String)> {
    let route = |at: usize| {
        format!(r#"{{"service":"web","env":"prod","version":"w{at}","url":"http://a"}}"#)
    };
    let many = |item: &dyn Fn(usize) -> String, count: usize, list: &str| {
        format!(r#"{{"{list}":[{}]}}"#, repeated(count, item))
    };
    let same = repeated(20_000, |_| r#""a""#.to_owned());
    let long = "n".repeat(60_000);
    let mut bodies: Vec<(String, String)> = Vec::new();
    for list in ["routes", "policies", "changes"] {
        let mut add = |name: &str, body: String| bodies.push((format!("{name} in {list}"), body));
        add("many empty objects", many(&|_| "{}".into(), 20_000, list));
        add("many numbers", many(&|at| at.to_string(), 20_000, list));
        add(
            "a number of a megabyte",
            format!(r#"{{"{list}":[{}]}}"#, "9".repeat(1 << 17)),
        );
        add("doubled routes", many(&|_| route(0), 500, list));
        add(
            "a long name of a member",
            format!(r#"{{"{list}":[{{"{long}":1}}]}}"#),
        );
        add(
            "a name of escapes",
            format!(r#"{{"{list}":[{{"{}":1}}]}}"#, r"\u0000".repeat(10_000)),
        );
        add(
            "a long value",
            format!(r#"{{"{list}":[{{"service":"{long}","env":"prod"}}]}}"#),
        );
        add(
            "a text of a megabyte",
            format!(r#"{{"{list}":["{}"]}}"#, "x".repeat(1 << 17)),
        );
        add(
            "an escaped text of a megabyte",
            format!(r#"{{"{list}":["{}"]}}"#, r#"\""#.repeat(1 << 17)),
        );
        add(
            "many members",
            format!(
                r#"{{"{list}":[{{{}}}]}}"#,
                repeated(20_000, |at| format!(r#""m{at}":1"#))
            ),
        );
        add(
            "a doubled member at the end",
            format!(r#"{{"{list}":[],"{list}":[{}]}}"#, repeated(500, route)),
        );
        add(
            "much nesting",
            format!(r#"{{"{list}":{}}}"#, "[".repeat(100_000)),
        );
        add("no end", format!(r#"{{"{list}":[{}"#, repeated(500, route)));
        for change in ["route", "policy"] {
            let with = |part: &str| {
                format!(r#"{{"action":"put","{change}":{{"service":"web","env":"prod",{part}}}}}"#)
            };
            add(
                &format!("a {change} without an end"),
                many(&|_| with(r#""x":1"#), 500, list),
            );
            add(
                &format!("a {change} with the same version often"),
                format!(
                    r#"{{"{list}":[{}]}}"#,
                    with(&format!(r#""failover":[{same}]"#))
                ),
            );
        }
        let policy = |part: &str| format!(r#"{{"service":"web","env":"prod",{part}}}"#);
        let parts = [
            format!(r#""failover":[{same}]"#),
            format!(r#""hosts":[{same}]"#),
            format!(r#""failover":[{}]"#, repeated(64, |_| r#""a""#.to_owned())),
            format!(
                r#""split":[{}]"#,
                repeated(64, |_| r#"{"version":"a","weight":20000}"#.to_owned())
            ),
            format!(
                r#""rules":[{}]"#,
                repeated(64, |_| {
                    r#"{"name":"","match":{"headers":{}},"version":"a"}"#.to_owned()
                })
            ),
        ];
        for (at, part) in parts.iter().enumerate() {
            let change = format!(r#"{{"action":"put","policy":{}}}"#, policy(part));
            add(&format!("policies {at}"), many(&|_| policy(part), 50, list));
            add(
                &format!("changes of policies {at}"),
                many(&|_| change.clone(), 50, list),
            );
        }
        let labels = repeated(200, |at| format!(r#""-{at}":"\u0000""#));
        add(
            "bad labels",
            many(
                &|at| {
                    format!(
                        r#"{{"service":"web","env":"prod","version":"v{at}","url":"http://a","labels":{{{labels}}}}}"#
                    )
                },
                200,
                list,
            ),
        );
    }
    let mut all: Vec<(String, &'static str, String)> = Vec::new();
    for (name, body) in bodies {
        all.push((format!("{name}, as JSON"), JSON, body.clone()));
        all.push((format!("{name}, as YAML"), YAML, body));
    }
    let yaml = [
        (
            "aliases of a long text",
            format!(
                "x: &a {}\ny: [{}]\n",
                "A".repeat(60_000),
                repeated(20_000, |_| "*a".into())
            ),
        ),
        (
            "many keys without values",
            format!("{{{}}}", repeated(100_000, |at| format!("k{at}"))),
        ),
        ("many dashes", "- ".repeat(100_000)),
        ("many lines of dashes", "-\n".repeat(100_000)),
        ("many documents", "---\n".repeat(100_000)),
        (
            "a long comment and no end",
            format!("#{}\n[", "x".repeat(1 << 17)),
        ),
        (
            "a long plain text",
            format!("routes: {}", "x ".repeat(1 << 17)),
        ),
        (
            "a long block text",
            format!("routes: |\n{}", " x\n".repeat(1 << 17)),
        ),
        (
            "many anchors",
            repeated(50_000, |at| format!("&a{at} {at}")),
        ),
        ("a long tag", format!("routes: !{} x", "t".repeat(1 << 17))),
        (
            "a long anchor",
            format!("routes: &{} x", "t".repeat(1 << 17)),
        ),
        (
            "a long directive",
            format!("%YAML {}\n---\n", "1".repeat(1 << 17)),
        ),
    ];
    all.extend(yaml.map(|(name, body)| (name.to_owned(), YAML, body)));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_body_gets_a_short_answer() {
    let app = TestApp::with(&["http.request_timeout_ms=120000", "write.timeout_ms=60000"]).await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let before = app.get("/tenants/acme").expect(200).await.tag();
    let mut tried = 0;
    for (name, media_type, body) in refused() {
        for (path, list) in LARGE {
            // A list that is unknown to one endpoint belongs to the body of the other, so only some
            // of these cases are sent.
            if !body.contains(&format!("\"{list}\"")) && tried % 4 != 0 && media_type == JSON {
                continue;
            }
            let sent = body.len();
            let answer = app
                .post(path)
                .patient(Duration::from_secs(100))
                .body(media_type, body.clone())
                .send()
                .await;
            let status = answer.status.as_u16();
            if status < 400 {
                assert!(answer.json["changes"].is_array(), "{name}: {status}");
                continue;
            }
            assert!(
                matches!(status, 400 | 409 | 413 | 422),
                "{name} to {path}: {status} {}",
                answer.json
            );
            answer.assert_problem(&name);
            assert!(
                answer.bytes.len() <= MAX_ANSWER,
                "{name} to {path}: {} bytes for {sent}",
                answer.bytes.len()
            );
            assert!(
                answer.json["errors"]
                    .as_array()
                    .is_none_or(|errors| errors.len() <= 20),
                "{name}"
            );
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
    assert_eq!(
        app.get("/tenants/acme").expect(200).await.tag(),
        before,
        "no row was written"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_says_when_more_errors_exist_than_it_lists() {
    let app = acme().await;
    let change = json!({ "action": "delete", "route": { "service": "web", "env": "prod", "version": "none" } });
    for count in [20, 21, 500] {
        let named = |at: usize| {
            let mut change = change.clone();
            change["route"]["version"] = json!(format!("none{at}"));
            change
        };
        let changes: Vec<_> = (0..count).map(named).collect();
        let answer = app
            .post("/tenants/acme/batch")
            .json(&json!({ "changes": changes }))
            .expect(422)
            .await;
        assert_eq!(
            (answer.pointers().len(), answer.json["more_errors"] == true),
            (20, count > 20),
            "{count}"
        );
        assert_eq!(answer.pointers()[19], "/changes/19");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn yaml_with_anchors_or_tags_is_refused_with_its_position() {
    let app = acme().await;
    for (path, _) in LARGE {
        for (body, place) in [
            ("x: &a A\ny: [*a, *a]\n", "line 1, column 4"),
            ("routes:\n- service: web\n  env: *e\n", "line 3, column 8"),
            ("routes:\n  - &r {service: web}\n", "line 2, column 5"),
            ("routes:\n- <<: {service: web}\n", "line 2, column 3"),
            ("routes: !!seq []\n", "line 1, column"),
            ("routes: []\n---\nroutes: []\n", "line 2, column 1"),
        ] {
            let answer = app
                .post(path)
                .body(YAML, body)
                .problem(400, "malformed_request")
                .await;
            let detail = answer.json["detail"].as_str().unwrap();
            assert!(detail.contains(place), "{body}: {detail}");
        }
        let doubled = app
            .post(path)
            .body(YAML, "routes: []\nroutes: []\n")
            .problem(422, "invalid_request")
            .await;
        assert_eq!(doubled.json["errors"][0]["code"], "duplicate_member");
    }
    let deep = "routes:\n- {service: web, env: prod, version: v2, url: 'http://b', labels: {a: b, c: d, a: e}}\n";
    let answer = app
        .post("/tenants/acme/plans")
        .body(YAML, deep)
        .problem(422, "invalid_request")
        .await;
    assert_eq!(answer.pointers(), ["/routes/0/labels/a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_yaml_scalars_are_read_as_yaml_1_2() {
    let app = acme().await;
    let plan = async |part: &str| {
        let body = format!(
            "routes:\n- {{service: web, env: no, version: 2026-01-01, url: 'http://b', {part}}}\n"
        );
        app.post("/tenants/acme/plans?dry_run=true")
            .body(YAML, body)
            .send()
            .await
    };
    let good = plan("labels: {on: off, y: 1_000, 1: 0b1}").await;
    assert_eq!(good.status, 200, "{}", good.json);
    let change = &good.json["changes"][0];
    assert_eq!(
        change["key"],
        json!({ "service": "web", "env": "no", "version": "2026-01-01" })
    );
    assert_eq!(
        change["after"]["labels"],
        json!({ "on": "off", "y": "1_000", "1": "0b1" })
    );
    for number in ["012", "0o17", "0x1F", "1.10", "1e3", "-1", "true", "~"] {
        let answer = plan(&format!("description: d, labels: {{k: {number}}}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.pointers()),
            (422, vec!["/routes/0/labels/k"]),
            "{number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn utf8_byte_order_mark_is_ignored_and_utf16_is_refused() {
    let app = acme().await;
    let mark = b"\xef\xbb\xbf".to_vec();
    let with_mark = |body: &str| [mark.clone(), body.as_bytes().to_vec()].concat();
    for (media_type, body) in [(YAML, "routes: []\n"), (JSON, r#"{"routes":[]}"#)] {
        app.post("/tenants/acme/plans")
            .body(media_type, with_mark(body))
            .expect(201)
            .await;
        let utf16: Vec<u8> = "\u{feff}"
            .chars()
            .chain(body.chars())
            .flat_map(|c| (c as u16).to_le_bytes())
            .collect();
        let answer = app
            .post("/tenants/acme/plans")
            .body(media_type, utf16)
            .problem(400, "malformed_request")
            .await;
        assert!(
            answer.json["detail"].as_str().unwrap().contains("UTF-16"),
            "{}",
            answer.json
        );
    }
    for (media_type, body) in [(YAML, "changes: []\n"), (JSON, r#"{"changes":[]}"#)] {
        app.post("/tenants/acme/batch")
            .body(media_type, with_mark(body))
            .expect(200)
            .await;
    }
    let put = app
        .put("/routes/acme/web/prod/v2")
        .body(JSON, with_mark(r#"{"url":"http://b"}"#));
    put.expect(201).await;
}

/// Returns each resource that is read by its path and written whole: its path, and the method and
/// path of the write.
fn resources() -> Vec<(&'static str, Method, &'static str)> {
    vec![
        (
            "/routes/acme/web/prod/v1",
            Method::PUT,
            "/routes/acme/web/prod/v1",
        ),
        ("/routes/acme/web/prod/v1", Method::POST, "/routes"),
        (
            "/policies/acme/web/prod",
            Method::PUT,
            "/policies/acme/web/prod",
        ),
        ("/tenants/acme", Method::POST, "/tenants"),
    ]
}

async fn with_policy() -> TestApp {
    let app = acme().await;
    let policy = json!({ "hosts": ["b.example", "a.example"], "split": [{ "version": "v1", "weight": 1 }], "sticky_by": { "cookie": "sid" } });
    app.put("/policies/acme/web/prod")
        .json(&policy)
        .expect(201)
        .await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_was_read_can_be_sent_back() {
    let app = with_policy().await;
    for (read, method, write) in resources() {
        let was = app.get(read).expect(200).await;
        let mut body = was.json.clone();
        let call = |body: &Value| {
            app.call(method.clone(), &format!("/api/v1{write}"))
                .json(body)
        };
        if write == "/tenants" {
            body["name"] = json!("other");
            call(&body).expect(201).await;
        } else {
            let same = call(&body).expect(200).await;
            assert_eq!(
                (same.header("tm-unchanged"), &same.json),
                ("true", &was.json),
                "{method} {write}"
            );
        }
        for (member, value) in was.json.as_object().unwrap() {
            // A member that the service sets is ignored, whatever value is sent.
            let is_written = ["revision", "epoch"].contains(&member.as_str())
                || member.ends_with("_at")
                || member.ends_with("_by") && member != "sticky_by";
            let is_count = write == "/tenants" && ["routes", "policies"].contains(&member.as_str());
            let mut changed = was.json.clone();
            if is_written || is_count {
                changed[member] = json!({ "any": [value] });
                changed["name"] = if write == "/tenants" {
                    json!(format!("t-{}", member.replace('_', "-")))
                } else {
                    Value::Null
                };
                if write != "/tenants" {
                    changed.as_object_mut().unwrap().remove("name");
                }
                let status = if write == "/tenants" { 201 } else { 200 };
                call(&changed).expect(status).await;
            } else if method == Method::PUT
                && ["tenant", "service", "env", "version"].contains(&member.as_str())
            {
                changed[member] = json!("other");
                let answer = call(&changed).problem(422, "invalid_request").await;
                assert_eq!(answer.json["errors"][0]["code"], "not_the_path");
                assert_eq!(answer.pointers(), [format!("/{member}")], "{write}");
            }
        }
        let mut unknown = body.clone();
        unknown["revisions"] = json!(1);
        let answer = call(&unknown).problem(422, "invalid_request").await;
        assert_eq!(answer.pointers(), ["/revisions"], "{method} {write}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_was_read_works_in_documents_and_batches() {
    let app = with_policy().await;
    let (route, policy) = (
        app.get("/routes/acme/web/prod/v1").expect(200).await.json,
        app.get("/policies/acme/web/prod").expect(200).await.json,
    );
    let document = |route: &Value, policy: &Value| json!({ "routes": [route], "policies": [policy], "prune": true });
    let batch = |route: &Value, policy: &Value| json!({ "changes": [{ "action": "put", "route": route }, { "action": "put", "policy": policy }] });
    let made = app
        .post("/tenants/acme/plans")
        .json(&document(&route, &policy))
        .expect(201)
        .await;
    assert_eq!(made.json["changes"], json!([]));
    let done = app
        .post("/tenants/acme/batch")
        .json(&batch(&route, &policy))
        .expect(200)
        .await;
    assert_eq!(done.header("tm-unchanged"), "true");
    let (mut other_route, mut other_policy) = (route.clone(), policy.clone());
    (other_route["tenant"], other_policy["tenant"]) = (json!("other"), json!("other"));
    let refused = async |path: &str, body: &Value| -> Vec<String> {
        let answer = app
            .post(path)
            .json(body)
            .problem(422, "invalid_request")
            .await;
        assert_eq!(answer.json["errors"][0]["code"], "not_the_path");
        answer.pointers().into_iter().map(str::to_owned).collect()
    };
    assert_eq!(
        refused(
            "/tenants/acme/plans",
            &document(&other_route, &other_policy)
        )
        .await,
        ["/routes/0/tenant", "/policies/0/tenant"]
    );
    let pointers = refused("/tenants/acme/batch", &batch(&other_route, &other_policy)).await;
    assert_eq!(
        pointers,
        ["/changes/0/route/tenant", "/changes/1/policy/tenant"]
    );
    let whole = json!({ "changes": [{ "action": "delete", "policy": policy }] });
    let answer = app
        .post("/tenants/acme/batch")
        .json(&whole)
        .problem(422, "invalid_request")
        .await;
    assert_eq!(
        (answer.pointers(), &answer.json["errors"][0]["code"]),
        (vec!["/changes/0/policy"], &json!("only_the_name"))
    );
}

fn places(answer: &Answer) -> (String, Vec<String>) {
    (
        answer.json["code"].as_str().unwrap_or_default().to_owned(),
        answer.pointers().into_iter().map(str::to_owned).collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_conflict_names_its_change() {
    let app = with_policy().await;
    app.put("/routes/acme/web/prod/v2")
        .json(&json!({ "url": "http://b" }))
        .expect(201)
        .await;
    app.put("/routes/other/web/prod/v1")
        .json(&json!({ "url": "http://c" }))
        .expect(201)
        .await;
    app.put("/policies/other/web/prod")
        .json(&json!({ "hosts": ["taken.example"], "failover": ["v1"] }))
        .expect(201)
        .await;
    let name = |version: &str| json!({ "service": "web", "env": "prod", "version": version });
    let put = |service: &str, version: &str| json!({ "action": "put", "route": { "service": service, "env": "prod", "version": version, "url": "http://d" } });
    let policy = |service: &str, hosts: &[&str]| json!({ "action": "put", "policy": { "service": service, "env": "prod", "hosts": hosts, "failover": ["v1"] } });
    let batch = async |changes: &[Value]| {
        places(
            &app.post("/tenants/acme/batch")
                .json(&json!({ "changes": changes }))
                .send()
                .await,
        )
    };
    let new = put("api", "v1");
    for (changes, code, pointer) in [
        (
            vec![
                new.clone(),
                policy("api", &["z.example", "taken.example", "c.example"]),
            ],
            "host_taken",
            "/changes/1/policy/hosts/1",
        ),
        (
            vec![
                put("b", "v1"),
                new.clone(),
                policy("b", &["d.example"]),
                policy("api", &["d.example"]),
            ],
            "host_taken",
            "/changes/3/policy/hosts/0",
        ),
        (
            vec![
                new.clone(),
                json!({ "action": "deactivate", "route": name("v1") }),
            ],
            "version_in_use",
            "/changes/1/route",
        ),
        (
            vec![
                put("web", "v3"),
                new.clone(),
                json!({ "action": "delete", "route": name("v1") }),
            ],
            "version_in_use",
            "/changes/2/route",
        ),
        (
            vec![new.clone(), policy("none", &[])],
            "invalid_request",
            "/changes/1/policy/failover/0",
        ),
        (
            vec![
                new.clone(),
                json!({ "action": "delete", "route": name("v9") }),
            ],
            "invalid_request",
            "/changes/1",
        ),
        (
            vec![new.clone(), new.clone()],
            "invalid_request",
            "/changes/1",
        ),
    ] {
        assert_eq!(
            batch(&changes).await,
            (code.to_owned(), vec![pointer.to_owned()]),
            "{changes:?}"
        );
    }
    let quotas = json!({ "quotas": { "routes": 2, "policies": 1 } });
    app.patch("/tenants/acme").json(&quotas).expect(200).await;
    for change in [
        vec![new.clone()],
        vec![
            json!({ "action": "put", "policy": { "service": "web", "env": "dev", "failover": ["v1"] } }),
            json!({ "action": "put", "route": { "service": "web", "env": "dev", "version": "v1", "url": "http://d" } }),
        ],
    ] {
        assert_eq!(
            batch(&change).await,
            ("quota_exceeded".to_owned(), vec!["/changes".to_owned()])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_conflict_names_its_place() {
    let app = with_policy().await;
    app.put("/routes/other/web/prod/v1")
        .json(&json!({ "url": "http://c" }))
        .expect(201)
        .await;
    let route = json!({ "service": "api", "env": "prod", "version": "v1", "url": "http://d" });
    let policy = json!({ "service": "api", "env": "prod", "hosts": ["z.example", "late.example"], "failover": ["v1"] });
    let made = app
        .post("/tenants/acme/plans")
        .json(&json!({ "routes": [route], "policies": [policy] }))
        .expect(201)
        .await;
    app.put("/policies/other/web/prod")
        .json(&json!({ "hosts": ["late.example"], "failover": ["v1"] }))
        .expect(201)
        .await;
    let path = format!(
        "/tenants/acme/plans/{}/apply",
        made.json["id"].as_str().unwrap()
    );
    let answer = app
        .post(&path)
        .json(&json!({ "hash": made.json["hash"] }))
        .expect(409)
        .await;
    assert_eq!(
        places(&answer),
        ("host_taken".to_owned(), vec!["/changes/1".to_owned()])
    );
    // The route that a policy needs may not be removed. The document does not contain that route.
    let answer = app
        .post("/tenants/acme/plans")
        .json(&json!({ "routes": [route], "policies": [], "prune": false }))
        .expect(201)
        .await;
    assert_eq!(answer.json["summary"]["create"], 1);
    let kept = json!({ "service": "web", "env": "prod", "failover": ["v1"] });
    let answer = app
        .post("/tenants/acme/plans")
        .json(&json!({ "routes": [], "policies": [kept], "prune": true }))
        .send()
        .await;
    assert_eq!(answer.status, 422, "{}", answer.json);
    let off = json!({ "service": "web", "env": "prod", "version": "v1", "url": "http://a", "is_active": false });
    let answer = app
        .post("/tenants/acme/plans")
        .json(&json!({ "routes": [off] }))
        .expect(409)
        .await;
    assert_eq!(
        places(&answer),
        ("version_in_use".to_owned(), vec!["/routes/0".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_revisions_are_named_by_their_parameter() {
    let app = acme().await;
    let late = app
        .post("/tenants/acme/rollback")
        .json(&json!({ "to": 99, "reason": "r" }))
        .problem(422, "invalid_request")
        .await;
    assert_eq!(
        (late.pointers(), &late.json["errors"][0]["code"]),
        (vec!["/to"], &json!("not_in_history"))
    );
    for (path, pointer) in [
        ("/tenants/acme/diff?from=99", "?from"),
        ("/tenants/acme/diff?from=0&to=99", "?to"),
        ("/tenants/acme/diff?from=1&to=0", "?to"),
        ("/tenants/acme/export?at=99", "?at"),
        ("/tenants/acme/snapshot?at=99", "?at"),
        ("/routes/acme/web/prod/v1?at=99", "?at"),
        ("/routes?tenant=acme&at=99", "?at"),
    ] {
        let answer = app.get(path).problem(422, "invalid_request").await;
        assert_eq!(answer.pointers(), [pointer], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_cursor_gives_the_first_page() {
    let app = acme().await;
    for path in [
        "/routes?",
        "/routes?tenant=acme&",
        "/policies?tenant=acme&",
        "/tenants?",
        "/tenants/acme/plans?",
        "/routes/acme/web/prod/v1/history?",
        "/replays?",
    ] {
        let page = app.get(&format!("{path}limit=1")).expect(200).await.json;
        assert_eq!(
            app.get(&format!("{path}limit=1&cursor="))
                .expect(200)
                .await
                .json,
            page,
            "{path}"
        );
        app.get(&format!("{path}cursor=x"))
            .problem(400, "invalid_cursor")
            .await;
    }
}
