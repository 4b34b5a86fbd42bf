//! The shell script that keeps a proxy's files up to date: the bootstrap of the dialects that are
//! files.

use crate::{bootstrap::Ask, model::Model};

/// What all followers do: they ask for the configuration.
const ASK: &str = include_str!("follower/ask.sh");

/// What the followers of files do with the answer.
const FILES: &str = include_str!("follower/follower.sh");

/// Returns the version of a model as the first line of a configuration has it, by which followers
/// see that a proxy has taken it over. It is never empty.
pub(crate) fn revision(model: &Model) -> String {
    let version = model.version();
    if version.is_empty() {
        "none".to_owned()
    } else {
        version
    }
}

/// Returns a follower of files: the settings, then what the proxy needs, then what all do.
pub(crate) fn script(ask: &Ask, dialect: &str, of_proxy: &str) -> String {
    let head = head(ask, dialect, "", "curl, sha256sum, and jq or python3");
    format!("{head}{of_proxy}\n{ASK}\n{FILES}")
}

/// Returns a follower whose service puts in the addresses: the settings, then what all do, then
/// what the proxy needs.
pub(crate) fn script_of_document(ask: &Ask, dialect: &str, of_proxy: &str) -> String {
    let places = format!("&listen={}&admin={}", ask.listen, ask.admin);
    let head = head(ask, dialect, &places, "curl");
    format!("{head}{ASK}\n{of_proxy}")
}

/// Returns the settings. `more` is added to the query.
fn head(ask: &Ask, dialect: &str, more: &str, needs: &str) -> String {
    let env = ask
        .env
        .as_ref()
        .map_or(String::new(), |env| format!("&env={env}"));
    let url = format!(
        "{}/dataplane/{dialect}?tenant={}{env}{more}&wait=30s",
        ask.url.trim_end_matches('/'),
        ask.tenant
    );
    let listen = if more.is_empty() {
        format!(
            "# The address and port where the proxy takes requests.\nLISTEN={}\n",
            quoted(&ask.listen)
        )
    } else {
        String::new()
    };
    format!(
        "#!/bin/sh\n\
         # Keeps {dialect}'s configuration up to date, and runs {dialect}.\n\
         #\n\
         #   TM_TOKEN=… TM_DIR=/var/lib/tm-{dialect} sh follower.sh\n\
         #\n\
         # Needs {dialect} and {needs}. TM_TOKEN is the key of this node. TM_DIR is\n\
         # the folder of the configuration; it is the current folder if TM_DIR is not set. Change what\n\
         # is different on this machine in the lines below.\n\
         \n\
         # The service, and the tenant whose policies are served.\n\
         URL={url}\n\
         # The name of this node.\n\
         NODE={node}\n\
         DIALECT={dialect}\n\
         {listen}\
         # The address and port of the proxy's own interface, if it has one.\n\
         ADMIN={admin}\n\
         # The certificates that https versions, and the service, are verified against: an absolute path.\n\
         CA_FILE={ca_file}\n\
         \n",
        url = quoted(&url),
        node = quoted(&ask.node),
        admin = quoted(&ask.admin),
        ca_file = quoted(&ask.ca_file),
    )
}

/// Returns a word of the shell that means the text itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_mean_themselves_in_the_shell() {
        assert_eq!(quoted("a'b$(x)"), r"'a'\''b$(x)'");
    }
}
