//! Signing in at an identity provider.

use reqwest::Response;
use serde_json::{Value, json};
use traffic_manager::auth::jwt::Now;

use crate::support::{
    browser::Browser,
    callers::Office,
    eventually,
    provider::{CLIENT, Exchange, Provider},
};

const ACME: &str = "/api/v1/tenants/acme";

/// A service whose people sign in at a provider.
struct Desk {
    office: Office,
    provider: Provider,
}

impl Desk {
    async fn open(more: &[&str]) -> Self {
        let provider = Provider::start();
        let settings = provider.settings();
        let mut all: Vec<&str> = settings.iter().map(String::as_str).collect();
        all.extend(more);
        let office = Office::with(&all).await;
        office.tenant("acme").await;
        Self { office, provider }
    }

    fn browser(&self) -> Browser {
        Browser::of(&self.office.app)
    }

    /// Goes to the provider, and returns the path to which it sends the browser back.
    async fn go(&self, browser: &Browser, back: &str) -> String {
        let answer = browser.get(&format!("/ui/login?return={back}")).await;
        assert_eq!(answer.status(), 302, "{:?}", answer.text().await);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Lax;"), "{cookie}");
        assert!(cookie.ends_with("Path=/; Max-Age=600"), "{cookie}");
        let url = answer.headers()["location"].to_str().unwrap().to_owned();
        self.provider.sign_in(&url).await
    }

    /// Signs in, and returns the last answer.
    async fn sign_in(&self, browser: &Browser) -> Response {
        let path = self.go(browser, "/ui/").await;
        browser.get(&path).await
    }
}

/// Asserts that a sign-in failed: with this status, and without a session.
async fn assert_failed(browser: &Browser, answer: Response, status: u16, why: &str) {
    assert_eq!(answer.status().as_u16(), status, "{why}");
    let problem: Value = answer.json().await.unwrap();
    assert!(problem["detail"].is_string(), "{why}: {problem}");
    assert_eq!(browser.session(), None, "{why}");
    assert_eq!(browser.get(ACME).await.status(), 401, "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn person_signs_in_at_the_identity_provider() {
    let desk = Desk::open(&[]).await;
    let browser = desk.browser();
    let out: Value = browser.get("/ui/session").await.json().await.unwrap();
    assert_eq!(out["ways"], json!(["key", "oidc"]));
    let path = desk.go(&browser, "/ui/acme/routes%3Ffilter=%22x%22").await;
    let answer = browser.get(&path).await;
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.contains("script-src 'self'"), "{policy}");
    let page = answer.text().await.unwrap();
    let goes_on = r#"<meta http-equiv="refresh" content="0;url=/ui/acme/routes?filter=%22x%22">"#;
    assert!(page.contains(goes_on), "{page}");
    assert_eq!(browser.cookie_names().len(), 1, "the sign-in is done");

    let who: Value = browser.get("/api/v1/self").await.json().await.unwrap();
    assert_eq!(who["actor"], json!({ "kind": "jwt", "id": "alice" }));
    assert_eq!(
        (&who["roles"], &who["tenant"]),
        (&json!(["editor"]), &json!("acme"))
    );
    assert_eq!(browser.get(ACME).await.status(), 200);
    desk.office.tenant("other").await;
    assert_eq!(browser.get("/api/v1/tenants/other").await.status(), 404);
    let out: Value = browser.get("/ui/session").await.json().await.unwrap();
    assert_eq!(
        (&out["signed_in"], &out["ends_at"]),
        (&json!(true), &who["expires_at"])
    );
    assert_eq!(browser.sign_out().await.status(), 204);
    assert_eq!(browser.get(ACME).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_of_a_person_are_those_of_its_token() {
    let desk = Desk::open(&[]).await;
    let narrow = json!({ "roles": ["editor"], "envs": ["staging"] });
    desk.provider.answer(Exchange::Tokens(narrow, json!({})));
    let browser = desk.browser();
    assert_eq!(desk.sign_in(&browser).await.status(), 200);
    let put = async |env: &str| {
        let path = format!("/api/v1/routes/acme/checkout/{env}/v9");
        let request = browser.request(reqwest::Method::PUT, &path);
        let request = request.json(&json!({ "url": "https://b.example.com" }));
        browser.send(request).await.status().as_u16()
    };
    assert_eq!((put("staging").await, put("prod").await), (201, 403));
    for claims in [
        json!({ "roles": [] }),
        json!({ "tenant": null }),
        json!({ "roles": ["root"] }),
    ] {
        desk.provider
            .answer(Exchange::Tokens(claims.clone(), json!({})));
        let browser = desk.browser();
        let answer = desk.sign_in(&browser).await;
        assert_failed(&browser, answer, 401, &claims.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_that_is_not_to_this_sign_in_is_refused() {
    let desk = Desk::open(&[]).await;
    let now = Now::read().unix.floor();
    let nothing = json!({});
    for (why, access, id) in [
        (
            "another nonce",
            nothing.clone(),
            json!({ "nonce": "x".repeat(43) }),
        ),
        ("no nonce", nothing.clone(), json!({ "nonce": null })),
        (
            "for another client",
            nothing.clone(),
            json!({ "aud": "another" }),
        ),
        (
            "for others too",
            nothing.clone(),
            json!({ "aud": [CLIENT, "another"] }),
        ),
        (
            "asked by another client",
            nothing.clone(),
            json!({ "azp": "another" }),
        ),
        (
            "of another issuer",
            nothing.clone(),
            json!({ "iss": "https://evil.example" }),
        ),
        (
            "expired",
            nothing.clone(),
            json!({ "exp": now - 600.0, "iat": now - 900.0 }),
        ),
        (
            "of another person",
            nothing.clone(),
            json!({ "sub": "mallory" }),
        ),
        (
            "a token for another API",
            json!({ "aud": "another" }),
            nothing.clone(),
        ),
        (
            "an expired token",
            json!({ "exp": now - 600.0, "iat": now - 900.0 }),
            nothing.clone(),
        ),
        (
            "a token of another person",
            json!({ "sub": "mallory" }),
            nothing.clone(),
        ),
    ] {
        desk.provider.answer(Exchange::Tokens(access, id));
        let browser = desk.browser();
        let answer = desk.sign_in(&browser).await;
        assert_failed(&browser, answer, 401, why).await;
    }
    desk.provider.answer(Exchange::Forged);
    let browser = desk.browser();
    let answer = desk.sign_in(&browser).await;
    assert_failed(&browser, answer, 401, "signed by a stranger").await;
    // An API key is no token of the provider.
    let key = json!({ "access_token": desk.office.admin, "id_token": "a.b.c" });
    for (why, status, answer, refused) in [
        ("no tokens", 200, "{}".to_owned(), 503),
        ("no JSON", 200, "<html>".to_owned(), 503),
        ("an API key", 200, key.to_string(), 401),
        ("too long", 200, "x".repeat(300_000), 503),
        (
            "refused",
            400,
            r#"{"error":"invalid_grant"}"#.to_owned(),
            401,
        ),
        ("broken", 500, String::new(), 503),
    ] {
        desk.provider.answer(Exchange::Other(status, answer));
        let browser = desk.browser();
        let answer = desk.sign_in(&browser).await;
        assert_failed(&browser, answer, refused, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_belongs_to_the_browser_that_began() {
    let desk = Desk::open(&["ui.oidc.sign_in_seconds=600"]).await;
    let with = |path: &str, name: &str, value: &str| {
        let url = url::Url::parse("http://localhost")
            .unwrap()
            .join(path)
            .unwrap();
        let others = url.query_pairs().filter(|(own, _)| own != name);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(others);
        query.append_pair(name, value);
        format!("/ui/callback?{}", query.finish())
    };
    let begin = async || {
        let browser = desk.browser();
        let path = desk.go(&browser, "/ui/").await;
        (browser, path)
    };
    let (browser, path) = begin().await;
    browser.clear();
    let answer = browser.get(&path).await;
    assert_failed(&browser, answer, 401, "another browser").await;

    let (browser, path) = begin().await;
    let (another, _) = begin().await;
    let answer = another.get(&path).await;
    assert_failed(&another, answer, 401, "another sign-in's browser").await;
    assert_eq!(browser.get(&path).await.status(), 200);

    let (browser, path) = begin().await;
    browser.alter(|value| format!("{}A", &value[..value.len() - 1]));
    let is_same = browser.get(&path).await;
    // The last character may have been an A before.
    if is_same.status() != 200 {
        assert_failed(&browser, is_same, 401, "an altered cookie").await;
    }

    for (why, name, value) in [
        ("no state", "state", ""),
        ("another state", "state", &*"x".repeat(43)),
        ("no code", "code", ""),
        ("an invented code", "code", "x"),
        ("a long code", "code", &"x".repeat(4097)),
        ("refused by the person", "error", "access_denied"),
        ("another issuer", "iss", "https://evil.example"),
    ] {
        let (browser, path) = begin().await;
        let answer = browser.get(&with(&path, name, value)).await;
        assert_failed(&browser, answer, 401, why).await;
    }
    for query in ["", "?code=a&state=b", "?state=a&state=b"] {
        let browser = desk.browser();
        let answer = browser.get(&format!("/ui/callback{query}")).await;
        assert_failed(&browser, answer, 401, query).await;
    }
    // A code is good once.
    let (browser, path) = begin().await;
    let copy = browser.at(&desk.office.app);
    assert_eq!(browser.get(&path).await.status(), 200);
    let answer = copy.get(&path).await;
    assert_failed(&copy, answer, 401, "the same code again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_goes_back_to_our_own_page_only() {
    let desk = Desk::open(&[]).await;
    for back in [
        "//evil.example",
        "/%5Cevil.example",
        "https:",
        "https://evil.example/ui/",
        "%2F%2Fevil.example",
        "%252F%252Fevil.example",
        "javascript:alert(1)",
        "/ui/../docs/",
        "/ui/%252e%252e/docs",
        "/",
        "",
    ] {
        let browser = desk.browser();
        let answer = browser.get(&format!("/ui/login?return={back}")).await;
        assert_eq!(answer.status(), 422, "{back}");
        assert_eq!(browser.cookie_names(), [""; 0], "{back}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["errors"][0]["pointer"], "?return", "{problem}");
    }
    assert_eq!(desk.browser().get("/ui/login").await.status(), 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn person_is_signed_out_when_the_token_or_its_key_ends() {
    let desk = Desk::open(&["auth.jwt.leeway_seconds=0", "auth.jwt.refresh_ms=1000"]).await;
    let ended = async |browser: &Browser, why: &str| {
        eventually(why, async || {
            (browser.get(ACME).await.status() == 401).then_some(())
        })
        .await;
    };
    let soon = json!({ "exp": Now::read().unix.floor() + 5.0 });
    desk.provider.answer(Exchange::Tokens(soon, json!({})));
    let browser = desk.browser();
    assert_eq!(desk.sign_in(&browser).await.status(), 200);
    assert_eq!(browser.get(ACME).await.status(), 200);
    ended(&browser, "exp is past").await;

    desk.provider.answer(Exchange::Tokens(json!({}), json!({})));
    let browser = desk.browser();
    assert_eq!(desk.sign_in(&browser).await.status(), 200);
    desk.provider.replace_key();
    ended(&browser, "the key that signed it is withdrawn").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_people_sign_in_with_keys() {
    let office = Office::open().await;
    let browser = Browser::of(&office.app);
    for path in ["/ui/login", "/ui/callback?code=a&state=b"] {
        assert_eq!(browser.get(path).await.status(), 404, "{path}");
    }
    let desk = Desk::open(&[]).await;
    let browser = desk.browser();
    let path = desk.go(&browser, "/ui/").await;
    let Desk { office, provider } = desk;
    provider.stop().await;
    let answer = browser.get(&path).await;
    assert_failed(&browser, answer, 503, "the provider is away").await;
    browser.sign_in(&office.admin).await;
    assert_eq!(browser.get(ACME).await.status(), 200);
}
