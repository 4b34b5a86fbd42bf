//! Reads values that callers send, in bodies that serde parses in one pass.
//!
//! The types themselves read stored values without a check, because a later rule must not make
//! stored data unreadable. Today's rules apply to a member of a body: the member names one of these
//! functions in `deserialize_with`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Invalid, route::Labels};

/// Reads a checked text.
pub fn text<'de, T: TryFrom<String, Error = Invalid>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::try_from(String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a checked text, or `null`.
pub fn optional_text<'de, T: TryFrom<String, Error = Invalid>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(T::try_from)
        .transpose()
        .map_err(D::Error::custom)
}

/// Reads checked labels.
pub fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
    optional_labels(deserializer)?
        .ok_or_else(|| D::Error::custom("invalid type: null, expected a map"))
}

/// Reads checked labels, or `null`.
pub fn optional_labels<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Labels>, D::Error> {
    Option::<BTreeMap<String, String>>::deserialize(deserializer)?
        .map(Labels::try_from)
        .transpose()
        .map_err(D::Error::custom)
}
