//! The place of a change in a document or in a plan, as a JSON pointer, for the errors that name it.

use serde_json::Value;

use crate::{
    domain::{
        command::{Desired, Sought},
        document::{Document, RouteDoc},
        ids::{EnvName, ServiceName},
        plan::{Plan, PlannedChange},
        policy::Host,
    },
    service::{Error, write::patterns},
};

/// Returns the JSON pointer of the sought object in a document. An object that the document removes
/// by not naming it has the pointer `/prune`.
pub(super) fn in_document(document: &Document, sought: Sought<'_>) -> Option<String> {
    let Document {
        routes, policies, ..
    } = document;
    let policy = |service: &ServiceName, env: &EnvName| {
        policies
            .iter()
            .position(|doc| doc.service == *service && doc.env == *env)
    };
    let found = match sought {
        Sought::Policy(name) => {
            policy(&name.service, &name.env).map(|at| format!("/policies/{at}"))
        }
        Sought::Route(name) => {
            let is_it = |doc: &RouteDoc| {
                doc.service == name.service && doc.env == name.env && doc.version == name.version
            };
            routes
                .iter()
                .position(is_it)
                .map(|at| format!("/routes/{at}"))
        }
        Sought::Place(service, env) => {
            let route = routes
                .iter()
                .position(|doc| doc.service == *service && doc.env == *env)
                .map(|at| format!("/routes/{at}"));
            route.or_else(|| policy(service, env).map(|at| format!("/policies/{at}")))
        }
        Sought::Host(host, prefix) => policies.iter().enumerate().rev().find_map(|(at, doc)| {
            let has_prefix = prefix.is_none_or(|prefix| doc.has_prefix(prefix));
            let host = doc.hosts.iter().position(|own| has_prefix && own == host)?;
            Some(format!("/policies/{at}/hosts/{host}"))
        }),
        Sought::Changes => Some(String::new()),
    };
    found.or_else(|| Some("/prune".to_owned()))
}

/// Returns the rules that a plan writes, each with the JSON pointer of its policy in the document.
pub(super) fn rules_in(plan: &Plan, document: &Document) -> Result<Vec<patterns::Written>, Error> {
    let mut written = Vec::new();
    for change in plan
        .changes
        .iter()
        .filter(|change| change.key.version.is_none())
    {
        if let Desired::Policy {
            name,
            spec: Some(spec),
        } = change.desired().map_err(Error::internal)?
            && !spec.rules.is_empty()
        {
            written.push((
                in_document(document, Sought::Policy(&name)).unwrap_or_default(),
                spec.rules,
            ));
        }
    }
    Ok(written)
}

fn has_prefix(spec: &Value, prefix: &str) -> bool {
    let several = spec["path_prefixes"].as_array();
    spec["path_prefix"] == prefix || several.is_some_and(|all| all.iter().any(|own| own == prefix))
}

/// Returns the JSON pointer of the sought change in a plan, or `/changes` if there is no such
/// change.
pub(super) fn in_plan(changes: &[PlannedChange], sought: Sought<'_>) -> Option<String> {
    let is_at = |change: &PlannedChange, service: &ServiceName, env: &EnvName| {
        change.key.service == *service && change.key.env == *env
    };
    let claims = |change: &PlannedChange, host: &Host, prefix: Option<&str>| {
        let spec = change
            .after
            .as_ref()
            .filter(|_| change.key.version.is_none());
        let hosts = spec
            .filter(|spec| prefix.is_none_or(|prefix| has_prefix(spec, prefix)))
            .and_then(|spec| spec["hosts"].as_array());
        hosts.is_some_and(|hosts| hosts.iter().any(|own| own == host.as_str()))
    };
    let is_it = |change: &&PlannedChange| match sought {
        Sought::Policy(name) => {
            change.key.version.is_none() && is_at(change, &name.service, &name.env)
        }
        Sought::Route(name) => {
            change.key.version.as_ref() == Some(&name.version)
                && is_at(change, &name.service, &name.env)
        }
        Sought::Place(service, env) => is_at(change, service, env),
        Sought::Host(host, prefix) => claims(change, host, prefix),
        Sought::Changes => false,
    };
    match changes.iter().position(|change| is_it(&change)) {
        Some(at) => Some(format!("/changes/{at}")),
        None => Some("/changes".to_owned()),
    }
}
