//! Pairs: each measurement of ours stands between two of what it is compared with, so that a machine which slows down or speeds up
//! meanwhile does so for both.

use std::fmt;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::{Bench, report::Verdict};

/// How many pairs a figure gets that missed its target at first.
const PAIRS_AGAIN: usize = 15;

/// Smallest, middle and largest of some figures.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// Middle.
    pub median: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// Of figures in any order; of none, all are NaN.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
            return Self { min: f64::NAN, median: f64::NAN, max: f64::NAN };
        };
        let middle = sorted.len() / 2;
        let median =
            if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[middle - 1], sorted[middle]) } else { sorted[middle] };
        Self { min: *min, median, max: *max }
    }
}

/// What a figure has to be.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Target {
    /// Whether a figure is.
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

/// Measurements `a b a b … a`.
pub struct Pairs<A, B> {
    /// The base, one more than there are pairs.
    pub a: Vec<A>,
    /// Ours.
    pub b: Vec<B>,
}

impl<A, B> Pairs<A, B> {
    /// Measures `pairs` pairs.
    pub fn measure(pairs: usize, mut a: impl FnMut() -> Result<A>, mut b: impl FnMut() -> Result<B>) -> Result<Self> {
        let mut all = Self { a: vec![a()?], b: Vec::new() };
        for _ in 0..pairs {
            all.b.push(b()?);
            all.a.push(a()?);
        }
        Ok(all)
    }

    /// Each of ours as a part of the two around it.
    pub fn ratios(&self, of_a: impl Fn(&A) -> f64, of_b: impl Fn(&B) -> f64) -> Vec<f64> {
        let around = self.a.windows(2).map(|pair| f64::midpoint(of_a(&pair[0]), of_a(&pair[1])));
        self.b.iter().zip(around).map(|(ours, base)| of_b(ours) / base).collect()
    }
}

/// One ratio that a pair of measurements gives.
pub struct Ratio<A, B> {
    /// What it is called in the report.
    pub name: &'static str,
    /// What it has to be.
    pub target: Target,
    /// The base's figure.
    pub of_a: fn(&A) -> f64,
    /// Our figure.
    pub of_b: fn(&B) -> f64,
}

/// Measures pairs, and judges each ratio by its median. In a full run, what missed its target is measured once more, with more pairs,
/// and that counts.
pub fn compare<A, B>(
    bench: &Bench, ratios: &[Ratio<A, B>], mut a: impl FnMut() -> Result<A>, mut b: impl FnMut() -> Result<B>,
) -> Result<()> {
    let spread = |pairs: &Pairs<A, B>, ratio: &Ratio<A, B>| Spread::of(pairs.ratios(ratio.of_a, ratio.of_b));
    let first = Pairs::measure(bench.pairs, &mut a, &mut b)?;
    let missed = |pairs| ratios.iter().any(|ratio| !ratio.target.is_met(spread(pairs, ratio).median));
    let again = if bench.is_full && missed(&first) { Some(Pairs::measure(PAIRS_AGAIN, &mut a, &mut b)?) } else { None };
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
        bench.report().judge(Verdict { name: ratio.name.into(), spread: spread(pairs, ratio), target: ratio.target }, detail);
    }
    Ok(())
}
