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
        match self {
            Self::Identity => Ok(body),
            Self::Zstd => Ok(boxed(zstd::bulk::compress(&body, zstd_level(effort))?)),
            Self::Gzip => self.encode_blocks(&[body], effort),
        }
    }

    /// Returns blocks as one body in this coding, without copying them together first, in a buffer
    /// without spare capacity.
    pub fn encode_blocks(self, blocks: &[Bytes], effort: Effort) -> io::Result<Bytes> {
        let encoded = match self {
            Self::Identity => blocks.concat(),
            Self::Gzip => {
                let level = if effort == Effort::Once {
                    flate2::Compression::fast()
                } else {
                    flate2::Compression::default()
                };
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                for block in blocks {
                    encoder.write_all(block)?;
                }
                encoder.finish()?
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), zstd_level(effort))?;
                for block in blocks {
                    encoder.write_all(block)?;
                }
                encoder.finish()?
            }
        };
        Ok(boxed(encoded))
    }
}

/// Returns bytes without spare capacity: encoders reserve memory for the worst case.
fn boxed(encoded: Vec<u8>) -> Bytes {
    encoded.into_boxed_slice().into()
}

fn zstd_level(effort: Effort) -> i32 {
    if effort == Effort::Once {
        1
    } else {
        zstd::DEFAULT_COMPRESSION_LEVEL
    }
}
