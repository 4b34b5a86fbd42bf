//! The names and labels of metrics: in the table, the page, the rules, the dashboards, the runbooks, and
//! as a running service exports them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use regex::Regex;
use serde_json::{Value, json};
use test_support::{TestApp, World, eventually};
use traffic_manager::{app::Role, telemetry::names::TABLE};

use crate::{files, read, rules};

/// Labels that Prometheus gives, and that of buckets and quantiles.
const ALWAYS: [&str; 4] = ["instance", "job", "le", "quantile"];

/// Returns the metrics of the page on operations, with kind, labels and meaning.
fn page() -> BTreeMap<String, (String, BTreeSet<String>, String)> {
    let row =
        Regex::new(r"(?m)^\| `(tm_\w+)` \| (counter|gauge|histogram) \| ([\w, ]*) \| (.*) \|$")
            .unwrap();
    let text = read("docs/operations.md");
    let rows = row.captures_iter(&text).map(|found| {
        let labels = found[3].split([',', ' ']).filter(|label| !label.is_empty());
        let labels = labels.map(str::to_owned).collect();
        (
            found[1].to_owned(),
            (found[2].to_owned(), labels, found[4].to_owned()),
        )
    });
    rows.collect()
}

fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| {
            let family = name.strip_suffix(suffix)?;
            TABLE
                .iter()
                .any(|(kind, known, _)| *kind == "histogram" && *known == family)
                .then_some(family)
        })
        .unwrap_or(name)
}

#[test]
fn page_on_operations_has_every_metric_of_the_table() {
    let page = page();
    for (kind, name, help) in TABLE {
        let row = page
            .get(*name)
            .map(|(kind, _, help)| (kind.as_str(), help.as_str()));
        assert_eq!(row, Some((*kind, *help)), "{name}");
    }
    assert_eq!(page.len(), TABLE.len());
}

/// Returns what is wrong with the metrics and labels in a query.
fn faults(query: &str, page: &BTreeMap<String, (String, BTreeSet<String>, String)>) -> Vec<String> {
    let quoted = Regex::new(r#""[^"]*""#).unwrap();
    let bare = quoted.replace_all(query, "\"\"");
    let metric = Regex::new(r"\b(tm_\w+)(?:\{([^}]*)\})?").unwrap();
    let label = Regex::new(r"(\w+)\s*(?:=~|!~|!=|=)").unwrap();
    let by = Regex::new(r"\b(?:by|without|on|group_left) ?\(([^)]*)\)").unwrap();
    let (mut faults, mut all) = (Vec::new(), BTreeSet::new());
    all.extend(ALWAYS.map(str::to_owned));
    for found in metric.captures_iter(&bare) {
        let Some((_, labels, _)) = page.get(family(&found[1])) else {
            faults.push(format!("{query}: there is no metric {}", &found[1]));
            continue;
        };
        all.extend(labels.iter().cloned());
        let used = found.get(2).map_or("", |selector| selector.as_str());
        for used in label.captures_iter(used) {
            if !labels.contains(&used[1]) && !ALWAYS.contains(&&used[1]) {
                faults.push(format!("{query}: {} has no label {}", &found[1], &used[1]));
            }
        }
    }
    for found in by.captures_iter(&bare) {
        for used in found[1].split([',', ' ']).filter(|used| !used.is_empty()) {
            if !all.contains(used) {
                faults.push(format!("{query}: no metric in it has a label {used}"));
            }
        }
    }
    faults
}

/// Returns the blocks of a page that are queries.
fn blocks(page: &str) -> Vec<String> {
    let block = Regex::new(r"(?s)```promql\n(.*?)```").unwrap();
    block
        .captures_iter(page)
        .flat_map(|found| found[1].lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn panels() -> Vec<String> {
    let mut queries = Vec::new();
    for file in files("docker/observe/dashboards", "json") {
        let board: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        for panel in board["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().expect("targets") {
                queries.push(target["expr"].as_str().expect("a query").to_owned());
            }
        }
    }
    queries
}

#[test]
fn queries_name_only_metrics_and_labels_that_exist() {
    let page = page();
    let mut all = rules::queries();
    all.extend(panels());
    for file in files("docs/operations/runbooks", "md") {
        all.extend(blocks(&fs::read_to_string(file).unwrap()));
    }
    assert!(all.len() > 200, "{} queries", all.len());
    let faults: Vec<_> = all.iter().flat_map(|query| faults(query, &page)).collect();
    assert!(faults.is_empty(), "{faults:#?}");

    for wrong in [
        "sum(tm_no_such_metric)",
        "tm_breaker_state{dependencies=\"kafka\"}",
        "sum by (part) (tm_breaker_state)",
        "rate(tm_breaker_state_bucket[5m])",
    ] {
        assert_eq!(self::faults(wrong, &page).len(), 1, "{wrong}");
    }
}

/// The recording rules that others read exist.
#[test]
fn queries_name_only_recorded_series_that_exist() {
    let name = Regex::new(r"\btm:\w+:\w+").unwrap();
    let slo = read("docker/observe/rules/slo.yaml");
    let recorded = Regex::new(r"record: (tm:\S+)").unwrap();
    let recorded: BTreeSet<_> = recorded
        .captures_iter(&slo)
        .map(|found| found[1].to_owned())
        .collect();
    let mut used = BTreeSet::new();
    for query in rules::queries().iter().chain(&panels()) {
        used.extend(name.find_iter(query).map(|found| found.as_str().to_owned()));
    }
    assert!(used.len() > 20 && used.is_subset(&recorded), "{used:?}");
}

/// Metrics that the traffic of the test must bring.
const EXPORTED: [&str; 11] = [
    "tm_ready",
    "tm_check_state",
    "tm_observed_timestamp_seconds",
    "tm_audit_verifications_total",
    "tm_audit_archive_delay_seconds",
    "tm_cache_delay_seconds",
    "tm_cache_stale_seconds",
    "tm_replica_fresh",
    "tm_replica_lag_bytes",
    "tm_nodes",
    "tm_waiters",
];

/// Makes the service export most of its metrics.
async fn traffic(app: &TestApp) {
    app.post("/tenants")
        .json(&json!({ "name": "acme" }))
        .expect(201)
        .await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "https://a.example" }))
        .expect(201)
        .await;
    let snapshot = app
        .get("/tenants/acme/snapshot")
        .header("TM-Node", "edge-1")
        .expect(200)
        .await;
    app.get("/tenants/acme/snapshot?wait=1s")
        .header("TM-Node", "edge-1")
        .header("if-none-match", snapshot.header("etag"))
        .expect(304)
        .await;
    app.get("/routes/resolve?tenant=acme&service=web&env=prod&version=v1")
        .expect(200)
        .await;
    eventually("the archive has the events", async || {
        let answer = app.get("/audit/verify?tenant=acme").expect(200).await;
        (answer.json["verified"] == true && answer.json["events"] == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn running_service_exports_what_the_page_says() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    traffic(&app).await;
    let page = page();
    let old = read("src/telemetry/names.rs");
    let sample = Regex::new(r"^(tm_\w+)(?:\{(.*)\})? ").unwrap();
    let label = Regex::new(r#"(\w+)="(?:[^"\\]|\\.)*""#).unwrap();
    let text = eventually("every metric of such traffic is exported", async || {
        let text = String::from_utf8(app.ops("/metrics").expect(200).await.bytes).unwrap();
        let is_there = |name: &&str| text.contains(&format!("\n{name}"));
        EXPORTED.iter().all(is_there).then_some(text)
    })
    .await;
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let Some(found) = sample.captures(line) else {
            continue;
        };
        let name = family(&found[1]);
        let Some((_, labels, _)) = page.get(name) else {
            let is_old = old.contains(&format!("(\"{}\", ", old_family(&found[1])));
            assert!(is_old, "{line} is not on the page");
            continue;
        };
        let exported = found.get(2).map_or("", |labels| labels.as_str());
        let exported: BTreeSet<_> = label
            .captures_iter(exported)
            .map(|found| found[1].to_owned())
            .filter(|label| !ALWAYS.contains(&label.as_str()))
            .collect();
        assert_eq!(&exported, labels, "{line}");
        seen.insert(name.to_owned());
    }
    assert!(seen.len() > 40, "{} of {}", seen.len(), TABLE.len());
    app.drain().await;
    world.end().await;
}

/// The family of a renamed metric, which the table does not know.
fn old_family(name: &str) -> &str {
    name.trim_end_matches("_bucket")
        .trim_end_matches("_sum")
        .trim_end_matches("_count")
}
