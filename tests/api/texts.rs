//! Texts for people have no invisible characters: every text of every body, and every header that
//! is stored.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{operations, support::TestApp};

/// Invisible characters, one of each sort: controls, directions, zero width, separators, fillers,
/// selectors, tags, private use, noncharacters.
const HIDDEN: [char; 24] = [
    '\u{1b}',
    '\u{85}',
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{115f}',
    '\u{180e}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{200e}',
    '\u{202e}',
    '\u{2028}',
    '\u{2029}',
    '\u{2060}',
    '\u{2066}',
    '\u{3164}',
    '\u{e000}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{fff9}',
    '\u{e0041}',
    '\u{e0100}',
    '\u{10ffff}',
];

/// Members that are compared with a text of the service, and not stored.
const COMPARED: [&str; 3] = ["/cursor", "/confirm_shrink", "/hash"];

/// Words of programs: hidden characters in them are replaced, and not refused.
const SHOWN: [&str; 1] = ["/reports/0/error/text"];

/// Returns whether a text has no form of its own, and so may have any character.
fn is_free(schema: &Value) -> bool {
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    let has_form = ["enum", "const", "anyOf", "format", "pattern"]
        .iter()
        .any(|name| !schema[*name].is_null());
    pattern.starts_with("^[^") || schema["format"] == "url" || !has_form
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_characters_are_refused_in_every_body_text() {
    let app = TestApp::start().await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
        .expect(201)
        .await;
    app.put("/policies/acme/web/prod")
        .json(&json!({ "failover": ["v1"] }))
        .expect(201)
        .await;
    let before = app.db.fingerprint().await;
    let mut walked = std::collections::BTreeSet::new();
    for operation in operations::all() {
        let method: Method = operation.method.parse().unwrap();
        for (pointer, _) in operation.texts().into_iter().filter(|(pointer, schema)| {
            let name = pointer.as_str();
            !COMPARED.contains(&name) && !SHOWN.contains(&name) && is_free(schema)
        }) {
            for c in HIDDEN {
                let text = if pointer.ends_with("/url") {
                    format!("http://a.example/{c}b")
                } else {
                    format!("a{c}b")
                };
                let body = operation.body_with(&pointer, &text);
                let refused = app
                    .call(method.clone(), &operation.path())
                    .json(&body)
                    .send()
                    .await;
                let what = format!(
                    "{} {pointer} U+{:04X}: {} {}",
                    operation.name(),
                    u32::from(c),
                    refused.status,
                    refused.json
                );
                assert_eq!(refused.status, 422, "{what}");
                let named = refused
                    .pointers()
                    .iter()
                    .any(|named| pointer.starts_with(named) || named.starts_with(&pointer));
                assert!(named, "{what}");
                // A pattern takes ASCII only, and its error says so.
                let is_told = refused
                    .json
                    .to_string()
                    .contains(&format!("U+{:04X}", u32::from(c)));
                let is_pattern = refused.json["errors"][0]["code"] == "regex_not_portable";
                assert!(
                    is_told || is_pattern || c == '\u{1b}' || c == '\u{85}',
                    "{what}"
                );
            }
            walked.insert(pointer);
        }
    }
    assert_eq!(app.db.fingerprint().await, before);
    let members: Vec<_> = walked
        .iter()
        .filter_map(|pointer| pointer.rsplit('/').next())
        .collect();
    for member in [
        "description",
        "reason",
        "url",
        "name",
        "exact",
        "prefix",
        "regex",
        "team",
    ] {
        assert!(
            members.contains(&member),
            "{member} is not among {walked:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_characters_are_refused_in_headers_and_queries() {
    let app = TestApp::start().await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example" }))
        .expect(201)
        .await;
    let mut walked = 0;
    for operation in operations::all() {
        let method: Method = operation.method.parse().unwrap();
        for header in operation
            .headers()
            .iter()
            .filter(|header| ["X-Reason", "Idempotency-Key"].contains(&header.name))
        {
            for c in HIDDEN.into_iter().filter(|c| !c.is_control()) {
                let call = app
                    .call(method.clone(), &operation.path())
                    .header(header.name, format!("a{c}b"));
                let call = operation
                    .example()
                    .into_iter()
                    .fold(call, |call, body| call.json(&body));
                let refused = call.problem(422, "invalid_request").await;
                assert_eq!(
                    refused.pointers(),
                    [format!("{}:", header.name)],
                    "{}",
                    operation.name()
                );
                assert_eq!(
                    refused.json["errors"][0]["code"],
                    "invisible_character",
                    "{}",
                    operation.name()
                );
                walked += 1;
            }
        }
        for parameter in operation.query() {
            let pattern = parameter.schema["pattern"].as_str().unwrap_or_default();
            if !pattern.contains("[^\\u0000") {
                continue;
            }
            for c in HIDDEN.into_iter().filter(|c| !c.is_control()) {
                let value = if parameter.name == "label" {
                    format!("k=a{c}b")
                } else {
                    format!("a{c}b")
                };
                let url = format!(
                    "{}?{}",
                    operation.path(),
                    operation.required_query("", &[parameter.name])
                );
                let encoded: String = value.bytes().map(|b| format!("%{b:02X}")).collect();
                let path = format!("{url}&{}={encoded}", parameter.name).replace("?&", "?");
                let refused = app
                    .call(method.clone(), &path)
                    .problem(422, "invalid_request")
                    .await;
                assert_eq!(
                    refused.pointers(),
                    [format!("?{}", parameter.name)],
                    "{path}"
                );
                walked += 1;
            }
        }
    }
    assert!(walked > 400, "{walked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_stored_before_the_text_rule_keep_working() {
    let app = TestApp::start().await;
    let made = json!({ "url": "http://a.example", "labels": { "k": "v" }, "description": "d" });
    app.put("/routes/acme/web/prod/v1")
        .json(&made)
        .expect(201)
        .await;
    let sql = "update routes set url = 'http://a..example/%zz', description = U&'a\\202eb', labels = jsonb_build_object('k', U&'\\200b')";
    assert_eq!(app.db.execute(sql, &[]).await, 1);
    let app = TestApp::on(app.db.clone(), &[]).await;
    for path in [
        "/routes/acme/web/prod/v1",
        "/tenants/acme/snapshot",
        "/routes?tenant=acme",
        "/tenants/acme/export?format=json",
    ] {
        let read = app.get(path).of_tampered_data().expect(200).await;
        assert!(
            read.json.to_string().contains("http://a..example/%zz"),
            "{path}: {}",
            read.json
        );
    }
    let resolved = app
        .get("/routes/resolve?tenant=acme&service=web&env=prod&version=v1")
        .of_tampered_data()
        .expect(200)
        .await;
    assert_eq!(resolved.json["url"], "http://a..example/%zz");
    // A member that a write leaves out stays. A member that a write sends is checked.
    let patched = app
        .patch("/routes/acme/web/prod/v1")
        .of_tampered_data()
        .json(&json!({ "labels": { "n": "1" } }))
        .expect(200)
        .await;
    assert_eq!(patched.json["url"], "http://a..example/%zz");
    app.post("/routes/acme/web/prod/v1/deactivate")
        .of_tampered_data()
        .expect(200)
        .await;
    let refused = app
        .put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a..example/%zz" }))
        .problem(422, "invalid_request")
        .await;
    assert_eq!(refused.pointers(), ["/url"]);
    let exported = app
        .get("/tenants/acme/export?format=json")
        .of_tampered_data()
        .expect(200)
        .await;
    let planned = app
        .post("/tenants/acme/plans")
        .json(&exported.json)
        .problem(422, "invalid_request")
        .await;
    assert!(
        planned.pointers()[0].starts_with("/routes/0/"),
        "{}",
        planned.json
    );
    app.delete("/routes/acme/web/prod/v1").expect(204).await;
}
