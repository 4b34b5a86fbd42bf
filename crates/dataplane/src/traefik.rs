//! Traefik (3.7 or later): one document for its HTTP provider.
//!
//! ```text
//!  router per claim and explicit version, rule, default (priority = order)
//!     ─► middlewares: path ─► headers ─► retry ─► service: mirroring ─► weighted ─► version
//! ```
//!
//! Traefik has no fixed answers. Its allow list of client addresses can answer any status, so a
//! list that no client is on gives redirections (with a `Location` by the headers middleware) and errors;
//! the body is the name of the status. In the same way `/revision` on the entry point `traefik` tells the
//! version of the document in the header `x-tm-revision`: no need to open Traefik's API.
//!
//! Entry points are `web` and, for the proxy's own interface, `traefik`. Traefik cleans paths
//! (`//`, dot segments) before it matches and forwards them.

mod bootstrap;
mod document;
mod matching;
mod services;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use traffic_manager_core::policy::{HostHeader, PathPrefix, Respond, RetryOn};

pub use self::bootstrap::bootstrap;
pub(crate) use self::document::Document;
use crate::{
    Settings,
    claims::{self, Claim},
    model::{Action, PolicyModel},
    re2,
    report::Findings,
};

/// The middleware that removes a header which other middlewares leave behind.
const CLEAN: &str = "tm-clean";

/// The parts of a document that are a policy's.
#[derive(Default)]
struct Parts {
    middlewares: Map<String, Value>,
    routers: Map<String, Value>,
    services: Map<String, Value>,
    transports: Map<String, Value>,
    /// The statuses of answers that clients get: see [`answer`].
    answers: BTreeSet<u16>,
    /// Whether the policy uses [`CLEAN`].
    is_cleaned: bool,
}

impl Parts {
    /// Returns the middleware that answers a status to every client.
    fn answer(&mut self, status: u16) -> String {
        self.answers.insert(status);
        answer(status).0
    }
}

/// Returns the middleware that answers a status to every client, with its name. Policies share it.
fn answer(status: u16) -> (String, Value) {
    // The broadcast address is the address of no client.
    let list =
        json!({"ipAllowList": {"rejectStatusCode": status, "sourceRange": ["255.255.255.255/32"]}});
    (format!("tm-answer-{status}"), list)
}

/// A router without the conditions of its claim.
struct Way {
    name: String,
    /// The conditions beside those of the claim; empty for all requests.
    conditions: Vec<String>,
    middlewares: Vec<String>,
    service: String,
    /// Whether requests go to a version, so that their path and headers change.
    is_forwarded: bool,
}

/// Returns what a policy adds to the document.
fn parts(policy: &PolicyModel, settings: &Settings) -> (Parts, Findings) {
    let (mut parts, mut findings) = (Parts::default(), Findings::default());
    let mut ways = policy_ways(policy, settings, &mut parts, &mut findings);
    if findings.is_refused() {
        parts = Parts::default();
        let is_claimed = !policy.spec.hosts.is_empty();
        let answers = is_claimed.then(|| parts.answer(503)).into_iter().collect();
        ways = vec![Way::answer("refused", Vec::new(), answers)];
    }
    for claim in claims::of(policy) {
        claim_routers(policy, &claim, &ways, &mut parts);
    }
    (parts, findings)
}

impl Way {
    fn answer(name: &str, conditions: Vec<String>, middlewares: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            conditions,
            middlewares,
            service: "tm-none".to_owned(),
            is_forwarded: false,
        }
    }

    fn forward(name: String, conditions: Vec<String>, service: String) -> Self {
        Self {
            name,
            conditions,
            middlewares: Vec::new(),
            service,
            is_forwarded: true,
        }
    }
}

/// Returns the name of a policy's parts. `~` is in no name of a tenant, service, environment or version.
fn key(policy: &PolicyModel) -> String {
    format!(
        "{}~{}~{}",
        policy.tenant, policy.name.service, policy.name.env
    )
}

/// Returns the ways of a policy in their order: explicit versions, rules, default.
fn policy_ways(
    policy: &PolicyModel,
    settings: &Settings,
    parts: &mut Parts,
    findings: &mut Findings,
) -> Vec<Way> {
    let mut ways = Vec::new();
    if policy.spec.hosts.is_empty() {
        findings.degrade("has no hosts: a proxy has nothing to route to it by");
        return ways;
    }
    services::of_versions(policy, settings, parts, findings);
    forwarded(policy, parts, findings);
    if let Some(header) = &policy.spec.version_header {
        let header = header.as_str();
        for upstream in &policy.upstreams {
            let version = upstream.version.as_str();
            let condition = matching::header(header, version);
            let service = services::mirrored(policy, services::version(policy, upstream), parts);
            ways.push(Way::forward(
                format!("version~{version}"),
                vec![condition],
                service,
            ));
        }
        let answer = parts.answer(404);
        ways.push(Way::answer(
            "unknown",
            vec![matching::header_present(header)],
            vec![answer],
        ));
        findings.degrade("the answer for an unknown version has no problem body");
    }
    for (at, rule) in policy.rules.iter().enumerate() {
        let conditions = matching::rule(&rule.matching, findings);
        ways.push(action_way(
            policy,
            &rule.action,
            &format!("rule-{at}"),
            conditions,
            parts,
            findings,
        ));
    }
    ways.push(action_way(
        policy,
        &policy.default,
        "default",
        Vec::new(),
        parts,
        findings,
    ));
    ways
}

fn action_way(
    policy: &PolicyModel,
    action: &Action,
    name: &str,
    conditions: Vec<String>,
    parts: &mut Parts,
    findings: &mut Findings,
) -> Way {
    match action {
        Action::To(targets) => {
            let service = services::split(policy, targets, name, parts, findings);
            let service = services::mirrored(policy, service, parts);
            Way::forward(name.to_owned(), conditions, service)
        }
        Action::Redirect(redirect) => {
            let location = format!("{}~~location-{name}", key(policy));
            let headers =
                json!({"headers": {"customResponseHeaders": {"Location": redirect.url.as_str()}}});
            parts.middlewares.insert(location.clone(), headers);
            let answer = parts.answer(redirect.status);
            Way::answer(name, conditions, vec![location, answer])
        }
        Action::Respond(respond) => {
            note_answer(respond, findings);
            let answer = parts.answer(respond.status);
            Way::answer(name, conditions, vec![answer])
        }
        Action::Nowhere => {
            findings.degrade("the answer while no version is active has no problem body");
            let answer = parts.answer(503);
            Way::answer(name, conditions, vec![answer])
        }
    }
}

/// Notes what becomes of a fixed answer. An error's status says the same without its body; the body of
/// a success is what the client asked for.
fn note_answer(respond: &Respond, findings: &mut Findings) {
    let status = respond.status;
    let is_known = matches!(status, 200..=208 | 226 | 300..=305 | 307 | 308 | 400..=418 | 421..=426
        | 428 | 429 | 431 | 451 | 500..=508 | 510 | 511);
    if !is_known {
        findings.refuse(format!(
            "Traefik cannot answer the status {status}, which has no name"
        ));
    } else if respond.body.is_some() && status < 400 {
        findings.refuse(format!("Traefik cannot answer {status} with a body"));
    } else if !matches!(status, 204 | 304) {
        findings.degrade(format!(
            "the body of the answer {status} is the name of the status"
        ));
    }
}

/// Adds the middlewares of all requests that go to a version of the policy.
fn forwarded(policy: &PolicyModel, parts: &mut Parts, findings: &mut Findings) {
    let spec = &policy.spec;
    let mut request: BTreeMap<&str, &str> = re2::set(spec.request_headers.as_deref()).collect();
    // An empty value removes.
    request.extend(re2::removed(spec.request_headers.as_deref()).map(|name| (name, "")));
    if let Some(HostHeader::Fixed(host)) = spec.host_header.as_deref() {
        request.insert("Host", host.as_str());
    }
    let mut response: BTreeMap<&str, &str> = re2::set(spec.response_headers.as_deref()).collect();
    response.extend(re2::removed(spec.response_headers.as_deref()).map(|name| (name, "")));
    let mut headers = json!({});
    if !request.is_empty() {
        headers["customRequestHeaders"] = json!(request);
    }
    if !response.is_empty() {
        headers["customResponseHeaders"] = json!(response);
    }
    if !request.is_empty() || !response.is_empty() {
        let name = format!("{}~~headers", key(policy));
        parts.middlewares.insert(name, json!({"headers": headers}));
    }
    if let Some(retry) = retry(policy, findings) {
        let name = format!("{}~~retry", key(policy));
        parts.middlewares.insert(name, json!({"retry": retry}));
    }
}

fn retry(policy: &PolicyModel, findings: &mut Findings) -> Option<Value> {
    let retries = policy.spec.retries.as_deref()?;
    // Traefik counts the first time too.
    let mut retry = json!({"attempts": u32::from(retries.attempts) + 1});
    let has = |on| retries.on.contains(&on);
    if has(RetryOn::GatewayError) || has(RetryOn::Reset) {
        let all = ["502", "503", "504"];
        let count = if has(RetryOn::GatewayError) {
            all.len()
        } else {
            1
        };
        retry["status"] = json!(all[..count]);
        retry["retryNonIdempotentMethod"] = json!(true);
        if retries.on.len() < RetryOn::ALL.len() {
            findings.degrade("Traefik takes connections that fail or end early for the status 502: it retries all three or none");
        }
    }
    Some(retry)
}

/// Adds the routers of a claim.
fn claim_routers(policy: &PolicyModel, claim: &Claim<'_>, ways: &[Way], parts: &mut Parts) {
    let path = if ways.iter().any(|way| way.is_forwarded) {
        path_middlewares(policy, claim, parts)
    } else {
        Vec::new()
    };
    let of_policy = ["headers", "retry"].map(|part| format!("{}~~{part}", key(policy)));
    let is_there = |name: &String| parts.middlewares.contains_key(name);
    let on_the_way: Vec<_> = path
        .into_iter()
        .chain(of_policy.into_iter().filter(is_there))
        .collect();
    for (at, way) in ways.iter().enumerate() {
        let before = if way.is_forwarded {
            on_the_way.clone()
        } else {
            Vec::new()
        };
        let (name, mut router) = router(policy, claim, way, before);
        router["priority"] = json!(priority(claim, ways.len() - at));
        parts.routers.insert(name, router);
    }
}

/// How many ways of one policy have a priority of their own. Only ways of explicit versions may be
/// more, and a request comes by one of these at most.
const WAYS: usize = 1 << 15;
/// How many numbers of segments a path prefix can have: each takes two of its 512 bytes.
const SEGMENTS: usize = 1 << 9;
/// The most labels that a host of at most 253 bytes can have. The base of a wildcard has fewer.
const LABELS: usize = 127;

/// Returns the priority of a way of a claim, after which `left` - 1 come. It does not depend on
/// other policies: of two wildcards that take a host the longer has more labels, and of two
/// prefixes that take a path the longer has more segments. It is less than 2³¹, which is what
/// Traefik has on small machines.
fn priority(claim: &Claim<'_>, left: usize) -> usize {
    let wildcard = claim.hosts.iter().find(|host| host.is_wildcard());
    let labels = wildcard.map_or(LABELS, |host| {
        host.base().split('.').count().min(LABELS - 1)
    });
    let segments = claim
        .prefix
        .as_str()
        .split('/')
        .filter(|one| !one.is_empty());
    let segments = segments.count().min(SEGMENTS - 1);
    (labels * SEGMENTS + segments) * WAYS + left.min(WAYS - 1)
}

fn router(
    policy: &PolicyModel,
    claim: &Claim<'_>,
    way: &Way,
    mut middlewares: Vec<String>,
) -> (String, Value) {
    middlewares.extend(way.middlewares.iter().cloned());
    let rule: Vec<_> = matching::claim(claim)
        .into_iter()
        .chain(way.conditions.iter().cloned())
        .collect();
    let mut router = json!({
        "entryPoints": ["web"],
        "rule": rule.join(" && "),
        "service": way.service,
    });
    if !middlewares.is_empty() {
        router["middlewares"] = json!(middlewares);
    }
    // The first host tells the groups of hosts apart.
    let host = claim.hosts.first().map_or("", |host| host.as_str());
    let name = format!("{}~{}~{host}~{}", key(policy), claim.prefix_at, way.name);
    (name, router)
}

/// Returns the middlewares that change the path of a claim's requests, before the base path of a
/// version.
fn path_middlewares(policy: &PolicyModel, claim: &Claim<'_>, parts: &mut Parts) -> Vec<String> {
    let Some(rewrite) = &policy.spec.rewrite else {
        return Vec::new();
    };
    let before = rewrite
        .prefix
        .as_ref()
        .map_or("", PathPrefix::as_str)
        .trim_end_matches('/');
    let prefix = claim.prefix.as_str();
    let name = format!("{}~~path-{}", key(policy), claim.prefix_at);
    if rewrite.strip_prefix && prefix != "/" {
        // Traefik's own stripping leaves a `/` behind the base path when nothing else is left.
        let regex = format!("^{}(/.*)?$", re2::literal(prefix));
        parts
            .middlewares
            .insert(name.clone(), replaced(&regex, before));
        parts.is_cleaned = true;
        return vec![name, CLEAN.to_owned()];
    }
    if before.is_empty() {
        return Vec::new();
    }
    parts
        .middlewares
        .insert(name.clone(), json!({"addPrefix": {"prefix": before}}));
    vec![name]
}

/// Returns the middleware that replaces a matching path by a text and the first group.
fn replaced(regex: &str, before: &str) -> Value {
    let replacement = format!("{}${{1}}", before.replace('$', "$$"));
    json!({"replacePathRegex": {"regex": regex, "replacement": replacement}})
}
