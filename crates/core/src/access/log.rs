//! Access events: refused requests, changes of keys, operator actions and reads of sensitive data.
//!
//! Access events are not part of the hash chain, because a refused request has no revision.
//! `service::access::access_log` documents what is guaranteed for them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Invalid, event::Actor, ids::TenantName, time::UtcTime};

/// The kind of an access event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Refused: 401, 403, 404 because the object belongs to another tenant, or 429 after too many
    /// failed attempts.
    Denied,
    /// A key was created, rotated or revoked.
    KeyChanged,
    /// An administrator changed how the service runs: a forced breaker state, a dead letter, a
    /// replay or a plan.
    Operated,
    /// Sensitive data was read: audit events, an export.
    Read,
}

impl Kind {
    /// All kinds of access.
    pub const ALL: [Self; 4] = [Self::Denied, Self::KeyChanged, Self::Operated, Self::Read];

    /// The kind's name in the API and in the archive.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::KeyChanged => "key_changed",
            Self::Operated => "operated",
            Self::Read => "read",
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == raw);
        known.ok_or_else(|| Invalid::new("unknown_kind", format!("must be one of {}", names())))
    }
}

/// A record of the access log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessEvent {
    /// The record's id, a `UUIDv7`.
    pub id: Uuid,
    /// The kind of access.
    pub kind: Kind,
    /// The action that was done or tried: `key_created`, `key_rotated`, `key_revoked`,
    /// `breaker_forced_open`, `breaker_forced_closed`, `breaker_released`, `dead_letter_redriven`,
    /// `dead_letter_discarded`, `replay_created`, `replay_cancelled`, `plan_deleted`,
    /// `policy_quarantined`, `policy_released`, or the
    /// endpoint, such as `GET /api/v1/audit/events`.
    pub action: String,
    /// The HTTP status of the answer. `None` for changes of keys and for operator actions: they are
    /// recorded as changes, not as answers.
    pub status: Option<u16>,
    /// For a refusal its reason, such as `unknown_key`. For a forced breaker state the dependency
    /// that was changed. For other operator actions the reason that the operator gave.
    pub reason: Option<String>,
    /// The tenant that the request was about, if one was named. In a refused request this is only a
    /// claim of the sender.
    pub tenant: Option<TenantName>,
    /// The tenant whose auditors may see the record, besides those of the platform.
    pub visible_to: Option<TenantName>,
    /// The caller, as far as known.
    pub actor: Option<Actor>,
    /// The key that was presented or changed.
    pub key: Option<String>,
    /// The id of the dead letter, the replay or the plan that the action was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The address that the request came from.
    pub source_ip: Option<String>,
    /// The request's `X-Correlation-ID`.
    pub request_id: String,
    /// The time of the access.
    pub occurred_at: UtcTime,
    /// The number of similar accesses that were counted but not recorded since the last record.
    pub suppressed: u64,
}

/// Returns the tenant whose auditors may see an access: the caller's tenant, whichever tenant the
/// request named; the named tenant if the caller belongs to the platform; otherwise `None`, and
/// only the platform's auditors see the record. So no tenant can write into the access log of
/// another tenant, or learn of that tenant's callers.
pub fn visible_to(
    caller: Option<Option<&TenantName>>,
    named: Option<&TenantName>,
) -> Option<TenantName> {
    match caller {
        Some(Some(own)) => Some(own.clone()),
        Some(None) => named.cloned(),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_record_is_visible_only_to_the_callers_tenant() {
        let [own, other]: [TenantName; 2] = ["own", "other"].map(|name| name.parse().unwrap());
        assert_eq!(visible_to(Some(Some(&own)), None), Some(own.clone()));
        assert_eq!(visible_to(Some(Some(&own)), Some(&other)), Some(own));
        assert_eq!(
            visible_to(Some(None), Some(&other)),
            Some(other.clone()),
            "the platform's access to a tenant"
        );
        assert_eq!(visible_to(Some(None), None), None);
        assert_eq!(visible_to(None, Some(&other)), None, "an unknown caller");
    }

    #[test]
    fn access_kinds_round_trip_through_their_names() {
        assert_eq!(
            Kind::ALL.map(Kind::as_str),
            ["denied", "key_changed", "operated", "read"]
        );
        for kind in Kind::ALL {
            assert_eq!(Kind::try_from(kind.as_str().to_owned()), Ok(kind));
        }
        assert!(Kind::try_from("seen".to_owned()).is_err());
    }
}
