//! `tmctl explain`: the members of documents, from the schemas of the API.

use clap::Args;
use serde_json::{Map, Value};

use crate::{failure::Failure, output::Printer};

/// The schemas of the OpenAPI document.
const SCHEMAS: &str = include_str!(concat!(env!("OUT_DIR"), "/schemas.json"));

/// The objects that can be explained.
const ROOTS: [(&str, &str); 6] = [
    ("batch", "BatchIn"),
    ("document", "TenantDocumentIn"),
    ("key", "CreateKey"),
    ("policy", "PolicyDocumentIn"),
    ("route", "RouteDocumentIn"),
    ("tenant", "TenantIn"),
];

/// The arguments of `explain`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The member, such as policy.split; or batch, document, key, policy, route or tenant
    path: String,
}

/// Runs `explain`.
pub fn run(arguments: &Arguments, printer: &mut Printer) -> Result<(), Failure> {
    let schemas: Value = serde_json::from_str(SCHEMAS)?;
    let mut names = arguments.path.split('.');
    let root = names.next().unwrap_or_default();
    let known = ROOTS.iter().find(|(name, _)| *name == root);
    let Some((_, schema)) = known else {
        let all: Vec<_> = ROOTS.iter().map(|(name, _)| *name).collect();
        let text = format!("nothing is known of {root:?}");
        return Err(Failure::usage(text).hint(format!("one of {}", all.join(", "))));
    };
    let mut schema = &schemas[schema];
    for name in names {
        let members = members(&schemas, schema);
        let Some(member) = members.and_then(|members| members.get(name)) else {
            let known = members.map(|members| members.keys().cloned().collect::<Vec<_>>());
            let hint = known.map_or_else(
                || "it has no members".to_owned(),
                |known| format!("one of {}", known.join(", ")),
            );
            let text = format!("{:?}: there is no {name:?}", arguments.path);
            return Err(Failure::usage(text).hint(hint));
        };
        schema = member;
    }
    show(&schemas, &arguments.path, schema, printer)
}

fn show(schemas: &Value, path: &str, schema: &Value, printer: &mut Printer) -> Result<(), Failure> {
    printer.line(&format!("{path}: {}", kind(schemas, schema)))?;
    if let Some(text) = description(schemas, schema) {
        printer.line(&format!("\n{text}"))?;
    }
    let Some(members) = members(schemas, schema) else {
        return Ok(());
    };
    let object = object(schemas, schema);
    let required = object["required"].as_array().cloned().unwrap_or_default();
    printer.line("\nMembers:")?;
    for (name, member) in members {
        if member["readOnly"] == true {
            continue;
        }
        let is_required = required.iter().any(|required| required == name);
        let note = if is_required { ", required" } else { "" };
        printer.line(&format!("  {name}  {}{note}", kind(schemas, member)))?;
        if let Some(text) = description(schemas, member) {
            printer.line(&format!("      {text}"))?;
        }
    }
    Ok(())
}

/// Follows a reference, and the only choice beside `null`.
fn resolved<'a>(schemas: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next());
    if let Some(name) = name {
        return resolved(schemas, &schemas[name]);
    }
    let choices = schema["anyOf"].as_array();
    let mut choices = choices
        .into_iter()
        .flatten()
        .filter(|choice| choice["type"] != "null");
    match (choices.next(), choices.next()) {
        (Some(only), None) => resolved(schemas, only),
        _ => schema,
    }
}

/// Returns the object that a schema describes: itself, or an item of the list that it describes.
fn object<'a>(schemas: &'a Value, schema: &'a Value) -> &'a Value {
    let schema = resolved(schemas, schema);
    match schema.get("items") {
        Some(items) => object(schemas, items),
        None => schema,
    }
}

fn members<'a>(schemas: &'a Value, schema: &'a Value) -> Option<&'a Map<String, Value>> {
    let object = object(schemas, schema);
    // A map by names: its values have the members.
    let values = object
        .get("additionalProperties")
        .filter(|values| values.is_object());
    match object["properties"].as_object() {
        Some(members) => Some(members),
        None => members_of_values(schemas, values?),
    }
}

fn members_of_values<'a>(schemas: &'a Value, values: &'a Value) -> Option<&'a Map<String, Value>> {
    object(schemas, values)["properties"].as_object()
}

fn description<'a>(schemas: &'a Value, schema: &'a Value) -> Option<&'a str> {
    let own = schema["description"].as_str();
    own.or_else(|| resolved(schemas, schema)["description"].as_str())
}

/// Returns the kind of a value in a few words.
fn kind(schemas: &Value, schema: &Value) -> String {
    let schema = resolved(schemas, schema);
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(Value::to_string).collect();
        return values.join(" or ");
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", kind(schemas, items));
    }
    if let Some(values) = schema
        .get("additionalProperties")
        .filter(|values| values.is_object())
    {
        return format!("map of names to {}", kind(schemas, values));
    }
    let range = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        _ => String::new(),
    };
    match &schema["type"] {
        Value::String(name) => format!("{name}{range}"),
        Value::Array(names) => {
            let names = names.iter().filter_map(Value::as_str);
            let names: Vec<_> = names.filter(|name| *name != "null").collect();
            names.join(" or ") + &range
        }
        _ => "one of several forms".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_root_has_members_and_their_kinds() {
        let schemas: Value = serde_json::from_str(SCHEMAS).unwrap();
        for (name, schema) in ROOTS {
            assert!(members(&schemas, &schemas[schema]).is_some(), "{name}");
        }
        let policy = members(&schemas, &schemas["PolicyDocumentIn"]).unwrap();
        assert_eq!(kind(&schemas, &policy["split"]), "list of object");
        let split = members(&schemas, &policy["split"]).unwrap();
        assert_eq!(kind(&schemas, &split["weight"]), "integer from 0 to 10000");
        let rules = members(&schemas, &policy["rules"]).unwrap();
        let conditions = members(&schemas, &rules["match"]).unwrap();
        assert!(
            members(&schemas, &conditions["headers"])
                .unwrap()
                .contains_key("exact")
        );
    }
}
