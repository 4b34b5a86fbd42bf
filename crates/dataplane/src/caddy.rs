//! Caddy: one JSON document, which an agent pushes with `POST /load`.
//!
//! ```text
//!  server tm ─► routes: dot segments 400 ─► host and prefix ─► invoke "tenant/service/env" ─► nothing 404
//!                                                  named route: explicit version ─► rules ─► split
//!                                                     invoke "tenant/service/env/version" ─► reverse_proxy
//! ```
//!
//! A named route per policy and per version keeps the document small: claims, rules and splits only
//! name them. A split compares the first four hexadecimal digits of the request's UUID, which are
//! random, with the borders of the slots. So shares are exact and by chance, and a version's path, host and
//! TLS may differ. Rejected: Caddy's own weighted choice (it needs an inner server for each version
//! that has another path, serves each version in one block, and begins anew with each load).
//!
//! Caddy matches cleaned paths and forwards them as they came, so paths with dot segments are
//! refused. A load of the document keeps the administration endpoint that the bootstrap opened.

mod bootstrap;
mod matching;
mod proxy;
mod split;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use traffic_manager_core::policy::Host;

pub use self::bootstrap::bootstrap;
use crate::{
    Settings,
    blocks::Blocks,
    body::Body,
    claims::{self, Claim, Rank},
    kept::Kept,
    model::{Action, Model, PolicyModel},
    re2,
    reach::reached_or_mirrored,
    report::{Findings, Report},
    text::members,
};

/// What is made of a policy.
#[derive(Debug, Clone)]
struct Made {
    /// The members of `named_routes`.
    named: Bytes,
    /// The routes of the claims.
    claims: Vec<(Rank, Bytes)>,
}

/// The document of one model after the other.
///
/// The route for all other hosts has the `@id` `tm-` and the model's version: `GET /id/tm-…` at
/// the administration endpoint tells whether the document is in use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    policies: Kept<Made>,
    named: Blocks,
    claims: BTreeMap<Rank, Blocks>,
}

impl Document {
    /// Takes over the policies of a model.
    pub(crate) fn take(&mut self, model: &Model, settings: &Settings) {
        let _ = self
            .policies
            .take(model, |policy, _, _| made(policy, settings));
    }

    /// Returns what became of the policies.
    pub(crate) fn report(&self) -> Report {
        self.policies.report()
    }

    /// Returns roughly how many bytes are kept.
    pub(crate) fn weight(&self) -> usize {
        let claims: usize = self.claims.values().map(Blocks::len).sum();
        self.policies.weight() + self.named.len() + claims
    }

    /// Returns the document.
    pub(crate) fn body(&mut self, version: &str, settings: &Settings) -> Body {
        self.join();
        // The members in the order of their names, as `document` and `server` have them.
        let mut body = Body::from(format!(
            r#"{{"admin":{},"apps":{{"http":{{"servers":{{"tm":{{{}"#,
            json!({"listen": settings.admin}),
            server_head(&settings.listen),
        ));
        if !self.named.as_slice().is_empty() {
            body.push(r#","named_routes":{"#);
            body.list(self.named.as_slice());
            body.push("}");
        }
        body.push(format!(r#","routes":[{}"#, dot_segments()));
        for claims in self.claims.values() {
            body.extend(claims.as_slice());
        }
        let nothing = json!({
            "@id": format!("tm-{version}"),
            "handle": [problem(404, "no_route", "No policy has this host and path")],
        });
        body.push(format!(",{nothing}]}}}}}}}}}}"));
        body
    }

    fn join(&mut self) {
        let (mut named, mut by_rank) = (Vec::new(), BTreeMap::<Rank, Vec<_>>::new());
        for entry in self.policies.entries_mut() {
            named.push((entry.place, &mut entry.made.named));
            for (rank, route) in &mut entry.made.claims {
                by_rank.entry(*rank).or_default().push((entry.place, route));
            }
        }
        self.named.join(named);
        self.claims.retain(|rank, _| by_rank.contains_key(rank));
        for (rank, routes) in by_rank {
            self.claims.entry(rank).or_default().join(routes);
        }
    }
}

fn made(policy: &PolicyModel, settings: &Settings) -> (Made, Findings) {
    let mut findings = Findings::default();
    let mut named = policy_routes(policy, settings, &mut findings);
    if findings.is_refused() {
        named.clear();
    }
    let route = |claim: &Claim<'_>| {
        let handler = if findings.is_refused() {
            problem(
                503,
                "policy_refused",
                "This proxy cannot take the policy of this host",
            )
        } else {
            invoke(named_policy(policy, claim.prefix_at))
        };
        let matcher = matching::claim(claim);
        let route = json!({"match": [matcher], "handle": [handler], "terminal": true});
        (claim.rank, Bytes::from(format!(",{route}")))
    };
    let made = Made {
        named: members(named),
        claims: claims::of(policy).iter().map(route).collect(),
    };
    (made, findings)
}

/// Returns the members of the server before the routes.
fn server_head(listen: &str) -> String {
    format!(
        r#""automatic_https":{},"listen":{}"#,
        json!({"disable": true}),
        json!([listen])
    )
}

/// Returns the route that refuses paths which a version would read as another path.
fn dot_segments() -> Value {
    json!({
        "match": [{"vars_regexp": {"{http.request.uri.path}": {"pattern": r"(?:^|/)\.\.?(?:/|$)"}}}],
        "handle": [{"handler": "static_response", "status_code": 400}],
        "terminal": true,
    })
}

/// Returns the named routes of a policy and of its versions. With stripping, what happens to a
/// request depends on the prefix by which it came, so there is a set for each prefix.
fn policy_routes(
    policy: &PolicyModel,
    settings: &Settings,
    findings: &mut Findings,
) -> Map<String, Value> {
    let mut named = Map::new();
    if policy.spec.hosts.is_empty() {
        findings.degrade("has no hosts: a proxy has nothing to route to it by");
        return named;
    }
    if policy.mirror.is_some() {
        findings.degrade("Caddy makes no copies of requests: the mirror gets nothing");
    }
    if let Some(header) = &policy.spec.version_header {
        matching::readable(header, findings);
    }
    let routes = |prefix_at| {
        let (mut routes, mut findings) = (Vec::new(), Findings::default());
        routes.extend(explicit(policy, prefix_at));
        for rule in &policy.rules {
            let matcher = matching::rule(&rule.matching, &mut findings);
            let handler = handler(policy, prefix_at, &rule.action);
            routes.push(json!({"match": [matcher], "handle": [handler], "terminal": true}));
        }
        routes.push(json!({"handle": [handler(policy, prefix_at, &policy.default)]}));
        (routes, findings)
    };
    for prefix_at in prefixes(policy) {
        for at in reached_or_mirrored(policy) {
            let upstream = &policy.upstreams[at];
            let proxy = proxy::handler(policy, upstream, prefix_at, settings, findings);
            let name = named_version(policy, upstream.version.as_str(), prefix_at);
            named.insert(name, json!({"handle": [proxy]}));
        }
        let (routes, found) = routes(prefix_at);
        findings.add(found);
        let route = json!({"handle": [{"handler": "subroute", "routes": routes}]});
        named.insert(named_policy(policy, prefix_at), route);
    }
    split::note(policy, findings);
    named
}

fn has_strip(policy: &PolicyModel) -> bool {
    let rewrite = policy.spec.rewrite.as_deref();
    rewrite.is_some_and(|rewrite| rewrite.strip_prefix)
}

fn prefixes(policy: &PolicyModel) -> std::ops::Range<usize> {
    0..if has_strip(policy) {
        policy.spec.path_prefixes.len()
    } else {
        1
    }
}

/// Returns the name of a policy's route. `#` is in no name of a service, environment or version.
fn named_policy(policy: &PolicyModel, prefix_at: usize) -> String {
    if has_strip(policy) {
        format!("{}#{prefix_at}", policy.id())
    } else {
        policy.id()
    }
}

fn named_version(policy: &PolicyModel, version: &str, prefix_at: usize) -> String {
    if has_strip(policy) {
        format!("{}/{version}#{prefix_at}", policy.id())
    } else {
        format!("{}/{version}", policy.id())
    }
}

/// Returns the routes for requests that name their version.
fn explicit(policy: &PolicyModel, prefix_at: usize) -> Vec<Value> {
    let Some(header) = policy
        .spec
        .version_header
        .as_ref()
        .map(|name| name.as_str())
    else {
        return Vec::new();
    };
    let route = |matcher: Value, handler: Value| json!({"match": [matcher], "handle": [handler], "terminal": true});
    let mut routes: Vec<_> = policy
        .upstreams
        .iter()
        .map(|upstream| {
            let pattern = format!("^{}$", re2::literal(upstream.version.as_str()));
            let name = named_version(policy, upstream.version.as_str(), prefix_at);
            route(
                json!({"header_regexp": {header: {"pattern": pattern}}}),
                invoke(name),
            )
        })
        .collect();
    let unknown = problem(404, "unknown_version", "No such version is active");
    routes.push(route(json!({"header": {header: []}}), unknown));
    routes
}

fn handler(policy: &PolicyModel, prefix_at: usize, action: &Action) -> Value {
    match action {
        Action::To(targets) => split::handler(policy, prefix_at, targets),
        Action::Redirect(redirect) => json!({
            "handler": "static_response",
            "headers": {"Location": [escaped(redirect.url.as_str())]},
            "status_code": redirect.status,
        }),
        Action::Respond(respond) => {
            let body = respond.body.as_ref().map_or("", |body| body.as_str());
            json!({
                "body": escaped(body),
                "handler": "static_response",
                "headers": {"Content-Type": ["text/plain; charset=utf-8"]},
                "status_code": respond.status,
            })
        }
        Action::Nowhere => problem(503, "no_active_version", "No version is active"),
    }
}

fn invoke(name: String) -> Value {
    json!({"handler": "invoke", "name": name})
}

fn problem(status: u16, code: &str, title: &str) -> Value {
    let body = json!({"title": title, "status": status, "code": code}).to_string();
    json!({
        "body": escaped(&body),
        "handler": "static_response",
        "headers": {"Content-Type": ["application/problem+json"]},
        "status_code": status,
    })
}

/// Returns a text that Caddy takes as it is, without placeholders.
fn escaped(text: &str) -> String {
    text.replace('{', r"\{").replace('}', r"\}")
}

/// Returns the matcher of hosts, which are all exact or all wildcards.
fn hosts(hosts: &[&Host]) -> (&'static str, Value) {
    if hosts.iter().any(|host| host.is_wildcard()) {
        let bases: Vec<_> = hosts.iter().map(|host| re2::literal(host.base())).collect();
        let pattern = format!(r"(?i)^.+\.(?:{})$", bases.join("|"));
        (
            "vars_regexp",
            json!({"{http.request.host}": {"pattern": pattern}}),
        )
    } else {
        let names: Vec<_> = hosts.iter().map(|host| host.as_str()).collect();
        ("host", json!(names))
    }
}
