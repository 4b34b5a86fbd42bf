//! The hash chain: each event carries the hash of itself and of the tenant's event before it.
//!
//! `hash` = lower-case hex SHA-256 over the RFC 8785 (JCS) bytes of the event without its member `hash`. Checking works on the
//! JSON value and not on [`Event`], so an event with members that this version does not know still verifies.

use serde::Serialize;
use serde_json::Value;

use super::event::{Event, EventBody};
use super::hash::EventHash;

/// What is wrong with one event of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Not a JSON object with a well-formed member `hash`.
    #[error("the event has no well-formed hash")]
    NoHash,
    /// The content does not hash to what it says.
    #[error("the event says its hash is {said}, but its content hashes to {computed}")]
    Edited {
        /// What the event says.
        said: EventHash,
        /// What it hashes to.
        computed: EventHash,
    },
}

/// The RFC 8785 bytes of a value.
pub fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json_canonicalizer::to_vec(value)
}

/// Completes an event with its hash.
pub fn seal(body: EventBody) -> Result<Event, serde_json::Error> {
    let hash = EventHash::of(&canonical(&body)?);
    Ok(Event { body, hash })
}

/// Checks that an event's content hashes to what it says, and returns that hash.
pub fn check(event: &Value) -> Result<EventHash, ChainError> {
    let said = event.get("hash").cloned().and_then(|hash| serde_json::from_value(hash).ok()).ok_or(ChainError::NoHash)?;
    let mut body = event.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("hash");
    }
    let computed = EventHash::of(&canonical(&body).map_err(|_| ChainError::NoHash)?);
    if said == computed { Ok(said) } else { Err(ChainError::Edited { said, computed }) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hashes_the_canonical_bytes_without_the_hash() {
        // Computed independently: printf '{"a":"\u00e9","b":1}' (UTF-8) | sha256sum
        let bytes = canonical(&json!({"b": 1, "a": "é"})).unwrap();
        assert_eq!(bytes, "{\"a\":\"é\",\"b\":1}".as_bytes());
        let hash = EventHash::of(&bytes);
        let event = json!({"b": 1, "hash": hash.to_string(), "a": "é"});
        assert_eq!(check(&event), Ok(hash));
    }

    #[test]
    fn an_edited_event_and_one_without_a_hash_are_told_apart() {
        let hash = EventHash::of(&canonical(&json!({"a": 1})).unwrap());
        assert!(matches!(check(&json!({"a": 2, "hash": hash.to_string()})), Err(ChainError::Edited { .. })));
        assert_eq!(check(&json!({"a": 1})), Err(ChainError::NoHash));
        assert_eq!(check(&json!({"a": 1, "hash": hash.to_string().to_uppercase()})), Err(ChainError::NoHash));
        assert_eq!(check(&json!([1])), Err(ChainError::NoHash));
    }
}
