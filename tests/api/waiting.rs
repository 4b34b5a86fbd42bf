//! Long-polls: held until the scope moves, bounded, ended by a drain.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, TestApp, eventually};

const SNAPSHOT: &str = "/tenants/acme/snapshot";

async fn put(app: &TestApp, route: &str, url: &str) -> Answer {
    app.put(&format!("/routes/{route}"))
        .json(&json!({ "url": format!("http://{url}") }))
        .send()
        .await
}

/// Starts a separate long-poll. The request is repeated while a probe has its place for a moment.
fn hold(app: &TestApp, etag: &str) -> tokio::task::JoinHandle<reqwest::Response> {
    let client = crate::support::secure::http().build().unwrap();
    let request = client
        .get(format!("{}/api/v1{SNAPSHOT}?wait=60s", app.api))
        .header("if-none-match", etag);
    tokio::spawn(async move {
        loop {
            let answer = request
                .try_clone()
                .unwrap()
                .send()
                .await
                .expect("an answer");
            if answer.status() != 429 {
                return answer;
            }
        }
    })
}

/// Waits until the tenant's long-polls hold all of its places, so that the next one would be too
/// many.
async fn all_held(app: &TestApp, tenant: &str, etag: &str) {
    eventually("the long-polls are held", async || {
        let probe = app
            .get(&format!("/tenants/{tenant}/snapshot?wait=1ms"))
            .header("if-none-match", etag)
            .send()
            .await;
        (probe.status == 429).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_poll_is_answered_when_its_scope_changes() {
    let app = TestApp::with(&["read.max_waiters_per_tenant=3"]).await;
    let other = TestApp::on(
        app.db.clone(),
        &["read.refresh_ms=50", "read.max_waiters_per_tenant=1"],
    )
    .await;
    put(&app, "acme/web/prod/v1", "a").await;
    let first = put(&app, "acme/web/dev/v1", "a").await;
    let etag = first.header("etag").to_owned();
    for instance in [&app, &other] {
        instance
            .get(SNAPSHOT)
            .header("tm-min-revision", first.tag())
            .expect(200)
            .await;
    }
    let prod = app
        .get(&format!("{SNAPSHOT}?env=prod"))
        .expect(200)
        .await
        .header("etag")
        .to_owned();
    let poll = async |instance: &TestApp, query: &str, tag: &str| loop {
        let answer = instance
            .get(&format!("{SNAPSHOT}?{query}"))
            .header("if-none-match", tag)
            .send()
            .await;
        // A probe had the last place for a moment.
        if answer.status != 429 {
            return answer;
        }
    };
    let started = Instant::now();
    let (here, there, service, quiet, changed) = tokio::join!(
        poll(&app, "wait=30s", &etag),
        poll(&other, "wait=30", &etag),
        poll(&app, "wait=30000ms&service=web", &etag),
        poll(&app, "wait=2s&env=prod", &prod),
        async {
            all_held(&app, "acme", &etag).await;
            all_held(&other, "acme", &etag).await;
            put(&app, "acme/web/dev/v1", "b").await
        },
    );
    for answer in [&here, &there, &service] {
        assert_eq!((answer.status.as_u16(), answer.tag()), (200, changed.tag()));
        assert_eq!(answer.json["routes"][0]["url"], "http://b");
    }
    assert_eq!(
        (quiet.status.as_u16(), quiet.header("etag")),
        (304, prod.as_str()),
        "a change outside the scope does not end the wait"
    );
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_poll_with_the_newest_tag_waits_and_ends_with_304() {
    let app = TestApp::start().await;
    let first = put(&app, "acme/web/prod/v1", "a").await;
    let second = put(&app, "acme/web/prod/v1", "b").await;
    let started = Instant::now();
    for tag in [first.header("etag"), "\"0123456789abcdef.9\"", ""] {
        app.get(&format!("{SNAPSHOT}?wait=30s"))
            .header("if-none-match", tag)
            .expect(200)
            .await;
    }
    app.get(&format!("{SNAPSHOT}?wait=30s")).expect(200).await;
    app.get(&format!("{SNAPSHOT}?wait=0"))
        .header("if-none-match", second.header("etag"))
        .expect(304)
        .await;
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "no request waited"
    );

    let started = Instant::now();
    let same = app
        .get(&format!("{SNAPSHOT}?wait=500ms"))
        .header("if-none-match", second.header("etag"))
        .expect(304)
        .await;
    assert_eq!(same.tag(), second.tag());
    assert!(
        started.elapsed() >= Duration::from_millis(450),
        "{:?}",
        started.elapsed()
    );
    let preferred = app
        .get(SNAPSHOT)
        .header("prefer", "respond-async, wait=1")
        .header("if-none-match", second.header("etag"));
    let preferred = preferred.expect(304).await;
    assert_eq!(preferred.header("preference-applied"), "wait=1");
    assert!(
        started.elapsed() >= Duration::from_millis(1350),
        "{:?}",
        started.elapsed()
    );
    for wrong in ["soon", "-1", "1m", "1.5", "", "99999999999"] {
        let problem = app
            .get(&format!("{SNAPSHOT}?wait={wrong}"))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(problem.pointers(), ["?wait"], "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiters_are_limited_per_tenant_and_in_total() {
    let app = TestApp::with(&["read.max_waiters_per_tenant=2", "read.max_waiters=3"]).await;
    let [acme, globex] = [
        put(&app, "acme/web/prod/v1", "a").await,
        put(&app, "globex/web/prod/v1", "a").await,
    ];
    let once = async |tenant: &str, tag: &Answer| {
        let path = format!("/tenants/{tenant}/snapshot?wait=60s");
        app.get(&path)
            .header("if-none-match", tag.header("etag"))
            .send()
            .await
    };
    let poll = async |tenant: &str, tag: &Answer| loop {
        let answer = once(tenant, tag).await;
        // A probe had the last place for a moment.
        if answer.status != 429 {
            return answer;
        }
    };
    let all = async {
        all_held(&app, "acme", acme.header("etag")).await;
        let refused = once("acme", &acme).await;
        refused.assert_problem("the third of acme");
        assert_eq!(
            (refused.status.as_u16(), refused.json["code"].as_str()),
            (429, Some("too_many_waiters"))
        );
        // Another tenant still gets a place, and then no place is left.
        let (held, ()) = tokio::join!(poll("globex", &globex), async {
            all_held(&app, "globex", globex.header("etag")).await;
            put(&app, "globex/web/prod/v1", "b").await;
        });
        assert_eq!(held.status, 200);
        // A request that need not wait is answered whether or not there is a place.
        app.get("/tenants/acme/snapshot?wait=60s").expect(200).await;
        put(&app, "acme/web/prod/v1", "b").await;
    };
    let (first, second, ()) = tokio::join!(poll("acme", &acme), poll("acme", &acme), all);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    // The places of the two are free again.
    app.get("/tenants/acme/snapshot?wait=1ms")
        .header("if-none-match", first.header("etag"))
        .expect(304)
        .await;
}

/// actix does not look at a connection while its handler runs, and a client may close its half and
/// still wait. So the service notices a disconnect only when the wait is over.
#[tokio::test(flavor = "multi_thread")]
async fn place_of_a_disconnected_waiter_is_free_after_its_wait() {
    let app = TestApp::with(&["read.max_waiters=1", "read.max_wait_ms=2000"]).await;
    let acme = put(&app, "acme/web/prod/v1", "a").await;
    let waiting = hold(&app, acme.header("etag"));
    all_held(&app, "acme", acme.header("etag")).await;
    waiting.abort();
    eventually("the place is free", async || {
        let probe = app
            .get(&format!("{SNAPSHOT}?wait=1ms"))
            .header("if-none-match", acme.header("etag"))
            .send()
            .await;
        (probe.status == 304).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drain_answers_waiting_clients() {
    let app = TestApp::with(&["read.max_waiters_per_tenant=1"]).await;
    let acme = put(&app, "acme/web/prod/v1", "a").await;
    let waiting = hold(&app, acme.header("etag"));
    all_held(&app, "acme", acme.header("etag")).await;
    let started = Instant::now();
    app.drain().await;
    assert_eq!(waiting.await.unwrap().status(), 304);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiter_gets_404_when_its_tenant_is_deleted() {
    let app = TestApp::with(&["read.max_waiters_per_tenant=1"]).await;
    put(&app, "acme/web/prod/v1", "a").await;
    app.delete("/routes/acme/web/prod/v1").expect(204).await;
    let etag = app
        .get(SNAPSHOT)
        .expect(200)
        .await
        .header("etag")
        .to_owned();
    let waiting = hold(&app, &etag);
    all_held(&app, "acme", &etag).await;
    app.delete("/tenants/acme").expect(204).await;
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(
        answer.json::<Value>().await.unwrap()["code"],
        "tenant_not_found"
    );
}
