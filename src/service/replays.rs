//! Replays: a part of the history is published again, at a bounded rate.
//!
//! So events that the archive has lost are archived again.
//!
//! Replays are made and cancelled here; the relay's leader runs them. The published bytes are
//! exactly the committed bytes. So consumers recognise an event by its id, and an archive that has
//! the event treats it as a duplicate.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Error,
    dead_letters::OperatorRequest,
    reads::{Page, PageRequest, Reads, cut, one_more},
};
use crate::{
    config,
    domain::{
        access::{AccessEvent, Kind},
        command::Rejection,
        ids::TenantName,
    },
    resilience::CallError,
    store::{self, Server, Visible, replays::NewReplay},
};

pub use crate::store::replays::{Replay, ReplayPosition, ReplayRange};

/// The use cases of replays.
pub struct Replays {
    primary: Arc<Server>,
    reads: Arc<Reads>,
    settings: config::Replay,
}

impl Replays {
    /// Keeps replays in `primary`; `reads` provides the cursors.
    pub fn new(primary: Arc<Server>, reads: Arc<Reads>, settings: config::Replay) -> Self {
        Self {
            primary,
            reads,
            settings,
        }
    }

    /// Returns the number of events that a replay may publish in a second: the requested number, or
    /// the default. The error is the maximum.
    pub fn rate(&self, asked: Option<u32>) -> Result<u32, u32> {
        let most = self.settings.max_events_per_second;
        match asked.unwrap_or(self.settings.events_per_second.min(most)) {
            rate if (1..=most).contains(&rate) => Ok(rate),
            _ => Err(most),
        }
    }

    /// Begins a replay. Returns true if an earlier request with the same `Idempotency-Key` began
    /// it. Revisions without an epoch belong to the tenant's current epoch.
    pub async fn make(
        &self,
        mut piece: ReplayRange,
        operator: &OperatorRequest,
    ) -> Result<(Replay, bool), Error> {
        let created_by = operator.by.caller.actor.id.clone();
        if let Some(tenant) = &piece.tenant {
            let is_of_revisions = piece.from.0 > 1 || piece.to.is_some();
            if piece.epoch.is_none() && is_of_revisions {
                let read =
                    async |tx: &store::Transaction<'_>| store::tenants::get(tx, tenant).await;
                let found = self.primary.read(&Visible::tenant(tenant), read).await?;
                piece.epoch = Some(found.ok_or(Rejection::TenantNotFound)?.tag().epoch);
            }
            let epoch = piece.epoch.as_ref();
            let read = async |tx: &store::Transaction<'_>| {
                store::replays::has_history(tx, tenant, epoch).await
            };
            if !self.primary.read(&Visible::tenant(tenant), read).await? {
                return Err(Rejection::TenantNotFound.into());
            }
        }
        let reason = operator.reason.clone().unwrap_or_default();
        let own_key = |key: &String| operator.by.caller.actor.own_key(key);
        let (id, idempotency_key) = (
            Uuid::now_v7(),
            operator.idempotency_key.as_ref().map(own_key),
        );
        let new = NewReplay {
            id,
            piece,
            reason,
            created_by,
            idempotency_key,
        };
        if let Some(first) = self.made_before(&new).await? {
            return Ok((first, true));
        }
        let access_event = access_event(operator, "replay_created", new.piece.tenant.clone(), id);
        let limit = self.settings.max_running;
        let write = async |tx: &store::Transaction<'_>| {
            store::replays::insert(tx, &new, i64::from(limit), &access_event).await
        };
        match self
            .primary
            .write(&visible(new.piece.tenant.as_ref()), write)
            .await
        {
            Ok(Some(replay)) => Ok((replay, false)),
            Ok(None) => Err(Rejection::QuotaExceeded {
                quota: "replays",
                limit,
            }
            .into()),
            // Another request with the same idempotency key was a little quicker.
            Err(CallError::Failed(store::Error::Unique { .. })) => {
                let first = self.made_before(&new).await?;
                first
                    .map(|first| (first, true))
                    .ok_or_else(|| Error::internal("a new replay is missing"))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn made_before(&self, new: &NewReplay) -> Result<Option<Replay>, Error> {
        let Some(key) = &new.idempotency_key else {
            return Ok(None);
        };
        let read = async |tx: &store::Transaction<'_>| {
            store::replays::made_before(tx, &new.created_by, key).await
        };
        let Some(first) = self.primary.read(&Visible::all_tenants(), read).await? else {
            return Ok(None);
        };
        if (&first.piece, &first.reason) != (&new.piece, &new.reason) {
            return Err(Rejection::IdempotencyMismatch.into());
        }
        Ok(Some(first))
    }

    /// Returns one replay.
    pub async fn get(&self, id: Uuid) -> Result<Replay, Error> {
        let read = async |tx: &store::Transaction<'_>| store::replays::get(tx, id).await;
        self.primary
            .read(&Visible::all_tenants(), read)
            .await?
            .ok_or(Error::ReplayNotFound)
    }

    /// Returns a page of replays, the newest first.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Replay>, Error> {
        let before: Option<Uuid> = self.reads.open("replays", page).await?;
        let read = async |tx: &store::Transaction<'_>| {
            store::replays::list(tx, before, one_more(page)).await
        };
        let mut items = self.primary.read(&Visible::all_tenants(), read).await?;
        let next_cursor = match cut(&mut items, page) {
            Some(last) => Some(self.reads.cursors().await?.seal("replays", &last.id)?),
            None => None,
        };
        Ok(Page { items, next_cursor })
    }

    /// Cancels a replay. Events that it has queued are still published. A cancelled replay stays
    /// cancelled.
    pub async fn cancel(&self, id: Uuid, operator: &OperatorRequest) -> Result<Replay, Error> {
        let replay = self.get(id).await?;
        let access_event = access_event(operator, "replay_cancelled", replay.piece.tenant, id);
        let by = &operator.by.caller.actor.id;
        let write = async |tx: &store::Transaction<'_>| {
            store::replays::cancel(tx, id, by, &access_event).await
        };
        if let Some(cancelled) = self.primary.write(&Visible::all_tenants(), write).await? {
            return Ok(cancelled);
        }
        let ended = self.get(id).await?;
        if ended.state == "cancelled" {
            Ok(ended)
        } else {
            Err(Error::ReplayEnded)
        }
    }
}

fn visible(tenant: Option<&TenantName>) -> Visible {
    tenant.map_or_else(Visible::all_tenants, Visible::tenant)
}

fn access_event(
    operator: &OperatorRequest,
    action: &str,
    tenant: Option<TenantName>,
    id: Uuid,
) -> AccessEvent {
    let (reason, object) = (operator.reason.clone(), Some(id.to_string()));
    AccessEvent {
        reason,
        visible_to: tenant.clone(),
        tenant,
        object,
        ..operator.by.access_event(Kind::Operated, action)
    }
}
