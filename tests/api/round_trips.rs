//! Round trips: every writable state can be exported, and a plan that is made from the export
//! changes nothing.

use proptest::{
    prelude::*,
    strategy::{Strategy, ValueTree as _},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use crate::support::TestApp;

/// Texts that YAML, in one of its versions, could take for something else.
const ODD: [&str; 24] = [
    "no",
    "on",
    "y",
    "null",
    "true",
    "1",
    "012",
    "0o17",
    "0x1f",
    "1e3",
    "1.0",
    "2024-01-01",
    "12:30:45",
    "1_000",
    "~",
    "=",
    "<<",
    "- a",
    "a: b",
    "a #b",
    "!tag x",
    "&anchor",
    "*alias",
    "{}",
];

fn text() -> BoxedStrategy<String> {
    let printable = proptest::string::string_regex("[ -~äß€]{0,12}").unwrap();
    prop_oneof![
        prop::sample::select(&ODD[..]).prop_map(str::to_owned),
        printable
    ]
    .boxed()
}

fn of<T: Clone + std::fmt::Debug + 'static>(all: &[T]) -> BoxedStrategy<T> {
    prop::sample::select(all.to_vec()).boxed()
}

fn condition() -> BoxedStrategy<Value> {
    let patterns = [
        "a|b",
        "v[12]",
        r"(?i).*\bbeta\b.*",
        r"\d{1,3}(\.\d{1,3}){3}",
        "no",
        "[[:alpha:]:#'\"]+",
        "1.0",
    ];
    prop_oneof![
        text().prop_map(|value| json!({"exact": value.trim()})),
        text().prop_map(|value| json!({"prefix": value.trim_start()})),
        of(&patterns).prop_map(|pattern| json!({ "regex": pattern })),
        any::<bool>().prop_map(|wanted| json!({ "present": wanted })),
    ]
    .boxed()
}

const VERSIONS: [&str; 6] = ["v1", "1.0", "2024-01-01", "no", "1e3", "0x1f"];

fn rules() -> BoxedStrategy<Value> {
    let headers =
        prop::collection::btree_map(of(&["x-beta", "on", "1", "cookie"]), condition(), 1..4);
    let rule = (headers, of(&VERSIONS))
        .prop_map(|(headers, version)| json!({"match": {"headers": headers}, "version": version}));
    let named = |rules: Vec<Value>| {
        let name = |(at, mut rule): (usize, Value)| {
            rule["name"] = json!(format!("{}{at}", ODD[at % ODD.len()]));
            rule
        };
        Value::from(rules.into_iter().enumerate().map(name).collect::<Vec<_>>())
    };
    prop::collection::vec(rule, 0..5).prop_map(named).boxed()
}

fn policy() -> BoxedStrategy<Value> {
    let sticky = of(&[
        json!(null),
        json!({"cookie": "sid"}),
        json!({"cookie": "no"}),
        json!({"header": "x-user"}),
        json!({"header": "1"}),
    ]);
    let split = prop::sample::subsequence(VERSIONS.to_vec(), 1..4).prop_flat_map(|versions| {
        let weights = prop::collection::vec(1_u32..=10_000, versions.len());
        weights.prop_map(move |weights| {
            let share =
                |(version, weight): (&&str, u32)| json!({"version": version, "weight": weight});
            versions.iter().zip(weights).map(share).collect::<Vec<_>>()
        })
    });
    let failover = prop::sample::subsequence(VERSIONS.to_vec(), 0..3);
    let whole = (
        sticky,
        split,
        failover,
        rules(),
        of(&["/", "/no", "/1.0", "/a/~b"]),
    );
    whole
        .prop_map(|(sticky_by, split, failover, rules, path_prefix)| {
            json!({"sticky_by": sticky_by, "split": split, "failover": failover, "rules": rules, "path_prefix": path_prefix})
        })
        .boxed()
}

fn route() -> BoxedStrategy<Value> {
    let labels = prop::collection::btree_map(of(&["no", "app", "on", "team.x"]), text(), 0..4);
    let description = prop::option::of(text());
    (labels, description, any::<bool>())
        .prop_map(|(labels, description, is_active)| {
            json!({"url": "http://a.example/?a=b:c", "labels": labels, "description": description, "is_active": is_active})
        })
        .boxed()
}

#[tokio::test(flavor = "multi_thread")]
async fn reapplied_export_changes_nothing() {
    let app = TestApp::start().await;
    app.post("/tenants")
        .json(&json!({"name": "acme"}))
        .expect(201)
        .await;
    let (mut runner, whole) = (
        TestRunner::deterministic(),
        (prop::collection::vec(route(), VERSIONS.len()), policy()),
    );
    let mut have = [0; 3];
    for (at, service) in ["web", "no", "null", "1", "0x1f", "true", "on", "2024"]
        .iter()
        .cycle()
        .take(24)
        .enumerate()
    {
        let (routes, mut policy) = whole.new_tree(&mut runner).unwrap().current();
        let env = format!("e{at}");
        let named = |mut object: Value| {
            (object["service"], object["env"]) = (json!(service), json!(env));
            object
        };
        let versioned = routes
            .into_iter()
            .zip(VERSIONS)
            .map(|(mut route, version)| {
                route["version"] = json!(version);
                json!({"action": "put", "route": named(route)})
            });
        policy["hosts"] = json!([format!("h{at}.example.com")]);
        for (have, pointer) in
            have.iter_mut()
                .zip(["/sticky_by/cookie", "/sticky_by/header", "/rules/0"])
        {
            *have += u32::from(policy.pointer(pointer).is_some());
        }
        let changes: Vec<_> = versioned
            .chain([json!({"action": "put", "policy": named(policy)})])
            .collect();
        app.post("/tenants/acme/batch")
            .json(&json!({ "changes": changes }))
            .expect(200)
            .await;
    }
    assert!(have.iter().all(|count| *count > 0), "{have:?}");
    for (format, media_type) in [("yaml", "application/yaml"), ("json", "application/json")] {
        let export = app
            .get(&format!("/tenants/acme/export?format={format}"))
            .expect(200)
            .await;
        assert_eq!(export.header("content-type"), media_type);
        let text = String::from_utf8(export.bytes.to_vec()).unwrap();
        assert!(
            !text.contains("!cookie") && !text.contains("!header"),
            "no tag of ours"
        );
        let plan = app
            .post("/tenants/acme/plans")
            .body(media_type, text.clone())
            .send()
            .await;
        assert_eq!(plan.status, 201, "{} {text}", plan.json);
        assert_eq!(
            (&plan.json["changes"], &plan.json["summary"]["unchanged"]),
            (&json!([]), &json!(24 * 7)),
            "{text}"
        );
        let now = app
            .get(&format!("/tenants/acme/export?format={format}"))
            .expect(200)
            .await;
        assert_eq!(now.bytes, export.bytes, "a plan changes nothing");
    }
}
