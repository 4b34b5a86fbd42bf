//! The names of our header fields, and parsers by their grammars: fields with a single value,
//! preferences.

use actix_web::http::header::{self, HeaderMap, HeaderName};

/// `X-Correlation-ID`
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
/// `X-Reason`
pub const REASON: HeaderName = HeaderName::from_static("x-reason");
/// `Idempotency-Key`
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// `Idempotency-Replayed`
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// `TM-Unchanged`
pub const UNCHANGED: HeaderName = HeaderName::from_static("tm-unchanged");
/// `TM-Min-Revision`
pub const MIN_REVISION: HeaderName = HeaderName::from_static("tm-min-revision");
/// `Last-Event-ID`
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// `TM-Stale`
pub const STALE: HeaderName = HeaderName::from_static("tm-stale");
/// `TM-Signature`
pub const SIGNATURE: HeaderName = HeaderName::from_static("tm-signature");
/// `TM-Node`
pub const NODE: HeaderName = HeaderName::from_static("tm-node");
/// `TM-Dialect`
pub const DIALECT: HeaderName = HeaderName::from_static("tm-dialect");
/// `TM-Applied`
pub const APPLIED: HeaderName = HeaderName::from_static("tm-applied");
/// `TM-Refused`
pub const REFUSED: HeaderName = HeaderName::from_static("tm-refused");
/// `TM-Error`
pub const ERROR: HeaderName = HeaderName::from_static("tm-error");
/// `TM-Convergence`
pub const CONVERGENCE: HeaderName = HeaderName::from_static("tm-convergence");
/// `TM-CSRF`
pub const CSRF: HeaderName = HeaderName::from_static("tm-csrf");
/// `Prefer`
pub const PREFER: HeaderName = HeaderName::from_static("prefer");
/// `Preference-Applied`
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The longest `X-Reason`, in bytes.
pub const MAX_REASON: usize = 512;
/// The longest `Idempotency-Key`, in bytes.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;

/// The single-value fields that the API reads (RFC 9110 §5.3). If a request had two lines of one
/// field, one of the two values would be lost. `Authorization` has a check of its own, which
/// answers 401. Two `traceparent` lines count as none (W3C Trace Context §3.2).
pub const SINGLE: [HeaderName; 12] = [
    header::HOST,
    header::CONTENT_TYPE,
    CORRELATION_ID,
    REASON,
    IDEMPOTENCY_KEY,
    MIN_REVISION,
    LAST_EVENT_ID,
    NODE,
    DIALECT,
    APPLIED,
    REFUSED,
    ERROR,
];

/// Returns a single-value field that the request has more than once.
pub fn doubled(headers: &HeaderMap) -> Option<HeaderName> {
    if headers.len() == headers.len_keys() {
        return None;
    }
    SINGLE
        .into_iter()
        .find(|name| headers.get_all(name).nth(1).is_some())
}

/// Returns a header's value if the header is there exactly once.
pub fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a header::HeaderValue> {
    let mut values = headers.get_all(name);
    values.next().filter(|_| values.next().is_none())
}

/// Returns the value of a preference (RFC 7240 §2). If the preference is there more than once, the
/// first one counts. A parameter of another preference does not count.
pub fn preference(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers
        .get_all(header::HeaderName::from_static("prefer"))
        .filter_map(|value| value.to_str().ok());
    let found = lines
        .flat_map(preferences)
        .find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// Parses the preferences of one line, each with its value, up to the first error.
fn preferences(line: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let Some((preference, after)) = pair(rest) else {
            return found;
        };
        rest = after;
        while let Some(parameter) = rest.strip_prefix(';').map(spaces) {
            // A parameter may be empty.
            rest = pair(parameter).map_or(parameter, |(_, after)| after);
        }
        if !(rest.is_empty() || rest.starts_with(',')) {
            return found;
        }
        found.push(preference);
    }
}

/// Parses `token [ = ( token / quoted-string ) ]` with white space around the sign and after it.
/// Also returns the rest of the text.
fn pair(text: &str) -> Option<((&str, String), &str)> {
    let (name, rest) = token(text)?;
    let rest = spaces(rest);
    let Some(value) = rest.strip_prefix('=').map(spaces) else {
        return Some(((name, String::new()), rest));
    };
    let (value, rest) = match value.strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        None => token(value).map(|(value, rest)| (value.to_owned(), rest))?,
    };
    Some(((name, value), spaces(rest)))
}

fn spaces(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let end = text.bytes().position(|b| !is_part(b)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// Parses a quoted string (RFC 9110 §5.6.4) after its first quote. Returns the string without its
/// escapes, and the rest of the text.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(rest.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name.clone(), HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn only_single_value_headers_may_not_be_repeated() {
        for name in SINGLE {
            assert_eq!(doubled(&headers(&name, &["a"])), None);
            assert_eq!(doubled(&headers(&name, &["a", "a"])), Some(name));
        }
        for name in [
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::ACCEPT,
            HeaderName::from_static("prefer"),
        ] {
            assert_eq!(doubled(&headers(&name, &["a", "b"])), None, "{name}");
        }
    }

    #[test]
    fn prefer_header_is_parsed_by_its_grammar() {
        let wait = |lines: &[&str]| {
            preference(&headers(&HeaderName::from_static("prefer"), lines), "wait")
        };
        for lines in [
            vec!["wait=7"],
            vec!["Wait=7"],
            vec!["WAIT = 7"],
            vec!["wait=\"7\""],
            vec!["wait=\"\\7\""],
            vec!["wait=7;x=y"],
            vec!["wait=7 ; x"],
            vec!["wait=7;"],
            vec!["respond-async, wait=7"],
            vec!["foo;wait=5, wait=7"],
            vec!["foo=\"a,wait=1\", wait=7"],
            vec!["foo=\"\\\",wait=1\" ; bar=\";,wait=2\",, wait=7, wait=8"],
            vec!["respond-async", "wait=7"],
            vec!["foo=(", "wait=7"],
        ] {
            assert_eq!(wait(&lines).as_deref(), Some("7"), "{lines:?}");
        }
        for lines in [
            vec![],
            vec!["foo;wait=5"],
            vec!["foo; bar; Wait=5"],
            vec!["x-wait=5"],
            vec!["wait-x=5"],
            vec!["foo=\"wait=5"],
        ] {
            assert_eq!(wait(&lines), None, "{lines:?}");
        }
        assert_eq!(wait(&["wait"]).as_deref(), Some(""));
    }

    proptest! {
        #[test]
        fn prefer_parser_never_panics(line in "((?i)wait|foo|[=;, \t\"\\\\]|[0-9]{1,3}){0,12}|[\\x20-\\x7e\t]{0,40}") {
            let all = headers(&HeaderName::from_static("prefer"), &[&line]);
            if preference(&all, "wait").is_some() {
                prop_assert!(line.to_ascii_lowercase().contains("wait"));
            }
        }

        #[test]
        fn written_preference_parses_back(
            before in "([a-z]{1,5}(=[a-z0-9]{1,3}|=\"[ -!#-\\[\\]-~]{0,5}\")?(;[a-z]{1,4}(=[0-9])?)?, ?){0,3}", name in "(?i)wait", value in "[0-9]{1,4}",
            is_quoted: bool,
        ) {
            prop_assume!(!before.split([',', ';']).any(|part| part.trim().starts_with("wait")));
            let quote = if is_quoted { "\"" } else { "" };
            let all = headers(&HeaderName::from_static("prefer"), &[&format!("{before}{name}={quote}{value}{quote}")]);
            prop_assert_eq!(preference(&all, "wait"), Some(value));
        }
    }
}
