//! How values of the configuration are read.

use std::{fmt::Display, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error};
use traffic_manager_client::{Label, TrustedKey};
use traffic_manager_dataplane::Dialect;

/// A text that may be empty.
pub fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(Error::custom)
}

/// The name of a node; if it is empty, the name of this host.
pub fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Label, D::Error> {
    let text = String::deserialize(deserializer)?;
    if !text.is_empty() {
        return text.parse().map_err(Error::custom);
    }
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    Label::from_host(&host).ok_or_else(|| {
        Error::custom(format!(
            "no name can be made of the host's name \"{host}\": give one"
        ))
    })
}

/// Public keys in hex.
pub fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TrustedKey>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let keys = texts.iter().map(|text| text.parse());
    keys.collect::<Result<_, _>>().map_err(Error::custom)
}

/// The name of a dialect.
pub fn dialect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Dialect, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|()| {
        let names = Dialect::ALL.map(Dialect::as_str).join(", ");
        Error::custom(format!("\"{text}\" is none of {names}"))
    })
}

/// Milliseconds, from 1 to a day.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let millis = u64::deserialize(deserializer)?;
    if !(1..=DAY).contains(&millis) {
        return Err(Error::custom(format!("{millis} is not from 1 to {DAY}")));
    }
    Ok(Duration::from_millis(millis))
}
