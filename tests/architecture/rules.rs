//! The rules of the architecture: permitted uses, with their reasons.

/// The permitted users of each library: paths under `src/` (a trailing `/` means all below) or
/// `core/`, each with its reason.
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
                "producers, verdicts on their errors, limits of topics",
            ),
            ("relay.rs", "publishes"),
            ("relay/", "sends with retries"),
            ("audit/consumer", "consumes for the archive"),
            (
                "audit/dead_letters",
                "produces dead letters, reads them and sends them again",
            ),
            ("ledger/exchange.rs", "tells other instances about nodes"),
        ],
    ),
    ("mongodb", &[("audit/archive", "the only archive code")]),
    ("refinery", &[("store/migrations.rs", "the only migrator")]),
    ("jsonwebtoken", &[("auth/jwt", "the only tokens")]),
    (
        "reqwest",
        &[
            ("auth/jwks.rs", "fetches the issuer's keys"),
            ("auth/oidc.rs", "signs people in at the identity provider"),
            ("app/commands.rs", "probes a running process"),
            ("client/connection.rs", "the connections of all calls"),
            ("client/calls", "the calls"),
            ("client/driver/", "the requests of the watcher"),
            (
                "client/settings.rs",
                "the error of a client that cannot be made",
            ),
        ],
    ),
    (
        "anstream",
        &[("cli/output.rs", "the output"), ("cli/main.rs", "errors")],
    ),
    ("clap_complete", &[("cli/", "the completion scripts")]),
    ("comfy_table", &[("cli/output.rs", "the tables")]),
    (
        "etcetera",
        &[("cli/config.rs", "the folder for configurations")],
    ),
    ("similar", &[("cli/documents.rs", "the lines that change")]),
    (
        "moka",
        &[
            ("cache/", "the read path"),
            ("core/cache/", "the snapshots in memory"),
            ("auth/jwt", "verified tokens"),
            ("service/privacy/keys.rs", "persons' keys, for a short time"),
            (
                "service/quarantine.rs",
                "what nodes refused, and the forms that they have",
            ),
            ("http/ads/rest.rs", "the bodies of answers to polls"),
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
            ("http/ads.rs", "the server for Envoys"),
            ("signing.rs", "reads keys from PEM files"),
            ("main.rs", "installs the provider for libraries"),
        ],
    ),
    ("rust_embed", &[("http/ui", "the files of the web page")]),
    ("actix_tls", &[("http/tls.rs", "the server's connections")]),
    (
        "tokio_postgres_rustls",
        &[("store/connecting.rs", "connections")],
    ),
    ("psl", &[("core/host.rs", "the public suffixes")]),
    (
        "x509_parser",
        &[("auth/certificate.rs", "the identity in a certificate")],
    ),
    (
        "serde_json_canonicalizer",
        &[
            ("core/chain.rs", "one canonical form"),
            (
                "client/verify/chain.rs",
                "the proof does not use the server's code",
            ),
        ],
    ),
    (
        "governor",
        &[
            ("http/limits.rs", "limits of requests"),
            ("http/log_limit.rs", "limits of log lines"),
            ("http/ops.rs", "limits of wrong tokens"),
            ("telemetry/sampling.rs", "limits of log lines of libraries"),
            ("service/access/access_log", "limits of records"),
        ],
    ),
    (
        "csv",
        &[
            ("http/exports.rs", "the service's CSV"),
            ("cli/output.rs", "tables as CSV"),
        ],
    ),
    ("fluent_uri", &[("core/url", "the URLs of routes")]),
    ("granit_parser", &[("yaml/", "the only YAML that is read")]),
    (
        "icu_properties",
        &[("core/text.rs", "texts written by people")],
    ),
    (
        "regex_automata",
        &[("core/policy/pattern", "patterns of rules")],
    ),
    (
        "regex_syntax",
        &[
            ("core/policy/pattern", "patterns of rules"),
            ("dataplane/pcre.rs", "the same for PCRE"),
        ],
    ),
    ("regex", &[("telemetry", "masks of log lines")]),
];

/// Calls that compile patterns of rules, each with the files that may make it. A call past the pool
/// of `service/write/patterns.rs` would hold up a thread that serves requests.
pub const COMPILING: &[(&str, &[&str])] = &[
    ("pattern::check(", &["core/policy.rs"]),
    (
        "check_new_rules(",
        &[
            "core/policy.rs",
            "service/write/patterns.rs",
            // The import is a command of its own, and serves nobody.
            "import/compile.rs",
            "import/compile/policy.rs",
        ],
    ),
    (
        "Pattern::checked(",
        &["core/policy/pattern.rs", "core/policy/pattern/tests.rs"],
    ),
    ("Pattern::stored(", &["core/policy/pattern.rs"]),
    (
        "Patterns::of(",
        &[
            "core/policy/pattern/tests.rs",
            "core/policy/matching.rs",
            "core/snapshot/service.rs",
        ],
    ),
    (
        "compile_patterns(",
        &[
            "core/snapshot.rs",
            "core/snapshot/service.rs",
            "service/write/patterns.rs",
            "core/cache/resident.rs",
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
        "the tenant of a key is known only after its lookup",
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
        "moves access records of all tenants",
    ),
    ("workers/upkeep.rs", "deletes expired rows of all tenants"),
    ("workers/timeline.rs", "a restore concerns all tenants"),
    (
        "service/privacy/keys.rs",
        "finds a person in the audit of all tenants",
    ),
    ("service/privacy/people.rs", "rewraps every key"),
];

/// The modules of the crate that each module may use, besides itself and `domain`.
pub const MODULES: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("coding", &[]),
    ("telemetry", &["config"]),
    ("resilience", &["config", "telemetry"]),
    ("health", &["resilience", "telemetry"]),
    ("auth", &["config", "resilience", "telemetry"]),
    ("tls", &["config"]),
    ("signing", &["config"]),
    ("store", &["config", "resilience", "telemetry", "tls"]),
    (
        "cache",
        &[
            "coding",
            "config",
            "kafka",
            "resilience",
            "signing",
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
            "ledger",
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
            "health",
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
    ("ledger", &["config", "kafka", "resilience", "telemetry"]),
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
