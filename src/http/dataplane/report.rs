//! `GET /dataplane/{dialect}/report`: what a dialect made of each policy, and what proxies refuse.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use traffic_manager_dataplane::{Dialect, Settings, report::PolicyReport};
use validator::Validate;

use super::{asked, dialect};
use crate::{
    auth::AuthorizedTenant,
    domain::{
        ids::{EnvName, ServiceName, TenantName},
        snapshot::{Scope, TenantSnapshot},
        tag::{Revision, VersionTag},
        time::UtcTime,
    },
    http::{
        context::ReadContext, deadline::within, etag::set_tag, extract::Query, openapi::schemas,
        permission::Poller, problem::Problem, query::scope, respond, state::ApiState,
    },
    service::{Error, Freshness, quarantine::Quarantined},
};

/// The parameters of `GET /dataplane/{dialect}/report`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportIn {
    #[schemars(with = "schemas::TenantName")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::VersionTag>")]
    min_revision: Option<String>,
}

/// What a dialect made of a tenant's policies.
#[derive(Debug, Serialize)]
struct ReportOut {
    dialect: &'static str,
    tenant: TenantName,
    revision: VersionTag,
    policies: Vec<PolicyOut>,
}

/// What a dialect made of one policy.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum PolicyOut {
    Made(Arc<PolicyReport>),
    Quarantined(Box<QuarantinedOut>),
}

/// A policy of which proxies refuse the present form.
#[derive(Debug, Serialize)]
struct QuarantinedOut {
    tenant: TenantName,
    service: ServiceName,
    env: EnvName,
    revision: Revision,
    state: &'static str,
    notes: Vec<String>,
    quarantine: QuarantineOut,
}

#[derive(Debug, Serialize)]
struct QuarantineOut {
    since: UtcTime,
    /// The tenant's revision whose form of the policy proxies have instead.
    serves: Option<Revision>,
    node: String,
    program: String,
    reason: String,
    author: Option<String>,
}

/// `GET /dataplane/{dialect}/report`
pub async fn report(
    caller: Poller,
    state: web::Data<ApiState>,
    path: web::Path<String>,
    query: Query<ReportIn>,
    context: ReadContext,
) -> Result<HttpResponse, Problem> {
    let ReportIn {
        tenant,
        service,
        env,
        min_revision,
    } = query.0;
    let freshness = context.freshness(min_revision.as_deref())?;
    let dialect = dialect(&path)?;
    let (tenant, settings) = asked(&state, tenant, None, None)?;
    let (tenant, scope) = (caller.authorize(tenant)?, scope(service, env)?);
    let report = reported(&state, &tenant, scope, &freshness, dialect, settings);
    let (tag, policies) = within(state.request_timeout, report).await?;
    let body = ReportOut {
        dialect: dialect.as_str(),
        tenant: tenant.name().clone(),
        revision: tag.clone(),
        policies,
    };
    let mut response = respond::json(&body);
    set_tag(&mut response, &tag);
    Ok(respond::with_age(&state.polls, response))
}

async fn reported(
    state: &ApiState,
    tenant: &AuthorizedTenant,
    scope: Scope,
    freshness: &Freshness,
    dialect: Dialect,
    settings: Settings,
) -> Result<(VersionTag, Vec<PolicyOut>), Error> {
    let held = state
        .polls
        .snapshot(tenant, &scope, freshness, None)
        .await?;
    let tag = held.scope_tag(&scope);
    let mut quarantined = match dialect {
        Dialect::Envoy => quarantined(state, tenant, &held, &scope, &settings).await?,
        _ => Vec::new(),
    };
    let report = state.polls.report(&held, &scope, dialect, settings).await?;
    let mut policies = Vec::with_capacity(report.len());
    for made in report {
        let is_it =
            |one: &Quarantined| one.name.service == made.service && one.name.env == made.env;
        policies.push(match quarantined.iter().position(is_it) {
            Some(at) => {
                let one = quarantined.swap_remove(at);
                PolicyOut::Quarantined(Box::new(told(state, tenant, &made, one).await?))
            }
            None => PolicyOut::Made(made),
        });
    }
    Ok((tag, policies))
}

/// Returns the refusals of the policies' present forms.
async fn quarantined(
    state: &ApiState,
    tenant: &AuthorizedTenant,
    held: &Arc<TenantSnapshot>,
    scope: &Scope,
    settings: &Settings,
) -> Result<Vec<Quarantined>, Error> {
    // Without the table the report says what the service knows by itself.
    let refused = state
        .dataplane
        .quarantine
        .of(tenant)
        .await
        .unwrap_or_else(|error| {
            tracing::warn!(error = %error, "what nodes have refused could not be read");
            Arc::default()
        });
    if refused.is_empty() {
        return Ok(Vec::new());
    }
    let offers = &state.polls.cache().offers;
    let forms = offers.forms(vec![held.clone()], scope, settings).await;
    let forms = forms.map_err(Error::internal)?;
    let is_present = |one: &&Quarantined| {
        let form = forms.get(&one.key());
        form.is_some_and(|form| form.hash == one.form)
    };
    Ok(refused.iter().filter(is_present).cloned().collect())
}

/// Tells what is known of a refusal, with the author of the policy's last change.
async fn told(
    state: &ApiState,
    tenant: &AuthorizedTenant,
    made: &PolicyReport,
    refused: Quarantined,
) -> Result<QuarantinedOut, Error> {
    let policy = state
        .reads
        .policy(tenant, &refused.name, &Freshness::default())
        .await;
    let author = policy.ok().map(|(policy, _)| policy.updated_by);
    let instead = match refused.instead {
        Some(revision) => format!("have the form of revision {revision} instead"),
        None => "answer its requests with 503".to_owned(),
    };
    let note = format!(
        "{} refuses the policy, and the proxies of this kind that refuse it {instead}: {}",
        refused.program, refused.reason
    );
    let mut notes = made.notes.clone();
    notes.push(note);
    Ok(QuarantinedOut {
        tenant: made.tenant.clone(),
        service: made.service.clone(),
        env: made.env.clone(),
        revision: made.revision,
        state: "quarantined",
        notes,
        quarantine: QuarantineOut {
            since: refused.since,
            serves: refused.instead,
            node: refused.node,
            program: refused.program,
            reason: refused.reason,
            author,
        },
    })
}
