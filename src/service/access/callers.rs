//! Authentication: finds the caller of a token. Keys are looked up in memory, and in Postgres on
//! their first use.
//!
//! The keys in memory follow the table: once a second (`auth.key_refresh_ms`) every instance reads
//! the changes after the last change that it knows. So a key that was revoked on any instance is
//! refused on all of them within that time. While Postgres is away, the keys in memory stay valid
//! (`auth.key_grace_ms`), because proxies must go on polling. A key that is not in memory cannot
//! then be distinguished from a key that never existed, and the answer is 503.

mod cached_key;
mod lookup;
mod sessions;

use std::{
    cell::Cell,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, Semaphore};

use self::{cached_key::CachedKey, lookup::Sought};
use crate::{
    auth::{
        Caller, Credential,
        jwt::Verifier,
        key::{Fingerprints, KeyId, PREFIX, Pepper, Presented, claimed_id},
        session::Sessions,
    },
    config::{self, AuthMode, ConfigError},
    domain::{ids::TenantName, time::UtcTime},
    service::Error,
    store::{
        self, Server, Visible,
        keys::{ApiKey, Version},
    },
    telemetry::names,
};

/// Limits the parallel lookups of keys in Postgres. Attempts with keys that do not exist get no more
/// than this.
const LOADS: usize = 8;
/// A key that was not used for this long is dropped from memory.
const IDLE: Duration = Duration::from_secs(600);
/// The number of reads of the table after which the times of last use are written and idle keys are
/// dropped.
const LOOKS: u32 = 30;
/// The reason of a refusal: the secret does not belong to the key.
const WRONG_SECRET: &str = "wrong_secret";
/// The longest time between two checks of a caller with an open stream or long-poll, whatever the
/// system clock did meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// The work that is needed to check a token without an answer in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// A lookup of a key that this or another instance has issued.
    Issued,
    /// A lookup of a key that anybody may have made up.
    Unproven,
    /// The verification of a token's signature.
    Signature,
}

/// The reason why a token is refused. Never sent to the caller, which learns only that the token
/// was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerRefusal {
    /// Stable, in `snake_case`: for the access log and for metrics.
    pub reason: &'static str,
    /// The id of the key that the token claims to belong to, if the token has the form of a key.
    pub key: Option<KeyId>,
}

/// The reason why a token has no caller.
#[derive(Debug)]
pub enum AuthError {
    /// The token is wrong.
    Refused(CallerRefusal),
    /// The token could not be checked.
    Failed(Error),
}

impl From<CallerRefusal> for AuthError {
    fn from(refused: CallerRefusal) -> Self {
        Self::Refused(refused)
    }
}

impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Authenticates callers by their tokens, and checks callers with open streams and long-polls.
pub struct Callers {
    mode: AuthMode,
    pepper: Option<Arc<Pepper>>,
    fingerprints: Fingerprints,
    /// The verifier of an identity provider's tokens, if one is configured.
    tokens: Option<Arc<Verifier>>,
    /// The sessions of the web page; `None` if it is off, or if callers need no credentials.
    sessions: Option<Arc<Sessions>>,
    primary: Arc<Server>,
    held: papaya::HashMap<KeyId, Arc<CachedKey>>,
    /// The last known change of the table; `None` before the first read.
    seen: Mutex<Option<Version>>,
    started: Instant,
    /// The time when Postgres last confirmed the keys in memory, in milliseconds after `started`.
    confirmed_ms: AtomicU64,
    /// The time when the times of use were last written.
    noted: Mutex<Instant>,
    noted_every: Duration,
    grace: Duration,
    loads: Semaphore,
}

impl Callers {
    /// Uses the settings of `[auth]` and, if there are such, the verifier of an identity provider's
    /// tokens and the sessions of the web page.
    pub fn new(
        settings: &config::Auth,
        primary: Arc<Server>,
        tokens: Option<Arc<Verifier>>,
        sessions: Option<Arc<Sessions>>,
    ) -> Result<Self, ConfigError> {
        let pepper = match settings.mode {
            AuthMode::None => None,
            AuthMode::Required => Some(Arc::new(pepper(settings)?)),
        };
        Ok(Self {
            mode: settings.mode,
            pepper,
            fingerprints: Fingerprints::new()
                .map_err(|error| config::unusable("auth.mode", error))?,
            tokens,
            sessions,
            primary,
            held: papaya::HashMap::new(),
            seen: Mutex::default(),
            started: Instant::now(),
            confirmed_ms: AtomicU64::new(0),
            noted: Mutex::new(Instant::now()),
            noted_every: settings.key_refresh * LOOKS,
            grace: settings.key_grace,
            loads: Semaphore::new(LOADS),
        })
    }

    /// Returns the key of the token hashes, if API keys are in use.
    pub fn pepper(&self) -> Option<Arc<Pepper>> {
        self.pepper.clone()
    }

    /// Returns the anonymous caller of every request, if `auth.mode` is `none`.
    pub fn anyone(&self) -> Option<Caller> {
        (self.mode == AuthMode::None).then(Caller::anonymous)
    }

    /// The fast path of [`Self::authenticate`]: returns the result if it needs no lookup and no
    /// request.
    pub fn at_once(&self, token: &str) -> Option<Result<Caller, CallerRefusal>> {
        if !token.starts_with(PREFIX) {
            return match &self.tokens {
                Some(tokens) => tokens.verified(token).map(Ok).or_else(|| {
                    let refused = tokens.refused_at_sight(token)?;
                    Some(Err(CallerRefusal {
                        reason: refused.as_str(),
                        key: None,
                    }))
                }),
                None => Some(Err(CallerRefusal {
                    reason: "unknown_token",
                    key: None,
                })),
            };
        }
        let Some(presented) = Presented::parse(token) else {
            return Some(Err(CallerRefusal {
                reason: "malformed_key",
                key: None,
            }));
        };
        self.held_caller(&Sought::Token(presented))
    }

    /// Lends the caller of a token to `take`, if the token needs no lookup and no request. Copies
    /// nothing of a key in memory: threads that count the copies of one key would wait for each
    /// other.
    pub fn lend<T>(&self, token: &str, take: impl FnOnce(&Caller) -> T) -> Option<T> {
        if !token.starts_with(PREFIX) {
            return Some(take(&self.at_once(token)?.ok()?));
        }
        if self.unconfirmed() > self.grace {
            return None;
        }
        let held = self.held.pin();
        let key = held.get(&claimed_id(token)?)?;
        // A token that was checked already needs no parsing either.
        let caller = if key.checked.get() == Some(&self.fingerprints.of(token)) {
            key.while_valid(&key.caller).ok()?
        } else {
            self.check_token(&Presented::parse(token)?, key).ok()?
        };
        Some(take(caller))
    }

    /// Returns the work that [`Self::authenticate`] needs for a token that [`Self::at_once`] does
    /// not answer.
    pub fn check_of(&self, token: &str) -> Check {
        if !token.starts_with(PREFIX) {
            return Check::Signature;
        }
        let has_issued = |pepper: &Arc<Pepper>| {
            Presented::parse(token).is_some_and(|presented| pepper.has_issued(&presented))
        };
        if self.pepper.as_ref().is_some_and(has_issued) {
            Check::Issued
        } else {
            Check::Unproven
        }
    }

    /// Returns the caller of a token.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, AuthError> {
        if let Some(known) = self.at_once(token) {
            return Ok(known?);
        }
        if let Some(tokens) = self.tokens.as_ref().filter(|_| !token.starts_with(PREFIX)) {
            return match tokens.verify(token).await {
                Err(refused) if refused.is_unavailable() => Err(Error::Unavailable {
                    dependency: "jwks",
                    cause: None,
                }
                .into()),
                Err(refused) => Err(CallerRefusal {
                    reason: refused.as_str(),
                    key: None,
                }
                .into()),
                Ok(caller) => Ok(caller),
            };
        }
        let Some(presented) = Presented::parse(token) else {
            return Err(CallerRefusal {
                reason: "malformed_key",
                key: None,
            }
            .into());
        };
        self.look_up(&Sought::Token(presented)).await
    }

    /// Puts the state of a key into memory. The newer of two states stays, in whatever order they
    /// arrive.
    pub fn learn(&self, key: ApiKey) -> Arc<CachedKey> {
        let held = Arc::new(CachedKey::new(key));
        let is_newer = Cell::new(false);
        let newer = |before: &Arc<CachedKey>| {
            is_newer.set(before.key.changed < held.key.changed);
            if is_newer.get() {
                Arc::new(held.instead_of(before))
            } else {
                before.clone()
            }
        };
        let now = self
            .held
            .pin()
            .update_or_insert(held.key.id, newer, held.clone())
            .clone();
        if is_newer.get() {
            now.changed.notify_waiters();
        }
        now
    }

    /// Does the same as [`Self::learn`], but only for a key that is already in memory.
    pub fn follow_change(&self, key: ApiKey) {
        if self.held.pin().contains_key(&key.id) {
            self.learn(key);
        }
    }

    /// Returns the key in memory, unless Postgres has not confirmed the keys for longer than the
    /// grace period.
    fn held_lately(&self, id: KeyId) -> Option<Arc<CachedKey>> {
        if self.unconfirmed() > self.grace {
            return None;
        }
        self.held.pin().get(&id).cloned()
    }

    /// Returns the tenant of a key in memory, whether the key is valid or not.
    pub fn tenant_of(&self, key: &str) -> Option<TenantName> {
        self.held
            .pin()
            .get(&key.parse::<KeyId>().ok()?)?
            .key
            .grant
            .tenant_scope()
            .tenant()
            .cloned()
    }

    /// Returns true if the caller's credential, that very token or certificate, would still be
    /// accepted. For callers with open streams and long-polls.
    pub fn is_good(&self, caller: &Caller) -> bool {
        self.time_left(caller).is_some()
    }

    /// Waits for `answer`. Returns `None` if the caller's credential ends before: the caller then
    /// gets no more data.
    pub async fn while_good<T>(
        &self,
        caller: &Caller,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let answer = tokio::select! {
            biased;
            () = self.ended(caller) => return None,
            answer = answer => answer,
        };
        self.is_good(caller).then_some(answer)
    }

    /// Resolves when the caller's credential is no longer valid.
    async fn ended(&self, caller: &Caller) {
        loop {
            let changes = self.changes(caller);
            // Changes are noticed from here on, so none is missed between the check and the wait.
            let changed = changes.as_deref().map(Notify::notified);
            let signed_out = self.sign_outs(caller).map(Notify::notified);
            let Some(left) = self.time_left(caller) else {
                return;
            };
            let signed_out = async {
                match signed_out {
                    Some(signed_out) => signed_out.await,
                    None => pending().await,
                }
            };
            let changed = async {
                match changed {
                    Some(changed) => changed.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = signed_out => {}
                () = tokio::time::sleep(left.min(LOOK_AGAIN)) => {}
            }
        }
    }

    /// Returns the notification after which the caller must be checked again.
    fn changes(&self, caller: &Caller) -> Option<Arc<Notify>> {
        match caller.credential {
            Credential::Key { .. } => Some(self.held_of(caller)?.changed.clone()),
            Credential::Token { .. } => Some(self.tokens.as_ref()?.changes()),
            Credential::Nothing | Credential::Certificate { .. } => None,
        }
    }

    /// Returns how much longer the caller's credential is known to be valid; `None` if it is not
    /// valid.
    fn time_left(&self, caller: &Caller) -> Option<Duration> {
        let now = UtcTime::from(Timestamp::now());
        let until =
            |end: UtcTime| Duration::try_from(end.timestamp().duration_since(now.timestamp())).ok();
        let left = match caller.credential {
            Credential::Nothing => Some(Duration::MAX),
            Credential::Certificate { ends } => until(ends),
            Credential::Token {
                signed_by, refused, ..
            } => {
                let is_trusted = self
                    .tokens
                    .as_ref()
                    .is_some_and(|tokens| tokens.trusts(&signed_by));
                until(refused).filter(|_| is_trusted)
            }
            Credential::Key { hash, .. } => {
                let held = self
                    .held_of(caller)
                    .filter(|held| held.key.revoked_at.is_none())?;
                // Without Postgres, revocations are unknown. The limit is never shorter than
                // `LOOK_AGAIN`, unlike that for new requests, because the table is not read all the
                // time.
                if self.unconfirmed() > self.grace.max(LOOK_AGAIN) {
                    return None;
                }
                // An open stream or long-poll counts as use. So its key stays in memory, where the
                // end of the key is noticed.
                held.used(now);
                held.ends(&hash)
                    .and_then(|ends| ends.map_or(Some(Duration::MAX), until))
            }
        };
        let left = match (left, caller.session) {
            (Some(left), Some(session)) => until(self.end_of(session)?).map(|own| own.min(left)),
            (left, _) => left,
        };
        left.filter(|left| !left.is_zero())
    }

    fn held_of(&self, caller: &Caller) -> Option<Arc<CachedKey>> {
        let id = caller.key()?.parse::<KeyId>().ok()?;
        self.held.pin().get(&id).cloned()
    }

    fn check_token<'a>(
        &self,
        presented: &Presented<'_>,
        held: &'a CachedKey,
    ) -> Result<&'a Caller, CallerRefusal> {
        let now = UtcTime::from(Timestamp::now());
        let refused = |reason| {
            Err(CallerRefusal {
                reason,
                key: Some(presented.id),
            })
        };
        let Some(pepper) = &self.pepper else {
            return refused("no_pepper");
        };
        let caller = match (&held.key.previous, &held.previous) {
            _ if self.is_current(pepper, presented, held) => &held.caller,
            (Some((hash, _)), _) if !pepper.is_of(presented, hash) => return refused(WRONG_SECRET),
            (Some((_, until)), _) if *until <= now => return refused("rotated_key"),
            (Some(_), Some(previous)) => previous,
            _ => return refused(WRONG_SECRET),
        };
        held.while_valid(caller).map_err(|reason| CallerRefusal {
            reason,
            key: Some(presented.id),
        })
    }

    /// Returns whether a token is the key's current one. The first check is that of the keyed hash;
    /// later ones compare fingerprints, at a tenth of the time.
    fn is_current(&self, pepper: &Pepper, presented: &Presented<'_>, held: &CachedKey) -> bool {
        let fingerprint = self.fingerprints.of(presented.token());
        if held.checked.get() == Some(&fingerprint) {
            return true;
        }
        let is_current = pepper.is_of(presented, &held.key.hash);
        if is_current {
            // Another thread may have checked the same token at the same time.
            let _ = held.checked.set(fingerprint);
        }
        is_current
    }

    /// Reads the changes of the table, and from time to time writes when keys were used.
    pub async fn refresh(&self) {
        if self.mode == AuthMode::None {
            return;
        }
        if let Err(error) = self.follow().await {
            tracing::warn!(error = %error, unconfirmed_ms = self.unconfirmed().as_millis() as u64, "changes of API keys cannot be read");
        }
        let is_due = self.noted.lock().elapsed() > self.noted_every;
        if is_due {
            self.note_use().await;
            *self.noted.lock() = Instant::now();
        }
        metrics::gauge!(names::AUTH_KEYS_CACHED).set(self.held.pin().len() as f64);
    }

    async fn follow(&self) -> Result<(), Error> {
        let began = Instant::now();
        let now = self
            .primary
            .read_background(&every(), store::keys::version)
            .await?;
        // If several first reads run at a time, one of them counts: the keys in memory follow the
        // changes after that one.
        let seen = self.seen().get_or_insert_with(|| now.clone()).clone();
        if now.timeline != seen.timeline || now.number < seen.number {
            // The keys in memory belong to another timeline of the database. Their change numbers
            // do not show the changes of this timeline, so all keys are dropped.
            *self.seen() = Some(now);
            let forgotten: Vec<_> = self.held.pin().values().cloned().collect();
            self.held.pin().clear();
            forgotten
                .iter()
                .for_each(|held| held.changed.notify_waiters());
        } else if now.number > seen.number {
            self.apply_after(&seen, now).await?;
        }
        let confirmed = began.duration_since(self.started).as_millis();
        self.confirmed_ms.store(
            u64::try_from(confirmed).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        Ok(())
    }

    async fn apply_after(&self, seen: &Version, now: Version) -> Result<(), Error> {
        let read =
            async |tx: &store::Transaction<'_>| store::keys::changed_after(tx, seen.number).await;
        let changed = self.primary.read_background(&every(), read).await?;
        let newest = changed
            .iter()
            .map(|key| key.changed)
            .fold(now.number, i64::max);
        // Set before the changes are applied: `authenticate` depends on this order.
        *self.seen() = Some(Version {
            number: newest,
            ..now
        });
        changed.into_iter().for_each(|key| self.follow_change(key));
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Option<Version>> {
        self.seen.lock()
    }

    /// Writes when keys were used since the last time, and drops keys that were unused for `IDLE`.
    async fn note_use(&self) {
        let used: Vec<_> = {
            let held = self.held.pin();
            let idle = UtcTime::from(Timestamp::now() - IDLE);
            held.retain(|_, held| held.used_at() > idle || !held.is_noted.load(Ordering::Relaxed));
            let unnoted = held
                .iter()
                .filter(|(_, held)| !held.is_noted.swap(true, Ordering::Relaxed));
            unnoted.map(|(id, held)| (*id, held.used_at())).collect()
        };
        if used.is_empty() {
            return;
        }
        let write = async |tx: &store::Transaction<'_>| store::keys::used(tx, &used).await;
        if let Err(error) = self.primary.write(&every(), write).await {
            tracing::warn!(error = %error, "the times of last use of API keys cannot be written");
        }
    }

    fn unconfirmed(&self) -> Duration {
        let confirmed = Duration::from_millis(self.confirmed_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(confirmed)
    }
}

/// Returns the visibility of all tenants: the tenant of a token's key is known only when the key is
/// found.
fn every() -> Visible {
    Visible::all_tenants()
}

/// Returns the pepper of the settings.
pub fn pepper(settings: &config::Auth) -> Result<Pepper, ConfigError> {
    Pepper::new(&settings.key_pepper).map_err(|invalid| ConfigError::Invalid {
        key: "auth.key_pepper".into(),
        reason: invalid.detail,
    })
}
