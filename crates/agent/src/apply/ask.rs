//! Questions to the proxy's own interface.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect::Policy};

/// The longest time of a question. Caddy reads its whole configuration in it.
const LIMIT: Duration = Duration::from_secs(20);

/// The most bytes of an answer that are read.
const MAX_BYTES: usize = 64 << 10;

/// A client of the proxy's own interface.
#[derive(Debug)]
pub struct Http {
    client: Client,
    base: String,
}

/// An answer, whose text is cut off at a limit.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// The header `x-tm-revision`.
    pub revision: Option<String>,
    pub text: String,
}

impl Http {
    pub fn new(admin: SocketAddr) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(LIMIT);
        Ok(Self {
            client: client.build()?,
            base: format!("http://{admin}"),
        })
    }

    /// Asks for a path. An error is the reason in words.
    pub async fn get(&self, path: &str) -> Result<Answer, String> {
        read(self.client.get(format!("{}{path}", self.base))).await
    }

    /// Sends a document.
    pub async fn post(&self, path: &str, json: bytes::Bytes) -> Result<Answer, String> {
        let request = self.client.post(format!("{}{path}", self.base));
        read(
            request
                .header("content-type", "application/json")
                .body(json),
        )
        .await
    }
}

async fn read(request: RequestBuilder) -> Result<Answer, String> {
    let response = request.send().await.map_err(words)?;
    let status = response.status();
    let revision = response.headers().get("x-tm-revision");
    let revision = revision.and_then(|value| Some(value.to_str().ok()?.to_owned()));
    let text = text(response).await.map_err(words)?;
    Ok(Answer {
        status,
        revision,
        text,
    })
}

async fn text(mut response: Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_BYTES {
            bytes.truncate(MAX_BYTES);
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns an error with its causes, without the URL.
fn words(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::new(error.without_url()))
}
