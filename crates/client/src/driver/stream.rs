//! A stream, from its opening to its end.

use jiff::Timestamp;
use reqwest::Response;
use tokio::time::Instant;
use traffic_manager_core::tag::VersionTag;

use super::{
    Answer, Driver, Pause,
    http::{Piece, next_piece},
};
use crate::{
    follow::{Verdict, signatures::Proof, status::Refusal},
    sse::{Parser, SseEvent},
};

/// The deadlines of an open stream.
struct Deadlines {
    opened: Instant,
    /// The time of the newest byte; `None` before the first.
    heard: Option<Instant>,
    /// The time since which data wait for their signature, without any that were taken since.
    pending: Option<Instant>,
}

impl Driver {
    /// Opens a stream, and follows it to its end.
    pub(super) async fn stream(&mut self) -> Pause {
        let opened = Instant::now();
        self.follower.hear(self.http.at());
        let after = self.follower.cursor().cloned();
        let asked = self.http.stream(after.as_ref());
        // A proxy that buffers may hold back even the head of the answer.
        let answer = tokio::time::timeout(self.times.first_byte, asked).await;
        let Ok(answer) = answer else {
            return self.mute();
        };
        let mut response = match answer {
            Answer::Content(response) => response,
            // The snapshot that is asked for next does not mend what else the service may dislike.
            Answer::TagRefused => {
                self.follower.tag_refused();
                return Pause::Unfit;
            }
            other => return self.no_content(other),
        };
        let deadlines = Deadlines {
            opened,
            heard: None,
            pending: None,
        };
        let pause = self.follow(&mut response, deadlines).await;
        self.follower.stream_ended();
        pause
    }

    async fn follow(&mut self, response: &mut Response, mut deadlines: Deadlines) -> Pause {
        let mut parser = Parser::new(self.max_bytes);
        loop {
            let until = self.until(&deadlines);
            match next_piece(response, until).await {
                Piece::Bytes(bytes) => {
                    self.heard(&mut deadlines);
                    let events = match parser.read(&bytes) {
                        Ok(events) => events,
                        Err(error) => {
                            self.follower.refuse(Refusal::TooLarge, &error.to_string());
                            self.http.next_server();
                            return Pause::Retry(None);
                        }
                    };
                    let applied = self.applied();
                    for event in events {
                        if let Some(pause) = self.event(event) {
                            return pause;
                        }
                        self.publish();
                    }
                    let since = deadlines.pending.filter(|_| applied == self.applied());
                    let since = since.unwrap_or_else(Instant::now);
                    deadlines.pending = self.follower.is_pending().then_some(since);
                    self.publish();
                }
                Piece::End if deadlines.heard.is_none() => {
                    return self.failed("the stream ended without a byte", None);
                }
                Piece::End => return Pause::Reopen,
                Piece::Failed(why) => return self.failed(&format!("stream: {why}"), None),
                Piece::Late => return self.late(&deadlines),
            }
        }
    }

    pub(super) fn applied(&self) -> u64 {
        self.follower.view().counters.applied
    }

    fn heard(&mut self, deadlines: &mut Deadlines) {
        deadlines.heard = Some(Instant::now());
        self.mute_streams = 0;
        // Not with its first bytes: a stream may break right after them each time.
        if deadlines.opened.elapsed() >= self.times.first_byte {
            self.backoff.reset();
        }
        self.follower.alive(Timestamp::now());
    }

    /// The next moment at which something is late or due.
    fn until(&self, deadlines: &Deadlines) -> Instant {
        let silent = match deadlines.heard {
            Some(heard) => heard + self.times.silence,
            None => deadlines.opened + self.times.first_byte,
        };
        let unsigned = deadlines.pending.map(|since| since + self.times.signature);
        let due = silent.min(self.confirms_at);
        unsigned.map_or(due, |unsigned| unsigned.min(due))
    }

    /// Leaves a stream in which something is late, or since the data are to be confirmed.
    fn late(&mut self, deadlines: &Deadlines) -> Pause {
        let now = Instant::now();
        let Some(heard) = deadlines.heard else {
            return if now >= deadlines.opened + self.times.first_byte {
                self.mute()
            } else {
                Pause::None
            };
        };
        if now >= heard + self.times.silence {
            let what = format!("no byte of the stream for {:?}", self.times.silence);
            return self.failed(&what, None);
        }
        // The data are due to be confirmed, or their signature is late: a snapshot is asked for.
        Pause::None
    }

    /// Takes a stream that gave no byte in time.
    fn mute(&mut self) -> Pause {
        self.mute_streams += 1;
        if self.mute_streams >= self.times.mute_streams {
            self.mute_streams = 0;
            self.polls_until = Some(Instant::now() + self.times.polling);
        }
        let what = format!("no byte of a stream within {:?}", self.times.first_byte);
        self.failed(&what, None)
    }

    /// Takes an event. Returns the time before the next request if the stream must be left.
    fn event(&mut self, event: SseEvent) -> Option<Pause> {
        let now = Timestamp::now();
        let id: Option<VersionTag> = event.id.as_deref().and_then(|id| id.parse().ok());
        let verdict = match event.name.as_str() {
            "snapshot" => self
                .follower
                .snapshot(&event.data, Proof::default(), id.as_ref(), now),
            "change" => self.follower.change(event.data, id.as_ref(), now),
            "signature" => self.follower.signature(&event.data, now),
            // Events of later versions.
            _ => Verdict::More,
        };
        match verdict {
            Verdict::Taken => {
                self.unfit.reset();
                self.backoff.reset();
                None
            }
            Verdict::More | Verdict::Dropped | Verdict::Unsigned => None,
            // A newer service: each change needs a snapshot, and comes no later for that.
            Verdict::Gap if !self.follower.is_exact() => Some(Pause::None),
            Verdict::Gap => Some(Pause::Unfit),
            Verdict::Refused(Refusal::NotAccepted) => Some(Pause::AskAgain),
            Verdict::Refused(_) => {
                self.http.next_server();
                Some(Pause::Unfit)
            }
        }
    }
}
