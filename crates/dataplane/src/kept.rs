//! What renderers keep of each policy.

use std::{cmp::Ordering, sync::Arc};

use sha2::{Digest as _, Sha256};

use crate::{
    model::{Model, PolicyModel},
    report::{Findings, PolicyReport, Report},
};

/// Where a policy's texts belong: 60 bits of the SHA-256 of the policy's name. Two of a million
/// policies have the same place with a probability of 1 in 2,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place(u64);

impl Place {
    /// Returns the place for a name of several parts.
    pub(crate) fn of<'a>(name: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in name {
            hash.update(part);
            hash.update(b"/");
        }
        let mut place = 0;
        for byte in &hash.finalize()[..8] {
            place = place << 8 | u64::from(*byte);
        }
        Self(place >> 4)
    }

    /// Returns the place of a policy.
    pub(crate) fn of_policy(policy: &PolicyModel) -> Self {
        let name = [
            policy.tenant.as_str(),
            policy.name.service.as_str(),
            policy.name.env.as_str(),
        ];
        Self::of(name.map(str::as_bytes))
    }

    /// Returns the place as a number from 0 to `count` - 1.
    pub(crate) fn among(self, count: usize) -> usize {
        usize::try_from(self.0 % count as u64).unwrap_or_default()
    }

    /// Whether a block begins with the policy: every 64th one begins one.
    pub(crate) const fn begins_block(self) -> bool {
        self.0 >> 54 == 0
    }

    /// Returns the place as 12 letters and digits.
    pub(crate) fn text(self) -> String {
        let digit =
            |at: u32| char::from(b"0123456789abcdefghijklmnopqrstuv"[(self.0 >> at & 31) as usize]);
        (0..12).rev().map(|at| digit(5 * at)).collect()
    }
}

/// A policy with what was made of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry<T> {
    /// The policy.
    pub policy: Arc<PolicyModel>,
    /// What became of it.
    pub report: Arc<PolicyReport>,
    /// Where its texts belong.
    pub place: Place,
    /// What was made of it.
    pub made: T,
}

/// What was made of all policies, in the order of the model.
#[derive(Debug, Clone)]
pub(crate) struct Kept<T> {
    entries: Vec<Entry<T>>,
}

/// How two models differ.
pub(crate) struct Changes<T> {
    /// The policies that are no longer there, or were otherwise.
    pub gone: Vec<Entry<T>>,
    /// The indexes of the policies that were not there, or are otherwise.
    pub come: Vec<usize>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
        }
    }
}

impl<T> Kept<T> {
    /// Returns the policies.
    pub(crate) fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }

    /// Returns the policies.
    pub(crate) fn entries_mut(&mut self) -> &mut [Entry<T>] {
        &mut self.entries
    }

    /// Returns what became of the policies.
    pub(crate) fn report(&self) -> Report {
        let entries = self.entries.iter();
        entries.map(|entry| entry.report.clone()).collect()
    }

    /// Returns roughly how many bytes the policies take, without the texts of renderers.
    pub(crate) fn weight(&self) -> usize {
        let weight = |entry: &Entry<T>| {
            size_of::<Entry<T>>() + entry.policy.weight() + entry.report.weight()
        };
        self.entries.iter().map(weight).sum()
    }

    /// Takes over the policies of a model. `make` is called for those that are not the same as
    /// before, with what was made of the policy of that name.
    pub(crate) fn take(
        &mut self,
        model: &Model,
        mut make: impl FnMut(&PolicyModel, Place, Option<&T>) -> (T, Findings),
    ) -> Changes<T> {
        let before = std::mem::replace(&mut self.entries, Vec::with_capacity(model.policies.len()));
        let mut before = before.into_iter().peekable();
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for policy in &model.policies {
            let is_same = |old: &Entry<T>| Arc::ptr_eq(&old.policy, policy);
            if let Some(same) = before.next_if(is_same) {
                self.entries.push(same);
                continue;
            }
            while let Some(old) = before.next_if(|old| named(&old.policy, policy).is_lt()) {
                gone.push(old);
            }
            if let Some(same) = before.next_if(is_same) {
                self.entries.push(same);
                continue;
            }
            let old = before.next_if(|old| named(&old.policy, policy).is_eq());
            let place = match &old {
                Some(old) => old.place,
                None => Place::of_policy(policy),
            };
            let (made, findings) = make(policy, place, old.as_ref().map(|old| &old.made));
            gone.extend(old);
            come.push(self.entries.len());
            self.entries.push(Entry {
                policy: policy.clone(),
                report: findings.report(policy),
                place,
                made,
            });
        }
        gone.extend(before);
        Changes { gone, come }
    }
}

fn named(one: &PolicyModel, other: &PolicyModel) -> Ordering {
    (&one.tenant, &one.name).cmp(&(&other.tenant, &other.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_has_a_text_of_twelve_letters_and_digits() {
        let place = Place::of([b"acme".as_slice(), b"shop", b"prod"]);
        assert_eq!(place.text().len(), 12);
        assert_ne!(place, Place::of([b"acme".as_slice(), b"shopprod", b""]));
        assert!((0..200).all(|count| place.among(count + 1) <= count));
    }
}
