//! The packages' own tests. Each language's `test.sh` installs what it needs.

use crate::scene::{Scene, package, run};

/// Runs the tests of a package. None may be left out.
async fn test(language: &'static str) {
    let scene = Scene::start().await;
    let mut command = scene.command(package(language).join("test.sh"));
    if std::env::var("TM_SDK_FULL").is_ok_and(|value| value == "1") {
        command.arg("all");
    } else {
        command.arg("core");
    }
    let _alone = scene.alone_with(language).await;
    let output = tokio::task::spawn_blocking(move || run(&mut command))
        .await
        .expect("the tests end");
    println!("{output}");
    let skipped = output
        .lines()
        .find(|line| line.contains("# SKIP") || line.starts_with("SKIPPED"));
    assert_eq!(skipped, None, "a service was there for the live walk");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript_package_passes_its_tests() {
    Box::pin(test("typescript")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_package_passes_its_tests() {
    Box::pin(test("python")).await;
}
