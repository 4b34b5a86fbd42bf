//! Tenants that a caller has been checked against.

use super::{Caller, Reach};
use crate::domain::ids::TenantName;

/// A tenant that the caller of a request may know of.
///
/// Only [`Reach::authorize`] makes one, and it makes none of another tenant. The use cases that answer a caller take this type and no bare
/// [`TenantName`], so that a handler cannot reach a tenant's data without the check, wherever it has the name from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedTenant {
    name: TenantName,
    reach: Reach,
}

/// The tenant is not one of the caller's. The caller is told that it does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherTenant(pub TenantName);

impl AuthorizedTenant {
    /// The tenant's name.
    pub fn name(&self) -> &TenantName {
        &self.name
    }

    /// The tenant whose rows a transaction may see that answers the caller. It comes from the caller's grant where that is of one tenant:
    /// row-level security then holds even if the name was wrong.
    pub fn visible(&self) -> &TenantName {
        self.reach.tenant().unwrap_or(&self.name)
    }
}

impl Reach {
    /// The proof that `tenant` is one that this holds for.
    pub fn authorize(&self, tenant: TenantName) -> Result<AuthorizedTenant, OtherTenant> {
        if self.holds_for(&tenant) {
            Ok(AuthorizedTenant { name: tenant, reach: self.clone() })
        } else {
            Err(OtherTenant(tenant))
        }
    }
}

impl Caller {
    /// The proof that the caller may know of `tenant`.
    pub fn authorize(&self, tenant: TenantName) -> Result<AuthorizedTenant, OtherTenant> {
        self.grant.reach().authorize(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_tenant_is_never_authorized() {
        let [own, other] = ["acme", "globex"].map(|name| name.parse::<TenantName>().unwrap());
        let reach = Reach::Tenant(own.clone());
        assert_eq!(reach.authorize(other.clone()), Err(OtherTenant(other.clone())));
        assert_eq!(reach.authorize(own.clone()).unwrap().visible(), &own);
        let platform = Reach::Platform.authorize(other.clone()).unwrap();
        assert_eq!((platform.name(), platform.visible()), (&other, &other));
    }
}
