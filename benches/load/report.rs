//! The report of a run: a table for people, and JSON for programs.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::{
    chart::Curve,
    pairs::{Spread, Target},
};

/// A measured figure with its target.
pub struct Verdict {
    /// The figure's name in the report.
    pub name: String,
    /// The spread of the measured values.
    pub spread: Spread,
    /// The limit for the median.
    pub target: Target,
}

impl Verdict {
    fn is_met(&self) -> bool {
        self.target.is_met(self.spread.median)
    }
}

enum Line {
    Judged(Verdict),
    Skipped { name: String, reason: String },
    Invalid { name: String, reason: String },
}

/// All results so far.
#[derive(Default)]
pub struct Report {
    lines: Vec<Line>,
    cases: Vec<Value>,
    details: Map<String, Value>,
    curves: Vec<Curve>,
}

impl Report {
    /// Adds a figure with a target. `detail` holds the single measurements behind the figure, for
    /// `details.json`.
    pub fn judge(&mut self, verdict: Verdict, detail: Value) {
        println!(
            "    {}",
            line(&Line::Judged(Verdict {
                name: verdict.name.clone(),
                ..verdict
            }))
        );
        self.details.insert(verdict.name.clone(), detail);
        self.lines.push(Line::Judged(verdict));
    }

    /// Adds figures without a target.
    pub fn note(&mut self, name: &str, figures: Value) {
        println!("    {name}: {figures}");
        self.details.insert(name.to_owned(), figures);
    }

    /// Records that a figure cannot be measured on this machine. A skipped figure does not fail the
    /// run.
    pub fn skip(&mut self, name: &str, reason: impl Into<String>) {
        self.add(Line::Skipped {
            name: name.to_owned(),
            reason: reason.into(),
        });
    }

    /// Records that a measurement failed. An invalid figure fails the run.
    pub fn invalid(&mut self, name: &str, reason: impl Into<String>) {
        self.add(Line::Invalid {
            name: name.to_owned(),
            reason: reason.into(),
        });
    }

    fn add(&mut self, new: Line) {
        println!("    {}", line(&new));
        self.lines.push(new);
    }

    /// Adds a curve.
    pub fn curve(&mut self, curve: Curve) {
        println!("    {curve}");
        self.curves.push(curve);
    }

    /// Adds a case's duration and the machine's state before and after the case.
    pub fn case(&mut self, name: &str, before: Value, after: Value, seconds: f64) {
        self.cases
            .push(json!({ "case": name, "seconds": seconds, "before": before, "after": after }));
    }

    /// Returns whether every figure met its target and no measurement failed.
    pub fn is_good(&self) -> bool {
        self.lines.iter().all(|line| match line {
            Line::Judged(verdict) => verdict.is_met(),
            Line::Skipped { .. } => true,
            Line::Invalid { .. } => false,
        })
    }

    /// Prints the table of figures.
    pub fn print(&self) {
        println!(
            "\n{:<52} {:>10} {:>10} {:>10}   {:<12} result",
            "figure", "min", "median", "max", "target"
        );
        self.lines
            .iter()
            .for_each(|found| println!("{}", line(found)));
    }

    /// Writes `results.json`, `details.json`, `curves.json` and the charts into `directory`, and
    /// the charts into `docs` too.
    pub fn write(&self, directory: &Path, docs: Option<&Path>) -> Result<()> {
        let results: Vec<Value> = self.lines.iter().filter_map(result).collect();
        write_json(&directory.join("results.json"), &json!(results))?;
        write_json(
            &directory.join("details.json"),
            &json!({ "cases": self.cases, "figures": self.details }),
        )?;
        write_json(&directory.join("curves.json"), &json!(self.curves))?;
        for place in [Some(directory.join("charts")), docs.map(Path::to_owned)]
            .into_iter()
            .flatten()
        {
            fs::create_dir_all(&place).with_context(|| format!("{}", place.display()))?;
            for curve in &self.curves {
                fs::write(place.join(format!("{}.svg", curve.name)), curve.svg())?;
            }
        }
        Ok(())
    }
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

fn result(line: &Line) -> Option<Value> {
    match line {
        Line::Judged(verdict) => Some(json!({
            "name": verdict.name, "ratio": verdict.spread, "target": verdict.target.to_string(), "met": verdict.is_met(),
        })),
        Line::Skipped { .. } => None,
        Line::Invalid { name, .. } => {
            Some(json!({ "name": name, "ratio": null, "target": null, "met": false }))
        }
    }
}

fn line(line: &Line) -> String {
    match line {
        Line::Judged(verdict) => {
            let Spread { min, median, max } = verdict.spread;
            let result = if verdict.is_met() { "met" } else { "NOT MET" };
            let numbers = format!("{} {} {}", number(min), number(median), number(max));
            format!(
                "{:<52} {numbers}   {:<12} {result}",
                verdict.name,
                verdict.target.to_string()
            )
        }
        Line::Skipped { name, reason } => format!("{name:<52} skipped: {reason}"),
        Line::Invalid { name, reason } => format!("{name:<52} INVALID: {reason}"),
    }
}

/// Formats a number in ten characters: three decimals below 10, one below 1,000, else none.
fn number(value: f64) -> String {
    let digits = if value.abs() < 10.0 {
        3
    } else {
        usize::from(value.abs() < 1000.0)
    };
    format!("{value:>10.digits$}")
}
