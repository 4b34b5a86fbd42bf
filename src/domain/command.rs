//! What a caller may ask for, what it must hold true, what the world adds, and the ways to be refused.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Invalid,
    event::Actor,
    ids::{RouteName, TenantName},
    route::{Route, RoutePatch, RouteSpec},
    tag::{Epoch, VersionTag},
    tenant::{Quotas, Tenant},
    time::UtcTime,
};

/// One mutation of one tenant. Its serialised form is what an `Idempotency-Key` is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    /// Whose state it changes.
    pub tenant: TenantName,
    /// What to do.
    pub op: Op,
    /// What must hold for it to be done.
    pub precondition: Precondition,
}

impl Command {
    /// The route that the command names, if it names one.
    pub fn route(&self) -> Option<&RouteName> {
        match &self.op {
            Op::Upsert { route, .. } | Op::Patch { route, .. } | Op::SetActive { route, .. } | Op::Delete { route } => {
                Some(route)
            }
            Op::CreateTenant { .. } | Op::PatchTenant { .. } | Op::DeleteTenant => None,
        }
    }
}

/// The mutations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Create the route or replace it whole; makes the tenant too when the caller may make tenants.
    Upsert {
        /// Which.
        route: RouteName,
        /// As it shall be.
        spec: RouteSpec,
    },
    /// Merge-patch an existing route.
    Patch {
        /// Which.
        route: RouteName,
        /// What to change.
        patch: RoutePatch,
    },
    /// Activate or deactivate an existing route.
    SetActive {
        /// Which.
        route: RouteName,
        /// The state it shall have.
        is_active: bool,
    },
    /// Remove an existing route.
    Delete {
        /// Which.
        route: RouteName,
    },
    /// Make the tenant.
    CreateTenant {
        /// Its own limits.
        quotas: Quotas,
    },
    /// Change the tenant's own record.
    PatchTenant {
        /// `Some(None)` goes back to the default.
        #[serde(skip_serializing_if = "Option::is_none")]
        routes_quota: Option<Option<u32>>,
    },
    /// Remove the tenant, which must have no routes.
    DeleteTenant,
}

/// RFC 9110 §13: what the caller believes of the object that it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Precondition {
    /// `If-Match`: one of these must be the object's tag.
    pub if_match: Option<IfMatch>,
    /// `If-None-Match: *`: there must be no such object.
    pub must_not_exist: bool,
}

/// The value of `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IfMatch {
    /// `*`: any, as long as the object exists.
    Any,
    /// One of these; entity tags that no object of ours can have are left out.
    Tags(Vec<VersionTag>),
}

impl Precondition {
    /// Checks it against the object's tag (`None`: there is no object).
    pub fn check(&self, current: Option<&VersionTag>) -> Result<(), Rejection> {
        let failed = || Rejection::PreconditionFailed { current: current.cloned() };
        if self.must_not_exist && current.is_some() {
            return Err(failed());
        }
        match (&self.if_match, current) {
            (None, _) | (Some(IfMatch::Any), Some(_)) => Ok(()),
            (Some(IfMatch::Tags(tags)), Some(current)) if tags.contains(current) => Ok(()),
            _ => Err(failed()),
        }
    }
}

/// What the world adds to a command: who, when, why, and the random parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The id that the event gets, if there is one.
    pub event_id: Uuid,
    /// The epoch that the tenant gets, if one is made.
    pub new_epoch: Epoch,
    /// The clock of this instance.
    pub now: UtcTime,
    /// Who asks.
    pub actor: Actor,
    /// Whether the caller may make tenants.
    pub may_create_tenant: bool,
    /// `X-Reason`.
    pub reason: Option<String>,
    /// `X-Correlation-ID`.
    pub request_id: String,
    /// W3C trace id.
    pub trace_id: Option<String>,
    /// The caller's address.
    pub source_ip: Option<String>,
}

/// Why a command is refused. A refused command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The tenant does not exist.
    #[error("tenant does not exist")]
    TenantNotFound,
    /// The route does not exist.
    #[error("route does not exist")]
    RouteNotFound,
    /// `POST /tenants` for one that exists.
    #[error("tenant exists already")]
    TenantExists,
    /// A tenant with routes cannot be deleted.
    #[error("tenant still has {routes} routes")]
    TenantNotEmpty {
        /// How many.
        routes: u32,
    },
    /// `If-Match` or `If-None-Match` did not hold.
    #[error("the object is not as the precondition says")]
    PreconditionFailed {
        /// The tag that the object has now, if it exists.
        current: Option<VersionTag>,
    },
    /// The tenant has as many as it may have.
    #[error("the tenant may have at most {limit} {quota}")]
    QuotaExceeded {
        /// Which quota.
        quota: &'static str,
        /// Its number.
        limit: u32,
    },
    /// A patch whose result would be invalid.
    #[error("{invalid}")]
    Invalid {
        /// JSON pointer into the body.
        pointer: &'static str,
        /// What is wrong.
        invalid: Invalid,
    },
    /// The same `Idempotency-Key` was used with another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
}

/// What a command that was not refused did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The object is new.
    Created,
    /// It changed.
    Updated,
    /// It was so already: no revision, no event.
    Unchanged,
    /// It is gone.
    Deleted,
}

/// The answer to a command; stored under the `Idempotency-Key`, so that a retry gets exactly it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was done.
    pub effect: Effect,
    /// The tag of the new revision; for an unchanged object, its own.
    pub tag: VersionTag,
    /// The object as the command left it.
    pub object: Object,
}

/// The object that a command was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// A route.
    Route(Box<Route>),
    /// A tenant.
    Tenant(Box<Tenant>),
    /// Nothing: it was deleted.
    Gone,
}
