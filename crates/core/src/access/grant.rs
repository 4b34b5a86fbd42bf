//! Grants: a caller's roles, with their tenant scope and resource scope.

use serde::{Deserialize, Serialize};

use super::{AuthorizedTenant, OtherTenant};
use crate::{Invalid, ids::TenantName, resource_scope::ResourceScope};

/// A role of the API. `http::permission` lists the roles that have each right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything in every tenant. Creates tenants and their keys.
    PlatformAdmin,
    /// May do everything in its tenant, and manages its keys.
    TenantAdmin,
    /// Changes routes, policies and plans of its tenant.
    Editor,
    /// Reads its tenant.
    Viewer,
    /// Reads the audit of its tenant, or of all tenants.
    Auditor,
    /// Polls its tenant's routes, as a proxy does.
    Node,
}

impl Role {
    /// All roles, in the order of their declaration.
    pub const ALL: [Self; 6] = [
        Self::PlatformAdmin,
        Self::TenantAdmin,
        Self::Editor,
        Self::Viewer,
        Self::Auditor,
        Self::Node,
    ];

    /// Returns the role's name in the API, in configuration and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlatformAdmin => "platform_admin",
            Self::TenantAdmin => "tenant_admin",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
            Self::Node => "node",
        }
    }
}

impl TryFrom<String> for Role {
    type Error = Invalid;

    fn try_from(raw: String) -> Result<Self, Invalid> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|role| role.as_str() == raw);
        found.ok_or_else(|| Invalid::new("unknown_role", format!("must be one of {}", known())))
    }
}

/// The tenant scope of a grant: every tenant, or one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantScope {
    /// Every tenant of the installation.
    Platform,
    /// This tenant only.
    Tenant(TenantName),
}

impl TenantScope {
    /// Returns whether the scope covers `tenant`.
    pub fn holds_for(&self, tenant: &TenantName) -> bool {
        match self {
            Self::Platform => true,
            Self::Tenant(own) => own == tenant,
        }
    }

    /// Returns the tenant of a query: the named tenant if there is one, else the tenant of a
    /// single-tenant scope. `None` means all tenants. A named tenant outside the scope is an error.
    pub fn narrowed(
        &self,
        named: Option<TenantName>,
    ) -> Result<Option<AuthorizedTenant>, OtherTenant> {
        named
            .or_else(|| self.tenant().cloned())
            .map(|tenant| self.authorize(tenant))
            .transpose()
    }

    /// Returns the tenant of a single-tenant scope, `None` for every tenant.
    pub fn tenant(&self) -> Option<&TenantName> {
        match self {
            Self::Platform => None,
            Self::Tenant(own) => Some(own),
        }
    }
}

/// The permissions of a caller: roles, tenant scope and resource scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    roles: Vec<Role>,
    tenant_scope: TenantScope,
    resource_scope: ResourceScope,
}

impl Grant {
    /// Creates a grant, if its parts fit together. It has at least one role. `platform_admin` is
    /// for every tenant and allows no other role. `auditor` alone may be for every tenant or for
    /// one; all other roles are for one tenant. `resource_scope` limits the routes and policies that
    /// an editor may change and a node may poll; no other role can have one.
    pub fn new(
        mut roles: Vec<Role>,
        tenant_scope: TenantScope,
        resource_scope: ResourceScope,
    ) -> Result<Self, Invalid> {
        roles.sort_unstable();
        roles.dedup();
        let wrong = |code, detail: &str| Err(Invalid::new(code, detail));
        match (roles.as_slice(), &tenant_scope) {
            ([], _) => return wrong("no_role", "at least one role is required"),
            ([Role::PlatformAdmin, ..], TenantScope::Tenant(_)) => {
                return wrong(
                    "not_of_a_tenant",
                    "platform_admin has no tenant: give tenant_admin instead",
                );
            }
            ([Role::PlatformAdmin, _, ..], _) => {
                return wrong(
                    "one_role",
                    "platform_admin includes all other roles: give no other role",
                );
            }
            ([Role::PlatformAdmin | Role::Auditor], TenantScope::Platform)
            | (_, TenantScope::Tenant(_)) => {}
            (_, TenantScope::Platform) => {
                return wrong("tenant_required", "these roles require a tenant");
            }
        }
        if !resource_scope.is_any()
            && !roles
                .iter()
                .all(|role| matches!(role, Role::Editor | Role::Node))
        {
            return wrong(
                "not_narrowed",
                "only editor and node can be limited to services and environments",
            );
        }
        Ok(Self {
            roles,
            tenant_scope,
            resource_scope,
        })
    }

    /// Returns the grant of a platform administrator: every operation in every tenant.
    pub fn platform_admin() -> Self {
        Self {
            roles: vec![Role::PlatformAdmin],
            tenant_scope: TenantScope::Platform,
            resource_scope: ResourceScope::default(),
        }
    }

    /// Returns the roles, sorted and without duplicates.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Returns the tenant scope.
    pub fn tenant_scope(&self) -> &TenantScope {
        &self.tenant_scope
    }

    /// Returns the resource scope: the services and environments that the grant is limited to.
    pub fn resource_scope(&self) -> &ResourceScope {
        &self.resource_scope
    }

    /// Returns whether the grant has at least one of these roles.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }

    /// Returns whether a holder of this grant may issue `other`. Nobody issues more than it has
    /// itself. Only a platform administrator issues grants for every tenant (`auditor` and
    /// `platform_admin`).
    pub fn may_give(&self, other: &Self) -> bool {
        match (
            &self.tenant_scope,
            self.has_any(&[Role::PlatformAdmin, Role::TenantAdmin]),
        ) {
            (_, false) => false,
            (TenantScope::Platform, true) => true,
            (own, true) => *own == other.tenant_scope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tenant: &str) -> TenantScope {
        TenantScope::Tenant(tenant.parse().unwrap())
    }

    fn grant(roles: &[Role], tenant_scope: TenantScope) -> Result<Grant, Invalid> {
        Grant::new(roles.to_vec(), tenant_scope, ResourceScope::default())
    }

    #[test]
    fn grant_refuses_contradictory_roles_and_scopes() {
        use Role::{Auditor, Editor, Node, PlatformAdmin, TenantAdmin, Viewer};
        assert!(grant(&[PlatformAdmin], TenantScope::Platform).is_ok());
        assert!(grant(&[Auditor], TenantScope::Platform).is_ok());
        assert!(
            grant(&[Editor, Auditor, Editor], of("a"))
                .is_ok_and(|grant| grant.roles() == [Editor, Auditor])
        );
        for (roles, tenant_scope, code) in [
            (&[][..], of("a"), "no_role"),
            (&[PlatformAdmin], of("a"), "not_of_a_tenant"),
            (&[PlatformAdmin, Viewer], TenantScope::Platform, "one_role"),
            (&[TenantAdmin], TenantScope::Platform, "tenant_required"),
            (&[Auditor, Node], TenantScope::Platform, "tenant_required"),
        ] {
            assert_eq!(
                grant(roles, tenant_scope).unwrap_err().code,
                code,
                "{roles:?}"
            );
        }
        let some = ResourceScope {
            services: vec!["s".parse().unwrap()],
            envs: Vec::new(),
        };
        let narrow = |role| Grant::new(vec![role], of("a"), some.clone());
        assert!(narrow(Editor).is_ok() && narrow(Node).is_ok());
        assert_eq!(narrow(Viewer).unwrap_err().code, "not_narrowed");
    }

    #[test]
    fn callers_cannot_give_more_than_they_have() {
        let admin = |tenant| grant(&[Role::TenantAdmin], of(tenant)).unwrap();
        let everywhere = grant(&[Role::Auditor], TenantScope::Platform).unwrap();
        assert!(
            Grant::platform_admin().may_give(&everywhere)
                && Grant::platform_admin().may_give(&admin("a"))
        );
        assert!(admin("a").may_give(&admin("a")));
        assert!(!admin("a").may_give(&admin("b")) && !admin("a").may_give(&everywhere));
        assert!(!admin("a").may_give(&Grant::platform_admin()));
        assert!(
            !grant(&[Role::Editor], of("a"))
                .unwrap()
                .may_give(&grant(&[Role::Viewer], of("a")).unwrap())
        );
    }
}
