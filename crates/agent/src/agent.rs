//! Starts everything that an agent is.

use std::{
    fs::{self, File, TryLockError},
    io::Read as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use tokio::{net::TcpListener, sync::watch};
use traffic_manager_client::{Accept, Scope, Settings, Token, Watcher};

use crate::{
    config::{Config, Service},
    guard::Guard,
    http,
    node::Node,
    report,
    status::{Facts, ProxyStatus},
};

/// The file of the last good snapshot, in the agent's folder.
const SNAPSHOT: &str = "snapshot.tm";

/// The most bytes of a file with a key.
const MAX_TOKEN: u64 = 64 << 10;

/// Runs an agent until it fails to. The proxy keeps its configuration.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let config = Arc::new(config);
    let state = &config.node.state;
    make_folder(state)?;
    let _lock = lock(state)?;
    let guard = Arc::new(Guard::new(config.guard, state));
    let settings = settings(&config, &guard)?;
    let listen = config.node.listen;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot listen at {listen}"))?;
    let watcher = Watcher::start(settings).await?;
    let (document, served) = watch::channel(None);
    let (shown, proxy) = watch::channel(ProxyStatus::default());
    let node = Node::new(Arc::clone(&config), Arc::clone(&guard), document, shown)?;
    let facts = Facts {
        config: Arc::clone(&config),
        view: watcher.changed(),
        guard: Arc::clone(&guard),
        proxy: proxy.clone(),
        reported: watcher.reported(),
        document: served,
    };
    tracing::info!(
        tenant = %config.service.tenant, node = %config.node.name, dialect = config.proxy.dialect.as_str(), %listen,
        state = %watcher.state(), "the agent has started"
    );
    tokio::select! {
        error = node.run(watcher.changed()) => Err(error),
        () = report::run(&watcher, proxy, guard.changed()) => bail!("the reports have ended"),
        never = http::serve(listener, facts) => match never {},
    }
}

/// Returns what can be seen to be wrong on this machine before an agent is run.
pub fn problems(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let mut note = |result: anyhow::Result<()>| {
        if let Err(error) = result {
            problems.push(format!("{error:#}"));
        }
    };
    let (service, proxy) = (&config.service, &config.proxy);
    note(make_folder(&config.node.state));
    if let Some(file) = &service.token_file {
        note(read_token(file).map(drop).context("service.token_file"));
    }
    note(token(service).map(drop));
    note(ca_pem(service).map(drop));
    if proxy.has_files() && !proxy.folder.is_dir() {
        let folder = proxy.folder.display();
        note(Err(anyhow::anyhow!("proxy.folder: {folder} is no folder")));
    }
    problems
}

fn make_folder(state: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(state);
    made.with_context(|| format!("node.state: cannot make {}", state.display()))
}

/// Keeps a second agent from the folder.
fn lock(state: &Path) -> anyhow::Result<File> {
    let path = state.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another agent has the folder {}", state.display()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

fn settings(config: &Config, guard: &Arc<Guard>) -> anyhow::Result<Settings> {
    let service = &config.service;
    let mut settings = Settings::new(service.servers.clone(), service.tenant.clone());
    settings.scope = Scope {
        service: service.service.clone(),
        env: service.env.clone(),
    };
    settings.token = token(service)?;
    settings.allow_plain_http = service.allow_plain_http;
    settings.ca_pem = ca_pem(service)?;
    settings.trusted_keys.clone_from(&service.trusted_keys);
    settings.max_bytes = service.max_bytes;
    settings.file = Some(config.node.state.join(SNAPSHOT));
    settings.node = Some(config.node.name.clone());
    settings.dialect = Some(config.proxy.dialect.as_str().parse()?);
    settings.times.ask_again = config.times.ask_again;
    let guard = Arc::clone(guard);
    settings.accept = Some(Accept::new(move |old, new| guard.allows(old, new)));
    Ok(settings)
}

/// A file is read when the key is needed: an agent starts without it, from its disk.
fn token(service: &Service) -> anyhow::Result<Option<Token>> {
    if let Some(name) = &service.token_env {
        let token = std::env::var(name).with_context(|| format!("service.token_env: {name}"))?;
        return Ok(Some(Token::fixed(token)));
    }
    Ok(service.token_file.clone().map(|path| {
        Token::from_fn(move || {
            let token = read_token(&path);
            async { token.map_err(Into::into) }
        })
    }))
}

fn read_token(path: &PathBuf) -> anyhow::Result<String> {
    let failed = || format!("cannot read {}", path.display());
    let mut text = String::new();
    let file = File::open(path).with_context(failed)?;
    file.take(MAX_TOKEN)
        .read_to_string(&mut text)
        .with_context(failed)?;
    Ok(text.trim().to_owned())
}

fn ca_pem(service: &Service) -> anyhow::Result<Option<Vec<u8>>> {
    let read = |path: &PathBuf| {
        let pem = fs::read(path);
        pem.with_context(|| format!("service.ca_file: cannot read {}", path.display()))
    };
    service.ca_file.as_ref().map(read).transpose()
}
