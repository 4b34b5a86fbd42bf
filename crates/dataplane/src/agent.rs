//! The configuration of a node agent beside a proxy.

use serde_json::Value;

use crate::{Dialect, bootstrap::Ask};

/// Returns the configuration of an agent (TOML) beside a proxy of this dialect, with the public keys of which one must
/// have signed each snapshot.
pub fn configuration(ask: &Ask, dialect: Dialect, trusted_keys: &[String]) -> String {
    let server = ask.url.strip_suffix("/api/v1").unwrap_or(&ask.url);
    let keys = match trusted_keys {
        [] => "# The control plane signs no snapshots: trusted_keys is left out.\n".to_owned(),
        keys => format!("trusted_keys = {}\n", list(keys)),
    };
    let env = ask.env.as_deref().map(|env| line("env", env));
    let folder = match dialect {
        Dialect::Envoy => line("folder", "/srv/envoy/tm"),
        Dialect::Haproxy => line("folder", "/srv/haproxy"),
        Dialect::Nginx => line("folder", "/srv/nginx"),
        Dialect::Caddy | Dialect::Traefik => String::new(),
    };
    format!(
        "# For tm-agent, as /etc/tm-agent.toml. `tm-agent defaults` explains every key; `tm-agent check` checks the file.\n\
         # The key of the node is in the environment variable TM_TOKEN. token_file = \"/etc/tm-agent/token\" reads it from a file.\n\
         [service]\n\
         # Add the other instances.\n\
         servers = {}\n\
         {}{}\
         token_env = \"TM_TOKEN\"\n\
         {keys}\
         [node]\n\
         {}\
         [proxy]\n\
         {}{folder}{}{}{}",
        list(&[server.to_owned()]),
        line("tenant", &ask.tenant),
        env.unwrap_or_default(),
        line("name", &ask.node),
        line("dialect", dialect.as_str()),
        line("listen", &ask.listen),
        line("admin", &ask.admin),
        line("ca_file", &ask.ca_file),
    )
}

fn line(key: &str, text: &str) -> String {
    format!("{key} = {}\n", quoted(text))
}

fn list(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A string of JSON is a basic string of TOML (TOML 1.0).
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
