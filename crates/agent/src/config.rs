//! The configuration file. `agent.default.toml` has every key with its default.

mod fields;
mod problems;
pub mod relay;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};
use thiserror::Error;
use toml::{Table, Value};
use traffic_manager_client::{Label, TrustedKey};
use traffic_manager_core::ids::{EnvName, ServiceName, TenantName};
use traffic_manager_dataplane::Dialect;
use url::Url;

/// Every key with its default and its effect.
pub const DEFAULTS: &str = include_str!("agent.default.toml");

/// The most bytes of a configuration file.
const MAX_BYTES: u64 = 1 << 20;

/// The configuration of an agent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The control plane, and what is asked of it.
    pub service: Service,
    /// The agent itself.
    pub node: Node,
    /// The proxy.
    pub proxy: Proxy,
    /// The limits of the wipe guard.
    pub guard: Limits,
    /// The relay, if the file is one's too.
    pub relay: relay::Relay,
    /// All times.
    pub times: Times,
}

/// The section `service`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The base URLs of the instances.
    pub servers: Vec<Url>,
    /// The tenant to follow, if it is one.
    #[serde(deserialize_with = "fields::optional")]
    pub tenant: Option<TenantName>,
    /// The tenants to follow, if they are several. After [`Config::parse`] also the one of `tenant`; sorted.
    pub tenants: Vec<TenantName>,
    /// Only this environment.
    #[serde(deserialize_with = "fields::optional")]
    pub env: Option<EnvName>,
    /// Only this service.
    #[serde(deserialize_with = "fields::optional")]
    pub service: Option<ServiceName>,
    /// The file with the key of the node.
    #[serde(deserialize_with = "fields::optional")]
    pub token_file: Option<PathBuf>,
    /// The environment variable with the key of the node.
    #[serde(deserialize_with = "fields::optional")]
    pub token_env: Option<String>,
    /// Allows to send the key unencrypted to other machines.
    pub allow_plain_http: bool,
    /// The file with further certificate authorities.
    #[serde(deserialize_with = "fields::optional")]
    pub ca_file: Option<PathBuf>,
    /// The keys whose signatures are required.
    #[serde(deserialize_with = "fields::keys")]
    pub trusted_keys: Vec<TrustedKey>,
    /// The most bytes of a snapshot.
    pub max_bytes: usize,
}

/// The most tenants of an agent. Each takes a connection, and the revision of all must fit into a line of `HAProxy`.
pub const MAX_TENANTS: usize = 16;

/// The section `node`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The name that the control plane knows the agent by.
    #[serde(deserialize_with = "fields::name")]
    pub name: Label,
    /// The folder of what is kept over a restart.
    pub state: PathBuf,
    /// The agent's own address.
    pub listen: SocketAddr,
}

/// The section `proxy`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// The kind of proxy.
    #[serde(deserialize_with = "fields::dialect")]
    pub dialect: Dialect,
    /// The folder of the proxy's files.
    pub folder: PathBuf,
    /// Where the proxy takes requests.
    pub listen: SocketAddr,
    /// The proxy's own interface.
    pub admin: SocketAddr,
    /// The certificates against which versions' `https` URLs are verified.
    pub ca_file: String,
    /// Whether the proxy is asked which revision it runs.
    pub read_back: bool,
    /// The command that checks a configuration; empty for the usual one.
    pub check: Vec<String>,
    /// The command that makes the proxy take its files; empty for the usual one.
    pub reload: Vec<String>,
}

impl Proxy {
    /// Whether the proxy reads its configuration from files.
    pub fn has_files(&self) -> bool {
        match self.dialect {
            Dialect::Envoy | Dialect::Haproxy | Dialect::Nginx => true,
            Dialect::Caddy | Dialect::Traefik => false,
        }
    }
}

/// The section `guard`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The share of the routes or policies that a change may take away, in percent.
    pub most_dropped_percent: u8,
    /// How many a change may take away in any case.
    pub always_allowed: usize,
}

/// The section `times`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// The shortest time between two changes of the proxy.
    #[serde(rename = "pause_ms", deserialize_with = "fields::duration")]
    pub pause: Duration,
    /// The longest time of one change.
    #[serde(rename = "apply_ms", deserialize_with = "fields::duration")]
    pub apply: Duration,
    /// The longest time of one command.
    #[serde(rename = "command_ms", deserialize_with = "fields::duration")]
    pub command: Duration,
    /// The time after the start in which the first state of each tenant is waited for.
    #[serde(rename = "first_state_ms", deserialize_with = "fields::duration")]
    pub first_state: Duration,
    /// The longest time until the proxy shows a new revision.
    #[serde(rename = "read_back_ms", deserialize_with = "fields::duration")]
    pub read_back: Duration,
    /// The time after a first failure.
    #[serde(rename = "retry_ms", deserialize_with = "fields::duration")]
    pub retry: Duration,
    /// The longest time after a failure.
    #[serde(rename = "last_retry_ms", deserialize_with = "fields::duration")]
    pub last_retry: Duration,
    /// The time between questions to the proxy.
    #[serde(rename = "check_ms", deserialize_with = "fields::duration")]
    pub check: Duration,
    /// The time between requests while the control plane refuses, or a change is held back.
    #[serde(rename = "ask_again_ms", deserialize_with = "fields::duration")]
    pub ask_again: Duration,
}

/// Why a configuration is refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] std::io::Error),
    /// The file is too large.
    #[error("{0} has more than {MAX_BYTES} bytes")]
    TooLarge(PathBuf),
    /// The text is no TOML.
    #[error("the configuration is no TOML: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A key is unknown, missing, or has a wrong value.
    #[error("{key}: {message}")]
    Key {
        /// The key, such as `service.tenant`.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// Keys do not fit together.
    #[error("{}", .0.join("\n"))]
    Problems(Vec<String>),
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read_text(path)?)
    }

    /// Returns the folder of what is kept of a tenant: with `service.tenants` each has its own.
    pub fn folder_of(&self, tenant: &TenantName) -> PathBuf {
        let state = &self.node.state;
        match self.service.tenant {
            Some(_) => state.clone(),
            None => state.join("tenants").join(tenant.as_str()),
        }
    }

    /// Reads a text. The keys that it does not have come from [`DEFAULTS`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut config: Self = value_of(table_of(text)?)?;
        let problems = problems::of(&config);
        if problems.is_empty() {
            let Service {
                tenant, tenants, ..
            } = &mut config.service;
            tenants.extend(tenant.clone());
            tenants.sort_unstable();
            Ok(config)
        } else {
            Err(ConfigError::Problems(problems))
        }
    }
}

/// Reads the text of a file.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let failed = |error| ConfigError::Read(path.to_owned(), error);
    if fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
        return Err(ConfigError::TooLarge(path.to_owned()));
    }
    fs::read_to_string(path).map_err(failed)
}

/// Returns a text's keys, and the defaults of all others.
fn table_of(text: &str) -> Result<Table, ConfigError> {
    let mut table: Table = DEFAULTS.parse()?;
    merge(&mut table, text.parse()?);
    Ok(table)
}

fn value_of<T: DeserializeOwned>(table: Table) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| ConfigError::Key {
        key: error.path().to_string(),
        message: error.inner().message().trim().to_owned(),
    })
}

fn merge(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(table)), Value::Table(over)) => merge(table, over),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests;
