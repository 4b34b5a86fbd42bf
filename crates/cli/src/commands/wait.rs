//! `tmctl wait`: until a tenant is as it should be.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, timeout_at};
use traffic_manager_api_types::Code;
use traffic_manager_client::{
    Conditional, Error, Tag,
    types::{RouteKey, ScopeFilter},
};

use crate::{failure::Failure, names, output::note, session::Session};

/// The time for which the service holds a request.
const HOLD: Duration = Duration::from_secs(30);

/// The arguments of `wait`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The route whose state is waited for: service/env/version
    name: Option<String>,
    /// The condition: active, inactive, absent, or revision=NUMBER of the tenant
    #[arg(long = "for", value_name = "CONDITION", value_parser = condition)]
    condition: Condition,
    /// The longest time, such as 30s or 5m
    #[arg(long, default_value = "30s", value_parser = duration)]
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Active,
    Inactive,
    Absent,
    Revision(u64),
}

fn condition(text: &str) -> Result<Condition, String> {
    match text {
        "active" => Ok(Condition::Active),
        "inactive" => Ok(Condition::Inactive),
        "absent" => Ok(Condition::Absent),
        other => {
            let number = other
                .strip_prefix("revision=")
                .and_then(|text| text.parse().ok());
            let known = || "it is active, inactive, absent or revision=NUMBER".to_owned();
            number.map(Condition::Revision).ok_or_else(known)
        }
    }
}

/// Reads whole seconds (`30s` or `30`), minutes (`5m`) or hours (`1h`).
fn duration(text: &str) -> Result<Duration, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    let number: Option<u64> = number.parse().ok().filter(|_| seconds > 0);
    let time = number.and_then(|number| number.checked_mul(seconds));
    // A day is the longest: later times would leave the range of clocks.
    let time = time.filter(|time| *time <= 86_400);
    time.map(Duration::from_secs)
        .ok_or_else(|| "it is a time up to 24h, such as 30s or 5m".to_owned())
}

/// Runs `wait`.
pub async fn run(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let tenant = session.tenant()?.to_owned();
    let route = match (&arguments.name, arguments.condition) {
        (None, Condition::Revision(_)) => None,
        (Some(name), Condition::Active | Condition::Inactive | Condition::Absent) => {
            Some(names::route(&tenant, name)?)
        }
        _ => {
            let text = "a state is a route's, and a revision is the tenant's";
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
        tag = changed(tenant, tag, session).await?;
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

/// Waits until the tenant is no longer at a tag. Without one, returns the present one at once: a
/// change between the last look and this is seen at the next one.
async fn changed(tenant: &str, tag: Option<Tag>, session: &Session) -> Result<Option<Tag>, Error> {
    let scope = ScopeFilter::default();
    let call = session.client.get_snapshot(tenant, &scope);
    let Some(tag) = tag else {
        return Ok(call.await?.tag);
    };
    match call.wait(HOLD).unless(tag.clone()).await? {
        Conditional::Changed(read) => Ok(read.tag),
        Conditional::Unchanged { .. } => Ok(Some(tag)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_conditions_have_one_meaning_or_none() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "m", "5d", "25h", "1.5s", "-1s", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(condition("revision=42"), Ok(Condition::Revision(42)));
        for wrong in ["revision=", "revision=-1", "converged"] {
            assert!(condition(wrong).is_err(), "{wrong}");
        }
    }
}
