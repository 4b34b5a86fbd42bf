//! `GET /routes/resolve`: returns the route of the given version, or of the version that the
//! traffic policy chooses.

mod operations;

use std::collections::BTreeMap;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web,
};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::{
    context::ReadContext,
    deadline::within,
    endpoint::Endpoint,
    etag::{seen, set_tag},
    extract::{Fields, parse_query},
    openapi::schemas,
    permission::Poller,
    problem::Problem,
    query::key_in_query,
    respond::{json_bytes, with_age},
    state::ApiState,
};
use crate::{
    domain::{
        Invalid,
        ids::{PolicyName, RouteKey},
        policy::{HeaderName, QueryName, choice::Asked},
    },
    service::read::polls::{Polled, Polls},
};

/// The path of `resolve`, which the fast path answers too.
pub const RESOLVE: &str = "/api/v1/routes/resolve";

/// The endpoint `resolve`.
pub fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get(RESOLVE, resolve, operations::resolve).polled()]
}

/// The most `header.<name>` parameters in a query, and the most `query.<name>` parameters.
const MAX_NAMED: usize = 32;
/// The longest header value and the longest key in a query, in bytes.
const MAX_VALUE: usize = 4096;

/// The parameters of `GET /routes/resolve`, beside `header.<name>` and `query.<name>`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveIn {
    #[schemars(with = "schemas::TenantName")]
    tenant: Option<String>,
    #[schemars(with = "schemas::ServiceName")]
    service: Option<String>,
    #[schemars(with = "schemas::EnvName")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::VersionName>")]
    version: Option<String>,
    #[schemars(length(max = MAX_VALUE))]
    key: Option<String>,
    #[schemars(length(max = MAX_VALUE))]
    path: Option<String>,
    #[schemars(length(max = 16))]
    method: Option<String>,
    #[serde(default)]
    explain: bool,
    #[schemars(with = "Option<schemas::VersionTag>")]
    min_revision: Option<String>,
}

/// `GET /routes/resolve`
pub async fn resolve(
    caller: Poller,
    state: web::Data<ApiState>,
    context: ReadContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (query, named) = split(request.query_string())?;
    let ResolveIn {
        tenant,
        service,
        env,
        version,
        key,
        path,
        method,
        explain,
        min_revision,
    } = parse_query(&query)?;
    let freshness = context.freshness(min_revision.as_deref())?;
    if version.is_some() {
        refuse_with_version(&[
            ("?key", key.is_some()),
            ("?path", path.is_some()),
            ("?method", method.is_some()),
            ("?explain", explain),
            ("?header.*", !named.headers.is_empty()),
            ("?query.*", !named.query.is_empty()),
        ])?;
        let RouteKey { tenant, name } = key_in_query([tenant, service, env, version])?;
        let tenant = caller.authorize(tenant)?;
        let polled = within(
            state.request_timeout,
            state.polls.resolve(&tenant, &name, &freshness),
        )
        .await?;
        return Ok(resolved(&state.polls, polled));
    }
    let mut fields = Fields::default();
    let tenant = fields.required("?tenant", tenant);
    let service = fields.required("?service", service);
    let env = fields.required("?env", env);
    let key = fields.check("?key", short(key));
    let path = fields.check("?path", short(path));
    let parts = tenant.zip(service).zip(env).zip(key).zip(path);
    let ((((tenant, service), env), key), path) = fields.finish(parts)?;
    let (tenant, policy) = (caller.authorize(tenant)?, PolicyName { service, env });
    let asked = Asked {
        key,
        headers: named.headers,
        method,
        path,
        query: named.query,
    };
    let chosen = within(
        state.request_timeout,
        state.polls.choose(&tenant, &policy, &asked, &freshness),
    )
    .await?;
    let seen = seen(request.headers());
    let mut response = match &chosen.tag {
        Some(tag) if seen.has(tag) => HttpResponse::NotModified().finish(),
        _ => json_bytes(Polls::chosen_body(tenant.name(), &chosen, explain)?.into()),
    };
    // Without a tag the choice was random: the next answer may differ.
    let caching = if chosen.tag.is_some() {
        "no-cache"
    } else {
        "no-store"
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Some(tag) = &chosen.tag {
        set_tag(&mut response, tag);
    }
    Ok(with_age(&state.polls, response))
}

/// Returns the answer to `resolve`.
pub(super) fn resolved(polls: &Polls, polled: Polled) -> HttpResponse {
    let (tag, mut response) = match polled {
        Polled::Same(tag) => (tag, HttpResponse::NotModified().finish()),
        Polled::Now(tag, body) => (tag, json_bytes(body)),
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    set_tag(&mut response, &tag);
    with_age(polls, response)
}

/// Refuses parameters that only a policy uses, in a query with a version: there they have no
/// effect, so the caller expects something else.
fn refuse_with_version(parameters: &[(&'static str, bool)]) -> Result<(), Problem> {
    let mut fields = Fields::default();
    for (pointer, is_there) in parameters {
        if *is_there {
            fields.check::<()>(
                pointer,
                Err(Invalid::new(
                    "not_with_version",
                    "is only allowed without a version",
                )),
            );
        }
    }
    fields.finish(Some(()))
}

fn short(value: Option<String>) -> Result<Option<String>, Invalid> {
    match value {
        Some(value) if value.len() > MAX_VALUE => Err(Invalid::new(
            "too_long",
            format!("at most {MAX_VALUE} bytes"),
        )),
        value => Ok(value),
    }
}

/// The parameters `header.<name>`, by names in lower case, and `query.<name>`.
#[derive(Default)]
struct Named {
    headers: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
}

/// Splits a query: returns the rest of the query, and the parameters that name a header or a query
/// parameter of the request that is asked about.
fn split(query: &str) -> Result<(String, Named), Problem> {
    let mut named = Named::default();
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let wrong = |invalid| Problem::field(format!("?{name}"), invalid);
        let (of_kind, own) = if let Some(header) = name.strip_prefix("header.") {
            let header = HeaderName::try_from(header.to_owned()).map_err(wrong)?;
            (&mut named.headers, header.as_str().to_owned())
        } else if let Some(parameter) = name.strip_prefix("query.") {
            let parameter = QueryName::try_from(parameter.to_owned()).map_err(wrong)?;
            (&mut named.query, parameter.as_str().to_owned())
        } else {
            rest.append_pair(&name, &value);
            continue;
        };
        let value = short(Some(value.into_owned()))
            .map_err(wrong)?
            .unwrap_or_default();
        if of_kind.insert(own, value).is_some() {
            return Err(wrong(Invalid::new("duplicate", "may be given once")));
        }
        if of_kind.len() > MAX_NAMED {
            return Err(wrong(Invalid::new(
                "too_many",
                format!("at most {MAX_NAMED} headers, and as many query parameters"),
            )));
        }
    }
    Ok((rest.finish(), named))
}
