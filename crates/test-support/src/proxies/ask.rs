//! A client of the proxies that sends what a test says, byte by byte.

use std::{io, net::SocketAddr, time::Duration};

use serde::Deserialize;
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::wire::{self, Kind, Message};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request to a proxy.
#[derive(Debug, Clone)]
pub struct Ask {
    to: SocketAddr,
    method: String,
    target: String,
    host: String,
    headers: Vec<(String, String)>,
    cookies: Vec<String>,
    body: Option<Vec<u8>>,
}

/// An answer of a proxy.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    message: Message,
}

/// The answer of an [`super::upstreams::Upstream`]: its name and the request that came to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Echo {
    pub name: String,
    pub method: String,
    /// The path and query, exactly as they came.
    pub target: String,
    pub host: String,
    /// The host name in the TLS handshake (SNI).
    pub server_name: Option<String>,
    /// All header fields in their order, the names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Ask {
    /// A `GET` of `target`, a path with a query or anything else, which is sent unchanged. The
    /// `Host` header is the address.
    pub fn get(to: SocketAddr, target: &str) -> Self {
        Self {
            to,
            method: "GET".to_owned(),
            target: target.to_owned(),
            host: to.to_string(),
            headers: Vec::new(),
            cookies: Vec::new(),
            body: None,
        }
    }

    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Adds a header line; a name may come more than once.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a cookie. All of them go into one header.
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.push(format!("{name}={value}"));
        self
    }

    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut ask = self.header("content-type", content_type);
        ask.body = Some(body.into());
        ask
    }

    /// Sends the request on a connection of its own.
    pub async fn send(&self) -> io::Result<Answer> {
        Connection::default().ask(self).await
    }

    fn text(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\n",
            self.method, self.target, self.host
        );
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            head += &format!("cookie: {}\r\n", self.cookies.join("; "));
        }
        if let Some(body) = &self.body {
            head += &format!("content-length: {}\r\n", body.len());
        }
        let mut text = (head + "\r\n").into_bytes();
        text.extend(self.body.iter().flatten());
        text
    }
}

/// A connection to one proxy, kept from request to request as long as the proxy keeps it.
#[derive(Default)]
pub struct Connection(Option<BufReader<TcpStream>>);

impl Connection {
    /// Returns whether the next request uses a connection that has served one before.
    pub fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Sends a request and reads its answer. After an error the next request opens a new
    /// connection.
    pub async fn ask(&mut self, ask: &Ask) -> io::Result<Answer> {
        tokio::time::timeout(PATIENCE, self.ask_patiently(ask)).await?
    }

    async fn ask_patiently(&mut self, ask: &Ask) -> io::Result<Answer> {
        let mut stream = match self.0.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(ask.to).await?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        stream.write_all(&ask.text()).await?;
        let kind = if ask.method == "HEAD" {
            Kind::AnswerToHead
        } else {
            Kind::Answer
        };
        let message = wire::read(&mut stream, kind).await?;
        let message = message.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = message.status().ok_or(io::ErrorKind::InvalidData)?;
        let ends_before_close = matches!(status, 204 | 304)
            || message.header("content-length").is_some()
            || message.header("transfer-encoding").is_some();
        if ends_before_close && !message.closes() {
            self.0 = Some(stream);
        }
        Ok(Answer { status, message })
    }
}

impl Answer {
    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    /// Returns the value of a cookie that this answer sets.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.message.values("set-cookie").find_map(|cookie| {
            let (known, rest) = cookie.split_once('=')?;
            (known == name).then(|| rest.split(';').next().unwrap_or_default())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.message.body).into_owned()
    }

    /// Returns what the upstream says, or nothing if the proxy answered by itself.
    pub fn echo(&self) -> Option<Echo> {
        self.header("x-upstream")?;
        serde_json::from_slice(&self.message.body).ok()
    }

    /// Returns the name of the upstream that answered.
    pub fn name(&self) -> Option<&str> {
        self.header("x-upstream")
    }
}
