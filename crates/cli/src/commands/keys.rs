//! `tmctl keys`: API keys.

use clap::{Args, Subcommand};
use traffic_manager_client::types::{CreateKey, NewApiKey, RotateKey};

use super::change::with_reason;
use crate::{failure::Failure, output::note, session::Session};

/// The commands of `keys`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a key; its token is shown this once
    Create(CreateArguments),
    /// Replace the token of a key; the new one is shown this once
    Rotate {
        /// The id of the key
        id: String,
        /// The seconds for which the replaced token stays good; an hour by default
        #[arg(long)]
        overlap: Option<u64>,
        /// The reason, which the access log keeps
        #[arg(long)]
        reason: Option<String>,
    },
    /// Revoke a key
    Revoke {
        /// The id of the key
        id: String,
        /// Revoke the keys that were made with it, too
        #[arg(long)]
        descendants: bool,
        /// The reason, which the access log keeps
        #[arg(long)]
        reason: Option<String>,
    },
}

/// The arguments of `create`.
#[derive(Debug, Args)]
pub struct CreateArguments {
    /// A role: `tenant_admin`, `editor`, `viewer`, `auditor`, `node` or `platform_admin`
    #[arg(long = "role", required = true)]
    roles: Vec<String>,
    /// Only this service
    #[arg(long = "service")]
    services: Vec<String>,
    /// Only this environment
    #[arg(long = "env")]
    envs: Vec<String>,
    /// The purpose of the key
    #[arg(long)]
    description: Option<String>,
    /// The time at which the key ends (RFC 3339)
    #[arg(long)]
    expires: Option<String>,
    /// A key for every tenant, in place of one
    #[arg(long = "all-tenants", conflicts_with = "tenant")]
    for_platform: bool,
    /// The reason, which the access log keeps
    #[arg(long)]
    reason: Option<String>,
}

/// Runs a command of `keys`.
pub async fn run(command: Command, session: &mut Session) -> Result<(), Failure> {
    let client = session.client.clone();
    match command {
        Command::Create(arguments) => create(arguments, session).await,
        Command::Rotate {
            id,
            overlap,
            reason,
        } => {
            let how = RotateKey {
                overlap_seconds: overlap,
            };
            let call = with_reason(client.rotate_key(&id, &how), reason.as_deref());
            show(call.await?.value, session)
        }
        Command::Revoke {
            id,
            descendants,
            reason,
        } => {
            let call = with_reason(client.revoke_key(&id), reason.as_deref());
            let call = match descendants {
                true => call.parameter("descendants", "true"),
                false => call,
            };
            call.await?;
            note(&format!("{id} is revoked"))
        }
    }
}

async fn create(arguments: CreateArguments, session: &mut Session) -> Result<(), Failure> {
    let tenant = match arguments.for_platform {
        true => None,
        false => Some(session.tenant()?.to_owned()),
    };
    let wrong = |error| Failure::usage(format!("--expires: {error}"));
    let expires = arguments.expires.map(|text| text.parse().map_err(wrong));
    let key = CreateKey {
        roles: arguments.roles,
        services: arguments.services,
        envs: arguments.envs,
        description: arguments.description,
        expires_at: expires.transpose()?,
        tenant,
    };
    let call = with_reason(session.client.create_key(&key), arguments.reason.as_deref());
    show(call.await?.value, session)
}

/// Writes only the token to standard output, so that it can be piped on.
fn show(key: NewApiKey, session: &mut Session) -> Result<(), Failure> {
    if session.printer.value(&key)? {
        return Ok(());
    }
    note(&format!(
        "key {}; its token is shown this once:",
        key.key.id
    ))?;
    match &key.token {
        Some(token) => session.printer.line(token),
        None => note("(the token was shown before)"),
    }
}
