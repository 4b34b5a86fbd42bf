//! Events, with the bytes that their hashes cover.

use std::ops::Deref;

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _,
};
use serde_json::{Value, value::RawValue};

use super::{Actor, Members, PolicyName, RouteName};

/// A value with the JSON that it was read from.
#[derive(Debug, Clone)]
pub struct Raw<T> {
    json: Box<RawValue>,
    value: T,
}

impl<T> Raw<T> {
    /// The JSON, byte for byte as the service sent it.
    pub fn json(&self) -> &str {
        self.json.get()
    }

    /// Returns the value without its JSON.
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> Deref for Raw<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> PartialEq for Raw<T> {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Raw<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let value = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        Ok(Self { json, value })
    }
}

impl<T> Serialize for Raw<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

/// A committed change of a route, of a traffic policy, or of the tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id of the event (UUID of version 7).
    pub id: String,
    /// The name of the tenant.
    pub tenant: String,
    /// The tenant's epoch. Revisions of different epochs cannot be compared.
    pub epoch: String,
    /// The tenant's revision that the event is a part of.
    pub revision: u64,
    /// The number of the event within its revision, from 0.
    pub item: u64,
    /// The number of events of the revision.
    pub items: u64,
    /// The kind of the change, such as `created`.
    pub action: String,
    /// The actor that made the change.
    pub actor: Actor,
    /// The route that changed, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteName>,
    /// The policy that changed, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
    /// The object before the change; `None` if there was none.
    pub before: Option<Value>,
    /// The object after the change; `None` if there is none.
    pub after: Option<Value>,
    /// The reason, in the actor's words.
    pub reason: Option<String>,
    /// The correlation id of the request.
    pub request_id: String,
    /// The time of the change.
    pub occurred_at: Timestamp,
    /// The hash of the tenant's event before this one.
    pub prev_hash: String,
    /// The hash of the event.
    pub hash: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}
