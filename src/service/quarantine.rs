//! Policies of which a proxy refuses the present form: proxies of that kind stay at an older one.
//!
//! Each stream searches for itself ([`traffic_manager_dataplane::ads::search`]). What it finds is kept in
//! Postgres, so that after a restart, or at another instance, the older form can be made anew from the
//! history. The report and the access log tell it to the policy's owner.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use traffic_manager_dataplane::{
    Settings,
    ads::search::{Composition, Doubt, Doubts},
    envoy::{Form, Former, Forms, PolicyKey},
    model::{Compiler, Model},
};

use crate::{
    auth::AuthorizedTenant,
    domain::{
        access::{AccessEvent, Kind},
        ids::TenantName,
        snapshot::{Scope, TenantSnapshot},
        tag::VersionTag,
    },
    service::{Error, access::keys::Requester, read::reads::Reads},
    store::{self, Server, Visible},
    telemetry::names,
};

pub use crate::store::quarantine::Quarantined;

impl Quarantined {
    /// Returns the policy's name among those of all tenants.
    pub fn key(&self) -> PolicyKey {
        PolicyKey {
            tenant: self.tenant.clone(),
            name: self.name.clone(),
        }
    }
}

/// The kind of proxies whose refusals are known.
const ENVOY: &str = "envoy";
/// How long what was read of a tenant is used. Streams that begin at the same time share a read.
const FRESH: Duration = Duration::from_secs(2);
/// How many tenants and older forms are kept.
const KEPT: u64 = 1_000;
/// How long an older form is kept without use.
const IDLE: Duration = Duration::from_secs(600);

/// A refusal that a stream has found.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The refused form.
    pub form: Arc<Form>,
    /// What the node has instead.
    pub instead: Option<Arc<Form>>,
    /// The node's words.
    pub reason: String,
    /// The node's name.
    pub node: String,
    /// The version of the node's proxy.
    pub program: String,
}

/// The use cases of quarantine.
pub struct Quarantine {
    primary: Arc<Server>,
    reads: Arc<Reads>,
    settings: Settings,
    known: Cache<TenantName, Arc<Vec<Quarantined>>>,
    older: Cache<(PolicyKey, VersionTag), Option<Arc<Form>>>,
}

impl Quarantine {
    /// Keeps refusals at `primary`, and makes older forms by these settings from what `reads` finds in the
    /// history.
    pub fn new(primary: Arc<Server>, reads: Arc<Reads>, settings: Settings) -> Self {
        Self {
            primary,
            reads,
            settings,
            known: Cache::builder()
                .max_capacity(KEPT)
                .time_to_live(FRESH)
                .build(),
            older: Cache::builder()
                .max_capacity(KEPT)
                .time_to_idle(IDLE)
                .build(),
        }
    }

    /// Returns the refusals of a tenant's policies, also of forms that are no longer the present ones.
    pub async fn of(&self, tenant: &AuthorizedTenant) -> Result<Arc<Vec<Quarantined>>, Error> {
        let read = async {
            let of = async |tx: &store::Transaction<'_>| {
                store::quarantine::of(tx, tenant.name(), ENVOY).await
            };
            let visible = Visible::authorized(tenant);
            self.primary.read(&visible, of).await.map(Arc::new)
        };
        let name = tenant.name().clone();
        self.known
            .try_get_with(name, read)
            .await
            .map_err(Error::internal)
    }

    /// Returns which of the present forms some node has refused, with the forms that nodes have instead.
    /// What cannot be read is left out: the node finds out by itself.
    pub async fn doubts(&self, tenants: &[AuthorizedTenant], forms: &Forms) -> Doubts {
        let mut doubts = Doubts::new();
        for tenant in tenants {
            let refused = self.of(tenant).await.unwrap_or_else(|error| {
                tracing::warn!(tenant = tenant.name().as_str(), error = %error, "what nodes have refused could not be read");
                Arc::default()
            });
            for refused in refused.iter() {
                let key = refused.key();
                let present = forms.get(&key);
                if present.is_some_and(|present| present.hash == refused.form)
                    && let Ok(instead) = self.instead(tenant, refused).await
                {
                    let hash = refused.form.clone();
                    doubts.insert(key, Doubt { hash, instead });
                }
            }
        }
        doubts
    }

    /// Returns the form that nodes have instead of a refused one.
    async fn instead(
        &self,
        tenant: &AuthorizedTenant,
        refused: &Quarantined,
    ) -> Result<Option<Arc<Form>>, Error> {
        let Some(revision) = refused.instead else {
            return Ok(None);
        };
        let then = VersionTag {
            epoch: refused.epoch.clone(),
            revision,
        };
        let key = refused.key();
        let scope = Scope {
            service: Some(key.name.service.clone()),
            env: Some(key.name.env.clone()),
        };
        let make = async {
            let snapshot = self
                .reads
                .scope_at(tenant.clone(), then.clone(), scope.clone())
                .await?;
            let forms = self.forms([&snapshot], scope.clone());
            Ok::<_, Error>(forms.get(&key).cloned())
        };
        let made = self.older.try_get_with((key.clone(), then.clone()), make);
        made.await.map_err(Error::internal)
    }

    /// Returns the forms of an earlier configuration, by the version that a node says; `None` if nobody
    /// knows it. The tenants are in the order of their names.
    pub async fn past(
        &self,
        tenants: &[AuthorizedTenant],
        scope: &Scope,
        said: &str,
    ) -> Option<Arc<Forms>> {
        let names: Vec<_> = tenants.iter().map(AuthorizedTenant::name).collect();
        let mut tags = Model::tags_of(said, &names)?.into_iter();
        let mut snapshots = Vec::with_capacity(tags.len());
        for tenant in tenants {
            match self
                .reads
                .scope_at(tenant.clone(), tags.next()?, scope.clone())
                .await
            {
                Ok(snapshot) => snapshots.push(snapshot),
                Err(error) => {
                    tracing::info!(tenant = tenant.name().as_str(), said, error = %error, "what a node says to have is not in the history");
                    return None;
                }
            }
        }
        let forms = Arc::new(self.forms(&snapshots, scope.clone()));
        // What was refused then, the node does not have.
        let doubts = self.doubts(tenants, &forms).await;
        let instead = doubts.into_iter().map(|(key, doubt)| {
            let form = forms.get(&key)?;
            let none = || Arc::new(form.without_routes());
            Some((key, doubt.instead.unwrap_or_else(none)))
        });
        let had = Composition::with(forms.clone(), instead.flatten().collect());
        Some(Arc::new(Forms {
            version: said.to_owned(),
            all: had.forms(),
        }))
    }

    fn forms<'a>(
        &self,
        snapshots: impl IntoIterator<Item = &'a TenantSnapshot>,
        scope: Scope,
    ) -> Forms {
        let model = Compiler::new(scope).compile(snapshots);
        Former::new(self.settings.clone()).forms(&model)
    }

    /// Records that a node refuses a policy's present form, once for each form: in the table, and in the
    /// access log of the policy's tenant.
    pub async fn refused(&self, by: &Requester, refusal: &Refusal) -> Result<(), Error> {
        let Refusal { form, .. } = refusal;
        let row = Quarantined {
            tenant: form.key.tenant.clone(),
            name: form.key.name.clone(),
            dialect: ENVOY.to_owned(),
            form: form.hash.clone(),
            epoch: form.since.epoch.clone(),
            revision: form.policy.revision,
            instead: refusal.instead.as_ref().map(|older| older.since.revision),
            reason: refusal.reason.clone(),
            node: refusal.node.clone(),
            program: refusal.program.clone(),
            since: jiff::Timestamp::now().into(),
        };
        let said = format!(
            "{} revision {}: {}",
            form.key, form.policy.revision, refusal.reason
        );
        let event = event(by, "policy_quarantined", &form.key, said);
        let put = async |tx: &store::Transaction<'_>| {
            let is_news = store::quarantine::put(tx, &row).await?;
            if is_news {
                store::access_log::insert(tx, std::slice::from_ref(&event)).await?;
            }
            Ok(is_news)
        };
        if self.primary.write(&of(&form.key), put).await? {
            self.known.invalidate(&form.key.tenant).await;
            metrics::counter!(names::ENVOY_QUARANTINE, "result" => "quarantined").increment(1);
            tracing::warn!(
                policy = %form.key, revision = %form.policy.revision, node = refusal.node, reason = refusal.reason,
                "an Envoy refuses a policy, which stays at its last good form"
            );
        }
        Ok(())
    }

    /// Records that a node takes the present form of a policy of which it refused another one.
    pub async fn released(&self, by: &Requester, key: &PolicyKey) -> Result<(), Error> {
        let event = event(by, "policy_released", key, key.to_string());
        let release = async |tx: &store::Transaction<'_>| {
            let (tenant, name) = (&key.tenant, &key.name);
            let is_news = store::quarantine::release(tx, tenant, name, ENVOY).await?;
            if is_news {
                store::access_log::insert(tx, std::slice::from_ref(&event)).await?;
            }
            Ok(is_news)
        };
        if self.primary.write(&of(key), release).await? {
            self.known.invalidate(&key.tenant).await;
            metrics::counter!(names::ENVOY_QUARANTINE, "result" => "released").increment(1);
            tracing::info!(policy = %key, "the Envoys take the policy again");
        }
        Ok(())
    }
}

fn of(key: &PolicyKey) -> Visible {
    Visible::tenant(&key.tenant)
}

fn event(by: &Requester, action: &str, key: &PolicyKey, said: String) -> AccessEvent {
    AccessEvent {
        reason: Some(said),
        tenant: Some(key.tenant.clone()),
        visible_to: Some(key.tenant.clone()),
        object: Some(key.to_string()),
        ..by.access_event(Kind::Operated, action)
    }
}
