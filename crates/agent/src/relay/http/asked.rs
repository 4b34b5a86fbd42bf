//! What requests have in common: conditions, waits, and what they say about their node.

use std::time::Duration;

use hyper::{HeaderMap, header::HeaderValue};
use traffic_manager_core::{
    etag::version_tag,
    ledger::words::{Condition, NodeHeaders, NodeWords},
    tag::VersionTag,
};

use crate::http::{
    problem::Problem,
    query::{Query, refused},
};

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);

/// The wait that a caller asks for.
#[derive(Debug, Clone, Copy)]
pub enum Wait {
    /// None.
    No,
    /// `?wait=`.
    Asked(Duration),
    /// `Prefer: wait=`, in seconds.
    Preferred(u64),
}

impl Wait {
    /// Reads the wait from the query, or from the header.
    pub fn of(query: &mut Query, headers: &HeaderMap) -> Result<Self, Problem> {
        if let Some(raw) = query.text("wait") {
            let wrong = || {
                let why = "must be seconds, such as 30 or 30s, or milliseconds, such as 500ms";
                refused("wait", "not_a_wait", why)
            };
            return duration(&raw).map(Self::Asked).ok_or_else(wrong);
        }
        let lines = headers.get_all("prefer").into_iter();
        let items = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(|item| item.split(';').next()?.split_once('='));
        let mut waits = items.filter(|(name, _)| name.trim().eq_ignore_ascii_case("wait"));
        let digits = waits
            .next()
            .map(|(_, value)| value.trim().trim_matches('"'));
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let longest = LONGEST.as_secs();
        Ok(match digits.filter(is_number) {
            None => Self::No,
            Some(digits) => {
                let seconds = digits.parse().map_or(longest, |it: u64| it.min(longest));
                Self::Preferred(seconds)
            }
        })
    }

    /// How long the answer may be held: up to a tenth less than was asked for, so that nodes that came together do not come
    /// back together.
    pub fn time(self) -> Option<Duration> {
        let asked = match self {
            Self::No => return None,
            Self::Asked(wait) => wait,
            Self::Preferred(seconds) => Duration::from_secs(seconds),
        };
        Some(asked.min(LONGEST).mul_f64(1.0 - 0.1 * fastrand::f64()))
    }

    /// The header that says that a preference was applied.
    pub fn applied(self) -> Option<HeaderValue> {
        match self {
            Self::Preferred(seconds) => HeaderValue::from_str(&format!("wait={seconds}")).ok(),
            Self::No | Self::Asked(_) => None,
        }
    }
}

fn duration(raw: &str) -> Option<Duration> {
    let (number, unit) = match raw.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (raw.strip_suffix('s').unwrap_or(raw), 1000),
    };
    let is_number = (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_number)?;
    Some(Duration::from_millis(number * unit))
}

/// Returns the least revision that the caller asks for, from the header or the query.
pub fn least(query: &mut Query, headers: &HeaderMap) -> Result<Option<VersionTag>, Problem> {
    let of_query = query.text("min_revision");
    if let Some(raw) = text(headers, "tm-min-revision") {
        return tag("TM-Min-Revision:", raw).map(Some);
    }
    of_query.map(|raw| tag("?min_revision", &raw)).transpose()
}

fn tag(pointer: &str, raw: &str) -> Result<VersionTag, Problem> {
    version_tag(raw).map_err(|invalid| Problem::field(pointer, &invalid))
}

/// Returns the value of a header, if it is text.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Reads what a request says about its node; `None` for a request that names none.
pub fn node(headers: &HeaderMap, condition: Condition<'_>) -> Result<Option<NodeWords>, Problem> {
    let words = NodeHeaders {
        node: text(headers, "tm-node"),
        dialect: text(headers, "tm-dialect"),
        applied: text(headers, "tm-applied"),
        refused: text(headers, "tm-refused"),
        error: text(headers, "tm-error"),
    };
    words.read(None, condition).map_err(|malformed| {
        let pointed = |(header, invalid)| (format!("{header}:"), invalid);
        Problem::fields(malformed.into_iter().map(pointed).collect())
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderName;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        lines.iter().map(line).collect()
    }

    fn wait(query: &str, prefer: &str) -> Option<u64> {
        let headers = headers(&[("prefer", prefer)]);
        let wait = Wait::of(&mut Query::read(query).unwrap(), &headers).ok()?;
        Some(
            wait.time()
                .map_or(0, |time| time.as_millis().try_into().unwrap()),
        )
    }

    #[test]
    fn wait_is_read_as_the_control_plane_reads_it() {
        for (query, prefer, least, most) in [
            ("", "", 0, 0),
            ("wait=30s", "", 27_000, 30_000),
            ("wait=500ms", "wait=9", 450, 500),
            ("", "respond-async, Wait=20;x", 18_000, 20_000),
            ("", "wait=99999999999999999999", 54_000, 60_000),
            ("wait=999", "", 54_000, 60_000),
            ("", "wait=soon", 0, 0),
        ] {
            let got = wait(query, prefer).unwrap();
            assert!((least..=most).contains(&got), "{query} {prefer}: {got}");
        }
        for wrong in ["wait=", "wait=-1", "wait=1m", "wait=1234567890"] {
            assert_eq!(wait(wrong, ""), None, "{wrong}");
        }
    }
}
