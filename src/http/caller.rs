//! `/self`: who the caller is, and what it may do.

use actix_web::HttpResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    endpoint::Endpoint,
    extract::Query,
    openapi::{Answer, Operation, schemas},
    permission::AnyCaller,
    problem::{Code, Problem},
    query::NothingIn,
    respond,
    shapes::role::RoleName,
};
use crate::{
    auth::Role,
    domain::{
        ids::{EnvName, ServiceName, TenantName},
        time::UtcTime,
    },
};

/// The endpoint of callers.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/self", get, operation)
            .of_no_scope()
            .without_place(),
    ]
}

/// Who the caller is, and what it may do.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Caller")]
struct CallerOut<'a> {
    actor: ActorOut<'a>,
    #[schemars(with = "Vec<RoleName>")]
    roles: &'a [Role],
    /// The tenant that the caller is limited to; `null`: all tenants.
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<&'a TenantName>,
    /// The services that the caller is limited to; `null`: all.
    #[schemars(with = "Option<Vec<schemas::ServiceName>>")]
    services: Option<&'a [ServiceName]>,
    /// The environments that the caller is limited to; `null`: all.
    #[schemars(with = "Option<Vec<schemas::EnvName>>")]
    envs: Option<&'a [EnvName]>,
    /// When the credential ends; `null`: it does not by itself.
    #[schemars(with = "Option<schemas::Timestamp>")]
    expires_at: Option<UtcTime>,
}

/// The caller as events name it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CallerActor")]
struct ActorOut<'a> {
    kind: &'a str,
    id: &'a str,
}

/// `GET /self`
pub async fn get(caller: AnyCaller, _query: Query<NothingIn>) -> Result<HttpResponse, Problem> {
    let grant = &caller.grant;
    let narrowed = grant.resource_scope();
    Ok(respond::json(&CallerOut {
        actor: ActorOut {
            kind: &caller.actor.kind,
            id: &caller.actor.id,
        },
        roles: grant.roles(),
        tenant: grant.tenant_scope().tenant(),
        services: some(&narrowed.services),
        envs: some(&narrowed.envs),
        expires_at: caller.credential.ends(),
    }))
}

fn some<T>(names: &[T]) -> Option<&[T]> {
    (!names.is_empty()).then_some(names)
}

fn operation() -> Operation {
    Operation::new("getSelf", "Get who the caller is")
        .about("Also tells whether a credential is good, and until when.")
        .query::<NothingIn>()
        .answers(Answer::json::<CallerOut<'_>>(
            200,
            "The caller.",
            json!({
                "actor": { "kind": "key", "id": "key:3f1c9a7be0d2" }, "roles": ["node"], "tenant": "acme", "services": null, "envs": ["prod"],
                "expires_at": "2026-12-31T00:00:00.000000Z",
            }),
        ))
        .refuses(&[Code::TenantNotFound])
}
