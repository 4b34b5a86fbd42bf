//! The manifests of docker/kubernetes beside the program, the image and docker/compose.yaml: the
//! same settings, ports, user, commands, probes and times. `make kube-check` asks a real API server
//! about the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    time::Duration,
};

use serde_yaml_ng::Value;
use traffic_manager::config::Settings;
use traffic_manager_agent::{
    bootstrap,
    config::{Config, relay::RelayConfig},
};

use super::manifests::{
    SECRETS, SERVER, containers, documents, list, manifest, ours, pod, ports, read, settings,
    settings_of_serve, text,
};

/// The time that the end of the runtime and the last traces may take after the drain.
const AFTER_DRAIN: Duration = Duration::from_secs(4);

#[test]
fn kubernetes_settings_are_settings_of_the_program() {
    for overlay in ["small", "production"] {
        let serve = settings_of_serve(overlay);
        assert!(!serve.read.snapshot_dir.is_empty(), "{overlay}");
        for file in SERVER {
            settings(overlay, file, &[]).unwrap();
        }
    }
    let variable = |name: &str| {
        serde_yaml_ng::from_str::<Vec<Value>>(&format!("[{{name: {name}, value: '1'}}]")).unwrap()
    };
    let refused = settings(
        "small",
        "base/serve.yaml",
        &variable("TM__READ__MAX_WAITRES"),
    )
    .unwrap_err();
    assert!(refused.contains("max_waitres"), "{refused}");
}

#[test]
fn kubernetes_ports_are_those_of_settings_image_and_services() {
    let serve = settings_of_serve("production");
    let pod = pod("base/serve.yaml");
    let expected = BTreeMap::from([
        ("api", u64::from(serve.http.listen.port())),
        ("ops", u64::from(serve.http.ops_listen.port())),
        (
            "ads",
            u64::from(serve.http.ads_listen.expect("a listener for Envoys").port()),
        ),
    ]);
    assert_eq!(ports(ours(&pod)), expected);
    let image = read("docker/Dockerfile");
    let exposed = image
        .lines()
        .find_map(|line| line.strip_prefix("EXPOSE "))
        .expect("EXPOSE");
    let exposed: BTreeSet<u64> = exposed
        .split(' ')
        .map(|port| port.parse().unwrap())
        .collect();
    assert_eq!(exposed, expected.values().copied().collect());
    let compose = read("docker/compose.yaml");
    for (variable, port) in [
        ("API", expected["api"]),
        ("OPS", expected["ops"]),
        ("ADS", expected["ads"]),
    ] {
        assert!(
            compose.contains(&format!("${{{variable}_PORT:-{port}}}")),
            "{variable}"
        );
    }
    for file in ["base/relay.yaml", "base/audit.yaml"] {
        assert_eq!(
            ports(ours(&super::manifests::pod(file))),
            BTreeMap::from([("ops", expected["ops"])]),
            "{file}"
        );
    }
    // Services name ports of their pods, and the policies let these in.
    for (file, policy) in [
        ("base/serve.yaml", Some("callers")),
        ("edge/relay.yaml", None),
        ("gateway/gateway.yaml", None),
    ] {
        let pod = super::manifests::pod(file);
        let known: BTreeMap<_, _> = containers(&pod).into_iter().flat_map(ports).collect();
        let objects = documents(&manifest(file));
        let service = objects
            .iter()
            .find(|object| object["kind"] == "Service")
            .expect(file);
        let named: Vec<u64> = list(&service["spec"], "ports")
            .iter()
            .map(|port| known[text(port, "targetPort")])
            .collect();
        assert!(!named.is_empty());
        let Some(policy) = policy else { continue };
        let policies = documents(&manifest("components/network-policies/policies.yaml"));
        let policy = policies
            .iter()
            .find(|object| object["metadata"]["name"] == policy)
            .expect(policy);
        let open: Vec<u64> = list(&list(&policy["spec"], "ingress")[0], "ports")
            .iter()
            .map(|port| port["port"].as_u64().unwrap())
            .collect();
        assert_eq!(open, named);
    }
}

#[test]
fn kubernetes_pods_run_as_the_images_user_without_rights() {
    for (file, image) in SERVER
        .map(|file| (file, "docker/Dockerfile"))
        .into_iter()
        .chain(
            ["edge/relay.yaml", "gateway/gateway.yaml"]
                .map(|file| (file, "docker/agent.Dockerfile")),
        )
    {
        let user = read(image);
        let user = user
            .lines()
            .find_map(|line| line.strip_prefix("USER "))
            .expect("USER")
            .to_owned();
        let pod = pod(file);
        let context = &pod["securityContext"];
        let ids = format!(
            "{}:{}",
            context["runAsUser"].as_u64().unwrap(),
            context["runAsGroup"].as_u64().unwrap()
        );
        assert_eq!(ids, user, "{file}");
        assert!(
            context["runAsNonRoot"] == true
                && context["seccompProfile"]["type"] == "RuntimeDefault",
            "{file}"
        );
        assert!(
            pod["automountServiceAccountToken"] == false && pod["enableServiceLinks"] == false,
            "{file}"
        );
        for container in containers(&pod) {
            let context = &container["securityContext"];
            assert!(context["readOnlyRootFilesystem"] == true, "{file}");
            assert!(context["allowPrivilegeEscalation"] == false, "{file}");
            assert_eq!(
                list(&context["capabilities"], "drop"),
                [Value::from("ALL")],
                "{file}"
            );
            assert!(
                container["resources"]["limits"]["memory"].is_string(),
                "{file}: memory"
            );
            assert!(
                container["resources"]["limits"]["cpu"].is_null(),
                "{file}: processor"
            );
        }
    }
}

#[test]
fn kubernetes_grace_is_longer_than_the_drain() {
    for overlay in ["small", "production"] {
        let needed = settings_of_serve(overlay).drain.deadline + AFTER_DRAIN;
        for file in ["base/serve.yaml", "base/relay.yaml", "base/audit.yaml"] {
            let grace = pod(file)["terminationGracePeriodSeconds"]
                .as_u64()
                .expect(file);
            assert!(
                Duration::from_secs(grace) > needed,
                "{file}: {grace} s for {needed:?}"
            );
        }
    }
    let defaults = Settings::without_environment(&[]).unwrap();
    let compose: Value = serde_yaml_ng::from_str(&read("docker/compose.yaml")).unwrap();
    let grace = text(&compose["services"]["traffic-manager"], "stop_grace_period")
        .trim_end_matches('s')
        .to_owned();
    assert!(Duration::from_secs(grace.parse().unwrap()) > defaults.drain.deadline + AFTER_DRAIN);
}

#[test]
fn kubernetes_probes_ask_what_is_open_without_a_token() {
    let open = read("src/http/ops.rs");
    for file in ["base/serve.yaml", "base/relay.yaml", "base/audit.yaml"] {
        let pod = pod(file);
        for (probe, path) in [
            ("startupProbe", "/health/live"),
            ("livenessProbe", "/health/live"),
            ("readinessProbe", "/health/ready"),
        ] {
            let asked = &ours(&pod)[probe]["httpGet"];
            assert_eq!(text(asked, "path"), path, "{file}: {probe}");
            assert_eq!(text(asked, "port"), "ops", "{file}: {probe}");
            assert!(open.contains(&format!("{path:?}")), "{path} needs a token");
        }
    }
    // A probe names the pod by its address, which a list of host names would refuse.
    for overlay in ["small", "production"] {
        assert!(
            settings_of_serve(overlay).http.allowed_hosts.is_empty(),
            "{overlay}"
        );
    }
}

#[test]
fn kubernetes_commands_are_commands_of_the_program() {
    for file in SERVER {
        let pod = pod(file);
        let arguments: Vec<&str> = list(ours(&pod), "args")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let output = Command::new(env!("CARGO_BIN_EXE_traffic-manager"))
            .args(&arguments)
            .arg("--help")
            .output()
            .unwrap();
        assert!(
            !arguments.is_empty() && output.status.success(),
            "{file}: {arguments:?}"
        );
    }
}

#[test]
fn kubernetes_agent_and_relay_have_good_configurations() {
    let agent = Config::parse(&manifest("gateway/agent.toml")).unwrap();
    let envoy = bootstrap::text(&agent).unwrap();
    assert_eq!(
        manifest("gateway/envoy.yaml"),
        envoy,
        "tm-agent bootstrap --config agent.toml >envoy.yaml"
    );
    let gateway = pod("gateway/gateway.yaml");
    let web: BTreeMap<_, _> = containers(&gateway).into_iter().flat_map(ports).collect();
    assert_eq!(web["web"], u64::from(agent.proxy.listen.port()));
    let relay = RelayConfig::parse(&manifest("edge/relay.toml")).unwrap();
    let edge = pod("edge/relay.yaml");
    let listen = relay.relay.listen.expect("an address");
    assert_eq!(ports(ours(&edge))["nodes"], u64::from(listen.port()));
    for (pod, file) in [(&gateway, "gateway/agent.toml"), (&edge, "edge/relay.toml")] {
        assert_eq!(
            files_without_a_mount(pod, &manifest(file)),
            Vec::<String>::new(),
            "{file}"
        );
    }
    assert_eq!(
        files_without_a_mount(&edge, "token_file = \"/etc/other/token\""),
        ["/etc/other/token"]
    );
}

#[test]
fn kubernetes_files_of_settings_are_mounted() {
    let common = manifest("shared/settings.env");
    let quoted = |text: &str| text.replace('=', "=\"").replace('\n', "\"\n");
    let serve = pod("base/serve.yaml");
    assert_eq!(
        files_without_a_mount(&serve, &quoted(&common)),
        Vec::<String>::new()
    );
    // The others serve no API, so they have no certificate of it.
    let others: String = common
        .lines()
        .filter(|line| !line.contains("__TLS__"))
        .map(|line| format!("{line}\n"))
        .collect();
    for file in &SERVER[1..] {
        assert_eq!(
            files_without_a_mount(&pod(file), &quoted(&others)),
            Vec::<String>::new(),
            "{file}"
        );
    }
}

/// Returns the absolute paths in quotes that are in none of the pod's volumes.
fn files_without_a_mount(pod: &Value, text: &str) -> Vec<String> {
    let mounts: Vec<&str> = list(ours(pod), "volumeMounts")
        .iter()
        .map(|mount| super::manifests::text(mount, "mountPath"))
        .collect();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once("\"/")?.1.split_once('"'))
        .map(|(path, _)| format!("/{path}"))
        .filter(|path| {
            !mounts
                .iter()
                .any(|mount| Path::new(path).starts_with(mount))
        })
        .collect()
}

#[test]
fn kubernetes_secrets_are_made_and_explained() {
    let store = documents(&manifest("components/external-secrets/secrets.yaml"));
    let mut made = BTreeSet::new();
    for object in &store {
        let name = text(&object["metadata"], "name");
        assert_eq!(text(&object["spec"]["target"], "name"), name);
        for key in list(&object["spec"], "data") {
            made.insert(format!(
                "{}/{}",
                name.trim_start_matches("traffic-manager-"),
                text(key, "secretKey")
            ));
        }
    }
    let known: BTreeSet<String> = SECRETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let missing: Vec<_> = known.difference(&made).collect();
    assert!(missing.is_empty(), "no ExternalSecret makes {missing:?}");
    let page = read("docs/operations/kubernetes.md");
    for object in &store {
        let name = text(&object["metadata"], "name");
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/operations/kubernetes.md does not know {name}"
        );
    }
}

/// One tag of the image in each overlay, and in the name of its migration.
#[test]
fn kubernetes_migration_is_named_by_its_version() {
    let version = env!("CARGO_PKG_VERSION");
    for overlay in ["small", "production"] {
        let own: Value = serde_yaml_ng::from_str(&manifest(&format!(
            "overlays/{overlay}/settings/kustomization.yaml"
        )))
        .unwrap();
        assert_eq!(
            text(&list(&own, "images")[0], "newTag"),
            version,
            "{overlay}"
        );
        let migration = manifest(&format!("overlays/{overlay}/migrate/kustomization.yaml"));
        assert!(
            migration.contains(&format!("value: migrate-{}\n", version.replace('.', "-"))),
            "{overlay}"
        );
    }
    for folder in ["edge", "gateway"] {
        let own: Value =
            serde_yaml_ng::from_str(&manifest(&format!("{folder}/kustomization.yaml"))).unwrap();
        assert_eq!(
            text(&list(&own, "images")[0], "newTag"),
            version,
            "{folder}"
        );
    }
}

/// The page for newcomers. `make kube-check` runs those of its commands that need no node.
#[test]
fn kubernetes_page_has_commands_that_exist() {
    let page = read("docs/operations/kubernetes.md");
    let makefile = read("Makefile");
    let after = |before: &str| -> BTreeSet<String> {
        let found = page.split(before).skip(1);
        found
            .map(|rest| {
                let is_end = |c: char| !(c.is_ascii_alphanumeric() || "-/. ".contains(c));
                let words = rest.split(is_end).next().unwrap_or_default();
                words
                    .split(" -")
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            })
            .collect()
    };
    let first = |words: &String| words.split(' ').next().unwrap_or_default().to_owned();
    let mut commands = after("-- traffic-manager ");
    commands.extend(after("`traffic-manager "));
    assert!(commands.len() >= 3, "{commands:?}");
    for command in commands {
        let words = command.split(' ').filter(|word| !word.contains('.'));
        let output = Command::new(env!("CARGO_BIN_EXE_traffic-manager"))
            .args(words)
            .arg("--help")
            .output()
            .unwrap();
        assert!(output.status.success(), "traffic-manager {command}");
    }
    let targets = after("`make ");
    let folders = after("apply -k deploy/");
    let deployments = after("deployment/");
    assert!(!targets.is_empty() && folders.len() >= 5 && deployments.len() >= 3);
    for target in targets.iter().map(first) {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
    }
    for folder in folders.iter().map(first) {
        let file = format!("{folder}/kustomization.yaml");
        assert!(!manifest(&file).is_empty());
    }
    for deployment in deployments.iter().map(first) {
        pod(&format!("base/{deployment}.yaml"));
    }
    let job = format!(
        "job/migrate-{}",
        env!("CARGO_PKG_VERSION").replace('.', "-")
    );
    assert!(page.contains(&job), "{job}");
}
