//! Runs random histories of commands against the real writer on a real database, and compares the
//! result with a plain model.
//!
//! Every history follows from a seed, which a failure's message names: `TM_MODEL_SEED=<seed>`
//! repeats the history. `TM_MODEL_STEPS` makes the histories longer.

#[path = "../crates/core/tests/model/commands.rs"]
mod commands;
#[path = "model/plain.rs"]
mod plain;
#[path = "../crates/core/tests/model/policies.rs"]
mod policies;
#[path = "model/races.rs"]
mod races;
#[path = "model/replay.rs"]
mod replay;
#[path = "model/rules.rs"]
mod rules;
#[path = "model/verify.rs"]
mod verify;

use test_support as support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use commands::Source;
use support::{Database, settings};
use traffic_manager::{
    config::Settings,
    domain::{command::Rejection, tenant::Quotas},
    service::{
        self,
        batch::{self, Request},
        privacy::Privacy,
        unpublished::Unpublished,
        writer::{OnCommit, Writer},
    },
    store::{self, Server},
};

/// The most routes of a tenant without a quota of its own. The number is low, so that histories
/// reach the quota.
const QUOTA: u32 = 4;

/// The default quotas of a tenant.
fn quotas() -> Quotas {
    Quotas {
        routes: Some(QUOTA),
        ..Quotas::default()
    }
}

struct Instance {
    writer: Writer,
    server: Arc<Server>,
}

impl Instance {
    fn start(db: &Database) -> Self {
        let mut settings: Settings = settings(db, &[]);
        settings.limits.routes_per_tenant = QUOTA;
        let primary = &settings.postgres.primary_url;
        let server = Server::new(
            "postgres_primary",
            "postgres.primary_url",
            primary,
            &settings.postgres,
            settings
                .resilience
                .policy(&settings.resilience.postgres_primary),
        )
        .unwrap();
        let server = Arc::new(server);
        let nothing: OnCommit = Arc::new(|_| {});
        let (writer, _lanes) = Writer::start(
            server.clone(),
            &settings.write,
            &settings.limits,
            Arc::new(Privacy::off()),
            Unpublished::new(&settings.audit),
            nothing,
        );
        Self { writer, server }
    }
}

/// Each request with the reply that its sender received.
pub type Heard = Vec<(Request, Result<batch::Reply, Rejection>)>;

async fn write(instance: &Instance, request: &Request) -> Result<batch::Reply, Rejection> {
    match instance.writer.write(request.clone()).await {
        Ok(reply) => Ok(reply),
        Err(service::Error::Rejected(rejection)) => Err(rejection),
        Err(error) => panic!("{request:?}: {error:?}"),
    }
}

fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("TM_MODEL_SEED") {
        Ok(seed) => vec![seed.parse().expect("a seed is a number")],
        // New seeds in every run: a failure prints its own.
        Err(_) => (0..count)
            .map(|_| uuid::Uuid::new_v4().as_u64_pair().0)
            .collect(),
    }
}

fn steps(default: usize) -> usize {
    std::env::var("TM_MODEL_STEPS")
        .map_or(default, |steps| steps.parse().expect("a number of steps"))
}

/// Sends one command at a time: the plain model predicts every reply.
#[tokio::test(flavor = "multi_thread")]
async fn sequential_history_matches_the_model() {
    let mut covered = BTreeMap::new();
    // A history that never meets a sort of reply does not test it. So at least three histories run,
    // and more until every sort was met.
    let is_covered = |covered: &BTreeMap<String, i32>| {
        plain::SORTS.iter().all(|sort| covered.contains_key(*sort))
    };
    for (at, seed) in seeds(12).into_iter().enumerate() {
        if at >= 3 && is_covered(&covered) {
            break;
        }
        let db = Database::create().await;
        let instance = Instance::start(&db);
        let mut source = Source::new(seed);
        let mut model = plain::Model::new(quotas());
        let mut heard = Heard::new();
        for step in 0..steps(400) {
            let request = source.request(&model.tags());
            let got = write(&instance, &request).await;
            let want = model.answer(&request);
            let got_plain = plain::of_reply(got.clone());
            assert_eq!(
                got_plain, want,
                "TM_MODEL_SEED={seed} step {step}: {request:?}\ngot {got:?}"
            );
            heard.push((request, got));
        }
        for reply in heard.iter().map(|(_, reply)| plain::sort_of(reply)) {
            *covered.entry(reply).or_insert(0) += 1;
        }
        verify::all(&db, &heard, seed).await;
        assert_eq!(
            model.rows(),
            verify::rows(&db).await,
            "TM_MODEL_SEED={seed}"
        );
    }
    assert!(
        is_covered(&covered) || std::env::var("TM_MODEL_SEED").is_ok(),
        "{:?} {covered:?}",
        plain::SORTS
    );
}

/// Many senders and two instances at a time. The stored history must explain every reply, whatever
/// the order was.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_histories_of_two_instances_explain_every_reply() {
    for seed in seeds(3) {
        let db = Database::create().await;
        let instances = [
            Arc::new(Instance::start(&db)),
            Arc::new(Instance::start(&db)),
        ];
        let heard = Arc::new(Mutex::new(Heard::new()));
        let senders = (0..24_u64).map(|sender| {
            let (instance, heard) = (
                instances[usize::try_from(sender % 2).unwrap()].clone(),
                heard.clone(),
            );
            tokio::spawn(async move {
                let mut source = Source::of_sender(seed, sender);
                let mut tags = Vec::new();
                for _ in 0..steps(60) {
                    let request = source.request(&tags);
                    let reply = write(&instance, &request).await;
                    if let Ok(reply) = &reply {
                        tags.push(reply.outcome.tag.clone());
                        let excess = tags.len().saturating_sub(6);
                        tags.drain(..excess);
                    }
                    heard.lock().unwrap().push((request, reply));
                }
            })
        });
        for sender in futures_util::future::join_all(senders).await {
            sender.unwrap_or_else(|error| panic!("TM_MODEL_SEED={seed}: {error}"));
        }
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert!(
            heard
                .iter()
                .filter(|(_, reply)| matches!(reply, Ok(reply) if !reply.replayed))
                .count()
                > 100
        );
        verify::all(&db, &heard, seed).await;
    }
}

/// Runs the transaction of a group with stored rows, in several group sizes. The database must end
/// in the same state.
#[tokio::test(flavor = "multi_thread")]
async fn groups_of_any_size_commit_the_same_state() {
    for seed in seeds(2) {
        let mut ends = Vec::new();
        for size in [1, 7, 60] {
            let db = Database::create().await;
            let instance = Instance::start(&db);
            let mut source = Source::new(seed);
            let requests: Vec<Request> = (0..steps(240)).map(|_| source.request(&[])).collect();
            let mut heard = Heard::new();
            for group in requests.chunks(size) {
                let mut client = instance.server.connection().await.unwrap();
                let limit = std::time::Duration::from_secs(10);
                let decide = |locked| Ok(batch::plan(group, locked, quotas()).unwrap().split());
                let wanted = batch::wanted(group);
                let committed = Box::pin(store::group::commit(
                    &mut client,
                    instance.server.tls(),
                    &wanted,
                    limit,
                    decide,
                ))
                .await
                .unwrap();
                assert_eq!(committed.replies.len(), group.len());
                heard.extend(group.iter().cloned().zip(committed.replies));
            }
            verify::all(&db, &heard, seed).await;
            let replies: Vec<_> = heard.into_iter().map(|(_, reply)| reply).collect();
            ends.push((replies, verify::state(&db).await));
        }
        assert!(
            ends.iter().all(|end| *end == ends[0]),
            "TM_MODEL_SEED={seed}"
        );
    }
}
