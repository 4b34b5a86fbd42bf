//! A certificate for this run, and the connections that trust it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsConnector;

/// The files of a certificate for 127.0.0.1 that signs itself.
pub struct Certificate {
    /// Path of the certificate, in PEM.
    pub certificate: PathBuf,
    /// Path of its key, in PEM.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes a certificate, and writes it into `directory`.
    pub fn make(directory: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let files = Self {
            certificate: directory.join("load.pem"),
            key: directory.join("load.key"),
        };
        fs::write(&files.certificate, made.cert.pem())?;
        fs::write(&files.key, made.signing_key.serialize_pem())?;
        Ok(files)
    }

    /// Returns what encrypts connections to a server with this certificate.
    pub fn connector(&self) -> Result<TlsConnector> {
        let path = self.certificate.to_str().context("a path in UTF-8")?;
        let config = traffic_manager::tls::client("the load program", path)?;
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Returns the configuration of a server with this certificate.
pub fn server(certificate: &Path, key: &Path) -> Result<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    Ok(ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?)
}
