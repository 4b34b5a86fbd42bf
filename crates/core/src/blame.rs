//! Finds the event that gave each member of a route or policy its present value.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    event::{Action, Actor, Change, Event},
    tag::Revision,
    time::UtcTime,
};

/// The event that gave a member its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blame {
    /// The member's value.
    pub value: Value,
    /// The revision of the event.
    pub revision: Revision,
    /// The event's action.
    pub action: Action,
    /// The caller that made the change.
    pub actor: Actor,
    /// The time of the event.
    pub occurred_at: UtcTime,
    /// The reason, in the caller's words.
    pub reason: Option<String>,
    /// The event's id.
    pub event_id: uuid::Uuid,
    /// The event's item number within its revision. Not serialised; needed to decrypt the encrypted
    /// members of the event.
    #[serde(skip)]
    pub item: u32,
}

/// Returns the members of an object with the events that gave them their values. Each label is a
/// member of its own, `labels/<key>`. `events` are the object's events, newest first. If they do
/// not reach back to the object's creation, the oldest event is blamed for the rest.
pub fn of(events: &[Event]) -> Result<BTreeMap<String, Blame>, serde_json::Error> {
    let mut blamed: BTreeMap<String, Blame> = BTreeMap::new();
    let Some(newest) = events.first() else {
        return Ok(blamed);
    };
    let mut open = members(&specs(newest)?.1);
    for event in events {
        let before = members(&specs(event)?.0);
        let is_first = before.is_empty();
        let settled: Vec<_> = open
            .iter()
            .filter(|(name, value)| is_first || before.get(*name) != Some(value))
            .collect();
        let settled: Vec<_> = settled
            .into_iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, value) in settled {
            open.remove(&name);
            blamed.insert(name, blame(event, value));
        }
        if open.is_empty() {
            return Ok(blamed);
        }
    }
    if let Some(oldest) = events.last() {
        blamed.extend(
            open.into_iter()
                .map(|(name, value)| (name, blame(oldest, value))),
        );
    }
    Ok(blamed)
}

fn blame(event: &Event, value: Value) -> Blame {
    let body = &event.body;
    Blame {
        value,
        revision: body.revision,
        action: body.action,
        actor: body.actor.clone(),
        occurred_at: body.occurred_at,
        reason: body.reason.clone(),
        event_id: body.id,
        item: body.item,
    }
}

fn specs(event: &Event) -> Result<(Value, Value), serde_json::Error> {
    Ok(match &event.body.change {
        Change::Route { before, after, .. } => {
            (serde_json::to_value(before)?, serde_json::to_value(after)?)
        }
        Change::Policy { before, after, .. } => {
            (serde_json::to_value(before)?, serde_json::to_value(after)?)
        }
        Change::Tenant { before, after } => {
            (serde_json::to_value(before)?, serde_json::to_value(after)?)
        }
    })
}

fn members(spec: &Value) -> BTreeMap<String, Value> {
    let mut members = BTreeMap::new();
    for (name, value) in spec.as_object().into_iter().flatten() {
        match value.as_object().filter(|_| name == "labels") {
            Some(labels) => members.extend(
                labels
                    .iter()
                    .map(|(key, value)| (format!("labels/{key}"), value.clone())),
            ),
            None => drop(members.insert(name.clone(), value.clone())),
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{chain::seal, event::EventBody, hash::EventHash, ids::RouteName, tag::Epoch};

    fn event(revision: u64, before: Option<Value>, after: Option<Value>) -> Event {
        let spec = |value: Option<Value>| value.map(|value| serde_json::from_value(value).unwrap());
        let name = RouteName {
            service: "s".parse().unwrap(),
            env: "e".parse().unwrap(),
            version: "v".parse().unwrap(),
        };
        seal(EventBody {
            confirmed_removal: None,
            action: Action::Updated,
            actor: Actor {
                id: format!("actor {revision}"),
                kind: "k".into(),
                token: None,
            },
            change: Change::Route {
                name,
                before: spec(before),
                after: spec(after),
            },
            epoch: Epoch::from_random([1; 8]),
            id: uuid::Uuid::from_u128(u128::from(revision)),
            item: 0,
            items: 1,
            occurred_at: jiff::Timestamp::UNIX_EPOCH.into(),
            prev_hash: EventHash::GENESIS,
            reason: None,
            request_id: "r".into(),
            revision: Revision(revision),
            source_ip: None,
            tenant: "t".parse().unwrap(),
            trace_id: None,
        })
        .unwrap()
    }

    #[test]
    fn blame_gives_each_member_the_last_event_that_changed_it() {
        let spec = |url: &str, is_active: bool, labels: Value| {
            Some(json!({"url": url, "is_active": is_active, "labels": labels, "description": null}))
        };
        let states = [
            None,
            spec("http://old-life", true, json!({})),
            None,
            spec("http://a", true, json!({"x": "1", "y": "1"})),
            spec("http://a", false, json!({"x": "2", "y": "1"})),
            spec("http://b", false, json!({"x": "1", "y": "1", "z": "1"})),
            spec("http://b", true, json!({"x": "1", "y": "1", "z": "1"})),
        ];
        let mut events: Vec<_> = states
            .windows(2)
            .zip(1..)
            .map(|(pair, at)| event(at, pair[0].clone(), pair[1].clone()))
            .collect();
        events.reverse();
        let revisions: Vec<_> = of(&events)
            .unwrap()
            .into_iter()
            .map(|(name, blame)| (name, blame.revision.0))
            .collect();
        let expected = [
            ("description", 3),
            ("is_active", 6),
            ("labels/x", 5),
            ("labels/y", 3),
            ("labels/z", 5),
            ("url", 5),
        ];
        assert_eq!(
            revisions,
            expected.map(|(name, revision)| (name.to_owned(), revision))
        );
        // The events do not reach far enough back: the oldest known event is blamed.
        let known = of(&events[..2]).unwrap();
        assert_eq!(
            (known["labels/y"].revision.0, known["url"].revision.0),
            (5, 5)
        );
    }
}
