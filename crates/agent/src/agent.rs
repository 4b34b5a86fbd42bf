//! Starts everything that an agent is.

use std::{
    fs::{self, File, TryLockError},
    io::Read as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use traffic_manager_client::{Accept, Scope, Settings, Token, Watcher};
use traffic_manager_core::ids::TenantName;

use crate::{
    config::{Config, Service},
    guard::Guard,
    http,
    node::{Node, part::Part},
    report,
    status::{Facts, ProxyStatus, TenantFacts},
};

/// The file of the last good snapshot, in the tenant's folder.
const SNAPSHOT: &str = "snapshot.tm";

/// The most bytes of a file with a key.
const MAX_TOKEN: u64 = 64 << 10;

/// Runs an agent until it fails to. The proxy keeps its configuration.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let config = Arc::new(config);
    let state = &config.node.state;
    make_folder(state)?;
    let _lock = lock(state)?;
    let listen = config.node.listen;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot listen at {listen}"))?;
    let (document, served) = watch::channel(None);
    let (shown, proxy) = watch::channel(ProxyStatus::default());
    let (mut parts, mut facts, mut reporting) = (Vec::new(), Vec::new(), JoinSet::new());
    for tenant in &config.service.tenants {
        let (part, known, watcher) = follow(&config, tenant).await?;
        let held_back = part.guard.changed();
        reporting.spawn(report::run(
            tenant.clone(),
            watcher,
            proxy.clone(),
            held_back,
        ));
        parts.push(part);
        facts.push(known);
    }
    let node = Node::new(Arc::clone(&config), parts, document, shown)?;
    let facts = Facts {
        config: Arc::clone(&config),
        tenants: facts.into(),
        proxy,
        document: served,
    };
    tracing::info!(
        node = %config.node.name, dialect = config.proxy.dialect.as_str(), %listen, "the agent has started"
    );
    tokio::select! {
        error = node.run() => Err(error),
        never = http::serve(listener, facts) => match never {},
    }
}

/// Begins to follow a tenant.
async fn follow(
    config: &Config,
    tenant: &TenantName,
) -> anyhow::Result<(Part, TenantFacts, Watcher)> {
    let folder = config.folder_of(tenant);
    make_folder(&folder)?;
    let guard = Arc::new(Guard::new(config.guard, &folder));
    let watcher = Watcher::start(settings(config, tenant, &guard)?).await?;
    tracing::info!(%tenant, state = %watcher.state(), "the tenant is followed");
    let part = Part::new(tenant.clone(), Arc::clone(&guard), watcher.changed());
    let facts = TenantFacts {
        tenant: tenant.clone(),
        view: watcher.changed(),
        guard,
        reported: watcher.reported(),
    };
    Ok((part, facts, watcher))
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

pub(crate) fn make_folder(state: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(state);
    made.with_context(|| format!("node.state: cannot make {}", state.display()))
}

/// Keeps a second agent from the folder.
pub(crate) fn lock(state: &Path) -> anyhow::Result<File> {
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

fn settings(config: &Config, tenant: &TenantName, guard: &Arc<Guard>) -> anyhow::Result<Settings> {
    let service = &config.service;
    let mut settings = Settings::new(service.servers.clone(), tenant.clone());
    settings.scope = Scope {
        service: service.service.clone(),
        env: service.env.clone(),
    };
    settings.token = token(service)?;
    settings.allow_plain_http = service.allow_plain_http;
    settings.ca_pem = ca_pem(service)?;
    settings.trusted_keys.clone_from(&service.trusted_keys);
    settings.max_bytes = service.max_bytes;
    settings.file = Some(config.folder_of(tenant).join(SNAPSHOT));
    settings.node = Some(config.node.name.clone());
    settings.dialect = Some(config.proxy.dialect.as_str().parse()?);
    settings.times.ask_again = config.times.ask_again;
    let guard = Arc::clone(guard);
    settings.accept = Some(Accept::with_confirmation(move |old, new, confirmation| {
        guard.allows(old, new, confirmation)
    }));
    Ok(settings)
}

/// A file is read when the key is needed: an agent starts without it, from its disk.
pub(crate) fn token(service: &Service) -> anyhow::Result<Option<Token>> {
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

/// Returns the key of now; `None` if the configuration names none.
pub(crate) fn token_text(service: &Service) -> anyhow::Result<Option<String>> {
    if let Some(name) = &service.token_env {
        let token = std::env::var(name).with_context(|| format!("service.token_env: {name}"))?;
        return Ok(Some(token));
    }
    service.token_file.as_ref().map(read_token).transpose()
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

pub(crate) fn ca_pem(service: &Service) -> anyhow::Result<Option<Vec<u8>>> {
    let read = |path: &PathBuf| {
        let pem = fs::read(path);
        pem.with_context(|| format!("service.ca_file: cannot read {}", path.display()))
    };
    service.ca_file.as_ref().map(read).transpose()
}
