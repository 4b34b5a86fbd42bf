//! Replays.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Members;

/// A replay: a part of the history that is published again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The position of the last event that was given to the relay.
    #[serde(default)]
    pub at: Option<HistoryPosition>,
    /// When the replay last changed.
    pub changed_at: Timestamp,
    /// A time in UTC with microseconds (RFC 3339).
    pub created_at: Timestamp,
    /// The id of the actor that created it.
    pub created_by: String,
    /// A time in UTC with microseconds (RFC 3339).
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// The id of the actor that cancelled the replay.
    #[serde(default)]
    pub ended_by: Option<String>,
    /// The epoch whose events are published again; `null` for every epoch.
    #[serde(default)]
    pub epoch: Option<String>,
    /// The most events that are queued in a second.
    pub events_per_second: u64,
    /// The number of these events that were given to the relay.
    pub events_queued: u64,
    /// The number of events when the replay was made; `null` if there were more than a hundred
    /// thousand.
    #[serde(default)]
    pub events_total: Option<i64>,
    /// The tenant's revision; 0 is a tenant without any change.
    pub from: u64,
    /// The id of a replay (UUID of version 7).
    pub id: String,
    /// Whether events of removed tenants are included.
    pub include_removed: bool,
    /// The reason, in the words of the actor.
    pub reason: String,
    /// The state. Only one replay is processed at a time; replays that were made later wait for it.
    pub state: String,
    /// The tenant whose events are published again; `null` for every tenant.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The last revision; `null` for the newest revision at the time when the replay reaches the
    /// epoch.
    #[serde(default)]
    pub to: Option<u64>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A position in the history of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryPosition {
    /// The tenant's epoch. Revisions of different epochs cannot be compared.
    pub epoch: String,
    /// The tenant's revision; 0 is a tenant without any change.
    pub revision: u64,
    /// The name of the tenant.
    pub tenant: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The body of `POST /replays`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewReplay {
    /// Only events of this epoch. Without it, events of all epochs, or only of the present one if
    /// `from` is above 1 or `to` is given. Needs `tenant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
    /// The most events in a second: 1 to `replay.max_events_per_second`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_per_second: Option<u64>,
    /// The first revision. Needs `tenant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Whether to include events that retention has removed from the archive. The next run of
    /// retention removes them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_removed: Option<bool>,
    /// The reason, which is stored with the replay and in the access log.
    pub reason: String,
    /// Only events of this tenant; without it, events of every tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The last revision. Needs `tenant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}
