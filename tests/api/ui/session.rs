//! Sessions: what they may do, and when they end.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use traffic_manager::http::endpoints::{self, Access, Endpoint};

use crate::{
    auth::call_as,
    support::{
        TestApp,
        browser::Browser,
        callers::{Office, mistyped},
        eventually, secure,
    },
};

/// Much shorter than a stream's life, or the time to its next comment.
const SOON: Duration = Duration::from_secs(8);
const QUIET: &str = "read.stream_comment_ms=60000";
const QUICK: &str = "auth.key_refresh_ms=200";
const ACME: &str = "/api/v1/tenants/acme";

async fn signed_in(office: &Office, token: &str) -> Browser {
    let browser = Browser::of(&office.app);
    browser.sign_in(token).await;
    browser
}

async fn state(browser: &Browser) -> Value {
    let answer = browser.get("/ui/session").await;
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

async fn status(browser: &Browser, path: &str) -> u16 {
    browser.get(path).await.status().as_u16()
}

async fn made(office: &Office, body: Value) -> (String, String) {
    let call = office.app.post("/keys").bearer(&office.admin);
    let answer = call.json(&body).expect(201).await;
    let text = |name: &str| answer.json[name].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

/// Waits until a session is refused. Its cookie stays the same meanwhile.
async fn until_refused(browser: &Browser, why: &str) {
    let (_, cookie) = browser.session().unwrap();
    eventually(why, async || {
        browser.set_session(&cookie);
        let answer = browser.get(ACME).await;
        (answer.status() == 401).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_learns_whether_it_is_signed_in() {
    let open = TestApp::with(&["auth.mode=none"]).await;
    if !secure::is_on() {
        let out = state(&Browser::of(&open)).await;
        assert_eq!(
            out,
            json!({
                "mode": "none", "signed_in": false, "ways": [], "ends_at": null, "idle_seconds": null, "version": env!("CARGO_PKG_VERSION"),
            })
        );
        assert_eq!(Browser::of(&open).present("tmk_x").await.status(), 409);
    }
    let office = Office::with(&[QUICK]).await;
    let browser = Browser::of(&office.app);
    let nobody = json!({
        "mode": "required", "signed_in": false, "ways": ["key"], "ends_at": null, "idle_seconds": null, "version": env!("CARGO_PKG_VERSION"),
    });
    assert_eq!(state(&browser).await, nobody);
    let soon = Timestamp::now() + SignedDuration::from_secs(600);
    let key = json!({ "tenant": "acme", "roles": ["viewer"], "expires_at": soon.to_string() });
    office.tenant("acme").await;
    let (id, token) = made(&office, key).await;
    browser.sign_in(&token).await;
    let here = state(&browser).await;
    assert_eq!(
        (&here["signed_in"], &here["idle_seconds"]),
        (&json!(true), &json!(3600))
    );
    let ends: Timestamp = here["ends_at"].as_str().unwrap().parse().unwrap();
    assert!(ends <= soon, "a session ends no later than its key: {here}");
    office
        .app
        .delete(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(204)
        .await;
    eventually("the session is over", async || {
        (state(&browser).await["signed_in"] == json!(false)).then_some(())
    })
    .await;
    assert_eq!(browser.session(), None, "the cookie is removed");
    assert_eq!(state(&browser).await, nobody);
}

#[tokio::test(flavor = "multi_thread")]
async fn session_cookie_is_hidden_from_scripts_and_other_sites() {
    let office = Office::open().await;
    let ask = async |host: Option<&str>| {
        let browser = Browser::of(&office.app);
        let mut request = browser.request(Method::POST, "/ui/session");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let answer = browser
            .send(request.json(&json!({ "token": office.admin })))
            .await;
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer.headers()["set-cookie"].to_str().unwrap().to_owned()
    };
    let remote = ask(Some("console.example")).await;
    assert!(remote.starts_with("__Host-tm="), "{remote}");
    assert!(
        remote.ends_with("; HttpOnly; SameSite=Strict; Secure; Path=/"),
        "{remote}"
    );
    assert!(!remote.contains("Domain"), "{remote}");
    let local = ask(None).await;
    if secure::is_on() {
        assert!(local.starts_with("__Host-tm="), "{local}");
    } else {
        assert!(local.starts_with("tm="), "{local}");
        assert!(
            local.ends_with("; HttpOnly; SameSite=Strict; Path=/"),
            "{local}"
        );
    }
    assert!(!remote.contains(&office.admin) && !local.contains(&office.admin));
}

#[tokio::test(flavor = "multi_thread")]
async fn session_has_exactly_the_rights_of_its_key() {
    let office = Office::open().await;
    office.tenant("acme").await;
    office.tenant("other").await;
    let editor = json!({ "tenant": "acme", "roles": ["editor"], "envs": ["staging"] });
    for token in [
        office.key("acme", &["viewer"]).await,
        office.key("acme", &["auditor"]).await,
        office.key("acme", &["node"]).await,
        office.made(&editor).await,
    ] {
        let browser = signed_in(&office, &token).await;
        let (name, value) = browser.session().unwrap();
        let cookie = format!("{name}={value}");
        let reads = |endpoint: &&Endpoint| {
            endpoint.access != Access::Public && !endpoint.path.ends_with("/stream")
        };
        for endpoint in endpoints::all().iter().filter(reads) {
            for tenant in ["acme", "other"] {
                // A change that is allowed would have another answer the second time.
                if endpoint.method != "GET" && tenant == "acme" {
                    continue;
                }
                let by_key = call_as(&office, endpoint, tenant, &token).send().await;
                let call = call_as(&office, endpoint, tenant, "").by_cookie(&cookie);
                let call = call
                    .header("tm-csrf", "1")
                    .header("sec-fetch-site", "same-origin");
                let by_session = call.send().await;
                let what = format!("{} {} of {tenant}", endpoint.method, endpoint.path);
                assert_eq!(by_session.status, by_key.status, "{what}");
                assert_eq!(by_session.json["code"], by_key.json["code"], "{what}");
                if tenant == "other" && endpoint.path.contains("{tenant}") {
                    assert_eq!(by_session.status, StatusCode::NOT_FOUND, "{what}");
                }
            }
        }
        let put = |env: &str| {
            let path = format!("/api/v1/routes/acme/checkout/{env}/v9");
            browser
                .request(Method::PUT, &path)
                .json(&json!({ "url": "https://b.example.com" }))
        };
        assert_eq!(browser.send(put("prod")).await.status(), 403);
    }
    let narrowed = office.made(&editor).await;
    let browser = signed_in(&office, &narrowed).await;
    let put = browser.request(Method::PUT, "/api/v1/routes/acme/checkout/staging/v9");
    let put = put.json(&json!({ "url": "https://b.example.com" }));
    assert_eq!(browser.send(put).await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn session_acts_in_the_name_of_its_key() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let (id, token) = made(
        &office,
        json!({ "tenant": "acme", "roles": ["tenant_admin"] }),
    )
    .await;
    let browser = signed_in(&office, &token).await;
    let who: Value = browser.get("/api/v1/self").await.json().await.unwrap();
    assert_eq!(who["actor"], json!({ "kind": "key", "id": id }));
    assert_eq!(who["expires_at"], Value::Null, "the key does not end");
    // A key that is made here is a key of its maker's key, and does not end with the session.
    let body = json!({ "tenant": "acme", "roles": ["viewer"] });
    let request = browser.request(Method::POST, "/api/v1/keys").json(&body);
    let made: Value = browser.send(request).await.json().await.unwrap();
    assert_eq!(
        (&made["created_by"], &made["expires_at"]),
        (&json!(id), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_cookie_is_refused_at_each_byte() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let browser = signed_in(&office, &office.key("acme", &["viewer"]).await).await;
    let (_, cookie) = browser.session().unwrap();
    assert!(cookie.len() > 200, "{}", cookie.len());
    for at in 0..cookie.len() {
        let mut altered = cookie.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        browser.set_session(std::str::from_utf8(&altered).unwrap());
        assert_eq!(status(&browser, ACME).await, 401, "at {at}");
    }
    for other in [
        "",
        "A",
        &cookie[1..],
        &format!("{cookie}A"),
        &"A".repeat(4000),
    ] {
        browser.set_session(other);
        assert_eq!(status(&browser, ACME).await, 401, "{other}");
    }
    browser.set_session(&cookie);
    assert_eq!(status(&browser, ACME).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn session_ends_with_the_token_that_was_presented() {
    let office = Office::with(&[QUICK]).await;
    office.tenant("acme").await;
    let viewer = json!({ "tenant": "acme", "roles": ["viewer"] });
    let rotate = async |id: &str, overlap: u32| {
        let call = office
            .app
            .post(&format!("/keys/{id}/rotate"))
            .bearer(&office.admin);
        call.json(&json!({ "overlap_seconds": overlap }))
            .expect(200)
            .await;
    };

    let (id, token) = made(&office, viewer.clone()).await;
    let browser = signed_in(&office, &token).await;
    assert_eq!(status(&browser, ACME).await, 200);
    office
        .app
        .delete(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(204)
        .await;
    until_refused(&browser, "its key is revoked").await;
    assert_eq!(Browser::of(&office.app).present(&token).await.status(), 401);

    let (id, token) = made(&office, viewer.clone()).await;
    let browser = signed_in(&office, &token).await;
    rotate(&id, 0).await;
    until_refused(&browser, "its token is replaced").await;

    let (id, token) = made(&office, viewer.clone()).await;
    let browser = signed_in(&office, &token).await;
    rotate(&id, 3).await;
    assert_eq!(status(&browser, ACME).await, 200, "both tokens are good");
    until_refused(&browser, "the overlap is over").await;

    let soon = Timestamp::now() + SignedDuration::from_secs(3);
    let mut ends = viewer.clone();
    ends["expires_at"] = json!(soon.to_string());
    let (_, token) = made(&office, ends).await;
    let browser = signed_in(&office, &token).await;
    until_refused(&browser, "its key has expired").await;

    let (id, token) = made(&office, viewer).await;
    let browser = signed_in(&office, &token).await;
    let elsewhere = office.another().await;
    elsewhere
        .delete(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(204)
        .await;
    until_refused(&browser, "its key is revoked at another instance").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_ends_when_idle_and_after_its_lifetime() {
    let office =
        Office::with(&["ui.session_idle_seconds=3", "ui.session_lifetime_seconds=8"]).await;
    office.tenant("acme").await;
    let browser = signed_in(&office, &office.admin).await;
    let idle = Browser::of(&office.app);
    idle.sign_in(&office.admin).await;
    let (_, first) = idle.session().unwrap();
    let began = std::time::Instant::now();
    // One is used and renewed meanwhile, the other is not.
    eventually("the unused session is over", async || {
        let used = browser.get(ACME).await;
        assert_eq!(used.status(), 200, "the used one lasts");
        idle.set_session(&first);
        let answer = idle.get("/ui/session").await;
        let out: Value = answer.json().await.unwrap();
        (out["signed_in"] == json!(false)).then_some(())
    })
    .await;
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(browser.get(ACME).await.status(), 200);
    eventually("the used session is over, too", async || {
        (browser.get(ACME).await.status() == 401).then_some(())
    })
    .await;
    assert!(
        began.elapsed() >= Duration::from_secs(7),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_and_streams_do_not_renew_a_session() {
    let office = Office::with(&["ui.session_idle_seconds=20"]).await;
    office.tenant("acme").await;
    let browser = signed_in(&office, &office.admin).await;
    let renews = async |path: &str| browser.get(path).await.headers().contains_key("set-cookie");
    eventually("a request renews the session", async || {
        for path in [
            "/api/v1/tenants/acme/snapshot",
            "/api/v1/tenants/acme/stream",
            "/api/v1/stream",
            "/api/v1/self",
            "/ui/session",
        ] {
            assert!(!renews(path).await, "{path}");
        }
        renews(ACME).await.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_sessions_by_their_keys() {
    let key = |letter: &str| letter.repeat(32);
    let office = Office::with(&[&format!("ui.session_keys={}", key("a"))]).await;
    office.tenant("acme").await;
    let again = async |keys: String| office.again(&[&format!("ui.session_keys={keys}")]).await;
    let same = again(key("a")).await;
    let rotated = again(format!("{},{}", key("b"), key("a"))).await;
    let other = again(key("b")).await;
    let none = office.another().await;
    let browser = signed_in(&office, &office.admin).await;
    assert_eq!(status(&browser.at(&same), ACME).await, 200);
    assert_eq!(status(&browser.at(&rotated), ACME).await, 200);
    assert_eq!(status(&browser.at(&other), ACME).await, 401);
    assert_eq!(status(&browser.at(&none), ACME).await, 401);
    let of_rotated = Browser::of(&rotated);
    of_rotated.sign_in(&office.admin).await;
    assert_eq!(status(&of_rotated.at(&other), ACME).await, 200);
    assert_eq!(status(&of_rotated.at(&same), ACME).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_out_ends_the_session_and_its_streams() {
    let office = Office::with(&[QUIET]).await;
    office.tenant("acme").await;
    let browser = signed_in(&office, &office.admin).await;
    let other = signed_in(&office, &office.admin).await;
    let stream = browser.get("/api/v1/stream").await;
    let others = other.get("/api/v1/stream").await;
    assert_eq!(
        (stream.status(), others.status()),
        (StatusCode::OK, StatusCode::OK)
    );
    let copied = browser.at(&office.app);
    let answer = browser.sign_out().await;
    assert_eq!(answer.status(), 204);
    assert_eq!(browser.session(), None);
    let rest = tokio::time::timeout(SOON, stream.text()).await;
    assert_eq!(rest.expect("the stream ends").unwrap(), "retry: 1000\n\n");
    assert_eq!(status(&copied, ACME).await, 401, "a copy of the cookie");
    assert_eq!(
        status(&other, ACME).await,
        200,
        "another session of the key"
    );
    let others = tokio::spawn(others.text());
    assert!(!others.is_finished());
    others.abort();
    // Who is not signed in may sign out.
    assert_eq!(browser.sign_out().await.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_ends_with_its_session() {
    let office = Office::with(&[QUIET, "ui.session_idle_seconds=3"]).await;
    office.tenant("acme").await;
    for path in ["/api/v1/stream", "/api/v1/tenants/acme/stream"] {
        let browser = signed_in(&office, &office.admin).await;
        let stream = browser.get(path).await;
        assert_eq!(stream.status(), 200, "{path}");
        let rest = tokio::time::timeout(SOON, stream.text()).await;
        assert!(rest.is_ok(), "{path} stays open");
        assert_eq!(status(&browser, ACME).await, 401, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sign_ins_are_limited_like_other_failures() {
    let office = Office::with(&["limits.failed_logins_per_second_per_address=2"]).await;
    let browser = Browser::of(&office.app);
    let wrong = mistyped(&office.admin);
    eventually("further attempts are not checked", async || {
        let status = browser.present(&wrong).await.status().as_u16();
        assert!(status == 401 || status == 429, "{status}");
        (status == 429).then_some(())
    })
    .await;
    assert_eq!(browser.session(), None);
    // A person with a good key is not kept out.
    browser.sign_in(&office.admin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_with_a_wrong_body_gets_a_clear_error() {
    let office = Office::open().await;
    let browser = Browser::of(&office.app);
    for (body, status) in [
        (json!({}), 422),
        (json!({ "token": 1 }), 422),
        (json!({ "token": "x", "more": 1 }), 422),
        (json!({ "token": "" }), 401),
        (json!({ "token": "tmk_" }), 401),
        (json!({ "token": "a.b.c" }), 401),
    ] {
        let request = browser.request(Method::POST, "/ui/session").json(&body);
        let answer = browser.send(request).await;
        assert_eq!(answer.status().as_u16(), status, "{body}");
        let problem: Value = answer.json().await.unwrap();
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{body}: {problem}"
        );
    }
}
