//! Converts YAML bodies to the JSON that they stand for.
//!
//! Reads the parser's events one by one and writes JSON text. Nothing is built in between, so the
//! memory that a body takes is limited by its size. Anchors, aliases, merge keys and tags are
//! refused: an alias can repeat its value without limit, and readers differ in the meaning of the
//! others.

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

use crate::{
    MAX_DEPTH, MAX_TEXT, NotYaml, options,
    scalar::{self, Value},
};

/// The length of JSON, in bytes, that a body of any size may have.
const SMALL: usize = 4096;

/// Returns the longest JSON for a YAML body of `size` bytes: one and a half times the size, and
/// [`SMALL`]. YAML that people write is about as long as its JSON.
fn longest(size: usize) -> usize {
    SMALL + size + size / 2
}

/// Converts a YAML document to JSON. JSON that is nested deeper than [`MAX_DEPTH`] is cut off there,
/// for the reader of the JSON to refuse: it names the place by its members.
pub fn as_json(text: &str) -> Result<Vec<u8>, NotYaml> {
    let mut writer = Writer::new(text.len());
    for next in Parser::<StrInput<'_>>::new_from_str_with_options(text, options(MAX_DEPTH)) {
        let (event, span) = next.map_err(|error| NotYaml::at(error.marker(), &error.info()))?;
        match writer.take(event, &span)? {
            Goes::On => {}
            Goes::TooDeep => break,
        }
    }
    Ok(writer.finish())
}

/// Whether to read the rest of the document.
enum Goes {
    On,
    /// The JSON that was written so far is too deep. The JSON parser refuses it, and names the
    /// place.
    TooDeep,
}

/// A collection that is being written.
struct Open {
    is_mapping: bool,
    /// Whether a key was written, and its value was not yet.
    wants_value: bool,
    is_empty: bool,
}

/// Writes JSON, at most as much as a body of this size may become.
struct Writer {
    json: Vec<u8>,
    most: usize,
    open: Vec<Open>,
    documents: usize,
    has_value: bool,
}

impl Writer {
    fn new(size: usize) -> Self {
        let most = longest(size);
        // Allocates everything at once, because a growing buffer exists twice for a moment. Pages
        // that are not written take no memory.
        let json = Vec::with_capacity(most + SMALL);
        Self {
            json,
            most,
            open: Vec::with_capacity(MAX_DEPTH),
            documents: 0,
            has_value: false,
        }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<Goes, NotYaml> {
        let at = &span.start;
        if event.is_alias() || matches!(event, Event::Anchor(..) | Event::UnresolvedAlias(..)) {
            return Err(NotYaml::at(
                at,
                "anchors (&) and aliases (*) are not accepted: write out their values",
            ));
        }
        if event.tag().is_some() {
            return Err(NotYaml::at(at, "tags (!) are not accepted: quote texts"));
        }
        match event {
            Event::DocumentStart(..) => self.begin(at)?,
            Event::Scalar(text, style, ..) => self.scalar(&text, style, at)?,
            Event::SequenceStart(..) => return self.collection(false, at),
            Event::MappingStart(..) => return self.collection(true, at),
            Event::SequenceEnd => self.end(b']'),
            Event::MappingEnd => self.end(b'}'),
            _ => {}
        }
        if self.json.len() > self.most {
            return Err(NotYaml::at(
                at,
                "as JSON the body is more than 1.5 times as long",
            ));
        }
        Ok(Goes::On)
    }

    fn begin(&mut self, at: &Marker) -> Result<(), NotYaml> {
        self.documents += 1;
        if self.documents > 1 {
            Err(NotYaml::at(at, "a second document begins: send one"))
        } else {
            Ok(())
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: &Marker) -> Result<(), NotYaml> {
        if text.len() > MAX_TEXT {
            return Err(NotYaml::at(
                at,
                &format!("a text of more than {MAX_TEXT} bytes"),
            ));
        }
        let is_plain = style == ScalarStyle::Plain;
        if self.is_key() {
            if is_plain && text == "<<" {
                return Err(NotYaml::at(
                    at,
                    "merge keys (<<) are not accepted: write out their members",
                ));
            }
            self.before();
            self.text(text);
            self.json.push(b':');
            self.open
                .last_mut()
                .into_iter()
                .for_each(|open| open.wants_value = true);
            return Ok(());
        }
        let value = if is_plain {
            scalar::plain(text).map_err(|why| NotYaml::at(at, why))?
        } else {
            Value::Text
        };
        self.before();
        match value {
            Value::Text => self.text(text),
            Value::Other(json) => self.json.extend_from_slice(json.as_bytes()),
        }
        self.after();
        Ok(())
    }

    fn collection(&mut self, is_mapping: bool, at: &Marker) -> Result<Goes, NotYaml> {
        if self.is_key() {
            return Err(NotYaml::at(at, "a key must be a text"));
        }
        self.before();
        self.json.push(if is_mapping { b'{' } else { b'[' });
        self.open.push(Open {
            is_mapping,
            wants_value: false,
            is_empty: true,
        });
        Ok(if self.open.len() > MAX_DEPTH {
            Goes::TooDeep
        } else {
            Goes::On
        })
    }

    fn end(&mut self, bracket: u8) {
        self.open.pop();
        self.json.push(bracket);
        self.after();
    }

    fn is_key(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| open.is_mapping && !open.wants_value)
    }

    /// Writes a comma, if the next item needs one before it.
    fn before(&mut self) {
        self.has_value = true;
        let Some(open) = self.open.last_mut() else {
            return;
        };
        if !open.wants_value && !std::mem::take(&mut open.is_empty) {
            self.json.push(b',');
        }
    }

    fn after(&mut self) {
        self.open
            .last_mut()
            .into_iter()
            .for_each(|open| open.wants_value = false);
    }

    fn text(&mut self, text: &str) {
        // Every text can be written as JSON, and writing to a `Vec` does not fail.
        let _ = serde_json::to_writer(&mut self.json, text);
    }

    /// Returns the JSON. An empty stream becomes `null`, as an empty document does.
    fn finish(self) -> Vec<u8> {
        if self.has_value {
            self.json
        } else {
            b"null".to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(yaml: &str) -> serde_json::Value {
        serde_json::from_slice(&as_json(yaml).unwrap()).unwrap()
    }

    #[test]
    fn yaml_collections_and_styles_become_json() {
        let yaml = "a: [x, 'y', \"z\\n\"]\nb: {c: , d: 1}\ne:\n- f: g\n  h: >\n    one\n    two\n-\n- - i\nj: {}\n\"k\": []\n";
        let expected = json!({
            "a": ["x", "y", "z\n"], "b": {"c": null, "d": 1}, "e": [{"f": "g", "h": "one two\n"}, null, ["i"]], "j": {}, "k": [],
        });
        assert_eq!(read(yaml), expected);
        assert_eq!(
            (read(""), read("# nothing\n"), read("---\n...\n")),
            (json!(null), json!(null), json!(null))
        );
        assert_eq!(
            read(
                &json!({"a": [1, {"b": "c\u{7f}\u{2028}"}]})
                    .to_string()
                    .replace('\u{7f}', "")
            ),
            json!({"a": [1, {"b": "c\u{2028}"}]})
        );
    }

    #[test]
    fn yaml_keys_are_always_text() {
        let expected = json!({"no": 1, "1.0": 2, "~": 3, "012": 4, "": 5, "<<": 6});
        assert_eq!(
            read("no: 1\n1.0: 2\n~: 3\n012: 4\n'': 5\n'<<': 6\n"),
            expected
        );
    }

    #[test]
    fn refused_yaml_names_its_line_and_column() {
        for (yaml, place, why) in [
            ("a: &x 1\nb: *x\n", "line 1, column 4", "anchors"),
            ("a: 1\nb: *x\n", "line 2, column 4", "aliases"),
            ("a:\n- &x [b]\n", "line 2, column 3", "anchors"),
            ("&k a: 1\n", "line 1, column 1", "anchors"),
            ("a: {b: &x {}}\n", "line 1, column 8", "anchors"),
            ("a: !!str 1\n", "line 1, column", "tags"),
            ("a: !cookie sid\n", "line 1, column", "tags"),
            ("a: ! x\n", "line 1, column", "tags"),
            ("a: !!binary aGk=\n", "line 1, column", "tags"),
            ("<<: {a: 1}\n", "line 1, column 1", "merge keys"),
            ("a: 1\n---\nb: 2\n", "line 2, column 1", "second document"),
            ("a: 1\n...\n---\n", "line 3, column 1", "second document"),
            ("%YAML 1.1\n---\na: no\n", "line 1, column 1", ""),
            ("%TAG !a! b\n---\na: no\n", "line 1, column 1", ""),
            ("? [a]\n: 1\n", "line 1, column 3", "a key must be a text"),
            ("{[a]: 1}", "line 1, column 2", "a key must be a text"),
            ("a: .inf\n", "line 1, column 4", "JSON has no such number"),
            ("a: [\n", "line", ""),
        ] {
            let problem = as_json(yaml).unwrap_err();
            let text = problem.to_string();
            assert!(text.contains(place) && text.contains(why), "{yaml}: {text}");
        }
    }

    #[test]
    fn yaml_that_grows_too_much_as_json_is_refused() {
        let many = |item: &str| format!("{{{}}}", (0..10_000).map(|_| item).collect::<String>());
        let text = as_json(&many("a,")).unwrap_err().to_string();
        assert!(text.contains("1.5 times as long"), "{text}");
        let long = format!("a: {}", "x".repeat(MAX_TEXT + 1));
        assert!(
            as_json(&long)
                .unwrap_err()
                .to_string()
                .contains("a text of more than")
        );
        assert!(as_json(&format!("a: {}", "x".repeat(MAX_TEXT))).is_ok());
    }

    #[test]
    fn too_deep_yaml_is_passed_on_for_the_json_reader_to_refuse() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(
            as_json(&nested(MAX_DEPTH)).unwrap(),
            nested(MAX_DEPTH).into_bytes()
        );
        assert_eq!(
            as_json(&nested(MAX_DEPTH + 1)).unwrap(),
            "[".repeat(MAX_DEPTH + 1).into_bytes()
        );
        assert_eq!(
            as_json(&"- ".repeat(100_000)).unwrap(),
            "[".repeat(MAX_DEPTH + 1).into_bytes()
        );
        assert_eq!(
            as_json(&"[".repeat(100_000)).unwrap(),
            "[".repeat(MAX_DEPTH + 1).into_bytes()
        );
    }

    proptest::proptest! {
        #[test]
        fn json_reads_as_yaml_unchanged(text in "[ -~\u{a0}-\u{d7ff}]{0,40}", number in proptest::prelude::any::<i64>()) {
            let value = json!({ "text": text, &text: [number, null, true], "nested": { "empty": [], "none": {} } });
            proptest::prop_assert_eq!(read(&value.to_string()), value);
        }
    }
}
