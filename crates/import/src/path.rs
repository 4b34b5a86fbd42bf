//! Paths and patterns in the form of policies.

use traffic_manager_core::{Invalid, policy::PathPrefix};

/// The characters with a meaning of their own in patterns.
const META: &str = r".^$|?*+()[]{}\";

/// Reads a prefix; a `/` at its end says nothing.
pub fn prefix(raw: &str) -> Result<PathPrefix, Invalid> {
    let trimmed = raw.trim_end_matches('/');
    PathPrefix::try_from(if trimmed.is_empty() { "/" } else { trimmed }.to_owned())
}

/// Returns the longest prefix, by whole segments, that every path of a pattern has.
pub fn literal(pattern: &str) -> PathPrefix {
    let (mut text, mut is_whole) = (String::new(), true);
    if alternatives(pattern) {
        return PathPrefix::default();
    }
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next() {
                Some(escaped) if !escaped.is_ascii_alphanumeric() => escaped,
                _ => {
                    is_whole = false;
                    break;
                }
            },
            c if META.contains(c) => {
                is_whole = false;
                break;
            }
            c => c,
        };
        if chars.peek().is_some_and(|next| "?*{+".contains(*next)) {
            is_whole = false;
            break;
        }
        text.push(c);
    }
    let known = match text.rfind('/') {
        _ if is_whole => text.as_str(),
        Some(at) => &text[..at],
        None => "",
    };
    prefix(known).unwrap_or_default()
}

/// Whether a pattern has `|` outside groups and classes.
fn alternatives(pattern: &str) -> bool {
    let (mut depth, mut in_class, mut is_escaped) = (0_usize, false, false);
    for c in pattern.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ']' => in_class = false,
            '[' => in_class = true,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth = depth.saturating_sub(1),
            '|' if !in_class && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// Returns the pattern of whole paths for a pattern that is looked for at the beginning of a path
/// only: what follows it is free, unless it ends with `$`.
pub fn whole(pattern: &str) -> String {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let body = pattern.strip_suffix('$');
    let body = body.filter(|body| {
        let backslashes = body.bytes().rev().take_while(|b| *b == b'\\').count();
        backslashes % 2 == 0
    });
    let (body, end) = body.map_or((pattern, ".*"), |body| (body, ""));
    let body = body.replace("(?<", "(?P<");
    // Look-behind has the same beginning; it is refused in any spelling.
    let body = body.replace("(?P<=", "(?<=").replace("(?P<!", "(?<!");
    if alternatives(&body) {
        format!("(?:{body}){end}")
    } else {
        format!("{body}{end}")
    }
}

/// Returns the pattern that matches a text and nothing else.
pub fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if META.contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_tells_the_segments_that_all_its_paths_have() {
        for (pattern, expected) in [
            (r"/users/\d+/orders", "/users"),
            (r"/api/v\d+", "/api"),
            (r"/a/b", "/a/b"),
            (r"/a/b.*", "/a"),
            (r"/a/bc?", "/a"),
            (r"/a\.b/c/(x|y)", "/a.b/c"),
            (r"/a|/b", "/"),
            (r".*", "/"),
            (r"/a%20b/c.*", "/"),
        ] {
            assert_eq!(literal(pattern).as_str(), expected, "{pattern}");
        }
    }

    #[test]
    fn pattern_from_the_beginning_becomes_one_of_whole_paths() {
        for (pattern, expected) in [
            ("/a", "/a.*"),
            ("^/a$", "/a"),
            (r"/a\$", r"/a\$.*"),
            (r"/a\\$", r"/a\\"),
            ("/a|/b", "(?:/a|/b).*"),
            ("/(?<id>[0-9]+)$", "/(?P<id>[0-9]+)"),
            ("/(?<=a)b", "/(?<=a)b.*"),
        ] {
            assert_eq!(whole(pattern), expected, "{pattern}");
        }
        assert_eq!(escaped("a.b+c"), r"a\.b\+c");
    }
}
