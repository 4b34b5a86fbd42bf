//! A relay that was killed, and one whose control plane is away or has gone back.

use super::{
    plane::{NODE, Plane},
    process::{Relay, ask},
};
use crate::common::{eventually, stage::program, tag, tenant};

const SNAPSHOT: &str = "/api/v1/tenants/acme/snapshot";

/// Waits until the relay's file has a revision.
async fn saved(relay: &Relay, revision: u64) {
    let file = relay.config().with_file_name("state/relay/acme/,.tm");
    eventually("the state is on the disk", async || {
        let text = std::fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.contains(&format!("\"tag\":\"{}\"", tag(revision)))
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_relay_serves_from_its_disk_and_never_goes_back() {
    let plane = Plane::start([tenant(3, 3, "http://a.example/")]).await;
    let mut relay = Relay::start(&[plane.url()], "").await;
    let url = format!("{}{SNAPSHOT}", relay.url());
    assert_eq!(ask(&url, NODE, &[]).await.status(), 200);
    plane.change("acme", &["shop/prod/v1"], "http://b.example/");
    plane.change("acme", &["shop/prod/v2"], "http://c.example/");
    relay.holds("acme", "live", &tag(5)).await;
    let before = ask(&url, NODE, &[]).await;
    let signature = before.headers()["tm-signature"].clone();
    let bytes = before.bytes().await.unwrap();
    saved(&relay, 5).await;
    let address = plane.address;
    drop(plane);

    // An older state of the same history, genuine and signed.
    let older = Plane::start_at(address, [tenant(3, 3, "http://a.example/")]).await;
    relay.restart().await;
    // The older state confirms nothing.
    relay.holds("acme", "disk", &tag(5)).await;
    let answer = ask(&url, NODE, &[]).await;
    assert_eq!(answer.headers()["etag"], format!("\"{}\"", tag(5)).as_str());
    assert_eq!(answer.headers()["tm-signature"], signature);
    assert!(answer.headers().contains_key("tm-stale"));
    assert_eq!(answer.bytes().await.unwrap(), bytes);
    let status = relay.status().await;
    let fault = &status["parts"][0]["faults"][format!("{}/", older.url())];
    assert!(
        fault["older"].as_u64().unwrap() > 0,
        "the one that went back is named: {status}"
    );
    let metrics = relay.metrics().await;
    assert!(metrics.contains("kind=\"older\""), "{metrics}");
    drop(older);

    // The control plane comes back as it was, and moves on.
    let plane = Plane::start_at(address, [tenant(6, 3, "http://d.example/")]).await;
    relay.holds("acme", "live", &tag(6)).await;
    let answer = ask(&url, NODE, &[]).await;
    assert!(!answer.headers().contains_key("tm-stale"));
    drop(plane);
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_without_a_state_answers_503_and_nothing_empty() {
    let plane = Plane::start([tenant(3, 3, "http://a.example/")]).await;
    let relay = Relay::start(&[plane.url()], "").await;
    assert_eq!(
        ask(&format!("{}/api/v1/self", relay.url()), NODE, &[])
            .await
            .status(),
        200
    );
    drop(plane);
    let url = format!("{}{SNAPSHOT}", relay.url());
    let answer = ask(&url, NODE, &[]).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let body = answer.text().await.unwrap();
    assert!(body.contains("\"unavailable\""), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_that_has_something_newer_is_not_answered_with_something_older() {
    let plane = Plane::start([tenant(3, 3, "http://a.example/")]).await;
    let relay = Relay::start(&[plane.url()], "").await;
    let url = format!("{}{SNAPSHOT}", relay.url());
    let newer = format!("\"{}\"", tag(4));
    let sent = [("if-none-match", newer.as_str())];
    let answer = ask(&url, NODE, &sent).await;
    assert_eq!(answer.status(), 503);
    let sent = [("tm-min-revision", newer.as_str())];
    assert_eq!(ask(&url, NODE, &sent).await.status(), 503);
    // It comes while the caller waits a little.
    let change = async {
        plane.change("acme", &["shop/prod/v1"], "http://b.example/");
    };
    let (answer, ()) = tokio::join!(ask(&url, NODE, &sent), change);
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn program_checks_the_file_of_a_relay_and_shows_its_status() {
    let plane = Plane::start([tenant(3, 3, "http://a.example/")]).await;
    let relay = Relay::start(&[plane.url()], "").await;
    let (is_good, text) = program(&["check"], &relay.config());
    assert!(is_good, "{text}");
    let (is_good, text) = program(&["status"], &relay.config());
    assert!(is_good && text.contains("\"node\": \"relay-1\""), "{text}");
    let (is_good, text) = program(&["relay"], &relay.config());
    assert!(
        !is_good && text.contains("has the folder"),
        "a second one: {text}"
    );
    let wrong = std::fs::read_to_string(relay.config()).unwrap();
    for (from, to, problem) in [
        (
            "trusted_keys",
            "#",
            "service.trusted_keys: a relay passes on only what is signed",
        ),
        (
            "listen = \"127.0.0.1:",
            "listen = \"0.0.0.0:",
            "relay.listen: an address that is not loopback needs",
        ),
        (
            "[relay]",
            "[relay]\nkey_file = \"/x\"",
            "relay.certificate_file, relay.key_file",
        ),
        ("[relay]", "[relay]\nwaiters = 1", "relay.waiters"),
    ] {
        let file = relay.config().with_file_name("wrong.toml");
        std::fs::write(&file, wrong.replacen(from, to, 1)).unwrap();
        let (is_good, text) = program(&["check"], &file);
        let text = text.replace("unknown field `waiters`", "relay.waiters");
        assert!(!is_good && text.contains(problem), "{problem}: {text}");
    }
}
