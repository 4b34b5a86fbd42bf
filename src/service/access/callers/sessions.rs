//! The callers of sessions of the web page.

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{AuthError, CachedKey, CallerRefusal, Callers, WRONG_SECRET, lookup::Sought};
use crate::{
    auth::{
        Caller,
        key::TokenHash,
        session::{OfSession, Session, SessionHolder, SessionRefusal, Sessions},
    },
    domain::time::UtcTime,
    service::Error,
};

impl Callers {
    /// Returns the sessions of the web page; `None` if it is off, or if callers need no credentials.
    pub fn sessions(&self) -> Option<&Sessions> {
        self.sessions.as_deref()
    }

    /// Opens the cookie of a session.
    pub fn open_session(&self, cookie: &str) -> Result<Session, CallerRefusal> {
        let reason = match &self.sessions {
            None => "no_sessions",
            Some(sessions) => match sessions.open(cookie, Timestamp::now().into()) {
                Ok(session) => return Ok(session),
                Err(SessionRefusal::Forged) => "bad_session",
                Err(SessionRefusal::Ended) => "ended_session",
            },
        };
        Err(CallerRefusal { reason, key: None })
    }

    /// Returns the caller of a session, if that needs no lookup.
    pub fn of_session_at_once(&self, session: &Session) -> Option<Result<Caller, CallerRefusal>> {
        let known = match session.holder() {
            None => Err(CallerRefusal {
                reason: "bad_session",
                key: None,
            }),
            Some(SessionHolder::Token(caller)) => {
                if !self.tokens.as_ref().is_some_and(|tokens| tokens.has_keys()) {
                    return None;
                }
                match self.is_good(&caller) {
                    true => Ok(caller),
                    false => Err(CallerRefusal {
                        reason: "ended_session",
                        key: None,
                    }),
                }
            }
            Some(SessionHolder::Key(id, hash)) => self.held_caller(&Sought::Hash(id, hash))?,
        };
        Some(known.map(|caller| self.in_session(caller, session)))
    }

    /// Returns the caller of a session: with the rights that its key has now, or with those that its
    /// token had.
    pub async fn of_session(&self, session: &Session) -> Result<Caller, AuthError> {
        if let Some(known) = self.of_session_at_once(session) {
            return Ok(known?);
        }
        let caller = match session.holder() {
            Some(SessionHolder::Key(id, hash)) => self.look_up(&Sought::Hash(id, hash)).await?,
            Some(SessionHolder::Token(_)) | None => {
                return Err(Error::Unavailable {
                    dependency: "jwks",
                    cause: None,
                }
                .into());
            }
        };
        Ok(self.in_session(caller, session))
    }

    fn in_session(&self, caller: Caller, session: &Session) -> Caller {
        let session = self
            .sessions
            .as_ref()
            .map(|sessions| sessions.of_caller(session));
        Caller { session, ..caller }
    }

    /// Returns when a caller's session ends; `None` if it has been ended.
    pub(super) fn end_of(&self, session: OfSession) -> Option<UtcTime> {
        self.sessions.as_ref()?.end_of(session)
    }

    /// Returns the notification of sign-outs, for a caller with a session.
    pub(super) fn sign_outs(&self, caller: &Caller) -> Option<&Notify> {
        caller.session?;
        Some(self.sessions.as_ref()?.sign_outs())
    }
}

/// Returns the caller with this token of a key, or the reason why the token is refused.
pub(super) fn check_hash<'a>(
    held: &'a CachedKey,
    hash: &TokenHash,
) -> Result<&'a Caller, &'static str> {
    let caller = held.caller_of(hash).ok_or(WRONG_SECRET)?;
    let now = UtcTime::from(Timestamp::now());
    let is_replaced = caller.credential != held.caller.credential;
    if is_replaced && caller.ends().is_some_and(|end| end <= now) {
        return Err("rotated_key");
    }
    held.while_valid(caller)
}
