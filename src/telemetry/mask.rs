//! Replaces secrets in log lines by `***`: the last guard behind the rule that secrets are not
//! logged.
//!
//! A line is masked when it is complete, so a secret is found wherever it came from: a field, a
//! message, an error of a library. Three kinds of secrets are found: passwords in URLs, tokens with
//! a known form, and values after a name from `telemetry.mask`.
//!
//! Much of a line was sent by callers, so no text may influence the masking of another part. In
//! JSON each text is masked by itself and written as JSON again; the line end is not part of the
//! masked text.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Write},
    sync::Arc,
};

use regex::{Captures, Regex};
use serde::{
    Serialize,
    de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;

/// The replacement for a secret.
pub const MASKED: &str = "***";

/// Matches tokens with a known form: schemes of `Authorization`, keys of this API, and JWTs.
const FORMS: &str = r"(?P<scheme>\b(?i:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}|(?P<prefix>\btmk_)[A-Za-z0-9_-]+|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*";

/// Matches the user and password of a URL.
const CREDENTIALS: &str =
    r#"(?P<url>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@"'<>]*(?:@[^\s/?#@"'<>]*)*@"#;

/// Matches colour codes between a name and its value, in lines for people.
const COLOUR: &str = r"(?:\x1b\[[0-9;]*m)*";

/// Finds secrets in text.
#[derive(Debug, Clone)]
pub struct Mask {
    secrets: Regex,
    /// Matches the whole name of a secret member.
    names: Option<Regex>,
}

impl Mask {
    /// Creates a mask for values after these names, and for tokens and passwords with a known form.
    pub fn new(names: &[String]) -> Result<Self, regex::Error> {
        let mut secrets = format!("{CREDENTIALS}|{FORMS}");
        let escaped: Vec<_> = names.iter().map(|name| regex::escape(name)).collect();
        if !names.is_empty() {
            // A value is the content of quotes (also of escaped JSON quotes within text), or a word
            // with its scheme or the further parts of a cookie.
            let word = r#"[^\s,;&"'\\)}\]\x1b]+"#;
            let value = format!(
                r#"(?P<inner>\\")(?:[^"\\]|\\[^"])*|(?P<open>")(?:[^"\\]|\\.)*|(?P<single>')[^'"\\\n]*|(?:(?i:bearer|basic|digest|negotiate)\s+)?{word}(?:;\s*{word})*"#
            );
            let named = format!(
                r#"(?P<name>(?i:(?:\b|[_.-]|\x1b\[[0-9;]*m)(?:{names})s?)(?:\\?["'])?{COLOUR}\s*(?:[:=]|=>)\s*{COLOUR}(?:Some\()?)(?:{value})"#,
                names = escaped.join("|")
            );
            secrets = format!("{named}|{secrets}");
        }
        let alone = format!(r"(?i:^(?:.*(?:\b|[_.-]))?(?:{})s?$)", escaped.join("|"));
        let names = if names.is_empty() {
            None
        } else {
            Some(Regex::new(&alone)?)
        };
        Ok(Self {
            secrets: Regex::new(&secrets)?,
            names,
        })
    }

    /// Returns the text with every secret masked.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.secrets.replace_all(text, |found: &Captures<'_>| {
            let part = |name| found.name(name).map_or("", |part| part.as_str());
            let before: String = ["name", "inner", "open", "single", "scheme", "prefix", "url"]
                .map(part)
                .concat();
            let after = if found.name("url").is_some() { "@" } else { "" };
            format!("{before}{MASKED}{after}")
        })
    }

    /// Returns a line of JSON with every secret masked. The structure of the JSON stays the same,
    /// whatever its texts contain.
    fn apply_to_json<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let mut masked = String::with_capacity(line.len());
        let mut reader = serde_json::Deserializer::from_str(line);
        match (Masking {
            mask: self,
            to: &mut masked,
        })
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        {
            Ok(()) => Cow::Owned(masked),
            Err(_) => self.apply(line),
        }
    }

    /// Returns whether the member with this name is secret, whatever its value is.
    fn is_secret(&self, name: &str) -> bool {
        self.names
            .as_ref()
            .is_some_and(|names| names.is_match(name))
    }
}

/// A deserializer that writes its input out again, with every text masked.
struct Masking<'a> {
    mask: &'a Mask,
    to: &'a mut String,
}

impl Masking<'_> {
    fn write<E: de::Error>(self, value: impl Serialize) -> Result<(), E> {
        self.to
            .push_str(&serde_json::to_string(&value).map_err(E::custom)?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Masking<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Masking<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.write(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.write(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        let masked = self.mask.apply(value);
        self.write(masked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { mask, to } = self;
        to.push('[');
        let first = to.len();
        while items
            .next_element_seed(Separated {
                first,
                masking: Masking { mask, to },
            })?
            .is_some()
        {}
        to.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { mask, to } = self;
        to.push('{');
        let first = to.len();
        while let Some(name) = members.next_key::<Cow<'_, str>>()? {
            let is_secret = mask.is_secret(&name);
            Separated {
                first,
                masking: Masking { mask, to },
            }
            .begun()
            .write(&name)?;
            to.push(':');
            if is_secret {
                members.next_value::<IgnoredAny>()?;
                (Masking { mask, to }).write(MASKED)?;
            } else {
                members.next_value_seed(Masking { mask, to })?;
            }
        }
        to.push('}');
        Ok(())
    }
}

/// The next element of a list, after a comma unless it is the first.
struct Separated<'a> {
    first: usize,
    masking: Masking<'a>,
}

impl<'a> Separated<'a> {
    fn begun(self) -> Masking<'a> {
        if self.masking.to.len() > self.first {
            self.masking.to.push(',');
        }
        self.masking
    }
}

impl<'de> DeserializeSeed<'de> for Separated<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.begun().deserialize(deserializer)
    }
}

/// A writer for log lines that masks secrets.
#[derive(Debug, Clone)]
pub struct Masked<M> {
    mask: Arc<Mask>,
    format: LogFormat,
    lines: M,
}

impl<M> Masked<M> {
    /// Creates a writer that passes lines of this format to `lines`.
    pub fn new(mask: Mask, format: LogFormat, lines: M) -> Self {
        Self {
            mask: Arc::new(mask),
            format,
            lines,
        }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Masked<M> {
    type Writer = Line<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            mask: self.mask.clone(),
            format: self.format,
            line: self.lines.make_writer(),
        }
    }
}

/// Masks lines. The formatter passes each line whole, in one call.
#[derive(Debug)]
pub struct Line<W> {
    mask: Arc<Mask>,
    format: LogFormat,
    line: W,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = text
            .strip_suffix('\n')
            .map_or((&*text, ""), |text| (text, "\n"));
        let masked = match self.format {
            LogFormat::Json => self.mask.apply_to_json(text),
            LogFormat::Text => self.mask.apply(&one_line(text)).into_owned().into(),
        };
        // Written in one call, so that lines of several threads do not mix.
        self.line.write_all(format!("{masked}{end}").as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}

/// Returns the text without line ends. Text that is written unchanged, such as an error message,
/// may contain some.
fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(['\n', '\r']) {
        text.replace('\n', "\\n").replace('\r', "\\r").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests;
