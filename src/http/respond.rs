//! The forms of answers that several resources share.

use std::convert::Infallible;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::{BoxBody, SizedStream},
    http::header::{self, HeaderValue},
};
use bytes::Bytes;
use futures_util::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use traffic_manager_dataplane::Body;

use super::{
    etag::{seen, set_tag},
    headers::{IDEMPOTENCY_REPLAYED, STALE, UNCHANGED},
    problem::Problem,
    state::ApiState,
};
use crate::{
    domain::{command::Effect, ids::TenantName, tag::VersionTag},
    service::{
        Error,
        batch::Reply,
        read::{polls::Polls, reads::PageRequest},
    },
};

/// The number of items on a page without a `limit`.
pub const DEFAULT_LIMIT: u32 = 50;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct PageOut<'a, T> {
    /// The items of the page.
    #[schemars(with = "Vec<T>")]
    pub items: &'a [T],
    /// The cursor of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Returns an example of a page with this item.
pub fn page_of(example: serde_json::Value) -> serde_json::Value {
    serde_json::json!({ "items": [example], "next_cursor": null })
}

/// Escapes the characters at which some readers end a line (U+0085, U+2028, U+2029). In JSON they
/// occur in texts only, where an escape means the same.
pub fn one_line(json: Bytes) -> Bytes {
    let escape = |at: usize| match json[at..] {
        [0xc2, 0x85, ..] => Some((2, "\\u0085")),
        [0xe2, 0x80, 0xa8, ..] => Some((3, "\\u2028")),
        [0xe2, 0x80, 0xa9, ..] => Some((3, "\\u2029")),
        _ => None,
    };
    let Some(first) = (0..json.len()).find(|at| escape(*at).is_some()) else {
        return json;
    };
    let mut line = json[..first].to_vec();
    let mut at = first;
    while let Some(byte) = json.get(at) {
        match escape(at) {
            Some((length, escaped)) => {
                line.extend_from_slice(escaped.as_bytes());
                at += length;
            }
            None => {
                line.push(*byte);
                at += 1;
            }
        }
    }
    line.into()
}

/// Returns the page that a list request asks for. An empty cursor asks for the first page, so that
/// a loop may begin with an empty one.
pub fn page_request(limit: Option<u32>, cursor: Option<String>) -> PageRequest {
    PageRequest {
        limit: limit.unwrap_or(DEFAULT_LIMIT),
        cursor: cursor.filter(|cursor| !cursor.is_empty()),
    }
}

/// The revision that a write has made, in the extensions of its answer.
#[derive(Debug, Clone)]
pub struct Written {
    /// The tenant.
    pub tenant: TenantName,
    /// The tag of the change.
    pub tag: VersionTag,
}

/// Returns the status and headers that show the effect of a write on a tenant. The caller adds the body.
pub fn written(tenant: &TenantName, reply: &Reply) -> HttpResponseBuilder {
    let outcome = &reply.outcome;
    let mut response = match outcome.effect {
        Effect::Created => HttpResponse::Created(),
        Effect::Updated | Effect::Unchanged => HttpResponse::Ok(),
        Effect::Deleted => HttpResponse::NoContent(),
    };
    response.insert_header((header::ETAG, outcome.tag.to_etag()));
    response.extensions_mut().insert(Written {
        tenant: tenant.clone(),
        tag: outcome.tag.clone(),
    });
    if outcome.effect == Effect::Unchanged {
        response.insert_header((UNCHANGED, "true"));
    }
    if reply.replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    response
}

/// Returns 202 with the tag so far: the write has begun and will be completed.
pub fn accepted(reply: &Reply) -> HttpResponseBuilder {
    let mut response = HttpResponse::Accepted();
    response.insert_header((header::ETAG, reply.outcome.tag.to_etag()));
    if reply.replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    response
}

/// Returns 200 with `body`.
pub fn json(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

/// Returns 200 with `body`, which is JSON already.
pub fn json_bytes(body: Bytes) -> HttpResponse {
    json_of(BoxBody::new(body))
}

/// Returns 200 with a JSON body, which is sent block by block.
pub fn json_body(body: Body) -> HttpResponse {
    let len = body.len() as u64;
    let mut blocks = body.into_blocks();
    if blocks.len() <= 1 {
        return json_bytes(blocks.pop().unwrap_or_default());
    }
    let blocks = blocks.into_iter().map(Ok::<_, Infallible>);
    json_of(BoxBody::new(SizedStream::new(len, stream::iter(blocks))))
}

fn json_of(body: BoxBody) -> HttpResponse {
    let mut response = HttpResponse::with_body(actix_web::http::StatusCode::OK, body);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// Answers with an object or a list as it was at the revision of `tag`.
pub fn as_of(tag: &VersionTag, body: &impl Serialize) -> HttpResponse {
    let mut response = json(body);
    set_tag(&mut response, tag);
    response
}

/// Returns 200 with the result of `body`, for answers that may be large: serialised on a worker
/// thread, where it delays no other request.
pub async fn large<T: Serialize>(
    state: &ApiState,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let bytes = state
        .workers
        .run(move || serde_json::to_vec(&body()))
        .await
        .map_err(Error::internal)?;
    Ok(json_bytes(bytes.map_err(Error::internal)?.into()))
}

/// Returns a page of a list whose items may be large, serialised on a worker thread.
pub async fn large_page<T: Serialize + Send + 'static>(
    state: &ApiState,
    items: Vec<T>,
    next_cursor: Option<String>,
) -> Result<HttpResponse, Problem> {
    let write = move || {
        serde_json::to_vec(&PageOut {
            items: &items,
            next_cursor,
        })
    };
    let bytes = state.workers.run(write).await.map_err(Error::internal)?;
    Ok(json_bytes(bytes.map_err(Error::internal)?.into()))
}

/// Returns 304 if the client has this tag already, else the result of `answer`. Both have the tag.
pub fn conditional(
    request: &HttpRequest,
    tag: &VersionTag,
    answer: impl FnOnce() -> HttpResponse,
) -> HttpResponse {
    let mut response = if seen(request.headers()).has(tag) {
        HttpResponse::NotModified().finish()
    } else {
        answer()
    };
    if let Ok(value) = HeaderValue::from_str(&tag.to_etag()) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Adds the age of the answer as `TM-Stale`, in seconds, while the primary cannot be reached.
pub fn with_age(polls: &Polls, mut response: HttpResponse) -> HttpResponse {
    if let Some(age) = polls.stale_for() {
        response
            .headers_mut()
            .insert(STALE, HeaderValue::from(age.as_secs()));
    }
    response
}

/// Distinguishes a member that is `null` (`Some(None)`) from one that is absent (`None`, by
/// `#[serde(default)]`).
pub fn double_option<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
