//! Times as they are typed.

use std::time::Duration;

/// Reads whole seconds (`30s` or `30`), minutes (`5m`) or hours (`1h`).
pub fn read(text: &str) -> Result<Duration, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    let number: Option<u64> = number.parse().ok().filter(|_| seconds > 0);
    let time = number.and_then(|number| number.checked_mul(seconds));
    // A day is the longest: later times would leave the range of clocks.
    let time = time.filter(|time| *time <= 86_400);
    time.map(Duration::from_secs)
        .ok_or_else(|| "it is a time up to 24h, such as 30s or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_one_meaning_or_none() {
        assert_eq!(read("90"), Ok(Duration::from_secs(90)));
        assert_eq!(read("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "m", "5d", "25h", "1.5s", "-1s", "99999999999999999999h"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
