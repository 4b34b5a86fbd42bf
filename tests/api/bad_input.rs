//! Bad input: the answer is always a problem document that names the fault, never a 500, and
//! nothing is written.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Call, TestApp};

const V1: &str = "/routes/acme/web/prod/v1";

/// A service with one route, and a fingerprint to check that nothing was changed.
struct BadInput {
    app: TestApp,
    before: String,
    tried: std::cell::Cell<usize>,
}

impl BadInput {
    async fn start() -> Self {
        let app = TestApp::start().await;
        app.put(V1)
            .json(&json!({ "url": "http://a", "labels": { "k": "v" } }))
            .expect(201)
            .await;
        let before = app.db.fingerprint().await;
        Self {
            app,
            before,
            tried: std::cell::Cell::new(0),
        }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        self.app
            .call(method.parse().unwrap(), &format!("/api/v1{path}"))
    }

    /// Asserts that the call is refused, and that the answer names the place and the kind of the
    /// fault.
    async fn refused(
        &self,
        call: Call,
        what: &str,
        status: u16,
        code: &str,
        pointer: Option<&str>,
    ) -> Answer {
        self.tried.set(self.tried.get() + 1);
        let answer = call.send().await;
        let said = format!(
            "{what}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.bytes)
        );
        assert_eq!(answer.status.as_u16(), status, "{said}");
        answer.assert_problem(what);
        assert_eq!(answer.json["code"], code, "{said}");
        match pointer {
            Some(pointer) => assert!(
                answer.pointers().contains(&pointer),
                "{pointer} not named: {said}"
            ),
            None => assert!(answer.json.get("errors").is_none(), "{said}"),
        }
        answer
    }

    async fn field(&self, call: Call, what: &str, pointer: &str) -> Answer {
        self.refused(call, what, 422, "invalid_request", Some(pointer))
            .await
    }

    /// Asserts that at least `at_least` cases were tried, and that nothing was written.
    async fn assert_nothing_written(self, at_least: usize) {
        assert!(
            self.tried.get() >= at_least,
            "only {} cases",
            self.tried.get()
        );
        assert_eq!(self.app.db.fingerprint().await, self.before);
        assert_eq!(self.app.get(V1).expect(200).await.json["revision"], 1);
    }
}

/// Returns the endpoints of routes and tenants that take a body, each with a valid body.
fn bodies() -> Vec<(&'static str, &'static str, Value)> {
    let key = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1" });
    let mut route = key.clone();
    let spec = json!({ "url": "http://new", "is_active": false, "labels": { "x": "y" }, "description": "d" });
    route
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    vec![
        ("POST", "/routes", route),
        ("PUT", V1, spec.clone()),
        ("PATCH", V1, spec),
        ("POST", "/routes/activate", key.clone()),
        ("POST", "/routes/deactivate", key),
        (
            "POST",
            "/tenants",
            json!({ "name": "new", "quotas": { "routes": 5 }, "allowed_hosts": ["new.example"] }),
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "quotas": { "routes": 5 }, "allowed_hosts": ["acme.example"] }),
        ),
    ]
}

/// Returns bad values of a member, each with the pointer of the fault.
fn bad_values(member: &str) -> Vec<(Value, String)> {
    let here = format!("/{member}");
    let at = |values: Vec<Value>| {
        values
            .into_iter()
            .map(|value| (value, here.clone()))
            .collect::<Vec<_>>()
    };
    let types = || {
        vec![
            json!(1),
            json!(-1.5),
            json!(true),
            json!([]),
            json!(["a"]),
            json!({ "a": "b" }),
        ]
    };
    match member {
        "tenant" | "service" | "env" | "name" => {
            let mut values = types();
            let texts = [
                "",
                "A",
                "a_b",
                "a.b",
                "-a",
                "a-",
                "a b",
                " a",
                "a\0",
                "a\nb",
                "ä",
                "a/b",
                "..",
                "\u{202e}a",
            ];
            values.extend(texts.map(|text| json!(text)));
            values.extend([json!("a".repeat(64)), Value::Null]);
            at(values)
        }
        "version" => {
            let mut values = types();
            values.extend(
                ["", ".a", "-a", "_a", "a b", "a\0", "a\n", "ä", "a/b", ".."]
                    .map(|text| json!(text)),
            );
            values.extend([json!("a".repeat(64)), Value::Null]);
            at(values)
        }
        "url" => {
            let mut values = types();
            let texts = [
                "",
                "a",
                "//a",
                "ftp://a",
                "http:a",
                "http://",
                "http://u:p@a",
                "http://a#f",
                "http://a b",
                "http://a\0",
                "http://a\r\nx",
                "javascript:alert(1)",
                "http://a:99999",
                "http://a\\b",
            ];
            values.extend(texts.map(|text| json!(text)));
            values.extend([json!(format!("http://a/{}", "x".repeat(2048))), Value::Null]);
            at(values)
        }
        "is_active" => at(vec![
            json!(1),
            json!(0),
            json!("true"),
            json!(""),
            json!([]),
            json!({}),
        ]),
        "description" => at(vec![
            json!(1),
            json!([]),
            json!({}),
            json!(true),
            json!("x".repeat(1025)),
            json!("a\0b"),
            json!("a\nb"),
            json!("\u{85}"),
        ]),
        "labels" => {
            let mut values = at(vec![json!(1), json!("x"), json!(["k", "v"]), json!(true)]);
            let many: serde_json::Map<_, _> =
                (0..33).map(|n| (format!("k{n}"), json!("v"))).collect();
            values.push((json!(many), here.clone()));
            for value in [
                json!(1),
                json!([]),
                json!({}),
                json!("a\0"),
                json!("\u{7f}"),
                json!("v".repeat(256)),
            ] {
                values.push((json!({ "good": "v", "a/b": value }), format!("{here}/a~1b")));
            }
            for key in ["", "-k", "k k", "k\0", "ä", &"k".repeat(64)] {
                values.push((json!({ key: "v" }), format!("{here}/{key}")));
            }
            values
        }
        "quotas" => {
            let mut values = at(vec![json!(1), json!("x"), json!([5]), json!(true)]);
            for number in [
                json!(-1),
                json!(1.5),
                json!("1"),
                json!(true),
                json!([]),
                json!(4_294_967_296_u64),
                json!(10_000_001),
            ] {
                values.push((json!({ "routes": number }), format!("{here}/routes")));
            }
            values.push((
                json!({ "routes": 1, "colour": 1 }),
                format!("{here}/colour"),
            ));
            values
        }
        "allowed_hosts" => {
            let mut values = at(vec![
                json!(1),
                json!("x.example"),
                json!({ "x": "y" }),
                json!(true),
            ]);
            let many: Vec<_> = (0..65).map(|at| format!("a{at}.example")).collect();
            values.push((json!(many), here.clone()));
            for name in [
                json!(1),
                json!(null),
                json!(["a"]),
                json!(""),
                json!("A.example"),
                json!("*.a.example"),
                json!("a.example."),
                json!("::1"),
            ] {
                values.push((json!(["good.example", name]), format!("{here}/1")));
            }
            values
        }
        other => unreachable!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_invalid_body_member_is_refused_by_name() {
    let bad = BadInput::start().await;
    for (method, path, body) in bodies() {
        for member in body.as_object().unwrap().keys() {
            for (value, pointer) in bad_values(member) {
                let mut changed = body.clone();
                changed[member] = value;
                let what = format!("{method} {path} {member}");
                bad.field(
                    bad.call(method, path).json(&changed),
                    &format!("{what} {}", changed[member]),
                    &pointer,
                )
                .await;
            }
        }
    }
    bad.assert_nothing_written(300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_unknown_and_duplicate_members_are_refused() {
    let bad = BadInput::start().await;
    for (method, path, body) in bodies() {
        let required: &[&str] = match (method, path) {
            ("POST", "/routes") => &["tenant", "service", "env", "version", "url"],
            ("POST", "/tenants") => &["name"],
            ("POST", _) => &["tenant", "service", "env", "version"],
            ("PUT", _) => &["url"],
            _ => &[],
        };
        for member in required {
            for value in [None, Some(Value::Null)] {
                let mut changed = body.clone();
                changed.as_object_mut().unwrap().remove(*member);
                changed
                    .as_object_mut()
                    .unwrap()
                    .extend(value.map(|value| ((*member).to_owned(), value)));
                let answer = bad
                    .field(
                        bad.call(method, path).json(&changed),
                        &format!("{method} {path} {changed}"),
                        &format!("/{member}"),
                    )
                    .await;
                assert_eq!(answer.json["errors"][0]["code"], "required");
            }
        }
        if !required.is_empty() {
            let answer = bad
                .field(
                    bad.call(method, path).json(&json!({})),
                    path,
                    &format!("/{}", required[0]),
                )
                .await;
            assert_eq!(
                answer.pointers().len(),
                required.len(),
                "the answer names all invalid members"
            );
        }
        for unknown in ["colour", "URL", "identity", "revisions", "~/"] {
            let mut changed = body.clone();
            changed[unknown] = json!(1);
            let answer = bad.call(method, path).json(&changed);
            let answer = bad
                .field(
                    answer,
                    unknown,
                    &format!("/{}", unknown.replace('~', "~0").replace('/', "~1")),
                )
                .await;
            assert_eq!(answer.json["errors"][0]["code"], "unknown_member");
        }
        let text = body.to_string();
        for (member, value) in body.as_object().unwrap() {
            let doubled = text.replacen('{', &format!("{{{}:{value},", json!(member)), 1);
            let answer = bad.call(method, path).body("application/json", doubled);
            let answer = bad
                .field(
                    answer,
                    &format!("{method} {path}: {member} twice"),
                    &format!("/{member}"),
                )
                .await;
            assert_eq!(answer.json["errors"][0]["code"], "duplicate_member");
        }
        for (inside, pointer) in [("\"labels\":{", "/labels"), ("\"quotas\":{", "/quotas")] {
            if let Some((head, tail)) = text.split_once(inside) {
                let first = &tail[..tail.find('}').unwrap()];
                let doubled = format!("{head}{inside}{first},{tail}");
                let answer = bad
                    .call(method, path)
                    .body("application/json", doubled.clone());
                let name = first.split('"').nth(1).unwrap();
                let answer = bad
                    .field(answer, &doubled, &format!("{pointer}/{name}"))
                    .await;
                assert_eq!(answer.json["errors"][0]["code"], "duplicate_member");
            }
        }
    }
    bad.assert_nothing_written(80).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json_object_are_refused() {
    let bad = BadInput::start().await;
    for (method, path, body) in bodies() {
        let text = body.to_string();
        // An array in the members' order is no object either.
        let values = Value::Array(body.as_object().unwrap().values().cloned().collect());
        let in_order = json!(["acme", "web", "prod", "v1", "http://new", true, {}, null]);
        for other in [
            json!([]),
            json!("x"),
            json!(1),
            json!(null),
            json!(true),
            values,
            in_order,
            json!([body]),
        ] {
            bad.field(
                bad.call(method, path).json(&other),
                &format!("{method} {path} {other}"),
                "",
            )
            .await;
        }
        let mut not_utf8 = text.clone().into_bytes();
        not_utf8.insert(2, 0xff);
        let malformed: Vec<Vec<u8>> = vec![
            vec![],
            b" ".into(),
            b"{".into(),
            text[..text.len() - 1].into(),
            format!("{text}x").into(),
            format!("{text}{text}").into(),
            format!("{text}\u{feff}").into(),
            text.replace('"', "'").into(),
            text.replace(':', ":\0").into(),
            text.replacen('"', "\"\n", 1).into(),
            text.replacen('"', "\"\\ud800", 1).into(),
            not_utf8,
            vec![0xff, 0xfe],
            vec![0; 100],
        ];
        for body in malformed {
            let what = format!("{method} {path} {:?}", String::from_utf8_lossy(&body));
            bad.refused(
                bad.call(method, path).body("application/json", body),
                &what,
                400,
                "malformed_request",
                None,
            )
            .await;
        }
        for depth in [200, 20_000] {
            for (open, close) in [("[", "]"), ("{\"labels\":", "}"), ("{\"quotas\":", "}")] {
                let deep = open.repeat(depth) + "1" + &close.repeat(depth);
                if deep.len() < 65_536 {
                    let answer = bad
                        .call(method, path)
                        .body("application/json", deep)
                        .send()
                        .await;
                    answer.assert_problem(path);
                    assert!(
                        matches!(answer.status.as_u16(), 400 | 422),
                        "{method} {path} {depth}: {}",
                        answer.status
                    );
                }
            }
        }
        for wrong in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/xml",
            "json",
            "application/jsonx",
            "text/json",
            "",
            ";",
        ] {
            let call = bad.call(method, path).body(wrong, text.clone());
            bad.refused(call, wrong, 415, "unsupported_media_type", None)
                .await;
        }
        let large = format!("{}{text}", " ".repeat(65_537 - text.len()));
        let what = format!("{method} {path} {} bytes", large.len());
        bad.refused(
            bad.call(method, path).body("application/json", large),
            &what,
            413,
            "payload_too_large",
            None,
        )
        .await;
    }
    // The largest body that is accepted.
    let body = json!({ "url": "http://a", "labels": { "k": "v" } }).to_string();
    bad.app
        .put(V1)
        .body(
            "application/json",
            format!("{}{body}", " ".repeat(65_536 - body.len())),
        )
        .expect(200)
        .await;
    bad.assert_nothing_written(150).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_invalid_query_parameter_is_refused_by_name() {
    let bad = BadInput::start().await;
    let resolve = "tenant=acme&service=web&env=prod&version=v1";
    let endpoints: [(&str, &str, &[&str]); 7] = [
        (
            "/routes",
            "",
            &[
                "tenant",
                "service",
                "env",
                "version",
                "is_active",
                "label",
                "search",
                "count",
                "limit",
                "min_revision",
            ],
        ),
        (
            "/routes/resolve",
            resolve,
            &["tenant", "service", "env", "version", "min_revision"],
        ),
        (V1, "", &["min_revision"]),
        (&format!("{V1}/history"), "", &["limit", "min_revision"]),
        ("/tenants", "", &["limit"]),
        ("/tenants/acme", "", &["min_revision"]),
        ("/tenants/acme/snapshot", "", &["min_revision"]),
    ];
    for (path, valid, names) in endpoints {
        bad.app.get(&format!("{path}?{valid}")).expect(200).await;
        for name in names {
            let values: &[&str] = match *name {
                "tenant" | "service" | "env" => &[
                    "", "A", "a%00", "%FF", "a%2Fb", "a%0A", "-a", "a+b", "%C3%A4",
                ],
                "version" => &["", "%00", "%FF", "a%2Fb", "-a", "a+b", "%C3%A4"],
                "is_active" | "count" => &["", "1", "yes", "TRUE", "true%00"],
                "search" => &["", "%00", "a%0A", "%E2%80%8B"],
                "label" => &[
                    "",
                    "k",
                    "%3Dv",
                    "-k%3Dv",
                    "k%00%3Dv",
                    "k%3D%00",
                    "k%20k%3Dv",
                ],
                "limit" => &[
                    "",
                    "0",
                    if path == "/routes" { "1001" } else { "201" },
                    "-1",
                    "1.0",
                    "+1+",
                    "0x10",
                    "99999999999999999999",
                    "1%00",
                ],
                "min_revision" => &[
                    "",
                    "1",
                    "%00",
                    "%FF",
                    "0123456789abcdef.+1",
                    "0123456789abcdef.99999999999999999999",
                ],
                other => unreachable!("{other}"),
            };
            for value in values {
                let others = valid
                    .split('&')
                    .filter(|pair| !pair.is_empty() && !pair.starts_with(&format!("{name}=")));
                let query = others
                    .map(str::to_owned)
                    .chain([format!("{name}={value}")])
                    .collect::<Vec<_>>()
                    .join("&");
                bad.field(
                    bad.call("GET", &format!("{path}?{query}")),
                    &format!("{path}?{query}"),
                    &format!("?{name}"),
                )
                .await;
            }
            let twice = format!("{path}?{valid}&{name}=v1&{name}=v1");
            bad.field(bad.call("GET", &twice), &twice, &format!("?{name}"))
                .await;
        }
        for (unknown, name) in [
            ("colour=blue", "colour"),
            ("Tenant=acme", "Tenant"),
            ("colour", "colour"),
            ("%00=1", "\0"),
            ("%FF=1", "\u{fffd}"),
        ] {
            let path = format!("{path}?{valid}&{unknown}");
            let answer = bad
                .field(bad.call("GET", &path), &path, &format!("?{name}"))
                .await;
            assert_eq!(
                answer.json["errors"][0]["code"], "unknown_parameter",
                "{path}: {}",
                answer.json
            );
        }
    }
    for (name, missing) in ["tenant", "service", "env"].iter().zip(resolve.split('&')) {
        let path = format!(
            "/routes/resolve?{}",
            resolve
                .replace(missing, "")
                .trim_matches('&')
                .replace("&&", "&")
        );
        let answer = bad
            .field(bad.call("GET", &path), &path, &format!("?{name}"))
            .await;
        assert_eq!(answer.json["errors"][0]["code"], "required");
    }
    for path in ["/routes", "/tenants", &format!("{V1}/history")] {
        for cursor in ["x", "%00", "%FF", "AAAA", "%E4%B8%AD"] {
            let path = format!("{path}?cursor={cursor}");
            bad.refused(bad.call("GET", &path), &path, 400, "invalid_cursor", None)
                .await;
        }
    }
    bad.assert_nothing_written(150).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_invalid_path_segment_is_refused() {
    let bad = BadInput::start().await;
    let spec = json!({ "url": "http://new" });
    let calls = [
        ("GET", ""),
        ("PUT", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/activate"),
        ("POST", "/deactivate"),
        ("GET", "/history"),
    ];
    let with_body = |method: &str, call: Call| {
        if matches!(method, "PUT" | "PATCH") {
            call.json(&spec)
        } else {
            call
        }
    };
    for (method, rest) in calls {
        for (at, name) in ["tenant", "service", "env", "version"].iter().enumerate() {
            for segment in [
                "%00",
                "a%00",
                "a%2Fb",
                "%2F",
                "-a",
                "%20",
                "a%0A",
                "%C3%A4",
                "%25",
                "a;b",
                &"a".repeat(64),
            ] {
                let mut segments = ["acme", "web", "prod", "v1"];
                segments[at] = segment;
                let path = format!("/routes/{}{rest}", segments.join("/"));
                let answer = with_body(method, bad.call(method, &path));
                bad.field(answer, &format!("{method} {path}"), &format!("{{{name}}}"))
                    .await;
            }
            for segment in ["%FF", "a%C3", "%ED%A0%80"] {
                let mut segments = ["acme", "web", "prod", "v1"];
                segments[at] = segment;
                let path = format!("/routes/{}{rest}", segments.join("/"));
                let answer = with_body(method, bad.call(method, &path)).send().await;
                answer.assert_problem(&path);
                assert!(
                    matches!(answer.status.as_u16(), 400 | 404 | 422),
                    "{method} {path}: {}",
                    answer.status
                );
            }
        }
        let all = with_body(method, bad.call(method, &format!("/routes/A/B/C/-{rest}")));
        let answer = bad.field(all, "all four", "{tenant}").await;
        assert_eq!(
            answer.pointers(),
            ["{tenant}", "{service}", "{env}", "{version}"]
        );
    }
    for (method, rest) in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/snapshot"),
    ] {
        for segment in ["%00", "A", "a%2Fb", "%20", &"a".repeat(64)] {
            let path = format!("/tenants/{segment}{rest}");
            let call = bad.call(method, &path);
            let call = if method == "PATCH" {
                call.json(&json!({}))
            } else {
                call
            };
            bad.field(call, &format!("{method} {path}"), "{tenant}")
                .await;
        }
    }
    for path in [
        "/routes/acme/web/prod",
        "/routes//web/prod/v1",
        "/routes/acme/web/prod/v1/",
        "/routes/acme/web/prod/v1/x",
        "/Routes",
        "/tenants/acme/",
    ] {
        bad.refused(bad.call("GET", path), path, 404, "not_found", None)
            .await;
    }
    for path in ["/api/v2/routes", "/", "/api/v1", "/%00", "/api/v1/%FF"] {
        bad.refused(
            bad.app.call(Method::GET, path),
            path,
            404,
            "not_found",
            None,
        )
        .await;
    }
    bad.assert_nothing_written(300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_invalid_write_header_is_refused() {
    let bad = BadInput::start().await;
    let delete = ("DELETE", V1, Value::Null);
    let activate = ("POST", "/routes/acme/web/prod/v1/deactivate", Value::Null);
    let of_tenant = ("DELETE", "/tenants/acme", Value::Null);
    for (method, path, body) in bodies().into_iter().chain([delete, activate, of_tenant]) {
        let call = || {
            if body.is_null() {
                bad.call(method, path)
            } else {
                bad.call(method, path).json(&body)
            }
        };
        let long_reason = "r".repeat(513);
        let long_key = "k".repeat(256);
        let fields: [(&str, &[u8], &str); 10] = [
            ("X-Reason", long_reason.as_bytes(), "too_long"),
            ("X-Reason", b"a\tb", "control_character"),
            ("X-Reason", b"\xff", "not_utf8"),
            ("X-Reason", "\u{85}".as_bytes(), "control_character"),
            ("Idempotency-Key", b"", "empty"),
            ("Idempotency-Key", long_key.as_bytes(), "too_long"),
            ("Idempotency-Key", b"a\tb", "control_character"),
            ("Idempotency-Key", b"\xc3", "not_utf8"),
            ("If-None-Match", b"\"x\"", "only_star"),
            ("If-None-Match", b"", "only_star"),
        ];
        for (name, value, code) in fields {
            let what = format!(
                "{method} {path} {name}: {:?}",
                String::from_utf8_lossy(value)
            );
            let answer = bad
                .field(call().header(name, value), &what, &format!("{name}:"))
                .await;
            assert_eq!(answer.json["errors"][0]["code"], code, "{what}");
        }
        for value in [
            &b""[..],
            b"x",
            b"\"",
            b"\"a",
            b"\"\xff\"",
            b"\"a\", x",
            b"W/x",
        ] {
            let what = format!(
                "{method} {path} If-Match: {:?}",
                String::from_utf8_lossy(value)
            );
            bad.refused(
                call().header("If-Match", value),
                &what,
                400,
                "malformed_request",
                None,
            )
            .await;
        }
        let both = call()
            .header("X-Reason", b"\xff")
            .header("Idempotency-Key", b"\xff");
        assert_eq!(
            bad.field(both, path, "X-Reason:").await.pointers(),
            ["X-Reason:", "Idempotency-Key:"]
        );
    }
    let answer = bad
        .field(
            bad.call("GET", V1).header("TM-Min-Revision", b"\xff"),
            "TM-Min-Revision",
            "TM-Min-Revision:",
        )
        .await;
    assert_eq!(answer.json["errors"][0]["code"], "not_a_version_tag");
    bad.assert_nothing_written(150).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usable_request_id_of_the_client_is_kept() {
    let app = TestApp::start().await;
    let ask = async |id: &[u8]| {
        let answer = app
            .get("/nothing")
            .header("x-correlation-id", id)
            .problem(404, "not_found")
            .await;
        answer.header("x-correlation-id").to_owned()
    };
    assert_eq!(ask(b"abc-123/{}").await, "abc-123/{}");
    assert_eq!(ask("i".repeat(128).as_bytes()).await, "i".repeat(128));
    for unusable in [
        &b""[..],
        "i".repeat(129).as_bytes(),
        b"a b",
        b"a\tb",
        b"\xff",
        "ä".as_bytes(),
    ] {
        let made = ask(unusable).await;
        assert!(made.len() == 36 && made.as_bytes()[14] == b'7', "{made}");
    }
    let (one, two) = (
        app.get("/tenants").expect(200).await,
        app.get("/tenants").expect(200).await,
    );
    assert_ne!(
        one.header("x-correlation-id"),
        two.header("x-correlation-id")
    );
}
