//! The wipe guard: holds back a state of the tenant that takes most of its routes or policies away,
//! until somebody on the machine accepts it, or unless the removal was confirmed where it was written
//! and a trusted key has signed that. A control plane that was restored wrongly, or that somebody else
//! speaks for, then cannot empty the proxies.

mod confirmed;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use traffic_manager_client::Confirmation;
use traffic_manager_core::{
    snapshot::{Scope, SnapshotRoute, TenantSnapshot},
    tag::VersionTag,
};

use self::confirmed::Dropped;
use crate::{apply::AppliedTenant, config::Limits, disk};

/// The file of the acceptance, in the tenant's folder.
const FILE: &str = "accepted.json";

/// How much a tenant has. Inactive routes do not count: no request goes to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Active routes.
    pub routes: usize,
    /// Policies.
    pub policies: usize,
}

impl Size {
    /// Returns how much a snapshot has.
    pub fn of(snapshot: &TenantSnapshot) -> Self {
        Self {
            routes: active(snapshot).count(),
            policies: snapshot.policies().count(),
        }
    }

    /// Returns how many of the old routes and policies of a scope the new snapshot does not have, by name.
    pub fn dropped(old: &TenantSnapshot, new: &TenantSnapshot, scope: &Scope) -> Self {
        let is_gone = |route: &&SnapshotRoute| {
            let name = &route.name;
            let (service, env) = (name.service.as_str(), name.env.as_str());
            let now = new.get(service, env, name.version.as_str());
            scope.has(&name.service, &name.env) && !now.is_some_and(|now| now.is_active)
        };
        let policies = old.policies().filter(|policy| {
            let name = &policy.name;
            scope.has(&name.service, &name.env)
                && new
                    .policy(name.service.as_str(), name.env.as_str())
                    .is_none()
        });
        Self {
            routes: active(old).filter(is_gone).count(),
            policies: policies.count(),
        }
    }

    /// Returns how many active routes of a scope a snapshot has.
    pub fn routes_in(snapshot: &TenantSnapshot, scope: &Scope) -> usize {
        let is_in = |route: &&SnapshotRoute| scope.has(&route.name.service, &route.name.env);
        active(snapshot).filter(is_in).count()
    }

    /// Returns both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            routes: self.routes.saturating_add(other.routes),
            policies: self.policies.saturating_add(other.policies),
        }
    }

    /// Returns how much less `new` has.
    pub fn less(self, new: Self) -> Self {
        Self {
            routes: self.routes.saturating_sub(new.routes),
            policies: self.policies.saturating_sub(new.policies),
        }
    }
}

fn active(snapshot: &TenantSnapshot) -> impl Iterator<Item = &SnapshotRoute> {
    let services = snapshot.services().iter();
    services
        .flat_map(|service| service.routes())
        .filter(|route| route.is_active)
}

/// Returns the reason to hold back a change that drops so much of the old state.
pub fn reason(limits: Limits, old: Size, dropped: Size, new: Size) -> Option<String> {
    [
        ("routes", old.routes, dropped.routes, new.routes),
        ("policies", old.policies, dropped.policies, new.policies),
    ]
    .into_iter()
    .find_map(|(what, old, dropped, new)| {
        let share = u128::from(limits.most_dropped_percent);
        let is_most = dropped as u128 * 100 > old as u128 * share;
        if old > 0 && new == 0 && dropped > 0 {
            Some(format!("it has none of the {old} {what} any more"))
        } else if is_most && dropped > limits.always_allowed {
            Some(format!("it drops {dropped} of {old} {what}"))
        } else {
            None
        }
    })
}

/// A state that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// Its tag, which `tm-agent accept` takes.
    pub tag: VersionTag,
    /// Why it is held back.
    pub reason: String,
    /// How much it has.
    pub size: Size,
    /// The time since which something is held back.
    pub since: Timestamp,
}

/// What somebody on the machine has accepted: the state of a tag, and later ones that have no less,
/// until one of them is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    tag: VersionTag,
    size: Size,
}

impl Accepted {
    /// Accepts a state that is held back.
    pub fn new(held_back: &HeldBack) -> Self {
        Self {
            tag: held_back.tag.clone(),
            size: held_back.size,
        }
    }

    fn covers(&self, tag: &VersionTag, size: Size) -> bool {
        tag.epoch == self.tag.epoch
            && tag.revision >= self.tag.revision
            && self.size.less(size) == Size::default()
    }

    /// Writes the acceptance into the tenant's folder, where the agent finds it.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let json = serde_json::to_vec(self)?;
        disk::write(&folder.join(FILE), &json, disk::PRIVATE)
    }
}

/// The guard of a tenant.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    file: PathBuf,
    held_back: watch::Sender<Option<HeldBack>>,
}

impl Guard {
    /// A guard whose acceptances are in this folder.
    pub fn new(limits: Limits, folder: &Path) -> Self {
        Self {
            limits,
            file: folder.join(FILE),
            held_back: watch::Sender::new(None),
        }
    }

    /// Whether the new snapshot may take the place of the old one. `confirmation` is the newest removal
    /// that a trusted key has signed to be confirmed.
    pub fn allows(
        &self,
        old: &TenantSnapshot,
        new: &TenantSnapshot,
        confirmation: Option<&Confirmation>,
    ) -> bool {
        let confirmation = confirmed::between(confirmation, old.tag(), new.tag());
        let whole = Size::dropped(old, new, &Scope::default());
        let inside = confirmation.map(|it| Size::dropped(old, new, &it.scope));
        let inside = inside.unwrap_or_default();
        let outside = whole.less(inside);
        self.decide(
            Size::of(old),
            Dropped { inside, outside },
            new,
            confirmation,
        )
    }

    /// Whether a snapshot may take the place of a state of which only tag and size are known. Without
    /// them nothing was ever applied: then only an empty snapshot is held back, since the proxy may
    /// have more from before.
    pub fn allows_after(
        &self,
        old: Option<&AppliedTenant>,
        new: &TenantSnapshot,
        confirmation: Option<&Confirmation>,
    ) -> bool {
        let size = Size::of(new);
        match old {
            Some(AppliedTenant { tag, size: old }) => {
                let confirmation = confirmed::between(confirmation, tag, new.tag());
                // Nobody knows where the dropped ones were.
                let dropped = Dropped {
                    inside: old.less(size),
                    outside: Size::default(),
                };
                self.decide(*old, dropped, new, confirmation)
            }
            None if size == Size::default() => self.refuses(new, "it is empty".to_owned()),
            None => true,
        }
    }

    /// Forgets an acceptance whose state has been applied. It must not let a later wipe through,
    /// after the tenant has grown again.
    pub fn applied(&self, snapshot: &TenantSnapshot) {
        let accepted = disk::read_json::<Accepted>(&self.file);
        if accepted.is_some_and(|accepted| accepted.covers(snapshot.tag(), Size::of(snapshot)))
            && let Err(error) = fs::remove_file(&self.file)
        {
            tracing::warn!("cannot remove {}: {error}", self.file.display());
        }
    }

    /// The newest state that is held back.
    pub fn held_back(&self) -> Option<HeldBack> {
        self.held_back.borrow().clone()
    }

    /// Tells each state that is held back from now on.
    pub fn changed(&self) -> watch::Receiver<Option<HeldBack>> {
        self.held_back.subscribe()
    }

    fn decide(
        &self,
        old: Size,
        dropped: Dropped,
        new: &TenantSnapshot,
        confirmation: Option<&Confirmation>,
    ) -> bool {
        let Some(reason) = reason(self.limits, old, dropped.all(), Size::of(new)) else {
            self.set(None);
            return true;
        };
        let Some(confirmation) = confirmation else {
            return self.refuses(new, reason);
        };
        match confirmed::reason(self.limits, confirmation, old, dropped, new) {
            Some(reason) => self.refuses(new, reason),
            None => {
                tracing::info!(tenant = %new.tenant(), tag = %new.tag(), confirmed = %confirmation.tag, "let through: {reason}");
                self.set(None);
                true
            }
        }
    }

    /// Holds a snapshot back unless it was accepted. Returns whether it was.
    fn refuses(&self, new: &TenantSnapshot, reason: String) -> bool {
        let (tag, size) = (new.tag().clone(), Size::of(new));
        let accepted = disk::read_json::<Accepted>(&self.file);
        if accepted.is_some_and(|accepted| accepted.covers(&tag, size)) {
            self.set(None);
            return true;
        }
        let before = self.held_back();
        if before.as_ref().is_none_or(|before| before.tag != tag) {
            tracing::error!(tenant = %new.tenant(), tag = %tag, "held back: {reason}; `tm-agent accept {tag}` applies it");
        }
        let since = before.map_or_else(Timestamp::now, |before| before.since);
        self.set(Some(HeldBack {
            tag,
            reason,
            size,
            since,
        }));
        false
    }

    fn set(&self, held_back: Option<HeldBack>) {
        self.held_back.send_if_modified(|last| {
            let differs = *last != held_back;
            *last = held_back;
            differs
        });
    }
}

#[cfg(test)]
mod tests;
