//! A model of `PostgreSQL`'s promises, and no more.
//!
//! Rows of a tenant are locked by one transaction at a time. A transaction is done whole or not at
//! all. Ids of the queue are given out before the commit. A replica is some time behind. A delete
//! under the fence deletes nothing for a leader that another has followed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use traffic_manager_core::{
    event::{Change, Event},
    hash::EventHash,
    ids::{EnvName, RouteName, ServiceName, TenantName},
    route::Route,
    snapshot::{SnapshotRoute, TenantContent},
    tag::{Revision, VersionTag},
    tenant::Tenant,
    write::rows::{Answer, IdempotencyKey, Locked, LockedTenant, OutboxRow, Rows, RowsToLock},
};

/// A tenant as it is stored.
#[derive(Debug, Clone)]
struct Held {
    tenant: Tenant,
    head: EventHash,
    routes: BTreeMap<RouteName, Route>,
    scopes: BTreeMap<(ServiceName, EnvName), Revision>,
}

impl Held {
    fn content(&self) -> TenantContent {
        let routes = self.routes.values().map(|route| SnapshotRoute {
            name: route.name.clone(),
            url: route.spec.url.clone(),
            is_active: route.spec.is_active,
            labels: route.spec.labels.clone(),
            revision: route.revision,
        });
        let scopes = self
            .scopes
            .iter()
            .map(|((service, env), revision)| (service.clone(), env.clone(), *revision));
        TenantContent {
            tag: self.tenant.tag(),
            routes: routes.collect(),
            policies: Vec::new(),
            scopes: scopes.collect(),
            waiters: self.tenant.quotas.waiters,
            confirmed: self.tenant.confirmed.as_deref().cloned(),
        }
    }
}

/// A transaction under way.
#[derive(Default)]
struct Open {
    locks: BTreeSet<TenantName>,
    creates: BTreeSet<TenantName>,
    rows: Rows,
    ids: Vec<i64>,
}

/// The reason that a transaction cannot write now.
pub enum Refused {
    /// Another transaction has not ended yet.
    Waits,
    /// Another transaction was first. The caller must begin again.
    LostRace,
}

/// Everything that was ever committed of one tenant, over all of its epochs.
#[derive(Default)]
pub struct Past {
    /// The events, in commit order.
    pub events: Vec<Event>,
    /// The number of each commit that touched the tenant, and the content after it.
    pub states: Vec<(u64, Option<Arc<TenantContent>>)>,
    /// The place of each tag in the order of all revisions.
    pub places: HashMap<VersionTag, u64>,
    /// The place of the first revision after the tenant was last absent, unless it still is.
    pub absent_until: Option<u64>,
}

/// The state of the database.
#[derive(Default)]
pub struct Database {
    tenants: BTreeMap<TenantName, Held>,
    answers: HashMap<IdempotencyKey, Answer>,
    /// The history of each tenant.
    pub past: BTreeMap<TenantName, Past>,
    /// The rows of the queue by id.
    pub outbox: BTreeMap<i64, OutboxRow>,
    next_id: i64,
    open: BTreeMap<u64, Open>,
    next_tx: u64,
    revisions: u64,
    commits: u64,
    /// The last commit that the replica has replayed.
    pub replayed: u64,
    /// The session that holds the relay's lock.
    pub leader: Option<u64>,
    /// The epoch of the newest leader, which fences earlier leaders.
    pub lease_epoch: i64,
}

impl Database {
    /// Begins a transaction, which locks and reads the `wanted` rows; `None` while another
    /// transaction has one of the locks.
    pub fn begin(&mut self, wanted: &RowsToLock) -> Option<(u64, Locked)> {
        let locks: BTreeSet<_> = wanted
            .tenants
            .iter()
            .filter(|name| self.tenants.contains_key(*name))
            .cloned()
            .collect();
        if self
            .open
            .values()
            .any(|open| !open.locks.is_disjoint(&locks))
        {
            return None;
        }
        let held: Vec<_> = locks
            .iter()
            .filter_map(|name| Some((name, self.tenants.get(name)?)))
            .collect();
        let whole = |name: &TenantName| wanted.whole.contains(name) || wanted.ending.contains(name);
        let is_wanted = |name: &TenantName, route: &RouteName| {
            whole(name)
                || wanted
                    .routes
                    .iter()
                    .any(|key| key.tenant == *name && key.name == *route)
        };
        let routes = held.iter().flat_map(|(name, held)| {
            let wanted = held
                .routes
                .values()
                .filter(|route| is_wanted(name, &route.name));
            wanted.map(|route| ((*name).clone(), route.clone()))
        });
        let active = |held: &Held| {
            u32::try_from(
                held.routes
                    .values()
                    .filter(|route| route.spec.is_active)
                    .count(),
            )
            .unwrap()
        };
        let locked = Locked {
            tenants: held
                .iter()
                .map(|(_, held)| LockedTenant {
                    tenant: held.tenant.clone(),
                    chain_head: held.head,
                    is_of_other_timeline: false,
                })
                .collect(),
            routes: routes.collect(),
            active: held
                .iter()
                .filter(|(name, _)| wanted.active_of.contains(*name))
                .map(|(n, held)| ((*n).clone(), active(held)))
                .collect(),
            answers: wanted
                .keys
                .iter()
                .filter_map(|key| Some((key.clone(), self.answers.get(key)?.clone())))
                .collect(),
            ..Locked::default()
        };
        self.next_tx += 1;
        self.open.insert(
            self.next_tx,
            Open {
                locks,
                ..Open::default()
            },
        );
        Some((self.next_tx, locked))
    }

    /// Writes under the locks. The queue's ids are given out here, and so not in the order of
    /// commits.
    pub fn write(&mut self, tx: u64, rows: Rows) -> Result<(), Refused> {
        let creates: BTreeSet<_> = rows
            .insert_tenants
            .iter()
            .map(|(tenant, _)| tenant.name.clone())
            .collect();
        if self
            .open
            .iter()
            .any(|(other, open)| *other != tx && !open.creates.is_disjoint(&creates))
        {
            return Err(Refused::Waits);
        }
        let is_taken = |name: &TenantName| self.tenants.contains_key(name);
        if creates.iter().any(is_taken)
            || rows
                .answers
                .iter()
                .any(|(key, _)| self.answers.contains_key(key))
        {
            return Err(Refused::LostRace);
        }
        let Some(open) = self.open.get_mut(&tx) else {
            return Err(Refused::LostRace);
        };
        open.creates = creates;
        open.ids = rows
            .events
            .iter()
            .map(|_| {
                self.next_id += 1;
                self.next_id
            })
            .collect();
        open.rows = rows;
        Ok(())
    }

    /// Rolls a transaction back. Ids that were given out are not given out again.
    pub fn roll_back(&mut self, tx: u64) {
        self.open.remove(&tx);
    }

    /// Commits a transaction. Returns false if it is not open any more.
    pub fn commit(&mut self, tx: u64) -> bool {
        let Some(Open { rows, ids, .. }) = self.open.remove(&tx) else {
            return false;
        };
        self.commits += 1;
        let mut touched = BTreeSet::new();
        for (tenant, head) in rows.insert_tenants {
            let held = Held {
                head,
                routes: BTreeMap::new(),
                scopes: BTreeMap::new(),
                tenant,
            };
            self.tenants.insert(held.tenant.name.clone(), held);
        }
        for (tenant, head) in rows.update_tenants {
            let Some(held) = self.tenants.get_mut(&tenant.name) else {
                continue;
            };
            if held.tenant.epoch != tenant.epoch {
                held.scopes.clear();
            }
            (held.tenant, held.head) = (tenant, head);
        }
        for key in rows.delete_routes {
            self.tenants
                .get_mut(&key.tenant)
                .and_then(|held| held.routes.remove(&key.name));
        }
        for (name, route) in rows.upsert_routes {
            self.tenants
                .get_mut(&name)
                .map(|held| held.routes.insert(route.name.clone(), route));
        }
        for new in &rows.events {
            let body = &new.event.body;
            if let (Some(held), Some((service, env))) =
                (self.tenants.get_mut(&body.tenant), body.change.place())
                && held.tenant.epoch == body.epoch
            {
                held.scopes
                    .insert((service.clone(), env.clone()), body.revision);
            }
        }
        for name in rows.delete_tenants {
            self.tenants.remove(&name);
        }
        self.answers.extend(rows.answers);
        for (new, id) in rows.events.into_iter().zip(ids) {
            let body = &new.event.body;
            touched.insert(body.tenant.clone());
            let row = OutboxRow {
                id,
                event_id: body.id,
                payload: new.payload,
                ce_type: body.ce_type(),
                tag: new.event.tag(),
                tenant: body.tenant.clone(),
                subject: body.tenant.to_string(),
                occurred_at: body.occurred_at,
                traceparent: None,
                replay: None,
            };
            self.outbox.insert(id, row);
            self.remember(new.event);
        }
        for name in touched {
            let content = self.tenants.get(&name).map(|held| Arc::new(held.content()));
            self.past
                .entry(name)
                .or_default()
                .states
                .push((self.commits, content));
        }
        true
    }

    fn remember(&mut self, event: Event) {
        let past = self.past.entry(event.body.tenant.clone()).or_default();
        if event.body.item == 0 {
            self.revisions += 1;
        }
        past.places.insert(event.tag(), self.revisions);
        match event.body.change {
            Change::Tenant { after: None, .. } => past.absent_until = None,
            _ => drop(past.absent_until.get_or_insert(self.revisions)),
        }
        past.events.push(event);
    }

    /// Returns the first rows of the queue.
    pub fn queue(&self, count: usize) -> Vec<OutboxRow> {
        self.outbox.values().take(count).cloned().collect()
    }

    /// Deletes rows for the leader of an epoch, and returns the deleted rows.
    pub fn delete(&mut self, ids: &[i64], epoch: i64) -> Vec<OutboxRow> {
        if epoch != self.lease_epoch {
            return Vec::new();
        }
        ids.iter().filter_map(|id| self.outbox.remove(id)).collect()
    }

    /// Returns the tag of a tenant on the primary.
    pub fn tag(&self, tenant: &TenantName) -> Option<VersionTag> {
        self.tenants.get(tenant).map(|held| held.tenant.tag())
    }

    /// Returns a tenant as the primary or the replica has it.
    pub fn content(&self, tenant: &TenantName, on_replica: bool) -> Option<Arc<TenantContent>> {
        let until = if on_replica {
            self.replayed
        } else {
            self.commits
        };
        let states = &self.past.get(tenant)?.states;
        states
            .iter()
            .rev()
            .find(|(commit, _)| *commit <= until)?
            .1
            .clone()
    }

    /// Returns the newest tag and hash of a tenant; `None` if there is no such tenant.
    pub fn head(&self, tenant: &TenantName) -> Option<(VersionTag, EventHash)> {
        self.tenants
            .get(tenant)
            .map(|held| (held.tenant.tag(), held.head))
    }

    /// Returns the answer that is stored for a key.
    pub fn answer(&self, key: &IdempotencyKey) -> Option<&Answer> {
        self.answers.get(key)
    }

    /// Replays one more commit on the replica.
    pub fn replay(&mut self) {
        self.replayed = self.commits.min(self.replayed + 1);
    }

    /// Returns true while a transaction is under way.
    pub fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }
}
