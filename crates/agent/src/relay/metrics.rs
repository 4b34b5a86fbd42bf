//! The status of a relay as Prometheus reads it.

use std::fmt::Write as _;

use super::status::{PartStatus, Status};

/// The values of now; all others only grow.
const GAUGES: [&str; 6] = [
    "connections",
    "waiters",
    "rendered_bytes",
    "tokens",
    "nodes",
    "nodes_pending",
];

/// A value of a part.
type OfPart = fn(&PartStatus) -> Option<f64>;

/// Returns the text of `GET /metrics`.
pub fn text(status: &Status) -> String {
    let mut out = String::new();
    for (name, value) in &status.counts {
        let (suffix, kind) = if GAUGES.contains(name) {
            ("", "gauge")
        } else {
            ("_total", "counter")
        };
        let name = format!("tm_agent_relay_{name}{suffix}");
        // Writing into a text does not fail.
        let _ = writeln!(out, "# TYPE {name} {kind}\n{name} {value}");
    }
    let of_parts: [(&str, OfPart); 4] = [
        ("held_revision", |it| {
            it.tag.as_ref().map(|tag| count(tag.revision.0))
        }),
        ("confirmed_age_seconds", |it| it.age_seconds),
        ("is_live", |it| {
            Some(f64::from(u8::from(it.state == "live")))
        }),
        ("part_waiters", |it| Some(count(it.waiters as u64))),
    ];
    for (name, value) in of_parts {
        let _ = writeln!(out, "# TYPE tm_agent_relay_{name} gauge");
        for part in &status.parts {
            if let Some(value) = value(part) {
                let _ = writeln!(out, "tm_agent_relay_{name}{{{}}} {value}", labels(part));
            }
        }
    }
    out.push_str("# TYPE tm_agent_relay_server_faults_total counter\n");
    for part in &status.parts {
        for (server, faults) in &part.faults {
            let kinds = [("older", faults.older), ("withheld", faults.withheld)];
            let kinds = kinds.into_iter().filter(|(_, count)| *count > 0);
            let refused = faults.refused.iter().map(|(kind, count)| (*kind, *count));
            for (kind, count) in kinds.chain(refused) {
                let labels = labels(part);
                let _ = writeln!(
                    out,
                    "tm_agent_relay_server_faults_total{{{labels},server=\"{server}\",kind=\"{kind}\"}} {count}"
                );
            }
        }
    }
    out
}

/// Revisions and counts are far below 2^53, which a sample of Prometheus has exactly.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn count(count: u64) -> f64 {
    count as f64
}

fn labels(part: &PartStatus) -> String {
    let service = part.service.as_deref().unwrap_or_default();
    let env = part.env.as_deref().unwrap_or_default();
    format!(
        "tenant=\"{}\",service=\"{service}\",env=\"{env}\"",
        part.tenant
    )
}
