//! The rules of Prometheus and the routes of Alertmanager.

use std::{collections::BTreeSet, process::Command};

use regex::Regex;
use serde_yaml_ng::Value;

use crate::{files, read, root, run};

const ALERTMANAGER: &str = "docker/observe/alertmanager.yaml";

fn yaml(name: &str) -> Value {
    serde_yaml_ng::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_sequence().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} in {value:?}"))
}

/// Returns all rules that are alerts.
fn alerts() -> Vec<Value> {
    let rules = yaml("docker/observe/rules/alerts.yaml");
    let groups = list(&rules, "groups").iter();
    groups
        .flat_map(|group| list(group, "rules"))
        .filter(|rule| !rule["alert"].is_null())
        .cloned()
        .collect()
}

/// Returns the names of all alerts.
pub fn names() -> BTreeSet<String> {
    let alerts = alerts();
    assert!(alerts.len() > 30, "{} alerts", alerts.len());
    alerts
        .iter()
        .map(|alert| text(alert, "alert").to_owned())
        .collect()
}

/// Returns the queries of all rules.
pub fn queries() -> Vec<String> {
    let rules = files("docker/observe/rules", "yaml");
    let mut queries = Vec::new();
    for file in rules {
        let rules = yaml(file.strip_prefix(root()).unwrap().to_str().unwrap());
        for group in list(&rules, "groups") {
            queries.extend(
                list(group, "rules")
                    .iter()
                    .map(|rule| text(rule, "expr").to_owned()),
            );
        }
    }
    queries
}

#[test]
fn rules_are_valid_and_pass_their_tests() {
    let mut check = Command::new("promtool");
    run(check
        .args(["check", "rules"])
        .args(files("docker/observe/rules", "yaml")));
    let mut test = Command::new("promtool");
    run(test
        .args(["test", "rules"])
        .args(files("docker/observe/tests", "yaml")));
    let config = root().join("docker/observe/prometheus.yaml");
    run(Command::new("promtool")
        .args(["check", "config", "--syntax-only"])
        .arg(config));
}

/// The tests of the rules must say of each alert and severity that it fires, and of each alert that
/// it is silent before and after.
#[test]
fn every_alert_is_tested_before_while_and_after_it_fires() {
    let mut fired = BTreeSet::new();
    let mut ended = BTreeSet::new();
    for file in files("docker/observe/tests", "yaml") {
        let tests = yaml(file.strip_prefix(root()).unwrap().to_str().unwrap());
        for test in list(&tests, "tests") {
            let steps = list(test, "alert_rule_test");
            let [before, during, after] = steps else {
                panic!("{file:?}: a test has not three times: {steps:?}");
            };
            let name = text(during, "alertname");
            for silent in [before, after] {
                assert_eq!(text(silent, "alertname"), name);
                assert!(list(silent, "exp_alerts").is_empty(), "{name}");
            }
            let expected = list(during, "exp_alerts");
            assert!(!expected.is_empty(), "{name} does not fire");
            for alert in expected {
                let labels = &alert["exp_labels"];
                let window = labels["window"].as_str().unwrap_or("");
                fired.insert((
                    name.to_owned(),
                    text(labels, "severity").to_owned(),
                    window.to_owned(),
                ));
            }
            ended.insert(name.to_owned());
        }
    }
    let rules: BTreeSet<_> = alerts()
        .iter()
        .map(|alert| {
            let labels = &alert["labels"];
            (
                text(alert, "alert").to_owned(),
                text(labels, "severity").to_owned(),
                labels["window"].as_str().unwrap_or("").to_owned(),
            )
        })
        .collect();
    assert_eq!(fired, rules);
    assert_eq!(ended, names());
}

#[test]
fn every_alert_names_its_severity_and_its_runbook() {
    for alert in alerts() {
        let name = text(&alert, "alert");
        let severity = text(&alert["labels"], "severity");
        assert!(["page", "ticket"].contains(&severity), "{name}: {severity}");
        let annotations = &alert["annotations"];
        assert!(text(annotations, "summary").len() > 20, "{name}");
        assert_eq!(
            text(annotations, "runbook_url"),
            format!("{{{{ $externalLabels.runbooks }}}}/{name}.md")
        );
    }
}

#[test]
fn alertmanager_sends_pages_and_tickets_to_their_receivers() {
    let config = root().join(ALERTMANAGER);
    let mut check = Command::new("amtool");
    run(check.arg("check-config").arg(&config));
    for alert in alerts() {
        let severity = text(&alert["labels"], "severity");
        let receiver = run(Command::new("amtool")
            .args(["config", "routes", "test", "--config.file"])
            .arg(&config)
            .arg(format!("alertname={}", text(&alert, "alert")))
            .arg(format!("severity={severity}")));
        let expected = if severity == "page" {
            "pager"
        } else {
            "tickets"
        };
        assert_eq!(receiver.trim(), expected, "{alert:?}");
    }
}

/// Alertmanager accepts an inhibition of an alert that does not exist, which then silences nothing.
#[test]
fn inhibitions_name_alerts_that_exist() {
    let names = names();
    let config = yaml(ALERTMANAGER);
    let pattern = Regex::new(r#"^alertname(=~|=|!=)"(.+)"$"#).unwrap();
    let mut seen = 0;
    for rule in list(&config, "inhibit_rules") {
        let matchers = list(rule, "source_matchers")
            .iter()
            .chain(list(rule, "target_matchers"));
        for matcher in matchers {
            let Some(found) = pattern.captures(matcher.as_str().expect("a matcher")) else {
                continue;
            };
            // Each name of an alternative, so that none of them is misspelt.
            let (prefix, inner) = match found[2].split_once('(') {
                Some((prefix, inner)) => (prefix, inner.trim_end_matches(')')),
                None => ("", &found[2]),
            };
            for alternative in inner.split('|') {
                let name = Regex::new(&format!("^{prefix}{alternative}$")).unwrap();
                assert!(
                    names.iter().any(|known| name.is_match(known)),
                    "{matcher:?}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen}");
}
