//! The API over TLS: its certificate, which is replaced while the service runs, and the certificates that clients show.
//!
//! HTTP/1.1 only: a poll is one small answer on a connection that stays open, and everything that bounds a client here (how long a head may
//! take, how long a reader may take nothing, how a drain ends what is idle) is a bound of a connection, which HTTP/2 would share among
//! requests.

use std::{
    any::Any,
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{dev::Extensions, rt::net::TcpStream};
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};

use super::middleware::may_log;
use crate::{
    auth::certificate::Peer,
    config::{self, ConfigError},
    tls,
};

/// How the API is served over TLS.
pub struct Transport {
    certificates: Arc<Certificates>,
    config: ServerConfig,
}

impl Transport {
    /// That of the settings; `None`: plain HTTP. A certificate that cannot be used stops the start.
    pub fn of(settings: &config::HttpTls) -> Result<Option<Self>, ConfigError> {
        if settings.cert_file.is_empty() {
            return Ok(None);
        }
        let certificates = Arc::new(Certificates::read(&settings.cert_file, &settings.key_file)?);
        let wrong = |error: &dyn std::fmt::Display| config::unusable("http.tls.client_ca_file", error);
        let config = ServerConfig::builder_with_provider(tls::provider());
        let config = config.with_safe_default_protocol_versions().map_err(|error| wrong(&error))?;
        let config = if settings.client_ca_file.is_empty() {
            config.with_no_client_auth().with_cert_resolver(certificates.clone())
        } else {
            let roots = Arc::new(tls::roots("http.tls.client_ca_file", &settings.client_ca_file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, tls::provider()).allow_unauthenticated();
            let verifier = verifier.build().map_err(|error| wrong(&error))?;
            let mut config = config.with_client_cert_verifier(verifier).with_cert_resolver(certificates.clone());
            // A resumed session is taken at its word: who came with a certificate yesterday would not have to show it today.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config
        };
        Ok(Some(Self { certificates, config }))
    }

    /// What to reload now and then.
    pub fn certificates(&self) -> Arc<Certificates> {
        self.certificates.clone()
    }

    pub(super) fn into_config(self) -> ServerConfig {
        self.config
    }
}

/// The API's certificate and key, as they stand in two files.
#[derive(Debug)]
pub struct Certificates {
    cert_file: String,
    key_file: String,
    current: ArcSwap<CertifiedKey>,
    /// What the files held when last looked at. Compared whole: times of files say little, and links are swapped underneath.
    seen: Mutex<Pair>,
}

/// What came of looking at the files again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// They are as they were.
    Unchanged,
    /// New connections get the new certificate.
    Replaced,
    /// They cannot be read or do not fit together: new connections get the old one.
    Refused,
}

/// The bytes of both files. Not for `Debug`: one of them is a secret.
#[derive(Clone, PartialEq, Eq)]
struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair")
    }
}

impl Certificates {
    fn read(cert_file: &str, key_file: &str) -> Result<Self, ConfigError> {
        let pair = Pair::read(cert_file, key_file)?;
        let current = ArcSwap::from_pointee(pair.certified(cert_file, key_file)?);
        Ok(Self { cert_file: cert_file.to_owned(), key_file: key_file.to_owned(), current, seen: Mutex::new(pair) })
    }

    /// Looks at the files again. Blocks as files do.
    pub fn reload(&self) -> Reloaded {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Pair::read(&self.cert_file, &self.key_file);
        if read.as_ref().is_ok_and(|pair| *pair == *seen) {
            return Reloaded::Unchanged;
        }
        let certified = read.and_then(|pair| {
            let certified = pair.certified(&self.cert_file, &self.key_file);
            // Also one that is refused: it is told of once.
            *seen = pair;
            certified
        });
        match certified {
            Ok(certified) => {
                self.current.store(Arc::new(certified));
                tracing::info!(tls.cert_file = self.cert_file, "a new certificate is used for new connections");
                Reloaded::Replaced
            }
            Err(error) => {
                tracing::error!(error = %error, "the new certificate cannot be used; the old one stays");
                Reloaded::Refused
            }
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Pair {
    fn read(cert_file: &str, key_file: &str) -> Result<Self, ConfigError> {
        let read = |key, file| fs::read(file).map_err(|error| config::unusable(key, format_args!("{file}: {error}")));
        Ok(Self { cert: read("http.tls.cert_file", cert_file)?, key: read("http.tls.key_file", key_file)? })
    }

    fn certified(&self, cert_file: &str, key_file: &str) -> Result<CertifiedKey, ConfigError> {
        let wrong = |key, file: &str, why: &dyn std::fmt::Display| config::unusable(key, format_args!("{file}: {why}"));
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.cert).collect();
        let chain = chain.map_err(|error| wrong("http.tls.cert_file", cert_file, &error))?;
        if chain.is_empty() {
            return Err(wrong("http.tls.cert_file", cert_file, &"has no certificate"));
        }
        // The reader's errors do not repeat what they read.
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| wrong("http.tls.key_file", key_file, &error))?;
        CertifiedKey::from_der(chain, key, &tls::provider()).map_err(|error| wrong("http.tls.key_file", key_file, &error))
    }
}

/// What is to be known and done about a new connection: a bound on clients that take nothing, and who the client's certificate says it is.
pub(super) fn connected(socket: &dyn Any, data: &mut Extensions, stall: Duration, trust_domain: &str) {
    if let Some(socket) = socket.downcast_ref::<TcpStream>() {
        cut_off_after(socket, stall);
    } else if let Some(stream) = socket.downcast_ref::<TlsStream<TcpStream>>() {
        let (socket, session) = stream.get_ref();
        cut_off_after(socket, stall);
        let shown = session.peer_certificates().and_then(<[_]>::first);
        match shown.map(|certificate| Peer::of(certificate, trust_domain)) {
            None => {}
            Some(Ok(peer)) => drop(data.insert(peer)),
            // It is told for each connection, before any limit.
            Some(Err(error)) if may_log() => tracing::info!(error = %error, "a client's certificate names no node"),
            Some(Err(_)) => {}
        }
    }
}

/// Lets the kernel end a connection whose client takes nothing for that long (RFC 5482): the server itself does not look at a stream
/// that it cannot write to.
fn cut_off_after(socket: &TcpStream, stall: Duration) {
    if let Err(error) = socket2::SockRef::from(socket).set_tcp_user_timeout(Some(stall)) {
        tracing::debug!(error = %error, "a connection without a write timeout");
    }
}

#[cfg(test)]
mod tests;
