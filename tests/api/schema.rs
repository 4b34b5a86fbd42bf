//! Compatibility of the schema with processes of the previous release, which keep running during an
//! upgrade.
//!
//! The order is: expand first, migrate, contract a release later. docs/schema.baseline.json is the
//! schema of the previous release.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::support::{Database, database::connect};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema.baseline.json");

/// Returns the differences of `after` that break a process that knows only `before`.
fn breakages(before: &Value, after: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, table) in members(&before["tables"]) {
        match after["tables"].get(name) {
            Some(now) => found.extend(
                of_table(table, now)
                    .into_iter()
                    .map(|what| format!("{name}: {what}")),
            ),
            None => drop(found.insert(format!("{name} is gone"))),
        }
    }
    for (signature, result) in members(&before["functions"]) {
        if after["functions"].get(signature) != Some(result) {
            found.insert(format!("{signature} does not return {result} any more"));
        }
    }
    found
}

fn of_table(before: &Value, after: &Value) -> Vec<String> {
    let (had, has) = (members(&before["columns"]), members(&after["columns"]));
    let mut found = Vec::new();
    for (name, column) in had {
        let Some(now) = has.get(name) else {
            found.push(format!("{name} is gone"));
            continue;
        };
        if now["type"] != column["type"] {
            found.push(format!(
                "{name} is {} and was {}",
                now["type"], column["type"]
            ));
        }
        let (may_be_left_out, could_be) = (may_be_left_out(now), may_be_left_out(column));
        if could_be && !may_be_left_out || now["not_null"] == true && column["not_null"] == false {
            found.push(format!("{name} must be given"));
        }
    }
    let new: BTreeSet<_> = has.keys().filter(|name| !had.contains_key(*name)).collect();
    found.extend(
        new.iter()
            .filter(|name| !may_be_left_out(&has[**name]))
            .map(|name| format!("{name} is new, and must be given")),
    );
    let (rules, now) = (members(&before["rules"]), members(&after["rules"]));
    for (name, rule) in now
        .iter()
        .filter(|(name, rule)| rules.get(*name) != Some(rule))
    {
        let columns = rule["columns"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        if columns.clone().count() == 0
            || columns
                .into_iter()
                .any(|column| !new.iter().any(|new| *new == column))
        {
            found.push(format!("{name} is a new constraint"));
        }
    }
    // An insert's conflict clause names such rules.
    found.extend(
        rules
            .keys()
            .filter(|name| !now.contains_key(*name))
            .map(|name| format!("the constraint {name} is gone")),
    );
    if before["policies"] != after["policies"] {
        found.push("row-level security has changed".to_owned());
    }
    let grants = |table: &Value| table["grants"].as_array().cloned().unwrap_or_default();
    let held = grants(after);
    found.extend(
        grants(before)
            .iter()
            .filter(|grant| !held.contains(grant))
            .map(|grant| format!("the right {grant} is gone")),
    );
    found
}

fn may_be_left_out(column: &Value) -> bool {
    column["filled"] == true || column["not_null"] == false
}

fn members(object: &Value) -> &Map<String, Value> {
    object.as_object().expect("an object")
}

fn baseline() -> Value {
    serde_json::from_str(&std::fs::read_to_string(BASELINE).expect("docs/schema.baseline.json"))
        .expect("JSON")
}

#[tokio::test]
async fn schema_stays_compatible_with_the_previous_release() {
    let db = Database::create().await;
    let rows = db.rows(include_str!("schema.sql"), &[]).await;
    let schema: Value = rows[0].get(0);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(BASELINE, format!("{schema:#}\n"))
            .expect("docs/schema.baseline.json can be written");
    }
    let found = breakages(&baseline(), &schema);
    assert!(
        found.is_empty(),
        "the release before depends on docs/schema.baseline.json: {found:#?}"
    );
}

#[test]
fn schema_check_finds_every_incompatible_change() {
    let before = baseline();
    let after = |change: &dyn Fn(&mut Value)| {
        let mut after = before.clone();
        change(&mut after);
        breakages(&before, &after).into_iter().collect::<Vec<_>>()
    };
    let routes = |schema: &mut Value, member: &str, name: &str, value: Value| {
        members_mut(&mut schema["tables"]["routes"][member]).insert(name.to_owned(), value);
    };
    let column = |not_null: bool, filled: bool| serde_json::json!({ "type": "text", "not_null": not_null, "filled": filled });
    assert_eq!(after(&|_| {}), Vec::<String>::new());
    assert_eq!(
        after(&|schema| routes(schema, "columns", "note", column(false, false))),
        Vec::<String>::new()
    );
    assert_eq!(
        after(&|schema| routes(schema, "columns", "note", column(true, true))),
        Vec::<String>::new()
    );
    assert_eq!(
        after(&|schema| routes(schema, "columns", "note", column(true, false))),
        ["routes: note is new, and must be given"]
    );
    assert_eq!(
        after(&|schema| routes(schema, "columns", "description", column(true, false))),
        ["routes: description must be given"]
    );
    assert_eq!(
        after(&|schema| schema["tables"]["routes"]["columns"]["url"]["type"] = "bytea".into()),
        ["routes: url is \"bytea\" and was \"text\""]
    );
    let gone = |path: [&'static str; 3], name: &'static str| {
        move |schema: &mut Value| {
            drop(members_mut(&mut schema[path[0]][path[1]][path[2]]).remove(name))
        }
    };
    assert_eq!(
        after(&gone(["tables", "routes", "columns"], "url")),
        ["routes: url is gone"]
    );
    assert_eq!(
        after(&gone(["tables", "routes", "rules"], "routes_pkey")),
        ["routes: the constraint routes_pkey is gone"]
    );
    assert_eq!(
        after(&|schema| drop(members_mut(&mut schema["tables"]).remove("plans"))),
        ["plans is gone"]
    );
    let rule = |columns: &[&str]| serde_json::json!({ "rule": "CHECK (true)", "columns": columns });
    assert_eq!(
        after(&|schema| routes(schema, "rules", "short", rule(&["url"]))),
        ["routes: short is a new constraint"]
    );
    assert_eq!(
        after(&|schema| {
            routes(schema, "columns", "note", column(false, false));
            routes(schema, "rules", "short", rule(&["note"]));
        }),
        Vec::<String>::new()
    );
    assert_eq!(
        after(&|schema| routes(schema, "policies", "other", "x".into())),
        ["routes: row-level security has changed"]
    );
    assert_eq!(
        after(&|schema| drop(
            schema["tables"]["routes"]["grants"]
                .as_array_mut()
                .unwrap()
                .remove(0)
        )),
        ["routes: the right \"traffic_manager_app: delete\" is gone"]
    );
    assert_eq!(
        after(&|schema| members_mut(&mut schema["functions"]).clear()).len(),
        members(&before["functions"]).len()
    );
}

fn members_mut(object: &mut Value) -> &mut Map<String, Value> {
    object.as_object_mut().expect("an object")
}

/// A dump is restored into a new database, or into new tables. In both cases the timeline differs
/// from the timeline of the dumped database, on the same server.
#[tokio::test]
async fn restored_database_or_table_has_another_timeline() {
    let (one, two) = tokio::join!(Database::migrated(), Database::migrated());
    let lineage = async |db: &Database, table: bool| -> Vec<String> {
        let lineage: String = connect(&db.owner_url())
            .await
            .query_one("select lineage()", &[])
            .await
            .unwrap()
            .get(0);
        let mut parts: Vec<_> = lineage.split('/').map(str::to_owned).collect();
        drop(parts.remove(if table { 2 } else { 3 }));
        parts
    };
    for table in [false, true] {
        assert_ne!(lineage(&one, table).await, lineage(&two, table).await);
        assert_eq!(lineage(&one, table).await, lineage(&one, table).await);
    }
}
