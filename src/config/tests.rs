use std::time::Duration;

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
        ("drain.deadline_ms=20999", "drain.deadline_ms"),
        ("nonsense", "nonsense"),
    ] {
        let message = error(&[wrong]);
        assert!(message.contains(key), "{wrong}: {message}");
    }
}

#[test]
fn deadline_of_the_drain_leaves_time_for_every_step() {
    let deadline = |overrides: &[&str]| {
        let overrides: Vec<_> = overrides.iter().map(|pair| (*pair).to_owned()).collect();
        Settings::without_environment(&overrides)
            .unwrap()
            .drain
            .deadline
    };
    assert_eq!(deadline(&[]), Duration::from_secs(25));
    assert_eq!(
        deadline(&["drain.deadline_ms=21000"]),
        Duration::from_secs(21)
    );
    // 1 s of grace, 31 s for requests in whole seconds, 5 s for the pipeline, 5 s for the watchers.
    assert_eq!(
        deadline(&["drain.requests_ms=30001"]),
        Duration::from_secs(42)
    );
}

#[test]
fn an_error_names_the_permitted_values() {
    for (wrong, message) in [
        ("write.lanes=0", "write.lanes: must be 1 to 64"),
        ("http.workers=257", "http.workers: must be 0 to 256"),
        (
            "read.cache_bytes=1",
            "read.cache_bytes: must be at least 1048576",
        ),
        (
            "telemetry.sample_ratio=2",
            "telemetry.sample_ratio: must be 0 to 1",
        ),
        (
            "mongo.database=",
            "mongo.database: must be 1 to 63 characters",
        ),
        ("relay.poll_ms=9", "relay.poll_ms: must be 10 to 60000"),
        ("relay.poll_ms=60001", "relay.poll_ms: must be 10 to 60000"),
        (
            "read.max_wait_ms=60001",
            "read.max_wait_ms: must be 0 to 60000",
        ),
        (
            "resilience.kafka.open_ms=9",
            "resilience.kafka.open_ms: must be 10 to 600000",
        ),
        (
            "auth.jwt.leeway_seconds=301",
            "auth.jwt.leeway_seconds: must be 0 to 300",
        ),
    ] {
        assert_eq!(error(&[wrong]), format!("configuration: {message}"));
    }
    for wrong in ["-1", "1.5", "soon", ""] {
        let message = error(&[&format!("relay.poll_ms={wrong}")]);
        assert!(message.contains("relay.poll_ms"), "{wrong}: {message}");
    }
}

#[test]
fn durations_are_read_in_the_unit_of_their_key() {
    let overrides = ["relay.poll_ms=1234", "resilience.max_drill_seconds=56"];
    let settings = Settings::without_environment(&overrides.map(str::to_owned)).unwrap();
    assert_eq!(settings.relay.poll, Duration::from_millis(1234));
    assert_eq!(
        settings.resilience.max_forced_state,
        Duration::from_secs(56)
    );
    assert_eq!(settings.resilience.kafka.open, None, "the key is left out");
}

#[test]
fn listener_without_authentication_must_be_on_loopback() {
    let open = |listener: &str| error(&["auth.mode=none", &format!("{listener}=0.0.0.0:8000")]);
    for listener in ["http.listen", "http.ops_listen", "http.ads_listen"] {
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
    let settings =
        Settings::with_environment(None, variables.into(), &["kafka.sasl_username=flag".into()])
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
        Settings::without_environment(&["postgres.primary_url=postgres://u:hunter2@h/d".into()])
            .unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
}
