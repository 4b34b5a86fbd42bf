//! Authentication: turns credentials into a [`Caller`]. Handlers take a [`Caller`] and never look
//! at credentials themselves.

pub mod certificate;
mod jwks;
pub mod jwt;
pub mod key;
pub mod oidc;
pub mod sealer;
pub mod session;

use std::sync::{Arc, LazyLock};

use self::{key::TokenHash, session::OfSession};
pub use crate::domain::access::{AuthorizedTenant, Grant, OtherTenant, Role, TenantScope};
use crate::domain::{event::Actor, ids::TenantName, time::UtcTime};

/// An authenticated caller and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The actor that is recorded in every event of this caller.
    pub actor: Arc<Actor>,
    /// The roles, tenant scope and resource scope of the caller.
    pub grant: Arc<Grant>,
    /// The credential that authenticated the caller.
    pub credential: Credential,
    /// The session of the web page that stands for the credential; `None` if the request presented
    /// the credential itself. The session may end before the credential, and grants nothing more.
    pub session: Option<OfSession>,
}

/// The credential that authenticated a caller. It is enough to check later whether the credential
/// is still valid, and it holds nothing that could be presented again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// No credential: authentication is off, or an operator's command names the caller.
    Nothing,
    /// The caller sent a token of an API key.
    Key {
        /// The keyed hash of the token.
        hash: TokenHash,
        /// When the token expires: with its key, or at the end of the rotation overlap if a newer
        /// token replaced it. `None`: it does not expire.
        ends: Option<UtcTime>,
    },
    /// The caller sent a token of the identity provider.
    Token {
        /// The issuer's key that signed the token.
        signed_by: jwt::KeyPrint,
        /// The token's `exp` claim.
        ends: UtcTime,
        /// The time from which the token is refused: `exp` plus the leeway for clock differences.
        refused: UtcTime,
    },
    /// The caller, a node, presented a client certificate.
    Certificate {
        /// The certificate's `notAfter`.
        ends: UtcTime,
    },
}

impl Credential {
    /// Returns when the credential expires, if it does. Nothing that its holder grants may last
    /// longer.
    pub fn ends(&self) -> Option<UtcTime> {
        match self {
            Self::Nothing => None,
            Self::Key { ends, .. } => *ends,
            Self::Token { ends, .. } | Self::Certificate { ends } => Some(*ends),
        }
    }
}

impl Caller {
    /// The actor kind of an API key.
    pub const KEY: &str = Actor::KEY;
    /// The actor kind of a token of the identity provider.
    pub const TOKEN: &str = "jwt";

    /// Returns the caller of `auth.mode = "none"`: an anonymous `platform_admin`. In this mode the
    /// service accepts only loopback addresses to listen on.
    pub fn anonymous() -> Self {
        static ANONYMOUS: LazyLock<Caller> = LazyLock::new(|| Caller {
            actor: Arc::new(Actor {
                kind: "anonymous".into(),
                id: "anonymous".into(),
                token: None,
            }),
            grant: Arc::new(Grant::platform_admin()),
            credential: Credential::Nothing,
            session: None,
        });
        ANONYMOUS.clone()
    }

    /// Returns the id of the caller's API key, if it authenticated with one.
    pub fn key(&self) -> Option<&str> {
        (self.actor.kind == Self::KEY).then_some(&*self.actor.id)
    }

    /// Returns whether the caller may know of this tenant. For any other tenant the answer is that
    /// the tenant does not exist.
    pub fn reaches(&self, tenant: &TenantName) -> bool {
        self.grant.tenant_scope().holds_for(tenant)
    }

    /// Returns the proof that the caller may know of `tenant`.
    pub fn authorize(&self, tenant: TenantName) -> Result<AuthorizedTenant, OtherTenant> {
        self.grant.tenant_scope().authorize(tenant)
    }

    /// Returns when the caller's credential expires, if it does.
    pub fn ends(&self) -> Option<UtcTime> {
        self.credential.ends()
    }

    /// Returns when something that the caller grants expires: at the time that was asked for, else
    /// with the caller's own credential. A time after the end of that credential is an error, which
    /// holds the latest possible time.
    pub fn ends_for(&self, asked: Option<UtcTime>) -> Result<Option<UtcTime>, UtcTime> {
        match (asked, self.ends()) {
            (Some(asked), Some(own)) if asked > own => Err(own),
            (asked, own) => Ok(asked.or(own)),
        }
    }

    /// Returns whether the caller may create and delete tenants.
    pub fn may_manage_tenants(&self) -> bool {
        self.grant.has_any(&[Role::PlatformAdmin])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_key_expires_no_later_than_its_credential() {
        let at = |text: &str| text.parse::<UtcTime>().unwrap();
        let (soon, end, late) = (
            at("2030-01-01T00:00:00Z"),
            at("2030-01-02T00:00:00Z"),
            at("2030-01-03T00:00:00Z"),
        );
        let hash = TokenHash([0; 32]);
        let signed_by = jwt::KeyPrint::of(b"a key");
        for credential in [
            Credential::Key {
                hash,
                ends: Some(end),
            },
            Credential::Token {
                signed_by,
                ends: end,
                refused: late,
            },
            Credential::Certificate { ends: end },
        ] {
            let caller = Caller {
                credential,
                ..Caller::anonymous()
            };
            assert_eq!(caller.ends_for(None), Ok(Some(end)), "{credential:?}");
            assert_eq!(caller.ends_for(Some(soon)), Ok(Some(soon)));
            assert_eq!(caller.ends_for(Some(end)), Ok(Some(end)));
            assert_eq!(caller.ends_for(Some(late)), Err(end));
        }
        let lasting = Caller {
            credential: Credential::Key { hash, ends: None },
            ..Caller::anonymous()
        };
        assert_eq!(
            (lasting.ends_for(None), lasting.ends_for(Some(late))),
            (Ok(None), Ok(Some(late)))
        );
    }
}
