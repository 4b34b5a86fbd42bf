//! Texts as nginx reads them.

use std::fmt::Write as _;

use crate::problem::{MEDIA_TYPE, Problem};

/// The longest word that is written whole. nginx reads words of at most 4,096 bytes.
const LONGEST: usize = 3000;
/// The longest part of a word, in characters: each may take 12 bytes.
const PART: usize = 300;

/// Returns a text within double quotes. It means itself: a `$` is a variable that has it, for there
/// is no other way to write one.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", inner(text))
}

/// Returns a text as a part of a word within double quotes.
pub(super) fn inner(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str(r"\\"),
            '"' => escaped.push_str("\\\""),
            '$' => escaped.push_str("${tm_dollar}"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns a pattern as a word of a location. Variables mean nothing there.
pub(super) fn regex(pattern: &str) -> String {
    let pattern = pattern.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{pattern}\"")
}

/// Returns a pattern as a word of a map.
pub(super) fn pattern(pattern: &str) -> String {
    regex(&format!("~{pattern}"))
}

/// Returns a text as a part of a word within double quotes. The parts of a long text are put into
/// variables whose names begin with `name`, by maps that are added to `maps`.
pub(super) fn long(text: &str, name: &str, maps: &mut String) -> String {
    let escaped = inner(text);
    if escaped.len() <= LONGEST {
        return escaped;
    }
    let chars: Vec<char> = text.chars().collect();
    let mut all = String::new();
    for (at, part) in chars.chunks(PART).enumerate() {
        let part = quoted(&part.iter().collect::<String>());
        let _ = writeln!(maps, "  map \"\" ${name}_{at} {{ default {part}; }}");
        let _ = write!(all, "${{{name}_{at}}}");
    }
    all
}

/// Returns the directives that answer with a problem document, for a block `if`.
pub(super) fn problem(problem: Problem) -> String {
    format!(
        "add_header Content-Type {MEDIA_TYPE} always; return {} {};",
        problem.status,
        quoted(&problem.body())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_dollars_mean_themselves() {
        assert_eq!(quoted(r#"a"b\n$x"#), r#""a\"b\\n${tm_dollar}x""#);
        assert_eq!(pattern(r#"^\d"$"#), r#""~^\\d\"$""#);
    }

    #[test]
    fn long_text_is_divided_into_words_that_nginx_can_read() {
        let mut maps = String::new();
        let all = long(&"$".repeat(4096), "tm_x", &mut maps);
        assert_eq!(all.matches("${tm_x_").count(), 14);
        assert!(maps.lines().all(|line| line.len() < 4000));
        assert_eq!(long("short", "tm_y", &mut maps), "short");
        assert!(!maps.contains("tm_y"));
    }
}
