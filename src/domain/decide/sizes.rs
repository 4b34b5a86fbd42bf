//! Whether the events of a revision are small enough to be published and archived.
//!
//! An event holds its object twice: as it was and as it is. So the object is bounded, by half of what an event may take: whatever is
//! stored can be changed and deleted. An object from before the bound may stay, shrink and go.

use serde::Serialize;

use crate::domain::{
    command::{Command, ObjectName, Op, Rejection, TooLarge},
    event::Change,
    route::RouteSpec,
};

/// Bytes of an event beside its object. Its members are bounded where they come in; the longest are the reason and the actor, sealed.
pub const ENVELOPE_BYTES: usize = 16_384;

/// Objects that a refusal names.
const NAMED: usize = 10;

/// Bytes that an object may take as JSON.
pub(super) fn object_bytes(event_bytes: usize) -> usize {
    event_bytes.saturating_sub(ENVELOPE_BYTES) / 2
}

/// Refuses objects that grow beyond what their events may take.
pub(super) fn check(event_bytes: usize, command: &Command, changes: &[Change]) -> Result<(), Rejection> {
    // A tenant that goes on in another history brings what it has.
    if matches!(command.op, Op::Continue) {
        return Ok(());
    }
    let limit = object_bytes(event_bytes);
    let objects: Vec<_> = changes.iter().filter_map(|change| too_large(limit, change)).take(NAMED).collect();
    if objects.is_empty() { Ok(()) } else { Err(Rejection::TooLarge { objects, limit }) }
}

fn too_large(limit: usize, change: &Change) -> Option<TooLarge> {
    let (object, bytes) = match change {
        // A state of five letters for one of four is no growth.
        Change::Route { before, after, .. } if has_the_same(before.as_ref(), after.as_ref()) => return None,
        Change::Route { name, before, after } => (Some(ObjectName::Route(name.clone())), grown(limit, before, after)?),
        Change::Policy { name, before, after } => (Some(ObjectName::Policy(name.clone())), grown(limit, before, after)?),
        Change::Tenant { before, after } => (None, grown(limit, before, after)?),
    };
    Some(TooLarge { pointer: String::new(), object, bytes })
}

/// Whether a route has everything that it had, but for its state.
fn has_the_same(before: Option<&RouteSpec>, after: Option<&RouteSpec>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    let RouteSpec { description, is_active: _, labels, url } = before;
    (description, labels, url) == (&after.description, &after.labels, &after.url)
}

/// The size of an object that has grown beyond the limit.
fn grown<T: Serialize>(limit: usize, before: &Option<T>, after: &Option<T>) -> Option<usize> {
    let now = bytes(after);
    (now > limit && now > bytes(before)).then_some(now)
}

/// The size of a value as JSON, or 0 for one that there is not.
fn bytes<T: Serialize>(value: &Option<T>) -> usize {
    let mut counted = Counted(0);
    // What cannot be serialised is told where the event is sealed.
    match value.as_ref().map(|value| serde_json::to_writer(&mut counted, value)) {
        Some(Ok(())) => counted.0,
        _ => 0,
    }
}

/// Counts what is written to it.
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
