//! The slots of a split: which keys go to which version.
//!
//! A key is one of [`SLOTS`] slots: the lowest bits of its XXH64 (seed 0). Each version has a run
//! of slots that is as long as its weight says; the runs stand in the order of the versions' names.
//! Envoy (`hash % sum of weights`, walked in order) and `HAProxy` (`xxh64,and(16383)`) compute the
//! same slot, so that `resolve` and both proxies choose the same version for the same key.

use xxhash_rust::xxh64::xxh64;

use super::{Share, choice::VersionState};
use crate::ids::VersionName;

/// The number of slots. A power of two, so that all hashes that end in the same bits agree.
pub const SLOTS: u32 = 16_384;

/// Returns the slot of a key.
pub fn slot(key: &str) -> u32 {
    // Less than `SLOTS`, so it fits.
    (xxh64(key.as_bytes(), 0) & u64::from(SLOTS - 1)) as u32
}

/// A run of slots that one version has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<'a> {
    /// The version that the weights give the run to.
    pub share: &'a Share,
    /// The version that takes the requests: the same, or the one that replaces it while it is not
    /// active.
    pub target: &'a VersionName,
    /// How many slots, at least 1.
    pub slots: u32,
}

/// Returns the runs of a split by its weights alone, in order. Their lengths add up to [`SLOTS`];
/// empty if no weight is more than 0.
pub fn by_weight(split: &[Share]) -> Vec<Run<'_>> {
    let mut shares: Vec<_> = split.iter().filter(|share| share.weight > 0).collect();
    shares.sort_by(|a, b| a.version.cmp(&b.version));
    let weights: Vec<u64> = shares.iter().map(|share| u64::from(share.weight)).collect();
    let slots = divided(SLOTS, &weights);
    shares
        .into_iter()
        .zip(slots)
        .map(|(share, slots)| Run {
            share,
            target: &share.version,
            slots,
        })
        .collect()
}

/// Divides a number of slots by weights: each border between two parts is rounded to the nearest
/// slot. Each part gets at least one slot, if there are enough.
fn divided(slots: u32, weights: &[u64]) -> Vec<u32> {
    let sum: u64 = weights.iter().sum::<u64>().max(1);
    let mut parts = Vec::with_capacity(weights.len());
    let (mut before, mut border) = (0_u64, 0_u64);
    for weight in weights {
        before += weight;
        let next = (before * u64::from(slots) + sum / 2) / sum;
        parts.push(u32::try_from(next - border).unwrap_or(0));
        border = next;
    }
    // A part that was rounded to nothing takes a slot of the largest part.
    for at in 0..parts.len() {
        if parts[at] > 0 {
            continue;
        }
        let largest = (0..parts.len())
            .rev()
            .max_by_key(|other| parts[*other])
            .filter(|other| parts[*other] > 1);
        if let Some(largest) = largest {
            parts[largest] -= 1;
            parts[at] = 1;
        }
    }
    parts
}

/// Returns the runs of a split with the states of the versions: the run of an inactive version
/// goes to the first active version of `failover`, or else to the active versions of the split, by
/// their weights. So only the keys of inactive versions move. Empty if no version can take them.
pub fn by_state<'a>(
    split: &'a [Share],
    failover: &'a [VersionName],
    state: impl Fn(&VersionName) -> VersionState,
) -> Vec<Run<'a>> {
    let is_active = |version: &VersionName| state(version) == VersionState::Active;
    let spare = failover.iter().find(|version| is_active(version));
    let runs = by_weight(split);
    let rest: Vec<_> = runs
        .iter()
        .filter(|run| is_active(run.target))
        .cloned()
        .collect();
    let weights: Vec<u64> = rest.iter().map(|run| u64::from(run.share.weight)).collect();
    let mut all: Vec<Run<'a>> = Vec::with_capacity(runs.len());
    for run in runs {
        match spare {
            _ if is_active(run.target) => all.push(run),
            Some(spare) => all.push(Run {
                target: spare,
                ..run
            }),
            None => {
                let parts = divided(run.slots, &weights);
                let part = |(taker, slots): (&Run<'a>, u32)| Run {
                    target: taker.target,
                    slots,
                    ..run
                };
                all.extend(
                    rest.iter()
                        .zip(parts)
                        .filter(|(_, slots)| *slots > 0)
                        .map(part),
                );
            }
        }
    }
    all
}

/// Returns the run that has a slot.
pub fn run_at<'r, 'a>(runs: &'r [Run<'a>], slot: u32) -> Option<&'r Run<'a>> {
    let mut end = 0;
    runs.iter().find(|run| {
        end += run.slots;
        slot < end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(weights: &[(&str, u16)]) -> Vec<Share> {
        weights
            .iter()
            .map(|(version, weight)| Share {
                version: version.parse().unwrap(),
                weight: *weight,
            })
            .collect()
    }

    fn lengths(split: &[Share]) -> Vec<u32> {
        by_weight(split).iter().map(|run| run.slots).collect()
    }

    fn owners(split: &[Share], is_active: impl Fn(&str) -> bool) -> Vec<String> {
        let state = |version: &VersionName| {
            if is_active(version.as_str()) {
                VersionState::Active
            } else {
                VersionState::Inactive
            }
        };
        by_state(split, &[], state)
            .iter()
            .flat_map(|run| std::iter::repeat_n(run.target.to_string(), run.slots as usize))
            .collect()
    }

    #[test]
    fn slots_of_a_split_add_up_and_follow_the_weights() {
        assert_eq!(lengths(&split(&[("v1", 90), ("v2", 10)])), [14_746, 1_638]);
        assert_eq!(lengths(&split(&[("v1", 0), ("v2", 1), ("v3", 0)])), [SLOTS]);
        assert_eq!(
            lengths(&split(&[("a", 10_000), ("b", 10_000), ("c", 1)])),
            [8_192, 8_191, 1]
        );
        assert!(lengths(&split(&[("v1", 0)])).is_empty());
        let many: Vec<(String, u16)> = (0..64)
            .map(|at| (format!("v{at:02}"), if at == 7 { 10_000 } else { 1 }))
            .collect();
        let many: Vec<_> = many.iter().map(|(name, w)| (name.as_str(), *w)).collect();
        let slots = lengths(&split(&many));
        assert_eq!(slots.iter().sum::<u32>(), SLOTS);
        assert!(slots.iter().all(|slots| *slots >= 1));
    }

    #[test]
    fn order_in_which_a_split_is_written_decides_nothing() {
        assert_eq!(
            lengths(&split(&[("v2", 10), ("v1", 90)])),
            lengths(&split(&[("v1", 90), ("v2", 10)]))
        );
    }

    #[test]
    fn only_the_keys_of_an_inactive_version_move() {
        let split = split(&[("a", 30), ("b", 40), ("c", 30)]);
        let (all, without) = (owners(&split, |_| true), owners(&split, |v| v != "b"));
        assert_eq!((all.len(), without.len()), (16_384, 16_384));
        for (before, after) in all.iter().zip(&without) {
            assert!(before == after || before == "b", "{before} -> {after}");
        }
        let of_a = without.iter().filter(|v| *v == "a").count();
        assert_eq!(of_a, 8_192);
        assert!(owners(&split, |_| false).is_empty());
    }

    #[test]
    fn changed_weight_moves_only_the_share_that_changed() {
        let (before, after) = (
            owners(&split(&[("v1", 90), ("v2", 10)]), |_| true),
            owners(&split(&[("v1", 80), ("v2", 20)]), |_| true),
        );
        let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        assert_eq!(moved, 1_639);
    }

    #[test]
    fn slot_of_a_key_is_the_one_that_proxies_compute() {
        // XXH64 with seed 0, as published with the algorithm: of "" 0xef46db3751d8e999, of "a"
        // 0xd24ec4f1a98c6e5b, of "abc" 0x44bc2cf5ad770999.
        for (key, hash) in [
            ("", 0xef46_db37_51d8_e999_u64),
            ("a", 0xd24e_c4f1_a98c_6e5b),
            ("abc", 0x44bc_2cf5_ad77_0999),
        ] {
            assert_eq!(u64::from(slot(key)), hash % u64::from(SLOTS));
        }
    }
}
