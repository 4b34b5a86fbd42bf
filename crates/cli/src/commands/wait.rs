//! `tmctl wait`: until a tenant is as it should be.

use std::time::Duration;

use clap::Args;
use clap_complete::ArgValueCandidates;
use tokio::time::{Instant, timeout_at};
use traffic_manager_api_types::Code;
use traffic_manager_client::{
    Error, Tag,
    types::{RouteKey, ScopeFilter},
};

use super::watch::changed;
use crate::{
    completion,
    convergence::{self, Percent},
    duration,
    failure::Failure,
    names,
    output::note,
    session::Session,
};

/// The arguments of `wait`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The route whose state is waited for: service/env/version
    #[arg(add = ArgValueCandidates::new(completion::routes))]
    name: Option<String>,
    /// The condition: active, inactive or absent; of the tenant, revision=NUMBER, or converged=SHARE
    /// of its nodes
    ///
    /// With converged, the exit code is 1 if so many nodes refuse the tenant's newest revision that the
    /// share cannot run it, or if there are still no nodes when time is over.
    #[arg(long = "for", value_name = "CONDITION", value_parser = condition)]
    condition: Condition,
    /// The longest time, such as 30s or 5m
    #[arg(long, default_value = "30s", value_parser = duration::read)]
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Condition {
    Active,
    Inactive,
    Absent,
    Revision(u64),
    Converged(Percent),
}

fn condition(text: &str) -> Result<Condition, String> {
    match text {
        "active" => Ok(Condition::Active),
        "inactive" => Ok(Condition::Inactive),
        "absent" => Ok(Condition::Absent),
        other if other.starts_with("converged=") => {
            Percent::read(&other["converged=".len()..]).map(Condition::Converged)
        }
        other => {
            let number = other
                .strip_prefix("revision=")
                .and_then(|text| text.parse().ok());
            let known =
                || "it is active, inactive, absent, revision=NUMBER or converged=SHARE".to_owned();
            number.map(Condition::Revision).ok_or_else(known)
        }
    }
}

/// Runs `wait`.
pub async fn run(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let tenant = session.tenant()?.to_owned();
    let route = match (&arguments.name, arguments.condition) {
        (None, Condition::Converged(share)) => {
            return convergence::wait(share, arguments.timeout, session).await;
        }
        (None, Condition::Revision(_)) => None,
        (Some(name), Condition::Active | Condition::Inactive | Condition::Absent) => {
            Some(names::route(&tenant, name)?)
        }
        _ => {
            let text = "a state is a route's; a revision and a share of nodes are the tenant's";
            let hint = "tmctl wait shop/prod/v2 --for active, or tmctl wait --for revision=42";
            return Err(Failure::usage(text).hint(hint));
        }
    };
    let until = Instant::now() + arguments.timeout;
    let waits = wait(&tenant, route.as_ref(), arguments.condition, session);
    match timeout_at(until, waits).await {
        Ok(outcome) => outcome?,
        Err(_) => {
            let text = format!("not within {} s", arguments.timeout.as_secs());
            return Err(Failure::late(text));
        }
    }
    note("it is so")
}

/// Looks again after each change of the tenant.
async fn wait(
    tenant: &str,
    route: Option<&RouteKey>,
    condition: Condition,
    session: &Session,
) -> Result<(), Failure> {
    let scope = ScopeFilter::default();
    // The first time, this is there at once: a change between a look and it is seen at the next look.
    let mut tag: Option<Tag> = None;
    loop {
        let is_so = match (route, condition) {
            (Some(route), condition) => state(route, session).await? == condition,
            (None, Condition::Revision(wanted)) => {
                session.client.get_tenant(tenant).await?.value.revision >= wanted
            }
            (None, _) => false,
        };
        if is_so {
            return Ok(());
        }
        tag = changed(&session.client, tenant, &scope, tag).await?;
    }
}

async fn state(route: &RouteKey, session: &Session) -> Result<Condition, Error> {
    match session.client.get_route(route).await {
        Ok(read) if read.value.is_active => Ok(Condition::Active),
        Ok(_) => Ok(Condition::Inactive),
        Err(error) => match error.problem() {
            Some(problem) if problem.is(Code::RouteNotFound) => Ok(Condition::Absent),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_have_one_meaning_or_none() {
        assert_eq!(condition("revision=42"), Ok(Condition::Revision(42)));
        for wrong in ["revision=", "revision=-1", "converged", "converged=0%"] {
            assert!(condition(wrong).is_err(), "{wrong}");
        }
    }
}
