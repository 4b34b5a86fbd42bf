//! Services: versions, splits, and copies for a mirror.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use traffic_manager_core::policy::HostHeader;

use super::{CLEAN, Parts, key, replaced};
use crate::{
    Settings,
    model::{PolicyModel, Target, Upstream},
    re2,
    reach::reached_or_mirrored,
    report::Findings,
};

/// Returns the name of a version's service.
pub(super) fn version(policy: &PolicyModel, upstream: &Upstream) -> String {
    format!("{}~{}", key(policy), upstream.version)
}

/// Adds the services of the versions that requests can come to.
pub(super) fn of_versions(
    policy: &PolicyModel,
    settings: &Settings,
    parts: &mut Parts,
    findings: &mut Findings,
) {
    for at in reached_or_mirrored(policy) {
        let upstream = &policy.upstreams[at];
        if let Some(why) = re2::unreachable(upstream) {
            findings.refuse(why);
        }
        let name = version(policy, upstream);
        let service = of_version(policy, upstream, settings, parts, findings);
        parts.services.insert(name, service);
    }
    if let Some((_, share)) = policy.mirror.filter(|(_, share)| share % 100 != 0) {
        let percent = percent(share);
        findings.degrade(format!(
            "Traefik copies whole percents: {percent} % instead of {share}/10000"
        ));
    }
}

fn of_version(
    policy: &PolicyModel,
    upstream: &Upstream,
    settings: &Settings,
    parts: &mut Parts,
    findings: &mut Findings,
) -> Value {
    let name = version(policy, upstream);
    let is_kept = matches!(
        policy.spec.host_header.as_deref(),
        Some(HostHeader::Keep | HostHeader::Fixed(_))
    );
    let scheme = if upstream.is_tls { "https" } else { "http" };
    let has_strip = policy
        .spec
        .rewrite
        .as_ref()
        .is_some_and(|rewrite| rewrite.strip_prefix);
    let base_first = has_strip && !upstream.base.is_empty();
    // Joined with a URL's path, a path of which nothing is left would be a `/`.
    let base = if base_first {
        ""
    } else {
        upstream.base.as_str()
    };
    let mut balancer = json!({
        "passHostHeader": is_kept,
        "servers": [{"preservePath": true, "url": format!("{scheme}://{}{base}", upstream.authority)}],
    });
    if let Some(transport) = transport(policy, upstream, settings, findings) {
        balancer["serversTransport"] = json!(name);
        parts.transports.insert(name.clone(), transport);
    }
    let mut service = json!({"loadBalancer": balancer});
    if base_first {
        let middleware = format!("{name}~base");
        parts
            .middlewares
            .insert(middleware.clone(), replaced("^(.*)$", &upstream.base));
        parts.is_cleaned = true;
        service["middlewares"] = json!([middleware, CLEAN]);
    }
    service
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
    let limit = policy
        .spec
        .timeout_ms
        .into_iter()
        .chain(per_try)
        .map(|limit| limit.0)
        .min();
    if !upstream.is_tls && limit.is_none() {
        return None;
    }
    let mut transport = json!({});
    if upstream.is_tls {
        transport["rootCAs"] = json!([settings.ca_file]);
        transport["serverName"] = json!(upstream.host);
    }
    if let Some(limit) = limit {
        findings.degrade("a time limit of Traefik is for each attempt and ends with the header of the response, not with its body");
        let limit = format!("{limit}ms");
        transport["forwardingTimeouts"] =
            json!({"dialTimeout": limit, "responseHeaderTimeout": limit});
    }
    Some(transport)
}

/// Returns the service of a split, which has one version only once.
pub(super) fn split(
    policy: &PolicyModel,
    targets: &[Target],
    name: &str,
    parts: &mut Parts,
    findings: &mut Findings,
) -> String {
    let mut weights = BTreeMap::new();
    for target in targets {
        *weights.entry(target.upstream).or_insert(0) += target.slots;
    }
    if let ([target, ..], 1) = (targets, weights.len()) {
        return version(policy, &policy.upstreams[target.upstream]);
    }
    let members: Vec<_> = weights
        .into_iter()
        .map(|(at, weight)| json!({"name": version(policy, &policy.upstreams[at]), "weight": weight}))
        .collect();
    let mut weighted = json!({"services": members});
    if policy.spec.sticky_by.is_some() {
        // The cookie has the name of a version's service, so each split needs its own.
        let cookie = format!("tm_{}~{}~{name}", policy.name.service, policy.name.env);
        findings.degrade(format!("a cookie of the proxy keeps a client on its version, not the key of sticky_by: its name is {cookie}"));
        weighted["sticky"] =
            json!({"cookie": {"httpOnly": true, "name": cookie, "path": "/", "sameSite": "lax"}});
    }
    let service = format!("{}~~{name}", key(policy));
    parts
        .services
        .insert(service.clone(), json!({"weighted": weighted}));
    service
}

/// Returns the service that sends requests to a service and copies of them to the mirror.
pub(super) fn mirrored(policy: &PolicyModel, service: String, parts: &mut Parts) -> String {
    let Some((at, share)) = policy.mirror else {
        return service;
    };
    let mirror = version(policy, &policy.upstreams[at]);
    let name = format!("{service}~~mirrored");
    let mirroring =
        json!({"mirrors": [{"name": mirror, "percent": percent(share)}], "service": service});
    parts
        .services
        .insert(name.clone(), json!({"mirroring": mirroring}));
    name
}

fn percent(share: u16) -> u16 {
    ((share + 50) / 100).max(1)
}
