//! A replica that is behind never overrides a revision that was seen.
//!
//! The replica's part is played by another database on the real one: it answers, it keeps up with
//! the log, and it never gets this database's rows, except those that the test copies.

use std::sync::Arc;

use serde_json::json;

use crate::support::{
    Database, TestApp,
    database::{connect, variable},
    eventually,
};

const V1: &str = "/routes/acme/web/prod/v1";

struct Behind {
    db: Arc<Database>,
    replica: Database,
}

impl Behind {
    async fn new() -> Self {
        Self {
            db: Arc::new(Database::create().await),
            replica: Database::create().await,
        }
    }

    /// Starts an instance that reads from the replica and takes it for fresh.
    async fn instance(&self) -> TestApp {
        self.instance_with(&[]).await
    }

    async fn instance_with(&self, overrides: &[&str]) -> TestApp {
        let replica = format!("postgres.replica_urls={}", self.replica.replica_url);
        let overrides: Vec<_> = [replica.as_str(), "read.refresh_ms=60000"]
            .iter()
            .chain(overrides)
            .copied()
            .collect();
        let app = TestApp::on(self.db.clone(), &overrides).await;
        eventually("the replica counts as fresh", async || {
            (app.ops("/health/resilience").expect(200).await.json["replicas"][0]["is_fresh"]
                == true)
                .then_some(())
        })
        .await;
        app
    }

    /// Copies the tenant's present rows to the replica.
    async fn copy(&self) {
        for table in ["tenants", "routes", "route_events"] {
            let rows = self
                .db
                .rows(&format!("select row_to_json(t)::text from {table} t"), &[])
                .await;
            for row in rows {
                let sql = format!(
                    "insert into {table} select * from json_populate_record(null::{table}, $1::text::json)"
                );
                self.replica
                    .execute(&sql, &[&row.get::<_, String>(0)])
                    .await;
            }
        }
        self.replica.caught_up().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_reads_its_own_writes() {
    let behind = Behind::new().await;
    let app = behind.instance().await;
    let first = app
        .put(V1)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    behind.copy().await;
    let second = app
        .patch(V1)
        .json(&json!({ "url": "http://b" }))
        .expect(200)
        .await;
    assert_eq!(app.get(V1).expect(200).await.json["url"], "http://b");
    assert_eq!(
        app.get("/routes?tenant=acme").expect(200).await.tag(),
        second.tag()
    );
    assert_eq!(
        app.get(&format!("{V1}/history")).expect(200).await.json["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        app.get("/tenants/acme").expect(200).await.tag(),
        second.tag()
    );
    assert_eq!(
        app.get("/tenants/acme/snapshot").expect(200).await.tag(),
        second.tag()
    );

    // A new instance may answer with the replica's state, but not to a client that has seen a newer
    // revision.
    let other = behind.instance().await;
    assert_eq!(
        other.get("/routes?tenant=acme").expect(200).await.tag(),
        first.tag(),
        "the replica is asked at all"
    );
    for path in [
        "/routes?tenant=acme",
        "/tenants/acme/snapshot",
        "/tenants/acme",
    ] {
        assert_eq!(
            other
                .get(path)
                .header("tm-min-revision", second.tag())
                .expect(200)
                .await
                .tag(),
            second.tag()
        );
        assert_eq!(
            other.get(path).expect(200).await.tag(),
            second.tag(),
            "answers never go back"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_missing_on_a_replica_is_read_from_the_primary() {
    let behind = Behind::new().await;
    let writer = behind.instance().await;
    let reader = behind.instance().await;
    writer
        .put(V1)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    for path in [
        V1,
        "/routes?tenant=acme",
        "/tenants/acme",
        "/tenants/acme/snapshot",
    ] {
        reader.get(path).expect(200).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_tenant_does_not_come_back_from_a_replica() {
    let behind = Behind::new().await;
    let app = behind.instance().await;
    let watching = behind.instance().await;
    app.put(V1)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    behind.copy().await;
    watching.get("/tenants/acme/snapshot").expect(200).await;
    app.delete(V1).expect(204).await;
    let last = app.get("/tenants/acme").expect(200).await;
    app.delete("/tenants/acme").expect(204).await;
    let paths = [
        "/tenants/acme/snapshot",
        "/tenants/acme",
        V1,
        "/routes?tenant=acme",
    ];
    for path in paths {
        app.get(path).problem(404, "tenant_not_found").await;
    }
    // A client's tag shows the other instance that there is a newer revision. The instance finds
    // that the tenant is gone, and remembers this.
    watching
        .get("/tenants/acme/snapshot")
        .header("if-none-match", last.header("etag"))
        .problem(404, "tenant_not_found")
        .await;
    for path in paths {
        watching.get(path).problem(404, "tenant_not_found").await;
    }
    // The recreated tenant is a new incarnation.
    let again = app
        .put(V1)
        .json(&json!({ "url": "http://b" }))
        .expect(201)
        .await;
    for path in [
        "/tenants/acme/snapshot",
        "/tenants/acme",
        V1,
        "/routes?tenant=acme",
    ] {
        assert_eq!(app.get(path).expect(200).await.tag(), again.tag(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_over_all_tenants_honours_a_minimum_revision() {
    let behind = Behind::new().await;
    let app = behind.instance().await;
    let created = app
        .put(V1)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let list = app
        .get("/routes")
        .header("tm-min-revision", created.tag())
        .expect(200)
        .await;
    assert_eq!(list.json["items"].as_array().unwrap().len(), 1);
}

/// Changes that are no longer in memory are read from the database. A replica that has only some of
/// them would answer with too few.
#[tokio::test(flavor = "multi_thread")]
async fn changes_are_complete_although_the_replica_is_behind() {
    let behind = Behind::new().await;
    let app = behind.instance().await;
    let first = app
        .put(V1)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    app.put(V1)
        .json(&json!({ "url": "http://b" }))
        .expect(200)
        .await;
    behind.copy().await;
    let last = app
        .put(V1)
        .json(&json!({ "url": "http://c" }))
        .expect(200)
        .await;
    // An instance that has not seen the writes has none of the changes in memory.
    let other = behind.instance().await;
    let first = first.tag();
    let after = first.trim_matches('"');
    let changes = other
        .get(&format!("/tenants/acme/changes?after={after}"))
        .header("tm-min-revision", last.tag())
        .expect(200)
        .await;
    assert_eq!(
        (
            changes.tag(),
            changes.json["changes"].as_array().unwrap().len()
        ),
        (last.tag(), 2)
    );
    for app in [app, other] {
        app.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_replica_does_not_send_its_reads_to_the_primary() {
    let behind = Behind::new().await;
    let app = behind
        .instance_with(&[
            "postgres.pool_size=2",
            // Writes and connections of other tests must not make the replica stale: this test is
            // only about the calls that wait for the replica.
            "postgres.acquire_timeout_ms=1000",
            "postgres.replica_max_lag_bytes=1073741824",
            "resilience.postgres_replica.timeout_ms=50000",
            "postgres.lock_timeout_ms=50000",
            "postgres.statement_timeout_ms=50000",
            "http.request_timeout_ms=55000",
        ])
        .await;
    app.put(V1)
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    behind.copy().await;
    let list = || app.get("/routes?tenant=acme");
    list().expect(200).await;
    let held = behind.replica.lock("routes").await;
    // The replica replays the lock after the primary, once it receives the lock's WAL.
    behind.replica.execute("select pg_switch_wal()", &[]).await;
    let replica = connect(&variable("PG_REPLICA_URL")).await;
    let count = async |sql: &str| -> i64 {
        replica
            .query_one(sql, &[&behind.replica.name])
            .await
            .unwrap()
            .get(0)
    };
    let locks = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
                 where d.datname = $1 and l.mode = 'AccessExclusiveLock'";
    eventually("the table is locked on the replica too", async || {
        (count(locks).await > 0).then_some(())
    })
    .await;
    let refused = async {
        let waiting =
            "select count(*) from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'";
        eventually("two reads wait on the replica", async || {
            (count(waiting).await == 2).then_some(())
        })
        .await;
        list().problem(503, "overloaded").await;
        let report = app.ops("/health/resilience").expect(200).await.json;
        assert_eq!(
            report["replicas"][0]["is_fresh"], true,
            "a full replica does not count as unreachable"
        );
        held.release().await;
        // The replica releases the lock only once it receives the WAL of the release.
        behind.replica.execute("select pg_switch_wal()", &[]).await;
    };
    let (one, two, ()) = tokio::join!(list().send(), list().send(), refused);
    assert_eq!(
        (one.status.as_u16(), two.status.as_u16()),
        (200, 200),
        "{} {}",
        one.json,
        two.json
    );
}
