//! Whose request it is: the control plane's word about a node's key, kept for a while under a hash of the key.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::{StatusCode, header::HeaderValue};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use traffic_manager_core::{
    ids::{EnvName, ServiceName, TenantName},
    snapshot::Scope,
};

use super::upstream::{Key, Upstream};
use crate::config::relay::Relay as Limits;

/// The most keys that the control plane is asked about at a time.
const ASKING: usize = 256;

/// The most bytes of what the control plane says about a key. All of them are kept.
const MOST: usize = 16 << 10;

/// The time after which a control plane that did not answer is asked again about a key that was good.
const AWAY: Duration = Duration::from_secs(5);

/// What the control plane says about a key.
#[derive(Debug, Clone, Deserialize)]
pub struct Caller {
    /// The roles; a caller without any may do nothing.
    roles: Vec<String>,
    /// The tenant; `None` means all.
    tenant: Option<TenantName>,
    /// The services; `None` means all.
    services: Option<Vec<ServiceName>>,
    /// The environments; `None` means all.
    envs: Option<Vec<EnvName>>,
    /// When the key ends.
    expires_at: Option<Timestamp>,
    /// The control plane's own answer.
    #[serde(skip)]
    pub body: Bytes,
}

impl Caller {
    /// Whether the caller has any role.
    pub fn has_role(&self) -> bool {
        !self.roles.is_empty()
    }

    /// Whether the caller may ask about a tenant.
    pub fn knows(&self, tenant: &TenantName) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }

    /// Whether the caller may ask for this part of its tenant.
    pub fn may_have(&self, scope: &Scope) -> bool {
        fn is_within<T: PartialEq>(own: Option<&Vec<T>>, asked: Option<&T>) -> bool {
            own.is_none_or(|own| asked.is_some_and(|asked| own.contains(asked)))
        }
        is_within(self.services.as_ref(), scope.service.as_ref())
            && is_within(self.envs.as_ref(), scope.env.as_ref())
    }

    fn has_ended(&self) -> bool {
        self.expires_at.is_some_and(|end| end <= Timestamp::now())
    }
}

/// Why a request is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The control plane refuses the key.
    Refused,
    /// The key is not known, and the control plane cannot be asked now.
    Away,
    /// Too many unknown keys came in this second.
    TooMany,
}

#[derive(Debug, Clone)]
struct Known {
    /// `None`: refused.
    caller: Option<Arc<Caller>>,
    /// When the control plane said so.
    at: Instant,
    /// When it was asked last, whether it answered or not.
    asked: Instant,
}

type Hash = [u8; 32];
type Asking = Arc<tokio::sync::Mutex<()>>;

/// How often the control plane was asked, and what came of it.
#[derive(Debug, Default)]
pub struct Asked {
    /// It answered that the key is good.
    pub good: AtomicU64,
    /// It answered that it is not.
    pub refused: AtomicU64,
    /// It did not answer.
    pub away: AtomicU64,
    /// It was not asked: too many in this second.
    pub too_many: AtomicU64,
}

/// The keys that a relay knows, by their hashes.
#[derive(Debug)]
pub struct Tokens {
    limits: Limits,
    known: Mutex<HashMap<Hash, Known>>,
    /// One question at a time about each key.
    asking: Mutex<HashMap<Hash, Asking>>,
    bucket: Mutex<Bucket>,
    /// What came of the questions.
    pub asked: Asked,
}

impl Tokens {
    /// Knows no key yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            bucket: Mutex::new(Bucket::new(limits.unknown_tokens_per_second)),
            limits,
            known: Mutex::default(),
            asking: Mutex::default(),
            asked: Asked::default(),
        }
    }

    /// Returns the caller with this `Authorization`.
    pub async fn check(
        &self,
        upstream: &Upstream,
        authorization: Option<&HeaderValue>,
    ) -> Result<Arc<Caller>, Denied> {
        let bytes = authorization.map(HeaderValue::as_bytes).unwrap_or_default();
        let hash: Hash = Sha256::digest(bytes).into();
        if let Some(known) = self.fresh(&hash) {
            return known;
        }
        let Some(asking) = self.begin_to_ask(hash) else {
            // A key that was good is not refused since others are asked about.
            let known = self.in_grace(&hash, Instant::now());
            return known.ok_or_else(|| self.too_many());
        };
        let guard = asking.lock().await;
        let answer = match self.fresh(&hash) {
            Some(known) => known,
            None => self.ask(upstream, authorization, hash).await,
        };
        drop(guard);
        // The map's own and this one: nobody else waits.
        lock(&self.asking).retain(|_, asking| Arc::strong_count(asking) > 2);
        answer
    }

    /// Returns the lock of the questions about a key; `None` if there are as many questions as may be.
    fn begin_to_ask(&self, hash: Hash) -> Option<Asking> {
        let mut all = lock(&self.asking);
        let has_room = all.len() < ASKING || all.contains_key(&hash);
        has_room.then(|| Arc::clone(all.entry(hash).or_default()))
    }

    /// How many keys are known.
    pub fn known(&self) -> usize {
        lock(&self.known).len()
    }

    /// What is known of a key without a question; `None` if the control plane must be asked.
    fn fresh(&self, hash: &Hash) -> Option<Result<Arc<Caller>, Denied>> {
        let known = lock(&self.known).get(hash).cloned()?;
        match known.caller {
            Some(caller) if caller.has_ended() => Some(Err(Denied::Refused)),
            Some(caller) => {
                let is_fresh = known.at.elapsed() < self.limits.token_ttl;
                let is_away = known.asked > known.at
                    && known.asked.elapsed() < AWAY
                    && known.at.elapsed() < self.limits.token_grace;
                (is_fresh || is_away).then_some(Ok(caller))
            }
            None => {
                (known.at.elapsed() < self.limits.token_refused).then_some(Err(Denied::Refused))
            }
        }
    }

    async fn ask(
        &self,
        upstream: &Upstream,
        authorization: Option<&HeaderValue>,
        hash: Hash,
    ) -> Result<Arc<Caller>, Denied> {
        let good = lock(&self.known)
            .get(&hash)
            .and_then(|known| known.caller.clone());
        if good.is_none() && !lock(&self.bucket).take(Instant::now()) {
            return Err(self.too_many());
        }
        let said = upstream.get(&["self"], Key::Node(authorization)).await;
        let answer = match said {
            Ok(said) if said.body.len() > MOST => Err(format!("more than {MOST} bytes")),
            Ok(said) if said.status == StatusCode::OK => {
                serde_json::from_slice::<Caller>(&said.body)
                    .map(|caller| {
                        let body = said.body;
                        Some(Arc::new(Caller { body, ..caller }))
                    })
                    .map_err(|why| format!("an answer that is none: {why}"))
            }
            Ok(said) if matches!(said.status.as_u16(), 401 | 403) => Ok(None),
            Ok(said) => Err(format!("it answered {}", said.status)),
            Err(away) => Err(away.0),
        };
        let now = Instant::now();
        match answer {
            Ok(caller) => {
                let count = match caller {
                    Some(_) => &self.asked.good,
                    None => &self.asked.refused,
                };
                count.fetch_add(1, Ordering::Relaxed);
                let known = Known {
                    caller: caller.clone(),
                    at: now,
                    asked: now,
                };
                self.remember(hash, known);
                caller
                    .filter(|caller| !caller.has_ended())
                    .ok_or(Denied::Refused)
            }
            Err(why) => {
                self.asked.away.fetch_add(1, Ordering::Relaxed);
                tracing::debug!("the control plane said nothing about a key: {why}");
                self.in_grace(&hash, now).ok_or(Denied::Away)
            }
        }
    }

    /// The caller of a key that was good before the control plane went away.
    fn in_grace(&self, hash: &Hash, now: Instant) -> Option<Arc<Caller>> {
        let mut all = lock(&self.known);
        let known = all.get_mut(hash)?;
        known.asked = now;
        let is_late = now.duration_since(known.at) >= self.limits.token_grace;
        let caller = known.caller.clone()?;
        (!is_late && !caller.has_ended()).then_some(caller)
    }

    fn remember(&self, hash: Hash, new: Known) {
        let mut all = lock(&self.known);
        if all.len() >= self.limits.max_tokens && !all.contains_key(&hash) {
            let refused = self.limits.token_refused;
            all.retain(|_, known| known.caller.is_some() || known.at.elapsed() < refused);
            // A refused one goes before a good one, and of those the one that was confirmed longest ago.
            let oldest = all
                .iter()
                .min_by_key(|(_, it)| (it.caller.is_some(), it.at));
            let oldest = oldest.map(|(hash, _)| *hash);
            if let Some(oldest) = oldest.filter(|_| all.len() >= self.limits.max_tokens) {
                all.remove(&oldest);
            }
        }
        all.insert(hash, new);
    }

    fn too_many(&self) -> Denied {
        self.asked.too_many.fetch_add(1, Ordering::Relaxed);
        Denied::TooMany
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So many a second, and as many at once.
#[derive(Debug)]
struct Bucket {
    most: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new(a_second: u32) -> Self {
        let most = f64::from(a_second);
        Self {
            most,
            left: most,
            at: Instant::now(),
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let since = now.duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * self.most).min(self.most);
        self.at = now;
        let has_one = self.left >= 1.0;
        if has_one {
            self.left -= 1.0;
        }
        has_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_gives_so_many_a_second() {
        let mut bucket = Bucket::new(2);
        let start = bucket.at;
        assert!(bucket.take(start) && bucket.take(start) && !bucket.take(start));
        assert!(!bucket.take(start + Duration::from_millis(400)));
        assert!(bucket.take(start + Duration::from_millis(500)));
        let late = start + Duration::from_secs(60);
        assert!(bucket.take(late) && bucket.take(late) && !bucket.take(late));
    }

    #[test]
    fn narrowed_caller_may_ask_for_its_part_alone() {
        let said = r#"{"actor": {"kind": "key", "id": "1"}, "roles": ["node"], "tenant": "acme", "services": null,
            "envs": ["prod"], "expires_at": null}"#;
        let caller: Caller = serde_json::from_str(said).unwrap();
        let scope = |service: Option<&str>, env: Option<&str>| Scope {
            service: service.map(|name| name.parse().unwrap()),
            env: env.map(|name| name.parse().unwrap()),
        };
        assert!(caller.may_have(&scope(None, Some("prod"))));
        assert!(caller.may_have(&scope(Some("web"), Some("prod"))));
        assert!(!caller.may_have(&scope(None, Some("dev"))));
        assert!(!caller.may_have(&scope(Some("web"), None)));
        assert!(caller.knows(&"acme".parse().unwrap()));
        assert!(!caller.knows(&"beta".parse().unwrap()));
    }
}
