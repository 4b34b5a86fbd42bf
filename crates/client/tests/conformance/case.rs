//! The format of cases; `sdk/conformance/README.md` describes it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    pub format: u32,
    pub cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    #[serde(default, rename = "why")]
    _why: String,
    #[serde(default)]
    pub scope: CaseScope,
    #[serde(default)]
    pub keys: Vec<String>,
    #[serde(default)]
    pub tokens: Vec<String>,
    /// The least share of the old routes that new data must have.
    pub accept_share: Option<f64>,
    pub max_bytes: Option<usize>,
    pub servers: Option<usize>,
    #[serde(default)]
    pub times: BTreeMap<String, u64>,
    pub patience_ms: Option<u64>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseScope {
    pub service: Option<String>,
    pub env: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub begin: Option<Snapshot>,
    pub damage: Option<Damage>,
    pub restart: Option<Restart>,
    pub expect: Option<Kind>,
    /// Absent: any. Null: the header is not there.
    #[serde(default, deserialize_with = "present")]
    pub if_none_match: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub last_event_id: Option<Option<String>>,
    pub token: Option<String>,
    pub query: Option<String>,
    pub server: Option<usize>,
    pub not_before_ms: Option<u64>,
    pub answer: Option<Answer>,
    #[serde(default)]
    pub send: Vec<Piece>,
    #[serde(default)]
    pub end: bool,
    pub holds: Option<Holds>,
    pub saved: Option<String>,
}

fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Snapshot,
    Poll,
    Stream,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Damage {
    #[serde(default)]
    pub previous: bool,
    pub how: How,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Cut,
    Flip,
    Empty,
    Remove,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    pub tenant: Option<String>,
    pub scope: Option<CaseScope>,
    pub keys: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub status: Option<u16>,
    pub snapshot: Option<Snapshot>,
    pub tag: Option<String>,
    #[serde(default)]
    pub weak: bool,
    #[serde(default)]
    pub gzip: bool,
    #[serde(default)]
    pub cut: bool,
    pub body: Option<String>,
    pub signed: Option<Signed>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub stream: Option<Vec<Piece>>,
    #[serde(default)]
    pub hang: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Snapshot {
    Tag(String),
    Full(FullSnapshot),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullSnapshot {
    pub tag: String,
    pub tenant: Option<String>,
    #[serde(default)]
    pub routes: Vec<(String, String, u64)>,
    #[serde(default)]
    pub policies: Vec<(String, BTreeMap<String, u16>, u64)>,
    #[serde(default)]
    pub many: usize,
    #[serde(default)]
    pub route_members: Map<String, Value>,
    #[serde(default)]
    pub members: Map<String, Value>,
    #[serde(default)]
    pub wrong_digest: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The content that is signed: that of the answer if absent.
    pub of: Option<Snapshot>,
    pub by: Vec<String>,
    pub tenant: Option<String>,
    pub scope: Option<CaseScope>,
    pub tag: Option<String>,
    #[serde(default)]
    pub broken: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    Text(String),
    Event(Box<Event>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    pub change: Option<Change>,
    pub snapshot: Option<Snapshot>,
    pub signature: Option<Signed>,
    pub event: Option<String>,
    pub data: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub id: Option<Option<String>>,
    #[serde(default)]
    pub slow: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Change {
    Tag(String),
    Full(FullChange),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullChange {
    pub tag: String,
    #[serde(default)]
    pub item: u32,
    pub items: Option<u32>,
    pub route: Option<String>,
    pub url: Option<String>,
    pub policy: Option<String>,
    pub split: Option<BTreeMap<String, u16>>,
    pub tenant: Option<String>,
    pub action: Option<String>,
    #[serde(default)]
    pub inactive: bool,
    #[serde(default)]
    pub members: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holds {
    pub state: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub tag: Option<Option<String>>,
    pub routes: Option<BTreeMap<String, String>>,
    pub count: Option<usize>,
    pub policies: Option<Vec<String>>,
    pub applied: Option<u64>,
    pub dropped: Option<u64>,
    pub diverged: Option<u64>,
    pub file_errors: Option<u64>,
    pub refused: Option<BTreeMap<String, u64>>,
}
