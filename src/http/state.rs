//! The services that handlers use.

use std::{sync::Arc, time::Duration};

use super::body_limits::BodyLimits;
use crate::{
    resilience::Workers,
    service::{
        access_log::AccessLog, audit::AuditReads, callers::Callers, dead_letters::DeadLetters,
        exports::Exports, forced_states::ForcedStates, keys::Keys, plans::Plans, polls::Polls,
        reads::Reads, replays::Replays, writer::Writer,
    },
};

/// The services that handlers use.
pub struct ApiState {
    /// The write path.
    pub writer: Arc<Writer>,
    /// Reads from Postgres.
    pub reads: Arc<Reads>,
    /// Plans, batches and rollbacks: many changes at once.
    pub plans: Plans,
    /// The read path of proxies.
    pub polls: Arc<Polls>,
    /// Reads of the archive.
    pub audit: Arc<AuditReads>,
    /// Exports of the archive.
    pub exports: Exports,
    /// API keys: their creation, rotation and revocation.
    pub keys: Keys,
    /// Forced breaker states of this instance.
    pub forced_states: ForcedStates,
    /// Dead letters: records that could not be archived.
    pub dead_letters: DeadLetters,
    /// Replays: parts of the history that are published again.
    pub replays: Replays,
    /// Authentication: finds the caller of a token.
    pub callers: Arc<Callers>,
    /// The access log, for refusals and sensitive reads.
    pub access_log: Arc<AccessLog>,
    /// The worker threads, for large bodies and answers.
    pub workers: Arc<Workers>,
    /// Limits of the memory that large bodies may hold.
    pub bulk: BodyLimits,
    /// `http.request_timeout_ms`: the deadline of a request that does not wait.
    pub request_timeout: Duration,
}
