//! What the loop has of one tenant: its newest state, and the last one that the wipe guard has let through.

use std::{
    future::{Future as _, poll_fn},
    sync::Arc,
    task::Poll,
};

use tokio::sync::watch;
use traffic_manager_client::{TenantSnapshot, View};
use traffic_manager_core::ids::TenantName;

use crate::{apply::AppliedTenant, guard::Guard};

/// One tenant of the loop.
#[derive(Debug)]
pub struct Part {
    /// The tenant.
    pub tenant: TenantName,
    /// Its wipe guard.
    pub guard: Arc<Guard>,
    /// What its watcher shows.
    pub views: watch::Receiver<View>,
    newest: Option<Arc<TenantSnapshot>>,
    allowed: Option<Arc<TenantSnapshot>>,
}

/// What a release has of a tenant.
#[derive(Debug)]
pub enum Share {
    /// This state.
    State(Arc<TenantSnapshot>),
    /// Nothing: the proxy never had anything of it, and there is no state that may be applied.
    None,
    /// Unknown: a release without it could take away what the proxy has.
    Missing,
}

impl Part {
    /// A tenant before its first state.
    pub fn new(tenant: TenantName, guard: Arc<Guard>, views: watch::Receiver<View>) -> Self {
        Self {
            tenant,
            guard,
            views,
            newest: None,
            allowed: None,
        }
    }

    /// Takes what the watcher shows. The guard is asked until it lets the state through; `before` is what the proxy has.
    /// Returns whether there is another state to apply.
    pub fn take(&mut self, before: Option<&AppliedTenant>) -> bool {
        let view = self.views.borrow_and_update();
        let Some(snapshot) = view.snapshot.clone() else {
            return false;
        };
        let confirmation = view.confirmation().cloned();
        drop(view);
        self.newest = Some(Arc::clone(&snapshot));
        let is_same = |allowed: &Arc<TenantSnapshot>| Arc::ptr_eq(allowed, &snapshot);
        let is_allowed =
            |guard: &Guard| guard.allows_after(before, &snapshot, confirmation.as_ref());
        if self.allowed.as_ref().is_some_and(is_same) || !is_allowed(&self.guard) {
            return false;
        }
        self.allowed = Some(snapshot);
        true
    }

    /// What a release has of the tenant. `had` is whether the proxy has something of it. A tenant that is new to the
    /// proxy is waited for unless `is_late`.
    pub fn share(&self, had: bool, is_late: bool) -> Share {
        match (&self.allowed, &self.newest) {
            (Some(allowed), _) => Share::State(Arc::clone(allowed)),
            (None, Some(_)) if !had => Share::None,
            (None, None) if !had && is_late => Share::None,
            (None, _) => Share::Missing,
        }
    }
}

/// Waits until a watcher shows something else. False if one has ended.
pub async fn changed(parts: &mut [Part]) -> bool {
    let changes = parts.iter_mut().map(|part| Box::pin(part.views.changed()));
    let mut changes: Vec<_> = changes.collect();
    poll_fn(|context| {
        for change in &mut changes {
            if let Poll::Ready(change) = change.as_mut().poll(context) {
                return Poll::Ready(change.is_ok());
            }
        }
        Poll::Pending
    })
    .await
}
