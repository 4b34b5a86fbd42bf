//! Keys over TLS: only from the configured host, and only if a trusted authority has signed its
//! certificate.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use traffic_manager::auth::jwt::Now;

use crate::{issuer::Issuer, signer::Signer};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// A server's TLS configuration for `host`. Its certificate expires in a day, or expired a day ago
/// if `days` is negative.
fn server(authority: &Authority, host: &str, days: i64) -> ServerConfig {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([host.to_owned()]).expect("a name");
    let day = std::time::Duration::from_secs(86_400);
    let now = std::time::SystemTime::now();
    params.not_before = (now - 30 * day).into();
    params.not_after = if days < 0 { now - day } else { now + day }.into();
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("versions");
    builder
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a server")
}

/// Returns whether a verifier takes keys from a server with this certificate. It trusts only
/// `trusted`, or the system's authorities.
async fn takes(tls: ServerConfig, trusted: Option<&Authority>) -> bool {
    let issuer = Issuer::with_tls(&[&Signer::ec("k1")], tls);
    let file = std::env::temp_dir().join(format!("tm-ca-{}.pem", uuid::Uuid::new_v4()));
    let verifier = match trusted {
        None => issuer.verifier(&[]),
        Some(trusted) => {
            std::fs::write(&file, trusted.pem()).expect("a file");
            let verifier = issuer.verifier(&[&format!("ca_file={}", file.display())]);
            std::fs::remove_file(&file).expect("it is there");
            verifier
        }
    };
    let is_taken = verifier.refresh(Now::read()).await;
    assert_eq!(
        issuer.asked(),
        usize::from(is_taken),
        "no request goes to a wrong server"
    );
    is_taken
}

#[tokio::test]
async fn signing_keys_come_only_from_the_configured_host() {
    let (ours, other) = (authority(), authority());
    assert!(
        takes(server(&ours, "localhost", 1), Some(&ours)).await,
        "the right one"
    );
    assert!(
        !takes(server(&ours, "elsewhere.example", 1), Some(&ours)).await,
        "of another host"
    );
    assert!(
        !takes(server(&ours, "localhost", -1), Some(&ours)).await,
        "expired"
    );
    assert!(
        !takes(server(&other, "localhost", 1), Some(&ours)).await,
        "of another authority"
    );
    assert!(
        !takes(server(&ours, "localhost", 1), None).await,
        "unknown to the system"
    );
}
