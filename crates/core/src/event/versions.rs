//! Versions of events: stored, published and hashed events stay as they were written; a reader
//! converts them to the present shape.
//!
//! A version is the number at the end of the `CloudEvents` type. When the shape of events changes
//! so that a reader of the previous version would misread them, `CURRENT` is raised and a function
//! is added to `UPCASTS`. The function converts an event of the previous version to the new one.
//! An event is written in the lowest version whose readers understand it, so that an installation
//! of the release before goes on as long as nobody uses what is new.
//!
//! Version 2 has policies that a reader of version 1 would misread: conditions on paths, methods
//! and query parameters, several path prefixes, and what happens to a request on its way.

use std::borrow::Cow;

use serde_json::Value;

use super::{Action, Event};

/// The first version, in which most events are still written.
pub const FIRST: u32 = 1;
/// The newest version.
pub const CURRENT: u32 = 2;

/// Converts an event of one version to the next. The function gets the whole event and leaves
/// `hash` and `prev_hash` unchanged: they belong to the event as it was written.
pub type Upcast = fn(Value) -> Result<Value, &'static str>;

/// The conversions: the first converts version 1 to version 2, and so on up to [`CURRENT`].
/// Version 2 reads every policy of version 1, whose only path prefix is `path_prefix`, as it is.
const UPCASTS: [Upcast; CURRENT as usize - 1] = [Ok];

/// The parts of a `CloudEvents` type of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// The action that the event records.
    pub action: Action,
    /// The version in which the event is written.
    pub version: u32,
}

/// The reason why some content cannot be read as an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The type is not one of this service.
    #[error("the event's type is unknown")]
    UnknownType,
    /// The type is one of this service, in a version that this program cannot read. A newer program
    /// may read it.
    #[error("the event's version {0} is unknown")]
    UnknownVersion(u32),
    /// The content does not match the type.
    #[error("not an event: {0}")]
    NotAnEvent(Cow<'static, str>),
}

impl EventType {
    /// Parses `trafficmanager.route.<action>.v<version>`. If both the version and the action are
    /// unknown, the error is the version's.
    pub fn parse(ce_type: &str) -> Result<Self, ReadError> {
        let name = ce_type
            .strip_prefix("trafficmanager.route.")
            .ok_or(ReadError::UnknownType)?;
        let (action, number) = name.rsplit_once(".v").ok_or(ReadError::UnknownType)?;
        let version: u32 = number.parse().map_err(|_| ReadError::UnknownType)?;
        if version.to_string() != number || action.is_empty() {
            return Err(ReadError::UnknownType);
        }
        if !(1..=CURRENT).contains(&version) {
            return Err(ReadError::UnknownVersion(version));
        }
        let action = Action::ALL
            .into_iter()
            .find(|known| known.as_str() == action)
            .ok_or(ReadError::UnknownType)?;
        if !action.versions().any(|written| written == version) {
            return Err(ReadError::UnknownVersion(version));
        }
        Ok(Self { action, version })
    }
}

/// Reads an event of that type, and converts it to the present shape.
pub fn read(ce_type: &str, json: &[u8]) -> Result<Event, ReadError> {
    let EventType { version, .. } = EventType::parse(ce_type)?;
    if version == CURRENT {
        return serde_json::from_slice(json).map_err(wrong);
    }
    present(version, serde_json::from_slice(json).map_err(wrong)?)
}

/// Converts an event of that version to the present shape.
pub fn present(version: u32, event: Value) -> Result<Event, ReadError> {
    serde_json::from_value(upcast(&UPCASTS, version, event)?).map_err(wrong)
}

fn wrong(error: serde_json::Error) -> ReadError {
    ReadError::NotAnEvent(error.to_string().into())
}

fn upcast(steps: &[Upcast], version: u32, event: Value) -> Result<Value, ReadError> {
    let written = usize::try_from(version)
        .ok()
        .and_then(|version| version.checked_sub(1));
    let rest = written
        .and_then(|written| steps.get(written..))
        .ok_or(ReadError::UnknownVersion(version))?;
    rest.iter()
        .try_fold(event, |event, step| step(event))
        .map_err(|why| ReadError::NotAnEvent(why.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_version_and_unknown_type_give_different_errors() {
        let updated = EventType {
            action: Action::Updated,
            version: 1,
        };
        assert_eq!(
            EventType::parse("trafficmanager.route.updated.v1"),
            Ok(updated)
        );
        for (ce_type, error) in [
            (
                "trafficmanager.route.updated.v3",
                ReadError::UnknownVersion(3),
            ),
            (
                "trafficmanager.route.split.v3",
                ReadError::UnknownVersion(3),
            ),
            (
                "trafficmanager.route.updated.v0",
                ReadError::UnknownVersion(0),
            ),
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
            for version in action.versions() {
                assert_eq!(
                    EventType::parse(&action.ce_type(version)),
                    Ok(EventType { action, version })
                );
            }
        }
        assert_eq!(
            EventType::parse("trafficmanager.route.updated.v2"),
            Err(ReadError::UnknownVersion(2)),
            "routes have only one version"
        );
    }

    /// Version 2 replaces `name` by the list `names`, version 3 adds `count`.
    const STEPS: [Upcast; 2] = [
        |mut event| {
            let name = event
                .as_object_mut()
                .and_then(|members| members.remove("name"))
                .ok_or("no name")?;
            event["names"] = json!([name]);
            Ok(event)
        },
        |mut event| {
            event["count"] = event["names"].as_array().map(Vec::len).into();
            Ok(event)
        },
    ];

    #[test]
    fn old_event_is_upcast_step_by_step_to_the_current_version() {
        let present = json!({ "names": ["a"], "count": 1, "hash": "h" });
        for (version, event) in [
            (1, json!({ "name": "a", "hash": "h" })),
            (2, json!({ "names": ["a"], "hash": "h" })),
            (3, json!({ "names": ["a"], "count": 1, "hash": "h" })),
        ] {
            assert_eq!(
                upcast(&STEPS, version, event),
                Ok(present.clone()),
                "version {version}"
            );
        }
        assert_eq!(
            upcast(&STEPS, 1, json!({})),
            Err(ReadError::NotAnEvent("no name".into()))
        );
        for unknown in [0, 4] {
            assert_eq!(
                upcast(&STEPS, unknown, json!({})),
                Err(ReadError::UnknownVersion(unknown))
            );
        }
    }

    #[test]
    fn every_earlier_version_has_an_upcast() {
        assert_eq!(UPCASTS.len(), CURRENT as usize - 1);
        assert_eq!(upcast(&UPCASTS, CURRENT, json!(1)), Ok(json!(1)));
    }
}
