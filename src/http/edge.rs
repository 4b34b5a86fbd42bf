//! The edge: limits of a request's head, CORS, and the security headers of every answer.
//!
//! Actix itself refuses requests that are not valid HTTP, with a bare status, and closes the
//! connection: 400 for syntax and for a path of more than 65,534 bytes, 431 for more than 96
//! headers or a head of 128 KiB, 408 for a head that takes longer than
//! `http.client_header_timeout_ms`. The limits here are lower, so that nearly every caller gets a
//! problem document.

use actix_cors::Cors;
use actix_web::{
    dev::ServiceRequest,
    http::header::{self, HeaderMap, HeaderValue},
};

use super::{
    headers::{
        self, CONFIRMED, CONVERGENCE, CORRELATION_ID, IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED,
        LAST_EVENT_ID, MIN_REVISION, REASON, SIGNATURE, STALE, UNCHANGED,
    },
    problem::{Code, Problem},
};
use crate::config;

/// The `Content-Security-Policy` of the API's answers: a browser may load nothing for them and may
/// not frame them.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The `Strict-Transport-Security` of answers, which is sent over TLS only: one year.
const TLS_ONLY: &str = "max-age=31536000";

/// How long a browser may cache the answer to a CORS preflight, in seconds.
const PREFLIGHT_SECONDS: usize = 600;

/// Limits of a request's head: the length of the path and query, the number of headers, and their
/// size in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    uri_bytes: usize,
    headers: usize,
    header_bytes: usize,
}

impl Limits {
    /// Reads the limits from the settings.
    pub fn new(settings: &config::Http) -> Self {
        let config::Http {
            max_uri_bytes: uri_bytes,
            max_headers: headers,
            max_header_bytes: header_bytes,
            ..
        } = *settings;
        Self {
            uri_bytes,
            headers,
            header_bytes,
        }
    }
}

impl Limits {
    /// Returns a problem if the head of the request is too large, or has a single-value header
    /// twice.
    pub fn refused(&self, request: &ServiceRequest) -> Option<Problem> {
        let uri = request
            .uri()
            .path_and_query()
            .map_or(0, |path| path.as_str().len());
        if uri > self.uri_bytes {
            return Some(Problem::new(
                Code::UriTooLong,
                format!("at most {} bytes: see http.max_uri_bytes", self.uri_bytes),
            ));
        }
        if let Some(name) = headers::doubled(request.headers()) {
            return Some(Problem::doubled_header(&name));
        }
        let sizes = request
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len());
        let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
        if count > self.headers {
            return Some(Problem::new(
                Code::HeadersTooLarge,
                format!("at most {} headers: see http.max_headers", self.headers),
            ));
        }
        let detail = || {
            format!(
                "at most {} bytes of headers: see http.max_header_bytes",
                self.header_bytes
            )
        };
        (bytes > self.header_bytes).then(|| Problem::new(Code::HeadersTooLarge, detail()))
    }
}

/// Sets the security headers of an answer. The answer's own `Content-Security-Policy` and
/// `Cache-Control` stay. Data gets only the headers that say something about data.
pub fn security_headers(headers: &mut HeaderMap, is_secure: bool) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if is_secure {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static(TLS_ONLY),
        );
    }
    if is_data(headers) {
        return;
    }
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(
        header::CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        );
    }
}

/// Returns whether a browser does no more with the answer than hand it to a script that may read
/// it: JSON, events, and answers without a body. With `nosniff` it shows none of them as a page.
fn is_data(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let essence = value.as_bytes().split(|byte| *byte == b';').next();
    essence.is_some_and(|essence| essence.ends_with(b"json") || essence == b"text/event-stream")
}

/// Lets pages of exactly these origins call the API and read its answers. Cookies are not allowed:
/// a caller authenticates with a header.
pub fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
        ])
        .allowed_headers([
            CORRELATION_ID,
            IDEMPOTENCY_KEY,
            REASON,
            MIN_REVISION,
            LAST_EVENT_ID,
        ])
        .allowed_headers(["prefer", "traceparent", "tracestate"])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            header::CONTENT_DISPOSITION,
        ])
        .expose_headers([
            CORRELATION_ID,
            IDEMPOTENCY_REPLAYED,
            UNCHANGED,
            STALE,
            SIGNATURE,
            CONFIRMED,
            CONVERGENCE,
        ])
        .expose_headers(["preference-applied", "ratelimit", "ratelimit-policy"])
        .expose_headers(["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"])
        .max_age(PREFLIGHT_SECONDS);
    origins
        .iter()
        .fold(cors, |cors, origin| cors.allowed_origin(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_headers_keep_own_values_and_hsts_needs_tls() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("script-src 'self'"),
        );
        security_headers(&mut headers, false);
        assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), "no-cache");
        assert_eq!(
            headers.get(header::CONTENT_SECURITY_POLICY).unwrap(),
            "script-src 'self'"
        );
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        security_headers(&mut headers, true);
        assert_eq!(
            headers.get(header::STRICT_TRANSPORT_SECURITY).unwrap(),
            TLS_ONLY
        );
        assert_eq!(headers.len(), 7);
    }

    #[test]
    fn data_has_only_the_headers_that_concern_data() {
        for (content_type, is_data) in [
            (None, true),
            (Some("application/json"), true),
            (Some("application/problem+json"), true),
            (Some("application/x-ndjson"), true),
            (Some("text/event-stream"), true),
            (Some("application/json; charset=utf-8"), true),
            (Some("text/html; charset=utf-8"), false),
            (Some("text/csv"), false),
            (Some("application/yaml"), false),
            (Some("image/svg+xml"), false),
            (Some("text/plain; charset=utf-8"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(content_type) = content_type {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            }
            security_headers(&mut headers, false);
            let has_policy = headers.contains_key(header::CONTENT_SECURITY_POLICY);
            assert_eq!(!has_policy, is_data, "{content_type:?}");
            assert!(headers.contains_key(header::X_CONTENT_TYPE_OPTIONS));
            assert!(headers.contains_key(header::CACHE_CONTROL));
        }
    }
}
