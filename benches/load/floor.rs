//! The floor: a server of the same framework that does nothing but answer. Its cost is the minimum
//! for any service with this framework.

use std::net::SocketAddr;

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::header::{self, HeaderValue},
    web,
};
use anyhow::Result;

/// The body of the floor's answer: 203 bytes of JSON, about as long as an answer of `resolve`.
pub const BODY: &str = concat!(
    r#"{"tenant":"hello","service":"world","env":"prod","version":"v1","url":"https://world.hello.example/a/path/that/"#,
    r#"is/long/enough/to/make/this/answer/as/long/as/an/answer/of/the/service/it/is/here/for/once"}"#
);

/// The entity tag of the floor's answer.
pub const ETAG: &str = "\"0123456789abcdef.1000\"";

async fn hello(request: HttpRequest) -> HttpResponse {
    if request
        .headers()
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag.as_bytes() == ETAG.as_bytes())
    {
        return HttpResponse::NotModified()
            .insert_header((header::ETAG, HeaderValue::from_static(ETAG)))
            .finish();
    }
    HttpResponse::Ok()
        .insert_header((header::ETAG, HeaderValue::from_static(ETAG)))
        .insert_header((
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ))
        .body(BODY)
}

/// Serves `GET /hello` until the process is killed.
pub fn serve(listen: SocketAddr, workers: usize) -> Result<()> {
    let server = HttpServer::new(|| App::new().route("/hello", web::get().to(hello)))
        .workers(workers)
        .bind(listen)?;
    Ok(actix_web::rt::System::new().block_on(server.run())?)
}

const _: () = assert!(BODY.len() == 203);
