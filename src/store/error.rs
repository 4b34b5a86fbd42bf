//! Errors of Postgres, classified for the callers that must react to them.

use deadpool_postgres::TimeoutType;
use tokio_postgres::error::SqlState;

use crate::{
    domain::ids::TenantName,
    resilience::{CallError, Outcome},
};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable connection, or it was lost, or the server is shutting down, read-only, or out of
    /// resources. Nothing is committed.
    #[error("postgres is not available: {0}")]
    Unavailable(String, #[source] Option<tokio_postgres::Error>),
    /// No connection became free in time, or the queue for connections is too long. The server was
    /// not asked.
    #[error("all connections are in use")]
    Busy,
    /// The server did not answer in time, and did not confirm the cancellation either. Nothing is
    /// committed.
    #[error("postgres did not answer in time")]
    Timeout,
    /// A statement took too long, and the server confirmed its cancellation. Nothing is committed.
    #[error("postgres cancelled a statement that took too long")]
    TooSlow,
    /// The connection was lost or the time ran out during COMMIT: the transaction may be committed
    /// or not.
    #[error("whether the transaction was committed is unknown")]
    CommitUnknown(#[source] Option<tokio_postgres::Error>),
    /// The transaction lost a race to another one; trying again may help.
    #[error("postgres aborted the transaction in favour of another")]
    Contention(#[source] tokio_postgres::Error),
    /// A unique constraint was hit.
    #[error("unique constraint {constraint} was violated")]
    Unique {
        /// The name of the constraint.
        constraint: String,
        /// The server's error.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A statement failed for a reason that trying again does not mend.
    #[error("a statement failed")]
    Statement(#[source] tokio_postgres::Error),
    /// The event of a change could not be written, for a reason outside the event. Nothing is
    /// committed.
    #[error("the event cannot be added to the history")]
    Unrecorded(#[source] tokio_postgres::Error),
    /// Revisions of these tenants are of another timeline of the database. The tenants must begin a
    /// new epoch before anything else is written.
    #[error("the newest revisions of {} tenants belong to another timeline of the database", .0.len())]
    OtherTimeline(Vec<TenantName>),
    /// A row holds a value that this program could not have written.
    #[error("a stored value is not valid: {0}")]
    Corrupt(String),
}

impl Error {
    /// Creates an [`Error::Unavailable`] that has no error of the server as its source.
    pub fn unavailable(why: impl std::fmt::Display) -> Self {
        Self::Unavailable(why.to_string(), None)
    }

    /// Converts the error of a statement that records events. An error of the recorded data
    /// (SQLSTATE classes 22, data, and 23, constraints) or of a statement before it (25) stays as
    /// it is. Any other failed statement would fail for every other event as well, and becomes
    /// [`Error::Unrecorded`].
    pub fn of_recording(self) -> Self {
        match self {
            Self::Statement(error)
                if error
                    .code()
                    .is_none_or(|code| !["22", "23", "25"].contains(&&code.code()[..2])) =>
            {
                Self::Unrecorded(error)
            }
            other => other,
        }
    }

    /// Returns true when the dependency is at fault, so that its breaker should count the error.
    pub fn is_dependency_failure(&self) -> bool {
        matches!(self.outcome(), Outcome::Failure | Outcome::TimedOut)
    }

    /// Returns true when the state of the connection is unknown, or a cancellation may still arrive
    /// on it. Such a connection must not be lent again.
    pub fn spoils_connection(&self) -> bool {
        self.is_dependency_failure() || matches!(self, Self::TooSlow)
    }

    /// Returns the error's meaning for the circuit breaker of the server.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unavailable(..) | Self::CommitUnknown(Some(_)) => Outcome::Failure,
            Self::Timeout | Self::CommitUnknown(None) => Outcome::TimedOut,
            // Too many requests from us do not mean that the server is down.
            Self::Busy => Outcome::Abandoned,
            // The server answers, so its breaker must not keep reads from it.
            Self::TooSlow
            | Self::Contention(_)
            | Self::Unique { .. }
            | Self::Statement(_)
            | Self::Unrecorded(_)
            | Self::OtherTimeline(_)
            | Self::Corrupt(_) => Outcome::Success,
        }
    }
}

impl CallError<Error> {
    /// Returns true when the server did not answer, so that another one may be asked. An overloaded
    /// server is not away: the other servers would soon be overloaded as well.
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
            // A value that does not fit its Rust type is our defect; everything else without a
            // server's answer is a lost connection.
            return if error.is_closed()
                || std::error::Error::source(&error).is_none_or(|s| s.is::<std::io::Error>())
            {
                Self::Unavailable("connection lost".into(), Some(error))
            } else {
                Self::Statement(error)
            };
        };
        let code = db.code();
        match *code {
            SqlState::UNIQUE_VIOLATION => Self::Unique {
                constraint: db.constraint().unwrap_or_default().to_owned(),
                source: error,
            },
            SqlState::T_R_DEADLOCK_DETECTED
            | SqlState::T_R_SERIALIZATION_FAILURE
            | SqlState::LOCK_NOT_AVAILABLE => Self::Contention(error),
            SqlState::QUERY_CANCELED => Self::TooSlow,
            SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::Unavailable("the server is read-only".into(), Some(error))
            }
            // 08 connection, 53 insufficient resources, 57P operator intervention, 58 system error.
            _ if ["08", "53", "57P", "58"]
                .iter()
                .any(|class| code.code().starts_with(class)) =>
            {
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
            deadpool_postgres::PoolError::Backend(error) => {
                Self::Unavailable("cannot connect".into(), Some(error))
            }
            other => Self::unavailable(other),
        }
    }
}
