//! Certificates and keys from PEM files, and the one way to be a TLS client: TLS 1.2 or newer, the server's certificate and name
//! verified.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::config::{self, ConfigError};

/// The cryptography of every TLS connection of this crate. Named each time, so that none depends on what the process has installed.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The CAs in a file, which is the value of `key`.
pub fn roots(key: &str, file: &str) -> Result<RootCertStore, ConfigError> {
    let wrong = |error: &dyn std::fmt::Display| config::unusable(key, format_args!("{file}: {error}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"has no certificate"));
    }
    Ok(roots)
}

/// A client that believes the CAs in `ca_file`, the value of `key`.
pub fn client(key: &str, ca_file: &str) -> Result<ClientConfig, ConfigError> {
    trusting(key, roots(key, ca_file)?)
}

/// A client that believes nobody: for connections that do not use TLS at all, where a library wants a configuration all the same.
pub fn unused_client(key: &str) -> Result<ClientConfig, ConfigError> {
    trusting(key, RootCertStore::empty())
}

fn trusting(key: &str, roots: RootCertStore) -> Result<ClientConfig, ConfigError> {
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| config::unusable(key, error))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}
