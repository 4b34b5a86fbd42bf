//! API keys: creates, lists, rotates and revokes them.
//!
//! A caller gives no key more rights than it has itself. Every change is recorded in the access log
//! in the same transaction.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use uuid::Uuid;

use super::{
    Error,
    reads::{Page, PageRequest, Reads, cut, one_more},
};
use crate::{
    auth::{
        Caller, Grant, TenantScope,
        key::{KeyId, NewToken, Pepper},
    },
    domain::{
        access::{AccessEvent, Kind},
        command::Rejection,
        event::Actor,
        ids::TenantName,
        time::UtcTime,
    },
    store::{
        self, Server, Visible,
        keys::{Limit, NewKey},
    },
};

pub use crate::store::keys::ApiKey;

/// Stored keys, ended ones included, that are permitted for each valid key.
const KEPT_FOR_EACH: u32 = 10;

/// The longest time for which the old token may stay valid after a rotation.
pub const MAX_OVERLAP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A key with its new token, which is shown only this once.
pub struct Made {
    /// The key as it is stored.
    pub key: ApiKey,
    /// The token; `None` if an earlier request with the same idempotency key made the key.
    pub token: Option<SecretString>,
}

/// The caller and the request of an action that is no part of a tenant's history.
#[derive(Debug, Clone)]
pub struct Requester {
    /// The caller that acts.
    pub caller: Caller,
    /// The caller's IP address.
    pub source_ip: Option<String>,
    /// The request's `X-Correlation-ID`.
    pub request_id: String,
}

impl Requester {
    /// Returns a new access log record of an action by this caller. The record has no tenant and no
    /// object yet.
    pub(super) fn access_event(&self, kind: Kind, action: &str) -> AccessEvent {
        AccessEvent {
            id: Uuid::now_v7(),
            kind,
            action: action.to_owned(),
            status: None,
            reason: None,
            tenant: None,
            visible_to: None,
            actor: Some(Actor::clone(&self.caller.actor)),
            key: self.caller.key().map(str::to_owned),
            object: None,
            source_ip: self.source_ip.clone(),
            request_id: self.request_id.clone(),
            occurred_at: Timestamp::now().into(),
            suppressed: 0,
        }
    }
}

/// The specification of a new key.
#[derive(Debug, Clone)]
pub struct NewKeySpec {
    /// The rights of a caller with this key.
    pub grant: Grant,
    /// The purpose of the key.
    pub description: String,
    /// The requested end of the key, if there is one.
    pub expires_at: Option<UtcTime>,
    /// The header `Idempotency-ApiKey`.
    pub idempotency_key: Option<String>,
}

/// The use cases of keys.
pub struct Keys {
    primary: Arc<Server>,
    pepper: Option<Arc<Pepper>>,
    limit: Limit,
}

impl Keys {
    /// Uses `pepper` to hash tokens. Permits at most `limit` valid keys for each tenant, and as
    /// many for the platform.
    pub fn new(primary: Arc<Server>, pepper: Option<Arc<Pepper>>, limit: u32) -> Self {
        Self {
            primary,
            pepper,
            limit: Limit {
                good: limit,
                kept: limit.saturating_mul(KEPT_FOR_EACH),
            },
        }
    }

    /// Creates a key. For a tenant outside the caller's tenant scope, returns the same error as for
    /// a tenant that does not exist. The key does not outlast the caller's credential: it ends with
    /// that credential, unless an earlier end is requested.
    pub async fn make(&self, by: &Requester, wanted: NewKeySpec) -> Result<Made, Error> {
        if !by.caller.grant.may_give(&wanted.grant) {
            return Err(match wanted.grant.tenant_scope() {
                TenantScope::Tenant(tenant) if !by.caller.reaches(tenant) => {
                    Rejection::TenantNotFound.into()
                }
                _ => Error::MayNotGive,
            });
        }
        let asked = wanted.expires_at;
        let wanted = NewKeySpec {
            expires_at: by.caller.ends_for(asked).map_err(Error::OutlastsCaller)?,
            ..wanted
        };
        if let Some(first) = self.made_before(by, &wanted, asked).await? {
            return Ok(Made {
                key: first,
                token: None,
            });
        }
        let NewToken { id, token } = NewToken::make(self.pepper()?).map_err(Error::internal)?;
        let NewKeySpec {
            grant,
            description,
            expires_at,
            idempotency_key,
        } = wanted.clone();
        let (hash, created_by) = (self.pepper()?.hash(&token), Actor::clone(&by.caller.actor));
        let idempotency_key = idempotency_key.map(|key| created_by.own_key(&key));
        let access_event = access_event(
            by,
            "key_created",
            grant.tenant_scope().tenant().cloned(),
            id,
        );
        let new = NewKey {
            id,
            grant,
            description,
            hash,
            created_by,
            expires_at,
            idempotency_key,
        };
        let write = async |tx: &store::Transaction<'_>| {
            store::keys::insert(tx, &new, self.limit, &access_event).await
        };
        match self
            .primary
            .write(&visible(by.caller.grant.tenant_scope()), write)
            .await
        {
            Ok(Some(key)) => Ok(Made {
                key,
                token: Some(token),
            }),
            Ok(None) => Err(self.why_not(wanted.grant.tenant_scope()).await?),
            // Another request with the same idempotency key was a little quicker.
            Err(crate::resilience::CallError::Failed(store::Error::Unique { .. }))
                if new.idempotency_key.is_some() =>
            {
                let first = self.made_before(by, &wanted, asked).await?;
                let first = first.ok_or_else(|| Error::internal("a new API key is missing"))?;
                Ok(Made {
                    key: first,
                    token: None,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the key that an earlier request with the same idempotency key has made. If no end is
    /// requested, the key may have another end than it would get now: the end of the credential
    /// that its maker had then.
    async fn made_before(
        &self,
        by: &Requester,
        wanted: &NewKeySpec,
        asked: Option<UtcTime>,
    ) -> Result<Option<ApiKey>, Error> {
        let Some(idempotency_key) = &wanted.idempotency_key else {
            return Ok(None);
        };
        let (actor, own_key) = (&by.caller.actor, by.caller.actor.own_key(idempotency_key));
        let read = async |tx: &store::Transaction<'_>| {
            store::keys::made_before(tx, &actor.id, &own_key).await
        };
        let Some(first) = self
            .primary
            .read(&visible(by.caller.grant.tenant_scope()), read)
            .await?
        else {
            return Ok(None);
        };
        let has_same_end = first.expires_at == wanted.expires_at
            || (asked.is_none() && by.caller.ends().is_some());
        if (&first.grant, &first.description) != (&wanted.grant, &wanted.description)
            || !has_same_end
        {
            return Err(Rejection::IdempotencyMismatch.into());
        }
        Ok(Some(first))
    }

    async fn why_not(&self, tenant_scope: &TenantScope) -> Result<Error, Error> {
        if let Some(tenant) = tenant_scope.tenant() {
            let read = async |tx: &store::Transaction<'_>| store::tenants::get(tx, tenant).await;
            if self
                .primary
                .read(&Visible::tenant(tenant), read)
                .await?
                .is_none()
            {
                return Ok(Rejection::TenantNotFound.into());
            }
        }
        let count = async |tx: &store::Transaction<'_>| store::keys::count(tx, tenant_scope).await;
        let (good, kept) = self.primary.read(&visible(tenant_scope), count).await?;
        let Limit {
            good: most,
            kept: most_kept,
        } = self.limit;
        Ok(
            match (good >= i64::from(most), kept >= i64::from(most_kept)) {
                (true, _) => Rejection::QuotaExceeded {
                    quota: "keys",
                    limit: most,
                }
                .into(),
                (false, true) => Rejection::QuotaExceeded {
                    quota: "keys_with_ended",
                    limit: most_kept,
                }
                .into(),
                (false, false) => Error::CallerEnded,
            },
        )
    }

    /// Returns one key within the caller's tenant scope.
    pub async fn get(&self, by: &Caller, id: KeyId) -> Result<ApiKey, Error> {
        let tenant_scope = by.grant.tenant_scope();
        let read = async |tx: &store::Transaction<'_>| store::keys::get(tx, id, tenant_scope).await;
        self.primary
            .read(&visible(tenant_scope), read)
            .await?
            .ok_or(Error::KeyNotFound)
    }

    /// Returns a page of keys in the order of their ids: of one tenant, or all within the caller's
    /// tenant scope.
    pub async fn list(
        &self,
        reads: &Reads,
        by: &Caller,
        tenant: Option<&TenantName>,
        page: &PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        let tenant = tenant.or(by.grant.tenant_scope().tenant());
        let list = format!("keys {tenant:?}");
        let after: Option<String> = reads.open(&list, page).await?;
        let read = async |tx: &store::Transaction<'_>| {
            store::keys::list(tx, tenant, after.as_deref(), one_more(page)).await
        };
        let visible = tenant.map_or_else(Visible::all_tenants, Visible::tenant);
        let mut items = self.primary.read(&visible, read).await?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => Some(reads.cursors().await?.seal(&list, &last.id)?),
            None => None,
        };
        Ok(Page { items, next_cursor })
    }

    /// Gives a key a new token. The current token stays valid for `overlap`; the token before it
    /// does not. If the caller's credential expires, the caller gets no token that lasts longer.
    pub async fn rotate(
        &self,
        by: &Requester,
        id: KeyId,
        overlap: SignedDuration,
    ) -> Result<Made, Error> {
        let key = self.get(&by.caller, id).await?;
        if let Some(own) = by
            .caller
            .ends()
            .filter(|own| key.expires_at.is_none_or(|end| end > *own))
        {
            return Err(Error::TokenOutlastsCaller(own));
        }
        let tenant = key.grant.tenant_scope().tenant().cloned();
        let token = NewToken::of(id, self.pepper()?)
            .map_err(Error::internal)?
            .token;
        let hash = self.pepper()?.hash(&token);
        let until = Timestamp::now()
            .checked_add(overlap.min(MAX_OVERLAP))
            .map_err(Error::internal)?
            .into();
        let (access_event, tenant_scope, actor) = (
            access_event(by, "key_rotated", tenant, id),
            by.caller.grant.tenant_scope(),
            &by.caller.actor,
        );
        let write = async |tx: &store::Transaction<'_>| {
            store::keys::rotate(tx, id, tenant_scope, &hash, until, actor, &access_event).await
        };
        match self.primary.write(&visible(tenant_scope), write).await? {
            Some(key) => Ok(Made {
                key,
                token: Some(token),
            }),
            None => Err(match self.get(&by.caller, id).await? {
                key if key.has_ended(Timestamp::now().into()) => Error::KeyEnded,
                _ => Error::CallerEnded,
            }),
        }
    }

    /// Revokes a key for good and, with `with_descendants`, also the keys that were made or rotated
    /// with it, and so on. A key that is already revoked stays so. Returns the keys that were not
    /// revoked before.
    pub async fn revoke(
        &self,
        by: &Requester,
        id: KeyId,
        with_descendants: bool,
    ) -> Result<Vec<ApiKey>, Error> {
        self.get(&by.caller, id).await?;
        let (tenant_scope, name) = (by.caller.grant.tenant_scope(), &by.caller.actor.id);
        let access_event = |key: &ApiKey| {
            let reason = (key.id != id).then(|| "maker_revoked".to_owned());
            AccessEvent {
                reason,
                ..access_event(
                    by,
                    "key_revoked",
                    key.grant.tenant_scope().tenant().cloned(),
                    key.id,
                )
            }
        };
        let write = async |tx: &store::Transaction<'_>| {
            store::keys::revoke(tx, id, tenant_scope, name, with_descendants, &access_event).await
        };
        Ok(self.primary.write(&visible(tenant_scope), write).await?)
    }

    fn pepper(&self) -> Result<&Pepper, Error> {
        self.pepper.as_deref().ok_or(Error::NoKeys)
    }
}

/// Returns the tenants whose rows a caller with this tenant scope may touch.
fn visible(tenant_scope: &TenantScope) -> Visible {
    tenant_scope
        .tenant()
        .map_or_else(Visible::all_tenants, Visible::tenant)
}

fn access_event(
    by: &Requester,
    action: &str,
    tenant: Option<TenantName>,
    id: KeyId,
) -> AccessEvent {
    let key = Some(id.to_string());
    AccessEvent {
        visible_to: tenant.clone(),
        tenant,
        key,
        ..by.access_event(Kind::KeyChanged, action)
    }
}
