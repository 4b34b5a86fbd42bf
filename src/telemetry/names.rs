//! The one table of metric names, in the order of the data flow. `describe` registers each metric
//! with its help text.

macro_rules! metrics_table {
    ($($kind:ident $constant:ident = $name:literal, $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// Every metric: its kind, name and help text.
        pub const TABLE: &[(&str, &str, &str)] = &[$((stringify!($kind), $name, $help)),*];

        /// Registers the help texts with the installed recorder.
        pub fn describe() {
            $(metrics_table!(@$kind $name, $help);)*
        }
    };
    (@counter $name:literal, $help:literal) => { metrics::describe_counter!($name, $help) };
    (@gauge $name:literal, $help:literal) => { metrics::describe_gauge!($name, $help) };
    (@histogram $name:literal, $help:literal) => { metrics::describe_histogram!($name, $help) };
}

metrics_table! {
    gauge READY = "tm_ready", "1 while `/health/ready` answers 200.";
    gauge CHECK_STATE = "tm_check_state", "Per check of `/health/ready`: 0 healthy, 1 degraded, 2 unhealthy.";
    gauge OBSERVED_AT = "tm_observed_timestamp_seconds", "Unix time at which this process last read gauges from PostgreSQL or Kafka, by source. The gauges keep their values while it cannot.";
    gauge CERTIFICATE_ENDS_AT = "tm_certificate_expires_timestamp_seconds", "Unix time at which the certificate that the API shows expires.";
    gauge SIGNING_KEY = "tm_signing_key", "1 for each key that signs snapshots, by the key's id.";
    counter HTTP_REQUESTS = "tm_http_requests_total", "Requests answered, by endpoint and status class.";
    histogram HTTP_SECONDS = "tm_http_request_seconds", "Time from a request's head to its answer's head, by endpoint.";
    counter JWT_CHECKS = "tm_jwt_checks_total", "Tokens checked, by result: accepted, or the reason of the refusal. Cached tokens are not counted.";
    counter JWKS_FETCHES = "tm_jwks_fetches_total", "Fetches of the issuer's keys, by result: fetched, timeout, skipped, unreachable, refused, unreadable.";
    gauge JWKS_FETCHED_AT = "tm_jwks_fetched_timestamp_seconds", "Unix time of the last successful fetch of keys.";
    histogram WRITE_BATCH = "tm_write_batch_commands", "Commands per write transaction.";
    histogram WRITE_COMMIT_SECONDS = "tm_write_commit_seconds", "Time of a write transaction from its first statement to its commit.";
    counter WRITE_OUTCOMES = "tm_write_outcomes_total", "Commands answered, by result: created, updated, unchanged, deleted, replayed, refused, unpublished, unavailable, unknown.";
    gauge WRITE_QUEUE = "tm_write_queue_commands", "Commands waiting for a transaction.";
    gauge OUTBOX_BACKLOG = "tm_outbox_backlog_events", "Committed events that Kafka has not acknowledged.";
    gauge OUTBOX_AGE_SECONDS = "tm_outbox_oldest_age_seconds", "Age of the oldest committed event that Kafka has not acknowledged.";
    gauge WRITES_BLOCKED = "tm_writes_blocked", "1 while writes are refused because too many events are unpublished.";
    gauge RELAY_LEADER = "tm_relay_leader", "1 while this process holds the relay's lease.";
    counter RELAY_PUBLISHED = "tm_relay_published_total", "Events acknowledged by Kafka.";
    counter RELAY_ERRORS = "tm_relay_errors_total", "Failed relay steps, by reason.";
    gauge SET_ASIDE = "tm_outbox_set_aside_events", "Events that Kafka has permanently refused and does not have yet. Any is an alarm.";
    counter RELAY_SET_ASIDE = "tm_relay_set_aside_total", "Events set aside because Kafka permanently refused them, by error code.";
    counter PRODUCERS_REPLACED = "tm_kafka_producers_replaced_total", "Kafka producers replaced, by producer and reason: dead (it reported a fatal error) or stalled (it delivered nothing for too long).";
    counter FOLLOWERS_RESTARTED = "tm_cache_follower_restarts_total", "Restarts of the followers, which read what other instances tell, by follower (cache or nodes) and reason.";
    histogram RELAY_BATCH_SECONDS = "tm_relay_batch_seconds", "Time of one relay step that published something.";
    gauge CONSUMER_LAG = "tm_audit_consumer_lag_events", "Records in Kafka that the archive does not have yet.";
    gauge CONSUMER_LAG_SECONDS = "tm_audit_consumer_lag_seconds", "Age of the oldest event that the consumer has read and the archive does not have yet.";
    counter PANICS = "tm_panics_total", "Panics of the relay, the writer or the audit consumer, by part. Each is a defect.";
    counter ARCHIVED = "tm_audit_archived_total", "Events now in the archive, by result: inserted or duplicate.";
    histogram ARCHIVE_SECONDS = "tm_audit_archive_seconds", "Time of one bulk insert.";
    histogram ARCHIVE_DELAY_SECONDS = "tm_audit_archive_delay_seconds", "Time from an event's decision to its archiving.";
    counter DEAD_LETTERS = "tm_audit_dead_letters_total", "Records sent to the dead-letter topic, by reason. Any is an alarm.";
    counter AUDIT_RESTARTS = "tm_audit_consumer_restarts_total", "Restarts of the audit consumer, by reason.";
    counter EXPORTS = "tm_audit_exports_total", "Exports ended, by result: complete, cut (by a failure, the time limit or a drain), left (by the client).";
    counter VERIFICATIONS = "tm_audit_verifications_total", "Verifications of a tenant's chain in the archive, by result: verified, missing (revisions are missing, perhaps on their way) or broken. Any broken one is an alarm.";
    gauge AUTH_KEYS_CACHED = "tm_auth_keys_cached", "API keys in memory.";
    counter AUTH_DENIED = "tm_auth_denied_total", "Requests refused before their handler, by reason.";
    counter ACCESS_LOG_RECORDS = "tm_access_log_records_total", "Accesses for the access log, by result: archived, suppressed (counted in another record), overflowed (the queue was full: counted in another record), refused (by MongoDB: lost).";
    counter ACCESS_LOG_FAILURES = "tm_access_log_write_failures_total", "Failed attempts to write the access log.";
    gauge ACCESS_LOG_QUEUE = "tm_access_log_queue_records", "Records of the access log that wait in memory for MongoDB.";
    gauge ACCESS_LOG_OUTBOX = "tm_access_log_outbox_records", "Records of key changes that MongoDB does not have yet.";
    counter CACHE_READS = "tm_cache_reads_total", "Reads of the routing cache, by result: hit, miss, negative.";
    counter CACHE_LOADS = "tm_cache_loads_total", "Tenants loaded, by source: replica or primary.";
    counter CACHE_EVENTS = "tm_cache_events_total", "Events seen by the cache, by result: next, known, gap or ended (the tenant was deleted).";
    histogram CACHE_DELAY_SECONDS = "tm_cache_delay_seconds", "Time from a change's decision to its arrival at this instance over Kafka.";
    gauge CACHE_STALE_SECONDS = "tm_cache_stale_seconds", "Time since the primary last confirmed the cached snapshots; 0 while it is at most two refreshes and a second.";
    gauge NODES = "tm_nodes", "Nodes of all tenants, by dialect and state (converged, lagging, refused, lost), as this instance knows them.";
    gauge NODE_LAG = "tm_node_lag_revisions", "The most revisions that a node that is there is behind.";
    counter NODE_REFUSALS = "tm_node_refusals_total", "Refusals that nodes have reported to this instance, by dialect and code.";
    histogram CONVERGENCE_SECONDS = "tm_convergence_seconds", "Time from a change's arrival at this instance until a share (50, 95, 100 percent) of the tenant's nodes runs it.";
    gauge LEDGER_PARTIAL = "tm_ledger_partial", "1 while this instance does not know what nodes say at other instances.";
    gauge WAITERS = "tm_waiters", "Long-polls and event streams that wait for changes.";
    gauge ENVOY_STREAMS = "tm_envoy_streams", "Streams of Envoys.";
    counter ENVOY_ANSWERS = "tm_envoy_answers_total", "What Envoys said of their configuration, by result: ack, nack (refused) or late (no answer in time).";
    counter ENVOY_QUARANTINE = "tm_envoy_quarantine_total", "Policies that Envoys refuse and that stay at an older form, by result: quarantined or released.";
    counter STREAMS_CUT = "tm_streams_cut_total", "Event streams ended because their readers were too far behind.";
    counter SNAPSHOT_FILES = "tm_snapshot_files_total", "Snapshot files, by result: saved, failed, restored, refused.";
    gauge CACHE_TENANTS = "tm_cache_tenants", "Resident tenants.";
    gauge POOL_CONNECTIONS = "tm_pool_connections", "Connections per Postgres server, by state: in use or idle.";
    gauge REPLICA_FRESH = "tm_replica_fresh", "Per replica: 1 while reads may use it.";
    gauge REPLICA_LAG_BYTES = "tm_replica_lag_bytes", "Per replica: bytes of the primary's log that it has not replayed, at its last answer.";
    gauge RESIDENT_BYTES = "tm_process_resident_memory_bytes", "Resident memory of the process.";
    gauge POOL_USED = "tm_pool_used", "Places in use of each bounded pool, by pool and unit.";
    gauge POOL_SIZE = "tm_pool_size", "Size of each bounded pool, by pool and unit.";
    gauge BREAKER_STATE = "tm_breaker_state", "Per dependency: 0 closed, 1 open, 2 half-open.";
    counter BREAKER_TRANSITIONS = "tm_breaker_transitions_total", "Changes of a breaker's state, per dependency and new state.";
    counter BULKHEAD_REJECTED = "tm_bulkhead_rejected_total", "Calls refused because too many were running, per dependency.";
    counter BREAKER_REJECTED = "tm_breaker_rejected_total", "Calls refused by an open breaker, per dependency.";
}

/// Old names of metrics, each with its present name. They are exported too in this version. Remove
/// an entry together with its row in `docs/upgrading.md`.
const RENAMED: &[(&str, &str)] = &[
    ("tm_audit_delay_seconds", ARCHIVE_DELAY_SECONDS),
    ("tm_audit_writes_closed", WRITES_BLOCKED),
    ("tm_auth_keys_held", AUTH_KEYS_CACHED),
    ("tm_breaker_moves_total", BREAKER_TRANSITIONS),
    ("tm_cache_applied_total", CACHE_EVENTS),
    ("tm_outbox_oldest_seconds", OUTBOX_AGE_SECONDS),
    ("tm_resident_bytes", RESIDENT_BYTES),
    ("tm_trail_failures_total", ACCESS_LOG_FAILURES),
    ("tm_trail_outbox_records", ACCESS_LOG_OUTBOX),
    ("tm_trail_queue_records", ACCESS_LOG_QUEUE),
    ("tm_trail_records_total", ACCESS_LOG_RECORDS),
];

/// Adds the renamed metrics under their old names to the text of Prometheus.
pub fn with_old_names(mut text: String) -> String {
    let mut copies = String::new();
    for (old, new) in RENAMED {
        for line in text.lines() {
            let start = line
                .strip_prefix("# HELP ")
                .or(line.strip_prefix("# TYPE "))
                .unwrap_or(line);
            let is_renamed = start.strip_prefix(new).is_some_and(|rest| {
                let rest = rest
                    .strip_prefix("_bucket")
                    .or(rest.strip_prefix("_sum"))
                    .or(rest.strip_prefix("_count"))
                    .unwrap_or(rest);
                rest.starts_with([' ', '{'])
            });
            if is_renamed {
                copies.push_str(&line.replacen(new, old, 1));
                copies.push('\n');
            }
        }
    }
    text.push_str(&copies);
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_renamed_metric_is_exported_under_both_names() {
        let text = "# TYPE tm_breaker_transitions_total counter\n\
            tm_breaker_transitions_total{dependency=\"kafka\"} 2\n\
            # HELP tm_audit_archive_delay_seconds Time.\n\
            tm_audit_archive_delay_seconds_bucket{le=\"1\"} 1\n\
            tm_audit_archive_delay_seconds_sum 1\n\
            tm_audit_archive_seconds_sum 1\n";
        let all = super::with_old_names(text.to_owned());
        let copies = "# HELP tm_audit_delay_seconds Time.\n\
            tm_audit_delay_seconds_bucket{le=\"1\"} 1\n\
            tm_audit_delay_seconds_sum 1\n\
            # TYPE tm_breaker_moves_total counter\n\
            tm_breaker_moves_total{dependency=\"kafka\"} 2\n";
        assert_eq!(all, format!("{text}{copies}"));
    }

    #[test]
    fn the_page_on_upgrading_lists_every_renamed_metric() {
        let page = include_str!("../../docs/upgrading.md");
        for (old, new) in super::RENAMED {
            assert!(page.contains(&format!("| `{old}` | `{new}` |")), "{old}");
        }
    }

    #[test]
    fn metric_names_are_unique_and_follow_the_conventions() {
        let mut names: Vec<_> = super::TABLE.iter().map(|(_, name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), super::TABLE.len());
        for (kind, name, help) in super::TABLE {
            assert!(name.starts_with("tm_") && help.ends_with('.'), "{name}");
            assert_eq!(*kind == "counter", name.ends_with("_total"), "{name}");
        }
    }
}
