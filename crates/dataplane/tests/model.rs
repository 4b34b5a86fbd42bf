//! The compiled model chooses what `resolve` chooses, for random policies and requests.

use std::collections::BTreeMap;

use proptest::{collection, option, prelude::*, sample};
use serde_json::{Value, json};
use traffic_manager_core::{
    ids::{PolicyName, VersionName},
    policy::{
        PolicySpec,
        choice::{self, Asked, Choice, VersionState},
        pattern::Patterns,
        shares::SLOTS,
    },
    snapshot::{Scope, SnapshotPolicy, SnapshotRoute, TenantContent, TenantSnapshot},
    tag::VersionTag,
};
use traffic_manager_dataplane::model::{Action, Model};

const VERSIONS: [&str; 4] = ["v0", "v1", "v2", "v3"];

fn name() -> PolicyName {
    PolicyName {
        service: "shop".parse().unwrap(),
        env: "prod".parse().unwrap(),
    }
}

/// Makes a tenant with these versions, each with its state, and one policy.
fn snapshot(states: &[Option<bool>; 4], spec: &PolicySpec) -> TenantSnapshot {
    let route = |(version, is_active): (&str, bool)| -> SnapshotRoute {
        serde_json::from_value(json!({
            "service": "shop", "env": "prod", "version": version, "url": format!("http://{version}.example/base"),
            "is_active": is_active, "labels": {}, "revision": 1,
        }))
        .unwrap()
    };
    let routes = VERSIONS
        .into_iter()
        .zip(states)
        .filter_map(|(version, state)| Some(route((version, (*state)?))));
    let tag: VersionTag = "0123456789abcdef.7".parse().unwrap();
    let content = TenantContent {
        confirmed: None,
        routes: routes.collect(),
        policies: vec![SnapshotPolicy {
            name: name(),
            spec: spec.clone(),
            revision: tag.revision,
        }],
        scopes: vec![(name().service, name().env, tag.revision)],
        waiters: None,
        tag,
    };
    TenantSnapshot::new("acme".parse().unwrap(), content).unwrap()
}

fn version() -> impl Strategy<Value = &'static str> {
    sample::select(&VERSIONS[..])
}

fn split() -> impl Strategy<Value = Value> {
    let share = (version(), sample::select(&[0_u16, 1, 5, 90, 10_000][..]));
    collection::btree_map(version(), share.prop_map(|(_, weight)| weight), 0..=4).prop_map(
        |shares| {
            let shares: Vec<_> = shares
                .into_iter()
                .map(|(version, weight)| json!({"version": version, "weight": weight}))
                .collect();
            json!(shares)
        },
    )
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        sample::select(&["exact", "prefix", "suffix", "contains"][..])
            .prop_map(|kind| json!({kind: "a"})),
        Just(json!({"regex": "a[0-9]*"})),
        any::<bool>().prop_map(|present| json!({"present": present})),
    ]
}

fn matching() -> impl Strategy<Value = Value> {
    let path = prop_oneof![
        Just(json!({"exact": "/a"})),
        Just(json!({"prefix": "/a"})),
        Just(json!({"regex": "/a.*"})),
    ];
    (
        collection::btree_map(sample::select(&["x-a", "x-b"][..]), text(), 0..2),
        collection::btree_map(Just("q"), text(), 0..2),
        option::of(Just(json!(["GET"]))),
        option::of(path),
    )
        .prop_map(|(headers, query, methods, path)| {
            let mut matching = json!({"headers": headers, "query": query});
            if let Some(methods) = methods {
                matching["methods"] = methods;
            }
            if let Some(path) = path {
                matching["path"] = path;
            }
            matching
        })
}

fn rule() -> impl Strategy<Value = Value> {
    let outcome = prop_oneof![
        version().prop_map(|version| json!({"version": version})),
        split().prop_map(|split| json!({"split": split})),
        Just(json!({"redirect": {"status": 302, "url": "https://b.example/"}})),
        Just(json!({"respond": {"status": 403}})),
    ];
    (matching(), outcome).prop_map(|(matching, mut rule)| {
        rule["match"] = matching;
        rule
    })
}

fn policy() -> impl Strategy<Value = PolicySpec> {
    (
        split(),
        collection::vec(rule(), 0..3),
        collection::btree_set(version(), 0..3),
        option::of(Just(json!("x-version"))),
    )
        .prop_filter_map("a valid policy", |(split, rules, failover, header)| {
            let rules: Vec<_> = rules
                .into_iter()
                .enumerate()
                .map(|(at, mut rule)| {
                    rule["name"] = json!(format!("r{at}"));
                    rule
                })
                .collect();
            let spec = json!({
                "hosts": ["shop.example"], "split": split, "rules": rules, "failover": failover,
                "version_header": header, "sticky_by": {"header": "x-user"},
            });
            serde_json::from_value::<PolicySpec>(spec)
                .unwrap()
                .checked()
                .ok()
        })
}

fn asked() -> impl Strategy<Value = Asked> {
    let value = || sample::select(&["a", "a1", "ba", "b", ""][..]).prop_map(str::to_owned);
    let names = sample::select(&["x-a", "x-b", "x-user"][..]).prop_map(str::to_owned);
    let named =
        sample::select(&["v0", "v3", "v9", " v1 ", "no version"][..]).prop_map(str::to_owned);
    (
        collection::btree_map(names, value(), 0..4),
        option::weighted(0.2, named),
        collection::btree_map(Just("q".to_owned()), value(), 0..2),
        option::of(sample::select(&["GET", "POST"][..]).prop_map(str::to_owned)),
        option::of(sample::select(&["/a", "/a/b", "/ab", "/"][..]).prop_map(str::to_owned)),
    )
        .prop_map(|(mut headers, version, query, method, path)| {
            headers.extend(version.map(|version| ("x-version".to_owned(), version)));
            Asked {
                key: None,
                headers,
                method,
                path,
                query,
            }
        })
}

proptest! {
    #[test]
    fn model_chooses_what_resolve_chooses(
        spec in policy(),
        states in prop::array::uniform4(prop_oneof![3 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)]),
        requests in collection::vec((asked(), any::<u64>()), 1..12),
    ) {
        let snapshot = snapshot(&states, &spec);
        let patterns = Patterns::of(&spec.rules);
        let model = Model::compile([&snapshot], &Scope::default());
        let compiled = &model.policies[0];
        let known: BTreeMap<_, _> = VERSIONS.into_iter().zip(states).collect();
        let state = |version: &VersionName| match known.get(version.as_str()).copied().flatten() {
            Some(true) => VersionState::Active,
            Some(false) => VersionState::Inactive,
            None => VersionState::Missing,
        };
        for (asked, random) in requests {
            let (chosen, _) = choice::choose(&spec, Some(&patterns), &asked, random, state);
            let by_model = compiled.choose(Some(&patterns), &asked, random);
            // A proxy does not know inactive versions: both are 404.
            let is_same = match (&chosen, &by_model) {
                (Choice::NotThere(_), Choice::NotThere(_)) => true,
                (one, other) => one == other,
            };
            prop_assert!(is_same, "{asked:?}: {chosen:?} and {by_model:?}");
        }
    }

    #[test]
    fn compiled_targets_fill_all_slots_and_neighbours_differ(
        spec in policy(),
        states in prop::array::uniform4(prop_oneof![Just(Some(true)), Just(Some(false))]),
    ) {
        let snapshot = snapshot(&states, &spec);
        let model = Model::compile([&snapshot], &Scope::default());
        let compiled = &model.policies[0];
        let actions = compiled.rules.iter().map(|rule| &rule.action).chain([&compiled.default]);
        for action in actions {
            if let Action::To(targets) = action {
                prop_assert_eq!(targets.iter().map(|target| target.slots).sum::<u32>(), SLOTS);
                prop_assert!(targets.windows(2).all(|pair| pair[0].upstream != pair[1].upstream));
                prop_assert!(targets.iter().all(|target| target.slots > 0 && target.upstream < compiled.upstreams.len()));
            }
        }
    }
}

#[test]
fn address_of_a_version_is_read_from_its_url() {
    let spec: PolicySpec = serde_json::from_value(json!({"failover": ["v0"]})).unwrap();
    let of = |url: &str| {
        let mut content = snapshot(&[Some(true), None, None, None], &spec).content();
        content.routes[0].url = url.parse().unwrap();
        let snapshot = TenantSnapshot::new("acme".parse().unwrap(), content).unwrap();
        Model::compile([&snapshot], &Scope::default()).policies[0].upstreams[0].clone()
    };
    let plain = of("http://a.example:8080/one/");
    assert_eq!(
        (
            plain.is_tls,
            plain.host.as_str(),
            plain.port,
            plain.base.as_str()
        ),
        (false, "a.example", 8080, "/one")
    );
    assert_eq!(plain.authority, "a.example:8080");
    let secure = of("https://a.example/?q=1");
    assert_eq!(
        (
            secure.is_tls,
            secure.port,
            secure.base.as_str(),
            secure.query.as_deref()
        ),
        (true, 443, "", Some("q=1"))
    );
    assert_eq!(secure.authority, "a.example");
    let address = of("http://[2001:db8::1]:81/x");
    assert!(address.is_address);
    assert_eq!(
        (address.authority.as_str(), address.host_and_port().as_str()),
        ("[2001:db8::1]:81", "[2001:db8::1]:81")
    );
}

#[test]
fn longer_hosts_and_prefixes_come_first() {
    let mut content = snapshot(&[Some(true), None, None, None], &PolicySpec::default()).content();
    let policy = |env: &str, hosts: &[&str], prefixes: &[&str]| {
        let spec = json!({"failover": ["v0"], "hosts": hosts, "path_prefixes": prefixes});
        SnapshotPolicy {
            name: PolicyName {
                service: "shop".parse().unwrap(),
                env: env.parse().unwrap(),
            },
            spec: serde_json::from_value(spec).unwrap(),
            revision: content.tag.revision,
        }
    };
    content.policies = vec![
        policy("all", &["*.example.com"], &["/"]),
        policy("deep", &["*.a.example.com"], &["/"]),
        policy("exact", &["x.a.example.com"], &["/", "/b"]),
        policy("longer", &["x.a.example.com"], &["/b/c"]),
    ];
    let snapshot = TenantSnapshot::new("acme".parse().unwrap(), content).unwrap();
    let model = Model::compile([&snapshot], &Scope::default());
    let of = |host: &str, path: &str| {
        model
            .policy_for(host, path)
            .map(|policy| policy.name.env.to_string())
    };
    for (host, path, expected) in [
        ("x.a.example.com", "/b/c/d", Some("longer")),
        ("x.a.example.com", "/b/cc", Some("exact")),
        ("x.a.example.com", "/", Some("exact")),
        ("y.a.example.com", "/b/c", Some("deep")),
        ("y.z.a.example.com", "/", Some("deep")),
        ("a.example.com", "/", Some("all")),
        ("example.com", "/", None),
        ("other.example", "/", None),
    ] {
        assert_eq!(of(host, path).as_deref(), expected, "{host}{path}");
    }
}
