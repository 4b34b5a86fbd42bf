//! The routes of one policy.

use std::collections::BTreeSet;

use traffic_manager_core::policy::{
    HostHeader, PathPrefix, Redirect, Respond, Retries, RetryOn, StickyBy,
};

use super::{
    edits, matching,
    messages::{
        DataSource, Denominator, Duration, FractionalPercent, RuntimeFractionalPercent,
        StringPattern,
        route::{
            Action as Does, ClusterSpecifier, ClusterWeight, DirectResponseAction, HashCookie,
            HashHeader, HashPolicy, HashSource, HeaderCondition, HostRewrite, RequestMirrorPolicy,
            RetryPolicy, Route, RouteAction, RouteMatch, WeightedCluster,
        },
    },
    paths,
};
use crate::{
    model::{Action, PolicyModel, Target},
    report::Findings,
};

/// The longest silence that a connection manager allows by default, in milliseconds.
const IDLE_MS: u32 = 300_000;

/// Returns the routes of a policy under one of its prefixes: explicit versions, rules, and the
/// default, which takes everything else. `clusters` are the names of the clusters of the policy's
/// upstreams.
pub(super) fn of_prefix(
    policy: &PolicyModel,
    prefix: &PathPrefix,
    clusters: &[&str],
    findings: &mut Findings,
) -> Vec<Route> {
    let to = Sender {
        policy,
        prefix,
        clusters,
    };
    edits::check(policy.spec.request_headers.as_deref(), findings);
    edits::check(policy.spec.response_headers.as_deref(), findings);
    let mut routes = Vec::new();
    if let Some(header) = &policy.spec.version_header {
        for (upstream, one) in policy.upstreams.iter().enumerate() {
            let named = StringPattern::Exact(one.version.as_str().to_owned());
            let matched =
                matching::with_header(prefix, header, HeaderCondition::StringMatch(named.into()));
            routes.push(to.version(matched, upstream, findings));
        }
        let matched = matching::with_header(prefix, header, HeaderCondition::PresentMatch(true));
        routes.push(problem(
            matched,
            404,
            "unknown_version",
            "No active version has this name",
        ));
    }
    for rule in &policy.rules {
        if let Some(matched) = matching::of_rule(prefix, &rule.matching, findings) {
            let mut route = to.does(matched, &rule.action, findings);
            route.name = format!("{} {}", policy.id(), rule.name);
            routes.push(route);
        }
    }
    routes.push(to.does(matching::under(prefix), &policy.default, findings));
    routes
}

/// Returns the route for requests that no policy takes.
pub(super) fn no_route() -> Route {
    problem(
        matching::under(&PathPrefix::default()),
        404,
        "no_route",
        "No policy takes this host and path",
    )
}

/// Returns the route for the requests of a policy that was refused.
pub(super) fn refused(prefix: &PathPrefix) -> Route {
    problem(
        matching::under(prefix),
        503,
        "policy_refused",
        "This proxy cannot do what the policy says",
    )
}

/// Returns an answer that tells a problem (RFC 9457). The title has no characters that JSON
/// escapes.
fn problem(matched: RouteMatch, status: u32, code: &str, title: &str) -> Route {
    let body = format!(r#"{{"title":"{title}","status":{status},"code":"{code}"}}"#);
    Route {
        name: code.to_owned(),
        response_headers_to_add: vec![edits::set("content-type", "application/problem+json")],
        ..answer(matched, status, Some(body))
    }
}

fn answer(matched: RouteMatch, status: u32, body: Option<String>) -> Route {
    let body = body.map(|text| DataSource {
        filename: None,
        inline_string: Some(text),
    });
    Route {
        matching: Some(matched),
        action: Some(Does::DirectResponse(DirectResponseAction { status, body })),
        ..Route::default()
    }
}

/// Envoy's own redirection puts the address together from parts and keeps the request's query; the
/// policy's address is sent as it is written.
fn redirect(matched: RouteMatch, redirect: &Redirect, findings: &mut Findings) -> Route {
    let Redirect { status, url } = redirect;
    if !url.as_str().bytes().all(|b| b.is_ascii_graphic()) {
        findings.refuse(format!(
            "The address {url} cannot be sent in a header: only ASCII characters can."
        ));
    }
    Route {
        response_headers_to_add: vec![edits::set("location", url.as_str())],
        ..answer(matched, u32::from(*status), None)
    }
}

fn respond(matched: RouteMatch, respond: &Respond, findings: &mut Findings) -> Route {
    let Respond { status, body } = respond;
    // RFC 9110 §15: these have no content.
    let is_bare = matches!(status, 204 | 205 | 304);
    if is_bare && body.is_some() {
        findings.degrade(format!("The answer {status} is sent without its body."));
    }
    let body = body
        .as_ref()
        .filter(|text| !is_bare && !text.as_str().is_empty());
    answer(
        matched,
        u32::from(*status),
        body.map(|text| text.as_str().to_owned()),
    )
}

/// Makes the routes to the versions of a policy under one of its prefixes.
struct Sender<'a> {
    policy: &'a PolicyModel,
    prefix: &'a PathPrefix,
    clusters: &'a [&'a str],
}

impl Sender<'_> {
    fn does(&self, matched: RouteMatch, action: &Action, findings: &mut Findings) -> Route {
        let mut route = match action {
            Action::To(targets) => self.to(matched, targets, findings),
            Action::Redirect(to) => redirect(matched, to, findings),
            Action::Respond(with) => respond(matched, with, findings),
            Action::Nowhere => {
                let title = "No version is active that could take the request";
                return problem(matched, 503, "no_active_version", title);
            }
        };
        route.name = self.policy.id();
        route
    }

    fn version(&self, matched: RouteMatch, upstream: usize, findings: &mut Findings) -> Route {
        let whole = Target { upstream, slots: 1 };
        let mut route = self.to(matched, &[whole], findings);
        route.name = self.policy.id();
        route
    }

    fn to(&self, matched: RouteMatch, targets: &[Target], findings: &mut Findings) -> Route {
        let spec = &self.policy.spec;
        let (request_headers_to_add, request_headers_to_remove) =
            edits::of(spec.request_headers.as_deref());
        let (response_headers_to_add, response_headers_to_remove) =
            edits::of(spec.response_headers.as_deref());
        let bases = targets
            .iter()
            .map(|target| self.policy.upstreams[target.upstream].base.as_str());
        let timeout = spec.timeout_ms.map_or(0, |timeout| timeout.0);
        let host_rewrite = match spec.host_header.as_deref() {
            None | Some(HostHeader::Upstream) => Some(HostRewrite::AutoHostRewrite(true)),
            Some(HostHeader::Keep) => None,
            Some(HostHeader::Fixed(host)) => {
                Some(HostRewrite::HostRewriteLiteral(host.as_str().to_owned()))
            }
        };
        let route = RouteAction {
            cluster: Some(self.cluster(targets)),
            append_x_forwarded_host: host_rewrite.is_some(),
            host_rewrite,
            timeout: Some(Duration::from_millis(timeout)),
            retry_policy: spec.retries.as_deref().map(retry_policy),
            hash_policy: self.hash_policy(targets),
            idle_timeout: (timeout > IDLE_MS).then(|| Duration::from_millis(timeout)),
            request_mirror_policies: self.mirror(targets, findings).into_iter().collect(),
            path_rewrite: paths::rewrite(spec.rewrite.as_deref(), self.prefix, bases),
        };
        Route {
            matching: Some(matched),
            action: Some(Does::Route(Box::new(route))),
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
            ..Route::default()
        }
    }

    fn cluster(&self, targets: &[Target]) -> ClusterSpecifier {
        if let [only] = targets {
            return ClusterSpecifier::Cluster(self.clusters[only.upstream].to_owned());
        }
        let clusters = targets
            .iter()
            .map(|target| ClusterWeight {
                name: self.clusters[target.upstream].to_owned(),
                weight: Some(target.slots),
            })
            .collect();
        ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters,
            use_hash_policy: self.policy.spec.sticky_by.is_some().then_some(true),
        })
    }

    fn hash_policy(&self, targets: &[Target]) -> Vec<HashPolicy> {
        let source = match &self.policy.spec.sticky_by {
            Some(StickyBy::Header(name)) => HashSource::Header(HashHeader {
                header_name: name.as_str().to_owned(),
            }),
            Some(StickyBy::Cookie(name)) => HashSource::Cookie(HashCookie {
                name: name.as_str().to_owned(),
            }),
            None => return Vec::new(),
        };
        if targets.len() == 1 {
            return Vec::new();
        }
        vec![HashPolicy {
            source: Some(source),
        }]
    }

    /// Envoy copies a request after its path was changed for the version that answers it.
    fn mirror(&self, targets: &[Target], findings: &mut Findings) -> Option<RequestMirrorPolicy> {
        let (at, share) = self.policy.mirror?;
        let upstreams = &self.policy.upstreams;
        let mirror = &upstreams[at];
        let other: BTreeSet<_> = targets
            .iter()
            .map(|target| &upstreams[target.upstream])
            .filter(|upstream| upstream.base != mirror.base)
            .map(|upstream| upstream.version.as_str())
            .collect();
        if !other.is_empty() {
            findings.degrade(format!(
                "Requests that may go to {} are not copied: Envoy copies with the path of the \
                 version that answers, and the URL of {} has another path.",
                other.into_iter().collect::<Vec<_>>().join(", "),
                mirror.version
            ));
            return None;
        }
        let host_rewrite_literal = match self.policy.spec.host_header.as_deref() {
            None | Some(HostHeader::Upstream) => mirror.authority.clone(),
            Some(HostHeader::Keep) => String::new(),
            Some(HostHeader::Fixed(host)) => host.as_str().to_owned(),
        };
        Some(RequestMirrorPolicy {
            cluster: self.clusters[at].to_owned(),
            runtime_fraction: Some(RuntimeFractionalPercent {
                default_value: Some(FractionalPercent {
                    numerator: u32::from(share),
                    denominator: Denominator::TenThousand.into(),
                }),
            }),
            disable_shadow_host_suffix_append: true,
            host_rewrite_literal,
        })
    }
}

/// Envoy's `gateway-error` would retry broken connections too, so the statuses are named.
fn retry_policy(retries: &Retries) -> RetryPolicy {
    let Retries {
        attempts,
        on,
        per_try_timeout_ms,
    } = retries;
    let names: Vec<_> = on
        .iter()
        .map(|failure| match failure {
            RetryOn::ConnectFailure => "connect-failure",
            RetryOn::GatewayError => "retriable-status-codes",
            RetryOn::Reset => "reset",
        })
        .collect();
    let statuses = if on.contains(&RetryOn::GatewayError) {
        vec![502, 503, 504]
    } else {
        Vec::new()
    };
    RetryPolicy {
        retry_on: names.join(","),
        num_retries: Some(u32::from(*attempts)),
        per_try_timeout: per_try_timeout_ms.map(|limit| Duration::from_millis(limit.0)),
        retriable_status_codes: statuses,
    }
}
