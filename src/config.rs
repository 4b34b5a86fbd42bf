//! Typed settings: defaults < file < environment < flags, checked once at the start.
//!
//! `config.default.toml` lists every key with its default and its effect. It is compiled in, so a
//! key without a default or a default without a key fails the tests. A wrong value stops the start,
//! and the error names the key. `Debug` output does not show secrets.

mod auth;
mod duration;
mod edge;
mod renamed;
mod resilience;
mod sections;
mod ui;

use std::{collections::HashMap, path::Path, time::Duration};

pub use auth::*;
use renamed::Given;
pub use resilience::*;
use secrecy::ExposeSecret as _;
pub use sections::*;
pub use ui::*;
use validator::{Validate as _, ValidationError, ValidationErrors, ValidationErrorsKind};

/// The text of `config.default.toml`: every key with its default and its documentation.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// Keys whose values are lists: comma-separated in the environment and in flags.
const LISTS: &[&str] = &[
    "postgres.replica_urls",
    "http.trusted_proxies",
    "dataplane.signing_keys",
    "http.cors_origins",
    "http.allowed_hosts",
    "auth.jwt.algorithms",
    "auth.jwt.role_map",
    "privacy.master_keys",
    "telemetry.mask",
    "ui.session_keys",
];

/// Names and values of environment variables.
type Variables = HashMap<String, String>;

/// Keys whose values in the environment are used unchanged. Other values are parsed, and a number
/// is formatted anew: the password 007 would become 7.
const TEXTS: [&str; 6] = [
    "kafka.sasl_username",
    "kafka.sasl_password",
    "auth.key_pepper",
    "http.ops_token",
    "ui.oidc.client_id",
    "ui.oidc.client_secret",
];

/// The reason why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A source cannot be read, has an unknown key, or a value of the wrong type.
    #[error("configuration: {0}")]
    Load(String),
    /// A value is out of its range.
    #[error("configuration: {key}: {reason}")]
    Invalid {
        /// The key with its sections, joined by dots.
        key: String,
        /// The expected value or rule, as the end of a sentence that begins with the key.
        reason: String,
    },
}

impl Settings {
    /// Reads and checks the settings. `overrides` are the `key=value` of `--set` flags.
    pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Self, ConfigError> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::with_environment(file, variables.collect(), overrides)
    }

    fn with_environment(
        file: Option<&Path>,
        variables: Variables,
        overrides: &[String],
    ) -> Result<Self, ConfigError> {
        let as_it_stands = |key: &&str| {
            let value = variables.get(&format!("TM__{}", key.replace('.', "__").to_uppercase()))?;
            Some(format!("{key}={value}"))
        };
        let mut later: Vec<String> = TEXTS.iter().filter_map(as_it_stands).collect();
        later.extend_from_slice(overrides);
        let environment = config::Environment::with_prefix("TM")
            .source(Some(variables))
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",");
        let environment = LISTS.iter().fold(environment, |environment, key| {
            environment.with_list_parse_key(key)
        });
        Self::from_sources(file, Some(environment), &later)
    }

    /// Reads the defaults and `overrides` only, without a file or the environment, for tests.
    pub fn without_environment(overrides: &[String]) -> Result<Self, ConfigError> {
        Self::from_sources(None, None, overrides)
    }

    fn from_sources(
        file: Option<&Path>,
        environment: Option<config::Environment>,
        overrides: &[String],
    ) -> Result<Self, ConfigError> {
        let mut sources = config::Config::builder();
        if let Some(path) = file {
            sources = sources.add_source(
                config::File::from(path)
                    .format(config::FileFormat::Toml)
                    .required(true),
            );
        }
        if let Some(environment) = environment {
            sources = sources.add_source(environment);
        }
        for pair in overrides {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| invalid(pair, "an override has the form --set KEY=VALUE"))?;
            sources = if LISTS.contains(&key) {
                sources.set_override(
                    key,
                    value
                        .split(',')
                        .filter(|item| !item.is_empty())
                        .collect::<Vec<_>>(),
                )?
            } else {
                sources.set_override(key, value)?
            };
        }
        let (given, renamed) = Given::new(&sources.build()?)?;
        let mut settings: Self = config::Config::builder()
            .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml))
            .add_source(given)
            .build()?
            .try_deserialize()?;
        settings.renamed = renamed;
        // An empty variable means an empty list.
        settings.auth.jwt.role_map.retain(|entry| !entry.is_empty());
        for secrets in [
            &mut settings.postgres.replica_urls,
            &mut settings.privacy.master_keys,
            &mut settings.ui.session_keys,
        ] {
            secrets.retain(|secret| !secret.expose_secret().is_empty());
        }
        settings.telemetry.mask.retain(|name| !name.is_empty());
        settings
            .http
            .cors_origins
            .retain(|origin| !origin.is_empty());
        settings.http.allowed_hosts.retain(|host| !host.is_empty());
        settings.drain.set_deadline();
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if let Err(errors) = self.validate() {
            let (key, reason) = first_error(&errors, "");
            return Err(ConfigError::Invalid { key, reason });
        }
        edge::check(&self.http)?;
        if self.auth.mode == AuthMode::None {
            for (key, address) in [
                ("http.listen", self.http.listen),
                ("http.ops_listen", self.http.ops_listen),
                (
                    "http.ads_listen",
                    self.http.ads_listen.unwrap_or(self.http.listen),
                ),
            ] {
                if !address.ip().is_loopback() {
                    return Err(invalid(
                        key,
                        "with auth.mode = \"none\" only a loopback address is accepted",
                    ));
                }
            }
        }
        if self.postgres.pool_size < self.write.lanes {
            return Err(invalid(
                "postgres.pool_size",
                "must be at least write.lanes",
            ));
        }
        if self.http.request_timeout <= self.write.timeout {
            return Err(invalid(
                "http.request_timeout_ms",
                "must be longer than write.timeout_ms, so that the outcome of a write is reported",
            ));
        }
        if self.drain.deadline < self.drain.steps() {
            return Err(invalid(
                "drain.deadline_ms",
                "must be at least drain.ready_grace_ms, drain.requests_ms (whole seconds) and twice drain.step_ms together; 0 sets it",
            ));
        }
        self.resilience.check()?;
        if self.kafka.topic == self.kafka.dlq_topic {
            return Err(invalid("kafka.dlq_topic", "must differ from kafka.topic"));
        }
        if [&self.kafka.topic, &self.kafka.dlq_topic].contains(&&self.kafka.node_topic) {
            return Err(invalid(
                "kafka.node_topic",
                "must differ from kafka.topic and kafka.dlq_topic",
            ));
        }
        if self.nodes.per_tenant > self.nodes.all {
            return Err(invalid("nodes.per_tenant", "may be at most nodes.all"));
        }
        if self.kafka.max_message_bytes < self.limits.event_bytes * 2 {
            return Err(invalid(
                "kafka.max_message_bytes",
                "must be at least twice limits.event_bytes",
            ));
        }
        if self.mongo.collection == self.mongo.access_collection {
            return Err(invalid(
                "mongo.access_collection",
                "must differ from mongo.collection",
            ));
        }
        self.auth.jwt.check()?;
        self.ui.check(&self.auth.jwt)?;
        self.http.tls.check()?;
        self.kafka.check_security()
    }
}

impl Drain {
    /// The deadline that is not set, unless the steps need more time.
    const DEADLINE: Duration = Duration::from_secs(25);

    /// Returns the time that all steps may take: the grace period, the requests in whole seconds, as
    /// the server counts them, one step for the pipeline and one for the watchers.
    fn steps(&self) -> Duration {
        self.ready_grace + Duration::from_secs(whole_seconds(self.requests)) + self.step * 2
    }

    /// Sets a deadline that is not set.
    fn set_deadline(&mut self) {
        if self.deadline.is_zero() {
            self.deadline = self.steps().max(Self::DEADLINE);
        }
    }
}

/// Rounds up to whole seconds.
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

impl HttpTls {
    fn check(&self) -> Result<(), ConfigError> {
        let Self {
            cert_file,
            key_file,
            client_ca_file,
            trust_domain,
            ..
        } = self;
        if cert_file.is_empty() != key_file.is_empty() {
            let key = if key_file.is_empty() {
                "http.tls.key_file"
            } else {
                "http.tls.cert_file"
            };
            return Err(invalid(
                key,
                "must be set too: a certificate and its key belong together",
            ));
        }
        if !client_ca_file.is_empty() && cert_file.is_empty() {
            return Err(invalid(
                "http.tls.client_ca_file",
                "needs http.tls.cert_file: client certificates require TLS",
            ));
        }
        if !client_ca_file.is_empty() && trust_domain.is_empty() {
            return Err(invalid(
                "http.tls.trust_domain",
                "is required with http.tls.client_ca_file",
            ));
        }
        Ok(())
    }
}

impl Kafka {
    /// Refuses security settings that would have no effect: the operator would believe in a
    /// protection that does not exist.
    fn check_security(&self) -> Result<(), ConfigError> {
        let is_sasl = self.security_protocol == SecurityProtocol::SaslSsl;
        let has_password = !self.sasl_password.expose_secret().is_empty();
        if self.security_protocol == SecurityProtocol::Plaintext && !self.ca_file.is_empty() {
            return Err(invalid(
                "kafka.ca_file",
                "is not used with kafka.security_protocol = \"plaintext\"",
            ));
        }
        if !is_sasl && (has_password || !self.sasl_username.is_empty()) {
            return Err(invalid(
                "kafka.sasl_username",
                "is used with kafka.security_protocol = \"sasl_ssl\" only",
            ));
        }
        if is_sasl && (self.sasl_username.is_empty() || !has_password) {
            return Err(invalid(
                "kafka.sasl_username",
                "is required, with its password, for kafka.security_protocol = \"sasl_ssl\"",
            ));
        }
        Ok(())
    }
}

impl From<config::ConfigError> for ConfigError {
    fn from(error: config::ConfigError) -> Self {
        match error {
            config::ConfigError::At {
                error,
                key: Some(key),
                ..
            } => Self::Invalid {
                key,
                reason: error.to_string(),
            },
            other => Self::Load(other.to_string()),
        }
    }
}

/// Returns the error for a key that the role needs and that is empty.
pub fn missing(key: &str) -> ConfigError {
    invalid(key, "is required and is empty")
}

/// Returns the error for a key whose value cannot be used.
pub fn unusable(key: &str, reason: impl std::fmt::Display) -> ConfigError {
    invalid(key, &reason.to_string())
}

fn invalid(key: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid {
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}

fn first_error(errors: &ValidationErrors, prefix: &str) -> (String, String) {
    for (field, kind) in errors.errors() {
        let key = if prefix.is_empty() {
            field.to_string()
        } else {
            format!("{prefix}.{field}")
        };
        match kind {
            ValidationErrorsKind::Struct(inner) => return first_error(inner, &key),
            ValidationErrorsKind::Field(list) => {
                let reason = list.first().map_or("valid".to_owned(), reason);
                return (key, format!("must be {reason}"));
            }
            ValidationErrorsKind::List(_) => {}
        }
    }
    (prefix.to_owned(), "is not valid".to_owned())
}

/// Returns the permitted values, from the limits of the rule that a value breaks.
fn reason(error: &ValidationError) -> String {
    let limit = |name: &str| error.params.get(name).map(plain);
    let unit = match error.code.as_ref() {
        "length" => " characters",
        _ => "",
    };
    match (limit("min"), limit("max")) {
        (Some(min), Some(max)) => format!("{min} to {max}{unit}"),
        (Some(min), None) => format!("at least {min}{unit}"),
        (None, Some(max)) => format!("0 to {max}{unit}"),
        (None, None) => "valid".to_owned(),
    }
}

/// Returns a limit without the decimal point of a whole number.
fn plain(limit: &serde_json::Value) -> String {
    match limit.as_f64().filter(|_| limit.is_f64()) {
        Some(number) => number.to_string(),
        None => limit.to_string(),
    }
}

#[cfg(test)]
mod tests;
