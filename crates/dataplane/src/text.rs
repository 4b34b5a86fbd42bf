//! Texts as they are between the quotes of a JSON string, and the files that are made of them.

use bytes::Bytes;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::body::Body;

/// Returns a text as it is between the quotes of a JSON string.
pub(crate) fn escaped(text: &str) -> Bytes {
    let quoted = Bytes::from(Value::from(text).to_string());
    quoted.slice(1..quoted.len() - 1)
}

/// Returns `new`, or what was there before if it is the same text: then its block and its file need
/// not be made anew.
pub(crate) fn or_same(new: Bytes, before: Option<&Bytes>) -> Bytes {
    match before {
        Some(before) if *before == new => before.clone(),
        _ => new,
    }
}

/// Returns the members of an object, each with a comma before it.
pub(crate) fn members(map: Map<String, Value>) -> Bytes {
    if map.is_empty() {
        return Bytes::new();
    }
    let mut text = Value::Object(map).to_string();
    text.pop();
    text.replace_range(..1, ",");
    text.into()
}

/// How many files the policies of a configuration are divided into: a change makes the digest of
/// one of them anew. The number never changes, so that no file of an older configuration is left.
pub(crate) const PARTS: usize = 16;

/// Returns the path of one of these files.
pub(crate) fn part_path(at: usize, extension: &str) -> String {
    format!("policies-{at:02}.{extension}")
}

/// A file of a configuration with its digest.
#[derive(Debug, Clone)]
pub(crate) struct TextFile {
    path: String,
    /// The content as it is in JSON.
    blocks: Vec<Bytes>,
    /// Lower-case hex of the content's SHA-256.
    sha256: String,
}

impl TextFile {
    /// Creates an empty file.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            blocks: Vec::new(),
            sha256: sha256(&[]),
        }
    }

    /// Creates one of the files that the policies are divided into.
    pub(crate) fn part(at: usize, extension: &str) -> Self {
        Self::new(part_path(at, extension))
    }

    /// Whether the file has no content.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Replaces the content of one of the files that the policies are divided into.
    pub(crate) fn set_part<'a>(&mut self, main: &str, texts: impl IntoIterator<Item = &'a Bytes>) {
        let head = escaped(&format!(
            "# Some of the policies of {main}, which is written with this file.\n"
        ));
        let texts = texts.into_iter().cloned();
        self.set(std::iter::once(head).chain(texts).collect());
    }

    /// Replaces the content by blocks, which are as they are in JSON.
    pub(crate) fn set(&mut self, blocks: Vec<Bytes>) {
        self.sha256 = sha256(&blocks);
        self.blocks = blocks;
    }

    /// Replaces the content by blocks, which are as they are in JSON. `hash` was given the content.
    pub(crate) fn set_hashed(&mut self, blocks: Vec<Bytes>, hash: Sha256) {
        self.sha256 = hex::encode(hash.finalize());
        self.blocks = blocks;
    }

    /// Replaces the content by a text.
    pub(crate) fn write(&mut self, text: &str) {
        self.set(vec![escaped(text)]);
    }
}

/// Returns the body of a dialect whose configuration is files: `{files: [{content, path, sha256}],
/// reload, revision}`.
pub(crate) fn body<'a>(
    files: impl IntoIterator<Item = &'a TextFile>,
    reload: &str,
    revision: &str,
) -> Body {
    let mut body = Body::default();
    let mut between = String::from("{\"files\":[");
    for file in files {
        body.push(between + "{\"content\":\"");
        body.extend(&file.blocks);
        between = format!(
            "\",\"path\":{},\"sha256\":\"{}\"}},",
            Value::from(file.path.as_str()),
            file.sha256
        );
    }
    if between.ends_with(',') {
        between.pop();
    }
    let (reload, revision) = (Value::from(reload), Value::from(revision));
    body.push(format!(
        "{between}],\"reload\":{reload},\"revision\":{revision}}}"
    ));
    body
}

fn sha256(blocks: &[Bytes]) -> String {
    let (mut hash, mut text) = (Sha256::new(), Vec::new());
    for block in blocks {
        text.clear();
        unescape(block, &mut text);
        hash.update(&text);
    }
    hex::encode(hash.finalize())
}

/// Adds the text that [`escaped`] was given. No escape is divided between blocks.
fn unescape(escaped: &[u8], text: &mut Vec<u8>) {
    let mut left = escaped;
    while let Some(at) = left.iter().position(|b| *b == b'\\') {
        text.extend_from_slice(&left[..at]);
        let (escape, len) = match left.get(at + 1) {
            Some(b'b') => (8, 2),
            Some(b'f') => (12, 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b't') => (b'\t', 2),
            // Only control characters are written as numbers: \u0000 to \u001f.
            Some(b'u') => (control(left.get(at + 4..at + 6)), 6),
            other => (other.copied().unwrap_or(b'\\'), 2),
        };
        text.push(escape);
        left = left.get(at + len..).unwrap_or_default();
    }
    text.extend_from_slice(left);
}

fn control(digits: Option<&[u8]>) -> u8 {
    let digits = digits.and_then(|digits| str::from_utf8(digits).ok());
    digits.map_or(0, |digits| u8::from_str_radix(digits, 16).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_that_of_the_text_before_it_was_escaped() {
        let all: String = (0..300)
            .filter_map(char::from_u32)
            .chain("\\n \"quoted\" 😀 \u{2028}\\".chars())
            .collect();
        let mut text = Vec::new();
        unescape(&escaped(&all), &mut text);
        assert_eq!(text, all.as_bytes());
        let blocks = [escaped(&all), escaped("and more")];
        let wanted = hex::encode(Sha256::digest(all + "and more"));
        assert_eq!(sha256(&blocks), wanted);
    }

    #[test]
    fn body_is_the_json_of_its_files() {
        let mut file = TextFile::new("a.cfg");
        file.write("a \"text\"\n");
        let body = body([&file, &TextFile::new("b")], "run", "7");
        let json: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
        assert_eq!(json["files"][0]["content"], "a \"text\"\n");
        assert_eq!(json["files"][1]["content"], "");
        assert_eq!(json["revision"], "7");
        let none = serde_json::from_slice::<Value>(&super::body([], "", "0").to_bytes());
        assert_eq!(none.unwrap()["files"], serde_json::json!([]));
    }
}
