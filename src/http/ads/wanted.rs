//! What a node asks for, as its metadata and its credentials say.

use traffic_manager_dataplane::ads::NodeInfo;

use super::answer::{Ended, GrpcStatus};
use crate::{
    auth::{AuthorizedTenant, Caller, Role, TenantScope},
    domain::{Invalid, ids::TenantName, snapshot::Scope},
    service::read::offers::MAX_TENANTS,
};

/// Returns the tenants and the scope of a node: the metadata `tenant` (one, or several with commas)
/// and `env` and `service`. A caller of one tenant need not name it, and may name no other.
pub fn wanted(caller: &Caller, node: &NodeInfo) -> Result<(Vec<AuthorizedTenant>, Scope), Ended> {
    let wrong = |member: &str, invalid: &Invalid| {
        Ended::new(
            GrpcStatus::InvalidArgument,
            format!("metadata.{member}: {}", invalid.detail),
        )
    };
    let named = node.metadata.get("tenant").map(String::as_str);
    let mut tenants: Vec<TenantName> = Vec::new();
    for raw in named.into_iter().flat_map(|named| named.split(',')) {
        let tenant = raw
            .trim()
            .parse()
            .map_err(|invalid| wrong("tenant", &invalid))?;
        if !tenants.contains(&tenant) {
            tenants.push(tenant);
        }
    }
    if let (true, TenantScope::Tenant(own)) = (tenants.is_empty(), caller.grant.tenant_scope()) {
        tenants.push(own.clone());
    }
    if !(1..=MAX_TENANTS).contains(&tenants.len()) {
        let detail = format!("1 to {MAX_TENANTS} tenants, separated by commas");
        return Err(wrong("tenant", &Invalid::new("required", detail)));
    }
    let part = |name: &str| node.metadata.get(name).cloned();
    let scope = Scope {
        service: part("service")
            .map(TryInto::try_into)
            .transpose()
            .map_err(|invalid| wrong("service", &invalid))?,
        env: part("env")
            .map(TryInto::try_into)
            .transpose()
            .map_err(|invalid| wrong("env", &invalid))?,
    };
    let denied = |text: &str| Ended::new(GrpcStatus::PermissionDenied, text);
    let authorized: Result<Vec<_>, _> = tenants
        .into_iter()
        .map(|tenant| caller.authorize(tenant))
        .collect();
    let authorized = authorized.map_err(|_| denied("there is no such tenant"))?;
    let covers = caller
        .grant
        .resource_scope()
        .covers(scope.service.as_ref(), scope.env.as_ref());
    if caller.grant.roles() == [Role::Node] && !covers {
        return Err(denied(
            "this node may only read some services or environments: name one in its metadata",
        ));
    }
    Ok((authorized, scope))
}
