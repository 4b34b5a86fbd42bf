//! Who calls. Credentials become a [`Caller`] here; handlers take one and never look at credentials themselves.

mod authorized;
pub mod certificate;
mod grant;
mod jwks;
pub mod jwt;
pub mod key;

use std::sync::{Arc, LazyLock};

pub use self::{
    authorized::{AuthorizedTenant, OtherTenant},
    grant::{Grant, Reach, Role},
};
use crate::domain::{event::Actor, ids::TenantName};

/// An authenticated caller and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Recorded in every event that it causes.
    pub actor: Arc<Actor>,
    /// What it may do.
    pub grant: Arc<Grant>,
}

impl Caller {
    /// The kind of actor that an API key is.
    pub const KEY: &str = "key";

    /// The caller of `auth.mode = "none"`: an anonymous `platform_admin`. Reachable over loopback only.
    pub fn anonymous() -> Self {
        static ANONYMOUS: LazyLock<Caller> = LazyLock::new(|| Caller {
            actor: Arc::new(Actor { kind: "anonymous".into(), id: "anonymous".into() }),
            grant: Arc::new(Grant::platform_admin()),
        });
        ANONYMOUS.clone()
    }

    /// The id of its API key, if it is known by one.
    pub fn key(&self) -> Option<&str> {
        (self.actor.kind == Self::KEY).then_some(&*self.actor.id)
    }

    /// Whether it may know of this tenant. One that it may not know of is answered as one that does not exist.
    pub fn reaches(&self, tenant: &TenantName) -> bool {
        self.grant.reach().holds_for(tenant)
    }

    /// Whether it may make and remove tenants.
    pub fn may_manage_tenants(&self) -> bool {
        self.grant.has_any(&[Role::PlatformAdmin])
    }
}
