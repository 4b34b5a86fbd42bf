//! The hosts that are taken, as far as a group of commands has to know them.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Bound,
};

use super::Host;
use crate::domain::{
    ids::{PolicyName, TenantName},
    policy::PathPrefix,
};

/// Which policies have the hosts of one base: by wildcard and prefix.
type OfBase = BTreeMap<(bool, PathPrefix), (TenantName, PolicyName)>;

/// The claims that matter to a group: those of its tenants, and whether tenants that it does not see have something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// By the labels of the base from right to left, so that all names under a base stand together.
    held: BTreeMap<String, OfBase>,
    /// Hosts that overlap with one of a tenant that is not seen.
    unseen: HashSet<Host>,
}

/// The labels from right to left: `com.example.shop`.
fn place(base: &str) -> String {
    base.rsplit('.').collect::<Vec<_>>().join(".")
}

impl Claims {
    /// Gives a host with a path prefix to a policy.
    pub fn insert(&mut self, host: &Host, prefix: &PathPrefix, tenant: &TenantName, policy: &PolicyName) {
        let key = (host.is_wildcard(), prefix.clone());
        self.held.entry(place(host.base())).or_default().insert(key, (tenant.clone(), policy.clone()));
    }

    /// Takes a host with a path prefix from a policy. One that another policy has by now stays there.
    pub fn remove(&mut self, host: &Host, prefix: &PathPrefix, tenant: &TenantName, policy: &PolicyName) {
        let (place, key) = (place(host.base()), (host.is_wildcard(), prefix.clone()));
        let Some(here) = self.held.get_mut(&place) else { return };
        if here.get(&key).is_some_and(|holder| (&holder.0, &holder.1) == (tenant, policy)) {
            here.remove(&key);
        }
        if here.is_empty() {
            self.held.remove(&place);
        }
    }

    /// Notes that a tenant that is not seen has a host that overlaps with this one.
    pub fn insert_unseen(&mut self, host: Host) {
        self.unseen.insert(host);
    }

    /// The policy that has a host with a path prefix.
    pub fn holder(&self, host: &Host, prefix: &PathPrefix) -> Option<&(TenantName, PolicyName)> {
        self.held.get(&place(host.base()))?.get(&(host.is_wildcard(), prefix.clone()))
    }

    /// Whether another tenant than this one has a host that overlaps.
    pub fn is_taken_by_another(&self, host: &Host, tenant: &TenantName) -> bool {
        if self.unseen.contains(host) {
            return true;
        }
        let place = place(host.base());
        let above = place.match_indices('.').filter_map(|(end, _)| self.held.get(&place[..end]));
        let is_under_anothers = above.flatten().any(|((is_wildcard, _), (holder, _))| *is_wildcard && holder != tenant);
        let here = self.held.get(&place).into_iter().flatten();
        if is_under_anothers || here.into_iter().any(|(_, (holder, _))| holder != tenant) {
            return true;
        }
        host.is_wildcard() && self.under(&place).any(|holder| holder != tenant)
    }

    /// The tenants that have names under a place.
    fn under(&self, place: &str) -> impl Iterator<Item = &TenantName> {
        // `/` is the character after `.`.
        let (first, end) = (format!("{place}."), format!("{place}/"));
        let range = self.held.range::<str, _>((Bound::Included(first.as_str()), Bound::Excluded(end.as_str())));
        range.flat_map(|(_, claims)| claims.values().map(|(tenant, _)| tenant))
    }
}
