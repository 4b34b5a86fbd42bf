//! Plans that are looked at before they are applied.

use std::time::Duration;

use serde_json::Value;
use traffic_manager_api_types::Code;

use crate::{
    Call, Client, Error, Write,
    types::{ApplyPlan, ApplyResult, Plan, PlannedChange, Rollback},
};

/// The most plans that [`PlanApply::apply`] applies, one after the other, while other callers
/// change the tenant.
const ROUNDS: usize = 3;

/// The desired state of a tenant, or of a part of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// A JSON value.
    Json(Value),
    /// A text of YAML, which the service reads.
    Yaml(String),
}

/// What a caller confirms. The client never confirms anything by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confirmations {
    /// The plan may remove most of the active routes, or the last one.
    pub shrink: bool,
    /// The plan may deactivate versions that policies use, where these have other versions.
    pub in_use: bool,
}

/// A plan that waits to be applied or discarded.
#[derive(Debug, Clone)]
pub struct PlanApply {
    client: Client,
    plan: Plan,
    wait: Option<(f64, Duration)>,
}

/// The outcome of an attempt to apply a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// The plan, or a later one with the same changes, is applied.
    Done(Write<ApplyResult>),
    /// The tenant has changed, and nothing was applied. [`PlanApply::plan`] is a new plan for the
    /// same document now, with other changes: look at it before the next attempt.
    Stale,
}

impl Client {
    /// Makes a plan that turns a tenant, or a part of it, into a document. `reason` is kept in the
    /// audit.
    pub async fn plan(
        &self,
        tenant: &str,
        document: &Document,
        reason: Option<&str>,
    ) -> Result<PlanApply, Error> {
        let call = match document {
            Document::Json(value) => self.create_plan(tenant, value),
            Document::Yaml(text) => self.create_plan(tenant, &()).yaml(text.clone()),
        };
        self.planned(call, reason).await
    }

    /// Makes a plan that leads back to a revision, a version tag or a time.
    pub async fn plan_rollback(
        &self,
        tenant: &str,
        to: &str,
        reason: Option<&str>,
    ) -> Result<PlanApply, Error> {
        let rollback = Rollback {
            to: Value::from(to),
            reason: None,
        };
        let call = self.create_rollback_plan(tenant, &rollback);
        self.planned(call, reason).await
    }

    async fn planned(
        &self,
        call: Call<Write<Plan>>,
        reason: Option<&str>,
    ) -> Result<PlanApply, Error> {
        let call = match reason {
            Some(reason) => call.reason(reason),
            None => call,
        };
        Ok(PlanApply {
            client: self.clone(),
            plan: call.await?.value,
            wait: None,
        })
    }
}

impl PlanApply {
    /// Returns the plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Lets [`PlanApply::apply`] wait until `percent` of the tenant's nodes run the change, for at
    /// most `time`. See [`Call::wait_for_nodes`].
    pub fn wait_for_nodes(&mut self, percent: f64, time: Duration) {
        self.wait = Some((percent, time));
    }

    /// Applies the plan. If the tenant has changed since, a new plan for the same document takes
    /// its place, and is applied at once only if its changes are the ones of the plan before.
    pub async fn apply(&mut self, confirmations: Confirmations) -> Result<Applied, Error> {
        for _ in 0..ROUNDS {
            let error = match self.apply_once(confirmations).await {
                Ok(write) => return Ok(Applied::Done(write)),
                Err(error) => error,
            };
            let Some(next) = self.replacement(&error).await? else {
                return Err(error);
            };
            let is_same = is_same(&self.plan, &next);
            let old = std::mem::replace(&mut self.plan, next);
            // Plans count against a quota, and the old one can never be applied.
            let _ = self.client.delete_plan(&old.tenant, &old.id).await;
            if !is_same {
                break;
            }
        }
        Ok(Applied::Stale)
    }

    async fn apply_once(&self, confirmations: Confirmations) -> Result<Write<ApplyResult>, Error> {
        let hash = &self.plan.hash;
        let body = ApplyPlan {
            hash: hash.clone(),
            confirm_shrink: confirmations.shrink.then(|| hash.clone()),
            confirm_in_use: confirmations.in_use.then_some(true),
        };
        let (tenant, id) = (&self.plan.tenant, &self.plan.id);
        let call = self.client.apply_plan(tenant, id, &body);
        match self.wait {
            Some((percent, time)) => call.wait_for_nodes(percent, time).await,
            None => call.await,
        }
    }

    /// Returns the whole plan that the service made in place of a stale one.
    async fn replacement(&self, error: &Error) -> Result<Option<Plan>, Error> {
        let stale = error
            .problem()
            .filter(|problem| problem.is(Code::PlanStale));
        let Some((problem, plan)) = stale.and_then(|stale| Some((stale, stale.new_plan()?))) else {
            return Ok(None);
        };
        if !problem.has_more_changes() {
            return Ok(Some(plan));
        }
        let whole = self.client.get_plan(&plan.tenant, &plan.id).await?;
        Ok(Some(whole.value))
    }

    /// Deletes a plan that was only looked at: plans count against a quota of the tenant.
    pub async fn discard(self) -> Result<(), Error> {
        let call = self.client.delete_plan(&self.plan.tenant, &self.plan.id);
        call.await.map(|_| ())
    }
}

/// Returns whether whoever saw the first plan has seen everything that the second one does.
fn is_same(seen: &Plan, next: &Plan) -> bool {
    let parts = |change: &PlannedChange| {
        let (before, after) = (change.before.clone(), change.after.clone());
        (change.action.clone(), change.key.clone(), before, after)
    };
    seen.active_routes == next.active_routes
        && seen
            .changes
            .iter()
            .map(parts)
            .eq(next.changes.iter().map(parts))
}
