//! Where a read goes: to a replica that is fresh enough, else to the primary.
//!
//! Freshness is measured by log position, never by clock: an idle primary makes a clock's lag grow without end. What a replica
//! answers is also held against the revision that is already known of the tenant, in the same statement that reads the data, so a
//! replica that fell behind in the meantime is found out. The primary is the last resort, behind its own bulkhead.

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
    /// It takes writes: it has become a primary, and no one says that it is ours.
    is_promoted: AtomicBool,
    lag_bytes: AtomicI64,
}

/// Which server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The truth.
    Primary,
    /// A replica, whose answer was accepted as new enough.
    Replica,
}

/// What health tells of one replica.
#[derive(Debug, Clone, Serialize)]
pub struct ReplicaReport {
    /// Its name.
    pub name: &'static str,
    /// Whether reads without a minimum revision go there now.
    pub is_fresh: bool,
    /// Whether it is a replica no more, and so not read from.
    pub is_promoted: bool,
    /// How far its replayed position was behind the primary's when last compared; `null` before that.
    pub lag_bytes: Option<i64>,
}

impl Router {
    /// A router; replicas are not used before [`Router::check`] has found them fresh.
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

    /// The primary.
    pub fn primary(&self) -> &Arc<Server> {
        &self.primary
    }

    /// All servers, the primary first.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        std::iter::once(&self.primary).chain(self.replicas.iter().map(|replica| &replica.server))
    }

    /// Reads from a fresh replica whose answer `accept` takes, else from the primary. When the primary is away too, a replica whose
    /// freshness is not known is asked last: `accept` still guards what was already seen.
    ///
    /// What replicas have no turn for is refused, unless one of them is found to be behind: if the primary had to take it, they would take
    /// from it the turns of those whom only it can answer. Nor does too much to do at the primary make an old answer good enough.
    pub async fn read<T>(
        &self, visible: &Visible, accept: impl Fn(&T) -> bool, read: impl AsyncFn(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<(T, Source), CallError<Error>> {
        self.read_by(Way::Queue, visible, accept, read).await
    }

    /// The same by either way to the servers' connections.
    pub async fn read_by<T>(
        &self, way: Way, visible: &Visible, accept: impl Fn(&T) -> bool, read: impl AsyncFn(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<(T, Source), CallError<Error>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.replicas.len();
        let in_turn = || (0..count).map(move |offset| &self.replicas[(start.wrapping_add(offset)) % count]);
        let (mut full, mut is_behind) = (None, false);
        for replica in in_turn().filter(|replica| replica.is_fresh.load(Ordering::Relaxed)) {
            match replica.server.read_by(way, visible, &read).await {
                Ok(value) if accept(&value) => return Ok((value, Source::Replica)),
                Ok(_) => is_behind = true,
                Err(error @ CallError::Full(_)) => full = Some(error),
                // Nobody else waits for it before it has answered the next check.
                Err(error) if error.is_away() => replica.set_fresh(false),
                // Nor would the others be quicker.
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
        let is_stale =
            |replica: &&Replica| !replica.is_fresh.load(Ordering::Relaxed) && !replica.is_promoted.load(Ordering::Relaxed);
        for replica in in_turn().filter(is_stale) {
            if let Ok(value) = replica.server.read_by(way, visible, &read).await
                && accept(&value)
            {
                return Ok((value, Source::Replica));
            }
        }
        Err(failure)
    }

    /// Reads from the primary, which knows of everything; while it does not answer, from whoever does.
    pub async fn read_newest<T>(
        &self, visible: &Visible, read: impl AsyncFn(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, CallError<Error>> {
        match self.primary.read(visible, &read).await {
            Err(error) if error.is_away() => Ok(self.read(visible, |_| true, read).await?.0),
            other => other,
        }
    }

    /// Looks at all servers at a time: whether the primary is one, and how far the replicas' replayed positions are behind its. While the
    /// primary cannot be asked, its last position counts.
    pub async fn check(&self) {
        let replicas = join_all(self.replicas.iter().map(|replica| standing(&replica.server)));
        let (primary, replicas) = join!(standing(&self.primary), replicas);
        let is_primary = match primary {
            Some(Standing { in_recovery: false, position }) => {
                self.position.store(position, Ordering::Relaxed);
                true
            }
            Some(Standing { in_recovery: true, .. }) => {
                tracing::warn!("the primary takes no writes any more: its connections are made anew");
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

    fn judge(&self, replica: &Replica, standing: Option<Standing>) {
        let known = self.position.load(Ordering::Relaxed);
        let is_promoted = standing.is_some_and(|standing| !standing.in_recovery);
        let lag = standing.filter(|standing| standing.in_recovery).map(|standing| (known - standing.position).max(0));
        replica.lag_bytes.store(lag.unwrap_or(-1), Ordering::Relaxed);
        if replica.is_promoted.swap(is_promoted, Ordering::Relaxed) != is_promoted {
            tracing::warn!(
                postgres.server = replica.server.name(),
                replica.is_promoted = is_promoted,
                "replica changed what it is"
            );
        }
        replica.set_fresh(lag.is_some_and(|lag| lag <= self.max_lag_bytes) && known > 0);
    }

    /// Whether the primary answered the last check.
    pub fn primary_answers(&self) -> bool {
        self.primary_answers.load(Ordering::Relaxed)
    }

    /// Whether any server answered the last check.
    pub fn can_read(&self) -> bool {
        self.primary_answers() || self.replicas.iter().any(|replica| replica.lag_bytes.load(Ordering::Relaxed) >= 0)
    }

    /// The replicas' numbers.
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
            tracing::info!(postgres.server = self.server.name(), replica.is_fresh = is_fresh, "replica changed its state");
        }
    }
}

/// What a server is, and how far its log is: written by a primary, replayed by a replica.
#[derive(Debug, Clone, Copy)]
struct Standing {
    in_recovery: bool,
    /// Bytes since the start.
    position: i64,
}

async fn standing(server: &Server) -> Option<Standing> {
    let read = async |tx: &Transaction<'_>| {
        let sql = "select r as in_recovery, coalesce(pg_wal_lsn_diff( \
                       case when r then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, '0/0')::bigint, 0) as position \
                   from pg_is_in_recovery() r";
        let statement = tx.prepare_cached(sql).await?;
        let row = tx.query_one(&statement, &[]).await?;
        Ok(Standing { in_recovery: column(&row, "in_recovery")?, position: column(&row, "position")? })
    };
    server.read_apart(&Visible::no_tenants(), read).await.ok()
}
