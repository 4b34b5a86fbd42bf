//! Where bodies are read: small ones at once, large ones on threads that serve nobody, a few at a time.
//!
//! Reading is work for a processor and waits for nothing, so more threads than processors would only hold up those that serve. One tenant
//! may have half of them: its other bodies wait for its own, and not for their turn among those of others.

use std::sync::{Arc, LazyLock};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload, web};
use futures_util::future::{Ready, ready};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::{
    extract::{Format, parse},
    problem::{Code, Problem},
};
use crate::auth::Caller;

/// The largest body that is read where it is received, in bytes: it takes less than a millisecond, whatever is in it.
const AT_ONCE: usize = 8 * 1024;

/// So many items are worked on where they are.
const FEW: usize = 50;

/// Equal shares of something, one for each tenant.
#[derive(Debug)]
pub struct Shares {
    each: usize,
    taken: papaya::HashMap<String, Arc<Semaphore>>,
}

/// Shares that nobody uses are forgotten when there are more than so many.
const MAX_IDLE: usize = 1024;

impl Shares {
    /// Makes shares of `each` permits.
    pub fn new(each: usize) -> Self {
        Self { each, taken: papaya::HashMap::new() }
    }

    /// The share of a tenant.
    pub fn of(&self, tenant: &str) -> Arc<Semaphore> {
        let taken = self.taken.pin();
        if taken.len() > MAX_IDLE {
            taken.retain(|_, share| Arc::strong_count(share) > 1);
        }
        taken.get_or_insert_with(tenant.to_owned(), || Arc::new(Semaphore::new(self.each))).clone()
    }
}

/// Places to read at.
struct Places {
    all: Semaphore,
    shares: Shares,
}

static PLACES: LazyLock<Places> = LazyLock::new(|| {
    let all = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    Places { all: Semaphore::new(all), shares: Shares::new(all / 2) }
});

/// Reads the bodies of one request.
pub struct Readers {
    whose: String,
}

impl Readers {
    /// Readers for a request of the caller that the gate has found.
    pub fn of(request: &HttpRequest) -> Self {
        let extensions = request.extensions();
        let whose = extensions.get::<Caller>().map(|caller| match caller.grant.reach().tenant() {
            Some(tenant) => tenant.as_str().to_owned(),
            // No tenant has such a name.
            None => format!("{} {}", caller.actor.kind, caller.actor.id),
        });
        Self { whose: whose.unwrap_or_default() }
    }

    /// Whose share the request counts to.
    pub fn whose(&self) -> &str {
        &self.whose
    }

    /// Reads a body.
    pub async fn read<T: DeserializeOwned + Send + 'static>(&self, body: web::Bytes, format: Format) -> Result<T, Problem> {
        if body.len() <= AT_ONCE {
            return parse(body, format);
        }
        self.apart(move || parse(body, format)).await
    }

    /// Does what takes longer the more items there are: at once when there are few.
    pub async fn work<T: Send + 'static>(
        &self, items: usize, work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if items <= FEW { work() } else { self.apart(work).await }
    }

    async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
        let closed = |_| Problem::new(Code::Internal, "see the log for this request_id");
        let _own = PLACES.shares.of(&self.whose).acquire_owned().await.map_err(closed)?;
        let _place = PLACES.all.acquire().await.map_err(closed)?;
        web::block(work).await.map_err(|_| Problem::new(Code::Internal, "see the log for this request_id"))?
    }
}

impl FromRequest for Readers {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_shares_are_forgotten() {
        let shares = Shares::new(1);
        let held = shares.of("held").try_acquire_owned().unwrap();
        (0..3 * MAX_IDLE).for_each(|at| drop(shares.of(&at.to_string())));
        assert!(shares.taken.len() <= MAX_IDLE + 2);
        assert!(shares.of("held").try_acquire().is_err());
        drop(held);
        assert!(shares.of("held").try_acquire().is_ok());
    }
}
