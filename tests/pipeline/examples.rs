//! The documentation's pages that query the archive, run as a reader follows them.

use traffic_manager::app::Role;

use crate::support::{
    TestApp, World,
    callers::{ASKING, first_key},
    page::{Page, WITH_ARCHIVE},
};

#[tokio::test(flavor = "multi_thread")]
async fn archive_page_examples_work() {
    for name in WITH_ARCHIVE {
        let world = World::with(&ASKING).await;
        let token = first_key(&world.settings).await;
        let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
        Page::read(name).run(&app.api, &token).await;
        app.drain().await;
        world.end().await;
    }
}
