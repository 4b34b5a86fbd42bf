//! Plain scalars by the core schema of YAML 1.2.2 (§10.3.2), as JSON.

/// The value of a plain scalar.
#[derive(Debug, PartialEq, Eq)]
pub enum Value {
    /// The scalar is a text, and stands for itself.
    Text,
    /// The JSON of a null, a boolean or a number.
    Other(String),
}

/// Resolves a plain scalar. The error says why JSON has no such value.
pub fn plain(text: &str) -> Result<Value, &'static str> {
    let other = |json: &str| Ok(Value::Other(json.to_owned()));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return other("null"),
        "true" | "True" | "TRUE" => return other("true"),
        "false" | "False" | "FALSE" => return other("false"),
        _ => {}
    }
    let (sign, unsigned) = match text.as_bytes() {
        [b'-', ..] => ("-", &text[1..]),
        [b'+', ..] => ("", &text[1..]),
        _ => ("", text),
    };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err("JSON has no such number");
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        let digits = text
            .strip_prefix(prefix)
            .filter(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)));
        if let Some(digits) = digits {
            let number =
                u64::from_str_radix(digits, radix).map_err(|_| "the number is too large")?;
            return Ok(Value::Other(number.to_string()));
        }
    }
    Ok(decimal(unsigned).map_or(Value::Text, |number| {
        Value::Other(format!("{sign}{number}"))
    }))
}

/// Returns a decimal number without its sign as JSON writes it: without leading zeros, with a digit
/// on both sides of a point. Returns `None` if the text is not such a number.
fn decimal(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa
        .split_once('.')
        .map_or((mantissa, None), |(whole, fraction)| {
            (whole, Some(fraction))
        });
    let are_digits = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
    let has_digits = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    if !has_digits || !are_digits(whole) || !fraction.is_none_or(are_digits) {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !are_digits(digits) {
            return None;
        }
    }
    let whole = whole.trim_start_matches('0');
    let mut json = if whole.is_empty() {
        "0".to_owned()
    } else {
        whole.to_owned()
    };
    if let Some(fraction) = fraction {
        json.push('.');
        json.push_str(if fraction.is_empty() { "0" } else { fraction });
    }
    if let Some(exponent) = exponent {
        json.push('e');
        json.push_str(exponent);
    }
    Some(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_yaml_1_2_core_schema() {
        for (text, json) in [
            ("", "null"),
            ("~", "null"),
            ("Null", "null"),
            ("TRUE", "true"),
            ("False", "false"),
            ("0", "0"),
            ("-0", "-0"),
            ("+12", "12"),
            ("012", "12"),
            ("0o17", "15"),
            ("0xfF", "255"),
            (".5", "0.5"),
            ("5.", "5.0"),
            ("-00.10", "-0.10"),
            ("1e3", "1e3"),
            ("+.5E-2", "0.5e-2"),
        ] {
            assert_eq!(plain(text), Ok(Value::Other(json.to_owned())), "{text}");
            assert!(
                serde_json::from_str::<serde_json::Value>(json).is_ok(),
                "{json}"
            );
        }
    }

    #[test]
    fn yaml_1_1_forms_are_read_as_text() {
        let texts = [
            "y",
            "n",
            "yes",
            "No",
            "ON",
            "off",
            "1_000",
            "0b101",
            "1:30:00",
            "190:20:30.15",
            "2024-01-01",
            "2001-12-14t21:59:43.10-05:00",
            "=",
            "<<",
            "nULL",
            "tRUE",
            "0o8",
            "0x",
            "0xg",
            "1e",
            "e1",
            "1.2.3",
            ".",
            "-",
            "+",
            "--1",
            "+-1",
            "1 2",
            "inf",
            "0x-1",
            "-0x1",
            "-0o1",
            "1.e+",
            "NaN",
            "v1",
            "1.2e3.4",
        ];
        for text in texts {
            assert_eq!(plain(text), Ok(Value::Text), "{text}");
        }
        for none in [
            ".inf",
            "-.Inf",
            "+.INF",
            ".nan",
            ".NaN",
            "0xffffffffffffffffff",
        ] {
            assert!(plain(none).is_err(), "{none}");
        }
        for text in ["-.nan", "+.NaN"] {
            assert_eq!(plain(text), Ok(Value::Text), "{text}");
        }
    }
}
