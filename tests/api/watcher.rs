//! The client's watcher follows the real service: signed, over restarts of either side.

use std::{path::PathBuf, time::Duration};

use serde_json::json;
use traffic_manager::{domain::tag::VersionTag, signing::SigningKey};
use traffic_manager_client::{Refusal, Scope, Settings, State, Token, TrustedKey, Watcher};

use crate::support::{Answer, Database, TestApp, eventually, secure};

/// A folder with the keys of a service and the file of a watcher.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tm-watcher-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    /// Makes a key of the service. Returns its file and what nodes are given.
    fn key(&self, name: &str) -> (String, TrustedKey) {
        let file = self.0.join(name);
        let public = SigningKey::create(&file).unwrap().public();
        (file.display().to_string(), TrustedKey::new(public))
    }

    fn settings(&self, app: &TestApp, keys: &[TrustedKey]) -> Settings {
        let server = app.api.parse().unwrap();
        let mut settings = Settings::new(vec![server], "acme".parse().unwrap());
        settings.trusted_keys = keys.to_vec();
        settings.file = Some(self.0.join("acme"));
        settings.times.save = Duration::from_millis(1);
        if let Some((token, ca)) = secure::client() {
            settings.token = Some(Token::fixed(token));
            settings.ca_pem = Some(ca);
        }
        settings
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn put(app: &TestApp, route: &str, url: &str) -> Answer {
    app.put(&format!("/routes/acme/{route}"))
        .json(&json!({ "url": format!("http://{url}") }))
        .send()
        .await
}

async fn comes_to(watcher: &Watcher, tag: &str) {
    let tag: VersionTag = tag.parse().unwrap();
    eventually(&format!("the watcher is at {tag}"), async || {
        (watcher.tag().as_ref() == Some(&tag)).then_some(())
    })
    .await;
}

fn url(watcher: &Watcher, [service, env, version]: [&str; 3]) -> Option<String> {
    let held = watcher.current()?;
    let route = held.get(service, env, version)?;
    Some(route.url.as_str().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_follows_signed_changes_over_restarts_of_either_side() {
    let folder = Folder::new();
    let (file, key) = folder.key("1.pem");
    let signing = format!("dataplane.signing_keys={file}");
    let app = TestApp::with(&[&signing]).await;
    put(&app, "web/prod/v1", "a").await;
    let settings = folder.settings(&app, std::slice::from_ref(&key));
    let narrow = Settings {
        scope: Scope {
            service: None,
            env: Some("prod".parse().unwrap()),
        },
        file: None,
        ..settings.clone()
    };
    let whole = Watcher::start(settings.clone()).await.unwrap();
    let narrow = Watcher::start(narrow).await.unwrap();
    for (at, route) in ["web/dev/v1", "web/prod/v2", "shop/prod/v1"]
        .iter()
        .enumerate()
    {
        let changed = put(&app, route, &format!("host-{at}")).await;
        comes_to(&whole, &changed.tag()).await;
        if route.contains("/prod/") {
            comes_to(&narrow, &changed.tag()).await;
        }
    }
    assert_eq!(url(&narrow, ["web", "dev", "v1"]), None);
    for watcher in [&whole, &narrow] {
        let address = url(watcher, ["shop", "prod", "v1"]);
        assert_eq!(address.as_deref(), Some("http://host-2"));
        assert_eq!(watcher.state(), State::Live);
        assert_eq!(watcher.counters().refused(Refusal::Signature), 0);
    }
    let last = whole.tag().unwrap();
    eventually("the data are on the disk", async || {
        let file = std::fs::read(settings.file.as_ref()?).ok()?;
        let tag = last.to_string().into_bytes();
        file.windows(tag.len())
            .any(|part| part == tag)
            .then_some(())
    })
    .await;

    // The service goes, then the watcher: it starts with what it had.
    let db = app.db.clone();
    app.drain().await;
    eventually("the watcher is cut off", async || {
        (whole.state() == State::Stale).then_some(())
    })
    .await;
    assert_eq!(whole.tag().as_ref(), Some(&last));
    drop((whole, narrow));
    let again = Watcher::start(settings.clone()).await.unwrap();
    assert_eq!(*again.ready().await.unwrap().tag(), last);
    assert_eq!(again.state(), State::Disk);
    drop(again);

    // Another instance takes over. The watcher tries its servers one after the other.
    let app = TestApp::on(db, &[&signing]).await;
    let mut both = settings;
    both.servers.push(app.api.parse().unwrap());
    let back = Watcher::start(both).await.unwrap();
    let changed = put(&app, "shop/prod/v1", "moved").await;
    comes_to(&back, &changed.tag()).await;
    let address = url(&back, ["shop", "prod", "v1"]);
    assert_eq!(address.as_deref(), Some("http://moved"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_a_watcher_takes_nothing_of_another_key() {
    let folder = Folder::new();
    let ((old_file, old), (new_file, new)) = (folder.key("1.pem"), folder.key("2.pem"));
    let db = std::sync::Arc::new(Database::create().await);
    let signing = [
        old_file.clone(),
        format!("{old_file},{new_file}"),
        new_file.clone(),
    ];
    let mut held = None;
    for (step, files) in signing.iter().enumerate() {
        let app = TestApp::on(db.clone(), &[&format!("dataplane.signing_keys={files}")]).await;
        let changed = put(&app, "web/prod/v1", &format!("host-{step}")).await;
        let mut settings = folder.settings(&app, std::slice::from_ref(&old));
        let of_old = Watcher::start(settings.clone()).await.unwrap();
        settings.trusted_keys.push(new);
        settings.file = None;
        let of_both = Watcher::start(settings).await.unwrap();
        comes_to(&of_both, &changed.tag()).await;
        if step < 2 {
            comes_to(&of_old, &changed.tag()).await;
            held = of_old.tag();
            let path = folder.0.join("acme");
            eventually("the data are on the disk", async || {
                let file = std::fs::read(&path).ok()?;
                let tag = changed.tag().into_bytes();
                file.windows(tag.len())
                    .any(|part| part == tag)
                    .then_some(())
            })
            .await;
        } else {
            eventually("what the old key did not sign is refused", async || {
                (of_old.counters().refused(Refusal::Unsigned) > 0).then_some(())
            })
            .await;
            assert_eq!(of_old.tag(), held);
        }
        app.drain().await;
    }
}
