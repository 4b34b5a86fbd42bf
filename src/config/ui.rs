//! `[ui]`: the web page, its sessions, and signing in at an identity provider.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;
use validator::Validate;

use super::{
    ConfigError, Jwt, auth::is_loopback, duration::Seconds, invalid, missing, sections::section,
};

/// The shortest session key, in bytes.
const MIN_KEY: usize = 32;

/// The most session keys.
const MOST_KEYS: usize = 2;

/// The path of the redirect URL, where the identity provider sends a person back.
pub const CALLBACK: &str = "/ui/callback";

section! {
    /// `[ui]`
    Ui {
        enabled: bool,
        session_keys: Vec<SecretString>,
        #[serde(rename = "session_idle_seconds")] #[serde_as(as = "Seconds<1, 86_400>")] session_idle: Duration,
        #[serde(rename = "session_lifetime_seconds")] #[serde_as(as = "Seconds<1, 86_400>")] session_lifetime: Duration,
        #[validate(nested)] oidc: Oidc,
    }
}

section! {
    /// `[ui.oidc]`
    Oidc {
        client_id: String,
        client_secret: SecretString,
        authorize_url: String,
        token_url: String,
        redirect_url: String,
        scope: String,
        #[serde(rename = "sign_in_seconds")] #[serde_as(as = "Seconds<30, 3600>")] sign_in: Duration,
    }
}

impl Ui {
    /// Checks the rules between the keys of this section and the issuer's.
    pub(super) fn check(&self, jwt: &Jwt) -> Result<(), ConfigError> {
        if self.session_keys.len() > MOST_KEYS {
            return Err(invalid(
                "ui.session_keys",
                "must be 2 keys at most: the new and the old one of a rotation",
            ));
        }
        let is_short = |key: &SecretString| key.expose_secret().len() < MIN_KEY;
        if self.session_keys.iter().any(is_short) {
            return Err(invalid(
                "ui.session_keys",
                "must have at least 32 bytes each",
            ));
        }
        if self.session_idle > self.session_lifetime {
            return Err(invalid(
                "ui.session_idle_seconds",
                "may be at most ui.session_lifetime_seconds",
            ));
        }
        if !self.oidc.is_on() {
            return Ok(());
        }
        if !jwt.is_on() {
            return Err(invalid(
                "ui.oidc.client_id",
                "needs auth.jwt.issuer: a person signs in with a token of that issuer",
            ));
        }
        self.oidc.check()
    }
}

impl Oidc {
    /// Returns whether people may sign in at the identity provider: a client id is set.
    pub fn is_on(&self) -> bool {
        !self.client_id.is_empty()
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.authorize_url()?;
        self.token_url()?;
        let redirect = self.redirect_url()?;
        if redirect.path() != CALLBACK || redirect.query().is_some() {
            return Err(invalid(
                "ui.oidc.redirect_url",
                "must be this service's address with the path /ui/callback and no query",
            ));
        }
        if !self
            .scope
            .split_ascii_whitespace()
            .any(|scope| scope == "openid")
        {
            return Err(invalid("ui.oidc.scope", "must contain openid"));
        }
        Ok(())
    }

    /// Returns the URL to which the browser is sent to sign in.
    pub fn authorize_url(&self) -> Result<Url, ConfigError> {
        safe("ui.oidc.authorize_url", &self.authorize_url)
    }

    /// Returns the URL at which the service exchanges a code for tokens.
    pub fn token_url(&self) -> Result<Url, ConfigError> {
        safe("ui.oidc.token_url", &self.token_url)
    }

    /// Returns the URL to which the identity provider sends the browser back.
    pub fn redirect_url(&self) -> Result<Url, ConfigError> {
        safe("ui.oidc.redirect_url", &self.redirect_url)
    }
}

/// Parses a URL that codes, tokens or the client's secret go through. The error does not repeat the
/// URL, because it may hold a password.
fn safe(key: &str, raw: &str) -> Result<Url, ConfigError> {
    if raw.is_empty() {
        return Err(missing(key));
    }
    let url = Url::parse(raw).map_err(|_| invalid(key, "is not an absolute URL"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(invalid(key, "may not contain credentials or a fragment"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(invalid(
            key,
            "must be https, unless its host is a loopback address",
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    const ISSUER: [&str; 3] = [
        "auth.jwt.issuer=https://issuer.example",
        "auth.jwt.audience=tm",
        "auth.jwt.jwks_url=https://issuer.example/jwks",
    ];
    const OIDC: [&str; 4] = [
        "ui.oidc.client_id=page",
        "ui.oidc.authorize_url=https://issuer.example/authorize?audience=tm",
        "ui.oidc.token_url=https://issuer.example/token",
        "ui.oidc.redirect_url=https://console.example/ui/callback",
    ];

    fn with(parts: &[&[&str]]) -> Result<Settings, String> {
        let all: Vec<String> = parts.concat().iter().map(ToString::to_string).collect();
        Settings::without_environment(&all).map_err(|error| error.to_string())
    }

    #[test]
    fn sign_in_settings_are_complete_and_safe() {
        assert!(with(&[&ISSUER, &OIDC]).is_ok());
        for (wrong, key) in [
            ("ui.oidc.authorize_url=", "ui.oidc.authorize_url"),
            (
                "ui.oidc.authorize_url=http://issuer.example/a",
                "ui.oidc.authorize_url",
            ),
            (
                "ui.oidc.token_url=https://u:hunter2@issuer.example/t",
                "ui.oidc.token_url",
            ),
            (
                "ui.oidc.token_url=ftp://issuer.example/t",
                "ui.oidc.token_url",
            ),
            (
                "ui.oidc.redirect_url=https://console.example/",
                "ui.oidc.redirect_url",
            ),
            ("ui.oidc.redirect_url=/ui/callback", "ui.oidc.redirect_url"),
            ("ui.oidc.scope=profile", "ui.oidc.scope"),
            ("ui.oidc.sign_in_seconds=5", "ui.oidc.sign_in_seconds"),
        ] {
            let message = with(&[&ISSUER, &OIDC, &[wrong]]).unwrap_err();
            assert!(
                message.contains(key) && !message.contains("hunter2"),
                "{wrong}: {message}"
            );
        }
        let message = with(&[&OIDC]).unwrap_err();
        assert!(message.contains("auth.jwt.issuer"), "{message}");
    }

    #[test]
    fn session_settings_are_bounded() {
        let long = "k".repeat(32);
        let keys = |count: usize| {
            let keys = vec![long.clone(); count].join(",");
            with(&[&[&format!("ui.session_keys={keys}")]])
        };
        assert_eq!(keys(2).unwrap().ui.session_keys.len(), 2);
        assert!(keys(3).unwrap_err().contains("ui.session_keys"));
        for wrong in [
            "ui.session_keys=short",
            "ui.session_idle_seconds=0",
            "ui.session_idle_seconds=28801",
            "ui.session_lifetime_seconds=86401",
        ] {
            let message = with(&[&[wrong]]).unwrap_err();
            let key = wrong.split_once('=').unwrap().0;
            assert!(message.contains(key), "{wrong}: {message}");
        }
    }
}
