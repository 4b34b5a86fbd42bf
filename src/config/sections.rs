//! What can be set: a type for each section of `config.default.toml`.

use std::net::SocketAddr;

use secrecy::SecretString;
use serde::Deserialize;
use validator::Validate;

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
