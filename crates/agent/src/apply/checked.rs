//! Proxies that read files when they are told to, and can check them before: `HAProxy` and nginx.
//!
//! ```text
//!  names resolved ─► files written aside ─► check ─► put in place ─► reload ─► the proxy shows the revision
//!                                            │                                        │ no
//!                                            └─ refused: nothing has changed          └─► former files, reload
//! ```

use std::{fs, path::PathBuf, time::Duration};

use tokio::{task::block_in_place, time::Instant};

use super::{
    Applied, Applier, ApplyError, Handed, PAUSE, Running, ask::Http, folder, haproxy, maps, names,
    nginx,
};
use crate::{command, config::Config, release::ConfigFile};

/// How often the proxy is told to take its files, before that counts as failed. `HAProxy` loses a
/// signal that comes soon after another.
const SIGNALS: u32 = 3;

/// The time that a proxy has run a revision before it is told to take another: the next signal must
/// not come too soon either.
const REST: Duration = Duration::from_millis(200);

/// The way to an `HAProxy` or an nginx.
pub struct Checked {
    kind: Kind,
    /// The folder of the proxy's files.
    folder: PathBuf,
    /// The folder where files are checked.
    aside: PathBuf,
    check: Vec<String>,
    reload: Vec<String>,
    limit: Duration,
}

enum Kind {
    Haproxy,
    Nginx(Http),
}

impl Checked {
    /// The way to an `HAProxy`.
    pub fn haproxy(config: &Config) -> Self {
        let (check, reload) = (haproxy::CHECK, haproxy::RELOAD);
        Self::new(config, Kind::Haproxy, &check, &reload)
    }

    /// The way to an nginx.
    pub fn nginx(config: &Config, http: Http) -> Self {
        let (check, reload) = (nginx::CHECK, nginx::RELOAD);
        Self::new(config, Kind::Nginx(http), &check, &reload)
    }

    fn new(config: &Config, kind: Kind, check: &[&str], reload: &[&str]) -> Self {
        let usual = |own: &[String], usual: &[&str]| match own {
            [] => usual.iter().map(|&word| word.to_owned()).collect(),
            own => own.to_vec(),
        };
        Self {
            kind,
            folder: config.proxy.folder.clone(),
            aside: config.node.state.join("next"),
            check: usual(&config.proxy.check, check),
            reload: usual(&config.proxy.reload, reload),
            limit: config.times.command,
        }
    }

    pub async fn apply(
        &self,
        applier: &Applier,
        wanted: &str,
        files: &[ConfigFile],
        before: Option<&Applied>,
    ) -> Result<Handed, ApplyError> {
        let now = names::resolve(self.names(files)).await;
        if let Some(before) = before
            && self.is_right(applier, wanted, &before.handed, files).await
            && !names::moved(&before.handed.names, &now)
        {
            return Ok(before.handed.clone());
        }
        let names = names::known(before.map(|before| &before.handed.names), &now);
        let mut placed = match self.kind {
            Kind::Haproxy => files.to_vec(),
            Kind::Nginx(_) => nginx::prepare(files, &now, &names),
        };
        // The first file needs the others, and has the revision: it comes last.
        if !placed.is_empty() {
            placed.rotate_left(1);
        }
        let same_names = before.filter(|before| !names::moved(&before.handed.names, &now));
        self.place(applier, wanted, &placed, same_names).await?;
        Ok(Handed {
            rendered: folder::digest_of(files),
            placed: folder::digest_of(&placed),
            names,
        })
    }

    /// Checks files, puts them in place, and makes the proxy take them. `before` is what the proxy has, if names have
    /// the addresses that they had then.
    async fn place(
        &self,
        applier: &Applier,
        wanted: &str,
        files: &[ConfigFile],
        before: Option<&Applied>,
    ) -> Result<(), ApplyError> {
        block_in_place(|| folder::fill(&self.aside, files))?;
        let check = self.words(&self.check, &self.aside.to_string_lossy())?;
        let checked = command::run(&check, &self.aside, self.limit).await;
        checked.map_err(ApplyError::Check)?;
        let was_running = self.running(wanted).await;
        let loaded = match before {
            Some(before) => self.loaded(applier, before, files).await,
            None => false,
        };
        let former = block_in_place(|| folder::replace(&self.folder, files))?;
        if loaded && self.took_maps(wanted, &former, files).await {
            return Ok(());
        }
        if let Err(error) = self.reload(applier, wanted).await {
            // A proxy that did not run before has nothing better than the files that were checked.
            if applier.reads_back
                && !matches!(was_running, Running::Away(_))
                && let Err(undo) = self.back(&former).await
            {
                tracing::warn!("the former files cannot be brought back: {undo}");
            }
            return Err(error);
        }
        Ok(())
    }

    /// Whether the proxy runs the files that are in their places now, and its maps can be replaced.
    async fn loaded(&self, applier: &Applier, before: &Applied, files: &[ConfigFile]) -> bool {
        let on_disk = || folder::digest_on_disk(&self.folder, files) == before.handed.placed;
        matches!(self.kind, Kind::Haproxy)
            && applier.reads_back
            && block_in_place(on_disk)
            && self.running(&before.revision).await == Running::Wanted
    }

    /// Replaces only maps, if nothing else differs. Returns false if the proxy must be told to take its files.
    async fn took_maps(
        &self,
        wanted: &str,
        former: &[folder::Before],
        files: &[ConfigFile],
    ) -> bool {
        let Some(maps) = maps::only_maps(former, files) else {
            return false;
        };
        match maps::replace(&self.folder, &maps, wanted).await {
            Ok(()) => true,
            Err(why) => {
                tracing::warn!("the maps cannot be replaced, so the proxy is reloaded: {why}");
                false
            }
        }
    }

    /// Whether the proxy runs this release, and its files are in their places.
    async fn is_right(
        &self,
        applier: &Applier,
        wanted: &str,
        before: &Handed,
        files: &[ConfigFile],
    ) -> bool {
        let is_placed = || {
            before.rendered == folder::digest_of(files)
                && folder::digest_on_disk(&self.folder, files) == before.placed
        };
        block_in_place(is_placed)
            && (!applier.reads_back || self.comes_up(wanted, applier.limit / SIGNALS).await)
    }

    /// Whether the proxy runs the revision of the files that are in their places. A proxy that starts just now reads
    /// them, and would lose a signal: it is waited for.
    async fn comes_up(&self, wanted: &str, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        loop {
            match self.running(wanted).await {
                Running::Away(_) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
                running => return running == Running::Wanted,
            }
        }
    }

    /// Makes the proxy take the files that are in their places. A signal may get lost, so it is sent
    /// again until the proxy shows the revision.
    async fn reload(&self, applier: &Applier, wanted: &str) -> Result<(), ApplyError> {
        let former = self.worker().await;
        let mut signals = 1;
        loop {
            self.signal().await?;
            if !applier.reads_back {
                return Ok(());
            }
            let limit = applier.limit / SIGNALS;
            match self.took_over(wanted, former.as_deref(), limit).await {
                Ok(()) => {
                    tokio::time::sleep(REST).await;
                    return Ok(());
                }
                Err(_) if signals < SIGNALS => signals += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn signal(&self) -> Result<(), ApplyError> {
        let reload = self.words(&self.reload, &self.folder.to_string_lossy())?;
        let done = command::run(&reload, &self.folder, self.limit).await;
        done.map_err(ApplyError::Reload)
    }

    /// Waits until the proxy shows the revision. If the files differ and their revision does not, only
    /// another worker tells that they were taken.
    async fn took_over(
        &self,
        wanted: &str,
        former: Option<&str>,
        limit: Duration,
    ) -> Result<(), ApplyError> {
        let until = Instant::now() + limit;
        loop {
            let is_another = former.is_none() || self.worker().await.as_deref() != former;
            let is_late = Instant::now() >= until;
            let shown = match self.running(wanted).await {
                Running::Wanted if is_another => return Ok(()),
                Running::Away(why) if is_late => return Err(ApplyError::Away(why)),
                Running::Wanted => "the same worker as before".to_owned(),
                Running::Other(shown) | Running::Away(shown) => shown,
            };
            if is_late {
                return Err(ApplyError::NotShown {
                    wanted: wanted.to_owned(),
                    limit,
                    shown,
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Puts the former files in place, and makes the proxy take them. That it does so is not waited
    /// for: it runs them already, unless it has died.
    async fn back(&self, former: &[folder::Before]) -> Result<(), ApplyError> {
        if former.is_empty() {
            return Ok(());
        }
        block_in_place(|| folder::restore(&self.folder, former))?;
        tokio::time::sleep(REST).await;
        self.signal().await
    }

    pub async fn running(&self, wanted: &str) -> Running {
        match &self.kind {
            Kind::Haproxy => haproxy::running(&self.folder, wanted).await,
            Kind::Nginx(http) => nginx::running(http, wanted).await,
        }
    }

    /// What names the worker that answers: only `HAProxy` tells.
    async fn worker(&self) -> Option<String> {
        match self.kind {
            Kind::Haproxy => haproxy::worker(&self.folder).await,
            Kind::Nginx(_) => None,
        }
    }

    fn names(&self, files: &[ConfigFile]) -> Vec<String> {
        match self.kind {
            Kind::Haproxy => haproxy::names(files),
            Kind::Nginx(_) => nginx::names(files),
        }
    }

    /// Puts the folder and the process into a command.
    fn words(&self, command: &[String], folder: &str) -> Result<Vec<String>, ApplyError> {
        let needs_pid = command.iter().any(|word| word.contains("{pid}"));
        let pid = if needs_pid {
            self.pid()?
        } else {
            String::new()
        };
        let fill = |word: &String| word.replace("{folder}", folder).replace("{pid}", &pid);
        Ok(command.iter().map(fill).collect())
    }

    /// Returns the process of the pid file. The file of a proxy that was killed stays behind, and
    /// its number may be another program's now: the name must fit.
    fn pid(&self) -> Result<String, ApplyError> {
        let name = match self.kind {
            Kind::Haproxy => "haproxy",
            Kind::Nginx(_) => "nginx",
        };
        let path = self.folder.join(format!("{name}.pid"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let pid = text.lines().next().unwrap_or_default().trim().to_owned();
        let is_number = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
        let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if is_number && program.starts_with(name) {
            return Ok(pid);
        }
        let why = format!(
            "{name} does not run: {} names no process of it",
            path.display()
        );
        Err(ApplyError::Away(why))
    }
}
