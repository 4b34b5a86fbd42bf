//! Personal data in Postgres and in answers: sealed, opened, erased.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use traffic_manager::{
    app::{Role, commands::privacy},
    config::Settings,
};

use crate::support::{
    Call, Database, Desk, PATIENCE, TestApp, Who, database, eventually, secure, settings,
};

/// 32 bytes in base64.
const ONE: &str = "one:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const TWO: &str = "two:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

const ADA: Who = Who {
    kind: "user",
    id: "ada.canary@example.com",
    reason: "canary reason of ada",
    address: "203.0.113.77",
};
const GRACE: Who = Who {
    kind: "user",
    id: "grace.canary@example.com",
    reason: "canary reason of grace",
    address: "203.0.113.78",
};
const ROUTE: &str = "/routes/acme/web/prod/v1";

/// Returns settings without a replica: some of the writes bypass the service, which then does not
/// know how new an answer has to be.
fn with_keys(db: &Database, keys: &[&str]) -> Settings {
    let owner = format!("migrate.postgres_url={}", db.owner_url());
    settings(
        db,
        &[
            "postgres.replica_urls=",
            &format!("privacy.master_keys={}", keys.join(",")),
            &owner,
        ],
    )
}

async fn database() -> Arc<Database> {
    Arc::new(Database::create().await)
}

async fn start(db: &Arc<Database>, keys: &[&str]) -> (TestApp, Desk) {
    let settings = with_keys(db, keys);
    (
        TestApp::run(db.clone(), settings.clone(), Role::Serve).await,
        Desk::of(&settings),
    )
}

async fn authors(app: &TestApp, path: &str) -> [String; 2] {
    let body = app.get(path).expect(200).await.json;
    ["created_by", "updated_by"].map(|member| {
        body[member]
            .as_str()
            .unwrap_or_else(|| panic!("{path}: {body}"))
            .to_owned()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_holds_no_personal_data_in_clear_text() {
    let db = database().await;
    let (app, desk) = start(&db, &[ONE]).await;
    desk.put(ADA, "acme", "http://a", Some("key")).await;
    desk.put_all(GRACE, "acme", &["v2", "v3"], "http://b").await;
    let why = "canary reason over http";
    let send = |call: Call| {
        call.header("x-reason", why)
            .header("idempotency-key", uuid::Uuid::new_v4().to_string())
    };
    send(app.put("/policies/acme/web/prod"))
        .json(&json!({ "failover": ["v2"] }))
        .expect(201)
        .await;
    send(app.patch("/tenants/acme"))
        .json(&json!({ "quotas": { "routes": 10 } }))
        .expect(200)
        .await;
    let route = json!({ "service": "web", "env": "prod", "version": "v4", "url": "http://c" });
    let plan = send(app.post("/tenants/acme/plans"))
        .json(&json!({ "routes": [route] }))
        .expect(201)
        .await
        .json;
    assert_eq!(
        (&plan["created_by"], &plan["reason"]),
        (&json!(secure::who()), &json!(why))
    );
    app.post(&format!(
        "/tenants/acme/plans/{}/apply",
        plan["id"].as_str().unwrap()
    ))
    .json(&json!({ "hash": plan["hash"] }))
    .expect(200)
    .await;
    app.post("/tenants/acme/rollback")
        .json(&json!({ "to": 2, "reason": why }))
        .expect(201)
        .await;
    send(app.post("/tenants"))
        .json(&json!({ "name": "short" }))
        .expect(201)
        .await;
    send(app.delete("/tenants/short?confirm=short"))
        .expect(204)
        .await;
    app.post(&format!("{ROUTE}/deactivate"))
        .header("x-reason", why)
        .expect(200)
        .await;

    let dump = db.dump("").await;
    assert!(
        dump.contains("route_events ")
            && dump.contains("idempotency_keys ")
            && dump.contains("plans ")
            && dump.contains("data_keys ")
    );
    assert!(dump.matches("enc:v1:").count() > 20, "{dump}");
    // The kind of an actor is no secret. It stands within an event, beside a key, and before the
    // sealed name of a sender. Quotes are doubled in the text of a row.
    let is_elsewhere =
        |line: &&str| !line.starts_with("data_keys ") && !line.starts_with("api_keys ");
    let dump: String = dump
        .replace("\"\"", "\"")
        .replace("\"kind\":\"anonymous\"", "")
        .replace("anonymous:enc:v1:", "enc:v1:");
    for plain in ["canary", "203.0.113", "127.0.0.1", secure::who()] {
        let hex = hex(plain);
        let lines = dump
            .lines()
            .filter(|line| plain != secure::who() || is_elsewhere(line));
        let found = lines
            .into_iter()
            .find(|line| line.contains(plain) || line.contains(&hex));
        assert_eq!(found, None, "{plain}");
    }
    app.drain().await;
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_decrypted_and_published_events_are_not() {
    let db = database().await;
    let (app, desk) = start(&db, &[ONE]).await;
    let first = desk.put(ADA, "acme", "http://a", Some("key")).await;
    desk.put(GRACE, "acme", "http://b", None).await;
    let expected = [ADA.id, GRACE.id];
    assert_eq!(authors(&app, ROUTE).await, expected);
    assert_eq!(authors(&app, &format!("{ROUTE}?at=1")).await, [ADA.id; 2]);
    assert_eq!(authors(&app, "/tenants/acme").await, [ADA.id; 2]);
    for list in ["/routes?tenant=acme", "/routes", "/routes?tenant=acme&at=2"] {
        let items = app.get(list).expect(200).await.json;
        assert_eq!(
            [
                &items["items"][0]["created_by"],
                &items["items"][0]["updated_by"]
            ],
            expected,
            "{list}"
        );
    }
    let tenants = app.get("/tenants").expect(200).await.json;
    assert_eq!(tenants["items"][0]["created_by"], ADA.id);
    let blame = app.get(&format!("{ROUTE}/blame")).expect(200).await.json;
    let url = &blame["members"]["url"];
    assert_eq!(
        (&url["actor"]["id"], &url["actor"]["kind"], &url["reason"]),
        (&json!(GRACE.id), &json!("user"), &json!(GRACE.reason))
    );
    assert_eq!(blame["members"]["is_active"]["actor"]["id"], ADA.id);

    let policy = app
        .put("/policies/acme/web/prod")
        .json(&json!({ "failover": ["v1"] }))
        .expect(201)
        .await
        .json;
    assert_eq!(policy["created_by"], secure::who());
    assert_eq!(
        authors(&app, "/policies/acme/web/prod").await,
        [secure::who(); 2]
    );
    assert_eq!(
        authors(&app, "/policies/acme/web/prod?at=3").await,
        [secure::who(); 2]
    );
    let policies = app.get("/policies?tenant=acme").expect(200).await.json;
    assert_eq!(policies["items"][0]["updated_by"], secure::who());

    // A retry gets the first answer, with the name of that time. Another person's idempotency key
    // is another key.
    let again = desk.put(ADA, "acme", "http://a", Some("key")).await;
    assert!(again.replayed && again.outcome == first.outcome);
    let Value::String(name) =
        serde_json::to_value(&again.outcome.object).unwrap()["route"]["created_by"].take()
    else {
        panic!()
    };
    assert_eq!(name, ADA.id);
    assert!(
        !desk
            .put(GRACE, "acme", "http://b", Some("key"))
            .await
            .replayed
    );

    // The same holds for a plan, over its whole life.
    let plans = "/tenants/acme/plans";
    let make = || {
        app.post(plans)
            .header("x-reason", "why so")
            .header("idempotency-key", "p")
            .json(&json!({ "prune": false, "routes": [] }))
    };
    let plan = make().expect(201).await.json;
    let replayed = make().expect(201).await;
    assert_eq!(
        (replayed.header("idempotency-replayed"), &replayed.json),
        ("true", &plan)
    );
    let got = app
        .get(&format!("{plans}/{}", plan["id"].as_str().unwrap()))
        .expect(200)
        .await
        .json;
    assert_eq!(
        (&got["created_by"], &got["reason"]),
        (&json!(secure::who()), &json!("why so"))
    );
    // A list leaves the changes out.
    let listed = app.get(plans).expect(200).await.json["items"][0].clone();
    assert!(
        listed
            .as_object()
            .unwrap()
            .iter()
            .all(|(name, member)| got[name] == *member),
        "{listed} {got}"
    );

    for event in app.get(&format!("{ROUTE}/history")).expect(200).await.json["items"]
        .as_array()
        .unwrap()
    {
        for text in [&event["actor"]["id"], &event["reason"], &event["source_ip"]] {
            assert!(
                text.as_str()
                    .is_some_and(|text| text.starts_with("enc:v1:")),
                "{event}"
            );
        }
        assert_eq!(event["actor"]["kind"], "user");
    }
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasure_of_a_person_takes_effect_everywhere_in_seconds() {
    let db = database().await;
    let (app, desk) = start(&db, &[ONE]).await;
    let other = TestApp::run(db.clone(), with_keys(&db, &[ONE]), Role::Serve).await;
    desk.put(ADA, "acme", "http://a", None).await;
    desk.put(GRACE, "acme", "http://b", None).await;
    desk.put(ADA, "globex", "http://a", None).await;
    for app in [&app, &other] {
        assert_eq!(authors(app, ROUTE).await, [ADA.id, GRACE.id]);
    }
    let before = db.dump("data_keys").await;
    let (settings, acme) = (with_keys(&db, &[ONE]), "acme".parse().unwrap());
    assert_eq!(
        privacy::erase(&settings, &acme, Some(ADA.id))
            .await
            .unwrap(),
        1
    );
    let started = Instant::now();
    for app in [&app, &other] {
        eventually("ada is erased", async || {
            (authors(app, ROUTE).await == ["erased", GRACE.id]).then_some(())
        })
        .await;
    }
    assert!(
        started.elapsed() < Duration::from_secs(5) && Duration::from_secs(5) < PATIENCE,
        "{:?}",
        started.elapsed()
    );
    assert_eq!(
        authors(&app, "/routes/globex/web/prod/v1").await,
        [ADA.id; 2],
        "another tenant's"
    );
    assert_eq!(
        db.dump("data_keys").await,
        before,
        "only the key in its separate store is destroyed"
    );
    let fresh = TestApp::run(db.clone(), settings.clone(), Role::Serve).await;
    assert_eq!(authors(&fresh, ROUTE).await, ["erased", GRACE.id]);
    let left = "select num_nonnulls(subject, master, wrapped, name)::bigint from data_keys where erased_at is not null";
    assert_eq!(db.count(left).await, 0);
    assert_eq!(
        privacy::erase(&settings, &acme, Some(ADA.id))
            .await
            .unwrap(),
        0,
        "again"
    );

    // A person who acts again after the erasure is a new person.
    let desk = Desk::of(&settings);
    desk.put(ADA, "acme", "http://c", None).await;
    assert_eq!(authors(&app, ROUTE).await, ["erased", ADA.id]);

    // Erases a whole tenant.
    assert_eq!(privacy::erase(&settings, &acme, None).await.unwrap(), 2);
    eventually("all are erased", async || {
        (authors(&app, ROUTE).await == ["erased"; 2]).then_some(())
    })
    .await;
    assert_eq!(
        authors(&app, "/routes/globex/web/prod/v1").await,
        [ADA.id; 2]
    );
    for app in [app, other, fresh] {
        app.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_role_cannot_destroy_data_keys() {
    let db = database().await;
    let (app, desk) = start(&db, &[ONE]).await;
    desk.put(ADA, "acme", "http://a", None).await;
    let service = database::connect(&db.app_url).await;
    for sql in [
        "update data_keys set erased_at = now()",
        "delete from data_keys",
        "update privacy_index set master = ''",
    ] {
        let error = service.execute(sql, &[]).await.expect_err(sql);
        assert_eq!(
            error.code().map(|code| code.code()),
            Some("42501"),
            "{sql}: {error:?}"
        );
    }
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn master_key_rotation_loses_nothing() {
    let db = database().await;
    let (app, desk) = start(&db, &[ONE]).await;
    desk.put(ADA, "acme", "http://a", None).await;
    app.drain().await;

    let (app, desk) = start(&db, &[TWO, ONE]).await;
    assert_eq!(
        authors(&app, ROUTE).await,
        [ADA.id; 2],
        "the old master key opens"
    );
    desk.put(GRACE, "acme", "http://b", None).await;
    desk.put(ADA, "acme", "http://c", None).await;
    app.drain().await;
    let master_keys = async || {
        let rows = db
            .rows("select master from data_keys order by created_at", &[])
            .await;
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    assert_eq!(
        master_keys().await,
        ["one", "two"],
        "the new master key wraps new keys, and persons keep theirs"
    );
    let without = TestApp::run(db.clone(), with_keys(&db, &[TWO]), Role::Serve).await;
    without.get(ROUTE).problem(500, "internal").await;
    without.drain().await;

    let rewrapped = privacy::rewrap(&with_keys(&db, &[TWO, ONE])).await.unwrap();
    assert_eq!((rewrapped.keys, rewrapped.index), (1, true));
    let nothing = privacy::rewrap(&with_keys(&db, &[TWO, ONE])).await.unwrap();
    assert_eq!((nothing.keys, nothing.index), (0, false));
    let (app, desk) = start(&db, &[TWO]).await;
    assert_eq!(
        authors(&app, ROUTE).await,
        [ADA.id; 2],
        "the new master key opens the rewrapped keys"
    );
    desk.put(GRACE, "acme", "http://d", None).await;
    assert_eq!(
        master_keys().await,
        ["two", "two"],
        "persons keep their keys after the rewrap"
    );
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_or_altered_envelope_does_not_open() {
    let db = database().await;
    let (app, desk) = start(&db, &[ONE]).await;
    desk.put(ADA, "acme", "http://a", None).await;
    desk.put(ADA, "globex", "http://a", None).await;
    let name = |tenant: &'static str| {
        let db = db.clone();
        async move {
            db.rows(
                "select updated_by from routes where tenant = $1",
                &[&tenant],
            )
            .await[0]
                .get::<_, String>(0)
        }
    };
    let reason: String = db
        .rows(
            "select payload->>'reason' from route_events where tenant = 'acme'",
            &[],
        )
        .await[0]
        .get(0);
    let own = name("acme").await;
    let mut flipped = own.clone().into_bytes();
    let middle = flipped.len() - 10;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    for wrong in [
        name("globex").await,
        reason,
        String::from_utf8(flipped).unwrap(),
        own.replace("enc:v1", "enc:v2"),
    ] {
        db.execute(
            "update routes set updated_by = $1 where tenant = 'acme'",
            &[&wrong],
        )
        .await;
        assert_eq!(authors(&app, ROUTE).await, [ADA.id, &wrong]);
    }
    db.execute(
        "update routes set updated_by = $1 where tenant = 'acme'",
        &[&own],
    )
    .await;
    assert_eq!(authors(&app, ROUTE).await, [ADA.id; 2]);
    app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_written_before_encryption_stays_readable() {
    let db = database().await;
    let (app, desk) = start(&db, &[]).await;
    let typed = "enc:v1:0123456789abcdef:AAAA";
    desk.put(
        Who {
            reason: typed,
            ..ADA
        },
        "acme",
        "http://a",
        None,
    )
    .await;
    assert_eq!(db.count("select count(*) from data_keys").await, 0);
    app.drain().await;
    let (app, desk) = start(&db, &[ONE]).await;
    assert_eq!(authors(&app, ROUTE).await, [ADA.id; 2]);
    desk.put(
        Who {
            reason: typed,
            ..ADA
        },
        "acme",
        "http://b",
        None,
    )
    .await;
    let blame = app.get(&format!("{ROUTE}/blame")).expect(200).await.json;
    for member in ["url", "is_active"] {
        assert_eq!(
            (
                &blame["members"][member]["actor"]["id"],
                &blame["members"][member]["reason"]
            ),
            (&json!(ADA.id), &json!(typed))
        );
    }
    app.drain().await;
}
