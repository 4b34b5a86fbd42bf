//! The script that starts a new Traefik.

use crate::bootstrap::Ask;

/// Returns a script for `sh` that starts Traefik. Traefik takes its static configuration from a file,
/// from arguments or from the environment, and only from one of them; a file cannot name a
/// variable, and arguments are seen by everyone on the machine. So everything is in the environment.
pub fn bootstrap(ask: &Ask) -> String {
    let env = ask
        .env
        .as_ref()
        .map_or(String::new(), |env| format!("&env={env}"));
    let endpoint = format!("{}/dataplane/traefik?tenant={}{env}", ask.url, ask.tenant);
    let mut settings = vec![
        ("GLOBAL_CHECKNEWVERSION", "false".to_owned()),
        ("GLOBAL_SENDANONYMOUSUSAGE", "false".to_owned()),
        ("ENTRYPOINTS_WEB_ADDRESS", ask.listen.clone()),
        ("ENTRYPOINTS_TRAEFIK_ADDRESS", ask.admin.clone()),
        ("API", "false".to_owned()),
        ("PING", "true".to_owned()),
        ("METRICS_PROMETHEUS", "true".to_owned()),
        ("PROVIDERS_PROVIDERSTHROTTLEDURATION", "0s".to_owned()),
        ("PROVIDERS_HTTP_ENDPOINT", endpoint),
        ("PROVIDERS_HTTP_POLLINTERVAL", "1s".to_owned()),
    ];
    if ask.url.starts_with("https:") {
        settings.push(("PROVIDERS_HTTP_TLS_CA", ask.ca_file.clone()));
    }
    let exports: String = settings
        .iter()
        .map(|(name, value)| format!("export TRAEFIK_{name}={}\n", quoted(value)))
        .collect();
    let node = quoted(&ask.node);
    format!(
        r#"#!/bin/sh
# Starts Traefik (3.7 or later) for the policies of a tenant. Run it with the node's key in TM_TOKEN:
#   TM_TOKEN=… sh traefik.sh
# WEB is the entry point for requests, TRAEFIK the proxy's own: /ping, /metrics, and /revision, whose
# header x-tm-revision tells the revision that is in use. For TLS towards clients add the settings
# of Traefik's entry points here.
set -eu
: "${{TM_TOKEN:?must be the key of the node}}"
{exports}export TRAEFIK_PROVIDERS_HTTP_HEADERS_AUTHORIZATION="Bearer $TM_TOKEN"
unset TM_TOKEN
# The shell cannot export names with a hyphen.
exec env TRAEFIK_PROVIDERS_HTTP_HEADERS_TM-DIALECT=traefik TRAEFIK_PROVIDERS_HTTP_HEADERS_TM-NODE={node} traefik "$@"
"#
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
