//! Signing in at the identity provider: OpenID Connect, code flow with PKCE (RFC 6749 §4.1,
//! RFC 7636, OpenID Connect Core §3.1).
//!
//! ```text
//!  begin ─► browser ─► authorize_url ─► browser ─► /ui/callback ─► finish: code ─► token_url ─► access token, id token
//! ```
//!
//! The access token is a token of the API and is checked like one that a caller presents. The id
//! token only proves that the answer belongs to this sign-in: by its `nonce`, its audience, which is
//! this client, and its subject, which must be the access token's.

use std::sync::Arc;

use aws_lc_rs::{constant_time, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Client, StatusCode, Url, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    jwks::{self, FetchError},
    jwt::{Now, TokenRefusal, Verifier},
    sealer::CannotSeal,
};
use crate::{
    config::{self, ConfigError},
    domain::time::UtcTime,
    resilience::{CallError, Dependency},
};

/// The longest code that is exchanged, in bytes.
const MAX_CODE: usize = 4096;

/// A sign-in that has begun. The browser keeps it, sealed, until it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    state: String,
    nonce: String,
    verifier: String,
    /// The path of the page that the person goes to afterwards.
    pub back: String,
    /// When the sign-in is refused.
    pub until: UtcTime,
}

/// The reason why a sign-in fails.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The identity provider has no token for this code, or refuses this client.
    #[error("the identity provider refused the code")]
    Refused,
    /// The answer has no token, or one that does not belong to this sign-in.
    #[error("the identity provider's answer is not one to this sign-in: {0}")]
    NotOurs(&'static str),
    /// The identity provider cannot be asked now.
    #[error("the identity provider cannot be asked")]
    Unavailable(#[source] CallError<ExchangeError>),
}

/// The reason why an exchange has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// An answer that refuses the exchange.
    #[error("the identity provider answered with status {0}")]
    Refused(StatusCode),
    /// No answer, or one that cannot be read.
    #[error(transparent)]
    Failed(#[from] FetchError),
}

/// The answer of the token endpoint (RFC 6749 §5.1). Other members are ignored.
#[derive(Deserialize)]
struct Tokens {
    access_token: SecretString,
    id_token: SecretString,
}

/// A client of the identity provider that signs people in.
pub struct Provider {
    client: Client,
    settings: config::Oidc,
    issuer: String,
    authorize_url: Url,
    token_url: Url,
    max_response_bytes: usize,
    policy: Arc<Dependency>,
    verifier: Arc<Verifier>,
}

impl Provider {
    /// Creates the client, or `None` if no client id is set. `verifier` knows the issuer's keys.
    pub fn new(
        settings: &config::Oidc,
        jwt: &config::Jwt,
        policy: Arc<Dependency>,
        verifier: Arc<Verifier>,
    ) -> Result<Option<Self>, ConfigError> {
        if !settings.is_on() {
            return Ok(None);
        }
        let token_url = settings.token_url()?;
        Ok(Some(Self {
            client: jwks::client(&jwt.ca_file, &token_url, policy.timeout())?,
            settings: settings.clone(),
            issuer: jwt.issuer.clone(),
            authorize_url: settings.authorize_url()?,
            token_url,
            max_response_bytes: jwt.max_response_bytes,
            policy,
            verifier,
        }))
    }

    /// `auth.jwt.issuer`
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `ui.oidc.sign_in_seconds`
    pub fn sign_in_seconds(&self) -> u32 {
        u32::try_from(self.settings.sign_in.as_secs()).unwrap_or(u32::MAX)
    }

    /// Begins a sign-in after which the person goes to `back`. Returns it with the URL to which the
    /// browser is sent.
    pub fn begin(&self, back: String, now: UtcTime) -> Result<(SignIn, Url), CannotSeal> {
        let sign_in = SignIn {
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            back,
            until: super::session::after(now, self.settings.sign_in),
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(sign_in.verifier.as_bytes()));
        let mut url = self.authorize_url.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect_url)
            .append_pair("scope", &self.settings.scope)
            .append_pair("state", &sign_in.state)
            .append_pair("nonce", &sign_in.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok((sign_in, url))
    }

    /// Exchanges the code of a sign-in for an access token of the API. Also returns the subject that
    /// the access token must have.
    pub async fn finish(
        &self,
        sign_in: &SignIn,
        code: &str,
    ) -> Result<(SecretString, String), SignInError> {
        if code.is_empty() || code.len() > MAX_CODE {
            return Err(SignInError::NotOurs("no_code"));
        }
        // A refusal is a proper answer: it says nothing against the identity provider.
        let is_failure = |error: &ExchangeError| matches!(error, ExchangeError::Failed(_));
        let tokens = self
            .policy
            .call(is_failure, self.exchange(sign_in, code))
            .await
            .map_err(|error| match error {
                CallError::Failed(ExchangeError::Refused(status)) => {
                    tracing::warn!(%status, "the identity provider refused the code of a sign-in: see ui.oidc");
                    SignInError::Refused
                }
                error => SignInError::Unavailable(error),
            })?;
        let id_token = tokens.id_token.expose_secret();
        let subject = self
            .verifier
            .verify_id_token(
                id_token,
                &self.settings.client_id,
                &sign_in.nonce,
                Now::read(),
            )
            .await
            .map_err(|refused| match refused {
                TokenRefusal::NoKeys => {
                    SignInError::Unavailable(CallError::Failed(FetchError::NoKeys.into()))
                }
                refused => SignInError::NotOurs(refused.as_str()),
            })?;
        Ok((tokens.access_token, subject))
    }

    async fn exchange(&self, sign_in: &SignIn, code: &str) -> Result<Tokens, ExchangeError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.settings.redirect_url)
            .append_pair("code_verifier", &sign_in.verifier);
        let secret = self.settings.client_secret.expose_secret();
        let request = self
            .client
            .post(self.token_url.clone())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = if secret.is_empty() {
            form.append_pair("client_id", &self.settings.client_id);
            request
        } else {
            // RFC 6749 §2.3.1: both are encoded as in a form first.
            request.basic_auth(encoded(&self.settings.client_id), Some(encoded(secret)))
        };
        let response = request
            .body(form.finish())
            .send()
            .await
            .map_err(FetchError::from)?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_client_error() => return Err(ExchangeError::Refused(status)),
            status => return Err(FetchError::Refused(status).into()),
        }
        let body = jwks::bounded(response, self.max_response_bytes).await?;
        // The error is not kept: it may repeat a part of a token.
        serde_json::from_slice(&body).map_err(|_| FetchError::NoTokens.into())
    }
}

impl SignIn {
    /// Returns whether the browser came back with the state of this sign-in. Compares in constant
    /// time.
    pub fn has_state(&self, state: &str) -> bool {
        constant_time::verify_slices_are_equal(self.state.as_bytes(), state.as_bytes()).is_ok()
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Returns 256 random bits as 43 characters.
fn random() -> Result<String, CannotSeal> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| CannotSeal)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
