//! Routes: which requests go to which cluster, and what happens to them on their way.

use prost::{Message, Oneof};
use serde::Serialize;

use super::{
    DataSource, Duration, HeaderValueOption, RegexMatcher, RuntimeFractionalPercent, StringMatcher,
    Typed, json::is_default,
};

/// `route.v3.RouteConfiguration`.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct RouteConfiguration {
    /// The name, by which listeners ask for it.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The hosts.
    #[prost(message, repeated, tag = "2")]
    pub virtual_hosts: Vec<VirtualHost>,
    /// Whether `Host: x:8080` is the host `x`.
    #[prost(bool, tag = "14")]
    pub ignore_port_in_host_matching: bool,
}

impl Typed for RouteConfiguration {
    const TYPE: &'static str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
}

/// `route.v3.VirtualHost`.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct VirtualHost {
    /// The name, for statistics.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The hosts. A host in two virtual hosts makes Envoy refuse the whole configuration.
    #[prost(string, repeated, tag = "2")]
    pub domains: Vec<String>,
    /// The routes; the first that matches decides.
    #[prost(message, repeated, tag = "3")]
    pub routes: Vec<Route>,
}

/// `route.v3.Route`.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct Route {
    /// The name, for logs.
    #[prost(string, tag = "14")]
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The requests that the route takes.
    #[prost(message, optional, tag = "1")]
    #[serde(rename = "match")]
    pub matching: Option<RouteMatch>,
    /// What happens to them.
    #[prost(oneof = "Action", tags = "2, 7")]
    #[serde(flatten)]
    pub action: Option<Action>,
    /// The request headers that are set.
    #[prost(message, repeated, tag = "9")]
    #[serde(skip_serializing_if = "is_default")]
    pub request_headers_to_add: Vec<HeaderValueOption>,
    /// The response headers that are set.
    #[prost(message, repeated, tag = "10")]
    #[serde(skip_serializing_if = "is_default")]
    pub response_headers_to_add: Vec<HeaderValueOption>,
    /// The response headers that are removed.
    #[prost(string, repeated, tag = "11")]
    #[serde(skip_serializing_if = "is_default")]
    pub response_headers_to_remove: Vec<String>,
    /// The request headers that are removed.
    #[prost(string, repeated, tag = "12")]
    #[serde(skip_serializing_if = "is_default")]
    pub request_headers_to_remove: Vec<String>,
}

/// What a route does.
#[derive(Clone, PartialEq, Oneof, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Sends the request to a cluster.
    #[prost(message, tag = "2")]
    Route(Box<RouteAction>),
    /// Answers it.
    #[prost(message, tag = "7")]
    DirectResponse(DirectResponseAction),
}

/// `route.v3.RouteMatch`.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct RouteMatch {
    /// The condition for the path, which a match must have.
    #[prost(oneof = "PathSpecifier", tags = "1, 2, 10, 14")]
    #[serde(flatten)]
    pub path: Option<PathSpecifier>,
    /// The conditions for headers, all of which must hold.
    #[prost(message, repeated, tag = "6")]
    #[serde(skip_serializing_if = "is_default")]
    pub headers: Vec<HeaderMatcher>,
    /// The conditions for query parameters, all of which must hold.
    #[prost(message, repeated, tag = "7")]
    #[serde(skip_serializing_if = "is_default")]
    pub query_parameters: Vec<QueryParameterMatcher>,
}

/// The condition for a path, without its query.
#[derive(Clone, PartialEq, Eq, Oneof, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathSpecifier {
    /// The path begins with this text.
    #[prost(string, tag = "1")]
    Prefix(String),
    /// The path is this.
    #[prost(string, tag = "2")]
    Path(String),
    /// The pattern matches the whole path.
    #[prost(message, tag = "10")]
    SafeRegex(RegexMatcher),
    /// The path is this or below it, by whole segments. Must not be `/`.
    #[prost(string, tag = "14")]
    PathSeparatedPrefix(String),
}

/// `route.v3.HeaderMatcher`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct HeaderMatcher {
    /// The header's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The condition.
    #[prost(oneof = "HeaderCondition", tags = "7, 13")]
    #[serde(flatten)]
    pub condition: Option<HeaderCondition>,
}

/// The condition for a header.
#[derive(Clone, PartialEq, Eq, Oneof, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderCondition {
    /// The header is there (`true`) or not.
    #[prost(bool, tag = "7")]
    PresentMatch(bool),
    /// The condition for its value.
    #[prost(message, tag = "13")]
    StringMatch(StringMatcher),
}

/// `route.v3.QueryParameterMatcher`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct QueryParameterMatcher {
    /// The parameter's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The condition.
    #[prost(oneof = "QueryCondition", tags = "5, 6")]
    #[serde(flatten)]
    pub condition: Option<QueryCondition>,
}

/// The condition for a query parameter.
#[derive(Clone, PartialEq, Eq, Oneof, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryCondition {
    /// The condition for its value.
    #[prost(message, tag = "5")]
    StringMatch(StringMatcher),
    /// The parameter is there (`true`) or not.
    #[prost(bool, tag = "6")]
    PresentMatch(bool),
}

/// `route.v3.RouteAction`.
#[derive(Clone, PartialEq, Message, Serialize)]
pub struct RouteAction {
    /// The cluster, or several with weights.
    #[prost(oneof = "ClusterSpecifier", tags = "1, 3")]
    #[serde(flatten)]
    pub cluster: Option<ClusterSpecifier>,
    /// The `Host` header; the client's if absent.
    #[prost(oneof = "HostRewrite", tags = "6, 7")]
    #[serde(flatten)]
    pub host_rewrite: Option<HostRewrite>,
    /// The time limit of the whole response; `0s` is none, Envoy's default is 15 s.
    #[prost(message, optional, tag = "8")]
    pub timeout: Option<Duration>,
    /// When a request is sent once more.
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "is_default")]
    pub retry_policy: Option<RetryPolicy>,
    /// The sources of the key that chooses one of several clusters.
    #[prost(message, repeated, tag = "15")]
    #[serde(skip_serializing_if = "is_default")]
    pub hash_policy: Vec<HashPolicy>,
    /// The longest silence; Envoy's default is that of the connection manager, 5 minutes.
    #[prost(message, optional, tag = "24")]
    #[serde(skip_serializing_if = "is_default")]
    pub idle_timeout: Option<Duration>,
    /// The clusters that get copies.
    #[prost(message, repeated, tag = "30")]
    #[serde(skip_serializing_if = "is_default")]
    pub request_mirror_policies: Vec<RequestMirrorPolicy>,
    /// Whether a changed `Host` is kept as `X-Forwarded-Host`.
    #[prost(bool, tag = "38")]
    #[serde(skip_serializing_if = "is_default")]
    pub append_x_forwarded_host: bool,
    /// The path, a format; the query is kept. The request's own if empty. Since Envoy 1.37.
    #[prost(string, tag = "45")]
    #[serde(skip_serializing_if = "is_default")]
    pub path_rewrite: String,
}

/// Where a request goes.
#[derive(Clone, PartialEq, Eq, Oneof, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterSpecifier {
    /// To this cluster.
    #[prost(string, tag = "1")]
    Cluster(String),
    /// To one of several.
    #[prost(message, tag = "3")]
    WeightedClusters(WeightedCluster),
}

/// How the `Host` header changes.
#[derive(Clone, PartialEq, Eq, Oneof, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HostRewrite {
    /// To this text.
    #[prost(string, tag = "6")]
    HostRewriteLiteral(String),
    /// To the endpoint's `hostname`.
    #[prost(message, tag = "7")]
    AutoHostRewrite(bool),
}

/// `route.v3.WeightedCluster`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct WeightedCluster {
    /// The clusters, in the order in which the hash is looked up.
    #[prost(message, repeated, tag = "1")]
    pub clusters: Vec<ClusterWeight>,
    /// Whether the key of `hash_policy` chooses. Chance does if there is no key.
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub use_hash_policy: Option<bool>,
}

/// `route.v3.WeightedCluster.ClusterWeight`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct ClusterWeight {
    /// The cluster's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its share of the sum.
    #[prost(message, optional, tag = "2")]
    pub weight: Option<u32>,
}

/// `route.v3.RouteAction.HashPolicy`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct HashPolicy {
    /// The source of the key.
    #[prost(oneof = "HashSource", tags = "1, 2")]
    #[serde(flatten)]
    pub source: Option<HashSource>,
}

/// The source of a key.
#[derive(Clone, PartialEq, Eq, Oneof, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HashSource {
    /// A request header.
    #[prost(message, tag = "1")]
    Header(HashHeader),
    /// A cookie.
    #[prost(message, tag = "2")]
    Cookie(HashCookie),
}

/// `route.v3.RouteAction.HashPolicy.Header`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct HashHeader {
    /// The header's name.
    #[prost(string, tag = "1")]
    pub header_name: String,
}

/// `route.v3.RouteAction.HashPolicy.Cookie`, without `ttl`: the application sets the cookie.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct HashCookie {
    /// The cookie's name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// `route.v3.RouteAction.RequestMirrorPolicy`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct RequestMirrorPolicy {
    /// The cluster that gets copies.
    #[prost(string, tag = "1")]
    pub cluster: String,
    /// The share of requests that are copied.
    #[prost(message, optional, tag = "3")]
    pub runtime_fraction: Option<RuntimeFractionalPercent>,
    /// Whether `-shadow` is not put behind the host.
    #[prost(bool, tag = "6")]
    pub disable_shadow_host_suffix_append: bool,
    /// The `Host` of copies; that of the request if empty.
    #[prost(string, tag = "8")]
    #[serde(skip_serializing_if = "is_default")]
    pub host_rewrite_literal: String,
}

/// `route.v3.RetryPolicy`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct RetryPolicy {
    /// The failures, separated by commas.
    #[prost(string, tag = "1")]
    pub retry_on: String,
    /// How often, beside the first time.
    #[prost(message, optional, tag = "2")]
    pub num_retries: Option<u32>,
    /// The time limit of each attempt.
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub per_try_timeout: Option<Duration>,
    /// The statuses of `retriable-status-codes`.
    #[prost(uint32, repeated, tag = "7")]
    #[serde(skip_serializing_if = "is_default")]
    pub retriable_status_codes: Vec<u32>,
}

/// `route.v3.DirectResponseAction`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub struct DirectResponseAction {
    /// The status.
    #[prost(uint32, tag = "1")]
    pub status: u32,
    /// The body, at most 4096 bytes.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub body: Option<DataSource>,
}
