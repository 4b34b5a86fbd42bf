//! Who a token is of. Keys are found in memory, and in Postgres when they are used for the first time.
//!
//! What is held follows the table: once a second (`auth.key_refresh_ms`) every instance asks for what changed after the last change that it
//! knows, so a key that was revoked anywhere is refused everywhere within that time. While Postgres is away what is held stays good
//! (`auth.key_grace_ms`): proxies must go on polling. A key that is not held cannot be told from one that never was, and is answered 503.

use std::{
    cell::Cell,
    future::pending,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};

use super::Error;
use crate::{
    auth::{
        Caller, Credential,
        jwt::Verifier,
        key::{KeyId, PREFIX, Pepper, Presented, TokenHash},
    },
    config::{self, AuthMode, ConfigError, ms},
    domain::{event::Actor, ids::TenantName, time::UtcTime},
    store::{
        self, Server, Visible,
        keys::{Key, Version},
    },
    telemetry::names,
};

/// Keys that are looked for in Postgres at a time, and how long others wait for their turn. Who tries keys that do not exist gets no more.
const LOADS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(1);
/// A key that was not used for so long is dropped from memory.
const IDLE: Duration = Duration::from_secs(600);
/// After so many looks at the table the times of last use are written, and idle keys dropped.
const LOOKS: u32 = 30;
/// The secret is not the key's.
const WRONG_SECRET: &str = "wrong_secret";
/// Attempts at a key that changes while it is loaded.
const ATTEMPTS: usize = 3;
/// Who stays is looked at again after at most so long, whatever the clock did meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// What it takes to tell whose a token is that is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// A look for a key that was issued here, or by another instance.
    Issued,
    /// A look for a key that anybody may have made up.
    Unproven,
    /// A signature.
    Signature,
}

/// Why nobody stands behind a token. Never told to the caller, who learns only that it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Stable, `snake_case`: for the audit and for metrics.
    pub reason: &'static str,
    /// The key that it says to be of, if it has the form of one.
    pub key: Option<KeyId>,
}

/// Knows callers.
pub struct Callers {
    mode: AuthMode,
    pepper: Option<Arc<Pepper>>,
    /// Of tokens of an identity provider, if there is one.
    tokens: Option<Arc<Verifier>>,
    primary: Arc<Server>,
    held: papaya::HashMap<KeyId, Arc<Held>>,
    /// The last change that is known, after the first look.
    seen: Mutex<Option<Version>>,
    /// When Postgres last confirmed what is held, and when what was used was last noted.
    confirmed: Mutex<Instant>,
    noted: Mutex<Instant>,
    noted_every: Duration,
    grace: Duration,
    loads: Semaphore,
}

/// A key that is held.
pub struct Held {
    key: Key,
    /// Who comes with the key's token, and who comes with the one before.
    caller: Caller,
    previous: Option<Caller>,
    /// Told when what is held of the key is replaced.
    changed: Arc<Notify>,
    /// Microseconds since 1970.
    used_at: AtomicI64,
    /// Whether that is not written yet.
    is_noted: AtomicBool,
}

impl Callers {
    /// With the settings of `[auth]`, and what verifies tokens of an identity provider.
    pub fn new(settings: &config::Auth, primary: Arc<Server>, tokens: Option<Arc<Verifier>>) -> Result<Self, ConfigError> {
        let pepper = match settings.mode {
            AuthMode::None => None,
            AuthMode::Required => Some(Arc::new(pepper(settings)?)),
        };
        Ok(Self {
            mode: settings.mode,
            pepper,
            tokens,
            primary,
            held: papaya::HashMap::new(),
            seen: Mutex::default(),
            confirmed: Mutex::new(Instant::now()),
            noted: Mutex::new(Instant::now()),
            noted_every: ms(settings.key_refresh_ms) * LOOKS,
            grace: ms(settings.key_grace_ms),
            loads: Semaphore::new(LOADS),
        })
    }

    /// The key of the hashes of tokens, if keys are in use.
    pub fn pepper(&self) -> Option<Arc<Pepper>> {
        self.pepper.clone()
    }

    /// The caller of every request, when no one has to say who it is.
    pub fn anyone(&self) -> Option<Caller> {
        (self.mode == AuthMode::None).then(Caller::anonymous)
    }

    /// Who a token is of, if that can be told without asking anyone.
    pub fn at_once(&self, token: &str) -> Option<Result<Caller, Refused>> {
        if !token.starts_with(PREFIX) {
            return match &self.tokens {
                Some(tokens) => tokens.verified(token).map(Ok).or_else(|| {
                    let refused = tokens.refused_at_sight(token)?;
                    Some(Err(Refused { reason: refused.as_str(), key: None }))
                }),
                None => Some(Err(Refused { reason: "unknown_token", key: None })),
            };
        }
        let Some(presented) = Presented::parse(token) else {
            return Some(Err(Refused { reason: "malformed_key", key: None }));
        };
        let held = self.held_lately(&presented)?;
        // Of another token than is held: perhaps the key was given it a moment ago.
        Some(self.check(&presented, &held)).filter(|known| !known.as_ref().is_err_and(|refused| refused.reason == WRONG_SECRET))
    }

    /// What [`Self::authenticate`] will take for a token that cannot be told at once.
    pub fn check_of(&self, token: &str) -> Check {
        if !token.starts_with(PREFIX) {
            return Check::Signature;
        }
        let has_issued = |pepper: &Arc<Pepper>| Presented::parse(token).is_some_and(|presented| pepper.has_issued(&presented));
        if self.pepper.as_ref().is_some_and(has_issued) { Check::Issued } else { Check::Unproven }
    }

    /// Who a token is of.
    pub async fn authenticate(&self, token: &str) -> Result<Result<Caller, Refused>, Error> {
        if let Some(known) = self.at_once(token) {
            return Ok(known);
        }
        if let Some(tokens) = self.tokens.as_ref().filter(|_| !token.starts_with(PREFIX)) {
            return match tokens.verify(token).await {
                Err(refused) if refused.is_unavailable() => Err(Error::Unavailable { dependency: "jwks", cause: None }),
                known => Ok(known.map_err(|refused| Refused { reason: refused.as_str(), key: None })),
            };
        }
        let Some(presented) = Presented::parse(token) else { return Ok(Err(Refused { reason: "malformed_key", key: None })) };
        let Ok(Ok(_place)) = tokio::time::timeout(PATIENCE, self.loads.acquire()).await else {
            return Err(Error::Overloaded("keys that are not known here"));
        };
        // A fleet that comes back all at once has one key: who was before has found it.
        if let Some(known) = self.at_once(token) {
            return Ok(known);
        }
        // What is held follows what changes after the first look.
        if self.seen().is_none() {
            self.follow().await?;
        }
        for _ in 0..ATTEMPTS {
            let seen = self.seen().clone();
            let id = presented.id;
            let read = async |tx: &store::Transaction<'_>| store::keys::get(tx, id, &crate::auth::Reach::Platform).await;
            let read = self.primary.read(&every(), read).await;
            if let (Err(_), Some(held)) = (&read, self.held_lately(&presented)) {
                return Ok(self.check(&presented, &held));
            }
            let Some(key) = read? else {
                return Ok(Err(Refused { reason: "unknown_key", key: Some(id) }));
            };
            let held = self.learn(key);
            // Held first, looked second: what changed in between has either been applied to what is held, or moved the number.
            let now = self.seen().clone();
            if now == seen {
                return Ok(self.check(&presented, &held));
            }
            // Of a history that was left meanwhile, whose numbers say nothing about those of this one.
            if now.map(|now| now.lineage) != seen.map(|seen| seen.lineage) {
                self.held.pin().remove(&presented.id);
            }
        }
        self.held.pin().remove(&presented.id);
        Err(Error::Overloaded("changes of this key"))
    }

    /// Holds a key as it is now. Of two states of a key, the newer stays, whichever is learned last.
    pub fn learn(&self, key: Key) -> Arc<Held> {
        let held = Arc::new(Held::new(key));
        let is_newer = Cell::new(false);
        let newer = |before: &Arc<Held>| {
            is_newer.set(before.key.changed < held.key.changed);
            if is_newer.get() { Arc::new(held.instead_of(before)) } else { before.clone() }
        };
        let now = self.held.pin().update_or_insert(held.key.id, newer, held.clone()).clone();
        if is_newer.get() {
            now.changed.notify_waiters();
        }
        now
    }

    /// The same of a key that is held, and only of that.
    pub fn follow_change(&self, key: Key) {
        if self.held.pin().contains_key(&key.id) {
            self.learn(key);
        }
    }

    /// What is held of a key, as long as that counts.
    fn held_lately(&self, presented: &Presented<'_>) -> Option<Arc<Held>> {
        if self.unconfirmed() > self.grace {
            return None;
        }
        self.held.pin().get(&presented.id).cloned()
    }

    /// The tenant of a key that is held, good or not.
    pub fn tenant_of(&self, key: &str) -> Option<TenantName> {
        self.held.pin().get(&key.parse::<KeyId>().ok()?)?.key.grant.reach().tenant().cloned()
    }

    /// Whether what a caller came with, that very token or certificate, would still be let in. For those who stay.
    pub fn is_good(&self, caller: &Caller) -> bool {
        self.time_left(caller).is_some()
    }

    /// The answer to who stays, unless what it came with ends before: then it is let go, and told nothing more.
    pub async fn while_good<T>(&self, caller: &Caller, answer: impl Future<Output = T>) -> Option<T> {
        let answer = tokio::select! {
            biased;
            () = self.ended(caller) => return None,
            answer = answer => answer,
        };
        self.is_good(caller).then_some(answer)
    }

    /// Resolves when what a caller came with is good no more.
    async fn ended(&self, caller: &Caller) {
        loop {
            let changes = self.changes(caller);
            // From here on a change is noticed, so none is missed between the look and the wait.
            let changed = changes.as_deref().map(Notify::notified);
            let Some(left) = self.time_left(caller) else { return };
            let changed = async {
                match changed {
                    Some(changed) => changed.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(left.min(LOOK_AGAIN)) => {}
            }
        }
    }

    /// What tells that a caller has to be looked at again.
    fn changes(&self, caller: &Caller) -> Option<Arc<Notify>> {
        match caller.credential {
            Credential::Key { .. } => Some(self.held_of(caller)?.changed.clone()),
            Credential::Token { .. } => Some(self.tokens.as_ref()?.changes()),
            Credential::Nothing | Credential::Certificate { .. } => None,
        }
    }

    /// For how much longer a caller is known to be good; `None` when it is not.
    fn time_left(&self, caller: &Caller) -> Option<Duration> {
        let now = UtcTime::from(Timestamp::now());
        let until = |end: UtcTime| Duration::try_from(end.timestamp().duration_since(now.timestamp())).ok();
        let left = match caller.credential {
            Credential::Nothing => Some(Duration::MAX),
            Credential::Certificate { ends } => until(ends),
            Credential::Token { signed_by, refused, .. } => {
                let is_trusted = self.tokens.as_ref().is_some_and(|tokens| tokens.trusts(&signed_by));
                until(refused).filter(|_| is_trusted)
            }
            Credential::Key { hash, .. } => {
                let held = self.held_of(caller).filter(|held| held.key.revoked_at.is_none())?;
                // Without Postgres nobody knows what was revoked. A moment more than for who comes: the table is not read all the time.
                if self.unconfirmed() > self.grace.max(LOOK_AGAIN) {
                    return None;
                }
                // Who stays keeps its key in memory, where its end is noticed.
                held.used(now);
                held.ends(&hash).and_then(|ends| ends.map_or(Some(Duration::MAX), until))
            }
        };
        left.filter(|left| !left.is_zero())
    }

    fn held_of(&self, caller: &Caller) -> Option<Arc<Held>> {
        let id = caller.key()?.parse::<KeyId>().ok()?;
        self.held.pin().get(&id).cloned()
    }

    fn check(&self, presented: &Presented<'_>, held: &Held) -> Result<Caller, Refused> {
        let now = UtcTime::from(Timestamp::now());
        let refused = |reason| Err(Refused { reason, key: Some(presented.id) });
        let Some(pepper) = &self.pepper else { return refused("no_pepper") };
        let Key { hash, previous, expires_at, revoked_at, .. } = &held.key;
        let caller = match (previous, &held.previous) {
            _ if pepper.is_of(presented, hash) => &held.caller,
            (Some((hash, _)), _) if !pepper.is_of(presented, hash) => return refused(WRONG_SECRET),
            (Some((_, until)), _) if *until <= now => return refused("rotated_key"),
            (Some(_), Some(previous)) => previous,
            _ => return refused(WRONG_SECRET),
        };
        if revoked_at.is_some() {
            return refused("revoked_key");
        }
        if expires_at.is_some_and(|end| end <= now) {
            return refused("expired_key");
        }
        held.used(now);
        Ok(caller.clone())
    }

    /// Follows the table, and writes down now and then when keys were used.
    pub async fn refresh(&self) {
        if self.mode == AuthMode::None {
            return;
        }
        if let Err(error) = self.follow().await {
            tracing::warn!(error = %error, unconfirmed_ms = self.unconfirmed().as_millis() as u64, "changes of API keys cannot be read");
        }
        let is_due = self.noted.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > self.noted_every;
        if is_due {
            self.note_use().await;
            *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        metrics::gauge!(names::AUTH_KEYS_HELD).set(self.held.pin().len() as f64);
    }

    async fn follow(&self) -> Result<(), Error> {
        let began = Instant::now();
        let now = self.primary.read_apart(&every(), store::keys::version).await?;
        // Of several first looks at a time one counts: what is held by now follows that.
        let seen = self.seen().get_or_insert_with(|| now.clone()).clone();
        if now.lineage != seen.lineage || now.number < seen.number {
            // What is held is of another history than the database: what changed in this one, its numbers do not say.
            *self.seen() = Some(now);
            let forgotten: Vec<_> = self.held.pin().values().cloned().collect();
            self.held.pin().clear();
            forgotten.iter().for_each(|held| held.changed.notify_waiters());
        } else if now.number > seen.number {
            self.apply_after(&seen, now).await?;
        }
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = began;
        Ok(())
    }

    async fn apply_after(&self, seen: &Version, now: Version) -> Result<(), Error> {
        let read = async |tx: &store::Transaction<'_>| store::keys::changed_after(tx, seen.number).await;
        let changed = self.primary.read_apart(&every(), read).await?;
        let newest = changed.iter().map(|key| key.changed).fold(now.number, i64::max);
        // Before it is applied: see `authenticate`.
        *self.seen() = Some(Version { number: newest, ..now });
        changed.into_iter().for_each(|key| self.follow_change(key));
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Option<Version>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down when keys were used since the last time, and drops those that were not for long.
    async fn note_use(&self) {
        let used: Vec<_> = {
            let held = self.held.pin();
            let idle = UtcTime::from(Timestamp::now() - IDLE);
            held.retain(|_, held| held.used_at() > idle || !held.is_noted.load(Ordering::Relaxed));
            let unnoted = held.iter().filter(|(_, held)| !held.is_noted.swap(true, Ordering::Relaxed));
            unnoted.map(|(id, held)| (*id, held.used_at())).collect()
        };
        if used.is_empty() {
            return;
        }
        let write = async |tx: &store::Transaction<'_>| store::keys::used(tx, &used).await;
        if let Err(error) = self.primary.write(&every(), write).await {
            tracing::warn!(error = %error, "when API keys were last used cannot be written");
        }
    }

    fn unconfirmed(&self) -> Duration {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// Whose key a token is of is known only when it is found.
fn every() -> Visible {
    Visible::all_tenants()
}

/// The pepper of the settings.
pub fn pepper(settings: &config::Auth) -> Result<Pepper, ConfigError> {
    Pepper::new(&settings.key_pepper)
        .map_err(|invalid| ConfigError::Invalid { key: "auth.key_pepper".into(), reason: invalid.detail })
}

impl Held {
    fn new(key: Key) -> Self {
        let caller = |hash: TokenHash, token: u32, ends: Option<UtcTime>| {
            // A key that has had one token has nothing to tell apart.
            let actor = Actor { kind: Caller::KEY.into(), id: key.id.to_string(), token: (key.tokens > 1).then_some(token) };
            Caller { actor: Arc::new(actor), grant: Arc::new(key.grant.clone()), credential: Credential::Key { hash, ends } }
        };
        let previous = key.previous.map(|(hash, until)| {
            let ends = key.expires_at.map_or(until, |end| end.min(until));
            caller(hash, key.tokens.saturating_sub(1), Some(ends))
        });
        let used = key.last_used_at.unwrap_or_else(|| Timestamp::now().into()).timestamp().as_microsecond();
        let (used_at, is_noted) = (AtomicI64::new(used), AtomicBool::new(true));
        Self { caller: caller(key.hash, key.tokens, key.expires_at), previous, changed: Arc::default(), key, used_at, is_noted }
    }

    /// The same in place of what stood for the key: with its use, which may not be written yet, and with those who wait for its changes.
    fn instead_of(&self, before: &Self) -> Self {
        let (used_at, is_noted) = (before.used_at.load(Ordering::Relaxed), before.is_noted.load(Ordering::Relaxed));
        Self {
            key: self.key.clone(),
            caller: self.caller.clone(),
            previous: self.previous.clone(),
            changed: before.changed.clone(),
            used_at: AtomicI64::new(used_at),
            is_noted: AtomicBool::new(is_noted),
        }
    }

    /// When a token of the key ends, if it does by itself; `None` when it is none of the key's.
    fn ends(&self, hash: &TokenHash) -> Option<Option<UtcTime>> {
        let of = |caller: &Caller| match caller.credential {
            Credential::Key { hash: own, ends } => (own == *hash).then_some(ends),
            _ => None,
        };
        of(&self.caller).or_else(|| self.previous.as_ref().and_then(of))
    }

    fn used(&self, now: UtcTime) {
        self.used_at.store(now.timestamp().as_microsecond(), Ordering::Relaxed);
        self.is_noted.store(false, Ordering::Relaxed);
    }

    fn used_at(&self) -> UtcTime {
        Timestamp::from_microsecond(self.used_at.load(Ordering::Relaxed)).unwrap_or_default().into()
    }
}
