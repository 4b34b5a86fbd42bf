//! Personal data: seals names, reasons and IP addresses before a change is decided, and opens them
//! in answers.
//!
//! Stored, published, archived and copied data has envelopes only, under a key for each person in
//! each tenant. The hash chain covers the envelopes, so it verifies for ever; destroying a person's
//! key erases the person everywhere. Without `privacy.master_keys` nothing is sealed, and nothing
//! is opened. The kinds of actors are not sealed, because they say nothing of a person.

mod envelope;
mod keys;
mod master_keys;
pub mod people;
mod texts;

use std::sync::Arc;

pub(super) use self::texts::{
    Text, of_archived, of_blame, of_event, of_object, of_plan, of_policy, of_route, of_tenant,
};
use self::{
    envelope::{Envelope, SealedPlace},
    keys::{KeyState, Keys},
    master_keys::MasterKeys,
    texts::{REASON, SOURCE_IP},
};
use super::{Error, batch::Request};
use crate::{
    config::{self, ConfigError},
    domain::{event::Actor, filter::EventFilter, ids::TenantName, plan::Plan},
    store::router::Router,
};

/// The text that answers have in place of an erased text.
pub const ERASED: &str = "erased";

/// Limits the envelopes of a search for one name. A person has one envelope of the name in each
/// tenant.
const MAX_NAMES: usize = 1000;

/// Seals and opens personal data, if there are master keys.
pub struct Privacy {
    keys: Option<Keys>,
}

impl Privacy {
    /// Uses the master keys of the settings, and keeps the keys of persons in Postgres.
    pub fn new(settings: &config::Privacy, router: Arc<Router>) -> Result<Self, ConfigError> {
        let master_keys = MasterKeys::parse(&settings.master_keys)?;
        Ok(Self {
            keys: master_keys.map(|master_keys| Keys::new(master_keys, settings, router)),
        })
    }

    /// Returns an instance that seals nothing and opens nothing.
    pub fn off() -> Self {
        Self { keys: None }
    }

    /// Seals the personal data of a request, so that its events may be stored, published and
    /// archived.
    pub async fn seal(&self, mut request: Request) -> Result<Request, Error> {
        let Some(keys) = &self.keys else {
            return Ok(request);
        };
        let tenant = &request.command.tenant;
        let context = &mut request.context;
        let person = keys.person(tenant, &context.actor).await?;
        for (member, text) in [
            (REASON, &mut context.reason),
            (SOURCE_IP, &mut context.source_ip),
        ] {
            if let Some(text) = text {
                *text = person.seal(
                    tenant.as_str(),
                    SealedPlace::Event(context.event_id, member),
                    text,
                )?;
            }
        }
        context.actor.id.clone_from(&person.name);
        Ok(request)
    }

    /// Returns an actor's identity among actors of every kind, in the form that is stored: sealed,
    /// if there are master keys.
    pub async fn identity(&self, tenant: &TenantName, actor: &Actor) -> Result<String, Error> {
        match &self.keys {
            Some(keys) => Ok(keys.person(tenant, actor).await?.name.clone()),
            None => Ok(actor.identity()),
        }
    }

    /// Returns an actor's plan as it is stored, with its personal data sealed.
    pub async fn seal_plan(&self, plan: &Plan, actor: &Actor) -> Result<Plan, Error> {
        let mut sealed = plan.clone();
        let Some(keys) = &self.keys else {
            return Ok(sealed);
        };
        let person = keys.person(&plan.tenant, actor).await?;
        if let Some(reason) = &mut sealed.reason {
            *reason = person.seal(plan.tenant.as_str(), SealedPlace::Plan(plan.id), reason)?;
        }
        sealed.created_by.clone_from(&person.name);
        Ok(sealed)
    }

    /// Opens the envelopes among these texts. An erased text becomes [`ERASED`]. A text stays as it
    /// is if it is no envelope of ours, or was altered or moved after it was sealed.
    pub async fn open<'a>(&self, texts: impl IntoIterator<Item = Text<'a>>) -> Result<(), Error> {
        let Some(keys) = &self.keys else {
            return Ok(());
        };
        let envelopes = texts
            .into_iter()
            .filter_map(|text| Envelope::parse(text.text).map(|envelope| (text, envelope)));
        let envelopes: Vec<_> = envelopes.collect();
        if envelopes.is_empty() {
            return Ok(());
        }
        let at =
            |text: &Text<'_>, envelope: &Envelope| (text.tenant.to_owned(), envelope.key.clone());
        let known =
            Box::pin(keys.named(envelopes.iter().map(|(text, envelope)| at(text, envelope))))
                .await?;
        for (text, envelope) in envelopes {
            match known.get(&at(&text, &envelope)) {
                Some(KeyState::Erased) => ERASED.clone_into(text.text),
                Some(KeyState::Live(key)) => {
                    let plain =
                        key.open(&text.place.of(text.tenant, &envelope.key), &envelope.sealed);
                    if let Some(plain) = plain.and_then(|bytes| String::from_utf8(bytes).ok()) {
                        *text.text = plain;
                    }
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Converts a filter by names into a filter by the values in the archive: the plain names, from
    /// before anything was sealed, and the envelopes of the names.
    pub async fn sealed_filter(&self, filter: &EventFilter) -> Result<EventFilter, Error> {
        let mut sealed = filter.clone();
        if let Some(keys) = &self.keys {
            for name in &filter.actors {
                let limit = i64::try_from(MAX_NAMES + 1).unwrap_or(i64::MAX);
                let names = keys.names(filter.tenant.as_ref(), name, limit).await?;
                if names.len() > MAX_NAMES {
                    return Err(Error::TooManyTenants(MAX_NAMES));
                }
                sealed.actors.extend(names);
            }
        }
        Ok(sealed)
    }
}
