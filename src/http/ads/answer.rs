//! Statuses of gRPC, and answers that open no stream.

use actix_web::ResponseError as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{HeaderMap, Response, header};

use super::Answer;
use crate::http::denied::Denied;

/// The media type of gRPC.
pub const GRPC: &str = "application/grpc";

/// A status of gRPC, with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrpcStatus {
    /// The request is malformed.
    InvalidArgument = 3,
    /// The caller may not do this.
    PermissionDenied = 7,
    /// A limit is exceeded.
    ResourceExhausted = 8,
    /// There is no such service.
    Unimplemented = 12,
    /// Try again.
    Unavailable = 14,
    /// The credentials are missing or wrong.
    Unauthenticated = 16,
}

/// Why a stream ends or does not begin.
#[derive(Debug)]
pub struct Ended {
    /// The status.
    pub status: GrpcStatus,
    /// What happened.
    pub text: String,
}

impl Ended {
    /// The end for this reason.
    pub fn new(status: GrpcStatus, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }

    /// Returns the end as headers, or as trailers.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", (self.status as u16).into());
        // `grpc-message` is percent-encoded (gRPC over HTTP/2, "Responses").
        let text: String = self
            .text
            .bytes()
            .map(|b| match b {
                b'%' => "%25".to_owned(),
                0x20..0x7f => char::from(b).to_string(),
                _ => format!("%{b:02X}"),
            })
            .collect();
        if let Ok(text) = text.parse() {
            headers.insert("grpc-message", text);
        }
        headers
    }
}

/// Returns the answer to a request that opens no stream: headers alone.
pub fn failed(ended: &Ended) -> Answer {
    let mut answer = Response::new(Empty::<Bytes>::new().boxed());
    *answer.headers_mut() = ended.headers();
    let grpc = header::HeaderValue::from_static(GRPC);
    answer.headers_mut().insert(header::CONTENT_TYPE, grpc);
    answer
}

/// Returns the answer to a request that the gate refuses.
pub fn refused(denied: &Denied) -> Answer {
    let status = match denied.problem.status_code().as_u16() {
        401 => GrpcStatus::Unauthenticated,
        403 | 404 => GrpcStatus::PermissionDenied,
        429 => GrpcStatus::ResourceExhausted,
        _ => GrpcStatus::Unavailable,
    };
    failed(&Ended::new(status, denied.problem.to_string()))
}
