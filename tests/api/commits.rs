//! Writes with an unknown commit outcome: no answer claims that nothing was changed, and a retry
//! returns the outcome.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use traffic_manager::service::Error;

use crate::support::{
    Answer, Call, Database, Desk, Who, callers::Office, database::connect, eventually, settings,
};

/// Makes every COMMIT of a transaction that has changed `table` run `what`, after everything else.
async fn in_commit(db: &Database, table: &str, what: &str) {
    let function = format!(
        "create function in_commit() returns trigger language plpgsql security definer as $$ begin perform {what}; return null; end $$"
    );
    db.execute(&function, &[]).await;
    let trigger = format!(
        "create constraint trigger in_commit after insert or update on {table} deferrable initially deferred \
         for each row execute function in_commit()"
    );
    db.execute(&trigger, &[]).await;
}

async fn unknown(call: Call) -> Answer {
    let answer = call.problem(503, "commit_unknown").await;
    assert!(
        answer
            .header("retry-after")
            .parse::<u32>()
            .is_ok_and(|seconds| seconds > 0)
    );
    answer
}

#[tokio::test]
async fn connection_lost_during_commit_is_reported_as_unknown() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let path = format!(
        "/keys/{}",
        office
            .app
            .get("/keys")
            .bearer(&office.admin)
            .expect(200)
            .await
            .json["items"][0]["id"]
            .as_str()
            .unwrap()
    );
    let post = |path: &str, body: Value| {
        office
            .app
            .post(path)
            .bearer(&office.admin)
            .header("idempotency-key", "once")
            .json(&body)
    };
    let key = || post("/keys", json!({ "tenant": "acme", "roles": ["viewer"] }));
    let plan = || post("/tenants/acme/plans", json!({ "routes": [] }));
    let replay = || post("/replays", json!({ "tenant": "acme", "reason": "a test" }));
    let writes: [(&str, &dyn Fn() -> Call, u16); 4] = [
        ("api_keys", &key, 201),
        ("plans", &plan, 201),
        ("replays", &replay, 201),
        (
            "api_keys",
            &|| {
                office
                    .app
                    .post(&format!("{path}/rotate"))
                    .bearer(&office.admin)
                    .json(&json!({ "overlap_seconds": 60 }))
            },
            200,
        ),
    ];
    for (table, write, done) in writes {
        in_commit(
            &office.app.db,
            table,
            "pg_terminate_backend(pg_backend_pid())",
        )
        .await;
        unknown(write()).await;
        office
            .app
            .db
            .execute("drop function in_commit cascade", &[])
            .await;
        let retry = write().expect(done).await;
        assert!(
            !retry.headers.contains_key("idempotency-replayed"),
            "{table}: the lost commit was not applied"
        );
    }
}

#[tokio::test]
async fn slow_commit_is_not_cancelled_and_a_retry_finds_it() {
    let office = Office::with(&[
        "resilience.postgres_primary.timeout_ms=500",
        "postgres.lock_timeout_ms=60000",
        "postgres.statement_timeout_ms=60000",
    ])
    .await;
    office.tenant("acme").await;
    let keys = async || {
        office
            .app
            .db
            .count("select count(*) from api_keys where tenant = 'acme'")
            .await
    };
    let other = connect(&office.app.db.owner_url()).await;
    other
        .execute("select pg_advisory_lock(1)", &[])
        .await
        .unwrap();
    in_commit(&office.app.db, "api_keys", "pg_advisory_xact_lock(1)").await;
    let body = json!({ "tenant": "acme", "roles": ["viewer"] });
    let write = || {
        office
            .app
            .post("/keys")
            .bearer(&office.admin)
            .header("idempotency-key", "once")
            .json(&body)
    };
    unknown(write()).await;
    other
        .execute("select pg_advisory_unlock(1)", &[])
        .await
        .unwrap();
    eventually("the slow commit was applied", async || {
        (keys().await == 1).then_some(())
    })
    .await;
    let retry = write().expect(201).await;
    assert_eq!(
        (retry.header("idempotency-replayed"), keys().await),
        ("true", 1)
    );
}

#[tokio::test]
async fn panic_in_a_group_commit_does_not_stop_its_lane() {
    let db = Database::create().await;
    let has_panicked = AtomicBool::new(false);
    let once = move |_: &_| {
        assert!(
            has_panicked.swap(true, Ordering::SeqCst),
            "once, after a commit"
        )
    };
    let desk = Desk::followed_by(&settings(&db, &["write.lanes=1"]), Arc::new(once));
    let who = Who {
        kind: "user",
        id: "ada",
        reason: "a test",
        address: "203.0.113.77",
    };
    let first = desk.try_put(who, "acme", "http://a", Some("key")).await;
    assert!(matches!(first, Err(Error::CommitUnknown)));
    assert!(
        desk.put(who, "acme", "http://a", Some("key"))
            .await
            .replayed,
        "the commit was applied"
    );
    assert!(!desk.put(who, "acme", "http://b", None).await.replayed);
}
