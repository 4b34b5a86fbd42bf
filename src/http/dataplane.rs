//! `/dataplane`: configurations for proxies that speak their own language.

mod operations;
mod report;
mod signing_keys;

use std::{net::SocketAddr, sync::LazyLock};

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::Deserialize;
use traffic_manager_dataplane::{Dialect, Settings, agent, bootstrap::Ask, envoy};
use validator::Validate;

use super::{
    compression,
    context::ReadContext,
    deadline::within,
    endpoint::Endpoint,
    extract::{Fields, Query},
    node::NodePoll,
    openapi::schemas,
    permission::Poller,
    problem::{Code, Problem},
    query::scope,
    state::ApiState,
    waiting::{self, Wait},
};
use crate::domain::{
    Invalid,
    ids::{EnvName, TenantName},
    ledger::words::Condition,
};

const DOCUMENT: &str = "/api/v1/dataplane/{dialect}";

/// The endpoints of configurations for proxies.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        // Polled, so that it comes before the dialects, whose path it has too.
        Endpoint::get(
            "/api/v1/dataplane/keys",
            signing_keys::signing_keys,
            operations::signing_keys,
        )
        .of_no_scope()
        .polled(),
        Endpoint::get(DOCUMENT, document, operations::document).polled(),
        Endpoint::get(
            "/api/v1/dataplane/{dialect}/bootstrap",
            bootstrap,
            operations::bootstrap,
        )
        .without_place(),
        Endpoint::get(
            "/api/v1/dataplane/{dialect}/report",
            report::report,
            operations::report,
        )
        .without_place(),
    ]
}

/// The parameters of `GET /dataplane/{dialect}`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentIn {
    #[schemars(with = "schemas::TenantName")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::WaitTime>")]
    wait: Option<String>,
    /// The address and port where the proxy takes requests.
    #[schemars(with = "Option<schemas::ListenAddress>")]
    listen: Option<String>,
    /// The address and port of the proxy's own interface.
    #[schemars(with = "Option<schemas::ListenAddress>")]
    admin: Option<String>,
    #[schemars(with = "Option<schemas::VersionTag>")]
    min_revision: Option<String>,
}

/// `GET /dataplane/{dialect}`
pub async fn document(
    caller: Poller,
    state: web::Data<ApiState>,
    path: web::Path<String>,
    query: Query<DocumentIn>,
    context: ReadContext,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let DocumentIn {
        tenant,
        service,
        env,
        wait,
        listen,
        admin,
        min_revision,
    } = query.0;
    let freshness = context.freshness(min_revision.as_deref())?;
    let dialect = dialect(&path)?;
    let (tenant, settings) = asked(&state, tenant, listen, admin)?;
    let (tenant, scope) = (caller.authorize(tenant)?, scope(service, env)?);
    let wait = Wait::of(&request, wait.as_deref())?;
    let mut node = NodePoll::of(
        &state,
        &caller,
        &request,
        (&tenant, &scope),
        Condition::Has(dialect.as_str()),
    )?;
    let waits = node.held(&state, wait).await?;
    let held = state
        .polls
        .snapshot(&tenant, &scope, &freshness, wait.time());
    let held = wait
        .as_long_as_good(&state, &caller, state.request_timeout, held)
        .await?;
    drop(waits);
    let (tag, coding) = (held.scope_tag(&scope), compression::accepted(&request));
    node.served(&tag);
    let response = if freshness.seen.has(&tag) {
        HttpResponse::NotModified().finish()
    } else {
        let document = state
            .polls
            .document(&held, &scope, dialect, settings, coding);
        waiting::coded_blocks(within(state.request_timeout, document).await?, coding)
    };
    let mut response = waiting::tagged(&state.polls, response, &tag, coding);
    wait.confirm(&mut response);
    Ok(response)
}

/// Returns the tenant and the settings of a request. The errors name their parameters.
fn asked(
    state: &ApiState,
    tenant: Option<String>,
    listen: Option<String>,
    admin: Option<String>,
) -> Result<(TenantName, Settings), Problem> {
    let mut fields = Fields::default();
    let tenant = fields.required::<TenantName>("?tenant", tenant);
    let own = &state.dataplane.settings;
    let listen = address(&mut fields, "?listen", listen, &own.listen);
    let admin = address(&mut fields, "?admin", admin, &own.admin);
    let parts = tenant.zip(listen).zip(admin);
    let ((tenant, listen), admin) = fields.finish(parts)?;
    let ca_file = own.ca_file.clone();
    Ok((
        tenant,
        Settings {
            ca_file,
            listen,
            admin,
        },
    ))
}

/// Reads an address in its one spelling, so that no other text gets into a configuration.
fn address(
    fields: &mut Fields,
    pointer: &'static str,
    raw: Option<String>,
    own: &str,
) -> Option<String> {
    let Some(raw) = raw else {
        return Some(own.to_owned());
    };
    let read = raw.parse::<SocketAddr>().map_err(|_| {
        let detail = "must be an IP address and a port, such as 127.0.0.1:10000";
        Invalid::new("not_an_address", detail)
    });
    fields
        .check(pointer, read)
        .map(|address| address.to_string())
}

fn dialect(raw: &str) -> Result<Dialect, Problem> {
    static NAMES: LazyLock<String> = LazyLock::new(|| Dialect::ALL.map(Dialect::as_str).join(", "));
    let none = |()| {
        let detail = format!("there is no such dialect: {}", *NAMES);
        Problem::new(Code::NotFound, detail)
    };
    raw.parse().map_err(none)
}

/// The parameters of `GET /dataplane/{dialect}/bootstrap`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapIn {
    #[schemars(with = "schemas::TenantName")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::ProxyTransport>")]
    transport: Option<String>,
    /// The name by which the node reports.
    #[schemars(with = "Option<schemas::ServiceName>")]
    node: Option<String>,
    /// The address and port where the proxy takes requests.
    #[schemars(with = "Option<schemas::ListenAddress>")]
    listen: Option<String>,
    /// The address and port of the proxy's own interface.
    #[schemars(with = "Option<schemas::ListenAddress>")]
    admin: Option<String>,
}

/// `GET /dataplane/{dialect}/bootstrap`
pub async fn bootstrap(
    caller: Poller,
    state: web::Data<ApiState>,
    path: web::Path<String>,
    query: Query<BootstrapIn>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let BootstrapIn {
        tenant,
        env,
        transport,
        node,
        listen,
        admin,
    } = query.0;
    let dialect = dialect(&path)?;
    let (tenant, settings) = asked(&state, tenant, listen, admin)?;
    let tenant = caller.authorize(tenant)?;
    let mut fields = Fields::default();
    let env = fields.optional::<EnvName>("?env", env);
    let node = fields.optional::<EnvName>("?node", node);
    let ads = state
        .dataplane
        .ads_port
        .map(|port| format!("{}:{port}", host_of(request.connection_info().host())));
    let transport = fields.check("?transport", transport_of(transport));
    let way = served(dialect, fields.finish(transport)?, ads.is_some())?;
    let node = node.map_or_else(
        || format!("{}-1", dialect.as_str()),
        |node| node.to_string(),
    );
    let ask = Ask {
        url: base_url(&request),
        tenant: tenant.name().to_string(),
        env: env.map(|env| env.to_string()),
        node,
        ads,
        listen: settings.listen,
        admin: settings.admin,
        ca_file: settings.ca_file,
    };
    let text = match way {
        Way::Agent => {
            let keys: Vec<_> = state.polls.public_keys().iter().map(hex::encode).collect();
            agent::configuration(&ask, dialect, &keys)
        }
        Way::Envoy(transport) => envoy::bootstrap(&ask, transport),
        Way::Usual => dialect.bootstrap(&ask),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/plain; charset=utf-8")
        .body(text))
}

/// Returns the base of the API's URLs as the caller reached it.
fn base_url(request: &HttpRequest) -> String {
    let info = request.connection_info();
    format!("{}://{}/api/v1", info.scheme(), info.host())
}

/// Returns a host without its port.
fn host_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The way in which a proxy gets its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The usual one of its dialect.
    Usual,
    /// One of Envoy's.
    Envoy(envoy::Transport),
    /// From an agent beside it.
    Agent,
}

fn transport_of(raw: Option<String>) -> Result<Way, Invalid> {
    match raw.as_deref() {
        None => Ok(Way::Usual),
        Some("ads") => Ok(Way::Envoy(envoy::Transport::Ads)),
        Some("rest") => Ok(Way::Envoy(envoy::Transport::Rest)),
        Some("files") => Ok(Way::Envoy(envoy::Transport::Files)),
        Some("agent") => Ok(Way::Agent),
        Some(_) => {
            let detail = "must be ads, rest, files or agent";
            Err(Invalid::new("not_a_transport", detail))
        }
    }
}

/// Returns the way of a dialect: only Envoy has several beside the agent.
fn served(dialect: Dialect, asked: Way, has_ads: bool) -> Result<Way, Problem> {
    match asked {
        Way::Agent => Ok(Way::Agent),
        _ if dialect != Dialect::Envoy => Ok(Way::Usual),
        Way::Envoy(envoy::Transport::Ads | envoy::Transport::Rest) if !has_ads => {
            let detail = "this service has no listener for Envoys: set http.ads_listen";
            Err(Problem::new(Code::NotFound, detail))
        }
        Way::Usual if has_ads => Ok(Way::Envoy(envoy::Transport::Ads)),
        Way::Usual => Ok(Way::Envoy(envoy::Transport::Files)),
        asked => Ok(asked),
    }
}
