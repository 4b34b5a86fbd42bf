//! Polls that may wait, and their answers.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
};
use bytes::Bytes;
use traffic_manager_dataplane::Body;

use super::{
    deadline::{LONGEST_WAIT, within},
    etag::set_coded_tag,
    headers::{CONFIRMED, PREFERENCE_APPLIED, SIGNATURE, preference},
    permission::Poller,
    problem::{Code, Problem},
    respond,
    state::ApiState,
};
use crate::{
    coding::Coding,
    domain::{Invalid, tag::VersionTag},
    service::{
        Error,
        read::polls::{Polled, Polls, Signed},
    },
};

/// The long-poll wait that a client asks for: `?wait=30s` (RFC 9110 has no such parameter; Consul's
/// spelling), or `Prefer: wait=30` (RFC 7240 §4.3).
#[derive(Debug, Clone, Copy)]
pub enum Wait {
    /// The answer comes at once.
    No,
    /// `?wait=`.
    Asked(Duration),
    /// `Prefer: wait=`, in seconds.
    Preferred(u64),
}

impl Wait {
    /// Reads the wait from the parameter, or from the header.
    pub fn of(request: &HttpRequest, parameter: Option<&str>) -> Result<Self, Problem> {
        if let Some(raw) = parameter {
            let asked = duration(raw).map(Self::Asked);
            return asked.map_err(|invalid| Problem::field("?wait", invalid));
        }
        // A value that is not a number is a preference that the service does not understand, and is
        // ignored.
        let digits = preference(request.headers(), "wait")
            .filter(|value| value.bytes().all(|b| b.is_ascii_digit()));
        let longest = LONGEST_WAIT.as_secs();
        Ok(match digits.as_deref() {
            None | Some("") => Self::No,
            Some(digits) => Self::Preferred(
                digits
                    .parse()
                    .map_or(longest, |seconds: u64| seconds.min(longest)),
            ),
        })
    }

    /// Returns how long the answer may be held.
    pub fn time(self) -> Option<Duration> {
        match self {
            Self::No => None,
            Self::Asked(wait) => Some(wait),
            Self::Preferred(seconds) => Some(Duration::from_secs(seconds)),
        }
        .map(|wait| wait.min(LONGEST_WAIT))
    }

    /// Waits for the answer until the deadline. If the caller's credentials end during a long-poll,
    /// the wait ends with 401.
    pub async fn as_long_as_good<T>(
        self,
        state: &ApiState,
        caller: &Poller,
        limit: Duration,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Problem> {
        let Some(wait) = self.time() else {
            return within(limit, answer).await;
        };
        let ended = || {
            Problem::new(
                Code::Unauthenticated,
                "the credentials are not valid, or no longer valid",
            )
        };
        Box::pin(
            state
                .callers
                .while_good(caller, within(limit + wait, answer)),
        )
        .await
        .ok_or_else(ended)?
    }

    /// Tells the client that its preference was applied.
    pub fn confirm(self, response: &mut HttpResponse) {
        if let Self::Preferred(seconds) = self
            && let Ok(value) = HeaderValue::from_str(&format!("wait={seconds}"))
        {
            response.headers_mut().insert(PREFERENCE_APPLIED, value);
        }
    }
}

/// Reads a time: seconds, such as `30` or `30s`, or milliseconds, such as `500ms`.
pub fn duration(raw: &str) -> Result<Duration, Invalid> {
    let wrong = || {
        Invalid::new(
            "not_a_wait",
            "must be seconds, such as 30 or 30s, or milliseconds, such as 500ms",
        )
    };
    let (number, unit) = match raw.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (raw.strip_suffix('s').unwrap_or(raw), 1000),
    };
    let digits = number.len() <= 9 && number.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
    Ok(Duration::from_millis(number * unit))
}

/// Returns the answer to a poll: 200 with a body in this coding, or 304.
pub fn polled(polls: &Polls, polled: Polled, coding: Coding) -> HttpResponse {
    let (tag, response) = match polled {
        Polled::Same(tag) => (tag, HttpResponse::NotModified().finish()),
        Polled::Now(tag, body) => (tag, coded(body, coding)),
    };
    tagged(polls, response, &tag, coding)
}

/// Adds the headers of a poll's answer.
pub fn tagged(
    polls: &Polls,
    mut response: HttpResponse,
    tag: &VersionTag,
    coding: Coding,
) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept-encoding, prefer"),
    );
    set_coded_tag(&mut response, tag, coding);
    respond::with_age(polls, response)
}

/// Adds the signatures of a snapshot and the signed confirmation of a removal, if there are any.
pub fn sign(response: &mut HttpResponse, signed: Option<&Signed>) {
    let Some(signed) = signed else { return };
    let texts = [
        (SIGNATURE, Some(signed.signatures.as_str())),
        (CONFIRMED, signed.confirmed.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// Returns 200 with a body that has this coding already.
pub fn coded(body: Bytes, coding: Coding) -> HttpResponse {
    with_coding(respond::json_bytes(body), coding)
}

/// Returns 200 with a body of several blocks that has this coding already.
pub fn coded_blocks(body: Body, coding: Coding) -> HttpResponse {
    with_coding(respond::json_body(body), coding)
}

fn with_coding(mut response: HttpResponse, coding: Coding) -> HttpResponse {
    if let Some(name) = coding.name() {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}
