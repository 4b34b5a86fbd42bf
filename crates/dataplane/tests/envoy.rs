//! Envoy's resources, files and bootstraps. The golden files were served to an Envoy 1.40.0, which
//! took them without a warning and did what they say; `UPDATE_GOLDEN=1` writes them anew.

#[path = "samples_envoy/mod.rs"]
mod samples;
#[path = "envoy/search.rs"]
mod search;

use std::{collections::BTreeSet, path::Path};

use prost::Message as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use traffic_manager_core::policy::shares;
use traffic_manager_dataplane::{
    Dialect, Settings,
    bootstrap::Ask,
    envoy::{
        self, CLUSTER_TYPE, Former, Offer, ROUTE_TYPE, ROUTES, Resource, Transport, compose,
        messages::{Any, cluster::Cluster, route::RouteConfiguration},
    },
    model::Model,
    report::{Report, State},
};

use samples::{everything, model, policy};

fn settings() -> Settings {
    Settings {
        ca_file: "ca.pem".to_owned(),
        ..Settings::default()
    }
}

fn rendered(model: &Model) -> (Offer, Report) {
    let forms = Former::new(settings()).forms(model);
    let offer = compose(forms.version, &forms.all, |_| false);
    (offer, Dialect::Envoy.report(model, &settings()))
}

/// Returns the routes of a host, as JSON.
fn routes(offer: &Offer, host: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(&offer.routes[ROUTES].json().unwrap()).unwrap();
    let hosts = all["virtual_hosts"].as_array().unwrap();
    let found: Vec<_> = hosts.iter().filter(|one| one["name"] == host).collect();
    assert_eq!(found.len(), 1, "{host}");
    found[0]["routes"].as_array().unwrap().clone()
}

fn clusters(offer: &Offer) -> Vec<&str> {
    offer.clusters.keys().map(AsRef::as_ref).collect()
}

fn notes<'a>(report: &'a Report, service: &str) -> (State, &'a [String]) {
    let found = report.iter().find(|one| one.service.as_str() == service);
    let found = found.unwrap();
    (found.state, &found.notes)
}

fn golden(name: &str, content: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/envoy")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        want == content,
        "{} differs: look at it, then UPDATE_GOLDEN=1",
        path.display()
    );
}

fn ask(env: Option<&str>) -> Ask {
    Ask {
        url: "http://127.0.0.1:24800".to_owned(),
        tenant: "acme".to_owned(),
        env: env.map(str::to_owned),
        node: "edge-1".to_owned(),
        ads: Some("127.0.0.1:24801".to_owned()),
        listen: "127.0.0.1:24100".to_owned(),
        admin: "127.0.0.1:24901".to_owned(),
        ca_file: "ca.pem".to_owned(),
    }
}

#[test]
fn files_and_bootstraps_have_exactly_these_bytes() {
    let (offer, report) = rendered(&everything());
    let body = Dialect::Envoy.render(&everything(), &settings()).document;
    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
    let files = body["files"].as_array().unwrap();
    let names: Vec<_> = files.iter().map(|file| &file["path"]).collect();
    assert_eq!(names, ["cds.json", "rds.json"]);
    for file in files {
        let (path, content) = (file["path"].as_str(), file["content"].as_str().unwrap());
        golden(&format!("tm/{}", path.unwrap()), content);
        assert_eq!(file["sha256"], hex::encode(Sha256::digest(content)));
    }
    // The encoded bodies, which streams send: the JSON above is theirs.
    let bodies: String = offer
        .clusters
        .values()
        .chain(offer.routes.values())
        .map(|one| format!("{} {}\n", one.name, hex::encode(&one.body)))
        .collect();
    golden("bodies.txt", &bodies);
    let report = serde_json::to_string_pretty(&report).unwrap();
    golden("report.json", &(report + "\n"));
    for (name, transport) in [
        ("ads", Transport::Ads),
        ("rest", Transport::Rest),
        ("files", Transport::Files),
    ] {
        let text = envoy::bootstrap(&ask(Some("prod")), transport);
        golden(&format!("{name}.yaml"), &text);
    }
    let secure = Ask {
        url: "https://tm.example.com".to_owned(),
        ads: None,
        ..ask(None)
    };
    golden("ads-tls.yaml", &envoy::bootstrap(&secure, Transport::Ads));
}

#[test]
fn same_model_gives_the_same_bytes() {
    assert_eq!(rendered(&everything()), rendered(&everything()));
}

#[test]
fn bodies_are_the_messages_whose_json_is_written() {
    let (offer, _) = rendered(&everything());
    for (name, cluster) in &offer.clusters {
        let any = Any::decode(cluster.body.clone()).unwrap();
        assert_eq!(any.type_url, CLUSTER_TYPE);
        let read = Cluster::decode(any.value.as_slice()).unwrap();
        assert_eq!((&*read.name, &*cluster.name), (&**name, &**name));
        assert_eq!(read.load_assignment.unwrap().cluster_name, **name);
    }
    let any = Any::decode(offer.routes[ROUTES].body.clone()).unwrap();
    assert_eq!(any.type_url, ROUTE_TYPE);
    let read = RouteConfiguration::decode(any.value.as_slice()).unwrap();
    assert_eq!(read.encode_to_vec(), any.value);
    let versions: BTreeSet<_> = offer.clusters.values().map(|one| &one.version).collect();
    assert_eq!(versions.len(), offer.clusters.len());
}

#[test]
fn body_of_another_origin_has_no_json() {
    let (offer, _) = rendered(&everything());
    let mut routes = Resource::clone(&offer.routes[ROUTES]);
    routes.body = Any {
        type_url: "type.googleapis.com/some.Other".to_owned(),
        value: Vec::new(),
    }
    .encode_to_vec()
    .into();
    assert!(routes.json().is_err());
}

#[test]
fn no_domain_is_there_twice_and_every_named_cluster_is_there() {
    let (offer, _) = rendered(&everything());
    let all: Vec<_> = domains(&offer).into_iter().flatten().collect();
    let once: BTreeSet<_> = all.iter().collect();
    assert_eq!(all.len(), once.len());
    let text = offer.routes[ROUTES].json().unwrap();
    let named: BTreeSet<_> = text
        .split('"')
        .filter(|part| part.starts_with("acme/") && part.contains('@'))
        .collect();
    assert!(named.len() > 10);
    for name in named {
        assert!(offer.clusters.contains_key(name), "{name}");
    }
}

/// Returns the domains of each virtual host.
fn domains(offer: &Offer) -> Vec<Vec<String>> {
    let any = Any::decode(offer.routes[ROUTES].body.clone()).unwrap();
    let read = RouteConfiguration::decode(any.value.as_slice()).unwrap();
    let hosts = read.virtual_hosts.into_iter();
    hosts.map(|host| host.domains).collect()
}

#[test]
fn hosts_of_one_policy_share_a_virtual_host_unless_another_has_some_of_their_requests() {
    let versions = [("s", "v1", "http://a:1"), ("t", "v1", "http://b:1")];
    let of = |of_s: Value, of_t: &[&str], more: Value| {
        let hosts = ["c.test", "a.test", "*.b.test"];
        let policies = [
            ("s", policy(&hosts, &[("v1", 1)], of_s)),
            ("t", policy(of_t, &[("v1", 1)], more)),
        ];
        rendered(&model(&versions, &policies)).0
    };
    let all = || json!({});
    let shared = of(all(), &["t.test"], all());
    assert_eq!(
        domains(&shared),
        [
            vec!["*.b.test", "a.test", "c.test"],
            vec!["t.test"],
            vec!["*"]
        ]
    );
    // Requests below /t of one of the hosts go to another policy.
    let below = json!({"path_prefix": "/t"});
    let apart = of(all(), &["a.test"], below);
    assert_eq!(
        domains(&apart),
        [vec!["*.b.test", "c.test"], vec!["a.test"], vec!["*"]]
    );
    assert_eq!(routes(&apart, "a.test").len(), 2);
    // Requests beyond /s go to the policy of a wildcard, but for one of the hosts.
    let of_s = json!({"path_prefix": "/s"});
    let beyond = of(of_s, &["*.test"], all());
    let each = ["*.b.test", "*.test", "a.test", "c.test", "*"].map(|host| vec![host]);
    assert_eq!(domains(&beyond), each);
    assert_eq!(routes(&beyond, "a.test").len(), 2);
    // A policy that lost a host has none of the others either.
    let refused = rendered(&model(
        &versions,
        &[
            ("s", policy(&["a.test"], &[("v1", 1)], all())),
            (
                "t",
                policy(&["t.test", "a.test", "u.test"], &[("v1", 1)], all()),
            ),
        ],
    ));
    assert_eq!(
        domains(&refused.0),
        [vec!["a.test"], vec!["t.test", "u.test"], vec!["*"]]
    );
    assert_eq!(
        routes(&refused.0, "t.test")[0]["direct_response"]["status"],
        503
    );
}

#[test]
fn changed_url_is_a_new_cluster() {
    let of = |url| {
        let spec = policy(&["a.test"], &[("v1", 1)], json!({}));
        rendered(&model(&[("s", "v1", url)], &[("s", spec)])).0
    };
    let (old, new) = (of("http://a:1/x"), of("http://a:1/y"));
    assert_ne!(clusters(&old), clusters(&new));
    assert_eq!(of("http://a:1/x"), old);
}

#[test]
fn changed_weight_changes_no_cluster() {
    let of = |a, b| {
        let spec = policy(&["a.test"], &[("v1", a), ("v2", b)], json!({}));
        let versions = [("s", "v1", "http://a:1"), ("s", "v2", "http://b:1")];
        rendered(&model(&versions, &[("s", spec)])).0
    };
    let (all, half) = (of(1, 0), of(1, 1));
    assert_eq!(all.clusters, half.clusters);
    assert_eq!(all.clusters.len(), 2);
    assert_ne!(all.routes[ROUTES].version, half.routes[ROUTES].version);
}

#[test]
fn weights_are_slots_and_the_hash_chooses() {
    let (offer, _) = rendered(&everything());
    let last = routes(&offer, "pay.test");
    let default = last.iter().rfind(|one| one["route"].is_object()).unwrap();
    let weighted = &default["route"]["weighted_clusters"];
    let weights: Vec<_> = weighted["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["weight"].as_u64().unwrap())
        .collect();
    assert_eq!(weights, [14_746, 1_638]);
    assert_eq!(weights.iter().sum::<u64>(), u64::from(shares::SLOTS));
    assert_eq!(weighted["use_hash_policy"], true);
    let header = json!([{"header": {"header_name": "x-user"}}]);
    assert_eq!(default["route"]["hash_policy"], header);
}

#[test]
fn longer_prefixes_go_first_and_the_rest_is_404() {
    let (offer, _) = rendered(&everything());
    let paths = |host| -> Vec<String> {
        routes(&offer, host)
            .iter()
            .map(|one| {
                let path = &one["match"];
                let found = path["path_separated_prefix"].as_str();
                found.or(path["prefix"].as_str()).unwrap().to_owned()
            })
            .collect()
    };
    assert_eq!(paths("strip.test"), ["/s.$'(h)", "/p", "/"]);
    // Envoy looks into one virtual host only: the wildcard's routes are in that of the exact host.
    assert_eq!(paths("a.deep.test"), ["/only", "/w", "/"]);
    assert_eq!(paths("*.b.deep.test"), ["/only", "/w", "/"]);
    assert_eq!(paths("*.deep.test"), ["/w", "/"]);
    let last = routes(&offer, "strip.test").pop().unwrap();
    assert_eq!(last["direct_response"]["status"], 404);
}

#[test]
fn rule_for_a_path_takes_nothing_outside_the_policys_prefix() {
    let (offer, _) = rendered(&everything());
    let text = serde_json::to_string(&routes(&offer, "pay.test")).unwrap();
    assert!(!text.contains("/other"));
    // The routes of /Kauf stand before those of /shop.
    let of_rule = |name: &str| {
        let found = routes(&offer, "pay.test")
            .into_iter()
            .rfind(|one| one["name"] == format!("acme/pay/prod {name}"));
        found.unwrap()["match"].clone()
    };
    assert_eq!(of_rule("exact"), json!({"path": "/shop/exact"}));
    let below = json!({"path_separated_prefix": "/shop/below"});
    assert_eq!(of_rule("below"), below);
    let under = json!({"safe_regex": {"regex": "/shop(?:[/?].*)?"}});
    let path = json!({
        "safe_regex": {"regex": "/shop/item/[0-9]+"},
        "headers": [{"name": ":path", "string_match": under}],
    });
    assert_eq!(of_rule("path"), path);
}

#[test]
fn spaces_and_comments_of_patterns_are_left_out() {
    let (offer, _) = rendered(&everything());
    let rule = routes(&offer, "pay.test")
        .into_iter()
        .find(|one| one["name"] == "acme/pay/prod spaced")
        .unwrap();
    let regex = &rule["match"]["headers"][0]["string_match"]["safe_regex"]["regex"];
    assert_eq!(regex, r"a\ b|[0-9]{3}");
}

#[test]
fn pattern_outside_the_common_subset_is_refused() {
    for pattern in ["a&&b[a&&b]", r"\p{L}", "ü", "(?x) ü"] {
        let rules = json!([{"name": "r", "match": {"headers": {"x": {"regex": pattern}}}, "version": "v1"}]);
        let spec = policy(&["a.test"], &[("v1", 1)], json!({"rules": rules}));
        let (offer, report) = rendered(&model(&[("s", "v1", "http://a:1")], &[("s", spec)]));
        assert_eq!(notes(&report, "s").0, State::Refused, "{pattern}");
        assert!(offer.clusters.is_empty());
    }
}

#[test]
fn refused_policy_answers_503_and_holds_up_no_other() {
    let versions = [("a", "v1", "http://a:1/?q=1"), ("b", "v1", "http://b:1")];
    let a = policy(&["x.test"], &[("v1", 1)], json!({"path_prefixes": ["/a"]}));
    let b = policy(&["x.test"], &[("v1", 1)], json!({}));
    let (offer, report) = rendered(&model(&versions, &[("a", a), ("b", b)]));
    let (state, why) = notes(&report, "a");
    assert_eq!(state, State::Refused);
    assert!(why[0].contains("query"), "{why:?}");
    assert_eq!(notes(&report, "b"), (State::Native, [].as_slice()));
    let routes = routes(&offer, "x.test");
    assert_eq!(routes[0]["match"], json!({"path_separated_prefix": "/a"}));
    assert_eq!(routes[0]["direct_response"]["status"], 503);
    let body = routes[0]["direct_response"]["body"]["inline_string"].as_str();
    let body: Value = serde_json::from_str(body.unwrap()).unwrap();
    assert_eq!(body["code"], "policy_refused");
    assert!(
        routes[1]["route"]["cluster"]
            .as_str()
            .unwrap()
            .starts_with("acme/b/prod/v1@")
    );
    assert_eq!(offer.clusters.len(), 1);
}

#[test]
fn policy_that_would_take_gigabytes_is_refused_and_answered_503() {
    let hosts: Vec<_> = (0..64).map(|at| format!("h{at}.test")).collect();
    let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
    let prefixes: Vec<_> = (0..64).map(|at| format!("/p{at}")).collect();
    let rules: Vec<_> = (0..64)
        .map(|at| {
            json!({"name": format!("r{at}"), "match": {"headers": {"x": {"exact": "y"}}}, "version": "v1"})
        })
        .collect();
    let set: serde_json::Map<_, _> = (0..16)
        .map(|at| (format!("x-{at}"), json!("v".repeat(512))))
        .collect();
    let more = json!({"path_prefixes": prefixes, "rules": rules, "request_headers": {"set": set}});
    let large = policy(&hosts, &[("v1", 1)], more);
    let versions = [("large", "v1", "http://a:1"), ("small", "v1", "http://b:1")];
    let small = policy(&["small.test"], &[("v1", 1)], json!({}));
    let (offer, report) = rendered(&model(&versions, &[("large", large), ("small", small)]));
    assert_eq!(notes(&report, "large").0, State::Refused);
    assert_eq!(notes(&report, "small").0, State::Native);
    assert!(offer.routes[ROUTES].body.len() < 8 * 1024 * 1024);
    assert_eq!(
        routes(&offer, "h7.test")[0]["direct_response"]["status"],
        503
    );
}

#[test]
fn second_policy_of_a_host_and_prefix_is_refused() {
    let versions = [("a", "v1", "http://a:1"), ("b", "v1", "http://b:1")];
    let spec = || policy(&["x.test"], &[("v1", 1)], json!({}));
    let (offer, report) = rendered(&model(&versions, &[("a", spec()), ("b", spec())]));
    assert_eq!(notes(&report, "a").0, State::Native);
    assert_eq!(notes(&report, "b").0, State::Refused);
    assert_eq!(routes(&offer, "x.test").len(), 1);
    assert_eq!(offer.clusters.len(), 1);
}

#[test]
fn content_length_is_not_edited() {
    let edits = json!({"set": {"content-length": "1"}, "remove": []});
    let spec = policy(&["a.test"], &[("v1", 1)], json!({"request_headers": edits}));
    let (_, report) = rendered(&model(&[("s", "v1", "http://a:1")], &[("s", spec)]));
    assert_eq!(notes(&report, "s").0, State::Refused);
}

#[test]
fn copies_are_not_made_for_versions_with_another_path() {
    let versions = [("s", "v1", "http://a:1/one"), ("s", "v2", "http://b:1/two")];
    let spec = policy(
        &["a.test"],
        &[("v1", 1)],
        json!({"mirror": {"version": "v2", "share": 5}}),
    );
    let (offer, report) = rendered(&model(&versions, &[("s", spec)]));
    assert_eq!(notes(&report, "s").0, State::Degraded);
    assert!(!offer.routes[ROUTES].json().unwrap().contains("mirror"));
}

#[test]
fn versions_that_nothing_can_reach_have_no_cluster() {
    let versions = [("s", "v1", "http://a:1"), ("s", "v2", "http://b:1")];
    let spec = |more| policy(&["a.test"], &[("v1", 1)], more);
    let (offer, _) = rendered(&model(&versions, &[("s", spec(json!({})))]));
    assert_eq!(offer.clusters.len(), 1);
    let named = spec(json!({"version_header": "x-version"}));
    let (offer, _) = rendered(&model(&versions, &[("s", named)]));
    assert_eq!(offer.clusters.len(), 2);
    let hostless = policy(&[], &[("v1", 1)], json!({}));
    let (offer, report) = rendered(&model(&versions, &[("s", hostless)]));
    assert!(offer.clusters.is_empty());
    assert_eq!(notes(&report, "s").0, State::Degraded);
}

#[test]
fn durations_are_seconds_with_a_unit() {
    let spec = |ms: u32| policy(&["a.test"], &[("v1", 1)], json!({"timeout_ms": ms}));
    for (ms, want) in [(1500, "1.500s"), (2000, "2s"), (1, "0.001s")] {
        let (offer, _) = rendered(&model(&[("s", "v1", "http://a:1")], &[("s", spec(ms))]));
        let route = routes(&offer, "a.test")[0]["route"].clone();
        assert_eq!(route["timeout"], want);
        assert_eq!(route["idle_timeout"], Value::Null);
    }
    // A response may be silent for as long as it may last.
    let long = spec(600_000);
    let (offer, _) = rendered(&model(&[("s", "v1", "http://a:1")], &[("s", long)]));
    assert_eq!(routes(&offer, "a.test")[0]["route"]["idle_timeout"], "600s");
}
