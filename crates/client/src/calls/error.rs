//! Why a call failed.

use thiserror::Error;

use super::Problem;
use crate::token::TokenError;

/// Why a call failed. No text of an error has the token in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The service refused the request, and says why.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// An answer that is no problem document: from a proxy, or from another program.
    #[error("the answer has the status {status}, and is none of Traffic Manager's: {beginning}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The first characters of the answer.
        beginning: String,
    },
    /// No whole answer came, or none in time. A write may have been done or not.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer has another form than the API's.
    #[error("the answer cannot be read: {0}")]
    Content(String),
    /// The token could not be had.
    #[error("no token: {0}")]
    Token(#[source] TokenError),
    /// The request cannot be sent: a name, a header or a body is not valid.
    #[error("the request cannot be sent: {0}")]
    Request(String),
}

impl Error {
    /// Returns the problem that the service answered.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// Returns the HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}
