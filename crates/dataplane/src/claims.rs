//! The claims of a policy, and the order in which a proxy must try the claims of all policies.

use std::{cmp::Reverse, collections::BTreeMap};

use traffic_manager_core::policy::{Host, PathPrefix};

use crate::model::PolicyModel;

/// The place of a claim among all: exact hosts first, then longer wildcards before shorter ones; of
/// each the longest prefix first. A request belongs to the first claim that takes it. Claims of one
/// rank never take the same request, so their order does not matter.
pub(crate) type Rank = (Option<Reverse<usize>>, Reverse<usize>);

/// Hosts of one policy, with one of its path prefixes, that no other claim comes between.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    /// The hosts: all exact, or all wildcards of one length.
    pub hosts: Vec<&'a Host>,
    /// The path prefix.
    pub prefix: &'a PathPrefix,
    /// The index of the prefix in the policy's list.
    pub prefix_at: usize,
    /// The place among all claims.
    pub rank: Rank,
}

/// Returns the claims of a policy, in the order of their ranks.
pub(crate) fn of(policy: &PolicyModel) -> Vec<Claim<'_>> {
    let mut claims: BTreeMap<(Rank, usize), Claim<'_>> = BTreeMap::new();
    for host in &policy.spec.hosts {
        let wildcard = host.is_wildcard().then(|| Reverse(host.base().len()));
        for (prefix_at, prefix) in policy.spec.path_prefixes.iter().enumerate() {
            let rank = (wildcard, Reverse(prefix.as_str().len()));
            let claim = claims.entry((rank, prefix_at)).or_insert_with(|| Claim {
                hosts: Vec::new(),
                prefix,
                prefix_at,
                rank,
            });
            claim.hosts.push(host);
        }
    }
    claims.into_values().collect()
}
