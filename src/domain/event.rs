//! The event: what is kept in history, published to Kafka and archived in MongoDB, member for member.

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{
    hash::EventHash,
    ids::{EnvName, RouteName, ServiceName, TenantName, VersionName},
    route::RouteSpec,
    tag::{Epoch, Revision, VersionTag},
    time::UtcTime,
};

/// What happened to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It did not exist before.
    Created,
    /// Its URL, labels or description changed (and perhaps its state too).
    Updated,
    /// Only its state changed: traffic may go there.
    Activated,
    /// Only its state changed: traffic may not go there.
    Deactivated,
    /// It is gone.
    Deleted,
}

impl Action {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 5] = [Self::Created, Self::Updated, Self::Activated, Self::Deactivated, Self::Deleted];

    /// The name in JSON, in Kafka's `ce_type` and in audit queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Activated => "activated",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
        }
    }

    /// The CloudEvents type, `trafficmanager.route.<action>.v1`.
    pub fn ce_type(self) -> String {
        format!("trafficmanager.route.{}.v1", self.as_str())
    }

    /// What took a route from `before` to `after`; `None` when nothing changed.
    pub fn between(before: Option<&RouteSpec>, after: Option<&RouteSpec>) -> Option<Self> {
        match (before, after) {
            (None, None) => None,
            (None, Some(_)) => Some(Self::Created),
            (Some(_), None) => Some(Self::Deleted),
            (Some(before), Some(after)) if before == after => None,
            (Some(before), Some(after)) => {
                let only_state = RouteSpec { is_active: after.is_active, ..before.clone() } == *after;
                Some(match (only_state, after.is_active) {
                    (true, true) => Self::Activated,
                    (true, false) => Self::Deactivated,
                    (false, _) => Self::Updated,
                })
            }
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Its name or id.
    pub id: String,
    /// What sort of caller: `anonymous` while `auth.mode = "none"`.
    pub kind: String,
}

/// An event without its hash: exactly what the hash covers. Members are declared in the order of RFC 8785, see [`super::chain::in_order`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBody {
    /// What happened.
    pub action: Action,
    /// Who did it.
    pub actor: Actor,
    /// The route after, if there still is one.
    pub after: Option<RouteSpec>,
    /// The route before, if there was one.
    pub before: Option<RouteSpec>,
    /// Which history.
    pub epoch: Epoch,
    /// `UUIDv7`; the archive's document id. Never an order.
    pub id: Uuid,
    /// Counts from 0 within the revision.
    pub item: u32,
    /// How many items the revision has.
    pub items: u32,
    /// When it was decided, by the clock of the instance that decided. Never an order.
    pub occurred_at: UtcTime,
    /// The hash of the tenant's event before this one; 64 zeros for the first of an epoch.
    pub prev_hash: EventHash,
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// `X-Correlation-ID` of the request.
    pub request_id: String,
    /// Where in it.
    pub revision: Revision,
    /// To which route.
    #[serde(serialize_with = "members_in_order")]
    pub route: RouteName,
    /// Where the request came from.
    pub source_ip: Option<String>,
    /// Whose.
    pub tenant: TenantName,
    /// W3C trace id of the request: 32 hex digits.
    pub trace_id: Option<String>,
}

/// The members of a route's name in the order of RFC 8785; names themselves are ordered by service first.
fn members_in_order<S: Serializer>(name: &RouteName, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Members<'a> {
        env: &'a EnvName,
        service: &'a ServiceName,
        version: &'a VersionName,
    }
    let RouteName { service, env, version } = name;
    Members { env, service, version }.serialize(serializer)
}

/// An event with its bytes, exactly as they are kept and published.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The event.
    pub event: Event,
    /// Its JSON.
    pub json: Bytes,
}

/// An event with its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What the hash covers.
    #[serde(flatten)]
    pub body: EventBody,
    /// Lower-case hex SHA-256 over the RFC 8785 bytes of the body.
    pub hash: EventHash,
}

impl Event {
    /// The version tag that this event's revision made.
    pub fn tag(&self) -> VersionTag {
        VersionTag { epoch: self.body.epoch.clone(), revision: self.body.revision }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(url: &str, is_active: bool) -> RouteSpec {
        RouteSpec { url: url.parse().unwrap(), is_active, labels: Default::default(), description: None }
    }

    #[test]
    fn the_action_follows_from_before_and_after() {
        let (on, off, other) = (spec("http://a", true), spec("http://a", false), spec("http://b", false));
        assert_eq!(Action::between(None, Some(&on)), Some(Action::Created));
        assert_eq!(Action::between(Some(&on), Some(&on)), None);
        assert_eq!(Action::between(Some(&on), Some(&off)), Some(Action::Deactivated));
        assert_eq!(Action::between(Some(&off), Some(&on)), Some(Action::Activated));
        assert_eq!(Action::between(Some(&on), Some(&other)), Some(Action::Updated));
        assert_eq!(Action::between(Some(&on), None), Some(Action::Deleted));
        assert_eq!(Action::between(None, None), None);
    }

    #[test]
    fn names_in_json_are_the_names_in_the_contract() {
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
    }
}
