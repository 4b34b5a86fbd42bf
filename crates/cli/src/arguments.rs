//! The arguments of all commands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::ArgValueCandidates;

use crate::{
    commands::{
        apply, audit, auth, change, context, edit, explain, get, keys, log, resolve, rollout,
        tenant, wait,
    },
    completion,
    output::{Color, Format, Printer},
};

/// Traffic Manager from the command line.
///
/// A route's name is service/env/version, a policy's is service/env.
///
/// Exit codes: 0 done, 1 differs, 2 refused by the service, 3 time over, 4 not reachable, 5 not
/// signed in, 64 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "tmctl", version, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// The arguments that every command has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The tenant, in place of the context's
    #[arg(short, long, global = true, env = "TM_TENANT", add = ArgValueCandidates::new(completion::tenants))]
    pub tenant: Option<String>,
    /// The context
    #[arg(long, global = true, env = "TM_CONTEXT")]
    pub context: Option<String>,
    /// The base URL of the service, without a context; several are tried in turn
    #[arg(long, global = true, env = "TM_SERVER", value_delimiter = ',')]
    pub server: Vec<String>,
    /// A file with certificates of further authorities (PEM)
    #[arg(long, global = true, env = "TM_CA")]
    pub ca: Option<PathBuf>,
    /// The form of the output
    #[arg(short, long, global = true, value_enum, default_value = "table")]
    pub output: Format,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: Color,
    /// The folder of the configuration and the tokens
    #[arg(long, global = true, env = "TM_CONFIG_DIR", hide = true)]
    pub config_dir: Option<PathBuf>,
    /// Whether programs that print tokens say nothing else.
    #[arg(skip)]
    pub is_quiet: bool,
}

impl Global {
    /// Returns the output that the arguments choose.
    pub fn printer(&self) -> Printer {
        Printer::new(self.output, self.color)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show routes, policies, tenants, keys, plans, dead letters, replays or nodes
    Get(get::Arguments),
    /// Make the tenant like a document: plan, show, ask, apply
    Apply(apply::ApplyArguments),
    /// Show what apply would change: exit code 0 nothing, 1 something, 2 and more failed
    Diff(apply::DiffArguments),
    /// Edit a route or a policy: open it in $VISUAL or $EDITOR, plan, show, ask, apply
    Edit(edit::Arguments),
    /// Activate a route
    Activate(change::Arguments),
    /// Deactivate a route
    Deactivate(change::Arguments),
    /// Delete a route or a policy
    Delete(change::Arguments),
    /// Show the version and URL that a request gets, and why
    Resolve(resolve::Arguments),
    /// Shift traffic between versions, and go back
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// Wait until a route, the tenant or its nodes are as they should be: exit code 3 when time is over
    Wait(wait::Arguments),
    /// Show, export and prove the audit
    #[command(subcommand)]
    Audit(audit::Command),
    /// Show the changes of a route, a policy or a tenant, newest first
    Log(log::Arguments),
    /// Show, for each member of a route, the change that gave it its value
    Blame(log::BlameArguments),
    /// Create, rotate and revoke API keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Create and delete tenants
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Show what a member of a document means
    Explain(explain::Arguments),
    /// Store contexts: services with their tenant and the way to a token
    #[command(subcommand)]
    Context(context::Command),
    /// Store a token, and show where it lies
    #[command(subcommand)]
    Auth(auth::Command),
    /// Check the configuration, the connection and the rights
    Doctor,
    /// Write a completion script for a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual, a page for each command
    #[command(hide = true)]
    Man {
        /// The folder
        folder: PathBuf,
    },
}
