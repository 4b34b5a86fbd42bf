//! JSON Web Tokens of an external issuer: verifies a token and returns a [`Caller`], or the reason
//! why it is [`TokenRefusal`].
//!
//! ```text
//!  token ─► verified (remembered?) ─► Header::read ─► Jwks::find_or_fetch ─► signature, iss, aud ─► Mapping: times, sub, grant ─► Caller
//! ```
//!
//! The cheapest checks come first. Before the signature is verified, the token's content can only
//! lead to a refusal, or select a key by its name.

mod claims;
mod header;
pub(super) mod keys;
mod refused;
mod unique;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::constant_time;
use jsonwebtoken::{Algorithm, Validation, errors::ErrorKind};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::{claims::Mapping, header::Header, keys::VerificationKey, unique::UniqueObject};
pub use self::{keys::KeyPrint, refused::TokenRefusal};
use super::{
    Caller,
    jwks::{FoundKey, Jwks},
};
use crate::{
    config::{self, ConfigError},
    resilience::Dependency,
    telemetry::names,
};

/// A moment, on both clocks that tokens need.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Unix time in seconds, the unit of the claims.
    pub unix: f64,
    /// The monotonic clock, for measuring ages.
    pub instant: Instant,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            unix: unix.as_secs_f64(),
            instant: Instant::now(),
        }
    }

    /// Returns the moment that is `time` later.
    pub fn plus(self, time: Duration) -> Self {
        Self {
            unix: self.unix + time.as_secs_f64(),
            instant: self.instant + time,
        }
    }
}

/// Authenticates callers by the tokens of one issuer.
pub struct Verifier {
    jwks: Arc<Jwks>,
    mapping: Mapping,
    issuer: String,
    audience: String,
    max_token_bytes: usize,
    remembered_for: Duration,
    /// Cache of verified tokens, by their SHA-256.
    remembered: moka::sync::Cache<[u8; 32], Verified>,
}

#[derive(Clone)]
struct Verified {
    caller: Caller,
    expires: f64,
    at: Instant,
    generation: u64,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Creates a verifier for the configured issuer, or `None` if no issuer is configured. The
    /// verifier has no keys yet: see [`Self::keep_fresh`]. Fetches run on the runtime that calls
    /// this.
    pub fn new(
        settings: &config::Jwt,
        policy: config::CallPolicy,
    ) -> Result<Option<Arc<Self>>, ConfigError> {
        if !settings.is_on() {
            return Ok(None);
        }
        let remembered_for = settings.cache;
        Ok(Some(Arc::new(Self {
            jwks: Arc::new(Jwks::new(settings, policy)?),
            mapping: Mapping::new(settings)?,
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            max_token_bytes: settings.max_token_bytes,
            remembered_for,
            remembered: moka::sync::Cache::builder()
                .max_capacity(settings.cache_tokens)
                .time_to_live(remembered_for)
                .build(),
        })))
    }

    /// Returns the resilience policy of the key fetches.
    pub fn policy(&self) -> &Arc<Dependency> {
        self.jwks.policy()
    }

    /// Fetches the issuer's keys at once, and again at intervals until `stop`. Nothing waits for
    /// the first fetch: the service also starts without the issuer.
    pub async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        self.jwks.keep_fresh(stop).await;
    }

    /// Fetches the issuer's keys once. Returns whether that succeeded.
    pub async fn refresh(&self, now: Now) -> bool {
        self.jwks.refresh(now.instant).await
    }

    /// Returns whether the key that signed a token is still one of the issuer's keys, and the keys
    /// are not too old.
    pub fn trusts(&self, signed_by: &KeyPrint) -> bool {
        self.jwks.has(signed_by, Instant::now())
    }

    /// Returns whether the issuer's keys are known, and not too old.
    pub fn has_keys(&self) -> bool {
        self.jwks.generation(Instant::now()).is_some()
    }

    /// Returns the [`Notify`] that is notified when the issuer's keys change.
    pub fn changes(&self) -> Arc<Notify> {
        self.jwks.changes()
    }

    /// Returns the caller of a token that is in the cache of verified tokens, without verifying it
    /// again.
    pub fn verified(&self, token: &str) -> Option<Caller> {
        self.verified_at(token, Now::read())
    }

    /// Does the same as [`Self::verified`], at a given moment.
    pub fn verified_at(&self, token: &str, now: Now) -> Option<Caller> {
        if token.len() > self.max_token_bytes {
            return None;
        }
        let verified = self.remembered.get(&digest(token))?;
        let is_recent = now.instant.saturating_duration_since(verified.at) < self.remembered_for;
        let has_same_keys = self.jwks.generation(now.instant) == Some(verified.generation);
        (is_recent && has_same_keys && now.unix < verified.expires).then_some(verified.caller)
    }

    /// Returns why a token is refused, as far as its header shows, before any costly work. `None`:
    /// the token has to be verified.
    pub fn refused_at_sight(&self, token: &str) -> Option<TokenRefusal> {
        let refused = Header::read(token, self.max_token_bytes).err()?;
        metrics::counter!(names::JWT_CHECKS, "result" => refused.as_str()).increment(1);
        Some(refused)
    }

    /// Verifies `token` and returns its caller. Fetches the issuer's keys only if the token names
    /// an unknown key, at most once in `auth.jwt.unknown_kid_refresh_ms` for all tokens.
    pub async fn verify(&self, token: &str) -> Result<Caller, TokenRefusal> {
        self.verify_at(token, Now::read()).await
    }

    /// Does the same as [`Self::verify`], at a given moment.
    pub async fn verify_at(&self, token: &str, now: Now) -> Result<Caller, TokenRefusal> {
        if let Some(caller) = self.verified_at(token, now) {
            return Ok(caller);
        }
        let result = self.check(token, now).await;
        let name = result
            .as_ref()
            .err()
            .map_or("accepted", |refused| refused.as_str());
        metrics::counter!(names::JWT_CHECKS, "result" => name).increment(1);
        result
    }

    async fn check(&self, token: &str, now: Now) -> Result<Caller, TokenRefusal> {
        let found = self.key_of(token, now).await?;
        let UniqueObject(claims) = self.signed(token, &found.key, &self.audience)?;
        let (caller, expires) = self.mapping.caller(&claims, found.key.print, now.unix)?;
        let verified = Verified {
            caller: caller.clone(),
            expires,
            at: now.instant,
            generation: found.generation,
        };
        self.remembered.insert(digest(token), verified);
        Ok(caller)
    }

    /// Verifies an id token: signed by the issuer for `client` alone, with this `nonce`, and not
    /// expired (OpenID Connect Core §3.1.3.7). Returns its subject.
    pub async fn verify_id_token(
        &self,
        token: &str,
        client: &str,
        nonce: &str,
        now: Now,
    ) -> Result<String, TokenRefusal> {
        let key = self.key_of(token, now).await?.key;
        let UniqueObject(claims) = self.signed(token, &key, client)?;
        let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
        let is_nonce = |said: &str| {
            constant_time::verify_slices_are_equal(said.as_bytes(), nonce.as_bytes()).is_ok()
        };
        if !text("nonce").is_some_and(is_nonce) {
            return Err(TokenRefusal::WrongNonce);
        }
        let is_for_others = claims
            .get("aud")
            .and_then(serde_json::Value::as_array)
            .is_some_and(|all| all.len() > 1);
        if text("azp").map_or(is_for_others, |azp| azp != client) {
            return Err(TokenRefusal::WrongAudience);
        }
        self.mapping.subject_at(&claims, now.unix)
    }

    /// Returns the issuer's key that a token names, if it is for the token's algorithm.
    async fn key_of(&self, token: &str, now: Now) -> Result<FoundKey, TokenRefusal> {
        let header = Header::read(token, self.max_token_bytes)?;
        let found = self
            .jwks
            .find_or_fetch(header.kid.as_deref(), now.instant)
            .await?;
        if header.alg.parse::<Algorithm>().ok() != Some(found.key.algorithm) {
            return Err(TokenRefusal::WrongAlgorithm);
        }
        Ok(found)
    }

    /// Returns the claims, if the signature is valid, `iss` is the configured issuer, and `aud` is or
    /// contains `audience`.
    fn signed(
        &self,
        token: &str,
        key: &VerificationKey,
        audience: &str,
    ) -> Result<UniqueObject, TokenRefusal> {
        let mut validation = Validation::new(key.algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[audience]);
        // Neither of the two settings above refuses a token without the claim.
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library reads the clock itself. `Mapping` checks the times instead, at the moment
        // that is passed to it.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let claims = jsonwebtoken::decode::<UniqueObject>(token, &key.decoding, &validation)
            .map_err(|error| refused(error.kind()))?
            .claims;
        // The library also accepts a list of issuers that contains the configured one.
        if !claims
            .0
            .get("iss")
            .is_some_and(serde_json::Value::is_string)
        {
            return Err(TokenRefusal::WrongIssuer);
        }
        Ok(claims)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn refused(error: &ErrorKind) -> TokenRefusal {
    match error {
        ErrorKind::InvalidSignature => TokenRefusal::BadSignature,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::MissingAlgorithm => TokenRefusal::WrongAlgorithm,
        ErrorKind::MissingRequiredClaim(_) => TokenRefusal::MissingClaim,
        ErrorKind::InvalidClaimFormat(_) => TokenRefusal::BadClaim,
        ErrorKind::InvalidIssuer => TokenRefusal::WrongIssuer,
        ErrorKind::InvalidAudience => TokenRefusal::WrongAudience,
        _ => TokenRefusal::Malformed,
    }
}
