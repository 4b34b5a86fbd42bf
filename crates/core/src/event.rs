//! The event: stored in history, published to Kafka and archived in MongoDB with the same members.

mod members;
pub mod versions;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    hash::EventHash,
    ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName},
    policy::{Policy, PolicySpec},
    removal::Removal,
    route::{Route, RouteSpec},
    tag::{Epoch, Revision, VersionTag},
    tenant::TenantSpec,
    time::UtcTime,
};

/// The kind of change that an event records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The route did not exist before.
    Created,
    /// The route's URL, labels or description changed (and perhaps its state too).
    Updated,
    /// Only the route's state changed: traffic may go there.
    Activated,
    /// Only the route's state changed: traffic may not go there.
    Deactivated,
    /// The route was removed.
    Deleted,
    /// The traffic policy is new or changed.
    PolicySet,
    /// The traffic policy was removed.
    PolicyDeleted,
    /// The tenant was created without any object, or it continues in a new epoch.
    TenantCreated,
    /// The tenant's own record changed.
    TenantUpdated,
    /// The tenant was removed: the last event of its epoch.
    TenantDeleted,
}

impl Action {
    /// All actions, in the order of the contract.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Updated,
        Self::Activated,
        Self::Deactivated,
        Self::Deleted,
        Self::PolicySet,
        Self::PolicyDeleted,
        Self::TenantCreated,
        Self::TenantUpdated,
        Self::TenantDeleted,
    ];

    /// The name in JSON, in Kafka's `ce_type` and in audit queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Activated => "activated",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
            Self::PolicySet => "policy_set",
            Self::PolicyDeleted => "policy_deleted",
            Self::TenantCreated => "tenant_created",
            Self::TenantUpdated => "tenant_updated",
            Self::TenantDeleted => "tenant_deleted",
        }
    }

    /// The versions in which events of the action are written.
    pub fn versions(self) -> impl Iterator<Item = u32> {
        let newest = match self {
            Self::PolicySet | Self::PolicyDeleted => versions::CURRENT,
            _ => versions::FIRST,
        };
        versions::FIRST..=newest
    }

    /// The CloudEvents type of an event of a version, `trafficmanager.route.<action>.v<version>`.
    pub fn ce_type(self, version: u32) -> String {
        format!("trafficmanager.route.{}.v{version}", self.as_str())
    }

    /// Returns the action that took a route from `before` to `after`; `None` when nothing changed.
    pub fn between(before: Option<&RouteSpec>, after: Option<&RouteSpec>) -> Option<Self> {
        match (before, after) {
            (None, None) => None,
            (None, Some(_)) => Some(Self::Created),
            (Some(_), None) => Some(Self::Deleted),
            (Some(before), Some(after)) if before == after => None,
            (Some(before), Some(after)) => {
                let only_state = RouteSpec {
                    is_active: after.is_active,
                    ..before.clone()
                } == *after;
                Some(match (only_state, after.is_active) {
                    (true, true) => Self::Activated,
                    (true, false) => Self::Deactivated,
                    (false, _) => Self::Updated,
                })
            }
        }
    }
}

/// The state of an object before and after a change.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost an allocation for each change of a policy, and most changes are short-lived"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A change of a route.
    Route {
        /// The route's name.
        name: RouteName,
        /// The spec before the change; `None` if the route did not exist.
        before: Option<RouteSpec>,
        /// The spec after the change; `None` if the route was removed.
        after: Option<RouteSpec>,
    },
    /// A change of a traffic policy.
    Policy {
        /// The policy's name.
        name: PolicyName,
        /// The spec before the change; `None` if the policy did not exist.
        before: Option<PolicySpec>,
        /// The spec after the change; `None` if the policy was removed.
        after: Option<PolicySpec>,
    },
    /// A change of the tenant's own record.
    Tenant {
        /// The record before the change; `None` if the tenant is new.
        before: Option<TenantSpec>,
        /// The record after the change; `None` if the tenant was removed.
        after: Option<TenantSpec>,
    },
}

impl Change {
    /// The action of the change; `None` when nothing changed.
    pub fn action(&self) -> Option<Action> {
        match self {
            Self::Route { before, after, .. } => Action::between(before.as_ref(), after.as_ref()),
            Self::Policy { before, after, .. } if before == after => None,
            Self::Policy { after: Some(_), .. } => Some(Action::PolicySet),
            Self::Policy { after: None, .. } => Some(Action::PolicyDeleted),
            Self::Tenant { before, after } if before == after => None,
            Self::Tenant { before: None, .. } => Some(Action::TenantCreated),
            Self::Tenant { after: Some(_), .. } => Some(Action::TenantUpdated),
            Self::Tenant { after: None, .. } => Some(Action::TenantDeleted),
        }
    }

    /// The service and environment of the object; `None` for a change of the tenant itself.
    pub fn place(&self) -> Option<(&ServiceName, &EnvName)> {
        match self {
            Self::Route { name, .. } => Some((&name.service, &name.env)),
            Self::Policy { name, .. } => Some((&name.service, &name.env)),
            Self::Tenant { .. } => None,
        }
    }

    /// Returns whether the object existed before the change, and whether the object exists after
    /// it.
    pub fn is_there(&self) -> (bool, bool) {
        match self {
            Self::Route { before, after, .. } => (before.is_some(), after.is_some()),
            Self::Policy { before, after, .. } => (before.is_some(), after.is_some()),
            Self::Tenant { before, after } => (before.is_some(), after.is_some()),
        }
    }
}

/// The caller that made a change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The caller's name or id.
    pub id: String,
    /// The kind of caller: `anonymous` while `auth.mode = "none"`.
    pub kind: String,
    /// The number of the key's token that was used, once the key has had more than one token. The
    /// caller that rotates a key sees a token of the key too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u32>,
}

impl Actor {
    /// The kind of an actor that is an API key.
    pub const KEY: &str = "key";

    /// Returns the actor's `Idempotency-Key` as it is stored beside the actor's id: with the kind
    /// in front, unless the actor is an API key. No key in a request can have the separator.
    pub fn own_key(&self, sent: &str) -> String {
        if self.kind == Self::KEY {
            sent.to_owned()
        } else {
            format!("{}\u{1f}{sent}", self.kind)
        }
    }

    /// Returns an id that is unique among actors of every kind: two actors of different kinds may
    /// have the same `id`. For an API key this is the key's id, which has no colon.
    pub fn identity(&self) -> String {
        if self.kind == Self::KEY {
            self.id.clone()
        } else {
            format!("{}:{}", self.kind, self.id)
        }
    }
}

/// An event without its hash: exactly the content that the hash covers. `event/members.rs` has the
/// members in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBody {
    /// The kind of change.
    pub action: Action,
    /// The caller that made the change.
    pub actor: Actor,
    /// The object before and after the change.
    pub change: Change,
    /// Set in each event of a revision that removed most routes of its scope, if the caller
    /// confirmed that.
    pub confirmed_removal: Option<Removal>,
    /// The epoch that the revision belongs to.
    pub epoch: Epoch,
    /// A `UUIDv7`; the document id in the archive. Never use it to order events.
    pub id: Uuid,
    /// The event's number within the revision, from 0.
    pub item: u32,
    /// The number of events in the revision.
    pub items: u32,
    /// The time of the decision, by the clock of the instance that decided. Never use it to order
    /// events.
    pub occurred_at: UtcTime,
    /// The hash of the tenant's event before this one; 64 zeros for the first of an epoch.
    pub prev_hash: EventHash,
    /// The reason, in the caller's words.
    pub reason: Option<String>,
    /// `X-Correlation-ID` of the request.
    pub request_id: String,
    /// The tenant's revision within the epoch.
    pub revision: Revision,
    /// The address that the request came from.
    pub source_ip: Option<String>,
    /// The tenant's name.
    pub tenant: TenantName,
    /// W3C trace id of the request: 32 hex digits.
    pub trace_id: Option<String>,
}

impl EventBody {
    /// Whether this is the last event of its revision.
    pub fn is_last_item(&self) -> bool {
        self.item.saturating_add(1) >= self.items
    }
}

/// The last 62 bits of a `UUIDv7`: a random counter (RFC 9562 §6.2, method 2).
const COUNTER: u128 = (1 << 62) - 1;

/// Returns the id of item number `item` of a revision whose first item has the id `first`: the
/// counter moves on by `item`.
pub fn id_of_item(first: Uuid, item: u32) -> Uuid {
    let bits = first.as_u128();
    Uuid::from_u128(bits & !COUNTER | (bits & COUNTER).wrapping_add(u128::from(item)) & COUNTER)
}

/// Returns the id of the revision's first item, given the id and the number of one of its items.
pub fn id_of_first(id: Uuid, item: u32) -> Uuid {
    let bits = id.as_u128();
    Uuid::from_u128(bits & !COUNTER | (bits & COUNTER).wrapping_sub(u128::from(item)) & COUNTER)
}

/// An event with its bytes, exactly as they are stored and published.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The event itself.
    pub event: Event,
    /// The event's JSON.
    pub json: Bytes,
}

/// An event with its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The content that the hash covers.
    #[serde(flatten)]
    pub body: EventBody,
    /// Lower-case hex SHA-256 over the RFC 8785 bytes of the body.
    pub hash: EventHash,
}

impl Event {
    /// The version tag of the event's revision.
    pub fn tag(&self) -> VersionTag {
        VersionTag {
            epoch: self.body.epoch.clone(),
            revision: self.body.revision,
        }
    }
}

impl EventBody {
    /// The CloudEvents type of the event, in the lowest version whose readers understand it.
    pub fn ce_type(&self) -> String {
        let is_new = match &self.change {
            Change::Policy { before, after, .. } => before
                .iter()
                .chain(after)
                .any(PolicySpec::needs_new_readers),
            Change::Route { .. } | Change::Tenant { .. } => false,
        };
        let version = if is_new {
            versions::CURRENT
        } else {
            versions::FIRST
        };
        self.action.ce_type(version)
    }

    /// Returns the route after this event; `None` if the event removed the route or is about
    /// another kind of object. `first` is the event that created the route.
    pub fn route_since(&self, first: &Self) -> Option<Route> {
        let Change::Route {
            name,
            after: Some(spec),
            ..
        } = &self.change
        else {
            return None;
        };
        Some(Route {
            name: name.clone(),
            spec: spec.clone(),
            revision: self.revision,
            created_at: first.occurred_at,
            created_by: first.actor.id.clone(),
            updated_at: self.occurred_at,
            updated_by: self.actor.id.clone(),
        })
    }

    /// Returns the traffic policy after this event; `None` if the event removed the policy or is
    /// about another kind of object. `first` is the event that created the policy.
    pub fn policy_since(&self, first: &Self) -> Option<Policy> {
        let Change::Policy {
            name,
            after: Some(spec),
            ..
        } = &self.change
        else {
            return None;
        };
        Some(Policy {
            name: name.clone(),
            spec: spec.clone(),
            revision: self.revision,
            created_at: first.occurred_at,
            created_by: first.actor.id.clone(),
            updated_at: self.occurred_at,
            updated_by: self.actor.id.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
