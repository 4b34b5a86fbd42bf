//! The headers of every answer, and access to the operations listener.

use futures_util::future::join_all;
use reqwest::{Client, Method, Response, header::HeaderMap};
use serde_json::json;

use crate::support::{TestApp, callers::Office, secure};

const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
const RESOLVE: &str = "/api/v1/routes/resolve?tenant=t&service=s&env=e&version=v";

fn value<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn assert_security_headers(response: &Response, what: &str, caching: &str) {
    let headers = response.headers();
    assert_eq!(
        value(headers, "x-content-type-options"),
        "nosniff",
        "{what}"
    );
    let content_type = value(headers, "content-type");
    let is_data = content_type.is_empty()
        || content_type.ends_with("json")
        || content_type == "text/event-stream";
    let browsers = [
        "referrer-policy",
        "cross-origin-resource-policy",
        "content-security-policy",
    ];
    if is_data {
        for name in browsers {
            assert!(!headers.contains_key(name), "{what}: {name}");
        }
    } else {
        assert_security_headers_of_pages(headers, what);
    }
    assert_eq!(value(headers, "cache-control"), caching, "{what}");
    for name in ["server", "x-powered-by"] {
        assert!(!headers.contains_key(name), "{what}: {name}");
    }
    // `strict-transport-security` is sent over TLS only: browsers ignore the header on plain HTTP.
    let is_secure = response.url().scheme() == "https";
    assert_eq!(
        headers.contains_key("strict-transport-security"),
        is_secure,
        "{what}"
    );
    for name in headers.keys() {
        assert_eq!(
            headers.get_all(name).iter().count(),
            1,
            "{what}: {name} more than once"
        );
    }
}

/// Asserts the headers of answers that a browser may show or load.
fn assert_security_headers_of_pages(headers: &HeaderMap, what: &str) {
    assert_eq!(value(headers, "referrer-policy"), "no-referrer", "{what}");
    assert_eq!(
        value(headers, "cross-origin-resource-policy"),
        "same-origin",
        "{what}"
    );
    let policy = value(headers, "content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{what}: {policy}"
    );
    assert!(
        what.contains("/docs") || what.contains("text/html") || policy == API_POLICY,
        "{what}: {policy}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_security_headers() {
    let app = TestApp::start().await;
    let route =
        json!({ "tenant": "t", "service": "s", "env": "e", "version": "v", "url": "http://a" });
    let made = app.post("/routes").json(&route).expect(201).await;
    let (etag, client) = (
        made.header("etag").to_owned(),
        secure::http().build().unwrap(),
    );
    let answers: [(&str, &str, u16, &str); 19] = [
        ("GET", RESOLVE, 200, "no-cache"),
        (
            "GET",
            "/api/v1/routes/resolve?tenant=t&service=s&env=e&version=w",
            404,
            "no-store",
        ),
        ("GET", "/api/v1/tenants/t/snapshot", 200, "no-cache"),
        ("GET", "/api/v1/tenants/nobody/snapshot", 404, "no-store"),
        ("GET", "/api/v1/tenants/t/stream", 200, "no-store"),
        ("GET", "/api/v1/routes", 200, "no-store"),
        ("HEAD", "/api/v1/routes/t/s/e/v", 200, "no-store"),
        ("GET", "/api/v1/routes?colour=blue", 422, "no-store"),
        ("POST", "/api/v1/routes", 415, "no-store"),
        ("DELETE", "/api/v1/routes", 405, "no-store"),
        ("OPTIONS", "/api/v1/routes", 405, "no-store"),
        ("GET", "/nothing", 404, "no-store"),
        ("GET", "/health", 200, "no-store"),
        ("GET", "/health/ready", 200, "no-store"),
        ("GET", "/docs/", 200, "no-store"),
        ("GET", "/docs/index.css", 200, "no-store"),
        ("GET", "/docs/events", 200, "no-store"),
        ("GET", "/api/v1/openapi.json", 200, "no-store"),
        ("GET", "/problems/internal", 200, "no-store"),
    ];
    for (method, path, status, caching) in answers {
        let response = client
            .request(method.parse().unwrap(), format!("{}{path}", app.api))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        assert_security_headers(&response, &format!("{method} {path}"), caching);
    }
    let page = client
        .get(format!("{}/problems/internal", app.api))
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    assert_security_headers(&page, "text/html", "no-store");
    for (path, caching) in [
        (RESOLVE, "no-cache"),
        ("/api/v1/tenants/t/snapshot", "no-cache"),
        ("/api/v1/routes/t/s/e/v", "no-store"),
    ] {
        let response = client
            .get(format!("{}{path}", app.api))
            .header("if-none-match", &etag)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 304, "{path}");
        assert_security_headers(&response, path, caching);
    }
    for (path, status) in [("/metrics", 200), ("/health", 200), ("/nothing", 404)] {
        let response = client
            .get(format!("{}{path}", app.ops))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_security_headers(&response, path, "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deadline_answer_has_security_headers() {
    let app = TestApp::with(&[
        "http.request_timeout_ms=400",
        "write.timeout_ms=300",
        "resilience.postgres_primary.timeout_ms=5000",
    ])
    .await;
    let held = app.db.lock("tenants").await;
    let response = secure::get(&format!("{}/api/v1/tenants", app.api))
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert_security_headers(&response, "/api/v1/tenants", "no-store");
    held.release().await;
}

/// A minimum that is already reached sends a poll on the ordinary path instead of the fast path,
/// and changes nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn fast_path_and_ordinary_path_send_the_same_headers() {
    let app = TestApp::start().await;
    let route =
        json!({ "tenant": "t", "service": "s", "env": "e", "version": "v", "url": "http://a" });
    let tag = app
        .post("/routes")
        .json(&route)
        .expect(201)
        .await
        .header("etag")
        .to_owned();
    app.get("/tenants/t/snapshot").expect(200).await;
    let unlike = |mut headers: HeaderMap| {
        headers.remove("date");
        headers.remove("x-correlation-id");
        headers
    };
    for (path, seen, status) in [
        (RESOLVE, "", 200),
        (RESOLVE, tag.as_str(), 304),
        ("/api/v1/tenants/t/snapshot", tag.as_str(), 304),
    ] {
        let call = || app.call(Method::GET, path).header("if-none-match", seen);
        let short = call().expect(status).await;
        let ordinary = call().header("tm-min-revision", &tag).expect(status).await;
        assert_eq!(short.bytes, ordinary.bytes, "{path}");
        assert_eq!(unlike(short.headers), unlike(ordinary.headers), "{path}");
    }
}

const TOKEN: &str = "0123456789abcdef-ops";

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_health_require_the_operations_token() {
    let app = TestApp::with(&[&format!("http.ops_token={TOKEN}")]).await;
    let ask = async |path: &str, authorization: &str| {
        let request = Client::new().get(format!("{}{path}", app.ops));
        let request = if authorization.is_empty() {
            request
        } else {
            request.header("authorization", authorization)
        };
        request.send().await.unwrap()
    };
    let forged = [
        String::new(),
        "Bearer ".to_owned(),
        format!("Bearer {}", &TOKEN[1..]),
        format!("Bearer {TOKEN}x"),
        format!("Bearer {}", TOKEN.to_uppercase()),
        format!("bearer{TOKEN}"),
        format!("Basic {TOKEN}"),
        TOKEN.to_owned(),
    ];
    for path in [
        "/metrics",
        "/health",
        "/health/resilience",
        "/nothing",
        "//metrics",
        "/metrics/",
        "/health/live/../../metrics",
    ] {
        for authorization in &forged {
            let response = ask(path, authorization).await;
            assert_security_headers(&response, path, "no-store");
            if !authorization.is_empty() && response.status() == 429 {
                continue; // Too many wrong tokens in a second get 429 instead of 401.
            }
            assert_eq!(response.status(), 401, "{path} {authorization}");
            assert_eq!(value(response.headers(), "www-authenticate"), "Bearer");
            assert!(response.bytes().await.unwrap().is_empty());
        }
    }
    for path in [
        "/metrics",
        "/health",
        "/health/resilience",
        "/health/live",
        "/health/ready",
    ] {
        assert_eq!(
            ask(path, &format!("Bearer {TOKEN}")).await.status(),
            200,
            "{path}"
        );
    }
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(
            ask(path, "").await.status(),
            200,
            "{path}: a probe can send no header"
        );
    }
}

/// A web page can make its own host name resolve to this machine. Its requests carry that host
/// name.
#[tokio::test(flavor = "multi_thread")]
async fn listener_without_credentials_answers_only_loopback_names() {
    let app = TestApp::with(&["auth.mode=none", "http.allowed_hosts=console.example"]).await;
    let status = async |url: String, host: &str| {
        let answer = secure::http()
            .build()
            .unwrap()
            .get(url)
            .header("host", host)
            .send()
            .await
            .unwrap();
        answer.status().as_u16()
    };
    for listener in [
        format!("{}/api/v1/tenants", app.api),
        format!("{}/metrics", app.ops),
    ] {
        for host in [
            "localhost",
            "127.0.0.1:8000",
            "[::1]",
            "console.example:1234",
            "CONSOLE.EXAMPLE",
        ] {
            assert_eq!(
                status(listener.clone(), host).await,
                200,
                "{listener} as {host}"
            );
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "localhost.evil.example:80",
        ] {
            assert_eq!(
                status(listener.clone(), host).await,
                421,
                "{listener} as {host}"
            );
        }
    }
    let with_credentials = TestApp::with(&[
        "auth.mode=required",
        "auth.key_pepper=a pepper of the tests, 32 bytes or more",
    ])
    .await;
    assert_eq!(
        status(format!("{}/health", with_credentials.api), "any.example").await,
        200
    );
    assert_eq!(
        status(format!("{}/metrics", with_credentials.ops), "any.example").await,
        421,
        "the operations listener has no token"
    );
}

/// Idle connections do not delay probes.
#[tokio::test(flavor = "multi_thread")]
async fn probes_are_answered_beside_a_thousand_idle_connections() {
    let app = TestApp::start().await;
    let address = app.ops.split("//").nth(1).unwrap();
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let client = Client::builder()
        .timeout(std::time::Duration::from_secs(1))
        .build()
        .unwrap();
    for _ in 0..3 {
        assert_eq!(
            client
                .get(format!("{}/health/live", app.ops))
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
    }
    drop(idle);
}

/// Wrong tokens get 401 a few times a second. The right token is always accepted.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_of_the_operations_token_are_limited() {
    let app = TestApp::with(&[&format!("http.ops_token={TOKEN}")]).await;
    // A client of its own for each would take longer to make than the guess.
    let client = Client::new();
    let ask = async |token: &str| {
        client
            .get(format!("{}/metrics", app.ops))
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    // All at once: a busy machine takes longer than a second for them one after the other.
    let guesses = (0..300).map(|guess| format!("0123456789abcdef-{guess}"));
    let answers = join_all(guesses.map(async |guess| ask(&guess).await)).await;
    assert!(answers.contains(&401), "{answers:?}");
    assert!(
        answers.iter().filter(|status| **status == 429).count() > 50,
        "{answers:?}"
    );
    assert_eq!(ask(TOKEN).await, 200, "a spray does not lock its owner out");
}

/// Figures of the whole installation are only for callers of the whole platform.
#[tokio::test(flavor = "multi_thread")]
async fn resilience_report_needs_a_platform_caller() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let of_acme = office.key("acme", &["tenant_admin", "auditor"]).await;
    let everywhere = office.made(&json!({ "roles": ["auditor"] })).await;
    let get = || office.app.call(Method::GET, "/health/resilience");
    get().problem(401, "unauthenticated").await;
    get().bearer(&of_acme).problem(403, "forbidden").await;
    for token in [&everywhere, &office.admin] {
        assert!(get().bearer(token).expect(200).await.json["dependencies"].is_array());
    }
}

/// Endpoints for operators are not on the API's listener, with or without the operators' token.
#[tokio::test(flavor = "multi_thread")]
async fn api_listener_serves_no_metrics() {
    let app = TestApp::with(&[&format!("http.ops_token={TOKEN}")]).await;
    for path in ["/metrics", "/api/v1/metrics", "/debug", "/config"] {
        let call = app
            .call(Method::GET, path)
            .header("authorization", format!("Bearer {TOKEN}"));
        call.problem(404, "not_found").await;
    }
}
