//! Documents of tenants, from files, and the changes that plans make of them.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anstyle::AnsiColor;
use serde_json::{Map, Value, json};
use similar::{ChangeTag, TextDiff};
use traffic_manager_client::types::{ChangeCounts, PlanWarning, PlannedChange};

use crate::{
    failure::Failure,
    output::{Format, Printer, colored, note},
};

/// Reads documents from files, folders and standard input (`-`), and joins them to one.
pub fn read(paths: &[PathBuf]) -> Result<Value, Failure> {
    let mut joined = json!({"routes": [], "policies": []});
    for path in files(paths)? {
        let name = path.display();
        read_one(&path)
            .and_then(|document| join(&mut joined, document))
            .map_err(|why| Failure::usage(format!("{name}: {why}")))?;
    }
    Ok(joined)
}

/// Returns the files of paths: of a folder those that end in `.yaml`, `.yml` and `.json`, by name.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let wrong = |error: io::Error| Failure::usage(format!("{}: {error}", path.display()));
        let mut found = Vec::new();
        for entry in fs::read_dir(path).map_err(wrong)? {
            let file = entry.map_err(wrong)?.path();
            let extension = file.extension().and_then(|extension| extension.to_str());
            if matches!(extension, Some("yaml" | "yml" | "json")) {
                found.push(file);
            }
        }
        if found.is_empty() {
            let text = format!("{} has no .yaml, .yml or .json file", path.display());
            return Err(Failure::usage(text));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

fn read_one(path: &Path) -> Result<Map<String, Value>, String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        fs::read_to_string(path).map(|content| text = content)
    };
    read.map_err(|error| error.to_string())?;
    // JSON is YAML.
    let json = traffic_manager_yaml::as_json(&text).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|_| "a document is an object".to_owned())
}

/// Adds a document to the joined one. Lists grow; any other member must be the same everywhere.
fn join(joined: &mut Value, document: Map<String, Value>) -> Result<(), String> {
    for (name, value) in document {
        match (&mut joined[&name], value) {
            (Value::Array(all), Value::Array(more)) => all.extend(more),
            (place @ Value::Null, value) => *place = value,
            (place, value) if *place == value => {}
            _ => return Err(format!("{name} differs from the one of an earlier file")),
        }
    }
    Ok(())
}

/// What a plan, stored or not, is about to do.
pub struct Shown<'a> {
    pub changes: &'a [PlannedChange],
    pub summary: &'a ChangeCounts,
    pub warnings: &'a [PlanWarning],
}

impl Shown<'_> {
    /// Writes the changes, each with the lines that change, and their number; only what changes, if
    /// names are asked for.
    pub fn write(&self, printer: &mut Printer) -> Result<(), Failure> {
        let is_short = printer.format() == Format::Name;
        for change in self.changes {
            match is_short {
                true => printer.line(&format!("{} {}", kind(change), change.key))?,
                false => write_change(change, printer)?,
            }
        }
        for warning in self.warnings {
            note(&format!("warning: {} ({})", warning.detail, warning.code))?;
        }
        if is_short {
            return Ok(());
        }
        let counts = self.summary;
        let (create, update) = (counts.create, counts.update);
        printer.line(&format!(
            "{create} to create, {update} to change, {} to delete, {} unchanged",
            counts.delete, counts.unchanged
        ))
    }
}

fn kind(change: &PlannedChange) -> &'static str {
    match change.key.version {
        Some(_) => "route",
        None => "policy",
    }
}

fn write_change(change: &PlannedChange, printer: &mut Printer) -> Result<(), Failure> {
    let kind = kind(change);
    let (sign, color) = match change.action.as_str() {
        "create" => ("+", AnsiColor::Green),
        "delete" => ("-", AnsiColor::Red),
        _ => ("~", AnsiColor::Yellow),
    };
    printer.line(&colored(&format!("{sign} {kind} {}", change.key), color))?;
    let (before, after) = (yaml(change.before.as_ref())?, yaml(change.after.as_ref())?);
    let difference = TextDiff::from_lines(&before, &after);
    for line in difference.iter_all_changes() {
        let text = line.value().trim_end();
        match line.tag() {
            ChangeTag::Insert => {
                printer.line(&colored(&format!("    + {text}"), AnsiColor::Green))?
            }
            ChangeTag::Delete => {
                printer.line(&colored(&format!("    - {text}"), AnsiColor::Red))?
            }
            // What stays is of interest only beside what changes.
            ChangeTag::Equal => {}
        }
    }
    Ok(())
}

fn yaml(value: Option<&Value>) -> Result<String, Failure> {
    match value {
        Some(value) => Ok(traffic_manager_yaml::document(value)?),
        None => Ok(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(documents: &[Value]) -> Result<Value, String> {
        let mut all = json!({"routes": [], "policies": []});
        for document in documents {
            join(&mut all, document.as_object().unwrap().clone())?;
        }
        Ok(all)
    }

    #[test]
    fn lists_of_documents_grow_and_other_members_must_agree() {
        let all = joined(&[
            json!({"routes": [1], "prune": true}),
            json!({"routes": [2], "policies": [3], "prune": true}),
        ]);
        let expected = json!({"routes": [1, 2], "policies": [3], "prune": true});
        assert_eq!(all, Ok(expected));
        let scope = |env: &str| json!({"scope": {"env": env}});
        let refused = joined(&[scope("prod"), scope("dev")]);
        assert!(refused.unwrap_err().contains("scope"));
    }
}
