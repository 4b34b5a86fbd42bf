//! The authorisation table: the roles that each endpoint needs.
//!
//! The access check, the OpenAPI document and docs/roles.md all come from this table. An endpoint
//! without a row is refused for every caller, and a test fails. Besides the role, the tenant that a
//! request names must be in the caller's tenant scope: another customer's tenant gets the same
//! answer as a tenant that does not exist. The resource scope of the caller's grant applies as
//! well.

use std::{collections::HashMap, sync::LazyLock};

use crate::auth::Role::{self, Auditor, Editor, Node, PlatformAdmin, TenantAdmin, Viewer};

/// The callers that an endpoint accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every client: no credentials are needed, and the gate looks for no caller.
    Public,
    /// A caller with one of these roles.
    Roles(&'static [Role]),
    /// A caller with one of these roles for the whole platform: for endpoints that belong to no
    /// tenant.
    Platform(&'static [Role]),
}

impl Access {
    /// Returns the roles of which a caller needs one; `None` for a public endpoint.
    pub fn roles(self) -> Option<&'static [Role]> {
        match self {
            Self::Public => None,
            Self::Roles(roles) | Self::Platform(roles) => Some(roles),
        }
    }
}

/// Whether the access log records a successful request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trail {
    /// A successful request is not recorded.
    None,
    /// The endpoint reads sensitive data: the access log records the caller.
    Sensitive,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint {
    /// The HTTP method in upper case. `HEAD` uses the row of `GET`.
    pub method: &'static str,
    /// The path template, spelled as in the OpenAPI document.
    pub path: &'static str,
    /// The callers that may use the endpoint.
    pub access: Access,
    /// Whether the access log records a successful request to the endpoint.
    pub trail: Trail,
}

const PLATFORM: &[Role] = &[PlatformAdmin];
const ADMINS: &[Role] = &[PlatformAdmin, TenantAdmin];
/// The roles that may change a tenant's routes and policies.
pub const WRITE: &[Role] = &[PlatformAdmin, TenantAdmin, Editor];
const READ: &[Role] = &[PlatformAdmin, TenantAdmin, Editor, Viewer];
const POLL: &[Role] = &[PlatformAdmin, TenantAdmin, Editor, Viewer, Node];
const AUDIT: &[Role] = &[PlatformAdmin, TenantAdmin, Auditor];
const OVERSEE: &[Role] = &[PlatformAdmin, Auditor];

const fn row(method: &'static str, path: &'static str, roles: &'static [Role]) -> Endpoint {
    Endpoint {
        method,
        path,
        access: Access::Roles(roles),
        trail: Trail::None,
    }
}

const fn sensitive(method: &'static str, path: &'static str, roles: &'static [Role]) -> Endpoint {
    Endpoint {
        trail: Trail::Sensitive,
        ..row(method, path, roles)
    }
}

const fn platform(method: &'static str, path: &'static str, roles: &'static [Role]) -> Endpoint {
    Endpoint {
        method,
        path,
        access: Access::Platform(roles),
        trail: Trail::None,
    }
}

const fn public(path: &'static str) -> Endpoint {
    Endpoint {
        method: "GET",
        path,
        access: Access::Public,
        trail: Trail::None,
    }
}

const ROUTE: &str = "/api/v1/routes/{tenant}/{service}/{env}/{version}";
const POLICY: &str = "/api/v1/policies/{tenant}/{service}/{env}";
const TENANT: &str = "/api/v1/tenants/{tenant}";
const DRILL: &str = "/api/v1/resilience/{dependency}/drill";
const PLAN: &str = "/api/v1/tenants/{tenant}/plans/{id}";

/// Every endpoint of the API's listener.
pub const TABLE: &[Endpoint] = &[
    row("GET", "/api/v1/routes", READ),
    row("POST", "/api/v1/routes", WRITE),
    row("GET", "/api/v1/routes/resolve", POLL),
    row("POST", "/api/v1/routes/activate", WRITE),
    row("POST", "/api/v1/routes/deactivate", WRITE),
    row("GET", ROUTE, READ),
    row("PUT", ROUTE, WRITE),
    row("PATCH", ROUTE, WRITE),
    row("DELETE", ROUTE, WRITE),
    row(
        "POST",
        "/api/v1/routes/{tenant}/{service}/{env}/{version}/activate",
        WRITE,
    ),
    row(
        "POST",
        "/api/v1/routes/{tenant}/{service}/{env}/{version}/deactivate",
        WRITE,
    ),
    row(
        "GET",
        "/api/v1/routes/{tenant}/{service}/{env}/{version}/history",
        READ,
    ),
    row(
        "GET",
        "/api/v1/routes/{tenant}/{service}/{env}/{version}/blame",
        READ,
    ),
    row("GET", "/api/v1/policies", READ),
    row("GET", POLICY, READ),
    row("PUT", POLICY, WRITE),
    row("PATCH", POLICY, WRITE),
    row("DELETE", POLICY, WRITE),
    row(
        "GET",
        "/api/v1/policies/{tenant}/{service}/{env}/history",
        READ,
    ),
    row("GET", "/api/v1/tenants", READ),
    row("POST", "/api/v1/tenants", PLATFORM),
    row("GET", TENANT, READ),
    row("PATCH", TENANT, PLATFORM),
    row("DELETE", TENANT, PLATFORM),
    row("GET", "/api/v1/tenants/{tenant}/plans", READ),
    row("POST", "/api/v1/tenants/{tenant}/plans", WRITE),
    row("GET", PLAN, READ),
    row("DELETE", PLAN, WRITE),
    row("POST", "/api/v1/tenants/{tenant}/plans/{id}/apply", WRITE),
    row("POST", "/api/v1/tenants/{tenant}/batch", WRITE),
    row("POST", "/api/v1/tenants/{tenant}/rollback", WRITE),
    sensitive("GET", "/api/v1/tenants/{tenant}/export", READ),
    row("GET", "/api/v1/tenants/{tenant}/diff", READ),
    row("GET", "/api/v1/tenants/{tenant}/snapshot", POLL),
    row("GET", "/api/v1/tenants/{tenant}/changes", POLL),
    row("GET", "/api/v1/tenants/{tenant}/stream", POLL),
    row("GET", "/api/v1/stream", READ),
    sensitive("GET", "/api/v1/audit/route", AUDIT),
    sensitive("GET", "/api/v1/audit/recent", AUDIT),
    sensitive("GET", "/api/v1/audit/action", AUDIT),
    sensitive("GET", "/api/v1/audit/time-range", AUDIT),
    sensitive("GET", "/api/v1/audit/events", AUDIT),
    sensitive("GET", "/api/v1/audit/export", AUDIT),
    sensitive("GET", "/api/v1/audit/verify", AUDIT),
    sensitive("GET", "/api/v1/audit/access", AUDIT),
    row("GET", "/api/v1/audit/status", AUDIT),
    sensitive("GET", "/api/v1/keys", ADMINS),
    row("POST", "/api/v1/keys", ADMINS),
    row("GET", "/api/v1/keys/{key_id}", ADMINS),
    row("DELETE", "/api/v1/keys/{key_id}", ADMINS),
    row("POST", "/api/v1/keys/{key_id}/rotate", ADMINS),
    platform("POST", DRILL, PLATFORM),
    platform("DELETE", DRILL, PLATFORM),
    Endpoint {
        trail: Trail::Sensitive,
        ..platform("GET", "/api/v1/dead-letters", OVERSEE)
    },
    platform("POST", "/api/v1/dead-letters/redrive", PLATFORM),
    Endpoint {
        trail: Trail::Sensitive,
        ..platform("GET", "/api/v1/dead-letters/{letter_id}", OVERSEE)
    },
    platform("POST", "/api/v1/dead-letters/{letter_id}/redrive", PLATFORM),
    platform("POST", "/api/v1/dead-letters/{letter_id}/discard", PLATFORM),
    platform("GET", "/api/v1/replays", OVERSEE),
    platform("POST", "/api/v1/replays", PLATFORM),
    platform("GET", "/api/v1/replays/{replay_id}", OVERSEE),
    platform("DELETE", "/api/v1/replays/{replay_id}", PLATFORM),
    public("/api/v1/openapi.json"),
    public("/health"),
    public("/health/live"),
    public("/health/ready"),
    platform("GET", "/health/resilience", OVERSEE),
    public("/problems/{code}"),
    public("/docs"),
    public("/docs/events"),
    public("/docs/events/route-event.v1.json"),
    public("/docs/tenant-document.v1.json"),
    public("/docs/{file:.*}"),
];

/// Endpoints that compute the result of a write, and write nothing, when their query has
/// `dry_run=true`. Such a request needs only a role for reading.
const DRY_RUNS: &[(&str, &str)] = &[("POST", "/api/v1/tenants/{tenant}/plans")];

/// Returns the roles of which a request to an endpoint needs one; `None` for a public endpoint. A
/// dry run needs a role for reading.
pub fn roles(endpoint: &Endpoint, query: &str) -> Option<&'static [Role]> {
    let roles = endpoint.access.roles()?;
    let is_dry = || {
        url::form_urlencoded::parse(query.as_bytes())
            .any(|(name, value)| name == "dry_run" && value == "true")
    };
    Some(
        if DRY_RUNS.contains(&(endpoint.method, endpoint.path)) && is_dry() {
            READ
        } else {
            roles
        },
    )
}

/// The result of a look-up in the table.
pub enum Found {
    /// The row of the endpoint.
    Endpoint(&'static Endpoint),
    /// The path has rows for other methods only: the answer is 405.
    OtherMethods,
    /// No row has this path.
    Unlisted,
}

/// Returns the row of an endpoint.
pub fn find(method: &str, path: &str) -> Found {
    type Rows = HashMap<&'static str, Vec<&'static Endpoint>>;
    static ROWS: LazyLock<Rows> = LazyLock::new(|| {
        let mut rows = Rows::new();
        for endpoint in TABLE {
            rows.entry(endpoint.path).or_default().push(endpoint);
        }
        rows
    });
    let method = if method == "HEAD" { "GET" } else { method };
    match ROWS.get(path) {
        None => Found::Unlisted,
        Some(rows) => {
            let row = rows.iter().find(|endpoint| endpoint.method == method);
            row.map_or(Found::OtherMethods, |endpoint| Found::Endpoint(endpoint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_has_exactly_one_access_row() {
        let mut places: Vec<_> = TABLE.iter().map(|row| (row.path, row.method)).collect();
        places.sort_unstable();
        let count = places.len();
        places.dedup();
        assert_eq!(places.len(), count);
        assert!(matches!(find("GET", "/api/v1/nothing"), Found::Unlisted));
        assert!(matches!(
            find("TRACE", "/api/v1/routes"),
            Found::OtherMethods
        ));
        assert!(
            matches!(find("HEAD", "/api/v1/routes"), Found::Endpoint(row) if row.method == "GET")
        );
    }

    #[test]
    fn only_a_dry_run_plan_needs_just_a_reading_role() {
        for row in TABLE {
            let is_plan = (row.method, row.path) == ("POST", "/api/v1/tenants/{tenant}/plans");
            for query in [
                "",
                "dry_run=false",
                "dry_run",
                "dry_run=1",
                "dry=true",
                "x=dry_run=true",
            ] {
                assert_eq!(
                    roles(row, query),
                    row.access.roles(),
                    "{} {}",
                    row.method,
                    row.path
                );
            }
            for query in ["dry_run=true", "a=b&dry%5frun=%74rue"] {
                assert_eq!(
                    roles(row, query),
                    if is_plan {
                        Some(READ)
                    } else {
                        row.access.roles()
                    },
                    "{} {}",
                    row.method,
                    row.path
                );
            }
        }
    }

    #[test]
    fn reading_roles_cannot_write() {
        for row in TABLE.iter().filter(|row| row.method != "GET") {
            let Some(roles) = row.access.roles() else {
                panic!("{} {} is public", row.method, row.path)
            };
            assert!(
                !roles
                    .iter()
                    .any(|role| matches!(role, Viewer | Auditor | Node)),
                "{} {}",
                row.method,
                row.path
            );
        }
    }
}
