//! Reads the manifests of docker/kubernetes, as Kustomize would put them together.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize as _;
use serde_yaml_ng::Value;
use traffic_manager::config::Settings;

/// The files with the server's pods.
pub const SERVER: [&str; 5] = [
    "base/serve.yaml",
    "base/relay.yaml",
    "base/audit.yaml",
    "migrate/job.yaml",
    "components/retention/cronjob.yaml",
];

/// Values as their Secrets may have them. They are as strict as the real ones: a pepper has 32
/// bytes, and no URL contradicts a CA.
pub const SECRETS: [(&str, &str); 12] = [
    (
        "postgres/primary-url",
        "postgres://tm:x@db:5432/traffic_manager",
    ),
    (
        "postgres/replica-urls",
        "postgres://tm:x@db-2:5432/traffic_manager",
    ),
    ("kafka/username", "traffic-manager"),
    ("kafka/password", "x"),
    (
        "mongo/url",
        "mongodb://tm:x@mongo:27017/?authSource=traffic_manager_audit",
    ),
    ("pepper/pepper", "0123456789abcdef0123456789abcdef"),
    ("operations/token", "0123456789abcdef"),
    (
        "owner/postgres-url",
        "postgres://owner:x@db:5432/traffic_manager",
    ),
    (
        "owner/mongo-url",
        "mongodb://admin:x@mongo:27017/?authSource=admin",
    ),
    (
        "retention/postgres-url",
        "postgres://tm_retention:x@db:5432/traffic_manager",
    ),
    (
        "retention/mongo-url",
        "mongodb://tm_retention:x@mongo:27017/",
    ),
    (
        "privacy/master-keys",
        "2026-11:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ),
];

pub fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn manifest(name: &str) -> String {
    read(&format!("docker/kubernetes/{name}"))
}

pub fn documents(text: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).expect("YAML"))
        .collect()
}

pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_sequence().map_or(&[], Vec::as_slice)
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} in {value:?}"))
}

/// Returns the specification of the pods that a file makes.
pub fn pod(name: &str) -> Value {
    let objects = documents(&manifest(name));
    let specs = objects.iter().filter_map(|object| {
        let spec = &object["spec"];
        [&spec["template"], &spec["jobTemplate"]["spec"]["template"]]
            .into_iter()
            .find(|template| template.is_mapping())
            .map(|template| template["spec"].clone())
    });
    let specs: Vec<Value> = specs.collect();
    assert_eq!(specs.len(), 1, "{name}");
    specs[0].clone()
}

/// Returns the pod's containers, sidecars first.
pub fn containers(pod: &Value) -> Vec<&Value> {
    list(pod, "initContainers")
        .iter()
        .chain(list(pod, "containers"))
        .collect()
}

/// Returns the container of one of the project's programs.
pub fn ours(pod: &Value) -> &Value {
    containers(pod)
        .into_iter()
        .find(|container| ["traffic-manager", "tm-agent"].contains(&text(container, "name")))
        .expect("a container of ours")
}

/// `TM__HTTP__LISTEN` as `http.listen`.
pub fn key_of(variable: &str) -> String {
    variable
        .trim_start_matches("TM__")
        .replace("__", ".")
        .to_lowercase()
}

/// Returns the settings that all pods have: those of the file, then those of an overlay.
pub fn shared_settings(overlay: &str) -> BTreeMap<String, String> {
    let common = manifest("shared/settings.env");
    let overlay: Value = serde_yaml_ng::from_str(&manifest(&format!(
        "overlays/{overlay}/settings/kustomization.yaml"
    )))
    .unwrap();
    let own = list(&list(&overlay, "configMapGenerator")[0], "literals");
    let lines = common
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .chain(own.iter().filter_map(Value::as_str))
        .map(|line| line.split_once('=').expect(line))
        .map(|(variable, value)| (key_of(variable), value.to_owned()))
        .collect()
}

/// Returns the variables of a list of the environment: a value, or that of a Secret.
pub fn variables(environment: &[Value]) -> Vec<(String, String)> {
    let value = |variable: &Value| match variable["value"].as_str() {
        Some(value) => value.to_owned(),
        None => secret(&variable["valueFrom"]["secretKeyRef"]),
    };
    environment
        .iter()
        .map(|variable| (key_of(text(variable, "name")), value(variable)))
        .collect()
}

pub fn secret(reference: &Value) -> String {
    let name = text(reference, "name").trim_start_matches("traffic-manager-");
    let name = format!("{name}/{}", text(reference, "key"));
    let (_, value) = SECRETS
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("the Secret {name} is not known"));
    (*value).to_owned()
}

/// Returns what the patches of a kustomization add.
pub fn added(kustomization: &str) -> Vec<Value> {
    let file: Value = serde_yaml_ng::from_str(&manifest(kustomization)).unwrap();
    list(&file, "patches")
        .iter()
        .flat_map(|patch| {
            documents(text(patch, "patch"))
                .remove(0)
                .as_sequence()
                .cloned()
                .unwrap()
        })
        .filter(|operation| text(operation, "path").ends_with("/env/-"))
        .map(|operation| operation["value"].clone())
        .collect()
}

/// Returns the settings of a role as its process reads them, or the error with which it would end.
pub fn settings(overlay: &str, file: &str, more: &[Value]) -> Result<Settings, String> {
    let mut values = shared_settings(overlay);
    values.extend(variables(list(ours(&pod(file)), "env")));
    values.extend(variables(more));
    let pairs: Vec<String> = values
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    Settings::without_environment(&pairs).map_err(|error| format!("{overlay} {file}: {error}"))
}

pub fn settings_of_serve(overlay: &str) -> Settings {
    let more: Vec<Value> = match overlay {
        "small" => added("overlays/small/kustomization.yaml"),
        _ => ["privacy", "signed-snapshots"]
            .iter()
            .flat_map(|component| added(&format!("components/{component}/kustomization.yaml")))
            .collect(),
    };
    assert!(!more.is_empty(), "{overlay}: the patches add nothing");
    settings(overlay, "base/serve.yaml", &more).unwrap()
}

pub fn ports(container: &Value) -> BTreeMap<&str, u64> {
    list(container, "ports")
        .iter()
        .map(|port| (text(port, "name"), port["containerPort"].as_u64().unwrap()))
        .collect()
}
