//! `tmctl audit`: the events of the archive, their export, and their proof.

use std::{fs, io::Read as _, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use traffic_manager_client::{
    types::AuditFilter,
    verify::{ChainReport, Verifier, VerifyError},
};

use super::log;
use crate::{failure::Failure, session::Session};

/// The commands of `audit`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show events, newest first
    List {
        #[command(flatten)]
        filter: Filter,
        /// The most events
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
    },
    /// Write events to standard output, oldest first
    Export {
        #[command(flatten)]
        filter: Filter,
        /// The form of the events
        #[arg(long, value_enum, default_value = "ndjson")]
        format: ExportFormat,
    },
    /// Prove that no event was changed, added or removed, without trust in the service
    Verify(VerifyArguments),
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// An archived event on each line
    Ndjson,
    /// CSV with a header
    Csv,
}

/// The events that are asked for.
#[derive(Debug, Args)]
pub struct Filter {
    /// Only of this service
    #[arg(long)]
    service: Option<String>,
    /// Only of this environment
    #[arg(long)]
    env: Option<String>,
    /// Only of this version
    #[arg(long)]
    version: Option<String>,
    /// Only this action, such as created
    #[arg(long)]
    action: Option<String>,
    /// Only of this actor
    #[arg(long)]
    actor: Option<String>,
    /// The earliest time (RFC 3339)
    #[arg(long)]
    from: Option<String>,
    /// The latest time (RFC 3339)
    #[arg(long)]
    to: Option<String>,
}

/// The arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Files with events, or - for standard input; without any, the tenant's export is read
    files: Vec<PathBuf>,
    /// The events need not begin at revision 1
    #[arg(long)]
    from_middle: bool,
    /// A chain's beginning was removed up to this revision, whose hash was kept
    #[arg(long, num_args = 4, value_names = ["TENANT", "EPOCH", "REVISION", "HASH"])]
    checkpoint: Vec<String>,
}

impl Filter {
    fn events(self, session: &Session) -> AuditFilter {
        AuditFilter {
            tenant: session.tenant_if_any(),
            service: self.service,
            env: self.env,
            version: self.version,
            action: self.action,
            actor: self.actor,
            from: self.from,
            to: self.to,
            limit: None,
            cursor: None,
        }
    }
}

/// Runs a command of `audit`.
pub async fn run(command: Command, session: &mut Session) -> Result<(), Failure> {
    match command {
        Command::List { filter, limit } => {
            let mut filter = filter.events(session);
            filter.limit = log::page(limit);
            let mut pages = session.client.list_audit_events(&filter).pages();
            let mut events = Vec::new();
            while events.len() < limit {
                let Some(archived) = pages.try_next().await? else {
                    break;
                };
                events.push(archived.into_value().event);
            }
            session.printer.list_in_order(&events)
        }
        Command::Export { filter, format } => {
            let call = session.client.export_audit_events(&filter.events(session));
            let call = match format {
                ExportFormat::Ndjson => call,
                ExportFormat::Csv => call.parameter("format", "csv"),
            };
            let mut body = call.await?;
            while let Some(bytes) = body.bytes().await? {
                session.printer.bytes(&bytes)?;
            }
            Ok(())
        }
        Command::Verify(arguments) => verify(arguments, session).await,
    }
}

async fn verify(arguments: VerifyArguments, session: &mut Session) -> Result<(), Failure> {
    let mut verifier = match arguments.from_middle {
        true => Verifier::from_middle(),
        false => Verifier::new(),
    };
    if let [tenant, epoch, revision, hash] = &arguments.checkpoint[..] {
        let wrong = |_| Failure::usage(format!("{revision:?} is no revision"));
        verifier.checkpoint(tenant, epoch, revision.parse().map_err(wrong)?, hash);
    }
    let reports = if arguments.files.is_empty() {
        let proof = session.client.verify(session.tenant()?, verifier).await;
        proof.map_err(|error| match error {
            VerifyError::Call(error) => Failure::from(error),
            other => Failure::usage(format!("the export: {other}")),
        })?
    } else {
        for file in &arguments.files {
            add(&mut verifier, file)?;
        }
        verifier.finish()
    };
    show(&reports, session)
}

fn add(verifier: &mut Verifier, file: &PathBuf) -> Result<(), Failure> {
    let wrong = |why: String| Failure::usage(format!("{}: {why}", file.display()));
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        fs::read_to_string(file).map(|content| text = content)
    };
    read.map_err(|error| wrong(error.to_string()))?;
    verifier
        .add(&text)
        .map_err(|error| wrong(error.to_string()))
}

/// Writes a line for each chain. A faulty one, or none at all, is a failure.
fn show(reports: &[ChainReport], session: &mut Session) -> Result<(), Failure> {
    for report in reports {
        let name = format!("{} {}", report.tenant, report.epoch);
        let line = match (&report.fault, report.revisions) {
            (Some(fault), _) => format!("{name} BAD {fault}"),
            (None, Some((first, last))) => {
                let head = report.head.as_deref().unwrap_or_default();
                let count = report.events;
                format!("{name} verified {count} events, revisions {first}..{last}, head {head}")
            }
            (None, None) => format!("{name} verified: nothing after the checkpoint"),
        };
        session.printer.line(&line)?;
    }
    if reports.is_empty() {
        crate::output::note("no events")?;
    }
    if reports.is_empty() || reports.iter().any(|report| report.fault.is_some()) {
        return Err(Failure::differs());
    }
    Ok(())
}
