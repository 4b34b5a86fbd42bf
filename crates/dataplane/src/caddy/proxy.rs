//! What happens to a request on its way to a version.

use serde_json::{Map, Value, json};
use traffic_manager_core::policy::{HeaderEdits, HostHeader, PathPrefix, RetryOn};

use super::escaped;
use crate::{
    Settings,
    model::{PolicyModel, Upstream},
    re2,
    report::Findings,
};

/// Returns the handler that sends requests to a version, which came by a prefix of the policy.
pub(super) fn handler(
    policy: &PolicyModel,
    upstream: &Upstream,
    prefix_at: usize,
    settings: &Settings,
    findings: &mut Findings,
) -> Value {
    if let Some(why) = re2::unreachable(upstream) {
        findings.refuse(why);
    }
    let mut proxy = json!({
        "handler": "reverse_proxy",
        "headers": headers(policy, upstream, findings),
        "upstreams": [{"dial": upstream.host_and_port()}],
    });
    let rewrite = rewrite(policy, upstream, prefix_at);
    if !rewrite.is_empty() {
        proxy["rewrite"] = json!({"path_regexp": rewrite});
    }
    if let Some(transport) = transport(policy, upstream, settings, findings) {
        proxy["transport"] = transport;
    }
    if let Some(retries) = retries(policy, findings) {
        proxy["load_balancing"] = retries;
    }
    proxy
}

/// Returns the changes of the path, in their order. Substitution keeps `%2F`, which the member
/// `uri` would decode.
fn rewrite(policy: &PolicyModel, upstream: &Upstream, prefix_at: usize) -> Vec<Value> {
    let rewrite = policy.spec.rewrite.as_deref();
    let mut changes = Vec::new();
    let prefix = policy
        .spec
        .path_prefixes
        .get(prefix_at)
        .map(PathPrefix::as_str);
    if let Some(prefix) = prefix.filter(|prefix| super::has_strip(policy) && *prefix != "/") {
        // Paths are matched with runs of `/` as one, and forwarded as they came.
        let find = re2::literal(prefix).replace('/', "/+");
        changes.push(json!({"find": format!("^{find}"), "replace": ""}));
    }
    let before = rewrite
        .and_then(|rewrite| rewrite.prefix.as_ref())
        .map_or("", PathPrefix::as_str);
    let before = format!("{}{}", upstream.base, before.trim_end_matches('/'));
    if !before.is_empty() {
        changes.push(json!({"find": "^", "replace": escaped(&before).replace('$', "$$")}));
    }
    changes
}

fn headers(policy: &PolicyModel, upstream: &Upstream, findings: &mut Findings) -> Value {
    let spec = &policy.spec;
    let mut request = edits(spec.request_headers.as_deref(), findings);
    let host = match spec.host_header.as_deref() {
        None | Some(HostHeader::Upstream) => escaped(&upstream.authority),
        Some(HostHeader::Keep) => "{http.request.hostport}".to_owned(),
        Some(HostHeader::Fixed(host)) => escaped(host.as_str()),
    };
    request["set"]["Host"] = json!([host]);
    let response = edits(spec.response_headers.as_deref(), findings);
    let mut headers = json!({"request": request});
    if response.as_object().is_some_and(|edits| !edits.is_empty()) {
        headers["response"] = response;
    }
    headers
}

fn edits(edits: Option<&HeaderEdits>, findings: &mut Findings) -> Value {
    let mut made = json!({});
    let set: Map<_, _> = re2::set(edits)
        .map(|(name, value)| (name.to_owned(), json!([escaped(value)])))
        .collect();
    if !set.is_empty() {
        made["set"] = Value::Object(set);
    }
    let removed: Vec<_> = re2::removed(edits).collect();
    for name in removed.iter().filter(|name| name.contains('*')) {
        findings.refuse(format!(
            "Caddy reads * as any text where it removes the header {name}"
        ));
    }
    if !removed.is_empty() {
        made["delete"] = json!(removed);
    }
    made
}

fn transport(
    policy: &PolicyModel,
    upstream: &Upstream,
    settings: &Settings,
    findings: &mut Findings,
) -> Option<Value> {
    let per_try = policy
        .spec
        .retries
        .as_ref()
        .and_then(|retries| retries.per_try_timeout_ms);
    let limits = policy.spec.timeout_ms.into_iter().chain(per_try);
    let limit = limits.map(|limit| limit.0).min();
    if !upstream.is_tls && limit.is_none() {
        return None;
    }
    let mut transport = json!({"protocol": "http"});
    if let Some(limit) = limit {
        findings.degrade("a time limit of Caddy is for each attempt and ends with the header of the response, not with its body");
        transport["dial_timeout"] = json!(format!("{limit}ms"));
        transport["response_header_timeout"] = json!(format!("{limit}ms"));
    }
    if upstream.is_tls {
        transport["tls"] = json!({
            "ca": {"pem_files": [settings.ca_file], "provider": "file"},
            "server_name": upstream.host,
        });
    }
    Some(transport)
}

fn retries(policy: &PolicyModel, findings: &mut Findings) -> Option<Value> {
    let retries = policy.spec.retries.as_deref()?;
    if retries.on.contains(&RetryOn::GatewayError) {
        findings.degrade("Caddy does not retry after an answer 502, 503 or 504");
    }
    if retries.on.contains(&RetryOn::Reset) {
        findings.degrade("Caddy retries only GET requests after a connection that ended early");
        if !retries.on.contains(&RetryOn::ConnectFailure) {
            findings.degrade("Caddy retries after a failed connection too");
        }
        return Some(json!({"retries": retries.attempts}));
    }
    // Failed connections are always retried. What else is retried is what matches: nothing.
    let nothing = json!([{"not": [{"path": ["*"]}]}]);
    let is_there = retries.on.contains(&RetryOn::ConnectFailure);
    is_there.then(|| json!({"retries": retries.attempts, "retry_match": nothing}))
}
