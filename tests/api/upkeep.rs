//! Upkeep: idempotency keys, plans and connections end when their time is over.

use std::{collections::HashSet, time::Duration};

use serde_json::json;
use traffic_manager::workers::upkeep;

use crate::support::{TestApp, eventually, primary, settings};

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_and_plans_are_deleted_only_after_expiry() {
    let app = TestApp::start().await;
    let path = "/routes/acme/web/prod/v1";
    let write = async |key: &str| {
        app.put(path)
            .header("idempotency-key", key)
            .json(&json!({"url": "http://a"}))
            .send()
            .await
    };
    write("old").await;
    write("young").await;
    let plan = async || {
        app.post("/tenants/acme/plans")
            .json(&json!({"routes": []}))
            .expect(201)
            .await
    };
    let (old, young) = (plan().await, plan().await);
    // Makes many more keys than one sweep deletes.
    app.db.execute("update idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'", &[]).await;
    app.db
        .execute(
            "insert into idempotency_keys select tenant, actor, 'old' || n, fingerprint, outcome, created_at \
             from idempotency_keys, generate_series(1, 2500) n where key = 'old'",
            &[],
        )
        .await;
    let id = old.json["id"].as_str().unwrap();
    app.db
        .execute(
            &format!("update plans set expires_at = now() - interval '1 second' where id = '{id}'"),
            &[],
        )
        .await;
    app.get(&format!("/tenants/acme/plans/{id}"))
        .problem(404, "plan_not_found")
        .await;
    app.post(&format!("/tenants/acme/plans/{id}/apply"))
        .json(&json!({"hash": old.json["hash"]}))
        .problem(404, "plan_not_found")
        .await;

    let settings = settings(&app.db, &[]);
    upkeep::sweep(
        primary(&app.db),
        settings.write.idempotency_ttl_hours,
        settings.auth.ended_keys_days,
    )
    .await;
    let keys: Vec<String> = app
        .db
        .rows("select key from idempotency_keys", &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(keys, ["young"]);
    let plans: Vec<String> = app
        .db
        .rows("select id::text from plans", &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(plans, [young.json["id"].as_str().unwrap()]);
    assert_eq!(write("young").await.header("idempotency-replayed"), "true");
    assert_eq!(
        write("old").await.header("idempotency-replayed"),
        "",
        "a new request by now"
    );
}

/// A connection's buffers are as large as the largest plan that it has carried.
#[tokio::test(flavor = "multi_thread")]
async fn connections_end_at_their_maximum_age_without_use() {
    let app = TestApp::with(&[
        "postgres.max_lifetime_ms=1000",
        "postgres.replica_check_ms=100",
        "postgres.replica_urls=",
    ])
    .await;
    // Sessions of the writer's lanes and of reads, without the one that listens for notifications.
    let sessions = async || {
        let sql = "select pid from pg_stat_activity where datname = current_database() and usename = 'traffic_manager' \
             and query not ilike 'listen %'";
        app.db
            .rows(sql, &[])
            .await
            .iter()
            .map(|row| row.get::<_, i32>(0))
            .collect::<HashSet<_>>()
    };
    let tenant = async |n: usize| {
        app.put(&format!("/routes/t{n}/web/prod/v1"))
            .json(&json!({"url": "http://a"}))
            .expect(201)
            .await;
        app.get(&format!("/tenants/t{n}/export")).expect(200).await;
    };
    futures_util::future::join_all((0..16).map(tenant)).await;
    let used = sessions().await;
    assert!(used.len() > 4, "{used:?}");
    // The sessions end well before the service's own upkeep, once a minute, would recycle them.
    let ended = eventually("the old connections have ended", async || {
        sessions().await.is_disjoint(&used).then_some(())
    });
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .expect("the old connections have ended in time");
}
