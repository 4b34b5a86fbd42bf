//! The imports between the files of one folder, read from their `use` items and their paths.

use std::collections::{BTreeMap, BTreeSet};

/// The files of a folder, by their module path, such as `plans/batch`, each with the modules that it
/// imports. The folder's `mod.rs` has the empty path.
pub struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    /// Reads the imports of files, given by module path and code without comments. `folder` is the
    /// path of their folder in the crate, such as `http`.
    pub fn of(folder: &str, files: &BTreeMap<String, String>) -> Self {
        let imports = files.iter().map(|(module, code)| {
            let used = paths(code).into_iter();
            let used = used.filter_map(|path| resolved(folder, module, &path, files));
            (module.clone(), used.filter(|used| used != module).collect())
        });
        Self(imports.collect())
    }

    /// Returns each circle of imports: modules of which every one reaches the others. A module and
    /// the modules in it are one unit, so imports between them do not count.
    pub fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let reached: BTreeMap<_, _> = self
            .0
            .keys()
            .map(|from| (from, self.reached(from)))
            .collect();
        let circle = |from: &String| -> BTreeSet<String> {
            let others = reached[from].iter();
            let back =
                others.filter(|other| reached.get(other).is_some_and(|far| far.contains(from)));
            back.cloned().collect()
        };
        self.0
            .keys()
            .map(circle)
            .filter(|circle| !circle.is_empty())
            .collect()
    }

    /// Returns the imports of one of these modules by another.
    pub fn between(&self, modules: &[&str]) -> Vec<String> {
        let is_other = |from: &str, to: &str| {
            first(from) != first(to)
                && modules.contains(&first(from))
                && modules.contains(&first(to))
        };
        let all = self.0.iter();
        all.flat_map(|(from, used)| used.iter().map(move |to| (from, to)))
            .filter(|(from, to)| is_other(from, to))
            .map(|(from, to)| format!("{from} imports {to}"))
            .collect()
    }

    /// Returns the modules that `from` imports, directly or through others.
    fn reached(&self, from: &String) -> BTreeSet<String> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            for used in self.0.get(module).into_iter().flatten() {
                if !is_inside(module, used)
                    && !is_inside(used, module)
                    && reached.insert(used.clone())
                {
                    next.push(used);
                }
            }
        }
        reached
    }
}

fn first(module: &str) -> &str {
    module.split('/').next().unwrap_or(module)
}

/// Returns whether a module is in another one.
fn is_inside(inner: &str, outer: &str) -> bool {
    outer.is_empty()
        || inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// Returns every path of the code: those of `use` items, and those that begin with `crate`, `super`
/// or `self` elsewhere.
fn paths(code: &str) -> Vec<Vec<String>> {
    let code = code
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(code);
    let mut found = Vec::new();
    for item in code.split(';') {
        let is_start = |at: &usize| {
            item[..*at]
                .chars()
                .next_back()
                .is_none_or(char::is_whitespace)
        };
        let starts = item.match_indices("use ").map(|(at, _)| at);
        if let Some(at) = starts.filter(is_start).last() {
            expand(&item[at + "use ".len()..], &[], &mut found);
        }
    }
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let path = code[at..].split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = path.take(1).flat_map(|path| path.split("::"));
            found.push(
                path.filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect(),
            );
        }
    }
    found
}

/// Adds the paths of a `use` tree.
fn expand(tree: &str, before: &[String], found: &mut Vec<Vec<String>>) {
    let (path, group) = match tree.split_once('{') {
        Some((path, group)) => (path, group.rsplit_once('}').map(|(group, _)| group)),
        None => (tree.split(" as ").next().unwrap_or(tree), None),
    };
    let mut whole = before.to_vec();
    whole.extend(
        path.split("::")
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned),
    );
    let Some(group) = group else {
        found.push(whole);
        return;
    };
    let (mut depth, mut from) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&group[from..at], &whole, found);
                from = at + 1;
            }
            _ => {}
        }
    }
    if !group[from..].trim().is_empty() {
        expand(&group[from..], &whole, found);
    }
}

/// Returns the module of the folder to which a path in `module` leads.
fn resolved(
    folder: &str,
    module: &str,
    path: &[String],
    files: &BTreeMap<String, String>,
) -> Option<String> {
    let mut at: Vec<&str> = module.split('/').filter(|part| !part.is_empty()).collect();
    let mut rest = path.iter().map(String::as_str).peekable();
    match *rest.peek()? {
        "crate" => {
            rest.next();
            (rest.next()? == folder).then_some(())?;
            at.clear();
        }
        "self" | "super" => {
            while let Some(step) = rest.next_if(|part| matches!(*part, "self" | "super")) {
                if step == "super" {
                    at.pop()?;
                }
            }
        }
        child => {
            at.push(child);
            files.get(&at.join("/"))?;
            rest.next();
        }
    }
    for part in rest {
        at.push(part);
        if !files.contains_key(&at.join("/")) {
            at.pop();
            break;
        }
    }
    Some(at.join("/"))
}

#[test]
fn a_circle_and_a_sideways_import_are_found() {
    let files = |files: &[(&str, &str)]| {
        let files = files
            .iter()
            .map(|(module, code)| ((*module).to_owned(), (*code).to_owned()));
        Imports::of("http", &files.collect())
    };
    let good = files(&[
        ("", "mod routes;\nmod plans;\nmod state;"),
        (
            "routes",
            "mod operations;\nuse self::operations::list;\nuse super::{state::X, Y};",
        ),
        (
            "routes/operations",
            "use super::Route;\nuse crate::http::state::{A, B};",
        ),
        ("plans", "fn f() { super::state::g() }"),
        (
            "state",
            "use crate::service::plans;\nuse std::{sync::Arc, fmt};",
        ),
    ]);
    assert!(good.circles().is_empty(), "{:?}", good.circles());
    assert_eq!(good.between(&["routes", "plans"]), Vec::<String>::new());
    let bad = files(&[
        (
            "routes",
            "use crate::{\n    domain::X,\n    http::{\n        plans::{batch::{A, B}, C},\n    },\n};",
        ),
        ("routes/operations", ""),
        ("plans", "fn f() { crate::http::state::g() }"),
        ("plans/batch", "use super::super::state::S;"),
        ("state", "use super::routes;"),
    ]);
    let circle = |modules: &[&str]| modules.iter().map(|module| (*module).to_owned()).collect();
    let circles = [circle(&["plans", "plans/batch", "routes", "state"])];
    assert_eq!(bad.circles(), BTreeSet::from(circles));
    assert_eq!(
        bad.between(&["routes", "plans"]),
        ["routes imports plans", "routes imports plans/batch"]
    );
}
