//! An answer that is no error.

use reqwest::{Response, header::HeaderMap};

use super::Tag;
use crate::connection::text;

/// An answer of the status 2xx or 304.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub content: AnswerContent,
}

/// The body of an answer.
pub enum AnswerContent {
    /// All of it, unpacked.
    Whole(Vec<u8>),
    /// A body that is still coming, with the limits of its reader.
    Open(Open),
}

/// A body that is still coming.
#[derive(Debug)]
pub struct Open {
    pub response: Response,
    /// The longest time without a byte.
    pub silence: std::time::Duration,
    /// The most bytes of a line or an event.
    pub max_bytes: usize,
}

impl Answer {
    pub fn tag(&self) -> Option<Tag> {
        self.text("etag").map(|text| Tag::new(&text))
    }

    /// Returns the age of data that the service could not confirm.
    pub fn stale_seconds(&self) -> Option<u64> {
        self.text("tm-stale")?.parse().ok()
    }

    /// Returns whether a header is there and says `true`.
    pub fn says(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text == "true")
    }

    pub fn text(&self, name: &str) -> Option<String> {
        text(&self.headers, name)
    }
}
