//! Keys come and go: a rotation with overlap loses no request, a withdrawn key is not trusted, and
//! unknown names cost one fetch.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use traffic_manager::auth::jwt::{Now, TokenRefusal};

use crate::{
    issuer::{Issuer, Reply},
    signer::{Signer, claims},
};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn thousand_unknown_kids_cost_one_fetch_a_minute() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    let now = Now::read();
    let verifier = issuer.ready(&[], now).await;
    let flood = async |now: Now| {
        let tasks: Vec<_> = (0..1000)
            .map(|number| {
                let header = json!({ "alg": "ES256", "kid": format!("unknown-{number}") });
                let (verifier, token) = (
                    verifier.clone(),
                    signer.with_header(&header, &claims(now, json!({}))),
                );
                tokio::spawn(async move { verifier.verify_at(&token, now).await.err() })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.expect("it ends"), Some(TokenRefusal::UnknownKey));
        }
        issuer.asked()
    };
    assert_eq!(flood(now).await, 2, "the first fetch and one more");
    assert_eq!(
        flood(now.plus(MINUTE - Duration::from_millis(1))).await,
        2,
        "none within the minute"
    );
    assert_eq!(flood(now.plus(MINUTE)).await, 3, "one after it");
    // No fetch is made for a name that no key can have, nor for a token that any key would refuse.
    let later = now.plus(2 * MINUTE);
    let huge = signer.with_header(
        &json!({ "alg": "ES256", "kid": "k".repeat(256) }),
        &claims(later, json!({})),
    );
    assert_eq!(
        verifier.verify_at(&huge, later).await.err(),
        Some(TokenRefusal::UnknownKey)
    );
    assert_eq!(
        verifier.verify_at("no.token.atall", later).await.err(),
        Some(TokenRefusal::Malformed)
    );
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test]
async fn new_signing_key_is_fetched_once_for_all_waiting_requests() {
    let (old, new) = (Signer::ec("old"), Signer::ec("new"));
    let issuer = Issuer::with(&[&old]);
    let now = Now::read();
    let verifier = issuer.ready(&[], now).await;
    issuer.give(&[&old, &new]);
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let (verifier, token) = (
                verifier.clone(),
                new.token(&claims(now, json!({ "sub": format!("user-{number}") }))),
            );
            tokio::spawn(async move {
                verifier
                    .verify_at(&token, now)
                    .await
                    .map(|caller| caller.actor.id.clone())
            })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.expect("it ends"), Ok(format!("user-{number}")));
    }
    assert_eq!(issuer.asked(), 2, "they share one fetch");
}

#[tokio::test]
async fn key_fetch_continues_after_its_requester_is_cancelled() {
    let (old, new) = (Signer::ec("old"), Signer::ec("new"));
    let issuer = Issuer::with(&[&old]);
    let now = Now::read();
    let verifier = issuer.ready(&[], now).await;
    let document = json!({ "keys": [old.jwk, new.jwk] })
        .to_string()
        .into_bytes();
    issuer.reply(Reply::Slow(Duration::from_millis(200), document));
    let token = new.token(&claims(now, json!({})));
    let first = tokio::spawn({
        let (verifier, token) = (verifier.clone(), token.clone());
        async move { verifier.verify_at(&token, now).await }
    });
    while issuer.asked() < 2 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    assert!(
        verifier.verify_at(&token, now).await.is_ok(),
        "the cancelled request's fetch serves the next request"
    );
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn key_rotation_with_overlap_fails_no_request() {
    let generations: Vec<Arc<Signer>> = (0..6)
        .map(|number| Arc::new(Signer::ec(&format!("k{number}"))))
        .collect();
    let issuer = Issuer::with(&[&generations[0]]);
    let now = Now::read();
    // Without a cache of tokens, each verification needs its key.
    let verifier = issuer.ready(&["cache_ms=0"], now).await;
    let (is_over, signing) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let verified: Arc<Vec<AtomicUsize>> = Arc::new((0..8).map(|_| AtomicUsize::new(0)).collect());
    let clients: Vec<_> = (0..verified.len())
        .map(|client| {
            let (verifier, is_over, signing, signers) = (
                verifier.clone(),
                is_over.clone(),
                signing.clone(),
                generations.clone(),
            );
            let verified = verified.clone();
            tokio::spawn(async move {
                while !is_over.load(Ordering::SeqCst) {
                    let token =
                        signers[signing.load(Ordering::SeqCst)].token(&claims(now, json!({})));
                    verifier
                        .verify_at(&token, now)
                        .await
                        .expect("no request is lost");
                    verified[client].fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    // Waits for two more verifications of each client: the second of them began after this call.
    let all_go_on = async || {
        let before: Vec<_> = verified
            .iter()
            .map(|count| count.load(Ordering::SeqCst))
            .collect();
        while verified
            .iter()
            .zip(&before)
            .any(|(count, before)| count.load(Ordering::SeqCst) < before + 2)
        {
            assert!(
                !clients.iter().any(tokio::task::JoinHandle::is_finished),
                "a client was refused"
            );
            assert!(verifier.refresh(now).await);
        }
    };
    for step in 1..generations.len() {
        // The overlap is up to the issuer: it publishes the next key before that key signs, and
        // withdraws the last key once that key signs no more.
        issuer.give(&[&generations[step - 1], &generations[step]]);
        assert!(verifier.refresh(now).await);
        signing.store(step, Ordering::SeqCst);
        all_go_on().await;
    }
    is_over.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("no request is lost");
    }
}

#[tokio::test]
async fn withdrawn_signing_key_is_refused_after_the_next_fetch() {
    let (leaked, next) = (Signer::ec("leaked"), Signer::ec("next"));
    let issuer = Issuer::with(&[&leaked, &next]);
    let now = Now::read();
    let verifier = issuer.ready(&[], now).await;
    let token = leaked.token(&claims(now, json!({})));
    assert!(
        verifier.verify_at(&token, now).await.is_ok()
            && verifier.verified_at(&token, now).is_some()
    );
    issuer.give(&[&next]);
    assert!(verifier.refresh(now).await);
    assert!(
        verifier.verified_at(&token, now).is_none(),
        "the cached token goes with its key"
    );
    assert_eq!(
        verifier.verify_at(&token, now).await.err(),
        Some(TokenRefusal::UnknownKey)
    );
    let good = next.token(&claims(now, json!({})));
    assert!(verifier.verify_at(&good, now).await.is_ok());
    // The issuer withdraws all keys, and the verifier then trusts none.
    issuer.give(&[]);
    assert!(verifier.refresh(now).await);
    assert_eq!(
        verifier.verify_at(&good, now).await.err(),
        Some(TokenRefusal::UnknownKey)
    );
}

#[tokio::test]
async fn new_signing_key_replaces_the_old_one_of_the_same_kid() {
    let (first, second) = (Signer::ec("same"), Signer::ec("same"));
    let issuer = Issuer::with(&[&first]);
    let now = Now::read();
    let verifier = issuer.ready(&[], now).await;
    let token = first.token(&claims(now, json!({})));
    assert!(verifier.verify_at(&token, now).await.is_ok());
    issuer.give(&[&second]);
    assert!(verifier.refresh(now).await);
    assert!(verifier.verified_at(&token, now).is_none());
    assert_eq!(
        verifier.verify_at(&token, now).await.err(),
        Some(TokenRefusal::BadSignature)
    );
}

#[tokio::test]
async fn verified_token_is_cached_briefly_and_never_past_its_expiry() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    let now = Now::read();
    let verifier = issuer
        .ready(&["cache_ms=60000", "leeway_seconds=30"], now)
        .await;
    let (long, short) = (
        signer.token(&claims(now, json!({}))),
        signer.token(&claims(now, json!({ "exp": now.unix + 20.0 }))),
    );
    for token in [&long, &short] {
        assert!(
            verifier.verified_at(token, now).is_none(),
            "nothing was verified yet"
        );
        assert!(verifier.verify_at(token, now).await.is_ok());
    }
    let remembered = |token: &str, seconds| {
        verifier
            .verified_at(token, now.plus(Duration::from_secs(seconds)))
            .is_some()
    };
    assert!(remembered(&long, 59) && !remembered(&long, 60));
    assert!(remembered(&short, 19) && !remembered(&short, 21));
    // A refresh with the same keys changes nothing.
    assert!(verifier.refresh(now).await);
    assert!(remembered(&long, 1));
    // Another text of the same token counts as another token.
    assert!(!remembered(&format!("{long} "), 1));
}
