//! Bodies of requests: JSON of limited size.

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::{Method, header},
    web,
};
use futures_util::future::{LocalBoxFuture, ready};
use serde::de::DeserializeOwned;

use super::{
    json::parse_json,
    readers::{Format, Readers, format},
};
use crate::http::problem::{Code, Problem};

const ACCEPT_PATCH: header::HeaderName = header::HeaderName::from_static("accept-patch");
const MERGE_PATCHES: &str = "application/merge-patch+json, application/json";

/// A JSON body with its size in bytes: `application/json`, for `PATCH` also
/// `application/merge-patch+json`, UTF-8, at most `http.max_body_bytes`, without unknown members.
#[derive(Debug)]
pub struct Body<T>(pub T, pub usize);

impl<T: DeserializeOwned + Send + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = format(request);
        let not_json = if request.method() == Method::PATCH {
            // RFC 5789 §3.1.
            Problem::unsupported(
                "send application/merge-patch+json or application/json",
                ACCEPT_PATCH,
                MERGE_PATCHES,
            )
        } else {
            Problem::unsupported("send application/json", header::ACCEPT, "application/json")
        };
        let readers = Readers::of(request);
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            if format? != Some(Format::Json) {
                return Err(not_json);
            }
            let bytes = bytes.await.map_err(unreadable)?;
            let size = bytes.len();
            Ok(Self(readers.read(bytes, Format::Json).await?, size))
        })
    }
}

/// A JSON body that may be missing. A missing body counts as an empty object.
#[derive(Debug)]
pub struct PerhapsBody<T>(pub T);

impl<T: DeserializeOwned + Send + 'static> FromRequest for PerhapsBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let is_empty = !headers.contains_key(header::TRANSFER_ENCODING)
            && headers
                .get(header::CONTENT_LENGTH)
                .is_none_or(|length| length.as_bytes() == b"0");
        if is_empty {
            return Box::pin(ready(parse_json(b"{}").map(Self)));
        }
        let body = Body::from_request(request, payload);
        Box::pin(async move { body.await.map(|Body(body, _)| Self(body)) })
    }
}

fn unreadable(error: actix_web::Error) -> Problem {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => Problem::new(
            Code::PayloadTooLarge,
            "see http.max_body_bytes and http.max_bulk_bytes",
        ),
        _ => Problem::of_status(error.as_response_error().status_code()),
    }
}
