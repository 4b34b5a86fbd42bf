//! Tests of `policy`.

use serde_json::json;

use super::*;

fn spec(value: serde_json::Value) -> Result<PolicySpec, Vec<(String, Invalid)>> {
    serde_json::from_value::<PolicySpec>(value)
        .expect("readable")
        .checked()
}

#[test]
fn hosts_are_lower_case_dns_names() {
    for good in [
        "a",
        "a.example",
        "*.example.com",
        "xn--bcher-kva.example",
        &format!("{}.a", "a".repeat(63)),
    ] {
        assert!(Host::try_from(good.to_owned()).is_ok(), "{good}");
    }
    let long = ["a"; 200].join(".");
    for bad in [
        "",
        ".",
        "a.",
        "A.example",
        "a..b",
        "*",
        "*.*.a",
        "a.*.b",
        "a:80",
        "10.0.0.1",
        "[::1]",
        "-a.b",
        "a_b",
        "ä",
        &long,
    ] {
        assert!(Host::try_from(bad.to_owned()).is_err(), "{bad}");
    }
}

#[test]
fn path_prefix_has_exactly_one_spelling() {
    for good in ["/", "/a", "/a/b.c", "/~x/@1"] {
        assert!(PathPrefix::try_from(good.to_owned()).is_ok(), "{good}");
    }
    for bad in [
        "",
        "a",
        "//",
        "/a/",
        "/a//b",
        "/./a",
        "/..",
        "/a%2fb",
        "/a?b",
        "/a#b",
        "/a b",
        "/ä",
        &format!("/{}", "a".repeat(512)),
    ] {
        assert!(PathPrefix::try_from(bad.to_owned()).is_err(), "{bad}");
    }
}

#[test]
fn every_invalid_policy_member_is_named() {
    let pointers = |value| {
        spec(value)
            .unwrap_err()
            .into_iter()
            .map(|(pointer, _)| pointer)
            .collect::<Vec<_>>()
    };
    assert_eq!(pointers(json!({})), ["/split"]);
    assert_eq!(
        pointers(json!({"split": [{"version": "a", "weight": 0}]})),
        ["/split"]
    );
    let value = json!({
        "split": [{"version": "a", "weight": 10001}, {"version": "a", "weight": 1}], "failover": ["b", "b"], "hosts": ["h", "h"],
        "rules": [{"name": "", "match": {"headers": {}}, "version": "a"}],
    });
    let all = [
        "/split/0/weight",
        "/split/1/version",
        "/rules/0/name",
        "/rules/0/match",
        "/failover/1",
        "/hosts/1",
    ];
    assert_eq!(pointers(value), all);
    let many: Vec<_> = (0..65).map(|at| json!(format!("v{at}"))).collect();
    assert_eq!(pointers(json!({"failover": many})), ["/failover"]);
}

#[test]
fn policy_members_serialise_in_canonical_order() {
    let rule = json!({"name": "r", "match": {"headers": {"x-a": {"exact": "1"}}}, "version": "b"});
    let value = json!({"split": [{"version": "a", "weight": 1}], "rules": [rule], "hosts": ["b", "a"], "sticky_by": {"header": "x"}});
    let spec = spec(value).unwrap();
    crate::chain::in_order(&spec).unwrap();
    assert_eq!(
        spec.hosts.iter().map(Host::as_str).collect::<Vec<_>>(),
        ["a", "b"]
    );
}

#[test]
fn largest_values_are_accepted_and_larger_are_refused() {
    let host = |length: usize| format!("{}a", "a.".repeat(length / 2));
    assert_eq!((host(253).len(), host(255).len()), (253, 255));
    assert!(
        Host::try_from(host(253)).is_ok() && Host::try_from(format!("{}a", host(253))).is_err()
    );
    for bad in [
        format!("{}.a", "a".repeat(64)),
        "a-.b".to_owned(),
        "a.1".to_owned(),
        "a.b-".to_owned(),
    ] {
        assert!(Host::try_from(bad.clone()).is_err(), "{bad}");
    }
    assert_eq!(
        (
            Host::try_from("a.1b".to_owned()).unwrap().to_string(),
            PathPrefix::default().as_str()
        ),
        ("a.1b".into(), "/")
    );
    let prefix = |length: usize| PathPrefix::try_from(format!("/{}", "a".repeat(length - 1)));
    assert!(prefix(MAX_PREFIX).is_ok() && prefix(MAX_PREFIX + 1).is_err());
    let cookie = |raw: &str| CookieName::try_from(raw.to_owned());
    assert_eq!(cookie(&"c".repeat(64)).unwrap().as_str(), "c".repeat(64));
    assert!(cookie(&"c".repeat(65)).is_err() && cookie("a b").is_err() && cookie("").is_err());
    let versions = |count: usize| (0..count).map(|at| format!("v{at}")).collect::<Vec<_>>();
    assert!(spec(json!({"failover": versions(MAX_PARTS)})).is_ok());
    assert!(spec(json!({"split": [{"version": "a", "weight": MAX_WEIGHT}, {"version": "b", "weight": 0}]})).is_ok());
    let named = |name: String| {
        spec(json!({"rules": [{"name": name, "match": {"headers": {"x": {"present": true}}}, "version": "a"}]})).is_ok()
    };
    assert!(named("n".repeat(64)) && !named("n".repeat(65)) && !named(String::new()));
}

#[test]
fn policy_versions_are_found_in_every_member() {
    let rule = json!({"name": "r", "match": {"headers": {"x": {"present": true}}}, "version": "b"});
    let shares = json!([{"version": "a", "weight": 1}, {"version": "c", "weight": 0}]);
    let policy = spec(json!({"split": shares, "rules": [rule], "failover": ["d"]})).unwrap();
    let version = |name: &str| -> VersionName { name.parse().unwrap() };
    let named: Vec<_> = policy
        .versions()
        .map(|(pointer, version)| (pointer, version.to_string()))
        .collect();
    let at = [
        ("/split/0/version", "a"),
        ("/split/1/version", "c"),
        ("/rules/0/version", "b"),
        ("/failover/0", "d"),
    ];
    assert_eq!(
        named,
        at.map(|(pointer, version)| (pointer.to_owned(), version.to_owned()))
    );
    assert_eq!(
        ["a", "b", "c", "d", "e"].map(|v| policy.sends_to(&version(v))),
        [true, true, false, false, false]
    );
    assert_eq!(
        ["a", "b", "c", "d", "e"].map(|v| policy.names(&version(v))),
        [true, true, true, true, false]
    );
    let only = |name: &'static str| policy.has_somewhere(move |version| version.as_str() == name);
    assert_eq!(
        ["a", "b", "c", "d"].map(only),
        [true, false, false, true],
        "a rule has no traffic outside its conditions"
    );
    let patch = PolicyPatch {
        failover: Some(Some(vec![version("x")])),
        rules: Some(Some(policy.rules.clone())),
        split: Some(None),
        hosts: Some(Some(vec![Host::try_from("h".to_owned()).unwrap()])),
        ..PolicyPatch::default()
    };
    assert_eq!(
        patch
            .versions()
            .map(|version| version.to_string())
            .collect::<Vec<_>>(),
        ["b", "x"]
    );
    let patched = patch.apply(&policy).unwrap();
    assert_eq!(
        (patched.split.len(), &patched.rules, patched.hosts.len()),
        (0, &policy.rules, 1)
    );
    assert_eq!(patched.failover, [version("x")]);
    let gives_up = |name: &str, active: &'static str| {
        policy
            .giving_up(&version(name), move |v| v.as_str() == active)
            .is_some()
    };
    assert!(gives_up("c", "none"), "the version had no traffic");
    assert!(
        gives_up("b", "d") && !gives_up("b", "none"),
        "the rule's traffic needs another active version"
    );
    assert!(!gives_up("a", "d"), "no weight would be left");
}
