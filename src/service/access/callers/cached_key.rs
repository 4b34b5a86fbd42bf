//! A key in memory, with its callers and its last use.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::{
    auth::{
        Caller, Credential,
        key::{Fingerprint, TokenHash},
    },
    domain::{event::Actor, time::UtcTime},
    store::keys::ApiKey,
};

/// A key in memory.
pub struct CachedKey {
    pub key: ApiKey,
    /// The caller with the key's current token, and the caller with the token before the last
    /// rotation.
    pub caller: Caller,
    pub previous: Option<Caller>,
    /// Notified when the key in memory is replaced or dropped as outdated.
    pub changed: Arc<Notify>,
    /// The fingerprint of the current token, once it was presented and checked.
    pub checked: OnceLock<Fingerprint>,
    /// The time of the last use, in microseconds since 1970.
    pub used_at: AtomicI64,
    /// False while `used_at` still has to be written to Postgres.
    pub is_noted: AtomicBool,
}

impl CachedKey {
    pub fn new(key: ApiKey) -> Self {
        let caller = |hash: TokenHash, token: u32, ends: Option<UtcTime>| {
            // The number of the token is recorded only if the key has had more than one.
            let actor = Actor {
                kind: Caller::KEY.into(),
                id: key.id.to_string(),
                token: (key.tokens > 1).then_some(token),
            };
            Caller {
                actor: Arc::new(actor),
                grant: Arc::new(key.grant.clone()),
                credential: Credential::Key { hash, ends },
                session: None,
            }
        };
        let previous = key.previous.map(|(hash, until)| {
            let ends = key.expires_at.map_or(until, |end| end.min(until));
            caller(hash, key.tokens.saturating_sub(1), Some(ends))
        });
        let used = key
            .last_used_at
            .unwrap_or_else(|| Timestamp::now().into())
            .timestamp()
            .as_microsecond();
        let (used_at, is_noted) = (AtomicI64::new(used), AtomicBool::new(true));
        Self {
            caller: caller(key.hash, key.tokens, key.expires_at),
            previous,
            changed: Arc::default(),
            checked: OnceLock::new(),
            key,
            used_at,
            is_noted,
        }
    }

    /// Returns this state as the replacement of `before`. Takes over from `before` the time of use,
    /// which may not be written yet, and the waiters for changes.
    pub fn instead_of(&self, before: &Self) -> Self {
        let (used_at, is_noted) = (
            before.used_at.load(Ordering::Relaxed),
            before.is_noted.load(Ordering::Relaxed),
        );
        Self {
            key: self.key.clone(),
            caller: self.caller.clone(),
            previous: self.previous.clone(),
            changed: before.changed.clone(),
            checked: OnceLock::new(),
            used_at: AtomicI64::new(used_at),
            is_noted: AtomicBool::new(is_noted),
        }
    }

    /// Returns when a token of the key expires (`Some(None)` if never); `None` if the token is not
    /// one of the key's.
    pub fn ends(&self, hash: &TokenHash) -> Option<Option<UtcTime>> {
        self.caller_of(hash).map(Caller::ends)
    }

    /// Returns the caller with this token of the key, current or replaced; `None` if the token is
    /// not one of the key's.
    pub fn caller_of(&self, hash: &TokenHash) -> Option<&Caller> {
        let has = |caller: &&Caller| matches!(caller.credential, Credential::Key { hash: own, .. } if own == *hash);
        [Some(&self.caller), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(has)
    }

    /// Notes a use of the key, and returns the caller; or the reason why the key is not valid now.
    pub fn while_valid<'a>(&self, caller: &'a Caller) -> Result<&'a Caller, &'static str> {
        if self.key.revoked_at.is_some() {
            return Err("revoked_key");
        }
        let now = UtcTime::from(Timestamp::now());
        if self.key.expires_at.is_some_and(|end| end <= now) {
            return Err("expired_key");
        }
        self.used(now);
        Ok(caller)
    }

    pub fn used(&self, now: UtcTime) {
        let at = now.timestamp().as_microsecond();
        // Within a second the time is as good as another: threads that serve one key need not wait
        // for each other's writes.
        let is_recent = at - self.used_at.load(Ordering::Relaxed) < 1_000_000;
        if is_recent && !self.is_noted.load(Ordering::Relaxed) {
            return;
        }
        self.used_at.store(at, Ordering::Relaxed);
        self.is_noted.store(false, Ordering::Relaxed);
    }

    pub fn used_at(&self) -> UtcTime {
        Timestamp::from_microsecond(self.used_at.load(Ordering::Relaxed))
            .unwrap_or_default()
            .into()
    }
}
