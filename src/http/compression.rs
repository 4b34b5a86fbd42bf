//! Compresses answers that are made for one request: lists, differences, plans, exports of
//! documents.
//!
//! A compressed answer has a weak entity tag, because two representations of a resource may not
//! share a strong one (RFC 9110 §8.8.3.3). A single route, policy or tenant is never compressed:
//! its tag is the condition of the next write, and `If-Match` compares strongly. Snapshots and
//! changes, which many clients ask for at once, are compressed once and kept (`cache::bodies`).
//! Streams are not compressed: an encoder for each of ten thousand open connections costs more
//! memory than all of their tenants.

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{
            self, AcceptEncoding, ContentEncoding, Encoding, Header as _, HeaderMap, HeaderValue,
        },
    },
    middleware::Next,
    web,
};
use bytes::Bytes;

use super::{etag::unless_seen, problem::Problem, state::ApiState};
use crate::{
    coding::{Coding, Effort},
    resilience::Workers,
    service::Error as ServiceError,
};

/// Bodies shorter than this are sent plain: they fit into one packet either way.
pub(super) const WORTH_IT: usize = 1024;

/// Bodies longer than this are compressed on a worker thread if one is free, and sent plain if not:
/// waiting would take longer than sending. Shorter ones take less than half a millisecond.
const LONG: usize = 32 * 1024;

/// Returns the coding that the client prefers among ours (RFC 9110 §12.5.3).
pub(super) fn accepted(request: &impl HttpMessage) -> Coding {
    if !request.headers().contains_key(header::ACCEPT_ENCODING) {
        return Coding::Identity;
    }
    let ours = [Encoding::zstd(), Encoding::gzip(), Encoding::identity()];
    match AcceptEncoding::parse(request)
        .ok()
        .and_then(|accepted| accepted.negotiate(ours.iter()))
    {
        Some(Encoding::Known(ContentEncoding::Zstd)) => Coding::Zstd,
        Some(Encoding::Known(ContentEncoding::Gzip)) => Coding::Gzip,
        _ => Coding::Identity,
    }
}

/// Middleware: compresses the answer of one handler if the client accepts a coding and the body is
/// long enough.
pub(super) async fn compress(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let coding = accepted(&request);
    let state = request.app_data::<web::Data<ApiState>>().cloned();
    // Answer 304 first: compressing a body only to drop it would be wasted.
    let answer = unless_seen(next.call(request).await?.map_into_boxed_body());
    let (request, mut response) = answer.into_parts();
    if matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED) {
        response
            .headers_mut()
            .append(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(state) = state {
            response = compressed(&state.workers, response, coding).await?;
        }
    }
    Ok(ServiceResponse::new(request, response))
}

async fn compressed(
    workers: &Workers,
    mut response: HttpResponse,
    coding: Coding,
) -> Result<HttpResponse, Problem> {
    let Some(name) = coding.name() else {
        return Ok(response);
    };
    if response.status() == StatusCode::NOT_MODIFIED {
        weaken_tag(response.headers_mut());
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body) if body.len() >= WORTH_IT => body,
        Ok(body) => return Ok(head.set_body(BoxBody::new(body))),
        Err(streamed) => return Ok(head.set_body(streamed)),
    };
    let Some(encoded) = encoded(workers, body.clone(), coding).await? else {
        return Ok(head.set_body(BoxBody::new(body)));
    };
    let mut response = head.set_body(BoxBody::new(encoded));
    response
        .headers_mut()
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    weaken_tag(response.headers_mut());
    Ok(response)
}

/// Returns `None` for a long body when this caller has no free worker thread.
async fn encoded(
    workers: &Workers,
    body: Bytes,
    coding: Coding,
) -> Result<Option<Bytes>, ServiceError> {
    let is_long = body.len() > LONG;
    let encode = move || coding.encode(body, Effort::Once);
    let encoded = if is_long {
        workers
            .run_now(encode)
            .await
            .map_err(ServiceError::internal)?
    } else {
        Some(encode())
    };
    encoded.transpose().map_err(ServiceError::internal)
}

/// Makes a strong entity tag weak.
fn weaken_tag(headers: &mut HeaderMap) {
    let strong = headers
        .get(header::ETAG)
        .map(HeaderValue::as_bytes)
        .filter(|tag| tag.starts_with(b"\""));
    if let Some(Ok(weak)) = strong.map(|tag| HeaderValue::from_bytes(&[b"W/", tag].concat())) {
        headers.insert(header::ETAG, weak);
    }
}
