//! Versions of events: what is kept, published and hashed stays as it was written; what is read becomes the present shape.
//!
//! A version is the number at the end of the `CloudEvents` type. When the shape of events changes in a way that a reader of the version
//! before would misread, `CURRENT` is raised and a function is added to `UPCASTS`, which makes of an event of the version before one of the
//! new. Today there is one version, and the table is empty. How a second is introduced: docs/events.md.

use std::borrow::Cow;

use serde_json::Value;

use super::{Action, Event};

/// The version that is written.
pub const CURRENT: u32 = 1;

/// Makes of an event of one version one of the next. It sees the event whole, and leaves `hash` and `prev_hash` as they are: they are those
/// of what was written.
pub type Upcast = fn(Value) -> Result<Value, &'static str>;

/// The first takes version 1 to version 2, and so on up to [`CURRENT`].
const UPCASTS: [Upcast; CURRENT as usize - 1] = [];

/// What a `CloudEvents` type of ours says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// What happened.
    pub action: Action,
    /// In which version it is written.
    pub version: u32,
}

/// Why something is not read as an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not a type of ours.
    #[error("not a type of event that is known")]
    UnknownType,
    /// A type of ours, of a version that this program does not read: there may be a newer one that does.
    #[error("version {0} of events is not known")]
    UnknownVersion(u32),
    /// The content is not what the type says.
    #[error("not an event: {0}")]
    NotAnEvent(Cow<'static, str>),
}

impl EventType {
    /// `trafficmanager.route.<action>.v<version>`; a version that is not known comes before an action that is not.
    pub fn parse(ce_type: &str) -> Result<Self, ReadError> {
        let name = ce_type.strip_prefix("trafficmanager.route.").ok_or(ReadError::UnknownType)?;
        let (action, number) = name.rsplit_once(".v").ok_or(ReadError::UnknownType)?;
        let version: u32 = number.parse().map_err(|_| ReadError::UnknownType)?;
        if version.to_string() != number || action.is_empty() {
            return Err(ReadError::UnknownType);
        }
        if !(1..=CURRENT).contains(&version) {
            return Err(ReadError::UnknownVersion(version));
        }
        let action = Action::ALL.into_iter().find(|known| known.as_str() == action).ok_or(ReadError::UnknownType)?;
        Ok(Self { action, version })
    }
}

/// An event of that type in the present shape.
pub fn read(ce_type: &str, json: &[u8]) -> Result<Event, ReadError> {
    let EventType { version, .. } = EventType::parse(ce_type)?;
    if version == CURRENT {
        return serde_json::from_slice(json).map_err(wrong);
    }
    present(version, serde_json::from_slice(json).map_err(wrong)?)
}

/// An event of that version in the present shape.
pub fn present(version: u32, event: Value) -> Result<Event, ReadError> {
    serde_json::from_value(upcast(&UPCASTS, version, event)?).map_err(wrong)
}

fn wrong(error: serde_json::Error) -> ReadError {
    ReadError::NotAnEvent(error.to_string().into())
}

fn upcast(steps: &[Upcast], version: u32, event: Value) -> Result<Value, ReadError> {
    let written = usize::try_from(version).ok().and_then(|version| version.checked_sub(1));
    let rest = written.and_then(|written| steps.get(written..)).ok_or(ReadError::UnknownVersion(version))?;
    rest.iter().try_fold(event, |event, step| step(event)).map_err(|why| ReadError::NotAnEvent(why.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_that_is_not_known_is_told_from_a_type_that_is_not() {
        let updated = EventType { action: Action::Updated, version: 1 };
        assert_eq!(EventType::parse("trafficmanager.route.updated.v1"), Ok(updated));
        for (ce_type, error) in [
            ("trafficmanager.route.updated.v2", ReadError::UnknownVersion(2)),
            ("trafficmanager.route.split.v2", ReadError::UnknownVersion(2)),
            ("trafficmanager.route.updated.v0", ReadError::UnknownVersion(0)),
            ("trafficmanager.route.split.v1", ReadError::UnknownType),
            ("trafficmanager.route.updated.v01", ReadError::UnknownType),
            ("trafficmanager.route.updated.v+1", ReadError::UnknownType),
            ("trafficmanager.route.updated", ReadError::UnknownType),
            ("trafficmanager.route..v2", ReadError::UnknownType),
            ("com.example.updated.v1", ReadError::UnknownType),
            ("", ReadError::UnknownType),
        ] {
            assert_eq!(EventType::parse(ce_type), Err(error), "{ce_type}");
        }
        for action in Action::ALL {
            assert_eq!(EventType::parse(&action.ce_type()), Ok(EventType { action, version: CURRENT }));
        }
    }

    /// Version 2 calls `name` `names`, version 3 has `count`.
    const STEPS: [Upcast; 2] = [
        |mut event| {
            let name = event.as_object_mut().and_then(|members| members.remove("name")).ok_or("no name")?;
            event["names"] = json!([name]);
            Ok(event)
        },
        |mut event| {
            event["count"] = event["names"].as_array().map(Vec::len).into();
            Ok(event)
        },
    ];

    #[test]
    fn an_event_is_taken_from_its_version_to_the_present_one_step_by_step() {
        let present = json!({ "names": ["a"], "count": 1, "hash": "h" });
        for (version, event) in [
            (1, json!({ "name": "a", "hash": "h" })),
            (2, json!({ "names": ["a"], "hash": "h" })),
            (3, json!({ "names": ["a"], "count": 1, "hash": "h" })),
        ] {
            assert_eq!(upcast(&STEPS, version, event), Ok(present.clone()), "version {version}");
        }
        assert_eq!(upcast(&STEPS, 1, json!({})), Err(ReadError::NotAnEvent("no name".into())));
        for unknown in [0, 4] {
            assert_eq!(upcast(&STEPS, unknown, json!({})), Err(ReadError::UnknownVersion(unknown)));
        }
    }

    #[test]
    fn every_version_before_the_present_has_its_step() {
        assert_eq!(UPCASTS.len(), CURRENT as usize - 1);
        assert_eq!(upcast(&UPCASTS, CURRENT, json!(1)), Ok(json!(1)));
    }
}
