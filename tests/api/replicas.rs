//! A replica that is behind is never believed against what was seen.
//!
//! The replica's part is played by another database on the real one: it answers, it keeps up with the log, and it never gets this
//! database's rows, except those that the test copies.

use std::sync::Arc;

use serde_json::json;

use crate::support::{Database, TestApp, eventually};

const V1: &str = "/routes/acme/web/prod/v1";

struct Behind {
    db: Arc<Database>,
    replica: Database,
}

impl Behind {
    async fn new() -> Self {
        Self { db: Arc::new(Database::create().await), replica: Database::create().await }
    }

    /// An instance that reads from the replica, and believes it to be fresh.
    async fn instance(&self) -> TestApp {
        let app = TestApp::on(
            self.db.clone(),
            &[&format!("postgres.replica_urls={}", self.replica.replica_url), "read.refresh_ms=60000"],
        )
        .await;
        eventually("the replica counts as fresh", async || {
            (app.ops("/health/resilience").expect(200).await.json["replicas"][0]["is_fresh"] == true).then_some(())
        })
        .await;
        app
    }

    /// Lets the replica catch up with the tenant as it is now.
    async fn copy(&self) {
        for table in ["tenants", "routes"] {
            let rows = self.db.rows(&format!("select row_to_json(t)::text from {table} t"), &[]).await;
            for row in rows {
                let sql = format!("insert into {table} select * from json_populate_record(null::{table}, $1::text::json)");
                self.replica.execute(&sql, &[&row.get::<_, String>(0)]).await;
            }
        }
        self.replica.caught_up().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_reads_its_own_writes() {
    let behind = Behind::new().await;
    let app = behind.instance().await;
    let first = app.put(V1).json(&json!({ "url": "http://a" })).expect(201).await;
    behind.copy().await;
    let second = app.patch(V1).json(&json!({ "url": "http://b" })).expect(200).await;
    assert_eq!(app.get(V1).expect(200).await.json["url"], "http://b");
    assert_eq!(app.get("/routes?tenant=acme").expect(200).await.tag(), second.tag());
    assert_eq!(app.get(&format!("{V1}/history")).expect(200).await.json["items"].as_array().unwrap().len(), 2);
    assert_eq!(app.get("/tenants/acme").expect(200).await.tag(), second.tag());
    assert_eq!(app.get("/tenants/acme/snapshot").expect(200).await.tag(), second.tag());

    // An instance that has seen nothing may answer with what the replica has, but not to a client that has seen more.
    let other = behind.instance().await;
    assert_eq!(other.get("/routes?tenant=acme").expect(200).await.tag(), first.tag(), "the replica is asked at all");
    for path in ["/routes?tenant=acme", "/tenants/acme/snapshot", "/tenants/acme"] {
        assert_eq!(other.get(path).header("tm-min-revision", second.tag()).expect(200).await.tag(), second.tag());
        assert_eq!(other.get(path).expect(200).await.tag(), second.tag(), "once seen, never older");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_tenant_is_asked_of_the_primary() {
    let behind = Behind::new().await;
    let writer = behind.instance().await;
    let reader = behind.instance().await;
    writer.put(V1).json(&json!({ "url": "http://a" })).expect(201).await;
    for path in [V1, "/routes?tenant=acme", "/tenants/acme", "/tenants/acme/snapshot"] {
        reader.get(path).expect(200).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_tenant_does_not_come_back_from_a_replica() {
    let behind = Behind::new().await;
    let app = behind.instance().await;
    let watching = behind.instance().await;
    app.put(V1).json(&json!({ "url": "http://a" })).expect(201).await;
    behind.copy().await;
    watching.get("/tenants/acme/snapshot").expect(200).await;
    app.delete(V1).expect(204).await;
    let last = app.get("/tenants/acme").expect(200).await;
    app.delete("/tenants/acme").expect(204).await;
    let paths = ["/tenants/acme/snapshot", "/tenants/acme", V1, "/routes?tenant=acme"];
    for path in paths {
        app.get(path).problem(404, "tenant_not_found").await;
    }
    // Told by a client's tag that there is something newer, the other instance finds that the tenant is gone, and remembers it.
    watching.get("/tenants/acme/snapshot").header("if-none-match", last.header("etag")).problem(404, "tenant_not_found").await;
    for path in paths {
        watching.get(path).problem(404, "tenant_not_found").await;
    }
    // Its next life is another one.
    let again = app.put(V1).json(&json!({ "url": "http://b" })).expect(201).await;
    for path in ["/tenants/acme/snapshot", "/tenants/acme", V1, "/routes?tenant=acme"] {
        assert_eq!(app.get(path).expect(200).await.tag(), again.tag(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_over_all_tenants_holds_to_a_minimum_too() {
    let behind = Behind::new().await;
    let app = behind.instance().await;
    let created = app.put(V1).json(&json!({ "url": "http://a" })).expect(201).await;
    let list = app.get("/routes").header("tm-min-revision", created.tag()).expect(200).await;
    assert_eq!(list.json["items"].as_array().unwrap().len(), 1);
}
