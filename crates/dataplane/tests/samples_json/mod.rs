//! Policies with everything that a policy can say, for the dialects that are one JSON document.

use serde_json::{Value, json};
use traffic_manager_core::{
    ids::RouteName,
    policy::PolicySpec,
    route::{Labels, RouteUrl},
    snapshot::{Scope, SnapshotPolicy, SnapshotRoute, TenantContent, TenantSnapshot},
    tag::{Epoch, Revision, VersionTag},
};
use traffic_manager_dataplane::{Settings, bootstrap::Ask, model::Model, report::Report};

/// Texts that mean something to one proxy or another.
pub const ODD: [&str; 8] = [
    "{http.request.host}",
    r"a\}b",
    r"\{",
    "{{.X}} ${Y} $1",
    r#"%d "quoted" \ `back`"#,
    "a*",
    "(?i)[x]|^$.",
    "`",
];

/// Compiles policies: `(service, policy)`, all in the environment `prod`, and routes: `(service,
/// version, URL)`, all active.
#[allow(dead_code, reason = "each dialect uses some")]
pub fn model(routes: &[(&str, &str, &str)], policies: &[(&str, Value)]) -> Model {
    let name = |service: &str| serde_json::from_value(json!({"service": service, "env": "prod"}));
    let routes = routes.iter().map(|(service, version, url)| SnapshotRoute {
        name: RouteName {
            service: service.parse().unwrap(),
            env: "prod".parse().unwrap(),
            version: version.parse().unwrap(),
        },
        url: RouteUrl::stored((*url).to_owned()),
        is_active: true,
        labels: Labels::default(),
        revision: Revision(1),
    });
    let policies = policies.iter().map(|(service, spec)| SnapshotPolicy {
        name: name(service).unwrap(),
        spec: serde_json::from_value::<PolicySpec>(spec.clone()).unwrap(),
        revision: Revision(2),
    });
    let content = TenantContent {
        confirmed: None,
        tag: VersionTag {
            epoch: Epoch::from_random([7; 8]),
            revision: Revision(3),
        },
        routes: routes.collect(),
        policies: policies.collect(),
        scopes: Vec::new(),
        waiters: None,
    };
    let snapshot = TenantSnapshot::new("acme".parse().unwrap(), content).unwrap();
    Model::compile([&snapshot], &Scope::default())
}

/// One version and a policy for the host `a.acme.io`, with more members.
#[allow(dead_code, reason = "each dialect uses some")]
pub fn one(more: Value) -> Model {
    let mut policy = json!({"hosts": ["a.acme.io"], "split": [{"version": "v1", "weight": 1}]});
    let more = more.as_object().unwrap().clone();
    policy.as_object_mut().unwrap().extend(more);
    let routes = [
        ("a", "v1", "http://localhost:28001/one"),
        ("a", "v2", "http://localhost:28002"),
    ];
    model(&routes, &[("a", policy)])
}

#[allow(dead_code, reason = "each dialect uses some")]
pub fn settings() -> Settings {
    Settings {
        ca_file: "/var/lib/tm/ca.pem".to_owned(),
        listen: "127.0.0.1:28080".to_owned(),
        admin: "127.0.0.1:28180".to_owned(),
    }
}

#[allow(dead_code, reason = "each dialect uses some")]
pub fn ask() -> Ask {
    Ask {
        url: "http://127.0.0.1:28100".to_owned(),
        tenant: "acme".to_owned(),
        env: Some("prod".to_owned()),
        node: "edge-1".to_owned(),
        ads: None,
        listen: settings().listen,
        admin: settings().admin,
        ca_file: settings().ca_file,
    }
}

/// Everything at once.
#[allow(dead_code, reason = "each dialect uses some")]
pub fn everything() -> Model {
    let routes = [
        ("gone", "v1", "http://localhost:28001/?key=1"),
        ("odd", "v1", "http://localhost:28001"),
        ("pay", "v1", "http://localhost:28001/one"),
        ("pay", "v2", "https://localhost:28443/two"),
        ("site", "v1", "http://localhost:28001/one"),
        ("site", "v2", "http://localhost:28002"),
        ("slow", "v1", "http://localhost:28001"),
    ];
    model(
        &routes,
        &[
            ("pay", pay()),
            ("site", site()),
            ("slow", slow()),
            ("odd", odd()),
            (
                "gone",
                json!({"hosts": ["pay.acme.io"], "path_prefixes": ["/shop/gone"], "split": [{"version": "v1", "weight": 1}]}),
            ),
            (
                "none",
                json!({"hosts": ["none.acme.io"], "split": [{"version": "v1", "weight": 1}]}),
            ),
        ],
    )
}

fn pay() -> Value {
    json!({
        "hosts": ["pay.acme.io"],
        "path_prefixes": ["/shop"],
        "version_header": "x-version",
        "sticky_by": {"header": "x-user"},
        "split": [{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}],
        "rules": [
            {"name": "beta", "match": {"headers": {"x-beta": {"exact": "yes"}}}, "version": "v2"},
            {"name": "empty", "match": {"headers": {"x-empty": {"exact": ""}}}, "version": "v2"},
            {"name": "starts", "match": {"headers": {"x-a": {"prefix": "a.b"}}}, "version": "v2"},
            {"name": "ends", "match": {"headers": {"x-a": {"suffix": "c.d"}}}, "version": "v2"},
            {"name": "has", "match": {"headers": {"x-a": {"contains": "e.f"}}}, "version": "v2"},
            {"name": "regex", "match": {"headers": {"x-a": {"regex": "(?x) a | b+ # letters"}}}, "version": "v2"},
            {"name": "query", "match": {"query": {"v": {"exact": "2"}, "no": {"present": false}, "yes": {"present": true}}}, "version": "v2"},
            {"name": "moved", "match": {"path": {"exact": "/shop/old"}}, "redirect": {"status": 308, "url": "https://acme.io/new?a=%7Bb%7D&c=$1"}},
            {"name": "closed", "match": {"path": {"prefix": "/shop/closed"}}, "respond": {"status": 418, "body": "closed {now}"}},
            {"name": "numbers", "match": {"path": {"regex": "/shop/[0-9]+"}, "methods": ["GET", "PUT"], "headers": {"x-no": {"present": false}}}, "version": "v2"},
        ],
    })
}

fn site() -> Value {
    json!({
        "hosts": ["acme.io", "*.acme.io"],
        "path_prefixes": ["/", "/api", "/api/x"],
        "rewrite": {"strip_prefix": true},
        "host_header": "keep",
        "request_headers": {"set": {"x-set": "1"}, "remove": ["x-gone"]},
        "response_headers": {"set": {"x-res": "2"}, "remove": ["x-up"]},
        "mirror": {"version": "v2", "share": 5000},
        "split": [{"version": "v1", "weight": 1}],
    })
}

fn slow() -> Value {
    json!({
        "hosts": ["slow.acme.io"],
        "path_prefixes": ["/s"],
        "rewrite": {"strip_prefix": true, "prefix": "/$p"},
        "host_header": "fixed.example.com",
        "timeout_ms": 300,
        "retries": {"attempts": 2, "on": ["connect_failure", "gateway_error", "reset"]},
        "split": [{"version": "v1", "weight": 1}],
    })
}

fn odd() -> Value {
    let rules: Vec<_> = ODD
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let matching = json!({"headers": {"x-odd": {"exact": text}}});
            let url = format!("https://acme.io/{at}");
            json!({"name": format!("odd {at}"), "match": matching, "redirect": {"status": 302, "url": url}})
        })
        .collect();
    let set: serde_json::Map<_, _> = (0..)
        .zip(ODD)
        .map(|(at, text): (u8, &str)| (format!("x-odd-{at}"), json!(text)))
        .collect();
    json!({
        "hosts": ["odd.acme.io"],
        "request_headers": {"set": set},
        "response_headers": {"set": set},
        "rules": rules,
        "split": [{"version": "v1", "weight": 1}],
    })
}

/// Returns the notes on a service.
#[allow(dead_code, reason = "each dialect uses some")]
pub fn notes(report: &Report, service: &str) -> (String, String) {
    let of = report
        .iter()
        .find(|of| of.service.as_str() == service)
        .unwrap();
    (
        serde_json::to_value(of.state)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned(),
        of.notes.join("\n"),
    )
}

/// Compares a text with its golden file, or writes the file if `UPDATE_GOLDEN` is set.
#[allow(dead_code, reason = "each dialect uses some")]
pub fn golden(path: &str, text: &str) {
    let path = format!("{}/tests/golden/{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(text, want, "{path}");
}

#[allow(dead_code, reason = "each dialect uses some")]
pub fn pretty(bytes: &[u8]) -> String {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    format!("{value:#}\n")
}
