//! Many changes at once: plans, batches, rollback, and the document that a plan takes.

mod answers;
mod batch;
mod documents;
mod export;
mod operations;

use actix_web::{HttpResponse, http::header, mime, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

pub use self::documents::document_schema;
use self::{
    answers::{PlanSummaryOut, PreviewOut},
    batch::batch,
    export::export,
};
use super::{
    bulk::Bulk,
    context::WriteContext,
    endpoint::Endpoint,
    extract::{Body, Fields, Object, Query, Readers},
    headers::{IDEMPOTENCY_REPLAYED, MAX_REASON},
    instant::parse_at,
    openapi::schemas,
    params::{PlanPath, TenantPath},
    permission::{Editor, Planner, Reader},
    problem::{Code, FieldError, MAX_ERRORS, Problem},
    query::PageIn,
    respond,
    returned::{self, Returnable, Returned},
    shapes,
    state::ApiState,
};
use crate::{
    domain::{
        Invalid,
        command::{self, Apply, Op},
        document::{Document, PolicyDoc, RouteDoc},
        ids::TenantName,
        plan::Plan,
        resource_scope::ResourceScope,
        snapshot::Scope,
    },
    service::{Error, batch::Reply, write::plans::Confirmation},
};

const PLANS: &str = "/api/v1/tenants/{tenant}/plans";
const PLAN: &str = "/api/v1/tenants/{tenant}/plans/{id}";

/// The endpoints that change many objects at once, or read them as a document.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(PLANS, list, operations::list).compressed(),
        Endpoint::post(PLANS, create, operations::create),
        Endpoint::get(PLAN, get, operations::get).compressed(),
        Endpoint::delete(PLAN, delete, operations::delete),
        Endpoint::post(
            "/api/v1/tenants/{tenant}/plans/{id}/apply",
            apply,
            operations::apply,
        )
        .converging(),
        Endpoint::post("/api/v1/tenants/{tenant}/batch", batch, operations::batch).converging(),
        Endpoint::post(
            "/api/v1/tenants/{tenant}/rollback",
            rollback,
            operations::rollback,
        ),
        Endpoint::get(
            "/api/v1/tenants/{tenant}/export",
            export,
            operations::export,
        )
        .compressed()
        .sensitive(),
    ]
}

/// The body of `POST …/plans`, and an export: the desired content of a scope.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TenantDocumentIn")]
pub struct DocumentIn {
    /// The scope of the document; the whole tenant if it is missing.
    #[serde(default)]
    #[schemars(with = "Option<documents::DocumentScopeIn>")]
    scope: Option<Object<Scope>>,
    /// Whether objects in the scope that the document does not name are removed.
    #[serde(default)]
    prune: bool,
    #[serde(default)]
    #[schemars(with = "Vec<documents::RouteDocumentIn>")]
    routes: Vec<Returned<RouteDoc>>,
    #[serde(default)]
    #[schemars(with = "Vec<documents::PolicyDocumentIn>")]
    policies: Vec<Returned<PolicyDoc>>,
}

impl Returnable for RouteDoc {
    const READ_ONLY: &'static [&'static str] = returned::OF_OBJECT;
    const IN_PATH: &'static [&'static str] = &["tenant"];
}

impl Returnable for PolicyDoc {
    const READ_ONLY: &'static [&'static str] = returned::OF_OBJECT;
    const IN_PATH: &'static [&'static str] = &["tenant"];
}

impl DocumentIn {
    /// Checks the body, and returns the document of the tenant.
    fn document(self, tenant: &TenantName) -> Result<Document, Problem> {
        let Self {
            scope,
            prune,
            routes,
            policies,
        } = self;
        let (scope, mut errors) = (scope.map(|scope| scope.0).unwrap_or_default(), Vec::new());
        let routes = all_of(tenant, "/routes", routes, &mut errors);
        let policies = all_of(tenant, "/policies", policies, &mut errors);
        if errors.is_empty() {
            Ok(Document {
                scope,
                prune,
                routes,
                policies,
            })
        } else {
            Err(Problem::fields(errors))
        }
    }
}

fn all_of<T: Returnable>(
    tenant: &TenantName,
    list: &str,
    items: Vec<Returned<T>>,
    errors: &mut Vec<FieldError>,
) -> Vec<T> {
    let item = |(at, item): (usize, Returned<T>)| {
        item.of(&[("tenant", tenant.as_str())], &format!("{list}/{at}"))
    };
    let checked = items.into_iter().enumerate().map(item);
    checked
        .filter_map(|item| {
            item.map_err(|error| {
                if errors.len() <= MAX_ERRORS {
                    errors.push(error)
                }
            })
            .ok()
        })
        .collect()
}

/// Returns a command without changes. Plans use only the context of its request, and bring their
/// changes themselves.
fn nothing() -> Op {
    Op::Apply(Box::new(Apply {
        changes: Vec::new(),
        base: None,
        hash: String::new(),
        confirmed: None,
    }))
}

async fn made(readers: &Readers, (plan, replayed): (Plan, bool)) -> Result<HttpResponse, Problem> {
    let location = format!("/api/v1/tenants/{}/plans/{}", plan.tenant, plan.id);
    let mut response = HttpResponse::Created();
    response
        .insert_header((header::LOCATION, location))
        .insert_header((header::ETAG, plan.base.to_etag()));
    if replayed {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    let json = json_of(readers, plan.changes.len(), move || {
        serde_json::to_vec(&plan)
    })
    .await?;
    Ok(response.content_type(mime::APPLICATION_JSON).body(json))
}

/// Serialises JSON. Many items are serialised on a worker thread, where they delay no other
/// request.
async fn json_of(
    readers: &Readers,
    items: usize,
    write: impl FnOnce() -> serde_json::Result<Vec<u8>> + Send + 'static,
) -> Result<Vec<u8>, Problem> {
    readers
        .work(items, move || {
            write().map_err(|error| Error::internal(error).into())
        })
        .await
}

/// The parameter of `POST …/plans`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanIn {
    /// Computes the plan and stores nothing. A role for reading the tenant is enough.
    #[serde(default)]
    dry_run: bool,
}

/// `POST /tenants/{tenant}/plans`
pub async fn create(
    planner: Planner,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: TenantPath,
    query: Query<PlanIn>,
    body: Bulk<DocumentIn>,
    readers: Readers,
) -> Result<HttpResponse, Problem> {
    let tenant = path.0.name().clone();
    // For a dry run the gate requires other roles. The gate and this handler read the same query.
    if !query.0.dry_run && !planner.may_do_it() {
        return Err(Problem::new(
            Code::Forbidden,
            "this caller may only ask for plans with dry_run=true",
        ));
    }
    let items = body.0.routes.len() + body.0.policies.len();
    let whose = tenant.clone();
    let document = readers.work(items, move || body.0.document(&whose)).await?;
    let mut request = context.sized(body.1).request(tenant, nothing())?;
    if !query.0.dry_run {
        return made(&readers, state.plans.plan(&request, document).await?).await;
    }
    // A dry run changes nothing, so the resource scope of the caller's writes does not limit it.
    request.context.resource_scope = ResourceScope::default();
    let plan = state.plans.preview(&request, document).await?;
    let tag = plan.base.to_etag();
    let json = json_of(&readers, plan.changes.len(), move || {
        serde_json::to_vec(&PreviewOut::of(&plan))
    })
    .await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag))
        .content_type(mime::APPLICATION_JSON)
        .body(json))
}

/// `GET /tenants/{tenant}/plans`
pub async fn list(
    _: Reader,
    state: web::Data<ApiState>,
    path: TenantPath,
    query: Query<PageIn>,
) -> Result<HttpResponse, Problem> {
    let TenantPath(tenant) = path;
    let page = state
        .plans
        .list(
            &tenant,
            &respond::page_request(query.0.limit, query.0.cursor),
        )
        .await?;
    let items: Vec<_> = page.items.iter().map(PlanSummaryOut::of).collect();
    Ok(respond::json(&respond::PageOut {
        items: &items,
        next_cursor: page.next_cursor,
    }))
}

/// `GET /tenants/{tenant}/plans/{id}`
pub async fn get(
    _: Reader,
    state: web::Data<ApiState>,
    path: PlanPath,
    readers: Readers,
) -> Result<HttpResponse, Problem> {
    let PlanPath(tenant, id) = path;
    let plan = state.plans.get(&tenant, id).await?;
    let json = json_of(&readers, plan.changes.len(), move || {
        serde_json::to_vec(&plan)
    })
    .await?;
    Ok(HttpResponse::Ok()
        .content_type(mime::APPLICATION_JSON)
        .body(json))
}

/// `DELETE /tenants/{tenant}/plans/{id}`
pub async fn delete(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: PlanPath,
) -> Result<HttpResponse, Problem> {
    let PlanPath(tenant, id) = path;
    state
        .plans
        .delete(&context.by(), context.reason(), &tenant, id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The body of `POST …/plans/{id}/apply`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApplyPlan")]
pub struct ApplyIn {
    /// The hash of the plan.
    #[schemars(with = "String")]
    hash: Option<String>,
    /// The hash once more, to confirm a plan that removes many routes.
    confirm_shrink: Option<String>,
    /// Confirms that policies send traffic to versions that are deactivated, and have other
    /// versions to send it to.
    #[serde(default)]
    confirm_in_use: bool,
}

/// `POST /tenants/{tenant}/plans/{id}/apply`
pub async fn apply(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: PlanPath,
    body: Body<ApplyIn>,
) -> Result<HttpResponse, Problem> {
    let PlanPath(tenant, id) = path;
    let ApplyIn {
        hash,
        confirm_shrink: shrink,
        confirm_in_use,
    } = body.0;
    let hash =
        hash.ok_or_else(|| Problem::field("/hash", Invalid::new("required", "is required")))?;
    let request = context
        .sized(body.1)
        .confirming(confirm_in_use)
        .request(tenant.name().clone(), nothing())?;
    let reply = state
        .plans
        .apply(&state.writer, request, id, Confirmation { hash, shrink })
        .await?;
    Ok(applied(tenant.name(), &reply))
}

/// The result of a revision with many changes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApplyResult")]
struct AppliedOut<'a> {
    #[schemars(with = "schemas::TenantName")]
    tenant: &'a TenantName,
    #[schemars(with = "schemas::Revision")]
    revision: u64,
    #[schemars(with = "shapes::plans::ChangeCounts")]
    summary: command::Summary,
    /// Only in answers to writes with `wait`: the nodes that run the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<shapes::nodes::ConvergenceOut<'_>>")]
    convergence: Option<()>,
}

fn applied(tenant: &TenantName, reply: &Reply) -> HttpResponse {
    let mut response = respond::written(tenant, reply);
    match &reply.outcome.object {
        command::ChangedObject::Applied { summary } => response.json(AppliedOut {
            tenant,
            revision: reply.outcome.tag.revision.0,
            summary: *summary,
            convergence: None,
        }),
        _ => response.finish(),
    }
}

/// The body of `POST …/rollback`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackIn {
    #[schemars(with = "documents::RollbackTarget")]
    to: Option<serde_json::Value>,
    /// The reason; if it is missing, the header `X-Reason`. At most 512 bytes.
    #[schemars(with = "Option<schemas::Reason>")]
    reason: Option<String>,
}

/// The JSON pointer of the rollback's target in the body.
const TO: &str = "/to";

/// `POST /tenants/{tenant}/rollback`
pub async fn rollback(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: TenantPath,
    body: Body<RollbackIn>,
    readers: Readers,
) -> Result<HttpResponse, Problem> {
    let TenantPath(tenant) = path;
    let RollbackIn { to, reason } = body.0;
    let mut fields = Fields::default();
    let to = match to {
        None => fields.check(TO, Err(Invalid::new("required", "is required"))),
        Some(serde_json::Value::String(text)) => fields.check(TO, parse_at(TO, &text)),
        Some(other) => fields.check(TO, parse_at(TO, &other.to_string())),
    };
    let too_long = |reason: &String| crate::domain::plain_text(reason, MAX_REASON, "reason");
    let checked = fields.check("/reason", reason.as_ref().map_or(Ok(()), too_long));
    let (to, ()) = fields.finish(to.zip(checked))?;
    let mut request = context
        .sized(body.1)
        .request(tenant.name().clone(), nothing())?;
    request.context.reason = reason.or(request.context.reason);
    made(
        &readers,
        state.plans.rollback(&request, &tenant, &to).await?,
    )
    .await
}
