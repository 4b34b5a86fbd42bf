//! Answers that are read while they come.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::timeout;

use super::{Error, answer::Open};
use crate::{
    connection::chain,
    sse::{Parser, SseEvent},
};

/// The body of a long answer. It has at most one line and one piece of the body in memory.
#[derive(Debug)]
pub struct Body {
    open: Open,
    /// The beginning of the next line.
    rest: Vec<u8>,
    is_at_end: bool,
}

impl Body {
    pub(super) fn new(open: Open) -> Self {
        Self {
            open,
            rest: Vec::new(),
            is_at_end: false,
        }
    }

    /// Returns the next bytes; `None` at the proper end. A body that was cut off is an error.
    pub async fn bytes(&mut self) -> Result<Option<Bytes>, Error> {
        if !self.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut self.rest).into()));
        }
        self.piece().await
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let limit = self.open.silence;
        match timeout(limit, self.open.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(Error::NoAnswer(chain(error))),
            Err(_) => Err(Error::NoAnswer(format!("no byte for {limit:?}"))),
        }
    }

    /// Returns the next line without its end; `None` at the proper end. Nothing is lost if the wait
    /// for it is given up.
    pub async fn line(&mut self) -> Result<Option<String>, Error> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.rest[searched..].iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.rest.drain(..=searched + at).collect();
                line.pop();
                return text(line).map(Some);
            }
            searched = self.rest.len();
            if searched > self.open.max_bytes {
                let limit = self.open.max_bytes;
                return Err(Error::Content(format!(
                    "a line has more than {limit} bytes"
                )));
            }
            if self.is_at_end {
                let line = std::mem::take(&mut self.rest);
                return (!line.is_empty()).then(|| text(line)).transpose();
            }
            match self.piece().await? {
                Some(piece) => self.rest.extend_from_slice(&piece),
                None => self.is_at_end = true,
            }
        }
    }
}

fn text(mut line: Vec<u8>) -> Result<String, Error> {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|error| Error::Content(error.to_string()))
}

/// A stream of server-sent events.
#[derive(Debug)]
pub struct Events {
    body: Body,
    parser: Parser,
    waiting: VecDeque<SseEvent>,
}

impl Events {
    pub(super) fn new(body: Body) -> Self {
        Self {
            parser: Parser::new(body.open.max_bytes),
            body,
            waiting: VecDeque::new(),
        }
    }

    /// Waits for the next event; `None` when the service ends the stream. Its comments, which come
    /// every 15 s, keep the stream from timing out.
    pub async fn event(&mut self) -> Result<Option<SseEvent>, Error> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(Some(event));
            }
            let Some(piece) = self.body.bytes().await? else {
                return Ok(None);
            };
            let events = self.parser.read(&piece);
            self.waiting
                .extend(events.map_err(|error| Error::Content(error.to_string()))?);
        }
    }
}
