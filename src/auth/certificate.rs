//! Nodes that authenticate with a client certificate.
//!
//! The TLS handshake has verified it already: its chain, its validity period, and that the client
//! has the private key. This module only reads the name in it.

use std::sync::Arc;

use jiff::Timestamp;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
};

use super::{Caller, Credential, Grant, Role, TenantScope};
use crate::domain::{Invalid, event::Actor, ids::TenantName, resource_scope::ResourceScope};

/// The caller at the other end of a connection, until its certificate expires. The connection may
/// live longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    caller: Caller,
    not_after: Timestamp,
}

impl Peer {
    /// Reads the caller and the end of validity from a verified certificate.
    pub fn of(der: &[u8], trust_domain: &str) -> Result<Self, CertificateError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| CertificateError::Unreadable)?;
        Ok(Self {
            caller: named_by(&certificate, trust_domain)?,
            not_after: not_after(&certificate)?,
        })
    }

    /// Returns the caller, or `None` once the certificate has expired.
    pub fn caller(&self, now: Timestamp) -> Option<&Caller> {
        (now <= self.not_after).then_some(&self.caller)
    }
}

/// The reason why a certificate names no caller.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The bytes are no readable certificate.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// The certificate does not have exactly one URI among its subject alternative names, as SPIFFE
    /// requires.
    #[error(
        "the certificate has {0} URIs in its subject alternative names, and must have exactly one"
    )]
    NotOneUri(usize),
    /// The URI has another trust domain, or does not name a node.
    #[error(
        "the certificate does not name a node as spiffe://{trust_domain}/tenant/<tenant>/node/<name>"
    )]
    NotANode {
        /// The configured trust domain.
        trust_domain: String,
    },
    /// The tenant in the URI is not a valid tenant name.
    #[error("the certificate's tenant name is not valid")]
    Tenant(#[from] Invalid),
}

/// Returns the node that a verified certificate names.
pub fn caller(der: &[u8], trust_domain: &str) -> Result<Caller, CertificateError> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|_| CertificateError::Unreadable)?;
    named_by(&certificate, trust_domain)
}

fn not_after(certificate: &X509Certificate<'_>) -> Result<Timestamp, CertificateError> {
    Timestamp::from_second(certificate.validity().not_after.timestamp())
        .map_err(|_| CertificateError::Unreadable)
}

fn named_by(
    certificate: &X509Certificate<'_>,
    trust_domain: &str,
) -> Result<Caller, CertificateError> {
    let names = match certificate.subject_alternative_name() {
        Ok(names) => names.map_or(&[][..], |names| names.value.general_names.as_slice()),
        Err(_) => return Err(CertificateError::Unreadable),
    };
    let uris: Vec<&str> = names
        .iter()
        .filter_map(|name| {
            if let GeneralName::URI(uri) = name {
                Some(*uri)
            } else {
                None
            }
        })
        .collect();
    let [uri] = uris.as_slice() else {
        return Err(CertificateError::NotOneUri(uris.len()));
    };
    let not_a_node = || CertificateError::NotANode {
        trust_domain: trust_domain.to_owned(),
    };
    let (tenant, _) = node(uri, trust_domain).ok_or_else(not_a_node)?;
    let tenant_scope = TenantScope::Tenant(tenant.parse::<TenantName>()?);
    let grant = Grant::new(vec![Role::Node], tenant_scope, ResourceScope::default())?;
    let actor = Actor {
        kind: "certificate".into(),
        id: (*uri).to_owned(),
        token: None,
    };
    let credential = Credential::Certificate {
        ends: not_after(certificate)?.into(),
    };
    Ok(Caller {
        actor: Arc::new(actor),
        grant: Arc::new(grant),
        credential,
        session: None,
    })
}

/// Returns the name of a node that presented a certificate; `None` for all other callers.
pub fn node_name(caller: &Caller) -> Option<&str> {
    let is_certified = matches!(caller.credential, Credential::Certificate { .. });
    let (_, name) = caller
        .actor
        .id
        .rsplit_once("/node/")
        .filter(|_| is_certified)?;
    Some(name)
}

/// Returns the tenant and the name in `spiffe://<trust domain>/tenant/<tenant>/node/<name>`.
fn node<'a>(uri: &'a str, trust_domain: &str) -> Option<(&'a str, &'a str)> {
    let path = uri
        .strip_prefix("spiffe://")?
        .strip_prefix(trust_domain)?
        .strip_prefix("/tenant/")?;
    let (tenant, name) = path.split_once("/node/")?;
    // The characters that SPIFFE allows in a path segment.
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
    let is_name = !name.is_empty() && name.len() <= 128 && name.bytes().all(is_plain);
    is_name.then_some((tenant, name))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    const DOMAIN: &str = "routes.example";

    fn certificate(uris: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["node-1".into()]).unwrap();
        params.subject_alt_names.extend(
            uris.iter()
                .map(|uri| SanType::URI((*uri).try_into().unwrap())),
        );
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .to_vec()
    }

    #[test]
    fn certificate_identifies_a_node_of_one_tenant() {
        let uri = "spiffe://routes.example/tenant/acme/node/edge-1";
        let caller = caller(&certificate(&[uri]), DOMAIN).unwrap();
        assert_eq!(caller.grant.roles(), [Role::Node]);
        assert_eq!(
            caller.grant.tenant_scope().tenant().unwrap().as_str(),
            "acme"
        );
        assert_eq!(
            (caller.actor.kind.as_str(), caller.actor.id.as_str()),
            ("certificate", uri)
        );
        assert!(!caller.reaches(&"other".parse().unwrap()) && !caller.may_manage_tenants());
    }

    #[test]
    fn certificate_with_any_other_uri_identifies_no_caller() {
        let good = "spiffe://routes.example/tenant/acme/node/edge-1";
        for uris in [&[][..], &[good, good], &[good, "https://routes.example/"]] {
            assert_eq!(
                caller(&certificate(uris), DOMAIN),
                Err(CertificateError::NotOneUri(uris.len())),
                "{uris:?}"
            );
        }
        for uri in [
            "spiffe://other.example/tenant/acme/node/edge-1",
            "spiffe://routes.example.evil/tenant/acme/node/edge-1",
            "spiffe://evil.routes.example/tenant/acme/node/edge-1",
            "https://routes.example/tenant/acme/node/edge-1",
            "spiffe://routes.example/tenant/acme",
            "spiffe://routes.example/tenant/acme/node/",
            "spiffe://routes.example/tenant/acme/node/a/b",
            "spiffe://routes.example/tenant/acme/node/a?b",
            "spiffe://routes.example/tenant/acme/node/a/node/b",
            "spiffe://routes.example/x/tenant/acme/node/edge-1",
        ] {
            let error = caller(&certificate(&[uri]), DOMAIN).unwrap_err();
            assert!(
                matches!(error, CertificateError::NotANode { .. }),
                "{uri}: {error}"
            );
        }
        for uri in [
            "spiffe://routes.example/tenant//node/edge-1",
            "spiffe://routes.example/tenant/ACME/node/edge-1",
            "spiffe://routes.example/tenant/a/b/node/edge-1",
            "spiffe://routes.example/tenant/*/node/edge-1",
        ] {
            let error = caller(&certificate(&[uri]), DOMAIN).unwrap_err();
            assert!(
                matches!(error, CertificateError::Tenant(_)),
                "{uri}: {error}"
            );
        }
        assert_eq!(
            caller(b"rubbish", DOMAIN),
            Err(CertificateError::Unreadable)
        );
    }

    #[test]
    fn connection_has_no_caller_after_its_certificate_expires() {
        let peer = Peer::of(
            &certificate(&["spiffe://routes.example/tenant/acme/node/edge-1"]),
            DOMAIN,
        )
        .unwrap();
        let end: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        assert!(peer.caller(end).is_some());
        assert_eq!(peer.caller(end + jiff::SignedDuration::from_secs(1)), None);
    }
}
