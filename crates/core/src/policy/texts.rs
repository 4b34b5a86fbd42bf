//! Checks of the texts in rules: names, and the values that headers are compared with.

use super::{Invalid, MAX_PATTERN, PolicySpec, plain_text};

/// The longest name of a rule, in bytes.
const MAX_RULE_NAME: usize = 64;

impl PolicySpec {
    /// Returns the texts of rules that contain control or invisible characters, each with its JSON
    /// pointer.
    pub(super) fn hidden_texts(&self) -> Vec<(String, Invalid)> {
        let mut wrong = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            if let Err(Invalid { detail, .. }) = plain_text(&rule.name, MAX_RULE_NAME, "name") {
                wrong.push((
                    format!("/rules/{at}/name"),
                    Invalid::new("not_a_name", detail),
                ));
            }
            for (pointer, text) in rule.matching.texts() {
                if let Err(invalid) = plain_text(text, MAX_PATTERN, "the text") {
                    wrong.push((format!("/rules/{at}{pointer}"), invalid));
                }
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(value: serde_json::Value) -> Result<PolicySpec, Vec<(String, Invalid)>> {
        serde_json::from_value::<PolicySpec>(value)
            .expect("readable")
            .checked()
    }

    #[test]
    fn rule_texts_with_hidden_characters_are_refused() {
        let policy = |name: &str, text: &str| {
            let matching =
                json!({ "headers": { "x": { "exact": text }, "y~": { "present": true } } });
            json!({ "rules": [{ "match": matching, "name": name, "version": "v1" }] })
        };
        assert!(checked(policy("testers ü", "a b")).is_ok());
        for c in ["\u{202e}", "\u{200b}", "\u{feff}", "\r\n", "\u{7f}"] {
            let text = format!("a{c}b");
            for (value, place) in [
                (policy(&text, "a"), "/rules/0/name"),
                (policy("n", &text), "/rules/0/match/headers/x"),
            ] {
                let wrong = checked(value.clone()).unwrap_err();
                assert_eq!(
                    wrong
                        .iter()
                        .map(|(place, _)| place.as_str())
                        .collect::<Vec<_>>(),
                    [place],
                    "{value}"
                );
                // A stored policy with such a text can still be read, and a version can be removed
                // from it.
                let stored: PolicySpec = serde_json::from_value(value).unwrap();
                assert!(stored.sound().is_ok());
            }
        }
    }
}
