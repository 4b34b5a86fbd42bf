//! The link to the other instances: whether what this instance knows is all that is known, and what time it is.
//!
//! Each instance writes a record about itself every second, its beat, after all else that it has to tell, and reads
//! it back. What it has read by then is all that was written before. The broker says when the record was written, so
//! that instances need not agree about the time.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use serde::Serialize;

use crate::domain::ledger::{Millis, Times, wire::Beat};

/// The link is lost when the newest beat that came back was sent before this time.
const LOST_AFTER: Duration = Duration::from_millis(LOST_AFTER_MS);
const LOST_AFTER_MS: Millis = 5_000;
/// The beats that are remembered, and the differences of clocks.
const BEATS: usize = 60;
/// Clocks that differ by more than this, in milliseconds, from what was measured before have been set.
const CLOCK_SET: i64 = 10_000;

/// What this instance can say about the nodes of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LinkReport {
    /// The ledger does not have what other instances have seen lately.
    pub partial: bool,
    /// The instance has started so lately that nodes may not have come yet.
    pub warming: bool,
}

pub(super) struct Link {
    instance: Arc<str>,
    times: Times,
    began: Instant,
    /// The broker's clock minus this instance's, in milliseconds.
    offset: AtomicI64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The beats of this instance that have not come back: when they were sent, by the system's clock and by ours.
    sent: VecDeque<(Millis, Instant)>,
    /// When the newest beat that came back was sent.
    confirmed: Option<Instant>,
    /// The last differences between the broker's clock and this instance's. A beat that took long makes them larger.
    offsets: VecDeque<i64>,
    /// The other instances, by their names.
    others: HashMap<Arc<str>, Other>,
    /// Whether another instance knew all nodes.
    is_warm: bool,
    /// Whether it was planned to tell all since the link was last lost.
    has_planned: bool,
    /// Whether all was told since then.
    has_told: bool,
}

/// What is known of another instance.
struct Other {
    heard: Instant,
    /// Whether it has told all that it knows, since this instance has been able to hear it.
    is_whole: bool,
}

fn system_now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    super::millis(since)
}

impl Link {
    pub(super) fn new(instance: Arc<str>, times: Times) -> Self {
        Self {
            instance,
            times,
            began: Instant::now(),
            offset: AtomicI64::new(0),
            state: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Millis {
        system_now().saturating_add_signed(self.offset.load(Ordering::Relaxed))
    }

    /// Returns what this instance says about itself now.
    pub(super) fn beat(&self) -> Beat {
        let mut state = self.state.lock();
        let sent = system_now();
        state.sent.push_back((sent, Instant::now()));
        if state.sent.len() > BEATS {
            state.sent.pop_front();
        }
        let is_whole = state.is_up() && state.has_told;
        Beat {
            instance: self.instance.clone(),
            sent,
            is_warm: is_whole && self.is_warm(&state),
            is_whole,
        }
    }

    /// An instance's beat has come, which was written at `written` by the broker's clock.
    pub(super) fn heard(&self, beat: &Beat, written: Millis) {
        let mut state = self.state.lock();
        if beat.instance == self.instance {
            // A beat that came back before is one that is read again, and says nothing.
            let at = state.sent.iter().position(|(sent, _)| *sent == beat.sent);
            if let Some((_, sent)) = at.and_then(|at| state.sent.drain(..=at).next_back()) {
                state.confirmed = Some(sent);
                self.offset
                    .store(state.measure(beat.sent, written), Ordering::Relaxed);
            }
            return;
        }
        // Whoever begins to read a topic reads of instances that are long gone.
        let is_old = written + LOST_AFTER_MS < self.now();
        if state.is_up() && !is_old {
            let heard = Instant::now();
            let other = Other {
                heard,
                is_whole: beat.is_whole,
            };
            state.others.insert(beat.instance.clone(), other);
            state.is_warm |= beat.is_warm;
        }
    }

    /// An instance has said that it ends.
    pub(super) fn left(&self, instance: &str) {
        self.state.lock().others.remove(instance);
    }

    /// Whether this instance's beats come back.
    pub(super) fn is_up(&self) -> bool {
        self.state.lock().is_up()
    }

    /// Looks at the link once a second.
    pub(super) fn look(&self) {
        let mut state = self.state.lock();
        if !state.is_up() {
            state.has_planned = false;
            state.has_told = false;
            // What others do cannot be known meanwhile: their silence does not count, and what they had told does not.
            let heard = Instant::now();
            for other in state.others.values_mut() {
                *other = Other {
                    heard,
                    is_whole: false,
                };
            }
        }
        let longest = Duration::from_millis(3 * self.times.silent_after);
        state
            .others
            .retain(|_, other| other.heard.elapsed() <= longest);
    }

    /// Returns true once after each loss of the link: all has to be told again.
    pub(super) fn begins(&self) -> bool {
        let mut state = self.state.lock();
        let begins = state.is_up() && !state.has_planned;
        state.has_planned |= begins;
        begins
    }

    /// Remembers that all was told, or that something could not be.
    pub(super) fn tells(&self, all: bool) {
        let mut state = self.state.lock();
        state.has_told = all && state.is_up();
    }

    /// An instance that stopped without a word takes with it what it saw last: until its nodes have come to another
    /// one, or are lost, nobody can say what they run.
    pub(super) fn report(&self) -> LinkReport {
        let state = self.state.lock();
        let is_missing = |other: &Other| other.heard.elapsed() > LOST_AFTER || !other.is_whole;
        LinkReport {
            partial: !state.is_up() || state.others.values().any(is_missing),
            warming: !self.is_warm(&state),
        }
    }

    /// A node that is there has come within this time, unless another instance has known all nodes before.
    fn is_warm(&self, state: &State) -> bool {
        state.is_warm || self.began.elapsed() >= Duration::from_millis(self.times.silent_after)
    }
}

impl State {
    fn is_up(&self) -> bool {
        self.confirmed
            .is_some_and(|sent| sent.elapsed() <= LOST_AFTER)
    }

    /// Returns the broker's clock minus this instance's: the least of the last differences, since the way of a beat
    /// only adds to them.
    fn measure(&mut self, sent: Millis, written: Millis) -> i64 {
        let signed = |at: Millis| i64::try_from(at).unwrap_or(i64::MAX);
        let difference = signed(written).saturating_sub(signed(sent));
        let least = self.offsets.iter().min().copied().unwrap_or(difference);
        if (difference - least).abs() > CLOCK_SET {
            self.offsets.clear();
        }
        self.offsets.push_back(difference);
        if self.offsets.len() > BEATS {
            self.offsets.pop_front();
        }
        self.offsets.iter().min().copied().unwrap_or(difference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        let times = Times {
            silent_after: 60_000,
            forget_after: 60_000,
        };
        Link::new("here".into(), times)
    }

    /// Sends a beat and reads it back, by a clock that is `ahead`.
    fn round(link: &Link, ahead: u64) -> Beat {
        let beat = link.beat();
        link.heard(&beat, beat.sent + ahead);
        beat
    }

    fn other(link: &Link, is_whole: bool) -> Beat {
        Beat {
            instance: "there".into(),
            sent: link.now(),
            is_warm: false,
            is_whole,
        }
    }

    #[test]
    fn only_a_beat_that_was_sent_lately_proves_the_link() {
        let link = link();
        assert!(link.report().partial);
        let beat = round(&link, 0);
        assert!(!link.report().partial);
        // The same beat, read again from the beginning of the topic, after the link was lost.
        link.state.lock().confirmed = None;
        link.heard(&beat, beat.sent);
        assert!(link.report().partial);
    }

    #[test]
    fn nothing_is_whole_before_the_others_have_told_all() {
        let link = link();
        round(&link, 0);
        let heard = |is_whole| link.heard(&other(&link, is_whole), link.now());
        heard(false);
        assert!(link.report().partial);
        heard(true);
        assert!(!link.report().partial);
        // The link is lost and comes back: what the other one told before counts no longer.
        link.state.lock().confirmed = None;
        link.look();
        round(&link, 0);
        assert!(link.report().partial);
        heard(true);
        assert!(!link.report().partial);
        heard(false);
        link.left("there");
        assert!(!link.report().partial);
    }

    #[test]
    fn beat_says_whole_once_all_is_told() {
        let link = link();
        assert!(!link.beat().is_whole);
        round(&link, 0);
        assert!(!link.beat().is_whole);
        link.tells(true);
        assert!(link.beat().is_whole);
        link.tells(false);
        assert!(!link.beat().is_whole);
    }

    #[test]
    fn clock_is_the_brokers_and_a_slow_beat_does_not_set_it() {
        let link = link();
        let behind = || system_now().abs_diff(link.now());
        round(&link, 5_000);
        assert!(behind() >= 4_900, "{}", behind());
        round(&link, 9_000);
        assert!(behind() <= 5_100, "{}", behind());
        // The clock of this instance was set back by an hour.
        round(&link, 3_600_000);
        assert!(behind() >= 3_590_000, "{}", behind());
    }
}
