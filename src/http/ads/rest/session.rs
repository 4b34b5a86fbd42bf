//! The session of one Envoy that polls.
//!
//! Polls say less than a stream: a poll with the version that was answered last is the acknowledgement, and
//! one with an older version, after the answer was written, is a refusal or an answer that got lost. So an
//! answer is given twice before it counts as refused. Envoy says that it has new clusters before they are
//! warm: the routes follow after [`GRACE`].

use std::{
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use traffic_manager_dataplane::ads::{
    Kind, Type,
    poll::{Poll, Polled},
};

use crate::http::ads::{
    Served, Streams,
    answer::{Ended, GrpcStatus},
    node::{Due, Node},
};

/// How long new clusters have until routes name them. Envoy resolves their names meanwhile.
const GRACE: Duration = Duration::from_secs(1);
/// How long a poll is held while nothing moves. An Envoy waits for 40 s (its bootstrap).
const HOLD: Duration = Duration::from_secs(30);
/// A session without polls for this time ends.
const IDLE: Duration = Duration::from_secs(90);
/// How often an answer is given before the node is taken to refuse it.
const TRIES: u32 = 2;

/// A poll that waits for its answer.
pub struct Asked {
    /// What it polls.
    pub resources: Type,
    /// What it says.
    pub poll: Poll,
    /// Where its answer goes.
    pub answer: oneshot::Sender<Reply>,
}

/// The answer to a poll.
pub enum Reply {
    /// Nothing has moved.
    Same,
    /// What the node is to have, and where to note that it was written.
    Now(Bytes, Arc<AtomicBool>),
    /// There is nothing, for this reason.
    Ended(GrpcStatus, String),
}

/// An answer whose fate is not known.
struct Sent {
    ready: Polled,
    written: Arc<AtomicBool>,
    tries: u32,
}

/// What is known of one type of resources.
#[derive(Default)]
struct Side {
    /// The last poll, with the version that the node has; `None` before the first.
    polled: Option<Poll>,
    ready: Option<Polled>,
    sent: Option<Sent>,
    /// A poll that is held, and until when.
    held: Option<(oneshot::Sender<Reply>, Instant)>,
    /// The nonce of an answer that the node has, and when that counts.
    settles: Option<(String, Instant)>,
}

/// The session of a node.
struct Session<'a> {
    streams: &'a Streams,
    served: &'a Served,
    node: Node,
    clusters: Side,
    routes: Side,
}

enum Event {
    Poll(Option<Asked>),
    Due(Due),
    Time,
    Stop,
}

/// Answers the polls of a node until it polls no longer, or the service drains.
pub async fn run(streams: &Streams, served: &Served, mut polls: mpsc::Receiver<Asked>) {
    let mut session = Session::new(streams, served);
    let mut idle = Instant::now() + IDLE;
    let stop = streams.state.polls.stop();
    loop {
        let time = session.time().min(idle);
        let event = tokio::select! {
            () = stop.cancelled() => Event::Stop,
            poll = polls.recv() => Event::Poll(poll),
            due = session.node.due() => Event::Due(due),
            () = sleep_until(time) => Event::Time,
        };
        let done = match event {
            Event::Stop | Event::Poll(None) => break,
            Event::Time if Instant::now() >= idle => break,
            Event::Time => session.on_time().await,
            Event::Poll(Some(poll)) => {
                idle = Instant::now() + IDLE;
                session.on_poll(poll).await
            }
            Event::Due(due) => match session.node.on_due(due).await {
                Ok(frames) => session.take(frames).await,
                Err(ended) => Err(ended),
            },
        };
        if let Err(ended) = done {
            tracing::info!(node = session.node.name(), status = ?ended.status, reason = ended.text, "the session of an Envoy ended");
            session.end(&ended);
            break;
        }
    }
    polls.close();
    session.release();
}

impl<'a> Session<'a> {
    fn new(streams: &'a Streams, served: &'a Served) -> Self {
        Self {
            streams,
            served,
            node: served.node(streams, Kind::World),
            clusters: Side::default(),
            routes: Side::default(),
        }
    }

    fn side(&mut self, resources: Type) -> &mut Side {
        match resources {
            Type::Clusters => &mut self.clusters,
            Type::Routes => &mut self.routes,
        }
    }

    /// When something is due here.
    fn time(&self) -> Instant {
        let of = |side: &Side| {
            let held = side.held.as_ref().map(|(_, until)| *until);
            let settles = side.settles.as_ref().map(|(_, at)| *at);
            held.into_iter().chain(settles).min()
        };
        let both = [&self.clusters, &self.routes].into_iter().filter_map(of);
        both.min().unwrap_or_else(|| Instant::now() + IDLE)
    }

    async fn on_time(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        for resources in [Type::Clusters, Type::Routes] {
            let side = self.side(resources);
            if let Some((answer, _)) = side.held.take_if(|(_, until)| *until <= now) {
                let _ = answer.send(Reply::Same);
            }
            if let Some((nonce, _)) = side.settles.take_if(|(_, at)| *at <= now) {
                self.say(resources, nonce, None).await?;
            }
        }
        Ok(())
    }

    async fn on_poll(&mut self, asked: Asked) -> Result<(), Ended> {
        let Asked {
            resources,
            poll,
            answer,
        } = asked;
        if self.side(resources).is_other(&poll) {
            // A node that was started anew, or that another instance has served meanwhile.
            self.release();
            *self = Self::new(self.streams, self.served);
        }
        let side = self.side(resources);
        let until = Instant::now() + HOLD;
        if let Some((older, _)) = side.held.replace((answer, until)) {
            let _ = older.send(Reply::Same);
        }
        if side.polled.is_none() {
            side.polled = Some(poll);
            self.say(resources, String::new(), None).await?;
        } else if let Some(sent) = side.sent.take() {
            self.judge(resources, poll, sent).await?;
        }
        self.give();
        Ok(())
    }

    /// Gives responses to the polls that are held. Routes wait for the clusters that they may name.
    fn give(&mut self) {
        self.clusters.give();
        if self.clusters.is_settled() {
            self.routes.give();
        }
    }

    /// Finds out what became of an answer, by the version of the poll after it.
    async fn judge(&mut self, resources: Type, poll: Poll, mut sent: Sent) -> Result<(), Ended> {
        let side = self.side(resources);
        if poll.version_info == sent.ready.version {
            side.polled = Some(poll);
            let grace = match resources {
                Type::Clusters => GRACE,
                Type::Routes => Duration::ZERO,
            };
            side.settles = Some((sent.ready.nonce, Instant::now() + grace));
            return self.on_time().await;
        }
        // Something newer replaces it.
        if side.ready.is_some() {
            return Ok(());
        }
        let was_written = sent.written.load(Ordering::Acquire);
        if was_written && sent.tries >= TRIES {
            let why = "refused; a poll does not say why: see the log of the Envoy";
            let nonce = sent.ready.nonce;
            return self.say(resources, nonce, Some(why)).await;
        }
        if was_written {
            sent.tries += 1;
        }
        side.again(sent);
        Ok(())
    }

    /// Says to the state machine what the node has said by its polls.
    async fn say(
        &mut self,
        resources: Type,
        nonce: String,
        refused: Option<&str>,
    ) -> Result<(), Ended> {
        let Some(poll) = &self.side(resources).polled else {
            return Ok(());
        };
        let message = poll.request(resources, nonce, refused);
        let frames = self.node.on_request(&message).await?;
        self.take(frames).await
    }

    /// Takes the responses of the state machine for the polls that are held or come next.
    async fn take(&mut self, frames: Vec<Bytes>) -> Result<(), Ended> {
        for bytes in frames {
            let bodies = self.streams.sessions.bodies.0.clone();
            let read = move || {
                let kept = |resources, version: &str| bodies.get(&(resources, version.to_owned()));
                let ready = Polled::read(&bytes, kept)?;
                let key = (ready.resources, ready.version.clone());
                bodies.insert(key, ready.body.clone());
                Some(ready)
            };
            let ready = self
                .streams
                .state
                .workers
                .run(read)
                .await
                .map_err(|error| Ended::new(GrpcStatus::Unavailable, error.to_string()))?
                .ok_or_else(|| Ended::new(GrpcStatus::Unavailable, "no response"))?;
            let side = self.side(ready.resources);
            side.ready = Some(ready);
        }
        self.give();
        Ok(())
    }

    /// Answers the polls that are held: nothing has moved.
    fn release(&mut self) {
        self.answer(|| Reply::Same);
    }

    fn end(&mut self, ended: &Ended) {
        self.answer(|| Reply::Ended(ended.status, ended.text.clone()));
    }

    fn answer(&mut self, reply: impl Fn() -> Reply) {
        for side in [&mut self.clusters, &mut self.routes] {
            if let Some((answer, _)) = side.held.take() {
                let _ = answer.send(reply());
            }
        }
    }
}

impl Side {
    /// Whether a node that says this version is not the one of this session.
    fn is_other(&self, poll: &Poll) -> bool {
        let Some(last) = &self.polled else {
            return false;
        };
        let now = &poll.version_info;
        let is_sent = self
            .sent
            .as_ref()
            .is_some_and(|sent| sent.ready.version == *now);
        last.version_info != *now && !is_sent
    }

    /// Whether nothing is on its way to the node.
    fn is_settled(&self) -> bool {
        self.ready.is_none() && self.sent.is_none() && self.settles.is_none()
    }

    /// Gives the next response to the poll that is held.
    fn give(&mut self) {
        if self.held.is_none() {
            return;
        }
        if let Some(ready) = self.ready.take()
            && let Some((answer, _)) = self.held.take()
        {
            self.hand_over(answer, ready, 1);
        }
    }

    /// Gives an answer once more.
    fn again(&mut self, sent: Sent) {
        if let Some((answer, _)) = self.held.take() {
            self.hand_over(answer, sent.ready, sent.tries);
        }
    }

    fn hand_over(&mut self, answer: oneshot::Sender<Reply>, ready: Polled, tries: u32) {
        let written = Arc::new(AtomicBool::new(false));
        let body = ready.body.clone();
        // If the poll is gone, the answer is not written, and is given again.
        let _ = answer.send(Reply::Now(body, written.clone()));
        self.sent = Some(Sent {
            ready,
            written,
            tries,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(version: &str) -> Poll {
        Poll {
            version_info: version.to_owned(),
            ..Poll::default()
        }
    }

    fn ready(version: &str) -> Polled {
        Polled {
            resources: Type::Routes,
            version: version.to_owned(),
            nonce: "1".to_owned(),
            body: Bytes::from_static(b"{}"),
        }
    }

    #[test]
    fn a_response_without_a_poll_waits_for_one() {
        let mut side = Side {
            ready: Some(ready("2")),
            ..Side::default()
        };
        side.give();
        assert!(side.ready.is_some() && side.sent.is_none());
        let (answer, mut reply) = oneshot::channel();
        side.held = Some((answer, Instant::now()));
        side.give();
        assert!(matches!(reply.try_recv(), Ok(Reply::Now(..))));
        assert!(side.ready.is_none() && side.sent.is_some() && !side.is_settled());
    }

    #[test]
    fn a_poll_waits_for_a_response() {
        let (answer, mut reply) = oneshot::channel();
        let mut side = Side {
            held: Some((answer, Instant::now())),
            ..Side::default()
        };
        side.give();
        assert!(side.held.is_some() && reply.try_recv().is_err());
    }

    #[test]
    fn a_version_that_was_never_given_here_is_of_another_node() {
        let mut side = Side::default();
        assert!(!side.is_other(&poll("1")));
        side.polled = Some(poll("1"));
        side.sent = Some(Sent {
            ready: ready("2"),
            written: Arc::default(),
            tries: 1,
        });
        for (version, is_other) in [("1", false), ("2", false), ("3", true), ("", true)] {
            assert_eq!(side.is_other(&poll(version)), is_other, "{version}");
        }
    }
}
