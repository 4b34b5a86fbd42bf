//! Tests of `mask`.

use std::sync::LazyLock;

use parking_lot::Mutex;

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
        self.0.lock().write(bytes)
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
        let text = String::from_utf8(lines.0.lock().clone()).unwrap();
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
    let layer = crate::telemetry::lines(format, Masked::new(mask(), format, move || made.clone()));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.boxed()), || {
        let span =
            tracing::info_span!("http.request", request.id = chosen, url.path = %chosen).entered();
        tracing::warn!(request.id = chosen, http.route = "/a", debug = ?chosen, error = %chosen, count = 7, is = true, "of {chosen}");
        drop(span);
        tracing::warn!(
            request.id = "another",
            api_token = 987_654_321_012_i64,
            "password=hunter2 of another"
        );
    });
    let text = lines.0.lock().clone();
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
        "", "'", "\"", "\\", "\\\"", "'\\", "\"a", "'a", "{", "[", "Some(", "Bearer ", "basic '",
        "a; b", "://", "eyJ",
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
