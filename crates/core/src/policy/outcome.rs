//! What a rule does with the requests that it takes.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Matching, Share};
use crate::{Invalid, given, ids::VersionName, plain_text, route::RouteUrl, whole};

/// The longest body of a fixed answer, in bytes.
pub const MAX_ANSWER: usize = 4096;

/// A rule: what it matches, and where the matching requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The requests that the rule matches.
    pub matching: Matching,
    /// The rule's name, for people and for explanations. Unique within the policy.
    pub name: String,
    /// What happens to the matching requests.
    pub outcome: Outcome,
}

/// What happens to the requests of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// They go to this version.
    Version(VersionName),
    /// They are shared between these versions.
    Split(Vec<Share>),
    /// The client is sent to another address.
    Redirect(Redirect),
    /// The proxy answers by itself.
    Respond(Respond),
}

/// A redirection of the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The status: 301, 302, 307 or 308.
    #[serde(deserialize_with = "redirect_status")]
    pub status: u16,
    /// The address.
    #[serde(deserialize_with = "given::text")]
    pub url: RouteUrl,
}

fn redirect_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let status: u16 = whole::within::<301, 308, _, _>(deserializer)?;
    if [301, 302, 307, 308].contains(&status) {
        Ok(status)
    } else {
        Err(D::Error::custom("must be 301, 302, 307 or 308"))
    }
}

/// A fixed answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Respond {
    /// The body, as plain text; empty if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<AnswerBody>,
    /// The status: 200 to 599.
    #[serde(deserialize_with = "answer_status")]
    pub status: u16,
}

fn answer_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    whole::within::<200, 599, _, _>(deserializer)
}

/// The body of a fixed answer: text without hidden characters, at most [`MAX_ANSWER`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AnswerBody(String);

impl AnswerBody {
    /// The body as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AnswerBody {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        plain_text(&raw, MAX_ANSWER, "body").map(|()| Self(raw))
    }
}

impl Serialize for AnswerBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A rule as it is written: one of `redirect`, `respond`, `split` and `version`. Members are
/// declared in the order of RFC 8785.
#[derive(Default, Serialize)]
struct Written<'a> {
    #[serde(rename = "match")]
    matching: Option<&'a Matching>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<&'a Redirect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    respond: Option<&'a Respond>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<&'a [Share]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a VersionName>,
}

/// The members of a rule of which exactly one is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// See [`Outcome::Redirect`].
    pub redirect: Option<Redirect>,
    /// See [`Outcome::Respond`].
    pub respond: Option<Respond>,
    /// See [`Outcome::Split`].
    pub split: Option<Vec<Share>>,
    /// See [`Outcome::Version`].
    pub version: Option<VersionName>,
}

impl Choices {
    /// Returns the one outcome that is there.
    pub fn outcome(self) -> Result<Outcome, Invalid> {
        match self {
            Self {
                version: Some(version),
                split: None,
                redirect: None,
                respond: None,
            } => Ok(Outcome::Version(version)),
            Self {
                version: None,
                split: Some(split),
                redirect: None,
                respond: None,
            } => Ok(Outcome::Split(split)),
            Self {
                version: None,
                split: None,
                redirect: Some(redirect),
                respond: None,
            } => Ok(Outcome::Redirect(redirect)),
            Self {
                version: None,
                split: None,
                redirect: None,
                respond: Some(respond),
            } => Ok(Outcome::Respond(respond)),
            _ => Err(Invalid::new(
                "one_of",
                "must have one of version, split, redirect, respond, and only one",
            )),
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rule = Written {
            matching: Some(&self.matching),
            name: &self.name,
            ..Written::default()
        };
        match &self.outcome {
            Outcome::Version(version) => Written {
                version: Some(version),
                ..rule
            },
            Outcome::Split(split) => Written {
                split: Some(split),
                ..rule
            },
            Outcome::Redirect(redirect) => Written {
                redirect: Some(redirect),
                ..rule
            },
            Outcome::Respond(respond) => Written {
                respond: Some(respond),
                ..rule
            },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RuleMembers {
            matching,
            name,
            redirect,
            respond,
            split,
            version,
        } = RuleMembers::deserialize(deserializer)?;
        let outcome = Choices {
            redirect,
            respond,
            split,
            version,
        }
        .outcome();
        Ok(Self {
            matching,
            name,
            outcome: outcome.map_err(D::Error::custom)?,
        })
    }
}

/// A rule as it is read. `flatten` would lose the refusal of unknown members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleMembers {
    #[serde(rename = "match")]
    matching: Matching,
    name: String,
    #[serde(default)]
    redirect: Option<Redirect>,
    #[serde(default)]
    respond: Option<Respond>,
    #[serde(default)]
    split: Option<Vec<Share>>,
    #[serde(default)]
    version: Option<VersionName>,
}

impl Rule {
    /// Returns every version that the rule names, with the place of the name relative to the rule.
    pub fn versions(&self) -> impl Iterator<Item = (String, &VersionName)> {
        let (version, split) = match &self.outcome {
            Outcome::Version(version) => (Some(version), [].as_slice()),
            Outcome::Split(split) => (None, split.as_slice()),
            Outcome::Redirect(_) | Outcome::Respond(_) => (None, [].as_slice()),
        };
        let split = split
            .iter()
            .enumerate()
            .map(|(at, share)| (format!("/split/{at}/version"), &share.version));
        version
            .map(|version| ("/version".to_owned(), version))
            .into_iter()
            .chain(split)
    }

    /// Whether the rule sends requests to a version.
    pub fn sends_to(&self, version: &VersionName) -> bool {
        match &self.outcome {
            Outcome::Version(sent) => sent == version,
            Outcome::Split(split) => split
                .iter()
                .any(|share| share.weight > 0 && share.version == *version),
            Outcome::Redirect(_) | Outcome::Respond(_) => false,
        }
    }

    /// Returns the rule without a version; `None` if nothing is left of it.
    pub(super) fn without(mut self, version: &VersionName) -> Option<Self> {
        match &mut self.outcome {
            Outcome::Version(sent) if sent == version => return None,
            Outcome::Split(split) => {
                split.retain(|share| share.version != *version);
                if split.iter().all(|share| share.weight == 0) {
                    return None;
                }
            }
            Outcome::Version(_) | Outcome::Redirect(_) | Outcome::Respond(_) => {}
        }
        Some(self)
    }
}
