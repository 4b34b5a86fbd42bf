//! Shares: no tenant takes more than its share of the connections, the waiting places and the lanes
//! of the writer.

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, callers::Office, database::connect, eventually, secure};

/// Settings with which no call gives up by itself while a test holds a lock.
const PATIENT: [&str; 7] = [
    "postgres.replica_urls=",
    "postgres.lock_timeout_ms=60000",
    "postgres.statement_timeout_ms=60000",
    "postgres.acquire_timeout_ms=20000",
    "resilience.postgres_primary.timeout_ms=60000",
    "http.request_timeout_ms=70000",
    "write.timeout_ms=60000",
];

/// Starts an installation with the tenants `a` and `b`, and a key for each.
async fn two_tenants(overrides: &[&str], roles: &[&str]) -> (Office, String, String) {
    let office = Office::with(&[&PATIENT, overrides].concat()).await;
    office.tenant("a").await;
    office.tenant("b").await;
    let (a, b) = (office.key("a", roles).await, office.key("b", roles).await);
    (office, a, b)
}

fn batch(changes: usize) -> Value {
    let change = |at| {
        let route = json!({ "service": "web", "env": "prod", "version": format!("v{at}"), "url": "https://a.example.com" });
        json!({ "action": "put", "route": route })
    };
    json!({ "changes": (0..changes).map(change).collect::<Vec<_>>() })
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_queries_of_one_payer_leave_connections_for_others() {
    let (office, a, b) = two_tenants(&["postgres.pool_size=8"], &["viewer"]).await;
    let kinds = [
        ("plans", "/tenants/a/plans"),
        ("route_events", "/tenants/a/snapshot?at=1"),
        ("route_events", "/tenants/a/export?at=1"),
        ("route_events", "/tenants/a/diff?from=1"),
        ("route_events", "/routes/a/checkout/prod/v1/history"),
    ];
    for (payer, key, share) in [("tenant", &a, 2), ("platform", &office.admin, 4)] {
        for (table, path) in kinds {
            let held = office.app.db.lock(table).await;
            let asked: FuturesUnordered<_> = (0..40)
                .map(|_| office.app.get(path).bearer(key).send())
                .collect();
            let others = async {
                let stuck = format!("{payer}: {path} has its share of connections");
                eventually(&stuck, async || {
                    (office.app.db.waiting().await == share).then_some(())
                })
                .await;
                for path in [
                    "/routes/b/checkout/prod/v1",
                    "/tenants/b/export",
                    "/tenants/b/snapshot",
                ] {
                    office.app.get(path).bearer(&b).expect(200).await;
                }
                let waiting = office.app.db.waiting_statements().await;
                assert_eq!(
                    waiting.len(),
                    share as usize,
                    "{payer}: {path}: {waiting:#?}"
                );
                held.release().await;
            };
            let (answers, ()) = tokio::join!(asked.collect::<Vec<_>>(), others);
            let refused = |answer: &&Answer| {
                answer.status != StatusCode::OK && answer.json["code"] != "overloaded"
            };
            assert!(
                !answers.iter().any(|answer| refused(&answer)),
                "{payer}: {path}"
            );
        }
    }
    let report = office.app.ops("/health/resilience").expect(200).await.json;
    assert_eq!(report["dependencies"][0]["breaker_opened_total"], 0);
    for pool in report["pools"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pool| pool["unit"] != "bytes")
    {
        let share = |name: &str| pool[name].as_u64().unwrap();
        assert!(
            share("tenant_share") <= share("size")
                && share("tenant_share") > 0
                && pool["payers"] == 0,
            "{pool}"
        );
    }
}

/// Shows the reason for shares: a share of all places is no limit.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_share_one_tenant_takes_every_connection() {
    let all = [
        "postgres.pool_size=8",
        "postgres.acquire_timeout_ms=300",
        "resilience.tenant_share_percent=100",
    ];
    let (office, a, b) = two_tenants(&all, &["viewer"]).await;
    let held = office.app.db.lock("plans").await;
    let asked: FuturesUnordered<_> = (0..40)
        .map(|_| office.app.get("/tenants/a/plans").bearer(&a).send())
        .collect();
    let other = async {
        eventually("it has all connections", async || {
            (office.app.db.waiting().await == 8).then_some(())
        })
        .await;
        office
            .app
            .get("/tenants/b/export")
            .bearer(&b)
            .problem(503, "overloaded")
            .await;
        held.release().await;
    };
    tokio::join!(asked.count(), other);
}

/// The four kinds of requests that wait.
const WAITS: [fn(&str) -> String; 4] = [
    |tenant| format!("/tenants/{tenant}/snapshot?wait=60s"),
    |tenant| format!("/tenants/{tenant}/changes?wait=60s&after="),
    |tenant| format!("/tenants/{tenant}/stream"),
    |_| "/stream".to_owned(),
];

/// A request that waits in one of the four ways. A long-poll is answered when its wait is over. A
/// request that is not refused is held.
struct Waiting<'a> {
    app: &'a TestApp,
    key: &'a str,
    path: String,
    tag: String,
}

impl Waiting<'_> {
    async fn new<'a>(
        app: &'a TestApp,
        key: &'a str,
        tenant: &str,
        way: fn(&str) -> String,
    ) -> Waiting<'a> {
        let tag = app
            .get(&format!("/tenants/{tenant}/snapshot"))
            .bearer(key)
            .expect(200)
            .await
            .tag();
        let path = way(tenant);
        let path = if path.ends_with("after=") {
            format!("{path}{tag}")
        } else {
            path
        };
        Waiting {
            app,
            key,
            path,
            tag,
        }
    }

    fn begin(&self) -> tokio::task::JoinHandle<Response> {
        let request = secure::http()
            .build()
            .unwrap()
            .get(format!("{}/api/v1{}", self.app.api, self.path));
        let request = request
            .bearer_auth(self.key)
            .header("if-none-match", format!("\"{}\"", self.tag));
        tokio::spawn(async move { request.send().await.expect("an answer") })
    }

    /// Returns whether one more request is refused at once. A request that is let in is given up
    /// again.
    async fn is_refused(&self) -> bool {
        let path = self.path.replace("wait=60s", "wait=1ms");
        let request = secure::http()
            .build()
            .unwrap()
            .get(format!("{}/api/v1{path}", self.app.api));
        let answer = request
            .bearer_auth(self.key)
            .header("if-none-match", format!("\"{}\"", self.tag))
            .send()
            .await;
        answer.expect("an answer").status() == StatusCode::TOO_MANY_REQUESTS
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiters_of_one_tenant_leave_places_for_others() {
    let (office, a, b) = two_tenants(
        &[
            "read.max_waiters=8",
            "read.max_waiters_per_tenant=3",
            "read.stream_comment_ms=100",
        ],
        &["viewer"],
    )
    .await;
    let quota = json!({ "quotas": { "waiters": 2 } });
    for (limit, change) in [(3, None), (2, Some(quota))] {
        if let Some(change) = change {
            office
                .app
                .patch("/tenants/a")
                .bearer(&office.admin)
                .json(&change)
                .expect(200)
                .await;
            office
                .app
                .get("/tenants/a/snapshot")
                .bearer(&a)
                .expect(200)
                .await;
        }
        for way in WAITS {
            let held = Waiting::new(&office.app, &a, "a", way).await;
            let waiting: Vec<_> = (0..limit).map(|_| held.begin()).collect();
            for way in WAITS {
                let more = Waiting::new(&office.app, &a, "a", way).await;
                eventually("one more waiter is refused", async || {
                    more.is_refused().await.then_some(())
                })
                .await;
                let other = Waiting::new(&office.app, &b, "b", way).await;
                // A stream's place is free again when the service sees that its reader is gone.
                let beside = format!("{} beside {}", other.path, held.path);
                eventually(&beside, async || (!other.is_refused().await).then_some(())).await;
            }
            end(waiting).await;
        }
    }
    // Callers without a tenant have a share too, and leave the other places free.
    let held = Waiting::new(&office.app, &office.admin, "a", WAITS[3]).await;
    let waiting: Vec<_> = (0..4).map(|_| held.begin()).collect();
    eventually("one more waiter is refused", async || {
        held.is_refused().await.then_some(())
    })
    .await;
    let other = Waiting::new(&office.app, &b, "b", WAITS[3]).await;
    eventually("a tenant has its own", async || {
        (!other.is_refused().await).then_some(())
    })
    .await;
    end(waiting).await;
}

/// Ends the waiting requests: streams by dropping their answers, long-polls by giving up.
async fn end(waiting: Vec<tokio::task::JoinHandle<Response>>) {
    for one in &waiting {
        one.abort();
    }
    for one in waiting {
        drop(one.now_or_never());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a transaction that stays open, on a connection of the test's own"
)]
#[tokio::test(flavor = "multi_thread")]
async fn large_command_delays_only_its_own_tenant() {
    let (office, a, b) =
        two_tenants(&["write.lanes=1", "write.large_changes=100"], &["editor"]).await;
    let client = connect(&office.app.db.owner_url()).await;
    client
        .batch_execute("begin; select set_config('app.tenants', 'a', true)")
        .await
        .unwrap();
    client
        .execute("select from tenants where name = 'a' for update", &[])
        .await
        .unwrap();
    let put = |tenant: &str, version: usize| {
        let call = office
            .app
            .put(&format!("/routes/{tenant}/web/prod/w{version}"));
        call.json(&json!({ "url": "https://a.example.com" }))
    };
    let large = office
        .app
        .post("/tenants/a/batch")
        .bearer(&a)
        .json(&batch(100))
        .expect(200);
    let others = async {
        eventually("the batch waits", async || {
            (office.app.db.waiting().await == 1).then_some(())
        })
        .await;
        // The other writes of the tenant would hold up a common group as well.
        let small: FuturesUnordered<_> = (0..5)
            .map(|version| put("a", version).bearer(&a).expect(201))
            .collect();
        for version in 0..10 {
            put("b", version).bearer(&b).expect(201).await;
        }
        client.batch_execute("rollback").await.unwrap();
        small.count().await
    };
    let (answer, small) = tokio::join!(large, others);
    assert_eq!(
        (answer.json["summary"]["create"].as_u64(), small),
        (Some(100), 5)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_tenant_is_deleted_with_an_intact_chain() {
    let (office, _, _) = two_tenants(&[], &["viewer"]).await;
    let admin = &office.admin;
    office
        .app
        .post("/tenants/a/batch")
        .bearer(admin)
        .json(&batch(2500))
        .expect(200)
        .await;
    let route = json!({ "url": "https://a.example.com" });
    let gone = office
        .app
        .delete("/tenants/a?confirm=a")
        .bearer(admin)
        .header("x-reason", "over")
        .expect(204)
        .await;
    office
        .app
        .get("/tenants/a")
        .bearer(admin)
        .problem(404, "tenant_not_found")
        .await;
    let events = office
        .app
        .db
        .rows(
            "select revision, payload->>'hash' as hash, payload->>'prev_hash' as prev, payload->>'reason' as reason \
        from route_events where tenant = 'a' order by revision, item",
            &[],
        )
        .await;
    assert_eq!(events.len(), 2 + 2500 + 2501 + 1);
    // Upkeep may have made the last step, and the answer does not wait for it.
    assert!(
        events
            .last()
            .unwrap()
            .get::<_, i64>("revision")
            .unsigned_abs()
            >= gone.revision()
    );
    for pair in events.windows(2) {
        assert_eq!(
            pair[0].get::<_, String>("hash"),
            pair[1].get::<_, String>("prev")
        );
        assert!(pair[1].get::<_, i64>("revision") - pair[0].get::<_, i64>("revision") <= 1);
    }
    assert!(
        events[2502..]
            .iter()
            .all(|event| event.get::<_, String>("reason") == "over")
    );
    office
        .app
        .put("/routes/a/web/prod/v1")
        .bearer(admin)
        .json(&route)
        .expect(201)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_tenant_deletion_continues() {
    let (office, _, _) = two_tenants(&[], &["viewer"]).await;
    let admin = &office.admin;
    office
        .app
        .post("/tenants/a/batch")
        .bearer(admin)
        .json(&batch(2500))
        .expect(200)
        .await;
    // The state that a process leaves when it is killed after its first step.
    let ending = "update tenants set ending = '{\"actor\": {\"id\": \"somebody\", \"kind\": \"key\"}, \"reason\": \"over\", \
        \"request_id\": \"r\", \"trace_id\": null, \"source_ip\": null}' where name = 'a'";
    office.app.db.execute(ending, &[]).await;
    let gone = async || {
        (office
            .app
            .get("/tenants/a")
            .bearer(admin)
            .send()
            .await
            .status
            == 404)
            .then_some(())
    };
    eventually("the tenant is gone", gone).await;
    let by = "select count(*) from route_events where tenant = 'a' and payload->'actor'->>'id' = 'somebody'";
    assert_eq!(office.app.db.count(by).await, 2502);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_retry_spares_a_new_tenant_of_the_same_name() {
    let (office, _, _) = two_tenants(&[], &["viewer"]).await;
    let admin = &office.admin;
    office
        .app
        .post("/tenants/a/batch")
        .bearer(admin)
        .json(&batch(1500))
        .expect(200)
        .await;
    let delete = || {
        office
            .app
            .delete("/tenants/a?confirm=a")
            .bearer(admin)
            .header("idempotency-key", "once")
    };
    delete().expect(204).await;
    let route = json!({ "url": "https://a.example.com" });
    office
        .app
        .put("/routes/a/web/prod/v1")
        .bearer(admin)
        .json(&route)
        .expect(201)
        .await;
    assert_eq!(
        delete().expect(204).await.header("idempotency-replayed"),
        "true"
    );
    office
        .app
        .get("/routes/a/web/prod/v1")
        .bearer(admin)
        .expect(200)
        .await;
}
