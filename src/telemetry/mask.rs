//! What is shown as `***` in log lines: the last guard behind the rule that secrets are not logged.
//!
//! A line is masked when it is whole, so a secret is found wherever it came from: a field, a message, an error of a library. Three sorts are
//! found: passwords in URLs, tokens that can be told by their form, and what stands after a name of `telemetry.mask`.

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::Arc,
};

use regex::{Captures, Regex};
use tracing_subscriber::fmt::MakeWriter;

/// What stands in place of a secret.
pub const MASKED: &str = "***";

/// Tokens that can be told by their form: schemes of `Authorization`, keys of this API, and JWTs.
const FORMS: &str = r"(?P<scheme>\b(?i:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}|(?P<prefix>\btmk_)[A-Za-z0-9_-]+|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*";

/// A URL's user and password.
const CREDENTIALS: &str = r#"(?P<url>[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@"'<>]*(?:@[^\s/?#@"'<>]*)*@"#;

/// Colours between a name and its value, in lines for people.
const COLOUR: &str = r"(?:\x1b\[[0-9;]*m)*";

/// Finds secrets in text.
#[derive(Debug, Clone)]
pub struct Mask {
    secrets: Regex,
}

impl Mask {
    /// A mask for what stands after these names, and for what always is secret.
    pub fn new(names: &[String]) -> Result<Self, regex::Error> {
        let mut secrets = format!("{CREDENTIALS}|{FORMS}");
        if !names.is_empty() {
            let names: Vec<_> = names.iter().map(|name| regex::escape(name)).collect();
            // A value is what stands in quotes, in the quotes of JSON within text, or a word, with its scheme or the further parts of a cookie.
            let word = r#"[^\s,;&"'\\)}\]\x1b]+"#;
            let value = format!(
                r#"(?P<inner>\\")(?:[^"\\]|\\[^"])*|(?P<open>")(?:[^"\\]|\\.)*|(?P<single>')[^']*|(?:(?i:bearer|basic|digest|negotiate)\s+)?{word}(?:;\s*{word})*"#
            );
            let named = format!(
                r#"(?P<name>(?i:(?:\b|[_.-]|\x1b\[[0-9;]*m)(?:{names})s?)(?:\\?["'])?{COLOUR}\s*(?:[:=]|=>)\s*{COLOUR}(?:Some\()?)(?:{value})"#,
                names = names.join("|")
            );
            secrets = format!("{named}|{secrets}");
        }
        Ok(Self { secrets: Regex::new(&secrets)? })
    }

    /// The text with every secret masked.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.secrets.replace_all(text, |found: &Captures<'_>| {
            let part = |name| found.name(name).map_or("", |part| part.as_str());
            let before: String = ["name", "inner", "open", "single", "scheme", "prefix", "url"].map(part).concat();
            let after = if found.name("url").is_some() { "@" } else { "" };
            format!("{before}{MASKED}{after}")
        })
    }
}

/// A place for log lines where secrets are masked.
#[derive(Debug, Clone)]
pub struct Masked<M> {
    mask: Arc<Mask>,
    lines: M,
}

impl<M> Masked<M> {
    /// Lines go to `lines`.
    pub fn new(mask: Mask, lines: M) -> Self {
        Self { mask: Arc::new(mask), lines }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Masked<M> {
    type Writer = Line<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { mask: self.mask.clone(), line: self.lines.make_writer() }
    }
}

/// Takes lines, each whole in one call: so the formatter writes them.
#[derive(Debug)]
pub struct Line<W> {
    mask: Arc<Mask>,
    line: W,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line.write_all(self.mask.apply(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing_subscriber::{Layer as _, layer::SubscriberExt as _};

    use super::*;
    use crate::config::{self, Settings};

    fn mask() -> Mask {
        Mask::new(&Settings::without_environment(&[]).unwrap().telemetry.mask).unwrap()
    }

    #[test]
    fn secrets_are_masked_and_the_rest_stays() {
        let mask = mask();
        for (line, masked) in [
            ("postgres://tm:hunter2@db:5432/x?y=1", "postgres://***@db:5432/x?y=1"),
            ("see mongodb://u:p%40@a,b/c, then", "see mongodb://***@a,b/c, then"),
            ("amqp://u:p@ss@host", "amqp://***@host"),
            ("Authorization: Bearer abc.def-123", "Authorization: ***"),
            ("authorization=Basic dXNlcjpwYXNz x=1", "authorization=*** x=1"),
            ("got Bearer abcdef0123 from it", "got Bearer *** from it"),
            ("key tmk_01ab_Secret9 is old", "key tmk_*** is old"),
            ("jwt eyJhbGciOi.eyJzdWIi.c2ln!", "jwt ***!"),
            ("password=hunter2 user=ada", "password=*** user=ada"),
            ("db_password: hunter2, user: ada", "db_password: ***, user: ada"),
            (r#"{"password":"hun\\ter2","user":"ada"}"#, r#"{"password":"***","user":"ada"}"#),
            (r#"{"message":"{\"token\":\"abc\",\"a\":1}"}"#, r#"{"message":"{\"token\":\"***\",\"a\":1}"}"#),
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
    fn a_careless_log_line_shows_no_secret_in_either_format() {
        let secrets = ["hunter2", "abcdef0123456789", "s3cr3t"];
        let formats = [config::LogFormat::Json, config::LogFormat::Text];
        for format in formats {
            let lines = Lines::default();
            let made = lines.clone();
            let layer = crate::telemetry::lines(format, Masked::new(mask(), move || made.clone()));
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.boxed()), || {
                let url = "postgres://tm:hunter2@db/x";
                let span = tracing::info_span!("careless", url, api_token = "s3cr3t").entered();
                let error = io::Error::other(format!("cannot reach {url}"));
                tracing::warn!(header = "Authorization: Bearer abcdef0123456789", password = "hunter2", error = ?error, "at {url}");
                tracing::info!(tenant = "acme", "password=hunter2");
                drop(span);
            });
            let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert!(text.contains("acme") && text.contains(MASKED) && text.lines().count() == 2, "{text}");
            for secret in secrets {
                assert!(!text.contains(secret), "{text}");
            }
            if format == config::LogFormat::Json {
                text.lines().for_each(|line| assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}"));
            }
        }
    }
}
