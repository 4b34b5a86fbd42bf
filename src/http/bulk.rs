//! Large bodies: the bodies of plans and batches, as JSON or YAML.

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::{
    extract::{Readers, format},
    problem::{Code, Problem},
    state::ApiState,
};
use crate::resilience::PoolPlace;

/// A body of up to `http.max_bulk_bytes`, with its size in bytes. It holds its share of memory for
/// as long as the handler works on it.
#[derive(Debug)]
pub struct Bulk<T>(
    pub T,
    pub usize,
    #[expect(dead_code, reason = "held, not read")] Option<PoolPlace>,
);

impl<T: DeserializeOwned + Send + 'static> FromRequest for Bulk<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = format(request);
        let limits = request
            .app_data::<web::Data<ApiState>>()
            .map(|state| state.bulk.clone());
        let readers = Readers::of(request);
        let length = request.headers().get(header::CONTENT_LENGTH);
        let announced = length
            .and_then(|length| length.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        let payload = payload.take();
        Box::pin(async move {
            let Some(format) = format? else {
                let taken = "application/json, application/yaml";
                return Err(Problem::unsupported(
                    "send application/json or application/yaml",
                    header::ACCEPT,
                    taken,
                ));
            };
            let limits = limits
                .ok_or_else(|| Problem::new(Code::Internal, "a large body without a limit"))?;
            let (bytes, room) = limits.read(payload, announced).await?;
            let size = bytes.len();
            Ok(Self(readers.read(bytes, format).await?, size, room))
        })
    }
}
