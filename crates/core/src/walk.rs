//! Verifies one epoch of a tenant: every event is there, unedited, and linked to the event before
//! it.

use serde_json::Value;

use super::{chain, hash::EventHash};

/// The most missing revisions that are named; further ones are only counted.
const NAMED: usize = 100;

/// The fault of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The content does not match the event's hash, or is not an event at all.
    Edited,
    /// The event is stored at another place than its content states, or the data stored beside the
    /// event contradicts it.
    Misplaced,
    /// The event does not follow the event before it.
    BrokenLink,
    /// The last event is not the event with which the database ends.
    WrongEnd,
}

impl Fault {
    /// The fault's stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Misplaced => "misplaced",
            Self::BrokenLink => "broken_link",
            Self::WrongEnd => "wrong_end",
        }
    }
}

/// A walk over the events of one tenant and epoch, in the order of their places.
#[derive(Debug)]
pub struct Walk {
    /// The place (revision and item) that comes next.
    next: (u64, u32),
    /// The hash of the event before `next`; `None` when that event is missing or was not checked.
    before: Option<EventHash>,
    missing: Vec<u64>,
    missing_count: u64,
}

impl Walk {
    /// Starts a walk at a revision.
    pub fn from(revision: u64) -> Self {
        let before = (revision <= 1).then_some(EventHash::GENESIS);
        Self {
            next: (revision.max(1), 0),
            before,
            missing: Vec::new(),
            missing_count: 0,
        }
    }

    /// Starts a walk after a revision whose last event has this hash.
    pub fn after(revision: u64, hash: EventHash) -> Self {
        Self {
            next: (revision + 1, 0),
            before: Some(hash),
            ..Self::from(1)
        }
    }

    /// The last completed revision and the hash of its last event; `None` within a revision, or if
    /// that hash is not known.
    pub fn whole(&self) -> Option<(u64, EventHash)> {
        let (next, item) = self.next;
        (item == 0)
            .then_some(self.before)
            .flatten()
            .map(|hash| (next - 1, hash))
    }

    /// The revision that the walk has begun and not completed; `None` between revisions.
    pub fn within(&self) -> Option<u64> {
        let (next, item) = self.next;
        (item > 0).then_some(next)
    }

    /// Checks the event that is stored at a place.
    pub fn step(&mut self, (revision, item): (u64, u32), event: &Value) -> Result<(), Fault> {
        let hash = chain::check(event).map_err(|_| Fault::Edited)?;
        let number = |name: &str| event.get(name).and_then(Value::as_u64);
        let items = number("items").unwrap_or(1);
        if number("revision") != Some(revision)
            || number("item") != Some(u64::from(item))
            || (revision, item) < self.next
        {
            return Err(Fault::Misplaced);
        }
        if (revision, item) > self.next {
            self.miss(self.next.0, if item > 0 { revision + 1 } else { revision });
            self.before = None;
        }
        let says: Option<EventHash> = event
            .get("prev_hash")
            .cloned()
            .and_then(|hash| serde_json::from_value(hash).ok());
        if self.before.is_some_and(|before| says != Some(before)) {
            return Err(Fault::BrokenLink);
        }
        self.before = Some(hash);
        self.next = if u64::from(item) + 1 < items {
            (revision, item + 1)
        } else {
            (revision + 1, 0)
        };
        Ok(())
    }

    /// Ends the walk at a revision, the last that counts. `end` is the hash with which the database
    /// ends there, if known.
    pub fn finish(&mut self, to: u64, end: Option<EventHash>) -> Result<(), Fault> {
        if self.next.0 <= to {
            self.miss(self.next.0, to + 1);
            self.before = None;
        }
        match (self.before, end) {
            (Some(last), Some(end)) if last != end => Err(Fault::WrongEnd),
            _ => Ok(()),
        }
    }

    fn miss(&mut self, from: u64, before: u64) {
        self.missing_count += before.saturating_sub(from);
        let room = NAMED.saturating_sub(self.missing.len());
        self.missing.extend((from..before).take(room));
    }

    /// Returns the first missing revisions, and the number of all missing revisions.
    pub fn missing(&self) -> (&[u64], u64) {
        (&self.missing, self.missing_count)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Makes a history of `count` events.
    fn history(count: u64) -> Vec<Value> {
        let mut before = EventHash::GENESIS;
        (1..=count)
            .map(|revision| {
                let event =
                    json!({ "revision": revision, "item": 0, "items": 1, "prev_hash": before, "what": format!("w{revision}") });
                sealed(event, &mut before)
            })
            .collect()
    }

    fn sealed(mut event: Value, before: &mut EventHash) -> Value {
        let hash = EventHash::of(&chain::canonical(&event).unwrap());
        event["hash"] = json!(hash);
        *before = hash;
        event
    }

    fn hash(event: &Value) -> EventHash {
        serde_json::from_value(event["hash"].clone()).unwrap()
    }

    /// Walks over the stored events and returns the first fault with its revision, and the missing
    /// revisions.
    fn walk(
        kept: &[(u64, Value)],
        from: u64,
        to: u64,
        end: Option<EventHash>,
    ) -> (Option<(u64, Fault)>, Vec<u64>) {
        let mut walk = Walk::from(from);
        for (revision, event) in kept
            .iter()
            .filter(|(revision, _)| (from..=to).contains(revision))
        {
            if let Err(fault) = walk.step((*revision, 0), event) {
                return (Some((*revision, fault)), walk.missing().0.to_vec());
            }
        }
        let fault = walk.finish(to, end).err().map(|fault| (to, fault));
        (fault, walk.missing().0.to_vec())
    }

    fn placed(events: &[Value]) -> Vec<(u64, Value)> {
        (1..).zip(events.iter().cloned()).collect()
    }

    #[test]
    fn whole_history_verifies_from_any_first_revision() {
        let events = history(9);
        for from in 1..=9 {
            assert_eq!(
                walk(&placed(&events), from, 9, Some(hash(&events[8]))),
                (None, vec![])
            );
        }
    }

    #[test]
    fn every_tampering_is_found_at_its_first_bad_revision() {
        let events = history(9);
        let end = Some(hash(&events[8]));
        for at in 0..9_usize {
            let revision = at as u64 + 1;
            let mut edited = placed(&events);
            edited[at].1["what"] = json!("other");
            assert_eq!(
                walk(&edited, 1, 9, end),
                (Some((revision, Fault::Edited)), vec![])
            );

            // Edited, and sealed again.
            let mut forged = placed(&events);
            forged[at].1["what"] = json!("other");
            forged[at].1.as_object_mut().unwrap().remove("hash");
            forged[at].1 = sealed(forged[at].1.clone(), &mut { EventHash::GENESIS });
            let fault = if at == 8 {
                (9, Fault::WrongEnd)
            } else {
                (revision + 1, Fault::BrokenLink)
            };
            assert_eq!(walk(&forged, 1, 9, end), (Some(fault), vec![]));

            let mut deleted = placed(&events);
            deleted.remove(at);
            assert_eq!(walk(&deleted, 1, 9, end), (None, vec![revision]));

            // Doubled: the same event again, in the place of the next one.
            if at < 8 {
                let mut doubled = placed(&events);
                doubled[at + 1].1 = events[at].clone();
                assert_eq!(
                    walk(&doubled, 1, 9, end),
                    (Some((revision + 1, Fault::Misplaced)), vec![])
                );

                let mut reordered = placed(&events);
                let first = std::mem::replace(&mut reordered[at].1, events[at + 1].clone());
                reordered[at + 1].1 = first;
                assert_eq!(
                    walk(&reordered, 1, 9, end),
                    (Some((revision, Fault::Misplaced)), vec![])
                );
            }
        }
        // Inserted behind the end, and then the whole chain rebuilt.
        let mut before = hash(&events[8]);
        let more = sealed(
            json!({ "revision": 10, "item": 0, "items": 1, "prev_hash": before }),
            &mut before,
        );
        let mut inserted = placed(&events);
        inserted.push((10, more));
        assert_eq!(
            walk(&inserted, 1, 10, end),
            (Some((10, Fault::WrongEnd)), vec![])
        );
        let mut before = EventHash::GENESIS;
        let rebuilt: Vec<Value> = (1..=9)
            .map(|revision| {
                let event = json!({ "revision": revision, "item": 0, "items": 1, "prev_hash": before, "what": "new" });
                sealed(event, &mut before)
            })
            .collect();
        assert_eq!(
            walk(&placed(&rebuilt), 1, 9, end),
            (Some((9, Fault::WrongEnd)), vec![])
        );
    }

    #[test]
    fn fault_names_match_the_contract() {
        let names = [
            Fault::Edited,
            Fault::Misplaced,
            Fault::BrokenLink,
            Fault::WrongEnd,
        ]
        .map(Fault::as_str);
        assert_eq!(names, ["edited", "misplaced", "broken_link", "wrong_end"]);
    }

    #[test]
    fn items_of_a_revision_are_verified_one_by_one() {
        let mut before = EventHash::GENESIS;
        let events: Vec<Value> = [(1, 0, 1), (2, 0, 3), (2, 1, 3), (2, 2, 3), (3, 0, 1)]
            .map(|(revision, item, items)| {
                let event = json!({ "revision": revision, "item": item, "items": items, "prev_hash": before });
                sealed(event, &mut before)
            })
            .to_vec();
        let place = |event: &Value| {
            (
                event["revision"].as_u64().unwrap(),
                event["item"].as_u64().unwrap() as u32,
            )
        };
        let mut whole = Walk::from(1);
        events
            .iter()
            .for_each(|event| whole.step(place(event), event).unwrap());
        assert_eq!((whole.whole(), whole.within()), (Some((3, before)), None));
        whole.finish(3, Some(before)).unwrap();
        let mut part = Walk::from(1);
        events[..3]
            .iter()
            .for_each(|event| part.step(place(event), event).unwrap());
        assert_eq!((part.whole(), part.within()), (None, Some(2)));
        assert_eq!(whole.missing(), (&[][..], 0));
        let mut gap = Walk::from(1);
        for event in [0, 1, 3, 4].map(|at| &events[at]) {
            gap.step(place(event), event).unwrap();
        }
        assert_eq!(gap.missing(), (&[2][..], 1));
    }

    #[test]
    fn walk_from_a_checkpoint_checks_the_first_event_against_it() {
        let events = history(9);
        let rest = placed(&events).split_off(4);
        let walk_after = |hash: EventHash, rest: &[(u64, Value)]| {
            let mut walk = Walk::after(4, hash);
            let fault = rest.iter().find_map(|(revision, event)| {
                Some((*revision, walk.step((*revision, 0), event).err()?))
            });
            (fault, walk.missing().0.to_vec())
        };
        assert_eq!(walk_after(hash(&events[3]), &rest), (None, vec![]));
        assert_eq!(
            walk_after(hash(&events[2]), &rest),
            (Some((5, Fault::BrokenLink)), vec![])
        );
        assert_eq!(walk_after(hash(&events[3]), &rest[2..]), (None, vec![5, 6]));
        assert_eq!(
            walk_after(hash(&events[3]), &placed(&events)[3..]).0,
            Some((4, Fault::Misplaced))
        );
        // All events are gone.
        let mut walk = Walk::after(9, hash(&events[8]));
        assert_eq!(
            (walk.finish(9, Some(hash(&events[8]))), walk.missing().1),
            (Ok(()), 0)
        );
        assert_eq!(
            Walk::after(9, hash(&events[7])).finish(9, Some(hash(&events[8]))),
            Err(Fault::WrongEnd)
        );
    }

    #[test]
    fn missing_revisions_are_counted_and_the_first_hundred_named() {
        let mut walk = Walk::from(1);
        walk.finish(1_000_000, None).unwrap();
        let (named, count) = walk.missing();
        assert_eq!((named.len(), named[0], count), (100, 1, 1_000_000));
    }
}
