//! The page of `tmctl`, run as somebody new follows it: with the real program, against a service with its
//! archive and its ledger of nodes.

use std::path::Path;

use traffic_manager::app::Role;

use crate::support::{
    TestApp, World,
    callers::{ASKING, first_key},
    eventually,
    page::Page,
    tmctl,
};

/// The time after which a node is lost, and after which a new instance knows all nodes.
const SILENT: &str = "nodes.silent_after_ms=15000";

#[tokio::test(flavor = "multi_thread")]
async fn tmctl_page_examples_work() {
    let built = tokio::task::spawn_blocking(tmctl::build);
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
