//! `tmctl auth`: the token of a context.

use std::io::Read as _;

use clap::Subcommand;
use traffic_manager_client::types::ListFilter;

use super::context::remove_token;
use crate::{
    arguments::Global,
    config::{Files, write_private},
    failure::Failure,
    output::note,
    session::{TOKEN_VARIABLE, TokenSource, choose, client, token_source},
};

/// The commands of `auth`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Store a token in a file that only you can read
    Login {
        /// Read the token from standard input
        #[arg(long, required = true)]
        with_token: bool,
    },
    /// Show where the token lies, and whether the service takes it
    Status,
    /// Remove the stored token
    Logout,
}

/// Runs a command of `auth`.
pub async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let files = Files::new(global.config_dir.clone())?;
    let chosen = choose(global, &files)?;
    let named = || {
        let text = "a stored token belongs to a context";
        chosen
            .name
            .clone()
            .ok_or_else(|| Failure::usage(text).hint("tmctl context set"))
    };
    match command {
        Command::Login { .. } => {
            let name = named()?;
            let mut token = String::new();
            std::io::stdin().read_to_string(&mut token)?;
            let token = token.trim();
            if token.is_empty() || token.contains(char::is_whitespace) {
                return Err(Failure::usage("standard input has no token"));
            }
            let path = files.token(&name);
            write_private(&path, token)?;
            note(&format!("the token is in {}", path.display()))
        }
        Command::Status => {
            let source = token_source(&chosen, &files);
            if source == TokenSource::None {
                return Err(Failure::signed_out("there is no token"));
            }
            let mut printer = global.printer();
            printer.line(&format!("token: {}", place(&source)))?;
            let filter = ListFilter {
                limit: Some(1),
                ..ListFilter::default()
            };
            client(&chosen, &files)?.list_tenants(&filter).await?;
            printer.line("the service takes it")
        }
        Command::Logout => {
            let text = match remove_token(&files, &named()?)? {
                true => "the token is removed",
                false => "no token was stored",
            };
            note(text)
        }
    }
}

/// Returns where a token lies, in words.
pub fn place(source: &TokenSource) -> String {
    match source {
        TokenSource::Variable => format!("the environment variable {TOKEN_VARIABLE}"),
        TokenSource::Command(command) => format!("from the program {}", command.join(" ")),
        TokenSource::File(path) => format!("the file {}", path.display()),
        TokenSource::None => "none".to_owned(),
    }
}
