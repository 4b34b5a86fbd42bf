//! The API over TLS: its certificate, which can be replaced while the service runs, and the
//! certificates of clients.
//!
//! Only HTTP/1.1 is served: a poll is one small answer on a connection that stays open. All limits
//! of a client here are limits of a connection (how long a head may take, how long a client may
//! read nothing, how a drain ends idle connections). In HTTP/2, requests would share a connection
//! and its limits.

use std::{any::Any, fs, sync::Arc, time::Duration};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{dev::Extensions, rt::net::TcpStream};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};

use super::log_limit::may_log;
use crate::{
    auth::certificate::{self, Peer},
    config::{self, ConfigError},
    telemetry::names,
    tls,
};

/// The configuration of the API's TLS.
pub struct Transport {
    certificates: Arc<Certificates>,
    config: ServerConfig,
}

impl Transport {
    /// Reads the configuration from the settings; `None` for plain HTTP. A certificate that cannot
    /// be used stops the start.
    pub fn of(settings: &config::HttpTls) -> Result<Option<Self>, ConfigError> {
        if settings.cert_file.is_empty() {
            return Ok(None);
        }
        let certificates = Arc::new(Certificates::read(&settings.cert_file, &settings.key_file)?);
        let wrong =
            |error: &dyn std::fmt::Display| config::unusable("http.tls.client_ca_file", error);
        let config = ServerConfig::builder_with_provider(tls::provider());
        let config = config
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&error))?;
        let config = if settings.client_ca_file.is_empty() {
            config
                .with_no_client_auth()
                .with_cert_resolver(certificates.clone())
        } else {
            let roots = Arc::new(tls::roots(
                "http.tls.client_ca_file",
                &settings.client_ca_file,
            )?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, tls::provider())
                .allow_unauthenticated();
            let verifier = verifier.build().map_err(|error| wrong(&error))?;
            let mut config = config
                .with_client_cert_verifier(verifier)
                .with_cert_resolver(certificates.clone());
            // Session resumption is off, because a client that showed a certificate yesterday would
            // not have to show it today.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config
        };
        Ok(Some(Self {
            certificates,
            config,
        }))
    }

    /// Returns the certificates, which must be reloaded from time to time.
    pub fn certificates(&self) -> Arc<Certificates> {
        self.certificates.clone()
    }

    /// Returns the same configuration for HTTP/2, as Envoys speak it.
    pub fn for_streams(&self) -> ServerConfig {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    pub(super) fn into_config(self) -> ServerConfig {
        self.config
    }
}

/// The API's certificate and key, from two files.
#[derive(Debug)]
pub struct Certificates {
    cert_file: String,
    key_file: String,
    current: ArcSwap<CertifiedKey>,
    /// The contents of the files when they were last read. Whole contents are compared: file times
    /// are not reliable, and links are swapped underneath.
    seen: Mutex<Pair>,
}

/// The result of a reload of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// The files have not changed.
    Unchanged,
    /// New connections get the new certificate.
    Replaced,
    /// The files cannot be read or do not fit together: new connections get the old certificate.
    Refused,
}

/// The bytes of both files. `Debug` does not show them, because the key is a secret.
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
        let certified = pair.certified(cert_file, key_file)?;
        report_end(&certified);
        let current = ArcSwap::from_pointee(certified);
        Ok(Self {
            cert_file: cert_file.to_owned(),
            key_file: key_file.to_owned(),
            current,
            seen: Mutex::new(pair),
        })
    }

    /// Reads the files again. Blocks while it reads.
    pub fn reload(&self) -> Reloaded {
        let mut seen = self.seen.lock();
        let read = Pair::read(&self.cert_file, &self.key_file);
        if read.as_ref().is_ok_and(|pair| *pair == *seen) {
            return Reloaded::Unchanged;
        }
        let certified = read.and_then(|pair| {
            let certified = pair.certified(&self.cert_file, &self.key_file);
            // A refused pair is remembered too, so that its error is logged only once.
            *seen = pair;
            certified
        });
        match certified {
            Ok(certified) => {
                report_end(&certified);
                self.current.store(Arc::new(certified));
                tracing::info!(
                    tls.cert_file = self.cert_file,
                    "the new certificate is used for new connections"
                );
                Reloaded::Replaced
            }
            Err(error) => {
                tracing::error!(error = %error, "the new certificate cannot be used; the old one stays");
                Reloaded::Refused
            }
        }
    }
}

/// Sets the metric of the time at which the certificate that clients see expires.
fn report_end(certified: &CertifiedKey) {
    let leaf = certified.cert.first();
    if let Some(ends) = leaf.and_then(|leaf| certificate::expires_at(leaf)) {
        metrics::gauge!(names::CERTIFICATE_ENDS_AT).set(ends as f64);
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Pair {
    fn read(cert_file: &str, key_file: &str) -> Result<Self, ConfigError> {
        let read = |key, file| {
            fs::read(file).map_err(|error| config::unusable(key, format_args!("{file}: {error}")))
        };
        Ok(Self {
            cert: read("http.tls.cert_file", cert_file)?,
            key: read("http.tls.key_file", key_file)?,
        })
    }

    fn certified(&self, cert_file: &str, key_file: &str) -> Result<CertifiedKey, ConfigError> {
        let wrong = |key, file: &str, why: &dyn std::fmt::Display| {
            config::unusable(key, format_args!("{file}: {why}"))
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.cert).collect();
        let chain = chain.map_err(|error| wrong("http.tls.cert_file", cert_file, &error))?;
        if chain.is_empty() {
            return Err(wrong(
                "http.tls.cert_file",
                cert_file,
                &"has no certificate",
            ));
        }
        // The parser's errors do not repeat the bytes of the key.
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| wrong("http.tls.key_file", key_file, &error))?;
        CertifiedKey::from_der(chain, key, &tls::provider())
            .map_err(|error| wrong("http.tls.key_file", key_file, &error))
    }
}

/// Prepares a new connection: limits how long the client may take nothing, and records the identity
/// in the client's certificate.
pub(super) fn connected(
    socket: &dyn Any,
    data: &mut Extensions,
    stall: Duration,
    trust_domain: &str,
) {
    if let Some(socket) = socket.downcast_ref::<TcpStream>() {
        cut_off_after(socket, stall);
    } else if let Some(stream) = socket.downcast_ref::<TlsStream<TcpStream>>() {
        let (socket, session) = stream.get_ref();
        cut_off_after(socket, stall);
        let shown = session.peer_certificates().and_then(<[_]>::first);
        match shown.map(|certificate| Peer::of(certificate, trust_domain)) {
            None => {}
            Some(Ok(peer)) => drop(data.insert(peer)),
            // Each connection could log this, before any rate limit.
            Some(Err(error)) if may_log() => {
                tracing::info!(error = %error, "a client certificate names no node")
            }
            Some(Err(_)) => {}
        }
    }
}

/// Lets the kernel close a connection whose client takes no data for `stall` (RFC 5482): the server
/// itself does not check a stream that it cannot write to.
pub(super) fn cut_off_after(socket: &TcpStream, stall: Duration) {
    if let Err(error) = socket2::SockRef::from(socket).set_tcp_user_timeout(Some(stall)) {
        tracing::debug!(error = %error, "the write timeout of a connection could not be set");
    }
}

#[cfg(test)]
mod tests;
