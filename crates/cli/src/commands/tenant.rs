//! `tmctl tenant`: tenants come and go.

use clap::Subcommand;
use traffic_manager_client::types::NewTenant;

use super::change::with_reason;
use crate::{failure::Failure, output::note, session::Session};

/// The commands of `tenant`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a tenant
    Create {
        /// The name
        name: String,
        /// A domain at or under which the tenant may have hosts
        #[arg(long = "allow-host")]
        allowed_hosts: Vec<String>,
        /// The reason, which the audit keeps
        #[arg(long)]
        reason: Option<String>,
    },
    /// Delete a tenant
    Delete {
        /// The name
        name: String,
        /// The name once more: deletes its routes and policies, too
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
        /// The reason, which the audit keeps
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Runs a command of `tenant`.
pub async fn run(command: Command, session: &mut Session) -> Result<(), Failure> {
    match command {
        Command::Create {
            name,
            allowed_hosts,
            reason,
        } => {
            let tenant = NewTenant {
                name,
                allowed_hosts: (!allowed_hosts.is_empty()).then_some(allowed_hosts),
                quotas: None,
            };
            let call = with_reason(session.client.create_tenant(&tenant), reason.as_deref());
            session.printer.object(call.await?.value)
        }
        Command::Delete {
            name,
            confirm,
            reason,
        } => {
            let call = with_reason(session.client.delete_tenant(&name), reason.as_deref());
            let call = match &confirm {
                Some(name) => call.parameter("confirm", name),
                None => call,
            };
            match call.await?.value {
                None => note(&format!("{name} is deleted")),
                Some(_) => note(&format!("{name} is being deleted, in several revisions")),
            }
        }
    }
}
