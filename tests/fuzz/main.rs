//! Sends requests that Schemathesis generates from the `OpenAPI` document.
//!
//! Every answer must be as documented, and no request may make the service fail. `TM_FUZZ_SECONDS`
//! sets the duration (`make fuzz`); schemathesis.toml configures the checks.

use test_support as support;

use std::{path::Path, process::Command, time::Duration};

use traffic_manager::app::Role;

use crate::support::{
    TestApp, World,
    callers::{ASKING, first_key},
    database::variable,
    secure,
};

/// Enough time for every operation's examples and edge cases, and for some random cases of each.
const SECONDS: &str = "40";

#[tokio::test(flavor = "multi_thread")]
async fn every_fuzzed_request_is_answered_as_documented() {
    let world = World::with(&ASKING).await;
    let mut settings = world.settings.clone();
    // Long-polls and streams are part of the test, and should not take the time of other requests.
    settings.read.max_wait = Duration::from_millis(100);
    settings.read.stream_lifetime = Duration::from_secs(1);
    let app = TestApp::run(world.db.clone(), settings, Role::All).await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let document = format!("{}/api/v1/openapi.json", app.api);
    let mut command = Command::new(variable("SCHEMATHESIS"));
    command
        .current_dir(&directory)
        .args(["--no-color", "run", &document]);
    command.env("HYPOTHESIS_STORAGE_DIRECTORY", env!("CARGO_TARGET_TMPDIR"));
    if secure::is_on() {
        command.args(["--tls-verify", &secure::ca()]);
    }
    command.env("API_TOKEN", first_key(&world.settings).await);
    match std::env::var("TM_FUZZ_SECONDS") {
        Ok(seconds) => command.args(["--max-time", &seconds]),
        // The same requests in every run, as far as the time allows.
        Err(_) => command.args(["--max-time", SECONDS, "--seed", "1"]),
    };
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .expect("Schemathesis runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{report}");
    app.drain().await;
    world.end().await;
}
