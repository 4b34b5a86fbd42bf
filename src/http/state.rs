//! The services that handlers use.

use std::{sync::Arc, time::Duration};

use super::body_limits::BodyLimits;
use crate::{
    auth::oidc::Provider,
    resilience::{Shares, Workers},
    service::{
        access::{access_log::AccessLog, callers::Callers, keys::Keys},
        admin::{dead_letters::DeadLetters, forced_states::ForcedStates, replays::Replays},
        history::{audit::AuditReads, exports::Exports},
        nodes::Nodes,
        quarantine::Quarantine,
        read::{offers::Sources, polls::Polls, reads::Reads},
        write::{plans::Plans, writer::Writer},
    },
};

/// What configurations for proxies say, and where Envoys get theirs as a stream.
pub struct Dataplane {
    /// The settings of every dialect, unless a request says otherwise.
    pub settings: traffic_manager_dataplane::Settings,
    /// The port of the listener for Envoys, if there is one.
    pub ads_port: Option<u16>,
    /// The places of Envoys' streams.
    pub streams: Arc<Shares>,
    /// What Envoys have refused.
    pub quarantine: Arc<Quarantine>,
}

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
    /// The ledger of nodes.
    pub nodes: Arc<Nodes>,
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
    /// Signs people in at the identity provider, if one is set.
    pub provider: Option<Provider>,
    /// The access log, for refusals and sensitive reads.
    pub access_log: Arc<AccessLog>,
    /// The worker threads, for large bodies and answers.
    pub workers: Arc<Workers>,
    /// What configurations for proxies say.
    pub dataplane: Dataplane,
    /// Limits of the memory that large bodies may hold.
    pub bulk: BodyLimits,
    /// `http.request_timeout_ms`: the deadline of a request that does not wait.
    pub request_timeout: Duration,
}

impl ApiState {
    /// Returns what the configurations of Envoys are made of.
    pub fn sources(&self) -> Sources {
        Sources {
            polls: self.polls.clone(),
            quarantine: self.dataplane.quarantine.clone(),
            settings: self.dataplane.settings.clone(),
        }
    }
}
