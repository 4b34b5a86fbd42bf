//! The fast path as the outermost middleware: what it answers costs no boxed future and no routing.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use actix_web::{
    Error,
    body::{BoxBody, EitherBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
};
use futures_util::{
    FutureExt as _, TryFutureExt as _,
    future::{Either, MapOk},
};

use super::FastPath;

/// Answers on the fast path, or passes a request on.
pub struct FastService<S> {
    fast_path: FastPath,
    service: S,
}

type Answer<B> = ServiceResponse<EitherBody<BoxBody, B>>;

impl<S, B> Transform<S, ServiceRequest> for FastPath
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = Answer<B>;
    type Error = Error;
    type Transform = FastService<S>;
    type InitError = ();
    type Future = Ready<Result<FastService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(FastService {
            fast_path: self.clone(),
            service,
        }))
    }
}

impl<S, B> Service<ServiceRequest> for FastService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = Answer<B>;
    type Error = Error;
    type Future = Either<
        Ready<Result<Answer<B>, Error>>,
        MapOk<S::Future, fn(ServiceResponse<B>) -> Answer<B>>,
    >;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        match self.fast_path.0.answer(&request) {
            Some(response) => {
                let response = request.into_response(response).map_into_left_body();
                ready(Ok(response)).left_future()
            }
            None => self
                .service
                .call(request)
                .map_ok(ServiceResponse::map_into_right_body as fn(_) -> _)
                .right_future(),
        }
    }
}
