//! Retention: old and proven events are removed, events that do not verify stay, and the remaining
//! chain is still proven.

use std::{
    collections::HashMap,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mongodb::bson::doc;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use traffic_manager::{
    app::Role,
    audit::archive::Archive,
    resilience::Dependency,
    store::Server,
    workers::retention::{Retained, Retention, RetentionError, UnverifiedChain},
};
use url::Url;

use crate::{
    chains::{Chain, archive, minute, seal},
    gate::Gate,
    support::{TestApp, World, database::variable, eventually},
};

/// A world with users for retention that have exactly the rights of docs/operations.md.
struct Office {
    world: World,
    app: TestApp,
}

impl Office {
    async fn open() -> Self {
        let mut world = World::new().await;
        let name = world.db.name.clone();
        world
            .db
            .execute(
                &format!(
                    "create role {name} login password 'secret' in role traffic_manager_retention"
                ),
                &[],
            )
            .await;
        let login = |url: &str| {
            let mut url = Url::parse(url).unwrap();
            url.set_username(&name).unwrap();
            url.set_password(Some("secret")).unwrap();
            url
        };
        world.settings.retention.postgres_url = login(&world.db.app_url).to_string().into();

        let admin = mongodb::Client::with_uri_str(world.settings.mongo.url.expose_secret())
            .await
            .unwrap();
        let resource = doc! { "db": &name, "collection": &world.settings.mongo.collection };
        let privileges = vec![doc! { "resource": resource, "actions": ["find", "remove"] }];
        let database = admin.database(&name);
        database
            .run_command(doc! { "createRole": "remover", "privileges": privileges, "roles": [] })
            .await
            .unwrap();
        database
            .run_command(doc! { "createUser": &name, "pwd": "secret", "roles": ["remover"] })
            .await
            .unwrap();
        let mut url = login(&variable("MONGO_ADMIN_URL"));
        url.set_query(Some(&crate::support::secure::mongo_query(&name)));
        world.settings.retention.mongo_url = url.to_string().into();
        world.settings.retention.batch = 3;
        let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
        Self { world, app }
    }

    async fn retention(&self) -> Retention {
        let settings = &self.world.settings;
        let url = &settings.retention.postgres_url;
        let server = Server::new(
            "retention",
            "retention.postgres_url",
            url,
            &settings.postgres,
            settings
                .resilience
                .policy(&settings.resilience.postgres_primary),
        )
        .unwrap();
        let archive = Archive::for_retention(
            &settings.retention,
            &settings.mongo,
            Duration::from_secs(10),
        )
        .await
        .unwrap();
        let policy = Dependency::new(
            "mongodb_retention",
            settings
                .resilience
                .policy(&settings.resilience.mongodb_retention),
        );
        Retention::new(
            archive,
            policy,
            Arc::new(server),
            Duration::from_secs(5),
            settings.retention.batch,
        )
    }

    /// Removes the events from before this minute.
    async fn retain(&self, before: u64) -> Retained {
        self.retention()
            .await
            .run(minute(before).parse().unwrap())
            .await
            .expect("it runs")
    }

    async fn verify(&self, tenant: &str, query: &str) -> Value {
        self.app
            .get(&format!("/audit/verify?tenant={tenant}{query}"))
            .expect(200)
            .await
            .json
    }

    /// Returns the revision and the item of each archived event of a chain.
    async fn kept(&self, chain: &Chain) -> Vec<(i64, i64)> {
        let archived = self.world.archived().await;
        let mut places: Vec<_> = archived
            .iter()
            .filter(|event| event.epoch == chain.epoch)
            .map(|event| (event.revision, event.item))
            .collect();
        places.sort_unstable();
        places
    }

    /// Returns the checkpoints of a chain: revision, hash, events, time of the last event.
    async fn checkpoints(&self, chain: &Chain) -> Vec<(i64, String, i64, String)> {
        let sql = "select revision, hash, events, to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as at \
                   from audit_checkpoints where tenant = $1 and epoch = $2 order by revision";
        let rows = self
            .world
            .db
            .rows(sql, &[&chain.tenant, &chain.epoch])
            .await;
        rows.iter()
            .map(|row| {
                (
                    row.get("revision"),
                    row.get("hash"),
                    row.get("events"),
                    row.get("at"),
                )
            })
            .collect()
    }

    async fn close(self) {
        let (name, database) = (
            self.world.db.name.clone(),
            &self.world.settings.mongo.database,
        );
        let admin = mongodb::Client::with_uri_str(self.world.settings.mongo.url.expose_secret())
            .await
            .unwrap();
        let _ = admin
            .database(database)
            .run_command(doc! { "dropUser": &name })
            .await;
        let _ = admin
            .database(database)
            .run_command(doc! { "dropRole": "remover" })
            .await;
        self.app.drain().await;
        self.world
            .db
            .execute(&format!("drop role {name}"), &[])
            .await;
        Box::pin(self.world.end()).await;
    }
}

fn singles(revisions: std::ops::RangeInclusive<i64>) -> Vec<(i64, i64)> {
    revisions.map(|revision| (revision, 0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_removes_old_events_and_the_rest_verifies() {
    let office = Office::open().await;
    let world = &office.world;
    let (acme, earlier, gone) = (
        Chain::of("acme", 12),
        Chain::of("acme", 4),
        Chain::of("gone", 3),
    );
    // A revision with an item that is too young, followed by revisions with older items.
    let bulk = Chain::with("bulk", &[vec![1], vec![2, 2, 2], vec![3, 9, 3], vec![4]]);
    for chain in [&acme, &earlier, &gone, &bulk] {
        chain.commit(world).await;
    }
    acme.live(world).await;
    bulk.live(world).await;
    let whole = office.verify("acme", "").await;
    assert_eq!(
        (&whole["verified"], &whole["checkpoint"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        office.retain(1).await,
        Retained {
            chains: 4,
            removed: 0,
            refused: vec![]
        },
        "nothing is that old"
    );
    assert_eq!(
        world
            .db
            .count("select count(*) from audit_checkpoints")
            .await,
        0
    );

    assert_eq!(
        office.retain(6).await,
        Retained {
            chains: 4,
            removed: 5 + 4 + 3 + 4,
            refused: vec![]
        }
    );
    assert_eq!(office.kept(&acme).await, singles(6..=12));
    assert_eq!(office.kept(&earlier).await, []);
    assert_eq!(office.kept(&gone).await, []);
    assert_eq!(
        office.kept(&bulk).await,
        [(3, 0), (3, 1), (3, 2), (4, 0)],
        "a revision is not split"
    );
    assert_eq!(
        office.checkpoints(&acme).await,
        [(5, acme.hash(5).to_owned(), 5, minute(5))]
    );
    assert_eq!(
        office.checkpoints(&gone).await,
        [(3, gone.hash(3).to_owned(), 3, minute(3))]
    );
    assert_eq!(
        office.checkpoints(&bulk).await,
        [(2, bulk.hash(2).to_owned(), 4, minute(2))]
    );

    // The chain begins at the checkpoint, even if the query asks for earlier revisions.
    for query in ["", "&from=1", "&from=6", "&from=1&to=12"] {
        let rest = office.verify("acme", query).await;
        assert_eq!(
            (
                &rest["verified"],
                &rest["from"],
                &rest["to"],
                &rest["events"]
            ),
            (&json!(true), &json!(6), &json!(12), &json!(7)),
            "{query}"
        );
        assert_eq!(rest["checkpoint"]["revision"], 5);
        assert_eq!(rest["checkpoint"]["hash"], acme.hash(5));
        assert!(
            rest["checkpoint"]["made_at"]
                .as_str()
                .is_some_and(|at| at.ends_with('Z'))
        );
        assert_eq!(rest["checkpoint"].as_object().unwrap().len(), 3);
    }
    let removed = office.verify("acme", "&to=3").await;
    assert_eq!(
        (
            &removed["verified"],
            &removed["events"],
            &removed["missing"]
        ),
        (&json!(true), &json!(0), &json!([]))
    );
    assert_eq!(office.verify("acme", "&from=9").await["events"], 4);
    assert_eq!(office.verify("bulk", "").await["verified"], true);

    // A second run has nothing to do. A later run goes on from the checkpoint.
    assert_eq!(
        office.retain(6).await,
        Retained {
            chains: 2,
            removed: 0,
            refused: vec![]
        }
    );
    assert_eq!(office.retain(11).await.removed, 5 + 4);
    let last = (10, acme.hash(10).to_owned(), 10, minute(10));
    assert_eq!(
        office.checkpoints(&acme).await,
        [(5, acme.hash(5).to_owned(), 5, minute(5)), last]
    );

    // After everything is removed, nothing counts as missing or as behind.
    office.retain(60).await;
    assert_eq!(world.archived_count().await, 0);
    for tenant in ["acme", "bulk"] {
        let empty = office.verify(tenant, "").await;
        assert_eq!(
            (&empty["verified"], &empty["complete"], &empty["events"]),
            (&json!(true), &json!(true), &json!(0)),
            "{empty}"
        );
    }
    let status = office.app.get("/audit/status").expect(200).await.json;
    assert_eq!(
        (
            &status["events_behind"],
            &status["tenants"][0]["archived_revision"]
        ),
        (&json!(0), &json!(12)),
        "{status}"
    );
    // Postgres keeps its own history.
    assert_eq!(
        world.db.count("select count(*) from route_events").await,
        12 + 4 + 3 + 8
    );
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unverifiable_events_are_kept_and_named() {
    let office = Office::open().await;
    let world = &office.world;
    let collection = world.collection().await;
    let names = [
        "deleted", "doubled", "edited", "first", "forged", "rebuilt", "unknown", "whole",
    ];
    let chains: HashMap<&str, Chain> = names
        .into_iter()
        .map(|name| (name, Chain::of(name, 9)))
        .collect();
    for (name, chain) in &chains {
        if *name != "unknown" && *name != "rebuilt" {
            chain.commit(world).await;
        }
    }
    let fifth = |name: &str| doc! { "tenant": name, "revision": 5_i64 };
    collection.delete_one(fifth("deleted")).await.unwrap();
    collection
        .delete_one(doc! { "tenant": "first", "revision": 1_i64 })
        .await
        .unwrap();
    collection
        .update_one(
            fifth("edited"),
            doc! { "$set": { "event.reason": "another", "reason": "another" } },
        )
        .await
        .unwrap();
    let mut twin = collection
        .find_one(fifth("doubled"))
        .await
        .unwrap()
        .unwrap();
    twin.extend(doc! { "_id": "twin", "item": 1_i64 });
    collection.insert_one(twin).await.unwrap();
    // This event is edited, and its hash is computed again.
    let mut forged = chains["forged"].events[4].clone();
    forged["reason"] = json!("another");
    collection.delete_one(fifth("forged")).await.unwrap();
    archive(world, &[seal(forged)]).await;
    // A whole chain that Postgres has never seen, and one that differs from Postgres's chain.
    archive(world, &chains["unknown"].events).await;
    let mut other = Chain::of("rebuilt", 9);
    other.epoch.clone_from(&chains["rebuilt"].epoch);
    let mut before = json!("0".repeat(64));
    for event in &mut other.events {
        event["epoch"] = json!(other.epoch);
        event["prev_hash"] = before;
        *event = seal(event.clone());
        before = event["hash"].clone();
    }
    chains["rebuilt"].commit(world).await;
    collection
        .delete_many(doc! { "tenant": "rebuilt" })
        .await
        .unwrap();
    archive(world, &other.events).await;

    let retained = office.retain(8).await;
    let refused: Vec<_> = retained
        .refused
        .iter()
        .map(
            |UnverifiedChain {
                 tenant,
                 revision,
                 reason,
                 ..
             }| (tenant.as_str(), *revision, *reason),
        )
        .collect();
    let want = [
        ("deleted", 5, "missing"),
        ("doubled", 5, "misplaced"),
        ("edited", 5, "edited"),
        ("first", 1, "missing"),
        ("forged", 5, "wrong_end"),
        ("rebuilt", 7, "wrong_end"),
        ("unknown", 7, "wrong_end"),
    ];
    assert_eq!(refused, want);
    // The events before a fault are proven and old, so they are removed.
    assert_eq!(office.kept(&chains["deleted"]).await, singles(6..=9));
    assert_eq!(
        office.kept(&chains["doubled"]).await,
        [(5, 0), (5, 1), (6, 0), (7, 0), (8, 0), (9, 0)]
    );
    assert_eq!(office.kept(&chains["edited"]).await, singles(5..=9));
    assert_eq!(office.kept(&chains["first"]).await, singles(2..=9));
    assert_eq!(office.kept(&chains["rebuilt"]).await, singles(1..=9));
    assert_eq!(office.kept(&chains["unknown"]).await, singles(1..=9));
    assert_eq!(office.kept(&chains["whole"]).await, singles(8..=9));
    // The fifth event of `forged` has the right hash of its content and the right link, but differs
    // from the event in Postgres.
    assert_eq!(office.kept(&chains["forged"]).await, singles(1..=9));

    let again = office.retain(8).await;
    assert_eq!((again.refused.len(), again.removed), (want.len(), 0));
    office.close().await;
}

/// Returns the first revision of the epoch after `chain`'s. In that epoch the tenant goes on from
/// revision `left`.
fn continued(chain: &Chain, left: u64) -> Chain {
    let mut next = Chain::of(&chain.tenant, 1);
    let event = &mut next.events[0];
    event["actor"] = json!({ "kind": "system", "id": "lineage" });
    event["reason"] = json!(format!(
        "the database was restored, or a replica promoted: continues {}.{left}",
        chain.epoch
    ));
    *event = seal(event.clone());
    next
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_end_of_an_epoch_expires_only_if_linked_to_the_next() {
    let office = Office::open().await;
    let world = &office.world;
    let names = ["elsewhere", "lost", "unlinked"];
    let [elsewhere, lost, unlinked] = names.map(|name| Chain::of(name, 9));
    let next = [
        continued(&elsewhere, 4),
        continued(&lost, 5),
        continued(&unlinked, 5),
    ];
    for chain in [&elsewhere, &lost, &unlinked].into_iter().chain(&next) {
        chain.commit(world).await;
    }
    world
        .db
        .execute(
            "delete from route_events where tenant = any($1) and revision > 5",
            &[&names.as_slice()],
        )
        .await;
    // The next epoch is linked, but to another hash than the one that Postgres now has at the end
    // of the old epoch.
    let sql = "update route_events set payload = replace(payload::text, $2, $3)::json where tenant = $1 and revision = 5";
    world
        .db
        .execute(sql, &[&"unlinked", &unlinked.hash(5), &unlinked.hash(6)])
        .await;

    // Two runs, since the lost events may be older or younger than a run's limit.
    let wrong = |chain: &Chain, revision| UnverifiedChain {
        tenant: chain.tenant.clone(),
        epoch: chain.epoch.clone(),
        revision,
        reason: "wrong_end",
    };
    assert_eq!(
        office.retain(8).await.refused,
        [wrong(&elsewhere, 7), wrong(&unlinked, 7)]
    );
    assert_eq!(office.kept(&lost).await, singles(8..=9));
    assert_eq!(
        office.retain(60).await.refused,
        [wrong(&elsewhere, 9), wrong(&unlinked, 9)]
    );
    assert_eq!(office.kept(&lost).await, []);
    assert_eq!(office.kept(&elsewhere).await, singles(1..=9));
    assert_eq!(office.kept(&unlinked).await, singles(1..=9));
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_run_is_completed_and_further_removal_is_found() {
    let office = Office::open().await;
    let world = &office.world;
    let collection = world.collection().await;
    let acme = Chain::of("acme", 12);
    acme.commit(world).await;
    acme.live(world).await;
    // Simulates a run that was killed after its checkpoint, with some of the events removed.
    let sql = "insert into audit_checkpoints (tenant, epoch, revision, hash, events, occurred_at) values ($1, $2, 6, $3, 6, now())";
    world
        .db
        .execute(sql, &[&acme.tenant, &acme.epoch, &acme.hash(6)])
        .await;
    collection
        .delete_many(doc! { "revision": { "$lt": 4_i64 } })
        .await
        .unwrap();
    assert_eq!(
        office.verify("acme", "").await["verified"],
        true,
        "the chain verifies after half a run"
    );
    assert_eq!(
        office.retain(5).await,
        Retained {
            chains: 1,
            removed: 3,
            refused: vec![]
        }
    );
    assert_eq!(office.kept(&acme).await, singles(7..=12));
    assert_eq!(office.checkpoints(&acme).await.len(), 1);

    // Somebody removes an event after the checkpoint.
    let seventh = collection
        .find_one(doc! { "revision": 7_i64 })
        .await
        .unwrap()
        .unwrap();
    collection
        .delete_one(doc! { "revision": 7_i64 })
        .await
        .unwrap();
    let answer = office.verify("acme", "").await;
    assert_eq!(
        (&answer["verified"], &answer["missing"]),
        (&json!(false), &json!([7]))
    );
    assert_eq!(office.retain(12).await.refused[0].revision, 7);
    // Somebody replaces the first event that remains.
    let mut other = acme.events[6].clone();
    other["prev_hash"] = json!("1".repeat(64));
    archive(world, &[seal(other)]).await;
    assert_eq!(
        office.verify("acme", "").await["first_bad"],
        json!({ "revision": 7, "reason": "broken_link" })
    );
    collection
        .delete_one(doc! { "revision": 7_i64 })
        .await
        .unwrap();
    collection.insert_one(seventh).await.unwrap();
    assert_eq!(office.verify("acme", "").await["verified"], true);

    // Only one run at a time: another holds the lock.
    let lock = i64::from_be_bytes(*b"tm-retai");
    world.db.rows("select pg_advisory_lock($1)", &[&lock]).await;
    let running = office
        .retention()
        .await
        .run(minute(12).parse().unwrap())
        .await;
    assert!(
        matches!(running, Err(RetentionError::Running)),
        "{running:?}"
    );
    world
        .db
        .rows("select pg_advisory_unlock($1)", &[&lock])
        .await;
    office.retain(12).await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_succeeds_while_events_are_removed() {
    let mut office = Office::open().await;
    office.world.settings.retention.batch = 1;
    let acme = Chain::of("acme", 60);
    acme.commit(&office.world).await;
    acme.live(&office.world).await;
    // The delay leaves time for changes between Postgres's answer and the archive's.
    let mut settings = office.world.settings.clone();
    let gate = Gate::open(
        settings.mongo.url.expose_secret(),
        Duration::from_millis(100),
    )
    .await;
    settings.mongo.url = gate.url.clone().into();
    let slow = TestApp::run(office.world.db.clone(), settings, Role::Serve).await;
    let answered = AtomicUsize::new(0);
    let removing = async {
        for before in 2..=50 {
            office.retain(before).await;
            // Neither side may finish before the other has made progress.
            if before % 10 == 0 {
                let so_far = answered.load(Ordering::SeqCst);
                let another = async || (answered.load(Ordering::SeqCst) > so_far).then_some(());
                eventually("verification runs during the removal", another).await;
            }
        }
    };
    let verifying = async {
        let mut seen = std::collections::BTreeSet::new();
        loop {
            let answer = slow.get("/audit/verify?tenant=acme").expect(200).await.json;
            assert_eq!(answer["verified"], true, "{answer}");
            seen.insert(answer["from"].as_u64());
            answered.fetch_add(1, Ordering::SeqCst);
            if answer["from"] == 50 {
                return seen.len();
            }
        }
    };
    let ((), seen) = tokio::join!(removing, verifying);
    assert!(seen > 3, "verification ran during the removal: {seen}");
    slow.drain().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_retention_adds_checkpoints_and_no_role_changes_them() {
    let office = Office::open().await;
    let acme = Chain::of("acme", 3);
    acme.commit(&office.world).await;
    office.retain(3).await;
    let settings = &office.world.settings;
    let app = crate::support::database::connect(&office.world.db.app_url).await;
    let retention =
        crate::support::database::connect(settings.retention.postgres_url.expose_secret()).await;
    for client in [&app, &retention] {
        client
            .execute("set app.tenants = 'acme'", &[])
            .await
            .unwrap();
    }
    let insert = "insert into audit_checkpoints (tenant, epoch, revision, hash, events, occurred_at) \
                  select tenant, epoch, 99, hash, 99, now() from audit_checkpoints";
    let denied = async |client: &tokio_postgres::Client, sql: &str| {
        let error = client.execute(sql, &[]).await.expect_err(sql);
        assert_eq!(
            error.code().map(|code| code.code().to_owned()),
            Some("42501".into()),
            "{sql}"
        );
    };
    assert_eq!(
        app.execute("select from audit_checkpoints", &[])
            .await
            .unwrap(),
        1
    );
    denied(&app, insert).await;
    for sql in [
        "update audit_checkpoints set revision = 1",
        "delete from audit_checkpoints",
        "truncate audit_checkpoints",
    ] {
        denied(&app, sql).await;
        denied(&retention, sql).await;
    }
    for sql in [
        "delete from route_events",
        "update route_events set item = 1",
        "select from tenants",
        "select from installation",
        "delete from routes",
    ] {
        denied(&retention, sql).await;
    }
    let archive = Archive::for_retention(
        &settings.retention,
        &settings.mongo,
        Duration::from_secs(10),
    )
    .await
    .unwrap();
    let newest = acme.events.last().unwrap().clone();
    let client = mongodb::Client::with_uri_str(settings.retention.mongo_url.expose_secret())
        .await
        .unwrap();
    let events = client
        .database(&settings.mongo.database)
        .collection::<mongodb::bson::Document>(&settings.mongo.collection);
    assert!(
        events
            .insert_one(doc! { "_id": newest["id"].as_str().unwrap() })
            .await
            .is_err(),
        "the role may not insert"
    );
    assert!(
        events
            .update_one(doc! {}, doc! { "$set": { "reason": "forged" } })
            .await
            .is_err(),
        "the role may not update"
    );
    drop(archive);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_command_reports_by_its_exit_status() {
    let office = Office::open().await;
    let world = &office.world;
    let (good, bad) = (Chain::of("good", 3), Chain::of("bad", 3));
    good.commit(world).await;
    let retention = &world.settings.retention;
    let environment = world.environment.clone();
    let secret = |url: &secrecy::SecretString| url.expose_secret().to_owned();
    let urls = [
        (
            "TM__RETENTION__POSTGRES_URL",
            secret(&retention.postgres_url),
        ),
        ("TM__RETENTION__MONGO_URL", secret(&retention.mongo_url)),
    ];
    let run = async |days: &str, urls: &[(&str, String)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_traffic-manager"));
        command
            .arg("retain")
            .env_clear()
            .envs(&environment)
            .env("TM__AUDIT__RETENTION_DAYS", days);
        command.envs(urls.iter().map(|(key, value)| (*key, value.as_str())));
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .expect("the binary");
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(run("0", &[]).await.0, Some(0), "everything is kept");
    assert_eq!(office.kept(&good).await.len(), 3);
    let (code, log) = run("30", &urls[..1]).await;
    assert!(
        code == Some(1) && log.contains("retention.mongo_url"),
        "{log}"
    );
    let (code, log) = run("30", &urls).await;
    assert_eq!(
        (code, office.kept(&good).await.len()),
        (Some(0), 0),
        "{log}"
    );
    assert!(log.contains("\"removed\":3"), "{log}");

    bad.commit(world).await;
    world
        .collection()
        .await
        .delete_one(doc! { "tenant": "bad", "revision": 2_i64 })
        .await
        .unwrap();
    let (code, log) = run("30", &urls).await;
    assert_eq!(code, Some(3), "{log}");
    assert!(
        log.contains("\"tenant\":\"bad\"")
            && log.contains("\"reason\":\"missing\"")
            && log.contains("\"revision\":2"),
        "{log}"
    );
    assert_eq!(office.kept(&bad).await, [(3, 0)]);
    office.close().await;
}
