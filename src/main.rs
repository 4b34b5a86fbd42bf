//! Arguments → settings → telemetry → app → run until told to stop.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use traffic_manager::{
    app::{App, Role, commands},
    config::{Settings, ms},
    service::retention::Retained,
    telemetry,
};

/// A multi-tenant traffic-routing control plane with a provable audit trail.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    sources: Sources,
}

#[derive(Debug, Args)]
struct Sources {
    /// A TOML file with settings that differ from the defaults.
    #[arg(long, global = true, env = "TM_CONFIG")]
    config: Option<PathBuf>,
    /// One setting, e.g. --set http.listen=127.0.0.1:8000; wins over file and environment.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Command {
    /// Serve the API.
    Serve,
    /// Publish the outbox to Kafka.
    Relay,
    /// Archive Kafka's events in MongoDB.
    Audit,
    /// All three in one process.
    All,
    /// Bring the database, the topics and the archive's collection up to date, then end.
    Migrate,
    /// Remove archived events that are old enough and proven, then end. Exit status 3: some do not verify, and were kept.
    Retain,
    /// Print every setting with its default and its consequence, then end.
    Defaults,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("traffic-manager: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Exit status of `retain` when chains do not verify.
const NOT_VERIFIED: u8 = 3;

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if matches!(arguments.command, Command::Defaults) {
        print!("{}", traffic_manager::config::DEFAULTS);
        return Ok(ExitCode::SUCCESS);
    }
    // Two providers, or none, make the first TLS connection panic.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        anyhow::bail!("a TLS provider is installed already");
    }
    let settings = Settings::load(arguments.sources.config.as_deref(), &arguments.sources.overrides)?;
    // Before the runtime: the exporter has a thread of its own and must not need the runtime's.
    let telemetry = telemetry::start(&settings.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime could not start")?;
    let drain = ms(settings.drain.step_ms);
    let done = |()| ExitCode::SUCCESS;
    let result = match arguments.command {
        Command::Migrate => runtime.block_on(commands::migrate(&settings)).map(done).map_err(anyhow::Error::from),
        Command::Retain => runtime.block_on(commands::retain(&settings)).map(verdict).map_err(anyhow::Error::from),
        Command::Defaults => Ok(ExitCode::SUCCESS),
        Command::Serve => runtime.block_on(serve(settings, Role::Serve, &telemetry)).map(done),
        Command::Relay => runtime.block_on(serve(settings, Role::Relay, &telemetry)).map(done),
        Command::Audit => runtime.block_on(serve(settings, Role::Audit, &telemetry)).map(done),
        Command::All => runtime.block_on(serve(settings, Role::All, &telemetry)).map(done),
    };
    runtime.shutdown_timeout(drain);
    telemetry.shut_down(drain);
    result
}

fn verdict(retained: Retained) -> ExitCode {
    if retained.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NOT_VERIFIED) }
}

async fn serve(settings: Settings, role: Role, telemetry: &telemetry::Telemetry) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be watched")?;
    let app = App::start(settings, role, telemetry.metrics.clone()).await?;
    tracing::info!(api.address = ?app.api, ops.address = %app.ops, role = ?role, "traffic-manager runs");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    app.drain().await;
    Ok(())
}
