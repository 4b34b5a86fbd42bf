//! A start without a database: the snapshots on disk are served with their age, and nothing is
//! invented.

use std::{
    fs::{self, File},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::json;
use traffic_manager::app::Role;

use crate::support::{Answer, Database, TestApp, eventually, settings};

const SNAPSHOT: &str = "/tenants/acme/snapshot";
const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/nothing";

struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("tm-snapshots-{}", uuid::Uuid::new_v4())))
    }

    async fn has(&self, name: &str) {
        eventually("the file is there", async || {
            self.0.join(name).exists().then_some(())
        })
        .await;
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts an instance with or without a database. The instance keeps its snapshots in `directory`.
async fn instance(db: &Arc<Database>, directory: &Directory, has_postgres: bool) -> TestApp {
    let mut overrides = vec![
        format!("read.snapshot_dir={}", directory.0.display()),
        "read.snapshot_every_ms=100".to_owned(),
        "read.min_revision_wait_ms=100".to_owned(),
        "kafka.bootstrap_servers=".to_owned(),
    ];
    if !has_postgres {
        // Keys are not kept on disk, so an instance that starts without PostgreSQL cannot
        // authenticate anybody.
        overrides.push("auth.mode=none".to_owned());
        overrides.extend([
            format!("postgres.primary_url={NOWHERE}"),
            format!("postgres.replica_urls={NOWHERE}"),
        ]);
    }
    let overrides: Vec<_> = overrides.iter().map(String::as_str).collect();
    TestApp::run(db.clone(), settings(db, &overrides), Role::Serve).await
}

async fn put(app: &TestApp, path: &str, url: &str) -> Answer {
    app.put(&format!("/routes/{path}"))
        .json(&json!({ "url": format!("http://{url}") }))
        .send()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn start_without_postgres_serves_the_saved_snapshot_files() {
    let (db, directory) = (Arc::new(Database::create().await), Directory::new());
    let app = instance(&db, &directory, true).await;
    put(&app, "acme/web/prod/v1", "a").await;
    put(&app, "acme/web/dev/v1", "b").await;
    let off = app
        .post("/routes/acme/web/dev/v1/deactivate")
        .expect(200)
        .await;
    let kept = app.get(SNAPSHOT).expect(200).await;
    let dev = app.get(&format!("{SNAPSHOT}?env=dev")).expect(200).await;
    put(&app, "globex/web/prod/v1", "a").await;
    app.get("/tenants/globex/snapshot").expect(200).await;
    directory.has("globex.json").await;
    // The tenant is deleted before the instance stops, and so is its file.
    app.delete("/routes/globex/web/prod/v1").expect(204).await;
    app.delete("/tenants/globex").expect(204).await;
    eventually("its file is gone", async || {
        (!directory.0.join("globex.json").exists()).then_some(())
    })
    .await;
    directory.has("acme.json").await;
    let tag = kept.tag();
    eventually("the newest is on disk", async || {
        fs::read_to_string(directory.0.join("acme.json"))
            .ok()?
            .contains(&tag)
            .then_some(())
    })
    .await;
    app.drain().await;
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    File::options()
        .append(true)
        .open(directory.0.join("acme.json"))
        .unwrap()
        .set_modified(an_hour_ago)
        .unwrap();

    let cold = instance(&db, &directory, false).await;
    let ready = cold.ops("/health/ready").expect(200).await.json;
    assert_eq!(
        (
            &ready["status"],
            &ready["checks"]["postgres_primary"]["status"]
        ),
        (&json!("degraded"), &json!("unhealthy"))
    );
    let served = cold.get(SNAPSHOT).expect(200).await;
    assert_eq!((served.tag(), &served.bytes), (kept.tag(), &kept.bytes));
    let age: u64 = served.header("tm-stale").parse().expect("its age");
    assert!((3600..3700).contains(&age), "{age}");
    let scoped = cold.get(&format!("{SNAPSHOT}?env=dev")).expect(200).await;
    assert_eq!((scoped.tag(), &scoped.bytes), (dev.tag(), &dev.bytes));
    assert_eq!(scoped.tag(), off.tag());
    cold.get("/routes/resolve?tenant=acme&service=web&env=prod&version=v1")
        .expect(200)
        .await;
    cold.get("/routes/resolve?tenant=acme&service=web&env=dev&version=v1")
        .problem(404, "route_inactive")
        .await;
    cold.get(SNAPSHOT)
        .header("if-none-match", kept.header("etag"))
        .expect(304)
        .await;
    cold.get(SNAPSHOT)
        .header("tm-min-revision", kept.tag())
        .expect(200)
        .await;
    // Nothing is invented: neither for tenants without a kept snapshot, nor for clients that have
    // seen a newer revision.
    cold.get("/tenants/globex/snapshot")
        .problem(503, "unavailable")
        .await;
    cold.get("/tenants/nobody/snapshot")
        .problem(503, "unavailable")
        .await;
    let newer = format!("\"{}.{}\"", kept.epoch(), kept.revision() + 1);
    cold.get(SNAPSHOT)
        .header("if-none-match", &newer)
        .problem(503, "unavailable")
        .await;
    cold.get(SNAPSHOT)
        .header("tm-min-revision", &newer)
        .problem(503, "unavailable")
        .await;
    cold.drain().await;
}

/// A tenant that is not resident in an instance is removed elsewhere, so the instance gets no
/// notification. The instance compares its files with the primary now and then.
#[tokio::test(flavor = "multi_thread")]
async fn snapshot_file_of_a_tenant_deleted_elsewhere_is_removed() {
    let (db, directory) = (Arc::new(Database::create().await), Directory::new());
    let app = instance(&db, &directory, true).await;
    put(&app, "acme/web/prod/v1", "a").await;
    app.get(SNAPSHOT).expect(200).await;
    directory.has("acme.json").await;
    app.drain().await;
    let other = TestApp::on(db.clone(), &[]).await;
    other.delete("/routes/acme/web/prod/v1").expect(204).await;
    other.delete("/tenants/acme").expect(204).await;
    // The instance compares the files at its start, and each minute after that.
    let back = instance(&db, &directory, true).await;
    eventually("the file is gone", async || {
        (!directory.0.join("acme.json").exists()).then_some(())
    })
    .await;
    back.get(SNAPSHOT).problem(404, "tenant_not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn first_request_uses_a_file_that_reaches_the_minimum() {
    let (db, directory) = (Arc::new(Database::create().await), Directory::new());
    let app = instance(&db, &directory, true).await;
    let first = put(&app, "acme/web/prod/v1", "a").await;
    app.get(SNAPSHOT).expect(200).await;
    directory.has("acme.json").await;
    app.drain().await;
    let cold = instance(&db, &directory, false).await;
    cold.get(SNAPSHOT)
        .header("tm-min-revision", first.tag())
        .expect(200)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_file_falls_back_to_the_previous_one() {
    let (db, directory) = (Arc::new(Database::create().await), Directory::new());
    let app = instance(&db, &directory, true).await;
    let first = put(&app, "acme/web/prod/v1", "a").await;
    app.get(SNAPSHOT).expect(200).await;
    directory.has("acme.json").await;
    let second = put(&app, "acme/web/prod/v1", "b").await;
    directory.has("acme.previous.json").await;
    app.drain().await;
    let newest = directory.0.join("acme.json");
    let mut bytes = fs::read(&newest).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains(&second.tag()));
    let last = bytes.len() - 20;
    bytes[last] ^= 4;
    fs::write(&newest, &bytes).unwrap();
    let cold = instance(&db, &directory, false).await;
    let served = cold.get(SNAPSHOT).expect(200).await;
    assert_eq!(
        (served.tag(), &served.json["routes"][0]["url"]),
        (first.tag(), &json!("http://a"))
    );
    // A client that has the second revision does not get the first.
    cold.get(SNAPSHOT)
        .header("if-none-match", second.header("etag"))
        .problem(503, "unavailable")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_with_an_old_file_catches_up_with_postgres() {
    let (db, directory) = (Arc::new(Database::create().await), Directory::new());
    let app = instance(&db, &directory, true).await;
    put(&app, "acme/web/prod/v1", "a").await;
    app.get(SNAPSHOT).expect(200).await;
    directory.has("acme.json").await;
    app.drain().await;
    let other = TestApp::on(db.clone(), &[]).await;
    let newest = put(&other, "acme/web/prod/v1", "b").await;
    let back = instance(&db, &directory, true).await;
    let served = back.get(SNAPSHOT).expect(200).await;
    assert_eq!(
        (served.tag(), served.header("tm-stale")),
        (newest.tag(), "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_snapshot_is_served_with_its_age_without_postgres() {
    let db = Arc::new(Database::create().await);
    let overrides = [
        "read.refresh_ms=50",
        "postgres.replica_urls=",
        "postgres.lock_timeout_ms=100",
        "kafka.bootstrap_servers=",
    ];
    let app = TestApp::on(db.clone(), &overrides).await;
    let first = put(&app, "acme/web/prod/v1", "a").await;
    app.get(SNAPSHOT).expect(200).await;
    let held = db.lock("routes").await;
    // As another instance would: the primary reports a newer revision, and the lock on `routes`
    // keeps its rows back.
    db.execute(
        "update tenants set revision = revision + 1 where name = 'acme'",
        &[],
    )
    .await;
    eventually("the answer carries its age", async || {
        let served = app.get(SNAPSHOT).expect(200).await;
        assert_eq!(served.tag(), first.tag());
        (!served.header("tm-stale").is_empty()).then_some(())
    })
    .await;
    held.release().await;
    eventually("the newest snapshot is served as fresh", async || {
        let served = app.get(SNAPSHOT).expect(200).await;
        (served.revision() == first.revision() + 1 && served.header("tm-stale").is_empty())
            .then_some(())
    })
    .await;
    app.drain().await;
}
