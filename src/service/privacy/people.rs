//! Operator commands for persons and their keys: export, erasure, and new wrapping after a change
//! of the master key.

use std::{io::Write, sync::Arc, time::Duration};

use super::{
    Privacy,
    keys::{INDEX, Keys, bound},
    of_event,
};
use crate::{
    config::{self, ConfigError},
    domain::{
        event::{Event, versions},
        ids::TenantName,
    },
    service::Error,
    store::{
        self, Server, Visible,
        data_keys::{self, Wrapped},
        events::EventPlace,
        router::Router,
    },
};

/// Events read, and keys wrapped, at a time.
const PAGE: i64 = 1000;

/// The commands about persons.
pub struct People {
    privacy: Privacy,
    server: Arc<Server>,
}

/// The result of wrapping the keys again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrapped {
    /// The number of persons' keys that another master key had wrapped.
    pub keys: u64,
    /// True if another master key had wrapped the index key too.
    pub index: bool,
}

impl People {
    /// Runs on `server`, with the master keys of the settings.
    pub fn new(settings: &config::Privacy, server: Arc<Server>) -> Result<Self, ConfigError> {
        let router = Arc::new(Router::new(server.clone(), Vec::new(), 0));
        Ok(Self {
            privacy: Privacy::new(settings, router)?,
            server,
        })
    }

    /// Writes the events of a tenant's history that a person has caused, opened, one event a line.
    /// Returns the number of events. The hashes are those of the events as they are stored.
    pub async fn export(
        &self,
        tenant: &TenantName,
        name: &str,
        out: &mut impl Write,
    ) -> Result<u64, Error> {
        let mut names = vec![name.to_owned()];
        if let Some(keys) = &self.privacy.keys {
            names.extend(keys.names(Some(tenant), name, i64::MAX).await?);
        }
        let (mut written, mut after): (u64, Option<EventPlace>) = (0, None);
        loop {
            let (place, names) = (after.as_ref(), names.as_slice());
            let read = async |tx: &store::Transaction<'_>| {
                store::events::of_actors(tx, tenant, names, place, PAGE).await
            };
            let (payloads, last) = self.server.read(&Visible::tenant(tenant), read).await?;
            let events = payloads
                .iter()
                .map(|(ce_type, payload)| versions::read(ce_type, payload.as_bytes()));
            let mut events: Vec<Event> =
                events.collect::<Result<_, _>>().map_err(Error::internal)?;
            self.privacy
                .open(
                    events
                        .iter_mut()
                        .flat_map(|event| of_event(&mut event.body)),
                )
                .await?;
            for event in &events {
                let line = serde_json::to_string(event).map_err(Error::internal)?;
                writeln!(out, "{line}").map_err(Error::internal)?;
            }
            written += events.len() as u64;
            match last {
                Some(last) => after = Some(last),
                None => return Ok(written),
            }
        }
    }

    /// Destroys the keys of a person in a tenant, or of everybody in it, and returns their number.
    /// Nobody without a copy of these keys can open the texts that they sealed.
    pub async fn erase(
        &self,
        tenant: &TenantName,
        name: Option<&str>,
        limit: Duration,
    ) -> Result<u64, Error> {
        let subject = match name {
            None => None,
            Some(name) => Some(self.keys()?.subject(name).await?),
        };
        let subject = subject.as_deref();
        let erase = async |tx: &store::Transaction<'_>| data_keys::erase(tx, tenant, subject).await;
        let erased = self.server.write(&Visible::tenant(tenant), erase).await?;
        // Runs even if no key was left to erase, because an earlier call may have failed before
        // this step.
        let client = self.server.connection().await?;
        store::server::bounded(
            &client,
            self.server.tls(),
            limit,
            data_keys::forget_old_rows(&client),
        )
        .await?;
        Ok(erased)
    }

    /// Wraps every key under the first master key, so that the other master keys can be removed.
    pub async fn rewrap(&self) -> Result<Rewrapped, Error> {
        let master_keys = self.keys()?.master_keys();
        let index = self
            .server
            .read(
                &Visible::no_tenants(),
                async |tx: &store::Transaction<'_>| data_keys::index(tx).await,
            )
            .await?;
        let old = index.filter(|index| index.master != master_keys.first());
        if let Some(old) = &old {
            let new = master_keys.wrap(INDEX, &master_keys.unwrap(INDEX, old)?)?;
            let write = async |tx: &store::Transaction<'_>| data_keys::rewrap_index(tx, &new).await;
            self.server.write(&Visible::no_tenants(), write).await?;
        }
        let mut rewrapped = Rewrapped {
            keys: 0,
            index: old.is_some(),
        };
        loop {
            let first = master_keys.first();
            let read =
                async |tx: &store::Transaction<'_>| data_keys::not_under(tx, first, PAGE).await;
            let old = self.server.read(&Visible::all_tenants(), read).await?;
            if old.is_empty() {
                return Ok(rewrapped);
            }
            let again = |(tenant, id, wrapped): (String, String, Wrapped)| {
                let bound = bound(&tenant, &id);
                let wrapped = master_keys.wrap(&bound, &master_keys.unwrap(&bound, &wrapped)?)?;
                Ok((tenant, id, wrapped))
            };
            let new = old
                .into_iter()
                .map(again)
                .collect::<Result<Vec<_>, Error>>()?;
            let write = async |tx: &store::Transaction<'_>| data_keys::rewrap(tx, &new).await;
            rewrapped.keys += self.server.write(&Visible::all_tenants(), write).await?;
        }
    }

    fn keys(&self) -> Result<&Keys, Error> {
        self.privacy.keys.as_ref().ok_or_else(|| {
            Error::internal("privacy.master_keys is not set: there are no personal keys")
        })
    }
}
