//! The packaging of the program, which decides what an attacker finds in its process.
//!
//! No container engine is available here, so the tests read the files.

use std::{fs, path::Path};

use serde_yaml_ng::Value;

/// User ids below belong to people and to daemons of the machine.
const FIRST_UID: u32 = 10_000;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the instructions of the last stage, which is the stage that runs.
fn last_stage(dockerfile: &str) -> Vec<String> {
    let joined = dockerfile.replace("\\\n", " ");
    let lines: Vec<String> = joined
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    let lines: Vec<String> = lines
        .into_iter()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let from = lines
        .iter()
        .rposition(|line| line.starts_with("FROM "))
        .expect("a stage");
    lines[from..].to_vec()
}

fn of<'a>(stage: &'a [String], instruction: &str) -> Vec<&'a str> {
    stage
        .iter()
        .filter_map(|line| line.strip_prefix(instruction)?.strip_prefix(' '))
        .map(str::trim)
        .collect()
}

/// Returns what is wrong with an image. `copied` are the only things in it beside its base, and `build` is how the program is
/// built.
fn image_faults(dockerfile: &str, copied: &[&str], build: &str) -> Vec<String> {
    let stage = last_stage(dockerfile);
    let mut faults = Vec::new();
    let base = of(&stage, "FROM").first().copied().unwrap_or_default();
    let is_pinned = base.contains("@sha256:")
        || base
            .rsplit('/')
            .next()
            .is_some_and(|name| name.contains(':'));
    if !base.starts_with("gcr.io/distroless/") || base.contains("debug") {
        faults.push(format!("{base} may have a shell"));
    }
    if !is_pinned || base.ends_with(":latest") {
        faults.push(format!("{base} has no fixed tag"));
    }
    // The user must be a number: a name would be looked up in a file of the image, and Kubernetes'
    // runAsNonRoot wants a number.
    let user = of(&stage, "USER").last().copied().unwrap_or("0");
    let numbers: Vec<u32> = user
        .split(':')
        .filter_map(|number| number.parse().ok())
        .collect();
    if numbers.len() != 2 || numbers.iter().any(|number| *number < FIRST_UID) {
        faults.push(format!("USER {user}"));
    }
    for instruction in ["RUN", "SHELL", "ADD", "VOLUME", "ENV"] {
        faults.extend(
            of(&stage, instruction)
                .iter()
                .map(|rest| format!("{instruction} {rest} in the last stage")),
        );
    }
    // Without brackets the instruction would run in a shell.
    for (instruction, is_needed) in [("ENTRYPOINT", true), ("CMD", true), ("HEALTHCHECK", true)] {
        let found = of(&stage, instruction);
        let without_shell = |rest: &&str| {
            rest.find('[')
                .is_some_and(|at| !rest[at..].contains("sh\"") && !rest[..at].contains("CMD-SHELL"))
        };
        if (is_needed && found.len() != 1) || !found.iter().all(without_shell) {
            faults.push(format!("{instruction} {found:?}"));
        }
    }
    let found: Vec<_> = of(&stage, "COPY");
    let is_known = |(found, known): (&&str, &&str)| found.starts_with(known);
    if found.len() != copied.len() || !found.iter().zip(copied).all(is_known) {
        faults.push(format!("more than {copied:?} is copied: {found:?}"));
    }
    if !dockerfile.contains(build) {
        faults.push("the build is not locked".into());
    }
    faults
}

fn service_image(dockerfile: &str) -> Vec<String> {
    image_faults(
        dockerfile,
        &["--from=build /traffic-manager "],
        "cargo build --release --locked",
    )
}

fn service_faults(name: &str, service: &Value) -> Vec<String> {
    let list = |key: &str| -> Vec<&str> {
        service[key]
            .as_sequence()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    let uid = service["user"]
        .as_str()
        .and_then(|user| user.split(':').next()?.parse::<u32>().ok());
    let rules = [
        ("user", uid.is_some_and(|uid| uid >= FIRST_UID)),
        ("read_only", service["read_only"] == Value::Bool(true)),
        ("cap_drop", list("cap_drop") == ["ALL"]),
        ("cap_add", service.get("cap_add").is_none()),
        ("privileged", service.get("privileged").is_none()),
        (
            "security_opt",
            list("security_opt").contains(&"no-new-privileges:true"),
        ),
        (
            "volumes",
            list("volumes").iter().all(|volume| volume.ends_with(":ro")),
        ),
        (
            "pids_limit",
            service["pids_limit"]
                .as_u64()
                .is_some_and(|limit| limit <= 4096),
        ),
        ("mem_limit", service.get("mem_limit").is_some()),
        ("pid", service.get("pid").is_none()),
        ("devices", service.get("devices").is_none()),
    ];
    rules
        .iter()
        .filter(|(_, holds)| !holds)
        .map(|(rule, _)| format!("{name}: {rule}"))
        .collect()
}

#[test]
fn container_image_has_no_shell_no_root_and_a_pinned_base() {
    let service = service_image(&read("docker/Dockerfile"));
    assert_eq!(service, Vec::<String>::new());
    // A new volume takes its owner from an empty folder of the image.
    let agent = image_faults(
        &read("docker/agent.Dockerfile"),
        &[
            "--from=build /tm-agent ",
            "--from=build --chown=10001:10001 /state /var/lib/tm-agent",
        ],
        "cargo build --profile agent --locked",
    );
    assert_eq!(agent, Vec::<String>::new());
}

#[test]
fn container_runs_read_only_and_without_capabilities() {
    let compose: Value = serde_yaml_ng::from_str(&read("docker/compose.yaml")).expect("YAML");
    let services = compose["services"].as_mapping().expect("services");
    let ours: Vec<_> = services
        .iter()
        .filter(|(_, service)| service["image"] == "traffic-manager")
        .collect();
    assert_eq!(ours.len(), 2, "the service and its migrations");
    let faults: Vec<_> = ours
        .iter()
        .flat_map(|(name, service)| service_faults(name.as_str().unwrap(), service))
        .collect();
    assert_eq!(faults, Vec::<String>::new());
    // No port is published beyond this machine.
    for (name, service) in services {
        for port in service["ports"].as_sequence().into_iter().flatten() {
            assert!(
                port.as_str()
                    .is_some_and(|port| port.starts_with("127.0.0.1:")),
                "{name:?}: {port:?}"
            );
        }
    }
}

/// The build is locked: it builds the versions that were reviewed.
#[test]
fn supply_chain_builds_are_locked() {
    let mut found = 0;
    for name in [
        "Makefile",
        "docker/Dockerfile",
        "docker/agent.Dockerfile",
        "docker/archives.Dockerfile",
        ".github/workflows/ci.yml",
        ".github/workflows/release.yml",
        "docker/stack/service.sh",
        "docker/stack/install.sh",
    ] {
        for line in read(name)
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
        {
            let commands = [
                "build", "test", "clippy", "doc", "bench", "install", "deny", "run",
            ]
            .map(|verb| format!("cargo {verb}"));
            if commands
                .iter()
                .any(|command| line.contains(command.as_str()))
            {
                found += 1;
                assert!(line.contains("--locked"), "{name}: {line}");
            }
        }
    }
    assert!(found >= 8, "only {found} commands");
    let rules = read("deny.toml");
    for rule in [
        "unknown-registry = \"deny\"",
        "unknown-git = \"deny\"",
        "yanked = \"deny\"",
        "wildcards = \"deny\"",
    ] {
        assert!(rules.contains(rule), "deny.toml: {rule}");
    }
    assert!(
        !rules.contains("GPL"),
        "a licence that puts conditions on what is linked with it"
    );
}

/// Finds lines of a workflow that run code from a movable tag, or keep a credential in the checkout.
fn workflow_faults(workflow: &str) -> Vec<String> {
    let lines: Vec<_> = workflow.lines().collect();
    let mut faults = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((_, action)) = line.split_once("uses: ") else {
            continue;
        };
        let commit = action
            .split_whitespace()
            .next()
            .and_then(|action| action.split_once('@'))
            .map_or("", |(_, commit)| commit);
        if commit.len() != 40 || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
            faults.push(format!("not by commit: {action}"));
        }
        let with = lines[at + 1..]
            .iter()
            .take_while(|line| !line.trim_start().starts_with("- "));
        if action.starts_with("actions/checkout@")
            && !with
                .clone()
                .any(|line| line.trim() == "persist-credentials: false")
        {
            faults.push(format!("keeps its credentials: line {}", at + 1));
        }
    }
    faults
}

#[test]
fn supply_chain_actions_are_pinned_and_keep_no_credentials() {
    for name in ["ci", "kubernetes", "release"] {
        let workflow = read(&format!(".github/workflows/{name}.yml"));
        assert_eq!(workflow_faults(&workflow), Vec::<String>::new(), "{name}");
    }
    let good = read(".github/workflows/ci.yml");
    assert!(good.matches("uses: ").count() > 10);
    let of = |from: &str, to: &str| workflow_faults(&good.replacen(from, to, 1)).len();
    assert_eq!(of("@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4"), 1);
    assert_eq!(of("persist-credentials: false", "fetch-depth: 1"), 1);
}

#[test]
fn supply_chain_pip_packages_are_pinned_by_hash() {
    for (name, least) in [
        ("docker/mongo/requirements.txt", 3),
        ("tests/clients/requirements.txt", 3),
        ("tests/fuzz/requirements.txt", 3),
        ("docker/kubernetes/requirements.txt", 3),
        (".github/requirements.txt", 2),
    ] {
        let text = read(name);
        let is_package = |line: &&str| line.starts_with(|c: char| c.is_ascii_alphabetic());
        let packages = text.lines().filter(is_package).count();
        let hashed = text
            .replace("\\\n", "")
            .lines()
            .filter(is_package)
            .filter(|line| line.contains("--hash=sha256:"))
            .count();
        assert!(
            packages >= least && packages == hashed,
            "{name}: {hashed} of {packages}"
        );
    }
    for name in [
        "docker/stack/mongo.sh",
        "docker/stack/install.sh",
        "tests/clients/install.sh",
        "docker/kubernetes/install.sh",
        ".ci/workflows.sh",
    ] {
        for line in read(name)
            .lines()
            .filter(|line| line.contains("pip install"))
        {
            assert!(line.contains("--require-hashes"), "{name}: {line}");
        }
    }
}

#[test]
fn supply_chain_npm_packages_are_pinned_by_hash() {
    for folder in ["tests/clients", "benches/unleash"] {
        let lock: serde_json::Value =
            serde_json::from_str(&read(&format!("{folder}/package-lock.json"))).expect("JSON");
        let packages = lock["packages"].as_object().expect("packages");
        // The first one, without a name, is the folder itself.
        let installed = packages.iter().filter(|(name, _)| !name.is_empty());
        let unknown: Vec<_> = installed
            .clone()
            .filter(|(_, package)| {
                let hash = package["integrity"].as_str();
                !hash.is_some_and(|hash| hash.starts_with("sha512-"))
            })
            .map(|(name, _)| name)
            .collect();
        assert!(installed.count() > 3, "{folder}");
        assert!(unknown.is_empty(), "{folder}: {unknown:?}");
        let script = read(&format!("{folder}/install.sh"));
        let mut calls = script.lines().filter(|line| {
            !line.starts_with('#') && (line.contains("npm\" ") || line.contains(" npm "))
        });
        let is_exact = |line: &str| line.contains("npm\" ci") || line.contains(" npm ci");
        assert!(calls.next().is_some_and(is_exact), "{folder}");
        assert!(calls.next().is_none(), "{folder}");
        assert!(read(&format!("{folder}/.npmrc")).contains("ignore-scripts=true"));
    }
}

#[test]
fn stack_ca_key_is_deleted_after_signing() {
    let script = read("docker/stack/tls.sh");
    assert!(
        script.contains(r#"make_server_certificate "$TLS.new" && rm "$TLS.new/ca.key""#),
        "the CA's key is deleted after signing"
    );
    assert!(
        script.contains(r#"rm -f "$TLS/ca.key""#),
        "the key of an older stack's CA is deleted too"
    );
}

#[test]
fn container_checks_find_each_fault() {
    let good = read("docker/Dockerfile");
    let faults = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        service_image(&good.replace(from, to)).len()
    };
    assert_eq!(faults("cc-debian12:nonroot", "cc-debian12"), 1);
    assert_eq!(faults("cc-debian12:nonroot", "cc-debian12:debug"), 1);
    assert_eq!(
        faults("gcr.io/distroless/cc-debian12:nonroot", "debian:12"),
        1
    );
    assert_eq!(faults("USER 10001:10001", ""), 1);
    assert_eq!(faults("USER 10001:10001", "USER 1000:1000"), 1);
    assert_eq!(faults("USER 10001:10001", "USER nonroot"), 1);
    assert_eq!(faults("USER 10001:10001", "USER 10001:10001\nRUN true"), 1);
    assert_eq!(faults("CMD [\"all\"]", "CMD all"), 1);
    assert_eq!(
        faults(
            "CMD [\"/usr/local/bin/traffic-manager\", \"healthcheck\"]",
            "CMD curl localhost"
        ),
        1
    );
    assert_eq!(faults("--locked", ""), 1);
    let compose: Value = serde_yaml_ng::from_str(&read("docker/compose.yaml")).unwrap();
    let service = &compose["services"]["traffic-manager"];
    for (key, value) in [
        ("user", Value::from("0:0")),
        ("read_only", Value::from(false)),
        ("cap_drop", Value::Sequence(vec![])),
        ("cap_add", Value::Sequence(vec!["SYS_ADMIN".into()])),
        ("privileged", Value::from(true)),
        ("security_opt", Value::Sequence(vec![])),
        ("pids_limit", Value::Null),
    ] {
        let mut changed = service.clone();
        changed[key] = value;
        assert_eq!(service_faults("x", &changed), [format!("x: {key}")]);
    }
}
