//! UTC instants with microseconds, printed the same way everywhere.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil::Time, fmt::temporal::Pieces, tz::Offset};
use serde::{Deserialize, Serialize, Serializer};

use super::Invalid;

/// 0000-01-01T00:00:00Z in seconds: RFC 3339 has no earlier year.
const EARLIEST: i64 = -62_167_219_200;

/// An instant, truncated to microseconds (the precision of Postgres) and printed as RFC 3339 in UTC
/// with six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct UtcTime(Timestamp);

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl UtcTime {
    /// The instant as the time library's own type.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for UtcTime {
    fn from(timestamp: Timestamp) -> Self {
        Self(Timestamp::from_microsecond(timestamp.as_microsecond()).unwrap_or(timestamp))
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

impl FromStr for UtcTime {
    type Err = Invalid;

    /// Reads RFC 3339 with an offset; a time without a zone is read as UTC. A leap second (`:60`)
    /// becomes the second before it, and a time after 9999-12-30T22:00:00Z becomes that time.
    fn from_str(raw: &str) -> Result<Self, Invalid> {
        let timestamp = raw.parse::<Timestamp>().or_else(|_| without_zone(raw))?;
        if timestamp.as_second() < EARLIEST {
            return Err(too_early());
        }
        Ok(timestamp.into())
    }
}

/// Reads a time without a zone, or a time that the library cannot hold.
fn without_zone(raw: &str) -> Result<Timestamp, Invalid> {
    let wrong = || {
        Invalid::new(
            "not_a_time",
            "a time is RFC 3339, such as 2026-11-21T05:48:00Z",
        )
    };
    let pieces = Pieces::parse(raw)
        .ok()
        .filter(|pieces| pieces.time_zone_annotation().is_none())
        .ok_or_else(wrong)?;
    let civil = pieces
        .date()
        .to_datetime(pieces.time().unwrap_or(Time::midnight()));
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    // Programs write the last day of the year 9999 for "for ever". The library's latest time stands
    // for it.
    offset.to_timestamp(civil).or_else(|_| {
        if civil.year() > 0 {
            Ok(Timestamp::MAX)
        } else {
            Err(too_early())
        }
    })
}

fn too_early() -> Invalid {
    Invalid::new(
        "too_early",
        "too early: the earliest time that is taken is 0000-01-01T00:00:00Z",
    )
}

impl TryFrom<String> for UtcTime {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        raw.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn time_prints_six_digits_and_parses_without_a_zone() {
        let time: UtcTime = "2026-11-21T05:48:00Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-21T05:48:00.000000Z");
        assert_eq!("2026-11-21T05:48:00".parse::<UtcTime>().unwrap(), time);
        assert_eq!(
            "2026-11-21T06:48:00+01:00".parse::<UtcTime>().unwrap(),
            time
        );
        let nanos: UtcTime = "2026-11-21T05:48:00.123456789Z".parse().unwrap();
        assert_eq!(nanos.to_string(), "2026-11-21T05:48:00.123456Z");
    }

    #[test]
    fn time_out_of_range_becomes_the_last_or_is_refused() {
        let code = |raw: &str| raw.parse::<UtcTime>().err().map(|invalid| invalid.code);
        for taken in [
            "9999-12-30T22:00:00Z",
            "9999-12-30T22:00:00",
            "9999-12-31T00:00:00+23:59",
            "0000-01-01T00:00:00Z",
            "0000-01-01T00:00:00",
            "2016-12-31T23:59:60Z",
            "2026-11-21t05:48:00z",
            "2024-02-29T00:00:00-23:59",
        ] {
            assert_eq!(code(taken), None, "{taken}");
        }
        let leap: UtcTime = "2016-12-31T23:59:60Z".parse().unwrap();
        assert_eq!(leap.to_string(), "2016-12-31T23:59:59.000000Z");
        for late in [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59",
            "9999-12-31T23:59:60Z",
            "9999-12-30T23:00:00-00:30",
            "9999-12-31",
        ] {
            assert_eq!(
                late.parse::<UtcTime>().unwrap().timestamp().as_second(),
                Timestamp::MAX.as_second(),
                "{late}"
            );
        }
        for early in [
            "0000-01-01T00:00:00+00:01",
            "-000001-12-31T00:00:00Z",
            "-009999-01-01T00:00:00+23:00",
        ] {
            assert_eq!(code(early), Some("too_early"), "{early}");
        }
        for none in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "1",
        ] {
            assert_eq!(code(none), Some("not_a_time"), "{none}");
        }
    }

    proptest! {
        /// Covers every form of RFC 3339, on every day and with every offset.
        #[test]
        fn every_rfc_3339_time_parses_or_gives_a_reason(
            (year, month, day) in (0_i16..=9999, 1_i8..=12, 1_i8..=31), (hour, minute, second) in (0_i8..24, 0_i8..60, 0_i8..=60),
            fraction in "(\\.[0-9]{1,9})?", offset in "[Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9]",
        ) {
            let exists = jiff::civil::Date::new(year, month, day).is_ok();
            let raw = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}");
            match raw.parse::<UtcTime>() {
                Ok(time) => prop_assert_eq!(time.to_string().parse::<UtcTime>().unwrap(), time, "{}", raw),
                Err(invalid) if exists => {
                    prop_assert!(invalid.code == "too_early" && year == 0 && month == 1 && day == 1, "{}", raw);
                }
                Err(invalid) => prop_assert_eq!(invalid.code, "not_a_time", "{}", raw),
            }
        }

        #[test]
        fn time_parser_never_panics(raw in "[0-9T:Z.+\\[\\]-]{0,40}|\\PC{0,30}") {
            if let Ok(time) = raw.parse::<UtcTime>() {
                prop_assert_eq!(time.to_string().len(), 27, "{}", raw);
            }
        }
    }
}
