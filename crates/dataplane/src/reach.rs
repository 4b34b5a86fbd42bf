//! The versions that requests of a policy can come to. A version that nothing leads to needs no
//! place in a configuration, and cannot be a reason to refuse the policy.

use std::collections::BTreeSet;

use crate::model::{Action, PolicyModel};

/// Returns the versions, as indexes of [`PolicyModel::upstreams`], without the mirror's.
pub(crate) fn reached(policy: &PolicyModel) -> BTreeSet<usize> {
    if policy.spec.version_header.is_some() {
        return (0..policy.upstreams.len()).collect();
    }
    actions(policy)
        .filter_map(|action| match action {
            Action::To(targets) => Some(targets),
            Action::Redirect(_) | Action::Respond(_) | Action::Nowhere => None,
        })
        .flatten()
        .map(|target| target.upstream)
        .collect()
}

/// Returns the versions that requests or copies of them can come to, as indexes of
/// [`PolicyModel::upstreams`].
pub(crate) fn reached_or_mirrored(policy: &PolicyModel) -> BTreeSet<usize> {
    let mut reached = reached(policy);
    reached.extend(policy.mirror.map(|(upstream, _)| upstream));
    reached
}

/// Returns the actions of the rules, then the default one.
pub(crate) fn actions(policy: &PolicyModel) -> impl Iterator<Item = &Action> {
    policy
        .rules
        .iter()
        .map(|rule| &rule.action)
        .chain(std::iter::once(&policy.default))
}
