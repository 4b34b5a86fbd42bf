//! Requests that other pages make with a person's session.

use reqwest::Method;
use serde_json::json;
use traffic_manager::http::endpoints::{self, Access, Endpoint};

use crate::{
    auth::call_as,
    support::{Call, browser::Browser, callers::Office, secure},
};

fn unsafe_endpoints() -> impl Iterator<Item = &'static Endpoint> {
    endpoints::all()
        .iter()
        .filter(|endpoint| endpoint.access != Access::Public && endpoint.method != "GET")
}

fn cookie(browser: &Browser) -> String {
    let (name, value) = browser.session().expect("a session");
    format!("{name}={value}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_with_a_session_needs_our_own_page() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let browser = Browser::of(&office.app);
    browser.sign_in(&office.admin).await;
    let cookie = cookie(&browser);
    let host = office.app.api.split_once("://").unwrap().1.to_owned();
    let own = format!(
        "{}://{host}",
        if secure::is_on() { "https" } else { "http" }
    );
    let pages: [(&str, &[(&str, &str)]); 9] = [
        ("nothing", &[]),
        ("no mark", &[("sec-fetch-site", "same-origin")]),
        (
            "an empty mark",
            &[("tm-csrf", ""), ("sec-fetch-site", "same-origin")],
        ),
        ("no mark, our origin", &[("origin", &own)]),
        ("a mark alone", &[("tm-csrf", "1")]),
        (
            "another site",
            &[("tm-csrf", "1"), ("sec-fetch-site", "cross-site")],
        ),
        (
            "another host of the site",
            &[("tm-csrf", "1"), ("sec-fetch-site", "same-site")],
        ),
        (
            "another origin",
            &[("tm-csrf", "1"), ("origin", "https://evil.example")],
        ),
        (
            "another site that names our origin",
            &[
                ("tm-csrf", "1"),
                ("sec-fetch-site", "cross-site"),
                ("origin", &own),
            ],
        ),
    ];
    let mut walked = 0;
    for endpoint in unsafe_endpoints() {
        for (what, headers) in pages {
            let call = call_as(&office, endpoint, "acme", "").by_cookie(&cookie);
            let call = headers
                .iter()
                .fold(call, |call: Call, (name, value)| call.header(name, value));
            let answer = call.send().await;
            let name = format!("{} {} from {what}", endpoint.method, endpoint.path);
            assert_eq!(answer.status, 403, "{name}: {}", answer.json);
            assert_eq!(answer.json["code"], "forbidden", "{name}");
            walked += 1;
        }
    }
    assert!(walked > 9 * 25, "{walked}");
    // Nothing was changed.
    let tenant = browser.get("/api/v1/tenants/acme").await;
    assert_eq!(tenant.status(), 200);
    let route = browser.get("/api/v1/routes/acme/checkout/prod/v1").await;
    assert_eq!(route.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_page_changes_what_its_key_may_change() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let browser = Browser::of(&office.app);
    browser
        .sign_in(&office.key("acme", &["editor"]).await)
        .await;
    let put = |version: &str| {
        let path = format!("/api/v1/routes/acme/checkout/prod/{version}");
        let body = json!({ "url": "https://b.example.com" });
        (path, body)
    };
    let (path, body) = put("v2");
    let answer = browser
        .send(browser.request(Method::PUT, &path).json(&body))
        .await;
    assert_eq!(answer.status(), 201, "{:?}", answer.text().await);
    // A browser that does not send `Sec-Fetch-Site` sends `Origin`.
    let (path, body) = put("v3");
    let request = browser
        .plain(Method::PUT, &path)
        .header("tm-csrf", "1")
        .header("origin", &office.app.api)
        .json(&body);
    let answer = browser.send(request).await;
    assert_eq!(answer.status(), 201, "{:?}", answer.text().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages_cannot_sign_a_person_in_or_out() {
    let office = Office::with(&["http.cors_origins=https://console.example"]).await;
    let browser = Browser::of(&office.app);
    let body = json!({ "token": office.admin });
    for request in [
        browser.plain(Method::POST, "/ui/session").json(&body),
        browser
            .plain(Method::POST, "/ui/session")
            .header("tm-csrf", "1")
            .header("origin", "https://console.example")
            .header("sec-fetch-site", "cross-site")
            .json(&body),
    ] {
        let answer = browser.send(request).await;
        assert_eq!(answer.status(), 403);
        assert_eq!(browser.session(), None);
    }
    // A form of another page sends no JSON.
    let form = browser
        .request(Method::POST, "/ui/session")
        .header("content-type", "text/plain")
        .body(body.to_string());
    assert_eq!(browser.send(form).await.status(), 415);

    browser.sign_in(&office.admin).await;
    for (name, value) in [("tm-csrf", "1"), ("sec-fetch-site", "same-origin")] {
        let request = browser
            .plain(Method::DELETE, "/ui/session")
            .header(name, value);
        assert_eq!(browser.send(request).await.status(), 403);
    }
    assert_eq!(browser.get("/api/v1/self").await.status(), 200);
    // The mark of our page is no header that another origin may set.
    let preflight = browser
        .plain(Method::OPTIONS, "/api/v1/routes")
        .header("origin", "https://console.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,tm-csrf");
    let answer = browser.send(preflight).await;
    assert!(answer.status().is_client_error(), "{}", answer.status());
    assert!(
        !answer
            .headers()
            .contains_key("access-control-allow-credentials")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn session_beside_other_credentials_is_refused() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let browser = Browser::of(&office.app);
    browser.sign_in(&office.admin).await;
    let cookie = cookie(&browser);
    // The second one is answered before everything else when it comes with a token alone.
    for path in [
        "/api/v1/tenants/acme",
        "/api/v1/routes/resolve?tenant=acme&service=checkout&env=prod&version=v1",
        "/api/v1/tenants/acme/snapshot",
    ] {
        let alone = browser.plain(Method::GET, path);
        assert_eq!(browser.send(alone).await.status(), 200, "{path}");
        for authorization in [format!("Bearer {}", office.admin), "Basic eDp5".to_owned()] {
            let both = browser
                .plain(Method::GET, path)
                .header("authorization", authorization);
            assert_eq!(browser.send(both).await.status(), 401, "{path}");
        }
        let bare = Browser::of(&office.app);
        let twice = bare
            .plain(Method::GET, path)
            .header("cookie", format!("{cookie}; {cookie}"));
        assert_eq!(bare.send(twice).await.status(), 401, "{path}");
        let lines = bare
            .plain(Method::GET, path)
            .header("cookie", &cookie)
            .header("cookie", &cookie);
        assert_eq!(bare.send(lines).await.status(), 401, "{path}");
        // A cookie of another program is none of ours.
        let others = bare
            .plain(Method::GET, path)
            .header("cookie", "theme=dark")
            .bearer_auth(&office.admin);
        assert_eq!(bare.send(others).await.status(), 200, "{path}");
    }
}
