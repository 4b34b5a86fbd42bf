//! A small server that hands each request to the player, with the connection to answer on.

use std::collections::BTreeMap;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

pub struct Request {
    /// The place of the server in the watcher's list.
    pub server: usize,
    pub path: String,
    pub query: String,
    /// By name in lower case, and the method as `:method`.
    pub headers: BTreeMap<String, String>,
    pub connection: TcpStream,
}

/// Starts a server, and returns its base URL.
pub async fn start(server: usize, requests: mpsc::UnboundedSender<Request>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let requests = requests.clone();
            tokio::spawn(async move {
                if let Some(request) = read(server, connection).await {
                    let _ = requests.send(request);
                }
            });
        }
    });
    format!("http://{address}")
}

async fn read(server: usize, mut connection: TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let target = target.split(' ').next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let method = (":method", method);
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Request {
        server,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers
            .chain([method])
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        connection,
    })
}

/// Writes bytes at once, or one by one.
pub async fn write(connection: &mut TcpStream, bytes: &[u8], slow: bool) {
    if !slow {
        let _ = connection.write_all(bytes).await;
        return;
    }
    connection.set_nodelay(true).unwrap();
    for byte in bytes {
        let _ = connection.write_all(&[*byte]).await;
        tokio::task::yield_now().await;
    }
}
