//! Traffic policies.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Members, PolicyKey};

/// A traffic policy: its name, its settings, and who changed it last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The policy's tenant, service and environment.
    #[serde(flatten)]
    pub key: PolicyKey,
    /// The revision of the last change.
    pub revision: u64,
    /// The time of the creation.
    pub created_at: Timestamp,
    /// The id of the actor that created the policy.
    pub created_by: String,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The id of the actor that changed the policy last.
    pub updated_by: String,
    /// The settings, with the members that this version of the client does not know.
    #[serde(flatten)]
    pub spec: PolicySpec,
}

/// A policy in a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotPolicy {
    /// The name of the service.
    pub service: String,
    /// The name of the environment.
    pub env: String,
    /// The revision of the last change.
    pub revision: u64,
    /// The settings, with the members that this version of the client does not know.
    #[serde(flatten)]
    pub spec: PolicySpec,
}

/// A policy in a document of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyDocument {
    /// The name of the service.
    pub service: String,
    /// The name of the environment.
    pub env: String,
    /// The settings, with the members that this version of the client does not know.
    #[serde(flatten)]
    pub spec: PolicySpec,
}

/// The settings of a traffic policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PolicySpec {
    /// The versions that get the traffic of an inactive version, in this order.
    #[serde(default)]
    pub failover: Vec<String>,
    /// The `Host` header that versions get: `upstream` (the host of their URL, as without this
    /// member), `keep` (the client's), or a lower-case DNS name without a port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_header: Option<String>,
    /// The hosts that belong to the policy, sorted.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Copies of requests for a version whose answers are thrown away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..`
    /// segments, `%`, and a final `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// The parts of the hosts' paths that belong to the policy, sorted. Where it is absent,
    /// `path_prefix` is the only one; where it is there, `path_prefix` is the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path_prefixes: Vec<String>,
    /// Changes of the headers of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<HeaderEdits>,
    /// Changes of the headers of responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<HeaderEdits>,
    /// When and how often a request is sent once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// The change of the path of requests. The path of the version's URL goes before the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<PathRewrite>,
    /// The rules. They are checked before `split`, in this order.
    #[serde(default)]
    pub rules: Vec<PolicyRule>,
    /// How requests that no rule takes are shared between versions.
    #[serde(default)]
    pub split: Vec<SplitEntry>,
    /// The cookie or the header whose value keeps a client with its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky_by: Option<StickyBy>,
    /// The longest time until the end of the response, in milliseconds; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The request header that names a version. Such a version goes before the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_header: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A rule: requests that match go to a version of their own, are shared between versions,
/// redirected, or answered. It has exactly one of `version`, `split`, `redirect` and `respond`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyRule {
    /// The conditions of a rule: at least one. A request must match all of them.
    #[serde(rename = "match")]
    pub matches: RuleMatch,
    /// The name of the rule, for people and for explanations: at most 64 bytes, unique within the
    /// policy.
    pub name: String,
    /// A redirection of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Redirect>,
    /// An answer that the proxy gives by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond: Option<FixedResponse>,
    /// How the matching requests are shared between versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub split: Vec<SplitEntry>,
    /// The name of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The conditions of a rule: at least one. A request must match all of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RuleMatch {
    /// The conditions on request headers, by the name of the header.
    #[serde(default)]
    pub headers: BTreeMap<String, HeaderMatch>,
    /// The methods; any method if empty or absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The condition on the path of a request, without its query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
    /// The conditions on query parameters, by the name of the parameter: letters, digits and - . _
    /// ~. Of several parameters of one name the first counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, HeaderMatch>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The condition on the path of a request, without its query.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PathMatch {
    /// The path is exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// A path prefix: `/`, or segments such as `/shop/v2`, without empty segments, `.` and `..`
    /// segments, `%`, and a final `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The whole path matches this regular expression; its syntax is that of headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The condition on a request header or a query parameter. Values are compared with their case; a
/// text has at most 512 bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// The value has this text in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// The value is exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// The value begins with this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Whether there is a value (`true`) or none (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// The whole value matches this regular expression. Its syntax is the one that Envoy, HAProxy,
    /// nginx, Caddy and Traefik share (docs/api.md#patterns). A policy may have 64 of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// The value ends with this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A version's share of the traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitEntry {
    /// The name of the version.
    pub version: String,
    /// The version's share, as a part of the sum of all weights. At least one weight must be more
    /// than 0.
    pub weight: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The cookie or the header whose value keeps a client with its version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StickyBy {
    /// The name of a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// The name of a request header, in upper or lower case. Headers of the connection, such as
    /// `Host`, are not allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// The change of the path of requests. The path of the version's URL goes before the result.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PathRewrite {
    /// Put before the path, after stripping.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Whether the path prefix by which a request came to the policy is removed.
    pub strip_prefix: bool,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// When and how often a request is sent once more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retries {
    /// How often, beside the first time.
    pub attempts: u64,
    /// The failures after which.
    pub on: Vec<String>,
    /// The time limit of each attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_try_timeout_ms: Option<u64>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// Changes of headers. A header is either set or removed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HeaderEdits {
    /// The headers that are removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// The headers that get a value, whatever they had before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// Copies of requests for a version whose answers are thrown away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mirror {
    /// The share of requests that are copied, in 1/10 000.
    pub share: u64,
    /// The name of the version.
    pub version: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// A redirection of the client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Redirect {
    /// 301, 302, 307 or 308.
    pub status: u64,
    /// An absolute http or https URL of at most 2048 bytes.
    pub url: String,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}

/// An answer that the proxy gives by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FixedResponse {
    /// The body, as plain text; empty if absent. At most 4,096 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The HTTP status.
    pub status: u64,
    /// The members that this version of the client does not know.
    #[serde(flatten)]
    pub other: Members,
}
