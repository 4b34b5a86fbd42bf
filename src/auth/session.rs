//! Sessions of the web page. A session stands for a credential that was presented once; its browser
//! keeps it in a sealed cookie, and no script reads it.
//!
//! A session of an API key has the key's id and the hash of the token that was presented, so it ends
//! with that very token, and has whatever rights the key has at the time. A session of a token of
//! the identity provider has what the token said, and ends with it. Nothing of a session is stored,
//! except the ids of those that were ended here by a sign-out.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    Caller, Credential, Grant, Role, TenantScope,
    jwt::KeyPrint,
    key::{KeyId, TokenHash},
    sealer::{CannotSeal, Purpose, Sealer},
};
use crate::{
    config::{self, ConfigError},
    domain::{event::Actor, ids::TenantName, resource_scope::ResourceScope, time::UtcTime},
};

/// The largest cookie that every browser keeps, in bytes, with room for its name and attributes.
const MAX_COOKIE: usize = 3800;

/// The most sign-outs that are remembered. The session that ends first makes room for a new one.
const MAX_SIGNED_OUT: usize = 100_000;

/// A session is sealed anew after this share of its idle time, and after a minute at the latest.
const RENEWALS: u32 = 10;
const RENEWED: Duration = Duration::from_secs(60);

/// The session that a request came with, as far as its caller needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfSession {
    /// The id of the session.
    pub id: Uuid,
    /// When the session ends, unless it is renewed.
    pub ends: UtcTime,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    id: Uuid,
    made: UtcTime,
    seen: UtcTime,
    holder: Holder,
}

/// The credential that a session stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Holder {
    Key {
        id: String,
        hash: String,
    },
    Token {
        sub: String,
        roles: Vec<String>,
        tenant: Option<TenantName>,
        scope: ResourceScope,
        signed_by: String,
        ends: UtcTime,
        refused: UtcTime,
    },
}

/// The way to the caller of a session.
pub enum SessionHolder {
    /// The key to look up, and the hash of the token that was presented.
    Key(KeyId, TokenHash),
    /// The caller as the token described it. Its credential has to be checked.
    Token(Caller),
}

/// The reason why a caller gets no session.
#[derive(Debug, thiserror::Error)]
pub enum NoSession {
    /// The credential is none that a person presents to the page.
    #[error("only an API key or a token of the identity provider begins a session")]
    Credential,
    /// The roles and the resource scope do not fit into a cookie.
    #[error(
        "the roles and the resource scope of this token do not fit into a cookie of {MAX_COOKIE} bytes"
    )]
    TooLarge,
    /// The cookie cannot be sealed.
    #[error(transparent)]
    Sealing(#[from] CannotSeal),
}

/// The reason why a cookie is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRefusal {
    /// The cookie was not sealed here, or was altered.
    Forged,
    /// The session is over: by its idle time, its lifetime, or a sign-out.
    Ended,
}

/// Begins, reads and ends sessions.
pub struct Sessions {
    sealer: Arc<Sealer>,
    idle: Duration,
    lifetime: Duration,
    /// The sessions that were ended here before their time, with the latest time at which they would
    /// have ended.
    signed_out: Mutex<HashMap<Uuid, UtcTime>>,
    changed: Notify,
}

impl Sessions {
    /// Creates the sessions of the settings; `None` if the page is off.
    pub fn new(settings: &config::Ui) -> Result<Option<Self>, ConfigError> {
        if !settings.enabled {
            return Ok(None);
        }
        let sealer = Sealer::new(&settings.session_keys)
            .map_err(|error| config::unusable("ui.session_keys", error))?;
        if settings.session_keys.is_empty() {
            tracing::warn!(
                "ui.session_keys is empty: sessions of the web page end with this process, and work at this instance only"
            );
        }
        Ok(Some(Self {
            sealer: Arc::new(sealer),
            idle: settings.session_idle,
            lifetime: settings.session_lifetime,
            signed_out: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Returns what seals the cookies.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// `ui.session_idle_seconds`
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// Begins a session of a caller that has just presented its credential. Returns it with the
    /// value of its cookie.
    pub fn begin(&self, caller: &Caller, now: UtcTime) -> Result<(Session, String), NoSession> {
        let holder = match caller.credential {
            Credential::Key { hash, .. } => Holder::Key {
                id: caller.key().ok_or(NoSession::Credential)?.to_owned(),
                hash: URL_SAFE_NO_PAD.encode(hash.0),
            },
            Credential::Token {
                signed_by,
                ends,
                refused,
            } => Holder::Token {
                sub: caller.actor.id.clone(),
                roles: names(caller.grant.roles()),
                tenant: caller.grant.tenant_scope().tenant().cloned(),
                scope: caller.grant.resource_scope().clone(),
                signed_by: URL_SAFE_NO_PAD.encode(signed_by.bytes()),
                ends,
                refused,
            },
            Credential::Nothing | Credential::Certificate { .. } => {
                return Err(NoSession::Credential);
            }
        };
        let session = Session {
            id: Uuid::new_v4(),
            made: now,
            seen: now,
            holder,
        };
        let cookie = self.sealed(&session)?;
        if cookie.len() > MAX_COOKIE {
            return Err(NoSession::TooLarge);
        }
        Ok((session, cookie))
    }

    fn sealed(&self, session: &Session) -> Result<String, CannotSeal> {
        let plain = serde_json::to_vec(session).map_err(|_| CannotSeal)?;
        self.sealer.seal(Purpose::Session, &plain)
    }

    /// Opens a cookie.
    pub fn open(&self, cookie: &str, now: UtcTime) -> Result<Session, SessionRefusal> {
        if cookie.len() > MAX_COOKIE {
            return Err(SessionRefusal::Forged);
        }
        let plain = self
            .sealer
            .open(Purpose::Session, cookie)
            .ok_or(SessionRefusal::Forged)?;
        let session: Session =
            serde_json::from_slice(&plain).map_err(|_| SessionRefusal::Forged)?;
        let is_over = self.ends(&session) <= now || self.is_signed_out(session.id);
        if is_over {
            return Err(SessionRefusal::Ended);
        }
        Ok(session)
    }

    /// Returns when a session ends, unless it is renewed.
    pub fn ends(&self, session: &Session) -> UtcTime {
        after(session.seen, self.idle).min(self.latest_end(session))
    }

    /// Returns when a session ends at the latest.
    pub fn latest_end(&self, session: &Session) -> UtcTime {
        let end = after(session.made, self.lifetime);
        match session.holder {
            Holder::Key { .. } => end,
            Holder::Token { ends, .. } => end.min(ends),
        }
    }

    /// Returns the value of the cookie of a session that was used now; `None` if it was renewed a
    /// moment ago.
    pub fn renewed(&self, session: &Session, now: UtcTime) -> Option<String> {
        let pause = (self.idle / RENEWALS).min(RENEWED);
        if after(session.seen, pause) > now {
            return None;
        }
        let session = Session {
            seen: now,
            ..session.clone()
        };
        self.sealed(&session).ok()
    }

    /// Ends a session. Its streams and long-polls at this instance end at once.
    pub fn sign_out(&self, session: &Session, now: UtcTime) {
        let mut signed_out = self.signed_out.lock();
        if signed_out.len() >= MAX_SIGNED_OUT {
            signed_out.retain(|_, ends| *ends > now);
        }
        if signed_out.len() >= MAX_SIGNED_OUT {
            let first = signed_out.iter().min_by_key(|(_, ends)| **ends);
            if let Some(id) = first.map(|(id, _)| *id) {
                signed_out.remove(&id);
            }
        }
        signed_out.insert(session.id, self.latest_end(session));
        drop(signed_out);
        self.changed.notify_waiters();
    }

    fn is_signed_out(&self, id: Uuid) -> bool {
        self.signed_out.lock().contains_key(&id)
    }

    /// Returns when the session of a caller ends; `None` if it was ended by a sign-out.
    pub fn end_of(&self, session: OfSession) -> Option<UtcTime> {
        (!self.is_signed_out(session.id)).then_some(session.ends)
    }

    /// Returns the [`Notify`] that is notified when a session was ended by a sign-out.
    pub fn sign_outs(&self) -> &Notify {
        &self.changed
    }

    /// Returns the part of a session that its caller carries.
    pub fn of_caller(&self, session: &Session) -> OfSession {
        OfSession {
            id: session.id,
            ends: self.ends(session),
        }
    }
}

impl Session {
    /// Returns the way to the session's caller; `None` if the session does not make sense, which no
    /// sealed session does.
    pub fn holder(&self) -> Option<SessionHolder> {
        match &self.holder {
            Holder::Key { id, hash } => {
                let hash = URL_SAFE_NO_PAD.decode(hash).ok()?.try_into().ok()?;
                Some(SessionHolder::Key(id.parse().ok()?, TokenHash(hash)))
            }
            Holder::Token {
                sub,
                roles,
                tenant,
                scope,
                signed_by,
                ends,
                refused,
            } => {
                let roles = roles.iter().cloned().map(Role::try_from);
                let tenant_scope = match tenant {
                    Some(tenant) => TenantScope::Tenant(tenant.clone()),
                    None => TenantScope::Platform,
                };
                let roles = roles.collect::<Result<Vec<_>, _>>().ok()?;
                let grant = Grant::new(roles, tenant_scope, scope.clone()).ok()?;
                let signed_by = URL_SAFE_NO_PAD.decode(signed_by).ok()?;
                let actor = Actor {
                    kind: Caller::TOKEN.into(),
                    id: sub.clone(),
                    token: None,
                };
                Some(SessionHolder::Token(Caller {
                    actor: Arc::new(actor),
                    grant: Arc::new(grant),
                    credential: Credential::Token {
                        signed_by: KeyPrint::from_bytes(signed_by.try_into().ok()?),
                        ends: *ends,
                        refused: *refused,
                    },
                    session: None,
                }))
            }
        }
    }
}

fn names(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}

/// Returns the time that is `pause` after `time`.
pub(super) fn after(time: UtcTime, pause: Duration) -> UtcTime {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    let later = time.timestamp().saturating_add(pause);
    later.unwrap_or(jiff::Timestamp::MAX).into()
}

#[cfg(test)]
mod tests;
