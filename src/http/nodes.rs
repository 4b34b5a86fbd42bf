//! `/tenants/{tenant}/nodes` and `/tenants/{tenant}/convergence`: which node runs what.

mod operations;
mod reports;

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload, web};
use futures_util::future::{Ready, ready};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{
    endpoint::Endpoint,
    extract::{Fields, Query},
    openapi::schemas,
    params::TenantPath,
    permission::Reader,
    problem::{Code, Problem},
    query::scope,
    respond::{self, PageOut, page_request},
    shapes::nodes::{ConvergenceOut, NodeOut, NodeStateIn, NodesOut},
    state::ApiState,
};
use crate::{
    domain::{
        Invalid,
        etag::version_tag,
        ids::{DialectName, NodeName},
        ledger::NodeState,
    },
    service::nodes::NodeFilter,
};

/// The endpoints of nodes.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/tenants/{tenant}/nodes", list, operations::list),
        Endpoint::post(
            "/api/v1/tenants/{tenant}/nodes",
            reports::report,
            operations::report,
        )
        .of_no_scope()
        .without_place(),
        Endpoint::get(
            "/api/v1/tenants/{tenant}/nodes/{node}",
            get,
            operations::get,
        ),
        Endpoint::get(
            "/api/v1/tenants/{tenant}/convergence",
            convergence,
            operations::convergence,
        ),
    ]
}

/// The parameters of `GET /tenants/{tenant}/nodes`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodesIn {
    /// Only nodes in this state.
    #[schemars(with = "Option<NodeStateIn>")]
    state: Option<String>,
    /// Only nodes that take their configuration in this way.
    #[schemars(with = "Option<schemas::ServiceName>")]
    dialect: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

/// `{node}` in the path.
pub struct NodePath(NodeName);

impl FromRequest for NodePath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let raw = request.match_info().get("node").unwrap_or_default();
        let name = raw.parse().map(Self);
        ready(name.map_err(|invalid| Problem::field("{node}", invalid)))
    }
}

/// `GET /tenants/{tenant}/nodes`
pub async fn list(
    _: Reader,
    state: web::Data<ApiState>,
    path: TenantPath,
    query: Query<NodesIn>,
) -> Result<HttpResponse, Problem> {
    let NodesIn {
        state: wanted,
        dialect,
        service,
        env,
        limit,
        cursor,
    } = query.0;
    let mut fields = Fields::default();
    let wanted = wanted.and_then(|raw| fields.check("?state", node_state(&raw)));
    let dialect = fields.optional::<DialectName>("?dialect", dialect);
    fields.finish(Some(()))?;
    let filter = NodeFilter {
        state: wanted,
        dialect,
        scope: scope(service, env)?,
    };
    let page = page_request(limit, cursor);
    let (nodes, next_cursor) = state.nodes.page(&path.0, &filter, page).await?;
    let items: Vec<_> = nodes.iter().map(NodeOut::of).collect();
    Ok(respond::json(&PageOut {
        items: &items,
        next_cursor,
    }))
}

/// `GET /tenants/{tenant}/nodes/{node}`
pub async fn get(
    _: Reader,
    state: web::Data<ApiState>,
    path: TenantPath,
    node: NodePath,
) -> Result<HttpResponse, Problem> {
    let NodePath(name) = node;
    let found = state.nodes.named(&path.0, &name).await?;
    if found.is_empty() {
        let detail = format!("no node {name} has come within nodes.forget_after_hours");
        return Err(Problem::new(Code::NotFound, detail));
    }
    let scopes: Vec<_> = found.iter().map(NodeOut::of).collect();
    Ok(respond::json(&NodesOut {
        node: name.as_str(),
        scopes,
    }))
}

/// The parameters of `GET /tenants/{tenant}/convergence`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvergenceIn {
    /// The version tag that nodes are to run; the newest one if it is missing.
    #[schemars(with = "Option<schemas::VersionTag>")]
    revision: Option<String>,
}

/// `GET /tenants/{tenant}/convergence`
pub async fn convergence(
    _: Reader,
    state: web::Data<ApiState>,
    path: TenantPath,
    query: Query<ConvergenceIn>,
) -> Result<HttpResponse, Problem> {
    let at = query.0.revision.as_deref().map(version_tag).transpose();
    let at = at.map_err(|invalid| Problem::field("?revision", invalid))?;
    let share = state.nodes.share(&path.0, at).await?;
    Ok(respond::json(&ConvergenceOut::of(&share, None)))
}

fn node_state(raw: &str) -> Result<NodeState, Invalid> {
    let known = NodeState::ALL
        .into_iter()
        .find(|state| state.as_str() == raw);
    known.ok_or_else(|| {
        let detail = "must be converged, lagging, refused, unknown or lost";
        Invalid::new("not_a_state", detail)
    })
}
