//! Routes reads: to a replica that is fresh enough, else to the primary.
//!
//! Freshness is measured by log position, never by clock: on an idle primary, a clock's lag grows
//! without end. A replica's answer is also compared with the known revision of the tenant. The
//! revision is read in the same statement as the data, so a replica that fell behind in the
//! meantime is detected. The primary is the last resort, behind its own bulkhead.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use deadpool_postgres::Transaction;
use futures_util::{future::join_all, join};
use serde::Serialize;

use super::{Error, Server, Visible, Way, column};
use crate::resilience::CallError;

/// The servers of one cluster.
#[derive(Debug)]
pub struct Router {
    primary: Arc<Server>,
    replicas: Vec<Replica>,
    max_lag_bytes: i64,
    next: AtomicUsize,
    /// The primary's last known log position.
    position: AtomicI64,
    primary_answers: AtomicBool,
}

#[derive(Debug)]
struct Replica {
    server: Arc<Server>,
    is_fresh: AtomicBool,
    /// The server takes writes: it has become a primary, and nothing confirms that it is ours.
    is_promoted: AtomicBool,
    lag_bytes: AtomicI64,
}

/// The server that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The primary, which has every commit.
    Primary,
    /// A replica, whose answer was accepted as new enough.
    Replica,
}

/// The health report of one replica.
#[derive(Debug, Clone, Serialize)]
pub struct ReplicaReport {
    /// The server's name in logs and metrics.
    pub name: &'static str,
    /// Whether reads without a minimum revision go to this replica now.
    pub is_fresh: bool,
    /// Whether the server is no longer a replica, and so is not read from.
    pub is_promoted: bool,
    /// How far its replayed position was behind the primary's when last compared; `null` before
    /// that.
    pub lag_bytes: Option<i64>,
}

impl Router {
    /// Creates a router. Replicas are not used before [`Router::check`] has found them fresh.
    pub fn new(primary: Arc<Server>, replicas: Vec<Arc<Server>>, max_lag_bytes: u64) -> Self {
        let replica = |server| Replica {
            server,
            is_fresh: AtomicBool::new(false),
            is_promoted: AtomicBool::new(false),
            lag_bytes: AtomicI64::new(-1),
        };
        Self {
            primary,
            replicas: replicas.into_iter().map(replica).collect(),
            max_lag_bytes: i64::try_from(max_lag_bytes).unwrap_or(i64::MAX),
            next: AtomicUsize::new(0),
            position: AtomicI64::new(0),
            primary_answers: AtomicBool::new(false),
        }
    }

    /// Returns the primary of the cluster.
    pub fn primary(&self) -> &Arc<Server> {
        &self.primary
    }

    /// Returns all servers, the primary first.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        std::iter::once(&self.primary).chain(self.replicas.iter().map(|replica| &replica.server))
    }

    /// Reads from a fresh replica whose answer `accept` takes, else from the primary. When the
    /// primary is away too, replicas of unknown freshness are asked last: `accept` still rejects an
    /// answer older than the state already seen.
    ///
    /// A read for which the replicas have no turn is refused, unless one of them is found to be
    /// behind. The primary must not take such reads: they would use up the turns of reads that only
    /// the primary can answer. An overloaded primary does not make an old answer good enough
    /// either.
    pub async fn read<T>(
        &self,
        visible: &Visible,
        accept: impl Fn(&T) -> bool,
        read: impl AsyncFn(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<(T, Source), CallError<Error>> {
        self.read_by(Way::Queue, visible, accept, read).await
    }

    /// Reads as [`Router::read`] does, by the given way to the servers' connections.
    pub async fn read_by<T>(
        &self,
        way: Way,
        visible: &Visible,
        accept: impl Fn(&T) -> bool,
        read: impl AsyncFn(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<(T, Source), CallError<Error>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.replicas.len();
        let in_turn =
            || (0..count).map(move |offset| &self.replicas[(start.wrapping_add(offset)) % count]);
        let (mut full, mut is_behind) = (None, false);
        for replica in in_turn().filter(|replica| replica.is_fresh.load(Ordering::Relaxed)) {
            match replica.server.read_by(way, visible, &read).await {
                Ok(value) if accept(&value) => return Ok((value, Source::Replica)),
                Ok(_) => is_behind = true,
                Err(error @ CallError::Full(_)) => full = Some(error),
                // No other read waits for this replica before it has answered the next check.
                Err(error) if error.is_away() => replica.set_fresh(false),
                // The other servers would not be quicker.
                Err(error @ CallError::Failed(Error::TooSlow)) => return Err(error),
                Err(_) => {}
            }
        }
        if let Some(full) = full.filter(|_| !is_behind) {
            return Err(full);
        }
        let failure = match self.primary.read_by(way, visible, &read).await {
            Ok(value) => return Ok((value, Source::Primary)),
            Err(failure) if failure.is_away() => failure,
            Err(answer) => return Err(answer),
        };
        let is_stale = |replica: &&Replica| {
            !replica.is_fresh.load(Ordering::Relaxed)
                && !replica.is_promoted.load(Ordering::Relaxed)
        };
        for replica in in_turn().filter(is_stale) {
            if let Ok(value) = replica.server.read_by(way, visible, &read).await
                && accept(&value)
            {
                return Ok((value, Source::Replica));
            }
        }
        Err(failure)
    }

    /// Reads from the primary, which has every commit. While the primary does not answer, reads
    /// from any server that does.
    pub async fn read_newest<T>(
        &self,
        visible: &Visible,
        read: impl AsyncFn(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        match self.primary.read(visible, &read).await {
            Err(error) if error.is_away() => Ok(self.read(visible, |_| true, read).await?.0),
            other => other,
        }
    }

    /// Checks all servers at the same time: whether the primary is still a primary, and how far the
    /// replicas' replayed positions are behind its own. While the primary cannot be asked, its last
    /// position counts.
    pub async fn check(&self) {
        let replicas = join_all(
            self.replicas
                .iter()
                .map(|replica| standing(&replica.server)),
        );
        let (primary, replicas) = join!(standing(&self.primary), replicas);
        let is_primary = match primary {
            Some(ServerState {
                in_recovery: false,
                position,
            }) => {
                self.position.store(position, Ordering::Relaxed);
                true
            }
            Some(ServerState {
                in_recovery: true, ..
            }) => {
                tracing::warn!("the primary has become read-only: its connections are replaced");
                self.primary.renew();
                false
            }
            None => false,
        };
        self.primary_answers.store(is_primary, Ordering::Relaxed);
        for (replica, standing) in self.replicas.iter().zip(replicas) {
            self.judge(replica, standing);
        }
    }

    fn judge(&self, replica: &Replica, standing: Option<ServerState>) {
        let known = self.position.load(Ordering::Relaxed);
        let is_promoted = standing.is_some_and(|standing| !standing.in_recovery);
        let lag = standing
            .filter(|standing| standing.in_recovery)
            .map(|standing| (known - standing.position).max(0));
        replica
            .lag_bytes
            .store(lag.unwrap_or(-1), Ordering::Relaxed);
        if replica.is_promoted.swap(is_promoted, Ordering::Relaxed) != is_promoted {
            tracing::warn!(
                postgres.server = replica.server.name(),
                replica.is_promoted = is_promoted,
                "a replica was promoted, or is a replica again"
            );
        }
        replica.set_fresh(lag.is_some_and(|lag| lag <= self.max_lag_bytes) && known > 0);
    }

    /// Returns whether the primary answered the last check.
    pub fn primary_answers(&self) -> bool {
        self.primary_answers.load(Ordering::Relaxed)
    }

    /// Returns whether any server answered the last check.
    pub fn can_read(&self) -> bool {
        self.primary_answers()
            || self
                .replicas
                .iter()
                .any(|replica| replica.lag_bytes.load(Ordering::Relaxed) >= 0)
    }

    /// Returns the state of the replicas.
    pub fn report(&self) -> Vec<ReplicaReport> {
        let report = |replica: &Replica| ReplicaReport {
            name: replica.server.name(),
            is_fresh: replica.is_fresh.load(Ordering::Relaxed),
            is_promoted: replica.is_promoted.load(Ordering::Relaxed),
            lag_bytes: Some(replica.lag_bytes.load(Ordering::Relaxed)).filter(|lag| *lag >= 0),
        };
        self.replicas.iter().map(report).collect()
    }
}

impl Replica {
    fn set_fresh(&self, is_fresh: bool) {
        if self.is_fresh.swap(is_fresh, Ordering::Relaxed) != is_fresh {
            tracing::info!(
                postgres.server = self.server.name(),
                replica.is_fresh = is_fresh,
                "a replica's freshness changed"
            );
        }
    }
}

/// A server's role, and its position in the log: written by a primary, replayed by a replica.
#[derive(Debug, Clone, Copy)]
struct ServerState {
    in_recovery: bool,
    /// The log position in bytes since the start of the log.
    position: i64,
}

async fn standing(server: &Server) -> Option<ServerState> {
    let read = async |tx: &Transaction<'_>| {
        let sql = "select r as in_recovery, coalesce(pg_wal_lsn_diff( \
                       case when r then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, '0/0')::bigint, 0) as position \
                   from pg_is_in_recovery() r";
        let statement = tx.prepare_cached(sql).await?;
        let row = tx.query_one(&statement, &[]).await?;
        Ok(ServerState {
            in_recovery: column(&row, "in_recovery")?,
            position: column(&row, "position")?,
        })
    };
    server
        .read_background(&Visible::no_tenants(), read)
        .await
        .ok()
}
