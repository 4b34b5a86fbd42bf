//! Typed settings: defaults < file < environment < flags, checked once at the start.
//!
//! Every key, its default and its consequence stand in `config.default.toml`, which is compiled in, so a key without a default
//! or a default without a key fails the tests. A wrong value stops the start with the key's name; secrets hide themselves in `Debug`.

use std::{net::SocketAddr, path::Path, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

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

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize, Validate)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(#[doc = concat!("`", stringify!($field), "` of `config.default.toml`.")] $(#[$field_doc])* pub $field: $type,)*
        }
    };
}

section! {
    /// All settings.
    Settings {
        #[validate(nested)] http: Http,
        auth: Auth,
        #[validate(nested)] postgres: Postgres,
        #[validate(nested)] write: Write,
        #[validate(nested)] limits: Limits,
        #[validate(nested)] read: Read,
        #[validate(nested)] kafka: Kafka,
        #[validate(nested)] relay: Relay,
        #[validate(nested)] mongo: Mongo,
        #[validate(nested)] audit: Audit,
        #[validate(nested)] retention: Retention,
        #[validate(nested)] breaker: Breaker,
        #[validate(nested)] drain: Drain,
        #[validate(nested)] telemetry: Telemetry,
        #[validate(nested)] migrate: Migrate,
    }
}

section! {
    /// `[http]`
    Http {
        listen: SocketAddr,
        ops_listen: SocketAddr,
        #[validate(range(max = 256, message = "0 to 256"))] workers: usize,
        #[validate(range(min = 1024, max = 16_777_216, message = "1024 to 16777216"))] max_body_bytes: usize,
        #[validate(range(min = 1024, max = 268_435_456, message = "1024 to 268435456"))] max_bulk_bytes: usize,
        #[validate(range(min = 100, max = 120_000, message = "100 to 120000"))] request_timeout_ms: u64,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] max_connections: usize,
        #[validate(range(min = 1000, max = 3_600_000, message = "1000 to 3600000"))] keep_alive_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] client_header_timeout_ms: u64,
        #[validate(range(min = 1000, max = 600_000, message = "1000 to 600000"))] write_stall_ms: u64,
    }
}

/// `auth.mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Every caller is an anonymous `platform_admin`; loopback only.
    None,
}

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// How callers are known.
    pub mode: AuthMode,
}

section! {
    /// `[postgres]`
    Postgres {
        primary_url: SecretString,
        replica_urls: Vec<SecretString>,
        #[validate(range(min = 2, max = 1000, message = "2 to 1000"))] pool_size: usize,
        #[validate(range(min = 10, max = 30_000, message = "10 to 30000"))] acquire_timeout_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] connect_timeout_ms: u64,
        #[validate(range(min = 10, max = 30_000, message = "10 to 30000"))] recycle_timeout_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] statement_timeout_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] lock_timeout_ms: u64,
        #[validate(range(min = 1000, max = 60_000, message = "1000 to 60000"))] idle_in_transaction_timeout_ms: u64,
        #[validate(range(min = 10, max = 60_000, message = "10 to 60000"))] read_timeout_ms: u64,
        #[validate(range(max = 1_073_741_824, message = "0 to 1073741824"))] replica_max_lag_bytes: u64,
        #[validate(range(min = 50, max = 60_000, message = "50 to 60000"))] replica_check_ms: u64,
    }
}

section! {
    /// `[write]`
    Write {
        #[validate(range(min = 1, max = 64, message = "1 to 64"))] lanes: usize,
        #[validate(range(min = 1, max = 4096, message = "1 to 4096"))] max_batch: usize,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] queue: usize,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] timeout_ms: u64,
        #[validate(range(min = 1, max = 10, message = "1 to 10"))] max_attempts: u32,
        #[validate(range(min = 1, max = 720, message = "1 to 720"))] idempotency_ttl_hours: u32,
    }
}

section! {
    /// `[limits]`
    Limits {
        #[validate(range(min = 1, max = 10_000_000, message = "1 to 10000000"))] routes_per_tenant: u32,
        #[validate(range(min = 1, max = 10_000_000, message = "1 to 10000000"))] policies_per_tenant: u32,
        writes_per_second_per_tenant: u32,
        #[validate(range(min = 1, max = 1000, message = "1 to 1000"))] plans_per_tenant: u32,
        #[validate(range(min = 1, max = 720, message = "1 to 720"))] plan_ttl_hours: u32,
    }
}

section! {
    /// `[read]`
    Read {
        #[validate(range(min = 1_048_576, message = "at least 1048576"))] cache_bytes: u64,
        #[validate(range(min = 1_048_576, message = "at least 1048576"))] body_bytes: u64,
        #[validate(range(max = 60_000, message = "0 to 60000"))] negative_ttl_ms: u64,
        #[validate(range(min = 50, max = 60_000, message = "50 to 60000"))] refresh_ms: u64,
        #[validate(range(max = 30_000, message = "0 to 30000"))] min_revision_wait_ms: u64,
        #[validate(range(max = 60_000, message = "0 to 60000"))] max_wait_ms: u64,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] max_waiters: usize,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] max_waiters_per_tenant: usize,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] stream_comment_ms: u64,
        #[validate(range(min = 1000, max = 86_400_000, message = "1000 to 86400000"))] stream_lifetime_ms: u64,
        #[validate(range(min = 100, max = 3_600_000, message = "100 to 3600000"))] snapshot_every_ms: u64,
        snapshot_dir: String,
    }
}

section! {
    /// `[kafka]`
    Kafka {
        bootstrap_servers: String,
        #[validate(length(min = 1, max = 249, message = "a topic name"))] topic: String,
        #[validate(length(min = 1, max = 249, message = "a topic name"))] dlq_topic: String,
        #[validate(length(min = 1, max = 255, message = "1 to 255 bytes"))] source: String,
        #[validate(range(min = 1000, max = 300_000, message = "1000 to 300000"))] delivery_timeout_ms: u64,
        #[validate(range(max = 1000, message = "0 to 1000"))] linger_ms: u64,
        #[validate(length(min = 1, max = 249, message = "a group name"))] group: String,
        #[validate(range(min = 6000, max = 300_000, message = "6000 to 300000"))] session_timeout_ms: u64,
        #[validate(range(min = 10_000, max = 3_600_000, message = "10000 to 3600000"))] max_poll_interval_ms: u64,
    }
}

section! {
    /// `[relay]`
    Relay {
        #[validate(range(min = 1, max = 10_000, message = "1 to 10000"))] batch: usize,
        #[validate(range(min = 10, max = 60_000, message = "10 to 60000"))] poll_ms: u64,
        #[validate(range(min = 100, max = 120_000, message = "100 to 120000"))] step_timeout_ms: u64,
        #[validate(range(min = 10, max = 60_000, message = "10 to 60000"))] election_ms: u64,
        #[validate(range(min = 1, max = 10_000, message = "1 to 10000"))] notify_ms: u64,
    }
}

section! {
    /// `[mongo]`
    Mongo {
        url: SecretString,
        #[validate(length(min = 1, max = 63, message = "1 to 63 bytes"))] database: String,
        #[validate(length(min = 1, max = 100, message = "1 to 100 bytes"))] collection: String,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] server_selection_timeout_ms: u64,
        #[validate(range(min = 100, max = 120_000, message = "100 to 120000"))] query_timeout_ms: u64,
        #[validate(range(min = 100, max = 120_000, message = "100 to 120000"))] insert_timeout_ms: u64,
        #[validate(range(min = 1, max = 1000, message = "1 to 1000"))] pool_size: u32,
    }
}

section! {
    /// `[audit]`
    Audit {
        #[validate(range(min = 1, max = 10_000, message = "1 to 10000"))] batch: usize,
        #[validate(range(max = 10_000, message = "0 to 10000"))] batch_wait_ms: u64,
        #[validate(range(min = 1, max = 100, message = "1 to 100"))] max_attempts: u32,
        #[validate(range(min = 1000, max = 600_000, message = "1000 to 600000"))] stuck_after_ms: u64,
        #[validate(range(min = 1, max = 1000, message = "1 to 1000"))] max_concurrent_queries: usize,
        #[validate(range(min = 1, max = 100, message = "1 to 100"))] max_concurrent_exports: usize,
        #[validate(range(min = 1000, max = 86_400_000, message = "1000 to 86400000"))] export_lifetime_ms: u64,
        #[validate(range(max = 36_500, message = "0 to 36500"))] retention_days: u32,
    }
}

section! {
    /// `[retention]`
    Retention {
        postgres_url: SecretString,
        mongo_url: SecretString,
        #[validate(range(min = 1, max = 10_000, message = "1 to 10000"))] batch: i64,
    }
}

section! {
    /// `[breaker]`
    Breaker {
        #[validate(range(min = 1, max = 1000, message = "1 to 1000"))] failures: u32,
        #[validate(range(min = 10, max = 60_000, message = "10 to 60000"))] open_ms: u64,
        #[validate(range(min = 10, max = 600_000, message = "10 to 600000"))] max_open_ms: u64,
        #[validate(range(min = 1, max = 3, message = "1 to 3"))] probes: usize,
        #[validate(range(max = 100, message = "0 to 100"))] retry_percent: u32,
        #[validate(range(max = 1000, message = "0 to 1000"))] retry_burst: u32,
    }
}

section! {
    /// `[drain]`
    Drain {
        #[validate(range(max = 60_000, message = "0 to 60000"))] ready_grace_ms: u64,
        #[validate(range(min = 100, max = 300_000, message = "100 to 300000"))] requests_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] step_ms: u64,
    }
}

/// `telemetry.format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

section! {
    /// `[telemetry]`
    Telemetry {
        log: String,
        format: LogFormat,
        otlp_endpoint: String,
        #[validate(range(min = 0.0, max = 1.0, message = "0 to 1"))] sample_ratio: f64,
        #[validate(length(min = 1, max = 255, message = "1 to 255 bytes"))] service_name: String,
    }
}

section! {
    /// `[migrate]`
    Migrate {
        postgres_url: SecretString,
        mongo_url: SecretString,
        #[validate(range(min = 1, max = 1000, message = "1 to 1000"))] partitions: i32,
        #[validate(range(min = 1, max = 10, message = "1 to 10"))] replication: i32,
    }
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

impl Limits {
    /// What a tenant may without quotas of its own.
    pub fn quotas(&self) -> crate::domain::tenant::Quotas {
        let Self { routes_per_tenant, policies_per_tenant, writes_per_second_per_tenant: writes, .. } = *self;
        crate::domain::tenant::Quotas {
            body_bytes: None,
            policies: Some(policies_per_tenant),
            routes: Some(routes_per_tenant),
            waiters: None,
            writes_per_second: (writes > 0).then_some(writes),
        }
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
