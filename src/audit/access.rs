//! An access as the archive holds it.

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
    /// What sort of access.
    pub kind: Kind,
    /// What was done or tried.
    pub action: String,
    /// What was answered.
    pub status: Option<i64>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// The tenant that it was about.
    pub tenant: Option<String>,
    /// The tenant whose auditors are told of it.
    pub visible_to: Option<String>,
    /// Who.
    pub actor: Option<Actor>,
    /// The key that was presented or changed.
    pub key: Option<String>,
    /// What else was acted on.
    #[serde(default)]
    pub object: Option<String>,
    /// From where.
    pub source_ip: Option<String>,
    /// `X-Correlation-ID`.
    pub correlation_id: String,
    /// When.
    pub occurred_at: String,
    /// How many others like it were not kept.
    pub suppressed: i64,
}

impl From<&AccessEvent> for ArchivedAccess {
    fn from(event: &AccessEvent) -> Self {
        let AccessEvent { id, kind, action, status, reason, tenant, visible_to, actor, key, object, source_ip, .. } = event;
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
