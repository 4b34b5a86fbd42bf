//! Writes documents as YAML that every parser reads alike.
//!
//! A text is written without quotes only if it begins with a letter, continues with letters,
//! digits, `_`, `-`, `.` and `/`, and is not a word that YAML 1.1 or 1.2 reads as another type.
//! Every other text is written in double quotes.

use std::fmt;

use serde::{
    Serialize,
    de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
};

/// The words that YAML 1.1 or 1.2 does not read as text and that begin with a letter, in lower
/// case.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// Returns the JSON form of a value as YAML, member by member in the value's own order.
pub fn document(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    let mut text = String::with_capacity(json.len());
    Node {
        text: &mut text,
        depth: 0,
        place: Place::Document,
    }
    .deserialize(&mut serde_json::Deserializer::from_str(&json))?;
    Ok(text)
}

/// The text behind which a node is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No text: the node is the whole document.
    Document,
    /// The name of a member, `name:`.
    Member,
    /// The dash of a list item, `- `.
    Item,
}

/// Writes the JSON value from which it is deserialised, with the line break at its end.
struct Node<'a> {
    text: &'a mut String,
    depth: usize,
    place: Place,
}

impl Node<'_> {
    fn line(self, write: impl FnOnce(&mut String)) {
        if self.place == Place::Member {
            self.text.push(' ');
        }
        write(self.text);
        self.text.push('\n');
    }

    /// Moves to the place where an item of a collection at `depth` begins.
    fn item(&mut self, depth: usize, is_first: bool) {
        if is_first && self.place == Place::Member {
            self.text.push('\n');
        }
        if !is_first || self.place == Place::Member {
            (0..depth).for_each(|_| self.text.push_str("  "));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.line(|text| text.push_str(if value { "true" } else { "false" }));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.line(|text| text.push_str(&value.to_string()));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.line(|text| text.push_str(&value.to_string()));
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(E::custom("readers of YAML do not agree on fractions"))
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.line(|text| text.push_str("null"));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.line(|text| string(text, value));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        // The dashes of a member's items have the same indentation as the member's name.
        let depth = if self.place == Place::Item {
            self.depth + 1
        } else {
            self.depth
        };
        let mut count = 0_usize;
        loop {
            let before = self.text.len();
            self.item(depth, count == 0);
            self.text.push_str("- ");
            if items
                .next_element_seed(Node {
                    text: self.text,
                    depth,
                    place: Place::Item,
                })?
                .is_none()
            {
                self.text.truncate(before);
                break;
            }
            count += 1;
        }
        if count == 0 {
            self.line(|text| text.push_str("[]"));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let depth = if self.place == Place::Document {
            0
        } else {
            self.depth + 1
        };
        let mut is_first = true;
        while let Some(name) = members.next_key::<String>()? {
            self.item(depth, is_first);
            is_first = false;
            string(self.text, &name);
            self.text.push(':');
            members.next_value_seed(Node {
                text: self.text,
                depth,
                place: Place::Member,
            })?;
        }
        if is_first {
            self.line(|text| text.push_str("{}"));
        }
        Ok(())
    }
}

fn string(text: &mut String, raw: &str) {
    if is_safe(raw) {
        text.push_str(raw);
    } else {
        quoted(text, raw);
    }
}

fn is_safe(raw: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    raw.bytes()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && raw.bytes().all(inner)
        && !WORDS.iter().any(|word| raw.eq_ignore_ascii_case(word))
}

/// Writes a text in double quotes. Escapes each character that some parser does not take as it is,
/// and each invisible character.
fn quoted(text: &mut String, raw: &str) {
    text.push('"');
    for c in raw.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            ' '..='~' => text.push(c),
            c if is_visible(c) => text.push(c),
            c if u32::from(c) <= 0xffff => text.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => text.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    text.push('"');
}

/// Returns whether a character is not ASCII, is printable in YAML 1.1 and 1.2, and does not change
/// how its neighbours are shown.
fn is_visible(c: char) -> bool {
    let is_mark = matches!(
        u32::from(c),
        0x00ad | 0x061c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff0..=0xffff | 0xe0000..=0xe0fff
    );
    !c.is_ascii() && !c.is_control() && !is_mark && u32::from(c) & 0xfffe != 0xfffe
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::as_json;

    #[test]
    fn yaml_layout_is_one_value_a_line() {
        let value = json!({
            "scope": {"env": "prod", "service": null}, "prune": true, "none": [], "empty": {},
            "routes": [{"labels": {"a b": "x"}, "list": ["a", 1, ["b", "c"]]}, "no"],
        });
        let expected = "empty: {}\nnone: []\nprune: true\nroutes:\n- labels:\n    \"a b\": x\n  list:\n  - a\n  - 1\n  - - b\n    - c\n\
                        - \"no\"\nscope:\n  env: prod\n  service: null\n";
        let written = document(&value).unwrap();
        assert_eq!(written, expected);
        assert_eq!(
            serde_json::from_slice::<Value>(&as_json(&written).unwrap()).unwrap(),
            value
        );
    }

    #[test]
    fn only_unambiguous_words_are_unquoted() {
        let written = |text: &str| document(&text).unwrap();
        for bare in ["a", "prod", "v1", "checkout-2", "a.b/c_d", "Yess", "e3"] {
            assert_eq!(written(bare), format!("{bare}\n"));
        }
        for text in [
            "",
            "no",
            "Off",
            "Y",
            "NULL",
            "1",
            "-a",
            "a b",
            "a:",
            "a#",
            ".inf",
            "~",
            "<<",
            "=",
            "2024-01-01",
            "é",
            "https://a",
        ] {
            assert!(written(text).starts_with('"'), "{text}");
        }
        assert_eq!(
            written("\u{202e}\u{feff}\u{1f600}\u{e0041}\u{85}\0\u{7f}\"\\"),
            "\"\\u202E\\uFEFF😀\\U000E0041\\u0085\\u0000\\u007F\\\"\\\\\"\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_survives_a_yaml_round_trip(key in "\\PC{0,12}", text in proptest::prelude::any::<String>()) {
            let value = json!({ "a": [{ key: &text }, &text], "b": text });
            let json = as_json(&document(&value).unwrap()).unwrap();
            proptest::prop_assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), value);
        }
    }
}
