//! Server-sent events (WHATWG HTML §9.2.6), from bytes that arrive in any pieces. Other than
//! browsers do, an event's id is only the one that it has itself.

use bytes::Bytes;
use thiserror::Error;

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseEvent {
    /// The event's own id; `None` if it has no line `id`.
    pub id: Option<String>,
    /// The event's type; empty means `message`.
    pub name: String,
    /// The lines of data, joined by line feeds.
    pub data: Bytes,
}

/// An event has more bytes than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an event has more than {0} bytes")]
pub struct EventTooLarge(usize);

/// A parser of one stream.
#[derive(Debug)]
pub struct Parser {
    max_bytes: usize,
    line: Vec<u8>,
    /// True after a carriage return: a line feed then belongs to the same end of line.
    after_return: bool,
    is_first_line: bool,
    id: Option<String>,
    name: String,
    data: Vec<u8>,
}

impl Parser {
    /// A parser that refuses events of more than `max_bytes` bytes.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            line: Vec::new(),
            after_return: false,
            is_first_line: true,
            id: None,
            name: String::new(),
            data: Vec::new(),
        }
    }

    /// Reads a piece of the stream, and returns the events that it completes.
    pub fn read(&mut self, mut piece: &[u8]) -> Result<Vec<SseEvent>, EventTooLarge> {
        let mut events = Vec::new();
        if !piece.is_empty() && std::mem::take(&mut self.after_return) {
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        while let Some(end) = piece.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.extend(&piece[..end])?;
            let is_return = piece[end] == b'\r';
            piece = &piece[end + 1..];
            if is_return {
                match piece.strip_prefix(b"\n") {
                    Some(rest) => piece = rest,
                    None => self.after_return = piece.is_empty(),
                }
            }
            let line = std::mem::take(&mut self.line);
            events.extend(self.line(&line));
        }
        self.extend(piece)?;
        Ok(events)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), EventTooLarge> {
        let name_and_id = self.name.len() + self.id.as_ref().map_or(0, String::len);
        if self.line.len() + self.data.len() + name_and_id + bytes.len() > self.max_bytes {
            return Err(EventTooLarge(self.max_bytes));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes a line without its end. An empty line ends an event.
    fn line(&mut self, mut line: &[u8]) -> Option<SseEvent> {
        if std::mem::take(&mut self.is_first_line) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = match line.iter().position(|b| *b == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => {
                self.id = Some(String::from_utf8_lossy(value).into_owned());
            }
            // Comments, `retry`, and fields that are not known.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<SseEvent> {
        let (id, name) = (self.id.take(), std::mem::take(&mut self.name));
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        Some(SseEvent {
            id,
            name,
            data: data.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(id: Option<&str>, name: &str, data: &str) -> SseEvent {
        SseEvent {
            id: id.map(str::to_owned),
            name: name.to_owned(),
            data: data.to_owned().into(),
        }
    }

    const STREAM: &str = "\u{feff}retry: 1000\n\n: comment\n\nevent: change\ndata: ä\n\nid: 7\r\nevent: change\r\n\
                          data: b\rdata:c\r\rdata\n\nid: 8\n\nid: 9\ndata: d\nother: x\n\ndata: cut";

    fn parsed() -> Vec<SseEvent> {
        vec![
            event(None, "change", "ä"),
            event(Some("7"), "change", "b\nc"),
            event(None, "", ""),
            event(Some("9"), "", "d"),
        ]
    }

    #[test]
    fn events_have_only_their_own_ids() {
        let mut parser = Parser::new(1000);
        assert_eq!(parser.read(STREAM.as_bytes()), Ok(parsed()));
    }

    #[test]
    fn line_feed_belongs_to_a_return_only_right_after_it() {
        let mut parser = Parser::new(100);
        assert_eq!(parser.read(b"data: a\r"), Ok(vec![]));
        assert_eq!(parser.read(b""), Ok(vec![]));
        assert_eq!(parser.read(b"\n"), Ok(vec![]));
        assert_eq!(parser.read(b"\r"), Ok(vec![event(None, "", "a")]));
        assert_eq!(parser.read(b"data: b\n"), Ok(vec![]));
        assert_eq!(parser.read(b"\n"), Ok(vec![event(None, "", "b")]));
    }

    #[test]
    fn event_of_too_many_bytes_is_refused_before_it_is_kept() {
        let mut parser = Parser::new(10);
        assert_eq!(parser.read(b"data: 1234"), Ok(vec![]));
        assert_eq!(parser.read(b"5"), Err(EventTooLarge(10)));
        let mut parser = Parser::new(16);
        let lines = b"data: 12345\ndata: 12345\n";
        assert_eq!(parser.read(lines), Err(EventTooLarge(16)));
        let mut parser = Parser::new(20);
        for _ in 0..100 {
            assert_eq!(parser.read(b": comment\ndata: 1\n\n").unwrap().len(), 1);
        }
    }

    proptest! {
        #[test]
        fn stream_in_pieces_has_the_same_events(cuts in proptest::collection::vec(0..STREAM.len(), 0..20)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let (mut parser, mut from, mut events) = (Parser::new(1000), 0, Vec::new());
            for to in cuts.into_iter().chain([STREAM.len()]) {
                events.extend(parser.read(&STREAM.as_bytes()[from..to]).unwrap());
                from = to;
            }
            prop_assert_eq!(events, parsed());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Parser::new(50).read(&bytes);
        }
    }
}
