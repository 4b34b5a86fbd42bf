//! Servers behind the proxies. Each answers with its name and with the request as it came.

use std::{
    collections::VecDeque,
    io::ErrorKind,
    net::{Ipv6Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustls::ServerConfig;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::wire::{self, Kind, Message};
use crate::{authority::Identity, ports::free_address};

/// A running server at `localhost`, whose certificate, if it has one, must be for that name.
pub struct Upstream {
    pub address: SocketAddr,
    server: Arc<Server>,
    run: Option<Run>,
}

struct Server {
    name: String,
    tls: Option<TlsAcceptor>,
    manner: watch::Sender<Manner>,
    /// The requests that come next and get a fault instead of an answer.
    faults: Mutex<VecDeque<Fault>>,
    requests: AtomicU64,
}

/// What becomes of one request instead of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this status.
    Status(u16),
    /// Its connection is closed.
    Close,
}

/// How requests are answered.
#[derive(Debug, Clone, Copy)]
struct Manner {
    status: u16,
    after: Duration,
}

/// The listeners and their connections, from a start to a stop.
struct Run {
    end: CancellationToken,
    accepting: JoinSet<()>,
}

impl Upstream {
    /// Starts a server without TLS.
    pub async fn plain(name: &str) -> Self {
        Self::run(name, None).await
    }

    /// Starts a server that presents this certificate, and speaks only HTTP/1.1.
    pub async fn tls(name: &str, shown: &Identity) -> Self {
        let mut config = ServerConfig::builder_with_provider(traffic_manager::tls::provider())
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(shown.chain(), shown.private_key())
            .expect("a certificate and its key");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self::run(name, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn run(name: &str, tls: Option<TlsAcceptor>) -> Self {
        let manner = Manner {
            status: 200,
            after: Duration::ZERO,
        };
        let mut upstream = Self {
            address: free_address(),
            server: Arc::new(Server {
                name: name.to_owned(),
                tls,
                manner: watch::Sender::new(manner),
                faults: Mutex::default(),
                requests: AtomicU64::new(0),
            }),
            run: None,
        };
        upstream.start().await;
        upstream
    }

    /// Returns `localhost` and the port, as in a URL and a `Host` header.
    pub fn authority(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// Returns the URL of a path, which is empty or begins with `/`.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.server.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{path}", self.authority())
    }

    /// Returns the number of requests that came, answered or not.
    pub fn requests(&self) -> u64 {
        self.server.requests.load(Ordering::SeqCst)
    }

    /// Answers all following requests with this status.
    pub fn answer_with(&self, status: u16) {
        self.server
            .manner
            .send_modify(|manner| manner.status = status);
    }

    /// Answers all following requests after this time.
    pub fn answer_after(&self, after: Duration) {
        self.server
            .manner
            .send_modify(|manner| manner.after = after);
    }

    /// Lets the next requests fail so, one each. Faults that no request has had are forgotten.
    pub fn fail_next(&self, faults: &[Fault]) {
        *self.server.faults.lock().expect("no panic") = faults.iter().copied().collect();
    }

    /// Closes the port and all connections, also those whose request waits for its answer.
    pub async fn stop(&mut self) {
        if let Some(run) = self.run.take() {
            run.end.cancel();
            run.accepting.join_all().await;
        }
    }

    /// Opens the same port again after [`Upstream::stop`].
    pub async fn start(&mut self) {
        let (end, mut accepting) = (CancellationToken::new(), JoinSet::new());
        for listener in listeners(self.address).await {
            accepting.spawn(accept(listener, self.server.clone(), end.clone()));
        }
        self.run = Some(Run { end, accepting });
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(run) = &self.run {
            run.end.cancel();
        }
    }
}

/// Listens at both addresses of `localhost`, if this machine has both: some proxies prefer one,
/// some the other.
async fn listeners(address: SocketAddr) -> Vec<TcpListener> {
    let first = TcpListener::bind(address).await;
    let mut listeners = vec![first.expect("the upstream's port is free")];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, address.port())).await {
        Ok(listener) => listeners.push(listener),
        Err(error) => assert_ne!(error.kind(), ErrorKind::AddrInUse, "{address} over IPv6"),
    }
    listeners
}

async fn accept(listener: TcpListener, server: Arc<Server>, end: CancellationToken) {
    while let Some(Ok((client, _))) = end.run_until_cancelled(listener.accept()).await {
        let (server, end) = (server.clone(), end.clone());
        tokio::spawn(async move { end.run_until_cancelled(connection(client, server)).await });
    }
}

/// Serves one connection. An error is the client's affair: it gets no answer.
async fn connection(client: TcpStream, server: Arc<Server>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let Some(tls) = server.tls.clone() else {
        return requests(client, &server, None).await;
    };
    let client = tls.accept(client).await?;
    let asked_name = client.get_ref().1.server_name().map(str::to_owned);
    requests(client, &server, asked_name).await
}

async fn requests(
    client: impl AsyncRead + AsyncWrite + Unpin,
    server: &Server,
    asked_name: Option<String>,
) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    while let Some(request) = wire::read(&mut client, Kind::Request).await? {
        server.requests.fetch_add(1, Ordering::SeqCst);
        let Manner { mut status, after } = *server.manner.borrow();
        match server.faults.lock().expect("no panic").pop_front() {
            Some(Fault::Close) => break,
            Some(Fault::Status(instead)) => status = instead,
            None => {}
        }
        if !after.is_zero() {
            tokio::time::sleep(after).await;
        }
        let body = echo(server, &request, asked_name.as_deref());
        let answer = format!(
            "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\nx-upstream: {}\r\ncontent-length: {}\r\n\r\n",
            server.name,
            body.len()
        );
        client.write_all(answer.as_bytes()).await?;
        if !request.start.starts_with("HEAD ") {
            client.write_all(body.as_bytes()).await?;
        }
        client.flush().await?;
        if request.closes() {
            break;
        }
    }
    Ok(())
}

/// The body of an answer; [`super::ask::Echo`] reads it.
fn echo(server: &Server, request: &Message, asked_name: Option<&str>) -> String {
    let mut words = request.start.split(' ');
    json!({
        "name": server.name,
        "method": words.next(),
        "target": words.next(),
        "host": request.header("host"),
        "server_name": asked_name,
        "headers": request.headers,
        "body": String::from_utf8_lossy(&request.body),
    })
    .to_string()
}
