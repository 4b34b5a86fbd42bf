//! The hash chain: each event carries the hash of itself and of the tenant's event before it.
//!
//! `hash` = lower-case hex SHA-256 over the RFC 8785 (JCS) bytes of the event without its member
//! `hash`. Checking works on the JSON value and not on [`Event`], so an event with members that
//! this version does not know still verifies.

use serde::Serialize;
use serde_json::Value;

use super::event::{Event, EventBody};
use super::hash::EventHash;

/// The fault of one event of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Not a JSON object with a well-formed member `hash`.
    #[error("the event has no well-formed hash")]
    NoHash,
    /// The hash of the content differs from the event's member `hash`.
    #[error("the event states the hash {said}, but its content has the hash {computed}")]
    Edited {
        /// The hash that the event states.
        said: EventHash,
        /// The hash of the event's content.
        computed: EventHash,
    },
}

/// Returns the RFC 8785 bytes of a value.
pub fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json_canonicalizer::to_vec(value)
}

/// Returns the same bytes as [`canonical`], at a tenth of the cost. The value's members must be
/// declared in the order of their names, the names must be ASCII and all numbers integers: then the
/// output of `serde_json` is canonical already. Builds with debug assertions check it.
pub fn in_order<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let bytes = serde_json::to_vec(value)?;
    debug_assert_eq!(
        String::from_utf8_lossy(&bytes),
        String::from_utf8_lossy(&canonical(value)?)
    );
    Ok(bytes)
}

/// Completes an event with its hash.
pub fn seal(body: EventBody) -> Result<Event, serde_json::Error> {
    let hash = EventHash::of(&in_order(&body)?);
    Ok(Event { body, hash })
}

/// Returns the RFC 8785 bytes of a sealed event, as they are stored and published.
pub fn payload(event: &Event) -> Result<String, serde_json::Error> {
    let mut json = in_order(&event.body)?;
    // `hash` stands between `epoch` and `id`. No member after `id` contains this text, and quotes
    // within strings are escaped.
    let id = format!("\"id\":\"{}\",", event.body.id);
    let at = json
        .windows(id.len())
        .rposition(|window| window == id.as_bytes())
        .unwrap_or(json.len());
    json.splice(at..at, format!("\"hash\":\"{}\",", event.hash).into_bytes());
    debug_assert_eq!(
        String::from_utf8_lossy(&json),
        String::from_utf8_lossy(&canonical(event)?)
    );
    // JSON is UTF-8 by definition.
    Ok(String::from_utf8_lossy(&json).into_owned())
}

/// Checks that the hash of an event's content equals its member `hash`, and returns that hash.
pub fn check(event: &Value) -> Result<EventHash, ChainError> {
    let said = event
        .get("hash")
        .cloned()
        .and_then(|hash| serde_json::from_value(hash).ok())
        .ok_or(ChainError::NoHash)?;
    let mut body = event.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("hash");
    }
    let computed = EventHash::of(&canonical(&body).map_err(|_| ChainError::NoHash)?);
    if said == computed {
        Ok(said)
    } else {
        Err(ChainError::Edited { said, computed })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hash_covers_the_canonical_bytes_without_the_hash_member() {
        // Computed independently: printf '{"a":"\u00e9","b":1}' (UTF-8) | sha256sum
        let bytes = canonical(&json!({"b": 1, "a": "é"})).unwrap();
        assert_eq!(bytes, "{\"a\":\"é\",\"b\":1}".as_bytes());
        let hash = EventHash::of(&bytes);
        let event = json!({"b": 1, "hash": hash.to_string(), "a": "é"});
        assert_eq!(check(&event), Ok(hash));
    }

    #[test]
    fn edited_event_and_event_without_hash_give_other_errors() {
        let hash = EventHash::of(&canonical(&json!({"a": 1})).unwrap());
        assert!(matches!(
            check(&json!({"a": 2, "hash": hash.to_string()})),
            Err(ChainError::Edited { .. })
        ));
        assert_eq!(check(&json!({"a": 1})), Err(ChainError::NoHash));
        assert_eq!(
            check(&json!({"a": 1, "hash": hash.to_string().to_uppercase()})),
            Err(ChainError::NoHash)
        );
        assert_eq!(check(&json!([1])), Err(ChainError::NoHash));
    }
    proptest::proptest! {
        /// Release builds have no debug assertions: this test stands in for them. Labels may have
        /// the names of the event's own members. Integers beyond 2^53 are not in RFC 8785, and no
        /// revision gets there.
        #[test]
        fn event_written_in_member_order_is_canonical(
            reason in proptest::option::of("\\PC{0,40}|[\"\\\\\u{7f}\u{2028}\u{1f600}:,a-z]{0,20}"),
            labels in proptest::collection::btree_map("id|hash|epoch|[A-Za-z0-9][A-Za-z0-9._/-]{0,8}", "\\PC{0,10}", 0..5),
            description in proptest::option::of("\\PC{0,20}"),
            revision in 1..=(1_u64 << 53) - 1,
            has_before in proptest::bool::ANY,
        ) {
            use crate::{event::{Action, Actor, Change}, ids::RouteName, route::{Description, Labels, RouteSpec, RouteUrl}, tag::{Epoch, Revision}};
            let id = uuid::Uuid::from_u128(u128::from(revision) << 64);
            let mut labels = labels;
            labels.insert("id".into(), id.to_string());
            let spec = RouteSpec {
                url: RouteUrl::stored("http://a/?q=\"x\"".to_owned()),
                is_active: true,
                labels: Labels::stored(labels),
                description: description.map(Description::stored),
            };
            let event = seal(EventBody {
                confirmed_removal: None,
                id,
                tenant: "t".parse().unwrap(),
                epoch: Epoch::from_random([1; 8]),
                revision: Revision(revision),
                item: 0,
                items: 1,
                action: Action::Updated,
                change: Change::Route { name: RouteName { service: "s".parse().unwrap(), env: "e".parse().unwrap(), version: "v".parse().unwrap() }, before: has_before.then(|| spec.clone()), after: Some(spec) },
                actor: Actor { kind: "k".into(), id: id.to_string(), token: None },
                reason,
                request_id: format!("\"id\":\"{id}\","),
                trace_id: None,
                source_ip: None,
                occurred_at: jiff::Timestamp::UNIX_EPOCH.into(),
                prev_hash: EventHash::GENESIS,
            }).unwrap();
            let payload = payload(&event).unwrap();
            proptest::prop_assert_eq!(payload.as_bytes(), canonical(&event).unwrap());
            proptest::prop_assert_eq!(check(&serde_json::from_str(&payload).unwrap()), Ok(event.hash));
        }
    }
}
