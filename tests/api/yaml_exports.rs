//! Exports in YAML: readers of YAML 1.1 and of YAML 1.2 read each unquoted text as the same text.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use crate::support::{TestApp, database::variable};

const YAML: &str = "application/yaml";

/// Returns texts that YAML 1.1 or 1.2 takes for something else when they are unquoted, and some
/// that it does not.
fn implicit_forms() -> Vec<String> {
    let mut forms: Vec<String> = Vec::new();
    for word in [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "inf", "nan",
    ] {
        let capital = format!("{}{}", word[..1].to_uppercase(), &word[1..]);
        forms.extend([word.to_owned(), capital, word.to_uppercase()]);
    }
    for sign in ["", "+", "-"] {
        for number in [
            "0",
            "1",
            "012",
            "0o17",
            "0b101",
            "0x1F",
            "1_000",
            "0_1",
            "1:30:00",
            "190:20:30.15",
            "1.5",
            "1.",
            ".5",
            "1e3",
            "1.5e+3",
            "1e-3",
            "6.02_2e23",
            ".inf",
            ".Inf",
            ".INF",
            ".nan",
            ".NaN",
            ".NAN",
            "1__0",
            "0x_1",
            "9_",
            "1.2.3",
            "1e",
        ] {
            forms.push(format!("{sign}{number}"));
        }
    }
    let others = [
        "",
        "~",
        "<<",
        "=",
        "2024-01-01",
        "2024-1-1",
        "2001-12-14t21:59:43.10-05:00",
        "2001-12-14 21:59:43.10 -5",
        "2001-12-15 2:59:43.10",
        " a",
        "a ",
        "\ta",
        "a\tb",
        "a: b",
        "a:",
        ": a",
        "a #b",
        "#a",
        "- a",
        "-",
        "--",
        "---",
        "...",
        "? a",
        "?",
        ":",
        "[a]",
        "{a: b}",
        "a,b",
        "*a",
        "&a",
        "!a",
        "!!str a",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "'a'",
        "\"a\"",
        "a\\n",
        "'",
        "\"",
        "a\nb",
        "\n",
        "a\u{a0}",
        "\u{feff}a",
        "\u{2028}",
        "a\u{85}b",
        "é",
        "\u{1f600}",
        "null: 1",
        "0.0.0.0",
        "v1",
        "v1.0",
        "1a",
        "e1",
        "a-b_c.d/e",
    ];
    forms.extend(others.map(str::to_owned));
    forms
}

/// Reads YAML with PyYAML, which follows YAML 1.1 as Ansible, Ruby and the older libraries of Go
/// do.
fn read_by_pyyaml(yaml: &[u8]) -> Value {
    let python = Path::new(&variable("SCHEMATHESIS")).with_file_name("python");
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("export-{}.yaml", std::process::id()));
    std::fs::write(&file, yaml).unwrap();
    let script = "import json, sys, yaml\nprint(json.dumps(yaml.safe_load(open(sys.argv[1], encoding='utf-8'))))";
    let output = Command::new(python)
        .args(["-c", script])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn export_reads_the_same_in_yaml_1_1() {
    let app = TestApp::start().await;
    app.post("/tenants")
        .json(&json!({ "name": "acme" }))
        .expect(201)
        .await;
    let (forms, mut taken) = (implicit_forms(), 0);
    for (at, form) in forms.iter().enumerate() {
        let put = app.put(&format!("/routes/acme/web/prod/w{at}"));
        let kept = put
            .json(&json!({ "url": "http://a", "labels": { "k": form }, "description": form }))
            .send()
            .await;
        taken += usize::from(kept.status == 201);
    }
    assert!(taken > 100, "{taken}");
    let key = |form: &&String| {
        form.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._/-".contains(&b))
            && form.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    for (at, form) in forms.iter().filter(key).enumerate() {
        let is_name = |raw: &str| {
            raw.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !raw.ends_with('-')
        };
        let env = if is_name(form) { form.as_str() } else { "prod" };
        let version = if form.len() < 60 && !form.contains('/') {
            form.clone()
        } else {
            format!("x{at}")
        };
        let put = app.put(&format!("/routes/acme/api/{env}/{version}"));
        put.json(&json!({ "url": "http://a", "labels": { form.as_str(): "v" } }))
            .send()
            .await;
    }
    let policy = json!({ "failover": ["w0"], "sticky_by": { "cookie": "no" }, "hosts": ["no.example"], "path_prefix": "/1_000", "rules": [
        { "name": "off", "match": { "headers": { "x-on": { "exact": "1:30:00" }, "x-y": { "regex": "0o17" } } }, "version": "w1" } ] });
    app.put("/policies/acme/web/prod")
        .json(&policy)
        .expect(201)
        .await;
    let yaml = app
        .get("/tenants/acme/export?format=yaml")
        .expect(200)
        .await;
    let json = app
        .get("/tenants/acme/export?format=json")
        .expect(200)
        .await
        .json;
    assert!(json["routes"].as_array().unwrap().len() > 120);
    assert_eq!(read_by_pyyaml(&yaml.bytes), json);
    // The service's own reader, which follows YAML 1.2, reads the same.
    let unchanged = app
        .post("/tenants/acme/plans?dry_run=true")
        .body(YAML, yaml.bytes.clone())
        .expect(200)
        .await;
    assert_eq!(unchanged.json["changes"], json!([]));
}
