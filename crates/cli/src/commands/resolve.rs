//! `tmctl resolve`: the version and URL of a request.

use std::collections::BTreeMap;

use clap::Args;
use traffic_manager_client::types::{ResolveQuery, ResolvedRoute};

use super::get::or_dash;
use crate::{
    failure::Failure,
    names,
    output::{Format, note},
    session::Session,
};

/// The arguments of `resolve`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The service and environment: service/env
    name: String,
    /// The version; without it, the policy decides
    #[arg(long)]
    version: Option<String>,
    /// The key that keeps a client with its version
    #[arg(long)]
    key: Option<String>,
    /// The path of the request
    #[arg(long)]
    path: Option<String>,
    /// The method of the request
    #[arg(long)]
    method: Option<String>,
    /// A header of the request
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = names::pair)]
    headers: Vec<(String, String)>,
    /// A query parameter of the request
    #[arg(long = "query", value_name = "NAME=VALUE", value_parser = names::pair)]
    parameters: Vec<(String, String)>,
}

/// Runs `resolve`.
pub async fn run(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let policy = names::policy(session.tenant()?, &arguments.name)?;
    let named = |kind: &'static str, pairs: Vec<(String, String)>| {
        pairs
            .into_iter()
            .map(move |(name, value)| (format!("{kind}.{name}"), value))
    };
    let headers = named("header", arguments.headers);
    let conditions: BTreeMap<_, _> = headers
        .chain(named("query", arguments.parameters))
        .collect();
    let query = ResolveQuery {
        tenant: policy.tenant,
        service: policy.service,
        env: policy.env,
        version: arguments.version,
        key: arguments.key,
        path: arguments.path,
        method: arguments.method,
        explain: Some(true),
        conditions,
    };
    let read = session.client.resolve_route(&query).await?;
    if let Some(age) = read.stale_seconds {
        note(&format!(
            "warning: this is {age} s old, since the service cannot confirm it"
        ))?;
    }
    if session.printer.value(&read.value)? {
        return Ok(());
    }
    show(&read.value, session)
}

fn show(route: &ResolvedRoute, session: &mut Session) -> Result<(), Failure> {
    let printer = &mut session.printer;
    if printer.format() == Format::Name {
        return printer.line(&route.version);
    }
    printer.line(&format!("{}  {}", route.version, route.url))?;
    let Some(choice) = &route.explanation else {
        return Ok(());
    };
    printer.line(&format!("reason: {}", choice.reason))?;
    if let Some(rule) = &choice.rule {
        printer.line(&format!("rule: {rule}"))?;
    }
    if let Some(version) = &choice.instead_of {
        printer.line(&format!("instead of: {version}, which is not active"))?;
    }
    if choice.split.is_empty() {
        return Ok(());
    }
    printer.line(&format!("slot: {} of 16384", or_dash(choice.slot)))?;
    let rows = choice.split.iter().map(|entry| {
        let share = format!("{:.2} %", entry.share * 100.0);
        vec![
            entry.version.clone(),
            entry.weight.to_string(),
            share,
            entry.standing.clone(),
        ]
    });
    printer.table(&["VERSION", "WEIGHT", "SHARE", "STATE"], rows)
}
