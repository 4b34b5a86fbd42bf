//! gRPC's frames: one byte for compression, four for the length (big endian), the message.

use std::fmt;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use prost::Message;

use super::action::Code;

const HEADER: usize = 5;

/// Why what came is not a frame that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// The frame is compressed. Compression was never agreed on.
    Compressed,
    /// The frame is longer than allowed.
    TooLong {
        /// Bytes of the message.
        bytes: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// The first byte is neither 0 nor 1.
    Garbage,
}

impl FrameError {
    /// The status with which to end the stream.
    pub fn code(&self) -> Code {
        match self {
            Self::Compressed => Code::Unimplemented,
            Self::TooLong { .. } => Code::ResourceExhausted,
            Self::Garbage => Code::InvalidArgument,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compressed => f.write_str("the message is compressed, which was not agreed on"),
            Self::TooLong { bytes, limit } => {
                write!(f, "the message has {bytes} bytes, limit {limit}")
            }
            Self::Garbage => f.write_str("the bytes are no gRPC message"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Cuts a body, which comes in pieces, into messages.
#[derive(Debug)]
pub struct Frames {
    seen: BytesMut,
    limit: usize,
}

impl Frames {
    /// Takes messages of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            seen: BytesMut::new(),
            limit,
        }
    }

    /// Adds a piece of the body. Call [`Frames::next_message`] until it has no more, so that no more than one
    /// message and one piece are kept.
    pub fn push(&mut self, piece: &[u8]) {
        self.seen.extend_from_slice(piece);
    }

    /// Returns the next whole message. The length is judged as soon as it is known.
    pub fn next_message(&mut self) -> Result<Option<Bytes>, FrameError> {
        match self.seen.first() {
            None | Some(0) => {}
            Some(1) => return Err(FrameError::Compressed),
            Some(_) => return Err(FrameError::Garbage),
        }
        let Some(Ok(length)) = self.seen.get(1..HEADER).map(<[u8; 4]>::try_from) else {
            return Ok(None);
        };
        let bytes = u32::from_be_bytes(length) as usize;
        if bytes > self.limit {
            return Err(FrameError::TooLong {
                bytes,
                limit: self.limit,
            });
        }
        if self.seen.len() - HEADER < bytes {
            return Ok(None);
        }
        self.seen.advance(HEADER);
        Ok(Some(self.seen.split_to(bytes).freeze()))
    }
}

/// Returns the message in a frame that [`frame`] made.
pub fn message(frame: &Bytes) -> Bytes {
    frame.slice(HEADER.min(frame.len())..)
}

/// Returns the frame of a message, or nothing if its length does not fit in four bytes.
pub fn frame(message: &impl Message) -> Option<Bytes> {
    let length = u32::try_from(message.encoded_len()).ok()?;
    let mut out = BytesMut::with_capacity(HEADER + message.encoded_len());
    out.put_u8(0);
    out.put_u32(length);
    message.encode(&mut out).ok()?;
    Some(out.freeze())
}
