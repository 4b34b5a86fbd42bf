//! The program `tm-agent`.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};
use traffic_manager_agent::relay as relay_server;
use traffic_manager_agent::{
    agent, bootstrap,
    config::{Config, DEFAULTS, read_text, relay, relay::RelayConfig},
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
    /// Serves other nodes in the place of the control plane.
    Relay(File),
    /// Says what is wrong with a configuration file, and what it needs of this machine.
    Check(File),
    /// Prints the status of the running agent, or of the relay, as JSON.
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

    fn read_relay(&self) -> anyhow::Result<RelayConfig> {
        let path = self.config.display();
        RelayConfig::read(&self.config).with_context(|| format!("{path} is refused"))
    }

    /// Whether it is the file of a relay, and whether it is that of a proxy's agent.
    fn kinds(&self) -> anyhow::Result<(bool, bool)> {
        let path = self.config.display();
        let text = read_text(&self.config)?;
        relay::kinds(&text).with_context(|| format!("{path} is refused"))
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
        Command::Relay(file) => relay(file.read_relay()?),
        Command::Check(file) => check(&file),
        Command::Status(file) => show_status(&file),
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
    until_ended(2, agent::run(config))
}

fn relay(config: RelayConfig) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    until_ended(threads.clamp(2, 8), relay_server::run(config))
}

/// Runs until a signal, or a failure.
fn until_ended(
    threads: usize,
    program: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(tracing::Level::INFO)
        .init();
    let runtime = runtime(threads)?;
    let result = runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        tokio::select! {
            result = program => result,
            _ = terminated.recv() => Ok(()),
            _ = interrupted.recv() => Ok(()),
        }
    });
    // What hangs, such as a name server, must not hold up the end.
    runtime.shutdown_background();
    result
}

fn check(file: &File) -> anyhow::Result<()> {
    let (is_relay, has_proxy) = file.kinds()?;
    let mut problems = Vec::new();
    if has_proxy {
        problems.extend(agent::problems(&file.read()?));
    }
    if is_relay {
        problems.extend(relay_server::problems(&file.read_relay()?));
    }
    if problems.is_empty() {
        println!("the configuration is good");
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
}

/// Prints what runs with this file: the agent, the relay, or both.
fn show_status(file: &File) -> anyhow::Result<()> {
    let runtime = runtime(1)?;
    let shown = match file.kinds()? {
        (false, _) => runtime.block_on(status(file.read()?.node.listen))?,
        (true, false) => runtime.block_on(status(file.read_relay()?.relay.admin))?,
        (true, true) => {
            let agent = runtime.block_on(status(file.read()?.node.listen))?;
            let relay = runtime.block_on(status(file.read_relay()?.relay.admin))?;
            serde_json::json!({"agent": agent, "relay": relay})
        }
    };
    println!("{shown:#}");
    Ok(())
}

/// Asks the running program for its status.
async fn status(address: SocketAddr) -> anyhow::Result<serde_json::Value> {
    let url = format!("http://{address}/status");
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
    let mut status = runtime(1)?.block_on(status(config.node.listen))?;
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
