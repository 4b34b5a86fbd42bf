//! A cheap HTTP/1.1 client.
//!
//! It costs almost nothing, so that the test can send ten times the load that the service can
//! handle.

use std::{io, net::SocketAddr};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::secure::{self, Duplex};

/// The connections to one API. Idle connections are kept.
pub struct Wire {
    address: SocketAddr,
    authorization: String,
    idle: Mutex<Vec<Box<dyn Duplex>>>,
}

/// The parts of an answer that the test needs.
pub struct Answer {
    pub status: u16,
    pub retry_after: bool,
}

impl Wire {
    pub fn to(address: SocketAddr) -> Self {
        Self {
            address,
            authorization: secure::authorization(),
            idle: Mutex::default(),
        }
    }

    /// Returns the text of a request.
    pub fn request(&self, method: &str, path: &str, body: &str) -> String {
        let Self {
            address,
            authorization,
            ..
        } = self;
        let length = body.len();
        format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: {address}\r\n{authorization}content-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
    }

    /// Sends a request and reads the whole answer. If the caller stops waiting, the connection is
    /// dropped.
    pub async fn ask(&self, request: &str) -> io::Result<Answer> {
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => secure::over(TcpStream::connect(self.address).await?).await,
        };
        connection.write_all(request.as_bytes()).await?;
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 16384]);
        loop {
            let count = connection.read(&mut buffer).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&buffer[..count]);
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let value = |name: &str| {
                head.lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let length: usize = value("content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or_default();
            if bytes.len() < end + 4 + length {
                continue;
            }
            if value("connection") != Some("close") {
                self.idle.lock().push(connection);
            }
            let status = head
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .ok_or(io::ErrorKind::InvalidData)?;
            return Ok(Answer {
                status,
                retry_after: value("retry-after").is_some(),
            });
        }
    }
}
