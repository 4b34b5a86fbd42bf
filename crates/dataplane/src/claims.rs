//! The claims of all policies in the order in which a proxy must try them.

use std::{cmp::Reverse, collections::BTreeMap};

use traffic_manager_core::policy::{Host, PathPrefix};

use crate::model::{Model, PolicyModel};

/// Hosts of one policy, with one of its path prefixes, that no other claim comes between.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    /// The hosts: all exact, or all wildcards of one length.
    pub hosts: Vec<&'a Host>,
    /// The path prefix.
    pub prefix: &'a PathPrefix,
    /// The index of the prefix in the policy's list.
    pub prefix_at: usize,
    /// The policy.
    pub policy: &'a PolicyModel,
}

/// Returns the claims: exact hosts first, then longer wildcards before shorter ones; of each the
/// longest prefix first. The first claim that takes a request has its policy.
pub(crate) fn in_order(model: &Model) -> Vec<Claim<'_>> {
    let mut claims: BTreeMap<_, Claim<'_>> = BTreeMap::new();
    for (policy_at, policy) in model.policies.iter().enumerate() {
        for host in &policy.spec.hosts {
            let wildcard = host.is_wildcard().then(|| Reverse(host.base().len()));
            for (prefix_at, prefix) in policy.spec.path_prefixes.iter().enumerate() {
                let length = Reverse(prefix.as_str().len());
                let claim = claims
                    .entry((wildcard, length, policy_at, prefix_at))
                    .or_insert_with(|| Claim {
                        hosts: Vec::new(),
                        prefix,
                        prefix_at,
                        policy,
                    });
                claim.hosts.push(host);
            }
        }
    }
    claims.into_values().collect()
}
