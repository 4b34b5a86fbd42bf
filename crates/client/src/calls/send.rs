//! Sends a request until there is an answer that counts.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::Timestamp;
use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{self, HeaderMap, HeaderValue},
};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use traffic_manager_api_types::Code;
use uuid::Uuid;

use super::{
    Client, Effect, Error, Problem, Tag,
    answer::{Answer, AnswerContent, Open},
    request::{MinRevision, Request},
    retry,
};
use crate::{
    backoff::{Backoff, retry_after},
    connection::{chain, text, unzip},
    token::Token,
};

/// The characters of a foreign answer that an error shows.
const BEGINNING: usize = 200;

/// The most bytes of an error's body.
const MAX_ERROR_BYTES: usize = 16 << 20;

impl Client {
    /// Sends a request, again where that is safe and may help, and returns an answer of the status
    /// 2xx or 304.
    pub(super) async fn send(&self, request: &Request, is_stream: bool) -> Result<Answer, Error> {
        let shared = &self.0;
        let times = &shared.settings.times;
        let headers = self.headers(request)?;
        let deadline = Instant::now() + request.timeout.unwrap_or(times.call) + request.held_for;
        let mut backoff = Backoff::new(times.first_retry, times.last_retry);
        shared.budget.earn();
        for number in 1.. {
            let sent = self.try_with_token(request, &headers, is_stream, deadline);
            let error = match sent.await {
                Ok(answer) => {
                    self.note(request, &answer);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let asked = error.problem().and_then(|problem| problem.retry_after);
            let pause = retry::pause(asked, &mut backoff, fastrand::f64());
            let is_last = number >= times.tries
                || !retry::may_repeat(request.operation.effect, &error)
                || Instant::now() + pause.min(times.call) >= deadline
                || !shared.budget.spend();
            if is_last {
                self.note_error(request, &error);
                return Err(error);
            }
            shared.turns.fetch_add(1, Ordering::Relaxed);
            sleep(pause).await;
        }
        Err(Error::Request("no try is allowed".to_owned()))
    }

    /// Returns the headers that all tries have; a write has the same key each time.
    fn headers(&self, request: &Request) -> Result<HeaderMap, Error> {
        let mut complete = request.clone();
        let operation = request.operation;
        if operation.effect == Effect::ReadTenant
            && let Some(tag) = self.min_revision(request)
        {
            complete.set_header("tm-min-revision", &tag)?;
        }
        let given = request.idempotency_key.clone();
        let made = (operation.effect == Effect::Write).then(|| Uuid::new_v4().to_string());
        if let Some(key) = given.or(made) {
            complete.set_header("idempotency-key", &key)?;
        }
        if let Some((_, content_type)) = &request.body {
            complete.set_header("content-type", content_type)?;
        }
        Ok(complete.headers)
    }

    fn min_revision(&self, request: &Request) -> Option<String> {
        match &request.min_revision {
            MinRevision::At(tag) => Some(tag.to_string()),
            MinRevision::OwnWrites if self.0.settings.read_your_writes => {
                let tag = self.0.memory.newest(request.tenant.as_deref()?)?;
                Some(tag.to_string())
            }
            MinRevision::OwnWrites | MinRevision::Any => None,
        }
    }

    /// Remembers the tag of a write.
    fn note(&self, request: &Request, answer: &Answer) {
        if request.operation.is_read() {
            return;
        }
        let Some(tenant) = &request.tenant else {
            return;
        };
        if request.operation.name == "delete_tenant" {
            self.0.memory.forget(tenant);
        } else if let Some(tag) = answer.tag() {
            self.0.memory.note(tenant, &tag);
        }
    }

    /// Forgets the tag that a read asked for on its own account and never saw: the tenant may have
    /// another epoch by now, which would never reach the tag.
    fn note_error(&self, request: &Request, error: &Error) {
        let is_unreached = |problem: &Problem| problem.is(Code::RevisionNotReached);
        if request.min_revision == MinRevision::OwnWrites
            && error.problem().is_some_and(is_unreached)
            && let Some(tenant) = &request.tenant
        {
            self.0.memory.forget(tenant);
        }
    }

    /// Sends a request once; once more with a new token if the service refuses the token and a
    /// function can give another one.
    async fn try_with_token(
        &self,
        request: &Request,
        headers: &HeaderMap,
        is_stream: bool,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let Some(token) = &self.0.settings.token else {
            return self
                .attempt(request, headers, None, is_stream, deadline)
                .await;
        };
        let value = self.authorization(token, None).await?;
        let first = self.attempt(request, headers, Some(&value), is_stream, deadline);
        match first.await {
            Err(error) if error.status() == Some(401) && token.may_change() => {
                let value = self.authorization(token, Some(&value)).await?;
                let second = self.attempt(request, headers, Some(&value), is_stream, deadline);
                second.await
            }
            outcome => outcome,
        }
    }

    /// Returns the token as a header: the one that is kept, unless it is the refused one.
    async fn authorization(
        &self,
        token: &Token,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Error> {
        let mut kept = self.0.token.lock().await;
        if let Some(value) = kept.as_ref().filter(|value| Some(*value) != refused) {
            return Ok(value.clone());
        }
        let limit = self.0.settings.times.answer;
        let text = match timeout(limit, token.get()).await {
            Ok(text) => text.map_err(Error::Token)?,
            Err(_) => return Err(Error::Token(format!("none within {limit:?}").into())),
        };
        let mut value = HeaderValue::from_str(&format!("Bearer {text}"))
            .map_err(|_| Error::Token("the token has characters that no header can have".into()))?;
        value.set_sensitive(true);
        *kept = Some(value.clone());
        Ok(value)
    }

    async fn attempt(
        &self,
        request: &Request,
        headers: &HeaderMap,
        token: Option<&HeaderValue>,
        is_stream: bool,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let limit = self.0.settings.times.answer + request.held_for;
        let until = deadline.min(Instant::now() + limit);
        let sent = self.prepare(request, headers, token, is_stream).send();
        let response = match timeout_at(until, sent).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Error::NoAnswer(chain(error))),
            Err(_) => return Err(Error::NoAnswer("none came in time".to_owned())),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let is_good = status.is_success() || status == StatusCode::NOT_MODIFIED;
        let silence = self.0.settings.times.silence;
        let max_bytes = self.0.settings.max_bytes;
        if !is_good {
            let body = collect(response, MAX_ERROR_BYTES, silence, deadline).await;
            return Err(refusal(status, &headers, &body.unwrap_or_default()));
        }
        let content = if is_stream {
            AnswerContent::Open(Open {
                response,
                silence,
                max_bytes,
            })
        } else {
            AnswerContent::Whole(collect(response, max_bytes, silence, deadline).await?)
        };
        Ok(Answer {
            status: status.as_u16(),
            headers,
            content,
        })
    }

    fn prepare(
        &self,
        request: &Request,
        headers: &HeaderMap,
        token: Option<&HeaderValue>,
        is_stream: bool,
    ) -> RequestBuilder {
        let servers = &self.0.settings.servers;
        let server = &servers[self.0.turns.load(Ordering::Relaxed) % servers.len()];
        let method = request.operation.method.clone();
        let mut builder = self.0.http.request(method, request.url(server));
        builder = builder.headers(headers.clone());
        if let Some(token) = token {
            builder = builder.header(header::AUTHORIZATION, token.clone());
        }
        if !is_stream {
            builder = builder.header(header::ACCEPT_ENCODING, "gzip");
        }
        if let Some((body, _)) = &request.body {
            builder = builder.body(body.clone());
        }
        builder
    }
}

/// Collects the body of an answer, and unpacks it.
async fn collect(
    mut response: Response,
    max_bytes: usize,
    silence: Duration,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let coding = text(response.headers(), header::CONTENT_ENCODING.as_str());
    let too_large = || Error::Content(format!("it has more than {max_bytes} bytes"));
    let mut body = Vec::new();
    loop {
        let until = deadline.min(Instant::now() + silence);
        match timeout_at(until, response.chunk()).await {
            Ok(Ok(Some(piece))) if body.len() + piece.len() > max_bytes => {
                return Err(too_large());
            }
            Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return Err(Error::NoAnswer(chain(error))),
            Err(_) => return Err(Error::NoAnswer("it broke off".to_owned())),
        }
    }
    if coding.is_some_and(|coding| coding.eq_ignore_ascii_case("gzip")) {
        body = unzip(&body, max_bytes).map_err(|error| Error::Content(format!("gzip: {error}")))?;
    }
    if body.len() > max_bytes {
        Err(too_large())
    } else {
        Ok(body)
    }
}

/// Reads an answer that is neither 2xx nor 304.
fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let kind = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let is_problem = kind.starts_with("application/problem+json");
    let Some(mut problem) = is_problem.then(|| Problem::read(body)).flatten() else {
        let text = String::from_utf8_lossy(body);
        return Error::Status {
            status: status.as_u16(),
            beginning: text.chars().take(BEGINNING).collect(),
        };
    };
    problem.status = status.as_u16();
    problem.retry_after = text(headers, header::RETRY_AFTER.as_str())
        .and_then(|text| retry_after(&text, Timestamp::now()));
    problem.tag = text(headers, header::ETAG.as_str()).map(|text| Tag::new(&text));
    Error::Problem(Box::new(problem))
}
