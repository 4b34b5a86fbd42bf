//! The keys of persons: made when a person first acts in a tenant, cached for a short time,
//! destroyed when the person is erased.
//!
//! A cached key is used for at most `privacy.key_ttl_ms`: after that time every instance knows of
//! an erasure.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::hmac;
use futures_util::future::BoxFuture;
use moka::future::Cache;
use tokio::sync::OnceCell;

use super::{
    envelope::{Envelope, KeyId, SealedPlace, SealingKey, random_key},
    master_keys::MasterKeys,
};
use crate::{
    config,
    domain::{event::Actor, ids::TenantName},
    resilience::CallError,
    service::Error,
    store::{
        self, Visible,
        data_keys::{self, DataKey, Named, Subject, Wrapped},
        router::Router,
    },
};

/// The text that the wrapped index key is bound to.
pub const INDEX: &str = "index";

/// Returns the text that a person's wrapped key is bound to.
pub fn bound(tenant: &str, id: &str) -> String {
    format!("{tenant}/key/{id}")
}

/// A person in a tenant, with the key that seals the person's data.
pub struct Person {
    id: KeyId,
    key: Arc<SealingKey>,
    /// The person's name in an envelope.
    pub name: String,
}

impl Person {
    /// Seals a text of this person for one place.
    pub fn seal(&self, tenant: &str, place: SealedPlace, text: &str) -> Result<String, Error> {
        envelope(&self.id, &self.key, tenant, place, text)
    }
}

fn envelope(
    id: &KeyId,
    key: &SealingKey,
    tenant: &str,
    place: SealedPlace,
    text: &str,
) -> Result<String, Error> {
    Ok(Envelope {
        key: id.clone(),
        sealed: key.seal(&place.of(tenant, id), text.as_bytes())?,
    }
    .to_string())
}

/// The state of a key that an envelope names.
#[derive(Clone)]
pub enum KeyState {
    /// The key exists and opens envelopes.
    Live(Arc<SealingKey>),
    /// The key was destroyed.
    Erased,
}

/// A key's place: tenant and id.
pub type KeyPlace = (String, KeyId);

/// The keys of persons.
pub struct Keys {
    master_keys: MasterKeys,
    router: Arc<Router>,
    index: OnceCell<hmac::Key>,
    people: Cache<(TenantName, Actor), Arc<Person>>,
    held: Cache<KeyPlace, KeyState>,
}

impl Keys {
    /// Keeps the keys in Postgres, wrapped by `master_keys`.
    pub fn new(master_keys: MasterKeys, settings: &config::Privacy, router: Arc<Router>) -> Self {
        let (most, ttl) = (settings.max_cached_keys, settings.key_ttl);
        let people = Cache::builder()
            .max_capacity(most)
            .time_to_live(ttl)
            .build();
        let held = Cache::builder()
            .max_capacity(most)
            .time_to_live(ttl)
            .build();
        Self {
            master_keys,
            router,
            index: OnceCell::new(),
            people,
            held,
        }
    }

    /// Returns the master keys.
    pub fn master_keys(&self) -> &MasterKeys {
        &self.master_keys
    }

    /// Returns the person of an actor in a tenant, with a new key if the person has none.
    /// Concurrent calls for the same person share one read.
    pub async fn person(&self, tenant: &TenantName, actor: &Actor) -> Result<Arc<Person>, Error> {
        let find = self.find_or_make(tenant, actor);
        let found = self
            .people
            .try_get_with((tenant.clone(), actor.clone()), find)
            .await;
        found.map_err(|error| error.share())
    }

    /// Returns a boxed future that owns its names: if the names were borrowed from the caller, the
    /// compiler could not show that the future is `Send`.
    fn find_or_make<'a>(
        &'a self,
        tenant: &TenantName,
        actor: &Actor,
    ) -> BoxFuture<'a, Result<Arc<Person>, Error>> {
        let (tenant, actor) = (tenant.clone(), actor.clone());
        Box::pin(async move {
            let subject = self.subject(&actor.id).await?;
            let subject = Subject {
                tenant: &tenant,
                kind: &actor.kind,
                subject: &subject,
            };
            let read = async |tx: &store::Transaction<'_>| data_keys::of_person(tx, subject).await;
            let known = self
                .router
                .primary()
                .read(&Visible::tenant(&tenant), read)
                .await?;
            let key = match known {
                Some(key) => key,
                None => self.make(subject, &actor.id).await?,
            };
            let id = KeyId::parse(&key.id)
                .ok_or_else(|| Error::internal(format!("{} is not a key id", key.id)))?;
            let sealing = Arc::new(self.unwrapped(tenant.as_str(), &key.id, &key.wrapped)?);
            Ok(Arc::new(Person {
                id,
                key: sealing,
                name: key.name,
            }))
        })
    }

    async fn make(&self, subject: Subject<'_>, name: &str) -> Result<DataKey, Error> {
        let (id, bytes, tenant) = (KeyId::random()?, random_key()?, subject.tenant.as_str());
        let key = SealingKey::new(&bytes).ok_or_else(not_a_key)?;
        let made = DataKey {
            wrapped: self.master_keys.wrap(&bound(tenant, id.as_str()), &bytes)?,
            name: envelope(&id, &key, tenant, SealedPlace::Actor, name)?,
            id: id.as_str().to_owned(),
        };
        let keep = async |tx: &store::Transaction<'_>| data_keys::keep(tx, subject, &made).await;
        let kept = self
            .router
            .primary()
            .write(&Visible::tenant(subject.tenant), keep)
            .await
            .map_err(not_done)?;
        kept.ok_or_else(|| {
            Error::internal("a person's key was created and erased at the same time")
        })
    }

    fn unwrapped(&self, tenant: &str, id: &str, wrapped: &Wrapped) -> Result<SealingKey, Error> {
        SealingKey::new(&self.master_keys.unwrap(&bound(tenant, id), wrapped)?)
            .ok_or_else(not_a_key)
    }

    /// Returns the known keys among those that envelopes name.
    pub async fn named(
        &self,
        at: impl Iterator<Item = KeyPlace>,
    ) -> Result<HashMap<KeyPlace, KeyState>, Error> {
        let (mut found, mut cold) = (HashMap::new(), Vec::new());
        for at in at {
            if found.contains_key(&at) {
                continue;
            }
            match self.held.get(&at).await {
                Some(held) => drop(found.insert(at, held)),
                None => cold.push((at.0, at.1.as_str().to_owned())),
            }
        }
        if cold.is_empty() {
            return Ok(found);
        }
        cold.sort_unstable();
        cold.dedup();
        for named in self.load(cold).await? {
            let Some(id) = KeyId::parse(&named.id) else {
                continue;
            };
            let held = match &named.wrapped {
                None => KeyState::Erased,
                Some(wrapped) => KeyState::Live(Arc::new(self.unwrapped(
                    &named.tenant,
                    &named.id,
                    wrapped,
                )?)),
            };
            self.held
                .insert((named.tenant.clone(), id.clone()), held.clone())
                .await;
            found.insert((named.tenant, id), held);
        }
        Ok(found)
    }

    /// Loads keys from Postgres, in a boxed future as in [`Self::find_or_make`].
    fn load(&self, cold: Vec<(String, String)>) -> BoxFuture<'_, Result<Vec<Named>, Error>> {
        Box::pin(async move {
            let tenants: Vec<TenantName> = cold
                .iter()
                .filter_map(|(tenant, _)| tenant.parse().ok())
                .collect();
            let visible = Visible::tenants(&tenants);
            // The closure owns its input: the compiler cannot show that a future that borrows its
            // input is `Send`.
            let read =
                async move |tx: &store::Transaction<'_>| data_keys::named(tx, cold.clone()).await;
            Ok(self.router.read_newest(&visible, read).await?)
        })
    }

    /// Returns the envelopes of a name, in a tenant or in all: at most `limit`.
    pub async fn names(
        &self,
        tenant: Option<&TenantName>,
        name: &str,
        limit: i64,
    ) -> Result<Vec<String>, Error> {
        let subject = self.subject(name).await?;
        let read =
            async |tx: &store::Transaction<'_>| data_keys::names(tx, tenant, &subject, limit).await;
        Ok(self
            .router
            .read_newest(
                &tenant.map_or_else(Visible::all_tenants, Visible::tenant),
                read,
            )
            .await?)
    }

    /// Returns the value that a name is looked up with: its HMAC-SHA256 under the index key.
    pub async fn subject(&self, name: &str) -> Result<Vec<u8>, Error> {
        let index = self
            .index
            .get_or_try_init(|| Box::pin(self.load_index()))
            .await?;
        Ok(hmac::sign(index, name.as_bytes()).as_ref().to_vec())
    }

    async fn load_index(&self) -> Result<hmac::Key, Error> {
        let read = async |tx: &store::Transaction<'_>| data_keys::index(tx).await;
        let wrapped = match self
            .router
            .read_newest(&Visible::no_tenants(), read)
            .await?
        {
            Some(wrapped) => wrapped,
            None => {
                let made = self.master_keys.wrap(INDEX, &random_key()?)?;
                let keep =
                    async |tx: &store::Transaction<'_>| data_keys::keep_index(tx, &made).await;
                self.router
                    .primary()
                    .write(&Visible::no_tenants(), keep)
                    .await
                    .map_err(not_done)?
                    .ok_or_else(|| Error::internal("the index key does not exist"))?
            }
        };
        Ok(hmac::Key::new(
            hmac::HMAC_SHA256,
            &self.master_keys.unwrap(INDEX, &wrapped)?,
        ))
    }
}

/// Converts a failure to store a new key. The key is stored before the caller's own work, so that
/// work was not done, whatever happened to the key. The next call finds the key or makes it.
fn not_done(error: CallError<store::Error>) -> Error {
    match error {
        CallError::Failed(store::Error::CommitUnknown(_)) => Error::unavailable("postgres", error),
        other => other.into(),
    }
}

fn not_a_key() -> Error {
    Error::internal("a stored key has the wrong length")
}
