//! An issuer that is absent, slow, or gives invalid answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use traffic_manager::auth::jwt::{Now, TokenRefusal, Verifier};

use crate::{
    issuer::{Issuer, Reply},
    signer::{Signer, claims},
};

const HOUR: Duration = Duration::from_secs(3600);
/// The longest that anything here may take, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

async fn verify(verifier: &Verifier, signer: &Signer, now: Now) -> Result<(), TokenRefusal> {
    verifier
        .verify_at(&signer.token(&claims(now, json!({}))), now)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn without_the_issuer_known_keys_work_until_their_maximum_age() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    let now = Now::read();
    let verifier = issuer.ready(&["keys_max_age_ms=7200000"], now).await;
    issuer.stop().await;
    let late = now.plus(2 * HOUR);
    for at in [now.plus(HOUR), late] {
        assert!(!verifier.refresh(at).await, "nobody answers");
        assert_eq!(verify(&verifier, &signer, at).await, Ok(()));
    }
    let token = signer.token(&claims(late, json!({})));
    assert!(
        verifier.verify_at(&token, late).await.is_ok()
            && verifier.verified_at(&token, late).is_some()
    );
    let too_late = late.plus(Duration::from_millis(1));
    assert!(
        verifier.verified_at(&token, too_late).is_none(),
        "cached tokens depend on the keys"
    );
    let refused = verify(&verifier, &signer, too_late).await.unwrap_err();
    assert_eq!(refused, TokenRefusal::NoKeys);
    assert!(refused.is_unavailable() && !TokenRefusal::UnknownKey.is_unavailable());
}

#[tokio::test]
async fn start_without_the_issuer_works_once_it_answers() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    issuer.reply(Reply::Status(503));
    let verifier = issuer.verifier(&[]);
    let now = Now::read();
    assert_eq!(
        verify(&verifier, &signer, now).await,
        Err(TokenRefusal::NoKeys)
    );
    issuer.give(&[&signer]);
    // Within the minute a token causes no other fetch, but the background fetch runs.
    assert_eq!(
        verify(&verifier, &signer, now).await,
        Err(TokenRefusal::NoKeys)
    );
    let stop = CancellationToken::new();
    let background = tokio::spawn(verifier.clone().keep_fresh(stop.clone()));
    let fresh = async {
        while verify(&verifier, &signer, now).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, fresh)
        .await
        .expect("the keys come");
    stop.cancel();
    tokio::time::timeout(PATIENCE, background)
        .await
        .expect("it stops")
        .expect("in order");
}

#[tokio::test]
async fn first_token_does_not_wait_for_the_background_fetch() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    assert_eq!(
        verify(&issuer.verifier(&[]), &signer, Now::read()).await,
        Ok(())
    );
}

#[tokio::test]
async fn failed_key_fetch_is_retried_soon() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    issuer.reply(Reply::Status(500));
    let verifier = issuer.verifier(&[]);
    let stop = CancellationToken::new();
    let background = tokio::spawn(verifier.clone().keep_fresh(stop.clone()));
    let again = async {
        while issuer.asked() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again)
        .await
        .expect("long before the five minutes");
    stop.cancel();
    background.await.expect("it stops");
}

#[tokio::test]
async fn hostile_issuer_answers_are_bounded_and_change_nothing() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    let elsewhere = Issuer::with(&[&Signer::ec("attacker")]);
    let now = Now::read();
    let verifier = issuer
        .ready(
            &["timeout_ms=300", "max_response_bytes=4096", "max_keys=3"],
            now,
        )
        .await;
    let many: Vec<Value> = (0..4)
        .map(|number| Signer::ec(&format!("k{number}")).jwk)
        .collect();
    let text = |body: &str| Reply::Body(body.as_bytes().to_vec());
    let mut faults = Vec::new();
    for (what, reply) in [
        ("garbage", text("<html>login</html>")),
        ("nothing", text("")),
        ("JSON without keys", text("{}")),
        ("keys that are no list", text(r#"{"keys":{}}"#)),
        ("half an answer", text(r#"{"keys":[{"kty":"#)),
        ("too many keys", text(&json!({ "keys": many }).to_string())),
        (
            "too long",
            text(&format!(
                "{}{}",
                json!({ "keys": [signer.jwk] }),
                " ".repeat(4096)
            )),
        ),
        ("without end", Reply::Endless),
        ("stalls", Reply::Stalls),
        ("hangs", Reply::Hangs),
        (
            "slow",
            Reply::Slow(PATIENCE, json!({ "keys": [] }).to_string().into_bytes()),
        ),
        ("an error with keys in it", Reply::Status(500)),
        ("another 2xx", Reply::Status(203)),
        ("a redirect", Reply::Redirect(elsewhere.url.clone())),
    ] {
        issuer.reply(reply);
        // Each case has a verifier of its own. Otherwise the breaker would open, and no request
        // would be sent.
        let fresh = issuer.verifier(&["timeout_ms=300", "max_response_bytes=4096", "max_keys=3"]);
        let started = Instant::now();
        if fresh.refresh(now).await {
            faults.push(format!("{what}: accepted as keys"));
        }
        if started.elapsed() > PATIENCE / 2 {
            faults.push(format!("{what}: took {:?}", started.elapsed()));
        }
        if verify(&fresh, &signer, now).await != Err(TokenRefusal::NoKeys) {
            faults.push(format!("{what}: there are keys"));
        }
        verifier.refresh(now).await;
        if verify(&verifier, &signer, now).await != Ok(()) {
            faults.push(format!("{what}: the last keys are gone"));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert_eq!(elsewhere.asked(), 0, "no redirect is followed");
}

#[tokio::test]
async fn hanging_issuer_opens_its_breaker() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    issuer.reply(Reply::Hangs);
    let verifier = issuer.verifier(&["timeout_ms=100"]);
    for _ in 0..5 {
        assert!(!verifier.refresh(Now::read()).await);
    }
    let asked = issuer.asked();
    assert_eq!(asked, 5);
    assert!(!verifier.refresh(Now::read()).await);
    assert_eq!(
        (
            issuer.asked(),
            verifier.policy().report().breaker_opened_total
        ),
        (asked, 1),
        "the breaker is open"
    );
}
