//! The part of HTTP/1.1 that the load generator needs: parses complete answers from a buffer.

use std::{borrow::Cow, ops::Range};

use anyhow::{Context as _, Result, bail};

/// A complete answer that was parsed from a buffer.
#[derive(Debug)]
pub struct Message {
    /// The status code of the answer.
    pub status: u16,
    head: Range<usize>,
    body: Body,
    /// The offset in the buffer where the next answer starts.
    pub end: usize,
}

#[derive(Debug)]
enum Body {
    Sized(Range<usize>),
    Chunked(Vec<u8>),
}

impl Message {
    /// Returns the bytes of the body. `buffer` must be the buffer that was parsed.
    pub fn body<'a>(&'a self, buffer: &'a [u8]) -> &'a [u8] {
        match &self.body {
            Body::Sized(range) => &buffer[range.clone()],
            Body::Chunked(bytes) => bytes,
        }
    }

    /// Returns the value of a header. `buffer` must be the buffer that was parsed.
    pub fn header<'a>(&self, buffer: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
        header(&buffer[self.head.clone()], name).map(String::from_utf8_lossy)
    }
}

/// Returns the value of a header in the head of an answer.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let of = |line: &'a [u8]| {
        let (key, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        key.eq_ignore_ascii_case(name.as_bytes())
            .then(|| value.trim_ascii())
    };
    head.split(|byte| *byte == b'\n').find_map(of)
}

/// Returns the offset of the first `needle` in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Parses the answer at the start of `buffer`. Returns `None` while the answer is incomplete.
pub fn parse(buffer: &[u8]) -> Result<Option<Message>> {
    let Some(head_end) = find(buffer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = &buffer[..head_end];
    let status = head
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
    let status = status.context("the answer has no status")?;
    let start = head_end + 4;
    if status == 204 || status == 304 {
        return Ok(Some(Message {
            status,
            head: 0..head_end,
            body: Body::Sized(start..start),
            end: start,
        }));
    }
    if let Some(length) = header(head, "content-length") {
        let length: usize = std::str::from_utf8(length)
            .ok()
            .and_then(|text| text.parse().ok())
            .context("a length that is none")?;
        let end = start + length;
        let message = Message {
            status,
            head: 0..head_end,
            body: Body::Sized(start..end),
            end,
        };
        return Ok((buffer.len() >= end).then_some(message));
    }
    if header(head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"))
    {
        let whole = chunks(&buffer[start..])?;
        return Ok(whole.map(|(body, length)| Message {
            status,
            head: 0..head_end,
            body: Body::Chunked(body),
            end: start + length,
        }));
    }
    bail!("the answer does not say how long it is");
}

/// Decodes a chunked body, and returns it with the number of bytes that it took in `bytes`. Returns
/// `None` while it is incomplete.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some((data, length)) = chunk(&bytes[at..])? else {
            return Ok(None);
        };
        body.extend_from_slice(data);
        at += length;
        if data.is_empty() {
            return Ok(Some((body, at)));
        }
    }
}

/// Decodes the chunk at the start of `bytes`, and returns its data, which are empty in the last
/// chunk, with the number of bytes that it took. Returns `None` while it is incomplete.
pub fn chunk(bytes: &[u8]) -> Result<Option<(&[u8], usize)>> {
    let Some(line) = find(bytes, b"\r\n") else {
        return Ok(None);
    };
    let size = std::str::from_utf8(&bytes[..line]).unwrap_or_default();
    let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
        .context("a chunk without a size")?;
    let (start, end) = (line + 2, line + 2 + size);
    let is_whole = bytes.len() >= end + 2;
    Ok(is_whole.then(|| (&bytes[start..end], end + 2)))
}
