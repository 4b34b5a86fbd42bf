//! What a caller may ask for, what it must hold true, what the world adds, and the ways to be refused.

mod rejection;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::rejection::{ObjectName, Rejection, Sought, TooLarge};
use super::{
    event::Actor,
    host::HostSuffix,
    ids::{PolicyName, RouteName, TenantName},
    narrowing::Narrowing,
    policy::{Policy, PolicyPatch, PolicySpec, Rule},
    route::{Route, RoutePatch, RouteSpec},
    snapshot::Scope,
    tag::{Epoch, VersionTag},
    tenant::{Quotas, QuotasPatch, Tenant},
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
    /// The caller knows that a policy sends traffic to what is removed, and that the policy has somewhere else to send it.
    pub confirm_in_use: bool,
}

impl Command {
    /// The route that the command names, if it names one.
    pub fn route(&self) -> Option<&RouteName> {
        match &self.op {
            Op::Upsert { route, .. } | Op::Patch { route, .. } | Op::SetActive { route, .. } | Op::Delete { route } => {
                Some(route)
            }
            _ => None,
        }
    }

    /// The traffic policy that the command names, if it names one.
    pub fn policy(&self) -> Option<&PolicyName> {
        match &self.op {
            Op::PutPolicy { policy, .. } | Op::PatchPolicy { policy, .. } | Op::DeletePolicy { policy } => Some(policy),
            _ => None,
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
    /// Create the traffic policy or replace it whole.
    PutPolicy {
        /// Which.
        policy: PolicyName,
        /// As it shall be.
        spec: PolicySpec,
    },
    /// Merge-patch an existing traffic policy.
    PatchPolicy {
        /// Which.
        policy: PolicyName,
        /// What to change.
        patch: Box<PolicyPatch>,
    },
    /// Remove an existing traffic policy.
    DeletePolicy {
        /// Which.
        policy: PolicyName,
    },
    /// Many changes in one revision, all or none.
    Apply(Box<Apply>),
    /// Make the tenant.
    CreateTenant {
        /// Its own limits.
        quotas: Quotas,
        /// The names that it may have hosts of. Left out of what an `Idempotency-Key` is bound to where there are none, as before there were any.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        allowed_hosts: Vec<HostSuffix>,
    },
    /// Change the tenant's own record.
    PatchTenant {
        /// What to change of its limits.
        quotas: QuotasPatch,
        /// The names that it may have hosts of from now on.
        #[serde(skip_serializing_if = "Option::is_none")]
        allowed_hosts: Option<Vec<HostSuffix>>,
    },
    /// Begin a new history of the tenant with what it has, if its newest revision is of another history of the database than the present
    /// one. Never asked for by a caller.
    Continue,
    /// Go on deleting the tenant, if that has begun. Never asked for by a caller.
    EndTenant,
    /// Remove the tenant. One that has much goes in several revisions.
    DeleteTenant {
        /// With everything that it has; else it must have nothing.
        with_everything: bool,
    },
}

impl Op {
    /// Whether it is about the tenant as a whole, whose tag its precondition names.
    pub fn is_of_the_tenant(&self) -> bool {
        matches!(self, Self::Apply(_) | Self::CreateTenant { .. } | Self::PatchTenant { .. } | Self::DeleteTenant { .. })
    }

    /// The rules of policies that it writes, with the JSON pointer of each policy. Those that stay as they are stored are not written.
    pub fn written_rules(&self) -> Vec<(String, Vec<Rule>)> {
        let written: Vec<(String, &[Rule])> = match self {
            Self::PutPolicy { spec, .. } => vec![(String::new(), &spec.rules)],
            Self::PatchPolicy { patch, .. } => {
                patch.rules.iter().flatten().map(|rules| (String::new(), rules.as_slice())).collect()
            }
            Self::Apply(apply) => {
                let rules = |(at, desired): (usize, &'_ Desired)| match desired {
                    Desired::Policy { spec: Some(spec), .. } => Some((format!("/changes/{at}/policy"), spec.rules.clone())),
                    _ => None,
                };
                return apply.changes.iter().enumerate().filter_map(rules).filter(|(_, rules)| !rules.is_empty()).collect();
            }
            _ => Vec::new(),
        };
        written.into_iter().filter(|(_, rules)| !rules.is_empty()).map(|(at, rules)| (at, rules.to_vec())).collect()
    }
}

/// Many changes in one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Apply {
    /// What to do. Each route and policy may be named once.
    pub changes: Vec<Desired>,
    /// What must not have moved since the changes were worked out.
    pub base: Option<Base>,
    /// The hash that the caller confirms with when much would be removed.
    pub hash: String,
    /// What the caller confirmed.
    pub confirmed: Option<String>,
}

/// The state that changes were worked out for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Base {
    /// The tenant's tag.
    pub tag: VersionTag,
    /// What was looked at: nothing in it may have changed since.
    pub scope: Scope,
    /// Active routes in the scope.
    pub active: u32,
}

/// One of many changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// The route shall be so, or (`None`) gone.
    Route {
        /// Which.
        name: RouteName,
        /// As it shall be.
        spec: Option<RouteSpec>,
    },
    /// The route, which must be there, shall be active or inactive.
    State {
        /// Which.
        name: RouteName,
        /// The state it shall have.
        is_active: bool,
    },
    /// The policy shall be so, or (`None`) gone.
    Policy {
        /// Which.
        name: PolicyName,
        /// As it shall be.
        spec: Option<PolicySpec>,
    },
}

/// The most changes of one revision.
pub const MAX_CHANGES: usize = 10_000;

/// The most objects of a tenant that go in one revision of its deletion: few enough for any time limit, so that any tenant can be deleted.
pub const MAX_ENDED: usize = 1000;

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
    /// The id that the event gets, if there is one; more events count on from it.
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
    /// How large the request's body was.
    pub body_bytes: u32,
    /// What of the tenant the caller may change.
    pub narrowing: Narrowing,
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
    /// A traffic policy.
    Policy(Box<Policy>),
    /// A tenant.
    Tenant(Box<Tenant>),
    /// Many changes.
    Applied {
        /// What the revision came to.
        summary: Summary,
    },
    /// Nothing: it was deleted.
    Gone,
}

/// How many objects a revision touched, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Summary {
    /// New ones.
    pub create: u32,
    /// Changed ones.
    pub update: u32,
    /// Removed ones.
    pub delete: u32,
    /// Those that were as desired already.
    pub unchanged: u32,
}

impl Summary {
    /// Counts one object that was there before and is there after, or not.
    pub fn count(&mut self, before: bool, after: bool) {
        match (before, after) {
            (false, true) => self.create += 1,
            (true, false) => self.delete += 1,
            (true, true) | (false, false) => self.update += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tag::{Epoch, Revision};

    #[test]
    fn what_the_caller_believes_is_held_against_what_is_there() {
        let tag = |revision| VersionTag { epoch: Epoch::from_random([1; 8]), revision: Revision(revision) };
        let check = |if_match: Option<IfMatch>, must_not_exist, current: Option<u64>| {
            let current = current.map(tag);
            let checked = Precondition { if_match, must_not_exist }.check(current.as_ref());
            assert!(checked.is_ok() || checked == Err(Rejection::PreconditionFailed { current }));
            checked.is_ok()
        };
        let tags = |revisions: &[u64]| Some(IfMatch::Tags(revisions.iter().copied().map(tag).collect()));
        assert!(check(None, false, Some(1)) && check(None, false, None));
        assert!(check(None, true, None) && !check(None, true, Some(1)));
        assert!(check(Some(IfMatch::Any), false, Some(1)) && !check(Some(IfMatch::Any), false, None));
        assert!(check(tags(&[1, 2]), false, Some(2)) && !check(tags(&[1, 2]), false, Some(3)) && !check(tags(&[1]), false, None));
        assert!(!check(tags(&[]), false, Some(1)));
    }
}
