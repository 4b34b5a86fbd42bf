//! Facts about a request that its extensions hold: its id, and the address of its client.

use std::net::IpAddr;

use actix_web::http::header::HeaderMap;
use uuid::Uuid;

use super::headers::CORRELATION_ID;

/// The id of a request. The middleware puts it into the request's extensions.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    /// Returns `X-Correlation-ID` if it is 1 to 128 visible ASCII characters, else a new `UUIDv7`.
    pub fn of(headers: &HeaderMap) -> Self {
        let sent = headers
            .get(CORRELATION_ID)
            .and_then(|value| value.to_str().ok());
        let usable = sent.filter(|id| {
            !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic())
        });
        Self(usable.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }
}

/// The address of the client. The gate puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);
