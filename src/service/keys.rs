//! API keys: made, listed, rotated, revoked. Nobody gives more than it has, and every change is told to the audit in its own transaction.

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
        Caller, Grant, Reach,
        key::{KeyId, NewToken, Pepper},
    },
    domain::{
        access::{AccessEvent, Kind},
        command::Rejection,
        event::Actor,
        ids::TenantName,
        time::UtcTime,
    },
    store::{self, Server, Visible, keys::NewKey},
};

pub use crate::store::keys::Key;

/// The longest that a token may stay good after its rotation.
pub const MAX_OVERLAP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A key with its token, which is shown this once.
pub struct Made {
    /// The key.
    pub key: Key,
    /// Its token; `None` when this is the answer to a request that was made before.
    pub token: Option<SecretString>,
}

/// Who changes what is no part of a tenant's history, and in which request.
#[derive(Debug, Clone)]
pub struct By {
    /// Who.
    pub caller: Caller,
    /// From where.
    pub source_ip: Option<String>,
    /// `X-Correlation-ID`.
    pub request_id: String,
}

/// What a key shall be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What its caller may do.
    pub grant: Grant,
    /// What it is for.
    pub description: String,
    /// When it ends.
    pub expires_at: Option<UtcTime>,
    /// `Idempotency-Key`
    pub idempotency_key: Option<String>,
}

/// The use cases of keys.
pub struct Keys {
    primary: Arc<Server>,
    pepper: Option<Arc<Pepper>>,
    limit: u32,
}

impl Keys {
    /// Keys of tokens under `pepper`; at most `limit` for a tenant, and as many of the platform.
    pub fn new(primary: Arc<Server>, pepper: Option<Arc<Pepper>>, limit: u32) -> Self {
        Self { primary, pepper, limit }
    }

    /// Makes a key. A tenant that the caller may not know of is answered as one that does not exist.
    pub async fn make(&self, by: &By, wanted: Wanted) -> Result<Made, Error> {
        if !by.caller.grant.may_give(&wanted.grant) {
            return Err(match wanted.grant.reach() {
                Reach::Tenant(tenant) if !by.caller.reaches(tenant) => Rejection::TenantNotFound.into(),
                _ => Error::MayNotGive,
            });
        }
        let created_by = by.caller.actor.id.clone();
        if let Some(idempotency_key) = &wanted.idempotency_key
            && let Some(first) = self.made_before(&created_by, idempotency_key, &wanted).await?
        {
            return Ok(Made { key: first, token: None });
        }
        let NewToken { id, token } = NewToken::make().map_err(Error::internal)?;
        let Wanted { grant, description, expires_at, idempotency_key } = wanted.clone();
        let hash = self.pepper()?.hash(&token);
        let told = told(by, "key_created", grant.reach().tenant().cloned(), id);
        let new = NewKey { id, grant, description, hash, created_by: created_by.clone(), expires_at, idempotency_key };
        let limit = i64::from(self.limit);
        let write = async |tx: &store::Transaction<'_>| store::keys::insert(tx, &new, limit, &told).await;
        match self.primary.write(&visible(wanted.grant.reach()), write).await {
            Ok(Some(key)) => Ok(Made { key, token: Some(token) }),
            Ok(None) => Err(self.why_not(wanted.grant.reach()).await?),
            // Another with the same idempotency key was a little quicker.
            Err(crate::resilience::CallError::Failed(store::Error::Unique { .. })) if new.idempotency_key.is_some() => {
                let first = self.made_before(&created_by, new.idempotency_key.as_deref().unwrap_or_default(), &wanted).await?;
                let first = first.ok_or_else(|| Error::internal("a key that was made is not there"))?;
                Ok(Made { key: first, token: None })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn made_before(&self, by: &str, idempotency_key: &str, wanted: &Wanted) -> Result<Option<Key>, Error> {
        let read = async |tx: &store::Transaction<'_>| store::keys::made_before(tx, by, idempotency_key).await;
        let Some(first) = self.primary.read(&visible(wanted.grant.reach()), read).await? else { return Ok(None) };
        let Key { grant, description, expires_at, .. } = &first;
        if (grant, description, expires_at) != (&wanted.grant, &wanted.description, &wanted.expires_at) {
            return Err(Rejection::IdempotencyMismatch.into());
        }
        Ok(Some(first))
    }

    async fn why_not(&self, reach: &Reach) -> Result<Error, Error> {
        if let Some(tenant) = reach.tenant() {
            let read = async |tx: &store::Transaction<'_>| store::tenants::get(tx, tenant).await;
            if self.primary.read(&Visible::tenant(tenant), read).await?.is_none() {
                return Ok(Rejection::TenantNotFound.into());
            }
        }
        Ok(Rejection::QuotaExceeded { quota: "keys", limit: self.limit }.into())
    }

    /// One key.
    pub async fn get(&self, by: &Caller, id: KeyId) -> Result<Key, Error> {
        let reach = by.grant.reach();
        let read = async |tx: &store::Transaction<'_>| store::keys::get(tx, id, reach).await;
        self.primary.read(&visible(reach), read).await?.ok_or(Error::KeyNotFound)
    }

    /// Keys in the order of their ids: of one tenant, or all that the caller may know of.
    pub async fn list(
        &self, reads: &Reads, by: &Caller, tenant: Option<&TenantName>, page: &PageRequest,
    ) -> Result<Page<Key>, Error> {
        let tenant = tenant.or(by.grant.reach().tenant());
        let list = format!("keys {tenant:?}");
        let after: Option<String> = reads.open(&list, page).await?;
        let read = async |tx: &store::Transaction<'_>| store::keys::list(tx, tenant, after.as_deref(), one_more(page)).await;
        let visible = tenant.map_or_else(Visible::all_tenants, Visible::tenant);
        let mut items = self.primary.read(&visible, read).await?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => Some(reads.cursors().await?.seal(&list, &last.id)?),
            None => None,
        };
        Ok(Page { items, next_cursor })
    }

    /// Gives a key another token. The one that it has stays good for `overlap`, any before that one does not.
    pub async fn rotate(&self, by: &By, id: KeyId, overlap: SignedDuration) -> Result<Made, Error> {
        let tenant = self.get(&by.caller, id).await?.grant.reach().tenant().cloned();
        let token = NewToken::of(id).map_err(Error::internal)?.token;
        let hash = self.pepper()?.hash(&token);
        let until = Timestamp::now().checked_add(overlap.min(MAX_OVERLAP)).map_err(Error::internal)?;
        let (told, reach) = (told(by, "key_rotated", tenant, id), by.caller.grant.reach());
        let write = async |tx: &store::Transaction<'_>| store::keys::rotate(tx, id, reach, &hash, until.into(), &told).await;
        let key = self.primary.write(&visible(reach), write).await?.ok_or(Error::KeyEnded)?;
        Ok(Made { key, token: Some(token) })
    }

    /// Revokes a key, for good. One that is revoked already stays so.
    pub async fn revoke(&self, by: &By, id: KeyId) -> Result<Key, Error> {
        let tenant = self.get(&by.caller, id).await?.grant.reach().tenant().cloned();
        let (told, reach, name) = (told(by, "key_revoked", tenant, id), by.caller.grant.reach(), &by.caller.actor.id);
        let write = async |tx: &store::Transaction<'_>| store::keys::revoke(tx, id, reach, name, &told).await;
        match self.primary.write(&visible(reach), write).await? {
            Some(key) => Ok(key),
            None => self.get(&by.caller, id).await,
        }
    }

    fn pepper(&self) -> Result<&Pepper, Error> {
        self.pepper.as_deref().ok_or(Error::NoKeys)
    }
}

/// What who has this reach may touch.
fn visible(reach: &Reach) -> Visible {
    reach.tenant().map_or_else(Visible::all_tenants, Visible::tenant)
}

fn told(by: &By, action: &str, tenant: Option<TenantName>, id: KeyId) -> AccessEvent {
    let By { caller, source_ip, request_id } = by;
    AccessEvent {
        id: Uuid::now_v7(),
        kind: Kind::KeyChanged,
        action: action.to_owned(),
        status: None,
        reason: None,
        visible_to: tenant.clone(),
        tenant,
        actor: Some(Actor::clone(&caller.actor)),
        key: Some(id.to_string()),
        object: None,
        source_ip: source_ip.clone(),
        request_id: request_id.clone(),
        occurred_at: Timestamp::now().into(),
        suppressed: 0,
    }
}
