//! Random groups of commands: the decision of a group is the decision of its commands one at a time.
//! `tests/model.rs` of the server runs the same commands against a real database.

#[expect(dead_code, reason = "the model with a database uses the rest")]
mod commands;
#[expect(dead_code, reason = "the model with a database uses the rest")]
mod policies;

use std::collections::{BTreeMap, HashSet};

use commands::Step;
use proptest::prelude::*;
use traffic_manager_core::{
    hash::EventHash,
    host::claims::Claims,
    ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName},
    policy::Policy,
    route::Route,
    tag::{Epoch, Revision},
    tenant::{Quotas, Tenant},
    write::{
        batch::{self, Request},
        rows::{self, Answer, IdempotencyKey, Locked, LockedTenant},
    },
};

/// The default quotas of a tenant: few routes, so that histories reach the quota.
fn quotas() -> Quotas {
    Quotas {
        routes: Some(4),
        ..Quotas::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The pure middle of a group commit: a group of n commands gives the same result as n groups
    /// of one.
    #[test]
    fn group_plan_equals_plans_of_single_commands(steps in prop::collection::vec(any::<u64>().prop_map(Step), 1..25)) {
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
                for prefix in &policy.spec.path_prefixes {
                    claims.insert(host, prefix, tenant, name);
                }
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
        let key = |(tenant, key): &(TenantName, String)| IdempotencyKey {
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
                    is_of_other_timeline: false,
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
    fn write(&mut self, rows: &rows::Rows) {
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
                    .claims()
                    .map(move |(host, prefix)| (tenant, host, prefix))
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
