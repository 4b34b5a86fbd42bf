//! The writer of the tests of watchers, and the check of all that the watchers held.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    PATIENCE, TENANT,
    follower::{Follower, Held},
};
use crate::{
    processes::{Process, eventually},
    restored::epoch,
    support::secure,
};

/// The writer: each change is one revision, whose digest it reads from the service.
pub struct Writer {
    pub http: reqwest::Client,
    pub bases: Vec<String>,
    pub token: Option<String>,
    count: u64,
    /// The digests of revisions, by their tags.
    truth: HashMap<String, String>,
}

impl Writer {
    pub fn new<'a>(processes: impl IntoIterator<Item = &'a Process>) -> Self {
        let http = secure::http().timeout(Duration::from_secs(10));
        Self {
            http: http.build().expect("a client"),
            bases: processes.into_iter().map(Process::base).collect(),
            token: None,
            count: 0,
            truth: HashMap::new(),
        }
    }

    pub async fn ask(
        &self,
        method: Method,
        base: &str,
        path: &str,
        body: Option<Value>,
    ) -> Option<(u16, Value)> {
        let mut request = self.http.request(method, format!("{base}/api/v1{path}"));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.unwrap_or_default()))
    }

    /// Changes a route, at the first instance that takes it. Returns the tag of the revision.
    pub async fn write(&mut self) -> String {
        self.count += 1;
        let path = format!("/routes/{TENANT}/web/prod/v{}", self.count % 5);
        let body = json!({ "url": format!("http://{}.example/", self.count) });
        eventually(PATIENCE, "a change is made", async || {
            for base in &self.bases {
                let asked = self.ask(Method::PUT, base, &path, Some(body.clone())).await;
                if asked.is_some_and(|(status, _)| status < 300) {
                    return true;
                }
            }
            false
        })
        .await;
        self.look().await
    }

    /// Reads the tag and the digest of the newest revision.
    pub async fn look(&mut self) -> String {
        let path = format!("/tenants/{TENANT}/snapshot");
        let found = parking_lot::Mutex::new(None);
        eventually(PATIENCE, "the newest state is read", async || {
            // The one that took the change has it, so the newest answer counts.
            let mut newest: Option<Value> = None;
            for base in &self.bases {
                if let Some((200, body)) = self.ask(Method::GET, base, &path, None).await {
                    let is_newer =
                        |old: &Value| body["revision"].as_u64() > old["revision"].as_u64();
                    if newest.as_ref().is_none_or(is_newer) {
                        newest = Some(body);
                    }
                }
            }
            *found.lock() = newest;
            found.lock().is_some()
        })
        .await;
        let body = found.into_inner().expect("an answer");
        let text = |name: &str| body[name].as_str().expect("a text").to_owned();
        let tag = format!("{}.{}", text("epoch"), body["revision"]);
        self.truth.insert(tag.clone(), text("digest"));
        tag
    }

    /// Waits until the newest state is of another epoch than this tag. Returns its tag.
    pub async fn leaves(&mut self, old: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let tag = self.look().await;
            if epoch(&tag) != epoch(old) {
                return tag;
            }
            assert!(Instant::now() < until, "the tenant begins no epoch");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn writes(&mut self, count: usize) -> String {
        let mut tag = String::new();
        for _ in 0..count {
            tag = self.write().await;
        }
        tag
    }

    /// Waits until all followers hold a revision, with the service's digest.
    pub async fn is_followed(&self, followers: &[Follower], tag: &str) {
        let digest = &self.truth[tag];
        let (epoch, revision) = tag.split_once('.').expect("a tag");
        let wanted = (epoch.to_owned(), revision.parse().expect("a revision"));
        for follower in followers {
            follower
                .holds(tag, |held| {
                    held.tag.as_ref() == Some(&wanted)
                        && held.digest == *digest
                        && held.state == "live"
                })
                .await;
        }
    }

    /// Checks all that the followers have ever held: nothing went back, and nothing was invented.
    pub fn check(&self, followers: &[Follower]) {
        let mut digests: HashMap<(String, u64), String> = HashMap::new();
        let mut checked = 0;
        for follower in followers {
            let seen = follower.seen();
            never_back(follower.language, &seen);
            for held in seen {
                let Some(tag) = held.tag else { continue };
                let text = format!("{}.{}", tag.0, tag.1);
                if let Some(truth) = self.truth.get(&text) {
                    assert_eq!(held.digest, *truth, "{} at {text}", follower.language);
                    checked += 1;
                }
                let same = digests.entry(tag).or_insert_with(|| held.digest.clone());
                assert_eq!(*same, held.digest, "{} at {text}", follower.language);
            }
        }
        assert!(
            checked > 2 * followers.len(),
            "{checked} states were compared"
        );
    }
}

/// Checks that revisions never fall within an epoch, and that no epoch comes again.
fn never_back(language: &str, seen: &[Held]) {
    let mut epochs: Vec<&str> = Vec::new();
    let mut last = 0;
    for held in seen {
        let Some((epoch, revision)) = &held.tag else {
            assert!(epochs.is_empty(), "{language} gave its data up");
            continue;
        };
        if epochs.last() != Some(&epoch.as_str()) {
            assert!(
                !epochs.contains(&epoch.as_str()),
                "{language}: {epoch} again"
            );
            epochs.push(epoch);
            last = 0;
        }
        assert!(*revision >= last, "{language}: {revision} after {last}");
        last = *revision;
    }
    assert!(!epochs.is_empty(), "{language} never had data");
}
