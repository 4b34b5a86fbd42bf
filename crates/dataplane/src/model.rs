//! The compiled model: what every dialect renders. Versions are resolved to addresses, splits to
//! slots, inactive versions to those that replace them.
//!
//! Precedence, the same everywhere: an exact host before a wildcard, a longer wildcard before a
//! shorter one; within a host a longer path prefix before a shorter one; within a policy an explicit
//! version, then the rules in their order, then the split.

mod compile;

pub use self::compile::Compiler;

use std::{collections::BTreeMap, sync::Arc};

use traffic_manager_core::{
    ids::{PolicyName, TenantName, VersionName},
    policy::{
        Host, Matching, PathPrefix, PolicySpec, Redirect, Respond,
        choice::{Asked, Choice},
        pattern::Patterns,
        shares::{self, SLOTS},
    },
    tag::{Revision, VersionTag},
};

/// The policies of one or several tenants, compiled.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The tenants with the version tags of what was compiled of each, in the order of their
    /// names.
    pub sources: Vec<(TenantName, VersionTag)>,
    /// The policies, in the order of tenant, service and environment. Policies without hosts are
    /// here too: a proxy has nothing to route to them by.
    pub policies: Vec<Arc<PolicyModel>>,
}

/// A policy, compiled.
#[derive(Debug, Clone)]
pub struct PolicyModel {
    /// The policy's tenant.
    pub tenant: TenantName,
    /// The policy's service and environment.
    pub name: PolicyName,
    /// The revision of the policy's last change.
    pub revision: Revision,
    /// The policy as it was written: hosts, prefixes, and what happens to requests on their way.
    pub spec: PolicySpec,
    /// The active versions of the service in the environment, in the order of their names. All
    /// other indexes point into this list.
    pub upstreams: Vec<Upstream>,
    /// The rules, in their order.
    pub rules: Vec<RuleModel>,
    /// Where requests go that no rule takes.
    pub default: Action,
    /// The version that gets copies, if it is active, and the share of copies in 1/10 000.
    pub mirror: Option<(usize, u16)>,
}

/// A rule, compiled.
#[derive(Debug, Clone)]
pub struct RuleModel {
    /// The rule's name.
    pub name: String,
    /// The requests that it takes.
    pub matching: Matching,
    /// Where they go.
    pub action: Action,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// To versions, by slots. The slots add up to [`SLOTS`]; no two neighbours have the same
    /// version. One target has all slots.
    To(Vec<Target>),
    /// The client is sent to another address.
    Redirect(Redirect),
    /// The proxy answers by itself.
    Respond(Respond),
    /// Nowhere: no version that could take them is active. The proxy answers 503.
    Nowhere,
}

/// A version that gets a run of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The version, an index of [`PolicyModel::upstreams`].
    pub upstream: usize,
    /// How many slots, at least 1.
    pub slots: u32,
}

/// The address of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The version's name.
    pub version: VersionName,
    /// Whether the connection is TLS.
    pub is_tls: bool,
    /// The DNS name or the address, without brackets.
    pub host: String,
    /// Whether `host` is an IP address.
    pub is_address: bool,
    /// The port, also if the URL has none.
    pub port: u16,
    /// The `Host` header for the URL: the host, in brackets for IPv6, with the port if it is not
    /// the scheme's own.
    pub authority: String,
    /// The URL's path without a `/` at its end; empty for `/`. Goes before the path of requests.
    pub base: String,
    /// The URL's query, which no proxy can send with each request.
    pub query: Option<String>,
}

impl Upstream {
    /// Returns `host:port`, the host in brackets for IPv6.
    pub fn host_and_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// What a host leads to: the policies of its path prefixes, the longest prefix first.
pub type OfHost<'a> = Vec<(&'a PathPrefix, &'a PolicyModel)>;

impl Model {
    /// Returns the hosts with the policies of their path prefixes, exact hosts first, then
    /// wildcards, longer ones before shorter ones.
    pub fn hosts(&self) -> Vec<(&Host, OfHost<'_>)> {
        let mut hosts: BTreeMap<&Host, OfHost<'_>> = BTreeMap::new();
        for policy in &self.policies {
            for (host, prefix) in policy.spec.claims() {
                hosts.entry(host).or_default().push((prefix, policy));
            }
        }
        let mut hosts: Vec<_> = hosts.into_iter().collect();
        for (_, of_host) in &mut hosts {
            of_host.sort_by(|(a, _), (b, _)| {
                let (a, b) = (a.as_str(), b.as_str());
                b.len().cmp(&a.len()).then_with(|| a.cmp(b))
            });
        }
        hosts.sort_by(|(a, _), (b, _)| {
            let rank = |host: &Host| (host.is_wildcard(), std::cmp::Reverse(host.base().len()));
            rank(a).cmp(&rank(b)).then_with(|| a.cmp(b))
        });
        hosts
    }

    /// Returns the policy that a request comes to.
    pub fn policy_for(&self, host: &str, path: &str) -> Option<&PolicyModel> {
        self.hosts()
            .into_iter()
            .filter(|(claimed, _)| claimed.covers(host))
            .flat_map(|(_, of_host)| of_host)
            .find(|(prefix, _)| prefix.has(path))
            .map(|(_, policy)| policy)
    }

    /// Returns the tags of these tenants in a version of a model; `None` for a tenant that is not in it. What
    /// comes after a `~` is not the model's.
    pub fn tags_of(version: &str, tenants: &[&TenantName]) -> Vec<Option<VersionTag>> {
        let version = version.split('~').next().unwrap_or_default();
        let tag_of = |tenant: &TenantName| {
            let named = |part: &str| {
                let tag = part.strip_prefix(tenant.as_str())?.strip_prefix('=')?;
                tag.parse().ok()
            };
            version.split(',').find_map(named)
        };
        match tenants {
            // The version of one tenant's model does not name it.
            [only] => vec![version.parse().ok().or_else(|| tag_of(only))],
            several => several.iter().map(|tenant| tag_of(tenant)).collect(),
        }
    }

    /// Returns a text that differs when anything differs that was compiled: the sources' tags.
    pub fn version(&self) -> String {
        let tags: Vec<_> = self
            .sources
            .iter()
            .map(|(tenant, tag)| format!("{tenant}={}.{}", tag.epoch, tag.revision))
            .collect();
        match self.sources.as_slice() {
            [(_, tag)] => format!("{}.{}", tag.epoch, tag.revision),
            _ => tags.join(","),
        }
    }
}

impl PolicyModel {
    /// Returns the policy's name for messages and identifiers: `tenant/service/env`.
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.tenant, self.name.service, self.name.env)
    }

    /// Returns roughly how many bytes the policy takes.
    pub(crate) fn weight(&self) -> usize {
        let spec = &self.spec;
        let hosts = spec.hosts.iter().map(|host| host.as_str().len() + 24);
        let prefixes = spec.path_prefixes.iter();
        let prefixes = prefixes.map(|prefix| prefix.as_str().len() + 24);
        let names: usize = hosts.chain(prefixes).sum();
        let upstreams = self.upstreams.iter().map(|upstream| {
            let texts = [&upstream.host, &upstream.authority, &upstream.base];
            size_of::<Upstream>() + texts.map(String::len).iter().sum::<usize>()
        });
        // A rule is here twice, as it was written and compiled, with its conditions.
        let rules = self.rules.len() * 2 * (size_of::<RuleModel>() + 256);
        let edits = spec.request_headers.iter().chain(&spec.response_headers);
        let edits = edits.flat_map(|edits| &edits.set);
        let edits = edits.map(|(name, value)| name.as_str().len() + value.as_str().len() + 96);
        let shares = spec.split.len() * 64;
        size_of::<Self>() + names + upstreams.sum::<usize>() + rules + edits.sum::<usize>() + shares
    }

    /// Chooses where a request goes, as a proxy does. Tests compare it with what `resolve` says.
    pub fn choose(&self, patterns: Option<&Patterns>, asked: &Asked, random: u64) -> Choice {
        let named = self
            .spec
            .version_header
            .as_ref()
            .and_then(|header| asked.headers.get(header.as_str()));
        if let Some(named) = named {
            let found = self
                .upstreams
                .iter()
                .find(|upstream| upstream.version.as_str() == named.trim());
            return match found {
                Some(upstream) => Choice::Version(upstream.version.clone()),
                None => {
                    Choice::NotThere(traffic_manager_core::policy::choice::VersionState::Missing)
                }
            };
        }
        let rule = self.rules.iter().enumerate().find(|(at, rule)| {
            let of_rule = patterns
                .map(|patterns| patterns.of_rule(*at))
                .unwrap_or_default();
            rule.matching.takes(asked, of_rule)
        });
        match rule.map_or(&self.default, |(_, rule)| &rule.action) {
            Action::Redirect(redirect) => Choice::Redirect(redirect.clone()),
            Action::Respond(respond) => Choice::Respond(respond.clone()),
            Action::Nowhere => Choice::Nowhere,
            Action::To(targets) => {
                let slot = match asked.key(&self.spec) {
                    Some(key) => shares::slot(key),
                    None => (random % u64::from(SLOTS)) as u32,
                };
                let mut end = 0;
                let target = targets.iter().find(|target| {
                    end += target.slots;
                    slot < end
                });
                target.map_or(Choice::Nowhere, |target| {
                    Choice::Version(self.upstreams[target.upstream].version.clone())
                })
            }
        }
    }
}
