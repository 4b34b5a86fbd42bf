//! Proto3 JSON, where it is not what `serde` derives.

use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap as _},
};

use super::{
    Any, Duration, Struct, Typed, Value, cluster::Cluster, cluster::UpstreamTlsContext,
    route::RouteConfiguration,
};

/// Whether a member has its default value and is left out.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Writes a value of an enum by its name.
pub(super) fn named<E, S>(value: &i32, serializer: S) -> Result<S::Ok, S::Error>
where
    E: TryFrom<i32> + Serialize,
    S: Serializer,
{
    match E::try_from(*value) {
        Ok(known) => known.serialize(serializer),
        Err(_) => serializer.serialize_i32(*value),
    }
}

/// Writes a value of an enum that may be absent by its name.
pub(super) fn named_or_none<E, S>(value: &Option<i32>, serializer: S) -> Result<S::Ok, S::Error>
where
    E: TryFrom<i32> + Serialize,
    S: Serializer,
{
    match value {
        Some(value) => named::<E, S>(value, serializer),
        None => serializer.serialize_none(),
    }
}

/// A message with `@type`.
#[derive(Serialize)]
struct WithType<'a, M> {
    #[serde(rename = "@type")]
    type_url: &'a str,
    #[serde(flatten)]
    message: M,
}

/// Returns a message as JSON, with `@type`.
pub(in crate::envoy) fn text<M: Typed + Serialize>(message: &M) -> serde_json::Result<String> {
    let type_url = M::TYPE;
    serde_json::to_string(&WithType { type_url, message })
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn as_type<M: Typed + Serialize, S: Serializer>(
            any: &Any,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            let message = M::decode(any.value.as_slice()).map_err(S::Error::custom)?;
            let type_url = any.type_url.as_str();
            WithType { type_url, message }.serialize(serializer)
        }
        match self.type_url.as_str() {
            Cluster::TYPE => as_type::<Cluster, S>(self, serializer),
            RouteConfiguration::TYPE => as_type::<RouteConfiguration, S>(self, serializer),
            UpstreamTlsContext::TYPE => as_type::<UpstreamTlsContext, S>(self, serializer),
            other => Err(S::Error::custom(format!(
                "no message of the type {other} is written"
            ))),
        }
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (seconds, nanos) = (self.seconds, self.nanos);
        let millis = nanos / 1_000_000;
        let text = match nanos {
            0 => format!("{seconds}s"),
            _ if millis * 1_000_000 == nanos => format!("{seconds}.{millis:03}s"),
            _ => format!("{seconds}.{nanos:09}s"),
        };
        serializer.serialize_str(&text)
    }
}

impl Serialize for Struct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.string_value.serialize(serializer)
    }
}
