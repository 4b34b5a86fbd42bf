//! What a node tells the service of itself: its name, its dialect, the state that its proxy runs, and why it does not run
//! a newer one.

use std::{fmt, str::FromStr};

use thiserror::Error;
use traffic_manager_core::tag::VersionTag;

/// The most bytes of the value of `TM-Error`.
const MAX_ERROR: usize = 1024;
/// The most bytes of a label.
const MAX_LABEL: usize = 63;

/// A DNS label in lower case (RFC 1123): the name of a node, or of a dialect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label(String);

/// The text is no DNS label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must have 1 to {MAX_LABEL} of a-z, 0-9 and -, and must neither begin nor end with -")]
pub struct BadLabel;

impl Label {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a label of any text, such as a host's name: its first part, in lower case, with `-` for all that a label
    /// cannot have. Returns `None` if nothing is left.
    pub fn from_host(host: &str) -> Option<Self> {
        let first = host.split('.').next().unwrap_or_default();
        let allowed = |c: char| {
            let c = c.to_ascii_lowercase();
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '-'
            }
        };
        let label: String = first.chars().map(allowed).collect();
        let label = label.trim_matches('-');
        let cut = &label[..label.len().min(MAX_LABEL)];
        cut.trim_end_matches('-').parse().ok()
    }
}

impl FromStr for Label {
    type Err = BadLabel;
    fn from_str(text: &str) -> Result<Self, BadLabel> {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let has_length = (1..=MAX_LABEL).contains(&text.len());
        let has_ends = !text.starts_with('-') && !text.ends_with('-');
        if has_length && has_ends && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadLabel)
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a proxy does not run a state that its node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The proxy, or its check, refused the configuration.
    Refused,
    /// The proxy could not be reached, or could not be given its configuration.
    Unreachable,
    /// The node's wipe guard waits for an operator.
    HeldBack,
}

impl FaultCode {
    /// The code in `TM-Error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::HeldBack => "held_back",
        }
    }
}

/// A state that the proxy does not run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The tag of that state.
    pub tag: VersionTag,
    /// The kind of reason.
    pub code: FaultCode,
    /// The reason for people. Long texts are cut.
    pub text: String,
}

impl Fault {
    /// Returns the value of `TM-Error`: `<code> <text>`, printable ASCII of at most 1 KiB. Other bytes, and `%`, are
    /// percent-encoded; no character is cut in the middle.
    pub(crate) fn header(&self) -> String {
        let mut value = self.code.as_str().to_owned();
        let text = self.text.trim();
        if text.is_empty() {
            return value;
        }
        value.push(' ');
        for char in text.chars() {
            let encoded = encode(char);
            if value.len() + encoded.len() > MAX_ERROR {
                break;
            }
            value.push_str(&encoded);
        }
        value
    }
}

fn encode(char: char) -> String {
    if matches!(char, ' '..='~') && char != '%' {
        return char.to_string();
    }
    let mut bytes = [0; 4];
    let bytes = char.encode_utf8(&mut bytes).bytes();
    bytes.map(|byte| format!("%{byte:02X}")).collect()
}

/// What a node tells: the newest report replaces the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The tag of the state that the proxy was read back to run. `None` if that is not known.
    pub applied: Option<VersionTag>,
    /// The newest state that the proxy does not run, with the reason. `None` if it runs the newest.
    pub fault: Option<Fault>,
}

/// How many reports there were since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reported {
    /// Reports that the service has taken.
    pub sent: u64,
    /// Reports that failed, and were or will be tried again.
    pub failed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> String {
        let fault = Fault {
            tag: "0707070707070707.3".parse().unwrap(),
            code: FaultCode::Refused,
            text: text.to_owned(),
        };
        fault.header()
    }

    #[test]
    fn error_is_printable_ascii() {
        assert_eq!(header("a b~"), "refused a b~");
        assert_eq!(header("50 %\nnäh\u{7f}"), "refused 50 %25%0An%C3%A4h%7F");
        assert_eq!(header(" \n"), "refused");
    }

    #[test]
    fn long_error_is_cut_between_characters() {
        assert_eq!(header(&"x".repeat(5000)).len(), MAX_ERROR);
        for before in 0..6 {
            let value = header(&format!("{}{}", "x".repeat(before), "ä".repeat(1000)));
            assert!(value.len() <= MAX_ERROR && value.len() > MAX_ERROR - 6);
            assert!(value.ends_with("%C3%A4"), "{value}");
        }
    }

    #[test]
    fn host_name_becomes_a_label() {
        let label = |host| Label::from_host(host).map(|label| label.to_string());
        assert_eq!(label("Edge_1.example.com").as_deref(), Some("edge-1"));
        assert_eq!(label("-a-").as_deref(), Some("a"));
        let long = format!("{}-b", "a".repeat(62));
        assert_eq!(label(&long), Some("a".repeat(62)));
        assert_eq!(label("ä.example"), None);
        assert_eq!(label(""), None);
    }

    #[test]
    fn label_is_refused_outside_of_dns() {
        for good in ["a", "edge-1", &"a".repeat(63)] {
            assert!(good.parse::<Label>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a b", "ä", &"a".repeat(64)] {
            assert_eq!(bad.parse::<Label>(), Err(BadLabel), "{bad}");
        }
    }
}
