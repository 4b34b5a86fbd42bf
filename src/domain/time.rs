//! UTC instants with microseconds, printed the same way everywhere.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::Invalid;

/// An instant, truncated to microseconds (what Postgres keeps) and printed as RFC 3339 in UTC with six digits.
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

    /// RFC 3339 with an offset; a time without a zone is taken as UTC.
    fn from_str(raw: &str) -> Result<Self, Invalid> {
        if let Ok(timestamp) = raw.parse::<Timestamp>() {
            return Ok(timestamp.into());
        }
        let wrong = || Invalid::new("not_a_time", "a time is RFC 3339, such as 2026-11-21T05:48:00Z");
        let civil: jiff::civil::DateTime = raw.parse().map_err(|_| wrong())?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
        Ok(zoned.timestamp().into())
    }
}

impl TryFrom<String> for UtcTime {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        raw.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_six_digits_and_takes_times_without_a_zone() {
        let time: UtcTime = "2026-11-21T05:48:00Z".parse().unwrap();
        assert_eq!(time.to_string(), "2026-11-21T05:48:00.000000Z");
        assert_eq!("2026-11-21T05:48:00".parse::<UtcTime>().unwrap(), time);
        assert_eq!("2026-11-21T06:48:00+01:00".parse::<UtcTime>().unwrap(), time);
        let nanos: UtcTime = "2026-11-21T05:48:00.123456789Z".parse().unwrap();
        assert_eq!(nanos.to_string(), "2026-11-21T05:48:00.123456Z");
        assert!("yesterday".parse::<UtcTime>().is_err());
    }
}
