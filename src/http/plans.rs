//! Many changes at once: plans, batches, rollback, and the document that a plan takes.

mod operations;
pub mod shapes;

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use validator::Validate;

pub use self::{
    operations::{operations, plan},
    shapes::document_schema,
};
use super::{
    ApiState,
    bulk::Bulk,
    context::{IDEMPOTENCY_REPLAYED, ReadContext, WriteContext},
    extract::{Body, Fields, Object, Query},
    openapi::schemas,
    past::parse_at,
    policies::wrong_members,
    polling::scope,
    problem::Problem,
    respond,
    tenants::{ListIn, name_in_path},
};
use crate::{
    auth::Caller,
    domain::{
        Invalid, chain,
        command::{self, Apply, Desired, MAX_CHANGES, Op},
        document::{Document, PolicyDoc, RouteDoc},
        ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName, VersionName},
        plan::Plan,
        route::{Description, Labels, RouteUrl},
        snapshot::Scope,
    },
    service::{Error, batch::Reply, plans::Confirmation},
};

/// The body of `POST …/plans`, and an export: what a scope shall have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TenantDocument")]
pub struct DocumentIn {
    /// What it is about; the whole tenant if nothing is said.
    #[serde(default)]
    #[schemars(with = "Option<shapes::ScopeIn>")]
    scope: Option<Object<Scope>>,
    /// Whether what is in the scope and not named here goes.
    #[serde(default)]
    prune: bool,
    #[serde(default)]
    #[schemars(with = "Vec<shapes::RouteDoc>")]
    routes: Vec<Object<RouteDoc>>,
    #[serde(default)]
    #[schemars(with = "Vec<shapes::PolicyDoc>")]
    policies: Vec<Object<PolicyDoc>>,
}

impl DocumentIn {
    fn document(self) -> Document {
        let Self { scope, prune, routes, policies } = self;
        let scope = scope.map(|scope| scope.0).unwrap_or_default();
        let (routes, policies) = (routes.into_iter().map(|r| r.0).collect(), policies.into_iter().map(|p| p.0).collect());
        Document { scope, prune, routes, policies }
    }
}

/// What a plan stands for as a command until it is applied: the context of the request counts, and no change.
fn nothing() -> Op {
    Op::Apply(Box::new(Apply { changes: Vec::new(), base: None, hash: String::new(), confirmed: None }))
}

async fn made(state: &ApiState, (plan, replayed): (Plan, bool)) -> Result<HttpResponse, Problem> {
    let location = format!("/api/v1/tenants/{}/plans/{}", plan.tenant, plan.id);
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, location)).insert_header((header::ETAG, plan.base.to_etag()));
    if replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    let bytes = state.workers.run(move || serde_json::to_vec(&plan)).await.map_err(Error::internal)?;
    Ok(response.content_type("application/json").body(bytes.map_err(Error::internal)?))
}

/// `POST /tenants/{tenant}/plans`
pub async fn create(
    state: web::Data<ApiState>, context: WriteContext, path: web::Path<String>, body: Bulk<DocumentIn>,
) -> Result<HttpResponse, Problem> {
    let tenant = name_in_path(path)?;
    let request = context.sized(body.1).request(tenant, nothing())?;
    made(&state, state.plans.plan(&request, body.0.document()).await?).await
}

/// `GET /tenants/{tenant}/plans`
pub async fn list(
    state: web::Data<ApiState>, _caller: Caller, path: web::Path<String>, query: Query<ListIn>,
) -> Result<HttpResponse, Problem> {
    let tenant = name_in_path(path)?;
    let page = state.plans.list(&tenant, &respond::page_request(query.0.limit, query.0.cursor)).await?;
    respond::large_page(&state, page.items, page.next_cursor).await
}

/// A tenant and the id of one of its plans, in a path.
pub type PlanPath = web::Path<(String, String)>;

fn plan_in_path(path: PlanPath) -> Result<(TenantName, Uuid), Problem> {
    let (tenant, id) = path.into_inner();
    let mut fields = Fields::default();
    let tenant = fields.required::<TenantName>("{tenant}", Some(tenant));
    let id = fields.check("{id}", Uuid::parse_str(&id).map_err(|_| Invalid::new("not_a_uuid", "must be a UUID")));
    fields.finish(tenant.zip(id))
}

/// `GET /tenants/{tenant}/plans/{id}`
pub async fn get(state: web::Data<ApiState>, _caller: Caller, path: PlanPath) -> Result<HttpResponse, Problem> {
    let (tenant, id) = plan_in_path(path)?;
    let plan = state.plans.get(&tenant, id).await?;
    respond::large(&state, move || plan).await
}

/// `DELETE /tenants/{tenant}/plans/{id}`
pub async fn delete(state: web::Data<ApiState>, _context: WriteContext, path: PlanPath) -> Result<HttpResponse, Problem> {
    let (tenant, id) = plan_in_path(path)?;
    state.plans.delete(&tenant, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The body of `POST …/plans/{id}/apply`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyIn {
    /// The plan's hash.
    #[schemars(with = "String")]
    hash: Option<String>,
    /// The hash once more, when much would be removed.
    confirm_shrink: Option<String>,
    /// That policies send traffic to what is deactivated, and have somewhere else to send it.
    #[serde(default)]
    confirm_in_use: bool,
}

/// `POST /tenants/{tenant}/plans/{id}/apply`
pub async fn apply(
    state: web::Data<ApiState>, context: WriteContext, path: PlanPath, body: Body<ApplyIn>,
) -> Result<HttpResponse, Problem> {
    let (tenant, id) = plan_in_path(path)?;
    let ApplyIn { hash, confirm_shrink: shrink, confirm_in_use } = body.0;
    let hash = hash.ok_or_else(|| Problem::field("/hash", Invalid::new("required", "is required")))?;
    let request = context.sized(body.1).confirming(confirm_in_use).request(tenant.clone(), nothing())?;
    let reply = state.plans.apply(&state.writer, request, id, Confirmation { hash, shrink }).await?;
    Ok(applied(&tenant, &reply))
}

/// What a revision of many changes came to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Applied")]
struct AppliedOut<'a> {
    #[schemars(with = "schemas::TenantName")]
    tenant: &'a TenantName,
    #[schemars(with = "schemas::Revision")]
    revision: u64,
    #[schemars(with = "shapes::Summary")]
    summary: command::Summary,
}

fn applied(tenant: &TenantName, reply: &Reply) -> HttpResponse {
    let mut response = respond::written(reply);
    match &reply.outcome.object {
        command::Object::Applied { summary } => {
            response.json(AppliedOut { tenant, revision: reply.outcome.tag.revision.0, summary: *summary })
        }
        _ => response.finish(),
    }
}

/// The body of `POST …/batch`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchIn {
    #[schemars(with = "Vec<shapes::Change>", length(max = MAX_CHANGES))]
    changes: Vec<Object<ChangeIn>>,
    /// What `shrink_not_confirmed` told, when much would be removed.
    confirm_shrink: Option<String>,
    /// That policies send traffic to what is deactivated, and have somewhere else to send it.
    #[serde(default)]
    confirm_in_use: bool,
}

/// What happens to the object of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum ActionIn {
    Put,
    Delete,
    Activate,
    Deactivate,
}

/// One change of a batch: of a route or of a policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeIn {
    action: ActionIn,
    route: Option<Object<RouteChangeIn>>,
    policy: Option<serde_json::Value>,
}

/// A route in a batch: whole to put it, its name for anything else.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteChangeIn {
    #[schemars(with = "schemas::ServiceName")]
    service: ServiceName,
    #[schemars(with = "schemas::EnvName")]
    env: EnvName,
    #[schemars(with = "schemas::VersionName")]
    version: VersionName,
    #[schemars(with = "schemas::RouteUrl")]
    url: Option<RouteUrl>,
    is_active: Option<bool>,
    #[schemars(with = "Option<schemas::Labels>")]
    labels: Option<Labels>,
    #[schemars(with = "Option<schemas::Description>")]
    description: Option<Description>,
}

/// A policy's name in a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyNameIn {
    service: ServiceName,
    env: EnvName,
}

impl ChangeIn {
    fn desired(self) -> Result<Desired, Vec<(String, Invalid)>> {
        let wrong = |pointer: &str, code, detail: &str| Err(vec![(pointer.to_owned(), Invalid::new(code, detail))]);
        match (self.route, self.policy) {
            (Some(Object(route)), None) => route.desired(self.action),
            (None, Some(policy)) => match self.action {
                ActionIn::Put => {
                    let (name, spec) = read::<PolicyDoc>(policy)?.into_policy().map_err(|errors| within("/policy", errors))?;
                    Ok(Desired::Policy { name, spec: Some(spec) })
                }
                ActionIn::Delete => {
                    let PolicyNameIn { service, env } = read(policy)?;
                    Ok(Desired::Policy { name: PolicyName { service, env }, spec: None })
                }
                ActionIn::Activate | ActionIn::Deactivate => wrong("/action", "not_for_policies", "is for routes"),
            },
            _ => wrong("", "one_of", "must have a route or a policy"),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(policy: serde_json::Value) -> Result<T, Vec<(String, Invalid)>> {
    let Object(read) = serde_path_to_error::deserialize(policy).map_err(|error| {
        let pointer = format!("/policy{}", super::extract::json_pointer(error.path()));
        vec![(pointer, super::extract::data_error(&error.into_inner().to_string()))]
    })?;
    Ok(read)
}

fn within(prefix: &str, errors: Vec<(String, Invalid)>) -> Vec<(String, Invalid)> {
    errors.into_iter().map(|(pointer, invalid)| (format!("{prefix}{pointer}"), invalid)).collect()
}

impl RouteChangeIn {
    fn desired(self, action: ActionIn) -> Result<Desired, Vec<(String, Invalid)>> {
        let Self { service, env, version, url, is_active, labels, description } = self;
        let name = RouteName { service, env, version };
        let has_spec = url.is_some() || is_active.is_some() || labels.is_some() || description.is_some();
        match (action, url) {
            (ActionIn::Put, Some(url)) => {
                let (is_active, labels) = (is_active.unwrap_or(true), labels.unwrap_or_default());
                let spec = crate::domain::route::RouteSpec { description, is_active, labels, url };
                Ok(Desired::Route { name, spec: Some(spec) })
            }
            (ActionIn::Put, None) => Err(vec![("/route/url".to_owned(), Invalid::new("required", "is required"))]),
            _ if has_spec => Err(vec![("/route".to_owned(), Invalid::new("only_the_name", "only put takes more than the name"))]),
            (ActionIn::Delete, _) => Ok(Desired::Route { name, spec: None }),
            (ActionIn::Activate, _) => Ok(Desired::State { name, is_active: true }),
            (ActionIn::Deactivate, _) => Ok(Desired::State { name, is_active: false }),
        }
    }
}

/// `POST /tenants/{tenant}/batch`
pub async fn batch(
    state: web::Data<ApiState>, context: WriteContext, path: web::Path<String>, body: Bulk<BatchIn>,
) -> Result<HttpResponse, Problem> {
    let tenant = name_in_path(path)?;
    let BatchIn { changes, confirm_shrink: confirmed, confirm_in_use } = body.0;
    if changes.len() > MAX_CHANGES {
        let invalid = Invalid::new("too_many", format!("at most {MAX_CHANGES}"));
        return Err(Problem::field("/changes", invalid));
    }
    let (mut desired, mut errors) = (Vec::with_capacity(changes.len()), Vec::new());
    for (at, Object(change)) in changes.into_iter().enumerate() {
        match change.desired() {
            Ok(change) => desired.push(change),
            Err(wrong) => errors.extend(wrong_members(&format!("/changes/{at}"), wrong)),
        }
    }
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    let named = |(at, change): (usize, &Desired)| match change {
        Desired::Policy { name, .. } => Some((at, name.clone())),
        Desired::Route { .. } | Desired::State { .. } => None,
    };
    let policies: Vec<_> = desired.iter().enumerate().filter_map(named).collect();
    let hashed = chain::canonical(&json!({ "changes": desired, "tenant": tenant }));
    let hash = hex::encode(Sha256::digest(hashed.map_err(Error::internal)?));
    let op = Op::Apply(Box::new(Apply { changes: desired, base: None, hash, confirmed }));
    let request = context.sized(body.1).confirming(confirm_in_use).request(tenant.clone(), op)?;
    let reply = state.writer.write(request).await.map_err(|error| match error {
        Error::Rejected(rejection) => {
            let place =
                |policy: &_| policies.iter().find(|(_, name)| name == policy).map(|(at, _)| format!("/changes/{at}/policy"));
            Error::Rejected(rejection.placed(place))
        }
        other => other,
    })?;
    Ok(applied(&tenant, &reply))
}

/// The body of `POST …/rollback`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackIn {
    #[schemars(with = "shapes::Target")]
    to: Option<serde_json::Value>,
    /// Why; else `X-Reason`. At most 512 bytes.
    #[schemars(with = "Option<schemas::ReasonText>")]
    reason: Option<String>,
}

/// `POST /tenants/{tenant}/rollback`
pub async fn rollback(
    state: web::Data<ApiState>, context: WriteContext, path: web::Path<String>, body: Body<RollbackIn>,
) -> Result<HttpResponse, Problem> {
    let tenant = name_in_path(path)?;
    let RollbackIn { to, reason } = body.0;
    let mut fields = Fields::default();
    let to = match to {
        None => fields.check("/to", Err(Invalid::new("required", "is required"))),
        Some(serde_json::Value::String(text)) => fields.check("/to", parse_at(&text)),
        Some(other) => fields.check("/to", parse_at(&other.to_string())),
    };
    let too_long = |reason: &String| crate::domain::plain_text(reason, super::context::MAX_REASON, "reason");
    let checked = fields.check("/reason", reason.as_ref().map_or(Ok(()), too_long));
    let (to, ()) = fields.finish(to.zip(checked))?;
    let mut request = context.sized(body.1).request(tenant, nothing())?;
    request.facts.reason = reason.or(request.facts.reason);
    made(&state, state.plans.rollback(&request, &to).await?).await
}

/// The parameters of `GET …/export`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportIn {
    #[schemars(with = "Option<Format>")]
    format: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::Instant>")]
    at: Option<String>,
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
enum Format {
    Yaml,
    Json,
}

impl TryFrom<String> for Format {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        match raw.as_str() {
            "yaml" => Ok(Self::Yaml),
            "json" => Ok(Self::Json),
            _ => Err(Invalid::new("unknown_format", "must be yaml or json")),
        }
    }
}

fn text(document: &Document, format: Format) -> Result<(String, &'static str), crate::service::Error> {
    let internal = |error: &dyn std::fmt::Display| Error::internal(error.to_string());
    Ok(match format {
        Format::Yaml => (serde_yaml_ng::to_string(document).map_err(|error| internal(&error))?, "application/yaml"),
        Format::Json => {
            let text = serde_json::to_string_pretty(document).map_err(|error| internal(&error))?;
            (format!("{text}\n"), "application/json")
        }
    })
}

/// `GET /tenants/{tenant}/export`
pub async fn export(
    state: web::Data<ApiState>, _caller: Caller, context: ReadContext, path: web::Path<String>, query: Query<ExportIn>,
) -> Result<HttpResponse, Problem> {
    let tenant = name_in_path(path)?;
    let ExportIn { format, service, env, at } = query.0;
    let scope = scope(service, env)?;
    let format = format.map_or(Ok(Format::Yaml), Format::try_from);
    let format = format.map_err(|invalid| Problem::field("?format", invalid))?;
    let (document, tag) = match at {
        None => state.plans.document(&tenant, scope, &context.freshness(None)?).await?,
        Some(raw) => {
            let at = parse_at(&raw).map_err(|invalid| Problem::field("?at", invalid))?;
            let then = state.reads.then(&tenant, &at).await?;
            let content = state.reads.content_at(&tenant, &then, &scope).await?;
            (Document::of(scope, &content), then)
        }
    };
    let (text, media_type) = state.workers.run(move || text(&document, format)).await.map_err(Error::internal)??;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag.to_etag())).content_type(media_type).body(text))
}
