//! Writers keep writing while the API, the relay and the consumer are killed with SIGKILL and restarted.
//!
//! Every write carries an Idempotency-Key and an X-Correlation-ID of its own and is retried until its answer is known. In the end each
//! acknowledged write must be in Postgres and once in the archive, each refused one nowhere, and every chain must verify.
//! `TM_KILL_WRITES` sets the size (`make soak-kill` runs 20,000), `TM_KILL_SEED` replays a choice of writes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use traffic_manager::{audit::document::ArchivedEvent, domain::chain};

use crate::{
    processes::{Process, eventually},
    support::World,
};

const CALLERS: usize = 32;
const TENANTS: usize = 50;
const ROUTES: usize = 4;

/// What a caller knows of one write in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// Answered 2xx with a new revision.
    Committed { tenant: String, revision: u64 },
    /// Answered 2xx, and nothing had to be changed.
    Unchanged,
    /// Answered 404, 409 or 412.
    Refused,
}

#[derive(Default)]
struct Ledger {
    fates: HashMap<String, Fate>,
    attempts: usize,
    unknown: usize,
}

struct Write {
    id: String,
    tenant: String,
    method: reqwest::Method,
    path: String,
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

/// A random write: mostly upserts, some state changes, deletes, no-ops, and some that must be refused.
fn random_write(rng: &mut StdRng, number: usize) -> Write {
    let tenant = format!("t{}", rng.random_range(0..TENANTS));
    let version = format!("v{}", rng.random_range(0..ROUTES));
    let path = format!("/routes/{tenant}/web/prod/{version}");
    let id = format!("w-{number}");
    let spec = json!({ "url": format!("http://host-{}.example/", rng.random_range(0..50)) });
    let write = |method, path, body, headers| Write { id: id.clone(), tenant: tenant.clone(), method, path, body, headers };
    match rng.random_range(0..100) {
        0..75 => write(reqwest::Method::PUT, path, Some(spec), vec![]),
        75..85 => write(reqwest::Method::POST, format!("{path}/deactivate"), None, vec![]),
        85..90 => write(reqwest::Method::POST, format!("{path}/activate"), None, vec![]),
        90..95 => write(reqwest::Method::DELETE, path, None, vec![]),
        _ => write(reqwest::Method::PUT, path, Some(spec), vec![("if-match", "\"0123456789abcdef.7\"".to_owned())]),
    }
}

/// Sends a write until its answer is known.
async fn settle(client: &reqwest::Client, base: &str, write: &Write, ledger: &Mutex<Ledger>) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(Instant::now() < deadline, "{} was never answered", write.id);
        let mut request = client
            .request(write.method.clone(), format!("{base}{}", write.path))
            .header("x-correlation-id", &write.id)
            .header("idempotency-key", &write.id);
        for (name, value) in &write.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &write.body {
            request = request.json(body);
        }
        ledger.lock().await.attempts += 1;
        let fate = match request.send().await {
            Ok(response) if response.status().is_success() => {
                let unchanged = response.headers().contains_key("tm-unchanged");
                let tag = response.headers()["etag"].to_str().expect("a tag").trim_matches('"').to_owned();
                let revision = tag.split('.').nth(1).expect("a revision").parse().expect("a number");
                if unchanged { Fate::Unchanged } else { Fate::Committed { tenant: write.tenant.clone(), revision } }
            }
            Ok(response) if [404, 409, 412].contains(&response.status().as_u16()) => Fate::Refused,
            Ok(response) if response.status() == 503 => {
                ledger.lock().await.unknown += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            Ok(response) => {
                panic!("{}: unexpected {}: {}", write.id, response.status(), response.text().await.unwrap_or_default())
            }
            // The process was killed: whether the write was committed is unknown until the retry.
            Err(_) => {
                ledger.lock().await.unknown += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        ledger.lock().await.fates.insert(write.id.clone(), fate);
        return;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill9_of_every_process_loses_nothing_and_doubles_nothing() {
    let _alone = crate::hangs::alone().await;
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let writes = usize::try_from(number("TM_KILL_WRITES", 2000)).expect("a size");
    let seed = number("TM_KILL_SEED", rand::random());
    println!("seed {seed}, {writes} writes from {CALLERS} callers over {TENANTS} tenants");
    let world = World::new().await;
    let serve = Process::start("serve", &world.environment);
    let base = format!("{}/api/v1", serve.base());
    serve.ready().await;
    let relay = Process::start("relay", &world.environment);
    let audit = Process::start("audit", &world.environment);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (base, ledger, next) = (base.clone(), ledger.clone(), next.clone());
            tokio::spawn(async move {
                let client = crate::support::secure::http().timeout(Duration::from_secs(10)).build().expect("a client");
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= writes {
                        return;
                    }
                    let mut rng = StdRng::seed_from_u64(seed.wrapping_add(number as u64));
                    settle(&client, &base, &random_write(&mut rng, number), &ledger).await;
                }
            })
        })
        .collect();
    let killed = kill_in_turn([serve, relay, audit], &next, writes).await;
    for caller in callers {
        caller.await.expect("every write was answered");
    }
    println!("writes took {:?}; kills: {:?}", started.elapsed(), killed.iter().map(|process| process.kills).collect::<Vec<_>>());
    assert!(killed.iter().all(|process| process.kills >= 2), "each process must have been killed at least twice");
    let ledger = ledger.lock().await;
    check(&world, &ledger, started).await;
    drop(killed);
    world.end().await;
}

/// Kills one process after another as the writes progress, each several times, the API while writes are under way.
async fn kill_in_turn(mut processes: [Process; 3], next: &AtomicUsize, writes: usize) -> [Process; 3] {
    let rounds = 9.max(writes / 1000);
    for round in 0..rounds {
        let due = writes * (round + 1) / (rounds + 1);
        eventually(Duration::from_secs(300), "the writes go on", async || next.load(Ordering::Relaxed) >= due).await;
        let process = &mut processes[round % 3];
        process.kill_and_restart();
        process.ready().await;
    }
    processes
}

async fn check(world: &World, ledger: &Ledger, started: Instant) {
    let drained = Instant::now();
    let count = async |sql: &str| world.db.count(sql).await;
    eventually(Duration::from_secs(120), "the outbox drains", async || count("select count(*) from outbox").await == 0).await;
    let events = count("select count(*) from route_events").await;
    eventually(Duration::from_secs(120), "the archive has every event", async || {
        world.archived_count().await >= u64::try_from(events).expect("a count")
    })
    .await;
    println!("drained {:?} after the last write; {:?} in all", drained.elapsed(), started.elapsed());

    let rows = world.db.rows("select tenant, revision, payload::text from route_events", &[]).await;
    let mut in_postgres: HashMap<String, (String, u64)> = HashMap::new();
    for row in &rows {
        let payload: Value = serde_json::from_str(row.get(2)).expect("an event");
        let revision = u64::try_from(row.get::<_, i64>(1)).expect("a revision");
        let doubled = in_postgres.insert(payload["request_id"].as_str().expect("an id").to_owned(), (row.get(0), revision));
        assert_eq!(doubled, None, "one write made two events");
    }
    for (id, fate) in &ledger.fates {
        match fate {
            Fate::Committed { tenant, revision } => {
                assert_eq!(in_postgres.get(id), Some(&(tenant.clone(), *revision)), "an acknowledged write: {id}");
            }
            Fate::Unchanged | Fate::Refused => assert_eq!(in_postgres.get(id), None, "a write that must have left nothing: {id}"),
        }
    }
    let committed = ledger.fates.values().filter(|fate| matches!(fate, Fate::Committed { .. })).count();
    assert_eq!(in_postgres.len(), committed, "an event of no acknowledged write");
    assert!(ledger.fates.values().any(|fate| *fate == Fate::Refused), "the load must have had refusals");

    let documents = world.archived().await;
    assert_eq!(documents.len(), rows.len(), "the archive holds each event once");
    let ids: HashSet<_> = documents.iter().map(|document| document.correlation_id.clone()).collect();
    assert_eq!(ids, in_postgres.keys().cloned().collect());
    verify_chains(&documents);
    println!(
        "lost 0, doubled 0; {committed} committed, {} refused, {} unchanged, {} attempts, {} attempts without a known answer",
        ledger.fates.values().filter(|fate| **fate == Fate::Refused).count(),
        ledger.fates.values().filter(|fate| **fate == Fate::Unchanged).count(),
        ledger.attempts,
        ledger.unknown,
    );
}

/// Revisions 1..n without a gap, each event's own hash right, and each naming the one before.
fn verify_chains(documents: &[ArchivedEvent]) {
    let mut chains: BTreeMap<&str, BTreeMap<i64, &Value>> = BTreeMap::new();
    for document in documents {
        let doubled = chains.entry(&document.tenant).or_default().insert(document.revision, &document.event);
        assert!(doubled.is_none(), "one revision stands twice");
    }
    for (tenant, chain) in chains {
        let mut previous = "0".repeat(64);
        for (expected, (revision, event)) in (1..).zip(&chain) {
            assert_eq!(*revision, expected, "{tenant} has a gap");
            assert_eq!(event["prev_hash"], previous, "{tenant} {revision}");
            previous = chain::check(event).unwrap_or_else(|error| panic!("{tenant} {revision}: {error}")).to_string();
        }
    }
}
