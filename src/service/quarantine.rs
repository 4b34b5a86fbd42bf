//! Policies of which a proxy refuses the present form: proxies of that kind stay at an older one.
//!
//! Each stream searches for itself ([`traffic_manager_dataplane::ads::search`]). What it finds is kept in
//! Postgres, so that after a restart, or at another instance, the older form can be made anew from the
//! history. The report and the access log tell it to the policy's owner.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use traffic_manager_dataplane::{
    Settings,
    ads::search::{Composition, Doubt, Doubts, Past},
    envoy::{Form, Former, Forms, PolicyKey},
    model::{Compiler, Model},
};

use crate::{
    auth::{AuthorizedTenant, TenantScope},
    domain::{
        access::{AccessEvent, Kind},
        ids::TenantName,
        snapshot::{Scope, TenantSnapshot},
        tag::VersionTag,
    },
    resilience::Workers,
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

/// How many bytes of what nodes had are kept, and for how long: nodes that connect at the same time had the
/// same.
const HAD_BYTES: u64 = 128 * 1024 * 1024;
const HAD: Duration = Duration::from_secs(10);

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
    had: Cache<(Vec<TenantName>, Scope, String), Arc<Past>>,
    workers: Arc<Workers>,
}

impl Quarantine {
    /// Keeps refusals at `primary`. `workers` make older forms by these settings from what `reads` finds in
    /// the history.
    pub fn new(
        primary: Arc<Server>,
        reads: Arc<Reads>,
        settings: Settings,
        workers: Arc<Workers>,
    ) -> Self {
        let weigh = |_: &_, past: &Arc<Past>| u32::try_from(past.forms.bytes()).unwrap_or(u32::MAX);
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
            had: Cache::builder()
                .max_capacity(HAD_BYTES)
                .weigher(weigh)
                .time_to_live(HAD)
                .build(),
            workers,
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

    /// Returns which of these forms some node has refused, with the forms that nodes have instead.
    pub async fn doubts(
        &self,
        tenants: &[AuthorizedTenant],
        forms: &Forms,
    ) -> Result<Doubts, Error> {
        let mut doubts = Doubts::new();
        for tenant in tenants {
            for refused in self.of(tenant).await?.iter() {
                let key = refused.key();
                let form = forms.get(&key);
                if form.is_some_and(|form| form.hash == refused.form) {
                    let hash = refused.form.clone();
                    let instead = self.instead(tenant, refused).await?;
                    doubts.insert(key, Doubt { hash, instead });
                }
            }
        }
        Ok(doubts)
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
            let past = self
                .reads
                .scope_at(tenant.clone(), then.clone(), scope.clone());
            let forms = self.forms(vec![past.await?], scope.clone()).await?;
            Ok::<_, Error>(forms.get(&key).cloned())
        };
        let made = self.older.try_get_with((key.clone(), then.clone()), make);
        made.await.map_err(Error::internal)
    }

    /// Returns what a node had, by the version that it says, as far as the history knows it. The tenants
    /// are in the order of their names.
    pub async fn past(&self, tenants: &[AuthorizedTenant], scope: &Scope, said: &str) -> Arc<Past> {
        let names = tenants.iter().map(|tenant| tenant.name().clone());
        let key = (names.collect(), scope.clone(), said.to_owned());
        let make = self.past_of(tenants, scope, said);
        let made = self.had.try_get_with(key, make).await;
        made.unwrap_or_else(|error| {
            tracing::warn!(said, error = %error, "what a node says to have could not be read");
            Arc::default()
        })
    }

    async fn past_of(
        &self,
        tenants: &[AuthorizedTenant],
        scope: &Scope,
        said: &str,
    ) -> Result<Arc<Past>, Error> {
        let names: Vec<_> = tenants.iter().map(AuthorizedTenant::name).collect();
        let mut tags = Model::tags_of(said, &names).into_iter();
        let (mut snapshots, mut known) = (Vec::new(), Vec::new());
        for tenant in tenants {
            let Some(tag) = tags.next().flatten() else {
                continue;
            };
            let past = self.reads.scope_at(tenant.clone(), tag, scope.clone());
            match past.await {
                Ok(snapshot) => {
                    snapshots.push(snapshot);
                    known.push(tenant.clone());
                }
                Err(Error::NotInHistory { what, .. }) => {
                    tracing::info!(
                        tenant = tenant.name().as_str(),
                        what,
                        "what a node says to have is not in the history"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        let forms = Arc::new(self.forms(snapshots, scope.clone()).await?);
        // What was refused then, the node does not have.
        let doubts = self.doubts(&known, &forms).await?;
        let instead = doubts.into_iter().map(|(key, doubt)| {
            let form = forms.get(&key)?;
            let none = || Arc::new(form.without_routes());
            Some((key, doubt.instead.unwrap_or_else(none)))
        });
        let had = Composition::with(forms.clone(), instead.flatten().collect());
        Ok(Arc::new(Past {
            forms: Arc::new(Forms {
                version: said.to_owned(),
                all: had.forms(),
            }),
            tenants: known.iter().map(|tenant| tenant.name().clone()).collect(),
        }))
    }

    async fn forms(&self, snapshots: Vec<TenantSnapshot>, scope: Scope) -> Result<Forms, Error> {
        let settings = self.settings.clone();
        let make = move || {
            let model = Compiler::new(scope).compile(&snapshots);
            Former::new(settings).forms(&model)
        };
        self.workers.run(make).await.map_err(Error::internal)
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

    /// Records that a node takes the present form of a policy of which it refused these.
    pub async fn released(
        &self,
        by: &Requester,
        key: &PolicyKey,
        refused: &[String],
    ) -> Result<(), Error> {
        let event = event(by, "policy_released", key, key.to_string());
        let release = async |tx: &store::Transaction<'_>| {
            let (tenant, name) = (&key.tenant, &key.name);
            let is_news = store::quarantine::release(tx, tenant, name, ENVOY, refused).await?;
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

/// Returns a record for the policy's tenant. Of a caller of other tenants too it has no more than that.
fn event(by: &Requester, action: &str, key: &PolicyKey, said: String) -> AccessEvent {
    let is_own = *by.caller.grant.tenant_scope() == TenantScope::Tenant(key.tenant.clone());
    let event = by.access_event(Kind::Operated, action);
    AccessEvent {
        reason: Some(said),
        tenant: Some(key.tenant.clone()),
        visible_to: Some(key.tenant.clone()),
        object: Some(key.to_string()),
        actor: event.actor.filter(|_| is_own),
        key: event.key.filter(|_| is_own),
        source_ip: event.source_ip.filter(|_| is_own),
        ..event
    }
}
