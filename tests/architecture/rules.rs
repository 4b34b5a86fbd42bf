//! The rules of the architecture: permitted uses, with their reasons.

/// The permitted users of each library: paths under `src/` (a trailing `/` means all below), each
/// with its reason.
pub const LIBRARIES: &[(&str, &[(&str, &str)])] = &[
    (
        "actix_web",
        &[
            ("http/", "the edge"),
            ("app.rs", "starts the servers and shares their state"),
        ],
    ),
    ("tokio_postgres", &[("store/", "the only SQL")]),
    ("deadpool_postgres", &[("store/", "the only SQL")]),
    (
        "rdkafka",
        &[
            ("kafka.rs", "every setting"),
            (
                "kafka/",
                "producers, what their errors mean, what topics take",
            ),
            ("relay.rs", "publishes"),
            ("relay/", "sends, and tries again"),
            ("audit/consumer", "consumes for the archive"),
            (
                "audit/dead_letters",
                "produces dead letters, reads them and sends them again",
            ),
            ("cache/follower.rs", "consumes for the cache"),
        ],
    ),
    ("mongodb", &[("audit/archive", "the only archive code")]),
    ("refinery", &[("store/migrations.rs", "the only migrator")]),
    ("jsonwebtoken", &[("auth/jwt", "the only tokens")]),
    (
        "reqwest",
        &[
            ("auth/jwks.rs", "fetches the issuer's keys"),
            ("app/commands.rs", "probes a running process"),
        ],
    ),
    (
        "moka",
        &[
            ("cache/", "the read path"),
            ("auth/jwt", "verified tokens"),
            ("service/privacy/keys.rs", "persons' keys, for a moment"),
        ],
    ),
    (
        "actix_cors",
        &[("http/edge.rs", "one rule for all web pages")],
    ),
    ("schemars", &[("http/", "the documents")]),
    (
        "utoipa_swagger_ui",
        &[("http/docs.rs", "the page that shows them")],
    ),
    (
        "rustls",
        &[
            ("tls.rs", "clients"),
            ("http/tls", "the server"),
            ("main.rs", "installs the provider for libraries"),
        ],
    ),
    ("actix_tls", &[("http/tls.rs", "the server's connections")]),
    (
        "tokio_postgres_rustls",
        &[("store/connecting.rs", "connections")],
    ),
    (
        "psl",
        &[("domain/host.rs", "which suffixes are everybody's")],
    ),
    (
        "x509_parser",
        &[("auth/certificate.rs", "who a certificate names")],
    ),
    (
        "serde_json_canonicalizer",
        &[("domain/chain.rs", "one canonical form")],
    ),
    (
        "governor",
        &[
            ("http/limits.rs", "limits of requests"),
            ("http/middleware.rs", "limits of log lines"),
            ("http/ops.rs", "limits of wrong tokens"),
            ("telemetry/sampling.rs", "limits of the lines of others"),
            ("service/access/trail", "limits of records"),
        ],
    ),
    ("csv", &[("http/exports.rs", "the only CSV")]),
    ("fluent_uri", &[("domain/url", "the URLs of routes")]),
    (
        "granit_parser",
        &[("http/yaml.rs", "the only YAML that is read")],
    ),
    (
        "icu_properties",
        &[("domain/text.rs", "the texts that people write")],
    ),
    (
        "regex_automata",
        &[("domain/policy/pattern", "patterns of rules")],
    ),
    (
        "regex_syntax",
        &[("domain/policy/pattern", "patterns of rules")],
    ),
    ("regex", &[("telemetry", "masks of log lines")]),
];

/// Calls that compile patterns of rules, each with the files that may make it. A call past the pool
/// of `service/write/patterns.rs` would hold up a thread that serves requests.
pub const COMPILING: &[(&str, &[&str])] = &[
    ("pattern::check(", &["domain/policy.rs"]),
    (
        "check_new_rules(",
        &["domain/policy.rs", "service/write/patterns.rs"],
    ),
    (
        "Pattern::checked(",
        &["domain/policy/pattern.rs", "domain/policy/pattern/tests.rs"],
    ),
    ("Pattern::stored(", &["domain/policy/pattern.rs"]),
    (
        "Patterns::of(",
        &[
            "domain/policy/pattern/tests.rs",
            "domain/policy/matching.rs",
            "domain/snapshot/service.rs",
        ],
    ),
    (
        "compile_patterns(",
        &[
            "domain/snapshot.rs",
            "domain/snapshot/service.rs",
            "service/write/patterns.rs",
            "cache/resident.rs",
        ],
    ),
    ("patterns().compile(", &["service/read/choices.rs"]),
    (
        ".patterns.check(",
        &["service/write/writer.rs", "service/write/plans.rs"],
    ),
];

/// The files that may see the rows of every tenant, each with its reason. All other files name the
/// tenants.
pub const ALL_TENANTS: &[(&str, &str)] = &[
    ("store/visible.rs", "makes it"),
    (
        "store/migrations.rs",
        "a migration may have to change every row",
    ),
    ("store/outbox.rs", "the relay publishes for all"),
    ("service/read/reads.rs", "lists over all tenants"),
    (
        "service/access/callers.rs",
        "whose key a token is of is known only when it is found",
    ),
    (
        "service/access/keys.rs",
        "keys of the platform, and lists over all tenants",
    ),
    (
        "service/admin/replays.rs",
        "a replay may be of every tenant",
    ),
    (
        "workers/set_aside.rs",
        "archives what Kafka does not take, whose ever it is",
    ),
    (
        "workers/upkeep.rs",
        "forgets what is over, whose ever it is",
    ),
    (
        "workers/lineage.rs",
        "what was put back was put back for all",
    ),
    (
        "service/privacy/keys.rs",
        "finds a person in the audit of all tenants",
    ),
    ("service/privacy/people.rs", "wraps every key anew"),
];

/// Libraries and modules that the pure core may not name.
pub const NOT_IN_DOMAIN: &[&str] = &[
    "tokio",
    "actix_web",
    "tokio_postgres",
    "deadpool_postgres",
    "rdkafka",
    "mongodb",
    "reqwest",
    "schemars",
    "tracing",
    "metrics",
];

/// The modules of the crate that each module may use, besides itself and `domain`.
pub const MODULES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &[]),
    ("coding", &[]),
    ("telemetry", &["config"]),
    ("resilience", &["config", "telemetry"]),
    ("auth", &["config", "resilience", "telemetry"]),
    ("tls", &["config"]),
    (
        "store",
        &["auth", "config", "resilience", "telemetry", "tls"],
    ),
    (
        "cache",
        &[
            "coding",
            "config",
            "kafka",
            "resilience",
            "store",
            "telemetry",
        ],
    ),
    (
        "service",
        &[
            "audit",
            "auth",
            "cache",
            "coding",
            "config",
            "resilience",
            "store",
            "telemetry",
        ],
    ),
    (
        "http",
        &[
            "auth",
            "coding",
            "config",
            "resilience",
            "service",
            "telemetry",
            "tls",
        ],
    ),
    (
        "workers",
        &[
            "audit",
            "config",
            "resilience",
            "service",
            "store",
            "telemetry",
        ],
    ),
    ("kafka", &["config", "resilience", "telemetry"]),
    (
        "relay",
        &["config", "kafka", "resilience", "store", "telemetry"],
    ),
    (
        "audit",
        &["config", "kafka", "resilience", "telemetry", "tls"],
    ),
];

/// Uses that the table above forbids, each with its reason.
pub const EXCEPTIONS: &[(&str, &str, &str)] = &[];
