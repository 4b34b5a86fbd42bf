//! A server that answers one request after the other from a list, and takes notes.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use traffic_manager_client::{Client, ClientSettings};

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method, path and query.
    pub line: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[derive(Clone)]
pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// Returns the text of an answer. `headers` is `name: value` lines.
pub fn answer(status: u16, headers: &[&str], body: &str) -> String {
    let mut head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n");
    for header in headers {
        head += &format!("{header}\r\n");
    }
    if status != 204 && status != 304 {
        head += &format!("content-length: {}\r\n", body.len());
    }
    format!("{head}\r\n{body}")
}

/// Returns the text of a problem document.
pub fn problem(status: u16, code: &str, headers: &[&str], members: &str) -> String {
    let body = format!(
        r#"{{"type":"about:blank","status":{status},"code":"{code}","title":"t","detail":"d","request_id":"r-1"{members}}}"#
    );
    let kind = ["content-type: application/problem+json"];
    answer(status, &[&kind, headers].concat(), &body)
}

impl Server {
    /// A server with these answers. An empty one ends the connection without a word; so does the
    /// server when it has no more.
    pub async fn start(answers: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            seen: Arc::default(),
        };
        let seen = server.seen.clone();
        let mut answers: VecDeque<_> = answers.to_vec().into();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let Some(request) = read(&mut connection).await else {
                    continue;
                };
                seen.lock().unwrap().push(request);
                let answer = answers.pop_front().unwrap_or_default();
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        });
        server
    }

    pub fn settings(&self) -> ClientSettings {
        let mut settings = ClientSettings::new(vec![self.url.parse().unwrap()]);
        settings.times.first_retry = std::time::Duration::from_millis(1);
        settings.times.last_retry = std::time::Duration::from_millis(1);
        settings
    }

    pub fn client(&self) -> Client {
        Client::new(self.settings()).unwrap()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read(connection: &mut TcpStream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length");
    let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    Some(Seen {
        line,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}
