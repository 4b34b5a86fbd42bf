//! Content codings of answers (RFC 9110 §8.4.1): gzip (RFC 1952) and zstd (RFC 8878).

use std::io::{self, Write as _};

use bytes::Bytes;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// No coding: the unchanged bytes.
    Identity,
    /// The coding `gzip` (RFC 1952).
    Gzip,
    /// The coding `zstd` (RFC 8878).
    Zstd,
}

/// The compression level, as a choice between CPU time and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// The fastest level, for bytes that are sent once.
    Once,
    /// The default level, for bytes that are kept and sent often.
    Kept,
}

impl Coding {
    /// Returns the name in `Content-Encoding`; `None` for [`Coding::Identity`].
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// Returns `body` in this coding, in a buffer without spare capacity. The same body gives the
    /// same bytes. Fails only if memory for the encoder cannot be allocated.
    pub fn encode(self, body: Bytes, effort: Effort) -> io::Result<Bytes> {
        let encoded = match self {
            Self::Identity => return Ok(body),
            Self::Gzip => {
                let level = if effort == Effort::Once {
                    flate2::Compression::fast()
                } else {
                    flate2::Compression::default()
                };
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(&body)?;
                encoder.finish()?
            }
            Self::Zstd => {
                let level = if effort == Effort::Once {
                    1
                } else {
                    zstd::DEFAULT_COMPRESSION_LEVEL
                };
                zstd::bulk::compress(&body, level)?
            }
        };
        // Encoders reserve memory for the worst case; the boxed slice has no unused part.
        Ok(encoded.into_boxed_slice().into())
    }
}
