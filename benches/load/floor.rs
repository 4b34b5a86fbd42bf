//! The floor: a server of the same framework that does nothing but answer. Its cost is the minimum
//! for any service with this framework.
//!
//! `/hello` sends the tag and the type of its answer and no other header of ours. `/contract` also
//! sends the headers that the API promises for a poll. `/bytes?n=` sends them with a body of `n`
//! bytes.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer,
    http::header::{self, HeaderName, HeaderValue},
    web,
};
use anyhow::Result;
use bytes::Bytes;

use crate::tls;

/// The body of the floor's answer: 203 bytes of JSON, about as long as an answer of `resolve`.
pub const BODY: &str = concat!(
    r#"{"tenant":"hello","service":"world","env":"prod","version":"v1","url":"https://world.hello.example/a/path/that/"#,
    r#"is/long/enough/to/make/this/answer/as/long/as/an/answer/of/the/service/it/is/here/for/once"}"#
);

/// The entity tag of the floor's answer.
pub const ETAG: &str = "\"0123456789abcdef.1000\"";

/// The headers of a poll's answer beside its tag and type, with values of the usual length.
const CONTRACT: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-cache"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        HeaderName::from_static("x-correlation-id"),
        "01a1fd21-de3d-7778-bc54-13f4251a9a0f",
    ),
    (HeaderName::from_static("ratelimit-limit"), "1000000"),
    (HeaderName::from_static("ratelimit-remaining"), "999990"),
    (HeaderName::from_static("ratelimit-reset"), "1"),
];

fn is_seen(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag.as_bytes() == ETAG.as_bytes())
}

fn tagged(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response.insert_header((header::ETAG, HeaderValue::from_static(ETAG)));
    response
}

fn typed(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    let json = HeaderValue::from_static("application/json");
    response.insert_header((header::CONTENT_TYPE, json));
    response
}

fn contract(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    for (name, value) in CONTRACT {
        response.insert_header((name, HeaderValue::from_static(value)));
    }
    response
}

async fn hello(request: HttpRequest) -> HttpResponse {
    if is_seen(&request) {
        return tagged(HttpResponse::NotModified()).finish();
    }
    typed(tagged(HttpResponse::Ok())).body(BODY)
}

async fn hello_by_contract(request: HttpRequest) -> HttpResponse {
    if is_seen(&request) {
        return contract(tagged(HttpResponse::NotModified())).finish();
    }
    contract(typed(tagged(HttpResponse::Ok()))).body(BODY)
}

async fn bytes(size: web::Query<Size>, zeros: web::Data<Bytes>) -> HttpResponse {
    let body = zeros.slice(..size.n.min(zeros.len()));
    contract(typed(tagged(HttpResponse::Ok()))).body(body)
}

#[derive(serde::Deserialize)]
struct Size {
    n: usize,
}

/// The largest body of `/bytes`.
pub const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Serves until the process is killed, in TLS with the certificate and key of `tls`.
pub fn serve(listen: SocketAddr, workers: usize, tls: Option<(PathBuf, PathBuf)>) -> Result<()> {
    let zeros = web::Data::new(Bytes::from(vec![b'0'; MOST_BYTES]));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(zeros.clone())
            .route("/hello", web::get().to(hello))
            .route("/contract", web::get().to(hello_by_contract))
            .route("/bytes", web::get().to(bytes))
    })
    .workers(workers);
    let server = match tls {
        None => server.bind(listen)?,
        Some((certificate, key)) => server.bind_rustls_0_23(
            listen,
            tls::server(Path::new(&certificate), Path::new(&key))?,
        )?,
    };
    Ok(actix_web::rt::System::new().block_on(server.run())?)
}

const _: () = assert!(BODY.len() == 203);
