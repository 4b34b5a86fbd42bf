//! Long-polls and event streams end when the caller's token or certificate ends, in whatever way.
//!
//! A request ends when the very token or certificate of the request ends, also when nothing else
//! happens.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Identity, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use traffic_manager::{
    app::{App, Role},
    auth::jwt::Now,
};

use crate::{
    issuer::Issuer,
    signer::{Signer, claims},
    support::{
        authority::{Authority, Folder, Time},
        callers::{ASKING, Office},
        eventually, metrics, secure, settings,
    },
};

/// Much shorter than a wait, a stream's life, or the time to its next comment.
const SOON: Duration = Duration::from_secs(8);

/// As many places as [`WaitingClients::come`] takes: a refused probe shows that all of its callers wait.
const PLACES: &str = "read.max_waiters=5";

/// The period of stream comments, longer than any wait in these tests.
const QUIET: &str = "read.stream_comment_ms=60000";

/// Waiting callers, one at each endpoint where a caller can wait.
struct WaitingClients(Vec<(&'static str, JoinHandle<(u16, String)>)>);

impl WaitingClients {
    /// Opens the waiting requests at `base`. `come_as` adds the credentials to each.
    async fn come(
        office: &Office,
        base: &str,
        client: &Client,
        come_as: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Self {
        let get = |path: &str| come_as(client.get(format!("{base}/api/v1{path}")));
        let first = get("/tenants/acme/snapshot")
            .send()
            .await
            .expect("an answer");
        assert_eq!(first.status(), 200, "{:?}", first.text().await);
        let etag = first.headers()["etag"].to_str().expect("ASCII").to_owned();
        let after = etag.trim_matches('"').to_owned();
        let snapshot = |path: &str| get(path).header("if-none-match", &etag);
        let mut waiting = Vec::new();
        for (name, request) in [
            ("snapshot?wait", snapshot("/tenants/acme/snapshot?wait=40s")),
            (
                "snapshot, Prefer: wait",
                snapshot("/tenants/acme/snapshot").header("prefer", "wait=40"),
            ),
            (
                "changes?wait",
                get(&format!("/tenants/acme/changes?after={after}&wait=40s")),
            ),
            (
                "tenants/{tenant}/stream",
                get("/tenants/acme/stream").header("last-event-id", &after),
            ),
            ("stream", get("/stream")),
        ] {
            let stay = async move {
                loop {
                    let answer = request
                        .try_clone()
                        .expect("no body")
                        .send()
                        .await
                        .expect("an answer");
                    let status = answer.status().as_u16();
                    // A probe has the caller's place for a moment.
                    if status != 429 {
                        return (status, answer.text().await.unwrap_or_default());
                    }
                }
            };
            waiting.push((name, tokio::spawn(stay)));
        }
        eventually("all of them wait", async || {
            let probe = office
                .app
                .get("/tenants/acme/snapshot?wait=1ms")
                .bearer(&office.admin)
                .header("if-none-match", &etag);
            // Over TLS the callers are at another instance, which has its own places.
            let probe = match base == office.app.api {
                true => probe.send().await.status.as_u16(),
                false => snapshot("/tenants/acme/snapshot?wait=1ms")
                    .send()
                    .await
                    .expect("an answer")
                    .status()
                    .as_u16(),
            };
            (probe == 429).then_some(())
        })
        .await;
        Self(waiting)
    }

    async fn with_token(office: &Office, token: &str) -> Self {
        Self::come(office, &office.app.api, &client(), |request| {
            request.bearer_auth(token)
        })
        .await
    }

    /// Asserts that all callers are let go, though nothing happens.
    async fn assert_closed(self, why: &str) {
        for (name, stayer) in self.0 {
            let answer = tokio::time::timeout(SOON, stayer)
                .await
                .unwrap_or_else(|_| panic!("{why}: {name} stays"))
                .unwrap();
            match name.ends_with("stream") {
                true => assert_eq!(answer, (200, "retry: 1000\n\n".to_owned()), "{why}: {name}"),
                false => assert!(
                    answer.0 == 401 && answer.1.contains("unauthenticated"),
                    "{why}: {name}: {answer:?}"
                ),
            }
        }
    }

    /// Asserts that no caller has been let go, and then ends their requests.
    fn assert_still_waiting(self, why: &str) {
        for (name, stayer) in self.0 {
            assert!(!stayer.is_finished(), "{why}: {name} is closed");
            stayer.abort();
        }
    }
}

fn client() -> Client {
    secure::http().build().expect("a client")
}

async fn made(office: &Office, by: &str, more: Value) -> (String, String) {
    let mut body = json!({ "tenant": "acme", "roles": ["viewer", "node"] });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let answer = office
        .app
        .post("/keys")
        .bearer(by)
        .json(&body)
        .expect(201)
        .await;
    let text = |name: &str| answer.json[name].as_str().expect("a text").to_owned();
    (text("id"), text("token"))
}

async fn rotate(office: &Office, id: &str, overlap: u32) -> String {
    let call = office
        .app
        .post(&format!("/keys/{id}/rotate"))
        .bearer(&office.admin);
    let answer = call
        .json(&json!({ "overlap_seconds": overlap }))
        .expect(200)
        .await;
    answer.json["token"].as_str().unwrap().to_owned()
}

async fn revoke(office: &Office, id: &str) {
    office
        .app
        .delete(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(204)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_client_is_closed_when_its_key_ends() {
    let office = Office::with(&[PLACES, QUIET, "auth.key_refresh_ms=200"]).await;
    office.tenant("acme").await;
    let stay = async |token: &str| WaitingClients::with_token(&office, token).await;

    let (id, token) = made(&office, &office.admin, json!({})).await;
    let waiting = stay(&token).await;
    revoke(&office, &id).await;
    waiting.assert_closed("revoked").await;

    let (maker, makers_token) =
        made(&office, &office.admin, json!({ "roles": ["tenant_admin"] })).await;
    let (_, token) = made(&office, &makers_token, json!({})).await;
    let waiting = stay(&token).await;
    revoke(&office, &maker).await;
    waiting.assert_closed("revoked with its maker").await;

    let (id, token) = made(&office, &office.admin, json!({})).await;
    let waiting = stay(&token).await;
    rotate(&office, &id, 0).await;
    waiting.assert_closed("rotated without an overlap").await;

    let (id, token) = made(&office, &office.admin, json!({})).await;
    let waiting = stay(&token).await;
    rotate(&office, &id, 1).await;
    waiting
        .assert_closed("the overlap of its rotation is over")
        .await;

    let (id, token) = made(&office, &office.admin, json!({})).await;
    rotate(&office, &id, 3600).await;
    let waiting = stay(&token).await;
    rotate(&office, &id, 3600).await;
    waiting
        .assert_closed("replaced a second time within the overlap")
        .await;

    let soon = Timestamp::now() + SignedDuration::from_secs(4);
    let (_, token) = made(
        &office,
        &office.admin,
        json!({ "expires_at": soon.to_string() }),
    )
    .await;
    stay(&token).await.assert_closed("expired").await;

    let elsewhere = office.another().await;
    let (id, token) = made(&office, &office.admin, json!({})).await;
    let waiting = stay(&token).await;
    elsewhere
        .delete(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(204)
        .await;
    waiting.assert_closed("revoked at another instance").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_client_stays_with_either_token_of_an_overlap() {
    let office = Office::with(&[PLACES, QUIET, "auth.key_refresh_ms=200"]).await;
    office.tenant("acme").await;
    let (id, token) = made(&office, &office.admin, json!({})).await;
    let (other, _) = made(&office, &office.admin, json!({})).await;
    let waiting = WaitingClients::with_token(&office, &token).await;
    let next = rotate(&office, &id, 3600).await;
    // The instance notices this later revocation after the rotation, so the rotation has been acted
    // on by then.
    revoke(&office, &other).await;
    office
        .app
        .get("/tenants/acme")
        .bearer(&next)
        .expect(200)
        .await;
    waiting.assert_still_waiting("its token is good for the overlap");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_client_is_closed_when_its_jwt_ends() {
    let (signer, next) = (Signer::ec("k1"), Signer::ec("k2"));
    let issuer = Issuer::with(&[&signer]);
    let jwt = issuer.settings();
    let mut all: Vec<&str> = jwt.iter().map(String::as_str).collect();
    all.extend([
        PLACES,
        QUIET,
        "auth.jwt.leeway_seconds=1",
        "auth.jwt.refresh_ms=1000",
    ]);
    let office = Office::with(&all).await;
    office.tenant("acme").await;
    let now = Now::read();
    let token = |signer: &Signer, seconds: f64| {
        signer.token(&claims(
            now,
            json!({ "roles": ["viewer", "node"], "exp": now.unix.floor() + seconds }),
        ))
    };
    let waiting = WaitingClients::with_token(&office, &token(&signer, 4.0)).await;
    waiting.assert_closed("exp is past").await;

    let waiting = WaitingClients::with_token(&office, &token(&signer, 300.0)).await;
    issuer.give(&[&next]);
    waiting
        .assert_closed("the issuer has withdrawn the key that signed it")
        .await;

    issuer.give(&[&next, &signer]);
    let waiting = WaitingClients::with_token(&office, &token(&next, 300.0)).await;
    let old = token(&signer, 200.0);
    eventually("the key is back", async || {
        (office
            .app
            .get("/tenants/acme")
            .bearer(&old)
            .send()
            .await
            .status
            == 200)
            .then_some(())
    })
    .await;
    issuer.give(&[&next]);
    eventually("another key is withdrawn", async || {
        (office
            .app
            .get("/tenants/acme")
            .bearer(&old)
            .send()
            .await
            .status
            == 401)
            .then_some(())
    })
    .await;
    waiting.assert_still_waiting("its own key is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_client_is_closed_when_its_certificate_ends() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let (authority, folder) = (Authority::new(), Folder::new());
    let shown = authority.server("127.0.0.1", Time::Now);
    let tls = [
        format!(
            "http.tls.cert_file={}",
            folder.write("cert.pem", &shown.cert)
        ),
        format!("http.tls.key_file={}", folder.write("key.pem", &shown.key)),
        format!("http.tls.client_ca_file={}", authority.file(&folder)),
        "http.tls.trust_domain=routes.example".to_owned(),
    ];
    // A node may not open the stream of all tenants, so one caller less waits.
    let mut all: Vec<&str> = ASKING.to_vec();
    all.extend(["read.max_waiters=4", QUIET]);
    all.extend(tls.iter().map(String::as_str));
    let app = App::start(settings(&office.app.db, &all), Role::Serve, metrics())
        .await
        .expect("the service starts");
    let base = format!("https://{}", app.api.expect("it serves"));
    let ends = SystemTime::now() + Duration::from_secs(6);
    let node = authority.client_until(&["spiffe://routes.example/tenant/acme/node/edge-1"], ends);
    let identity =
        Identity::from_pem(format!("{}{}", node.cert, node.key).as_bytes()).expect("an identity");
    let ca =
        reqwest::Certificate::from_pem(std::fs::read(authority.file(&folder)).unwrap().as_slice())
            .unwrap();
    let client = Client::builder()
        .tls_certs_only([ca])
        .identity(identity)
        .build()
        .expect("a client");
    let mut waiting = WaitingClients::come(&office, &base, &client, |request| request).await;
    let (all, refused) = waiting.0.pop().expect("the stream of all tenants");
    assert_eq!((all, refused.await.unwrap().0), ("stream", 403));
    waiting.assert_closed("notAfter is past").await;
    drop(app);
}
