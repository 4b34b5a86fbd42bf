//! `tmctl edit`: an object in an editor, and then planned, shown and applied.

use std::{env, fs, path::Path};

use clap::Args;
use clap_complete::ArgValueCandidates;
use serde_json::{Value, json};
use tokio::process::Command;
use traffic_manager_client::types::ScopeFilter;

use super::apply::{How, apply_document};
use crate::{
    completion, config::write_private, failure::Failure, names, output::note, session::Session,
};

/// The comments at the beginning of the text.
const HELP: &str = "\
# Save and leave the editor: the changes are planned, shown, and applied if you say so.
# Leave without a change to give up. Lines that begin with # do not count.
";

/// The beginning of a line that says why a text was refused.
const REFUSED: &str = "#! ";

/// The arguments of `edit`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The name: service/env/version of a route, service/env of a policy
    #[arg(add = ArgValueCandidates::new(completion::objects))]
    name: String,
    #[command(flatten)]
    how: How,
}

/// Runs `edit`. A text that is refused opens again, with the reason; what was typed is never lost.
pub async fn run(arguments: Arguments, session: &mut Session) -> Result<(), Failure> {
    let before = read(&arguments.name, session).await?;
    let mut text = format!("{HELP}{}", traffic_manager_yaml::document(&before)?);
    let file = session.files.edit(&arguments.name);
    loop {
        write_private(&file, &text)?;
        open(&file).await.map_err(|failure| kept(failure, &file))?;
        let typed = fs::read_to_string(&file)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
        if typed == text {
            return give_up(&text, &file);
        }
        let typed = without_refusal(&typed);
        let refused = match document(&typed) {
            Err(why) => why,
            Ok(after) if after == before => return give_up("", &file),
            Ok(after) => {
                if read(&arguments.name, session).await? != before {
                    let text = format!("{} was changed by somebody else meanwhile", arguments.name);
                    return Err(kept(Failure::usage(text), &file));
                }
                match apply_document(after, &arguments.how, session).await {
                    Err(failure) if failure.problem().is_some() && failure.code() == 2 => {
                        failure.to_string()
                    }
                    Err(failure) => return Err(kept(failure, &file)),
                    Ok(()) => return remove(&file),
                }
            }
        };
        let lines = refused.lines().map(|line| format!("{REFUSED}{line}\n"));
        text = lines.collect::<String>() + &typed;
    }
}

/// Ends without a change. A text with a reason was typed and refused: it stays.
fn give_up(text: &str, file: &Path) -> Result<(), Failure> {
    if text.starts_with(REFUSED) {
        let refused = text.lines().filter_map(|line| line.strip_prefix(REFUSED));
        let refused: Vec<_> = refused.collect();
        return Err(kept(Failure::usage(refused.join("\n")), file));
    }
    remove(file)?;
    note("nothing is changed")
}

/// Says where the typed text is.
fn kept(failure: Failure, file: &Path) -> Failure {
    let hint = format!("what you typed is in {}", file.display());
    failure.hint(hint)
}

fn remove(file: &Path) -> Result<(), Failure> {
    fs::remove_file(file)
        .map_err(|error| Failure::usage(format!("cannot remove {}: {error}", file.display())))
}

/// Returns the document of one object, as a plan takes it.
async fn read(name: &str, session: &Session) -> Result<Value, Failure> {
    let tenant = session.tenant()?;
    let parts: Vec<_> = name.split('/').collect();
    let (service, env, version) = match parts[..] {
        [service, env] => (service, env, None),
        [service, env, version] => (service, env, Some(version)),
        _ => return Err(wrong_name(tenant, name)),
    };
    let scope = ScopeFilter {
        service: Some(service.to_owned()),
        env: Some(env.to_owned()),
        at: None,
    };
    let present = session.client.export_tenant(tenant, &scope).await?.value;
    let present = serde_json::to_value(&present)?;
    let kind = if version.is_some() {
        "routes"
    } else {
        "policies"
    };
    let objects = present[kind].as_array().into_iter().flatten();
    let mut objects = objects.filter(|object| version.is_none_or(|name| object["version"] == name));
    match objects.next() {
        Some(object) => Ok(json!({ kind: [object] })),
        None => Err(Failure::usage(format!("there is no {name}"))
            .hint(format!("tmctl get {kind}; tmctl apply -f FILE makes one"))),
    }
}

fn wrong_name(tenant: &str, name: &str) -> Failure {
    match names::route(tenant, name) {
        Err(failure) => failure.hint("to edit a policy, service/env"),
        Ok(_) => Failure::usage(format!("{name:?} cannot be edited")),
    }
}

/// Reads what was typed.
fn document(text: &str) -> Result<Value, String> {
    let json = traffic_manager_yaml::as_json(text).map_err(|error| error.to_string())?;
    let document: Value = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    match document.is_object() {
        true => Ok(document),
        false => Err("a document is an object".to_owned()),
    }
}

fn without_refusal(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines.filter(|line| !line.starts_with(REFUSED)).collect()
}

/// Opens the editor, and waits for its end.
async fn open(file: &Path) -> Result<(), Failure> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|variable| {
        env::var(variable)
            .ok()
            .filter(|editor| !editor.trim().is_empty())
    });
    let editor = named.unwrap_or_else(|| "vi".to_owned());
    // By the shell: the variable may have arguments.
    let status = Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(file)
        .status()
        .await;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::usage(format!("the editor {editor}: {status}"))),
        Err(error) => Err(Failure::usage(format!("the editor {editor}: {error}"))),
    }
}
