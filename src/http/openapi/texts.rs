//! Patterns of the texts that people write.

/// The characters that no text may have, as far as a class of characters below U+10000 can express
/// the rule; see `domain::text`.
macro_rules! hidden {
    () => {
        r"\u0000-\u001f\u007f-\u009f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    };
}

/// The pattern of a text without invisible characters.
pub const PLAIN: &str = concat!("^[^", hidden!(), "]*$");
/// The pattern of a text without invisible characters that is not blank.
pub const NOT_BLANK: &str = concat!(
    "^[^",
    hidden!(),
    "]*[^",
    hidden!(),
    r"\s][^",
    hidden!(),
    "]*$"
);
/// The pattern of a label, `key=value`.
pub const LABEL_PAIR: &str = concat!(
    "^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}=[^",
    hidden!(),
    "]{0,255}$"
);

/// The pattern of a dead letter's id, `<partition>-<offset>`.
pub const LETTER_ID: &str = "^(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,17})$";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::route;

    /// For every character below U+10000 the pattern agrees with the domain, except for joiners and
    /// selectors, which depend on their place.
    #[test]
    fn schema_and_domain_refuse_the_same_hidden_characters() {
        let joins = |c: char| matches!(c, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
        let pattern =
            jsonschema::validator_for(&json!({ "type": "string", "pattern": PLAIN })).unwrap();
        for c in ('\0'..='\u{ffff}').filter(|c| !joins(*c)) {
            let raw = format!("a{c}b");
            let taken = route::Description::try_from(raw.clone()).is_ok();
            assert_eq!(
                pattern.is_valid(&json!(raw)),
                taken,
                "U+{:04X}",
                u32::from(c)
            );
        }
    }
}
