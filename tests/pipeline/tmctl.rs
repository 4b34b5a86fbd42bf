//! The page of `tmctl`, run as somebody new follows it: with the real program, against a service with its
//! archive and its ledger of nodes.

use std::{path::Path, process::Command};

use traffic_manager::app::Role;

use crate::support::{
    TestApp, World,
    callers::{ASKING, first_key},
    eventually,
    page::Page,
};

/// The time after which a node is lost, and after which a new instance knows all nodes.
const SILENT: &str = "nodes.silent_after_ms=15000";

/// Builds the program where pages look for programs: in the folder of this test's profile.
fn build() {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.ancestors().nth(2).expect("a folder");
    let target = profile.parent().expect("a folder");
    let profile = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} has no name", profile.display()),
    };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--offline", "--quiet"])
        .args(["--package", "traffic-manager-cli", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo");
    assert!(built.success(), "{built}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tmctl_page_examples_work() {
    let built = tokio::task::spawn_blocking(build);
    let settings: Vec<_> = ASKING.into_iter().chain([SILENT]).collect();
    let world = World::with(&settings).await;
    let token = first_key(&world.settings).await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    built.await.expect("tmctl is built");
    knows_all_nodes(&app, &token).await;
    let folder = std::env::temp_dir().join(format!("tmctl-page-{}", uuid::Uuid::new_v4()));
    let mut page = Page::read("tmctl.md").with("TM_CONFIG_DIR", path(&folder));
    // With TLS, the page's curl and tmctl trust the same authority.
    if let Ok(authority) = std::env::var("CURL_CA_BUNDLE") {
        page = page.with("TM_CA", authority);
    }
    page.run(&app.api, &token).await;
    std::fs::remove_dir_all(&folder).expect("the configuration goes");
    app.drain().await;
    world.end().await;
}

fn path(folder: &Path) -> String {
    folder.to_str().expect("UTF-8").to_owned()
}

/// Waits until the instance is no longer so new that nodes may not have come yet.
async fn knows_all_nodes(app: &TestApp, token: &str) {
    let tenant = serde_json::json!({ "name": "probe" });
    let created = app.post("/tenants").bearer(token).json(&tenant);
    created.expect(201).await;
    eventually("the instance knows all nodes", async || {
        let asked = app.get("/tenants/probe/convergence").bearer(token);
        let numbers = asked.expect(200).await.json;
        (numbers["partial"] == false && numbers["warming"] == false).then_some(())
    })
    .await;
}
