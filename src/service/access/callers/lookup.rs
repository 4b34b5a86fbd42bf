//! Looks up the keys of tokens, in memory and in Postgres.

use std::time::Duration;

use super::{
    AuthError, CachedKey, CallerRefusal, Callers, WRONG_SECRET, every, sessions::check_hash,
};
use crate::{
    auth::{
        Caller,
        key::{KeyId, Presented, TokenHash},
    },
    service::Error,
    store,
};

/// The longest wait of a lookup for its turn.
const PATIENCE: Duration = Duration::from_secs(1);
/// Attempts to look up a key that changes during the lookup.
const ATTEMPTS: usize = 3;

/// A token of a key that is looked for.
pub(super) enum Sought<'a> {
    /// The token itself.
    Token(Presented<'a>),
    /// The hash of a token that was presented earlier, for a session.
    Hash(KeyId, TokenHash),
}

impl Sought<'_> {
    fn id(&self) -> KeyId {
        match self {
            Self::Token(presented) => presented.id,
            Self::Hash(id, _) => *id,
        }
    }
}

impl Callers {
    /// Returns the caller of a key's token that is not in memory.
    pub(super) async fn look_up(&self, sought: &Sought<'_>) -> Result<Caller, AuthError> {
        let Ok(Ok(_place)) = tokio::time::timeout(PATIENCE, self.loads.acquire()).await else {
            return Err(Error::Overloaded("lookups of unknown API keys").into());
        };
        // Many proxies with the same key may come back at once. An earlier one may have looked the
        // key up by now.
        if let Some(known) = self.held_caller(sought) {
            return Ok(known?);
        }
        // The keys in memory follow only the changes after the first read of the table, so this
        // read comes first.
        if self.seen().is_none() {
            self.follow().await?;
        }
        let id = sought.id();
        for _ in 0..ATTEMPTS {
            let seen = self.seen().clone();
            let read = async |tx: &store::Transaction<'_>| {
                store::keys::get(tx, id, &crate::auth::TenantScope::Platform).await
            };
            let read = self.primary.read(&every(), read).await;
            if let (Err(_), Some(held)) = (&read, self.held_lately(id)) {
                return Ok(self.check(sought, &held)?.clone());
            }
            let Some(key) = read.map_err(Error::from)? else {
                return Err(CallerRefusal {
                    reason: "unknown_key",
                    key: Some(id),
                }
                .into());
            };
            let held = self.learn(key);
            // The key is put into memory before `seen` is read again. So a change in between was
            // either applied to the key in memory, or has changed `seen`.
            let now = self.seen().clone();
            if now == seen {
                return Ok(self.check(sought, &held)?.clone());
            }
            // The key was read on a timeline that the database has left meanwhile. Change numbers
            // of two timelines cannot be compared.
            if now.map(|now| now.timeline) != seen.map(|seen| seen.timeline) {
                self.held.pin().remove(&id);
            }
        }
        self.held.pin().remove(&id);
        Err(Error::Overloaded("changes of this API key").into())
    }

    /// Returns the caller of a token of a key in memory, if that is a final answer: a key in memory
    /// without that token may have been rotated a moment ago.
    pub(super) fn held_caller(&self, sought: &Sought<'_>) -> Option<Result<Caller, CallerRefusal>> {
        let held = self.held_lately(sought.id())?;
        Some(self.check(sought, &held).cloned()).filter(|known| {
            !known
                .as_ref()
                .is_err_and(|refused| refused.reason == WRONG_SECRET)
        })
    }

    fn check<'a>(
        &self,
        sought: &Sought<'_>,
        held: &'a CachedKey,
    ) -> Result<&'a Caller, CallerRefusal> {
        match sought {
            Sought::Token(presented) => self.check_token(presented, held),
            Sought::Hash(id, hash) => check_hash(held, hash).map_err(|reason| CallerRefusal {
                reason,
                key: Some(*id),
            }),
        }
    }
}
