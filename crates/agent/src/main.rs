//! The program `tm-agent`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};
use traffic_manager_agent::{
    agent, bootstrap,
    config::{Config, DEFAULTS},
    guard::{Accepted, HeldBack},
};
use traffic_manager_core::tag::VersionTag;

/// The longest time of an answer of the running agent.
const LIMIT: Duration = Duration::from_secs(5);

/// Follows a tenant of Traffic Manager and gives its routes to the proxy of this machine.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the agent.
    Run(File),
    /// Says what is wrong with a configuration file, and what it needs of this machine.
    Check(File),
    /// Prints the status of the running agent, as JSON.
    Status(File),
    /// Accepts a state that the wipe guard holds back, and later ones that have no less.
    Accept {
        /// Its tag, as `tm-agent status` shows it under `held_back`.
        tag: VersionTag,
        #[command(flatten)]
        file: File,
    },
    /// Prints what the proxy starts with: Envoy, Traefik and Caddy need it once.
    Bootstrap(File),
    /// Prints every key of the configuration with its default and its effect.
    Defaults,
}

#[derive(Args)]
struct File {
    /// The configuration file.
    #[arg(long, default_value = "/etc/tm-agent.toml")]
    config: PathBuf,
}

impl File {
    fn read(&self) -> anyhow::Result<Config> {
        let path = self.config.display();
        Config::read(&self.config).with_context(|| format!("{path} is refused"))
    }
}

fn main() -> ExitCode {
    match command(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tm-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(file) => run(file.read()?),
        Command::Check(file) => check(&file),
        Command::Status(file) => {
            let status = runtime(1)?.block_on(status(&file.read()?))?;
            println!("{status:#}");
            Ok(())
        }
        Command::Accept { tag, file } => accept(&tag, &file.read()?),
        Command::Bootstrap(file) => {
            print!("{}", bootstrap::text(&file.read()?)?);
            Ok(())
        }
        Command::Defaults => {
            print!("{DEFAULTS}");
            Ok(())
        }
    }
}

/// Two threads: one may wait for a disk while the other answers.
fn runtime(threads: usize) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(threads).enable_all().build();
    runtime.context("cannot start the runtime")
}

fn run(config: Config) -> anyhow::Result<()> {
    // The agent does one thing at a time, on a machine that belongs to the proxy.
    heap::limit_arenas_to(1);
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(tracing::Level::INFO)
        .init();
    let runtime = runtime(2)?;
    let result = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        tokio::select! {
            result = agent::run(config) => result,
            _ = terminated.recv() => Ok(()),
            _ = interrupted.recv() => Ok(()),
        }
    });
    // What hangs, such as a name server, must not hold up the end.
    runtime.shutdown_background();
    result
}

fn check(file: &File) -> anyhow::Result<()> {
    let problems = agent::problems(&file.read()?);
    if problems.is_empty() {
        println!("the configuration is good");
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
}

/// Asks the running agent for its status.
async fn status(config: &Config) -> anyhow::Result<serde_json::Value> {
    let url = format!("http://{}/status", config.node.listen);
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(LIMIT)
        .build()?;
    let answer = client.get(&url).send().await;
    let answer = answer.with_context(|| format!("no agent answers at {url}"))?;
    Ok(serde_json::from_slice(
        &answer.error_for_status()?.bytes().await?,
    )?)
}

fn accept(tag: &VersionTag, config: &Config) -> anyhow::Result<()> {
    let mut status = runtime(1)?.block_on(status(config))?;
    let mut others = Vec::new();
    for tenant in &config.service.tenants {
        let held_back = status["tenants"][tenant.as_str()]["held_back"].take();
        let held_back: Option<HeldBack> = serde_json::from_value(held_back)?;
        match held_back {
            Some(held_back) if held_back.tag == *tag => {
                let folder = config.folder_of(tenant);
                let written = Accepted::new(&held_back).write(&folder);
                written.with_context(|| format!("cannot write into {}", folder.display()))?;
                println!("accepted: {tag} of tenant {tenant}, {}", held_back.reason);
                return Ok(());
            }
            Some(held_back) => others.push(held_back.tag.to_string()),
            None => {}
        }
    }
    if others.is_empty() {
        bail!("the agent holds no state back");
    }
    bail!("the agent holds back {}, not {tag}", others.join(", "))
}
