//! HTTP/1.1 messages as they are on the wire, for both sides of a proxy: nothing is normalised,
//! joined or left out.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// A request or an answer.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The request line or the status line.
    pub start: String,
    /// The header fields in their order, the names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What a message is: that decides whether it has a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It has no body unless it says so.
    Request,
    /// Its body ends with the connection unless it says how long it is.
    Answer,
    /// It has no body although it says how long that would be.
    AnswerToHead,
}

impl Message {
    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// Returns all values of a header, one for each line of it.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the status of an answer.
    pub fn status(&self) -> Option<u16> {
        let status = self.start.strip_prefix("HTTP/1.")?.split(' ').nth(1);
        status?.parse().ok()
    }

    /// Returns whether the sender closes the connection after this message.
    pub fn closes(&self) -> bool {
        self.values("connection")
            .any(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Reads one message; none if the peer closed the connection before it.
pub async fn read(
    from: &mut (impl AsyncBufRead + Unpin),
    kind: Kind,
) -> io::Result<Option<Message>> {
    let Some(start) = line(from).await? else {
        return Ok(None);
    };
    let mut message = Message {
        start,
        ..Message::default()
    };
    loop {
        let field = line(from).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if field.is_empty() {
            break;
        }
        let (name, value) = field.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        message
            .headers
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    message.body = body(from, &message, kind).await?;
    Ok(Some(message))
}

async fn body(
    from: &mut (impl AsyncBufRead + Unpin),
    message: &Message,
    kind: Kind,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if kind == Kind::AnswerToHead || matches!(message.status(), Some(204 | 304)) {
        return Ok(body);
    }
    if message.header("transfer-encoding") == Some("chunked") {
        while let Some(length) = chunk_length(from).await? {
            from.take(length).read_to_end(&mut body).await?;
            line(from).await?;
        }
    } else if let Some(length) = message.header("content-length") {
        let length = length.parse().map_err(io::Error::other)?;
        body.resize(length, 0);
        from.read_exact(&mut body).await?;
    } else if kind == Kind::Answer {
        from.read_to_end(&mut body).await?;
    }
    Ok(body)
}

/// Returns the length of the next chunk; none after the last one and its trailers.
async fn chunk_length(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<u64>> {
    let size = line(from).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let digits = size.split(';').next().unwrap_or_default().trim();
    let length = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
    if length > 0 {
        return Ok(Some(length));
    }
    while !line(from)
        .await?
        .ok_or(io::ErrorKind::UnexpectedEof)?
        .is_empty()
    {}
    Ok(None)
}

/// Reads a line without its end; none if the connection ended before it.
async fn line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = String::new();
    if from.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Some(line))
}
