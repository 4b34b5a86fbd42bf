//! The credentials of a request: a bearer token, or a client certificate.

use std::net::IpAddr;

use actix_web::{HttpRequest, http::header};
use jiff::Timestamp;

use crate::auth::{Caller, certificate::Peer};

/// Returns the node of the connection's client certificate, unless the request has credentials of
/// its own.
pub fn certified(request: &HttpRequest) -> Option<&Caller> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return None;
    }
    request.conn_data::<Peer>()?.caller(Timestamp::now())
}

/// Returns the token of `Authorization: Bearer` (RFC 6750 §2.1). Two such headers are refused,
/// because programs differ in which of the two they use.
pub fn bearer(request: &HttpRequest) -> Result<&str, &'static str> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let value = values.next().ok_or("no_credentials")?;
    if values.next().is_some() {
        return Err("two_credentials");
    }
    token_in(value.as_bytes())
}

fn token_in(value: &[u8]) -> Result<&str, &'static str> {
    // The usual spelling needs no parsing.
    if let Some(token) = value.strip_prefix(b"Bearer ")
        && token.first().is_some_and(u8::is_ascii_graphic)
        && token.is_ascii()
        && let Ok(token) = std::str::from_utf8(token)
    {
        return Ok(token);
    }
    let (scheme, token) = std::str::from_utf8(value)
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or("malformed_credentials")?;
    let token = token.trim_start();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err("malformed_credentials");
    }
    Ok(token)
}

/// A request to the listener for Envoys.
pub struct NodeRequest<'a> {
    /// The address of the client.
    pub address: IpAddr,
    /// The headers.
    pub headers: &'a hyper::HeaderMap,
    /// The node of the connection's client certificate.
    pub certified: Option<&'a Caller>,
}

impl<'a> NodeRequest<'a> {
    /// Returns the token of `Authorization: Bearer`, as [`bearer`] does.
    pub fn bearer(&self) -> Result<&'a str, &'static str> {
        let mut values = self.headers.get_all("authorization").iter();
        let value = values.next().ok_or("no_credentials")?;
        if values.next().is_some() {
            return Err("two_credentials");
        }
        token_in(value.as_bytes())
    }
}
