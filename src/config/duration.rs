//! Durations in the settings: whole milliseconds or seconds, within a range.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, de::Error as _};
use serde_with::DeserializeAs;

/// A duration of `MIN` to `MAX` milliseconds. The key of the setting ends with `_ms`.
pub(super) struct Millis<const MIN: u64, const MAX: u64>;

/// A duration of `MIN` to `MAX` seconds. The key of the setting ends with `_seconds`.
pub(super) struct Seconds<const MIN: u64, const MAX: u64>;

impl<'de, const MIN: u64, const MAX: u64> DeserializeAs<'de, Duration> for Millis<MIN, MAX> {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        within(deserializer, MIN, MAX).map(Duration::from_millis)
    }
}

impl<'de, const MIN: u64, const MAX: u64> DeserializeAs<'de, Duration> for Seconds<MIN, MAX> {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        within(deserializer, MIN, MAX).map(Duration::from_secs)
    }
}

fn within<'de, D: Deserializer<'de>>(deserializer: D, min: u64, max: u64) -> Result<u64, D::Error> {
    let given = u64::deserialize(deserializer)?;
    if (min..=max).contains(&given) {
        Ok(given)
    } else {
        Err(D::Error::custom(format_args!("must be {min} to {max}")))
    }
}
