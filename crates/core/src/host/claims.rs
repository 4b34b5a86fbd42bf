//! The claimed hosts that a group of commands needs to know.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Bound,
};

use super::Host;
use crate::{
    ids::{PolicyName, TenantName},
    policy::PathPrefix,
};

/// The policies that have the hosts of one base name, by wildcard flag and path prefix.
type OfBase = BTreeMap<(bool, PathPrefix), (TenantName, PolicyName)>;

/// The claims that are relevant to a group of commands: the claims of the tenants that its
/// transaction can see, and the hosts that overlap with hosts of other tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The claims by base name, its labels from right to left. So all names under a base are
    /// adjacent.
    held: BTreeMap<String, OfBase>,
    /// Hosts that overlap with a host of a tenant that the transaction cannot see.
    unseen: HashSet<Host>,
}

/// Returns the labels of a name from right to left: `com.example.shop`.
fn place(base: &str) -> String {
    base.rsplit('.').collect::<Vec<_>>().join(".")
}

impl Claims {
    /// Assigns a host with a path prefix to a policy.
    pub fn insert(
        &mut self,
        host: &Host,
        prefix: &PathPrefix,
        tenant: &TenantName,
        policy: &PolicyName,
    ) {
        let key = (host.is_wildcard(), prefix.clone());
        self.held
            .entry(place(host.base()))
            .or_default()
            .insert(key, (tenant.clone(), policy.clone()));
    }

    /// Removes a host with a path prefix from a policy. Does nothing if another policy has it by
    /// now.
    pub fn remove(
        &mut self,
        host: &Host,
        prefix: &PathPrefix,
        tenant: &TenantName,
        policy: &PolicyName,
    ) {
        let (place, key) = (place(host.base()), (host.is_wildcard(), prefix.clone()));
        let Some(here) = self.held.get_mut(&place) else {
            return;
        };
        if here
            .get(&key)
            .is_some_and(|holder| (&holder.0, &holder.1) == (tenant, policy))
        {
            here.remove(&key);
        }
        if here.is_empty() {
            self.held.remove(&place);
        }
    }

    /// Records that this host overlaps with a host of a tenant that the transaction cannot see.
    pub fn insert_unseen(&mut self, host: Host) {
        self.unseen.insert(host);
    }

    /// Returns the policy that has a host with a path prefix, and the policy's tenant.
    pub fn holder(&self, host: &Host, prefix: &PathPrefix) -> Option<&(TenantName, PolicyName)> {
        self.held
            .get(&place(host.base()))?
            .get(&(host.is_wildcard(), prefix.clone()))
    }

    /// Returns whether another tenant than `tenant` has a host that overlaps with `host`.
    pub fn is_taken_by_another(&self, host: &Host, tenant: &TenantName) -> bool {
        if self.unseen.contains(host) {
            return true;
        }
        let place = place(host.base());
        let above = place
            .match_indices('.')
            .filter_map(|(end, _)| self.held.get(&place[..end]));
        let is_under_anothers = above
            .flatten()
            .any(|((is_wildcard, _), (holder, _))| *is_wildcard && holder != tenant);
        let here = self.held.get(&place).into_iter().flatten();
        if is_under_anothers || here.into_iter().any(|(_, (holder, _))| holder != tenant) {
            return true;
        }
        host.is_wildcard() && self.under(&place).any(|holder| holder != tenant)
    }

    /// Returns the tenants that have names under a base.
    fn under(&self, place: &str) -> impl Iterator<Item = &TenantName> {
        // `/` is the next character after `.` in ASCII, so the range holds exactly the names under
        // the base.
        let (first, end) = (format!("{place}."), format!("{place}/"));
        let range = self.held.range::<str, _>((
            Bound::Included(first.as_str()),
            Bound::Excluded(end.as_str()),
        ));
        range.flat_map(|(_, claims)| claims.values().map(|(tenant, _)| tenant))
    }
}
