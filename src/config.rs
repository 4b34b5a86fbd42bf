//! Typed settings: defaults < file < environment < flags, checked once at the start.
//!
//! Every key, its default and its consequence stand in `config.default.toml`, which is compiled in, so a key without a default
//! or a default without a key fails the tests. A wrong value stops the start with the key's name; secrets hide themselves in `Debug`.

mod sections;

use std::{path::Path, time::Duration};

use secrecy::ExposeSecret as _;
pub use sections::*;
use validator::{Validate as _, ValidationErrors, ValidationErrorsKind};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A source cannot be read, has an unknown key, or a value of the wrong type.
    #[error("configuration: {0}")]
    Load(String),
    /// A value is out of its range.
    #[error("configuration: {key}: {reason}")]
    Invalid {
        /// The key, dotted.
        key: String,
        /// What is expected.
        reason: String,
    },
}

impl Settings {
    /// Reads and checks the settings. `overrides` are `key=value` flags.
    pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Self, ConfigError> {
        let environment = config::Environment::with_prefix("TM")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("postgres.replica_urls");
        Self::from_sources(file, Some(environment), overrides)
    }

    /// The same without the environment: what tests start from.
    pub fn without_environment(overrides: &[String]) -> Result<Self, ConfigError> {
        Self::from_sources(None, None, overrides)
    }

    fn from_sources(
        file: Option<&Path>, environment: Option<config::Environment>, overrides: &[String],
    ) -> Result<Self, ConfigError> {
        let mut sources = config::Config::builder().add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        if let Some(path) = file {
            sources = sources.add_source(config::File::from(path).format(config::FileFormat::Toml).required(true));
        }
        if let Some(environment) = environment {
            sources = sources.add_source(environment);
        }
        for pair in overrides {
            let (key, value) = pair.split_once('=').ok_or_else(|| invalid(pair, "a flag is --set key=value"))?;
            sources = if key == "postgres.replica_urls" {
                sources.set_override(key, value.split(',').collect::<Vec<_>>())?
            } else {
                sources.set_override(key, value)?
            };
        }
        let mut settings: Self = sources.build()?.try_deserialize()?;
        // An empty variable means none.
        settings.postgres.replica_urls.retain(|url| !url.expose_secret().is_empty());
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if let Err(errors) = self.validate() {
            let (key, reason) = first_error(&errors, "");
            return Err(ConfigError::Invalid { key, reason });
        }
        if self.auth.mode == AuthMode::None {
            for (key, address) in [("http.listen", self.http.listen), ("http.ops_listen", self.http.ops_listen)] {
                if !address.ip().is_loopback() {
                    return Err(invalid(key, "with auth.mode = \"none\" only a loopback address is accepted"));
                }
            }
        }
        if self.postgres.pool_size < self.write.lanes {
            return Err(invalid("postgres.pool_size", "must be at least write.lanes"));
        }
        if self.http.request_timeout_ms <= self.write.timeout_ms {
            return Err(invalid(
                "http.request_timeout_ms",
                "must be longer than write.timeout_ms, or a write's fate is not told",
            ));
        }
        if self.breaker.max_open_ms < self.breaker.open_ms {
            return Err(invalid("breaker.max_open_ms", "must be at least breaker.open_ms"));
        }
        if self.kafka.topic == self.kafka.dlq_topic {
            return Err(invalid("kafka.dlq_topic", "must differ from kafka.topic"));
        }
        Ok(())
    }
}

impl From<config::ConfigError> for ConfigError {
    fn from(error: config::ConfigError) -> Self {
        Self::Load(error.to_string())
    }
}

/// A key that a role needs and that has no value.
pub fn missing(key: &str) -> ConfigError {
    invalid(key, "is required here and is empty")
}

/// Milliseconds of a setting.
pub fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

fn invalid(key: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid { key: key.to_owned(), reason: reason.to_owned() }
}

fn first_error(errors: &ValidationErrors, prefix: &str) -> (String, String) {
    for (field, kind) in errors.errors() {
        let key = if prefix.is_empty() { field.to_string() } else { format!("{prefix}.{field}") };
        match kind {
            ValidationErrorsKind::Struct(inner) => return first_error(inner, &key),
            ValidationErrorsKind::Field(list) => {
                let reason = list.first().and_then(|e| e.message.as_deref()).unwrap_or("is not valid");
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
        Settings::without_environment(&overrides).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_valid() {
        Settings::without_environment(&[]).unwrap();
    }

    #[test]
    fn a_wrong_value_names_its_key() {
        for (wrong, key) in [
            ("http.max_body_bytes=12", "http.max_body_bytes"),
            ("http.listen=nowhere", "http.listen"),
            ("http.listen=0.0.0.0:8000", "http.listen"),
            ("write.lanes=many", "write.lanes"),
            ("write.lanes=0", "write.lanes"),
            ("telemetry.sample_ratio=2", "telemetry.sample_ratio"),
            ("kafka.colour=blue", "colour"),
            ("auth.mode=maybe", "auth.mode"),
            ("nonsense", "nonsense"),
        ] {
            let message = error(&[wrong]);
            assert!(message.contains(key), "{wrong}: {message}");
        }
    }

    #[test]
    fn an_empty_list_of_replicas_is_none() {
        let with =
            |urls: &str| Settings::without_environment(&[format!("postgres.replica_urls={urls}")]).unwrap().postgres.replica_urls;
        assert_eq!(with("").len(), 0);
        assert_eq!(with("postgres://a/x,postgres://b/x").len(), 2);
    }

    #[test]
    fn secrets_hide_themselves() {
        let settings = Settings::without_environment(&["postgres.primary_url=postgres://u:hunter2@h/d".into()]).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
