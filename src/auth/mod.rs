//! Who calls. Handlers take a [`Caller`] and never look at credentials themselves.

use std::sync::{Arc, LazyLock};

use crate::domain::event::Actor;

/// An authenticated caller and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Recorded in every event that it causes.
    pub actor: Arc<Actor>,
    /// Whether it may make and remove tenants.
    pub may_manage_tenants: bool,
}

impl Caller {
    /// The caller of `auth.mode = "none"`: an anonymous `platform_admin`. Reachable over loopback only.
    pub fn anonymous() -> Self {
        static ANONYMOUS: LazyLock<Arc<Actor>> =
            LazyLock::new(|| Arc::new(Actor { kind: "anonymous".into(), id: "anonymous".into() }));
        Self { actor: ANONYMOUS.clone(), may_manage_tenants: true }
    }
}
