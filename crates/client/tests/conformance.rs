//! Plays the cases of `sdk/conformance/cases.json` against the real watcher, over HTTP on loopback.

#[path = "conformance/case.rs"]
mod case;
#[path = "conformance/compare.rs"]
mod compare;
#[path = "conformance/content.rs"]
mod content;
#[path = "conformance/play.rs"]
mod play;
#[path = "conformance/server.rs"]
mod server;

use std::{collections::HashSet, path::Path};

use tokio::task::JoinSet;

use self::case::{Case, Cases};

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/conformance/cases.json");
    let text = std::fs::read_to_string(path).unwrap();
    let Cases { format, cases } = serde_json::from_str(&text).unwrap();
    assert_eq!(format, 1);
    cases
}

/// Plays all cases, and names those that fail. Cases that set times are played alone, so that a busy
/// machine does not miss a deadline. `TM_CASE` chooses cases that have a text in their names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watcher_holds_what_each_case_says() {
    let chosen = std::env::var("TM_CASE").unwrap_or_default();
    let mut cases = cases();
    let names: HashSet<_> = cases.iter().map(|case| case.name.clone()).collect();
    assert_eq!(names.len(), cases.len(), "two cases have the same name");
    cases.retain(|case| case.name.contains(&chosen));
    assert!(!cases.is_empty(), "no case has {chosen:?} in its name");
    let (alone, together): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| !case.times.is_empty());
    let playing: JoinSet<_> = together.into_iter().map(played).collect();
    let mut results = playing.join_all().await;
    for case in alone {
        results.push(played(case).await);
    }
    let failed: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn played(case: Case) -> Result<(), String> {
    let result = play::play(&case).await;
    result.map_err(|why| format!("{}: {why}", case.name))
}

/// A player that takes everything proves nothing: a case with a wrong expectation fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn player_notices_a_wrong_expectation() {
    for wrong in [
        r#"{"holds": {"tag": "a.6"}}"#,
        r#"{"holds": {"routes": {"web/prod/v1": "https://6.example/"}}}"#,
        r#"{"holds": {"refused": {"digest": 1}}}"#,
        r#"{"expect": "poll"}"#,
        r#"{"expect": "stream", "last_event_id": "a.4"}"#,
        r#"{"expect": "stream", "token": "other"}"#,
    ] {
        let case = format!(
            r#"{{"name": "wrong", "patience_ms": 300, "steps": [{{"begin": "a.5"}}, {wrong}]}}"#
        );
        let case: Case = serde_json::from_str(&case).unwrap();
        assert!(play::play(&case).await.is_err(), "{wrong}");
    }
}
