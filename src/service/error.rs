//! The one error of the use cases, neutral of HTTP.

use crate::{
    auth::OtherTenant,
    cache::{CacheError, waiters},
    domain::{command::Rejection, ids::TenantName, tag::VersionTag},
    resilience::CallError,
    store,
};

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused by the rules; nothing was changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The tenant is not one of the caller's: answered as one that does not exist.
    #[error("tenant does not exist")]
    OtherTenant(TenantName),
    /// The route exists and is inactive, so it does not resolve.
    #[error("route is inactive")]
    RouteInactive,
    /// The policy has nowhere to send this request: nothing that it names for it is active.
    #[error("nothing that the policy names for this request is active")]
    NoActiveVersion(Box<super::choices::Explained>),
    /// A revision that the tenant's present history does not have.
    #[error("{what} is not in the tenant's present history")]
    NotInHistory {
        /// The revision or time that was asked for.
        what: String,
        /// The place of it in the request.
        place: &'static str,
    },
    /// A range whose end is before its beginning: both.
    #[error("{to} is before {from}")]
    EndsBeforeItBegins {
        /// Where it begins.
        from: crate::domain::tag::VersionTag,
        /// Where it ends.
        to: crate::domain::tag::VersionTag,
    },
    /// More objects than one answer may have.
    #[error("more than {0} objects: narrow by service or env")]
    TooManyObjects(usize),
    /// A name that stands in more tenants than one search looks through.
    #[error("in more than {0} tenants: narrow by tenant")]
    TooManyTenants(usize),
    /// No such plan, or it has expired.
    #[error("plan does not exist")]
    PlanNotFound,
    /// The hash is not the plan's.
    #[error("the plan's hash is {0}")]
    PlanHashMismatch(crate::domain::hash::EventHash),
    /// The plan's scope changed since it was made. Here is one that was made just now.
    #[error("the tenant has changed since the plan was made")]
    PlanStale(Box<crate::domain::plan::Plan>),
    /// No such key, or not of the caller's tenant.
    #[error("key does not exist")]
    KeyNotFound,
    /// The key is revoked or has expired.
    #[error("the key is revoked or has expired")]
    KeyEnded,
    /// Nobody gives a role or a tenant that it does not have itself.
    #[error("nobody may give more than it has itself")]
    MayNotGive,
    /// A key that shall last longer than what its maker came with.
    #[error("what makes a key may not be outlasted by it: it may end at {0} at the latest")]
    OutlastsCaller(crate::domain::time::UtcTime),
    /// The same of a token that is shown for the asking.
    #[error("what you came with ends at {0}, and the key's token would last longer: let a caller rotate it that lasts as long")]
    TokenOutlastsCaller(crate::domain::time::UtcTime),
    /// What the caller came with has ended since it was let in.
    #[error("the credentials are not good any more")]
    CallerEnded,
    /// Callers are not asked who they are, so there is nothing that keys would be for.
    #[error("auth.mode is none: keys are not in use")]
    NoKeys,
    /// No such dead letter, or none any more.
    #[error("the dead letter does not exist")]
    LetterNotFound,
    /// It was decided on before, and not so.
    #[error("the dead letter is {0}")]
    LetterDecided(&'static str),
    /// It cannot be sent again.
    #[error("the dead letter cannot be sent again: {0}")]
    NotRedrivable(&'static str),
    /// No such replay.
    #[error("the replay does not exist")]
    ReplayNotFound,
    /// It is done: there is nothing to cancel.
    #[error("the replay is done")]
    ReplayEnded,
    /// A cursor that this installation did not make, or not for this list.
    #[error("the cursor is not one of ours for this list")]
    InvalidCursor,
    /// A dependency did not answer, or is not asked because it did not lately. Nothing was changed.
    #[error("{dependency} is not available")]
    Unavailable {
        /// Which.
        dependency: &'static str,
        /// Why, for the log.
        #[source]
        cause: Option<std::sync::Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// The history does not take the event of the change, and no change is made without. Nothing was changed.
    #[error("the change cannot be recorded")]
    NotRecorded(#[source] std::sync::Arc<dyn std::error::Error + Send + Sync>),
    /// `audit.fail_closed` is on, and too much is not published yet, or how much is not known. Nothing was changed.
    #[error(transparent)]
    Unpublished(#[from] super::unpublished::Closed),
    /// Too much waits already. Nothing was changed.
    #[error("too many {0} are waiting")]
    Overloaded(&'static str),
    /// No place to wait for changes is free.
    #[error(transparent)]
    TooManyWaiters(#[from] waiters::Full),
    /// No place for another export is free.
    #[error("too many exports are running")]
    TooManyExports,
    /// The write may have been committed or not. A retry with the same Idempotency-Key tells.
    #[error("whether the write was committed is unknown")]
    CommitUnknown,
    /// What is held is older than the caller's minimum, and nothing newer could be had in time.
    #[error("revision {minimum} is not reached here")]
    BehindMinimum {
        /// What was asked for.
        minimum: VersionTag,
        /// What could be had.
        current: Option<VersionTag>,
    },
    /// A defect of ours.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<OtherTenant> for Error {
    fn from(OtherTenant(tenant): OtherTenant) -> Self {
        Self::OtherTenant(tenant)
    }
}

impl Error {
    /// An error of ours, with its cause for the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The dependency is away, and why.
    pub fn unavailable(dependency: &'static str, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable { dependency, cause: Some(std::sync::Arc::new(cause)) }
    }

    /// The same for another who waited for what failed. All that says to come back says so to everybody.
    pub(super) fn share(&self) -> Self {
        match self {
            Self::Unavailable { dependency, cause } => Self::Unavailable { dependency, cause: cause.clone() },
            Self::NotRecorded(cause) => Self::NotRecorded(cause.clone()),
            Self::Unpublished(closed) => Self::Unpublished(*closed),
            Self::Overloaded(what) => Self::Overloaded(what),
            Self::TooManyWaiters(full) => Self::TooManyWaiters(*full),
            Self::TooManyExports => Self::TooManyExports,
            Self::CommitUnknown => Self::CommitUnknown,
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<CallError<store::Error>> for Error {
    fn from(error: CallError<store::Error>) -> Self {
        match error {
            CallError::Failed(error) => error.into(),
            CallError::Full(_) => Self::Overloaded("reads"),
            other => Self::unavailable("postgres", other),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::CommitUnknown(_) => Self::CommitUnknown,
            store::Error::Busy => Self::Overloaded("reads"),
            store::Error::Unavailable(..)
            | store::Error::Timeout
            | store::Error::TooSlow
            | store::Error::Contention(_)
            | store::Error::Foreign(_) => Self::unavailable("postgres", error),
            store::Error::Unrecorded(_) => Self::NotRecorded(std::sync::Arc::new(error)),
            store::Error::Unique { .. } | store::Error::Statement(_) | store::Error::Corrupt(_) => Self::internal(error),
        }
    }
}

impl From<CacheError> for Error {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Behind { minimum, current } => Self::BehindMinimum { minimum, current },
            CacheError::Defect(cause) => Self::internal(cause),
            CacheError::Unavailable(cause) => match &*cause {
                CallError::Failed(store::Error::Statement(_) | store::Error::Corrupt(_) | store::Error::Unique { .. }) => {
                    Self::internal(cause)
                }
                CallError::Full(_) | CallError::Failed(store::Error::Busy) => Self::Overloaded("reads"),
                _ => Self::Unavailable { dependency: "postgres", cause: Some(cause) },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn too_much_to_do_is_told_as_such_by_everything_that_has_a_bulkhead() {
        let busy: [Error; 5] = [
            CallError::<store::Error>::Full("postgres_primary").into(),
            store::Error::Busy.into(),
            CacheError::Unavailable(Arc::new(CallError::Full("postgres_primary"))).into(),
            CacheError::Unavailable(Arc::new(CallError::Failed(store::Error::Busy))).into(),
            CallError::<crate::audit::archive::ArchiveError>::Full("mongodb_queries").into(),
        ];
        for error in busy {
            assert!(matches!((&error, error.share()), (Error::Overloaded(_), Error::Overloaded(_))), "{error}");
        }
    }
}
