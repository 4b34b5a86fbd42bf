//! The backend of a policy: where a request goes, and what happens to it on the way.

use std::{collections::BTreeSet, fmt::Write as _};

use traffic_manager_core::policy::{
    HeaderEdits, HostHeader, Redirect, Respond, Retries, RetryOn, StickyBy, shares::SLOTS,
};

use super::{
    VERSIONS, backend_name,
    conditions::{self, Conditions, under},
    text::{self, fetch, percent, quoted},
};
use crate::{
    Settings,
    model::{Action, PolicyModel, Target, Upstream},
    pcre,
    problem::{NO_ACTIVE_VERSION, UNKNOWN_VERSION},
    reach::{actions, reached},
    report::Findings,
};

/// A policy's part of the files.
pub(super) struct Backend {
    /// The section of the configuration.
    pub text: String,
    /// The lines of the map of versions.
    pub versions: String,
    /// What is otherwise, or cannot be.
    pub findings: Findings,
}

/// Renders a policy.
pub(super) fn backend(policy: &PolicyModel, settings: &Settings) -> Backend {
    let mut findings = Findings::default();
    let reached = reached(policy);
    let upstreams: Vec<&Upstream> = policy
        .upstreams
        .iter()
        .enumerate()
        .filter(|(at, _)| reached.contains(at))
        .map(|(_, upstream)| upstream)
        .collect();
    check(&upstreams, &mut findings);
    if policy.mirror.is_some() {
        findings.degrade("HAProxy cannot copy requests: no copies are made");
    }
    let name = backend_name(policy);
    let mut text = format!(
        "# {}, revision {}\nbackend {name}\n",
        policy.id(),
        policy.revision
    );
    limits(policy, &mut text, &mut findings);
    choice(policy, &name, &mut text, &mut findings);
    request(policy, &upstreams, &mut text);
    edits(
        &mut text,
        "http-response",
        policy.spec.response_headers.as_deref(),
    );
    text.push_str("  use-server %[var(txn.to)] if decided\n");
    for upstream in &upstreams {
        text.push_str(&server(upstream, settings));
    }
    Backend {
        text,
        versions: named_versions(policy, &name),
        findings,
    }
}

fn check(upstreams: &[&Upstream], findings: &mut Findings) {
    for upstream in upstreams {
        let version = &upstream.version;
        if upstream.query.is_some() {
            findings.refuse(format!(
                "the URL of version {version} has a query, which HAProxy cannot send with each request"
            ));
        }
        if upstream.is_tls && upstream.is_address {
            findings.refuse(format!(
                "the URL of version {version} is https with an address: HAProxy compares certificates with names only"
            ));
        }
    }
}

/// Writes the time limits and the retries.
fn limits(policy: &PolicyModel, text: &mut String, findings: &mut Findings) {
    let spec = &policy.spec;
    let per_try = spec
        .retries
        .as_ref()
        .and_then(|retries| retries.per_try_timeout_ms);
    let limit = [spec.timeout_ms, per_try]
        .into_iter()
        .flatten()
        .map(|limit| limit.0)
        .min();
    if let Some(limit) = limit {
        findings.degrade(
            "a time limit is the longest silence of the version, not the time until the end of the response",
        );
        let _ = writeln!(text, "  timeout server {limit}ms");
        let _ = writeln!(text, "  timeout connect {}ms", limit.min(2000));
    }
    if let Some(retries) = &spec.retries {
        retry(retries, spec.timeout_ms.is_some(), text, findings);
    }
}

fn retry(retries: &Retries, is_limited: bool, text: &mut String, findings: &mut Findings) {
    let mut on = Vec::new();
    for failure in &retries.on {
        match failure {
            RetryOn::ConnectFailure => on.push("conn-failure"),
            RetryOn::GatewayError => on.extend(["502", "503", "504"]),
            RetryOn::Reset => on.extend(["empty-response", "junk-response"]),
        }
    }
    if retries.on.contains(&RetryOn::GatewayError) && retries.per_try_timeout_ms.is_some() {
        on.push("response-timeout");
    }
    if retries.on.contains(&RetryOn::ConnectFailure) {
        findings.degrade("HAProxy waits up to a second before it connects again");
    }
    if is_limited {
        findings.degrade("the time limit holds for each attempt, not for all of them");
    }
    if on.iter().any(|failure| *failure != "conn-failure") {
        // HAProxy can send again only what it has as a whole.
        findings
            .degrade("requests of more than 15 kB are sent again only if no connection is made");
        text.push_str("  option http-buffer-request\n");
    }
    let _ = writeln!(text, "  retries {}", retries.attempts);
    let _ = writeln!(text, "  retry-on {}", on.join(" "));
}

/// Writes the rules that put the name of a server into `txn.to`, or answer.
fn choice(policy: &PolicyModel, name: &str, text: &mut String, findings: &mut Findings) {
    text.push_str("  acl decided var(txn.to) -m found\n");
    if let Some(header) = &policy.spec.version_header {
        let value = fetch("req.fhdr", header.as_str());
        let _ = write!(
            text,
            "  acl named {value} -m found\n\
             \x20 http-request set-var(txn.named) {value}\n\
             \x20 http-request set-var(txn.name) str({name}:),concat(,txn.named)\n\
             \x20 http-request set-var(txn.to) var(txn.name),map({VERSIONS}) if named\n"
        );
        text.push_str(&text::problem(UNKNOWN_VERSION, "if named !decided"));
    }
    let is_split = |action: &Action| matches!(action, Action::To(targets) if targets.len() > 1);
    if actions(policy).any(is_split) {
        slot(policy.spec.sticky_by.as_ref(), text);
    }
    let (parameters, lines) = conditions::parameters(policy);
    text.push_str(&lines);
    for (at, rule) in policy.rules.iter().enumerate() {
        let conditions = Conditions::of(at, &rule.matching, &parameters, findings);
        let _ = writeln!(text, "  # rule {}", rule.name);
        text.push_str(&conditions.acls);
        action(policy, &rule.action, &conditions.all, text);
    }
    text.push_str("  # no rule\n");
    action(policy, &policy.default, "", text);
}

/// Writes the request's slot into `txn.slot`: of its key, or by chance.
fn slot(sticky: Option<&StickyBy>, text: &mut String) {
    let _ = writeln!(text, "  http-request set-var(txn.slot) rand({SLOTS})");
    let Some(sticky) = sticky else {
        return;
    };
    match sticky {
        StickyBy::Header(name) => {
            let value = fetch("req.fhdr", name.as_str());
            let _ = writeln!(text, "  http-request set-var(txn.key) {value}");
        }
        StickyBy::Cookie(name) => {
            let name = pcre::literal(name.as_str());
            let cookie = format!(r"(?:^|;)[ \t]*{name}=[ \t]*\x22?[^;\x22]");
            // The first cookie of the name that has a value, without quotes around it. Within a
            // converter's double quotes a backslash is written twice.
            let value = format!(
                r#"req.fhdr(cookie),regsub("^(?:.*?;)??[ \t]*{name}=[ \t]*\x22?([^;\x22]+).*$","\1")"#
            );
            let _ = writeln!(
                text,
                "  http-request set-var(txn.key) {} if {{ req.fhdr(cookie) -m reg -- {} }}",
                quoted(&value.replace('\\', r"\\")),
                quoted(&cookie)
            );
        }
    }
    let _ = writeln!(
        text,
        "  http-request set-var(txn.slot) var(txn.key),xxh64,and({}) if {{ var(txn.key) -m len gt 0 }}",
        SLOTS - 1
    );
}

/// Writes what happens to the requests that are not decided yet and hold the conditions.
fn action(policy: &PolicyModel, action: &Action, conditions: &str, text: &mut String) {
    let condition = format!("if !decided{conditions}");
    match action {
        Action::To(targets) => split(policy, targets, &condition, text),
        Action::Redirect(Redirect { status, url }) => {
            let _ = writeln!(
                text,
                "  http-request return status {status} hdr location {} {condition}",
                text::format(url.as_str())
            );
        }
        Action::Respond(Respond { body, status }) => {
            let body = body.as_ref().map(|body| body.as_str()).filter(|body| {
                // These answers have no body (RFC 9110 §15.3.5, §15.4.5).
                !body.is_empty() && ![204, 304].contains(status)
            });
            let body = body.map_or_else(String::new, |body| {
                format!(
                    " content-type 'text/plain; charset=utf-8' string {}",
                    quoted(body)
                )
            });
            let _ = writeln!(
                text,
                "  http-request return status {status}{body} {condition}"
            );
        }
        Action::Nowhere => text.push_str(&text::problem(NO_ACTIVE_VERSION, &condition)),
    }
}

/// Writes the runs of a split in their order: the first whose end is after the slot takes it.
fn split(policy: &PolicyModel, targets: &[Target], condition: &str, text: &mut String) {
    let mut end = 0;
    for (at, target) in targets.iter().enumerate() {
        end += target.slots;
        let version = &policy.upstreams[target.upstream].version;
        let _ = write!(
            text,
            "  http-request set-var(txn.to) str({version}) {condition}"
        );
        if at + 1 < targets.len() {
            let _ = write!(text, " {{ var(txn.slot) -m int lt {end} }}");
        }
        text.push('\n');
    }
}

/// Writes the changes of the request: path, host, headers.
fn request(policy: &PolicyModel, upstreams: &[&Upstream], text: &mut String) {
    let spec = &policy.spec;
    let rewrite = spec.rewrite.as_deref();
    let strips = rewrite.is_some_and(|rewrite| rewrite.strip_prefix);
    let before = rewrite
        .and_then(|rewrite| rewrite.prefix.as_ref())
        .map_or("", |prefix| prefix.as_str().trim_end_matches('/'));
    if strips {
        strip(policy, text);
    }
    for upstream in upstreams {
        let condition = format!("if {{ var(txn.to) -m str {} }}", upstream.version);
        let before = format!("{}{before}", upstream.base);
        let path = if strips {
            "%[var(txn.rest)]"
        } else {
            "%[path]"
        };
        if strips || !before.is_empty() {
            let path = quoted(&format!("{}{path}", percent(&before)));
            let _ = writeln!(text, "  http-request set-path {path} {condition}");
        }
        if strips && before.is_empty() {
            let _ = writeln!(
                text,
                "  http-request set-path / {condition} {{ var(txn.rest) -m len 0 }}"
            );
        }
    }
    text.push_str("  http-request set-header x-forwarded-host %[req.hdr(host)]\n");
    match spec.host_header.as_deref() {
        None | Some(HostHeader::Upstream) => {
            for upstream in upstreams {
                let host = text::format(&upstream.authority);
                let _ = writeln!(
                    text,
                    "  http-request set-header host {host} if {{ var(txn.to) -m str {} }}",
                    upstream.version
                );
            }
        }
        Some(HostHeader::Keep) => {}
        Some(HostHeader::Fixed(host)) => {
            let _ = writeln!(text, "  http-request set-header host {}", host.as_str());
        }
    }
    edits(text, "http-request", spec.request_headers.as_deref());
}

/// Writes the path without the policy's prefix into `txn.rest`. The request came by the longest
/// prefix that takes it: one that is longer still would belong to another policy.
fn strip(policy: &PolicyModel, text: &mut String) {
    let prefixes: BTreeSet<_> = policy
        .spec
        .path_prefixes
        .iter()
        .map(|prefix| prefix.as_str())
        .filter(|prefix| *prefix != "/")
        .map(|prefix| (std::cmp::Reverse(prefix.len()), prefix))
        .collect();
    text.push_str("  acl stripped var(txn.rest) -m found\n");
    for (at, (_, prefix)) in prefixes.iter().enumerate() {
        for test in under(prefix) {
            let _ = writeln!(text, "  acl prefix{at} {test}");
        }
        let _ = writeln!(
            text,
            "  http-request set-var(txn.rest) path,bytes({}) if !stripped prefix{at}",
            prefix.len()
        );
    }
    text.push_str("  http-request set-var(txn.rest) path if !stripped\n");
}

fn edits(text: &mut String, rules: &str, edits: Option<&HeaderEdits>) {
    let Some(HeaderEdits { remove, set }) = edits else {
        return;
    };
    for name in remove {
        let _ = writeln!(
            text,
            "  {rules} del-header {} -m str",
            quoted(name.as_str())
        );
    }
    for (name, value) in set {
        let _ = writeln!(
            text,
            "  {rules} set-header {} {}",
            quoted(name.as_str()),
            text::format(value.as_str())
        );
    }
}

fn server(upstream: &Upstream, settings: &Settings) -> String {
    let mut line = format!("  server {} {}", upstream.version, upstream.host_and_port());
    if upstream.is_tls {
        let host = &upstream.host;
        let _ = write!(
            line,
            " ssl verify required ca-file {} sni str({host}) verifyhost {host}",
            quoted(&settings.ca_file)
        );
    }
    line.push('\n');
    line
}

/// Returns the versions that requests may name.
fn named_versions(policy: &PolicyModel, name: &str) -> String {
    if policy.spec.version_header.is_none() {
        return String::new();
    }
    policy
        .upstreams
        .iter()
        .map(|upstream| format!("{name}:{version} {version}\n", version = upstream.version))
        .collect()
}
