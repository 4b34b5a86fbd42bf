//! The files of the page, as the program was built with them.

use std::fs;

use reqwest::{Client, Method, Response};
use serde_json::json;

use crate::support::{TestApp, browser::Browser, callers::Office, secure};

/// The folder of the built page, and the page in it.
const DIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ui/dist");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ui/dist/index.html");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

async fn get(app: &TestApp, path: &str) -> Response {
    let client = secure::stranger().redirect(reqwest::redirect::Policy::none());
    let client: Client = client.build().unwrap();
    client
        .get(format!("{}{path}", app.api))
        .send()
        .await
        .unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn page_is_served_as_it_was_built_without_credentials() {
    let office = Office::open().await;
    let home = get(&office.app, "/ui").await;
    assert_eq!(
        (home.status().as_u16(), header(&home, "location")),
        (308, "/ui/")
    );
    let missing = get(&office.app, "/ui/assets/nothing-00000000.js").await;
    assert_eq!(missing.status(), 404);
    let Ok(page) = fs::read(PAGE) else {
        // Built without the page, it says how to build it.
        let answer = get(&office.app, "/ui/").await;
        assert_eq!(answer.status(), 404);
        assert!(answer.text().await.unwrap().contains("run make ui"));
        return;
    };
    for path in ["/ui/", "/ui/acme/routes?filter=x"] {
        let answer = get(&office.app, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-cache"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&answer, name), value, "{path}: {name}");
        }
        assert!(header(&answer, "permissions-policy").contains("camera=()"));
        assert_eq!(answer.bytes().await.unwrap(), page, "{path}");
    }
    for file in fs::read_dir(format!("{DIST}/assets")).unwrap() {
        let file = file.unwrap();
        let path = format!("/ui/assets/{}", file.file_name().to_str().unwrap());
        let answer = get(&office.app, &path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(
            header(&answer, "cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(
            answer.bytes().await.unwrap(),
            fs::read(file.path()).unwrap()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_of_the_page_shows_another_file() {
    let app = TestApp::start().await;
    let secret = "[workspace.package]";
    for path in [
        "/ui/../Cargo.toml",
        "/ui/..%2f..%2fCargo.toml",
        "/ui/%2e%2e/%2e%2e/Cargo.toml",
        "/ui/assets/../../../Cargo.toml",
        "/ui/assets/..%2f..%2f..%2fCargo.toml",
        "/ui//Cargo.toml",
        "/ui/.gitkeep",
    ] {
        // A client would normalise the path.
        let answer = raw(&app, path).await;
        assert!(!answer.contains(secret), "{path}: {answer}");
    }
}

/// Sends a request with exactly this path.
async fn raw(app: &TestApp, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut connection = secure::narrow(&app.api).await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn page_that_is_off_has_no_sessions_either() {
    let keys = format!("ui.session_keys={}", "k".repeat(32));
    let office = Office::with(&[&keys]).await;
    office.tenant("acme").await;
    let browser = Browser::of(&office.app);
    browser.sign_in(&office.admin).await;
    let off = office.again(&[&keys, "ui.enabled=false"]).await;
    let elsewhere = browser.at(&off);
    for path in ["/ui", "/ui/", "/ui/session", "/ui/login", "/ui/callback"] {
        assert_eq!(elsewhere.get(path).await.status(), 404, "{path}");
    }
    for method in [Method::POST, Method::DELETE] {
        let request = elsewhere.request(method.clone(), "/ui/session");
        let answer = elsewhere.send(request.json(&json!({ "token": "x" }))).await;
        assert_eq!(answer.status(), 404, "{method}");
    }
    assert_eq!(elsewhere.get("/api/v1/tenants/acme").await.status(), 401);
}
