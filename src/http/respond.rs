//! Shapes that several resources answer with.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    ApiState,
    context::{IDEMPOTENCY_REPLAYED, UNCHANGED, if_none_match},
    problem::Problem,
};
use crate::{
    domain::{command::Effect, tag::VersionTag},
    service::{Error, batch::Reply, reads::PageRequest},
};

/// Items of a page without a `limit`.
pub const DEFAULT_LIMIT: u32 = 50;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct PageOut<'a, T> {
    /// The items.
    #[schemars(with = "Vec<T>")]
    pub items: &'a [T],
    /// Where to go on; `null` at the end.
    pub next_cursor: Option<String>,
}

/// What a list is asked for with.
pub fn page_request(limit: Option<u32>, cursor: Option<String>) -> PageRequest {
    PageRequest { limit: limit.unwrap_or(DEFAULT_LIMIT), cursor }
}

/// The status and headers that tell what a write did; the body is the caller's.
pub fn written(reply: &Reply) -> HttpResponseBuilder {
    let outcome = &reply.outcome;
    let mut response = match outcome.effect {
        Effect::Created => HttpResponse::Created(),
        Effect::Updated | Effect::Unchanged => HttpResponse::Ok(),
        Effect::Deleted => HttpResponse::NoContent(),
    };
    response.insert_header((header::ETAG, outcome.tag.to_etag()));
    if outcome.effect == Effect::Unchanged {
        response.insert_header((UNCHANGED, "true"));
    }
    if reply.replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    response
}

/// 202, with the tag so far: it is begun, and will be done.
pub fn accepted(reply: &Reply) -> HttpResponseBuilder {
    let mut response = HttpResponse::Accepted();
    response.insert_header((header::ETAG, reply.outcome.tag.to_etag()));
    if reply.replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    response
}

/// 200 with `body`.
pub fn json(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

/// 200 with what `body` makes, for answers that may be large: serialised where it holds up no other request.
pub async fn large<T: Serialize>(state: &ApiState, body: impl FnOnce() -> T + Send + 'static) -> Result<HttpResponse, Problem> {
    let bytes = state.workers.run(move || serde_json::to_vec(&body())).await.map_err(Error::internal)?;
    Ok(super::polling::json(bytes.map_err(Error::internal)?.into()))
}

/// A page of a list whose items may be large.
pub async fn large_page<T: Serialize + Send + 'static>(
    state: &ApiState, items: Vec<T>, next_cursor: Option<String>,
) -> Result<HttpResponse, Problem> {
    let write = move || serde_json::to_vec(&PageOut { items: &items, next_cursor });
    let bytes = state.workers.run(write).await.map_err(Error::internal)?;
    Ok(super::polling::json(bytes.map_err(Error::internal)?.into()))
}

/// 304 when the client has this tag already, else what `answer` makes; with the tag either way.
pub fn conditional(request: &HttpRequest, tag: &VersionTag, answer: impl FnOnce() -> HttpResponse) -> HttpResponse {
    let mut response =
        if if_none_match(request.headers()).contains(tag) { HttpResponse::NotModified().finish() } else { answer() };
    if let Ok(value) = header::HeaderValue::from_str(&tag.to_etag()) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Tells a member that is `null` (`Some(None)`) from one that is absent (`None`, by `#[serde(default)]`).
pub fn double_option<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
