//! What both kinds of files become first: one entry for each combination of a path and conditions.

use traffic_manager_core::{
    policy::{
        HeaderEdits, Host, HostHeader, Matching, PathPrefix, Redirect, Respond, Retries, StickyBy,
        TimeoutMs,
    },
    route::RouteUrl,
};

use crate::left::Origin;

/// Requests that another gateway treats alike.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The place in the file, for messages.
    pub origin: Origin,
    /// The wanted name of the policy's service.
    pub service: String,
    /// The wanted name of a rule.
    pub rule: String,
    /// The hosts; any host if empty.
    pub hosts: Vec<Host>,
    /// The paths.
    pub path: Path,
    /// The other conditions. Its `path` is empty.
    pub matching: Matching,
    /// How the other gateway orders entries: what comes before the host counts, and what comes
    /// after. The larger one is asked first; of equal ones, the first in the file.
    pub rank: (u64, Vec<u64>),
    /// What happens to the requests.
    pub action: Action,
    /// What happens to requests on their way.
    pub traffic: Traffic,
}

/// The condition on the path.
#[derive(Debug, Clone)]
pub enum Path {
    /// The path is this or below it.
    Prefix(PathPrefix),
    /// The path is exactly this.
    Exact(String),
    /// The pattern matches the whole path. All such paths are under the prefix.
    Regex(String, PathPrefix),
}

/// What happens to requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// They are shared between backends, at least one.
    Backends(Vec<Backend>),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The proxy answers.
    Respond(Respond),
}

/// An address that gets requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// The wanted name of the version.
    pub name: String,
    pub url: RouteUrl,
    pub weight: u64,
    /// The tags of the backend, as one text; empty if there are none.
    pub tags: String,
}

/// What happens to requests on their way to backends. A policy has it once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    pub strip_prefix: bool,
    pub prefix: Option<PathPrefix>,
    pub host_header: Option<HostHeader>,
    pub timeout_ms: Option<TimeoutMs>,
    pub retries: Option<Retries>,
    pub request_headers: Option<HeaderEdits>,
    pub response_headers: Option<HeaderEdits>,
    pub sticky_by: Option<StickyBy>,
    /// The backend that gets copies, and their share in 1/10 000.
    pub mirror: Option<(Backend, u16)>,
}

impl Entry {
    /// How exactly the entry names a host: 0 if it does not take it, 1 for any host, more for a
    /// wildcard and most for the name itself.
    pub fn takes_host(&self, host: Option<&Host>) -> usize {
        let Some(host) = host else {
            return usize::from(self.hosts.is_empty());
        };
        let exactness = |own: &Host| {
            if own == host {
                usize::MAX
            } else if own.is_wildcard() && is_under(host.base(), own.base(), host.is_wildcard()) {
                1 + own.base().len()
            } else {
                0
            }
        };
        let named = self.hosts.iter().map(exactness).max();
        named.unwrap_or(1)
    }

    /// Whether the entry takes every request under `prefix`.
    pub fn is_unconditional(&self, prefix: &PathPrefix) -> bool {
        matches!(&self.path, Path::Prefix(own) if own.has(prefix.as_str()))
            && self.matching.is_empty()
    }
}

/// Whether a wildcard over `base` takes `name`, or all names under it.
fn is_under(name: &str, base: &str, is_wildcard: bool) -> bool {
    let rest = name.strip_suffix(base);
    rest.is_some_and(|rest| rest.ends_with('.') || (is_wildcard && rest.is_empty()))
}
