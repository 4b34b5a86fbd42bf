//! The examples of docs/polling.md, as they stand there.

use std::process::Command;

use crate::support::TestApp;

/// A command of the documentation, and what it prints.
struct Example {
    command: String,
    output: String,
}

/// The `sh` blocks, each with the block that follows it.
fn examples(text: &str) -> Vec<Example> {
    let mut blocks = text.split("```");
    blocks.next();
    // Inside and outside of blocks by turns.
    let blocks: Vec<&str> = blocks.step_by(2).collect();
    blocks
        .chunks(2)
        .map(|pair| {
            let command = pair[0].strip_prefix("sh\n").expect("a command comes first").to_owned();
            let output = pair[1].strip_prefix('\n').expect("its output comes after it").to_owned();
            Example { command, output }
        })
        .collect()
}

/// Without what differs from run to run: epochs and digests.
fn normal(text: &str) -> String {
    let mut words = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
        let end = part.len() - part.chars().next_back().filter(|c| !c.is_ascii_hexdigit()).map_or(0, char::len_utf8);
        let (word, rest) = part.split_at(end);
        words.push_str(if [16, 64].contains(&word.len()) { "…" } else { word });
        words.push_str(rest);
    }
    words.trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_alone_can_poll_as_documented() {
    let app = TestApp::start().await;
    let examples = examples(include_str!("../../docs/polling.md"));
    assert!(examples.len() >= 10, "{}", examples.len());
    // One shell for all of them, as for somebody who follows the page.
    let script: String = examples.iter().map(|example| format!("{}wait\nprintf '\\n===\\n'\n", example.command)).collect();
    let api = app.api.clone();
    let run = move || Command::new("bash").args(["-euo", "pipefail", "-c", &script]).env("API_URL", api).output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let printed: Vec<&str> = printed.split("\n===\n").collect();
    for (example, printed) in examples.iter().zip(printed) {
        assert_eq!(normal(printed), normal(&example.output), "{}", example.command);
    }
}
