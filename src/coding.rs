//! Content codings of answers (RFC 9110 §8.4.1): gzip (RFC 1952) and zstd (RFC 8878).

use std::io::{self, Write as _};

use bytes::Bytes;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// The bytes as they are.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// zstd (RFC 8878).
    Zstd,
}

/// How much work compressing may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// For bytes that are sent once: the fastest level.
    Once,
    /// For bytes that are kept and sent often: the default level.
    Kept,
}

impl Coding {
    /// Returns the name in `Content-Encoding`; `None` for the bytes as they are.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// Returns `body` in this coding, in no more memory than it needs. The same body gives the same bytes. Fails only when memory for the encoder
    /// cannot be had.
    pub fn encode(self, body: Bytes, effort: Effort) -> io::Result<Bytes> {
        let encoded = match self {
            Self::Identity => return Ok(body),
            Self::Gzip => {
                let level = if effort == Effort::Once { flate2::Compression::fast() } else { flate2::Compression::default() };
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(&body)?;
                encoder.finish()?
            }
            Self::Zstd => {
                let level = if effort == Effort::Once { 1 } else { zstd::DEFAULT_COMPRESSION_LEVEL };
                zstd::bulk::compress(&body, level)?
            }
        };
        // Encoders make room for the worst case.
        Ok(encoded.into_boxed_slice().into())
    }
}
