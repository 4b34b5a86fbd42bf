//! Typed settings: defaults < file < environment < flags, checked once at the start.
//!
//! `config.default.toml` lists every key with its default and its effect. It is compiled in, so a
//! key without a default or a default without a key fails the tests. A wrong value stops the start,
//! and the error names the key. `Debug` output does not show secrets.

mod auth;
mod edge;
mod renamed;
mod resilience;
mod sections;

use std::{collections::HashMap, path::Path, time::Duration};

pub use auth::*;
use renamed::Given;
pub use resilience::*;
use secrecy::ExposeSecret as _;
pub use sections::*;
use validator::{Validate as _, ValidationErrors, ValidationErrorsKind};

/// The text of `config.default.toml`: every key with its default and its documentation.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// Keys whose values are lists: comma-separated in the environment and in flags.
const LISTS: &[&str] = &[
    "postgres.replica_urls",
    "http.trusted_proxies",
    "http.cors_origins",
    "http.allowed_hosts",
    "auth.jwt.algorithms",
    "auth.jwt.role_map",
    "privacy.master_keys",
    "telemetry.mask",
];

/// Names and values of environment variables.
type Variables = HashMap<String, String>;

/// Keys whose values in the environment are used unchanged. Other values are parsed, and a number
/// is formatted anew: the password 007 would become 7.
const TEXTS: [&str; 4] = [
    "kafka.sasl_username",
    "kafka.sasl_password",
    "auth.key_pepper",
    "http.ops_token",
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
        ] {
            secrets.retain(|secret| !secret.expose_secret().is_empty());
        }
        settings.telemetry.mask.retain(|name| !name.is_empty());
        settings
            .http
            .cors_origins
            .retain(|origin| !origin.is_empty());
        settings.http.allowed_hosts.retain(|host| !host.is_empty());
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
        if self.http.request_timeout_ms <= self.write.timeout_ms {
            return Err(invalid(
                "http.request_timeout_ms",
                "must be longer than write.timeout_ms, so that the outcome of a write is reported",
            ));
        }
        self.resilience.check()?;
        if self.kafka.topic == self.kafka.dlq_topic {
            return Err(invalid("kafka.dlq_topic", "must differ from kafka.topic"));
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
        self.http.tls.check()?;
        self.kafka.check_security()
    }
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
        Self::Load(error.to_string())
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

/// Converts the milliseconds of a setting to a duration.
pub fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
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
                let reason = list
                    .first()
                    .and_then(|e| e.message.as_deref())
                    .unwrap_or("is not valid");
                return (key, format!("must be {reason}"));
            }
            ValidationErrorsKind::List(_) => {}
        }
    }
    (prefix.to_owned(), "is not valid".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(overrides: &[&str]) -> String {
        let overrides: Vec<String> = overrides.iter().map(|s| (*s).to_owned()).collect();
        Settings::without_environment(&overrides)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn default_settings_are_valid() {
        Settings::without_environment(&[]).unwrap();
    }

    #[test]
    fn invalid_setting_error_names_its_key() {
        for (wrong, key) in [
            ("http.max_body_bytes=12", "http.max_body_bytes"),
            ("http.listen=nowhere", "http.listen"),
            ("http.trusted_proxies=10.0.0.0/33", "trusted_proxies"),
            ("write.lanes=many", "write.lanes"),
            ("write.lanes=0", "write.lanes"),
            ("telemetry.sample_ratio=2", "telemetry.sample_ratio"),
            ("kafka.colour=blue", "colour"),
            ("kafka.max_message_bytes=1048575", "kafka.max_message_bytes"),
            ("limits.event_bytes=2097153", "kafka.max_message_bytes"),
            ("auth.mode=maybe", "auth.mode"),
            ("nonsense", "nonsense"),
        ] {
            let message = error(&[wrong]);
            assert!(message.contains(key), "{wrong}: {message}");
        }
    }

    #[test]
    fn listener_without_authentication_must_be_on_loopback() {
        let open = |listener: &str| error(&["auth.mode=none", &format!("{listener}=0.0.0.0:8000")]);
        for listener in ["http.listen", "http.ops_listen"] {
            assert!(open(listener).contains(listener), "{}", open(listener));
        }
        assert!(Settings::without_environment(&["http.listen=0.0.0.0:8000".into()]).is_ok());
        assert_eq!(
            Settings::without_environment(&[]).unwrap().auth.mode,
            AuthMode::Required,
            "the default"
        );
    }

    #[test]
    fn incomplete_tls_and_password_settings_are_refused() {
        for (wrong, key) in [
            (&["http.tls.cert_file=a"][..], "http.tls.key_file"),
            (&["http.tls.key_file=a"], "http.tls.cert_file"),
            (
                &["http.tls.client_ca_file=a", "http.tls.trust_domain=d"],
                "http.tls.client_ca_file",
            ),
            (
                &[
                    "http.tls.cert_file=a",
                    "http.tls.key_file=b",
                    "http.tls.client_ca_file=c",
                ],
                "http.tls.trust_domain",
            ),
            (&["kafka.ca_file=a"], "kafka.ca_file"),
            (&["kafka.sasl_password=a"], "kafka.sasl_username"),
            (
                &["kafka.security_protocol=ssl", "kafka.sasl_username=a"],
                "kafka.sasl_username",
            ),
            (
                &["kafka.security_protocol=sasl_ssl", "kafka.sasl_username=a"],
                "kafka.sasl_username",
            ),
            (
                &["kafka.security_protocol=sasl_plaintext"],
                "security_protocol",
            ),
            (&["kafka.sasl_mechanism=MD5"], "sasl_mechanism"),
        ] {
            let message = error(wrong);
            assert!(message.contains(key), "{wrong:?}: {message}");
        }
    }

    #[test]
    fn empty_replica_list_means_no_replicas() {
        let with = |urls: &str| {
            Settings::without_environment(&[format!("postgres.replica_urls={urls}")])
                .unwrap()
                .postgres
                .replica_urls
        };
        assert_eq!(with("").len(), 0);
        assert_eq!(with("postgres://a/x,postgres://b/x").len(), 2);
    }

    #[test]
    fn password_in_the_environment_stays_text() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let variables = [
            variable("TM__KAFKA__SECURITY_PROTOCOL", "sasl_ssl"),
            variable("TM__KAFKA__SASL_USERNAME", "1e3"),
            variable("TM__KAFKA__SASL_PASSWORD", "007"),
            variable("TM__POSTGRES__POOL_SIZE", "9"),
        ];
        let settings = Settings::with_environment(
            None,
            variables.into(),
            &["kafka.sasl_username=flag".into()],
        )
        .unwrap();
        assert_eq!(settings.kafka.sasl_password.expose_secret(), "007");
        assert_eq!(
            (
                settings.kafka.sasl_username.as_str(),
                settings.postgres.pool_size
            ),
            ("flag", 9)
        );
    }

    #[test]
    fn secrets_are_absent_from_debug_output() {
        let settings =
            Settings::without_environment(
                &["postgres.primary_url=postgres://u:hunter2@h/d".into()],
            )
            .unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
