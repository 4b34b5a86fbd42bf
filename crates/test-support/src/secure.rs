//! The same tests with everything encrypted: `make test-secure`.
//!
//! With `TM_TEST_SECURE=1`, and the addresses of `.stack/env.secure`, each service that a test
//! starts serves TLS and speaks TLS to Postgres, Kafka (as a SCRAM user) and MongoDB. The tests'
//! own clients use TLS, too. The service authenticates every caller: each database has the key of a
//! `platform_admin`, which the tests' clients send unless a test says otherwise. Nothing else
//! differs: the requests of a test stay as they are.

use std::{net::SocketAddr, sync::LazyLock};

use rdkafka::ClientConfig;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use traffic_manager::auth::key::{NewToken, Pepper};

use super::database::{Database, variable};

/// The pepper for the hashes of the tests' tokens.
const PEPPER: &str = "the pepper of tests that are encrypted, which is not used anywhere else";

/// The id of the tests' key.
const KEY: &str = "testsOfTests";

static TOKEN: LazyLock<SecretString> = LazyLock::new(|| {
    NewToken::of(KEY.parse().expect("the id of a key"), &pepper())
        .expect("randomness")
        .token
});

fn pepper() -> Pepper {
    Pepper::new(&PEPPER.into()).expect("a pepper")
}

/// The actor of a test's calls: its kind and its id.
pub fn actor() -> (&'static str, &'static str) {
    if is_on() {
        ("key", KEY)
    } else {
        ("anonymous", "anonymous")
    }
}

/// The id of the actor of a test's calls.
pub fn who() -> &'static str {
    actor().1
}

/// The `Authorization` line for a request that a test writes by hand; empty if the run is not
/// encrypted.
pub fn authorization() -> String {
    if is_on() {
        format!("authorization: Bearer {}\r\n", TOKEN.expose_secret())
    } else {
        String::new()
    }
}

/// The token and the authorities (PEM) of a client that is not [`http`]; `None` if the run is not encrypted.
pub fn client() -> Option<(&'static str, Vec<u8>)> {
    is_on().then(|| {
        let authorities = std::fs::read(ca()).expect("the CA");
        (TOKEN.expose_secret(), authorities)
    })
}

/// Inserts the tests' key into a database.
pub async fn let_in(database: &Database) {
    if is_on() {
        let hash = pepper().hash(&TOKEN);
        let sql = "insert into api_keys (id, roles, services, envs, description, hash, created_by, changed) \
                   values ($1, '{platform_admin}', '{}', '{}', 'of the tests', $2, 'the tests', 0)";
        database.execute(sql, &[&KEY, &&hash.0[..]]).await;
    }
}

/// Whether everything is encrypted in this run.
pub fn is_on() -> bool {
    std::env::var("TM_TEST_SECURE").is_ok_and(|value| value == "1")
}

/// The file with the CA of the stack's certificates.
pub fn ca() -> String {
    variable("STACK_CA")
}

/// The additional settings of a service in an encrypted run.
pub fn overrides() -> Vec<(&'static str, String)> {
    if !is_on() {
        return Vec::new();
    }
    vec![
        ("http.tls.cert_file", variable("TM__HTTP__TLS__CERT_FILE")),
        ("http.tls.key_file", variable("TM__HTTP__TLS__KEY_FILE")),
        ("postgres.ca_file", ca()),
        ("kafka.security_protocol", "sasl_ssl".into()),
        ("kafka.ca_file", ca()),
        ("kafka.sasl_username", variable("KAFKA_USERNAME")),
        ("kafka.sasl_password", variable("KAFKA_PASSWORD")),
        ("mongo.ca_file", ca()),
        ("auth.mode", "required".into()),
        ("auth.key_pepper", PEPPER.into()),
    ]
}

/// The base URL of an API that listens at this address.
pub fn base(api: SocketAddr) -> String {
    let scheme = if is_on() { "https" } else { "http" };
    format!("{scheme}://{api}")
}

/// A client of the API. In an encrypted run it sends the tests' key.
pub fn http() -> reqwest::ClientBuilder {
    let mut headers = HeaderMap::new();
    if is_on() {
        let token = format!("Bearer {}", TOKEN.expose_secret());
        headers.insert(
            AUTHORIZATION,
            HeaderValue::from_str(&token).expect("a header"),
        );
    }
    stranger().default_headers(headers)
}

/// The same without a key.
pub fn stranger() -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder();
    if !is_on() {
        return builder;
    }
    let pem = std::fs::read(ca()).expect("the stack's CA");
    builder.tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")])
}

/// Sends `GET` with a client of its own.
pub async fn get(url: &str) -> reqwest::Result<reqwest::Response> {
    http().build().expect("a client").get(url).send().await
}

/// The configuration of a Kafka client. In an encrypted run it has TLS and SCRAM.
pub fn kafka() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", variable("KAFKA_BOOTSTRAP"));
    if is_on() {
        config
            .set("security.protocol", "sasl_ssl")
            .set("ssl.ca.location", ca())
            .set("sasl.mechanism", "SCRAM-SHA-512")
            .set("sasl.username", variable("KAFKA_USERNAME"))
            .set("sasl.password", variable("KAFKA_PASSWORD"));
    }
    config
}

/// The query of a MongoDB URL whose user is in `database`.
pub fn mongo_query(database: &str) -> String {
    let tls = if is_on() {
        format!("&tls=true&tlsCAFile={}", ca())
    } else {
        String::new()
    };
    format!("directConnection=true&authSource={database}{tls}")
}

/// A stream of bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Wraps a connection as this run needs it: in TLS if the run is encrypted.
pub async fn over(stream: TcpStream) -> Box<dyn Duplex> {
    if !is_on() {
        return Box::new(stream);
    }
    let config = traffic_manager::tls::client("STACK_CA", &ca()).expect("the stack's CA");
    let name = ServerName::from(std::net::Ipv4Addr::LOCALHOST);
    Box::new(
        TlsConnector::from(std::sync::Arc::new(config))
            .connect(name, stream)
            .await
            .expect("a TLS handshake"),
    )
}

/// A connection to an API with a small receive buffer, so that the client takes little at a time.
pub async fn narrow(base: &str) -> Box<dyn Duplex> {
    let address: SocketAddr = base
        .split_once("://")
        .expect("a URL")
        .1
        .parse()
        .expect("an address");
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket
        .connect(&address.into())
        .expect("the service listens");
    socket.set_nonblocking(true).expect("a socket");
    over(TcpStream::from_std(socket.into()).expect("a socket")).await
}
