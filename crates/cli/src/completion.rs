//! Completion: a script for the shell, which asks `tmctl` itself for commands, options and names.

use std::{env, time::Duration};

use clap::{CommandFactory as _, Parser};
use clap_complete::{CompleteEnv, CompletionCandidate, env::Shells};
use tokio::time::timeout;
use traffic_manager_client::types::{ListFilter, NodeFilter, RouteFilter};

use crate::{
    arguments::{Arguments, Global},
    failure::Failure,
    output::Row,
    session::Session,
};

/// The variable with the name of the shell that asks.
const VARIABLE: &str = "COMPLETE";

/// The longest time that a person waits for names. Without an answer there are none, and no error.
const PATIENCE: Duration = Duration::from_millis(300);

/// The most names that are asked for.
const MOST: u32 = 200;

/// Answers a shell, if one asks; returns whether one did.
pub fn answer() -> Result<bool, clap::Error> {
    let complete = CompleteEnv::with_factory(Arguments::command).var(VARIABLE);
    complete.try_complete(env::args_os(), env::current_dir().ok().as_deref())
}

/// Returns the script for a shell.
pub fn script(shell: clap_complete::Shell) -> Result<Vec<u8>, Failure> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&name) else {
        return Err(Failure::usage(format!("there is no completion for {name}")));
    };
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "tmctl", "tmctl", "tmctl", &mut script)?;
    Ok(script)
}

/// The kind of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Routes,
    Policies,
    Tenants,
    Nodes,
}

/// Returns the routes of the tenant.
pub fn routes() -> Vec<CompletionCandidate> {
    names(&[Names::Routes])
}

/// Returns the policies of the tenant.
pub fn policies() -> Vec<CompletionCandidate> {
    names(&[Names::Policies])
}

/// Returns the policies and the routes of the tenant.
pub fn objects() -> Vec<CompletionCandidate> {
    names(&[Names::Policies, Names::Routes])
}

/// Returns the tenants.
pub fn tenants() -> Vec<CompletionCandidate> {
    names(&[Names::Tenants])
}

/// Returns the names of the kind that the line names.
pub fn of_kind() -> Vec<CompletionCandidate> {
    let kind = env::args().find_map(|word| match &*word {
        "routes" | "route" | "rt" => Some(Names::Routes),
        "policies" | "policy" | "pol" => Some(Names::Policies),
        "tenants" | "tenant" => Some(Names::Tenants),
        "nodes" | "node" => Some(Names::Nodes),
        _ => None,
    });
    kind.map_or_else(Vec::new, |kind| names(&[kind]))
}

/// The line of the shell, of which only the options of every command count.
#[derive(Debug, Parser)]
#[command(ignore_errors = true)]
struct Line {
    #[command(flatten)]
    global: Global,
    #[arg(allow_hyphen_values = true)]
    rest: Vec<String>,
}

fn names(kinds: &[Names]) -> Vec<CompletionCandidate> {
    let words = env::args().skip_while(|word| word != "--").skip(1);
    let Ok(Line { mut global, .. }) = Line::try_parse_from(words) else {
        return Vec::new();
    };
    global.is_quiet = true;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let (Ok(runtime), Ok(session)) = (runtime, Session::new(&global)) else {
        return Vec::new();
    };
    let asked = async { timeout(PATIENCE, ask(kinds, &session)).await };
    let names = runtime.block_on(asked).ok().and_then(Result::ok);
    let names = names.unwrap_or_default().into_iter();
    names.map(CompletionCandidate::new).collect()
}

async fn ask(kinds: &[Names], session: &Session) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for kind in kinds {
        names.append(&mut one_kind(*kind, session).await?);
    }
    Ok(names)
}

async fn one_kind(kind: Names, session: &Session) -> Result<Vec<String>, Failure> {
    let client = &session.client;
    let list = ListFilter {
        tenant: session.tenant_if_any(),
        limit: Some(MOST),
        cursor: None,
    };
    Ok(match kind {
        Names::Routes => {
            let filter = RouteFilter {
                tenant: Some(session.tenant()?.to_owned()),
                limit: Some(MOST),
                ..RouteFilter::default()
            };
            let page = client.list_routes(&filter).await?.value;
            page.items.iter().map(Row::name).collect()
        }
        Names::Policies => {
            let page = client.list_policies(&list).await?.value;
            page.items.iter().map(Row::name).collect()
        }
        Names::Tenants => {
            let filter = ListFilter {
                tenant: None,
                ..list
            };
            let page = client.list_tenants(&filter).await?.value;
            page.items.iter().map(Row::name).collect()
        }
        Names::Nodes => {
            let filter = NodeFilter {
                limit: Some(MOST),
                ..NodeFilter::default()
            };
            let page = client.list_nodes(session.tenant()?, &filter).await?.value;
            page.items.iter().map(Row::name).collect()
        }
    })
}
