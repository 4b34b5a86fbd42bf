//! An issuer: a server that publishes its keys, counts the requests for them, and can be set to
//! misbehave.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use futures_util::{StreamExt as _, stream};
use parking_lot::Mutex;
use rustls::ServerConfig;
use serde_json::{Value, json};
use traffic_manager::{
    auth::jwt::{Now, Verifier},
    config::{ConfigError, Settings},
};

use crate::signer::Signer;

pub const NAME: &str = "https://issuer.example";
pub const AUDIENCE: &str = "traffic-manager";

/// The server's answer to a request for the keys.
#[derive(Clone)]
pub enum Reply {
    Body(Vec<u8>),
    Status(u16),
    Redirect(String),
    /// A body without end.
    Endless,
    /// Some bytes, and then nothing more.
    Stalls,
    /// No bytes at all.
    Hangs,
    /// This body, after this delay.
    Slow(Duration, Vec<u8>),
}

pub struct Issuer {
    pub url: String,
    asked: Arc<AtomicUsize>,
    reply: Arc<Mutex<Reply>>,
    server: ServerHandle,
}

impl Issuer {
    /// Starts an issuer that publishes the keys of these signers.
    pub fn with(signers: &[&Signer]) -> Self {
        Self::start(signers, None)
    }

    /// The same with TLS, at `localhost`.
    pub fn with_tls(signers: &[&Signer], tls: ServerConfig) -> Self {
        Self::start(signers, Some(tls))
    }

    fn start(signers: &[&Signer], tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (asked, reply) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(Mutex::new(Reply::Body(jwks(signers)))),
        );
        let (counter, replies) = (asked.clone(), reply.clone());
        let server = HttpServer::new(move || {
            let (counter, replies) = (counter.clone(), replies.clone());
            let answer = move || {
                counter.fetch_add(1, Ordering::SeqCst);
                let reply = replies.lock().clone();
                answer(reply)
            };
            App::new().route("/jwks", web::get().to(answer))
        })
        .workers(1)
        .shutdown_timeout(0)
        .disable_signals();
        let (url, server) = match tls {
            None => (format!("http://{address}/jwks"), server.listen(listener)),
            Some(tls) => (
                format!("https://localhost:{}/jwks", address.port()),
                server.listen_rustls_0_23(listener, tls),
            ),
        };
        let server = server.expect("it listens").run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            url,
            asked,
            reply,
            server: handle,
        }
    }

    /// Returns the number of requests for the keys.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn reply(&self, reply: Reply) {
        *self.reply.lock() = reply;
    }

    pub fn give(&self, signers: &[&Signer]) {
        self.reply(Reply::Body(jwks(signers)));
    }

    pub fn give_json(&self, document: &Value) {
        self.reply(Reply::Body(document.to_string().into_bytes()));
    }

    pub async fn stop(self) {
        self.server.stop(false).await;
    }

    /// The settings with which a service accepts the issuer's tokens.
    pub fn settings(&self) -> Vec<String> {
        vec![
            format!("auth.jwt.issuer={NAME}"),
            format!("auth.jwt.audience={AUDIENCE}"),
            format!("auth.jwt.jwks_url={}", self.url),
        ]
    }

    /// A verifier of the issuer's tokens that has no keys yet, with settings (`key=value` of
    /// `auth.jwt`, or of `resilience.jwks`) that differ from the defaults.
    pub fn verifier(&self, overrides: &[&str]) -> Arc<Verifier> {
        self.try_verifier(overrides)
            .expect("the settings are valid")
    }

    pub fn try_verifier(&self, overrides: &[&str]) -> Result<Arc<Verifier>, ConfigError> {
        let own = overrides.iter().map(|pair| (*pair).to_owned());
        // The long times keep an open breaker open while a test looks.
        let breaker =
            ["resilience.open_ms=60000", "resilience.max_open_ms=60000"].map(str::to_owned);
        let section = |pair: String| {
            if pair.starts_with("timeout_ms") {
                format!("resilience.jwks.{pair}")
            } else {
                format!("auth.jwt.{pair}")
            }
        };
        let all: Vec<String> = self
            .settings()
            .into_iter()
            .chain(own.map(section))
            .chain(breaker)
            .collect();
        let settings = Settings::without_environment(&all)?;
        Ok(Verifier::new(
            &settings.auth.jwt,
            settings.resilience.policy(&settings.resilience.jwks),
        )?
        .expect("an issuer is set"))
    }

    /// The same, but with the issuer's keys.
    pub async fn ready(&self, overrides: &[&str], now: Now) -> Arc<Verifier> {
        let verifier = self.verifier(overrides);
        assert!(verifier.refresh(now).await, "the issuer answers");
        verifier
    }
}

async fn answer(reply: Reply) -> HttpResponse {
    let begin = |first: &'static [u8]| {
        stream::once(async move { Ok::<_, actix_web::Error>(web::Bytes::from_static(first)) })
    };
    match reply {
        Reply::Body(body) => HttpResponse::Ok()
            .content_type("application/json")
            .body(body),
        Reply::Status(code) => {
            HttpResponse::build(code.try_into().expect("a status")).body(jwks(&[]))
        }
        Reply::Redirect(to) => HttpResponse::Found()
            .insert_header(("location", to))
            .finish(),
        Reply::Endless => {
            let more = stream::repeat_with(|| Ok(web::Bytes::from_static(&[b' '; 65_536])));
            HttpResponse::Ok().streaming(begin(b"{\"keys\":[").chain(more))
        }
        Reply::Stalls => {
            HttpResponse::Ok().streaming(begin(b"{\"keys\":[").chain(stream::pending()))
        }
        Reply::Hangs => std::future::pending().await,
        Reply::Slow(time, body) => {
            actix_web::rt::time::sleep(time).await;
            HttpResponse::Ok().body(body)
        }
    }
}

fn jwks(signers: &[&Signer]) -> Vec<u8> {
    json!({ "keys": signers.iter().map(|signer| &signer.jwk).collect::<Vec<_>>() })
        .to_string()
        .into_bytes()
}
