//! The part of the configuration that a relay uses.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{ConfigError, Node, Service, Times, fields, read_text, table_of, value_of};

/// The configuration of a relay. Sections of the proxy's agent are not looked at.
#[derive(Debug, Clone, Deserialize)]
pub struct RelayConfig {
    /// The control plane, or another relay.
    pub service: Service,
    /// The relay's name, and the folder of what it keeps.
    pub node: Node,
    /// What documents for proxies say unless a proxy asks for something else.
    pub proxy: DocumentDefaults,
    /// The relay itself.
    pub relay: Relay,
    /// All times.
    pub times: Times,
}

/// What of the section `proxy` a relay uses.
#[derive(Debug, Clone, Deserialize)]
pub struct DocumentDefaults {
    /// Where proxies take requests.
    pub listen: SocketAddr,
    /// The proxies' own interface.
    pub admin: SocketAddr,
    /// The certificates against which versions' `https` URLs are verified.
    pub ca_file: String,
}

/// The section `relay`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// Where nodes are served.
    #[serde(deserialize_with = "fields::optional")]
    pub listen: Option<SocketAddr>,
    /// The certificate of the listener, with its chain.
    #[serde(deserialize_with = "fields::optional")]
    pub certificate_file: Option<PathBuf>,
    /// The key of the certificate.
    #[serde(deserialize_with = "fields::optional")]
    pub key_file: Option<PathBuf>,
    /// Allows plain http on addresses that are not loopback.
    pub plain: bool,
    /// The relay's own address.
    pub admin: SocketAddr,
    /// The most parts of tenants that are followed.
    pub max_followed: usize,
    /// The time after which a part that nobody asks for is left.
    #[serde(rename = "idle_ms", deserialize_with = "fields::duration")]
    pub idle: Duration,
    /// The most connections of nodes.
    pub max_connections: usize,
    /// The most long polls and streams.
    pub max_waiters: usize,
    /// The most long polls and streams of one tenant.
    pub max_waiters_per_tenant: usize,
    /// The most bytes of rendered dialects that are kept.
    pub rendered_bytes: usize,
    /// The time after which a reader that takes nothing is cut off.
    #[serde(rename = "write_stall_ms", deserialize_with = "fields::duration")]
    pub write_stall: Duration,
    /// The longest time of a stream.
    #[serde(rename = "stream_lifetime_ms", deserialize_with = "fields::duration")]
    pub stream_lifetime: Duration,
    /// The time that the control plane's word about a key counts.
    #[serde(rename = "token_ttl_ms", deserialize_with = "fields::duration")]
    pub token_ttl: Duration,
    /// The time that a good word counts while the control plane cannot be reached.
    #[serde(rename = "token_grace_ms", deserialize_with = "fields::duration")]
    pub token_grace: Duration,
    /// The time that a refused key is not asked about again.
    #[serde(rename = "token_refused_ms", deserialize_with = "fields::duration")]
    pub token_refused: Duration,
    /// The most keys of nodes that are remembered.
    pub max_tokens: usize,
    /// The most unknown keys a second that the control plane is asked about.
    pub unknown_tokens_per_second: u32,
    /// The most nodes that are reported.
    pub max_nodes: usize,
    /// The time between reports of what changed.
    #[serde(rename = "report_ms", deserialize_with = "fields::duration")]
    pub report: Duration,
    /// The time between reports of who is there.
    #[serde(rename = "presence_ms", deserialize_with = "fields::duration")]
    pub presence: Duration,
}

impl RelayConfig {
    /// Reads a file.
    pub fn read(path: &std::path::Path) -> Result<Self, ConfigError> {
        Self::parse(&read_text(path)?)
    }

    /// Reads a text. The keys that it does not have come from [`super::DEFAULTS`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut config: Self = value_of(table_of(text)?)?;
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(ConfigError::Problems(problems));
        }
        let Service {
            tenant, tenants, ..
        } = &mut config.service;
        tenants.extend(tenant.clone());
        Ok(config)
    }

    /// Returns all problems, each with the key that it is about.
    fn problems(&self) -> Vec<String> {
        let Self {
            service,
            node,
            relay,
            ..
        } = self;
        let mut problems = Vec::new();
        let mut require = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        require(
            !service.servers.is_empty(),
            "service.servers: at least one URL is required",
        );
        require(
            !service.trusted_keys.is_empty(),
            "service.trusted_keys: a relay passes on only what is signed",
        );
        require(
            service.env.is_none() && service.service.is_none(),
            "service.env, service.service: a relay follows what its nodes ask for",
        );
        require(
            service.tenant.is_none() || service.tenants.is_empty(),
            "service.tenant, service.tenants: only one of them can be set",
        );
        require(
            service.tenants.iter().collect::<BTreeSet<_>>().len() == service.tenants.len(),
            "service.tenants: names one twice",
        );
        require(
            service.token_file.is_none() || service.token_env.is_none(),
            "service.token_file, service.token_env: only one of them can be set",
        );
        require(
            node.state.is_absolute(),
            "node.state: must be an absolute path",
        );
        require(
            relay.admin.ip().is_loopback(),
            "relay.admin: must be a loopback address, since it asks for no keys",
        );
        require(
            relay.certificate_file.is_some() == relay.key_file.is_some(),
            "relay.certificate_file, relay.key_file: only both or neither",
        );
        let is_local = relay.listen.is_none_or(|listen| listen.ip().is_loopback());
        require(
            is_local || relay.plain || relay.certificate_file.is_some(),
            "relay.listen: an address that is not loopback needs relay.certificate_file, or relay.plain = true",
        );
        require(
            relay.max_waiters_per_tenant <= relay.max_waiters,
            "relay.max_waiters_per_tenant: must not be more than relay.max_waiters",
        );
        for (name, limit) in [
            ("max_followed", relay.max_followed),
            ("max_connections", relay.max_connections),
            ("max_waiters_per_tenant", relay.max_waiters_per_tenant),
            ("max_tokens", relay.max_tokens),
            (
                "unknown_tokens_per_second",
                relay.unknown_tokens_per_second as usize,
            ),
        ] {
            require(limit > 0, &format!("relay.{name}: must be more than 0"));
        }
        problems
    }
}

/// Whether a text is the file of a relay, and whether it is that of a proxy's agent; it can be both.
pub fn kinds(text: &str) -> Result<(bool, bool), ConfigError> {
    let table = table_of(text)?;
    let has = |section: &str, key: &str| {
        let value = table.get(section).and_then(|section| section.get(key));
        value
            .and_then(toml::Value::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    let is_relay = has("relay", "listen");
    Ok((is_relay, has("proxy", "dialect") || !is_relay))
}
