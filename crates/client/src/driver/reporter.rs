//! The task that sends reports: one at a time, the newest, so that the service never hears them in another order.

use std::{future::pending, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use traffic_manager_core::tag::VersionTag;

use super::http::{Answer, Http};
use crate::{
    Settings, StartError, Times, View,
    backoff::Backoff,
    report::{Report, Reported},
};

/// The dialect of a program that looks its routes up in the watcher; so does one that names none.
const NATIVE: &str = "native";

/// The task of the reports of a watcher.
pub struct Reporter {
    http: Http,
    times: Times,
    view: watch::Receiver<View>,
    /// The program's newest report; `None` if it makes none.
    report: watch::Receiver<Option<Report>>,
    reported: watch::Sender<Reported>,
    backoff: Backoff,
    /// Whether the node feeds nothing else with its data, so that it runs what it holds.
    is_native: bool,
    /// The tag of the data that the newest report was made with.
    told: Option<VersionTag>,
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
        report: watch::Receiver<Option<Report>>,
        reported: watch::Sender<Reported>,
    ) -> Result<Self, StartError> {
        let times = settings.times.clone();
        let dialect = settings.dialect.as_ref();
        Ok(Self {
            is_native: dialect.is_none_or(|dialect| dialect.as_str() == NATIVE),
            told: None,
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
        let runs_what_it_holds = self.is_native && self.report.borrow().is_none();
        let (told, view) = (&self.told, &mut self.view);
        let holds_more = async {
            let changed = view.wait_for(|view| runs_what_it_holds && view.tag() != told.as_ref());
            if changed.await.is_err() {
                pending::<()>().await;
            }
        };
        let changed = async {
            if self.report.changed().await.is_err() {
                // The watcher goes away, and this task with it.
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = changed => {}
            () = holds_more => {}
            () = sleep_until(due) => {}
        }
    }

    async fn send(&mut self) -> Outcome {
        let own = self.report.borrow_and_update().clone();
        let tag = self.view.borrow().tag().cloned();
        self.told.clone_from(&tag);
        let report = own.unwrap_or_else(|| Report {
            applied: tag.clone().filter(|_| self.is_native),
            fault: None,
        });
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
