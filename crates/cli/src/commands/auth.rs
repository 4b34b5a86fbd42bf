//! `tmctl auth`: the token of a context.

use std::io::Read as _;

use clap::Subcommand;
use serde_json::json;
use traffic_manager_client::types::Caller;

use super::context::remove_token;
use crate::{
    arguments::Global,
    config::{Files, write_private},
    failure::Failure,
    oidc::{self, SignedIn},
    output::{Printer, note, time},
    session::{Chosen, TOKEN_VARIABLE, TokenSource, choose, client, token_source},
};

/// The commands of `auth`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign in at the context's issuer with a browser, and store the token in a file that only you can read
    Login {
        /// Show a code to type in at any machine with a browser
        #[arg(long)]
        device: bool,
        /// Read the token from standard input, and ask no issuer
        #[arg(long, conflicts_with = "device")]
        with_token: bool,
    },
    /// Show where the token lies, whose it is, and what it allows until when
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
        Command::Login { device, with_token } => {
            let path = files.token(&named()?);
            let (token, until) = match with_token {
                true => (typed_token()?, None),
                false => {
                    let signed_in = sign_in(&chosen, device).await?;
                    (signed_in.access_token, signed_in.expires_in)
                }
            };
            write_private(&path, &token)?;
            let ends = until.map(|seconds| format!(", and ends in {seconds} s"));
            note(&format!(
                "the token is in {}{}",
                path.display(),
                ends.unwrap_or_default()
            ))
        }
        Command::Status => {
            let source = token_source(&chosen, &files);
            if source == TokenSource::None {
                return Err(Failure::signed_out("there is no token"));
            }
            let caller = client(&chosen, &files)?.get_self().await?.value;
            status(&source, &caller, &mut global.printer())
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

/// Reads a token from standard input.
fn typed_token() -> Result<String, Failure> {
    let mut token = String::new();
    std::io::stdin().read_to_string(&mut token)?;
    let token = token.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(Failure::usage("standard input has no token"));
    }
    Ok(token.to_owned())
}

/// Signs in at the context's issuer.
async fn sign_in(chosen: &Chosen, device: bool) -> Result<SignedIn, Failure> {
    let (oidc, ca) = (chosen.context.oidc.as_ref(), chosen.context.ca.as_deref());
    let Some(oidc) = oidc else {
        let hint =
            "tmctl auth login --with-token, or tmctl context set NAME --issuer URL --client-id ID";
        return Err(Failure::usage("the context has no issuer").hint(hint));
    };
    match device {
        true => oidc::with_code(oidc, ca).await,
        false => oidc::with_browser(oidc, ca).await,
    }
}

/// Shows where the token lies, and what the service says of its owner.
fn status(source: &TokenSource, caller: &Caller, printer: &mut Printer) -> Result<(), Failure> {
    let place = place(source);
    if printer.value(&json!({ "token": place, "caller": caller }))? {
        return Ok(());
    }
    let all = |names: &Option<Vec<String>>| match names {
        Some(names) => names.join(", "),
        None => "all".to_owned(),
    };
    let tenant = caller.tenant.clone().unwrap_or_else(|| "all".to_owned());
    let until = caller.expires_at.map(time);
    for (name, value) in [
        ("token", place),
        ("caller", caller.actor.id.clone()),
        ("roles", caller.roles.join(", ")),
        ("tenants", tenant),
        ("services", all(&caller.services)),
        ("environments", all(&caller.envs)),
        (
            "ends",
            until.unwrap_or_else(|| "when it is revoked".to_owned()),
        ),
    ] {
        printer.line(&format!("{name}: {value}"))?;
    }
    Ok(())
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
