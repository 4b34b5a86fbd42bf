//! Finds the caller of credentials, and counts attempts with credentials that are not good.

#![expect(
    clippy::result_large_err,
    reason = "what is known of a refusal is made once for a request, and goes no further than the middleware"
)]

use std::{net::IpAddr, sync::Arc};

use super::{denied::Denied, limits::Limits};
use crate::{
    auth::{Caller, session::Session},
    service::access::callers::{AuthError, CallerRefusal, Callers, Check},
};

/// Finds callers within the limits of their addresses.
pub struct Authentication {
    callers: Arc<Callers>,
    limits: Arc<Limits>,
}

impl Authentication {
    /// Uses the limits of failed attempts.
    pub fn new(callers: Arc<Callers>, limits: Arc<Limits>) -> Self {
        Self { callers, limits }
    }

    /// Returns the caller of a token.
    pub async fn of_token(&self, token: &str, address: Option<IpAddr>) -> Result<Caller, Denied> {
        if let Some(known) = self.callers.at_once(token) {
            return known.map_err(|refused| self.failed(address, refused));
        }
        let check = self.callers.check_of(token);
        let authenticate = self.callers.authenticate(token);
        self.counted(address, check, authenticate).await
    }

    /// Returns the session of a cookie and its caller. A cookie that was sealed here and is over is
    /// no attempt: nobody guesses one.
    pub async fn of_session(
        &self,
        cookie: &str,
        address: Option<IpAddr>,
    ) -> Result<(Caller, Session), Denied> {
        let session = match self.callers.open_session(cookie) {
            Ok(session) => session,
            Err(refused) if refused.reason == "bad_session" => {
                return Err(self.failed(address, refused));
            }
            Err(refused) => return Err(refused.into()),
        };
        let known = match self.callers.of_session_at_once(&session) {
            Some(known) => known.map_err(Denied::from),
            None => {
                let authenticate = self.callers.of_session(&session);
                self.counted(address, Check::Issued, authenticate).await
            }
        };
        Ok((known?, session))
    }

    /// Counts a check that needs a lookup or a signature, unless it finds a caller.
    async fn counted(
        &self,
        address: Option<IpAddr>,
        check: Check,
        authenticate: impl Future<Output = Result<Caller, AuthError>>,
    ) -> Result<Caller, Denied> {
        if let Some(address) = address {
            self.limits.may_check(address, check)?;
        }
        let known = match authenticate.await {
            Ok(caller) => Ok(caller),
            Err(AuthError::Refused(refused)) => Err(Denied::from(refused)),
            Err(AuthError::Failed(error)) => {
                return Err(Denied::new(error.into(), "unavailable"));
            }
        };
        match (&known, address) {
            (Ok(_), Some(address)) => self.limits.were_good(address, check),
            (Err(_), Some(address)) => self.limits.were_bad(address, check),
            (_, None) => {}
        }
        known
    }

    /// Refuses credentials that were found wrong without a check. They count as an attempt too.
    pub fn failed(&self, address: Option<IpAddr>, refused: CallerRefusal) -> Denied {
        match address.map(|address| self.limits.attempt(address)) {
            Some(Err(exceeded)) => Denied {
                key: refused.key.map(|id| id.to_string()),
                ..Denied::from(exceeded)
            },
            _ => Denied::from(refused),
        }
    }
}
