//! What calls give back.

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Body, Error, Events, Tag,
    answer::{Answer, AnswerContent},
};
use crate::types::Convergence;

/// The content of an answer.
pub trait Content: Sized {
    /// Reads the bytes of a body.
    fn parse(body: &[u8]) -> Result<Self, Error>;
}

impl<T: DeserializeOwned> Content for T {
    /// Reads JSON. An answer without a body is `null`.
    fn parse(body: &[u8]) -> Result<Self, Error> {
        let json = if body.is_empty() { b"null" } else { body };
        serde_json::from_slice(json).map_err(|error| Error::Content(error.to_string()))
    }
}

/// The content of an answer that is not read as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl Content for Text {
    fn parse(body: &[u8]) -> Result<Self, Error> {
        match std::str::from_utf8(body) {
            Ok(text) => Ok(Self(text.to_owned())),
            Err(error) => Err(Error::Content(error.to_string())),
        }
    }
}

/// What a call gives back: made from an answer.
pub trait Outcome: Sized + Send + 'static {
    /// Whether the answer is given back before its end.
    #[doc(hidden)]
    const IS_STREAM: bool = false;

    /// Reads an answer.
    #[doc(hidden)]
    fn receive(answer: Answer) -> Result<Self, Error>;

    /// Checks that a body can be read.
    #[cfg(test)]
    fn accepts(body: &[u8]) -> Result<(), Error> {
        let answer = Answer {
            status: 200,
            headers: reqwest::header::HeaderMap::new(),
            content: AnswerContent::Whole(body.to_vec()),
        };
        Self::receive(answer).map(|_| ())
    }
}

/// The outcome of a read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read<T> {
    /// The value.
    pub value: T,
    /// The version tag, where the operation has one.
    pub tag: Option<Tag>,
    /// The age of the value in seconds, if the service could not confirm it.
    pub stale_seconds: Option<u64>,
}

/// The outcome of a read that names a tag.
#[derive(Debug, Clone, PartialEq)]
pub enum Conditional<T> {
    /// There is another state than the named one.
    Changed(Read<T>),
    /// The state is the named one (304).
    Unchanged {
        /// The tag of the state.
        tag: Option<Tag>,
        /// The age of the answer in seconds, if the service could not confirm it.
        stale_seconds: Option<u64>,
    },
}

impl<T> Conditional<T> {
    /// Returns the read value, if there is another state.
    pub fn changed(self) -> Option<Read<T>> {
        match self {
            Self::Changed(read) => Some(read),
            Self::Unchanged { .. } => None,
        }
    }
}

/// The outcome of a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Write<T> {
    /// The value.
    pub value: T,
    /// The tenant's version tag after the write, where the operation has one.
    pub tag: Option<Tag>,
    /// Whether an object was created (201).
    pub created: bool,
    /// Whether nothing had to be changed: no revision was made.
    pub unchanged: bool,
    /// Whether this is the first answer again, to a repeated idempotency key.
    pub replayed: bool,
    /// How the wait for nodes ended; only after [`Call::wait_for_nodes`](super::Call::wait_for_nodes), and
    /// not of an answer without a body.
    pub convergence: Option<Box<Convergence>>,
    /// The part of the live nodes that runs the change, from 0 to 1, rounded down; only after a
    /// wait for nodes, and only if there are some.
    pub converged_share: Option<f64>,
}

impl<T: Content + Send + 'static> Outcome for Read<T> {
    fn receive(answer: Answer) -> Result<Self, Error> {
        if answer.status == 304 {
            return Err(Error::Content("a 304 that was not asked for".to_owned()));
        }
        Ok(Self {
            tag: answer.tag(),
            stale_seconds: answer.stale_seconds(),
            value: whole(&answer)?,
        })
    }
}

impl<T: Content + Send + 'static> Outcome for Conditional<T> {
    fn receive(answer: Answer) -> Result<Self, Error> {
        if answer.status == 304 {
            return Ok(Self::Unchanged {
                tag: answer.tag(),
                stale_seconds: answer.stale_seconds(),
            });
        }
        Ok(Self::Changed(Read::receive(answer)?))
    }
}

impl<T: Content + Send + 'static> Outcome for Write<T> {
    fn receive(answer: Answer) -> Result<Self, Error> {
        Ok(Self {
            tag: answer.tag(),
            created: answer.status == 201,
            unchanged: answer.says("tm-unchanged"),
            replayed: answer.says("idempotency-replayed"),
            convergence: convergence(&answer),
            converged_share: answer
                .text("tm-convergence")
                .and_then(|text| text.parse().ok()),
            value: whole(&answer)?,
        })
    }
}

/// Returns the member `convergence` of an answer. One that cannot be read is as if it was absent:
/// the change is made, and an error would say that it was not.
fn convergence(answer: &Answer) -> Option<Box<Convergence>> {
    #[derive(Deserialize)]
    struct Waited {
        convergence: Convergence,
    }
    let AnswerContent::Whole(body) = &answer.content else {
        return None;
    };
    let waited = serde_json::from_slice::<Waited>(body).ok()?;
    Some(Box::new(waited.convergence))
}

fn whole<T: Content>(answer: &Answer) -> Result<T, Error> {
    match &answer.content {
        AnswerContent::Whole(body) => T::parse(body),
        AnswerContent::Open(_) => Err(Error::Content("a body that was not read".to_owned())),
    }
}

impl Outcome for Body {
    const IS_STREAM: bool = true;

    fn receive(answer: Answer) -> Result<Self, Error> {
        match answer.content {
            AnswerContent::Open(open) => Ok(Self::new(open)),
            AnswerContent::Whole(_) => Err(Error::Content("no stream".to_owned())),
        }
    }
}

impl Outcome for Events {
    const IS_STREAM: bool = true;

    fn receive(answer: Answer) -> Result<Self, Error> {
        let kind = answer.text("content-type").unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("text/event-stream") {
            return Err(Error::Content(format!("{kind:?} is no stream of events")));
        }
        Ok(Self::new(Body::receive(answer)?))
    }
}
