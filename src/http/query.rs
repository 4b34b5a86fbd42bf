//! Query parameters that several resources have.

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{extract::Fields, openapi::schemas, problem::Problem, respond};
use crate::domain::{
    ids::{EnvName, RouteKey, RouteName, ServiceName, TenantName, VersionName},
    snapshot::Scope,
};

/// A query without any parameters.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingIn {}

/// The parameter of reads of one object.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MinimumIn {
    #[schemars(with = "Option<schemas::VersionTag>")]
    pub min_revision: Option<String>,
}

/// The parameters of reads of one object, now or at an earlier instant.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetIn {
    #[schemars(with = "Option<schemas::PointInTime>")]
    pub at: Option<String>,
    #[schemars(with = "Option<schemas::VersionTag>")]
    pub min_revision: Option<String>,
}

/// The parameters of `GET …/history`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryIn {
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    pub limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    pub cursor: Option<String>,
    #[schemars(with = "Option<schemas::VersionTag>")]
    pub min_revision: Option<String>,
}

/// The parameters of a list without filters.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageIn {
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    pub limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    pub cursor: Option<String>,
}

/// Parses the names of a route. `pointers` are the places that errors name.
pub fn route_key(
    fields: &mut Fields,
    names: [Option<String>; 4],
    pointers: [&str; 4],
) -> Option<RouteKey> {
    let [tenant, service, env, version] = names;
    let tenant = fields.required::<TenantName>(pointers[0], tenant);
    let service = fields.required::<ServiceName>(pointers[1], service);
    let env = fields.required::<EnvName>(pointers[2], env);
    let version = fields.required::<VersionName>(pointers[3], version);
    Some(RouteKey {
        tenant: tenant?,
        name: RouteName {
            service: service?,
            env: env?,
            version: version?,
        },
    })
}

/// The places of the names of a route in a body.
pub const ROUTE_IN_BODY: [&str; 4] = ["/tenant", "/service", "/env", "/version"];
/// The places of the names of a route in a query.
const IN_QUERY: [&str; 4] = ["?tenant", "?service", "?env", "?version"];

/// Parses the names of a route from four query parameters.
pub fn key_in_query(names: [Option<String>; 4]) -> Result<RouteKey, Problem> {
    let mut fields = Fields::default();
    let key = route_key(&mut fields, names, IN_QUERY);
    fields.finish(key)
}

/// Parses the scope from `?service=` and `?env=`.
pub fn scope(service: Option<String>, env: Option<String>) -> Result<Scope, Problem> {
    let mut fields = Fields::default();
    let scope = Scope {
        service: fields.optional("?service", service),
        env: fields.optional("?env", env),
    };
    fields.finish(Some(scope))
}
