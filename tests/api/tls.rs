//! The API over TLS: accepted and refused clients, and certificates that are replaced while clients
//! are connected.

use std::{
    io::ErrorKind,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, HandshakeKind,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use traffic_manager::{
    app::{App, Role},
    tls,
};

use crate::support::{
    Database, PATIENCE,
    authority::{Authority, Folder, Identity, Time},
    eventually, metrics, settings,
};

const HERE: &str = "127.0.0.1";

/// A service over TLS. It is not a `TestApp`, because the client of a `TestApp` trusts only the
/// stack's CA.
struct Service {
    app: App,
    authority: Authority,
    folder: Folder,
    _db: Database,
}

impl Service {
    async fn start(more: impl Fn(&Folder) -> Vec<String>) -> Self {
        let (authority, folder, db) = (Authority::new(), Folder::new(), Database::create().await);
        let shown = authority.server(HERE, Time::Now);
        let mut all = vec![
            format!(
                "http.tls.cert_file={}",
                folder.write("cert.pem", &shown.cert)
            ),
            format!("http.tls.key_file={}", folder.write("key.pem", &shown.key)),
            "http.tls.reload_ms=100".to_owned(),
        ];
        all.extend(more(&folder));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let app = App::start(settings(&db, &all), Role::Serve, metrics())
            .await
            .expect("the service starts");
        Self {
            app,
            authority,
            folder,
            _db: db,
        }
    }

    /// Starts a service that asks clients for certificates of the CA `nodes`.
    async fn asking(nodes: &Authority) -> Self {
        let ca = |folder: &Folder| {
            vec![
                format!("http.tls.client_ca_file={}", nodes.file(folder)),
                "http.tls.trust_domain=routes.example".to_owned(),
            ]
        };
        Self::start(ca).await
    }

    async fn socket(&self) -> TcpStream {
        TcpStream::connect(self.app.api.unwrap())
            .await
            .expect("the service listens")
    }

    /// Returns a client that trusts the service's CA and shows `identity`.
    fn client(&self, identity: Option<&Identity>) -> TlsConnector {
        let config = ClientConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap();
        let ca = self.authority.file(&self.folder);
        let config = config.with_root_certificates(tls::roots("test", &ca).unwrap());
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => config
                .with_client_auth_cert(identity.chain(), identity.private_key())
                .unwrap(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    async fn connect_as(&self, client: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
        client
            .connect(ServerName::try_from(HERE).unwrap(), self.socket().await)
            .await
    }

    async fn connect(&self, identity: Option<&Identity>) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_as(&self.client(identity)).await
    }

    /// Returns whether a client that shows `identity` gets an answer.
    async fn answers(&self, identity: Option<&Identity>) -> bool {
        // With TLS 1.3 a client that is refused learns of it when it reads.
        match self.connect(identity).await {
            Ok(mut stream) => status(&mut stream)
                .await
                .is_ok_and(|status| status == "200"),
            Err(_) => false,
        }
    }
}

/// Asks for the health of the service, and leaves the connection open.
async fn status(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    stream
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await?;
    let (mut answer, mut byte) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"}") {
        match stream.read(&mut byte).await? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            length => answer.extend_from_slice(&byte[..length]),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.split(' ').nth(1).unwrap_or_default().to_owned())
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0]
        .clone()
        .into_owned()
}

/// Returns the bytes that come until the service ends the connection.
async fn rest(mut socket: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest))
        .await
        .expect("the service ends the connection");
    rest
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificate_is_used_without_closing_connections() {
    let service = Service::start(|_| Vec::new()).await;
    let mut before = service.connect(None).await.unwrap();
    assert_eq!(status(&mut before).await.unwrap(), "200");
    let first = shown(&before);
    assert_eq!(
        before.get_ref().1.alpn_protocol(),
        Some(&b"http/1.1"[..]),
        "HTTP/1.1 only, because the limits are per connection"
    );

    // Replaces one file after the other, as a rotation does. In between the two files do not fit
    // together.
    let renewed = service.authority.server(HERE, Time::Now);
    service.folder.write("cert.pem", &renewed.cert);
    for _ in 0..20 {
        assert_eq!(
            shown(&service.connect(None).await.unwrap()),
            first,
            "the old one stays while the pair is broken"
        );
    }
    service.folder.write("key.pem", &renewed.key);
    eventually("the new certificate is shown", async || {
        (shown(&service.connect(None).await.unwrap()) == renewed.chain()[0]).then_some(())
    })
    .await;
    assert_eq!(
        status(&mut before).await.unwrap(),
        "200",
        "the earlier connection still works"
    );
    service.app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificate_is_optional_and_checked() {
    let (nodes, others) = (Authority::new(), Authority::new());
    let service = Service::asking(&nodes).await;
    let uris = ["spiffe://routes.example/tenant/acme/node/edge-1"];
    assert!(service.answers(None).await, "a certificate is optional");
    assert!(
        service.answers(Some(&nodes.client(&uris, Time::Now))).await,
        "a node's"
    );
    assert!(
        service.answers(Some(&nodes.client(&[], Time::Now))).await,
        "a certificate without an identity"
    );
    assert!(
        !service
            .answers(Some(&nodes.client(&uris, Time::Over)))
            .await,
        "an expired one"
    );
    assert!(
        !service
            .answers(Some(&others.client(&uris, Time::Now)))
            .await,
        "one of another CA"
    );
    assert!(
        !service
            .answers(Some(&nodes.server("client", Time::Now)))
            .await,
        "one for servers"
    );
    service.app.drain().await;
}

/// A TLS session that is resumed from an earlier one would outlive the certificate.
#[tokio::test(flavor = "multi_thread")]
async fn every_connection_makes_a_full_tls_handshake() {
    let nodes = Authority::new();
    let service = Service::asking(&nodes).await;
    let client = service.client(Some(&nodes.client(&[], Time::Now)));
    for _ in 0..3 {
        let mut stream = service.connect_as(&client).await.unwrap();
        assert_eq!(status(&mut stream).await.unwrap(), "200");
        assert_eq!(
            stream.get_ref().1.handshake_kind(),
            Some(HandshakeKind::Full)
        );
    }
    service.app.drain().await;
}

/// Returns the first message of a client that speaks only TLS 1.0, 1.1 or 1.2 (minor version 1, 2,
/// 3). Everything else in it would be accepted.
fn hello(minor: u8) -> Vec<u8> {
    // Groups: P-256. Signatures: ECDSA with P-256 and SHA-256.
    let extensions = [0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3];
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    hello.push(0);
    // Suites: ECDHE-ECDSA with AES-128-GCM, and with AES-128-CBC for a server that knows no other.
    // No compression.
    hello.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x09, 1, 0]);
    hello.extend([0, extensions.len() as u8]);
    hello.extend(extensions);
    let length = hello.len() as u8;
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_1_and_plain_text_are_refused() {
    let service = Service::start(|_| Vec::new()).await;
    for minor in [1, 2] {
        let mut socket = service.socket().await;
        socket.write_all(&hello(minor)).await.unwrap();
        let answer = rest(socket).await;
        // A fatal alert: protocol_version.
        assert_eq!(
            (answer.first(), answer.get(5..)),
            (Some(&21), Some(&[2, 70][..])),
            "{answer:?}"
        );
    }
    let mut socket = service.socket().await;
    socket.write_all(&hello(3)).await.unwrap();
    assert_eq!(
        socket.read_u8().await.unwrap(),
        22,
        "TLS 1.2 goes on with the handshake"
    );
    let mut socket = service.socket().await;
    socket
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(socket).await;
    assert!(
        !String::from_utf8_lossy(&answer).contains("HTTP"),
        "{answer:?}"
    );
    service.app.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_tls_handshakes_are_cut_off_and_delay_no_other() {
    // This timeout is longer than the library's own limit, which would apply without ours.
    let service = Service::start(|_| vec!["http.client_header_timeout_ms=6000".to_owned()]).await;
    let began = Instant::now();
    let mut slow = Vec::new();
    // More handshakes than the library lets begin at a time.
    for _ in 0..600 {
        slow.push(service.socket().await);
    }
    let mut half = service.socket().await;
    half.write_all(&hello(3)[..20]).await.unwrap();
    assert!(service.answers(None).await);
    let is_open = |socket: &TcpStream| {
        socket
            .try_read(&mut [0])
            .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    assert!(
        slow.iter().all(is_open),
        "the handshake waited for the slow ones"
    );
    rest(half).await;
    rest(slow.swap_remove(0)).await;
    assert!(
        began.elapsed() >= Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    service.app.drain().await;
}
