//! What requests have in common: conditions, waits, and what they say about their node.

use std::time::Duration;

use hyper::{
    HeaderMap,
    header::{HeaderValue, IF_NONE_MATCH},
};
use percent_encoding::percent_decode_str;
use traffic_manager_core::{
    Invalid,
    ids::{DialectName, NodeName, RefusalCode},
    ledger::{Applied, NodeError, Sighting},
    tag::VersionTag,
};
use traffic_manager_dataplane::Dialect;

use crate::http::{
    api::seen,
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

/// The tags that a caller has, from `If-None-Match`.
#[derive(Debug, Clone)]
pub struct Seen {
    tags: Vec<VersionTag>,
    is_any: bool,
}

impl Seen {
    /// Reads the header.
    pub fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(IF_NONE_MATCH);
        Self {
            tags: seen(headers),
            is_any: value.is_some_and(|value| value.as_bytes().trim_ascii() == b"*"),
        }
    }

    /// The tags.
    pub fn tags(&self) -> &[VersionTag] {
        &self.tags
    }

    /// Whether the caller has the state with this tag.
    pub fn has(&self, tag: &VersionTag) -> bool {
        self.is_any || self.tags.contains(tag)
    }
}

/// Reads a tag in any of the forms in which clients send it.
pub fn version_tag(raw: &str) -> Result<VersionTag, Invalid> {
    let raw = raw.trim();
    raw.strip_prefix("W/")
        .unwrap_or(raw)
        .trim_matches('"')
        .parse()
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

/// What a poll's condition says about the tag that its node runs, unless it has `TM-Dialect` or `TM-Applied`.
#[derive(Debug, Clone, Copy)]
pub enum Condition<'a> {
    /// The node runs the tag of `If-None-Match`: who polls JSON uses what it has.
    Runs,
    /// The node runs the tag after which it asks for changes.
    After(&'a VersionTag),
    /// Nothing: whether a proxy runs a document is not known.
    Has(Dialect),
    /// Nothing: what a client on a stream runs, it says by reports of its own.
    Streams,
}

/// Reads what a request says about its node; `None` for a request that names none. The rules are those of the control plane.
pub fn node(
    headers: &HeaderMap,
    condition: Condition<'_>,
) -> Result<Option<(NodeName, Sighting)>, Problem> {
    let Some(raw) = text(headers, "tm-node") else {
        return Ok(None);
    };
    let invalid = |pointer: &'static str| move |invalid| Problem::field(pointer, &invalid);
    let name: NodeName = raw.parse().map_err(invalid("TM-Node:"))?;
    let dialect = text(headers, "tm-dialect").map(str::parse).transpose();
    let dialect: Option<DialectName> = dialect.map_err(invalid("TM-Dialect:"))?;
    let tagged = |name, pointer| text(headers, name).map(|raw| tag(pointer, raw)).transpose();
    let applied = tagged("tm-applied", "TM-Applied:")?;
    let refused = tagged("tm-refused", "TM-Refused:")?;
    let error = match text(headers, "tm-error") {
        Some(raw) => Some(Box::new(node_error(raw, refused)?)),
        None => None,
    };
    let applied = match applied {
        Some(tag) => Applied::Tag(tag),
        None => by_condition(headers, dialect.as_ref(), condition).unless_refused(error.as_deref()),
    };
    let dialect = dialect.or_else(|| match condition {
        Condition::Has(dialect) => dialect.as_str().parse().ok(),
        Condition::Runs | Condition::After(_) | Condition::Streams => None,
    });
    let sighting = Sighting {
        at: 0,
        dialect,
        applied,
        served: None,
        error,
    };
    Ok(Some((name, sighting)))
}

/// Reads `<code> <text>`. The text is percent-encoded where it is not printable ASCII.
fn node_error(raw: &str, tag: Option<VersionTag>) -> Result<NodeError, Problem> {
    let (code, words) = raw.split_once(' ').unwrap_or((raw, ""));
    let code: Result<RefusalCode, _> = code.parse();
    let code = code.map_err(|invalid| Problem::field("TM-Error:", &invalid))?;
    let text = percent_decode_str(words).decode_utf8_lossy().into_owned();
    Ok(NodeError::new(tag, code, &text))
}

/// What the condition says about the tag that a node runs. Of several tags nobody knows which one it is.
fn by_condition(
    headers: &HeaderMap,
    dialect: Option<&DialectName>,
    condition: Condition<'_>,
) -> Applied {
    let is_native = dialect.is_none_or(|dialect| dialect.as_str() == "native");
    match condition {
        Condition::Runs if is_native => {}
        Condition::After(tag) if is_native => return Applied::Tag(tag.clone()),
        _ => return Applied::Unsaid,
    }
    let seen = Seen::of(headers);
    if seen.is_any {
        return Applied::Unsaid;
    }
    match <[VersionTag; 1]>::try_from(seen.tags) {
        Ok([tag]) => Applied::Tag(tag),
        Err(tags) if tags.is_empty() => Applied::Nothing,
        Err(_) => Applied::Unsaid,
    }
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

    #[test]
    fn condition_says_what_the_node_runs_as_at_the_control_plane() {
        const TAG: &str = "\"0123456789abcdef.7\"";
        let tag: VersionTag = version_tag(TAG).unwrap();
        let applied = |lines: &[(&'static str, &str)], condition| {
            let mut all = vec![("tm-node", "edge-1")];
            all.extend_from_slice(lines);
            node(&headers(&all), condition).unwrap().unwrap().1.applied
        };
        let seen = [("if-none-match", TAG)];
        assert_eq!(applied(&seen, Condition::Runs), Applied::Tag(tag.clone()));
        assert_eq!(applied(&[], Condition::Runs), Applied::Nothing);
        assert_eq!(
            applied(&[("if-none-match", "*")], Condition::Runs),
            Applied::Unsaid
        );
        assert_eq!(
            applied(&[], Condition::After(&tag)),
            Applied::Tag(tag.clone())
        );
        assert_eq!(
            applied(&seen, Condition::Has(Dialect::Envoy)),
            Applied::Unsaid
        );
        let agent = [("if-none-match", TAG), ("tm-dialect", "haproxy")];
        assert_eq!(applied(&agent, Condition::Runs), Applied::Unsaid);
        let said = [("tm-applied", TAG), ("tm-dialect", "haproxy")];
        assert_eq!(applied(&said, Condition::Runs), Applied::Tag(tag));
        assert!(node(&headers(&[]), Condition::Runs).unwrap().is_none());
        assert!(node(&headers(&[("tm-node", "A b")]), Condition::Runs).is_err());
    }
}
