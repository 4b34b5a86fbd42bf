//! The bearer token of the requests.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

/// Why a token could not be had.
pub type TokenError = Box<dyn Error + Send + Sync>;

type Asked = Pin<Box<dyn Future<Output = Result<String, TokenError>> + Send>>;

/// A bearer token: a text, or a function that gives one. It is never in `Debug` and in errors.
#[derive(Clone)]
pub struct Token(Source);

#[derive(Clone)]
enum Source {
    Fixed(Arc<str>),
    Asked(Arc<dyn Fn() -> Asked + Send + Sync>),
}

impl Token {
    /// A token that never changes.
    pub fn fixed(token: impl Into<Arc<str>>) -> Self {
        Self(Source::Fixed(token.into()))
    }

    /// A token that a function gives. The watcher keeps it until the service refuses it (401, 403),
    /// and then asks for a new one.
    pub fn from_fn<F, T>(ask: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, TokenError>> + Send + 'static,
    {
        Self(Source::Asked(Arc::new(move || Box::pin(ask()))))
    }

    /// Returns the token, or asks for one.
    pub(crate) async fn get(&self) -> Result<String, TokenError> {
        match &self.0 {
            Source::Fixed(token) => Ok(token.to_string()),
            Source::Asked(ask) => ask().await,
        }
    }

    /// Whether asking again may give another token.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self.0, Source::Asked(_))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
