//! Filters of a rule.

use traffic_manager_core::{
    policy::{HeaderEdits, Host, HostHeader, PathPrefix, Redirect},
    route::RouteUrl,
};
use traffic_manager_yaml::tree::Node;

use super::{BackendUrl, backend};
use crate::{
    entry::{Path, Traffic},
    fields::{Fields, text},
    left::Log,
    path, transform,
};

/// The rule to which filters belong.
pub struct Context<'a> {
    pub path: &'a Path,
    pub hosts: &'a [Host],
    pub namespace: &'a str,
    pub backend_url: &'a BackendUrl,
    pub what: &'a str,
}

/// What the filters of a rule do.
pub struct Effects {
    pub traffic: Traffic,
    pub answer: Option<Redirect>,
}

/// Applies the filters of a rule to one of its matches. Returns whether the match can be brought
/// over: not if its requests would get a wrong path or a wrong answer.
pub fn apply(
    filters: &[Node],
    context: &Context<'_>,
    effects: &mut Effects,
    log: &mut Log,
) -> bool {
    let mut is_right = true;
    for node in filters {
        let kind = node.get("type").and_then(text).unwrap_or_default();
        let what = format!("{}: filter {kind}", context.what);
        let mut fields = Fields::new(node, &*what);
        fields.ignore(&["type"]);
        match kind.as_str() {
            "RequestHeaderModifier" => {
                let edits = fields
                    .get("requestHeaderModifier")
                    .map(|node| edits(node, &what, log));
                effects.traffic.request_headers = edits.and_then(transform::finished);
            }
            "ResponseHeaderModifier" => {
                let edits = fields
                    .get("responseHeaderModifier")
                    .map(|node| edits(node, &what, log));
                effects.traffic.response_headers = edits.and_then(transform::finished);
            }
            "URLRewrite" => {
                if let Some(node) = fields.get("urlRewrite") {
                    is_right &= rewrite(node, &what, context, &mut effects.traffic, log);
                }
            }
            "RequestRedirect" => {
                if let Some(node) = fields.get("requestRedirect") {
                    effects.answer = redirect(node, &what, context, log);
                    is_right &= effects.answer.is_some();
                }
            }
            "RequestMirror" => {
                if let Some(node) = fields.get("requestMirror") {
                    mirror(node, &what, context, &mut effects.traffic, log);
                }
            }
            "ExternalAuth" => {
                // Without it, requests would pass that the gateway refuses.
                log.left(
                    node,
                    &what,
                    "a policy does not ask an authorizer: the match is left out",
                    "authenticate in the proxy",
                );
                return false;
            }
            _ => {
                log.left(
                    node,
                    &what,
                    "a policy has no such member",
                    "do it in the proxy",
                );
                continue;
            }
        }
        fields.finish(log);
    }
    is_right
}

fn edits(node: &Node, what: &str, log: &mut Log) -> HeaderEdits {
    let mut edits = HeaderEdits::default();
    let mut fields = Fields::new(node, what);
    let (set, add) = (fields.list("set", log), fields.list("add", log));
    let removed = fields.texts("remove", log);
    fields.finish(log);
    for (name, node) in removed {
        transform::remove(
            &mut edits,
            &name,
            node,
            &format!("{what}: remove {name}"),
            log,
        );
    }
    for (items, adds) in [(set, false), (add, true)] {
        for node in items {
            let member = |key| node.get(key).and_then(text).unwrap_or_default();
            let (name, value) = (member("name"), member("value"));
            let what = format!("{what}: {} {name}", if adds { "add" } else { "set" });
            if adds {
                let why = "is added beside the values that are there; it is brought over as set, which replaces them";
                log.left(node, &what, why, "check that this is wanted");
            }
            transform::set(&mut edits, (&name, &value), node, &what, log);
        }
    }
    edits
}

fn rewrite(
    node: &Node,
    what: &str,
    context: &Context<'_>,
    traffic: &mut Traffic,
    log: &mut Log,
) -> bool {
    let mut fields = Fields::new(node, what);
    let host = fields.text("hostname", log);
    let rewritten = fields.get("path");
    fields.finish(log);
    if let Some(host) = host {
        match HostHeader::try_from(host) {
            Ok(host) => traffic.host_header = Some(host),
            Err(invalid) => log.left(
                node,
                &format!("{what}: hostname"),
                &invalid.detail,
                "name another host",
            ),
        }
    }
    let Some(node) = rewritten else { return true };
    match (prefix_of(node), context.path) {
        (Ok(prefix), Path::Prefix(own)) => {
            traffic.strip_prefix = own.as_str() != "/";
            traffic.prefix = Some(prefix).filter(|prefix| prefix.as_str() != "/");
            true
        }
        (Ok(_), Path::Exact(_) | Path::Regex(..)) => {
            log.left(
                node,
                what,
                "replaces a prefix, and the match has none: the match is left out",
                "match a prefix",
            );
            false
        }
        (Err(why), _) => {
            log.left(
                node,
                what,
                &format!("{why}: the match is left out"),
                "rewrite in the service",
            );
            false
        }
    }
}

/// Returns the prefix that takes the place of the matched one.
fn prefix_of(node: &Node) -> Result<PathPrefix, String> {
    let member = |key| node.get(key).and_then(text);
    match member("type").as_deref() {
        Some("ReplacePrefixMatch") => {
            let raw = member("replacePrefixMatch").unwrap_or_else(|| "/".to_owned());
            path::prefix(&raw).map_err(|invalid| invalid.detail)
        }
        _ => Err("replaces the whole path, and a policy only changes its beginning".to_owned()),
    }
}

/// Reads a redirect. A policy's goes to one address, so the request's scheme, host and path must be
/// known.
fn redirect(node: &Node, what: &str, context: &Context<'_>, log: &mut Log) -> Option<Redirect> {
    let mut fields = Fields::new(node, what);
    let scheme = fields.text("scheme", log);
    let host = fields.text("hostname", log);
    let port = fields.number("port", log);
    let status = fields.number("statusCode", log).unwrap_or(302);
    let target = fields.get("path");
    fields.finish(log);
    let mut refuse = |why: &str| {
        let why = format!("{why}: the match is left out");
        log.left(node, what, &why, "redirect in the proxy");
        None
    };
    let Some(status) = u16::try_from(status)
        .ok()
        .filter(|status| [301, 302, 307, 308].contains(status))
    else {
        return refuse("a redirect has the status 301, 302, 307 or 308");
    };
    let Some(scheme) = scheme else {
        return refuse("keeps the request's scheme, and a redirect goes to one address");
    };
    let host = match (host, context.hosts) {
        (Some(host), _) => host,
        (None, [one]) if !one.is_wildcard() => one.as_str().to_owned(),
        (None, _) => return refuse("keeps the request's host, and a redirect goes to one address"),
    };
    let full = target
        .and_then(|target| target.get("replaceFullPath"))
        .and_then(text);
    let path = match (full, context.path) {
        (Some(path), _) => path,
        (None, Path::Exact(path)) if target.is_none() => path.clone(),
        (None, _) => return refuse("keeps the request's path, and a redirect goes to one address"),
    };
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    match RouteUrl::try_from(format!("{scheme}://{host}{port}{path}")) {
        Ok(url) => Some(Redirect { status, url }),
        Err(invalid) => refuse(&invalid.detail),
    }
}

fn mirror(node: &Node, what: &str, context: &Context<'_>, traffic: &mut Traffic, log: &mut Log) {
    let mut fields = Fields::new(node, what);
    let target = fields.get("backendRef");
    let percent = fields.number("percent", log);
    let fraction = fields.get("fraction");
    fields.finish(log);
    let Some(target) = target else {
        log.left(node, what, "has no backendRef", "correct the file");
        return;
    };
    if traffic.mirror.is_some() {
        log.left(node, what, "a policy has one mirror", "choose one");
        return;
    }
    let part = |key| {
        fraction
            .and_then(|node| node.get(key))
            .and_then(crate::fields::number)
    };
    let (numerator, denominator) = match percent {
        Some(percent) => (percent, 100),
        None if fraction.is_some() => (
            part("numerator").unwrap_or(0),
            part("denominator").unwrap_or(100),
        ),
        None => (1, 1),
    };
    let share = u128::from(numerator) * 10_000 / u128::from(denominator.max(1));
    let share = u16::try_from(share)
        .ok()
        .filter(|share| (1..=10_000).contains(share));
    let backend = backend::one(target, context.namespace, context.backend_url, what, log);
    match (backend, share) {
        (Some(backend), Some(share)) => traffic.mirror = Some((backend, share)),
        (Some(_), None) => log.left(
            node,
            what,
            "copies fewer than 1 in 10 000 requests, or more than all",
            "",
        ),
        (None, _) => {}
    }
}
