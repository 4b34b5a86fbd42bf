//! `tmctl context`: services with their tenant.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    arguments::Global,
    config::{Config, Files, check_name},
    failure::Failure,
    oidc::{self, Oidc},
    output::{Row, note},
};

/// The commands of `context`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the contexts
    List,
    /// Choose the context that counts without --context
    Use {
        /// The name
        name: String,
    },
    /// Create or change a context: --server, --ca and --tenant, and the way to its token
    Set {
        /// The name
        name: String,
        /// The program, with its arguments, that prints the token, such as "vault read -field=t p"
        #[arg(long, value_name = "COMMAND", value_parser = words)]
        token_command: Option<Words>,
        #[command(flatten)]
        issuer: Issuer,
    },
    /// Remove a context and its stored token
    Remove {
        /// The name
        name: String,
    },
}

/// The issuer at which `auth login` signs in.
#[derive(Debug, Args)]
pub struct Issuer {
    /// The URL of the OIDC issuer at which `auth login` signs in
    #[arg(long, value_name = "URL", requires = "client_id")]
    issuer: Option<String>,
    /// The name under which the issuer knows tmctl
    #[arg(long, value_name = "ID", requires = "issuer")]
    client_id: Option<String>,
    /// The scopes to ask the issuer for
    #[arg(long, value_name = "SCOPES", requires = "issuer", default_value = oidc::SCOPE)]
    scope: String,
}

impl Issuer {
    fn oidc(self) -> Option<Oidc> {
        let (issuer, client_id) = self.issuer.zip(self.client_id)?;
        Some(Oidc {
            issuer,
            client_id,
            scope: self.scope,
        })
    }
}

/// The words of a command.
#[derive(Debug, Clone)]
pub struct Words(Vec<String>);

/// Splits a command at its spaces. No shell sees it, so there are no quotes.
fn words(text: &str) -> Result<Words, String> {
    let words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    if text.contains(['"', '\'']) {
        return Err("quotes are not understood; write a script, and name that".to_owned());
    }
    Ok(Words(words))
}

/// A context in a list.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    is_current: bool,
    servers: Vec<String>,
    tenant: Option<String>,
    ca: Option<PathBuf>,
}

impl Row for Listed {
    const COLUMNS: &'static [&'static str] = &["CONTEXT", "CURRENT", "TENANT", "SERVERS"];
    const WIDE: &'static [&'static str] = &["CA"];

    fn name(&self) -> String {
        self.name.clone()
    }

    fn cells(&self) -> Vec<String> {
        let ca = self.ca.as_ref().map(|path| path.display().to_string());
        vec![
            self.name.clone(),
            if self.is_current { "*" } else { "" }.to_owned(),
            super::get::or_dash(self.tenant.as_ref()),
            self.servers.join(","),
            super::get::or_dash(ca),
        ]
    }
}

/// Runs a command of `context`.
pub fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let files = Files::new(global.config_dir.clone())?;
    let mut config = files.read()?;
    match command {
        Command::List => return list(config, global),
        Command::Use { name } => {
            if !config.contexts.contains_key(&name) {
                let text = format!("there is no context {name:?}");
                return Err(Failure::usage(text).hint("tmctl context list"));
            }
            config.current = Some(name);
        }
        Command::Set {
            name,
            token_command,
            issuer,
        } => {
            check_name(&name)?;
            let context = config.contexts.entry(name.clone()).or_default();
            if !global.server.is_empty() {
                context.servers.clone_from(&global.server);
            }
            if context.servers.is_empty() {
                return Err(Failure::usage("a context needs a server").hint("--server URL"));
            }
            context.ca = global.ca.clone().or(context.ca.take());
            context.tenant = global.tenant.clone().or(context.tenant.take());
            if let Some(Words(words)) = token_command {
                context.token_command = words;
            }
            context.oidc = issuer.oidc().or(context.oidc.take());
            config.current.get_or_insert(name);
        }
        Command::Remove { name } => {
            if config.contexts.remove(&name).is_none() {
                return Err(Failure::usage(format!("there is no context {name:?}")));
            }
            config.current.take_if(|current| *current == name);
            remove_token(&files, &name)?;
        }
    }
    files.write(&config)?;
    note(&format!("written to {}", files.config().display()))
}

fn list(config: Config, global: &Global) -> Result<(), Failure> {
    let current = config.current;
    let listed = config.contexts.into_iter().map(|(name, context)| Listed {
        is_current: current.as_ref() == Some(&name),
        name,
        servers: context.servers,
        tenant: context.tenant,
        ca: context.ca,
    });
    global.printer().list(listed.collect())
}

/// Removes the stored token of a context, if there is one.
pub fn remove_token(files: &Files, context: &str) -> Result<bool, Failure> {
    let path = files.token(context);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            let text = format!("cannot remove {}: {error}", path.display());
            Err(Failure::usage(text))
        }
    }
}
