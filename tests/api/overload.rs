//! Overload: excess requests are refused with a time to come back, and do not count as an outage.
//!
//! Work that no caller waits for any more is not continued.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde_json::json;
use traffic_manager::app::Role;

use crate::support::{Database, TestApp, eventually, settings};

const PLANS: &str = "/tenants/acme/plans";

/// Starts a service with these settings, without replicas and with one tenant.
async fn app(overrides: &[&str]) -> (std::sync::Arc<Database>, TestApp) {
    let db = std::sync::Arc::new(Database::create().await);
    let mut settings = settings(&db, overrides);
    settings.postgres.replica_urls.clear();
    let app = TestApp::run(db.clone(), settings, Role::Serve).await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a.example/" }))
        .expect(201)
        .await;
    app.get(PLANS).expect(200).await;
    (db, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn read_overload_opens_no_breaker_and_delays_no_write() {
    let (db, app) = app(&[
        "postgres.pool_size=2",
        "postgres.acquire_timeout_ms=100",
        "postgres.replica_check_ms=50",
        "resilience.postgres_primary.concurrent=12",
        "resilience.postgres_primary.timeout_ms=10000",
        "postgres.lock_timeout_ms=10000",
        "postgres.statement_timeout_ms=20000",
    ])
    .await;
    let held = db.lock("plans").await;
    let mut reads: FuturesUnordered<_> = (0..40).map(|_| app.get(PLANS).send()).collect();
    let meanwhile = async {
        eventually("two have a connection, and wait", async || {
            (db.waiting().await == 2).then_some(())
        })
        .await;
        // The reads have every connection and every waiting place that reads may have.
        for number in 0..10 {
            let route = format!("/routes/acme/web/prod/w{number}");
            app.put(&route)
                .json(&json!({ "url": "http://a.example/" }))
                .expect(201)
                .await;
        }
    };
    // Health checks of the servers do not wait behind the reads: several checks run, and each
    // succeeds.
    let looks = async {
        let until = Instant::now() + Duration::from_millis(400);
        while Instant::now() < until {
            let ready = app.ops("/health/ready").expect(200).await.json;
            assert_eq!(
                ready["checks"]["postgres_primary"]["status"], "healthy",
                "{ready}"
            );
        }
    };
    let (refused, (), ()) = tokio::join!(
        reads.by_ref().take(38).collect::<Vec<_>>(),
        meanwhile,
        looks
    );
    for refused in &refused {
        assert_eq!(
            (refused.status.as_u16(), &refused.json["code"]),
            (503, &json!("overloaded")),
            "{}",
            refused.json
        );
        assert!(
            refused
                .header("retry-after")
                .parse::<u32>()
                .is_ok_and(|seconds| seconds > 0)
        );
    }
    held.release().await;
    let done: Vec<_> = reads.collect().await;
    assert!(
        done.iter().all(|answer| answer.status == 200),
        "the reads with a connection are answered"
    );
    let report = app.ops("/health/resilience").expect(200).await.json;
    let primary = report["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "postgres_primary")
        .unwrap();
    assert_eq!(
        (&primary["breaker"], &primary["breaker_opened_total"]),
        (&json!("closed"), &json!(0)),
        "{primary}"
    );
    app.get(PLANS).expect(200).await;
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exhausted_pool_is_reported_as_overload_everywhere() {
    let (db, app) = app(&[
        "postgres.pool_size=2",
        "postgres.acquire_timeout_ms=200",
        "resilience.postgres_primary.timeout_ms=10000",
        "postgres.lock_timeout_ms=10000",
        "postgres.statement_timeout_ms=20000",
        "privacy.master_keys=one:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
    ])
    .await;
    let put = |tenant: &str| {
        app.put(&format!("/routes/{tenant}/web/prod/v1"))
            .json(&json!({ "url": "http://a.example/" }))
    };
    for tenant in ["one", "two", "three"] {
        put(tenant).expect(201).await;
    }
    let snapshot = |tenant: &str| app.get(&format!("/tenants/{tenant}/snapshot"));
    // `routes`: a tenant that is not in memory. `data_keys`: a person whose key is not in memory.
    let call = |table: &str, tenant: &str| {
        if table == "routes" {
            snapshot(tenant)
        } else {
            put(tenant)
        }
    };
    for (table, tenants) in [
        ("routes", ["one", "two", "three"]),
        ("data_keys", ["four", "five", "six"]),
    ] {
        let [first, second, third] = tenants.map(|tenant| move || call(table, tenant));
        let held = db.lock(table).await;
        let refused = async {
            eventually("two have the connections, and wait", async || {
                (db.waiting().await == 2).then_some(())
            })
            .await;
            let refused = third().problem(503, "overloaded").await;
            assert!(
                refused
                    .header("retry-after")
                    .parse::<u32>()
                    .is_ok_and(|seconds| seconds > 0)
            );
            held.release().await;
        };
        let (one, two, ()) = tokio::join!(first().send(), second().send(), refused);
        // The two calls have to wait for any further connection that they need.
        assert!(
            one.status != 500 && two.status != 500,
            "{} {}",
            one.json,
            two.json
        );
        eventually("requests are answered again", async || {
            third().send().await.status.is_success().then_some(())
        })
        .await;
    }
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn query_is_cancelled_at_the_deadline_of_its_request() {
    let (db, app) = app(&[
        "http.request_timeout_ms=1000",
        "write.timeout_ms=900",
        "resilience.postgres_primary.timeout_ms=60000",
        "postgres.lock_timeout_ms=60000",
        "postgres.statement_timeout_ms=60000",
    ])
    .await;
    let held = db.lock("plans").await;
    let asked = Instant::now();
    let session = async || -> Option<i32> {
        let sql = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        db.rows(sql, &[]).await.first().map(|row| row.get(0))
    };
    let (answer, session) =
        tokio::join!(app.get(PLANS).send(), eventually("the query runs", session));
    assert_eq!(
        (answer.status.as_u16(), &answer.json["code"]),
        (503, &json!("deadline_exceeded")),
        "{}",
        answer.json
    );
    assert!(asked.elapsed() >= Duration::from_millis(1000));
    // The lock is still held, so only a cancellation ends the query.
    eventually("the query was cancelled", async || {
        (db.waiting().await == 0).then_some(())
    })
    .await;
    // The session ends and is not reused, because the cancellation could still hit its next user.
    let gone = async || {
        db.rows("select from pg_stat_activity where pid = $1", &[&session])
            .await
            .is_empty()
            .then_some(())
    };
    eventually("its session ended", gone).await;
    held.release().await;
    app.get(PLANS).expect(200).await;
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_slow_query_does_not_open_the_breaker() {
    let (db, app) = app(&[
        "resilience.postgres_primary.timeout_ms=200",
        "resilience.failures=1",
        "postgres.lock_timeout_ms=60000",
        "postgres.statement_timeout_ms=60000",
    ])
    .await;
    let held = db.lock("plans").await;
    for _ in 0..3 {
        app.get(PLANS).problem(503, "unavailable").await;
    }
    let report = app.ops("/health/resilience").expect(200).await.json;
    let primary = report["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "postgres_primary")
        .unwrap();
    assert_eq!(
        (&primary["breaker"], &primary["breaker_opened_total"]),
        (&json!("closed"), &json!(0)),
        "{primary}"
    );
    held.release().await;
    app.get(PLANS).expect(200).await;
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writer_lanes_leave_a_maintenance_connection_free() {
    let (_db, app) = app(&[
        "postgres.pool_size=2",
        "write.lanes=2",
        "postgres.acquire_timeout_ms=100",
        "postgres.replica_check_ms=50",
    ])
    .await;
    // With twenty tenants, both lanes have some of them.
    for number in 0..20 {
        let route = format!("/routes/tenant-{number}/web/prod/v1");
        app.put(&route)
            .json(&json!({ "url": "http://a.example/" }))
            .expect(201)
            .await;
    }
    let until = Instant::now() + Duration::from_millis(1000);
    while Instant::now() < until {
        let ready = app.ops("/health/ready").expect(200).await.json;
        assert_eq!(
            ready["checks"]["postgres_primary"]["status"], "healthy",
            "{ready}"
        );
    }
    app.drain().await;
}
