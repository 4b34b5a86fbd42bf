//! The runbooks: one page for each alert, whose commands work.

use std::{
    collections::BTreeSet,
    fs,
    process::{Child, Command, Stdio},
};

use regex::Regex;
use serde_json::Value;
use test_support::{
    World,
    callers::{ASKING, first_key},
    eventually,
    page::Page,
    ports::free_address,
};

use crate::{files, read, rules, run};

const FOLDER: &str = "docs/operations/runbooks";

fn pages() -> BTreeSet<String> {
    let names = files(FOLDER, "md").into_iter().map(|file| {
        let name = file.file_stem().expect("a name");
        name.to_str().expect("UTF-8").to_owned()
    });
    names.filter(|name| name != "README").collect()
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    assert_eq!(pages(), rules::names());
    let index = read(&format!("{FOLDER}/README.md"));
    for name in pages() {
        assert!(
            index.contains(&format!("| [{name}]({name}.md) |")),
            "{name}"
        );
    }
}

#[test]
fn every_runbook_has_the_same_parts() {
    let parts = [
        "What users feel",
        "Is it real",
        "First five minutes",
        "Causes, the likeliest first",
        "Never",
        "Wake",
        "Afterwards",
    ];
    for name in pages() {
        let page = read(&format!("{FOLDER}/{name}.md"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        let found: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(found, parts, "{name}");
    }
}

/// Prometheus reads the queries of the runbooks as rules, so that each of them can be asked.
#[test]
fn queries_of_the_runbooks_are_valid() {
    let block = Regex::new(r"(?s)```promql\n(.*?)```").unwrap();
    let mut rules = "groups:\n  - name: runbooks\n    rules:\n".to_owned();
    for name in pages() {
        let page = read(&format!("{FOLDER}/{name}.md"));
        let queries: Vec<_> = block
            .captures_iter(&page)
            .flat_map(|found| found[1].lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        assert!(queries.len() >= 2, "{name} has {} queries", queries.len());
        for (at, query) in queries.iter().enumerate() {
            let query = query.replace('\'', "''");
            rules.push_str(&format!(
                "      - {{record: 'runbook:{name}:{at}', expr: '{query}'}}\n"
            ));
        }
    }
    let file = std::env::temp_dir().join(format!("tm-runbooks-{}.yaml", uuid::Uuid::new_v4()));
    fs::write(&file, rules).unwrap();
    run(Command::new("promtool").args(["check", "rules"]).arg(&file));
    fs::remove_file(file).unwrap();
}

/// The service of the pages, which ends with the test. It is a process of its own, since the metrics of
/// other tests in this process would show.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// On a healthy service the commands print what the pages show.
#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_runbooks_work() {
    let (api, ops) = (free_address(), free_address());
    let addresses = [
        format!("http.listen={api}"),
        format!("http.ops_listen={ops}"),
        // Also in an encrypted run: the commands name no CA.
        "http.tls.cert_file=".to_owned(),
        "http.tls.key_file=".to_owned(),
    ];
    let overrides: Vec<&str> = ASKING
        .into_iter()
        .chain(addresses.iter().map(String::as_str))
        .collect();
    let world = World::with(&overrides).await;
    let token = first_key(&world.settings).await;
    let service = Command::new(env!("CARGO_BIN_EXE_traffic-manager"))
        .arg("all")
        .env_clear()
        .envs(&world.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary");
    let service = Service(service);
    eventually("the relay leads, and the replica is fresh", async || {
        let url = format!("http://{ops}/health/resilience");
        let answer: Value = reqwest::get(url).await.ok()?.json().await.ok()?;
        let is_calm = answer["relay"]["leader"] == true
            && answer["nodes"]["partial"] == false
            && answer["backlog"]["events"] == 0
            && answer["audit"]["lag"] == 0
            && answer["replicas"][0]["is_fresh"] == true;
        is_calm.then_some(())
    })
    .await;
    for name in pages() {
        Page::read(&format!("operations/runbooks/{name}.md"))
            .with("OPS_URL", format!("http://{ops}"))
            .run(&format!("http://{api}"), &token)
            .await;
    }
    drop(service);
    world.end().await;
}
