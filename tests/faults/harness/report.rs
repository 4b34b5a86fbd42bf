//! The figures of a run: one line of JSON, and one line for people.

use std::{
    ffi::OsStr,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    Size,
    check::Findings,
    record::{Phase, Requests, Seen},
};

/// The measurements of a run, in addition to its checks.
#[derive(Debug, Default)]
pub struct Measured {
    /// The most events that waited for Kafka.
    pub peak_outbox: i64,
    /// The most events that were committed and not archived.
    pub peak_unarchived: i64,
    /// The seconds from the end of the fault until everything that was committed by then was
    /// archived.
    pub drain_seconds: Option<f64>,
}

/// Returns the build that was measured, by cargo's name for it: `debug`, or `simulate` for the
/// optimised one.
pub fn build() -> &'static str {
    let folder = Path::new(env!("CARGO_BIN_EXE_traffic-manager"))
        .parent()
        .and_then(Path::file_name);
    folder
        .and_then(OsStr::to_str)
        .expect("the binary is in the folder of its profile")
}

fn figures(requests: &Requests) -> Value {
    let phase = |phase| {
        let round = |number: f64| (number * 10.0).round() / 10.0;
        json!({
            "good": requests.good[phase as usize],
            "refused": requests.refused[phase as usize],
            "lost": requests.lost[phase as usize],
            "availability": (requests.availability(phase) * 10000.0).round() / 10000.0,
            "p50_ms": round(requests.percentile(phase, 50.0)),
            "p99_ms": round(requests.percentile(phase, 99.0)),
        })
    };
    json!({
        "before": phase(Phase::Before),
        "during": phase(Phase::During),
        "after": phase(Phase::After),
        "longest_gap_s": requests.longest_gap.as_secs_f64(),
    })
}

/// Prints the figures, and adds them to the file that `TM_FAULTS_REPORT` names.
pub fn print(
    test: &str,
    size: &Size,
    seen: &Seen,
    found: &Findings,
    measured: &Measured,
    more: &Value,
) {
    let (writes, reads) = (&seen.write_requests, &seen.read_requests);
    let line = json!({
        "test": test,
        "seed": size.seed,
        "size": if size.full { "full" } else { "small" },
        "build": build(),
        "writes": seen.writes.len(),
        "found": found,
        "held": found.wrong() == 0,
        "refusals": seen.refusals,
        "unknown_attempts": seen.unknown_attempts,
        "write": figures(writes),
        "read": figures(reads),
        "peak_outbox": measured.peak_outbox,
        "peak_unarchived": measured.peak_unarchived,
        "drain_s": measured.drain_seconds,
        "more": more,
    });
    record(&line);
    let share = |requests: &Requests| 100.0 * requests.availability(Phase::During);
    println!(
        "faults {test} ({}): {} writes, lost {}, doubled {}, out of order {}, invented {}, backwards {} of {} answers, other {}, unknown {} \
         ({} attempts), Kafka duplicates {}; during: {:.2} % of writes and {:.2} % of reads answered, write p99 {:.0} ms (before {:.0}), \
         read p99 {:.0} ms (before {:.0}); longest without a write {:.1} s, a read {:.1} s; peak backlog {} and {}, drained in {}; {more}",
        build(),
        seen.writes.len(),
        found.lost,
        found.doubled,
        found.out_of_order,
        found.invented,
        found.backwards,
        found.answers_checked,
        found.other,
        found.unknown,
        seen.unknown_attempts,
        found.kafka_duplicates,
        share(writes),
        share(reads),
        writes.percentile(Phase::During, 99.0),
        writes.percentile(Phase::Before, 99.0),
        reads.percentile(Phase::During, 99.0),
        reads.percentile(Phase::Before, 99.0),
        writes.longest_gap.as_secs_f64(),
        reads.longest_gap.as_secs_f64(),
        measured.peak_outbox,
        measured.peak_unarchived,
        measured
            .drain_seconds
            .map_or_else(|| "never".to_owned(), |seconds| format!("{seconds:.1} s")),
    );
}

/// Prints a line of JSON, and adds it to the file that `TM_FAULTS_REPORT` names.
pub fn record(line: &Value) {
    println!("{line}");
    let Some(path) = std::env::var_os("TM_FAULTS_REPORT").map(PathBuf::from) else {
        return;
    };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path);
    let written = file.and_then(|mut file| writeln!(file, "{line}"));
    assert!(
        written.is_ok(),
        "{} cannot be written: {written:?}",
        path.display()
    );
}
