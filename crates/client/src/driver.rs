//! The task of a watcher: it asks, hears, and waits. All decisions about data are in
//! [`crate::follow`].

mod http;
mod opinion;
mod reporter;
mod saver;
mod stream;

use std::time::Duration;

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use self::http::{Answer, Http};
pub use self::{http::Connections, reporter::Reporter, saver::Saver};
use crate::{
    Settings, StartError, Times, View,
    backoff::Backoff,
    follow::{Follower, Verdict, status::Refusal},
};

/// The time before the next request.
enum Pause {
    /// None.
    None,
    /// A short random time: nothing has failed.
    Reopen,
    /// After a failure; at least the time that the service asked for.
    Retry(Option<Duration>),
    /// After events of a stream that could not be taken.
    Unfit,
    /// Until the next regular try.
    AskAgain,
}

/// The task of a watcher.
pub struct Driver {
    follower: Follower,
    http: Http,
    times: Times,
    max_bytes: usize,
    view: watch::Sender<View>,
    saver: Option<Saver>,
    backoff: Backoff,
    /// The backoff after streams whose events could not be taken. A snapshot that comes in between
    /// does not reset it.
    unfit: Backoff,
    /// The streams in a row that gave no byte in time.
    mute_streams: u32,
    /// While this is in the future, the watcher polls.
    polls_until: Option<Instant>,
    /// The time of the next snapshot that confirms the data.
    confirms_at: Instant,
    /// How often the data were due to be confirmed.
    confirms: usize,
}

impl Driver {
    pub fn new(
        settings: Settings,
        follower: Follower,
        saver: Option<Saver>,
        view: watch::Sender<View>,
    ) -> Result<Self, StartError> {
        let times = settings.times.clone();
        Ok(Self {
            follower,
            backoff: Backoff::new(times.first_retry, times.last_retry),
            unfit: Backoff::new(times.first_retry, times.last_retry),
            max_bytes: settings.max_bytes,
            http: Http::new(settings)?,
            times,
            view,
            saver,
            mute_streams: 0,
            polls_until: None,
            confirms_at: Instant::now(),
            confirms: 0,
        })
    }

    /// Follows the tenant until the task is aborted.
    pub async fn run(mut self) {
        loop {
            let is_due = Instant::now() >= self.confirms_at;
            let pause = if is_due && !self.follower.needs_snapshot() {
                self.confirm().await
            } else if is_due || self.follower.needs_snapshot() {
                self.ask(false).await
            } else if self.polls() {
                self.ask(true).await
            } else {
                self.stream().await
            };
            self.publish();
            sleep(self.time(pause)).await;
        }
    }

    /// Whether the watcher polls now, since streams do not come through.
    fn polls(&mut self) -> bool {
        if self
            .polls_until
            .is_some_and(|until| Instant::now() >= until)
        {
            self.polls_until = None;
        }
        self.polls_until.is_some()
    }

    fn time(&mut self, pause: Pause) -> Duration {
        match pause {
            Pause::None => Duration::ZERO,
            Pause::Reopen => self.times.reopen.mul_f64(fastrand::f64()),
            Pause::AskAgain => self.times.ask_again.mul_f64(1.0 - 0.1 * fastrand::f64()),
            Pause::Unfit => self.unfit.next(fastrand::f64()),
            Pause::Retry(asked) => {
                let mine = self.backoff.next(fastrand::f64());
                let asked = asked.map(|time| time.mul_f64(1.0 + 0.2 * fastrand::f64()));
                // A service that says 0 is not asked in a loop.
                asked.map_or(mine, |asked| asked.max(mine))
            }
        }
    }

    /// Asks for a snapshot, or polls for the next one.
    async fn ask(&mut self, wait: bool) -> Pause {
        let tag = self.follower.known_tag().cloned();
        let wait = wait && tag.is_some();
        let asked_at = Instant::now();
        self.follower.hear(self.http.at());
        let answer = self.http.snapshot(tag.as_ref(), wait).await;
        let now = Timestamp::now();
        let verdict = match answer {
            Answer::Content(body) => {
                match self.follower.snapshot(&body.json, body.proof(), None, now) {
                    Verdict::Unsigned => self.follower.refuse_unsigned(),
                    verdict => verdict,
                }
            }
            Answer::Unchanged(tag, signature) => {
                self.follower
                    .unchanged(tag.as_ref(), signature.as_deref(), now)
            }
            other => return self.no_content(other),
        };
        match verdict {
            Verdict::Taken => {
                self.backoff.reset();
                self.is_confirmed();
                // A poll that is answered at once must not become a busy loop.
                if wait && asked_at.elapsed() < self.times.reopen {
                    Pause::Reopen
                } else {
                    Pause::None
                }
            }
            Verdict::Refused(Refusal::NotAccepted) => Pause::AskAgain,
            Verdict::Dropped => self.failed("an older snapshot than the data", None),
            Verdict::Refused(_) | Verdict::Unsigned | Verdict::Gap | Verdict::More => {
                self.http.next_server();
                Pause::Retry(None)
            }
        }
    }

    /// What to do about an answer that is neither 200 nor 304.
    fn no_content<T>(&mut self, answer: Answer<T>) -> Pause {
        match answer {
            // Another instance may know better: one of them may have wrong settings.
            Answer::Missing => {
                self.follower.gone();
                self.http.next_server();
                Pause::AskAgain
            }
            Answer::Denied(true) => Pause::None,
            Answer::Denied(false) => {
                self.follower.denied();
                self.http.next_server();
                Pause::AskAgain
            }
            Answer::TagRefused => {
                self.follower.tag_refused();
                Pause::Reopen
            }
            Answer::TooLarge => {
                let what = format!("an answer of more than {} bytes", self.max_bytes);
                self.follower.refuse(Refusal::TooLarge, &what);
                self.http.next_server();
                Pause::Retry(None)
            }
            Answer::Failed(why, retry_after) => self.failed(&why, retry_after),
            Answer::Content(_) | Answer::Unchanged(..) => {
                self.failed("an answer that was not asked for", None)
            }
        }
    }

    fn failed(&mut self, what: &str, retry_after: Option<Duration>) -> Pause {
        self.follower.failed(what);
        self.http.next_server();
        Pause::Retry(retry_after)
    }

    /// Shows the follower's state, and has it saved if it is another one.
    fn publish(&mut self) {
        if let Some(saver) = &mut self.saver {
            while let Some(what) = saver.failure() {
                self.follower.file_failed(&what);
            }
            if let Some(saved) = self.follower.saved() {
                saver.offer(saved);
            }
        }
        let view = self.follower.view();
        self.view.send_if_modified(|shown| {
            let differs = view.differs(shown);
            if view.problem != shown.problem
                && let Some(problem) = &view.problem
            {
                tracing::warn!(problem = %problem, state = %view.state, "watcher");
            }
            *shown = view;
            differs
        });
    }
}
