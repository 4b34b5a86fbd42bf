//! Checks that the events of a revision are small enough to be published and archived.
//!
//! An event holds its object twice: before and after the change. So an object may take at most half
//! of the size of an event. Every stored object can then be changed and deleted. An object from
//! before this limit may stay, shrink and be deleted.

use serde::Serialize;

use crate::{
    command::{Command, ObjectName, Op, Rejection, TooLarge},
    event::Change,
    route::RouteSpec,
};

/// The bytes of an event reserved for the members beside its object. These members are bounded
/// where they are read; the longest are the reason and the actor, sealed.
pub const ENVELOPE_BYTES: usize = 16_384;

/// The most objects that a rejection names.
const NAMED: usize = 10;

/// Returns how many bytes an object may take as JSON.
pub(super) fn object_bytes(event_bytes: usize) -> usize {
    event_bytes.saturating_sub(ENVELOPE_BYTES) / 2
}

/// Refuses objects that grow beyond the limit of [`object_bytes`].
pub(super) fn check(
    event_bytes: usize,
    command: &Command,
    changes: &[Change],
) -> Result<(), Rejection> {
    // A tenant that continues in a new epoch keeps its objects, whatever their size.
    if matches!(command.op, Op::StartEpoch) {
        return Ok(());
    }
    let limit = object_bytes(event_bytes);
    let objects: Vec<_> = changes
        .iter()
        .filter_map(|change| too_large(limit, change))
        .take(NAMED)
        .collect();
    if objects.is_empty() {
        Ok(())
    } else {
        Err(Rejection::TooLarge { objects, limit })
    }
}

fn too_large(limit: usize, change: &Change) -> Option<TooLarge> {
    let (object, bytes) = match change {
        // A change from `true` to `false` adds a letter, which is no growth.
        Change::Route { before, after, .. } if has_the_same(before.as_ref(), after.as_ref()) => {
            return None;
        }
        Change::Route {
            name,
            before,
            after,
        } => (
            Some(ObjectName::Route(name.clone())),
            grown(limit, before, after)?,
        ),
        Change::Policy {
            name,
            before,
            after,
        } => (
            Some(ObjectName::Policy(name.clone())),
            grown(limit, before, after)?,
        ),
        Change::Tenant { before, after } => (None, grown(limit, before, after)?),
    };
    Some(TooLarge {
        pointer: String::new(),
        object,
        bytes,
    })
}

/// Returns whether two states of a route are equal, apart from `is_active`.
fn has_the_same(before: Option<&RouteSpec>, after: Option<&RouteSpec>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return false;
    };
    let RouteSpec {
        description,
        is_active: _,
        labels,
        url,
    } = before;
    (description, labels, url) == (&after.description, &after.labels, &after.url)
}

/// Returns the size of an object that has grown and is beyond the limit.
fn grown<T: Serialize>(limit: usize, before: &Option<T>, after: &Option<T>) -> Option<usize> {
    let now = bytes(after);
    (now > limit && now > bytes(before)).then_some(now)
}

/// Returns the size of a value as JSON; 0 for `None`.
fn bytes<T: Serialize>(value: &Option<T>) -> usize {
    let mut counted = Counted(0);
    // A serialisation error is reported when the event is sealed.
    match value
        .as_ref()
        .map(|value| serde_json::to_writer(&mut counted, value))
    {
        Some(Ok(())) => counted.0,
        _ => 0,
    }
}

/// A writer that counts the bytes.
struct Counted(usize);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
