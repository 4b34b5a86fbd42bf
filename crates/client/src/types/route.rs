//! Routes, and what is told about them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, Members, PolicyName, RouteKey};

/// A route as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// When the route was created.
    pub created_at: Timestamp,
    /// The id of the actor that created the route.
    pub created_by: String,
    /// A description for people: at most 1024 bytes, without control characters and invisible
    /// characters.
    #[serde(default)]
    pub description: Option<String>,
    /// The name of the environment.
    pub env: String,
    /// Whether traffic may go to the route now.
    pub is_active: bool,
    /// Free-form labels. A value has at most 255 bytes.
    pub labels: BTreeMap<String, String>,
    /// The tenant's revision of the route's last change.
    pub revision: u64,
    /// The name of the service.
    pub service: String,
    /// The name of the tenant.
    pub tenant: String,
    /// When the route last changed.
    pub updated_at: Timestamp,
    /// The id of the actor that made the last change.
    pub updated_by: String,
    /// An absolute http or https URL of at most 2048 bytes.
    pub url: String,
    /// The name of the version.
    pub version: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The body of `PUT`: a route without its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// A description for people: at most 1024 bytes, without control characters and invisible
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether traffic may go to the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    /// Free-form labels. A value has at most 255 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// An absolute http or https URL of at most 2048 bytes.
    pub url: String,
}

/// A route with its name: the body of `POST /routes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewRoute {
    /// The name of the route.
    #[serde(flatten)]
    pub key: RouteKey,
    /// The rest of it.
    #[serde(flatten)]
    pub spec: RouteSpec,
}

impl Route {
    /// Returns the name of the route.
    pub fn key(&self) -> RouteKey {
        let (tenant, service) = (&self.tenant, &self.service);
        RouteKey::new(tenant, service, &self.env, &self.version)
    }
}

impl RouteSpec {
    /// A route to this URL, active and without labels.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            description: None,
            is_active: None,
            labels: None,
        }
    }
}

/// For each member of a route, the event that gave the member its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteBlame {
    /// The name of the environment.
    pub env: String,
    /// The events by the name of their member. A label has the name `labels/<key>`.
    pub members: BTreeMap<String, MemberBlame>,
    /// The name of the service.
    pub service: String,
    /// The name of the tenant.
    pub tenant: String,
    /// The name of the version.
    pub version: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The event that gave a member its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberBlame {
    /// The action on a route. `activated` and `deactivated`: only the state of the route changed.
    pub action: String,
    /// The actor that made a change or an access.
    pub actor: Actor,
    /// The id of an event (UUID of version 7). The ids of events give no order.
    pub event_id: String,
    /// A time in UTC with microseconds (RFC 3339).
    pub occurred_at: Timestamp,
    /// The reason for the change, in the caller's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// The revision of the event.
    pub revision: u64,
    /// The member's present value.
    pub value: Value,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The active route of a version, or the route to which the policy sends a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResolvedRoute {
    /// The name of the environment.
    pub env: String,
    /// The explanation of how a policy chose the version for a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<ChoiceExplanation>,
    /// The tenant's revision; 0 is a tenant without any change.
    pub revision: u64,
    /// The name of the service.
    pub service: String,
    /// The name of the tenant.
    pub tenant: String,
    /// An absolute http or https URL of at most 2048 bytes.
    pub url: String,
    /// The name of the version.
    pub version: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The explanation of how a policy chose the version for a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChoiceExplanation {
    /// The version that the rule or the split chose first, if that version was not active.
    #[serde(default)]
    pub instead_of: Option<String>,
    /// The key by which the split was decided; `null` if there was none and the choice was random.
    #[serde(default)]
    pub key: Option<String>,
    /// The name of a policy within its tenant.
    pub policy: PolicyName,
    /// The revision of the policy's last change.
    pub policy_revision: u64,
    /// The reason for the choice. `version_header`: the request names its version. `failover`: the
    /// version that was chosen first is not active. `next_of_split`: no version of the failover
    /// order is active either. `nowhere`: no version is active.
    pub reason: String,
    /// The name of the rule that took the request; `null` if no rule did.
    #[serde(default)]
    pub rule: Option<String>,
    /// The slot of the key, of 16,384; `null` if no split decided.
    #[serde(default)]
    pub slot: Option<u64>,
    /// The versions of the split that decided, the one that has the slot first. Empty if a rule
    /// without a split took the request, unless `reason` is `next_of_split`.
    pub split: Vec<SplitScore>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A version in the split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitScore {
    /// 1 for the version that has the key's slot, 0 for the others.
    pub score: f64,
    /// The version's share of all keys, from 0 to 1.
    pub share: f64,
    /// The version's slots, of 16,384.
    pub slots: u64,
    /// Whether traffic may go to a version.
    pub standing: String,
    /// The name of the version.
    pub version: String,
    /// The weight in the split, from 0 to 10,000.
    pub weight: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}
