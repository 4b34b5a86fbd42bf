//! The refusals of the gate.

use actix_web::ResponseError as _;

use super::{
    limits::{Exceeded, RateLimitState},
    problem::{Code, Problem},
};
use crate::{auth::Caller, domain::ids::TenantName, service::access::callers::CallerRefusal};

/// A request that the gate refuses.
pub struct Denied {
    /// The problem document of the answer.
    pub problem: Problem,
    /// The reason for the access log and the metrics: stable, `snake_case`.
    pub reason: &'static str,
    /// The caller, if the credentials were good.
    pub caller: Option<Caller>,
    /// The id of the API key that was presented.
    pub key: Option<String>,
    /// The tenant that the request named.
    pub tenant: Option<TenantName>,
    /// The tenant whose auditors may see the refusal in the access log.
    pub visible_to: Option<TenantName>,
    /// The caller's remaining rate limit, for the `RateLimit-*` headers.
    pub rate_limit: Option<RateLimitState>,
}

/// The reason if an address has presented too many wrong credentials: further ones are not checked.
const TOO_MANY_ATTEMPTS: &str = "too_many_attempts";

impl Denied {
    /// Returns whether the refusal is about the caller's access, and not about the rate or the time
    /// of requests.
    pub fn is_about_access(&self) -> bool {
        matches!(self.problem.status_code().as_u16(), 401 | 403 | 404)
            || self.reason == TOO_MANY_ATTEMPTS
    }

    /// Refuses a request for this reason.
    pub fn new(problem: Problem, reason: &'static str) -> Self {
        Self {
            problem,
            reason,
            caller: None,
            key: None,
            tenant: None,
            visible_to: None,
            rate_limit: None,
        }
    }

    /// Adds the caller.
    pub fn by(self, caller: &Caller) -> Self {
        Self {
            caller: Some(caller.clone()),
            key: caller.key().map(str::to_owned),
            ..self
        }
    }
}

impl From<Exceeded> for Denied {
    fn from(exceeded: Exceeded) -> Self {
        let Exceeded {
            whose,
            retry_after_seconds,
            rate_limit,
        } = exceeded;
        let detail = match whose {
            "address" => "too many requests from this address",
            "attempts" => "too many failed authentications from this address",
            "caller" => "too many requests from this caller",
            "tenant" => "too many requests from the callers of this tenant",
            _ => "too many concurrent requests of this tenant",
        };
        let problem =
            Problem::new(Code::TooManyRequests, detail).with_retry_after(retry_after_seconds);
        // This refusal takes the place of a 401, so the access log records it like a 401.
        let reason = if whose == "attempts" {
            TOO_MANY_ATTEMPTS
        } else {
            "too_many_requests"
        };
        Self {
            rate_limit,
            ..Self::new(problem, reason)
        }
    }
}

impl From<CallerRefusal> for Denied {
    fn from(refused: CallerRefusal) -> Self {
        let detail = match refused.reason {
            "no_credentials" => {
                "send Authorization: Bearer with an API key or a token of the identity provider"
            }
            _ => "the credentials are not valid, or no longer valid",
        };
        let key = refused.key.map(|id| id.to_string());
        Self {
            key,
            ..Self::new(Problem::new(Code::Unauthenticated, detail), refused.reason)
        }
    }
}
