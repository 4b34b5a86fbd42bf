//! Tenants for which a caller's access was checked.

use super::TenantScope;
use crate::ids::TenantName;

/// A tenant that the caller of a request may know of.
///
/// Only [`TenantScope::authorize`] creates this type, and never for a tenant outside the scope. The use
/// cases that answer a caller take this type and no bare [`TenantName`]. So a handler cannot reach
/// a tenant's data without the check, wherever the name came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedTenant {
    name: TenantName,
    tenant_scope: TenantScope,
}

/// The tenant is not one of the caller's. The caller gets the answer that the tenant does not
/// exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherTenant(pub TenantName);

impl AuthorizedTenant {
    /// Returns the tenant's name.
    pub fn name(&self) -> &TenantName {
        &self.name
    }

    /// Returns the tenant whose rows the transaction for this caller may see. If the caller's grant
    /// is for one tenant, the value comes from the grant: row-level security then protects other
    /// tenants even if the name is wrong.
    pub fn visible(&self) -> &TenantName {
        self.tenant_scope.tenant().unwrap_or(&self.name)
    }
}

impl TenantScope {
    /// Returns the proof that the scope covers `tenant`.
    pub fn authorize(&self, tenant: TenantName) -> Result<AuthorizedTenant, OtherTenant> {
        if self.holds_for(&tenant) {
            Ok(AuthorizedTenant {
                name: tenant,
                tenant_scope: self.clone(),
            })
        } else {
            Err(OtherTenant(tenant))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_tenant_is_never_authorized() {
        let [own, other] = ["acme", "globex"].map(|name| name.parse::<TenantName>().unwrap());
        let tenant_scope = TenantScope::Tenant(own.clone());
        assert_eq!(
            tenant_scope.authorize(other.clone()),
            Err(OtherTenant(other.clone()))
        );
        assert_eq!(tenant_scope.authorize(own.clone()).unwrap().visible(), &own);
        let platform = TenantScope::Platform.authorize(other.clone()).unwrap();
        assert_eq!((platform.name(), platform.visible()), (&other, &other));
    }
}
