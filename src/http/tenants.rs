//! `/tenants`: the owners of routes and policies, with their quotas and allowed hosts.

mod operations;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::{
    context::{ReadContext, WriteContext},
    endpoint::Endpoint,
    extract::{Body, Fields, Object, Query},
    openapi::schemas,
    params::TenantPath,
    permission::{Reader, TenantManager},
    problem::Problem,
    query::{MinimumIn, PageIn},
    respond::{self, double_option},
    returned::{self, Returnable, Returned},
    state::ApiState,
};
use crate::{
    domain::{
        Invalid,
        command::{self, Op},
        host::{self, HostSuffix},
        ids::TenantName,
        tenant::{MAX_QUOTA, Quotas, QuotasPatch, Tenant},
    },
    service::batch::Reply,
};

const TENANTS: &str = "/api/v1/tenants";
const TENANT: &str = "/api/v1/tenants/{tenant}";

/// The endpoints of tenants.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(TENANTS, list, operations::list).compressed(),
        Endpoint::post(TENANTS, create, operations::create),
        Endpoint::get(TENANT, get, operations::get),
        Endpoint::patch(TENANT, patch, operations::patch),
        Endpoint::delete(TENANT, delete, operations::delete),
    ]
}

/// The body of `POST /tenants`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = returned::describe_returned::<TenantIn>)]
pub struct TenantIn {
    #[schemars(with = "schemas::TenantName")]
    name: Option<String>,
    #[schemars(with = "Option<operations::QuotasIn>")]
    quotas: Option<Object<Quotas>>,
    /// The domain names at or under which the tenant may have hosts. If there are none, the tenant
    /// may have any free host that is not a public suffix.
    #[schemars(with = "Option<Vec<schemas::HostSuffix>>", length(max = host::MAX_SUFFIXES))]
    allowed_hosts: Option<Vec<String>>,
}

impl Returnable for TenantIn {
    const READ_ONLY: &'static [&'static str] = returned::OF_TENANT;
}

/// The body of `PATCH /tenants/{tenant}`: a merge patch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantPatchIn {
    #[serde(default, deserialize_with = "double_option")]
    #[schemars(with = "Option<operations::QuotasPatchIn>")]
    quotas: Option<Option<Object<QuotasPatch>>>,
    /// The domain names at or under which the tenant may have hosts from now on. With `null` the
    /// tenant may again have any free host that is not a public suffix.
    #[serde(default, deserialize_with = "double_option")]
    #[schemars(with = "Option<Vec<schemas::HostSuffix>>", length(max = host::MAX_SUFFIXES))]
    allowed_hosts: Option<Option<Vec<String>>>,
}

#[derive(Debug, Serialize)]
struct TenantOut<'a>(&'a Tenant);

fn check_quotas(fields: &mut Fields, quotas: Quotas) -> Option<()> {
    let Quotas {
        body_bytes,
        policies,
        routes,
        waiters,
        writes_per_second,
    } = quotas;
    let all = [
        ("body_bytes", body_bytes),
        ("policies", policies),
        ("routes", routes),
        ("waiters", waiters),
        ("writes_per_second", writes_per_second),
    ];
    let too_many = || Invalid::new("out_of_range", format!("may be at most {MAX_QUOTA}"));
    for (name, quota) in all {
        let in_range = quota.is_none_or(|quota| quota <= MAX_QUOTA);
        fields.check(
            &format!("/quotas/{name}"),
            if in_range { Ok(()) } else { Err(too_many()) },
        )?;
    }
    Some(())
}

fn check_hosts(fields: &mut Fields, raw: Vec<String>) -> Option<Vec<HostSuffix>> {
    let count = raw.len();
    if count > host::MAX_SUFFIXES {
        let too_many = Invalid::new("too_many", format!("at most {}", host::MAX_SUFFIXES));
        return fields.check("/allowed_hosts", Err(too_many));
    }
    let read = raw.into_iter().enumerate();
    let suffixes: Vec<_> = read
        .filter_map(|(at, raw)| {
            fields.check(&format!("/allowed_hosts/{at}"), HostSuffix::try_from(raw))
        })
        .collect();
    (suffixes.len() == count).then(|| host::in_order(suffixes))
}

fn written(tenant: &TenantName, reply: &Reply) -> HttpResponse {
    let mut response = respond::written(tenant, reply);
    match &reply.outcome.object {
        command::ChangedObject::Tenant(tenant) => response
            .insert_header((header::LOCATION, format!("/api/v1/tenants/{}", tenant.name)))
            .json(TenantOut(tenant)),
        command::ChangedObject::Route(_)
        | command::ChangedObject::Policy(_)
        | command::ChangedObject::Applied { .. }
        | command::ChangedObject::Gone => response.finish(),
    }
}

/// `POST /tenants`
pub async fn create(
    _: TenantManager,
    state: web::Data<ApiState>,
    context: WriteContext,
    body: Body<Returned<TenantIn>>,
) -> Result<HttpResponse, Problem> {
    let context = context.sized(body.1);
    let TenantIn {
        name,
        quotas,
        allowed_hosts,
    } = body.0.into_inner();
    let mut fields = Fields::default();
    let name = fields.required::<TenantName>("/name", name);
    let quotas = quotas.map(|quotas| quotas.0).unwrap_or_default();
    let checked = check_quotas(&mut fields, quotas);
    let allowed_hosts = check_hosts(&mut fields, allowed_hosts.unwrap_or_default());
    let ((name, ()), allowed_hosts) = fields.finish(name.zip(checked).zip(allowed_hosts))?;
    let op = Op::CreateTenant {
        quotas,
        allowed_hosts,
    };
    let reply = state
        .writer
        .write(context.request(name.clone(), op)?)
        .await?;
    Ok(written(&name, &reply))
}

/// `PATCH /tenants/{tenant}`
pub async fn patch(
    _: TenantManager,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: TenantPath,
    body: Body<TenantPatchIn>,
) -> Result<HttpResponse, Problem> {
    let (TenantPath(tenant), context) = (path, context.sized(body.1));
    let TenantPatchIn {
        quotas,
        allowed_hosts,
    } = body.0;
    let quotas = match quotas {
        None => QuotasPatch::default(),
        Some(None) => QuotasPatch::DEFAULTS,
        Some(Some(Object(quotas))) => quotas,
    };
    let mut fields = Fields::default();
    let checked = check_quotas(&mut fields, quotas.apply(Quotas::default()));
    let allowed_hosts = match allowed_hosts {
        None => Some(None),
        Some(raw) => check_hosts(&mut fields, raw.unwrap_or_default()).map(Some),
    };
    let ((), allowed_hosts) = fields.finish(checked.zip(allowed_hosts))?;
    let op = Op::PatchTenant {
        quotas,
        allowed_hosts,
    };
    let request = context.request(tenant.name().clone(), op)?;
    let reply = state.writer.write(request).await?;
    Ok(written(tenant.name(), &reply))
}

/// The parameter of `DELETE /tenants/{tenant}`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteIn {
    #[schemars(with = "Option<schemas::TenantName>")]
    confirm: Option<String>,
}

/// `DELETE /tenants/{tenant}`: also removes everything that the tenant has, if `?confirm=` is the
/// tenant's name.
pub async fn delete(
    _: TenantManager,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: TenantPath,
    query: Query<DeleteIn>,
) -> Result<HttpResponse, Problem> {
    let name = path.0.name().clone();
    let with_everything = match query.0.confirm {
        None => false,
        Some(confirm) if confirm == name.as_str() => true,
        Some(_) => {
            return Err(Problem::field(
                "?confirm",
                Invalid::new("not_the_name", "must be the tenant's name"),
            ));
        }
    };
    let reply = state
        .writer
        .write(context.request(name, Op::DeleteTenant { with_everything })?)
        .await?;
    match &reply.outcome.object {
        // The deletion has begun, and continues without the caller.
        command::ChangedObject::Tenant(tenant) => {
            Ok(respond::accepted(&reply).json(TenantOut(tenant)))
        }
        _ => Ok(written(path.0.name(), &reply)),
    }
}

/// `GET /tenants/{tenant}`
pub async fn get(
    _: Reader,
    state: web::Data<ApiState>,
    context: ReadContext,
    path: TenantPath,
    query: Query<MinimumIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let freshness = context.freshness(query.0.min_revision.as_deref())?;
    let tenant = state.reads.tenant(&path.0, &freshness).await?;
    Ok(respond::conditional(&request, &tenant.tag(), || {
        respond::json(&TenantOut(&tenant))
    }))
}

/// `GET /tenants`
pub async fn list(
    caller: Reader,
    state: web::Data<ApiState>,
    query: Query<PageIn>,
) -> Result<HttpResponse, Problem> {
    let page = state
        .reads
        .tenants(
            caller.grant.tenant_scope(),
            &respond::page_request(query.0.limit, query.0.cursor),
        )
        .await?;
    let items: Vec<_> = page.items.iter().map(TenantOut).collect();
    Ok(respond::json(&respond::PageOut {
        items: &items,
        next_cursor: page.next_cursor,
    }))
}
