//! Replays the events and checks that they alone produce the tables.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use traffic_manager::domain::{
    chain,
    event::{Change, EventBody},
};

use crate::{support::Database, verify::Events};

/// An object after its events: the attributes that callers set, the revision and time of its last
/// change, and the time of its first.
struct Held {
    spec: Value,
    revision: u64,
    created_at: String,
    updated_at: String,
}

/// The state after the events of one epoch of a tenant.
struct Life {
    objects: BTreeMap<String, Held>,
    /// The newest revision that touched each service and environment.
    scopes: BTreeMap<String, u64>,
    revision: u64,
    head: String,
}

/// Returns the name of an object: its sort, and its name within the tenant.
fn name_of(change: &Change) -> String {
    match change {
        Change::Route { name, .. } => format!("route {name}"),
        Change::Policy { name, .. } => format!("policy {name}"),
        Change::Tenant { .. } => "tenant".to_owned(),
    }
}

impl Life {
    /// The state before the first event. A tenant that its first route or policy creates has
    /// neither quotas nor an event of its own.
    fn new(first: &EventBody) -> Self {
        let quotas = json!({ "body_bytes": null, "policies": null, "routes": null, "waiters": null, "writes_per_second": null });
        let mut life = Self {
            objects: BTreeMap::new(),
            scopes: BTreeMap::new(),
            revision: 0,
            head: "0".repeat(64),
        };
        if !matches!(first.change, Change::Tenant { .. }) {
            life.hold("tenant".to_owned(), json!({ "quotas": quotas }), first);
        }
        life
    }

    fn hold(&mut self, name: String, spec: Value, event: &EventBody) {
        let updated_at = event.occurred_at.to_string();
        let created_at = self
            .objects
            .remove(&name)
            .map_or_else(|| updated_at.clone(), |held| held.created_at);
        self.objects.insert(
            name,
            Held {
                spec,
                revision: event.revision.0,
                created_at,
                updated_at,
            },
        );
    }

    fn step(&mut self, event: &EventBody, value: &Value, seed: &str) {
        let name = name_of(&event.change);
        let held = self
            .objects
            .get(&name)
            .map_or(&Value::Null, |held| &held.spec);
        assert_eq!(
            &value["before"], held,
            "{seed} {name} at {}: `before` is the previous state",
            event.revision
        );
        assert_ne!(
            value["before"], value["after"],
            "{seed} {name} at {}: an event changes something",
            event.revision
        );
        match &value["after"] {
            Value::Null => drop(self.objects.remove(&name)),
            after => self.hold(name, after.clone(), event),
        }
        if let Some((service, env)) = event.change.place() {
            self.scopes
                .insert(format!("{service}/{env}"), event.revision.0);
        }
        self.revision = event.revision.0;
        self.head = value["hash"].as_str().unwrap().to_owned();
    }

    fn count(&self, sort: &str) -> usize {
        self.objects
            .keys()
            .filter(|name| name.starts_with(sort))
            .count()
    }
}

/// Replays the history and compares every table with the result.
pub async fn tables(db: &Database, events: &Events, seed: &str) {
    let sql = "select name, epoch from tenants";
    let alive: BTreeSet<(String, String)> = db
        .rows(sql, &[])
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let mut want = BTreeSet::new();
    for (life, events) in events {
        let mut state = Life::new(&events[0].0.body);
        for (event, value) in events {
            state.step(&event.body, value, seed);
        }
        let is_end = |change: &Change| matches!(change, Change::Tenant { after: None, .. });
        let ends: Vec<_> = events
            .iter()
            .map(|(event, _)| is_end(&event.body.change))
            .collect();
        assert!(
            !ends[..ends.len() - 1].contains(&true),
            "{seed} {life:?}: no event comes after the deletion"
        );
        assert_eq!(
            ends[ends.len() - 1],
            !alive.contains(life),
            "{seed} {life:?}: a past incarnation ends with its deletion"
        );
        if alive.contains(life) {
            want.extend(lines(&life.0, &life.1, &state));
        } else {
            assert!(
                state.objects.is_empty(),
                "{seed} {life:?}: a deleted tenant has no objects"
            );
        }
    }
    assert!(
        alive.iter().all(|life| events.contains_key(life)),
        "{seed}: a tenant without a first event"
    );
    let got = stored(db).await;
    assert_eq!(
        got.difference(&want).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "{seed}: stored, but not in the history"
    );
    assert_eq!(
        want.difference(&got).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "{seed}: in the history, but not stored"
    );
}

/// Returns the lines that the tables must hold for a tenant.
fn lines(tenant: &str, epoch: &str, life: &Life) -> Vec<String> {
    let mut lines = Vec::new();
    for (
        name,
        Held {
            spec,
            revision,
            created_at,
            updated_at,
        },
    ) in &life.objects
    {
        let Some((sort, name)) = name.split_once(' ') else {
            let (routes, policies) = (life.count("route "), life.count("policy "));
            let (quotas, Life { revision, head, .. }) = (canonical(&spec["quotas"]), life);
            let allowed = spec
                .get("allowed_hosts")
                .map_or_else(|| "[]".to_owned(), canonical);
            lines.push(format!(
                "tenant {tenant} {epoch} {revision} {head} {routes} {policies} [{quotas},{allowed}] {created_at} {updated_at}"
            ));
            continue;
        };
        lines.push(format!(
            "{sort} {tenant}/{name} {} {revision} {created_at} {updated_at}",
            canonical(spec)
        ));
        for host in spec["hosts"].as_array().into_iter().flatten() {
            let host = host.as_str().unwrap();
            let prefixes = match &spec["path_prefixes"] {
                Value::Array(several) => several.clone(),
                _ => vec![spec["path_prefix"].clone()],
            };
            for prefix in &prefixes {
                let prefix = prefix.as_str().unwrap();
                lines.push(format!("host {host}{prefix} {tenant}/{name}"));
            }
        }
    }
    lines.extend(
        life.scopes
            .iter()
            .map(|(scope, revision)| format!("scope {tenant}/{scope} {epoch} {revision}")),
    );
    lines
}

fn canonical(value: &Value) -> String {
    String::from_utf8(chain::canonical(value).unwrap()).unwrap()
}

/// Returns the lines that the tables hold. Scopes of a tenant's earlier epochs do not count while
/// the tenant exists. Without the tenant there may be none.
async fn stored(db: &Database) -> BTreeSet<String> {
    let utc = |column: &str| {
        format!("to_char({column} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    };
    let times = format!("{}, {}", utc("created_at"), utc("updated_at"));
    let sql = format!(
        "select concat_ws(' ', 'tenant', name, epoch, revision, chain_head, routes, policies) as line, jsonb_build_array(quotas, allowed_hosts)::text as json, \
                concat_ws(' ', {times}) as rest from tenants \
         union all select 'route ' || concat_ws('/', tenant, service, env, version), \
                jsonb_build_object('url', url, 'is_active', is_active, 'labels', labels, 'description', description)::text, \
                concat_ws(' ', revision, {times}) from routes \
         union all select 'policy ' || concat_ws('/', tenant, service, env), spec::text, concat_ws(' ', revision, {times}) \
                from policies \
         union all select 'host ' || host || path_prefix, null, concat_ws('/', tenant, service, env) from policy_hosts \
         union all select 'scope ' || concat_ws('/', tenant, service, env), null, concat_ws(' ', s.epoch, s.revision) \
                from scopes s left join tenants t on t.name = s.tenant where t.epoch is null or t.epoch = s.epoch"
    );
    let mut stored = BTreeSet::new();
    for row in db.rows(&sql, &[]).await {
        let json = row
            .get::<_, Option<String>>("json")
            .map(|json| canonical(&serde_json::from_str(&json).unwrap()));
        let parts = [Some(row.get::<_, String>("line")), json, row.get("rest")];
        assert!(stored.insert(parts.into_iter().flatten().collect::<Vec<_>>().join(" ")));
    }
    stored
}
