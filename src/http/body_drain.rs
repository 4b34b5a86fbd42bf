//! Closes the connection of a chunked body that the handler does not read to its end.
//!
//! Once the reader of such a body is dropped, actix reads on for as long as the client sends, which
//! may be for ever. If the reader still exists when the answer has been sent, actix closes the
//! connection. So the reader is kept until then. A body with a length needs no such help.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage as _, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest},
    http::header,
};
use bytes::Bytes;
use futures_util::{Stream as _, stream};

/// The reader of a body.
pub type Reader = Rc<RefCell<Payload>>;

/// Shares the reader of a chunked body between the handler and the returned handle.
pub fn share_reader(request: &mut ServiceRequest) -> Option<Reader> {
    if !request.headers().contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    let reader = Rc::new(RefCell::new(request.take_payload()));
    let shared = reader.clone();
    let read =
        stream::poll_fn(move |context| Pin::new(&mut *shared.borrow_mut()).poll_next(context));
    request.set_payload(Payload::Stream {
        payload: Box::pin(read),
    });
    Some(reader)
}

/// Keeps the reader until the answer is sent.
pub fn hold_reader(reader: Option<Reader>, response: HttpResponse) -> HttpResponse {
    match reader {
        Some(reader) => response.map_body(|_, body| {
            BoxBody::new(HeldBody {
                body,
                _reader: reader,
            })
        }),
        None => response,
    }
}

struct HeldBody {
    body: BoxBody,
    _reader: Reader,
}

impl MessageBody for HeldBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
