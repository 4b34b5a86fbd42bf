//! `tmctl log` and `tmctl blame`: who changed what.

use clap::Args;
use clap_complete::ArgValueCandidates;
use serde_json::Value;
use traffic_manager_client::{
    Call, Read,
    types::{AuditFilter, Event, Page, Raw},
};

use crate::{
    completion,
    failure::Failure,
    names,
    output::{Format, Row, time},
    session::Session,
};

/// The arguments of `log`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A route (service/env/version) or a policy (service/env); the whole tenant without it
    #[arg(add = ArgValueCandidates::new(completion::objects))]
    name: Option<String>,
    /// The most changes
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
}

/// The arguments of `blame`.
#[derive(Debug, Args)]
pub struct BlameArguments {
    /// The route: service/env/version
    #[arg(add = ArgValueCandidates::new(completion::routes))]
    name: String,
}

/// Runs `log`.
pub async fn run(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let limit = arguments.limit;
    match arguments.name.as_deref() {
        Some(name) if name.split('/').count() == 2 => policy(name, limit, session).await,
        Some(name) => {
            let key = names::route(session.tenant()?, name)?;
            let call = session.client.get_route_history(&key);
            show(call, limit, session).await
        }
        None => {
            let filter = AuditFilter {
                tenant: Some(session.tenant()?.to_owned()),
                limit: page(limit),
                ..AuditFilter::default()
            };
            let mut pages = session.client.list_audit_events(&filter).pages();
            let mut events = Vec::new();
            while events.len() < limit {
                let Some(archived) = pages.try_next().await? else {
                    break;
                };
                events.push(archived.into_value().event);
            }
            session.printer.list_in_order(&events)
        }
    }
}

/// Shows the changes of a policy.
pub async fn policy(name: &str, limit: usize, session: &mut Session) -> Result<(), Failure> {
    let key = names::policy(session.tenant()?, name)?;
    let call = session.client.get_policy_history(&key);
    show(call, limit, session).await
}

async fn show(
    call: Call<Read<Page<Raw<Event>>>>,
    limit: usize,
    session: &mut Session,
) -> Result<(), Failure> {
    let call = match page(limit) {
        Some(size) => call.parameter("limit", &size.to_string()),
        None => call,
    };
    let mut pages = call.pages();
    let mut events = Vec::new();
    while events.len() < limit {
        let Some(event) = pages.try_next().await? else {
            break;
        };
        events.push(event);
    }
    session.printer.list_in_order(&events)
}

/// Returns the size of a page for so many items.
pub fn page(limit: usize) -> Option<u32> {
    u32::try_from(limit.clamp(1, 200)).ok()
}

impl Row for Raw<Event> {
    const COLUMNS: &'static [&'static str] =
        &["REVISION", "AT", "ACTION", "OBJECT", "BY", "REASON"];
    const WIDE: &'static [&'static str] = &["ITEM", "REQUEST", "HASH"];

    fn name(&self) -> String {
        format!("{}.{}", self.revision, self.item)
    }

    fn cells(&self) -> Vec<String> {
        let route = self.route.as_ref();
        let route = route.map(|name| format!("{}/{}/{}", name.service, name.env, name.version));
        let policy = self.policy.as_ref();
        let object = route.or_else(|| policy.map(|name| format!("{}/{}", name.service, name.env)));
        vec![
            self.revision.to_string(),
            time(self.occurred_at),
            self.action.clone(),
            object.unwrap_or_else(|| self.tenant.clone()),
            self.actor.id.clone(),
            self.reason.clone().unwrap_or_default(),
            self.item.to_string(),
            self.request_id.clone(),
            self.hash.clone(),
        ]
    }
}

/// Runs `blame`.
pub async fn blame(arguments: BlameArguments, session: &mut Session) -> Result<(), Failure> {
    let key = names::route(session.tenant()?, &arguments.name)?;
    let blame = session.client.get_route_blame(&key).await?.value;
    if session.printer.value(&blame)? {
        return Ok(());
    }
    if session.printer.format() == Format::Csv {
        return Err(Failure::usage("blame has no CSV").hint("-o json or -o yaml"));
    }
    let rows = blame.members.iter().map(|(member, by)| {
        let value = match &by.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        vec![
            member.clone(),
            value,
            by.revision.to_string(),
            time(by.occurred_at),
            by.actor.id.clone(),
            by.reason.clone().unwrap_or_default(),
        ]
    });
    let columns = ["MEMBER", "VALUE", "REVISION", "AT", "BY", "REASON"];
    session.printer.table(&columns, rows)
}
