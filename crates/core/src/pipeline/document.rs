//! The archived document: the whole event, exactly as published, and the fields that auditors
//! filter by.
//!
//! Times are stored as RFC 3339 text in UTC with six digits: BSON dates have milliseconds only, and
//! text of this one form sorts as the instants do. Integers stay integers, so that the chain can be
//! recomputed from the member `event`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::Record;
use crate::{
    chain,
    event::{
        Change, Event,
        versions::{self, EventType, ReadError},
    },
    hash::EventHash,
    ids::TenantName,
    route::RouteSpec,
    time::UtcTime,
};

/// An event that was read from Kafka and checked, ready for the archive.
#[derive(Debug, Clone)]
pub struct Archivable {
    /// The document's `_id`: the event's id.
    pub id: String,
    /// The event's own hash, recomputed from its content.
    pub hash: EventHash,
    /// The time of the decision, from the event.
    pub occurred_at: UtcTime,
    /// The document to store.
    pub event: ArchivedEvent,
}

/// The reason why a record can never be archived. The text is the dead letter's reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The record has no `CloudEvents` type of ours.
    #[error("unknown_type")]
    UnknownType,
    /// The type is ours, but in a version that this program cannot read. A later program version
    /// may read it.
    #[error("unknown_version")]
    UnknownVersion,
    /// The record has no value, or its value is not JSON.
    #[error("not_json")]
    NotJson,
    /// The value is JSON, but not an event.
    #[error("not_an_event")]
    NotAnEvent,
    /// The hash of the content is not the hash that the event states.
    #[error("hash_mismatch")]
    HashMismatch,
    /// The headers or the key contradict the event.
    #[error("header_mismatch")]
    HeaderMismatch,
}

/// Reads and checks a record. The hash is recomputed from the JSON as it was received, so members
/// that this version does not know are covered too.
pub fn read(record: &Record, processed_at: UtcTime) -> Result<Archivable, Unreadable> {
    let ce_type = record.header("ce_type").ok_or(Unreadable::UnknownType)?;
    let EventType { action, version } = EventType::parse(ce_type).map_err(|error| match error {
        ReadError::UnknownVersion(_) => Unreadable::UnknownVersion,
        ReadError::UnknownType | ReadError::NotAnEvent(_) => Unreadable::UnknownType,
    })?;
    let value: Value = record
        .value
        .as_deref()
        .and_then(|v| serde_json::from_slice(v).ok())
        .ok_or(Unreadable::NotJson)?;
    let event = versions::present(version, value.clone()).map_err(|_| Unreadable::NotAnEvent)?;
    let hash = chain::check(&value).map_err(|_| Unreadable::HashMismatch)?;
    let agrees = event.body.action == action
        && record
            .header("ce_id")
            .is_none_or(|id| id == event.body.id.to_string())
        && record.key.as_deref() == Some(event.body.tenant.as_str().as_bytes());
    if !agrees {
        return Err(Unreadable::HeaderMismatch);
    }
    if !has_only_integers(&value) {
        return Err(Unreadable::NotAnEvent);
    }
    let metadata = EventOrigin {
        topic: record.topic.clone(),
        partition: i64::from(record.partition),
        offset: record.offset,
    };
    let archived = archived(&event, value, ce_type, metadata, processed_at.to_string())
        .ok_or(Unreadable::NotAnEvent)?;
    Ok(Archivable {
        id: event.body.id.to_string(),
        hash,
        occurred_at: event.body.occurred_at,
        event: archived,
    })
}

/// Reads an event that Kafka does not have. Its metadata has an empty topic name, and -1 as
/// partition and offset.
pub fn read_unpublished(
    tenant: &TenantName,
    ce_type: &str,
    payload: &str,
    processed_at: UtcTime,
) -> Result<Archivable, Unreadable> {
    let record = Record {
        partition: -1,
        offset: -1,
        key: Some(tenant.as_str().into()),
        value: Some(payload.into()),
        headers: vec![("ce_type".to_owned(), Some(ce_type.into()))],
        ..Record::default()
    };
    read(&record, processed_at)
}

impl ArchivedEvent {
    /// Returns whether the fields that auditors filter by agree with the event itself.
    pub fn agrees(&self) -> bool {
        let Ok(EventType { action, version }) = EventType::parse(&self.event_type) else {
            return false;
        };
        let Ok(event) = versions::present(version, self.event.clone()) else {
            return false;
        };
        let (value, processed_at) = (self.event.clone(), self.processed_at.clone());
        let made = archived(
            &event,
            value,
            &self.event_type,
            self.metadata.clone(),
            processed_at,
        );
        event.body.action == action && made.is_some_and(|made| made == *self)
    }
}

fn archived(
    event: &Event,
    value: Value,
    ce_type: &str,
    metadata: EventOrigin,
    processed_at: String,
) -> Option<ArchivedEvent> {
    let body = &event.body;
    let state = |spec: &RouteSpec| if spec.is_active { "active" } else { "inactive" }.to_owned();
    let (before, after) = match &body.change {
        Change::Route { before, after, .. } => (before.as_ref(), after.as_ref()),
        Change::Policy { .. } | Change::Tenant { .. } => (None, None),
    };
    Some(ArchivedEvent {
        event_id: body.id.to_string(),
        event_type: ce_type.to_owned(),
        action: body.action.as_str().to_owned(),
        tenant: body.tenant.to_string(),
        epoch: body.epoch.to_string(),
        revision: i64::try_from(body.revision.0).ok()?,
        item: i64::from(body.item),
        route: archived_route(event),
        url: after.map(|spec| spec.url.to_string()),
        previous_url: before.map(|spec| spec.url.to_string()),
        state: after.map(state),
        previous_state: before.map(state),
        changed_by: body.actor.id.clone(),
        reason: body.reason.clone(),
        source_ip: body.source_ip.clone(),
        correlation_id: body.request_id.clone(),
        trace_id: body.trace_id.clone(),
        occurred_at: body.occurred_at.to_string(),
        processed_at,
        prev_hash: body.prev_hash.to_string(),
        hash: event.hash.to_string(),
        metadata,
        event: value,
    })
}

fn archived_route(event: &Event) -> ArchivedRoute {
    let place = event.body.change.place();
    let version = match &event.body.change {
        Change::Route { name, .. } => Some(name.version.as_str().to_owned()),
        Change::Policy { .. } | Change::Tenant { .. } => None,
    };
    ArchivedRoute {
        tenant: event.body.tenant.to_string(),
        service: place.map(|(service, _)| service.to_string()),
        env: place.map(|(_, env)| env.to_string()),
        version,
    }
}

/// Returns whether every number fits a 64-bit integer. The archive would round other numbers, and
/// the chain could not be recomputed.
fn has_only_integers(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_i64(),
        Value::Array(items) => items.iter().all(has_only_integers),
        Value::Object(members) => members.values().all(has_only_integers),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// The object of an archived event: a route; a traffic policy, which has no version; or the tenant
/// itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedRoute {
    /// The tenant's name.
    pub tenant: String,
    /// The service; `None` for an event about the tenant itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The environment; `None` for an event about the tenant itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The route's version; `None` for a traffic policy or the tenant itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The position in Kafka from which an event was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventOrigin {
    /// The topic; empty if the event was not read from Kafka.
    pub topic: String,
    /// The partition; -1 if the event was not read from Kafka.
    pub partition: i64,
    /// The offset; -1 if the event was not read from Kafka.
    pub offset: i64,
}

/// An archived event as queries return it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedEvent {
    /// The event's id.
    pub event_id: String,
    /// The `CloudEvents` type.
    pub event_type: String,
    /// The kind of change, e.g. `deleted`.
    pub action: String,
    /// The tenant's name.
    pub tenant: String,
    /// The epoch of the tenant's history, 16 hex digits.
    pub epoch: String,
    /// The tenant's revision within the epoch, from 1.
    pub revision: i64,
    /// The item within the revision, from 0.
    pub item: i64,
    /// The route, traffic policy or tenant that changed.
    pub route: ArchivedRoute,
    /// The route's URL after the change.
    pub url: Option<String>,
    /// The route's URL before the change.
    pub previous_url: Option<String>,
    /// The route's state after the change: `active` or `inactive`.
    pub state: Option<String>,
    /// The route's state before the change: `active` or `inactive`.
    pub previous_state: Option<String>,
    /// The id of the actor who made the change.
    pub changed_by: String,
    /// The reason that the caller gave, if any.
    pub reason: Option<String>,
    /// The caller's IP address.
    pub source_ip: Option<String>,
    /// The request's id.
    pub correlation_id: String,
    /// The id of the request's trace, if it has one.
    pub trace_id: Option<String>,
    /// The time of the decision, RFC 3339 in UTC with six digits.
    pub occurred_at: String,
    /// The time of archiving, in the same form.
    pub processed_at: String,
    /// The hash of the event before this one in the chain.
    pub prev_hash: String,
    /// The event's own hash.
    pub hash: String,
    /// The position in Kafka from which the event was read.
    pub metadata: EventOrigin,
    /// The whole event, exactly as published.
    pub event: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chain::seal,
        event::{Action, Actor, EventBody},
        ids::RouteName,
        tag::{Epoch, Revision},
    };

    fn event() -> Event {
        seal(EventBody {
            confirmed_removal: None,
            id: "01a1fcdf-562d-701c-82c5-2bdba91a6ac5".parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            epoch: Epoch::from_random([1; 8]),
            revision: Revision(7),
            item: 0,
            items: 1,
            action: Action::Deleted,
            change: Change::Route {
                name: RouteName {
                    service: "s".parse().unwrap(),
                    env: "e".parse().unwrap(),
                    version: "v".parse().unwrap(),
                },
                before: None,
                after: None,
            },
            actor: Actor {
                kind: "anonymous".into(),
                id: "anonymous".into(),
                token: None,
            },
            reason: Some("ä \"quoted\"".into()),
            request_id: "r".into(),
            trace_id: None,
            source_ip: None,
            occurred_at: "2026-11-21T05:48:00Z".parse().unwrap(),
            prev_hash: EventHash::GENESIS,
        })
        .unwrap()
    }

    fn record(event: &Event) -> Record {
        let text = |value: &str| Some(value.as_bytes().to_vec());
        Record {
            topic: "t".into(),
            partition: 1,
            offset: 42,
            key: text("acme"),
            value: Some(serde_json::to_vec(event).unwrap()),
            headers: vec![
                ("ce_type".into(), text(&event.body.ce_type())),
                ("ce_id".into(), text(&event.body.id.to_string())),
            ],
        }
    }

    fn now() -> UtcTime {
        "2026-11-21T06:00:00Z".parse().unwrap()
    }

    #[test]
    fn archived_event_keeps_the_hash_chain_verifiable() {
        let event = event();
        let archivable = read(&record(&event), now()).unwrap();
        let archived = archivable.event;
        assert_eq!(chain::check(&archived.event), Ok(event.hash));
        assert_eq!(
            (archived.revision, archived.action.as_str()),
            (7, "deleted")
        );
        assert_eq!(
            archived.metadata,
            EventOrigin {
                topic: "t".into(),
                partition: 1,
                offset: 42
            }
        );
    }

    #[test]
    fn untrustworthy_records_are_not_archived() {
        let good = record(&event());
        let with = |change: &dyn Fn(&mut Record)| {
            let mut record = good.clone();
            change(&mut record);
            read(&record, now()).unwrap_err()
        };
        assert_eq!(with(&|r| r.headers.clear()), Unreadable::UnknownType);
        assert_eq!(
            with(&|r| r.headers[0].1 = Some(b"trafficmanager.route.moved.v1".to_vec())),
            Unreadable::UnknownType
        );
        assert_eq!(
            with(&|r| r.headers[0].1 = Some(b"trafficmanager.route.deleted.v3".to_vec())),
            Unreadable::UnknownVersion
        );
        assert_eq!(with(&|r| r.value = None), Unreadable::NotJson);
        assert_eq!(
            with(&|r| r.value = Some(b"{".to_vec())),
            Unreadable::NotJson
        );
        assert_eq!(
            with(&|r| r.value = Some(b"{\"hash\": 1}".to_vec())),
            Unreadable::NotAnEvent
        );
        assert_eq!(
            with(&|r| r.key = Some(b"other".to_vec())),
            Unreadable::HeaderMismatch
        );
        assert_eq!(
            with(&|r| r.headers[0].1 = Some(b"trafficmanager.route.created.v1".to_vec())),
            Unreadable::HeaderMismatch
        );
        let edited = |r: &mut Record| {
            let text = String::from_utf8(r.value.clone().unwrap()).unwrap();
            r.value = Some(
                text.replace("\"revision\":7", "\"revision\":8")
                    .into_bytes(),
            );
        };
        assert_eq!(with(&edited), Unreadable::HashMismatch);
        let mut rounded: Value = serde_json::from_slice(good.value.as_deref().unwrap()).unwrap();
        rounded["weight"] = serde_json::json!(0.5);
        rounded.as_object_mut().unwrap().remove("hash");
        rounded["hash"] = EventHash::of(&chain::canonical(&rounded).unwrap())
            .to_string()
            .into();
        assert_eq!(
            with(&|r| r.value = Some(rounded.to_string().into_bytes())),
            Unreadable::NotAnEvent
        );
    }
}
