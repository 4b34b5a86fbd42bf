//! The program: arguments → settings → telemetry → app → run until SIGTERM or SIGINT.

use std::{
    io::{BufWriter, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use secrecy::ExposeSecret as _;
use tokio::signal::unix::{SignalKind, signal};
use traffic_manager::{
    app::{App, Role, commands},
    config::Settings,
    domain::ids::TenantName,
    service::privacy::people::Rewrapped,
    telemetry::{self, mask::Mask},
    workers::retention::Retained,
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
    /// Override a setting, e.g. --set http.listen=127.0.0.1:8000. Takes precedence over file and
    /// environment.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    /// Serve the API.
    Serve,
    /// Publish the outbox to Kafka.
    Relay,
    /// Archive Kafka's events in MongoDB.
    Audit,
    /// Run serve, relay and audit in one process.
    All,
    /// Bring the database, the topics and the archive's collection up to date, then end.
    Migrate,
    /// Record that the database was restored from a backup, then end: every tenant begins a new
    /// epoch. Needed after a restore from a copy of files or from a dump; the service detects
    /// point-in-time recovery and promotion by itself.
    MarkRestored,
    /// The old name of `mark-restored`.
    #[command(hide = true)]
    Restored,
    /// Remove archived events that are older than `audit.retention_days` and verified, then end.
    /// Exit status 3: some events do not verify and were kept.
    Retain,
    /// Manage API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make keys that sign snapshots (`dataplane.signing_keys`), and show their public keys.
    #[command(subcommand)]
    SigningKey(commands::signing_key::SigningKeyCommand),
    /// Manage personal data in the history: export, erasure, and rewrapping of keys after a change
    /// of the master key.
    #[command(subcommand)]
    Privacy(PrivacyCommand),
    /// Check whether the process that listens on `http.ops_listen` serves, then end. Exit status 0:
    /// it serves.
    Healthcheck,
    /// The old name of `healthcheck`.
    #[command(hide = true)]
    Probe,
    /// Make a tenant document of the configuration of another gateway, for a plan. Says on the
    /// standard error what it leaves out. Exit status 3: something was left out.
    #[command(subcommand)]
    Import(commands::import::ImportCommand),
    /// Print every setting with its default and its effect, then end.
    Defaults,
}

#[derive(Debug, Clone, Subcommand)]
enum KeyCommand {
    /// Make an API key and print its token, which is stored nowhere. Use it for the first key.
    Create(commands::KeyArguments),
}

#[derive(Debug, Clone, Subcommand)]
enum PrivacyCommand {
    /// Print all events of a tenant's history whose actor is this person, one per line.
    Export {
        /// The tenant's name.
        #[arg(long)]
        tenant: TenantName,
        /// The person's name, as in actor.id of events.
        #[arg(long)]
        actor: String,
    },
    /// Destroy the keys of a person, or of all persons in a tenant. Data sealed with them can never
    /// be read again without a copy of the keys. Asks for no confirmation.
    Erase {
        /// The tenant's name.
        #[arg(long)]
        tenant: TenantName,
        /// The person's name; without it, all persons in the tenant.
        #[arg(long)]
        actor: Option<String>,
    },
    /// Wrap every person's key with the first master key, so that the other master keys can be
    /// removed.
    Rewrap,
}

fn main() -> ExitCode {
    heap::limit_arenas();
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            let text = format!("{error:#}");
            // The error of a library may repeat a URL with its password.
            let text = Mask::new(&[]).map_or(text.clone(), |mask| mask.apply(&text).into_owned());
            eprintln!("traffic-manager: {text}");
            ExitCode::FAILURE
        }
    }
}

/// The exit status of `retain` if a chain does not verify.
const NOT_VERIFIED: u8 = 3;

/// The exit status of `import` if the document does not say everything that the files say.
const LEFT_OUT: u8 = 3;

/// The time limit of the runtime's end, and that of the last traces. Both follow the drain
/// (`drain.deadline_ms`).
const LAST_STEP: Duration = Duration::from_secs(2);

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if matches!(arguments.command, Command::Defaults) {
        print!("{}", traffic_manager::config::DEFAULTS);
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Import(command) = &arguments.command {
        let (mut out, mut messages) = (std::io::stdout().lock(), std::io::stderr().lock());
        let is_whole = commands::import::import(command, &mut out, &mut messages)?;
        return Ok(ExitCode::from(if is_whole { 0 } else { LEFT_OUT }));
    }
    if let Command::SigningKey(command) = &arguments.command {
        println!("{}", commands::signing_key::run(command)?);
        return Ok(ExitCode::SUCCESS);
    }
    // Without exactly one provider, the first TLS connection panics.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("a TLS provider is installed already");
    }
    let settings = Settings::load(
        arguments.sources.config.as_deref(),
        &arguments.sources.overrides,
    )?;
    // Telemetry starts before the runtime: the exporter has its own thread and must not need the
    // runtime's threads.
    let telemetry = telemetry::start(&settings.telemetry)?;
    warn_of_old_names(&settings, &arguments.command);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime could not start")?;
    let done = |()| ExitCode::SUCCESS;
    let result = match arguments.command {
        Command::Migrate => runtime
            .block_on(commands::migrate(&settings))
            .map(done)
            .map_err(anyhow::Error::from),
        Command::MarkRestored | Command::Restored => runtime
            .block_on(commands::mark_restored(&settings))
            .map(done)
            .map_err(anyhow::Error::from),
        Command::Retain => runtime
            .block_on(commands::retain(&settings))
            .map(verdict)
            .map_err(anyhow::Error::from),
        Command::Key(KeyCommand::Create(arguments)) => runtime
            .block_on(commands::create_key(&settings, arguments))
            .map(|token| {
                println!("{}", token.expose_secret());
                ExitCode::SUCCESS
            })
            .map_err(anyhow::Error::from),
        Command::Privacy(command) => runtime.block_on(privacy(&settings, command)).map(done),
        Command::Healthcheck | Command::Probe => runtime
            .block_on(commands::healthcheck(&settings))
            .map(done)
            .map_err(anyhow::Error::from),
        Command::Defaults | Command::Import(_) | Command::SigningKey(_) => Ok(ExitCode::SUCCESS),
        Command::Serve => runtime
            .block_on(serve(settings, Role::Serve, &telemetry))
            .map(done),
        Command::Relay => runtime
            .block_on(serve(settings, Role::Relay, &telemetry))
            .map(done),
        Command::Audit => runtime
            .block_on(serve(settings, Role::Audit, &telemetry))
            .map(done),
        Command::All => runtime
            .block_on(serve(settings, Role::All, &telemetry))
            .map(done),
    };
    runtime.shutdown_timeout(LAST_STEP);
    telemetry.shut_down(LAST_STEP);
    result
}

/// Logs the old spellings that this start uses. The next version will not know them.
fn warn_of_old_names(settings: &Settings, command: &Command) {
    for (old, new) in &settings.renamed {
        tracing::warn!(old, new, "a setting is given under its old name");
    }
    let (old, new) = match command {
        Command::Restored => ("restored", "mark-restored"),
        Command::Probe => ("probe", "healthcheck"),
        _ => return,
    };
    tracing::warn!(old, new, "a command is given under its old name");
}

fn verdict(retained: Retained) -> ExitCode {
    if retained.refused.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_VERIFIED)
    }
}

async fn privacy(settings: &Settings, command: PrivacyCommand) -> anyhow::Result<()> {
    match command {
        PrivacyCommand::Export { tenant, actor } => {
            let mut out = BufWriter::new(std::io::stdout());
            commands::privacy::export(settings, &tenant, &actor, &mut out).await?;
            out.flush()?;
        }
        PrivacyCommand::Erase { tenant, actor } => {
            let keys = commands::privacy::erase(settings, &tenant, actor.as_deref()).await?;
            println!("keys destroyed in tenant {tenant}: {keys}");
        }
        PrivacyCommand::Rewrap => {
            let Rewrapped { keys, index } = commands::privacy::rewrap(settings).await?;
            println!(
                "keys rewrapped with the current master key: {}",
                keys + u64::from(index)
            );
        }
    }
    Ok(())
}

async fn serve(
    settings: Settings,
    role: Role,
    telemetry: &telemetry::Telemetry,
) -> anyhow::Result<()> {
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
