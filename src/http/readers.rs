//! Parses bodies and writes answers: small ones at once, large ones on worker threads.
//!
//! The worker threads serve no requests. They take a few tasks at a time, with a share for each
//! payer.

use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures_util::future::{Ready, ready};
use serde::de::DeserializeOwned;

use super::{
    ApiState,
    extract::{Format, parse},
    problem::{Code, Problem},
};
use crate::resilience::Workers;

/// The largest body, in bytes, that is parsed on the thread that receives it. Parsing takes less
/// than a millisecond, whatever the body contains.
const AT_ONCE: usize = 8 * 1024;

/// The most items that are processed on the thread of the request.
const FEW: usize = 50;

/// Parses the bodies of requests.
pub struct Readers(Option<Arc<Workers>>);

impl Readers {
    /// Returns the readers of the service that received the request.
    pub fn of(request: &HttpRequest) -> Self {
        Self(
            request
                .app_data::<web::Data<ApiState>>()
                .map(|state| state.workers.clone()),
        )
    }

    /// Parses a body of this format.
    pub async fn read<T: DeserializeOwned + Send + 'static>(
        &self,
        body: web::Bytes,
        format: Format,
    ) -> Result<T, Problem> {
        if body.len() <= AT_ONCE {
            return parse(body, format);
        }
        self.apart(move || parse(body, format)).await
    }

    /// Does work that takes longer the more items there are: at once for few items, else on a
    /// worker thread.
    pub async fn work<T: Send + 'static>(
        &self,
        items: usize,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if items <= FEW {
            work()
        } else {
            self.apart(work).await
        }
    }

    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let not_done = || Problem::new(Code::Internal, "see the log for this request_id");
        let workers = self.0.as_ref().ok_or_else(not_done)?;
        workers.run(work).await.map_err(|error| {
            tracing::error!(error = %error, "a worker thread did not finish a request's task");
            not_done()
        })?
    }
}

impl FromRequest for Readers {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}
