//! The status as Prometheus reads it.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
};

use traffic_manager_client::State;
use traffic_manager_core::{ids::TenantName, tag::VersionTag};

use crate::status::{Status, Tenant};

const STATES: [State; 6] = [
    State::Starting,
    State::Disk,
    State::Live,
    State::Stale,
    State::Gone,
    State::Denied,
];

/// A metric of each tenant: name, kind, help, and value.
type OfTenant = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Tenant) -> Option<f64>,
);

const OF_TENANTS: [OfTenant; 13] = [
    (
        "confirmed_age_seconds",
        "gauge",
        "The time since the control plane confirmed the held state",
        |it| it.held.age_seconds,
    ),
    (
        "held_revision",
        "gauge",
        "The revision of the held state",
        |it| revision(it.held.tag.as_ref()),
    ),
    (
        "applied_revision",
        "gauge",
        "The revision that the proxy has taken over",
        |it| revision(it.applied.as_ref()),
    ),
    (
        "applied_is_newest",
        "gauge",
        "1 if the proxy runs the held state",
        |it| Some(f64::from(u8::from(it.is_newest))),
    ),
    (
        "held_routes",
        "gauge",
        "Active routes of the held state",
        |it| count(it.held.size.routes as u64),
    ),
    (
        "held_policies",
        "gauge",
        "Policies of the held state",
        |it| count(it.held.size.policies as u64),
    ),
    (
        "held_back",
        "gauge",
        "1 if the wipe guard holds a state back",
        |it| Some(f64::from(u8::from(it.held_back.is_some()))),
    ),
    (
        "taken_total",
        "counter",
        "States and revisions that were taken from the control plane",
        |it| count(it.held.taken),
    ),
    (
        "reconnects_total",
        "counter",
        "Requests to the control plane that failed or ended early",
        |it| count(it.held.reconnects),
    ),
    (
        "file_errors_total",
        "counter",
        "Failures to read or write the last good state",
        |it| count(it.held.file_errors),
    ),
    (
        "reports_total",
        "counter",
        "Reports that the control plane has taken",
        |it| count(it.reports.sent),
    ),
    (
        "failed_reports_total",
        "counter",
        "Reports that failed, and are sent again",
        |it| count(it.reports.failed),
    ),
    (
        "runs_applied",
        "gauge",
        "1 if the proxy was read back to run what it has taken over",
        |it| Some(f64::from(u8::from(it.runs.is_some()))),
    ),
];

/// Revisions and counts are far below 2^53, which a sample of Prometheus has exactly.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn count(count: u64) -> Option<f64> {
    Some(count as f64)
}

fn revision(tag: Option<&VersionTag>) -> Option<f64> {
    count(tag?.revision.0)
}

/// Returns the text of `GET /metrics`.
pub fn text(status: &Status) -> String {
    let Status { proxy, tenants, .. } = status;
    let mut out = String::new();
    for (name, kind, help, value) in OF_TENANTS {
        metric(&mut out, name, kind, help);
        for (tenant, status) in tenants {
            if let Some(value) = value(status) {
                sample(&mut out, name, &format!("{{tenant=\"{tenant}\"}}"), value);
            }
        }
    }
    by_label(&mut out, tenants);
    one(
        &mut out,
        "changes_total",
        "Changes that the proxy has taken over",
        proxy.changes,
    );
    one(
        &mut out,
        "failed_changes_total",
        "Changes that failed",
        proxy.failures,
    );
    metric(
        &mut out,
        "failures_in_a_row",
        "gauge",
        "Failed changes since the last success",
    );
    sample(&mut out, "failures_in_a_row", "", proxy.failures_in_a_row);
    out
}

/// Writes the metrics that have a label beside the tenant.
fn by_label(out: &mut String, tenants: &BTreeMap<TenantName, Tenant>) {
    metric(
        out,
        "state",
        "gauge",
        "How the held state relates to the control plane: 1 for the one that is",
    );
    for (tenant, status) in tenants {
        for state in STATES.map(State::as_str) {
            let labels = format!("{{tenant=\"{tenant}\",state=\"{state}\"}}");
            sample(out, "state", &labels, u8::from(status.held.state == state));
        }
    }
    metric(
        out,
        "refused_total",
        "counter",
        "States and events that were refused, by reason",
    );
    for (tenant, status) in tenants {
        for (reason, count) in &status.held.refused {
            let labels = format!("{{tenant=\"{tenant}\",reason=\"{reason}\"}}");
            sample(out, "refused_total", &labels, count);
        }
    }
    metric(
        out,
        "server_faults_total",
        "counter",
        "What a server has sent that was refused, or has kept back",
    );
    for (tenant, status) in tenants {
        for (server, faults) in &status.held.faults {
            let labels = format!("{{tenant=\"{tenant}\",server=\"{server}\"}}");
            sample(out, "server_faults_total", &labels, faults.count());
        }
    }
}

fn one(out: &mut String, name: &str, help: &str, value: u64) {
    metric(out, name, "counter", help);
    sample(out, name, "", value);
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
