//! The format of a watcher's file.
//!
//! ```text
//! tm-watch 1 <SHA-256 of everything after this line, 64 hex digits>
//! {"tenant": …, "scope": …, "left": […], "tag": …, "digest": …, "signature": …, "confirmation": …, "confirmed": …}
//! <the snapshot's body, to the end>
//! ```
//!
//! The first line has exactly one spelling, so a change of any byte of the file is noticed.

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::follow::saved::{Head, Saved};

/// The beginning of a file; the number is the format's.
const FORMAT: &str = "tm-watch 1 ";

/// Why the bytes of a file are refused.
#[derive(Debug, Error)]
pub enum BadFile {
    /// The first line is not the one of the bytes after it: the file is damaged, cut off, or of
    /// another format.
    #[error("the file is damaged, or of another format")]
    Damaged,
    /// The second line is not what it should be, though the file is as it was written.
    #[error("the head of the file is malformed")]
    Head(#[from] serde_json::Error),
}

/// Returns the bytes of a file.
pub fn write(saved: &Saved) -> Result<Vec<u8>, serde_json::Error> {
    let mut rest = serde_json::to_vec(&saved.head)?;
    rest.push(b'\n');
    rest.extend_from_slice(&saved.body());
    let mut file = first_line(&rest).into_bytes();
    file.append(&mut rest);
    Ok(file)
}

/// Reads the bytes of a file: the head and the snapshot's body.
pub fn read(file: &[u8]) -> Result<(Head, &[u8]), BadFile> {
    let (first, rest) = line(file).ok_or(BadFile::Damaged)?;
    if first != first_line(rest).trim_end().as_bytes() {
        return Err(BadFile::Damaged);
    }
    let (head, body) = line(rest).ok_or(BadFile::Damaged)?;
    Ok((serde_json::from_slice(head)?, body))
}

fn first_line(rest: &[u8]) -> String {
    format!("{FORMAT}{}\n", hex::encode(Sha256::digest(rest)))
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}
