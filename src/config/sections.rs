//! The settings: a type for each section of `config.default.toml`.

use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use validator::Validate;

use super::{
    auth::Jwt,
    duration::{Millis, Seconds},
    renamed::Renamed,
    resilience::Resilience,
    ui::Ui,
};

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[serde_with::serde_as]
        #[derive(Debug, Clone, Deserialize, Validate)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(#[doc = concat!("`", stringify!($field), "` of `config.default.toml`. The key of a duration ends with its unit.")] $(#[$field_doc])* pub $field: $type,)*
        }
    };
}
pub(super) use section;

section! {
    /// All settings, one field for each section. The largest section is on the heap, since settings move with the futures
    /// of the program.
    Settings {
        #[validate(nested)] http: Http,
        #[validate(nested)] auth: Auth,
        #[validate(nested)] ui: Ui,
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
        #[validate(nested)] resilience: Box<Resilience>,
        #[validate(nested)] drain: Drain,
        #[validate(nested)] privacy: Privacy,
        #[validate(nested)] telemetry: Telemetry,
        #[validate(nested)] dataplane: Dataplane,
        #[validate(nested)] nodes: Nodes,
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
        #[serde_as(as = "serde_with::NoneAsEmptyString")] ads_listen: Option<SocketAddr>,
        #[validate(range(max = 256))] workers: usize,
        #[validate(range(min = 1024, max = 16_777_216))] max_body_bytes: usize,
        #[validate(range(min = 1024, max = 268_435_456))] max_bulk_bytes: usize,
        #[validate(range(min = 1024, max = 2_147_483_647))] max_bulk_total_bytes: usize,
        #[validate(range(min = 1024, max = 2_147_483_647))] max_bulk_tenant_bytes: usize,
        #[serde(rename = "request_timeout_ms")] #[serde_as(as = "Millis<100, 120_000>")] request_timeout: Duration,
        #[validate(range(min = 1, max = 1_000_000))] max_connections: usize,
        #[serde(rename = "keep_alive_ms")] #[serde_as(as = "Millis<1000, 3_600_000>")] keep_alive: Duration,
        #[serde(rename = "client_header_timeout_ms")] #[serde_as(as = "Millis<100, 60_000>")] client_header_timeout: Duration,
        #[serde(rename = "write_stall_ms")] #[serde_as(as = "Millis<1000, 600_000>")] write_stall: Duration,
        trusted_proxies: Vec<IpNet>,
        #[validate(range(min = 512, max = 65_534))] max_uri_bytes: usize,
        #[validate(range(min = 16, max = 96))] max_headers: usize,
        #[validate(range(min = 1024, max = 131_072))] max_header_bytes: usize,
        cors_origins: Vec<String>,
        allowed_hosts: Vec<String>,
        ops_token: SecretString,
        #[validate(nested)] tls: HttpTls,
    }
}

section! {
    /// `[dataplane]`
    Dataplane {
        #[validate(length(min = 1, max = 1024))] ca_file: String,
        listen: SocketAddr,
        admin: SocketAddr,
        #[validate(range(min = 1, max = 1_000_000))] max_streams: u32,
        #[serde(rename = "warm_ms")] #[serde_as(as = "Millis<100, 600_000>")] warm: Duration,
        #[validate(length(max = 4))] signing_keys: Vec<String>,
    }
}

section! {
    /// `[nodes]`
    Nodes {
        #[validate(range(min = 1, max = 1_000_000))] per_tenant: usize,
        #[validate(range(min = 1, max = 10_000_000))] all: usize,
        #[serde(rename = "silent_after_ms")] #[serde_as(as = "Millis<1000, 600_000>")] silent_after: Duration,
        #[validate(range(min = 1, max = 720))] forget_after_hours: u32,
    }
}

section! {
    /// `[http.tls]`
    HttpTls {
        cert_file: String,
        key_file: String,
        client_ca_file: String,
        #[validate(length(max = 255))] trust_domain: String,
        #[serde(rename = "reload_ms")] #[serde_as(as = "Millis<100, 3_600_000>")] reload: Duration,
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
        #[serde(rename = "key_refresh_ms")] #[serde_as(as = "Millis<100, 5000>")] key_refresh: Duration,
        #[serde(rename = "key_grace_ms")] #[serde_as(as = "Millis<0, 604_800_000>")] key_grace: Duration,
        #[validate(range(min = 1, max = 100_000))] keys_per_tenant: u32,
        #[validate(range(min = 1, max = 3650))] ended_keys_days: u32,
        #[validate(nested)] jwt: Jwt,
    }
}

section! {
    /// `[postgres]`
    Postgres {
        primary_url: SecretString,
        replica_urls: Vec<SecretString>,
        ca_file: String,
        #[validate(range(min = 2, max = 1000))] pool_size: usize,
        #[serde(rename = "acquire_timeout_ms")] #[serde_as(as = "Millis<10, 30_000>")] acquire_timeout: Duration,
        #[serde(rename = "connect_timeout_ms")] #[serde_as(as = "Millis<100, 60_000>")] connect_timeout: Duration,
        #[serde(rename = "recycle_timeout_ms")] #[serde_as(as = "Millis<10, 30_000>")] recycle_timeout: Duration,
        #[serde(rename = "max_lifetime_ms")] #[serde_as(as = "Millis<1000, 86_400_000>")] max_lifetime: Duration,
        #[serde(rename = "statement_timeout_ms")] #[serde_as(as = "Millis<100, 60_000>")] statement_timeout: Duration,
        #[serde(rename = "lock_timeout_ms")] #[serde_as(as = "Millis<100, 60_000>")] lock_timeout: Duration,
        #[serde(rename = "idle_in_transaction_timeout_ms")] #[serde_as(as = "Millis<1000, 60_000>")] idle_in_transaction_timeout: Duration,
        #[validate(range(max = 1_073_741_824))] replica_max_lag_bytes: u64,
        #[serde(rename = "replica_check_ms")] #[serde_as(as = "Millis<50, 60_000>")] replica_check: Duration,
    }
}

section! {
    /// `[write]`
    Write {
        #[validate(range(min = 1, max = 64))] lanes: usize,
        #[validate(range(min = 1, max = 4096))] max_batch: usize,
        #[validate(range(min = 1, max = 1_000_000))] queue: usize,
        #[validate(range(min = 2, max = 10_000))] large_changes: usize,
        #[serde(rename = "timeout_ms")] #[serde_as(as = "Millis<100, 60_000>")] timeout: Duration,
        #[validate(range(min = 1, max = 10))] max_attempts: u32,
        #[validate(range(min = 1, max = 720))] idempotency_ttl_hours: u32,
        #[serde(rename = "timeline_check_ms")] #[serde_as(as = "Millis<100, 3_600_000>")] timeline_check: Duration,
        #[serde(rename = "new_epoch_timeout_ms")] #[serde_as(as = "Millis<100, 3_600_000>")] new_epoch_timeout: Duration,
    }
}

section! {
    /// `[limits]`
    Limits {
        #[validate(range(min = 1, max = 10_000_000))] routes_per_tenant: u32,
        #[validate(range(min = 1, max = 10_000_000))] policies_per_tenant: u32,
        #[validate(range(min = 1, max = 64))] pattern_threads: usize,
        writes_per_second_per_tenant: u32,
        #[validate(range(min = 1, max = 1000))] plans_per_tenant: u32,
        #[validate(range(min = 65_536, max = 4_294_967_295_u32))] plan_bytes_per_tenant: u32,
        #[validate(range(min = 1, max = 720))] plan_ttl_hours: u32,
        requests_per_second_per_address: u32,
        failed_logins_per_second_per_address: u32,
        requests_per_second_per_caller: u32,
        requests_per_second_per_tenant: u32,
        #[validate(range(max = 100_000))] concurrent_requests_per_tenant: u32,
        #[validate(range(min = 131_072, max = 4_194_304))] event_bytes: usize,
    }
}

section! {
    /// `[read]`
    Read {
        #[validate(range(min = 1_048_576))] cache_bytes: u64,
        #[validate(range(min = 1_048_576))] body_bytes: u64,
        #[serde(rename = "negative_ttl_ms")] #[serde_as(as = "Millis<0, 60_000>")] negative_ttl: Duration,
        #[serde(rename = "refresh_ms")] #[serde_as(as = "Millis<50, 60_000>")] refresh: Duration,
        #[serde(rename = "min_revision_wait_ms")] #[serde_as(as = "Millis<0, 30_000>")] min_revision_wait: Duration,
        #[serde(rename = "max_wait_ms")] #[serde_as(as = "Millis<0, 60_000>")] max_wait: Duration,
        #[validate(range(min = 1, max = 1_000_000))] max_waiters: usize,
        #[validate(range(min = 1, max = 1_000_000))] max_waiters_per_tenant: usize,
        #[serde(rename = "stream_comment_ms")] #[serde_as(as = "Millis<100, 60_000>")] stream_comment: Duration,
        #[serde(rename = "stream_lifetime_ms")] #[serde_as(as = "Millis<1000, 86_400_000>")] stream_lifetime: Duration,
        #[serde(rename = "snapshot_every_ms")] #[serde_as(as = "Millis<100, 3_600_000>")] snapshot_every: Duration,
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
        #[validate(length(min = 1, max = 249))] topic: String,
        #[validate(length(min = 1, max = 249))] dlq_topic: String,
        #[validate(length(min = 1, max = 249))] node_topic: String,
        #[validate(length(min = 1, max = 255))] source: String,
        #[serde(rename = "delivery_timeout_ms")] #[serde_as(as = "Millis<1000, 300_000>")] delivery_timeout: Duration,
        #[serde(rename = "linger_ms")] #[serde_as(as = "Millis<0, 1000>")] linger: Duration,
        #[validate(range(min = 262_144, max = 8_388_608))] max_message_bytes: usize,
        #[serde(rename = "stalled_after_ms")] #[serde_as(as = "Millis<1000, 600_000>")] stalled_after: Duration,
        #[validate(length(min = 1, max = 249))] group: String,
        #[serde(rename = "session_timeout_ms")] #[serde_as(as = "Millis<6000, 300_000>")] session_timeout: Duration,
        #[serde(rename = "max_poll_interval_ms")] #[serde_as(as = "Millis<10_000, 3_600_000>")] max_poll_interval: Duration,
    }
}

section! {
    /// `[relay]`
    Relay {
        #[validate(range(min = 1, max = 10_000))] batch: usize,
        #[serde(rename = "poll_ms")] #[serde_as(as = "Millis<10, 60_000>")] poll: Duration,
        #[serde(rename = "step_timeout_ms")] #[serde_as(as = "Millis<100, 120_000>")] step_timeout: Duration,
        #[serde(rename = "election_ms")] #[serde_as(as = "Millis<10, 60_000>")] election: Duration,
        #[serde(rename = "notify_ms")] #[serde_as(as = "Millis<1, 10_000>")] notify: Duration,
        #[serde(rename = "set_aside_retry_ms")] #[serde_as(as = "Millis<100, 3_600_000>")] set_aside_retry: Duration,
    }
}

section! {
    /// `[mongo]`
    Mongo {
        url: SecretString,
        ca_file: String,
        #[validate(length(min = 1, max = 63))] database: String,
        #[validate(length(min = 1, max = 100))] collection: String,
        #[validate(length(min = 1, max = 100))] access_collection: String,
        #[serde(rename = "server_selection_timeout_ms")] #[serde_as(as = "Millis<100, 60_000>")] server_selection_timeout: Duration,
        #[validate(range(min = 1, max = 1000))] pool_size: u32,
    }
}

section! {
    /// `[audit]`
    Audit {
        #[validate(range(min = 1, max = 10_000))] batch: usize,
        #[serde(rename = "batch_wait_ms")] #[serde_as(as = "Millis<0, 10_000>")] batch_wait: Duration,
        #[validate(range(min = 1, max = 100))] max_attempts: u32,
        #[serde(rename = "attempt_ms")] #[serde_as(as = "Millis<10, 60_000>")] attempt: Duration,
        #[serde(rename = "stalled_after_ms")] #[serde_as(as = "Millis<1000, 600_000>")] stalled_after: Duration,
        #[validate(range(min = 1, max = 100))] max_concurrent_exports: usize,
        #[serde(rename = "export_lifetime_ms")] #[serde_as(as = "Millis<1000, 86_400_000>")] export_lifetime: Duration,
        #[validate(range(max = 36_500))] retention_days: u32,
        fail_closed: bool,
        #[validate(range(min = 1, max = 99_999))] max_unpublished_events: u32,
        #[serde(rename = "max_unpublished_seconds")] #[serde_as(as = "Seconds<1, 86_400>")] max_unpublished_age: Duration,
    }
}

section! {
    /// `[dead_letters]`
    DeadLetters {
        #[serde(rename = "read_timeout_ms")] #[serde_as(as = "Millis<100, 60_000>")] read_timeout: Duration,
        #[validate(range(min = 1, max = 1_000_000))] scan: usize,
    }
}

section! {
    /// `[replay]`
    Replay {
        #[validate(range(min = 1, max = 1_000_000))] events_per_second: u32,
        #[validate(range(min = 1, max = 1_000_000))] max_events_per_second: u32,
        #[validate(range(min = 1, max = 1_000_000))] max_backlog: u32,
        #[validate(range(min = 1, max = 1000))] max_running: u32,
    }
}

section! {
    /// `[access_log]`
    AccessLog {
        #[validate(range(min = 1, max = 1_000_000))] queue: usize,
        #[validate(range(min = 1, max = 10_000))] batch: usize,
        #[serde(rename = "poll_ms")] #[serde_as(as = "Millis<10, 60_000>")] poll: Duration,
        #[serde(rename = "summary_ms")] #[serde_as(as = "Millis<100, 3_600_000>")] summary: Duration,
        #[validate(range(min = 1, max = 1_000_000))] records_per_second_per_source: u32,
        #[validate(range(min = 1, max = 1_000_000))] burst_per_source: u32,
        #[validate(range(min = 1, max = 1_000_000))] records_per_second: u32,
        #[validate(range(min = 1, max = 1_000_000))] burst: u32,
    }
}

section! {
    /// `[retention]`
    Retention {
        postgres_url: SecretString,
        mongo_url: SecretString,
        #[validate(range(min = 1, max = 10_000))] batch: i64,
    }
}

section! {
    /// `[drain]`
    Drain {
        #[serde(rename = "ready_grace_ms")] #[serde_as(as = "Millis<0, 60_000>")] ready_grace: Duration,
        #[serde(rename = "requests_ms")] #[serde_as(as = "Millis<100, 300_000>")] requests: Duration,
        #[serde(rename = "step_ms")] #[serde_as(as = "Millis<100, 60_000>")] step: Duration,
        #[serde(rename = "deadline_ms")] #[serde_as(as = "Millis<0, 600_000>")] deadline: Duration,
    }
}

section! {
    /// `[privacy]`
    Privacy {
        master_keys: Vec<SecretString>,
        #[serde(rename = "key_ttl_ms")] #[serde_as(as = "Millis<100, 5000>")] key_ttl: Duration,
        #[validate(range(min = 1, max = 1_000_000))] max_cached_keys: u64,
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
        #[validate(range(min = 0.0, max = 1.0))] sample_ratio: f64,
        #[validate(length(min = 1, max = 255))] service_name: String,
        mask: Vec<String>,
    }
}

section! {
    /// `[migrate]`
    Migrate {
        postgres_url: SecretString,
        mongo_url: SecretString,
        #[validate(range(min = 1, max = 1000))] partitions: i32,
        #[validate(range(min = 1, max = 10))] replication: i32,
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
