//! One stream of an Envoy over gRPC.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::AtomicUsize},
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Response,
    body::{Frame, Incoming},
    header,
};
use tokio::{sync::mpsc, time::timeout};
use traffic_manager_dataplane::ads::{Frames, Kind, Limits};

use super::{
    Answer, Open, Served, Streams,
    answer::{Ended, GRPC, GrpcStatus},
    node::{Due, Node},
};
use crate::{auth::Caller, resilience::PoolPlace, telemetry::names};

/// Responses that wait for a slow reader.
const QUEUE: usize = 8;

/// What a stream holds of its payer and of its connection, until its last response is read.
pub struct Held {
    _place: PoolPlace,
    _open: Open,
}

impl Held {
    /// Holds a place, and counts among the open streams of the connection.
    pub fn new(place: PoolPlace, open: Arc<AtomicUsize>) -> Self {
        Self {
            _place: place,
            _open: Open::new(open),
        }
    }
}

/// Opens a stream. It ends when the node goes, when its credentials end, or when the service drains.
pub fn open(
    kind: Kind,
    streams: Arc<Streams>,
    served: Served,
    held: Held,
    body: Incoming,
) -> Answer {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        metrics::gauge!(names::ENVOY_STREAMS).increment(1.0);
        let mut served = Following::new(kind, &streams, served, sender.clone());
        let ended = served.run(body).await;
        metrics::gauge!(names::ENVOY_STREAMS).decrement(1.0);
        tracing::info!(
            node = served.node.name(),
            status = ?ended.status,
            reason = ended.text,
            "the stream of an Envoy ended"
        );
        // Nobody may be there any more to read it.
        let _ = sender.try_send(Frame::trailers(ended.headers()));
    });
    // The place is held as long as responses wait to be read.
    let pieces = stream::unfold(
        (receiver, held),
        |(mut receiver, held): (mpsc::Receiver<Frame<Bytes>>, Held)| async {
            let piece = receiver.recv().await?;
            Some((Ok::<_, Infallible>(piece), (receiver, held)))
        },
    );
    let mut answer = Response::new(StreamBody::new(pieces).boxed());
    let grpc = header::HeaderValue::from_static(GRPC);
    answer.headers_mut().insert(header::CONTENT_TYPE, grpc);
    answer
}

/// A stream that is served.
struct Following<'a> {
    streams: &'a Streams,
    caller: Caller,
    node: Node,
    frames: Frames,
    sender: mpsc::Sender<Frame<Bytes>>,
}

/// What a stream waits for.
enum Event {
    Piece(Option<Result<Frame<Bytes>, hyper::Error>>),
    Due(Due),
    Stop,
}

impl<'a> Following<'a> {
    fn new(
        kind: Kind,
        streams: &'a Streams,
        served: Served,
        sender: mpsc::Sender<Frame<Bytes>>,
    ) -> Self {
        Self {
            streams,
            node: served.node(streams, kind),
            caller: served.caller,
            frames: Frames::new(Limits::default().request_bytes),
            sender,
        }
    }

    /// Serves the stream until it ends, as long as the caller's credentials are good.
    async fn run(&mut self, body: Incoming) -> Ended {
        let (callers, caller) = (self.streams.state.callers.clone(), self.caller.clone());
        let ended = callers.while_good(&caller, self.serve(body)).await;
        ended.unwrap_or_else(|| {
            Ended::new(
                GrpcStatus::Unauthenticated,
                "the credentials are no longer valid",
            )
        })
    }

    async fn serve(&mut self, mut body: Incoming) -> Ended {
        loop {
            let stop = self.streams.state.polls.stop();
            let event = tokio::select! {
                () = stop.cancelled() => Event::Stop,
                piece = body.frame() => Event::Piece(piece),
                due = self.node.due() => Event::Due(due),
            };
            let done = match event {
                Event::Stop => Err(Ended::new(GrpcStatus::Unavailable, "the service drains")),
                Event::Piece(None) => Err(Ended::new(GrpcStatus::Unavailable, "the node left")),
                Event::Piece(Some(Err(error))) => {
                    Err(Ended::new(GrpcStatus::Unavailable, error.to_string()))
                }
                Event::Piece(Some(Ok(piece))) => match piece.data_ref() {
                    Some(piece) => self.take(piece).await,
                    None => Ok(()),
                },
                Event::Due(due) => match self.node.on_due(due).await {
                    Ok(frames) => self.send(frames).await,
                    Err(ended) => Err(ended),
                },
            };
            if let Err(ended) = done {
                return ended;
            }
        }
    }

    /// Takes a piece of the body.
    /// Each message is answered before the next is looked at, so that a node that reads nothing is
    /// asked nothing more.
    async fn take(&mut self, piece: &[u8]) -> Result<(), Ended> {
        self.frames.push(piece);
        loop {
            let message = self
                .frames
                .next_message()
                .map_err(|error| Ended::new(GrpcStatus::InvalidArgument, error.to_string()))?;
            let Some(message) = message else {
                return Ok(());
            };
            let frames = self.node.on_request(&message).await?;
            self.send(frames).await?;
        }
    }

    async fn send(&mut self, frames: Vec<Bytes>) -> Result<(), Ended> {
        for bytes in frames {
            let sent = self.sender.send(Frame::data(bytes));
            let sent = timeout(self.streams.http.write_stall, sent);
            if !matches!(sent.await, Ok(Ok(()))) {
                let text = "the node reads nothing";
                return Err(Ended::new(GrpcStatus::Unavailable, text));
            }
        }
        Ok(())
    }
}
