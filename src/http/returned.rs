//! Bodies that clients send back: the answer of a `GET`, with a change.
//!
//! A client that gets an object, changes a line and puts it back would have to remove the members
//! that the service wrote. So these members are accepted and ignored (AIP-203: output only). Names
//! that are also in the path are accepted if they are the same.

use std::{fmt, marker::PhantomData};

use schemars::Schema;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer as _, MapAccess, Visitor,
        value::MapAccessDeserializer,
    },
};
use serde_json::json;

use super::problem::FieldError;

/// The members of a route or a policy that the service writes.
pub const OF_OBJECT: &[&str] = &[
    "revision",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
];

/// The members of a tenant that the service writes.
pub const OF_TENANT: &[&str] = &[
    "epoch",
    "revision",
    "routes",
    "policies",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
];

/// The members of a key that the service writes.
pub const OF_KEY: &[&str] = &[
    "id",
    "created_at",
    "created_by",
    "created_by_kind",
    "tokens",
    "rotated_at",
    "rotated_by",
    "rotated_by_kind",
    "previous_until",
    "revoked_at",
    "revoked_by",
    "last_used_at",
];

/// A body that may have more members than the service needs.
pub trait Returnable {
    /// The members that the service writes: accepted and ignored.
    const READ_ONLY: &'static [&'static str];
    /// The members that are also in the path: accepted if they are the same.
    const IN_PATH: &'static [&'static str] = &[];
}

/// A `T` as a client may send it back. Must be written as a JSON object.
#[derive(Debug)]
pub struct Returned<T> {
    value: T,
    /// The members that are also in the path, as they were sent.
    named: Vec<(&'static str, String)>,
}

impl<T: Returnable> Returned<T> {
    /// Returns the body before its names are compared with the path.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Returns the body, for a type whose members are not in the path.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Returns the body if its names are the same as in the path. `prefix` is the JSON pointer of
    /// this body within the body of the request.
    pub fn of(self, path: &[(&str, &str)], prefix: &str) -> Result<T, FieldError> {
        for (name, sent) in &self.named {
            if let Some((_, value)) = path
                .iter()
                .find(|(other, value)| other == name && value != sent)
            {
                let (pointer, detail) = (
                    format!("{prefix}/{name}"),
                    format!("differs from the path, which says {value}"),
                );
                return Err(FieldError {
                    pointer,
                    code: "not_the_path",
                    detail,
                });
            }
        }
        Ok(self.value)
    }
}

impl<'de, T: Deserialize<'de> + Returnable> Deserialize<'de> for Returned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Returnable> Visitor<'de> for Members<T> {
            type Value = Returned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Returned<T>, A::Error> {
                let mut named = Vec::new();
                let (read_only, in_path) = (T::READ_ONLY, T::IN_PATH);
                let value = T::deserialize(MapAccessDeserializer::new(Needed {
                    members,
                    read_only,
                    in_path,
                    named: &mut named,
                }))?;
                Ok(Returned { value, named })
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// The needed members of a body: members that the service writes are skipped, and names of the path
/// are collected.
struct Needed<'a, A> {
    members: A,
    read_only: &'static [&'static str],
    in_path: &'static [&'static str],
    named: &'a mut Vec<(&'static str, String)>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Needed<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.members.next_key::<String>()? {
            if self.read_only.contains(&name.as_str()) {
                self.members.next_value::<IgnoredAny>()?;
            } else if let Some(known) = self.in_path.iter().find(|known| **known == name) {
                self.named.push((known, self.members.next_value()?));
            } else {
                return match seed.deserialize(name.into_deserializer()) {
                    Ok(key) => Ok(Some(key)),
                    // The error is made while the value is read, so that its path ends with the
                    // member's name.
                    Err(error) => Err(self.fail(error)),
                };
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.members.next_value_seed(seed)
    }
}

impl<'de, A: MapAccess<'de>> Needed<'_, A> {
    fn fail(&mut self, error: A::Error) -> A::Error {
        let message = error.to_string();
        match self.members.next_value_seed(Refused(&message)) {
            Err(error) => error,
            Ok(()) => error,
        }
    }
}

/// Fails with this message instead of reading the value.
struct Refused<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Refused<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(D::Error::custom(self.0))
    }
}

/// Adds these members to a schema, as read-only properties.
pub fn describe_returned<T: Returnable>(schema: &mut Schema) {
    let members = T::READ_ONLY.iter().map(|name| {
        (
            name,
            "Set by the service: accepted in a request, and ignored.",
        )
    });
    let members = members.chain(
        T::IN_PATH
            .iter()
            .map(|name| (name, "Optional: must be the same as in the path.")),
    );
    if let Some(properties) = schema
        .get_mut("properties")
        .and_then(serde_json::Value::as_object_mut)
    {
        for (name, description) in members {
            properties
                .entry(*name)
                .or_insert_with(|| json!({ "description": description, "readOnly": true }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::extract::parse_json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        size: u32,
    }

    impl Returnable for Thing {
        const READ_ONLY: &'static [&'static str] = &["revision", "by"];
        const IN_PATH: &'static [&'static str] = &["tenant"];
    }

    #[test]
    fn read_only_members_are_ignored_and_names_match_the_path() {
        let parse = |json: &str| parse_json::<Returned<Thing>>(json.as_bytes()).unwrap();
        let sent = r#"{"revision": {"any": [1]}, "tenant": "a", "size": 3, "by": null}"#;
        assert_eq!(parse(sent).of(&[("tenant", "a")], "").unwrap().size, 3);
        let refused = parse(sent).of(&[("tenant", "b")], "/routes/4").unwrap_err();
        assert_eq!(
            (refused.pointer.as_str(), refused.code),
            ("/routes/4/tenant", "not_the_path")
        );
        assert_eq!(
            parse(r#"{"size": 4}"#)
                .of(&[("tenant", "b")], "")
                .unwrap()
                .size,
            4
        );
    }

    #[test]
    fn unknown_members_are_refused_at_their_place() {
        for (json, place) in [
            (r#"{"size": 1, "sise": 2}"#, "/sise"),
            (r#"{"size": "x"}"#, "/size"),
            (r#"{"tenant": 5, "size": 1}"#, "/tenant"),
            (r#"{"revision": 1, "revision": 2, "size": 1}"#, "/revision"),
        ] {
            let text = parse_json::<Returned<Thing>>(json.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(text.ends_with(place), "{json}: {text}");
        }
        assert!(parse_json::<Returned<Thing>>(b"[1]").is_err());
    }
}
