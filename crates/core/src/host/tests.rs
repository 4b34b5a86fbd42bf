use proptest::prelude::*;

use super::{claims::Claims, *};
use crate::{
    ids::{PolicyName, TenantName},
    policy::PolicySpec,
};

fn host(raw: &str) -> Host {
    Host::try_from(raw.to_owned()).unwrap_or_else(|invalid| panic!("{raw}: {invalid}"))
}

fn suffix(raw: &str) -> HostSuffix {
    raw.to_owned().try_into().unwrap()
}

fn prefix(raw: &str) -> PathPrefix {
    raw.to_owned().try_into().unwrap()
}

fn policy(env: &str) -> PolicyName {
    PolicyName {
        service: "s".parse().unwrap(),
        env: env.parse().unwrap(),
    }
}

/// Generates names from four labels. There are few of them, so that two names often overlap.
fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "a-b"]), 1..5)
        .prop_map(|labels| labels.join("."))
}

fn any_host() -> impl Strategy<Value = Host> {
    (any::<bool>(), name())
        .prop_map(|(star, name)| host(&if star { format!("*.{name}") } else { name }))
}

#[test]
fn hosts_are_lower_case_dns_names() {
    let long = "a".repeat(63);
    for good in [
        "a.example",
        "*.example.com",
        "a-b.c",
        "localhost",
        &long,
        "r3---sn-x.example",
        "xn--bcher-kva.example",
        "0xg",
        "a.0x1.b",
    ] {
        assert_eq!(host(good).as_str(), good);
    }
    let bad = [
        "",
        "A.example",
        "a.example.",
        "*",
        "*.",
        "a.*.b",
        "*a.b",
        "**.a",
        ".a",
        "a..b",
        "-a.b",
        "a-.b",
        "a_b.c",
        "a:80",
        "a/b",
        "ü.example",
        "1.2.3.4",
        "[::1]",
        "a.1",
        "*.1",
        "a b",
        "a\n",
        "0x7f000001",
        "a.0x",
        "xn--a",
        "xn--abc-.example",
        "a.xn--.b",
    ];
    for bad in bad {
        assert_eq!(
            Host::try_from(bad.to_owned()).map_err(|invalid| invalid.code),
            Err("not_a_host"),
            "{bad:?}"
        );
    }
    let name = |length: usize| format!("{}a", "a.".repeat(length / 2));
    assert!(Host::try_from(name(253)).is_ok() && Host::try_from(name(255)).is_err());
    assert!(
        Host::try_from(format!("*.{}", name(251))).is_ok()
            && Host::try_from(format!("*.{}", name(253))).is_err()
    );
    assert!(Host::try_from("a".repeat(64)).is_err());
}

type Spelling = fn(&str) -> String;

/// Tries each way to spell a name differently on each name. Every one is refused, and the message
/// names the accepted spelling.
#[test]
fn other_host_spelling_is_refused_with_the_accepted_one() {
    let ways: &[(&str, Spelling)] = &[
        ("upper case", |name| name.to_uppercase()),
        ("one capital", |name| name.replacen('p', "P", 1)),
        ("a dot at the end", |name| format!("{name}.")),
        ("a port", |name| format!("{name}:443")),
        ("an empty port", |name| format!("{name}:")),
        ("spaces around", |name| format!(" {name}\t")),
        ("an escape", |name| name.replacen('p', "%70", 1)),
        ("an escaped dot", |name| name.replacen("e.", "e%2E", 1)),
        ("wide letters", |name| name.replacen('p', "ｐ", 1)),
        ("an ideographic dot", |name| name.replacen("e.", "e。", 1)),
        ("a soft hyphen", |name| name.replacen('p', "p\u{ad}", 1)),
        ("all at once", |name| {
            format!(" {}.:80", name.to_uppercase().replacen('P', "%50", 1))
        }),
    ];
    for name in [
        "shop.example.com",
        "*.shop.example.com",
        "xn--bcher-kva.pre.example.com",
    ] {
        for (way, spelled) in ways {
            let raw = spelled(name);
            assert_ne!(raw, name, "{way}");
            let invalid = Host::try_from(raw.clone()).expect_err(way);
            assert_eq!(
                (
                    invalid.code,
                    invalid.detail.ends_with(&format!("write {name}"))
                ),
                ("not_a_host", true),
                "{way}: {invalid}"
            );
        }
    }
    let detail = |raw: &str| Host::try_from(raw.to_owned()).unwrap_err().detail;
    assert!(detail("Bücher.example").ends_with("write xn--bcher-kva.example"));
    assert!(detail("xn--BCHER-kva.example").ends_with("write xn--bcher-kva.example"));
    assert!(
        !detail(&"%61".repeat(2000)).contains("write"),
        "input that cannot be a host gets no suggestion"
    );
}

/// Hosts from before the rule of one spelling can be read, and removed with their policy. They
/// cannot be written again.
#[test]
fn older_host_is_readable_but_not_writable() {
    for old in ["xn--a.example", "*.xn--a.example", "a.0x7f", "0x7f000001"] {
        let policy = serde_json::json!({ "failover": ["v1", "v2"], "hosts": [old] });
        let spec: PolicySpec = serde_json::from_value(policy).unwrap();
        assert_eq!(spec.hosts[0].as_str(), old);
        assert_eq!(
            spec.giving_up(&"v1".parse().unwrap(), |_| true)
                .unwrap()
                .hosts,
            spec.hosts
        );
        let wrong = spec.checked().unwrap_err();
        assert_eq!(
            (wrong[0].0.as_str(), wrong[0].1.code),
            ("/hosts/0", "not_a_host"),
            "{old}"
        );
    }
    for never in ["A.example", "a.example.", "1.2.3.4", "a:80"] {
        assert!(
            serde_json::from_value::<Host>(serde_json::json!(never)).is_err(),
            "{never}"
        );
    }
}

#[test]
fn wildcard_covers_names_of_any_depth_but_not_its_base() {
    let covered = [
        "b.a.com",
        "c.b.a.com",
        "a.com",
        "xa.com",
        "com",
        "b.a.com.x",
        "a.com.b",
    ]
    .map(|name| host("*.a.com").covers(name));
    assert_eq!(covered, [true, true, false, false, false, false, false]);
    assert!(host("a.com").covers("a.com") && !host("a.com").covers("b.a.com"));
    let taken = [
        "a.com",
        "*.a.com",
        "b.a.com",
        "*.b.a.com",
        "*.com",
        "com",
        "b.com",
        "xa.com",
        "*.b.com",
    ];
    let overlaps = |of: &str| taken.map(|other| host(of).overlaps(&host(other)));
    assert_eq!(
        overlaps("*.a.com"),
        [true, true, true, true, true, false, false, false, false]
    );
    assert_eq!(
        overlaps("a.com"),
        [true, true, false, false, true, false, false, false, false]
    );
}

#[test]
fn public_suffixes_and_wildcards_under_them_need_a_grant() {
    let needs = [
        "*.com",
        "*.co.uk",
        "*.uk",
        "com",
        "co.uk",
        "*.github.io",
        "github.io",
        "*.s3.amazonaws.com",
        "*.example",
        "*.localhost",
        "*.internal",
        "*.ck",
        "*.any.ck",
        "any.ck",
        "*.kawasaki.jp",
        "*.xn--55qx5d.cn",
        "xn--p1ai",
        "*.xn--p1ai",
    ];
    for needs in needs {
        let host = host(needs);
        assert!(host.needs_grant(), "{needs}");
        assert_eq!(
            may_have(&[], &host),
            Err(NotAllowed::PublicSuffix),
            "{needs}"
        );
        assert_eq!(
            may_have(&[suffix("other.org"), suffix(host.base())], &host),
            Ok(()),
            "{needs}"
        );
    }
    let free = [
        "shop.example.com",
        "*.example.com",
        "*.example.co.uk",
        "example.co.uk",
        "me.github.io",
        "*.me.github.io",
        "localhost",
        "intranet",
        "a.internal",
        "*.a.internal",
        "www.ck",
        "*.city.kawasaki.jp",
        "*.shop.example",
    ];
    for free in free {
        assert!(!host(free).needs_grant(), "{free}");
        assert_eq!(may_have(&[], &host(free)), Ok(()), "{free}");
        assert_eq!(
            may_have(&[suffix("other.org")], &host(free)),
            Err(NotAllowed::OutsideSuffixes),
            "{free}"
        );
    }
    // A suffix matches whole labels, not just the end of the text.
    assert_eq!(
        may_have(&[suffix("a.org")], &host("xa.org")),
        Err(NotAllowed::OutsideSuffixes)
    );
    assert_eq!(
        may_have(&[suffix("a.org")], &host("*.org")),
        Err(NotAllowed::OutsideSuffixes)
    );
    assert_eq!(
        HostSuffix::try_from("*.a.org".to_owned()).map_err(|invalid| invalid.code),
        Err("not_a_host_suffix")
    );
    assert_eq!(
        in_order(vec![suffix("b"), suffix("a"), suffix("b")]),
        vec![suffix("a"), suffix("b")]
    );
}

/// docs/polling.md documents this order.
#[test]
fn exact_host_and_longer_prefix_are_matched_first() {
    let entries = [
        ("*.example.com", "/", "wide"),
        ("*.shop.example.com", "/", "narrow"),
        (
            "*.example.com",
            "/deep/path/of/it",
            "wide with a long prefix",
        ),
        ("a.shop.example.com", "/", "exact"),
        ("a.shop.example.com", "/pay", "pay"),
        ("a.shop.example.com", "/pay/card", "card"),
        ("b.shop.example.com", "/pay", "only pay"),
    ]
    .map(|(name, path, entry)| (host(name), prefix(path), entry));
    let cases = [
        ("a.shop.example.com", "/", Some("exact")),
        ("a.shop.example.com", "/deep/path/of/it", Some("exact")),
        ("a.shop.example.com", "/pay", Some("pay")),
        ("a.shop.example.com", "/pay/cards", Some("pay")),
        ("a.shop.example.com", "/pay/card/1", Some("card")),
        ("a.shop.example.com", "/payment", Some("exact")),
        ("b.shop.example.com", "/pay/x", Some("only pay")),
        ("b.shop.example.com", "/other", Some("narrow")),
        ("c.b.shop.example.com", "/", Some("narrow")),
        (
            "shop.example.com",
            "/deep/path/of/it/x",
            Some("wide with a long prefix"),
        ),
        ("x.example.com", "/", Some("wide")),
        ("example.com", "/", None),
        ("example.org", "/", None),
    ];
    for (name, path, expected) in cases {
        let forwards = first_match(
            entries
                .iter()
                .map(|(host, prefix, entry)| (host, prefix, *entry)),
            name,
            path,
        );
        let backwards = first_match(
            entries
                .iter()
                .rev()
                .map(|(host, prefix, entry)| (host, prefix, *entry)),
            name,
            path,
        );
        assert_eq!((forwards, backwards), (expected, expected), "{name}{path}");
    }
}

proptest! {
    /// Two hosts overlap exactly when both cover a common name. A wildcard counts as covering its
    /// base too.
    #[test]
    fn hosts_overlap_exactly_when_they_share_a_name(one in any_host(), other in any_host()) {
        let has = |host: &Host, name: &str| host.covers(name) || host.base() == name;
        // If two hosts overlap, one covers the base of the other, or both cover a name under the
        // longer of two wildcards.
        let names = [one.base().to_owned(), other.base().to_owned(), format!("x.{}", one.base()), format!("x.{}", other.base())];
        let common = names.iter().any(|name| has(&one, name) && has(&other, name));
        prop_assert_eq!(one.overlaps(&other), common, "{} {}", one, other);
        prop_assert_eq!(one.overlaps(&other), other.overlaps(&one));
    }

    /// The ordered claims give the same answers as a search through all of them.
    #[test]
    fn claims_find_exactly_the_overlapping_hosts(
        steps in prop::collection::vec((any_host(), 0..2_usize, 0..3_usize, any::<bool>()), 0..12), asked in any_host(),
    ) {
        let tenants: [TenantName; 3] = ["t0", "t1", "t2"].map(|name| name.parse().unwrap());
        let prefixes = [PathPrefix::default(), prefix("/x")];
        let mut claims = Claims::default();
        let mut plain: Vec<(Host, usize, usize)> = Vec::new();
        for (host, at, tenant, stays) in steps {
            claims.insert(&host, &prefixes[at], &tenants[tenant], &policy("prod"));
            plain.retain(|(other, other_at, _)| (other, *other_at) != (&host, at));
            plain.push((host.clone(), at, tenant));
            if !stays {
                claims.remove(&host, &prefixes[at], &tenants[tenant], &policy("dev"));
                claims.remove(&host, &prefixes[at], &tenants[(tenant + 1) % 3], &policy("prod"));
                prop_assert!(claims.holder(&host, &prefixes[at]).is_some(), "only the holder can give the host up");
                claims.remove(&host, &prefixes[at], &tenants[tenant], &policy("prod"));
                plain.pop();
            }
        }
        for (at, tenant) in tenants.iter().enumerate() {
            let expected = plain.iter().any(|(host, _, holder)| *holder != at && host.overlaps(&asked));
            prop_assert_eq!(claims.is_taken_by_another(&asked, tenant), expected, "{} {}", asked, tenant);
        }
        for (at, prefix) in prefixes.iter().enumerate() {
            let expected = plain.iter().find(|(host, other, _)| (host, *other) == (&asked, at)).map(|(.., holder)| &tenants[*holder]);
            prop_assert_eq!(claims.holder(&asked, prefix).map(|(holder, _)| holder), expected);
        }
        claims.insert_unseen(asked.clone());
        prop_assert!(tenants.iter().all(|tenant| claims.is_taken_by_another(&asked, tenant)));
    }

    #[test]
    fn accepted_host_is_its_own_canonical_form(raw in "(\\*\\.)?[a-z0-9.%-]{1,12}|(\\*\\.)?xn--[a-z0-9-]{1,8}(\\.[a-z]{1,3})?") {
        if let Ok(host) = Host::try_from(raw.clone()) {
            prop_assert_eq!(canonical(&raw), Some(host));
        }
    }
}
