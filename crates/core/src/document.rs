//! A tenant, or a part of it, as one document: for repositories, exports and plans.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, SeqAccess, Visitor},
};

use super::{
    Invalid, given,
    ids::{EnvName, PolicyName, RouteName, ServiceName, VersionName},
    plan::Content,
    policy::{
        HeaderEdits, HeaderName, Host, HostHeader, MAX_PARTS, Mirror, PathPrefix, PolicySpec,
        Retries, Rewrite, Rule, Share, StickyBy, TimeoutMs, json,
    },
    route::{Description, Labels, RouteSpec, RouteUrl},
    snapshot::Scope,
};

/// Checks of a document or of many changes stop after more errors than this, because the caller
/// does not get more.
pub const MAX_TOLD: usize = 20;

/// The document. An export is sorted and has every member, so the same state gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The part of the tenant that the document describes.
    pub scope: Scope,
    /// Whether objects in the scope that the document does not name are removed.
    pub prune: bool,
    /// The routes of the scope.
    pub routes: Vec<RouteDoc>,
    /// The traffic policies of the scope.
    pub policies: Vec<PolicyDoc>,
}

/// A route of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteDoc {
    /// The service's name.
    pub service: ServiceName,
    /// The environment's name.
    pub env: EnvName,
    /// The version's name.
    pub version: VersionName,
    /// The target of the route's traffic.
    #[serde(deserialize_with = "given::text")]
    pub url: RouteUrl,
    /// Whether traffic may go to the route; true if absent.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Free-form labels; none if absent.
    #[serde(default, deserialize_with = "given::labels")]
    pub labels: Labels,
    /// A description for people.
    #[serde(default, deserialize_with = "given::optional_text")]
    pub description: Option<Description>,
}

fn yes() -> bool {
    true
}

/// Reads a list of at most [`MAX_PARTS`] items. Reading stops at the limit, because a short item
/// takes many times its length in memory.
pub fn parts<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Parts<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Parts<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MAX_PARTS {
                    return Err(A::Error::custom(format!("too many: at most {MAX_PARTS}")));
                }
                list.push(item);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(Parts(PhantomData))
}

/// A traffic policy of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDoc {
    /// The service's name.
    pub service: ServiceName,
    /// The environment's name.
    pub env: EnvName,
    /// The policy's hosts, see [`PolicySpec::hosts`].
    #[serde(default, deserialize_with = "parts")]
    pub hosts: Vec<Host>,
    /// The policy's first path prefix.
    #[serde(default)]
    pub path_prefix: Option<PathPrefix>,
    /// The policy's path prefixes if there are several, see [`PolicySpec::path_prefixes`].
    #[serde(
        default,
        deserialize_with = "parts",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub path_prefixes: Vec<PathPrefix>,
    /// The policy's split, see [`PolicySpec::split`].
    #[serde(default, deserialize_with = "parts")]
    pub split: Vec<Share>,
    /// The policy's failover versions, see [`PolicySpec::failover`].
    #[serde(default, deserialize_with = "parts")]
    pub failover: Vec<VersionName>,
    /// The policy's rules, see [`PolicySpec::rules`].
    #[serde(default, deserialize_with = "parts")]
    pub rules: Vec<Rule>,
    /// The source of the sticky key, see [`PolicySpec::sticky_by`].
    #[serde(default)]
    pub sticky_by: Option<StickyBy>,
    /// See [`PolicySpec::version_header`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_header: Option<HeaderName>,
    /// See [`PolicySpec::rewrite`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Box<Rewrite>>,
    /// See [`PolicySpec::host_header`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_header: Option<Box<HostHeader>>,
    /// See [`PolicySpec::timeout_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<TimeoutMs>,
    /// See [`PolicySpec::retries`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Box<Retries>>,
    /// See [`PolicySpec::request_headers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<Box<HeaderEdits>>,
    /// See [`PolicySpec::response_headers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<Box<HeaderEdits>>,
    /// See [`PolicySpec::mirror`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Box<Mirror>>,
}

impl RouteDoc {
    /// Returns the name and the spec of the route.
    pub fn into_route(self) -> (RouteName, RouteSpec) {
        let Self {
            service,
            env,
            version,
            url,
            is_active,
            labels,
            description,
        } = self;
        (
            RouteName {
                service,
                env,
                version,
            },
            RouteSpec {
                description,
                is_active,
                labels,
                url,
            },
        )
    }
}

impl PolicyDoc {
    /// Whether the policy has a path prefix.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        let of = |own: &PathPrefix| own.as_str() == prefix;
        match &self.path_prefix {
            None if self.path_prefixes.is_empty() => of(&PathPrefix::default()),
            one => one.iter().chain(&self.path_prefixes).any(of),
        }
    }

    /// Returns the name and the checked spec of the policy; the errors name its members.
    pub fn into_policy(self) -> Result<(PolicyName, PolicySpec), Vec<(String, Invalid)>> {
        let Self {
            service,
            env,
            hosts,
            path_prefixes,
            path_prefix,
            split,
            failover,
            rules,
            sticky_by,
            version_header,
            rewrite,
            host_header,
            timeout_ms,
            retries,
            request_headers,
            response_headers,
            mirror,
        } = self;
        let path_prefixes = json::prefixes(path_prefix, Some(path_prefixes))
            .map_err(|invalid| vec![("/path_prefix".to_owned(), invalid)])?;
        let spec = PolicySpec {
            failover,
            host_header,
            hosts,
            mirror,
            path_prefixes,
            request_headers,
            response_headers,
            retries,
            rewrite,
            rules,
            split,
            sticky_by,
            timeout_ms,
            version_header,
        }
        .checked()?;
        Ok((PolicyName { service, env }, spec))
    }
}

impl Document {
    /// Makes a document of everything in a scope.
    pub fn of(scope: Scope, content: &Content) -> Self {
        let route = |(name, spec): (&RouteName, &RouteSpec)| RouteDoc {
            service: name.service.clone(),
            env: name.env.clone(),
            version: name.version.clone(),
            url: spec.url.clone(),
            is_active: spec.is_active,
            labels: spec.labels.clone(),
            description: spec.description.clone(),
        };
        let policy = |(name, spec): (&PolicyName, &PolicySpec)| PolicyDoc {
            service: name.service.clone(),
            env: name.env.clone(),
            hosts: spec.hosts.clone(),
            path_prefix: spec.path_prefixes.first().cloned(),
            path_prefixes: match spec.path_prefixes.as_slice() {
                [_] => Vec::new(),
                several => several.to_vec(),
            },
            split: spec.split.clone(),
            failover: spec.failover.clone(),
            rules: spec.rules.clone(),
            sticky_by: spec.sticky_by.clone(),
            version_header: spec.version_header.clone(),
            rewrite: spec.rewrite.clone(),
            host_header: spec.host_header.clone(),
            timeout_ms: spec.timeout_ms,
            retries: spec.retries.clone(),
            request_headers: spec.request_headers.clone(),
            response_headers: spec.response_headers.clone(),
            mirror: spec.mirror.clone(),
        };
        let (routes, policies) = (
            content.routes.iter().map(route).collect(),
            content.policies.iter().map(policy).collect(),
        );
        Self {
            scope,
            prune: true,
            routes,
            policies,
        }
    }

    /// Returns the routes and policies of the document. Each must be named once and be in the
    /// document's scope; the errors name their places.
    pub fn content(self) -> Result<Content, Vec<(String, Invalid)>> {
        let (mut content, mut errors) = (
            Content {
                routes: BTreeMap::new(),
                policies: BTreeMap::new(),
            },
            Vec::new(),
        );
        let outside = || Invalid::new("not_in_scope", "is not in the scope of the document");
        let twice = || Invalid::new("duplicate", "is there already");
        for (at, route) in self.routes.into_iter().enumerate() {
            if errors.len() > MAX_TOLD {
                return Err(errors);
            }
            let (name, spec) = route.into_route();
            if !self.scope.has(&name.service, &name.env) {
                errors.push((format!("/routes/{at}"), outside()));
            }
            if content.routes.insert(name, spec).is_some() {
                errors.push((format!("/routes/{at}"), twice()));
            }
        }
        for (at, policy) in self.policies.into_iter().enumerate() {
            if errors.len() > MAX_TOLD {
                return Err(errors);
            }
            match policy.into_policy() {
                Ok((name, _)) if !self.scope.has(&name.service, &name.env) => {
                    errors.push((format!("/policies/{at}"), outside()))
                }
                Ok((name, spec)) => {
                    if content.policies.insert(name, spec).is_some() {
                        errors.push((format!("/policies/{at}"), twice()));
                    }
                }
                Err(wrong) => errors.extend(
                    wrong
                        .into_iter()
                        .map(|(member, e)| (format!("/policies/{at}{member}"), e)),
                ),
            }
        }
        if errors.is_empty() {
            Ok(content)
        } else {
            Err(errors)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(routes: serde_json::Value, scope: serde_json::Value) -> Document {
        serde_json::from_value(
            json!({"scope": scope, "prune": true, "routes": routes, "policies": []}),
        )
        .unwrap()
    }

    #[test]
    fn exported_document_reads_back_as_the_same_content() {
        let routes = json!([
            {"service": "b", "env": "e", "version": "v", "url": "http://b", "labels": {"x": "1"}},
            {"service": "a", "env": "e", "version": "v", "url": "http://a", "is_active": false, "description": "d"},
        ]);
        let content = document(routes, json!({})).content().unwrap();
        let exported = Document::of(Scope::default(), &content);
        assert_eq!(exported.routes[0].service.as_str(), "a");
        assert_eq!(exported.content().unwrap(), content);
    }

    #[test]
    fn duplicates_and_routes_out_of_scope_are_named() {
        let route = |service: &str| json!({"service": service, "env": "e", "version": "v", "url": "http://a"});
        let errors = document(
            json!([route("a"), route("a"), route("b")]),
            json!({"service": "a"}),
        )
        .content()
        .unwrap_err();
        let codes: Vec<_> = errors
            .iter()
            .map(|(pointer, invalid)| (pointer.as_str(), invalid.code))
            .collect();
        assert_eq!(
            codes,
            [("/routes/1", "duplicate"), ("/routes/2", "not_in_scope")]
        );
    }

    #[test]
    fn document_route_defaults_to_active_and_scope_is_checked() {
        let routes = json!([{"service": "a", "env": "e", "version": "v", "url": "http://a"}]);
        let policy = |env: &str| json!({"service": "a", "env": env, "failover": ["v"]});
        let document = |policies| -> Document {
            let all = json!({"scope": {"env": "e"}, "prune": true, "routes": routes, "policies": policies});
            serde_json::from_value(all).unwrap()
        };
        let content = document(json!([policy("e")])).content().unwrap();
        assert!(content.routes.values().all(|spec| spec.is_active) && content.policies.len() == 1);
        let errors = document(json!([policy("e"), policy("f"), policy("e")]))
            .content()
            .unwrap_err();
        let codes: Vec<_> = errors
            .iter()
            .map(|(pointer, invalid)| (pointer.as_str(), invalid.code))
            .collect();
        assert_eq!(
            codes,
            [
                ("/policies/1", "not_in_scope"),
                ("/policies/2", "duplicate")
            ]
        );
    }
}
