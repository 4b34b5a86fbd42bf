//! Streams: a snapshot or the changes after a tag, and then each new change. Nothing is buffered for a reader: when it has
//! room, it is given what is new since then.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use traffic_manager_core::{etag::version_tag, ledger::words::Condition, tag::VersionTag};

use super::{
    Ask,
    reply::{Reply, ReplyBody},
};
use crate::{
    http::{problem::Problem, query::Query},
    relay::{
        Relay,
        edition::Edition,
        followed::{Followed, Shown},
        nodes::Presence,
        places::Place,
        tokens::Denied,
    },
};

/// The first bytes: a client waits one second before it connects again.
const HELLO: &[u8] = b"retry: 1000\n\n";
/// What is sent when nothing has happened for a while.
const COMMENT: &[u8] = b":\n\n";
/// The time between comments.
const QUIET: Duration = Duration::from_secs(15);

const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Box<Reader>)>> + Send>>;

/// The events of one reader.
pub struct Events {
    hello: Option<Bytes>,
    /// `None` after the end.
    next: Option<Next>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events(..)")
    }
}

impl Events {
    fn new(reader: Box<Reader>) -> Self {
        Self {
            hello: Some(Bytes::from_static(HELLO)),
            next: Some(Box::pin(reader.next())),
        }
    }

    /// The next piece of the stream.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(hello));
        }
        let Some(next) = &mut self.next else {
            return Poll::Ready(None);
        };
        let piece = ready!(next.as_mut().poll(context));
        let (text, rest) = match piece {
            Some((text, reader)) => {
                let rest: Next = Box::pin(reader.next());
                (Some(text), Some(rest))
            }
            None => (None, None),
        };
        self.next = rest;
        Poll::Ready(text)
    }
}

/// Answers a stream.
pub async fn stream(ask: &Ask<'_>, tenant: &str, mut query: Query) -> Result<Reply, Problem> {
    let part = ask.part(tenant, &mut query)?;
    query.finish()?;
    let after = last_event_id(ask.headers)?;
    let mut node = ask.node(&part, Condition::Streams)?;
    let (followed, edition) = ask.held(&part).await?;
    if let Some(after) = after.as_ref().filter(|_| part.scope.is_whole()) {
        ask.at_least(&followed, edition, std::slice::from_ref(after))
            .await?;
    }
    let place = ask.place(&part)?;
    let presence = node.waits();
    let lifetime = ask.relay.config.relay.stream_lifetime;
    let reader = Box::new(Reader {
        relay: Arc::clone(ask.relay),
        authorization: ask.authorization.cloned(),
        shown: followed.shown.subscribe(),
        _followed: followed,
        at: after,
        has_begun: false,
        node,
        _place: place,
        _presence: presence,
        ends: Instant::now() + lifetime.mul_f64(1.0 - 0.1 * fastrand::f64()),
    });
    let mut reply = Response::new(ReplyBody::Events(Events::new(reader)));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
    Ok(reply)
}

/// Reads `Last-Event-ID`. An empty value counts as absent: a browser sends it when it has no id yet.
fn last_event_id(headers: &HeaderMap) -> Result<Option<VersionTag>, Problem> {
    let value = headers.get("last-event-id").filter(|it| !it.is_empty());
    let tag = value.map(|value| version_tag(&String::from_utf8_lossy(value.as_bytes())));
    tag.transpose()
        .map_err(|invalid| Problem::field("Last-Event-ID:", &invalid))
}

/// A reader of a stream, and what it has got.
struct Reader {
    relay: Arc<Relay>,
    authorization: Option<HeaderValue>,
    shown: watch::Receiver<Shown>,
    _followed: Arc<Followed>,
    /// The place in the stream after what it has got.
    at: Option<VersionTag>,
    has_begun: bool,
    node: super::NodePoll,
    _place: Place,
    _presence: Option<Presence>,
    ends: Instant,
}

impl Reader {
    /// Waits for the next piece; `None` at the end.
    async fn next(mut self: Box<Self>) -> Option<(Bytes, Box<Self>)> {
        let quiet = sleep(QUIET);
        tokio::pin!(quiet);
        loop {
            if Instant::now() >= self.ends {
                return None;
            }
            let shown = self.shown.borrow_and_update().clone();
            if shown.is_gone {
                return None;
            }
            if let Some(text) = shown.edition.and_then(|edition| self.look(&edition)) {
                self.has_begun = true;
                return Some((text, self));
            }
            tokio::select! {
                changed = self.shown.changed() => changed.ok()?,
                () = &mut quiet => {
                    let is_good = self.is_good().await;
                    return is_good.then(|| (Bytes::from_static(COMMENT), self));
                }
                () = sleep_until(self.ends) => return None,
            }
        }
    }

    /// Whether the control plane still lets the reader read.
    async fn is_good(&self) -> bool {
        let Relay {
            tokens, upstream, ..
        } = self.relay.as_ref();
        let caller = tokens.check(upstream, self.authorization.as_ref()).await;
        !matches!(caller, Err(Denied::Refused))
    }

    /// Returns what is new in a state.
    fn look(&mut self, edition: &Edition) -> Option<Bytes> {
        let place = edition.place();
        let Some(at) = &self.at else {
            return Some(self.whole(edition));
        };
        if at.epoch != place.epoch {
            return Some(self.whole(edition));
        }
        // A reader of a part may be further than the relay knows: what it was sent elsewhere was of other parts.
        if at.revision >= place.revision {
            let is_first = !std::mem::replace(&mut self.has_begun, true);
            let signature = edition.signature_event();
            return (is_first && at == place && !signature.is_empty()).then_some(signature);
        }
        let Some(text) = edition.delta(at) else {
            return Some(self.whole(edition));
        };
        self.at = Some(place.clone());
        if text.is_empty() {
            return None;
        }
        self.node.served(edition.place());
        Some(text)
    }

    fn whole(&mut self, edition: &Edition) -> Bytes {
        self.at = Some(edition.place().clone());
        self.node.served(edition.place());
        edition.snapshot_event()
    }
}
