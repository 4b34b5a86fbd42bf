//! The error type of all use cases, independent of HTTP.

use crate::{
    auth::OtherTenant,
    cache::{CacheError, waiters},
    domain::{command::Rejection, ids::TenantName, tag::VersionTag},
    resilience::CallError,
    store,
};

/// The reason why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rules refused the command; nothing was changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The tenant is not one of the caller's. The answer is the same as for a tenant that does not
    /// exist.
    #[error("tenant does not exist")]
    OtherTenant(TenantName),
    /// The route exists and is inactive, so it does not resolve.
    #[error("route is inactive")]
    RouteInactive,
    /// The policy cannot send this request anywhere: no version that it names for the request is
    /// active.
    #[error("no version that the policy names for this request is active")]
    NoActiveVersion(Box<crate::service::read::choices::Explained>),
    /// A rule of the policy redirects the request, or answers it.
    #[error("a rule of the policy answers this request without a route")]
    AnsweredByPolicy(Box<crate::service::read::choices::Answered>),
    /// The tenant's current epoch does not have this revision.
    #[error("{what} is not in the tenant's current history")]
    NotInHistory {
        /// The revision or time that was asked for.
        what: String,
        /// The place of this value in the request.
        place: &'static str,
    },
    /// The end of the range is before its beginning.
    #[error("the end of the range, {to}, is before its start, {from}")]
    EndsBeforeItBegins {
        /// The beginning of the range.
        from: crate::domain::tag::VersionTag,
        /// The end of the range.
        to: crate::domain::tag::VersionTag,
    },
    /// The answer would have more objects than one answer may have.
    #[error("the result has more than {0} objects: filter by service or env")]
    TooManyObjects(usize),
    /// The name occurs in more tenants than one search covers.
    #[error("the result covers more than {0} tenants: filter by tenant")]
    TooManyTenants(usize),
    /// The plan does not exist, or has expired.
    #[error("plan does not exist")]
    PlanNotFound,
    /// The caller's hash is not the plan's. Contains the plan's hash.
    #[error("the hash does not match: the plan's hash is {0}")]
    PlanHashMismatch(crate::domain::hash::EventHash),
    /// The plan's scope changed since the plan was made. Contains a new plan, made just now.
    #[error(
        "the tenant has changed since the plan was made: review the new plan in `plan` and apply that one"
    )]
    PlanStale(Box<crate::domain::plan::Plan>),
    /// The key does not exist, or is not of the caller's tenant.
    #[error("the API key does not exist")]
    KeyNotFound,
    /// The key is revoked or has expired.
    #[error("the API key is revoked or has expired")]
    KeyEnded,
    /// The caller may not give a role or a tenant that it does not have itself.
    #[error("a key may not have more permissions than its creator")]
    MayNotGive,
    /// The requested key would outlast the credential of the caller that makes it. Contains the
    /// latest permitted end.
    #[error(
        "a key may not outlive the credentials that create it: it must expire at {0} or earlier"
    )]
    OutlastsCaller(crate::domain::time::UtcTime),
    /// The key's new token would outlast the credential of the caller that rotates the key.
    /// Contains the end of that credential.
    #[error(
        "your credentials expire at {0}, before the key's new token: use credentials that are valid for at least as long"
    )]
    TokenOutlastsCaller(crate::domain::time::UtcTime),
    /// The caller's credential has ended since the request was admitted.
    #[error("the credentials are no longer valid")]
    CallerEnded,
    /// `auth.mode` is `none`, so API keys are not in use.
    #[error("auth.mode is none: API keys are not in use")]
    NoKeys,
    /// The dead letter does not exist, or no longer exists.
    #[error("the dead letter does not exist")]
    LetterNotFound,
    /// An earlier decision put the dead letter into another state. Contains that state.
    #[error("the dead letter is already {0}")]
    LetterDecided(&'static str),
    /// The dead letter cannot be redriven. Contains the reason.
    #[error("the dead letter cannot be sent again: {0}")]
    NotRedrivable(&'static str),
    /// The replay does not exist.
    #[error("the replay does not exist")]
    ReplayNotFound,
    /// The replay is done, so it cannot be cancelled.
    #[error("the replay is already done")]
    ReplayEnded,
    /// The cursor was not made by this installation, or not for this list.
    #[error("the cursor does not belong to this list and its filters")]
    InvalidCursor,
    /// A dependency did not answer, or its breaker is open because it did not answer lately.
    /// Nothing was changed.
    #[error("{dependency} is not available")]
    Unavailable {
        /// The name of the dependency.
        dependency: &'static str,
        /// The cause, for the log.
        #[source]
        cause: Option<std::sync::Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// The history did not accept the event of the change, and no change is made without its event.
    /// Nothing was changed.
    #[error("the event of the change cannot be recorded")]
    NotRecorded(#[source] std::sync::Arc<dyn std::error::Error + Send + Sync>),
    /// `audit.fail_closed` is on, and too many or too old events are unpublished, or their number
    /// is unknown. Nothing was changed.
    #[error(transparent)]
    Unpublished(#[from] crate::service::write::unpublished::Closed),
    /// Too many requests of this kind are waiting. Nothing was changed.
    #[error("too many {0} are waiting")]
    Overloaded(&'static str),
    /// No place to wait for changes is free.
    #[error(transparent)]
    TooManyWaiters(#[from] waiters::Full),
    /// No place for another export is free.
    #[error("too many exports are running")]
    TooManyExports,
    /// It is unknown whether the write was committed. A retry with the same `Idempotency-Key`
    /// returns the outcome.
    #[error("whether the write was committed is unknown")]
    CommitUnknown,
    /// The state here is older than the caller's minimum, and no newer state was available in time.
    #[error("this instance has not reached revision {minimum} yet")]
    BehindMinimum {
        /// The caller's minimum.
        minimum: VersionTag,
        /// The newest tag that was available, if there was one.
        current: Option<VersionTag>,
    },
    /// A defect of the service.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<OtherTenant> for Error {
    fn from(OtherTenant(tenant): OtherTenant) -> Self {
        Self::OtherTenant(tenant)
    }
}

impl Error {
    /// Returns an internal error with its cause for the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// Returns the error for an unavailable dependency, with the cause.
    pub fn unavailable(
        dependency: &'static str,
        cause: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Unavailable {
            dependency,
            cause: Some(std::sync::Arc::new(cause)),
        }
    }

    /// Copies the error for another caller that waited for the same failed work. Errors that ask
    /// for a retry keep their kind, so every caller knows that a retry may help. Other errors
    /// become internal ones.
    pub(super) fn share(&self) -> Self {
        match self {
            Self::Unavailable { dependency, cause } => Self::Unavailable {
                dependency,
                cause: cause.clone(),
            },
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
            | store::Error::OtherTimeline(_) => Self::unavailable("postgres", error),
            store::Error::Unrecorded(_) => Self::NotRecorded(std::sync::Arc::new(error)),
            store::Error::Unique { .. } | store::Error::Statement(_) | store::Error::Corrupt(_) => {
                Self::internal(error)
            }
        }
    }
}

impl From<CacheError> for Error {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Behind { minimum, current } => Self::BehindMinimum { minimum, current },
            CacheError::Defect(cause) => Self::internal(cause),
            CacheError::Unavailable(cause) => match &*cause {
                CallError::Failed(
                    store::Error::Statement(_)
                    | store::Error::Corrupt(_)
                    | store::Error::Unique { .. },
                ) => Self::internal(cause),
                CallError::Full(_) | CallError::Failed(store::Error::Busy) => {
                    Self::Overloaded("reads")
                }
                _ => Self::Unavailable {
                    dependency: "postgres",
                    cause: Some(cause),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn full_bulkheads_are_reported_as_overload() {
        let busy: [Error; 5] = [
            CallError::<store::Error>::Full("postgres_primary").into(),
            store::Error::Busy.into(),
            CacheError::Unavailable(Arc::new(CallError::Full("postgres_primary"))).into(),
            CacheError::Unavailable(Arc::new(CallError::Failed(store::Error::Busy))).into(),
            CallError::<crate::audit::archive::ArchiveError>::Full("mongodb_queries").into(),
        ];
        for error in busy {
            assert!(
                matches!(
                    (&error, error.share()),
                    (Error::Overloaded(_), Error::Overloaded(_))
                ),
                "{error}"
            );
        }
    }
}
