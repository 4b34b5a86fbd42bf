//! Personal data on its way: encrypted in Kafka and in the archive, decrypted in audit answers, and
//! erased with the chain intact.

use std::{
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use mongodb::bson::doc;
use serde_json::Value;
use traffic_manager::{app::Role, config::Settings};

use crate::{
    support::{Desk, TestApp, Who, World, eventually, secure},
    topic::records,
};

const KEY: &str = "one:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
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
const EVENTS: u64 = 6;

/// A world with master keys and six events of three people, two of them in one revision.
async fn world_of_people() -> (World, TestApp) {
    let mut world = Box::pin(World::new()).await;
    let keys = Settings::without_environment(&[format!("privacy.master_keys={KEY}")]).unwrap();
    world.settings.privacy = keys.privacy;
    world
        .environment
        .insert("TM__PRIVACY__MASTER_KEYS".into(), KEY.into());
    world
        .environment
        .insert("TM__MIGRATE__POSTGRES_URL".into(), world.db.owner_url());
    let app = Box::pin(TestApp::run(
        world.db.clone(),
        world.settings.clone(),
        Role::All,
    ))
    .await;
    let desk = Desk::of(&world.settings);
    desk.put(ADA, "acme", "http://a", None).await;
    desk.put_all(GRACE, "acme", &["v2", "v3"], "http://b").await;
    desk.put(GRACE, "acme", "http://c", None).await;
    app.post("/routes/acme/web/prod/v1/deactivate")
        .header("x-reason", "canary reason over http")
        .expect(200)
        .await;
    desk.put(ADA, "globex", "http://a", None).await;
    eventually("everything is archived", async || {
        (world.archived_count().await == EVENTS).then_some(())
    })
    .await;
    (world, app)
}

async fn verified(app: &TestApp) -> bool {
    app.get("/audit/verify?tenant=acme").expect(200).await.json["verified"] == true
}

/// Verifies an export with the verifier that shares no code with the service, and returns its
/// output.
async fn verified_by_python(app: &TestApp) -> String {
    let export = app.get("/audit/export?tenant=acme").expect(200).await.bytes;
    let path = std::env::temp_dir().join(format!("tm-privacy-{}.json", uuid::Uuid::new_v4()));
    std::fs::write(&path, export).unwrap();
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify_chain.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(&path)
        .output()
        .expect("python3");
    std::fs::remove_file(&path).unwrap();
    String::from_utf8(output.stdout).unwrap()
}

async fn audited(app: &TestApp, query: &str) -> Vec<[String; 3]> {
    let page = app
        .get(&format!("/audit/events?tenant=acme&limit=200{query}"))
        .expect(200)
        .await
        .json;
    let text = |event: &Value, member: &str| {
        event[member]
            .as_str()
            .unwrap_or_else(|| panic!("{event}"))
            .to_owned()
    };
    let events = page["items"].as_array().unwrap().iter();
    events
        .map(|event| ["changed_by", "reason", "source_ip"].map(|member| text(event, member)))
        .collect()
}

fn said(who: Who) -> [String; 3] {
    [who.id, who.reason, who.address].map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_and_archive_are_encrypted_and_answers_decrypted() {
    let (world, app) = world_of_people().await;
    let mut places = vec![world.db.dump("").await];
    for record in records(&world.settings.kafka.topic, EVENTS as usize).await {
        let headers = record.headers.iter().filter_map(|(_, value)| value.clone());
        places.extend(
            headers
                .chain(record.value)
                .chain(record.key)
                .map(|bytes| String::from_utf8(bytes).unwrap()),
        );
    }
    let mut found = world.collection().await.find(doc! {}).await.unwrap();
    while found.advance().await.unwrap() {
        places.push(found.deserialize_current().unwrap().to_string());
    }
    assert!(
        places
            .iter()
            .filter(|text| text.contains("enc:v1:"))
            .count()
            > 2 * EVENTS as usize
    );
    for text in &places {
        for plain in ["canary", "203.0.113", "127.0.0.1"] {
            assert!(!text.contains(plain), "{plain}: {text}");
        }
    }

    let grace = audited(&app, &format!("&actor={}", GRACE.id)).await;
    assert_eq!(
        grace,
        [said(GRACE), said(GRACE), said(GRACE)],
        "items of a revision as well"
    );
    assert_eq!(
        audited(&app, &format!("&actor={}", ADA.id)).await,
        [said(ADA)]
    );
    let everywhere = app
        .get(&format!("/audit/events?actor={}", ADA.id))
        .expect(200)
        .await
        .json;
    assert_eq!(
        everywhere["items"].as_array().unwrap().len(),
        2,
        "of every tenant"
    );
    let anonymous = audited(&app, &format!("&actor={}", secure::who())).await;
    assert_eq!(
        anonymous,
        [[secure::who(), "canary reason over http", "127.0.0.1"].map(str::to_owned)]
    );
    assert_eq!(audited(&app, "&actor=nobody").await.len(), 0);
    assert_eq!(audited(&app, "").await.len(), 5);
    for path in [
        "route?tenant=acme&service=web&env=prod&version=v1",
        "recent?tenant=acme",
        "action?action=created&tenant=acme",
    ] {
        let text =
            String::from_utf8(app.get(&format!("/audit/{path}")).expect(200).await.bytes).unwrap();
        let whole: Value = serde_json::from_str(&text).unwrap();
        for event in whole["events"].as_array().unwrap() {
            assert!(
                !event["changed_by"].as_str().unwrap().starts_with("enc:"),
                "{path}"
            );
            assert!(
                event["event"]["actor"]["id"]
                    .as_str()
                    .unwrap()
                    .starts_with("enc:v1:"),
                "as published: {path}"
            );
        }
    }
    let csv = app
        .get(&format!(
            "/audit/export?tenant=acme&format=csv&actor={}",
            GRACE.id
        ))
        .expect(200)
        .await
        .bytes;
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(
        (
            csv.lines().count(),
            csv.matches(GRACE.reason).count(),
            csv.matches("enc:v1:").count()
        ),
        (4, 3, 0),
        "{csv}"
    );
    app.drain().await;
    world.end().await;
}

/// Decrypts a value as docs/events.md describes, without the service's own code.
fn opened(key: &[u8], place: &str, sealed: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let (nonce, rest) = sealed.split_at(12);
    let mut rest = rest.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    key.open_in_place(nonce, Aad::from(place), &mut rest)
        .expect("it opens")
        .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_decryption_opens_envelopes_with_the_master_key() {
    let (world, app) = world_of_people().await;
    let mut items = world.archived().await;
    items.retain(|event| event.revision == 2);
    items.sort_by_key(|event| event.item);
    let first = items[0].event_id.clone();
    assert_eq!(items.len(), 2);
    for event in items {
        let event = event.event;
        for (member, envelope, said) in [
            (None, &event["actor"]["id"], GRACE.id),
            (Some("reason"), &event["reason"], GRACE.reason),
            (Some("source_ip"), &event["source_ip"], GRACE.address),
        ] {
            let parts: Vec<_> = envelope.as_str().unwrap().split(':').collect();
            let ["enc", "v1", id, sealed] = parts.as_slice() else {
                panic!("{envelope}")
            };
            let row = &world
                .db
                .rows(
                    "select wrapped from data_keys where tenant = 'acme' and id = $1",
                    &[id],
                )
                .await[0];
            let key = opened(&[1; 32], &format!("acme/key/{id}"), row.get("wrapped"));
            let place = member.map_or(format!("acme/actor/{id}"), |member| {
                format!("acme/{first}/{member}")
            });
            let sealed = URL_SAFE_NO_PAD.decode(sealed).unwrap();
            assert_eq!(opened(&key, &place, &sealed), said.as_bytes());
        }
    }
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envelope_in_another_event_or_member_does_not_open() {
    let (world, app) = world_of_people().await;
    let archive = world.collection().await;
    let of = async |revision: i64| {
        archive
            .find_one(doc! { "tenant": "acme", "revision": revision })
            .await
            .unwrap()
            .unwrap()
    };
    let (second, third) = (of(2).await, of(3).await);
    // Both values belong to one person and are encrypted with one key.
    let (reason, address) = (
        second.get_str("reason").unwrap(),
        third.get_str("source_ip").unwrap(),
    );
    let moved =
        doc! { "$set": { "reason": reason, "source_ip": third.get_str("reason").unwrap() } };
    archive
        .update_one(doc! { "_id": third.get_str("_id").unwrap() }, moved)
        .await
        .unwrap();
    let events = app
        .get("/audit/events?tenant=acme")
        .of_tampered_data()
        .expect(200)
        .await
        .json;
    let tampered = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["revision"] == 3)
        .unwrap();
    assert_eq!(
        (tampered["reason"].as_str(), tampered["changed_by"].as_str()),
        (Some(reason), Some(GRACE.id))
    );
    assert_eq!(
        tampered["source_ip"].as_str(),
        third.get_str("reason").ok(),
        "{address}"
    );
    assert!(!verified(&app).await, "verification finds the change");
    app.drain().await;
    world.end().await;
}

/// Runs a command of the binary.
fn run(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_traffic-manager"));
    command
        .args(arguments)
        .env_clear()
        .envs(&world.environment)
        .stdin(Stdio::null())
        .output()
        .expect("the binary")
}

fn printed(world: &World, arguments: &[&str]) -> String {
    let output = run(world, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn export_and_erasure_commands_keep_the_chain_intact() {
    let (world, app) = world_of_people().await;
    let before = verified_by_python(&app).await;
    assert!(
        verified(&app).await && before.contains("verified 5 events"),
        "{before}"
    );

    let export = ["privacy", "export", "--tenant", "acme", "--actor", GRACE.id];
    let lines = printed(&world, &export);
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 3);
    for event in &events {
        assert_eq!(
            (&event["actor"]["id"], &event["actor"]["kind"]),
            (&GRACE.id.into(), &"user".into())
        );
        assert_eq!(
            (&event["reason"], &event["source_ip"]),
            (&GRACE.reason.into(), &GRACE.address.into())
        );
    }
    assert!(!lines.contains(ADA.id));

    let erase = ["privacy", "erase", "--tenant", "acme", "--actor", GRACE.id];
    assert_eq!(
        printed(&world, &erase),
        "keys destroyed in tenant acme: 1\n"
    );
    let started = Instant::now();
    let erased = ["erased"; 3].map(str::to_owned);
    eventually("grace is erased", async || {
        let all = audited(&app, "").await;
        (all.iter().filter(|event| **event == erased).count() == 3).then_some(())
    })
    .await;
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(
        audited(&app, &format!("&actor={}", ADA.id)).await,
        [said(ADA)],
        "no other person is erased"
    );
    assert_eq!(
        audited(&app, &format!("&actor={}", GRACE.id)).await.len(),
        0
    );
    assert!(verified(&app).await);
    assert_eq!(
        verified_by_python(&app).await,
        before,
        "the same chain with the same head"
    );
    assert_eq!(printed(&world, &export), "");
    assert_eq!(
        printed(&world, &erase),
        "keys destroyed in tenant acme: 0\n"
    );
    assert_eq!(
        printed(&world, &["privacy", "erase", "--tenant", "acme"]),
        "keys destroyed in tenant acme: 2\n"
    );
    assert_eq!(
        printed(&world, &["privacy", "rewrap"]),
        "keys rewrapped with the current master key: 0\n"
    );

    let wrong = run(&world, &["privacy", "erase", "--tenant", "Acme"]);
    assert_eq!(wrong.status.code(), Some(2));
    let broken = run(
        &world,
        &[
            "privacy",
            "rewrap",
            "--set",
            "migrate.postgres_url=postgres://owner:hunter2@127.0.0.1:1/x",
        ],
    );
    let text = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(
        !broken.status.success() && !text.is_empty() && !text.contains("hunter2"),
        "{text}"
    );
    app.drain().await;
    world.end().await;
}
