//! The parts of tenants that a relay follows, each with a watcher of its own: verified, never backwards, on disk.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{sync::watch, task::JoinHandle};
use traffic_manager_client::{Connections, Scope, Settings, State, View, Watcher};
use traffic_manager_core::{ids::TenantName, tag::VersionTag};

use super::edition::Edition;
use crate::{agent, config::relay::RelayConfig};

/// The time between looks for parts that nobody asks for.
const SWEEP: Duration = Duration::from_secs(10);
/// A part of a tenant that does not exist is left after this time, and any part that others need the place of.
const SHORT: Duration = Duration::from_secs(30);

/// A part of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Part {
    /// The tenant.
    pub tenant: TenantName,
    /// The part of it.
    pub scope: Scope,
}

impl Part {
    /// Its file, in the relay's folder. Names are DNS labels.
    fn file(&self, folder: &Path) -> PathBuf {
        let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
        let service = name(self.scope.service.as_ref().map(|name| name.as_str()));
        let env = name(self.scope.env.as_ref().map(|name| name.as_str()));
        let tenant = folder.join(self.tenant.as_str());
        tenant.join(format!("{service},{env}.tm"))
    }

    fn of_file(tenant: &str, name: &str) -> Option<Self> {
        let (service, env) = name.strip_suffix(".tm")?.split_once(',')?;
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some(Self {
            tenant: tenant.parse().ok()?,
            scope: Scope {
                service: part(service).map(|name| name.parse()).transpose().ok()?,
                env: part(env).map(|name| name.parse()).transpose().ok()?,
            },
        })
    }
}

/// What nodes are shown of a part.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// The newest state; `None` before the first.
    pub edition: Option<Arc<Edition>>,
    /// Whether the control plane says that there is no such tenant.
    pub is_gone: bool,
}

/// A part that is followed.
#[derive(Debug)]
pub struct Followed {
    /// The part.
    pub part: Part,
    /// What nodes are shown.
    pub shown: watch::Sender<Shown>,
    watcher: Watcher,
    /// When it was asked for last, in milliseconds since the relay's start.
    asked: AtomicU64,
    task: JoinHandle<()>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Followed {
    /// What the watcher shows.
    pub fn view(&self) -> View {
        self.watcher.view()
    }

    /// Whether a state is not older than any of these tags. A tag of another epoch may be of a time long ago; while the
    /// control plane does not confirm the relay's own epoch, nobody here knows.
    pub fn has_reached(&self, edition: &Edition, tags: &[VersionTag]) -> bool {
        let place = edition.place();
        let reached = |tag: &VersionTag| match tag.epoch == place.epoch {
            true => place.revision >= tag.revision,
            false => self.watcher.state() == State::Live,
        };
        tags.iter().all(reached)
    }

    /// The seconds since the control plane confirmed the state, unless it does so now.
    pub fn stale_seconds(&self) -> Option<u64> {
        let view = self.watcher.changed();
        let view = view.borrow();
        let age = view.age(jiff::Timestamp::now()).unwrap_or_default();
        (view.state != State::Live).then_some(age.as_secs())
    }
}

/// All parts that are followed.
#[derive(Debug)]
pub struct Registry {
    config: Arc<RelayConfig>,
    connections: Connections,
    folder: PathBuf,
    started: Instant,
    all: Mutex<HashMap<Part, Arc<Followed>>>,
    /// One part is begun at a time.
    beginning: tokio::sync::Mutex<()>,
}

/// Why a part is not followed.
#[derive(Debug)]
pub enum NotFollowed {
    /// There are as many as may be, and all are in use.
    TooMany,
    /// The watcher cannot start.
    Failed(anyhow::Error),
}

impl Registry {
    /// Follows nothing yet.
    pub fn new(config: Arc<RelayConfig>) -> anyhow::Result<Self> {
        let folder = config.node.state.join("relay");
        agent::make_folder(&folder)?;
        let mut settings = Settings::new(
            config.service.servers.clone(),
            "any".parse().context("a name of a tenant")?,
        );
        settings.ca_pem = agent::ca_pem(&config.service)?;
        Ok(Self {
            connections: Connections::new(&settings)?,
            folder,
            config,
            started: Instant::now(),
            all: Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Part, Arc<Followed>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Everything that is followed, in the order of names.
    pub fn list(&self) -> Vec<Arc<Followed>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        let order = |it: &Arc<Followed>| {
            let Scope { service, env } = it.part.scope.clone();
            (it.part.tenant.clone(), service, env)
        };
        all.sort_by_cached_key(order);
        all
    }

    /// Follows what the configuration names, and what was followed before a restart.
    pub async fn warm(&self) {
        let whole = |tenant: &TenantName| Part {
            tenant: tenant.clone(),
            scope: Scope::default(),
        };
        let mut parts: Vec<_> = self.config.service.tenants.iter().map(whole).collect();
        match parts_on_disk(&self.folder) {
            Ok(found) => parts.extend(found),
            Err(error) => tracing::warn!("cannot list {}: {error}", self.folder.display()),
        }
        parts.truncate(self.config.relay.max_followed);
        for part in parts {
            if !self.serves(&part.tenant) {
                continue;
            }
            if let Err(NotFollowed::Failed(error)) = self.get(&part).await {
                tracing::warn!(tenant = %part.tenant, "cannot be followed: {error:#}");
            }
        }
    }

    /// Whether the configuration lets the tenant be served. Without a list, all are.
    pub fn serves(&self, tenant: &TenantName) -> bool {
        let tenants = &self.config.service.tenants;
        tenants.is_empty() || tenants.contains(tenant)
    }

    /// Returns a part that is followed already and has the whole of this scope.
    pub fn covering(&self, tenant: &TenantName, scope: &Scope) -> Option<Arc<Followed>> {
        let all = self.lock();
        let covers = |it: &Scope| {
            (it.service.is_none() || it.service == scope.service)
                && (it.env.is_none() || it.env == scope.env)
        };
        let mut fitting = all.values().filter(|it| {
            it.part.tenant == *tenant
                && covers(&it.part.scope)
                && it.shown.borrow().edition.is_some()
        });
        fitting.next().cloned()
    }

    /// Returns a part, which is followed from now on if it was not before.
    pub async fn get(&self, part: &Part) -> Result<Arc<Followed>, NotFollowed> {
        if let Some(followed) = self.known(part) {
            return Ok(followed);
        }
        let _one = self.beginning.lock().await;
        if let Some(followed) = self.known(part) {
            return Ok(followed);
        }
        self.make_room()?;
        let followed = self.begin(part.clone()).await;
        let followed = Arc::new(followed.map_err(NotFollowed::Failed)?);
        self.lock().insert(part.clone(), Arc::clone(&followed));
        Ok(followed)
    }

    fn known(&self, part: &Part) -> Option<Arc<Followed>> {
        let followed = self.lock().get(part).cloned()?;
        followed.asked.store(self.now(), Ordering::Relaxed);
        Some(followed)
    }

    async fn begin(&self, part: Part) -> anyhow::Result<Followed> {
        let service = &self.config.service;
        let file = part.file(&self.folder);
        if let Some(folder) = file.parent() {
            agent::make_folder(folder)?;
        }
        let mut settings = Settings::new(service.servers.clone(), part.tenant.clone());
        settings.scope = part.scope.clone();
        settings.token = agent::token(service)?;
        settings.allow_plain_http = service.allow_plain_http;
        settings.trusted_keys.clone_from(&service.trusted_keys);
        settings.max_bytes = service.max_bytes;
        settings.file = Some(file);
        settings.times.ask_again = self.config.times.ask_again;
        settings.connections = Some(self.connections.clone());
        let watcher = Watcher::start(settings).await?;
        let mut first = Shown::default();
        show(&mut first, &watcher.view());
        let shown = watch::Sender::new(first);
        let task = tokio::spawn(follow(watcher.changed(), shown.clone()));
        tracing::info!(tenant = %part.tenant, state = %watcher.state(), "a part is followed");
        Ok(Followed {
            part,
            shown,
            watcher,
            asked: AtomicU64::new(self.now()),
            task,
        })
    }

    /// Leaves the part that was asked for longest ago, if there are as many as may be.
    fn make_room(&self) -> Result<(), NotFollowed> {
        let mut all = self.lock();
        if all.len() < self.config.relay.max_followed {
            return Ok(());
        }
        let oldest = all
            .values()
            .filter(|it| self.is_idle(it, SHORT))
            .min_by_key(|it| it.asked.load(Ordering::Relaxed))
            .map(|it| it.part.clone());
        let oldest = oldest.ok_or(NotFollowed::TooMany)?;
        all.remove(&oldest);
        Ok(())
    }

    fn is_idle(&self, followed: &Followed, limit: Duration) -> bool {
        let asked = followed.asked.load(Ordering::Relaxed);
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        followed.shown.receiver_count() == 0 && self.now().saturating_sub(asked) > limit
    }

    /// Leaves parts that nobody asks for, until it is dropped. Those that the configuration names stay.
    pub async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let named = &self.config.service.tenants;
            self.lock().retain(|part, followed| {
                let is_gone = followed.shown.borrow().is_gone;
                let limit = if is_gone {
                    SHORT
                } else {
                    self.config.relay.idle
                };
                let is_named = part.scope.is_whole() && named.contains(&part.tenant);
                is_named || !self.is_idle(followed, limit)
            });
        }
    }
}

/// Shows each new state of a watcher.
async fn follow(mut views: watch::Receiver<View>, shown: watch::Sender<Shown>) {
    loop {
        let view = views.borrow_and_update().clone();
        shown.send_if_modified(|shown| show(shown, &view));
        if views.changed().await.is_err() {
            return;
        }
    }
}

/// Returns whether nodes are shown something else now.
fn show(shown: &mut Shown, view: &View) -> bool {
    let is_gone = view.state == State::Gone;
    let is_same = match &shown.edition {
        Some(edition) => edition.is_of(view),
        None => view.snapshot.is_none(),
    };
    if is_same && is_gone == shown.is_gone {
        return false;
    }
    shown.is_gone = is_gone;
    if !is_same {
        shown.edition = Edition::of(view).map(Arc::new);
    }
    true
}

fn parts_on_disk(folder: &Path) -> io::Result<Vec<Part>> {
    let mut parts = Vec::new();
    for tenant in fs::read_dir(folder)? {
        let tenant = tenant?;
        if !tenant.file_type()?.is_dir() {
            continue;
        }
        let name = tenant.file_name();
        for file in fs::read_dir(tenant.path())? {
            let file = file?.file_name();
            let part = name.to_str().zip(file.to_str());
            parts.extend(part.and_then(|(tenant, file)| Part::of_file(tenant, file)));
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_of_a_part_is_read_back() {
        let folder = Path::new("/x");
        for (service, env) in [
            (None, None),
            (Some("web"), None),
            (Some("web"), Some("prod")),
        ] {
            let part = Part {
                tenant: "acme".parse().unwrap(),
                scope: Scope {
                    service: service.map(|name| name.parse().unwrap()),
                    env: env.map(|name| name.parse().unwrap()),
                },
            };
            let file = part.file(folder);
            let name = file.file_name().unwrap().to_str().unwrap();
            assert_eq!(Part::of_file("acme", name), Some(part));
        }
        for other in ["lock", "web,prod.tm.new", "web.tm", "A b,.tm"] {
            assert_eq!(Part::of_file("acme", other), None, "{other}");
        }
    }
}
