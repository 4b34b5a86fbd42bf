//! The status as Prometheus reads it.

use std::fmt::{Display, Write as _};

use traffic_manager_client::State;

use crate::status::Status;

const STATES: [State; 6] = [
    State::Starting,
    State::Disk,
    State::Live,
    State::Stale,
    State::Gone,
    State::Denied,
];

/// Returns the text of `GET /metrics`.
pub fn text(status: &Status) -> String {
    let Status {
        held,
        proxy,
        held_back,
        reports,
        ..
    } = status;
    let mut out = String::new();
    metric(
        &mut out,
        "state",
        "gauge",
        "How the held state relates to the control plane: 1 for the one that is",
    );
    for state in STATES.map(State::as_str) {
        let labels = format!("{{state=\"{state}\"}}");
        sample(&mut out, "state", &labels, u8::from(held.state == state));
    }
    let age = held.age_seconds.map(|age| age.to_string());
    one(
        &mut out,
        "confirmed_age_seconds",
        "gauge",
        "The time since the control plane confirmed the held state",
        age,
    );
    let revision = held.tag.as_ref().map(|tag| tag.revision);
    one(
        &mut out,
        "held_revision",
        "gauge",
        "The revision of the held state",
        revision,
    );
    let revision = proxy.tag.as_ref().map(|tag| tag.revision);
    one(
        &mut out,
        "applied_revision",
        "gauge",
        "The revision that the proxy has taken over",
        revision,
    );
    one(
        &mut out,
        "applied_is_newest",
        "gauge",
        "1 if the proxy runs the held state",
        Some(u8::from(proxy.is_newest)),
    );
    one(
        &mut out,
        "held_routes",
        "gauge",
        "Active routes of the held state",
        Some(held.size.routes),
    );
    one(
        &mut out,
        "held_policies",
        "gauge",
        "Policies of the held state",
        Some(held.size.policies),
    );
    one(
        &mut out,
        "held_back",
        "gauge",
        "1 if the wipe guard holds a state back",
        Some(u8::from(held_back.is_some())),
    );
    one(
        &mut out,
        "changes_total",
        "counter",
        "Changes that the proxy has taken over",
        Some(proxy.changes),
    );
    one(
        &mut out,
        "failed_changes_total",
        "counter",
        "Changes that failed",
        Some(proxy.failures),
    );
    one(
        &mut out,
        "failures_in_a_row",
        "gauge",
        "Failed changes since the last success",
        Some(proxy.failures_in_a_row),
    );
    one(
        &mut out,
        "taken_total",
        "counter",
        "States and revisions that were taken from the control plane",
        Some(held.taken),
    );
    one(
        &mut out,
        "reconnects_total",
        "counter",
        "Requests to the control plane that failed or ended early",
        Some(held.reconnects),
    );
    one(
        &mut out,
        "file_errors_total",
        "counter",
        "Failures to read or write the last good state",
        Some(held.file_errors),
    );
    one(
        &mut out,
        "reports_total",
        "counter",
        "Reports that the control plane has taken",
        Some(reports.sent),
    );
    one(
        &mut out,
        "failed_reports_total",
        "counter",
        "Reports that failed, and are sent again",
        Some(reports.failed),
    );
    metric(
        &mut out,
        "refused_total",
        "counter",
        "States and events that were refused, by reason",
    );
    for (reason, count) in &held.refused {
        sample(
            &mut out,
            "refused_total",
            &format!("{{reason=\"{reason}\"}}"),
            count,
        );
    }
    out
}

fn one(out: &mut String, name: &str, kind: &str, help: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        metric(out, name, kind, help);
        sample(out, name, "", value);
    }
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(
        out,
        "# HELP tm_agent_{name} {help}.\n# TYPE tm_agent_{name} {kind}"
    );
}

fn sample(out: &mut String, name: &str, labels: &str, value: impl Display) {
    let _ = writeln!(out, "tm_agent_{name}{labels} {value}");
}
