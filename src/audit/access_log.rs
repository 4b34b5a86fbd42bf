//! An access-log entry, as the archive stores it.

use serde::{Deserialize, Serialize};

use crate::domain::{
    access::{AccessEvent, Kind},
    event::Actor,
};

/// A document of the collection `mongo.access_collection`, whose `_id` is the event's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedAccess {
    /// The event's id.
    pub event_id: String,
    /// The kind of access: `denied`, `key_changed`, `operated` or `read`.
    pub kind: Kind,
    /// The operation that was done or tried, e.g. `key_created`, or the endpoint, such as
    /// `GET /api/v1/audit/events`.
    pub action: String,
    /// The HTTP status of the answer; `None` for key changes and operator actions.
    pub status: Option<i64>,
    /// For a refusal, its reason, e.g. `unknown_key`. For a forced breaker state, the change; for
    /// other operator actions, the operator's reason.
    pub reason: Option<String>,
    /// The tenant that the request named, if any. In a refused request this is only what the sender
    /// wrote.
    pub tenant: Option<String>,
    /// The tenant whose auditors may see this entry, besides the platform's auditors.
    pub visible_to: Option<String>,
    /// The caller, as far as it is known.
    pub actor: Option<Actor>,
    /// The key that was presented or changed.
    pub key: Option<String>,
    /// The id of the dead letter, replay or plan that the operation changed.
    #[serde(default)]
    pub object: Option<String>,
    /// The caller's IP address.
    pub source_ip: Option<String>,
    /// The request's id: its `X-Correlation-ID`.
    pub correlation_id: String,
    /// The time of the access, RFC 3339 in UTC.
    pub occurred_at: String,
    /// The number of similar accesses that were not stored since the entry before this one.
    pub suppressed: i64,
}

impl From<&AccessEvent> for ArchivedAccess {
    fn from(event: &AccessEvent) -> Self {
        let AccessEvent {
            id,
            kind,
            action,
            status,
            reason,
            tenant,
            visible_to,
            actor,
            key,
            object,
            source_ip,
            ..
        } = event;
        Self {
            event_id: id.to_string(),
            kind: *kind,
            action: action.clone(),
            status: status.map(i64::from),
            reason: reason.clone(),
            tenant: tenant.as_ref().map(ToString::to_string),
            visible_to: visible_to.as_ref().map(ToString::to_string),
            actor: actor.clone(),
            key: key.clone(),
            object: object.clone(),
            source_ip: source_ip.clone(),
            correlation_id: event.request_id.clone(),
            occurred_at: event.occurred_at.to_string(),
            suppressed: i64::try_from(event.suppressed).unwrap_or(i64::MAX),
        }
    }
}
