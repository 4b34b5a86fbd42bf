//! Pairs: each measurement of ours stands between two measurements of the base.
//!
//! If the machine slows down or speeds up meanwhile, this changes both.

use std::fmt;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::{Bench, report::Verdict};

/// Number of pairs of the second measurement, for figures that missed their target in the first
/// one.
const PAIRS_AGAIN: usize = 15;

/// The minimum, median and maximum of some figures.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    /// The smallest figure.
    pub min: f64,
    /// The middle figure, or the mean of the two middle ones.
    pub median: f64,
    /// The largest figure.
    pub max: f64,
}

impl Spread {
    /// Computes the spread of figures in any order. Without figures, all three values are NaN.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
            return Self {
                min: f64::NAN,
                median: f64::NAN,
                max: f64::NAN,
            };
        };
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Self {
            min: *min,
            median,
            max: *max,
        }
    }
}

/// The limit that a figure has to meet.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// The figure must be this or higher.
    AtLeast(f64),
    /// The figure must be this or lower.
    AtMost(f64),
}

impl Target {
    /// Returns whether a figure meets the target.
    pub fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
        }
    }
}

/// The measurements of a comparison, in the order `a b a b … a`.
pub struct Pairs<A, B> {
    /// The measurements of the base, one more than of ours.
    pub a: Vec<A>,
    /// Our measurements, one per pair.
    pub b: Vec<B>,
}

impl<A, B> Pairs<A, B> {
    /// Runs the measurements `a` and `b` in turn, for `pairs` pairs.
    pub fn measure(
        pairs: usize,
        mut a: impl FnMut() -> Result<A>,
        mut b: impl FnMut() -> Result<B>,
    ) -> Result<Self> {
        let mut all = Self {
            a: vec![a()?],
            b: Vec::new(),
        };
        for _ in 0..pairs {
            all.b.push(b()?);
            all.a.push(a()?);
        }
        Ok(all)
    }

    /// Returns the ratio of each of our figures to the mean of the two base figures around it.
    pub fn ratios(&self, of_a: impl Fn(&A) -> f64, of_b: impl Fn(&B) -> f64) -> Vec<f64> {
        let around = self
            .a
            .windows(2)
            .map(|pair| f64::midpoint(of_a(&pair[0]), of_a(&pair[1])));
        self.b
            .iter()
            .zip(around)
            .map(|(ours, base)| of_b(ours) / base)
            .collect()
    }
}

/// A ratio that is computed from each pair of measurements.
pub struct Ratio<A, B> {
    /// The ratio's name in the report.
    pub name: &'static str,
    /// The limit for the median of the ratio.
    pub target: Target,
    /// Returns the figure of a base measurement.
    pub of_a: fn(&A) -> f64,
    /// Returns the figure of one of our measurements.
    pub of_b: fn(&B) -> f64,
}

impl<T> Ratio<T, T> {
    /// Creates a ratio of the same figure on both sides.
    pub fn of(name: &'static str, target: Target, figure: fn(&T) -> f64) -> Self {
        Self {
            name,
            target,
            of_a: figure,
            of_b: figure,
        }
    }
}

/// Measures pairs, and judges each ratio by its median. In a full run, a ratio that missed its
/// target is measured once more, with more pairs, and the second result counts.
pub fn compare<A, B>(
    bench: &Bench,
    ratios: &[Ratio<A, B>],
    mut a: impl FnMut() -> Result<A>,
    mut b: impl FnMut() -> Result<B>,
) -> Result<()> {
    let spread =
        |pairs: &Pairs<A, B>, ratio: &Ratio<A, B>| Spread::of(pairs.ratios(ratio.of_a, ratio.of_b));
    let first = Pairs::measure(bench.pairs, &mut a, &mut b)?;
    let missed = |pairs| {
        ratios
            .iter()
            .any(|ratio| !ratio.target.is_met(spread(pairs, ratio).median))
    };
    let again = if bench.is_full && missed(&first) {
        Some(Pairs::measure(PAIRS_AGAIN, &mut a, &mut b)?)
    } else {
        None
    };
    for ratio in ratios {
        let missed_at_first = !ratio.target.is_met(spread(&first, ratio).median);
        let pairs = again.as_ref().filter(|_| missed_at_first).unwrap_or(&first);
        let figures = |pairs: &Pairs<A, B>| {
            json!({
                "base": pairs.a.iter().map(ratio.of_a).collect::<Vec<_>>(),
                "ours": pairs.b.iter().map(ratio.of_b).collect::<Vec<_>>(),
            })
        };
        let detail = json!({ "first": figures(&first), "again": again.as_ref().map(figures) });
        bench.report().judge(
            Verdict {
                name: ratio.name.into(),
                spread: spread(pairs, ratio),
                target: ratio.target,
            },
            detail,
        );
    }
    Ok(())
}
