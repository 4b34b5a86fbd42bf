//! The problem of each error of the layers below.

use super::{Code, FieldError, Problem};
use crate::{
    auth::OtherTenant,
    domain::{
        Invalid,
        command::{ObjectName, Rejection, TooLarge},
    },
    http::log_limit::may_log,
    service::{
        self,
        read::choices::{Answer, Answered},
    },
};

impl From<OtherTenant> for Problem {
    fn from(OtherTenant(tenant): OtherTenant) -> Self {
        Self::other_tenant(tenant)
    }
}

impl From<service::Error> for Problem {
    fn from(error: service::Error) -> Self {
        use service::Error as E;
        let detail = error.to_string();
        match error {
            E::Rejected(rejection) => rejection.into(),
            E::OtherTenant(tenant) => Self::other_tenant(tenant),
            E::RouteInactive => Self::new(Code::RouteInactive, detail),
            E::NoActiveVersion(why) => {
                Self::new(Code::NoActiveVersion, detail).with("explanation", why)
            }
            E::AnsweredByPolicy(answered) => {
                let Answered { answer, why } = *answered;
                let problem = Self::new(Code::AnsweredByPolicy, detail).with("explanation", why);
                match answer {
                    Answer::Redirect(redirect) => problem.with("redirect", redirect),
                    Answer::Respond(respond) => problem.with("respond", respond),
                }
            }
            E::NotInHistory { place, .. } => {
                Self::field(place, Invalid::new("not_in_history", detail))
            }
            E::EndsBeforeItBegins { .. } => Self::field("?to", Invalid::new("empty_range", detail)),
            E::TooManyObjects(_) => Self::field("?service", Invalid::new("too_many", detail)),
            E::TooManyTenants(_) => Self::field("?tenant", Invalid::new("too_many", detail)),
            E::PlanNotFound => Self::new(Code::PlanNotFound, detail),
            E::PlanHashMismatch(_) => Self::new(Code::PlanHashMismatch, detail),
            E::PlanStale(plan) => Self::plan_stale(*plan, detail),
            E::KeyNotFound => Self::new(Code::KeyNotFound, detail),
            E::KeyEnded => Self::new(Code::KeyEnded, detail),
            E::MayNotGive => Self::new(Code::Forbidden, detail),
            E::OutlastsCaller(_) => {
                Self::field("/expires_at", Invalid::new("after_caller", detail))
            }
            E::TokenOutlastsCaller(_) => Self::new(Code::Forbidden, detail),
            E::CallerEnded => Self::new(Code::Unauthenticated, detail),
            E::NoKeys => Self::new(Code::KeysNotInUse, detail),
            E::LetterNotFound => Self::new(Code::DeadLetterNotFound, detail),
            E::LetterDecided(_) => Self::new(Code::DeadLetterDecided, detail),
            E::NotRedrivable(_) => Self::new(Code::NotRedrivable, detail),
            E::ReplayNotFound => Self::new(Code::ReplayNotFound, detail),
            E::ReplayEnded => Self::new(Code::ReplayEnded, detail),
            E::InvalidCursor => Self::new(Code::InvalidCursor, detail),
            E::Unavailable { dependency, cause } => {
                if may_log() {
                    tracing::warn!(dependency.name = dependency, error = ?cause, "a request was refused: a dependency is not available");
                }
                Self::new(Code::Unavailable, format!("{detail}; nothing was changed"))
            }
            E::NotRecorded(cause) => {
                if may_log() {
                    tracing::error!(error = ?cause, "a change was refused: its event cannot be recorded");
                }
                Self::new(Code::Unavailable, format!("{detail}; nothing was changed"))
            }
            E::Unpublished(_) => Self {
                retry_after_seconds: 5,
                ..Self::new(Code::AuditBacklog, format!("{detail}; nothing was changed"))
            },
            E::Overloaded(_) => {
                Self::new(Code::Overloaded, format!("{detail}; nothing was changed"))
            }
            E::TooManyWaiters(_) => Self::new(Code::TooManyWaiters, detail),
            E::TooManyExports => Self::new(Code::TooManyExports, detail),
            E::CommitUnknown => Self::new(
                Code::CommitUnknown,
                "the connection was lost during the commit: the write may or may not have been done; \
                 a retry with the same Idempotency-Key returns the outcome; if the endpoint accepts no key, read the current state",
            ),
            E::BehindMinimum { current, .. } => Self {
                current: current.map(Box::new),
                ..Self::new(Code::RevisionNotReached, detail)
            },
            E::Internal(cause) => {
                if may_log() {
                    tracing::error!(error = ?cause, "a request failed");
                }
                Self::new(Code::Internal, "see the log for this request_id")
            }
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            Rejection::TenantNotFound => Self::new(Code::TenantNotFound, detail),
            Rejection::OutsideGrant { .. } => Self::new(Code::OutsideGrant, detail),
            Rejection::RouteNotFound => Self::new(Code::RouteNotFound, detail),
            Rejection::TenantExists => Self::new(Code::TenantExists, detail),
            Rejection::TenantEnding => Self::new(Code::TenantEnding, detail).with_retry_after(1),
            Rejection::TenantNotEmpty { .. } => Self::new(Code::TenantNotEmpty, detail),
            Rejection::PolicyNotFound => Self::new(Code::PolicyNotFound, detail),
            Rejection::VersionsNotFound { policy, versions } => {
                let error = |(pointer, version): (String, _)| {
                    let detail = format!("there is no version {version} of {policy}");
                    FieldError {
                        pointer,
                        code: "version_not_found",
                        detail,
                    }
                };
                Self::fields(versions.into_iter().map(error).collect())
            }
            Rejection::HostNotAllowed { host, .. } => {
                Self::new(Code::HostNotAllowed, detail).with("host", host)
            }
            Rejection::HostTaken { host, prefix, .. } => Self::new(Code::HostTaken, detail)
                .with("host", host)
                .with("path_prefix", prefix),
            Rejection::VersionInUse {
                policies,
                may_confirm,
                ..
            } => {
                let advice = if may_confirm {
                    "?confirm_in_use=true moves its traffic to other versions"
                } else {
                    "it has no other version for this traffic"
                };
                Self::new(Code::VersionInUse, format!("{detail}: {advice}"))
                    .with("policies", policies)
                    .with("may_confirm", may_confirm)
            }
            Rejection::ShrinkNotConfirmed {
                active,
                removed,
                hash,
            } => Self::new(Code::ShrinkNotConfirmed, detail)
                .with("active_routes", active)
                .with("removed_routes", removed)
                .with("confirm_shrink", hash),
            Rejection::PlanStale => Self::new(Code::PlanStale, detail),
            Rejection::TooManyWrites {
                limit,
                retry_after_ms,
            } => {
                let retry_after_seconds =
                    u32::try_from(retry_after_ms.div_ceil(1000)).unwrap_or(u32::MAX);
                Self {
                    retry_after_seconds,
                    ..Self::new(Code::TooManyWrites, detail).with("writes_per_second", limit)
                }
            }
            Rejection::TooManyChanges => Self::field("/changes", Invalid::new("too_many", detail)),
            Rejection::QuotaExceeded { quota, limit } => Self::new(Code::QuotaExceeded, detail)
                .with("quota", quota)
                .with("limit", limit),
            Rejection::PreconditionFailed { current } => Self {
                current: current.map(Box::new),
                ..Self::new(Code::PreconditionFailed, detail)
            },
            Rejection::TooLarge { objects, limit } => {
                let error = |TooLarge {
                                 pointer,
                                 object,
                                 bytes,
                             }| {
                    let what = match object {
                        Some(ObjectName::Route(name)) => {
                            format!("route {}/{}/{}", name.service, name.env, name.version)
                        }
                        Some(ObjectName::Policy(name)) => {
                            format!("traffic policy {}/{}", name.service, name.env)
                        }
                        None => "tenant".to_owned(),
                    };
                    let detail = format!("the {what} has {bytes} bytes as JSON, limit {limit}");
                    FieldError {
                        pointer,
                        code: "too_large",
                        detail,
                    }
                };
                Self::fields(objects.into_iter().map(error).collect())
            }
            Rejection::Placed { pointer, rejection } => {
                let problem = Self::from(*rejection);
                let error = FieldError {
                    pointer,
                    code: problem.code.name(),
                    detail: problem.detail.clone(),
                };
                problem.at(vec![error])
            }
            Rejection::Invalid { errors } => {
                let error = |(pointer, Invalid { code, detail })| FieldError {
                    pointer,
                    code,
                    detail,
                };
                Self::fields(errors.into_iter().map(error).collect())
            }
            Rejection::IdempotencyMismatch => Self::new(Code::IdempotencyKeyReused, detail),
        }
    }
}
