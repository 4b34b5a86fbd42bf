//! Rate limits of addresses, callers and tenants.

use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::json;
use traffic_manager::auth::{
    jwt::Now,
    key::{KeyId, NewToken},
};

use crate::{
    issuer::Issuer,
    signer::{Signer, claims},
    support::{
        Answer,
        callers::{Office, forger},
        database::{connect, url_of},
        eventually, secure,
    },
};

/// Returns the statuses of `count` calls, of which up to 32 run at once.
async fn statuses(count: usize, call: impl AsyncFn(usize) -> Answer) -> Vec<u16> {
    stream::iter(0..count)
        .map(|at| call(at))
        .buffer_unordered(32)
        .map(|answer| answer.status.as_u16())
        .collect()
        .await
}

fn count(statuses: &[u16], status: StatusCode) -> usize {
    statuses
        .iter()
        .filter(|other| **other == status.as_u16())
        .count()
}

#[tokio::test]
async fn key_guesses_are_rate_limited_before_the_lookup() {
    let office = Office::with(&["limits.failed_logins_per_second_per_address=20"]).await;
    office.tenant("acme").await;
    let good = office.key("acme", &["viewer"]).await;
    office
        .app
        .get("/tenants/acme")
        .bearer(&good)
        .expect(200)
        .await;
    let before = lookups(&office).await;
    let started = std::time::Instant::now();
    let tried = statuses(1000, async |_| {
        let token = NewToken::make(&forger()).unwrap().token;
        office
            .app
            .get("/tenants/acme")
            .bearer(token.expose_secret())
            .send()
            .await
    })
    .await;
    let (seconds, looked) = (
        started.elapsed().as_secs() as usize + 1,
        lookups(&office).await - before,
    );
    let (refused, held_up) = (
        count(&tried, StatusCode::UNAUTHORIZED),
        count(&tried, StatusCode::TOO_MANY_REQUESTS),
    );
    // The machine may be busy with other tests. A 503 does not say whether the key is good, and
    // lets nobody in.
    let unavailable = count(&tried, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused + held_up + unavailable, 1000, "{tried:?}");
    assert!(
        refused <= 20 * (seconds + 1) && held_up > 0,
        "{refused} refused in {seconds} s"
    );
    assert!(
        looked <= 20 * (seconds + 1),
        "{looked} lookups in {seconds} s"
    );
    let answer = office.app.get("/tenants/acme").bearer(&good).send().await;
    assert_eq!(
        answer.status, 200,
        "a valid key from the same address is not limited: {}",
        answer.json
    );
}

/// A kind of attack, from an address that others use too: its name, and a function that makes
/// another invalid credential.
type Spray = (&'static str, Box<dyn Fn() -> String + Send + Sync>);

fn sprays(known: &str, issuer: &Signer) -> Vec<Spray> {
    let made_up = |token: NewToken| token.token.expose_secret().to_owned();
    let known: KeyId = known.parse().unwrap();
    let forged = Signer::ec(&issuer.kid);
    vec![
        (
            "invented keys",
            Box::new(move || made_up(NewToken::make(&forger()).unwrap())),
        ),
        (
            "wrong secrets of an existing key",
            Box::new(move || made_up(NewToken::of(known, &forger()).unwrap())),
        ),
        (
            "texts without the form of a token",
            Box::new(|| format!("{:x}", rand::random::<u128>())),
        ),
        (
            "mistyped keys",
            Box::new(|| format!("tmk_{:x}", rand::random::<u128>())),
        ),
        (
            "tokens with a wrong signature",
            Box::new(move || {
                forged.token(&claims(
                    Now::read(),
                    json!({ "sub": format!("{:x}", rand::random::<u64>()) }),
                ))
            }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn valid_credentials_work_beside_guesses_from_their_address() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    let jwt = issuer.settings();
    let mut all: Vec<&str> = jwt.iter().map(String::as_str).collect();
    all.push("limits.failed_logins_per_second_per_address=20");
    let office = Office::with(&all).await;
    office.tenant("acme").await;
    let (client, url) = (
        secure::http().build().unwrap(),
        format!("{}/api/v1/tenants/acme", office.app.api),
    );
    let known = office.key("acme", &["viewer"]).await;
    for (what, spray) in sprays(&known[4..16], &signer) {
        let (client, url) = (client.clone(), url.clone());
        let (held_up, is_held_up) = tokio::sync::watch::channel(0_usize);
        let spraying = tokio::spawn(async move {
            let mut answers = stream::repeat_with(|| client.get(&url).bearer_auth(spray()).send())
                .buffer_unordered(16);
            while let Some(answer) = answers.next().await {
                let status = answer.expect("an answer").status().as_u16();
                // The machine may be busy with other tests.
                assert!(matches!(status, 401 | 429 | 503), "{status}");
                held_up.send_modify(|count| *count += usize::from(status == 429));
            }
        });
        let is_bounded = what != "tokens with a wrong signature";
        eventually("the guesses are limited", async || {
            (!is_bounded || *is_held_up.borrow() > 20).then_some(())
        })
        .await;
        for round in 0..4 {
            let new = office.key("acme", &["viewer"]).await;
            office
                .app
                .get("/tenants/acme")
                .bearer(&new)
                .expect(200)
                .await;
            let rotate = office
                .app
                .post(&format!("/keys/{}/rotate", &new[4..16]))
                .bearer(&office.admin);
            let next = rotate
                .json(&json!({ "overlap_seconds": 60 }))
                .expect(200)
                .await;
            office
                .app
                .get("/tenants/acme")
                .bearer(next.json["token"].as_str().unwrap())
                .expect(200)
                .await;
            let renewed = signer.token(&claims(
                Now::read(),
                json!({ "jti": format!("{what} {round}") }),
            ));
            office
                .app
                .get("/tenants/acme")
                .bearer(&renewed)
                .expect(200)
                .await;
            office
                .app
                .get("/tenants/acme")
                .bearer(&new)
                .expect(200)
                .await;
        }
        assert!(!spraying.is_finished(), "{what}");
        spraying.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_that_reconnects_at_once_is_admitted() {
    let office = Office::with(&["limits.failed_logins_per_second_per_address=5"]).await;
    office.tenant("acme").await;
    let mut fleet = Vec::new();
    for _ in 0..60 {
        fleet.push(office.key("acme", &["node"]).await);
    }
    let again = office
        .again(&["limits.failed_logins_per_second_per_address=5"])
        .await;
    let answers = statuses(fleet.len(), async |at| {
        loop {
            let answer = again
                .get("/tenants/acme/snapshot")
                .bearer(&fleet[at])
                .send()
                .await;
            // The machine may be busy with other tests: a 503 is no failed attempt, and the call is
            // sent again.
            if answer.status != 503 {
                return answer;
            }
        }
    })
    .await;
    assert_eq!(count(&answers, StatusCode::OK), fleet.len(), "{answers:?}");
}

/// Returns how often keys were looked up in Postgres.
async fn lookups(office: &Office) -> usize {
    let sql = "select coalesce(sum(idx_scan), 0)::bigint from pg_stat_user_indexes where indexrelname = 'api_keys_pkey'";
    office
        .app
        .db
        .execute("select pg_stat_force_next_flush()", &[])
        .await;
    usize::try_from(office.app.db.count(sql).await).unwrap()
}

#[tokio::test]
async fn only_a_trusted_proxy_sets_the_rate_limit_address() {
    let office = Office::with(&["limits.requests_per_second_per_address=5"]).await;
    let ask = async |office: &Office, at: usize| {
        office
            .app
            .get("/openapi.json")
            .header("x-forwarded-for", format!("203.0.113.{at}"))
            .send()
            .await
    };
    let answers = statuses(40, async |at| ask(&office, at).await).await;
    assert!(
        count(&answers, StatusCode::TOO_MANY_REQUESTS) > 20,
        "{answers:?}"
    );
    let behind = Office::with(&[
        "limits.requests_per_second_per_address=5",
        "http.trusted_proxies=127.0.0.0/8",
    ])
    .await;
    let answers = statuses(40, async |at| ask(&behind, at).await).await;
    assert_eq!(count(&answers, StatusCode::OK), 40, "{answers:?}");
    // Only the entries that the proxy itself has added are believed: the client wrote the rest.
    let answers = statuses(40, async |at| {
        let hops = format!("198.51.100.{at}, 203.0.113.200, 127.0.0.9");
        behind
            .app
            .get("/openapi.json")
            .header("x-forwarded-for", hops)
            .send()
            .await
    })
    .await;
    assert!(
        count(&answers, StatusCode::TOO_MANY_REQUESTS) > 20,
        "{answers:?}"
    );
}

#[tokio::test]
async fn rate_limit_headers_give_remaining_and_retry_time() {
    let office = Office::with(&[
        "limits.requests_per_second_per_caller=10",
        "limits.requests_per_second_per_tenant=12",
    ])
    .await;
    office.tenant("acme").await;
    office.tenant("other").await;
    let [a, b, c] = [
        office.key("acme", &["node"]).await,
        office.key("acme", &["node"]).await,
        office.key("other", &["node"]).await,
    ];
    // The fast path counts as the ordinary path does.
    let resolve = async |token: &str, tenant: &str| {
        let path = format!("/routes/resolve?tenant={tenant}&service=checkout&env=prod&version=v1");
        office.app.get(&path).bearer(token).send().await
    };
    let first = resolve(&a, "acme").await;
    assert_eq!(
        (
            first.status.as_u16(),
            first.header("ratelimit-limit"),
            first.header("ratelimit-remaining")
        ),
        (200, "10", "9")
    );
    assert_eq!(first.header("ratelimit-reset"), "1");
    let answers = statuses(60, async |_| resolve(&a, "acme").await).await;
    assert!(
        count(&answers, StatusCode::TOO_MANY_REQUESTS) > 30,
        "{answers:?}"
    );
    let held_up = stream::iter(0..60)
        .map(|_| resolve(&a, "acme"))
        .buffer_unordered(60);
    let held_up = held_up
        .filter(|answer| std::future::ready(answer.status == 429))
        .collect::<Vec<_>>()
        .await;
    let answer = held_up.first().expect("a request is limited");
    answer.assert_problem("limited");
    assert_eq!(
        (
            answer.json["code"].as_str(),
            answer.header("ratelimit-remaining")
        ),
        (Some("too_many_requests"), "0")
    );
    let others = statuses(60, async |_| resolve(&b, "acme").await).await;
    assert!(
        count(&others, StatusCode::TOO_MANY_REQUESTS) > 30,
        "the tenant's callers share its limit: {others:?}"
    );
    assert_eq!(
        resolve(&c, "other").await.status,
        200,
        "callers of another tenant do not share it"
    );
}

#[tokio::test]
async fn slow_requests_of_one_tenant_leave_room_for_others() {
    let office = Office::with(&["limits.concurrent_requests_per_tenant=2"]).await;
    office.tenant("acme").await;
    office.tenant("other").await;
    let [a, b] = [
        office.key("acme", &["editor"]).await,
        office.key("other", &["editor"]).await,
    ];
    // The tenant's row is locked, so its writes wait.
    let mut holder = connect(&url_of("PG_PRIMARY_URL", &office.app.db.name)).await;
    let held = holder.transaction().await.unwrap();
    held.execute("select from tenants where name = 'acme' for update", &[])
        .await
        .unwrap();
    let write = async |token: &str, tenant: &str| {
        let call = office
            .app
            .put(&format!("/routes/{tenant}/checkout/prod/v2"))
            .bearer(token);
        call.json(&json!({ "url": "https://b.example.com" }))
            .send()
            .await
    };
    // The probe below may take one of the two places for a moment, so a refused write is sent
    // again.
    let waiting = async || loop {
        let answer = write(&a, "acme").await;
        if answer.status != 429 {
            return answer;
        }
    };
    let (_, _, (more, read)) = tokio::join!(waiting(), waiting(), async {
        eventually("the tenant's places are taken", async || {
            (office
                .app
                .get("/tenants/acme")
                .bearer(&a)
                .send()
                .await
                .status
                == 429)
                .then_some(())
        })
        .await;
        let more = statuses(4, async |_| write(&a, "acme").await).await;
        let read = office.app.get("/tenants/other").bearer(&b).send().await;
        held.rollback().await.unwrap();
        (more, read)
    });
    assert_eq!(read.status, 200);
    assert_eq!(count(&more, StatusCode::TOO_MANY_REQUESTS), 4, "{more:?}");
}
