//! The link to the other instances: whether what this instance knows is all that is known, and what time it is.
//!
//! Each instance writes a record about itself every second and reads it back. What it has read by then is all that
//! was written before. The broker says when the record was written, so that instances need not agree about the time.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use serde::Serialize;

use crate::domain::ledger::{Millis, Times, wire::Beat};

/// The link is lost when no record of this instance has come back for so long.
const LOST_AFTER: Duration = Duration::from_millis(LOST_AFTER_MS);
const LOST_AFTER_MS: Millis = 5_000;

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
    /// When the last record of this instance came back.
    confirmed: Option<Instant>,
    /// When the records of the other instances came, by their names.
    others: HashMap<Arc<str>, Instant>,
    /// Whether another instance knew all nodes.
    is_warm: bool,
    /// Whether the link was lost since all was told.
    was_lost: bool,
}

fn system_now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or_default()
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

    /// An instance's record about itself has come, which was written at `written` by the broker's clock.
    pub(super) fn heard(&self, beat: &Beat, written: Millis) {
        let mut state = self.state.lock();
        if beat.instance == self.instance {
            state.confirmed = Some(Instant::now());
            let signed = |at: Millis| i64::try_from(at).unwrap_or(i64::MAX);
            let offset = signed(written) - signed(beat.sent);
            self.offset.store(offset, Ordering::Relaxed);
            return;
        }
        // Whoever begins to read a topic reads of instances that are long gone.
        let is_old = written + LOST_AFTER_MS < self.now();
        if state.confirmed.is_some() && !is_old {
            state.others.insert(beat.instance.clone(), Instant::now());
            state.is_warm |= beat.is_warm;
        }
    }

    /// An instance has said that it ends.
    pub(super) fn left(&self, instance: &str) {
        self.state.lock().others.remove(instance);
    }

    /// Returns what this instance says about itself.
    pub(super) fn beat(&self) -> Beat {
        Beat {
            instance: self.instance.clone(),
            sent: system_now(),
            is_warm: self.is_warm(&self.state.lock()),
        }
    }

    /// A node that is there has come within this time, unless another instance has known all nodes before.
    fn is_warm(&self, state: &State) -> bool {
        state.is_warm || self.began.elapsed() >= Duration::from_millis(self.times.silent_after)
    }

    /// Whether this instance's records come back.
    pub(super) fn is_up(&self) -> bool {
        self.is_linked(&self.state.lock())
    }

    fn is_linked(&self, state: &State) -> bool {
        state.confirmed.is_some_and(|at| at.elapsed() <= LOST_AFTER)
    }

    /// Looks at the link once a second.
    pub(super) fn look(&self) {
        let mut state = self.state.lock();
        if !self.is_linked(&state) {
            state.was_lost = true;
            // What others do cannot be known meanwhile: their silence does not count.
            let now = Instant::now();
            state.others.values_mut().for_each(|at| *at = now);
        }
        let longest = Duration::from_millis(3 * self.times.silent_after);
        state.others.retain(|_, at| at.elapsed() <= longest);
    }

    /// Returns once after each loss of the link, when it is there again.
    pub(super) fn is_back(&self) -> bool {
        let mut state = self.state.lock();
        let is_back = state.was_lost && self.is_linked(&state);
        if is_back {
            state.was_lost = false;
        }
        is_back
    }

    /// An instance that stopped without a word takes with it what it saw last: until its nodes have come to another
    /// one, or are lost, nobody can say what they run.
    pub(super) fn report(&self) -> LinkReport {
        let state = self.state.lock();
        let is_silent = |at: &Instant| at.elapsed() > LOST_AFTER;
        let is_linked = self.is_linked(&state);
        LinkReport {
            partial: !is_linked || state.others.values().any(is_silent),
            warming: !self.is_warm(&state),
        }
    }
}
