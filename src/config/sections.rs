//! The settings: a type for each section of `config.default.toml`.

use std::net::SocketAddr;

use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use validator::Validate;

use super::{auth::Jwt, renamed::Renamed, resilience::Resilience};

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
pub(super) use section;

section! {
    /// All settings, one field for each section.
    Settings {
        #[validate(nested)] http: Http,
        #[validate(nested)] auth: Auth,
        #[validate(nested)] postgres: Postgres,
        #[validate(nested)] write: Write,
        #[validate(nested)] limits: Limits,
        #[validate(nested)] read: Read,
        #[validate(nested)] kafka: Kafka,
        #[validate(nested)] relay: Relay,
        #[validate(nested)] mongo: Mongo,
        #[validate(nested)] audit: Audit,
        #[validate(nested)] dead_letters: DeadLetters,
        #[validate(nested)] replay: Replay,
        #[validate(nested)] access_log: AccessLog,
        #[validate(nested)] retention: Retention,
        #[validate(nested)] resilience: Resilience,
        #[validate(nested)] drain: Drain,
        #[validate(nested)] privacy: Privacy,
        #[validate(nested)] telemetry: Telemetry,
        #[validate(nested)] migrate: Migrate,
        /// Not a key: the old keys in use, with their present names.
        #[serde(skip)] renamed: Vec<Renamed>,
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
        #[validate(range(min = 1024, max = 2_147_483_647, message = "1024 to 2147483647"))] max_bulk_total_bytes: usize,
        #[validate(range(min = 1024, max = 2_147_483_647, message = "1024 to 2147483647"))] max_bulk_tenant_bytes: usize,
        #[validate(range(min = 100, max = 120_000, message = "100 to 120000"))] request_timeout_ms: u64,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] max_connections: usize,
        #[validate(range(min = 1000, max = 3_600_000, message = "1000 to 3600000"))] keep_alive_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] client_header_timeout_ms: u64,
        #[validate(range(min = 1000, max = 600_000, message = "1000 to 600000"))] write_stall_ms: u64,
        trusted_proxies: Vec<IpNet>,
        #[validate(range(min = 512, max = 65_534, message = "512 to 65534"))] max_uri_bytes: usize,
        #[validate(range(min = 16, max = 96, message = "16 to 96"))] max_headers: usize,
        #[validate(range(min = 1024, max = 131_072, message = "1024 to 131072"))] max_header_bytes: usize,
        cors_origins: Vec<String>,
        allowed_hosts: Vec<String>,
        ops_token: SecretString,
        #[validate(nested)] tls: HttpTls,
    }
}

section! {
    /// `[http.tls]`
    HttpTls {
        cert_file: String,
        key_file: String,
        client_ca_file: String,
        #[validate(length(max = 255, message = "at most 255 bytes"))] trust_domain: String,
        #[validate(range(min = 100, max = 3_600_000, message = "100 to 3600000"))] reload_ms: u64,
    }
}

/// `auth.mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Every caller has to present credentials.
    Required,
    /// Every caller is an anonymous `platform_admin`; loopback only.
    None,
}

section! {
    /// `[auth]`
    Auth {
        mode: AuthMode,
        key_pepper: SecretString,
        #[validate(range(min = 100, max = 5000, message = "100 to 5000"))] key_refresh_ms: u64,
        #[validate(range(max = 604_800_000, message = "0 to 604800000"))] key_grace_ms: u64,
        #[validate(range(min = 1, max = 100_000, message = "1 to 100000"))] keys_per_tenant: u32,
        #[validate(range(min = 1, max = 3650, message = "1 to 3650"))] ended_keys_days: u32,
        #[validate(nested)] jwt: Jwt,
    }
}

section! {
    /// `[postgres]`
    Postgres {
        primary_url: SecretString,
        replica_urls: Vec<SecretString>,
        ca_file: String,
        #[validate(range(min = 2, max = 1000, message = "2 to 1000"))] pool_size: usize,
        #[validate(range(min = 10, max = 30_000, message = "10 to 30000"))] acquire_timeout_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] connect_timeout_ms: u64,
        #[validate(range(min = 10, max = 30_000, message = "10 to 30000"))] recycle_timeout_ms: u64,
        #[validate(range(min = 1000, max = 86_400_000, message = "1000 to 86400000"))] max_lifetime_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] statement_timeout_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] lock_timeout_ms: u64,
        #[validate(range(min = 1000, max = 60_000, message = "1000 to 60000"))] idle_in_transaction_timeout_ms: u64,
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
        #[validate(range(min = 2, max = 10_000, message = "2 to 10000"))] large_changes: usize,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] timeout_ms: u64,
        #[validate(range(min = 1, max = 10, message = "1 to 10"))] max_attempts: u32,
        #[validate(range(min = 1, max = 720, message = "1 to 720"))] idempotency_ttl_hours: u32,
        #[validate(range(min = 100, max = 3_600_000, message = "100 to 3600000"))] timeline_check_ms: u64,
        #[validate(range(min = 100, max = 3_600_000, message = "100 to 3600000"))] new_epoch_timeout_ms: u64,
    }
}

section! {
    /// `[limits]`
    Limits {
        #[validate(range(min = 1, max = 10_000_000, message = "1 to 10000000"))] routes_per_tenant: u32,
        #[validate(range(min = 1, max = 10_000_000, message = "1 to 10000000"))] policies_per_tenant: u32,
        #[validate(range(min = 1, max = 64, message = "1 to 64"))] pattern_threads: usize,
        writes_per_second_per_tenant: u32,
        #[validate(range(min = 1, max = 1000, message = "1 to 1000"))] plans_per_tenant: u32,
        #[validate(range(min = 65_536, max = 4_294_967_295_u32, message = "65536 to 4294967295"))] plan_bytes_per_tenant: u32,
        #[validate(range(min = 1, max = 720, message = "1 to 720"))] plan_ttl_hours: u32,
        requests_per_second_per_address: u32,
        failed_logins_per_second_per_address: u32,
        requests_per_second_per_caller: u32,
        requests_per_second_per_tenant: u32,
        #[validate(range(max = 100_000, message = "0 to 100000"))] concurrent_requests_per_tenant: u32,
        #[validate(range(min = 131_072, max = 4_194_304, message = "131072 to 4194304"))] event_bytes: usize,
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

/// `kafka.security_protocol`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// Encrypted; the brokers are verified.
    Ssl,
    /// Encrypted; the brokers are verified, and this client presents a name and a password.
    SaslSsl,
}

/// `kafka.sasl_mechanism`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SaslMechanism {
    /// SCRAM with SHA-256 (RFC 7677).
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// SCRAM with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// The password itself. It is sent over TLS only: no protocol here allows SASL without TLS.
    #[serde(rename = "PLAIN")]
    Plain,
}

section! {
    /// `[kafka]`
    Kafka {
        bootstrap_servers: String,
        security_protocol: SecurityProtocol,
        ca_file: String,
        sasl_mechanism: SaslMechanism,
        sasl_username: String,
        sasl_password: SecretString,
        #[validate(length(min = 1, max = 249, message = "a topic name"))] topic: String,
        #[validate(length(min = 1, max = 249, message = "a topic name"))] dlq_topic: String,
        #[validate(length(min = 1, max = 255, message = "1 to 255 bytes"))] source: String,
        #[validate(range(min = 1000, max = 300_000, message = "1000 to 300000"))] delivery_timeout_ms: u64,
        #[validate(range(max = 1000, message = "0 to 1000"))] linger_ms: u64,
        #[validate(range(min = 262_144, max = 8_388_608, message = "262144 to 8388608"))] max_message_bytes: usize,
        #[validate(range(min = 1000, max = 600_000, message = "1000 to 600000"))] stalled_after_ms: u64,
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
        #[validate(range(min = 100, max = 3_600_000, message = "100 to 3600000"))] set_aside_retry_ms: u64,
    }
}

section! {
    /// `[mongo]`
    Mongo {
        url: SecretString,
        ca_file: String,
        #[validate(length(min = 1, max = 63, message = "1 to 63 bytes"))] database: String,
        #[validate(length(min = 1, max = 100, message = "1 to 100 bytes"))] collection: String,
        #[validate(length(min = 1, max = 100, message = "1 to 100 bytes"))] access_collection: String,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] server_selection_timeout_ms: u64,
        #[validate(range(min = 1, max = 1000, message = "1 to 1000"))] pool_size: u32,
    }
}

section! {
    /// `[audit]`
    Audit {
        #[validate(range(min = 1, max = 10_000, message = "1 to 10000"))] batch: usize,
        #[validate(range(max = 10_000, message = "0 to 10000"))] batch_wait_ms: u64,
        #[validate(range(min = 1, max = 100, message = "1 to 100"))] max_attempts: u32,
        #[validate(range(min = 10, max = 60_000, message = "10 to 60000"))] attempt_ms: u64,
        #[validate(range(min = 1000, max = 600_000, message = "1000 to 600000"))] stalled_after_ms: u64,
        #[validate(range(min = 1, max = 100, message = "1 to 100"))] max_concurrent_exports: usize,
        #[validate(range(min = 1000, max = 86_400_000, message = "1000 to 86400000"))] export_lifetime_ms: u64,
        #[validate(range(max = 36_500, message = "0 to 36500"))] retention_days: u32,
        fail_closed: bool,
        #[validate(range(min = 1, max = 99_999, message = "1 to 99999"))] max_unpublished_events: u32,
        #[validate(range(min = 1, max = 86_400, message = "1 to 86400"))] max_unpublished_seconds: u32,
    }
}

section! {
    /// `[dead_letters]`
    DeadLetters {
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] read_timeout_ms: u64,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] scan: usize,
    }
}

section! {
    /// `[replay]`
    Replay {
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] events_per_second: u32,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] max_events_per_second: u32,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] max_backlog: u32,
        #[validate(range(min = 1, max = 1000, message = "1 to 1000"))] max_running: u32,
    }
}

section! {
    /// `[access_log]`
    AccessLog {
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] queue: usize,
        #[validate(range(min = 1, max = 10_000, message = "1 to 10000"))] batch: usize,
        #[validate(range(min = 10, max = 60_000, message = "10 to 60000"))] poll_ms: u64,
        #[validate(range(min = 100, max = 3_600_000, message = "100 to 3600000"))] summary_ms: u64,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] records_per_second_per_source: u32,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] burst_per_source: u32,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] records_per_second: u32,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] burst: u32,
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
    /// `[drain]`
    Drain {
        #[validate(range(max = 60_000, message = "0 to 60000"))] ready_grace_ms: u64,
        #[validate(range(min = 100, max = 300_000, message = "100 to 300000"))] requests_ms: u64,
        #[validate(range(min = 100, max = 60_000, message = "100 to 60000"))] step_ms: u64,
    }
}

section! {
    /// `[privacy]`
    Privacy {
        master_keys: Vec<SecretString>,
        #[validate(range(min = 100, max = 5000, message = "100 to 5000"))] key_ttl_ms: u64,
        #[validate(range(min = 1, max = 1_000_000, message = "1 to 1000000"))] max_cached_keys: u64,
    }
}

/// `telemetry.format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A JSON object per line.
    Json,
    /// Text for people.
    Text,
}

section! {
    /// `[telemetry]`
    Telemetry {
        log: String,
        format: LogFormat,
        otlp_endpoint: SecretString,
        #[validate(range(min = 0.0, max = 1.0, message = "0 to 1"))] sample_ratio: f64,
        #[validate(length(min = 1, max = 255, message = "1 to 255 bytes"))] service_name: String,
        mask: Vec<String>,
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
    /// Returns the quotas of a tenant without its own quotas.
    pub fn quotas(&self) -> crate::domain::tenant::Quotas {
        let Self {
            routes_per_tenant,
            policies_per_tenant,
            writes_per_second_per_tenant: writes,
            ..
        } = *self;
        crate::domain::tenant::Quotas {
            body_bytes: None,
            policies: Some(policies_per_tenant),
            routes: Some(routes_per_tenant),
            waiters: None,
            writes_per_second: (writes > 0).then_some(writes),
        }
    }

    /// Returns the limits that apply to every tenant.
    pub fn of_tenants(&self) -> crate::domain::tenant::Limits {
        crate::domain::tenant::Limits {
            quotas: self.quotas(),
            event_bytes: self.event_bytes,
        }
    }
}
