//! What the headers of a poll say about the node that sends it. The service and its relays read them alike.

use percent_encoding::percent_decode_str;

use super::{Applied, Millis, NodeError, Sighting};
use crate::{
    Invalid,
    etag::{Seen, version_tag},
    ids::{DialectName, NodeName, RefusalCode},
    tag::VersionTag,
};

/// The dialect of the snapshot itself, which nodes have that name none.
pub const NATIVE: &str = "native";

/// The headers of a poll about its node, as they came. A value that is no text counts as absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct NodeHeaders<'a> {
    /// `TM-Node`
    pub node: Option<&'a str>,
    /// `TM-Dialect`
    pub dialect: Option<&'a str>,
    /// `TM-Applied`
    pub applied: Option<&'a str>,
    /// `TM-Refused`
    pub refused: Option<&'a str>,
    /// `TM-Error`
    pub error: Option<&'a str>,
}

/// What a poll's condition says about the tag that the node runs, unless it has `TM-Dialect` or `TM-Applied`.
#[derive(Debug, Clone, Copy)]
pub enum Condition<'a> {
    /// The node runs the tag that it has seen: a node that polls JSON uses what it has.
    Runs(&'a Seen),
    /// The node runs the tag after which it asks for changes.
    After(&'a VersionTag),
    /// Nothing: a stream continues after the tag that a client has, and what it runs is said by reports of its own,
    /// perhaps at another instance.
    Streams,
    /// Nothing: a document of this dialect is there, and whether a proxy runs it is not known. Traefik and Caddy
    /// confirm nothing, and files may lie unused.
    Has(&'static str),
}

/// What a poll says about its node.
#[derive(Debug)]
pub struct NodeWords {
    /// The node's name.
    pub name: NodeName,
    dialect: Option<DialectName>,
    applied: Applied,
    error: Option<Box<NodeError>>,
}

/// The headers that are malformed, each with the reason.
pub type Malformed = Vec<(&'static str, Invalid)>;

impl NodeHeaders<'_> {
    /// Reads what a poll says. `None` for a poll that names no node. The name in a client certificate is used before
    /// that in the header: a node with a certificate can say no other name.
    pub fn read(
        &self,
        certified: Option<&str>,
        condition: Condition<'_>,
    ) -> Result<Option<NodeWords>, Malformed> {
        let mut malformed = Malformed::new();
        let mut keep = |header, invalid| malformed.push((header, invalid));
        let name = match (certified, self.node) {
            (Some(certified), _) => NodeName::of_text(certified),
            (None, Some(raw)) => raw.parse().map_err(|why| keep("TM-Node", why)).ok(),
            (None, None) => return Ok(None),
        };
        let dialect: Option<DialectName> = self
            .dialect
            .and_then(|raw| raw.parse().map_err(|why| keep("TM-Dialect", why)).ok());
        let mut tag = |header, raw: Option<&str>| {
            raw.and_then(|raw| version_tag(raw).map_err(|why| keep(header, why)).ok())
        };
        let applied = tag("TM-Applied", self.applied);
        let refused = tag("TM-Refused", self.refused);
        let error = self.error.and_then(|raw| {
            let error = refusal(raw, refused);
            error.map_err(|why| keep("TM-Error", why)).ok()
        });
        if !malformed.is_empty() {
            return Err(malformed);
        }
        let applied = match applied {
            Some(tag) => Applied::Tag(tag),
            None => by_condition(dialect.as_ref(), condition).unless_refused(error.as_deref()),
        };
        let dialect = dialect.or_else(|| match condition {
            Condition::Has(dialect) => dialect.parse().ok(),
            Condition::Runs(_) | Condition::After(_) | Condition::Streams => None,
        });
        Ok(name.map(|name| NodeWords {
            name,
            dialect,
            applied,
            error,
        }))
    }
}

impl NodeWords {
    /// Returns the poll as the ledger takes it.
    pub fn sighting(self, at: Millis, served: Option<VersionTag>) -> Sighting {
        Sighting {
            at,
            dialect: self.dialect,
            applied: self.applied,
            served,
            error: self.error,
        }
    }
}

/// What the condition says about the tag that a node runs. Of several tags nobody knows which one it is.
fn by_condition(dialect: Option<&DialectName>, condition: Condition<'_>) -> Applied {
    let is_native = dialect.is_none_or(|dialect| dialect.as_str() == NATIVE);
    match condition {
        Condition::Runs(Seen::Tags(tags)) if is_native => match tags.as_slice() {
            [] => Applied::Nothing,
            [tag] => Applied::Tag(tag.clone()),
            _ => Applied::Unsaid,
        },
        Condition::After(tag) if is_native => Applied::Tag(tag.clone()),
        _ => Applied::Unsaid,
    }
}

/// Reads `<code> <text>`. The text is percent-encoded where it is not printable ASCII.
fn refusal(raw: &str, tag: Option<VersionTag>) -> Result<Box<NodeError>, Invalid> {
    let (code, words) = raw.split_once(' ').unwrap_or((raw, ""));
    let code: RefusalCode = code.parse()?;
    let text = percent_decode_str(words).decode_utf8_lossy();
    Ok(Box::new(NodeError::new(tag, code, &text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"0123456789abcdef.7\"";

    fn seen(line: &str) -> Seen {
        Seen::of(std::iter::once(line))
    }

    #[test]
    fn condition_says_what_the_node_runs() {
        let tag = version_tag(TAG).unwrap();
        let runs = Applied::Tag(tag.clone());
        let (one, none, any) = (seen(TAG), Seen::default(), seen("*"));
        let two = seen(&format!("{TAG}, \"0123456789abcdef.6\""));
        let agent = Some("haproxy");
        for (dialect, applied, condition, wanted) in [
            (None, None, Condition::Runs(&one), runs.clone()),
            (Some(NATIVE), None, Condition::Runs(&one), runs.clone()),
            (None, None, Condition::Runs(&none), Applied::Nothing),
            (None, None, Condition::Runs(&any), Applied::Unsaid),
            (None, None, Condition::Runs(&two), Applied::Unsaid),
            (None, None, Condition::After(&tag), runs.clone()),
            (None, None, Condition::Streams, Applied::Unsaid),
            (None, None, Condition::Has("envoy"), Applied::Unsaid),
            (agent, None, Condition::Runs(&one), Applied::Unsaid),
            (agent, Some(TAG), Condition::Runs(&none), runs),
        ] {
            let headers = NodeHeaders {
                node: Some("edge-1"),
                dialect,
                applied,
                ..NodeHeaders::default()
            };
            let words = headers.read(None, condition).unwrap().unwrap();
            assert_eq!(words.applied, wanted, "{headers:?} {condition:?}");
        }
    }

    #[test]
    fn refused_tag_is_not_one_that_the_node_runs() {
        let seen = seen(TAG);
        let headers = NodeHeaders {
            node: Some("edge-1"),
            refused: Some(TAG),
            error: Some("refused line%203"),
            ..NodeHeaders::default()
        };
        let words = headers.read(None, Condition::Runs(&seen)).unwrap().unwrap();
        assert_eq!(words.applied, Applied::Unsaid);
        assert_eq!(words.error.unwrap().text, "line 3");
    }

    #[test]
    fn every_malformed_header_is_named() {
        let headers = NodeHeaders {
            node: Some("A b"),
            dialect: Some("-"),
            applied: Some("x"),
            refused: Some(""),
            error: Some(" words"),
        };
        let malformed = headers.read(None, Condition::Streams).unwrap_err();
        let named: Vec<_> = malformed.iter().map(|(header, _)| *header).collect();
        let all = [
            "TM-Node",
            "TM-Dialect",
            "TM-Applied",
            "TM-Refused",
            "TM-Error",
        ];
        assert_eq!(named, all);
    }

    #[test]
    fn certificate_names_the_node_before_the_header() {
        let headers = NodeHeaders {
            node: Some("other"),
            ..NodeHeaders::default()
        };
        let name = |certified| {
            let words = headers.read(certified, Condition::Streams).unwrap();
            words.map(|words| words.name.to_string())
        };
        assert_eq!(name(Some("Edge_1")), Some("edge-1".to_owned()));
        assert_eq!(name(Some("_")), None);
        assert_eq!(name(None), Some("other".to_owned()));
        assert!(
            NodeHeaders::default()
                .read(None, Condition::Streams)
                .unwrap()
                .is_none()
        );
    }
}
