//! The guard: instructions of the hot paths, counted by callgrind, and compared with the figures in
//! `benches/counts.json`.
//!
//! Instructions do not depend on what else the machine does, so a header or an allocation more on a
//! poll is seen at once. A figure may be off by 3 %, that of an answer be 1 % more. Beyond that it is an error until
//! the figure is written again with a reason: `make counts WHY="…"`.

mod pure;
mod served;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
pub use pure::run as run_pure;
use serde::{Deserialize, Serialize};

use crate::{Bench, process};

/// The tolerance of a figure, as a share of it.
const TOLERANCE: f64 = 0.03;
/// The tolerance of a figure of the fast path alone, of which one more header is a thirtieth.
const OF_ANSWERS: f64 = 0.01;

fn tolerance(name: &str) -> f64 {
    if name.ends_with(", the answer") {
        OF_ANSWERS
    } else {
        TOLERANCE
    }
}

/// The committed figure of a path.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Figure {
    /// Instructions of one pass.
    instructions: u64,
    /// The reason of the last change.
    why: String,
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/counts.json")
}

/// Counts every path, and prints the figures beside the committed ones. Fails if one differs; with
/// a reason, commits those that differ instead.
pub fn check(bench: &Bench, why: Option<&str>) -> Result<()> {
    process::find("valgrind", &[]).context("valgrind is not installed")?;
    let text = fs::read_to_string(path()).unwrap_or_else(|_| "{}".to_owned());
    let mut figures: BTreeMap<String, Figure> = serde_json::from_str(&text)?;
    let mut counted = pure::count(bench)?;
    counted.extend(served::count(bench)?);
    println!(
        "\n{:<52} {:>12} {:>12} {:>8}",
        "instructions of", "committed", "counted", "change"
    );
    let mut differ = Vec::new();
    for (name, instructions) in &counted {
        let committed = figures.get(name).map(|figure| figure.instructions);
        let change = committed.map(|committed| *instructions as f64 / committed as f64 - 1.0);
        let is_off = change.is_none_or(|change| change > tolerance(name) || change < -TOLERANCE);
        println!(
            "{name:<52} {:>12} {instructions:>12} {:>8}{}",
            committed.map_or("none".to_owned(), |committed| committed.to_string()),
            change.map_or(String::new(), |change| format!("{:+.1} %", change * 100.0)),
            if is_off { "  DIFFERS" } else { "" }
        );
        if is_off {
            differ.push(name.clone());
        }
    }
    figures.retain(|name, _| counted.contains_key(name));
    let Some(why) = why else {
        if differ.is_empty() {
            return Ok(());
        }
        bail!(
            "{} differ from benches/counts.json by more than the tolerance; if that is meant, give a reason with --why",
            differ.join(", ")
        );
    };
    for name in differ {
        let figure = Figure {
            instructions: counted[&name],
            why: why.to_owned(),
        };
        figures.insert(name, figure);
    }
    let mut text = serde_json::to_string_pretty(&figures)?;
    text.push('\n');
    Ok(fs::write(path(), text)?)
}

/// Returns the instructions in one file that callgrind wrote.
fn total(file: &Path) -> Result<u64> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .with_context(|| format!("{} has no totals", file.display()))?;
    Ok(line.trim().parse()?)
}
