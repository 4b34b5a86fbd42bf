//! The messages of Envoy's v3 API that are sent, with the members that are used. The field numbers
//! are those of `envoy/config/{cluster,endpoint,route,core}/v3` and
//! `envoy/extensions/transport_sockets/tls/v3`.
//!
//! Each message has two forms: protobuf (`prost`), and proto3 JSON (`serde`) with the member names
//! of the `.proto` files, which Envoy reads too. A member with its default value is in neither.
//!
//! Rejected: the crate `envoy-types`, which has all of v3. It takes 80 s of compilation, and has no
//! JSON.

pub mod cluster;
pub(super) mod json;
pub mod route;

use std::collections::BTreeMap;

use prost::{Enumeration, Message, Oneof};
use serde::Serialize;

use json::{is_default, named};

/// A message with the name of its type.
pub trait Typed: Message + Default {
    /// The type url, as in `Any`.
    const TYPE: &'static str;
}

/// `google.protobuf.Any`: any message with its type. Its JSON has the message's members beside
/// `@type`; only [`Typed`] messages have JSON.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    /// The type of the message.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The message, encoded.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

impl Any {
    /// Packs a message.
    pub fn of<M: Typed>(message: &M) -> Self {
        Self {
            type_url: M::TYPE.to_owned(),
            value: message.encode_to_vec(),
        }
    }
}

/// `google.protobuf.Duration`. Its JSON is the number of seconds with an `s`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Duration {
    /// Whole seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// The rest in nanoseconds.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Duration {
    /// Returns a number of milliseconds as a duration.
    pub fn from_millis(millis: u32) -> Self {
        Self {
            seconds: i64::from(millis / 1000),
            // Less than 10^9, so it fits.
            nanos: (millis % 1000 * 1_000_000) as i32,
        }
    }
}

/// `google.protobuf.Struct`, with texts as its only values.
#[derive(Clone, PartialEq, Message)]
pub struct Struct {
    /// The values by name.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// `google.protobuf.Value`, a text.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Value {
    /// The text; present also if it is empty.
    #[prost(string, optional, tag = "3")]
    pub string_value: Option<String>,
}

/// `core.v3.Metadata`.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct Metadata {
    /// Values by the name of who reads them.
    #[prost(btree_map = "string, message", tag = "1")]
    pub filter_metadata: BTreeMap<String, Struct>,
}

/// `core.v3.DataSource`: a file's name or a text.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct DataSource {
    /// The file, on the machine of the proxy.
    #[prost(string, optional, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub filename: Option<String>,
    /// The text.
    #[prost(string, optional, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub inline_string: Option<String>,
}

/// `core.v3.HeaderValueOption`: a header that is set.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct HeaderValueOption {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<HeaderValue>,
    /// What happens to a header that is there already.
    #[prost(enumeration = "AppendAction", tag = "3")]
    #[serde(serialize_with = "named::<AppendAction, _>")]
    pub append_action: i32,
}

/// `core.v3.HeaderValue`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct HeaderValue {
    /// The header's name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The header's value, a format: `%%` stands for `%`.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `core.v3.HeaderValueOption.HeaderAppendAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(i32)]
pub enum AppendAction {
    /// The value is added.
    AppendIfExistsOrAdd = 0,
    /// The value replaces all others.
    OverwriteIfExistsOrAdd = 2,
}

/// `core.v3.RuntimeFractionalPercent`, without a runtime key.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct RuntimeFractionalPercent {
    /// The share.
    #[prost(message, optional, tag = "1")]
    pub default_value: Option<FractionalPercent>,
}

/// `type.v3.FractionalPercent`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct FractionalPercent {
    /// The share, in parts of the denominator.
    #[prost(uint32, tag = "1")]
    pub numerator: u32,
    /// The denominator.
    #[prost(enumeration = "Denominator", tag = "2")]
    #[serde(serialize_with = "named::<Denominator, _>")]
    pub denominator: i32,
}

/// `type.v3.FractionalPercent.DenominatorType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[repr(i32)]
pub enum Denominator {
    /// 100.
    Hundred = 0,
    /// 10 000.
    TenThousand = 1,
}

/// `type.matcher.v3.StringMatcher`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct StringMatcher {
    /// The condition.
    #[prost(oneof = "StringPattern", tags = "1, 2, 3, 5, 7")]
    #[serde(flatten)]
    pub match_pattern: Option<StringPattern>,
}

/// The condition of a [`StringMatcher`]. Empty prefixes, suffixes and parts are refused by Envoy.
#[derive(Clone, PartialEq, Eq, Oneof, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StringPattern {
    /// The value is this.
    #[prost(string, tag = "1")]
    Exact(String),
    /// The value begins with this.
    #[prost(string, tag = "2")]
    Prefix(String),
    /// The value ends with this.
    #[prost(string, tag = "3")]
    Suffix(String),
    /// The pattern matches the whole value.
    #[prost(message, tag = "5")]
    SafeRegex(RegexMatcher),
    /// The value has this in it.
    #[prost(string, tag = "7")]
    Contains(String),
}

impl From<StringPattern> for StringMatcher {
    fn from(pattern: StringPattern) -> Self {
        Self {
            match_pattern: Some(pattern),
        }
    }
}

/// `type.matcher.v3.RegexMatcher`: an RE2 pattern.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct RegexMatcher {
    /// The pattern.
    #[prost(string, tag = "2")]
    pub regex: String,
}
