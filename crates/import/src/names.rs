//! Names that are unique and have the form that a member needs.

use std::collections::BTreeSet;

/// Returns a DNS label made of a name: lower case, everything else a hyphen, at most 63 bytes.
/// `otherwise` is the label of a name without a letter or digit.
pub fn label(name: &str, otherwise: &str) -> String {
    let mut label = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            label.push(c.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    cut(&label, 63, otherwise)
}

/// Returns a version's name made of a name: letters, digits, `.`, `_` and `-`, at most 63 bytes.
pub fn version(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let text: String = name
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect();
    cut(
        text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()),
        63,
        "backend",
    )
}

fn cut(text: &str, most: usize, otherwise: &str) -> String {
    let text = text.get(..most.min(text.len())).unwrap_or(text);
    let text = text.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    if text.is_empty() { otherwise } else { text }.to_owned()
}

/// Names that are taken.
#[derive(Debug, Default)]
pub struct Taken(BTreeSet<String>);

impl Taken {
    /// Takes a name, or the name with the first free number behind it.
    pub fn take(&mut self, name: &str, most: usize) -> String {
        if self.0.insert(name.to_owned()) {
            return name.to_owned();
        }
        let mut number = 2_usize;
        loop {
            let end = format!("-{number}");
            let mut room = most.saturating_sub(end.len()).min(name.len());
            while !name.is_char_boundary(room) {
                room -= 1;
            }
            let numbered = format!("{}{end}", name[..room].trim_end_matches('-'));
            if self.0.insert(numbered.clone()) {
                return numbered;
            }
            number += 1;
        }
    }

    /// Takes a name only if it is free.
    pub fn take_exactly(&mut self, name: &str) -> bool {
        self.0.insert(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_becomes_a_dns_label() {
        let long = "x".repeat(80);
        for (name, expected) in [
            ("Orders API v2", "orders-api-v2"),
            ("__a__", "a"),
            ("été", "t"),
            ("日本", "service"),
            ("", "service"),
            (long.as_str(), &long[..63]),
        ] {
            assert_eq!(label(name, "service"), expected, "{name}");
        }
        assert_eq!(version("10.0.0.1:8080"), "10.0.0.1-8080");
        assert_eq!(version("-_x/"), "x");
    }

    #[test]
    fn taken_names_get_numbers_and_stay_short_enough() {
        let mut taken = Taken::default();
        let long = "y".repeat(63);
        let names =
            ["a", "a", "a-2", "a", long.as_str(), long.as_str()].map(|name| taken.take(name, 63));
        assert_eq!(names[..4], ["a", "a-2", "a-2-2", "a-3"]);
        assert_eq!(names[5], format!("{}-2", "y".repeat(61)));
        assert!(!taken.take_exactly("a") && taken.take_exactly("b"));
    }
}
