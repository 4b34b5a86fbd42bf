//! Models for the dialects that are files.

use std::{fs, path::Path};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use traffic_manager_core::{
    ids::RouteName,
    policy::PolicySpec,
    route::{Labels, RouteUrl},
    snapshot::{Scope, SnapshotPolicy, SnapshotRoute, TenantContent, TenantSnapshot},
    tag::{Epoch, Revision, VersionTag},
};
use traffic_manager_dataplane::{Body, Settings, model::Model};

/// A file of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The path, relative to the folder of the configuration.
    pub path: String,
    /// The content.
    pub content: String,
}

/// Every character that some format reads in a special way.
pub const SPECIAL: &str =
    r##"-a "q" 's' `b` $HOME ${x} $(y) %[src] %%D {z} {http.host} \d \n \\ # ; | & * ? <h> ~ ü"##;

pub fn settings() -> Settings {
    Settings {
        listen: "127.0.0.1:21080".to_owned(),
        admin: "127.0.0.1:21081".to_owned(),
        ..Settings::default()
    }
}

/// Compiles a model of one tenant from `[["service/version", "url"]]` and `{"service": policy}`,
/// all in the environment `prod`. A version whose name ends in `-off` is inactive.
pub fn model(routes: &[(&str, &str)], policies: Value) -> Model {
    let routes = routes.iter().map(|(name, url)| {
        let (service, version) = name.split_once('/').unwrap();
        SnapshotRoute {
            name: RouteName {
                service: service.parse().unwrap(),
                env: "prod".parse().unwrap(),
                version: version.parse().unwrap(),
            },
            url: RouteUrl::stored((*url).to_owned()),
            is_active: !version.ends_with("-off"),
            labels: Labels::default(),
            revision: Revision(1),
        }
    });
    let policies = policies.as_object().unwrap().iter().map(|(service, spec)| {
        let spec: PolicySpec = serde_json::from_value(spec.clone()).unwrap();
        SnapshotPolicy {
            name: serde_json::from_value(json!({"service": service, "env": "prod"})).unwrap(),
            spec: spec.checked().unwrap(),
            revision: Revision(2),
        }
    });
    let content = TenantContent {
        confirmed: None,
        tag: VersionTag {
            epoch: Epoch::from_random([7; 8]),
            revision: Revision(42),
        },
        routes: routes.collect(),
        policies: policies.collect(),
        scopes: Vec::new(),
        waiters: None,
    };
    let snapshot = TenantSnapshot::new("acme".parse().unwrap(), content).unwrap();
    Model::compile([&snapshot], &Scope::default())
}

/// A policy for each feature.
pub fn features() -> Model {
    let routes = [
        ("shop/v1", "http://127.0.0.1:21091/one"),
        ("shop/v2", "https://localhost:21443/two"),
        ("shop/v3", "http://name.invalid/"),
        ("bare/v1", "http://127.0.0.1:21091"),
        ("bare/V1", "http://127.0.0.1:21092"),
        ("dead/v1-off", "http://127.0.0.1:21091"),
        ("wild/v1", "http://127.0.0.1:21091/wild"),
        ("retry/v1", "http://127.0.0.1:21093"),
        ("copy/v1", "http://127.0.0.1:21091/orig"),
        ("copy/v2", "http://127.0.0.1:21092/copy"),
    ];
    let policies = json!({
        "shop": {
            "hosts": ["pay.acme.io", "pay2.acme.io"], "path_prefixes": ["/shop", "/shop/deep"],
            "rewrite": {"strip_prefix": true}, "version_header": "x-version", "sticky_by": {"header": "x-user"},
            "request_headers": {"set": {"x-set": "50% $x"}, "remove": ["x-gone"]},
            "response_headers": {"set": {"x-new": "50% $x"}, "remove": ["x-old"]},
            "split": [{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}],
            "rules": [
                {"name": "beta", "match": {"headers": {"x-beta": {"exact": "yes"}}}, "version": "v2"},
                {"name": "moved", "match": {"path": {"exact": "/shop/old"}}, "redirect": {"status": 308, "url": "https://new.acme.io/%20a?b=$c"}},
                {"name": "teapot", "match": {"path": {"prefix": "/shop/tea"}, "methods": ["GET", "PATCH"]}, "respond": {"status": 418, "body": "short"}},
                {"name": "some", "match": {"query": {"try": {"regex": "(?P<host>a|b)+"}}}, "split": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]},
                {"name": "all", "match": {
                    "headers": {"x-a": {"prefix": "ab"}, "x-b": {"suffix": "yz"}, "x-c": {"contains": "mid"}, "x-d": {"regex": "(?x) a+ [b c]"}, "x-e": {"present": true}, "x-f": {"present": false}},
                    "query": {"p": {"present": true}, "e": {"exact": "1"}, "n": {"present": false}}, "path": {"regex": "/shop/[0-9]+"}, "methods": ["POST"]
                }, "respond": {"status": 202, "body": "all"}},
            ],
        },
        "bare": {
            "hosts": ["bare.acme.io"], "host_header": "keep", "sticky_by": {"cookie": "sid"},
            "split": [{"version": "v1", "weight": 1}, {"version": "V1", "weight": 1}],
            "rules": [{"name": "empty", "match": {"query": {"q": {"exact": ""}}}, "respond": {"status": 204}}],
        },
        "dead": {
            "hosts": ["bare.acme.io"], "path_prefix": "/dead", "split": [{"version": "v1-off", "weight": 1}],
        },
        "wild": {
            "hosts": ["*.acme.io", "*.deep.acme.io"], "host_header": "fixed.acme.io", "path_prefixes": ["/w", "/shop"],
            "rewrite": {"prefix": "/more"}, "split": [{"version": "v1", "weight": 1}],
        },
        "retry": {
            "hosts": ["retry.acme.io"], "timeout_ms": 3000,
            "retries": {"attempts": 3, "on": ["connect_failure", "gateway_error", "reset"], "per_try_timeout_ms": 500},
            "split": [{"version": "v1", "weight": 1}],
        },
        "copy": {
            "hosts": ["copy.acme.io"], "path_prefix": "/c", "rewrite": {"strip_prefix": true},
            "mirror": {"version": "v2", "share": 5000}, "split": [{"version": "v1", "weight": 1}],
        },
    });
    model(&routes, policies)
}

/// A policy with special characters in every text that a person writes.
pub fn special() -> Model {
    let header =
        r##""q" 's' `b` $HOME ${x} $(y) %[src] %%D {z} {http.host} \d \n \\ # ; | & * ? <h> ~"##;
    let routes = [
        ("s/v1", "http://127.0.0.1:21091/a$b'(c)%20;d"),
        ("s/v2", "http://127.0.0.1:21092"),
    ];
    let policies = json!({"s": {
        "hosts": ["s.acme.io"], "path_prefixes": ["/", "/p$a'(b),;!*"],
        "rewrite": {"strip_prefix": true, "prefix": "/x$y'(z)"},
        "request_headers": {"set": {"x-set": header}}, "response_headers": {"set": {"x-new": header}},
        "sticky_by": {"cookie": "a'b|c$d"},
        "split": [{"version": "v1", "weight": 1}],
        "rules": [
            {"name": "exact # \" {", "match": {"headers": {"x-t": {"exact": SPECIAL}}}, "respond": {"status": 299, "body": format!("exact {SPECIAL}")}},
            {"name": "prefix", "match": {"headers": {"x-t": {"prefix": format!("p{SPECIAL}")}}}, "respond": {"status": 299, "body": "prefix"}},
            {"name": "suffix", "match": {"headers": {"x-t": {"suffix": format!("{SPECIAL}s")}}}, "respond": {"status": 299, "body": "suffix"}},
            {"name": "contains", "match": {"headers": {"x-t": {"contains": format!("c{SPECIAL}c")}}}, "respond": {"status": 299, "body": "contains"}},
            {"name": "regex", "match": {"headers": {"x-r": {"regex": r##"["'`$;#{}%]{3,}\d+\\ "end""##}}}, "respond": {"status": 299, "body": "regex"}},
            {"name": "path", "match": {"path": {"exact": "/e$'(b),;!*"}}, "respond": {"status": 299, "body": "path"}},
            {"name": "split", "match": {"path": {"prefix": "/split"}}, "split": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]},
            {"name": "large", "match": {"path": {"exact": "/large"}}, "respond": {"status": 299, "body": "$'\"\\".repeat(1024)}},
            {"name": "redirect", "match": {"path": {"exact": "/go"}}, "redirect": {"status": 302, "url": "https://x.io/$a'(b)%20?c=$d&e='"}},
        ],
    }});
    model(&routes, policies)
}

/// Policies of which some cannot be expressed.
pub fn refused() -> Model {
    let routes = [
        ("good/v1", "http://127.0.0.1:21091"),
        ("query/v1", "http://127.0.0.1:21091/?a=b"),
        ("address/v1", "https://127.0.0.1:21443"),
        ("spare/v1", "http://127.0.0.1:21091"),
        ("spare/v2", "http://127.0.0.1:21091/?a=b"),
    ];
    let one = json!([{"version": "v1", "weight": 1}]);
    let policies = json!({
        "good": {"hosts": ["r.acme.io"], "split": one},
        "query": {"hosts": ["r.acme.io"], "path_prefix": "/query", "split": one},
        "address": {"hosts": ["a.acme.io"], "split": one},
        "spare": {"hosts": ["s.acme.io"], "split": one},
    });
    model(&routes, policies)
}

/// Returns the files of a body.
pub fn files(body: &Body) -> Vec<File> {
    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
    let text = |file: &Value, member: &str| file[member].as_str().unwrap().to_owned();
    let file = |file: &Value| {
        let content = text(file, "content");
        let digest = hex::encode(Sha256::digest(&content));
        assert_eq!(text(file, "sha256"), digest);
        File {
            path: text(file, "path"),
            content,
        }
    };
    body["files"].as_array().unwrap().iter().map(file).collect()
}

/// Whether a file is one of those that the policies are divided into, and has no policy.
fn is_empty_part(file: &File) -> bool {
    file.path.starts_with("policies-") && file.content.lines().count() == 1
}

/// Compares files with those in `tests/golden`, or writes them there if `UPDATE_GOLDEN` is set.
pub fn golden(folder: &str, files: &[File]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(folder);
    for File { path, content } in files.iter().filter(|file| !is_empty_part(file)) {
        let path = folder.join(path);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, content).unwrap();
        }
        let wanted = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            *content == wanted,
            "{} differs: see it with UPDATE_GOLDEN=1 and git diff",
            path.display()
        );
    }
}
