//! The requests of a watcher, and what their answers mean to it. Everything that an answer has is
//! bounded.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{
    Client, RequestBuilder, Response, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::{Instant, timeout, timeout_at};
use traffic_manager_core::tag::VersionTag;
use url::Url;

use crate::{
    Report, Settings, StartError, Token,
    backoff::retry_after,
    connection::{chain, http_client, text, unzip},
    follow::signatures::Proof,
};

/// The header with the signatures of a snapshot.
const SIGNATURE: &str = "tm-signature";
/// The header with the confirmation of a removal.
const CONFIRMED: &str = "tm-confirmed";
/// The headers of a node.
const NODE: &str = "tm-node";
const DIALECT: &str = "tm-dialect";
const APPLIED: &str = "tm-applied";
const REFUSED: &str = "tm-refused";
const ERROR: &str = "tm-error";
const LAST_EVENT_ID: &str = "last-event-id";

/// What an answer means.
#[derive(Debug)]
pub enum Answer<T> {
    /// 200, with its content.
    Content(T),
    /// 304, with its tag and signature.
    Unchanged(Option<VersionTag>, Option<String>),
    /// 404
    Missing,
    /// 401 or 403. True if the token was an older one: it is worth trying once with a new one.
    Denied(bool),
    /// 422 to a request that had a tag.
    TagRefused,
    /// The body has too many bytes.
    TooLarge,
    /// Anything else, in words, with the time of `Retry-After`.
    Failed(String, Option<Duration>),
}

/// The body of a snapshot with what vouches for it.
#[derive(Debug)]
pub struct Body {
    pub json: Vec<u8>,
    signature: Option<String>,
    confirmation: Option<String>,
}

impl Body {
    /// What vouches for the body.
    pub fn proof(&self) -> Proof<'_> {
        Proof {
            signature: self.signature.as_deref(),
            confirmation: self.confirmation.as_deref(),
        }
    }
}

/// Connections to the servers, and the certificates that they are checked against. Watchers may share them.
#[derive(Debug, Clone)]
pub struct Connections(Client);

impl Connections {
    /// Connections for watchers with these servers, certificates and times.
    pub fn new(settings: &Settings) -> Result<Self, StartError> {
        let client = http_client(
            &settings.servers,
            settings.ca_pem.as_deref(),
            settings.times.connect,
            None,
        )?;
        Ok(Self(client))
    }
}

/// The client of one watcher.
pub struct Http {
    client: Client,
    /// The headers that say which node it is.
    identity: HeaderMap,
    settings: Settings,
    /// The place of the server in the list.
    at: usize,
    /// The token as a header, until the service refuses it.
    token: Option<HeaderValue>,
}

impl Http {
    pub fn new(settings: Settings) -> Result<Self, StartError> {
        let Connections(client) = match &settings.connections {
            Some(shared) => shared.clone(),
            None => Connections::new(&settings)?,
        };
        Ok(Self {
            client,
            identity: identity(&settings),
            settings,
            at: 0,
            token: None,
        })
    }

    /// The place of the server that is asked, in the list.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Turns to a server by its place in the list.
    pub fn turn_to(&mut self, at: usize) {
        self.at = at % self.settings.servers.len();
    }

    /// How many servers there are beside the one that is asked.
    pub fn others(&self) -> usize {
        self.settings.servers.len() - 1
    }

    /// Turns to the next server of the list.
    pub fn next_server(&mut self) {
        self.at = (self.at + 1) % self.settings.servers.len();
    }

    /// Asks for a snapshot newer than the tag; with `wait`, the service holds the request until
    /// there is one.
    pub async fn snapshot(&mut self, tag: Option<&VersionTag>, wait: bool) -> Answer<Body> {
        let times = &self.settings.times;
        let limit = if wait { times.poll } else { times.snapshot };
        let wait = wait.then_some(times.wait);
        let until = Instant::now() + limit;
        match timeout_at(until, self.get_snapshot(tag, wait)).await {
            Ok(answer) => answer,
            Err(_) => Answer::Failed(format!("no snapshot within {limit:?}"), None),
        }
    }

    async fn get_snapshot(
        &mut self,
        tag: Option<&VersionTag>,
        wait: Option<Duration>,
    ) -> Answer<Body> {
        let mut url = self.url("snapshot");
        if let Some(wait) = wait {
            let seconds = wait.as_secs().max(1);
            url.query_pairs_mut()
                .append_pair("wait", &format!("{seconds}s"));
        }
        let mut request = self.client.get(url).header(header::ACCEPT_ENCODING, "gzip");
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag.to_etag());
        }
        let held_for = wait.unwrap_or_default();
        let response = match self.send(request, held_for, tag.is_some()).await {
            Answer::Content(response) => response,
            other => return other.without_content(),
        };
        let signature = text(response.headers(), SIGNATURE);
        let confirmation = text(response.headers(), CONFIRMED);
        let is_gzip = text(response.headers(), header::CONTENT_ENCODING.as_str())
            .is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
        let raw = match self.collect(response).await {
            Answer::Content(raw) => raw,
            other => return other.without_content(),
        };
        let json = if is_gzip {
            match unzip(&raw, self.settings.max_bytes) {
                Ok(json) => json,
                Err(error) => return Answer::Failed(format!("gzip: {error}"), None),
            }
        } else {
            raw
        };
        if json.len() > self.settings.max_bytes {
            return Answer::TooLarge;
        }
        Answer::Content(Body {
            json,
            signature,
            confirmation,
        })
    }

    /// Opens the stream of the changes after a place.
    pub async fn stream(&mut self, after: Option<&VersionTag>) -> Answer<Response> {
        let mut request = self
            .client
            .get(self.url("stream"))
            .header(header::ACCEPT, "text/event-stream");
        if let Some(after) = after {
            request = request.header(LAST_EVENT_ID, after.to_string());
        }
        let answer = self.send(request, Duration::ZERO, after.is_some()).await;
        match answer {
            Answer::Content(response) if !is_event_stream(response.headers()) => {
                Answer::Failed("the stream has another content type".to_owned(), None)
            }
            other => other,
        }
    }

    /// Tells what a node has, with the tag that it holds. The request is a `HEAD`, so the answer has no body.
    pub async fn report(&mut self, tag: Option<&VersionTag>, report: &Report) -> Answer<()> {
        let mut request = self.client.head(self.url("snapshot"));
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag.to_etag());
        }
        if let Some(applied) = &report.applied {
            request = request.header(APPLIED, applied.to_string());
        }
        if let Some(fault) = &report.fault {
            request = request
                .header(REFUSED, fault.tag.to_string())
                .header(ERROR, fault.header());
        }
        match self.send(request, Duration::ZERO, tag.is_some()).await {
            Answer::Content(_) => Answer::Content(()),
            other => other.without_content(),
        }
    }

    fn url(&self, what: &str) -> Url {
        let mut url = self.settings.servers[self.at].clone();
        let tenant = self.settings.tenant.as_str();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(["api", "v1", "tenants", tenant, what]);
        }
        url.set_query(None);
        let scope = &self.settings.scope;
        let service = scope.service.as_ref().map(|name| name.as_str());
        let env = scope.env.as_ref().map(|name| name.as_str());
        for (name, value) in [("service", service), ("env", env)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        url
    }

    /// Sends a request, and waits for the head of its answer. `held_for` is the time that the
    /// service may hold it.
    async fn send(
        &mut self,
        mut request: RequestBuilder,
        held_for: Duration,
        has_tag: bool,
    ) -> Answer<Response> {
        request = request.headers(self.identity.clone());
        let was_asked_before = self.token.is_some();
        if let Some(token) = self.settings.token.clone() {
            match self.authorization(&token).await {
                Ok(value) => request = request.header(header::AUTHORIZATION, value),
                Err(why) => return Answer::Failed(why, None),
            }
        }
        let limit = self.settings.times.silence + held_for;
        let response = match timeout(limit, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Answer::Failed(chain(error), None),
            Err(_) => return Answer::Failed(format!("no answer within {limit:?}"), None),
        };
        let headers = response.headers();
        match response.status() {
            StatusCode::OK => Answer::Content(response),
            StatusCode::NOT_MODIFIED => Answer::Unchanged(etag(headers), text(headers, SIGNATURE)),
            StatusCode::NOT_FOUND => Answer::Missing,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.token = None;
                let may_change = self.settings.token.as_ref().is_some_and(Token::may_change);
                Answer::Denied(was_asked_before && may_change)
            }
            StatusCode::UNPROCESSABLE_ENTITY if has_tag => Answer::TagRefused,
            status => {
                let asked = text(headers, header::RETRY_AFTER.as_str())
                    .and_then(|text| retry_after(&text, Timestamp::now()));
                let asked = asked.map(|time| time.min(self.settings.times.longest_retry_after));
                Answer::Failed(format!("the service answered {status}"), asked)
            }
        }
    }

    async fn authorization(&mut self, token: &Token) -> Result<HeaderValue, String> {
        if let Some(value) = &self.token {
            return Ok(value.clone());
        }
        let limit = self.settings.times.silence;
        let text = match timeout(limit, token.get()).await {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => return Err(format!("no token: {error}")),
            Err(_) => return Err(format!("no token within {limit:?}")),
        };
        let mut value = HeaderValue::from_str(&format!("Bearer {text}"))
            .map_err(|_| "the token has characters that no header can have".to_owned())?;
        value.set_sensitive(true);
        self.token = Some(value.clone());
        Ok(value)
    }

    /// Collects the body of an answer.
    async fn collect(&self, mut response: Response) -> Answer<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match next_piece(&mut response, Instant::now() + self.settings.times.silence).await {
                Piece::Bytes(piece) if body.len() + piece.len() > self.settings.max_bytes => {
                    return Answer::TooLarge;
                }
                Piece::Bytes(piece) => body.extend_from_slice(&piece),
                Piece::End => return Answer::Content(body),
                Piece::Failed(why) => return Answer::Failed(why, None),
                Piece::Late => {
                    return Answer::Failed("the answer fell silent".to_owned(), None);
                }
            }
        }
    }
}

impl<T> Answer<T> {
    /// The same answer where another content is expected.
    fn without_content<U>(self) -> Answer<U> {
        match self {
            Self::Content(_) => Answer::Failed("an answer without its content".to_owned(), None),
            Self::Unchanged(tag, signature) => Answer::Unchanged(tag, signature),
            Self::Missing => Answer::Missing,
            Self::Denied(is_old) => Answer::Denied(is_old),
            Self::TagRefused => Answer::TagRefused,
            Self::TooLarge => Answer::TooLarge,
            Self::Failed(why, time) => Answer::Failed(why, time),
        }
    }
}

/// The headers that every request of a node has. What it applies is not among them: a stream's request may arrive after a
/// newer report.
fn identity(settings: &Settings) -> HeaderMap {
    let Some(node) = &settings.node else {
        return HeaderMap::new();
    };
    let labels = [(NODE, Some(node)), (DIALECT, settings.dialect.as_ref())];
    labels
        .into_iter()
        .filter_map(|(name, label)| {
            let value = HeaderValue::from_str(label?.as_str()).ok()?;
            Some((HeaderName::from_static(name), value))
        })
        .collect()
}

/// The next piece of a body.
#[derive(Debug)]
pub enum Piece {
    Bytes(Bytes),
    End,
    Failed(String),
    /// Nothing came in time.
    Late,
}

/// Waits for the next piece of a body.
pub async fn next_piece(response: &mut Response, until: Instant) -> Piece {
    match timeout_at(until, response.chunk()).await {
        Ok(Ok(Some(bytes))) => Piece::Bytes(bytes),
        Ok(Ok(None)) => Piece::End,
        Ok(Err(error)) => Piece::Failed(chain(error)),
        Err(_) => Piece::Late,
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    text(headers, header::CONTENT_TYPE.as_str())
        .is_some_and(|found| found.to_ascii_lowercase().starts_with("text/event-stream"))
}

/// Reads `ETag`. A compressed answer has a weak one.
fn etag(headers: &HeaderMap) -> Option<VersionTag> {
    let text = text(headers, header::ETAG.as_str())?;
    let tag = text.strip_prefix("W/").unwrap_or(&text);
    tag.trim_matches('"').parse().ok()
}
