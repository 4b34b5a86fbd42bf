//! The rows that a group commit reads and writes, and the rows that the relay publishes.

use uuid::Uuid;

use crate::{
    command::Outcome,
    event::Event,
    hash::EventHash,
    host::{Host, claims::Claims},
    ids::{EnvName, PolicyKey, RouteKey, ServiceName, TenantName},
    policy::Policy,
    route::Route,
    tag::{Revision, VersionTag},
    tenant::Tenant,
    time::UtcTime,
};

/// The rows that a group's commands name or depend on. Each list is sorted and has no duplicates.
#[derive(Debug, Clone, Default)]
pub struct RowsToLock {
    /// Tenants to lock, in this order. Rows of other tenants are not visible.
    pub tenants: Vec<TenantName>,
    /// Routes to read under the locks, like everything that follows.
    pub routes: Vec<RouteKey>,
    /// Policies to read, if they exist, with every route of their services.
    pub policies: Vec<PolicyKey>,
    /// Hosts that tenants want. The claims on these hosts, and on the hosts of `policies`, are
    /// read.
    pub hosts: Vec<(TenantName, Host)>,
    /// Tenants whose scopes' revisions are needed.
    pub scopes_of: Vec<TenantName>,
    /// Tenants whose number of active routes is needed.
    pub active_of: Vec<TenantName>,
    /// Tenants whose number of patterns in policies is needed.
    pub patterns_of: Vec<TenantName>,
    /// Tenants whose routes and policies are all needed.
    pub whole: Vec<TenantName>,
    /// Tenants that are being deleted. Only their first policies and routes are read, as many as
    /// one revision can delete.
    pub ending: Vec<TenantName>,
    /// Idempotency keys of the group's commands.
    pub keys: Vec<IdempotencyKey>,
    /// Whether the group may write as much as tenants have. The server's limits for one statement
    /// are then raised to the group's own limit.
    pub is_large: bool,
}

/// The wanted rows that exist, as they are under the locks.
#[derive(Debug, Default)]
pub struct Locked {
    /// The tenants, whose rows are locked.
    pub tenants: Vec<LockedTenant>,
    /// The routes with their tenants.
    pub routes: Vec<(TenantName, Route)>,
    /// The policies with their tenants.
    pub policies: Vec<(TenantName, Policy)>,
    /// The claims on hosts.
    pub hosts: Claims,
    /// The newest revision of each scope.
    pub scopes: Vec<(TenantName, (ServiceName, EnvName), Revision)>,
    /// The number of active routes of each tenant.
    pub active: Vec<(TenantName, u32)>,
    /// The number of patterns in the policies of each tenant.
    pub patterns: Vec<(TenantName, u32)>,
    /// The idempotency keys that were used before, with their answers.
    pub answers: Vec<(IdempotencyKey, Answer)>,
}

/// The rows that a group writes.
#[derive(Debug, Default)]
pub struct Rows {
    /// Events, in commit order per tenant.
    pub events: Vec<NewEvent>,
    /// Tenants that did not exist, including those that are deleted again at once.
    pub insert_tenants: Vec<(Tenant, EventHash)>,
    /// Tenants that existed and are locked.
    pub update_tenants: Vec<(Tenant, EventHash)>,
    /// Tenants that are locked or inserted, and have no rows after this.
    pub delete_tenants: Vec<TenantName>,
    /// Routes in their new state.
    pub upsert_routes: Vec<(TenantName, Route)>,
    /// Routes to be deleted.
    pub delete_routes: Vec<RouteKey>,
    /// Policies in their new state, with the hosts that they will own.
    pub upsert_policies: Vec<(TenantName, Policy)>,
    /// Policies to be deleted, with the hosts that they own.
    pub delete_policies: Vec<PolicyKey>,
    /// New idempotency keys, with their answers.
    pub answers: Vec<(IdempotencyKey, Answer)>,
}

impl Rows {
    /// Returns whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        let Self {
            events,
            insert_tenants,
            update_tenants,
            delete_tenants,
            upsert_routes,
            delete_routes,
            upsert_policies,
            delete_policies,
            answers,
        } = self;
        events.is_empty()
            && insert_tenants.is_empty()
            && update_tenants.is_empty()
            && delete_tenants.is_empty()
            && upsert_routes.is_empty()
            && delete_routes.is_empty()
            && upsert_policies.is_empty()
            && delete_policies.is_empty()
            && answers.is_empty()
    }
}

/// A tenant whose row is locked.
#[derive(Debug)]
pub struct LockedTenant {
    /// The tenant as it is stored.
    pub tenant: Tenant,
    /// The hash of the tenant's newest event.
    pub chain_head: EventHash,
    /// Whether the tenant's newest revision is of another timeline of the database.
    pub is_of_other_timeline: bool,
}

/// An event to be written, with its published bytes and its trace.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The event before serialisation.
    pub event: Event,
    /// Its JSON, exactly as it is published.
    pub payload: String,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
}

/// An idempotency key with its tenant and its caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The tenant that the command changes.
    pub tenant: TenantName,
    /// The caller that sent it: two callers may use the same key.
    pub actor: String,
    /// The key as sent.
    pub key: String,
}

/// The first answer to a key, with the fingerprint of its command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// SHA-256 of the command, in hex.
    pub fingerprint: String,
    /// The outcome of the command.
    pub outcome: Outcome,
}

/// An event that waits to be published.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    /// The row's place in the queue.
    pub id: i64,
    /// The event's id.
    pub event_id: Uuid,
    /// The event's JSON, exactly as it is published.
    pub payload: String,
    /// The `CloudEvents` type.
    pub ce_type: String,
    /// The tag that the event made.
    pub tag: VersionTag,
    /// The tenant of the event.
    pub tenant: TenantName,
    /// The object of the event: tenant/service/env/version, as far as it has these.
    pub subject: String,
    /// When the event was decided.
    pub occurred_at: UtcTime,
    /// W3C trace context of its request.
    pub traceparent: Option<String>,
    /// The replay that publishes the event again; `None` for a new event.
    pub replay: Option<Uuid>,
}
