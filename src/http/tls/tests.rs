//! Tests of the replacement of certificates, and of the callers that client certificates name.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

use actix_web::{App, HttpRequest, HttpServer, web};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::*;

/// Two files in a folder that is deleted after the test.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tm-tls-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, cert: &str, key: &str) -> (String, String) {
        let path = |name| self.0.join(name).to_str().unwrap().to_owned();
        let (cert_file, key_file) = (path("cert.pem"), path("key.pem"));
        fs::write(&cert_file, cert).unwrap();
        fs::write(&key_file, key).unwrap();
        (cert_file, key_file)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn reload_accepts_a_new_pair_and_refuses_a_broken_one() {
    let files = Files::new();
    let ((cert, key), (other_cert, other_key)) = (pair(), pair());
    let (cert_file, key_file) = files.write(&cert, &key);
    let certificates = Certificates::read(&cert_file, &key_file).unwrap();
    let first = certificates.current.load_full();
    let is_first = || Arc::ptr_eq(&certificates.current.load_full(), &first);
    assert_eq!(certificates.reload(), Reloaded::Unchanged);
    // A certificate that is written before its key, an invalid certificate and an empty key; a
    // missing file follows below.
    for (cert, key) in [
        (&other_cert, &key),
        (&"rubbish".to_owned(), &key),
        (&cert, &String::new()),
    ] {
        files.write(cert, key);
        assert_eq!(certificates.reload(), Reloaded::Refused);
        assert_eq!(certificates.reload(), Reloaded::Unchanged, "logged once");
        assert!(is_first());
    }
    fs::remove_file(&key_file).unwrap();
    assert_eq!(certificates.reload(), Reloaded::Refused);
    assert!(is_first());
    files.write(&other_cert, &other_key);
    assert_eq!(certificates.reload(), Reloaded::Replaced);
    assert!(!is_first());
}

#[test]
fn unusable_tls_file_stops_the_start_and_is_not_printed() {
    let files = Files::new();
    let ((cert, key), (_, other_key)) = (pair(), pair());
    for (cert, key, at) in [
        ("", key.as_str(), "http.tls.cert_file"),
        (cert.as_str(), "secret", "http.tls.key_file"),
        (&cert, &other_key, "http.tls.key_file"),
    ] {
        let (cert_file, key_file) = files.write(cert, key);
        let message = Certificates::read(&cert_file, &key_file)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(at) && !message.contains("secret"),
            "{message}"
        );
    }
}

const DOMAIN: &str = "routes.example";

/// Answers with the caller that the connection's client certificate names.
async fn who(request: HttpRequest) -> String {
    let peer = request
        .conn_data::<Peer>()
        .and_then(|peer| peer.caller(jiff::Timestamp::now()));
    peer.map_or_else(|| "nobody".to_owned(), |caller| caller.actor.id.clone())
}

/// Returns the answer of [`who`] to a client that shows the certificate `shown`.
async fn answer(
    address: SocketAddr,
    server: CertificateDer<'static>,
    shown: Option<(CertificateDer<'static>, KeyPair)>,
) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(server).unwrap();
    let config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = config.with_root_certificates(roots);
    let config = match shown {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            config
                .with_client_auth_cert(vec![certificate], key)
                .unwrap()
        }
    };
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await
        .unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer.rsplit("\r\n").next().unwrap_or_default().to_owned()
}

#[actix_web::test]
async fn connection_carries_the_identity_of_its_certificate() {
    let files = Files::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (cert_file, key_file) = files.write(&made.cert.pem(), &made.signing_key.serialize_pem());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "CA of nodes");
    let key = KeyPair::generate().unwrap();
    let client_ca_file = files.0.join("ca.pem").to_str().unwrap().to_owned();
    fs::write(&client_ca_file, params.self_signed(&key).unwrap().pem()).unwrap();
    let nodes = Issuer::new(params, key);
    let settings = config::HttpTls {
        cert_file,
        key_file,
        client_ca_file,
        trust_domain: DOMAIN.to_owned(),
        reload: Duration::from_secs(60),
    };

    let transport = Transport::of(&settings).unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = HttpServer::new(|| App::new().default_service(web::to(who)))
        .on_connect(|socket, data| connected(socket, data, Duration::from_secs(5), DOMAIN))
        .workers(1)
        .disable_signals()
        .listen_rustls_0_23(listener, transport.into_config())
        .unwrap()
        .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let node = |uri: Option<&str>| {
        let mut params = CertificateParams::new(vec!["client".into()]).unwrap();
        params
            .subject_alt_names
            .extend(uri.map(|uri| SanType::URI(uri.try_into().unwrap())));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &nodes).unwrap().der().clone(), key)
    };
    let edge = "spiffe://routes.example/tenant/acme/node/edge-1";
    for (shown, named) in [
        (Some(node(Some(edge))), edge),
        (
            Some(node(Some("spiffe://other.example/tenant/acme/node/edge-1"))),
            "nobody",
        ),
        (Some(node(None)), "nobody"),
        (None, "nobody"),
    ] {
        assert_eq!(answer(address, made.cert.der().clone(), shown).await, named);
    }
    handle.stop(false).await;
}
