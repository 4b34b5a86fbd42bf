//! Access to the API as events of their own kind: who was refused, who changed keys, who read what is sensitive.
//!
//! They are no part of the chain: a refused request has no revision. What they promise is in `service::trail`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Invalid, event::Actor, ids::TenantName, time::UtcTime};

/// What sort of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Refused: 401, 403, or 404 because it is another tenant's.
    Denied,
    /// A key was made, rotated or revoked.
    KeyChanged,
    /// An administrator changed how the service runs, or took a hand in it: a drill, a dead letter, a replay.
    Operated,
    /// Something sensitive was read: the audit, an export.
    Read,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Denied, Self::KeyChanged, Self::Operated, Self::Read];

    /// Its name.
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

/// One access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessEvent {
    /// `UUIDv7`.
    pub id: Uuid,
    /// What sort.
    pub kind: Kind,
    /// What was done or tried: `key_created`, `key_rotated`, `key_revoked`, `breaker_forced_open`, `breaker_forced_closed`,
    /// `breaker_released`, `dead_letter_redriven`, `dead_letter_discarded`, `replay_created`, `replay_cancelled`, `plan_deleted`, or the
    /// endpoint, such as `GET /api/v1/audit/events`.
    pub action: String,
    /// What was answered; `None` for changes of keys and of how the service runs, which are told because they were made.
    pub status: Option<u16>,
    /// Why it was refused, e.g. `unknown_key`; of a drill, what was changed; of what else was operated, why, in the operator's words.
    pub reason: Option<String>,
    /// The tenant that it was about, if one was named. Of a refused request this is no more than what its sender wrote.
    pub tenant: Option<TenantName>,
    /// The tenant whose auditors are told of it, beside those of the platform.
    pub visible_to: Option<TenantName>,
    /// Who, as far as is known.
    pub actor: Option<Actor>,
    /// The key that was presented or changed.
    pub key: Option<String>,
    /// The id of the dead letter, the replay or the plan that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// From where.
    pub source_ip: Option<String>,
    /// `X-Correlation-ID`.
    pub request_id: String,
    /// When.
    pub occurred_at: UtcTime,
    /// How many others like it were not kept since the last one.
    pub suppressed: u64,
}

/// Which tenant's auditors are told of an access: the caller's, whatever it has named; the named one's if the caller is of the whole
/// platform; else nobody's but the platform's. So no tenant can write into what another's auditors read, or learn of its callers.
pub fn visible_to(caller: Option<Option<&TenantName>>, named: Option<&TenantName>) -> Option<TenantName> {
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
    fn an_access_is_told_to_its_caller_s_tenant_and_never_to_another() {
        let [own, other]: [TenantName; 2] = ["own", "other"].map(|name| name.parse().unwrap());
        assert_eq!(visible_to(Some(Some(&own)), None), Some(own.clone()));
        assert_eq!(visible_to(Some(Some(&own)), Some(&other)), Some(own));
        assert_eq!(visible_to(Some(None), Some(&other)), Some(other.clone()), "the platform's access to a tenant");
        assert_eq!(visible_to(Some(None), None), None);
        assert_eq!(visible_to(None, Some(&other)), None, "nobody knows who it was");
    }

    #[test]
    fn kinds_have_names_and_are_found_by_them() {
        assert_eq!(Kind::ALL.map(Kind::as_str), ["denied", "key_changed", "operated", "read"]);
        for kind in Kind::ALL {
            assert_eq!(Kind::try_from(kind.as_str().to_owned()), Ok(kind));
        }
        assert!(Kind::try_from("seen".to_owned()).is_err());
    }
}
