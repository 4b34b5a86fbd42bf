//! Who calls. Credentials become a [`Caller`] here; handlers take one and never look at credentials themselves.

mod authorized;
pub mod certificate;
mod grant;
mod jwks;
pub mod jwt;
pub mod key;

use std::sync::{Arc, LazyLock};

use self::key::TokenHash;
pub use self::{
    authorized::{AuthorizedTenant, OtherTenant},
    grant::{Grant, Reach, Role},
};
use crate::domain::{event::Actor, ids::TenantName, time::UtcTime};

/// An authenticated caller and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Recorded in every event that it causes.
    pub actor: Arc<Actor>,
    /// What it may do.
    pub grant: Arc<Grant>,
    /// What it came with.
    pub credential: Credential,
}

/// What a caller came with: enough to tell later whether that very thing is still good, and nothing that could be presented again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// Nothing: nobody is asked who it is, or an operator's command says so.
    Nothing,
    /// A token of an API key.
    Key {
        /// Which.
        hash: TokenHash,
        /// When it ends: with its key, or with the overlap of the rotation that replaced it.
        ends: Option<UtcTime>,
    },
    /// A token of the identity provider.
    Token {
        /// The issuer's key that has signed it.
        signed_by: jwt::KeyPrint,
        /// Its `exp`.
        ends: UtcTime,
        /// From when on it is refused: `exp` with the leeway of clocks.
        refused: UtcTime,
    },
    /// A certificate.
    Certificate {
        /// Its `notAfter`.
        ends: UtcTime,
    },
}

impl Credential {
    /// When it ends, if it does by itself. Nothing that is given with it may last longer.
    pub fn ends(&self) -> Option<UtcTime> {
        match self {
            Self::Nothing => None,
            Self::Key { ends, .. } => *ends,
            Self::Token { ends, .. } | Self::Certificate { ends } => Some(*ends),
        }
    }
}

impl Caller {
    /// The kind of actor that an API key is.
    pub const KEY: &str = Actor::KEY;

    /// The caller of `auth.mode = "none"`: an anonymous `platform_admin`. Reachable over loopback only.
    pub fn anonymous() -> Self {
        static ANONYMOUS: LazyLock<Caller> = LazyLock::new(|| Caller {
            actor: Arc::new(Actor { kind: "anonymous".into(), id: "anonymous".into(), token: None }),
            grant: Arc::new(Grant::platform_admin()),
            credential: Credential::Nothing,
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

    /// When what it came with ends, if that ends by itself.
    pub fn ends(&self) -> Option<UtcTime> {
        self.credential.ends()
    }

    /// When something that it gives away ends: when it asked for that, else with what it came with. Refused is what would last longer than
    /// that, with the latest that may be.
    pub fn ends_for(&self, asked: Option<UtcTime>) -> Result<Option<UtcTime>, UtcTime> {
        match (asked, self.ends()) {
            (Some(asked), Some(own)) if asked > own => Err(own),
            (asked, own) => Ok(asked.or(own)),
        }
    }

    /// Whether it may make and remove tenants.
    pub fn may_manage_tenants(&self) -> bool {
        self.grant.has_any(&[Role::PlatformAdmin])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outlives_what_gave_it() {
        let at = |text: &str| text.parse::<UtcTime>().unwrap();
        let (soon, end, late) = (at("2030-01-01T00:00:00Z"), at("2030-01-02T00:00:00Z"), at("2030-01-03T00:00:00Z"));
        let hash = TokenHash([0; 32]);
        let signed_by = jwt::KeyPrint::of(b"a key");
        for credential in [
            Credential::Key { hash, ends: Some(end) },
            Credential::Token { signed_by, ends: end, refused: late },
            Credential::Certificate { ends: end },
        ] {
            let caller = Caller { credential, ..Caller::anonymous() };
            assert_eq!(caller.ends_for(None), Ok(Some(end)), "{credential:?}");
            assert_eq!(caller.ends_for(Some(soon)), Ok(Some(soon)));
            assert_eq!(caller.ends_for(Some(end)), Ok(Some(end)));
            assert_eq!(caller.ends_for(Some(late)), Err(end));
        }
        let lasting = Caller { credential: Credential::Key { hash, ends: None }, ..Caller::anonymous() };
        assert_eq!((lasting.ends_for(None), lasting.ends_for(Some(late))), (Ok(None), Ok(Some(late))));
    }
}
