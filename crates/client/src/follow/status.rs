//! What the watcher tells of itself.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use traffic_manager_core::{
    snapshot::{Digest, Recent, TenantSnapshot, confirmation::Confirmation},
    tag::VersionTag,
};

use super::{held::Held, servers::ServerFaults};

/// How the watcher's data relates to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// There are no data yet, and the service has not answered.
    Starting,
    /// The data are from the file; the service has not confirmed them yet.
    Disk,
    /// The service has confirmed the data, and answers.
    Live,
    /// The service confirmed the data once, and does not answer now.
    Stale,
    /// The service says 404: the tenant was removed, or the caller lost its right. The data stay.
    Gone,
    /// The service says 401 or 403: the token is wrong or expired. The data stay.
    Denied,
}

impl State {
    /// The name in logs and in conformance cases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Disk => "disk",
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Gone => "gone",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an answer, an event or a file was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is not what it should be, or of a kind that this version does not know.
    Malformed,
    /// It belongs to another tenant, or to another scope.
    Foreign,
    /// The digest is not that of the objects.
    Digest,
    /// A signature of a trusted key is wrong.
    Signature,
    /// Keys are configured, and no signature of one of them came.
    Unsigned,
    /// It belongs to an epoch that the watcher left.
    LeftEpoch,
    /// The hook `accept` said no.
    NotAccepted,
    /// It has more bytes than [`crate::Settings::max_bytes`].
    TooLarge,
}

impl Refusal {
    /// All refusals.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::Foreign,
        Self::Digest,
        Self::Signature,
        Self::Unsigned,
        Self::LeftEpoch,
        Self::NotAccepted,
        Self::TooLarge,
    ];

    /// The name in logs, in labels of metrics and in conformance cases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Foreign => "foreign",
            Self::Digest => "digest",
            Self::Signature => "signature",
            Self::Unsigned => "unsigned",
            Self::LeftEpoch => "left_epoch",
            Self::NotAccepted => "not_accepted",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Counts since the start of the watcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Snapshots and revisions that were taken.
    pub applied: u64,
    /// Snapshots and events that were not newer than the data.
    pub dropped: u64,
    /// Snapshots of the tag that is held, but with another digest. Either a service or the watcher
    /// has a fault; the snapshot replaces the data.
    pub diverged: u64,
    /// Connections that ended before their time, and requests that failed.
    pub reconnects: u64,
    /// Files that could not be read, were refused, or could not be written.
    pub file_errors: u64,
    refused: [u64; Refusal::ALL.len()],
}

impl Counters {
    /// How often something was refused for this reason.
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused[reason as usize]
    }

    /// Counts a refusal.
    pub(crate) fn refuse(&mut self, reason: Refusal) {
        self.refused[reason as usize] += 1;
    }
}

/// The watcher's data and state at one moment.
#[derive(Debug, Clone)]
pub struct View {
    /// How the data relate to the service.
    pub state: State,
    /// The data; `None` until the first are there. They have only the objects of the watcher's
    /// scope, so read them with [`traffic_manager_core::snapshot::Scope::default`].
    pub snapshot: Option<Arc<TenantSnapshot>>,
    /// The counters.
    pub counters: Counters,
    /// The newest refusal or failure, for people. It stays after the watcher has recovered.
    pub problem: Option<Arc<str>>,
    /// The servers that have sent what was refused, or have kept something back, with what they did.
    pub faults: Arc<[ServerFaults]>,
    /// The last moment at which the service confirmed the data.
    pub(crate) confirmed: Option<Timestamp>,
    /// The data with what vouches for them.
    pub(crate) held: Option<Arc<Held>>,
    /// The place in the stream after the data.
    pub(crate) cursor: Option<VersionTag>,
}

impl View {
    /// The tag of the data.
    pub fn tag(&self) -> Option<&VersionTag> {
        self.snapshot.as_ref().map(|snapshot| snapshot.tag())
    }

    /// The signatures of the data, as the header `TM-Signature` has them.
    pub fn signature(&self) -> Option<&str> {
        self.held.as_ref()?.signature.as_deref()
    }

    /// The newest confirmed removal that a trusted key has signed, if the service told of one with the data.
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.held.as_ref()?.confirmation.as_ref()?.vouched()
    }

    /// The same as the header `TM-Confirmed` has it, whoever has signed it.
    pub fn signed_confirmation(&self) -> Option<String> {
        let confirmed = self.held.as_ref()?.confirmation.as_ref()?;
        Some(confirmed.signed.to_string())
    }

    /// The digest of the data, as the service stated it.
    pub fn digest(&self) -> Option<&Digest> {
        Some(&self.held.as_ref()?.digest)
    }

    /// The bytes of the data, as `GET snapshot` of the service has them, also with members that this version does not
    /// know.
    pub fn body(&self) -> Option<Vec<u8>> {
        Some(self.held.as_ref()?.body())
    }

    /// The place in the stream after the data. In the stream of a part of a tenant, it may be further than the tag of
    /// the data.
    pub fn place(&self) -> Option<&VersionTag> {
        let (held, cursor) = (self.held.as_ref()?, self.cursor.as_ref());
        let tag = held.snapshot.tag();
        cursor.filter(|cursor| cursor.covers(tag)).or(Some(tag))
    }

    /// The changes after a tag, as they were published; `None` if not all of them are known any more, or the tag is of
    /// another epoch.
    pub fn changes_after(&self, after: &VersionTag) -> Option<Vec<Arc<Recent>>> {
        let held = self.held.as_ref()?;
        let is_known = after.epoch == held.snapshot.tag().epoch
            && after.revision >= held.known_after
            && held.is_exact();
        let newer = |it: &&Arc<Recent>| it.revision > after.revision;
        is_known.then(|| held.snapshot.recent().filter(newer).cloned().collect())
    }

    /// The time since the service confirmed the data last, also if that was before a restart. Zero
    /// if the clock went back.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        let age = now.duration_since(self.confirmed?);
        Some(age.try_into().unwrap_or_default())
    }

    /// Whether something differs that waiting readers want to know. The time of the last
    /// confirmation is not.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let same = match (&self.held, &other.held) {
            (Some(mine), Some(other)) => {
                Arc::ptr_eq(&mine.snapshot, &other.snapshot)
                    && mine.signature == other.signature
                    && mine.confirmation == other.confirmation
            }
            (mine, other) => mine.is_none() && other.is_none(),
        };
        !same
            || self.faults != other.faults
            || self.cursor != other.cursor
            || self.state != other.state
            || self.counters != other.counters
            || self.problem != other.problem
    }
}
