//! Signing in at an OIDC issuer, as a program without a secret of its own (a public client): in a browser of
//! this machine (RFC 8252, with PKCE), or with a code that is typed in at another one (RFC 8628).

mod browser;
mod device;

use std::{path::Path, time::Duration};

use reqwest::{Certificate, Client, Response, redirect::Policy};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::{Host, Url, form_urlencoded};

use crate::failure::Failure;

/// The longest time of a request.
const REQUEST: Duration = Duration::from_secs(30);

/// The longest time that a person has to sign in.
const PERSON: Duration = Duration::from_secs(600);

/// The most bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;

/// The way to an issuer, as a context has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The issuer's URL, below which its configuration is.
    pub issuer: String,
    /// The name under which the issuer knows this program.
    pub client_id: String,
    /// The scopes to ask for.
    pub scope: String,
}

/// The scopes that are asked for by default.
pub const SCOPE: &str = "openid";

/// A token of the issuer.
#[derive(Debug, Deserialize)]
pub struct SignedIn {
    pub access_token: String,
    /// The seconds for which the token is good.
    pub expires_in: Option<u64>,
}

/// What an issuer says of itself (discovery, RFC 8414).
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    device_authorization_endpoint: Option<String>,
}

/// An error of an issuer (RFC 6749, section 5.2).
#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// An issuer that was asked for its configuration.
struct Issuer<'a> {
    http: Client,
    oidc: &'a Oidc,
    /// The issuer's own name.
    name: String,
    /// The page at which people sign in.
    page: Option<Url>,
    tokens: Url,
    /// The endpoint that gives codes to type in.
    codes: Option<Url>,
}

/// Signs in with a code that is typed in, at this machine or at another one.
pub async fn with_code(oidc: &Oidc, ca: Option<&Path>) -> Result<SignedIn, Failure> {
    device::sign_in(&Issuer::find(oidc, ca).await?).await
}

/// Signs in with a browser of this machine.
pub async fn with_browser(oidc: &Oidc, ca: Option<&Path>) -> Result<SignedIn, Failure> {
    browser::sign_in(&Issuer::find(oidc, ca).await?).await
}

impl<'a> Issuer<'a> {
    async fn find(oidc: &'a Oidc, ca: Option<&Path>) -> Result<Self, Failure> {
        let http = http(ca)?;
        let issuer = oidc.issuer.trim_end_matches('/');
        let url = endpoint(&format!("{issuer}/.well-known/openid-configuration"))?;
        let answer = http.get(url).send().await.map_err(|error| away(&error))?;
        let metadata: Metadata = read(answer).await?;
        if metadata.issuer.trim_end_matches('/') != issuer {
            // Otherwise tokens of one issuer could be sent to the endpoints of another one.
            let text = format!(
                "the issuer calls itself {:?}, not {issuer:?}",
                metadata.issuer
            );
            return Err(Failure::signed_out(text));
        }
        let if_there = |url: Option<String>| url.map(|url| endpoint(&url)).transpose();
        Ok(Self {
            http,
            oidc,
            name: metadata.issuer,
            page: if_there(metadata.authorization_endpoint)?,
            tokens: endpoint(&metadata.token_endpoint)?,
            codes: if_there(metadata.device_authorization_endpoint)?,
        })
    }

    /// Sends a form to an endpoint of the issuer.
    async fn post(&self, url: &Url, form: &[(&str, &str)]) -> Result<Response, Failure> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.oidc.client_id)
            .extend_pairs(form)
            .finish();
        let request = self.http.post(url.clone());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("accept", "application/json");
        request
            .body(body)
            .send()
            .await
            .map_err(|error| away(&error))
    }

    /// Exchanges a grant for a token. What the issuer refuses comes back as its own error.
    async fn token(&self, form: &[(&str, &str)]) -> Result<Result<SignedIn, Refusal>, Failure> {
        let answer = self.post(&self.tokens, form).await?;
        if answer.status().is_client_error() {
            return Ok(Err(json(answer).await?));
        }
        read(answer).await.map(Ok)
    }
}

impl Refusal {
    fn failure(self) -> Failure {
        let text = self.error_description.unwrap_or_else(|| self.error.clone());
        Failure::signed_out(format!("the issuer refuses: {text}"))
    }
}

/// Reads the URL of an endpoint. Secrets go to this machine, or encrypted to another one.
fn endpoint(text: &str) -> Result<Url, Failure> {
    let wrong = |error| Failure::usage(format!("the issuer's URL {text:?}: {error}"));
    let url: Url = text.parse().map_err(wrong)?;
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback) {
        return Ok(url);
    }
    Err(Failure::usage(format!(
        "the issuer's URL {url} is not https"
    )))
}

fn http(ca: Option<&Path>) -> Result<Client, Failure> {
    let mut builder = Client::builder()
        .user_agent(concat!("tmctl/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .timeout(REQUEST);
    if let Some(path) = ca {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::usage(format!("cannot read {}: {error}", path.display()))
        };
        let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
        let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))?;
        builder = builder.tls_certs_merge(authorities);
    }
    builder
        .build()
        .map_err(|error| Failure::usage(format!("no HTTP client: {error}")))
}

/// Reads an answer that must be a success.
async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, Failure> {
    let status = answer.status();
    if !status.is_success() {
        let refusal: Result<Refusal, _> = json(answer).await;
        return Err(match refusal {
            Ok(refusal) => refusal.failure(),
            Err(_) => Failure::signed_out(format!("the issuer answers {status}")),
        });
    }
    json(answer).await
}

async fn json<T: DeserializeOwned>(mut answer: Response) -> Result<T, Failure> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| away(&error))? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_ANSWER {
            let text = format!("the issuer's answer has more than {MAX_ANSWER} bytes");
            return Err(Failure::signed_out(text));
        }
    }
    serde_json::from_slice(&body).map_err(|error| {
        Failure::signed_out(format!(
            "the issuer's answer is not as it should be: {error}"
        ))
    })
}

fn away(error: &reqwest::Error) -> Failure {
    Failure::unreachable(format!("the issuer does not answer: {error}"))
}
