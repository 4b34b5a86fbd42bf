//! Policies that have every feature, for the tests of Envoy's dialect.

use serde_json::{Value, json};
use traffic_manager_core::{
    ids::RouteName,
    route::{Labels, RouteUrl},
    snapshot::{Scope, SnapshotPolicy, SnapshotRoute, TenantContent, TenantSnapshot},
    tag::{Epoch, Revision, VersionTag},
};
use traffic_manager_dataplane::model::Model;

/// The environment of all samples.
const ENV: &str = "prod";

/// Compiles a tenant `acme` with these versions (service, version, URL; inactive if it begins with
/// `!`) and policies (service, specification).
pub fn model(versions: &[(&str, &str, &str)], policies: &[(&str, Value)]) -> Model {
    let routes = versions
        .iter()
        .map(|(service, version, url)| SnapshotRoute {
            name: RouteName {
                service: service.parse().unwrap(),
                env: ENV.parse().unwrap(),
                version: version.parse().unwrap(),
            },
            url: RouteUrl::stored(url.trim_start_matches('!').to_owned()),
            is_active: !url.starts_with('!'),
            labels: Labels::default(),
            revision: Revision(1),
        });
    let policies = policies.iter().map(|(service, spec)| SnapshotPolicy {
        name: serde_json::from_value(json!({"service": service, "env": ENV})).unwrap(),
        spec: serde_json::from_value(spec.clone()).unwrap(),
        revision: Revision(2),
    });
    let content = TenantContent {
        confirmed: None,
        tag: VersionTag {
            epoch: Epoch::from_random([7; 8]),
            revision: Revision(2),
        },
        routes: routes.collect(),
        policies: policies.collect(),
        scopes: Vec::new(),
        waiters: None,
    };
    let snapshot = TenantSnapshot::new("acme".parse().unwrap(), content).unwrap();
    Model::compile([&snapshot], &Scope::default())
}

/// A policy with `hosts` and a split, and further members.
pub fn policy(hosts: &[&str], split: &[(&str, u16)], more: Value) -> Value {
    let split: Vec<_> = split
        .iter()
        .map(|(version, weight)| json!({"version": version, "weight": weight}))
        .collect();
    let mut policy = json!({"hosts": hosts, "split": split});
    policy
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    policy
}

/// All characters that mean something to some proxy.
pub const ODD: &str = r#"a"b\c$d%e{f}g`h'i j(k)l*m?n|o^p~q<r>s&t#u;v,w=%REQ(host)% $1 {{x}}"#;

/// Many policies that have everything once. The versions listen on this machine.
pub fn everything() -> Model {
    let versions = [
        ("pay", "v1", "http://localhost:24001/one"),
        ("pay", "v2", "https://localhost:24443/two"),
        ("pay", "v3", "!http://localhost:24003"),
        ("strip", "v1", "http://localhost:24001/one"),
        ("strip", "v2", "http://127.0.0.1:24002"),
        ("copy", "v1", "http://127.0.0.1:24001/one"),
        ("copy", "v2", "http://localhost:24002/one"),
        ("tls", "name", "https://localhost:24443"),
        ("tls", "address", "https://127.0.0.1:24443"),
        ("tls", "other", "https://wrong.localhost:24443"),
        ("try", "v1", "http://localhost:24001"),
        ("try", "dead", "http://localhost:24009"),
        ("odd", "v1", "http://localhost:24001/o%41$'(x)"),
        ("wild", "v1", "http://localhost:24002"),
        ("deep", "v1", "http://localhost:24001"),
        ("gone", "v1", "!http://localhost:24001"),
        ("query", "v1", "http://localhost:24001/?a=b"),
        ("hostless", "v1", "http://localhost:24001"),
    ];
    model(&versions, &[traffic(), edges()].concat())
}

/// Splits, rules, and what happens to requests on their way.
fn traffic() -> Vec<(&'static str, Value)> {
    let rules = json!([
        {"name": "beta", "match": {"headers": {"x-beta": {"exact": "yes"}}}, "version": "v2"},
        {"name": "texts", "match": {"headers": {"x-t": {"prefix": "a"}, "x-u": {"suffix": "z"}, "x-v": {"contains": "m"}, "x-w": {"present": false}}, "methods": ["PUT", "POST"]}, "version": "v2"},
        {"name": "empty", "match": {"headers": {"x-e": {"prefix": ""}, "x-f": {"exact": ""}}}, "version": "v2"},
        {"name": "query", "match": {"query": {"q": {"exact": "1"}, "r": {"present": false}}}, "version": "v2"},
        {"name": "spaced", "match": {"headers": {"x-re": {"regex": "(?x) a\\ b # comment\n | [0-9]{3}"}}}, "version": "v2"},
        {"name": "path", "match": {"path": {"regex": "/shop/item/[0-9]+"}}, "version": "v2"},
        {"name": "exact", "match": {"path": {"exact": "/shop/exact"}}, "version": "v2"},
        {"name": "elsewhere", "match": {"path": {"exact": "/other"}}, "version": "v2"},
        {"name": "below", "match": {"path": {"prefix": "/shop/below"}}, "version": "v2"},
        {"name": "moved", "match": {"path": {"prefix": "/shop/old"}}, "redirect": {"url": "https://new.example.com/a%20b?c=d", "status": 308}},
        {"name": "fixed", "match": {"path": {"prefix": "/shop/fixed"}}, "respond": {"status": 451, "body": "no %REQ(host)% \"here\" ü"}},
        {"name": "bare", "match": {"path": {"prefix": "/shop/bare"}}, "respond": {"status": 204, "body": "x"}}
    ]);
    vec![
        (
            "pay",
            policy(
                &["pay.test"],
                &[("v1", 90), ("v2", 10), ("v3", 0)],
                json!({"path_prefixes": ["/shop", "/Kauf"], "rules": rules, "sticky_by": {"header": "x-user"}, "version_header": "x-version"}),
            ),
        ),
        (
            "strip",
            policy(
                &["strip.test"],
                &[("v1", 50), ("v2", 50)],
                json!({"path_prefixes": ["/s.$'(h)", "/p"], "rewrite": {"strip_prefix": true}, "sticky_by": {"cookie": "tm"}, "host_header": "keep"}),
            ),
        ),
        (
            "copy",
            policy(
                &["copy.test"],
                &[("v1", 1)],
                json!({"mirror": {"version": "v2", "share": 10_000}, "path_prefixes": ["/c"], "rewrite": {"strip_prefix": true, "prefix": "/in/front"}}),
            ),
        ),
        (
            "try",
            policy(
                &["try.test"],
                &[("v1", 1)],
                json!({
                    "host_header": "fixed.example.com",
                    "retries": {"attempts": 2, "on": ["gateway_error"], "per_try_timeout_ms": 400},
                    "rules": [{"name": "dead", "match": {"path": {"prefix": "/dead"}}, "version": "dead"}],
                    "timeout_ms": 1500
                }),
            ),
        ),
    ]
}

/// TLS, odd characters, wildcards, and policies that go nowhere.
fn edges() -> Vec<(&'static str, Value)> {
    let odd_rules = json!([
        {"name": ODD, "match": {"headers": {"x-odd": {"exact": ODD}}}, "respond": {"status": 200, "body": ODD}},
        {"name": "part", "match": {"headers": {"x-part": {"contains": ODD}}}, "respond": {"status": 201, "body": "ü\u{1F600}"}},
        {"name": "pattern", "match": {"headers": {"x-re": {"regex": "\\$\\{\"'`%\\}[\\\\]"}}}, "respond": {"status": 202}}
    ]);
    let edit = json!({"set": {"x-set": ODD}, "remove": ["x-gone", "server-secret"]});
    vec![
        (
            "tls",
            policy(
                &["tls.test"],
                &[("name", 1)],
                json!({"version_header": "x-version"}),
            ),
        ),
        (
            "odd",
            policy(
                &["odd.test"],
                &[("v1", 1)],
                json!({"rules": odd_rules, "request_headers": edit, "response_headers": edit}),
            ),
        ),
        (
            "wild",
            policy(
                &["*.deep.test"],
                &[("v1", 1)],
                json!({"path_prefixes": ["/", "/w"]}),
            ),
        ),
        (
            "deep",
            policy(
                &["a.deep.test", "*.b.deep.test"],
                &[("v1", 1)],
                json!({"path_prefixes": ["/only"]}),
            ),
        ),
        ("gone", policy(&["gone.test"], &[("v1", 1)], json!({}))),
        (
            "query",
            policy(
                &["query.test"],
                &[("v1", 1)],
                json!({"path_prefixes": ["/q"]}),
            ),
        ),
        ("hostless", policy(&[], &[("v1", 1)], json!({}))),
    ]
}
