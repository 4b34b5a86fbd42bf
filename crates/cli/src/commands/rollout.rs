//! `tmctl rollout`: traffic between versions.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use serde::Serialize;
use serde_json::{Map, json};
use traffic_manager_client::{
    Call, Write,
    types::{Policy, PolicyKey, PolicySpec, Route, RouteFilter, SplitEntry},
};

use super::{apply::preview, change::with_reason, log};
use crate::{
    completion, convergence::WaitForNodes, failure::Failure, names, output::Row, session::Session,
};

/// The commands of `rollout`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the versions of a service with their share of the traffic
    Status {
        /// The service and environment: service/env
        #[arg(add = ArgValueCandidates::new(completion::policies))]
        name: String,
    },
    /// Show the changes of a policy, newest first
    History {
        /// The service and environment: service/env
        #[arg(add = ArgValueCandidates::new(completion::policies))]
        name: String,
        /// The most changes
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// Set the weights of versions; the others keep theirs
    SetWeight {
        /// The service and environment: service/env
        #[arg(add = ArgValueCandidates::new(completion::policies))]
        name: String,
        /// The weights, 0 to 10000, such as v2=10
        #[arg(required = true, value_name = "VERSION=WEIGHT", value_parser = weight)]
        weights: Vec<(String, u64)>,
        #[command(flatten)]
        how: How,
    },
    /// Bring a policy back to what it was
    Undo {
        /// The service and environment: service/env
        #[arg(add = ArgValueCandidates::new(completion::policies))]
        name: String,
        /// The revision, version tag or time to go back to
        #[arg(long)]
        to: String,
        #[command(flatten)]
        how: How,
    },
}

/// How a policy is changed.
#[derive(Debug, Args)]
pub struct How {
    /// Show the change, and make none
    #[arg(long)]
    dry_run: bool,
    /// The reason, which the audit keeps
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    nodes: WaitForNodes,
}

fn weight(text: &str) -> Result<(String, u64), String> {
    let (version, weight) = names::pair(text)?;
    match weight.parse() {
        Ok(weight) if weight <= 10_000 => Ok((version, weight)),
        _ => Err("a weight is a number from 0 to 10000".to_owned()),
    }
}

/// Runs a command of `rollout`.
pub async fn run(command: Command, session: &mut Session) -> Result<(), Failure> {
    match command {
        Command::Status { name } => status(&name, session).await,
        Command::History { name, limit } => log::policy(&name, limit, session).await,
        Command::SetWeight { name, weights, how } => {
            let key = names::policy(session.tenant()?, &name)?;
            let read = session.client.get_policy(&key).await?;
            let mut spec = read.value.spec;
            for (version, weight) in weights {
                set_weight(&mut spec, version, weight);
            }
            let call = session.client.put_policy(&key, &spec);
            let call = match read.tag {
                Some(tag) => call.if_match(tag),
                None => call,
            };
            change(&key, &spec, call, how, session).await
        }
        Command::Undo { name, to, how } => {
            let key = names::policy(session.tenant()?, &name)?;
            let call = session.client.get_policy(&key).parameter("at", &to);
            let spec = call.await?.value.spec;
            let present = session.client.get_policy(&key).await;
            let call = session.client.put_policy(&key, &spec);
            let call = match present.ok().and_then(|read| read.tag) {
                Some(tag) => call.if_match(tag),
                None => call,
            };
            change(&key, &spec, call, how, session).await
        }
    }
}

fn set_weight(spec: &mut PolicySpec, version: String, weight: u64) {
    let entry = spec.split.iter_mut().find(|entry| entry.version == version);
    match entry {
        Some(entry) => entry.weight = weight,
        None => spec.split.push(SplitEntry {
            version,
            weight,
            other: Map::new(),
        }),
    }
}

/// Puts a policy, or shows what that would change.
async fn change(
    key: &PolicyKey,
    spec: &PolicySpec,
    call: Call<Write<Policy>>,
    how: How,
    session: &mut Session,
) -> Result<(), Failure> {
    if how.dry_run {
        let mut policy = serde_json::to_value(spec)?;
        policy["service"] = key.service.clone().into();
        policy["env"] = key.env.clone().into();
        return preview(&json!({ "policies": [policy] }), session)
            .await
            .map(|_| ());
    }
    let call = with_reason(call, how.reason.as_deref());
    let write = how.nodes.on(call).await?;
    if write.unchanged {
        crate::output::note("nothing had to be changed")?;
    }
    session.printer.object(write.value.clone())?;
    how.nodes.settle(&write, session).await
}

/// A version of a service, and its share of the traffic.
#[derive(Debug, Serialize)]
struct VersionShare {
    version: String,
    weight: u64,
    /// From 0 to 1.
    share: f64,
    state: String,
    url: Option<String>,
}

impl Row for VersionShare {
    const COLUMNS: &'static [&'static str] = &["VERSION", "WEIGHT", "SHARE", "STATE", "URL"];
    const WIDE: &'static [&'static str] = &[];

    fn name(&self) -> String {
        self.version.clone()
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.version.clone(),
            self.weight.to_string(),
            format!("{:.2} %", self.share * 100.0),
            self.state.clone(),
            super::get::or_dash(self.url.as_ref()),
        ]
    }
}

async fn status(name: &str, session: &mut Session) -> Result<(), Failure> {
    let key = names::policy(session.tenant()?, name)?;
    let spec = session.client.get_policy(&key).await?.value.spec;
    let filter = RouteFilter {
        tenant: Some(key.tenant),
        service: Some(key.service),
        env: Some(key.env),
        limit: Some(200),
        ..RouteFilter::default()
    };
    let routes = session.client.list_routes(&filter).pages().all().await?;
    session.printer.list(shares(&spec, &routes))
}

/// Returns the versions of a split and all other versions. The share is the one of the split: what
/// rules take, and what goes elsewhere from inactive versions, is not in it.
fn shares(spec: &PolicySpec, routes: &[Route]) -> Vec<VersionShare> {
    let total: u64 = spec.split.iter().map(|entry| entry.weight).sum();
    let of = |version: &str, weight: u64| {
        let route = routes.iter().find(|route| route.version == version);
        let state = route.map_or("missing", |route| match route.is_active {
            true => "active",
            false => "inactive",
        });
        #[expect(clippy::cast_precision_loss, reason = "weights are small")]
        let share = if total == 0 {
            0.0
        } else {
            weight as f64 / total as f64
        };
        VersionShare {
            version: version.to_owned(),
            weight,
            share,
            state: state.to_owned(),
            url: route.map(|route| route.url.clone()),
        }
    };
    let in_split = |version: &str| spec.split.iter().any(|entry| entry.version == version);
    let split = spec
        .split
        .iter()
        .map(|entry| of(&entry.version, entry.weight));
    let others = routes.iter().filter(|route| !in_split(&route.version));
    split
        .chain(others.map(|route| of(&route.version, 0)))
        .collect()
}
