//! Tests of `choice`.

use serde_json::json;

use super::*;

fn policy(value: serde_json::Value) -> PolicySpec {
    serde_json::from_value::<PolicySpec>(value)
        .unwrap()
        .checked()
        .unwrap()
}

fn split(weights: &[u16]) -> PolicySpec {
    let split: Vec<_> = weights
        .iter()
        .enumerate()
        .map(|(at, weight)| json!({"version": format!("v{at}"), "weight": weight}))
        .collect();
    policy(json!({ "split": split }))
}

/// Returns the chosen version; empty if there is none.
fn version((choice, _): (Choice, Explanation)) -> String {
    match choice {
        Choice::Version(version) => version.to_string(),
        _ => String::new(),
    }
}

fn of_key(spec: &PolicySpec, key: &str) -> String {
    let asked = Asked {
        key: Some(key.to_owned()),
        ..Asked::default()
    };
    version(choose(spec, None, &asked, 0, |_| VersionState::Active))
}

/// Returns five standard deviations of a count of `n` draws with probability `p`. A result
/// outside occurs in one run of 1.7 million.
fn tolerance(n: f64, p: f64) -> f64 {
    5.0 * (n * p * (1.0 - p)).sqrt()
}

#[test]
fn traffic_follows_weights_and_changes_move_few_keys() {
    const KEYS: usize = 100_000;
    let count = |holds: &dyn Fn(&str) -> bool| {
        (0..KEYS)
            .filter(|key| holds(&format!("user-{key}")))
            .count() as f64
    };
    let (before, after) = (split(&[90, 10]), split(&[80, 20]));
    let canary = count(&|key| of_key(&before, key) == "v1");
    assert!((canary - 10_000.0).abs() < tolerance(1e5, 0.1), "{canary}");
    let moved = count(&|key| of_key(&before, key) != of_key(&after, key));
    assert!((moved - 10_000.0).abs() < tolerance(1e5, 0.1), "{moved}");
    // No key moves the other way.
    assert_eq!(
        count(&|key| of_key(&before, key) == "v1" && of_key(&after, key) == "v0"),
        0.0
    );
    // A third version takes the last slots: its share moves, and the border before it.
    let third = split(&[80, 20, 25]);
    let moved = count(&|key| of_key(&after, key) != of_key(&third, key));
    assert!((moved - 36_000.0).abs() < tolerance(1e5, 0.36), "{moved}");
    // Weights are relative: the same shares in other numbers move no key.
    assert_eq!(
        count(&|key| of_key(&before, key) != of_key(&split(&[9, 1]), key)),
        0.0
    );
}

#[test]
fn key_selects_the_version_that_has_its_slot() {
    let asked = Asked {
        key: Some("user-7".to_owned()),
        ..Asked::default()
    };
    let (choice, why) = choose(&split(&[90, 10]), None, &asked, 0, |_| VersionState::Active);
    let slot = shares::slot("user-7");
    let expected = if slot < 14_746 { "v0" } else { "v1" };
    assert_eq!(why.slot, Some(slot));
    let scores: Vec<_> = why
        .split
        .iter()
        .map(|scored| (scored.version.as_str(), scored.score, scored.slots))
        .collect();
    assert_eq!(scores, [("v0", 1.0, 14_746), ("v1", 0.0, 1_638)]);
    assert_eq!(version((choice, why.clone())), expected);
}

#[test]
fn without_a_key_the_choice_is_random_by_weight() {
    let spec = split(&[90, 10]);
    let of = |random| {
        choose(&spec, None, &Asked::default(), random, |_| {
            VersionState::Active
        })
    };
    assert_eq!(of(1).1.key, None);
    let canary = (0..100_000_u64)
        .filter(|random| version(of(*random)) == "v1")
        .count() as f64;
    assert!((canary - 10_000.0).abs() < tolerance(1e5, 0.1), "{canary}");
}

#[test]
fn rules_go_first_and_failover_replaces_inactive_versions() {
    let spec = policy(json!({
        "split": [{"version": "a", "weight": 1}, {"version": "b", "weight": 0}],
        "rules": [
            {"name": "beta", "match": {"headers": {"x-beta": {"exact": "1"}}}, "version": "beta"},
            {"name": "all betas", "match": {"headers": {"x-beta": {"present": true}}}, "version": "b"},
        ],
        "failover": ["c", "d"],
    }));
    let go = |headers: &[(&str, &str)], active: &[&str]| {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let standing = |v: &VersionName| {
            if active.contains(&v.as_str()) {
                VersionState::Active
            } else {
                VersionState::Inactive
            }
        };
        let (choice, why) = choose(
            &spec,
            None,
            &Asked {
                key: Some("k".into()),
                headers,
                ..Asked::default()
            },
            0,
            standing,
        );
        (version((choice, why.clone())), why.reason, why.rule)
    };
    let rule = |name: &str| Some(name.to_owned());
    assert_eq!(
        go(&[("x-beta", "1")], &["a", "beta"]),
        ("beta".into(), Reason::Rule, rule("beta"))
    );
    assert_eq!(
        go(&[("x-beta", "2")], &["a", "b"]),
        ("b".into(), Reason::Rule, rule("all betas"))
    );
    assert_eq!(go(&[], &["a", "b"]), ("a".into(), Reason::Split, None));
    assert_eq!(
        go(&[("x-beta", "1")], &["a", "d"]),
        ("d".into(), Reason::Failover, rule("beta"))
    );
    assert_eq!(
        go(&[("x-beta", "1")], &["a"]),
        ("a".into(), Reason::NextOfSplit, rule("beta"))
    );
    assert_eq!(
        go(&[], &["b", "c", "d"]),
        ("c".into(), Reason::Failover, None)
    );
    // Neither a rule nor a weight sends traffic to `b` here.
    assert_eq!(go(&[], &["b"]), (String::new(), Reason::Nowhere, None));
}

#[test]
fn explanation_lists_skipped_versions_and_the_split_scores() {
    let spec = policy(json!({
        "split": [{"version": "a", "weight": 3}, {"version": "b", "weight": 0}, {"version": "c", "weight": 1}],
        "rules": [{"name": "beta", "match": {"headers": {"x-beta": {"present": true}}}, "version": "beta"}],
        "failover": ["d"],
    }));
    let why = |is_beta: bool, active: &[&str]| {
        let headers = is_beta
            .then(|| ("x-beta".to_owned(), "1".to_owned()))
            .into_iter()
            .collect();
        let standing = |v: &VersionName| {
            if active.contains(&v.as_str()) {
                VersionState::Active
            } else {
                VersionState::Inactive
            }
        };
        choose(
            &spec,
            None,
            &Asked {
                key: Some("k".into()),
                headers,
                ..Asked::default()
            },
            0,
            standing,
        )
        .1
    };
    let passed_over = |why: &Explanation| {
        why.instead_of
            .as_ref()
            .map(VersionName::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let first = why(false, &["a", "c"]);
    assert_eq!(
        (passed_over(&first), first.split.len()),
        (String::new(), 2),
        "b has no weight"
    );
    let mut shares: Vec<_> = first
        .split
        .iter()
        .map(|s| (s.version.as_str(), s.weight, s.share, s.standing))
        .collect();
    shares.sort_unstable_by_key(|share| share.0);
    assert_eq!(
        shares,
        [
            ("a", 3, 0.75, VersionState::Active),
            ("c", 1, 0.25, VersionState::Active)
        ]
    );
    let chosen = first.split[0].version.as_str();
    let spare = why(false, &["d"]);
    assert_eq!(
        (passed_over(&spare), spare.split.len()),
        (chosen.to_owned(), 2)
    );
    let ruled = [why(true, &["beta"]), why(true, &["a", "d"])];
    assert_eq!(
        ruled
            .each_ref()
            .map(|why| (passed_over(why), why.split.len())),
        [(String::new(), 0), ("beta".to_owned(), 0)]
    );
    let next = why(true, &["a"]);
    assert_eq!(
        (passed_over(&next), next.reason, next.split.len()),
        ("beta".to_owned(), Reason::NextOfSplit, 2)
    );
}

#[test]
fn sticky_key_comes_from_the_configured_source() {
    let by =
        |sticky| policy(json!({"split": [{"version": "a", "weight": 1}], "sticky_by": sticky}));
    let headers = [("x-user", "7"), ("cookie", "a=1; sid=abc=; b=2")];
    let headers: BTreeMap<_, _> = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let asked = Asked {
        headers,
        ..Asked::default()
    };
    assert_eq!(asked.key(&by(json!({"header": "X-User"}))), Some("7"));
    assert_eq!(asked.key(&by(json!({"cookie": "sid"}))), Some("abc="));
    assert_eq!(asked.key(&by(json!({"cookie": "none"}))), None);
    assert_eq!(asked.key(&by(json!(null))), None);
    assert_eq!(
        Asked {
            key: Some("given".into()),
            ..asked
        }
        .key(&by(json!({"header": "x-user"}))),
        Some("given")
    );
}

#[test]
fn empty_sticky_key_counts_as_no_key_from_any_source() {
    let by =
        |sticky| policy(json!({"split": [{"version": "a", "weight": 1}], "sticky_by": sticky}));
    let (cookie, header) = (by(json!({"cookie": "uid"})), by(json!({"header": "x"})));
    let asked = |key: &str, name: &str, value: &str| Asked {
        key: Some(key.to_owned()).filter(|key| key != "none"),
        headers: BTreeMap::from([(name.to_owned(), value.to_owned())]),
        ..Asked::default()
    };
    for (cookies, key) in [
        ("uid=", None),
        ("uid=; theme=dark", None),
        ("uid=  ", None),
        ("uid=\"\"", None),
        ("uid", None),
        ("", None),
        (";;=;", None),
        ("xuid=1", None),
        ("UID=1", None),
        ("uid=\"7\"", Some("7")),
        ("uid=\"7", Some("\"7")),
        ("uid=\"", Some("\"")),
        ("uid=1; uid=2", Some("1")),
        ("uid=; uid=2", Some("2")),
        ("a=b;uid=x=y=", Some("x=y=")),
    ] {
        assert_eq!(
            asked("none", "cookie", cookies).key(&cookie),
            key,
            "{cookies}"
        );
        assert_eq!(asked("", "cookie", cookies).key(&cookie), key, "{cookies}");
        assert_eq!(
            asked("k", "cookie", cookies).key(&cookie),
            Some("k"),
            "{cookies}"
        );
    }
    for (value, key) in [("", None), ("  ", None), (" 7 ", Some("7"))] {
        assert_eq!(asked("none", "x", value).key(&header), key, "{value:?}");
        assert_eq!(asked("", "x", value).key(&header), key, "{value:?}");
    }
    let (_, why) = choose(&cookie, None, &asked("", "cookie", "uid="), 7, |_| {
        VersionState::Active
    });
    assert_eq!(why.key, None, "the weights decide");
}
