//! Fetches the issuer's keys and holds them.
//!
//! The keys are fetched in the background, and also when a token names an unknown key. While
//! fetches fail, the last good keys stay in use for a configured time.

use std::{
    error::Error as _,
    iter::successors,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwapOption;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use reqwest::{Certificate, Client, Response, StatusCode, Url, redirect, tls};
use tokio::{
    runtime::Handle,
    sync::{Mutex, Notify},
};
use tokio_util::sync::CancellationToken;

use super::jwt::{
    TokenRefusal,
    keys::{BadKeys, KeyPrint, KeySet, VerificationKey},
};
use crate::{
    config::{self, ConfigError},
    resilience::{CallError, Dependency},
    telemetry::names,
};

/// The first pause after a failed fetch. Each further failure doubles it, up to
/// `auth.jwt.refresh_ms`.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The keys of one issuer.
pub struct Jwks {
    client: Client,
    url: Url,
    settings: config::Jwt,
    policy: Arc<Dependency>,
    /// The runtime on which fetches run, apart from the request that needs one: the request may end
    /// earlier.
    runtime: Handle,
    held: ArcSwapOption<FetchedKeys>,
    /// Locked while a fetch runs, so that only one runs at a time.
    fetching: Mutex<Asked>,
    /// The number of fetches that ended, with or without success.
    ended: AtomicU64,
    /// Notified when the keys change.
    changed: Arc<Notify>,
}

/// The time of the last fetch that a token with an unknown key caused.
#[derive(Default)]
struct Asked(Option<Instant>);

struct FetchedKeys {
    keys: KeySet,
    fetched: Instant,
    /// The number of this key set: it grows by one when a fetch returns a different set.
    generation: u64,
}

/// A key that was found, with the generation of its key set.
#[derive(Debug)]
pub struct FoundKey {
    /// The key that verifies the token's signature.
    pub key: Arc<VerificationKey>,
    /// A cached verification of a token is valid in this generation only.
    pub generation: u64,
}

/// The reason why a request to the issuer has no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No response, or a response that broke off.
    #[error("the issuer cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// A response with another status than 200: an error, or a redirect.
    #[error("the issuer answered with status {0}")]
    Refused(StatusCode),
    /// A response body longer than `auth.jwt.max_response_bytes`.
    #[error("the issuer's answer is longer than auth.jwt.max_response_bytes")]
    TooLong,
    /// A response body that is no key set.
    #[error(transparent)]
    Unreadable(#[from] BadKeys),
    /// A response body without an access token and an id token.
    #[error("the issuer's answer has no access token or no id token")]
    NoTokens,
    /// The issuer's keys were not fetched yet, or the last fetch is too long ago.
    #[error("the issuer's keys are not known")]
    NoKeys,
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        // The URL may have a secret in its query.
        Self::Unreachable(error.without_url())
    }
}

impl Jwks {
    /// Creates the key store of the configured issuer, without keys yet. Fetches for unknown key
    /// names run on the runtime that calls this.
    pub fn new(settings: &config::Jwt, policy: config::CallPolicy) -> Result<Self, ConfigError> {
        let policy = Dependency::new("jwks", policy);
        Ok(Self {
            client: client(&settings.ca_file, &settings.url()?, policy.timeout())?,
            url: settings.url()?,
            settings: settings.clone(),
            policy,
            runtime: Handle::current(),
            held: ArcSwapOption::empty(),
            fetching: Mutex::default(),
            ended: AtomicU64::new(0),
            changed: Arc::default(),
        })
    }

    /// Returns the resilience policy of the fetches, for `/health/resilience`.
    pub fn policy(&self) -> &Arc<Dependency> {
        &self.policy
    }

    /// Returns the generation of the keys that are trusted at `now`.
    pub fn generation(&self, now: Instant) -> Option<u64> {
        self.trusted(now).map(|held| held.generation)
    }

    /// Returns the key of that name, among the keys that are trusted at `now`.
    pub fn find(&self, kid: Option<&str>, now: Instant) -> Result<FoundKey, TokenRefusal> {
        let held = self.trusted(now).ok_or(TokenRefusal::NoKeys)?;
        let key = held.keys.find(kid).ok_or(TokenRefusal::UnknownKey)?;
        Ok(FoundKey {
            key,
            generation: held.generation,
        })
    }

    /// Returns whether this is one of the keys that are trusted at `now`.
    pub fn has(&self, print: &KeyPrint, now: Instant) -> bool {
        self.trusted(now).is_some_and(|held| held.keys.has(print))
    }

    /// Returns the [`Notify`] that is notified when the keys change.
    pub fn changes(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    fn trusted(&self, now: Instant) -> Option<Arc<FetchedKeys>> {
        let held = self.held.load_full()?;
        (now.saturating_duration_since(held.fetched) <= self.settings.keys_max_age).then_some(held)
    }

    /// Does the same as [`Self::find`], but fetches the keys first if the name is unknown. All
    /// tokens together cause at most one such fetch in `auth.jwt.unknown_kid_refresh_ms`.
    pub async fn find_or_fetch(
        self: &Arc<Self>,
        kid: Option<&str>,
        now: Instant,
    ) -> Result<FoundKey, TokenRefusal> {
        let ended = self.ended.load(Ordering::Acquire);
        let found = self.find(kid, now);
        if found.is_ok() || !KeySet::may_have(kid) || self.has_asked(now) {
            return found;
        }
        let jwks = self.clone();
        // Nothing cancels this task. A panic in it leaves the keys unchanged.
        let _ = self
            .runtime
            .spawn(async move { jwks.fetch_for_unknown(ended, now).await })
            .await;
        self.find(kid, now)
    }

    /// Returns whether no fetch runs and none may start for an unknown name now. There is nothing
    /// to wait for then.
    fn has_asked(&self, now: Instant) -> bool {
        self.fetching
            .try_lock()
            .is_ok_and(|asked| self.is_too_soon(&asked, now))
    }

    fn is_too_soon(&self, asked: &Asked, now: Instant) -> bool {
        asked.0.is_some_and(|last| {
            now.saturating_duration_since(last) < self.settings.unknown_kid_refresh
        })
    }

    async fn fetch_for_unknown(&self, ended: u64, now: Instant) {
        let mut asked = self.fetching.lock().await;
        // A fetch that ended since the name was looked up makes another one unnecessary.
        if self.ended.load(Ordering::Acquire) == ended && !self.is_too_soon(&asked, now) {
            asked.0 = Some(now);
            self.fetch(now).await;
        }
    }

    /// Fetches the keys, however fresh the present ones are. Returns whether the fetch succeeded.
    pub async fn refresh(&self, now: Instant) -> bool {
        let _fetching = self.fetching.lock().await;
        self.fetch(now).await
    }

    /// Refreshes the keys at once and then every `auth.jwt.refresh_ms`, less up to 20 % at random,
    /// until `stop`. After a failure it tries again sooner.
    pub async fn keep_fresh(&self, stop: CancellationToken) {
        let mut retries = self.retries();
        loop {
            let Some(is_fresh) = stop.run_until_cancelled(self.refresh(Instant::now())).await
            else {
                return;
            };
            let every = self.settings.refresh;
            let pause = if is_fresh {
                retries = self.retries();
                every.mul_f64(0.8 + 0.2 * fastrand::f64())
            } else {
                retries.next().unwrap_or(every).min(every)
            };
            if stop
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    fn retries(&self) -> ExponentialBackoff {
        let builder = ExponentialBuilder::new()
            .with_min_delay(FIRST_RETRY)
            .with_max_delay(self.settings.refresh);
        builder.with_jitter().without_max_times().build()
    }

    async fn fetch(&self, now: Instant) -> bool {
        let fetched = self.policy.call(|_| true, self.get()).await;
        let is_fetched = match fetched {
            Ok(keys) => {
                self.hold(keys, now);
                true
            }
            Err(error) => {
                metrics::counter!(names::JWKS_FETCHES, "result" => result_of(&error)).increment(1);
                let causes: Vec<_> = successors(error.source(), |&cause| cause.source())
                    .map(ToString::to_string)
                    .collect();
                let cause = causes.join(": ");
                tracing::warn!(error = %error, cause, "the issuer's keys could not be fetched; the previous keys stay valid for auth.jwt.keys_max_age_ms");
                false
            }
        };
        self.ended.fetch_add(1, Ordering::Release);
        is_fetched
    }

    async fn get(&self) -> Result<KeySet, FetchError> {
        let response = self
            .client
            .get(self.url.clone())
            .header("accept", "application/json")
            .send()
            .await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Refused(response.status()));
        }
        let body = bounded(response, self.settings.max_response_bytes).await?;
        Ok(KeySet::read(&body, &self.settings)?)
    }

    /// Replaces the keys with the result of the fetch of `now`. A key that is not in the new set is
    /// no longer trusted.
    fn hold(&self, keys: KeySet, now: Instant) {
        metrics::counter!(names::JWKS_FETCHES, "result" => "fetched").increment(1);
        let at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        metrics::gauge!(names::JWKS_FETCHED_AT).set(at.as_secs_f64());
        let before = self.held.load();
        let generation = match before.as_deref() {
            Some(held) if held.keys.is_same(&keys) => held.generation,
            held => {
                tracing::info!(keys.usable = keys.len(), "the issuer's keys have changed");
                held.map_or(0, |held| held.generation + 1)
            }
        };
        let is_other = before
            .as_deref()
            .is_none_or(|held| held.generation != generation);
        self.held.store(Some(Arc::new(FetchedKeys {
            keys,
            fetched: now,
            generation,
        })));
        if is_other {
            self.changed.notify_waiters();
        }
    }
}

/// Builds an HTTP client that contacts the host of `url` only: it follows no redirects and uses no
/// proxy. `ca_file` is that of `auth.jwt`.
pub(super) fn client(ca_file: &str, url: &Url, timeout: Duration) -> Result<Client, ConfigError> {
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .https_only(url.scheme() == "https")
        .tls_version_min(tls::Version::TLS_1_2)
        .timeout(timeout)
        // Requests are minutes apart: a pooled connection would be closed before the next one.
        .pool_max_idle_per_host(0);
    if !ca_file.is_empty() {
        let wrong = |reason: String| ConfigError::Invalid {
            key: "auth.jwt.ca_file".into(),
            reason,
        };
        let pem =
            std::fs::read(ca_file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let trusted =
            Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
        if trusted.is_empty() {
            return Err(wrong("has no certificate".into()));
        }
        builder = builder.tls_certs_only(trusted);
    }
    builder.build().map_err(|error| ConfigError::Invalid {
        key: "auth.jwt.jwks_url".into(),
        reason: error.to_string(),
    })
}

/// Reads the response body. Never holds more than `max` bytes: a longer body is an error.
pub(super) async fn bounded(mut response: Response, max: usize) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > max {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn result_of(error: &CallError<FetchError>) -> &'static str {
    match error {
        CallError::Open(_) | CallError::Full(_) => "skipped",
        CallError::Timeout(..) => "timeout",
        CallError::Failed(FetchError::Unreachable(error)) if error.is_timeout() => "timeout",
        CallError::Failed(FetchError::Unreachable(_)) => "unreachable",
        CallError::Failed(FetchError::Refused(_)) => "refused",
        CallError::Failed(
            FetchError::TooLong
            | FetchError::Unreadable(_)
            | FetchError::NoTokens
            | FetchError::NoKeys,
        ) => "unreadable",
    }
}
