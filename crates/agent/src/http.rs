//! The agent's own address: status, metrics, the snapshot, `resolve`, and the document for Traefik.
//! Loopback only, and read only.

pub(crate) mod api;
pub(crate) mod problem;
pub(crate) mod query;

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, ETAG, HOST, HeaderValue, IF_NONE_MATCH},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::block_in_place,
    time::{sleep, timeout},
};
use traffic_manager_core::snapshot::{Scope, body};

use crate::{metrics, status::Facts};

/// The most connections at a time.
const CONNECTIONS: usize = 64;
/// The longest time of a connection.
const LIMIT: Duration = Duration::from_secs(60);
/// The longest time until the head of a request is there.
const HEAD: Duration = Duration::from_secs(5);
/// The pause after a connection could not be accepted, such as for too many open files.
const PAUSE: Duration = Duration::from_millis(100);

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

type Answer = Response<Full<Bytes>>;

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, facts: Facts) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        match listener.accept().await {
            Ok((connection, _)) => {
                let facts = facts.clone();
                tokio::spawn(async move {
                    let _place = place;
                    answer(connection, facts).await;
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(connection: TcpStream, facts: Facts) {
    let service = service_fn(move |request| {
        // A policy's patterns may be compiled, which takes time.
        let answer = block_in_place(|| respond(&request, &facts));
        async { Ok::<_, Infallible>(answer) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(connection), service);
    // A caller that goes away, or is too slow, harms only itself.
    let _ = timeout(LIMIT, serving).await;
}

fn respond(request: &Request<Incoming>, facts: &Facts) -> Answer {
    if !is_local(request.headers().get(HOST)) {
        let why = "the Host header must be a loopback address or localhost\n";
        return plain(StatusCode::MISDIRECTED_REQUEST, why);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    let (uri, headers) = (request.uri(), request.headers());
    let query = uri.query().unwrap_or_default();
    if let Some(tenant) = api::tenant_of(uri.path()) {
        return api::snapshot(facts, tenant, query, headers);
    }
    match uri.path() {
        api::RESOLVE => api::resolve(facts, query, headers),
        "/status" => match serde_json::to_vec(&facts.status()) {
            Ok(json) => content(JSON, json),
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        },
        "/metrics" => content("text/plain; version=0.0.4", metrics::text(&facts.status())),
        "/ready" if facts.proxy.borrow().applied.is_some() => plain(StatusCode::OK, "ready\n"),
        "/ready" => plain(StatusCode::SERVICE_UNAVAILABLE, "nothing was applied yet\n"),
        "/snapshot" => snapshot(request, facts),
        "/traefik" => match facts.document.borrow().clone() {
            Some(document) => content(JSON, document),
            // Traefik keeps what it has for any status but 200.
            None => plain(StatusCode::SERVICE_UNAVAILABLE, "no configuration yet\n"),
        },
        _ => plain(StatusCode::NOT_FOUND, "no such path\n"),
    }
}

/// Answers the held state, as the control plane does.
fn snapshot(request: &Request<Incoming>, facts: &Facts) -> Answer {
    let [tenant] = facts.tenants.as_ref() else {
        let why = "several tenants: ask for /api/v1/tenants/{tenant}/snapshot\n";
        return plain(StatusCode::NOT_FOUND, why);
    };
    let Some(snapshot) = tenant.view.borrow().snapshot.clone() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "no snapshot yet\n");
    };
    let etag = snapshot.tag().to_etag();
    let known = request.headers().get(IF_NONE_MATCH);
    let mut answer = if known.is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        plain(StatusCode::NOT_MODIFIED, "")
    } else {
        content(JSON, body::write(&snapshot, &Scope::default()))
    };
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        answer.headers_mut().insert(ETAG, etag);
    }
    answer
}

/// Whether a request names this machine. A web page can give its own name a loopback address.
pub(crate) fn is_local(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host.and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

pub(crate) fn content(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

pub(crate) fn plain(status: StatusCode, text: &str) -> Answer {
    let mut answer = content(TEXT, text.to_owned());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        let is_local = |host| is_local(Some(&HeaderValue::from_static(host)));
        for host in [
            "localhost",
            "localhost:9902",
            "127.0.0.1:9902",
            "127.0.0.1",
            "[::1]:9902",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "evil.example:9902",
            "10.0.0.1",
            "localhost.evil.example",
            "",
        ] {
            assert!(!is_local(host), "{host}");
        }
        assert!(!super::is_local(None));
    }
}
