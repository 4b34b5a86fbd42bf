//! Large bodies: those of plans and batches, as JSON or YAML. What all of them hold at a time is bounded, or a few callers could use up the
//! memory of everybody.

use std::{fmt, sync::Arc};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, future::LocalBoxFuture};
use serde::de::DeserializeOwned;

use super::{
    extract::{Format, format, parse_json},
    problem::{Code, Problem},
};
use crate::{
    config,
    resilience::{Payer, Place, Shares},
};

/// What permits are for: a body is counted in these.
const PIECE: usize = 1024;

/// How large one body may be, and all of them together.
#[derive(Debug, Clone)]
pub struct Limits {
    max_bytes: usize,
    /// Up to here a body counts as one of the small ones, which are everywhere.
    small_bytes: usize,
    pieces: Arc<Shares>,
}

impl Limits {
    /// Those of the settings.
    pub fn new(settings: &config::Http, share: config::Share) -> Self {
        let all = settings.max_bulk_total_bytes / PIECE;
        // One of the largest fits into any share.
        let largest = settings.max_bulk_bytes.div_ceil(PIECE);
        let shares = [share.of_tenant(all), share.of_platform(all)].map(|share| share.max(largest));
        let pieces = Shares::divided("large_bodies", "KiB", all, shares);
        Self { max_bytes: settings.max_bulk_bytes, small_bytes: settings.max_body_bytes, pieces }
    }

    /// The room.
    pub fn shares(&self) -> &Arc<Shares> {
        &self.pieces
    }

    /// Room for a body that has grown to `size` and has room for what `held` says.
    fn make_room(&self, payer: &Payer, size: usize, held: &mut Option<Place>) -> Result<(), Problem> {
        let has = held.as_ref().map_or(0, Place::count);
        let wants = if size > self.small_bytes { size.div_ceil(PIECE) } else { 0 };
        let Some(more) = u32::try_from(wants.saturating_sub(has)).ok().filter(|more| *more > 0) else { return Ok(()) };
        let full = |_| Problem::new(Code::Overloaded, "too many large bodies are being read: see http.max_bulk_total_bytes");
        match held {
            Some(held) => held.grow(more).map_err(full)?,
            None => *held = Some(self.pieces.try_take(payer, more).map_err(full)?),
        }
        Ok(())
    }

    async fn read(&self, mut payload: Payload, announced: usize) -> Result<(Bytes, Option<Place>), Problem> {
        let too_large = || Problem::new(Code::PayloadTooLarge, "see http.max_body_bytes and http.max_bulk_bytes");
        if announced > self.max_bytes {
            return Err(too_large());
        }
        let (mut body, mut held, payer) = (BytesMut::new(), None, Payer::current());
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|_| Problem::new(Code::MalformedRequest, "the body ended before its end"))?;
            if body.len() + piece.len() > self.max_bytes {
                return Err(too_large());
            }
            self.make_room(&payer, body.len() + piece.len(), &mut held)?;
            body.extend_from_slice(&piece);
        }
        Ok((body.freeze(), held))
    }
}

/// A body of up to `http.max_bulk_bytes`, with its size in bytes, and its room for as long as it is worked on.
#[derive(Debug)]
pub struct Bulk<T>(pub T, pub usize, #[expect(dead_code, reason = "held, not read")] Option<Place>);

impl<T: DeserializeOwned + 'static> FromRequest for Bulk<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = format(request);
        let limits = request.app_data::<Limits>().cloned();
        let length = request.headers().get(actix_web::http::header::CONTENT_LENGTH);
        let announced = length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        let payload = payload.take();
        Box::pin(async move {
            let Some(format) = format? else {
                return Err(Problem::new(Code::UnsupportedMediaType, "send application/json or application/yaml"));
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
        let settings = settings.unwrap();
        let limits = Limits::new(&settings.http, settings.resilience.share());
        let process = Payer::Process;
        let (mut one, mut other) = (None, None);
        limits.make_room(&process, 2048, &mut other).unwrap();
        assert!(other.is_none());
        for size in [2049, 5000, 5001, 8192] {
            limits.make_room(&process, size, &mut one).unwrap();
        }
        assert_eq!((one.as_ref().unwrap().count(), limits.pieces.used()), (8, 8));
        let refused = limits.make_room(&process, 3000, &mut other).unwrap_err();
        assert_eq!(refused.status_code(), 503);
        drop(one);
        limits.make_room(&process, 3000, &mut other).unwrap();
        drop(other);
        assert_eq!(limits.pieces.used(), 0);
    }

    #[test]
    fn one_tenant_s_large_bodies_leave_room_for_others() {
        let settings = config::Settings::without_environment(&[]).unwrap();
        let limits = Limits::new(&settings.http, settings.resilience.share());
        let [a, b] = ["a", "b"].map(|name| Payer::Tenant(name.parse().unwrap()));
        let most = settings.http.max_bulk_bytes;
        let (mut first, mut second, mut other) = (None, None, None);
        limits.make_room(&a, most, &mut first).unwrap();
        assert_eq!(limits.make_room(&a, most, &mut second).unwrap_err().status_code(), 503);
        limits.make_room(&b, most, &mut other).unwrap();
    }
}
