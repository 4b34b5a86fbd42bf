//! Large bodies: those of plans and batches, as JSON or YAML. What all of them hold at a time is bounded, or a few callers could use up the
//! memory of everybody.

use std::{fmt, sync::Arc};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, future::LocalBoxFuture};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    extract::{Format, format, parse_json},
    problem::{Code, Problem},
};
use crate::config;

/// What permits are for: a body is counted in these.
const PIECE: usize = 1024;

/// How large one body may be, and all of them together.
#[derive(Debug, Clone)]
pub struct Limits {
    max_bytes: usize,
    /// Up to here a body counts as one of the small ones, which are everywhere.
    small_bytes: usize,
    pieces: Arc<Semaphore>,
}

impl Limits {
    /// Those of the settings.
    pub fn new(settings: &config::Http) -> Self {
        let pieces = Arc::new(Semaphore::new(settings.max_bulk_total_bytes / PIECE));
        Self { max_bytes: settings.max_bulk_bytes, small_bytes: settings.max_body_bytes, pieces }
    }

    /// Room for a body that has grown to `size` and has room for what `held` says.
    fn make_room(&self, size: usize, held: &mut Option<OwnedSemaphorePermit>) -> Result<(), Problem> {
        let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wants = if size > self.small_bytes { size.div_ceil(PIECE) } else { 0 };
        let Some(more) = u32::try_from(wants.saturating_sub(has)).ok().filter(|more| *more > 0) else { return Ok(()) };
        let full = |_| Problem::new(Code::Overloaded, "too many large bodies are being read: see http.max_bulk_total_bytes");
        let room = self.pieces.clone().try_acquire_many_owned(more).map_err(full)?;
        match held {
            Some(held) => held.merge(room),
            None => *held = Some(room),
        }
        Ok(())
    }

    async fn read(&self, mut payload: Payload, announced: usize) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
        let too_large = || Problem::new(Code::PayloadTooLarge, "see http.max_body_bytes and http.max_bulk_bytes");
        if announced > self.max_bytes {
            return Err(too_large());
        }
        let (mut body, mut held) = (BytesMut::new(), None);
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|_| Problem::new(Code::MalformedRequest, "the body ended before its end"))?;
            if body.len() + piece.len() > self.max_bytes {
                return Err(too_large());
            }
            self.make_room(body.len() + piece.len(), &mut held)?;
            body.extend_from_slice(&piece);
        }
        Ok((body.freeze(), held))
    }
}

/// A body of up to `http.max_bulk_bytes`, with its size in bytes, and its room for as long as it is worked on.
#[derive(Debug)]
pub struct Bulk<T>(pub T, pub usize, #[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

impl<T: DeserializeOwned + 'static> FromRequest for Bulk<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = format(request);
        let limits = request.app_data::<Limits>().cloned();
        let length = request.headers().get(header::CONTENT_LENGTH);
        let announced = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        let payload = payload.take();
        Box::pin(async move {
            let Some(format) = format? else {
                let taken = "application/json, application/yaml";
                return Err(Problem::unsupported("send application/json or application/yaml", header::ACCEPT, taken));
            };
            let limits = limits.ok_or_else(|| Problem::new(Code::Internal, "a large body without a limit"))?;
            let (bytes, room) = limits.read(payload, announced).await?;
            let body = match format {
                Format::Json => parse_json(&bytes)?,
                Format::Yaml => parse_json(&yaml_as_json(&bytes)?)?,
            };
            Ok(Self(body, bytes.len(), room))
        })
    }
}

/// YAML is read as the JSON that it stands for. The library refuses a member that is there twice, too deep a nesting, and a document that
/// refers to itself again and again.
fn yaml_as_json(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let not_yaml = |error: &dyn fmt::Display| Problem::new(Code::MalformedRequest, format!("the body is not YAML: {error}"));
    let value: serde_yaml_ng::Value = serde_yaml_ng::from_slice(bytes).map_err(|error| not_yaml(&error))?;
    serde_json::to_vec(&value).map_err(|error| not_yaml(&error))
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError as _;

    use super::*;

    #[test]
    fn large_bodies_share_one_bound_and_small_ones_do_not_count() {
        let settings = config::Settings::without_environment(&[
            "http.max_body_bytes=2048".into(),
            "http.max_bulk_bytes=8192".into(),
            "http.max_bulk_total_bytes=10240".into(),
        ]);
        let limits = Limits::new(&settings.unwrap().http);
        let (mut one, mut other) = (None, None);
        limits.make_room(2048, &mut other).unwrap();
        assert!(other.is_none());
        for size in [2049, 5000, 5001, 8192] {
            limits.make_room(size, &mut one).unwrap();
        }
        assert_eq!((one.as_ref().unwrap().num_permits(), limits.pieces.available_permits()), (8, 2));
        let refused = limits.make_room(3000, &mut other).unwrap_err();
        assert_eq!(refused.status_code(), 503);
        drop(one);
        limits.make_room(3000, &mut other).unwrap();
        drop(other);
        assert_eq!(limits.pieces.available_permits(), 10);
    }
}
