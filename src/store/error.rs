//! What can go wrong with Postgres, classified for those who must decide what to do about it.

use deadpool_postgres::TimeoutType;
use tokio_postgres::error::SqlState;

use crate::{
    domain::ids::TenantName,
    resilience::{CallError, Outcome},
};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable connection, or it was lost, or the server is shutting down, read-only, or out of resources. Nothing is committed.
    #[error("postgres is not available: {0}")]
    Unavailable(String, #[source] Option<tokio_postgres::Error>),
    /// All connections are in use, and others have waited for one before. The server was not asked.
    #[error("all connections are in use")]
    Busy,
    /// The server did not answer in time, not even that it has cancelled what ran. Nothing is committed.
    #[error("postgres did not answer in time")]
    Timeout,
    /// A statement took too long, and the server said that it has cancelled it. Nothing is committed.
    #[error("postgres cancelled a statement that took too long")]
    TooSlow,
    /// The connection was lost while COMMIT was under way: it may have happened or not.
    #[error("whether the transaction was committed is unknown")]
    CommitUnknown(#[source] Option<tokio_postgres::Error>),
    /// Lost a race to another transaction; trying again may help.
    #[error("postgres aborted the transaction in favour of another")]
    Contention(#[source] tokio_postgres::Error),
    /// A unique constraint was hit.
    #[error("unique constraint {constraint} was violated")]
    Unique {
        /// Its name.
        constraint: String,
        /// The server's error.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A statement failed for a reason that trying again does not mend.
    #[error("a statement failed")]
    Statement(#[source] tokio_postgres::Error),
    /// The event of a change could not be written, for a reason that is not in the event. Nothing is committed.
    #[error("the history does not take the event")]
    Unrecorded(#[source] tokio_postgres::Error),
    /// Revisions of these tenants are of another history of the database: they must begin a new epoch before anything else is written.
    #[error("the database has another history than the newest revisions of {} tenants", .0.len())]
    Foreign(Vec<TenantName>),
    /// A row holds what this program could not have written.
    #[error("a stored value is not valid: {0}")]
    Corrupt(String),
}

impl Error {
    /// A connection that could not be had.
    pub fn unavailable(why: impl std::fmt::Display) -> Self {
        Self::Unavailable(why.to_string(), None)
    }

    /// The error of a statement that records events: one that is not about what was to be recorded (SQLSTATE classes 22, data, and 23,
    /// constraints) or about a statement before it (25) would meet every other event as well.
    pub fn of_recording(self) -> Self {
        match self {
            Self::Statement(error) if error.code().is_none_or(|code| !["22", "23", "25"].contains(&&code.code()[..2])) => {
                Self::Unrecorded(error)
            }
            other => other,
        }
    }

    /// True when the dependency is at fault, so that its breaker should count it.
    pub fn is_dependency_failure(&self) -> bool {
        matches!(self.outcome(), Outcome::Failure | Outcome::TimedOut)
    }

    /// True when nobody knows what its connection is doing, or whom a cancellation will meet that is still on its way: it must not be
    /// lent again.
    pub fn spoils_connection(&self) -> bool {
        self.is_dependency_failure() || matches!(self, Self::TooSlow)
    }

    /// What it says of the server.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unavailable(..) | Self::CommitUnknown(Some(_)) => Outcome::Failure,
            Self::Timeout | Self::CommitUnknown(None) => Outcome::TimedOut,
            // That we ask for more than it can do does not mean that it is down.
            Self::Busy => Outcome::Abandoned,
            // The server answers: its breaker is not to keep reads from it.
            Self::TooSlow
            | Self::Contention(_)
            | Self::Unique { .. }
            | Self::Statement(_)
            | Self::Unrecorded(_)
            | Self::Foreign(_)
            | Self::Corrupt(_) => Outcome::Success,
        }
    }
}

impl CallError<Error> {
    /// True when the server did not answer, so that another may be asked. One that has too much to do is not away: the others would soon
    /// have too much as well.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Failed(error) => error.is_dependency_failure(),
            Self::Open(_) | Self::Timeout(..) => true,
            Self::Full(_) => false,
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            // A value that does not fit its Rust type is our defect; everything else without a server's answer is a lost connection.
            return if error.is_closed() || std::error::Error::source(&error).is_none_or(|s| s.is::<std::io::Error>()) {
                Self::Unavailable("connection lost".into(), Some(error))
            } else {
                Self::Statement(error)
            };
        };
        let code = db.code();
        match *code {
            SqlState::UNIQUE_VIOLATION => {
                Self::Unique { constraint: db.constraint().unwrap_or_default().to_owned(), source: error }
            }
            SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE | SqlState::LOCK_NOT_AVAILABLE => {
                Self::Contention(error)
            }
            SqlState::QUERY_CANCELED => Self::TooSlow,
            SqlState::READ_ONLY_SQL_TRANSACTION => Self::Unavailable("the server is read-only".into(), Some(error)),
            // 08 connection, 53 insufficient resources, 57P operator intervention, 58 system error.
            _ if ["08", "53", "57P", "58"].iter().any(|class| code.code().starts_with(class)) => {
                Self::Unavailable(format!("SQLSTATE {}", code.code()), Some(error))
            }
            _ => Self::Statement(error),
        }
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            deadpool_postgres::PoolError::Backend(error) => Self::Unavailable("cannot connect".into(), Some(error)),
            other => Self::unavailable(other),
        }
    }
}
