//! Paths without a server: this program runs itself under callgrind, which counts within
//! [`counted`] only.

use std::{collections::BTreeMap, hint::black_box, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use traffic_manager::domain::{
    command::{Command as Write, CommandContext, Op, Precondition},
    decide::{Decision, TenantState, decide, evolve},
    event::Actor,
    ids::RouteName,
    pipeline::{
        document,
        record::{EventHeaders, Record},
    },
    policy::{Rule, pattern::Patterns},
    resource_scope::ResourceScope,
    snapshot::Scope,
    tag::Epoch,
    tenant::Quotas,
};
use traffic_manager_dataplane::native;

use super::total;
use crate::{
    Bench,
    sample::{after, change, recorded, snapshot},
};

/// How often each path is passed.
const PASSES: u64 = 10;

/// The name of a path, and how it is run.
type Path = (&'static str, fn() -> Result<()>);

const PATHS: &[Path] = &[
    ("change of one of 10000 routes", apply),
    ("decide and seal one write", write),
    ("compile the patterns of one policy", compile),
    ("consumer's step, one event", consume),
];

/// Counts every path.
pub fn count(bench: &Bench) -> Result<BTreeMap<String, u64>> {
    let mut counted = BTreeMap::new();
    for (name, _) in PATHS {
        let file = bench.directory.join("callgrind.pure");
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--collect-atstart=no"])
            .arg("--toggle-collect=*counts::pure::counted*")
            .arg(format!("--callgrind-out-file={}", file.display()))
            .arg(std::env::current_exe()?)
            .args(["counted", "--path", name])
            .output()
            .context("valgrind")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name}: {said}");
        let instructions = total(&file)?;
        ensure!(
            instructions > 0,
            "{name}: callgrind counted nothing: {said}"
        );
        counted.insert((*name).to_owned(), instructions / PASSES);
    }
    Ok(counted)
}

/// Runs the path of that name.
pub fn run(name: &str) -> Result<()> {
    match PATHS.iter().find(|(known, _)| *known == name) {
        Some((_, path)) => path(),
        None => bail!("no path is named {name:?}"),
    }
}

/// Calls `path`. Callgrind counts here and in everything that is called from here.
#[inline(never)]
fn counted<T>(path: impl FnOnce() -> T) -> T {
    black_box(path())
}

fn apply() -> Result<()> {
    let snapshot = snapshot(10_000);
    let event = recorded(change(5_000));
    for _ in 0..PASSES {
        counted(|| native::snapshot(&after(&snapshot, &event), &Scope::default()).len());
    }
    Ok(())
}

fn context(number: u128) -> Result<CommandContext> {
    Ok(CommandContext {
        event_id: uuid::Uuid::from_u128(number),
        new_epoch: Epoch::from_random([7; 8]),
        now: "2026-11-21T05:48:00.123456Z".parse()?,
        actor: Actor {
            kind: "key".into(),
            id: "0Yb3kQ9zTn5W".into(),
            token: None,
        },
        may_create_tenant: true,
        reason: None,
        request_id: "01a1fcdf-562d-701c-82c5-2bdba91a6ac6".into(),
        trace_id: None,
        source_ip: Some("192.0.2.7".into()),
        body_bytes: 60,
        resource_scope: ResourceScope::default(),
    })
}

fn command(url: &str) -> Result<Write> {
    let spec =
        serde_json::json!({ "url": url, "is_active": true, "labels": {}, "description": null });
    Ok(Write {
        tenant: "acme".parse()?,
        op: Op::Upsert {
            route: RouteName {
                service: "payments".parse()?,
                env: "prod".parse()?,
                version: "v1".parse()?,
            },
            spec: serde_json::from_value(spec)?,
        },
        precondition: Precondition::default(),
        confirm_in_use: false,
    })
}

fn write() -> Result<()> {
    let mut state = TenantState::absent(Quotas::default());
    let create = command("https://before.example.com/")?;
    let created = decide(&state, &create, &context(1)?)??;
    ensure!(matches!(created, Decision::Revision { .. }), "{created:?}");
    evolve(&mut state, &created);
    let (update, context) = (command("https://after.example.com/")?, context(2)?);
    for _ in 0..PASSES {
        counted(|| decide(&state, &update, &context).is_ok());
    }
    Ok(())
}

fn compile() -> Result<()> {
    let rules = serde_json::json!([{
        "name": "beta", "version": "v1",
        "match": { "headers": { "x-user": { "regex": "^[a-z]{2}-(?:beta|canary)[0-9]+$" } } },
    }]);
    let rules: Vec<Rule> = serde_json::from_value(rules)?;
    for _ in 0..PASSES {
        counted(|| Patterns::of(&rules));
    }
    Ok(())
}

fn consume() -> Result<()> {
    let event = recorded(change(1));
    let headers = EventHeaders {
        id: event.event.body.id.to_string(),
        source: "/traffic-manager".into(),
        ce_type: event.event.body.ce_type(),
        subject: "t000000/service-0/env-0/v1".into(),
        time: event.event.body.occurred_at.to_string(),
        revision: "2".into(),
        epoch: event.event.body.epoch.to_string(),
        traceparent: None,
        replay: None,
    };
    let record = Record {
        topic: "route-events".into(),
        partition: 1,
        offset: 1000,
        key: Some("t000000".into()),
        value: Some(event.json.to_vec()),
        headers: headers
            .pairs()
            .map(|(name, value)| (name.to_owned(), Some(value.into())))
            .collect(),
    };
    let now = event.event.body.occurred_at;
    ensure!(document::read(&record, now).is_ok(), "the record is read");
    for _ in 0..PASSES {
        counted(|| document::read(&record, now).is_ok());
    }
    Ok(())
}
