//! CORS: only web pages of exactly the origins in `http.cors_origins` may call the API.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::json;

use crate::support::{TestApp, secure};

const ALLOWED: &str = "https://console.example";
const ROUTES: &str = "/api/v1/routes";

/// Origins that look like the allowed origin, but are different.
const OTHERS: [&str; 14] = [
    "null",
    "http://console.example",
    "https://console.example:8443",
    "https://console.example:443",
    "https://www.console.example",
    "https://console.example.evil.example",
    "https://evil-console.example",
    "https://evilconsole.example",
    "https://example",
    "https://Console.example",
    "HTTPS://console.example",
    "https://console.example/",
    "https://console.example https://evil.example",
    "*",
];

fn request(app: &TestApp, method: Method, path: &str, origin: &str) -> RequestBuilder {
    secure::http()
        .build()
        .unwrap()
        .request(method, format!("{}{path}", app.api))
        .header("origin", origin)
}

async fn preflight(app: &TestApp, origin: &str, method: &str, headers: &str) -> Response {
    let request = request(app, Method::OPTIONS, ROUTES, origin)
        .header("access-control-request-method", method);
    request
        .header("access-control-request-headers", headers)
        .send()
        .await
        .unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Asserts that no header lets a browser give the answer to its page.
fn assert_no_cors_headers(response: &Response, what: &str) {
    assert_eq!(
        header(response, "access-control-allow-origin"),
        "",
        "{what}"
    );
    assert_eq!(
        header(response, "access-control-allow-credentials"),
        "",
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cors_allows_only_the_exact_origin() {
    let app =
        TestApp::with(&["http.cors_origins=https://other.example:8443,https://console.example"])
            .await;
    let body =
        json!({ "tenant": "t", "service": "s", "env": "e", "version": "v", "url": "http://a" });
    app.post("/routes")
        .json(&body)
        .of_tampered_data()
        .expect(201)
        .await;
    let resolve = "/api/v1/routes/resolve?tenant=t&service=s&env=e&version=v";
    for path in [
        resolve,
        "/api/v1/routes",
        "/api/v1/tenants/nobody",
        "/nothing",
    ] {
        let response = request(&app, Method::GET, path, ALLOWED)
            .send()
            .await
            .unwrap();
        assert_eq!(
            header(&response, "access-control-allow-origin"),
            ALLOWED,
            "{path}"
        );
        assert_eq!(header(&response, "access-control-allow-credentials"), "");
        assert!(
            header(&response, "vary").to_lowercase().contains("origin"),
            "{path}: {}",
            header(&response, "vary")
        );
        let exposed = header(&response, "access-control-expose-headers").to_lowercase();
        for name in [
            "etag",
            "retry-after",
            "x-correlation-id",
            "ratelimit-remaining",
            "tm-stale",
            "tm-signature",
            "tm-confirmed",
            "tm-unchanged",
            "location",
        ] {
            assert!(
                exposed.split(", ").any(|exposed| exposed == name),
                "{name} is not among {exposed}"
            );
        }
        for origin in OTHERS {
            let response = request(&app, Method::GET, path, origin)
                .send()
                .await
                .unwrap();
            assert_no_cors_headers(&response, &format!("{path} {origin}"));
        }
        // A cache in between must not give one origin's answer to another.
        let plain = secure::get(&format!("{}{path}", app.api)).await.unwrap();
        assert!(
            header(&plain, "vary").to_lowercase().contains("origin"),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn preflight_allows_only_listed_origins_methods_and_headers() {
    let app = TestApp::with(&["http.cors_origins=https://console.example"]).await;
    let wanted = "authorization, content-type, idempotency-key, if-match, if-none-match, x-reason, x-correlation-id, \
                  tm-min-revision, prefer, last-event-id, traceparent";
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let response = preflight(&app, ALLOWED, method, wanted).await;
        assert_eq!(response.status(), 200, "{method}");
        assert_eq!(header(&response, "access-control-allow-origin"), ALLOWED);
        assert_eq!(header(&response, "access-control-max-age"), "600");
        assert_eq!(header(&response, "access-control-allow-credentials"), "");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert!(!header(&response, "x-correlation-id").is_empty());
    }
    for origin in OTHERS {
        let response = preflight(&app, origin, "POST", "content-type").await;
        assert_eq!(response.status(), 400, "{origin}");
        assert_no_cors_headers(&response, origin);
        assert_eq!(
            header(&response, "content-type"),
            "application/problem+json"
        );
        assert_eq!(header(&response, "cache-control"), "no-store");
    }
    for (method, headers) in [
        ("TRACE", "content-type"),
        ("POST", "x-anything"),
        ("BREW", "content-type"),
    ] {
        let response = preflight(&app, ALLOWED, method, headers).await;
        assert_eq!(response.status(), 400, "{method} {headers}");
        assert_no_cors_headers(&response, headers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_configured_origins_there_is_no_cors() {
    let app = TestApp::start().await;
    assert_eq!(
        preflight(&app, ALLOWED, "POST", "content-type")
            .await
            .status(),
        405
    );
    let response = request(&app, Method::GET, ROUTES, ALLOWED)
        .send()
        .await
        .unwrap();
    assert!(
        response
            .headers()
            .keys()
            .all(|name| !name.as_str().starts_with("access-control")),
        "{:?}",
        response.headers()
    );
    assert_eq!(
        header(&response, "vary"),
        "accept-encoding",
        "vary does not name the origin"
    );
}
