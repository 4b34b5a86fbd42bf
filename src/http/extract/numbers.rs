//! Rewrites whole numbers in JSON as integers.
//!
//! `50.0`, `5e1` and `-0` are integers to JSON Schema and to the programs that write them, but
//! floating point numbers to serde.

use std::borrow::Cow;

/// The largest number of digits that an integer of any member may have.
const MAX_DIGITS: usize = 20;

/// Returns the same JSON with each whole number written as an integer. The text must be valid JSON.
/// Every body is read through this function, so no member, and no value that is kept as JSON, has
/// spellings of its own.
pub fn whole(json: &str) -> Cow<'_, str> {
    let mut rewritten = String::new();
    let (mut copied, mut at) = (0, 0);
    let bytes = json.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at += string(&bytes[at..]),
            b'-' | b'0'..=b'9' => {
                let part_of_number =
                    |b: &u8| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let end = at + bytes[at..].iter().take_while(|b| part_of_number(b)).count();
                if let Some(integer) = integer(&json[at..end]) {
                    rewritten.push_str(&json[copied..at]);
                    rewritten.push_str(&integer);
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    rewritten.push_str(&json[copied..]);
    Cow::Owned(rewritten)
}

/// Returns the length in bytes of the string that begins here, including its quotes.
fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Returns a number as an integer. Returns `None` if it is not whole, has too many digits, or is
/// written as an integer already.
fn integer(number: &str) -> Option<String> {
    if number != "-0" && !number.contains(['.', 'e', 'E']) {
        return None;
    }
    let (sign, digits) = number
        .strip_prefix('-')
        .map_or(("", number), |digits| ("-", digits));
    let (digits, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let significant = format!("{before}{after}");
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    let kept = significant.trim_end_matches('0');
    let dropped = i64::try_from(significant.len() - kept.len()).ok()?;
    // The number of zeros between the last digit that is not 0 and the point; negative if that
    // digit stands behind the point.
    let zeros = exponent
        .parse::<i64>()
        .ok()?
        .checked_sub(i64::try_from(after.len()).ok()?)?
        .checked_add(dropped)?;
    let zeros = usize::try_from(zeros)
        .ok()
        .filter(|zeros| *zeros < MAX_DIGITS && zeros + kept.len() <= MAX_DIGITS)?;
    Some(format!("{sign}{kept}{}", "0".repeat(zeros)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_number_is_rewritten_as_an_integer() {
        for (number, integer) in [
            ("50.0", "50"),
            ("5e1", "50"),
            ("5E+1", "50"),
            ("5000e-2", "50"),
            ("0.05e3", "50"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0e99999999999999999999", "0"),
            ("-5.0", "-5"),
            ("1.8446744073709551615e19", "18446744073709551615"),
            ("50", "50"),
            ("50.5", "50.5"),
            ("5e-1", "5e-1"),
            ("1e20", "1e20"),
            ("1e99999999999999999999", "1e99999999999999999999"),
        ] {
            for (before, after) in [
                ("", ""),
                ("[", "]"),
                (r#"{"a":"1.0","b\\":"#, "}"),
                (r#"["\"1.0", "#, r#","2.0"]"#),
            ] {
                assert_eq!(
                    whole(&format!("{before}{number}{after}")),
                    format!("{before}{integer}{after}")
                );
            }
        }
    }

    proptest! {
        #[test]
        fn every_spelling_of_an_integer_is_rewritten_alike(number: i64, shift in 0_usize..12, zeros in 0_usize..4, is_large: bool) {
            let digits = number.unsigned_abs().to_string();
            let sign = if number < 0 { "-" } else { "" };
            let padded = format!("{digits:0>width$}", width = shift + 1);
            let (before, after) = padded.split_at(padded.len() - shift);
            let point = if shift + zeros > 0 { "." } else { "" };
            let e = if is_large { 'E' } else { 'e' };
            let spelled = format!("{sign}{before}{point}{after}{}{e}{shift}", "0".repeat(zeros));
            prop_assert_eq!(whole(&spelled), number.to_string());
        }

        #[test]
        fn number_rewrite_keeps_the_rest_of_the_document(value in any::<f64>().prop_filter("finite", |n| n.is_finite()), text: String) {
            let document = serde_json::to_string(&serde_json::json!({ text.clone(): [value, text, null, true] })).unwrap();
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            let (before, after) = (read(&document), read(&whole(&document)));
            let name = before.as_object().unwrap().keys().next().unwrap();
            prop_assert_eq!(before[name][0].as_f64(), after[name][0].as_f64());
            prop_assert_eq!(&before[name].as_array().unwrap()[1..], &after[name].as_array().unwrap()[1..]);
        }
    }
}
