//! The relay's own requests: to the control plane, or to the relay that it follows.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use reqwest::{
    Certificate, Client, RequestBuilder, StatusCode, Url,
    header::{AUTHORIZATION, HeaderValue},
    redirect::Policy,
};

use crate::{agent, config::Service};

/// The longest time of a request.
const LIMIT: Duration = Duration::from_secs(3);
/// The longest time until a connection is made.
const CONNECT: Duration = Duration::from_secs(2);
/// The most bytes of an answer.
const MOST: usize = 64 << 10;

/// Why there is no answer, for people.
#[derive(Debug, Clone)]
pub struct Away(pub String);

/// What a server has answered.
#[derive(Debug, Clone)]
pub struct Said {
    /// The status, which is not 429 and below 500.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

/// Whose key a request has.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// The relay's own.
    Own,
    /// That of a node; `None` if it sent none.
    Node(Option<&'a HeaderValue>),
}

/// The servers that the relay asks.
#[derive(Debug)]
pub struct Upstream {
    client: Client,
    service: Service,
    /// The place in the list of the server that answered last.
    at: AtomicUsize,
}

impl Upstream {
    /// Prepares requests to the servers of the configuration.
    pub fn new(service: &Service) -> anyhow::Result<Self> {
        let mut client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(LIMIT);
        if service.servers.iter().any(|url| url.scheme() == "http") {
            // Keys must not go unencrypted to a proxy that the environment names.
            client = client.no_proxy();
        }
        if let Some(pem) = agent::ca_pem(service)? {
            client = client.tls_certs_merge(Certificate::from_pem_bundle(&pem)?);
        }
        Ok(Self {
            client: client.build()?,
            service: service.clone(),
            at: AtomicUsize::new(0),
        })
    }

    /// Asks for a path below `/api/v1`.
    pub async fn get(&self, path: &[&str], key: Key<'_>) -> Result<Said, Away> {
        self.ask(path, key, |client, url| client.get(url)).await
    }

    /// Sends JSON to a path below `/api/v1`, with the relay's own key.
    pub async fn post(&self, path: &[&str], json: Bytes) -> Result<Said, Away> {
        let request = |client: &Client, url| {
            let request = client.post(url).header("content-type", "application/json");
            request.body(json.clone())
        };
        self.ask(path, Key::Own, request).await
    }

    /// Asks the server that answered last, and then each of the others once.
    async fn ask(
        &self,
        path: &[&str],
        key: Key<'_>,
        request: impl Fn(&Client, Url) -> RequestBuilder,
    ) -> Result<Said, Away> {
        let own = match key {
            Key::Own => self.own_key().map_err(|why| Away(format!("{why:#}")))?,
            Key::Node(key) => key.cloned(),
        };
        let first = self.at.load(Ordering::Relaxed);
        let servers = &self.service.servers;
        let mut failure = Away("no server".to_owned());
        for at in (0..servers.len()).map(|more| (first + more) % servers.len()) {
            let mut request = request(&self.client, url(&servers[at], path));
            if let Some(key) = &own {
                request = request.header(AUTHORIZATION, key);
            }
            match said(request).await {
                Ok(said) => {
                    self.at.store(at, Ordering::Relaxed);
                    return Ok(said);
                }
                Err(away) => failure = away,
            }
        }
        Err(failure)
    }

    fn own_key(&self) -> anyhow::Result<Option<HeaderValue>> {
        let Some(token) = agent::token_text(&self.service)? else {
            return Ok(None);
        };
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut value = value.context("the relay's key has characters that no header can have")?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

fn url(server: &Url, path: &[&str]) -> Url {
    let mut url = server.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["api", "v1"]).extend(path);
    }
    url.set_query(None);
    url
}

async fn said(request: RequestBuilder) -> Result<Said, Away> {
    let failed = |error: reqwest::Error| Away(error.without_url().to_string());
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Away(format!("the control plane answered {status}")));
    }
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if body.len() + piece.len() > MOST {
            return Err(Away(format!("an answer of more than {MOST} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(Said {
        status,
        body: body.freeze(),
    })
}
