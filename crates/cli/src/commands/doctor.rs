//! `tmctl doctor`: checks everything between here and the first answer.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use anstyle::AnsiColor;
use serde::Serialize;
use tokio::time::timeout;
use traffic_manager_client::{Client, Error, types::ScopeFilter};

use super::auth;
use crate::{
    arguments::Global,
    config::{Files, is_open_to_others},
    failure::Failure,
    output::{Printer, colored},
    session::{self, TokenSource},
};

/// The time in which a stream must give its first event.
const STREAM: Duration = Duration::from_secs(3);

/// A latency above which the way to the service is called slow.
const SLOW: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// A line of the report.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// The checks so far, each written as soon as it is known.
struct Report {
    printer: Printer,
    checks: Vec<Check>,
}

impl Report {
    fn add(
        &mut self,
        name: &'static str,
        verdict: Verdict,
        detail: impl Display,
        hint: Option<&str>,
    ) -> Result<(), Failure> {
        let check = Check {
            name,
            verdict,
            detail: detail.to_string(),
            hint: hint.map(str::to_owned),
        };
        if self.printer.is_for_people() {
            let (word, color) = match verdict {
                Verdict::Ok => ("ok  ", AnsiColor::Green),
                Verdict::Warn => ("warn", AnsiColor::Yellow),
                Verdict::Fail => ("fail", AnsiColor::Red),
            };
            let line = format!("{}  {name}: {}", colored(word, color), check.detail);
            self.printer.line(&line)?;
            if let Some(hint) = &check.hint {
                self.printer.line(&format!("      {hint}"))?;
            }
        }
        self.checks.push(check);
        Ok(())
    }

    /// Adds the outcome of a call.
    fn add_call<T>(
        &mut self,
        name: &'static str,
        outcome: Result<T, Error>,
        good: impl FnOnce(&T) -> String,
        hint: &str,
    ) -> Result<Option<T>, Failure> {
        match outcome {
            Ok(value) => {
                self.add(name, Verdict::Ok, good(&value), None)?;
                Ok(Some(value))
            }
            Err(error) => {
                self.add(name, Verdict::Fail, error, Some(hint))?;
                Ok(None)
            }
        }
    }
}

/// Runs `doctor`. Fails if a check does.
pub async fn run(global: &Global) -> Result<(), Failure> {
    let mut report = Report {
        printer: global.printer(),
        checks: Vec::new(),
    };
    let files = Files::new(global.config_dir.clone())?;
    if let Some((client, tenant)) = configuration(global, &files, &mut report)? {
        service(&client, tenant.as_deref(), &mut report).await?;
    }
    report.printer.value(&report.checks)?;
    let failed = report
        .checks
        .iter()
        .any(|check| check.verdict == Verdict::Fail);
    if failed {
        Err(Failure::differs())
    } else {
        Ok(())
    }
}

/// Checks what is on this machine.
fn configuration(
    global: &Global,
    files: &Files,
    report: &mut Report,
) -> Result<Option<(Client, Option<String>)>, Failure> {
    let chosen = match session::choose(global, files) {
        Ok(chosen) => chosen,
        Err(failure) => {
            report.add("context", Verdict::Fail, failure, None)?;
            return Ok(None);
        }
    };
    let name = chosen
        .name
        .clone()
        .unwrap_or_else(|| "(from --server)".to_owned());
    let servers = chosen.context.servers.join(", ");
    report.add("context", Verdict::Ok, format!("{name}: {servers}"), None)?;
    let source = session::token_source(&chosen, files);
    match &source {
        TokenSource::None => {
            let hint = "tmctl auth login --with-token, if the service needs one";
            report.add("token", Verdict::Warn, "none", Some(hint))?;
        }
        TokenSource::File(path) if is_open_to_others(path) => {
            let hint = format!("chmod 600 {}", path.display());
            report.add(
                "token",
                Verdict::Fail,
                "others can read its file",
                Some(&hint),
            )?;
        }
        source => report.add("token", Verdict::Ok, auth::place(source), None)?,
    }
    let tenant = global
        .tenant
        .clone()
        .or_else(|| chosen.context.tenant.clone());
    match session::client(&chosen, files) {
        Ok(client) => Ok(Some((client, tenant))),
        Err(failure) => {
            report.add("client", Verdict::Fail, failure, None)?;
            Ok(None)
        }
    }
}

/// Checks the way to the service.
async fn service(
    client: &Client,
    tenant: Option<&str>,
    report: &mut Report,
) -> Result<(), Failure> {
    let started = Instant::now();
    let health = client.get_health().timeout(Duration::from_secs(10)).await;
    let took = started.elapsed();
    let good = |read: &traffic_manager_client::Read<traffic_manager_client::types::Liveness>| {
        format!(
            "version {}, first answer in {} ms",
            read.value.version,
            took.as_millis()
        )
    };
    let hint = "check the URL, the network, and --ca for a private authority";
    let Some(health) = report.add_call("connection", health, good, hint)? else {
        return Ok(());
    };
    let started = Instant::now();
    client.get_health().await?;
    let took = started.elapsed();
    let verdict = if took > SLOW {
        Verdict::Warn
    } else {
        Verdict::Ok
    };
    report.add("latency", verdict, format!("{} ms", took.as_millis()), None)?;
    versions(&health.value.version, report)?;
    rights(client, tenant, report).await
}

/// Checks whether the service is ready, and what the token allows.
async fn rights(client: &Client, tenant: Option<&str>, report: &mut Report) -> Result<(), Failure> {
    let ready = client.get_readiness().timeout(Duration::from_secs(5)).await;
    let hint = "the process is starting, draining, or has lost PostgreSQL";
    report.add_call("readiness", ready, |read| read.value.status.clone(), hint)?;
    let caller = client.get_self().await;
    let hint = "tmctl auth status; an administrator makes keys with tmctl keys create";
    let is_let_in = report.add_call(
        "rights",
        caller,
        |read| format!("{}: {}", read.value.actor.id, read.value.roles.join(", ")),
        hint,
    )?;
    match (is_let_in, tenant) {
        (Some(_), Some(tenant)) => reads(client, tenant, report).await,
        (Some(_), None) => {
            let hint = "-t TENANT, or tmctl context set NAME --tenant TENANT";
            report.add("tenant", Verdict::Warn, "none is named", Some(hint))
        }
        (None, _) => Ok(()),
    }
}

fn versions(service: &str, report: &mut Report) -> Result<(), Failure> {
    let own = env!("CARGO_PKG_VERSION");
    if service == own {
        return report.add("versions", Verdict::Ok, format!("both are {own}"), None);
    }
    let text = format!("tmctl is {own}, the service {service}");
    let hint = "what one of them does not know yet may be missing";
    report.add("versions", Verdict::Warn, text, Some(hint))
}

/// Reads a tenant once, and listens to its stream for a moment.
async fn reads(client: &Client, tenant: &str, report: &mut Report) -> Result<(), Failure> {
    let read = client.get_tenant(tenant).await;
    let hint = "check the tenant's name, and the roles of the key";
    let found = report.add_call(
        "tenant",
        read,
        |read| format!("{tenant} at revision {}", read.value.revision),
        hint,
    )?;
    if found.is_none() {
        return Ok(());
    }
    let first_event = async {
        let scope = ScopeFilter::default();
        client.stream_changes(tenant, &scope).await?.event().await
    };
    let hint = "a proxy in between may hold back streams; watchers will poll instead";
    match timeout(STREAM, first_event).await {
        Ok(Ok(Some(_))) => report.add("stream", Verdict::Ok, "its first event came", None),
        Ok(Ok(None)) => report.add("stream", Verdict::Warn, "it ended at once", Some(hint)),
        Ok(Err(error)) => report.add("stream", Verdict::Warn, error, Some(hint)),
        Err(_) => {
            let text = format!("no event within {} s", STREAM.as_secs());
            report.add("stream", Verdict::Warn, text, Some(hint))
        }
    }
}
