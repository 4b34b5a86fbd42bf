//! `tmctl get`: lists and single objects.

use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;
use traffic_manager_client::{
    Call, Error, Outcome,
    types::{
        ApiKey, DeadLetter, DeadLetterFilter, ListFilter, NodeFilter, PlanSummary, Policy, Replay,
        Route, RouteFilter, ScopeFilter, Tenant,
    },
};

use super::{
    nodes,
    watch::{self, Signal},
};
use crate::{
    completion,
    documents::Shown,
    failure::Failure,
    names,
    output::{Format, Row, time},
    session::Session,
};

/// The most items of a page that the API gives.
pub const PAGE: u32 = 200;

/// The kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Routes
    #[value(aliases = ["route", "rt"])]
    Routes,
    /// Traffic policies
    #[value(aliases = ["policy", "pol"])]
    Policies,
    /// Tenants
    #[value(alias = "tenant")]
    Tenants,
    /// API keys
    #[value(alias = "key")]
    Keys,
    /// Stored plans
    #[value(alias = "plan")]
    Plans,
    /// Dead letters
    #[value(alias = "dead-letter")]
    DeadLetters,
    /// Replays
    #[value(alias = "replay")]
    Replays,
    /// Nodes, which run the tenant's configuration
    #[value(alias = "node")]
    Nodes,
}

/// The arguments of `get`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The kind of objects
    #[arg(value_enum)]
    kind: Kind,
    /// The name of one object
    #[arg(add = ArgValueCandidates::new(completion::of_kind))]
    name: Option<String>,
    /// Only routes with this label
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Only of this service
    #[arg(long)]
    service: Option<String>,
    /// Only of this environment
    #[arg(long)]
    env: Option<String>,
    /// Only active routes (true) or inactive ones (false)
    #[arg(long)]
    active: Option<bool>,
    /// Only nodes in this state: converged, lagging, refused or lost
    #[arg(long)]
    state: Option<String>,
    /// As it was at a revision, a version tag or a time: routes, and one policy
    #[arg(long, conflicts_with = "watch")]
    at: Option<String>,
    /// Go on with every object of the list that changes: routes, policies and nodes
    #[arg(long, short, conflicts_with = "name")]
    watch: bool,
}

/// Shows objects.
pub async fn run(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    match arguments.name.clone() {
        Some(name) => one(&name, arguments, session).await,
        None => all(arguments, session).await,
    }
}

async fn one(name: &str, arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let client = session.client.clone();
    match arguments.kind {
        Kind::Routes => {
            let call = client.get_route(&names::route(session.tenant()?, name)?);
            let route = then(call, arguments.at.as_deref()).await?.value;
            session.printer.object(route)
        }
        Kind::Policies => {
            let call = client.get_policy(&names::policy(session.tenant()?, name)?);
            let policy = then(call, arguments.at.as_deref()).await?.value;
            session.printer.object(policy)
        }
        Kind::Tenants => session.printer.object(client.get_tenant(name).await?.value),
        Kind::Keys => session.printer.object(client.get_key(name).await?.value),
        Kind::Plans => plan(name, session).await,
        Kind::DeadLetters => whole(&client.get_dead_letter(name).await?.value, session),
        Kind::Replays => session.printer.object(client.get_replay(name).await?.value),
        Kind::Nodes => nodes::one(name, session).await,
    }
}

/// Reads an earlier state, if a time is named.
fn then<T: Outcome>(call: Call<T>, at: Option<&str>) -> Call<T> {
    match at {
        Some(at) => call.parameter("at", at),
        None => call,
    }
}

async fn all(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let client = session.client.clone();
    let may_watch = matches!(arguments.kind, Kind::Routes | Kind::Policies | Kind::Nodes);
    if arguments.watch && !may_watch {
        return Err(Failure::usage(
            "only routes, policies and nodes can be watched",
        ));
    }
    let filter = ListFilter {
        tenant: session.tenant_if_any(),
        limit: Some(PAGE),
        cursor: None,
    };
    let without_tenant = ListFilter {
        tenant: None,
        ..filter.clone()
    };
    match arguments.kind {
        Kind::Routes => routes(arguments, session).await,
        Kind::Policies => policies(arguments, session).await,
        Kind::Tenants => {
            let all = client.list_tenants(&without_tenant).pages().all().await?;
            session.printer.list(all)
        }
        Kind::Keys => {
            let all = client.list_keys(&filter).pages().all().await?;
            session.printer.list(all)
        }
        Kind::Plans => {
            let call = client.list_plans(session.tenant()?, &without_tenant);
            session.printer.list_in_order(&call.pages().all().await?)
        }
        Kind::DeadLetters => dead_letters(session).await,
        Kind::Replays => {
            let all = client.list_replays(&without_tenant).pages().all().await?;
            session.printer.list_in_order(&all)
        }
        Kind::Nodes => {
            let filter = NodeFilter {
                state: arguments.state,
                service: arguments.service,
                env: arguments.env,
                ..NodeFilter::default()
            };
            nodes::all(filter, arguments.watch, session).await
        }
    }
}

/// The API's lists of policies have no filter but the tenant.
async fn policies(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let filter = ListFilter {
        tenant: Some(session.tenant()?.to_owned()),
        limit: Some(PAGE),
        cursor: None,
    };
    let is = |asked: &Option<String>, name: &str| asked.as_ref().is_none_or(|asked| asked == name);
    let client = session.client.clone();
    let read = async || {
        let mut all = client.list_policies(&filter).pages().all().await?;
        all.retain(|policy| {
            is(&arguments.service, &policy.key.service) && is(&arguments.env, &policy.key.env)
        });
        Ok::<_, Error>(all)
    };
    if arguments.watch {
        let signal = tenant_signal(&arguments.service, &arguments.env, session)?;
        return watch::run(read, signal, &client, &mut session.printer).await;
    }
    session.printer.list(read().await?)
}

async fn routes(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let signal = match arguments.watch {
        true => Some(tenant_signal(&arguments.service, &arguments.env, session)?),
        false => None,
    };
    let filter = RouteFilter {
        tenant: session.tenant_if_any(),
        service: arguments.service,
        env: arguments.env,
        is_active: arguments.active,
        label: arguments.labels,
        at: arguments.at,
        limit: Some(PAGE),
        ..RouteFilter::default()
    };
    let client = session.client.clone();
    let read = async || client.list_routes(&filter).pages().all().await;
    match signal {
        Some(signal) => watch::run(read, signal, &client, &mut session.printer).await,
        None => session.printer.list(read().await?),
    }
}

/// Returns the signal of changes of a part of the tenant.
fn tenant_signal(
    service: &Option<String>,
    env: &Option<String>,
    session: &Session,
) -> Result<Signal, Failure> {
    let scope = ScopeFilter {
        service: service.clone(),
        env: env.clone(),
        at: None,
    };
    Ok(Signal::Tenant(session.tenant()?.to_owned(), scope))
}

async fn plan(id: &str, session: &mut Session) -> Result<(), Failure> {
    let plan = session.client.get_plan(session.tenant()?, id).await?.value;
    if session.printer.value(&plan)? {
        return Ok(());
    }
    let shown = Shown {
        changes: &plan.changes,
        summary: &plan.summary,
        warnings: &plan.warnings,
    };
    shown.write(&mut session.printer)
}

async fn dead_letters(session: &mut Session) -> Result<(), Failure> {
    let filter = DeadLetterFilter {
        tenant: session.tenant_if_any(),
        limit: Some(PAGE),
        ..DeadLetterFilter::default()
    };
    let all = session
        .client
        .list_dead_letters(&filter)
        .pages()
        .all()
        .await?;
    session.printer.list_in_order(&all)
}

/// Writes an object that has no columns: as YAML where it is for people.
pub fn whole(value: &impl serde::Serialize, session: &mut Session) -> Result<(), Failure> {
    if session.printer.value(value)? {
        return Ok(());
    }
    if session.printer.format() == Format::Csv {
        return Err(Failure::usage("it has no columns").hint("-o json or -o yaml"));
    }
    let text = traffic_manager_yaml::document(&serde_json::to_value(value)?)?;
    session.printer.line(text.trim_end())
}

/// Returns `-` for what is absent.
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

impl Row for Route {
    const COLUMNS: &'static [&'static str] = &["ROUTE", "STATE", "URL"];
    const WIDE: &'static [&'static str] = &["TENANT", "LABELS", "REVISION", "UPDATED", "BY"];

    fn name(&self) -> String {
        format!("{}/{}/{}", self.service, self.env, self.version)
    }

    fn cells(&self) -> Vec<String> {
        let labels: Vec<_> = self
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let state = if self.is_active { "active" } else { "inactive" };
        vec![
            self.name(),
            state.to_owned(),
            self.url.clone(),
            self.tenant.clone(),
            labels.join(","),
            self.revision.to_string(),
            time(self.updated_at),
            self.updated_by.clone(),
        ]
    }
}

impl Row for Policy {
    const COLUMNS: &'static [&'static str] = &["POLICY", "SPLIT", "HOSTS", "RULES"];
    const WIDE: &'static [&'static str] = &["FAILOVER", "REVISION", "UPDATED", "BY"];

    fn name(&self) -> String {
        format!("{}/{}", self.key.service, self.key.env)
    }

    fn cells(&self) -> Vec<String> {
        let split = self.spec.split.iter();
        let split: Vec<_> = split
            .map(|entry| format!("{}={}", entry.version, entry.weight))
            .collect();
        vec![
            self.name(),
            split.join(","),
            self.spec.hosts.join(","),
            self.spec.rules.len().to_string(),
            self.spec.failover.join(","),
            self.revision.to_string(),
            time(self.updated_at),
            self.updated_by.clone(),
        ]
    }
}

impl Row for Tenant {
    const COLUMNS: &'static [&'static str] = &["TENANT", "REVISION", "ROUTES", "POLICIES"];
    const WIDE: &'static [&'static str] = &["EPOCH", "CREATED", "BY"];

    fn name(&self) -> String {
        self.name.clone()
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.revision.to_string(),
            self.routes.to_string(),
            self.policies.to_string(),
            self.epoch.clone(),
            time(self.created_at),
            self.created_by.clone(),
        ]
    }
}

impl Row for ApiKey {
    const COLUMNS: &'static [&'static str] = &["KEY", "TENANT", "ROLES", "STATE", "DESCRIPTION"];
    const WIDE: &'static [&'static str] = &["SERVICES", "ENVS", "EXPIRES", "LAST USED", "BY"];

    fn name(&self) -> String {
        self.id.clone()
    }

    fn cells(&self) -> Vec<String> {
        let state = if self.revoked_at.is_some() {
            "revoked"
        } else {
            "good"
        };
        vec![
            self.id.clone(),
            self.tenant.clone().unwrap_or_else(|| "(all)".to_owned()),
            self.roles.join(","),
            state.to_owned(),
            self.description.clone(),
            self.services.join(","),
            self.envs.join(","),
            or_dash(self.expires_at.map(time)),
            or_dash(self.last_used_at.map(time)),
            self.created_by.clone(),
        ]
    }
}

impl Row for PlanSummary {
    const COLUMNS: &'static [&'static str] = &["PLAN", "CREATE", "CHANGE", "DELETE", "EXPIRES"];
    const WIDE: &'static [&'static str] = &["BASE", "BY", "REASON"];

    fn name(&self) -> String {
        self.id.clone()
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.summary.create.to_string(),
            self.summary.update.to_string(),
            self.summary.delete.to_string(),
            time(self.expires_at),
            self.base.clone(),
            self.created_by.clone(),
            or_dash(self.reason.as_ref()),
        ]
    }
}

impl Row for DeadLetter {
    const COLUMNS: &'static [&'static str] = &["DEAD LETTER", "STATE", "REASON", "TENANT", "AT"];
    const WIDE: &'static [&'static str] = &["EVENT", "ATTEMPTS"];

    fn name(&self) -> String {
        self.id.clone()
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.state.clone(),
            self.reason.clone(),
            or_dash(self.tenant.as_ref()),
            time(self.at),
            or_dash(self.event_id.as_ref()),
            self.attempts.to_string(),
        ]
    }
}

impl Row for Replay {
    const COLUMNS: &'static [&'static str] = &["REPLAY", "STATE", "QUEUED", "TENANT", "REASON"];
    const WIDE: &'static [&'static str] = &["CREATED", "BY"];

    fn name(&self) -> String {
        self.id.clone()
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.state.clone(),
            self.events_queued.to_string(),
            or_dash(self.tenant.as_ref()),
            self.reason.clone(),
            time(self.created_at),
            self.created_by.clone(),
        ]
    }
}
