//! Runs random histories of commands against the real writer on a real database, and compares the
//! result with a plain model.
//!
//! Every history follows from a seed, which a failure's message names: `TM_MODEL_SEED=<seed>`
//! repeats the history. `TM_MODEL_STEPS` makes the histories longer.

#[path = "support/mod.rs"]
mod support;

#[path = "model/commands.rs"]
mod commands;
#[path = "model/plain.rs"]
mod plain;
#[path = "model/policies.rs"]
mod policies;
#[path = "model/races.rs"]
mod races;
#[path = "model/replay.rs"]
mod replay;
#[path = "model/rules.rs"]
mod rules;
#[path = "model/verify.rs"]
mod verify;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use commands::{Source, Step};
use parking_lot::Mutex;
use proptest::prelude::*;
use support::{Database, settings};
use traffic_manager::{
    app::services::WritePath,
    config::Settings,
    domain::{
        command::Rejection,
        hash::EventHash,
        host::claims::Claims,
        ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName},
        policy::Policy,
        route::Route,
        tag::{Epoch, Revision},
        tenant::{Quotas, Tenant},
    },
    service::{
        self,
        write::{
            batch::{self, Request},
            unpublished::Unpublished,
            writer::{OnCommit, Writer},
        },
    },
    store::{
        self, Server,
        group::{self, Locked},
        idempotency::{Answer, Key},
        router::Router,
        tenants::LockedTenant,
    },
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
    writer: Arc<Writer>,
    server: Arc<Server>,
}

impl Instance {
    fn start(db: &Database) -> Self {
        let mut settings: Settings = settings(db, &[]);
        settings.limits.routes_per_tenant = QUOTA;
        let router = Router::connect(&settings.postgres, &settings.resilience).unwrap();
        let router = Arc::new(router);
        let server = router.primary().clone();
        let nothing: OnCommit = Arc::new(|_| {});
        let unpublished = Unpublished::new(&settings.audit);
        let path = WritePath::start(&settings, &router, unpublished, nothing).unwrap();
        let writer = path.writer;
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
async fn a_history_in_sequence_is_what_the_model_says() {
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
async fn concurrent_histories_through_two_instances_are_gapless_and_true() {
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
                    heard.lock().push((request, reply));
                }
            })
        });
        for sender in futures_util::future::join_all(senders).await {
            sender.unwrap_or_else(|error| panic!("TM_MODEL_SEED={seed}: {error}"));
        }
        let heard = std::mem::take(&mut *heard.lock());
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
async fn groups_of_any_size_commit_the_same_as_one_at_a_time() {
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The pure middle of a group commit: a group of n commands gives the same result as n groups
    /// of one.
    #[test]
    fn planning_a_group_is_planning_its_commands_one_at_a_time(steps in prop::collection::vec(any::<u64>().prop_map(Step), 1..25)) {
        let requests: Vec<Request> = steps.iter().enumerate().map(|(at, step)| step.request(at as u64, &[])).collect();
        let mut rows = Rows::default();
        let mut replies = Vec::new();
        let mut events = Vec::new();
        for request in &requests {
            let plan = batch::plan(std::slice::from_ref(request), rows.locked(std::slice::from_ref(request)), quotas()).unwrap();
            events.extend(plan.rows.events.clone());
            replies.extend(plan.replies.clone());
            rows.write(&plan.rows);
        }
        let whole = batch::plan(&requests, Locked::default(), quotas()).unwrap();
        prop_assert_eq!(&whole.replies, &replies);
        prop_assert_eq!(
            whole.rows.events.iter().map(|new| &new.payload).collect::<Vec<_>>(),
            events.iter().map(|new| &new.payload).collect::<Vec<_>>()
        );
        let mut once = Rows::default();
        once.write(&whole.rows);
        prop_assert_eq!(once, rows);
    }
}

/// The parts of the tables that a plan reads and writes.
#[derive(Debug, Default, PartialEq)]
struct Rows {
    tenants: BTreeMap<TenantName, (Tenant, EventHash)>,
    routes: BTreeMap<(TenantName, RouteName), Route>,
    policies: BTreeMap<(TenantName, PolicyName), Policy>,
    scopes: BTreeMap<(TenantName, ServiceName, EnvName), (Epoch, Revision)>,
    answers: BTreeMap<(TenantName, String), Answer>,
}

impl Rows {
    /// Returns the claims on the hosts that a group may write. For tenants outside the group they
    /// only say that a host is taken.
    fn taken(&self, group: &[Request]) -> Claims {
        let wanted = batch::wanted(group);
        let held = self.policies.iter().flat_map(|(place, policy)| {
            policy
                .spec
                .hosts
                .iter()
                .map(move |host| (place, policy, host))
        });
        let of_policies = wanted
            .policies
            .iter()
            .filter_map(|key| self.policies.get(&(key.tenant.clone(), key.name.clone())));
        let hosts: HashSet<_> = of_policies
            .flat_map(|policy| &policy.spec.hosts)
            .chain(wanted.hosts.iter().map(|(_, host)| host))
            .collect();
        let mut claims = Claims::default();
        for ((tenant, name), policy, host) in held {
            if wanted.tenants.contains(tenant) {
                claims.insert(host, &policy.spec.path_prefix, tenant, name);
            } else {
                hosts
                    .iter()
                    .filter(|wanted| wanted.overlaps(host))
                    .for_each(|wanted| claims.insert_unseen((*wanted).clone()));
            }
        }
        claims
    }

    /// Returns the rows that a group may see.
    fn locked(&self, group: &[Request]) -> Locked {
        let key = |(tenant, key): &(TenantName, String)| Key {
            tenant: tenant.clone(),
            actor: format!("{}:{}", commands::KIND, commands::ACTOR),
            key: key.clone(),
        };
        let active = |tenant: &TenantName| {
            let active = self
                .routes
                .iter()
                .filter(|((owner, _), route)| owner == tenant && route.spec.is_active);
            (tenant.clone(), u32::try_from(active.count()).unwrap())
        };
        Locked {
            tenants: self
                .tenants
                .values()
                .map(|(tenant, chain_head)| LockedTenant {
                    tenant: tenant.clone(),
                    chain_head: *chain_head,
                    is_foreign: false,
                })
                .collect(),
            routes: self
                .routes
                .iter()
                .map(|((tenant, _), route)| (tenant.clone(), route.clone()))
                .collect(),
            policies: self
                .policies
                .iter()
                .map(|((tenant, _), policy)| (tenant.clone(), policy.clone()))
                .collect(),
            hosts: self.taken(group),
            scopes: self
                .scopes
                .iter()
                .map(|((t, s, e), (_, revision))| (t.clone(), (s.clone(), e.clone()), *revision))
                .collect(),
            active: self.tenants.keys().map(active).collect(),
            patterns: Vec::new(),
            answers: self
                .answers
                .iter()
                .map(|(name, answer)| (key(name), answer.clone()))
                .collect(),
        }
    }

    /// Writes rows like the database: inserting an existing row and updating a missing row are
    /// errors.
    fn write(&mut self, rows: &group::Rows) {
        for (tenant, head) in &rows.insert_tenants {
            assert!(
                self.tenants
                    .insert(tenant.name.clone(), (tenant.clone(), *head))
                    .is_none()
            );
        }
        for (tenant, head) in &rows.update_tenants {
            assert!(
                self.tenants
                    .insert(tenant.name.clone(), (tenant.clone(), *head))
                    .is_some()
            );
        }
        for key in &rows.delete_routes {
            self.routes.remove(&(key.tenant.clone(), key.name.clone()));
        }
        for (tenant, route) in &rows.upsert_routes {
            assert!(self.tenants.contains_key(tenant));
            self.routes
                .insert((tenant.clone(), route.name.clone()), route.clone());
        }
        for key in &rows.delete_policies {
            self.policies
                .remove(&(key.tenant.clone(), key.name.clone()));
        }
        for (tenant, policy) in &rows.upsert_policies {
            assert!(self.tenants.contains_key(tenant));
            self.policies
                .insert((tenant.clone(), policy.name.clone()), policy.clone());
        }
        let hosts: Vec<_> = self
            .policies
            .iter()
            .flat_map(|((tenant, _), p)| {
                p.spec
                    .hosts
                    .iter()
                    .map(move |host| (tenant, host, &p.spec.path_prefix))
            })
            .collect();
        for (at, (tenant, host, prefix)) in hosts.iter().enumerate() {
            for (other_tenant, other, other_prefix) in &hosts[..at] {
                let is_fine = if tenant == other_tenant {
                    (host, prefix) != (other, other_prefix)
                } else {
                    !host.overlaps(other)
                };
                assert!(
                    is_fine,
                    "{tenant} {host}{prefix:?} and {other_tenant} {other}{other_prefix:?}"
                );
            }
        }
        for new in &rows.events {
            let body = &new.event.body;
            if let Some((service, env)) = body.change.place() {
                let scope = (body.tenant.clone(), service.clone(), env.clone());
                self.scopes
                    .insert(scope, (body.epoch.clone(), body.revision));
            }
        }
        for tenant in &rows.delete_tenants {
            assert!(self.tenants.remove(tenant).is_some());
            assert!(self.routes.keys().all(|(owner, _)| owner != tenant));
            assert!(self.policies.keys().all(|(owner, _)| owner != tenant));
        }
        // Scope rows of a tenant's earlier epochs do not count.
        let tenants = &self.tenants;
        self.scopes.retain(|(tenant, ..), (epoch, _)| {
            tenants
                .get(tenant)
                .is_some_and(|(tenant, _)| tenant.epoch == *epoch)
        });
        for (key, answer) in &rows.answers {
            assert!(
                self.answers
                    .insert((key.tenant.clone(), key.key.clone()), answer.clone())
                    .is_none()
            );
        }
    }
}
