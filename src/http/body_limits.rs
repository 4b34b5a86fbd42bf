//! Limits of large bodies: the bodies of plans and batches.
//!
//! Two limits apply to the memory that large bodies hold at a time: one for all of them together,
//! and one for the bodies of one tenant. Without these limits a few callers could use up the memory
//! of all callers.

use std::sync::Arc;

use actix_web::dev::Payload;
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::problem::{Code, Problem};
use crate::{
    config,
    resilience::{Payer, PoolPlace, Shares},
};

/// The unit, in bytes, in which memory for bodies is counted.
const PIECE: usize = 1024;

/// Limits of one large body, of all large bodies together, and of the large bodies of one tenant.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    max_bytes: usize,
    /// A body of up to this size, in bytes, is small and does not count: small bodies are accepted
    /// everywhere (`http.max_body_bytes`).
    small_bytes: usize,
    pieces: Arc<Shares>,
}

impl BodyLimits {
    /// Reads the limits from the settings.
    pub fn new(settings: &config::Http, share: config::Share) -> Self {
        let all = settings.max_bulk_total_bytes / PIECE;
        let of_tenant = settings
            .max_bulk_tenant_bytes
            .min(settings.max_bulk_total_bytes)
            / PIECE;
        // The platform's share has room for at least one body of the largest size.
        let of_platform = share
            .of_platform(all)
            .max(settings.max_bulk_bytes.div_ceil(PIECE));
        let pieces = Shares::divided("large_bodies", "KiB", all, [of_tenant, of_platform]);
        Self {
            max_bytes: settings.max_bulk_bytes,
            small_bytes: settings.max_body_bytes,
            pieces,
        }
    }

    /// Returns the shares of memory for large bodies, counted in KiB.
    pub fn shares(&self) -> &Arc<Shares> {
        &self.pieces
    }

    /// Reserves memory for a body of `payer` that has grown to `size` bytes, in addition to the
    /// memory that the body holds already.
    fn make_room(
        &self,
        payer: &Payer,
        size: usize,
        held: &mut Option<PoolPlace>,
    ) -> Result<(), Problem> {
        let has = held.as_ref().map_or(0, PoolPlace::count);
        let wants = if size > self.small_bytes {
            size.div_ceil(PIECE)
        } else {
            0
        };
        let Some(more) = u32::try_from(wants.saturating_sub(has))
            .ok()
            .filter(|more| *more > 0)
        else {
            return Ok(());
        };
        let settings = "http.max_bulk_total_bytes and http.max_bulk_tenant_bytes";
        let full = |_| {
            Problem::new(
                Code::Overloaded,
                format!("too many large bodies are being read: see {settings}"),
            )
        };
        match held {
            Some(held) => held.grow(more).map_err(full)?,
            None => *held = Some(self.pieces.try_take(payer, more).map_err(full)?),
        }
        Ok(())
    }

    /// Reads a body of `announced` bytes. Returns it with its share of memory.
    pub async fn read(
        &self,
        mut payload: Payload,
        announced: usize,
    ) -> Result<(Bytes, Option<PoolPlace>), Problem> {
        let too_large = || {
            Problem::new(
                Code::PayloadTooLarge,
                "see http.max_body_bytes and http.max_bulk_bytes",
            )
        };
        if announced > self.max_bytes {
            return Err(too_large());
        }
        let (mut body, mut held, payer) = (Vec::new(), None, Payer::current());
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|_| {
                Problem::new(Code::MalformedRequest, "the body is shorter than announced")
            })?;
            if body.len() + piece.len() > self.max_bytes {
                return Err(too_large());
            }
            self.make_room(&payer, body.len() + piece.len(), &mut held)?;
            if body.capacity() - body.len() < piece.len() {
                // Growth by doubling could allocate twice the memory that is counted.
                body.reserve_exact(piece.len().max(body.len() / 4));
            }
            body.extend_from_slice(&piece);
        }
        Ok((body.into(), held))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError as _;

    use super::*;

    fn limits() -> BodyLimits {
        let settings = config::Settings::without_environment(&[
            "http.max_body_bytes=2048".into(),
            "http.max_bulk_bytes=8192".into(),
            "http.max_bulk_total_bytes=10240".into(),
            "http.max_bulk_tenant_bytes=9216".into(),
        ]);
        let settings = settings.unwrap();
        BodyLimits::new(&settings.http, settings.resilience.share())
    }

    #[test]
    fn large_bodies_share_one_limit_and_small_ones_are_free() {
        let limits = limits();
        let process = Payer::Process;
        let (mut one, mut other) = (None, None);
        limits.make_room(&process, 2048, &mut other).unwrap();
        assert!(other.is_none());
        for size in [2049, 5000, 5001, 8192] {
            limits.make_room(&process, size, &mut one).unwrap();
        }
        assert_eq!(
            (one.as_ref().unwrap().count(), limits.pieces.used()),
            (8, 8)
        );
        let refused = limits.make_room(&process, 3000, &mut other).unwrap_err();
        assert_eq!(refused.status_code(), 503);
        drop(one);
        limits.make_room(&process, 3000, &mut other).unwrap();
        drop(other);
        assert_eq!(limits.pieces.used(), 0);
    }

    #[test]
    fn large_bodies_of_one_tenant_leave_room_for_others() {
        let settings = config::Settings::without_environment(&[]).unwrap();
        let limits = BodyLimits::new(&settings.http, settings.resilience.share());
        let [a, b] = ["a", "b"].map(|name| Payer::Tenant(name.parse().unwrap()));
        let most = settings.http.max_bulk_bytes;
        let (mut held, mut more, mut other) = ([None, None], None, None);
        // Half of the memory has room for two bodies of the largest size.
        held.iter_mut()
            .for_each(|held| limits.make_room(&a, most, held).unwrap());
        assert_eq!(
            limits
                .make_room(&a, most, &mut more)
                .unwrap_err()
                .status_code(),
            503
        );
        limits.make_room(&b, most, &mut other).unwrap();
    }
}
