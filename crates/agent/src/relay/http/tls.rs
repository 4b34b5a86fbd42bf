//! The certificate of the listener, which is read again so that a renewal needs no restart.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::config::relay::Relay;

/// The time between reads of the files.
const AGAIN: Duration = Duration::from_secs(60);

/// The certificate of now.
#[derive(Clone)]
pub struct Certificate(Arc<RwLock<Arc<ServerConfig>>>);

impl Certificate {
    /// Reads the files of the configuration; `None` if it names none.
    pub fn read(relay: &Relay) -> anyhow::Result<Option<Self>> {
        Ok(read(relay)?.map(|config| Self(Arc::new(RwLock::new(config)))))
    }

    /// An acceptor with the certificate of now.
    pub fn acceptor(&self) -> TlsAcceptor {
        let config = self.0.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&config))
    }

    /// Reads the files again and again, until it is dropped. Files that are not good change nothing.
    pub async fn renew(&self, relay: &Relay) {
        loop {
            tokio::time::sleep(AGAIN).await;
            match read(relay) {
                Ok(Some(config)) => {
                    *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!("the certificate stays as it is: {error:#}"),
            }
        }
    }
}

fn read(relay: &Relay) -> anyhow::Result<Option<Arc<ServerConfig>>> {
    let (Some(chain), Some(key)) = (&relay.certificate_file, &relay.key_file) else {
        return Ok(None);
    };
    let failed = || format!("relay.certificate_file: cannot read {}", chain.display());
    let certificates = CertificateDer::pem_file_iter(chain).with_context(failed)?;
    let certificates: Vec<_> = certificates
        .collect::<Result<_, _>>()
        .with_context(failed)?;
    if certificates.is_empty() {
        bail!(
            "relay.certificate_file: no certificate in {}",
            chain.display()
        );
    }
    let failed = || format!("relay.key_file: cannot read {}", key.display());
    let key = PrivateKeyDer::from_pem_file(key).with_context(failed)?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .context("relay.certificate_file, relay.key_file: do not fit together")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}
