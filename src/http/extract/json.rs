//! Parses JSON strictly: UTF-8, every member once, bounded depth and lengths. Every error names its
//! field.

use std::{collections::HashSet, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor,
        value::MapAccessDeserializer,
    },
};

use traffic_manager_yaml::{MAX_DEPTH, MAX_TEXT};

use super::numbers;
use crate::{
    domain::{Invalid, command::MAX_CHANGES},
    http::problem::{Code, Problem},
};

/// Returns the text of a body, without a byte order mark at its beginning (RFC 8259 §8.1, YAML
/// 1.2.2 §5.2).
pub fn text_of(bytes: &[u8]) -> Result<&str, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let encoding = if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        ": it seems to be UTF-16"
    } else {
        ""
    };
    let not_utf8 = |_| {
        Problem::new(
            Code::MalformedRequest,
            format!("the body is not UTF-8{encoding}"),
        )
    };
    std::str::from_utf8(bytes).map_err(not_utf8)
}

/// Refuses a text that is too long for any member, before any of it is copied: parsers and the
/// paths of their errors copy texts several times.
fn no_long_text(json: &str) -> Result<(), Problem> {
    let (mut began, mut is_escaped) = (None, false);
    for (at, byte) in json.bytes().enumerate() {
        match (began, byte) {
            (None, b'"') => began = Some(at),
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), b'\\') => is_escaped = true,
            (Some(_), b'"') => began = None,
            _ => {}
        }
        if let Some(start) = began.filter(|start| at - start > MAX_TEXT) {
            let before = &json.as_bytes()[..start];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let column = start
                - before
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |at| at + 1)
                + 1;
            let detail =
                format!("line {line}, column {column}: a text of more than {MAX_TEXT} bytes");
            return Err(Problem::new(Code::MalformedRequest, detail));
        }
    }
    Ok(())
}

pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = text_of(bytes)?;
    no_long_text(text)?;
    let not_json = |error: serde_json::Error| {
        Problem::new(
            Code::MalformedRequest,
            format!("the body is not JSON: {error}"),
        )
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let shape = EveryMemberOnce { depth: 0 };
    if let Err(error) = shape.deserialize(serde_path_to_error::Deserializer::new(
        &mut deserializer,
        &mut track,
    )) {
        let is_data = error.is_data();
        return Err(if is_data {
            wrong_data(serde_path_to_error::Error::new(track.path(), error))
        } else {
            not_json(error)
        });
    }
    deserializer.end().map_err(not_json)?;
    // The text is valid JSON. Errors from here on are about the data, even where serde_json calls
    // them syntax errors: an extra member in an enum.
    let text = numbers::whole(text);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(&mut deserializer)
        .map(|Object(value)| value)
        .map_err(wrong_data)
}

fn wrong_data(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let pointer = json_pointer(error.path());
    Problem::field(pointer, data_error(&error.into_inner().to_string()))
}

/// A `T` that must be written as a JSON object. The code that serde derives for a struct accepts an
/// array of the members' values too.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// The most members of an object. The largest valid object has 32 labels, and a patch may remove as
/// many.
const MAX_MEMBERS: usize = 256;

/// Any JSON in which no object has a member twice. Parsers differ in which of two such members they
/// use (RFC 8259 §4).
#[derive(Clone, Copy)]
struct EveryMemberOnce {
    /// The number of objects and arrays around the value.
    depth: usize,
}

impl EveryMemberOnce {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format!(
                "nested too deep: at most {MAX_DEPTH} objects and arrays in one another"
            )));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for EveryMemberOnce {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EveryMemberOnce {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let item = self.inside()?;
        for _ in 0..MAX_CHANGES {
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
        match items.next_element_seed(item)? {
            Some(()) => Err(A::Error::custom(format!("too many: at most {MAX_CHANGES}"))),
            None => Ok(()),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inside = self.inside()?;
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if seen.len() == MAX_MEMBERS {
                return Err(A::Error::custom(format!(
                    "too many: at most {MAX_MEMBERS} members"
                )));
            }
            // The error is made while the value is read, so that its path ends with the member's
            // name.
            let is_new = seen.insert(name);
            members.next_value_seed(Member { is_new, inside })?;
        }
        Ok(())
    }
}

struct Member {
    is_new: bool,
    inside: EveryMemberOnce,
}

impl<'de> DeserializeSeed<'de> for Member {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.is_new {
            self.inside.deserialize(deserializer)
        } else {
            Err(D::Error::custom(
                "duplicate field: a member may be given once",
            ))
        }
    }
}

/// The beginnings of serde's own messages. All other messages come from our types.
const SERDES_OWN: [&str; 6] = [
    "invalid type",
    "invalid value",
    "invalid length",
    "unknown variant",
    "expected ",
    "data did not match",
];

/// Returns serde's message without its position, with a stable code.
pub fn data_error(message: &str) -> Invalid {
    let detail = without_type(without_value(
        message
            .rsplit_once(" at line ")
            .map_or(message, |(detail, _)| detail),
    ));
    let code = if detail.starts_with("unknown field") {
        "unknown_member"
    } else if detail.starts_with("duplicate field") {
        "duplicate_member"
    } else if detail.starts_with("missing field") {
        "required"
    } else if detail.starts_with("nested too deep") {
        "too_deep"
    } else if detail.starts_with("must have one of") {
        "one_of"
    } else if detail.starts_with("too many: ") {
        "too_many"
    } else if SERDES_OWN.iter().any(|own| detail.starts_with(own)) {
        "wrong_type"
    } else {
        "not_valid"
    };
    Invalid::new(code, detail)
}

/// Removes the refused value from serde's message. The value may be a secret, which must not get
/// into an answer or a log.
fn without_value(detail: &str) -> String {
    let Some((found, expected)) = detail.rsplit_once(", expected ") else {
        return detail.to_owned();
    };
    let found = match found.split_once(['"', '`']) {
        Some((what, _))
            if ["invalid type", "invalid value", "unknown variant"]
                .iter()
                .any(|own| what.starts_with(own)) =>
        {
            what
        }
        _ => return detail.to_owned(),
    };
    format!("{}, expected {expected}", found.trim_end())
}

/// Replaces the names of Rust's integer types in serde's message, because callers of an API do not
/// know them.
fn without_type(detail: String) -> String {
    const INTEGERS: [&str; 10] = [
        "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize",
    ];
    match detail.rsplit_once(", expected ") {
        Some((found, expected)) if INTEGERS.contains(&expected) => {
            format!("{found}, expected a whole number")
        }
        _ => detail,
    }
}

pub fn json_pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escape(key)),
            Segment::Enum { variant } => format!("/{}", escape(variant)),
            Segment::Unknown => "/?".to_owned(),
        })
        .collect()
}
