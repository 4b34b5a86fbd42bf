//! Commands, their preconditions, their context and the reasons for a refusal.

mod rejection;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::rejection::{ObjectName, Rejection, Sought, TooLarge};
use super::{
    event::Actor,
    host::HostSuffix,
    ids::{PolicyName, RouteName, TenantName},
    policy::{Policy, PolicyPatch, PolicySpec, Rule},
    resource_scope::ResourceScope,
    route::{Route, RoutePatch, RouteSpec},
    snapshot::Scope,
    tag::{Epoch, VersionTag},
    tenant::{Quotas, QuotasPatch, Tenant},
    time::UtcTime,
};

/// A mutation of one tenant. An `Idempotency-Key` is bound to the serialised form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    /// The tenant that the command changes.
    pub tenant: TenantName,
    /// The mutation to make.
    pub op: Op,
    /// The condition that must hold for the mutation.
    pub precondition: Precondition,
    /// Confirms the removal or deactivation of a version that a policy uses. Has an effect only if
    /// the policy can send its traffic elsewhere.
    pub confirm_in_use: bool,
}

impl Command {
    /// The route that the command names, if it names one.
    pub fn route(&self) -> Option<&RouteName> {
        match &self.op {
            Op::Upsert { route, .. }
            | Op::Patch { route, .. }
            | Op::SetActive { route, .. }
            | Op::Delete { route } => Some(route),
            _ => None,
        }
    }

    /// The traffic policy that the command names, if it names one.
    pub fn policy(&self) -> Option<&PolicyName> {
        match &self.op {
            Op::PutPolicy { policy, .. }
            | Op::PatchPolicy { policy, .. }
            | Op::DeletePolicy { policy } => Some(policy),
            _ => None,
        }
    }
}

/// The mutations of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Create the route or replace it whole; creates the tenant too if the caller may create
    /// tenants.
    Upsert {
        /// The route's name.
        route: RouteName,
        /// The spec after the command.
        spec: RouteSpec,
    },
    /// Merge-patch an existing route.
    Patch {
        /// The route's name.
        route: RouteName,
        /// The members to change.
        patch: RoutePatch,
    },
    /// Activate or deactivate an existing route.
    SetActive {
        /// The route's name.
        route: RouteName,
        /// The state after the command.
        is_active: bool,
    },
    /// Remove an existing route.
    Delete {
        /// The route's name.
        route: RouteName,
    },
    /// Create the traffic policy or replace it whole.
    PutPolicy {
        /// The policy's name.
        policy: PolicyName,
        /// The spec after the command.
        spec: PolicySpec,
    },
    /// Merge-patch an existing traffic policy.
    PatchPolicy {
        /// The policy's name.
        policy: PolicyName,
        /// The members to change.
        patch: Box<PolicyPatch>,
    },
    /// Remove an existing traffic policy.
    DeletePolicy {
        /// The policy's name.
        policy: PolicyName,
    },
    /// Many changes in one revision, all or none.
    Apply(Box<Apply>),
    /// Create the tenant.
    CreateTenant {
        /// The tenant's own limits.
        quotas: Quotas,
        /// The host suffixes of the tenant. An empty list is not serialised, so that an
        /// `Idempotency-Key` from before this member existed stays bound to the same form.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        allowed_hosts: Vec<HostSuffix>,
    },
    /// Change the tenant's own record.
    PatchTenant {
        /// The limits to change.
        quotas: QuotasPatch,
        /// The host suffixes of the tenant from now on.
        #[serde(skip_serializing_if = "Option::is_none")]
        allowed_hosts: Option<Vec<HostSuffix>>,
    },
    /// Start a new epoch of the tenant with its present objects, if its newest revision belongs to
    /// another timeline of the database than the present one. Callers cannot request this.
    StartEpoch,
    /// Continue the deletion of the tenant, if it has begun. Callers cannot request this.
    EndTenant,
    /// Remove the tenant. A tenant with many objects takes several revisions.
    DeleteTenant {
        /// Whether to remove all its objects too. If false, the tenant must have none.
        with_everything: bool,
    },
}

impl Op {
    /// Whether the mutation is about the tenant as a whole, so that its precondition names the
    /// tenant's tag.
    pub fn is_of_the_tenant(&self) -> bool {
        matches!(
            self,
            Self::Apply(_)
                | Self::CreateTenant { .. }
                | Self::PatchTenant { .. }
                | Self::DeleteTenant { .. }
        )
    }

    /// Returns the policy rules that the mutation writes, with the JSON pointer of each policy.
    /// Rules that stay as stored are not included.
    pub fn written_rules(&self) -> Vec<(String, Vec<Rule>)> {
        let written: Vec<(String, &[Rule])> = match self {
            Self::PutPolicy { spec, .. } => vec![(String::new(), &spec.rules)],
            Self::PatchPolicy { patch, .. } => patch
                .rules
                .iter()
                .flatten()
                .map(|rules| (String::new(), rules.as_slice()))
                .collect(),
            Self::Apply(apply) => {
                let rules = |(at, desired): (usize, &'_ Desired)| match desired {
                    Desired::Policy {
                        spec: Some(spec), ..
                    } => Some((format!("/changes/{at}/policy"), spec.rules.clone())),
                    _ => None,
                };
                return apply
                    .changes
                    .iter()
                    .enumerate()
                    .filter_map(rules)
                    .filter(|(_, rules)| !rules.is_empty())
                    .collect();
            }
            _ => Vec::new(),
        };
        written
            .into_iter()
            .filter(|(_, rules)| !rules.is_empty())
            .map(|(at, rules)| (at, rules.to_vec()))
            .collect()
    }
}

/// Many changes in one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Apply {
    /// The changes. Each route and policy may be named once.
    pub changes: Vec<Desired>,
    /// The state that the changes were worked out for: its scope must not have changed since.
    pub base: Option<Base>,
    /// The hash that the caller must confirm if the changes would remove many active routes.
    pub hash: String,
    /// The hash that the caller confirmed.
    pub confirmed: Option<String>,
}

/// The state that changes were worked out for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Base {
    /// The tenant's tag.
    pub tag: VersionTag,
    /// The part of the tenant that was looked at: nothing in it may have changed since.
    pub scope: Scope,
    /// The number of active routes in the scope at that time.
    pub active: u32,
}

/// A change among many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// The route shall have this spec or, with `None`, be removed.
    Route {
        /// The route's name.
        name: RouteName,
        /// The spec after the change.
        spec: Option<RouteSpec>,
    },
    /// The route, which must exist, shall be active or inactive.
    State {
        /// The route's name.
        name: RouteName,
        /// The state after the change.
        is_active: bool,
    },
    /// The policy shall have this spec or, with `None`, be removed.
    Policy {
        /// The policy's name.
        name: PolicyName,
        /// The spec after the change.
        spec: Option<PolicySpec>,
    },
}

/// The most changes of one revision.
pub const MAX_CHANGES: usize = 10_000;

/// The most objects that one revision of a tenant's deletion removes: few enough for any time
/// limit, so that any tenant can be deleted.
pub const MAX_ENDED: usize = 1000;

/// RFC 9110 §13: the state that the caller expects of the object.
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
    /// A list of tags, one of which must match. Entity tags that no object of this service can have
    /// are left out.
    Tags(Vec<VersionTag>),
}

impl Precondition {
    /// Checks the precondition against the object's tag (`None`: there is no object).
    pub fn check(&self, current: Option<&VersionTag>) -> Result<(), Rejection> {
        let failed = || Rejection::PreconditionFailed {
            current: current.cloned(),
        };
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

/// The context of a command: caller, time, reason, and the random parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandContext {
    /// The id of the command's first event, if it makes one; the ids of further events count on
    /// from this one.
    pub event_id: Uuid,
    /// The epoch of the tenant, if the command starts one.
    pub new_epoch: Epoch,
    /// The clock of this instance.
    pub now: UtcTime,
    /// The actor of the command's events.
    pub actor: Actor,
    /// Whether the caller may create tenants.
    pub may_create_tenant: bool,
    /// The request's `X-Reason`.
    pub reason: Option<String>,
    /// The request's `X-Correlation-ID`.
    pub request_id: String,
    /// The W3C trace id of the request.
    pub trace_id: Option<String>,
    /// The caller's address.
    pub source_ip: Option<String>,
    /// The size of the request's body, in bytes.
    pub body_bytes: u32,
    /// The caller's resource scope: the services and environments that the caller may change.
    pub resource_scope: ResourceScope,
}

/// The effect of an accepted command on its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The object is new.
    Created,
    /// The object changed.
    Updated,
    /// The object was in this state already: no revision, no event.
    Unchanged,
    /// The object was removed.
    Deleted,
}

/// The answer to a command; stored under the `Idempotency-Key`, so that a retry gets exactly the
/// same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The effect on the object.
    pub effect: Effect,
    /// The tag of the new revision; for an unchanged object, its own.
    pub tag: VersionTag,
    /// The object as the command left it.
    pub object: ChangedObject,
}

/// The object of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedObject {
    /// A route after the command.
    Route(Box<Route>),
    /// A traffic policy after the command.
    Policy(Box<Policy>),
    /// A tenant after the command.
    Tenant(Box<Tenant>),
    /// Many changes, with only their numbers.
    Applied {
        /// The numbers of changed objects.
        summary: Summary,
    },
    /// Nothing: the object was deleted.
    Gone,
}

/// The number of objects that a revision touched, by effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Summary {
    /// The number of new objects.
    pub create: u32,
    /// The number of changed objects.
    pub update: u32,
    /// The number of removed objects.
    pub delete: u32,
    /// The number of objects that had the desired state already.
    pub unchanged: u32,
}

impl Summary {
    /// Counts one object: `before` and `after` say whether the object existed before and exists
    /// after.
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
    use crate::tag::{Epoch, Revision};

    #[test]
    fn preconditions_are_checked_against_the_current_tag() {
        let tag = |revision| VersionTag {
            epoch: Epoch::from_random([1; 8]),
            revision: Revision(revision),
        };
        let check = |if_match: Option<IfMatch>, must_not_exist, current: Option<u64>| {
            let current = current.map(tag);
            let checked = Precondition {
                if_match,
                must_not_exist,
            }
            .check(current.as_ref());
            assert!(checked.is_ok() || checked == Err(Rejection::PreconditionFailed { current }));
            checked.is_ok()
        };
        let tags =
            |revisions: &[u64]| Some(IfMatch::Tags(revisions.iter().copied().map(tag).collect()));
        assert!(check(None, false, Some(1)) && check(None, false, None));
        assert!(check(None, true, None) && !check(None, true, Some(1)));
        assert!(
            check(Some(IfMatch::Any), false, Some(1)) && !check(Some(IfMatch::Any), false, None)
        );
        assert!(
            check(tags(&[1, 2]), false, Some(2))
                && !check(tags(&[1, 2]), false, Some(3))
                && !check(tags(&[1]), false, None)
        );
        assert!(!check(tags(&[]), false, Some(1)));
    }
}
