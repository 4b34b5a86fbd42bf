//! The task that sends reports: one at a time, the newest, so that the service never hears them in another order.

use std::{future::pending, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::http::{Answer, Http};
use crate::{
    Settings, StartError, Times, View,
    backoff::Backoff,
    report::{Report, Reported},
};

/// The task of the reports of a watcher.
pub struct Reporter {
    http: Http,
    times: Times,
    view: watch::Receiver<View>,
    report: watch::Receiver<Report>,
    reported: watch::Sender<Reported>,
    backoff: Backoff,
}

/// What is known after a report was sent.
enum Outcome {
    /// The service has taken it.
    Taken,
    /// It is to be sent again after this time.
    Again(Duration),
}

impl Reporter {
    pub fn new(
        settings: Settings,
        view: watch::Receiver<View>,
        report: watch::Receiver<Report>,
        reported: watch::Sender<Reported>,
    ) -> Result<Self, StartError> {
        let times = settings.times.clone();
        Ok(Self {
            http: Http::new(settings)?,
            backoff: Backoff::new(times.first_retry, times.last_retry),
            times,
            view,
            report,
            reported,
        })
    }

    /// Sends each change, and the same again from time to time, until the task is aborted.
    pub async fn run(mut self) {
        let mut due = self.regular();
        let mut is_failing = false;
        loop {
            if is_failing {
                // What comes meanwhile is sent with the next try.
                sleep_until(due).await;
            } else {
                self.changed_or(due).await;
            }
            let sent_at = Instant::now();
            let outcome = self.send().await;
            is_failing = matches!(outcome, Outcome::Again(_));
            let rests_until = sent_at + self.times.report_pause;
            due = match outcome {
                Outcome::Taken => self.regular(),
                Outcome::Again(time) => (Instant::now() + time).max(rests_until),
            };
            sleep_until(rests_until).await;
        }
    }

    /// The time of the next report if nothing changes.
    fn regular(&self) -> Instant {
        let jitter = 1.0 - 0.1 * fastrand::f64();
        Instant::now() + self.times.report.mul_f64(jitter)
    }

    async fn changed_or(&mut self, due: Instant) {
        let changed = async {
            if self.report.changed().await.is_err() {
                // The watcher goes away, and this task with it.
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = changed => {}
            () = sleep_until(due) => {}
        }
    }

    async fn send(&mut self) -> Outcome {
        let report = self.report.borrow_and_update().clone();
        let tag = self.view.borrow().tag().cloned();
        let answer = self.http.report(tag.as_ref(), &report).await;
        let outcome = match answer {
            Answer::Content(()) | Answer::Unchanged(..) => {
                self.backoff.reset();
                Outcome::Taken
            }
            Answer::Denied(true) => Outcome::Again(Duration::ZERO),
            Answer::Missing | Answer::Denied(false) => {
                self.http.next_server();
                Outcome::Again(self.times.ask_again.mul_f64(1.0 - 0.1 * fastrand::f64()))
            }
            Answer::TagRefused | Answer::TooLarge => self.failed("the tag is refused", None),
            Answer::Failed(why, asked) => self.failed(&why, asked),
        };
        self.reported.send_modify(|reported| match outcome {
            Outcome::Taken => reported.sent += 1,
            Outcome::Again(_) => reported.failed += 1,
        });
        outcome
    }

    fn failed(&mut self, why: &str, asked: Option<Duration>) -> Outcome {
        tracing::debug!("a report failed: {why}");
        self.http.next_server();
        let mine = self.backoff.next(fastrand::f64());
        Outcome::Again(asked.map_or(mine, |asked| asked.max(mine)))
    }
}
