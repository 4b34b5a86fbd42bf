//! `[auth.jwt]`: tokens of an external issuer.

use std::time::Duration;

use serde::Deserialize;
use url::{Host, Url};
use validator::Validate;

use super::{
    ConfigError,
    duration::{Millis, Seconds},
    invalid, missing,
    sections::section,
};

/// The algorithm of a token's signature. No algorithm uses a shared secret, so a public key can
/// never be used as a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum JwtAlgorithm {
    /// RSA PKCS #1 1.5, SHA-256.
    RS256,
    /// RSA PKCS #1 1.5, SHA-384.
    RS384,
    /// RSA PKCS #1 1.5, SHA-512.
    RS512,
    /// RSA PSS, SHA-256.
    PS256,
    /// RSA PSS, SHA-384.
    PS384,
    /// RSA PSS, SHA-512.
    PS512,
    /// ECDSA with P-256.
    ES256,
    /// ECDSA with P-384.
    ES384,
    /// EdDSA with Ed25519.
    EdDSA,
}

section! {
    /// `[auth.jwt]`
    Jwt {
        issuer: String,
        audience: String,
        jwks_url: String,
        ca_file: String,
        algorithms: Vec<JwtAlgorithm>,
        #[serde(rename = "leeway_seconds")] #[serde_as(as = "Seconds<0, 300>")] leeway: Duration,
        #[serde(rename = "max_lifetime_seconds")] #[serde_as(as = "Seconds<60, 31_536_000>")] max_lifetime: Duration,
        #[validate(range(min = 256, max = 65_536))] max_token_bytes: usize,
        #[serde(rename = "refresh_ms")] #[serde_as(as = "Millis<1000, 86_400_000>")] refresh: Duration,
        #[serde(rename = "unknown_kid_refresh_ms")] #[serde_as(as = "Millis<1000, 3_600_000>")] unknown_kid_refresh: Duration,
        #[serde(rename = "keys_max_age_ms")] #[serde_as(as = "Millis<1000, 1_209_600_000>")] keys_max_age: Duration,
        #[validate(range(min = 1, max = 1000))] max_keys: usize,
        #[validate(range(min = 1024, max = 16_777_216))] max_response_bytes: usize,
        #[serde(rename = "cache_ms")] #[serde_as(as = "Millis<0, 3_600_000>")] cache: Duration,
        #[validate(range(max = 10_000_000))] cache_tokens: u64,
        tenant_claim: String,
        roles_claim: String,
        services_claim: String,
        envs_claim: String,
        role_map: Vec<String>,
    }
}

impl Jwt {
    /// Returns whether the service accepts tokens: an issuer is set.
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Checks the rules between the keys of this section, if an issuer is set.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !self.is_on() {
            return Ok(());
        }
        if self.audience.is_empty() {
            return Err(missing("auth.jwt.audience"));
        }
        if self.roles_claim.is_empty() {
            return Err(missing("auth.jwt.roles_claim"));
        }
        if self.algorithms.is_empty() {
            return Err(missing("auth.jwt.algorithms"));
        }
        if self.keys_max_age < self.refresh {
            return Err(invalid(
                "auth.jwt.keys_max_age_ms",
                "must be at least auth.jwt.refresh_ms",
            ));
        }
        self.url().map(|_| ())
    }

    /// Returns `jwks_url` after a check of its safety: anybody who can change the answer from this
    /// URL can forge tokens.
    pub fn url(&self) -> Result<Url, ConfigError> {
        const KEY: &str = "auth.jwt.jwks_url";
        if self.jwks_url.is_empty() {
            return Err(missing(KEY));
        }
        // The error does not repeat the URL, because the URL may hold a password.
        let url = Url::parse(&self.jwks_url).map_err(|_| invalid(KEY, "is not an absolute URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                KEY,
                "may not contain credentials: the keys of a JWKS are public",
            ));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_loopback(&url) => Ok(url),
            _ => Err(invalid(
                KEY,
                "must be https, unless its host is a loopback address",
            )),
        }
    }
}

/// Returns whether the URL's host is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    fn with(overrides: &[&str]) -> Result<Settings, String> {
        let on = [
            "auth.jwt.issuer=https://issuer.example",
            "auth.jwt.audience=tm",
            "auth.jwt.jwks_url=https://issuer.example/jwks",
        ];
        let all: Vec<String> = on
            .iter()
            .chain(overrides)
            .map(|pair| (*pair).to_owned())
            .collect();
        Settings::without_environment(&all).map_err(|error| error.to_string())
    }

    #[test]
    fn issuer_without_its_safety_settings_is_refused() {
        assert!(with(&[]).unwrap().auth.jwt.is_on());
        for (wrong, key) in [
            ("auth.jwt.audience=", "auth.jwt.audience"),
            ("auth.jwt.roles_claim=", "auth.jwt.roles_claim"),
            ("auth.jwt.jwks_url=", "auth.jwt.jwks_url"),
            (
                "auth.jwt.jwks_url=http://issuer.example/jwks",
                "auth.jwt.jwks_url",
            ),
            (
                "auth.jwt.jwks_url=http://127.0.0.1.example/jwks",
                "auth.jwt.jwks_url",
            ),
            ("auth.jwt.jwks_url=file:///etc/passwd", "auth.jwt.jwks_url"),
            (
                "auth.jwt.jwks_url=https://u:hunter2@issuer.example/jwks",
                "auth.jwt.jwks_url",
            ),
            ("auth.jwt.keys_max_age_ms=2000", "auth.jwt.keys_max_age_ms"),
            ("auth.jwt.algorithms=", "auth.jwt.algorithms"),
            ("auth.jwt.algorithms=RS256,HS256", "HS256"),
            ("auth.jwt.algorithms=none", "none"),
            ("auth.jwt.leeway_seconds=301", "auth.jwt.leeway_seconds"),
        ] {
            let message = with(&[wrong]).unwrap_err();
            assert!(
                message.contains(key) && !message.contains("hunter2"),
                "{wrong}: {message}"
            );
        }
        for right in [
            "http://127.0.0.1:1/jwks",
            "http://[::1]:1/jwks",
            "http://localhost:1/jwks",
        ] {
            assert!(
                with(&[&format!("auth.jwt.jwks_url={right}")]).is_ok(),
                "{right}"
            );
        }
    }

    #[test]
    fn jwt_settings_may_be_empty_without_an_issuer() {
        assert!(!Settings::without_environment(&[]).unwrap().auth.jwt.is_on());
    }
}
