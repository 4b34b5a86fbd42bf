//! Traffic policies.

use serde::Serialize;

use crate::{
    calls::{Read, Write, operation::operations},
    types::{Event, ListFilter, Page, Policy, PolicyKey, PolicySpec, Raw},
};

operations! {
    /// Lists the traffic policies of a tenant, which the filter must name.
    ReadTenant list_policies: GET "/api/v1/policies" (filter: &ListFilter => query) -> Read<Page<Policy>>;
    /// Returns a policy; with `parameter("at", …)` as it was then.
    ReadTenant get_policy: GET "/api/v1/policies/{tenant}/{service}/{env}" (policy: &PolicyKey => path) -> Read<Policy>;
    /// Creates a policy, or replaces it.
    Write put_policy: PUT "/api/v1/policies/{tenant}/{service}/{env}" (policy: &PolicyKey => path, spec: &PolicySpec => json) -> Write<Policy>;
    /// Changes members of a policy (merge patch, RFC 7396): `null` removes a member, and a list is
    /// replaced as a whole.
    Write patch_policy: PATCH "/api/v1/policies/{tenant}/{service}/{env}" (policy: &PolicyKey => path, changes: &impl Serialize => patch) -> Write<Policy>;
    /// Deletes a policy.
    Write delete_policy: DELETE "/api/v1/policies/{tenant}/{service}/{env}" (policy: &PolicyKey => path) -> Write<()>;
    /// Returns the events of a policy, newest first.
    ReadTenant get_policy_history: GET "/api/v1/policies/{tenant}/{service}/{env}/history" (policy: &PolicyKey => path) -> Read<Page<Raw<Event>>>;
}
