//! Plans, batches, exports and differences.

use serde::Serialize;

use crate::{
    calls::{Call, Client, Read, Text, Write, operation::operations},
    types::{
        ApplyPlan, ApplyResult, DiffFilter, ListFilter, Page, Plan, PlanPreview, PlanSummary,
        Rollback, ScopeFilter, TenantDifference, TenantDocument,
    },
};

operations! {
    /// Applies many changes in one revision: all of them or none.
    Write apply_batch: POST "/api/v1/tenants/{tenant}/batch" (tenant: &str => path, batch: &impl Serialize => json) -> Write<ApplyResult>;
    /// Returns the changes between two points of a tenant's history.
    Read diff_tenant: GET "/api/v1/tenants/{tenant}/diff" (tenant: &str => path, filter: &DiffFilter => query) -> Read<TenantDifference>;
    /// Returns a tenant, or a part of it, as a document that a plan accepts.
    ReadTenant export_tenant: GET "/api/v1/tenants/{tenant}/export" (tenant: &str => path, filter: &ScopeFilter => query_for_json) -> Read<TenantDocument>;
    /// Lists the stored plans of a tenant, without their changes. The filter's `tenant` must be
    /// absent.
    Read list_plans: GET "/api/v1/tenants/{tenant}/plans" (tenant: &str => path, filter: &ListFilter => query) -> Read<Page<PlanSummary>>;
    /// Computes the changes that turn the present state into a document, stores them as a plan,
    /// and changes nothing else.
    Write create_plan: POST "/api/v1/tenants/{tenant}/plans" (tenant: &str => path, document: &impl Serialize => json) -> Write<Plan>;
    /// Returns a plan.
    Read get_plan: GET "/api/v1/tenants/{tenant}/plans/{id}" (tenant: &str => path, id: &str => path) -> Read<Plan>;
    /// Deletes a plan that is not to be applied.
    WriteOnce delete_plan: DELETE "/api/v1/tenants/{tenant}/plans/{id}" (tenant: &str => path, id: &str => path) -> Write<()>;
    /// Applies a plan in one revision.
    Write apply_plan: POST "/api/v1/tenants/{tenant}/plans/{id}/apply" (tenant: &str => path, id: &str => path, plan: &ApplyPlan => json) -> Write<ApplyResult>;
    /// Makes a plan that leads back to an earlier state.
    Write create_rollback_plan: POST "/api/v1/tenants/{tenant}/rollback" (tenant: &str => path, rollback: &Rollback => json) -> Write<Plan>;
}

impl Client {
    /// Computes what [`Client::create_plan`] would answer, and stores nothing: a role for reading
    /// the tenant is enough.
    pub fn preview_plan(
        &self,
        tenant: &str,
        document: &impl Serialize,
    ) -> Call<Write<PlanPreview>> {
        let call = self.create_plan(tenant, document);
        call.parameter("dry_run", "true").becomes()
    }

    /// Returns what [`Client::export_tenant`] answers as a text of YAML.
    pub fn export_tenant_as_yaml(&self, tenant: &str, filter: &ScopeFilter) -> Call<Read<Text>> {
        let call = self.export_tenant(tenant, filter);
        call.parameter("format", "yaml").becomes()
    }
}
