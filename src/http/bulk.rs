//! Large bodies: those of plans and batches, as JSON or YAML. What all of them hold at a time is bounded, and what those of one tenant hold,
//! or a few callers could use up the memory of everybody.

use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use bytes::Bytes;
use futures_util::{StreamExt as _, future::LocalBoxFuture};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    extract::format,
    problem::{Code, Problem},
    readers::{Readers, Shares},
};
use crate::config;

/// The unit in which room for bodies is counted, in bytes.
const PIECE: usize = 1024;

/// Limits of one large body, of all of them together, and of those of one tenant.
#[derive(Debug, Clone)]
pub struct Limits {
    max_bytes: usize,
    /// Up to here a body counts as one of the small ones, which are everywhere.
    small_bytes: usize,
    pieces: Arc<Semaphore>,
    shares: Arc<Shares>,
}

/// Room for a body, among all and among those of its tenant.
#[derive(Debug)]
struct Room {
    all: OwnedSemaphorePermit,
    own: OwnedSemaphorePermit,
}

impl Limits {
    /// Reads the limits from the settings.
    pub fn new(settings: &config::Http) -> Self {
        let pieces = Arc::new(Semaphore::new(settings.max_bulk_total_bytes / PIECE));
        let share = settings.max_bulk_tenant_bytes.min(settings.max_bulk_total_bytes) / PIECE;
        let (max_bytes, small_bytes) = (settings.max_bulk_bytes, settings.max_body_bytes);
        Self { max_bytes, small_bytes, pieces, shares: Arc::new(Shares::new(share)) }
    }

    /// Makes room for a body of `tenant` that has grown to `size`, beside the room that it holds already.
    fn make_room(&self, tenant: &str, size: usize, held: &mut Option<Room>) -> Result<(), Problem> {
        let has = held.as_ref().map_or(0, |room| room.all.num_permits());
        let wants = if size > self.small_bytes { size.div_ceil(PIECE) } else { 0 };
        let Some(more) = u32::try_from(wants.saturating_sub(has)).ok().filter(|more| *more > 0) else { return Ok(()) };
        let full = |setting: &str| Problem::new(Code::Overloaded, format!("too many large bodies are being read: see {setting}"));
        let own = self.shares.of(tenant).try_acquire_many_owned(more).map_err(|_| full("http.max_bulk_tenant_bytes"))?;
        let all = self.pieces.clone().try_acquire_many_owned(more).map_err(|_| full("http.max_bulk_total_bytes"))?;
        match held {
            Some(held) => {
                held.all.merge(all);
                held.own.merge(own);
            }
            None => *held = Some(Room { all, own }),
        }
        Ok(())
    }

    async fn read(&self, tenant: &str, mut payload: Payload, announced: usize) -> Result<(Bytes, Option<Room>), Problem> {
        let too_large = || Problem::new(Code::PayloadTooLarge, "see http.max_body_bytes and http.max_bulk_bytes");
        if announced > self.max_bytes {
            return Err(too_large());
        }
        let (mut body, mut held) = (Vec::new(), None);
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|_| Problem::new(Code::MalformedRequest, "the body ended before its end"))?;
            if body.len() + piece.len() > self.max_bytes {
                return Err(too_large());
            }
            self.make_room(tenant, body.len() + piece.len(), &mut held)?;
            if body.capacity() - body.len() < piece.len() {
                // Doubling could take twice what is counted.
                body.reserve_exact(piece.len().max(body.len() / 4));
            }
            body.extend_from_slice(&piece);
        }
        Ok((body.into(), held))
    }
}

/// A body of up to `http.max_bulk_bytes`, with its size in bytes, and its room for as long as it is worked on.
#[derive(Debug)]
pub struct Bulk<T>(pub T, pub usize, #[expect(dead_code, reason = "held, not read")] Option<Held>);

/// Keeps the room of a body.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "held, not read")] Room);

impl<T: DeserializeOwned + Send + 'static> FromRequest for Bulk<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = format(request);
        let limits = request.app_data::<Limits>().cloned();
        let readers = Readers::of(request);
        let length = request.headers().get(header::CONTENT_LENGTH);
        let announced = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        let payload = payload.take();
        Box::pin(async move {
            let Some(format) = format? else {
                let taken = "application/json, application/yaml";
                return Err(Problem::unsupported("send application/json or application/yaml", header::ACCEPT, taken));
            };
            let limits = limits.ok_or_else(|| Problem::new(Code::Internal, "a large body without a limit"))?;
            let (bytes, room) = limits.read(readers.whose(), payload, announced).await?;
            let size = bytes.len();
            Ok(Self(readers.read(bytes, format).await?, size, room.map(Held)))
        })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError as _;

    use super::*;

    fn limits() -> Limits {
        let settings = config::Settings::without_environment(&[
            "http.max_body_bytes=2048".into(),
            "http.max_bulk_bytes=8192".into(),
            "http.max_bulk_total_bytes=10240".into(),
            "http.max_bulk_tenant_bytes=9216".into(),
        ]);
        Limits::new(&settings.unwrap().http)
    }

    #[test]
    fn large_bodies_share_one_bound_and_small_ones_do_not_count() {
        let limits = limits();
        let (mut one, mut other) = (None, None);
        limits.make_room("a", 2048, &mut other).unwrap();
        assert!(other.is_none());
        for size in [2049, 5000, 5001, 8192] {
            limits.make_room("a", size, &mut one).unwrap();
        }
        assert_eq!((one.as_ref().unwrap().all.num_permits(), limits.pieces.available_permits()), (8, 2));
        let refused = limits.make_room("b", 3000, &mut other).unwrap_err();
        assert_eq!(refused.status_code(), 503);
        drop(one);
        limits.make_room("b", 3000, &mut other).unwrap();
        drop(other);
        assert_eq!(limits.pieces.available_permits(), 10);
    }

    #[test]
    fn large_bodies_of_one_tenant_leave_room_for_another() {
        let limits = limits();
        let (mut one, mut two, mut other) = (None, None, None);
        limits.make_room("a", 8192, &mut one).unwrap();
        assert!(limits.make_room("a", 2049, &mut two).unwrap_err().to_string().contains("http.max_bulk_tenant_bytes"));
        drop(one);
        limits.make_room("a", 4096, &mut two).unwrap();
        limits.make_room("b", 4096, &mut other).unwrap();
    }
}
