//! A server in front of a relay that lies.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{plane::NODE, process::ask};

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It answers the first state for ever.
    Older,
    /// It changes a byte of each state.
    Altered,
    /// It says that nothing is new.
    Withheld,
}

/// A liar. Its streams have nothing but comments.
pub struct Liar {
    pub address: SocketAddr,
    /// The requests so far.
    pub asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

struct First {
    lie: Lie,
    relay: String,
    etag: String,
    signature: String,
    body: Vec<u8>,
}

impl Liar {
    /// Begins to lie about the tenant `acme`, with the state of now as the first.
    pub async fn start(relay: &str, lie: Lie) -> Self {
        let url = format!("{relay}/api/v1/tenants/acme/snapshot");
        let answer = ask(&url, NODE, &[]).await;
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let first = Arc::new(First {
            lie,
            relay: url,
            etag: header("etag"),
            signature: header("tm-signature"),
            body: answer.bytes().await.unwrap().into(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (first, count) = (Arc::clone(&first), Arc::clone(&count));
                tokio::spawn(async move {
                    count.fetch_add(1, Ordering::Relaxed);
                    lie_to(connection, &first).await
                });
            }
        });
        Self {
            address,
            asked,
            task,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn lie_to(mut connection: TcpStream, first: &First) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    if head.contains("/stream") {
        let head =
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\r\n:\n\n";
        connection.write_all(head).await.ok()?;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            connection.write_all(b":\n\n").await.ok()?;
        }
    }
    let has = head
        .lines()
        .find_map(|line| line.strip_prefix("if-none-match: "));
    if let (Some(has), Lie::Withheld) = (has, first.lie) {
        let head = format!("HTTP/1.1 304 Not Modified\r\nconnection: close\r\netag: {has}\r\n\r\n");
        return connection.write_all(head.as_bytes()).await.ok();
    }
    let (mut body, mut etag, mut signature) = (
        first.body.clone(),
        first.etag.clone(),
        first.signature.clone(),
    );
    if first.lie == Lie::Altered {
        let answer = ask(&first.relay, NODE, &[]).await;
        let header = |name: &str| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
        (etag, signature) = (header("etag")?, header("tm-signature")?);
        let text = answer.text().await.ok()?;
        body = text.replacen(".example", ".exbmple", 1).into_bytes();
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\netag: {etag}\r\ntm-signature: {signature}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.ok()?;
    connection.write_all(&body).await.ok()
}
