//! Answers and their headers.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap,
        HeaderName, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
    },
};
use traffic_manager_core::tag::VersionTag;

use super::stream::Events;
use crate::{http::problem::Problem, relay::edition::Edition};

const SIGNATURE: HeaderName = HeaderName::from_static("tm-signature");
const CONFIRMED: HeaderName = HeaderName::from_static("tm-confirmed");
const STALE: HeaderName = HeaderName::from_static("tm-stale");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A body below this size is not packed.
const WORTH_IT: usize = 1024;

/// An answer.
pub type Reply = Response<ReplyBody>;

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// A text.
    Full(Full<Bytes>),
    /// A stream of events.
    Events(Events),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Full(full) => Pin::new(full).poll_frame(context),
            Self::Events(events) => {
                let next = events.poll_next(context);
                next.map(|text| text.map(|text| Ok(Frame::data(text))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(full) => full.is_end_stream(),
            Self::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(full) => full.size_hint(),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

/// Whether a caller takes gzip.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).into_iter();
    let items = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let is_gzip = |item: &str| {
        let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=").map(str::parse::<f64>);
        let is_wanted = !matches!(weight, Some(Ok(weight)) if weight <= 0.0);
        is_wanted && coding.trim().eq_ignore_ascii_case("gzip")
    };
    items.into_iter().any(is_gzip)
}

/// 200 with a text of a type.
pub fn content(kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(ReplyBody::Full(Full::new(body.into())));
    let kind = HeaderValue::from_static(kind);
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(ReplyBody::Full(Full::default()));
    *reply.status_mut() = status;
    reply
}

/// The answer with a problem. Those that may be over soon say when to come again: not all at once.
pub fn refusal(problem: Problem) -> Reply {
    let status = problem.code.status();
    let mut reply = content("application/problem+json", problem.json());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            headers.insert(RETRY_AFTER, HeaderValue::from(fastrand::u32(1..=5)));
        }
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    reply
}

/// What the answer to a poll says beside its body.
#[derive(Debug)]
pub struct Tagged<'a> {
    /// The tag.
    pub tag: &'a VersionTag,
    /// Whether the caller takes gzip.
    pub takes_gzip: bool,
    /// The age, if the control plane does not confirm the state now.
    pub stale_seconds: Option<u64>,
    /// The value of `Preference-Applied`.
    pub preference: Option<HeaderValue>,
}

impl Tagged<'_> {
    /// 304.
    pub fn unchanged(self) -> Reply {
        let is_weak = self.takes_gzip;
        self.finish(empty(StatusCode::NOT_MODIFIED), is_weak)
    }

    /// Whether a body is packed for this caller.
    pub fn packs(&self, body: &Bytes) -> bool {
        self.takes_gzip && body.len() >= WORTH_IT
    }

    /// 200 with a body. `packed` makes the body in gzip. The body of a snapshot comes with what the control plane
    /// signed of its state.
    pub fn now(
        self,
        body: Bytes,
        packed: impl FnOnce() -> Bytes,
        signed: Option<&Edition>,
    ) -> Reply {
        let is_packed = self.packs(&body);
        let body = if is_packed { packed() } else { body };
        let mut reply = content("application/json", body);
        let headers = reply.headers_mut();
        if is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let texts = [
            (SIGNATURE, signed.and_then(Edition::signature)),
            (CONFIRMED, signed.and_then(Edition::confirmation)),
        ];
        for (name, text) in texts {
            if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
                headers.insert(name, value);
            }
        }
        self.finish(reply, is_packed)
    }

    fn finish(self, mut reply: Reply, is_weak: bool) -> Reply {
        let headers = reply.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding, prefer"));
        // Two representations may not share a strong tag.
        let weak = if is_weak { "W/" } else { "" };
        let etag = format!("{weak}{}", self.tag.to_etag());
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(ETAG, etag);
        }
        if let Some(age) = self.stale_seconds {
            headers.insert(STALE, HeaderValue::from(age));
        }
        if let Some(preference) = self.preference {
            headers.insert(PREFERENCE_APPLIED, preference);
        }
        reply
    }
}

/// Adds the headers of an answer of `resolve`.
pub fn resolve_headers(reply: &mut Reply, tag: &VersionTag, stale_seconds: Option<u64>) {
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&tag.to_etag()) {
        headers.insert(ETAG, etag);
    }
    if let Some(age) = stale_seconds {
        headers.insert(STALE, HeaderValue::from(age));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_unless_it_is_refused() {
        let takes = |line: &'static str| {
            let line = (ACCEPT_ENCODING, HeaderValue::from_static(line));
            takes_gzip(&[line].into_iter().collect())
        };
        assert!(takes("gzip") && takes("zstd, GZIP;q=0.5") && takes("br,gzip"));
        assert!(!takes("gzip;q=0") && !takes("br") && !takes(""));
    }
}
