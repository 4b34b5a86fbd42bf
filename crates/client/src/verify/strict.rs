//! JSON that all parsers read alike: no member twice, no fractions, no integer beyond 2^53 − 1.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// The largest integer that parsers agree on.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Returns the values of a text, one after the other.
pub fn values(text: &str) -> impl Iterator<Item = Result<Value, serde_json::Error>> {
    // PowerShell and others put a byte order mark before a text.
    let text = text.trim_start_matches('\u{feff}');
    let values = serde_json::Deserializer::from_str(text).into_iter::<Strict>();
    values.map(|value| value.map(|value| value.0))
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_INTEGER {
            return Err(E::custom(format!("{value} is too large")));
        }
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.visit_u64::<E>(value.unsigned_abs())?;
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, _>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!(
                    "the member {name:?} stands twice"
                )));
            }
            object.insert(name, value);
        }
        integer(&object).map_or(Ok(object.into()), |text| match text.parse::<i64>() {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(A::Error::custom(format!("{text:?} is no integer"))),
        })
    }
}

/// Returns the digits of an integer that mongoexport wrote, such as `{"$numberLong": "7"}`.
fn integer(object: &Map<String, Value>) -> Option<String> {
    let (name, value) = object.iter().next().filter(|_| object.len() == 1)?;
    let is_integer = matches!(name.as_str(), "$numberLong" | "$numberInt");
    is_integer.then(|| value.as_str().map(str::to_owned))?
}
