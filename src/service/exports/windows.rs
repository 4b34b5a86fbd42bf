//! Time windows: the period that an export reads next.
//!
//! The page size alone does not bound the number of documents that MongoDB examines: a filter
//! without an index may examine all of them. So an export reads one time window after another.
//! Windows grow where few events are found. They shrink where many events are found or a call takes
//! too long. They also grow where every call is slow, because an export would never end otherwise.

use jiff::{SignedDuration, Timestamp};

use crate::{
    audit::archive::{EventPosition, timeline::TimeSlice},
    domain::time::UtcTime,
};

const FIRST: SignedDuration = SignedDuration::from_mins(1);
const NARROWEST: SignedDuration = SignedDuration::from_millis(1);
const WIDEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// Divides the width of a window whose call took too long, before the next attempt.
const NARROWING: i32 = 64;

/// The start of the next page within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PageStart {
    Start,
    /// After this event, within its instant.
    Within(EventPosition),
    /// After this instant.
    After(String),
}

/// The position of an export in time.
#[derive(Debug)]
pub struct Windows {
    /// The current window begins after this instant, or the last full page of the window ended
    /// here.
    after: Timestamp,
    width: SignedDuration,
    place: PageStart,
    /// From this instant on, there is one window without an end. `None` if the export has an end of
    /// its own.
    open_from: Option<Timestamp>,
    /// The last instant that the export covers.
    last: Timestamp,
    is_done: bool,
}

impl Windows {
    /// Covers the time from `from` until before `to`, or else until the newest event. `now` is
    /// about the time of the newest event.
    pub fn new(from: UtcTime, to: Option<UtcTime>, now: Timestamp) -> Self {
        // Times are whole microseconds.
        let before = |at: UtcTime| {
            at.timestamp()
                .checked_sub(SignedDuration::from_micros(1))
                .unwrap_or(Timestamp::MIN)
        };
        let (after, last) = (before(from), to.map_or(Timestamp::MAX, before));
        Self {
            after,
            width: FIRST,
            place: PageStart::Start,
            open_from: to.is_none().then_some(now),
            last,
            is_done: after >= last,
        }
    }

    /// Returns the end of the current window; `None` if it has no end.
    fn upto(&self) -> Option<Timestamp> {
        let upto = self
            .after
            .checked_add(self.width)
            .unwrap_or(Timestamp::MAX)
            .min(self.last);
        self.open_from
            .is_none_or(|open| upto <= open)
            .then_some(upto)
    }

    /// Returns the next piece to read; `None` at the end.
    pub fn next(&self) -> Option<TimeSlice> {
        if self.is_done {
            return None;
        }
        let text = |at: Timestamp| UtcTime::from(at).to_string();
        let upto = self.upto().map(text);
        Some(match &self.place {
            PageStart::Start => TimeSlice::Between {
                after: text(self.after),
                upto,
            },
            PageStart::After(at) => TimeSlice::Between {
                after: at.clone(),
                upto,
            },
            PageStart::Within(EventPosition { occurred_at, id }) => TimeSlice::Rest {
                at: occurred_at.clone(),
                after: id.clone(),
            },
        })
    }

    /// Moves past the events that were read: `count` events of at most `page`, of which `last` is
    /// the last. `is_quick`: a call may take much longer.
    pub fn took(&mut self, count: usize, page: usize, last: Option<EventPosition>, is_quick: bool) {
        let is_full = count >= page;
        match (std::mem::replace(&mut self.place, PageStart::Start), last) {
            (PageStart::Within(_), Some(last)) if is_full => self.place = PageStart::Within(last),
            (PageStart::Within(at), _) => self.place = PageStart::After(at.occurred_at),
            (PageStart::Start | PageStart::After(_), Some(last)) if is_full => {
                // A time that was tampered with says nothing about the density of events here.
                if let Ok(at) = last.occurred_at.parse::<UtcTime>() {
                    self.width = at
                        .timestamp()
                        .duration_since(self.after)
                        .clamp(NARROWEST, WIDEST);
                    self.after = at.timestamp().max(self.after);
                }
                self.place = PageStart::Within(last);
            }
            (PageStart::Start | PageStart::After(_), _) => self.end_window(count, page, is_quick),
        }
    }

    /// Goes on to the next window.
    fn end_window(&mut self, count: usize, page: usize, is_quick: bool) {
        match self.upto().filter(|upto| *upto < self.last) {
            Some(upto) => self.after = upto,
            None => self.is_done = true,
        }
        let growth = match count {
            0 if is_quick => 8,
            few if few < page.div_ceil(2) => 2,
            _ => 1,
        };
        self.width = (self.width * growth).clamp(NARROWEST, WIDEST);
    }

    /// Makes the window much narrower, after a call that took too long.
    pub fn narrow(&mut self) {
        self.width = (self.width / NARROWING).max(NARROWEST);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Reads events, given as (microsecond, id), through windows as the archive would answer.
    /// Returns the events that were read and the number of calls.
    fn read(
        events: &BTreeSet<(i64, u32)>,
        from: i64,
        to: Option<i64>,
        now: i64,
        page: usize,
        is_quick: bool,
    ) -> (Vec<(i64, u32)>, usize) {
        let time = |at: i64| UtcTime::from(Timestamp::from_microsecond(at).unwrap());
        let text = |at: i64| time(at).to_string();
        let mut windows = Windows::new(time(from), to.map(time), time(now).timestamp());
        let (mut seen, mut calls) = (vec![], 0);
        while let Some(piece) = windows.next() {
            calls += 1;
            let found: Vec<_> = events
                .iter()
                .filter(|(at, id)| match &piece {
                    TimeSlice::Between { after, upto } => {
                        text(*at) > *after && upto.as_ref().is_none_or(|upto| text(*at) <= *upto)
                    }
                    TimeSlice::Rest { at: instant, after } => {
                        text(*at) == *instant && format!("{id:09}") > *after
                    }
                })
                .take(page)
                .copied()
                .collect();
            let last = found.last().map(|(at, id)| EventPosition {
                occurred_at: text(*at),
                id: format!("{id:09}"),
            });
            windows.took(found.len(), page, last, is_quick);
            seen.extend(found);
        }
        (seen, calls)
    }

    proptest::proptest! {
        #[test]
        fn every_event_in_range_is_read_once_in_order(
            // Crowded instants, and ages without any event.
            events in proptest::collection::btree_set((proptest::prop_oneof![0_i64..5, 0_i64..10_000_000, 0_i64..4_000_000_000_000_000], 0_u32..40), 0..200),
            from in proptest::prop_oneof![0_i64..5, 0_i64..4_000_000_000_000_000],
            to in proptest::option::of(0_i64..4_000_000_000_000_000),
            now in 0_i64..4_000_000_000_000_000,
            page in 1_usize..20,
            is_quick in proptest::bool::ANY,
        ) {
            let want: Vec<_> = events.iter().filter(|(at, _)| *at >= from && to.is_none_or(|to| *at < to)).copied().collect();
            proptest::prop_assert_eq!(read(&events, from, to, now, page, is_quick).0, want);
        }
    }

    #[test]
    fn empty_ranges_cost_few_calls_and_dense_ones_one_per_page() {
        let year = 365 * 24 * 3600 * 1_000_000_i64;
        let lonely = BTreeSet::from([(0, 1), (30 * year, 1)]);
        for is_quick in [true, false] {
            let (seen, calls) = read(&lonely, 0, None, 31 * year, 500, is_quick);
            assert_eq!(seen.len(), 2);
            assert!(calls < 60, "{calls}");
        }
        let dense: BTreeSet<_> = (0..20_000).map(|n| (30 * year + n * 1000, 1)).collect();
        let (seen, calls) = read(&dense, 30 * year, None, 31 * year, 500, true);
        assert_eq!(seen.len(), 20_000);
        assert!(calls < 150, "{calls}");
    }

    #[test]
    fn too_slow_window_shrinks_and_keeps_its_start() {
        let from: UtcTime = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut windows = Windows::new(
            from,
            Some("2027-01-01T00:00:00Z".parse().unwrap()),
            Timestamp::UNIX_EPOCH,
        );
        for _ in 0..5 {
            windows.took(0, 500, None, true);
        }
        let window = |windows: &Windows| match windows.next() {
            Some(TimeSlice::Between {
                after,
                upto: Some(upto),
            }) => (after, upto),
            other => panic!("{other:?}"),
        };
        let (after, wide) = window(&windows);
        windows.narrow();
        let (again, narrow) = window(&windows);
        assert!(
            after == again && after < narrow && narrow < wide,
            "{after} {narrow} {wide}"
        );
        windows.took(0, 500, None, false);
        assert_eq!(window(&windows).0, narrow);
    }
}
