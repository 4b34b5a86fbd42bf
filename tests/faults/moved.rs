//! The primary is killed or hangs, the replica is promoted, and the service goes on by itself.
//!
//! The service knows both hosts. Writes that the replica had not received are lost unless commits
//! waited for the replica; revisions that may be lost are not given again. The tests do not show an
//! old primary that comes back and takes writes as well: nothing in the service keeps the relay
//! from it, so the operator who promotes a replica has to prevent it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    cluster::{Placed, client},
    processes::eventually,
    restored::epoch,
};

async fn assert_fails_over(lose: &str) {
    // Two clusters that start at the same time may choose the same ports.
    let _load = crate::parts::only_load().await;
    let Some(Placed {
        process,
        world,
        cluster,
        ..
    }) = Placed::start("all", &[]).await
    else {
        return;
    };
    let http = crate::support::secure::http()
        .timeout(Duration::from_secs(15))
        .build()
        .expect("a client");
    let base = format!("{}/api/v1", process.base());
    let write = async |number: usize| {
        let request = http
            .put(format!("{base}/routes/acme/web/prod/v{number}"))
            .json(&json!({ "url": "http://a.example" }));
        request.send().await.expect("an answer").status().as_u16()
    };
    let resolve = async |number: usize| {
        let url =
            format!("{base}/routes/resolve?tenant=acme&service=web&env=prod&version=v{number}");
        http.get(url)
            .send()
            .await
            .expect("an answer")
            .status()
            .as_u16()
    };
    for number in 0..20 {
        assert_eq!(write(number).await, 201);
    }
    assert_eq!(resolve(0).await, 200);
    let new = client(cluster.variable("PG_REPLICA_URL")).await;
    let count = "select count(*) from route_events";
    eventually(
        Duration::from_secs(30),
        "the replica has what was acknowledged",
        async || {
            new.query_one(count, &[])
                .await
                .is_ok_and(|row| row.get::<_, i64>(0) == 20)
        },
    )
    .await;

    cluster.run(&[lose, "postgres-primary"]);
    let lost = Instant::now();
    assert_eq!(write(20).await, 503, "no host accepts writes");
    assert_eq!(resolve(0).await, 200, "cached answers are served");
    cluster.run(&["promote"]);
    let promoted = Instant::now();
    eventually(
        Duration::from_secs(60),
        "writes are accepted again",
        async || {
            assert_eq!(resolve(0).await, 200, "cached answers are served");
            [200, 201].contains(&write(20).await)
        },
    )
    .await;
    println!(
        "{lose}: no write for {:?}, of these {:?} after the promotion",
        lost.elapsed(),
        promoted.elapsed()
    );
    for number in 21..40 {
        assert!([200, 201].contains(&write(number).await));
    }
    // The server cannot know that nothing was lost, so the tenant has begun an epoch with the 20
    // routes that it had.
    let of = async |condition: &str| -> i64 {
        let count = format!("{count} where payload->'actor'->>'kind' {condition} 'system'");
        new.query_one(&count, &[])
            .await
            .expect("the new primary")
            .get(0)
    };
    assert_eq!(
        (of("<>").await, of("=").await),
        (40, 21),
        "the acknowledged writes and the start of the new epoch"
    );
    eventually(Duration::from_secs(60), "all is archived", async || {
        world.archived_count().await == 61
    })
    .await;
    // The replica's role is looked at from time to time, so writes may be accepted before it is
    // reported.
    let health = format!("http://{}/health/resilience", process.ops);
    eventually(
        Duration::from_secs(30),
        "the replica is reported as promoted",
        async || {
            let report = reqwest::get(&health).await.expect("an answer");
            let report: serde_json::Value = report.json().await.expect("JSON");
            report["replicas"][0]["is_promoted"] == true
        },
    )
    .await;
    drop(process);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_primary_is_replaced() {
    Box::pin(assert_fails_over("kill")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_primary_is_replaced() {
    Box::pin(assert_fails_over("pause")).await;
}

/// Returns the cost of a promotion: the number of acknowledged writes, and how many of them are
/// lost.
async fn promote_a_replica_behind(is_synchronous: bool) -> Option<(usize, usize)> {
    let _load = crate::parts::only_load().await;
    // The server must not end the wait of a COMMIT by its statement timeout: it would have
    // committed all the same, and would answer so.
    let limits = [
        ("TM__WRITE__TIMEOUT_MS", "2000"),
        ("TM__POSTGRES__STATEMENT_TIMEOUT_MS", "1000"),
    ];
    let Placed {
        process,
        world,
        cluster,
        ..
    } = Placed::start("serve", &limits).await?;
    let old = client(cluster.variable("PG_PRIMARY_URL")).await;
    if is_synchronous {
        old.execute("alter system set synchronous_standby_names = '*'", &[])
            .await
            .expect("a superuser");
        old.execute("select pg_reload_conf()", &[])
            .await
            .expect("a superuser");
        eventually(
            Duration::from_secs(30),
            "commits wait for the replica",
            async || {
                let sync = old
                    .query_one(
                        "select count(*) from pg_stat_replication where sync_state = 'sync'",
                        &[],
                    )
                    .await;
                sync.is_ok_and(|row| row.get::<_, i64>(0) == 1)
            },
        )
        .await;
    }
    let http = crate::support::secure::http()
        .timeout(Duration::from_secs(15))
        .build()
        .expect("a client");
    let base = format!("{}/api/v1/routes/acme/web/prod", process.base());
    let write = async |number: usize| {
        let request = http
            .put(format!("{base}/v{number}"))
            .json(&json!({ "url": "http://a.example" }))
            .send()
            .await;
        let answer = request.expect("an answer");
        let tag = answer
            .headers()
            .get("etag")
            .and_then(|tag| tag.to_str().ok())
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned();
        ([200, 201].contains(&answer.status().as_u16()), tag)
    };
    let mut acknowledged = Vec::new();
    let mut newest = String::new();
    for number in 0..40 {
        if number == 20 {
            // From here on nothing leaves the primary, which does not notice.
            let sender = "select pid from pg_stat_replication where application_name = 'replica1'";
            let sender: i32 = old
                .query_one(sender, &[])
                .await
                .expect("the replica follows")
                .get(0);
            let stopped = std::process::Command::new("kill")
                .args(["-STOP", &sender.to_string()])
                .status();
            assert!(stopped.is_ok_and(|status| status.success()));
        }
        // Once commits wait, each write takes its full timeout.
        if number < 20 || !is_synchronous || number < 23 {
            let (is_done, tag) = write(number).await;
            if is_done {
                acknowledged.push(format!("v{number}"));
                newest = tag;
            }
        }
    }
    cluster.run(&["kill", "postgres-primary"]);
    cluster.run(&["promote"]);
    eventually(
        Duration::from_secs(60),
        "writes are accepted again",
        async || write(99).await.0,
    )
    .await;
    let (_, now) = write(98).await;
    assert_ne!(
        epoch(&now),
        epoch(&newest),
        "revisions that may be lost are not given again"
    );
    let new = client(cluster.variable("PG_REPLICA_URL")).await;
    let rows = new
        .query("select version from routes where tenant = 'acme'", &[])
        .await
        .expect("the new primary");
    let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let lost = acknowledged
        .iter()
        .filter(|version| !there.contains(version))
        .count();
    println!(
        "synchronous: {is_synchronous}; {} acknowledged, {lost} of them lost by the promotion",
        acknowledged.len()
    );
    drop(process);
    world.end().await;
    Some((acknowledged.len(), lost))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t6_promotion_loses_only_writes_missing_on_the_replica() {
    if let Some(cost) = Box::pin(promote_a_replica_behind(false)).await {
        assert_eq!(
            cost,
            (40, 20),
            "commits do not wait for the replica, so writes are lost"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t6_promotion_loses_nothing_with_synchronous_replication() {
    if let Some(cost) = Box::pin(promote_a_replica_behind(true)).await {
        assert_eq!(
            cost,
            (20, 0),
            "writes without the replica's confirmation are not acknowledged"
        );
    }
}
