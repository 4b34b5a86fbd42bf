//! Certificates from PEM files, and the configuration of all TLS clients.
//!
//! A client uses TLS 1.2 or newer and verifies the server's certificate and name.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::config::{self, ConfigError};

/// Returns the cryptography provider of every TLS connection of this crate. Each connection names
/// it, so none depends on the default provider of the process.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Reads the CAs from a PEM file. `key` is the setting that names the file; errors name this
/// setting.
pub fn roots(key: &str, file: &str) -> Result<RootCertStore, ConfigError> {
    let wrong =
        |error: &dyn std::fmt::Display| config::unusable(key, format_args!("{file}: {error}"));
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

/// Returns the configuration of a client that trusts only the CAs in `ca_file`, the value of the
/// setting `key`.
pub fn client(key: &str, ca_file: &str) -> Result<ClientConfig, ConfigError> {
    trusting(key, roots(key, ca_file)?)
}

/// Returns the configuration of a client that trusts no CA, for libraries that need a configuration
/// although the connection does not use TLS.
pub fn unused_client(key: &str) -> Result<ClientConfig, ConfigError> {
    trusting(key, RootCertStore::empty())
}

fn trusting(key: &str, roots: RootCertStore) -> Result<ClientConfig, ConfigError> {
    let versions =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let versions = versions.map_err(|error| config::unusable(key, error))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}
