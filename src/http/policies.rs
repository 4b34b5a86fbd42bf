//! `/policies`: traffic policies, and their history.

mod operations;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use validator::Validate;

use super::{
    context::{ReadContext, WriteContext},
    endpoint::Endpoint,
    extract::{Body, Fields, Object, Query},
    instant::at_in_query,
    openapi::schemas,
    params::PolicyPath,
    permission::{Editor, Reader},
    problem::{Problem, wrong_members},
    query::{GetIn, HistoryIn},
    respond::{self, double_option},
    returned::{self, Returnable, Returned},
    shapes,
    state::ApiState,
};
use crate::{
    auth::AuthorizedTenant,
    domain::{
        Invalid,
        command::{self, Op},
        ids::{PolicyName, TenantName, VersionName},
        policy::{
            Choices, HeaderEdits, HeaderName, Host, HostHeader, MAX_PARTS, MAX_TIMEOUT_MS,
            Matching, Mirror, ObjectPatch, PathPrefix, Policy, PolicyPatch, PolicySpec, Redirect,
            Respond, Retries, Rewrite, Rule, Share, StickyBy, StickyPatch, TimeoutMs, json,
        },
    },
    service::batch::Reply,
};

const POLICY: &str = "/api/v1/policies/{tenant}/{service}/{env}";

/// The endpoints of traffic policies.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/policies", list, operations::list).compressed(),
        Endpoint::get(POLICY, get, operations::get),
        Endpoint::put(POLICY, put, operations::put).converging(),
        Endpoint::patch(POLICY, patch, operations::patch).converging(),
        Endpoint::delete(POLICY, delete, operations::delete).converging(),
        Endpoint::get(
            "/api/v1/policies/{tenant}/{service}/{env}/history",
            history,
            operations::history,
        )
        .compressed(),
    ]
}

/// A policy as the API shows it.
#[derive(Debug, Serialize)]
struct PolicyOut<'a> {
    tenant: &'a TenantName,
    #[serde(flatten)]
    policy: &'a Policy,
    /// Also where there is only one, which the policy itself writes as `path_prefix` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_prefixes: Option<&'a [PathPrefix]>,
}

impl<'a> PolicyOut<'a> {
    fn of(tenant: &'a TenantName, policy: &'a Policy) -> Self {
        let prefixes = policy.spec.path_prefixes.as_slice();
        Self {
            tenant,
            policy,
            path_prefixes: (prefixes.len() == 1).then_some(prefixes),
        }
    }
}

/// The body of `PUT`: a policy without its name.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(transform = returned::describe_returned::<PolicyIn>)]
pub struct PolicyIn {
    /// The versions that get the traffic of an inactive version, in this order.
    #[schemars(with = "Vec<schemas::VersionName>", length(max = MAX_PARTS))]
    failover: Vec<VersionName>,
    /// The hosts that belong to the policy.
    #[schemars(with = "Vec<schemas::HostPattern>", length(max = MAX_PARTS))]
    hosts: Vec<Host>,
    /// The only path prefix, or one of `path_prefixes`.
    #[schemars(with = "Option<schemas::PathPrefix>")]
    path_prefix: Option<PathPrefix>,
    /// The parts of the hosts' paths that belong to the policy; `/` if there is no path prefix.
    #[schemars(with = "Vec<schemas::PathPrefix>", length(max = MAX_PARTS))]
    path_prefixes: Vec<PathPrefix>,
    /// The rules, which are checked first, in this order.
    #[schemars(with = "Vec<shapes::policies::PolicyRule>", length(max = MAX_PARTS))]
    rules: Vec<Object<RuleIn>>,
    /// The shares of the traffic that no rule matches.
    #[schemars(with = "Vec<shapes::policies::SplitEntry>", length(max = MAX_PARTS))]
    split: Vec<Object<Share>>,
    #[schemars(with = "Option<shapes::policies::StickyBy>")]
    sticky_by: Option<StickyBy>,
    /// The request header that names a version. Such a version goes before the rules.
    #[schemars(with = "Option<schemas::HeaderName>")]
    version_header: Option<HeaderName>,
    #[schemars(with = "Option<shapes::policies::PathRewrite>")]
    rewrite: Option<Object<Rewrite>>,
    #[schemars(with = "Option<shapes::policies::HostHeader>")]
    host_header: Option<HostHeader>,
    /// The longest time until the end of the response, in milliseconds; no limit if absent.
    #[schemars(with = "Option<u32>", range(min = 1, max = MAX_TIMEOUT_MS))]
    timeout_ms: Option<TimeoutMs>,
    #[schemars(with = "Option<shapes::policies::Retries>")]
    retries: Option<Object<Retries>>,
    /// Changes of the headers of requests.
    #[schemars(with = "Option<shapes::policies::HeaderEdits>")]
    request_headers: Option<Object<HeaderEdits>>,
    /// Changes of the headers of responses.
    #[schemars(with = "Option<shapes::policies::HeaderEdits>")]
    response_headers: Option<Object<HeaderEdits>>,
    #[schemars(with = "Option<shapes::policies::Mirror>")]
    mirror: Option<Object<Mirror>>,
}

/// A rule in the body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleIn {
    #[serde(rename = "match")]
    matching: Object<Matching>,
    name: String,
    redirect: Option<Object<Redirect>>,
    respond: Option<Object<Respond>>,
    split: Option<Vec<Object<Share>>>,
    version: Option<VersionName>,
}

impl Returnable for PolicyIn {
    const READ_ONLY: &'static [&'static str] = returned::OF_OBJECT;
    const IN_PATH: &'static [&'static str] = &["tenant", "service", "env"];
}

impl PolicyIn {
    /// Checks the policy. Each error names its member.
    pub(super) fn parse(self) -> Result<PolicySpec, Vec<(String, Invalid)>> {
        let path_prefixes = json::prefixes(self.path_prefix, Some(self.path_prefixes))
            .map_err(|invalid| vec![("/path_prefix".to_owned(), invalid)])?;
        PolicySpec {
            failover: self.failover,
            host_header: self.host_header.map(Box::new),
            hosts: self.hosts,
            mirror: self.mirror.map(boxed),
            path_prefixes,
            request_headers: self.request_headers.map(boxed),
            response_headers: self.response_headers.map(boxed),
            retries: self.retries.map(boxed),
            rewrite: self.rewrite.map(boxed),
            rules: rules_of(self.rules)?,
            split: shares_of(self.split),
            sticky_by: self.sticky_by,
            timeout_ms: self.timeout_ms,
            version_header: self.version_header,
        }
        .checked()
    }
}

/// Returns the rules. The errors name their members.
fn rules_of(rules: Vec<Object<RuleIn>>) -> Result<Vec<Rule>, Vec<(String, Invalid)>> {
    let (mut all, mut wrong) = (Vec::with_capacity(rules.len()), Vec::new());
    for (at, Object(rule)) in rules.into_iter().enumerate() {
        let choices = Choices {
            redirect: rule.redirect.map(|Object(redirect)| redirect),
            respond: rule.respond.map(|Object(respond)| respond),
            split: rule.split.map(shares_of),
            version: rule.version,
        };
        match choices.outcome() {
            Ok(outcome) => all.push(Rule {
                matching: rule.matching.0,
                name: rule.name,
                outcome,
            }),
            Err(invalid) => wrong.push((format!("/rules/{at}"), invalid)),
        }
    }
    if wrong.is_empty() {
        Ok(all)
    } else {
        Err(wrong)
    }
}

fn boxed<T>(Object(value): Object<T>) -> Box<T> {
    Box::new(value)
}

fn shares_of(split: Vec<Object<Share>>) -> Vec<Share> {
    split.into_iter().map(|share| share.0).collect()
}

/// The body of `PATCH`: a merge patch. Lists are replaced whole.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "PolicyPatchIn")]
pub struct PatchIn {
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<Vec<schemas::VersionName>>", length(max = MAX_PARTS))]
    failover: Option<Option<Vec<VersionName>>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<Vec<schemas::HostPattern>>", length(max = MAX_PARTS))]
    hosts: Option<Option<Vec<Host>>>,
    /// A single path prefix instead of those that there are.
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<schemas::PathPrefix>")]
    path_prefix: Option<Option<PathPrefix>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<Vec<schemas::PathPrefix>>", length(max = MAX_PARTS))]
    path_prefixes: Option<Option<Vec<PathPrefix>>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<Vec<shapes::policies::PolicyRule>>", length(max = MAX_PARTS))]
    rules: Option<Option<Vec<Object<RuleIn>>>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<Vec<shapes::policies::SplitEntry>>", length(max = MAX_PARTS))]
    split: Option<Option<Vec<Object<Share>>>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<shapes::policies::StickyByPatchIn>")]
    sticky_by: Option<Option<Object<StickyPatch>>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<schemas::HeaderName>")]
    version_header: Option<Option<HeaderName>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<shapes::policies::PathRewritePatchIn>")]
    rewrite: Option<Option<ObjectPatch>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<shapes::policies::HostHeader>")]
    host_header: Option<Option<HostHeader>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<u32>", range(min = 1, max = MAX_TIMEOUT_MS))]
    timeout_ms: Option<Option<TimeoutMs>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<shapes::policies::RetriesPatchIn>")]
    retries: Option<Option<ObjectPatch>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<shapes::policies::HeaderEditsPatchIn>")]
    request_headers: Option<Option<ObjectPatch>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<shapes::policies::HeaderEditsPatchIn>")]
    response_headers: Option<Option<ObjectPatch>>,
    #[serde(deserialize_with = "double_option")]
    #[schemars(with = "Option<shapes::policies::MirrorPatchIn>")]
    mirror: Option<Option<ObjectPatch>>,
}

impl PatchIn {
    /// Returns the patch. Each error names its member.
    fn parse(self) -> Result<PolicyPatch, Vec<(String, Invalid)>> {
        let path_prefixes = match (self.path_prefix, self.path_prefixes) {
            (None, several) => several,
            (Some(one), None) => Some(one.map(|one| vec![one])),
            (Some(one), Some(several)) => {
                Some(Some(json::prefixes(one, several).map_err(|invalid| {
                    vec![("/path_prefix".to_owned(), invalid)]
                })?))
            }
        };
        let rules = match self.rules {
            Some(Some(rules)) => Some(Some(rules_of(rules)?)),
            Some(None) => Some(None),
            None => None,
        };
        Ok(PolicyPatch {
            failover: self.failover,
            host_header: self.host_header.map(|host| host.map(Box::new)),
            hosts: self.hosts,
            mirror: self.mirror,
            path_prefixes,
            request_headers: self.request_headers,
            response_headers: self.response_headers,
            retries: self.retries,
            rewrite: self.rewrite,
            rules,
            split: self.split.map(|split| split.map(shares_of)),
            sticky_by: self
                .sticky_by
                .map(|sticky_by| sticky_by.map(|Object(patch)| patch)),
            timeout_ms: self.timeout_ms,
            version_header: self.version_header,
        })
    }
}

async fn write(
    state: &ApiState,
    context: WriteContext,
    tenant: &AuthorizedTenant,
    op: Op,
) -> Result<HttpResponse, Problem> {
    let reply = state
        .writer
        .write(context.request(tenant.name().clone(), op)?)
        .await?;
    Ok(written(tenant.name(), &reply))
}

fn written(tenant: &TenantName, reply: &Reply) -> HttpResponse {
    let mut response = respond::written(tenant, reply);
    match &reply.outcome.object {
        command::ChangedObject::Policy(policy) => {
            let location = format!(
                "/api/v1/policies/{tenant}/{}/{}",
                policy.name.service, policy.name.env
            );
            response
                .insert_header((header::LOCATION, location))
                .json(PolicyOut::of(tenant, policy))
        }
        _ => response.finish(),
    }
}

/// `PUT /policies/{tenant}/{service}/{env}`
pub async fn put(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: PolicyPath,
    body: Body<Returned<PolicyIn>>,
) -> Result<HttpResponse, Problem> {
    let PolicyPath(tenant, policy) = path;
    let PolicyName { service, env } = &policy;
    let names = [
        ("tenant", tenant.name().as_str()),
        ("service", service.as_str()),
        ("env", env.as_str()),
    ];
    let context = context.sized(body.1);
    let body = body
        .0
        .of(&names, "")
        .map_err(|error| Problem::fields(vec![error]))?;
    let spec = body
        .parse()
        .map_err(|errors| Problem::fields(wrong_members("", errors)))?;
    write(&state, context, &tenant, Op::PutPolicy { policy, spec }).await
}

/// `PATCH /policies/{tenant}/{service}/{env}`
pub async fn patch(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: PolicyPath,
    body: Body<PatchIn>,
) -> Result<HttpResponse, Problem> {
    let PolicyPath(tenant, policy) = path;
    let patch = body
        .0
        .parse()
        .map_err(|errors| Problem::fields(wrong_members("", errors)))?;
    let patch = Box::new(patch);
    write(
        &state,
        context.sized(body.1),
        &tenant,
        Op::PatchPolicy { policy, patch },
    )
    .await
}

/// `DELETE /policies/{tenant}/{service}/{env}`
pub async fn delete(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: PolicyPath,
) -> Result<HttpResponse, Problem> {
    let PolicyPath(tenant, policy) = path;
    write(&state, context, &tenant, Op::DeletePolicy { policy }).await
}

/// `GET /policies/{tenant}/{service}/{env}`
pub async fn get(
    _: Reader,
    state: web::Data<ApiState>,
    context: ReadContext,
    path: PolicyPath,
    query: Query<GetIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let PolicyPath(tenant, name) = path;
    if let Some(at) = query.0.at {
        let (policy, tag) = state
            .reads
            .policy_at(&tenant, &name, &at_in_query("?at", &at)?)
            .await?;
        return Ok(respond::as_of(&tag, &PolicyOut::of(tenant.name(), &policy)));
    }
    let freshness = context.freshness(query.0.min_revision.as_deref())?;
    let (policy, tag) = state.reads.policy(&tenant, &name, &freshness).await?;
    Ok(respond::conditional(&request, &tag, || {
        respond::json(&PolicyOut::of(tenant.name(), &policy))
    }))
}

/// The parameters of `GET /policies`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIn {
    #[schemars(with = "schemas::TenantName")]
    tenant: Option<String>,
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
    #[schemars(with = "Option<schemas::VersionTag>")]
    min_revision: Option<String>,
}

/// `GET /policies`
pub async fn list(
    caller: Reader,
    state: web::Data<ApiState>,
    context: ReadContext,
    query: Query<ListIn>,
) -> Result<HttpResponse, Problem> {
    let ListIn {
        tenant,
        limit,
        cursor,
        min_revision,
    } = query.0;
    let freshness = context.freshness(min_revision.as_deref())?;
    let mut fields = Fields::default();
    let tenant = fields.required::<TenantName>("?tenant", tenant);
    let tenant = caller.authorize(fields.finish(tenant)?)?;
    let (page, tag) = state
        .reads
        .policies(&tenant, &respond::page_request(limit, cursor), &freshness)
        .await?;
    let items: Vec<_> = page
        .items
        .iter()
        .map(|policy| PolicyOut::of(tenant.name(), policy))
        .collect();
    let body = respond::PageOut {
        items: &items,
        next_cursor: page.next_cursor,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag.to_etag()))
        .json(body))
}

/// `GET /policies/{tenant}/{service}/{env}/history`
pub async fn history(
    _: Reader,
    state: web::Data<ApiState>,
    context: ReadContext,
    path: PolicyPath,
    query: Query<HistoryIn>,
) -> Result<HttpResponse, Problem> {
    let PolicyPath(tenant, name) = path;
    let HistoryIn {
        limit,
        cursor,
        min_revision,
    } = query.0;
    let freshness = context.freshness(min_revision.as_deref())?;
    let (page, tag) = state
        .reads
        .policy_history(
            &tenant,
            &name,
            &respond::page_request(limit, cursor),
            &freshness,
        )
        .await?;
    let items: &[Box<RawValue>] = &page.items;
    let body = respond::PageOut {
        items,
        next_cursor: page.next_cursor,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag.to_etag()))
        .json(body))
}
