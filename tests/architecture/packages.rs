//! The packages of the workspace: what the pure ones may depend on, and the graph that they form.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Packages that do I/O or bring a runtime. The pure packages do not have them, directly or through
/// others.
const IO: [&str; 10] = [
    "actix-web",
    "deadpool",
    "deadpool-postgres",
    "hyper",
    "mongodb",
    "rdkafka",
    "reqwest",
    "rustls",
    "tokio",
    "tokio-postgres",
];

/// Packages that only the server may have. The client's users must not compile them, and the agent
/// and `tmctl` must stay small.
const SERVER: [&str; 6] = [
    "actix-web",
    "deadpool-postgres",
    "mongodb",
    "rdkafka",
    "tokio-postgres",
    "traffic-manager",
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Returns the names of all packages that are compiled for a package of ours.
fn dependencies(package: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--package",
        package,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
    ]);
    tree.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// Returns the packages of the workspace, each with the packages of the workspace that it or its
/// tests use. `test-support` does not count: it uses the server, and the server's tests use it.
fn packages() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let is_counted = |name: &String| name != "test-support";
    let ours: BTreeSet<_> = packages.iter().map(name).filter(is_counted).collect();
    packages
        .iter()
        .map(|package| {
            let used = package["dependencies"].as_array().expect("dependencies");
            let used = used.iter().map(name).filter(|used| ours.contains(used));
            (name(package), used.collect())
        })
        .collect()
}

/// Removes packages that use no other package, again and again. Returns the rest: packages in a
/// circle, and packages that lead to one.
fn circle(mut packages: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let left: BTreeSet<_> = packages.keys().cloned().collect();
        packages.retain(|_, used| used.iter().any(|name| left.contains(name)));
        if packages.len() == left.len() {
            return packages.into_keys().collect();
        }
    }
}

#[test]
fn pure_packages_depend_on_no_io_library() {
    for package in ["api-types", "core", "dataplane", "import", "yaml"] {
        let package = format!("traffic-manager-{package}");
        let dependencies = dependencies(&package);
        assert!(dependencies.contains(&package), "{dependencies:?}");
        let found: Vec<_> = IO
            .into_iter()
            .filter(|name| dependencies.contains(*name))
            .collect();
        assert_eq!(found, [""; 0], "{package}");
    }
}

#[test]
fn client_agent_and_tmctl_depend_on_no_part_of_the_server() {
    for package in ["client", "agent", "cli"] {
        let dependencies = dependencies(&format!("traffic-manager-{package}"));
        assert!(dependencies.contains("reqwest"), "{dependencies:?}");
        let found: Vec<_> = SERVER
            .into_iter()
            .filter(|name| dependencies.contains(*name))
            .collect();
        assert_eq!(found, [""; 0], "{package}");
    }
}

#[test]
fn packages_form_no_circle() {
    let packages = packages();
    assert!(packages["traffic-manager"].contains("traffic-manager-core"));
    assert_eq!(circle(packages), [""; 0]);
}

#[test]
fn circle_check_finds_a_circle_of_packages() {
    let graph = |edges: &[(&str, &[&str])]| {
        let used = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        edges
            .iter()
            .map(|(name, names)| ((*name).to_owned(), used(names)))
            .collect()
    };
    let line = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &[])]);
    assert_eq!(circle(line), [""; 0]);
    let round = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &[])]);
    assert_eq!(circle(round), ["a", "b", "c"]);
}
