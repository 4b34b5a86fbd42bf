//! Texts as `HAProxy` reads them.

use crate::problem::{MEDIA_TYPE, Problem};

/// Returns a word of the configuration that means the text itself: between single quotes nothing is
/// special but the quote.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns a word that is read as a log format and means the text itself.
pub(super) fn format(text: &str) -> String {
    quoted(&percent(text))
}

/// Returns a text as a part of a log format.
pub(super) fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// Returns the fetch of a value by name, such as a header's, as one word. A name is a token (RFC
/// 9110 §5.6.2), which has no double quote and no backslash.
pub(super) fn fetch(what: &str, name: &str) -> String {
    let is_plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if is_plain {
        format!("{what}({name})")
    } else {
        quoted(&format!("{what}(\"{name}\")"))
    }
}

/// Returns the rule that answers with a problem document on a condition.
pub(super) fn problem(problem: Problem, condition: &str) -> String {
    format!(
        "  http-request return status {} content-type {MEDIA_TYPE} string {} {condition}\n",
        problem.status,
        quoted(&problem.body())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_percents_mean_themselves() {
        assert_eq!(quoted(r#"a'b"$\"#), r#"'a'\''b"$\'"#);
        assert_eq!(format("5%[x]"), "'5%%[x]'");
        assert_eq!(fetch("req.fhdr", "x-user"), "req.fhdr(x-user)");
        assert_eq!(fetch("req.fhdr", "x|'y"), r#"'req.fhdr("x|'\''y")'"#);
    }
}
