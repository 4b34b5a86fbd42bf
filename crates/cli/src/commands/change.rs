//! `tmctl activate`, `deactivate` and `delete`.

use clap::Args;
use clap_complete::ArgValueCandidates;
use serde_json::{Value, json};
use traffic_manager_client::{
    Call, Outcome, Write,
    types::{Route, ScopeFilter},
};

use super::apply::preview;
use crate::{completion, convergence::WaitForNodes, failure::Failure, names, session::Session};

/// The arguments of a change of one object.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The name: service/env/version; to delete a policy, service/env
    #[arg(add = ArgValueCandidates::new(completion::objects))]
    name: String,
    /// Show the change, and make none
    #[arg(long)]
    dry_run: bool,
    /// Confirm that policies use the version, where they have others
    #[arg(long)]
    confirm_in_use: bool,
    /// The reason, which the audit keeps
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    nodes: WaitForNodes,
}

/// Runs `activate`.
pub async fn activate(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let key = names::route(session.tenant()?, &arguments.name)?;
    if arguments.dry_run {
        return preview_state(&arguments, true, session).await;
    }
    let call = session.client.activate_route(&key);
    finish(call, &arguments, session).await
}

/// Runs `deactivate`.
pub async fn deactivate(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let key = names::route(session.tenant()?, &arguments.name)?;
    if arguments.dry_run {
        return preview_state(&arguments, false, session).await;
    }
    let call = confirmed(session.client.deactivate_route(&key), &arguments);
    finish(call, &arguments, session).await
}

/// Runs `delete`.
pub async fn delete(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    if arguments.dry_run {
        return preview_without(&arguments.name, session).await;
    }
    let tenant = session.tenant()?;
    let reason = arguments.reason.as_deref();
    let is_route = arguments.name.split('/').count() == 3;
    let write = if is_route {
        let key = names::route(tenant, &arguments.name)?;
        let call = confirmed(session.client.delete_route(&key), &arguments);
        arguments.nodes.on(with_reason(call, reason)).await?
    } else {
        let key = names::policy(tenant, &arguments.name)?;
        let call = session.client.delete_policy(&key);
        arguments.nodes.on(with_reason(call, reason)).await?
    };
    crate::output::note(&format!("{} is deleted", arguments.name))?;
    arguments.nodes.settle(&write, session).await
}

/// Changes a route, shows it, and says how the wait for the nodes ended.
async fn finish(
    call: Call<Write<Route>>,
    arguments: &Arguments,
    session: &mut Session,
) -> Result<(), Failure> {
    let call = with_reason(call, arguments.reason.as_deref());
    let write = arguments.nodes.on(call).await?;
    session.printer.object(write.value.clone())?;
    arguments.nodes.settle(&write, session).await
}

/// Adds a reason, if there is one.
pub fn with_reason<O: Outcome>(call: Call<O>, reason: Option<&str>) -> Call<O> {
    match reason {
        Some(reason) => call.reason(reason),
        None => call,
    }
}

fn confirmed<O: Outcome>(call: Call<O>, arguments: &Arguments) -> Call<O> {
    if arguments.confirm_in_use {
        call.parameter("confirm_in_use", "true")
    } else {
        call
    }
}

async fn preview_state(
    arguments: &Arguments,
    is_active: bool,
    session: &mut Session,
) -> Result<(), Failure> {
    let key = names::route(session.tenant()?, &arguments.name)?;
    let route: Route = session.client.get_route(&key).await?.value;
    let mut route = serde_json::to_value(&route)?;
    route["is_active"] = is_active.into();
    preview(&json!({ "routes": [route] }), session)
        .await
        .map(|_| ())
}

/// Shows what is deleted: a plan of the service's and environment's present state without the
/// object.
async fn preview_without(name: &str, session: &mut Session) -> Result<(), Failure> {
    let tenant = session.tenant()?;
    let parts: Vec<_> = name.split('/').collect();
    let (service, env, version) = match parts[..] {
        [service, env] => (service, env, None),
        [service, env, version] => (service, env, Some(version)),
        _ => return names::route(tenant, name).map(|_| ()),
    };
    let scope = ScopeFilter {
        service: Some(service.to_owned()),
        env: Some(env.to_owned()),
        at: None,
    };
    let present = session.client.export_tenant(tenant, &scope).await?.value;
    let mut document = serde_json::to_value(&present)?;
    document["prune"] = true.into();
    match (version, &mut document["routes"]) {
        (None, _) => document["policies"] = Value::Array(Vec::new()),
        (Some(version), Value::Array(routes)) => routes.retain(|route| route["version"] != version),
        _ => {}
    }
    preview(&document, session).await.map(|_| ())
}
