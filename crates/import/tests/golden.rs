//! Every sample becomes the document and the messages that are committed beside it.
//!
//! After a change, `UPDATE_GOLDEN=1 cargo test -p traffic-manager-import` writes them; check the
//! difference.

use std::{
    fs,
    path::{Path, PathBuf},
};

use traffic_manager_core::{
    document::Document,
    policy::{Host, check_new_rules},
};
use traffic_manager_import::{
    BackendUrl, Imported, Left, Options, Source, Unreadable, gateway_api, kong,
};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn options(hosts: &[&str]) -> Options {
    let host = |host: &&str| Host::try_from((*host).to_owned()).unwrap();
    Options {
        env: "prod".parse().unwrap(),
        hosts: hosts.iter().map(host).collect(),
        backend_url: BackendUrl::default(),
    }
}

fn import(kind: &str, name: &str, text: &str, options: &Options) -> Result<Imported, Unreadable> {
    let source = Source { name, text };
    match kind {
        "kong" => kong(&source, options),
        _ => gateway_api(&[source], options),
    }
}

fn sample(kind: &str, name: &str) -> String {
    fs::read_to_string(here().join("samples").join(kind).join(name)).unwrap()
}

fn lines(left: &[Left]) -> String {
    left.iter().map(|left| format!("{left}\n")).collect()
}

/// Checks a document as the service does when it makes a plan of it.
fn assert_valid(name: &str, document: &Document) {
    let text = traffic_manager_yaml::document(document).unwrap();
    let json =
        traffic_manager_yaml::as_json(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let read: Document =
        serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(read, *document, "{name}");
    let content = read
        .content()
        .unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
    let mut claimed = std::collections::BTreeSet::new();
    for (policy, spec) in &content.policies {
        let spec = spec
            .clone()
            .checked()
            .unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        assert_eq!(check_new_rules(&spec.rules), [], "{name}: {policy}");
        for (pointer, version) in spec.versions() {
            assert!(
                content.routes.contains_key(&policy.route(version)),
                "{name}: {policy}{pointer}"
            );
        }
        for (host, prefix) in spec.claims() {
            assert!(
                claimed.insert((host.clone(), prefix.clone())),
                "{name}: {host}{} twice",
                prefix.as_str()
            );
        }
    }
    for route in content.routes.keys() {
        let policy = traffic_manager_core::ids::PolicyName::of(route);
        assert!(
            content.policies[&policy].names(&route.version),
            "{name}: {route} is not used"
        );
    }
}

#[test]
fn samples_become_the_committed_documents_and_messages() {
    let (mut seen, update) = (0, std::env::var_os("UPDATE_GOLDEN").is_some());
    for kind in ["kong", "gateway"] {
        for file in fs::read_dir(here().join("samples").join(kind)).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let hosts: &[&str] = if name == "bookinfo.yaml" {
                &["bookinfo.example.com"]
            } else {
                &[]
            };
            let imported = import(kind, &name, &sample(kind, &name), &options(hosts)).unwrap();
            assert_valid(&name, &imported.document);
            let golden = here().join("golden").join(kind).join(&name);
            let document = traffic_manager_yaml::document(&imported.document).unwrap();
            for (path, made) in [
                (golden.clone(), document),
                (golden.with_extension("left"), lines(&imported.left)),
            ] {
                if update {
                    fs::write(&path, made).unwrap();
                } else {
                    assert_eq!(
                        made,
                        fs::read_to_string(&path).unwrap(),
                        "{}",
                        path.display()
                    );
                }
            }
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen}");
}
