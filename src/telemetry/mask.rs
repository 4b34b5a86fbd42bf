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
mod tests {
    use std::sync::{LazyLock, Mutex};

    use tracing_subscriber::{Layer as _, layer::SubscriberExt as _};

    use super::*;
    use crate::config::{self, Settings};

    /// The mask of the default settings. Its patterns are compiled once.
    fn mask() -> Mask {
        static MASK: LazyLock<Mask> = LazyLock::new(|| {
            Mask::new(&Settings::without_environment(&[]).unwrap().telemetry.mask).unwrap()
        });
        MASK.clone()
    }

    #[test]
    fn secrets_are_masked_and_other_text_stays() {
        let mask = mask();
        for (line, masked) in [
            (
                "postgres://tm:hunter2@db:5432/x?y=1",
                "postgres://***@db:5432/x?y=1",
            ),
            (
                "see mongodb://u:p%40@a,b/c, then",
                "see mongodb://***@a,b/c, then",
            ),
            ("amqp://u:p@ss@host", "amqp://***@host"),
            ("Authorization: Bearer abc.def-123", "Authorization: ***"),
            (
                "authorization=Basic dXNlcjpwYXNz x=1",
                "authorization=*** x=1",
            ),
            ("got Bearer abcdef0123 from it", "got Bearer *** from it"),
            ("key tmk_01ab_Secret9 is old", "key tmk_*** is old"),
            ("jwt eyJhbGciOi.eyJzdWIi.c2ln!", "jwt ***!"),
            ("password=hunter2 user=ada", "password=*** user=ada"),
            (
                "db_password: hunter2, user: ada",
                "db_password: ***, user: ada",
            ),
            (
                r#"{"password":"hun\\ter2","user":"ada"}"#,
                r#"{"password":"***","user":"ada"}"#,
            ),
            (
                r#"{"message":"{\"token\":\"abc\",\"a\":1}"}"#,
                r#"{"message":"{\"token\":\"***\",\"a\":1}"}"#,
            ),
            (r#"secret: Some("abc def") }"#, r#"secret: Some("***") }"#),
            ("x-api-key: 'abc def'", "x-api-key: '***'"),
            ("cookie: a=b; c=d", "cookie: ***"),
            ("?access_token=abc&page=2", "?access_token=***&page=2"),
            ("PASSWORD = hunter2", "PASSWORD = ***"),
            ("password=correct horse=1", "password=*** horse=1"),
            (r#""secret":"a\"b\\","x":"y""#, r#""secret":"***","x":"y""#),
            ("master_keys=[a:b]", "master_keys=***]"),
            (
                "\u{1b}[3mtoken\u{1b}[0m\u{1b}[2m=\u{1b}[0mabc\u{1b}[0m x",
                "\u{1b}[3mtoken\u{1b}[0m\u{1b}[2m=\u{1b}[0m***\u{1b}[0m x",
            ),
        ] {
            assert_eq!(mask.apply(line), masked);
        }
        for harmless in [
            "http://127.0.0.1:8000/api/v1/routes?env=prod runs",
            "mail ada@example.com",
            "monkey=banana keyboard=1 tokenizer=2",
            "a basic rule, the bearer of it",
            r#"{"level":"INFO","tenant":"acme","revision":7}"#,
        ] {
            assert_eq!(mask.apply(harmless), harmless);
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn careless_log_line_shows_no_secret_in_either_format() {
        let secrets = ["hunter2", "abcdef0123456789", "s3cr3t"];
        let formats = [config::LogFormat::Json, config::LogFormat::Text];
        for format in formats {
            let lines = Lines::default();
            let made = lines.clone();
            let layer =
                crate::telemetry::lines(format, Masked::new(mask(), format, move || made.clone()));
            tracing::subscriber::with_default(
                tracing_subscriber::registry().with(layer.boxed()),
                || {
                    let url = "postgres://tm:hunter2@db/x";
                    let span = tracing::info_span!("careless", url, api_token = "s3cr3t").entered();
                    let error = io::Error::other(format!("cannot reach {url}"));
                    tracing::warn!(header = "Authorization: Bearer abcdef0123456789", password = "hunter2", error = ?error, "at {url}");
                    tracing::info!(tenant = "acme", "password=hunter2");
                    drop(span);
                },
            );
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert!(
                text.contains("acme") && text.contains(MASKED) && text.lines().count() == 2,
                "{text}"
            );
            for secret in secrets {
                assert!(!text.contains(secret), "{text}");
            }
            if format == config::LogFormat::Json {
                text.lines().for_each(|line| {
                    assert!(
                        serde_json::from_str::<serde_json::Value>(line).is_ok(),
                        "{line}"
                    )
                });
            }
        }
    }

    /// Logs two lines and returns their text. `chosen` is the part of the first line that a caller
    /// controls.
    fn logged(format: config::LogFormat, chosen: &str) -> String {
        let lines = Lines::default();
        let made = lines.clone();
        let layer =
            crate::telemetry::lines(format, Masked::new(mask(), format, move || made.clone()));
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(layer.boxed()),
            || {
                let span =
                    tracing::info_span!("http.request", request.id = chosen, url.path = %chosen)
                        .entered();
                tracing::warn!(request.id = chosen, http.route = "/a", debug = ?chosen, error = %chosen, count = 7, is = true, "of {chosen}");
                drop(span);
                tracing::warn!(
                    request.id = "another",
                    api_token = 987_654_321_012_i64,
                    "password=hunter2 of another"
                );
            },
        );
        let text = lines.0.lock().unwrap().clone();
        String::from_utf8(text).unwrap()
    }

    fn assert_two_separate_lines(format: config::LogFormat, chosen: &str) {
        let text = logged(format, chosen);
        assert!(
            text.ends_with('\n') && text.matches('\n').count() == 2,
            "{chosen:?}: {text}"
        );
        assert!(
            !text.contains("hunter2") && !text.contains("987654321012"),
            "{chosen:?}: {text}"
        );
        let (first, second) = text.split_once('\n').unwrap();
        assert!(
            second.contains("another") && !first.contains("another"),
            "{chosen:?}: {text}"
        );
        if format == config::LogFormat::Json {
            let of = |line: &str| {
                serde_json::from_str::<serde_json::Value>(line)
                    .unwrap_or_else(|e| panic!("{chosen:?}: {e}: {line}"))
            };
            let (first, second) = (of(first), of(second.trim_end()));
            assert_eq!(second["request.id"], "another");
            for (name, value) in [("level", "WARN"), ("http.route", "/a")] {
                assert_eq!(
                    first[name], value,
                    "{chosen:?}: neighbouring fields are unchanged"
                );
            }
            assert_eq!(
                (&first["count"], &first["is"]),
                (&serde_json::json!(7), &serde_json::json!(true))
            );
            assert_eq!(
                first["request.id"],
                mask().apply(chosen).into_owned(),
                "{chosen:?}"
            );
        }
    }

    #[test]
    fn masking_a_callers_value_leaves_the_next_fields_alone() {
        let names = ["key", "password", "token", "x-api-key", "cookie", "secret"];
        let ends = [
            "", "'", "\"", "\\", "\\\"", "'\\", "\"a", "'a", "{", "[", "Some(", "Bearer ",
            "basic '", "a; b", "://", "eyJ",
        ];
        for format in [config::LogFormat::Json, config::LogFormat::Text] {
            for name in names {
                for between in ["=", ":", "=>", "\":", "'=", " = "] {
                    for end in ends {
                        assert_two_separate_lines(format, &format!("{name}{between}{end}"));
                    }
                }
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 128, ..Default::default() })]
        #[test]
        fn masking_random_header_values_keeps_other_log_lines(
            chosen in "([ -~\\t]{0,24}|(key|token|cookie|x-auth-secret|password)[=:>\"' ]{0,3}|[\"'\\\\{}\\[\\],:=;]{1,4}|tmk_|Bearer |eyJ[a-z]\\.|[a-z]+://[^ ]{0,6}@?|\\PC{0,6}){0,6}",
        ) {
            assert_two_separate_lines(config::LogFormat::Json, &chosen);
            assert_two_separate_lines(config::LogFormat::Text, &chosen);
        }
    }

    #[test]
    fn secret_json_member_is_masked_with_any_content() {
        let mask = mask();
        let line = r#"{"a":[1,-2,0.5,null,{"db.password":{"deep":["hunter2"]},"is_token":true}],"x-api-key":7,"monkey":"b","t":"token=abc d"}"#;
        let masked = r#"{"a":[1,-2,0.5,null,{"db.password":"***","is_token":"***"}],"x-api-key":"***","monkey":"b","t":"token=*** d"}"#;
        assert_eq!(mask.apply_to_json(line), masked);
        assert_eq!(
            mask.apply_to_json("password=hunter2 {"),
            "password=*** {",
            "invalid JSON is masked as text"
        );
    }
}
