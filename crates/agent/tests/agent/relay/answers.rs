//! What a relay answers is what the control plane answers.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;
use traffic_manager_client::{Scope, Watcher};
use traffic_manager_core::{
    removal::{ConfirmedRemoval, Removal},
    snapshot::TenantSnapshot,
};
use traffic_manager_dataplane::{Dialect, Renderer, Settings, native};

use super::{
    plane::{NODE, Plane},
    process::{Relay, ask, watcher},
};
use crate::common::{EPOCH, PATIENCE, tag, tenant};

const SNAPSHOT: &str = "/api/v1/tenants/acme/snapshot";
const STREAM: &str = "/api/v1/tenants/acme/stream";

async fn stage() -> (Plane, Relay) {
    let before = tenant(3, 20, "http://a.example/");
    let mut content = before.content();
    content.confirmed = Some(confirmed());
    let snapshot = TenantSnapshot::new(before.tenant().clone(), content).unwrap();
    let plane = Plane::start([snapshot]).await;
    let relay = Relay::start(&[plane.url()], "").await;
    (plane, relay)
}

/// A removal in the environment `dev` that was confirmed before.
fn confirmed() -> ConfirmedRemoval {
    ConfirmedRemoval {
        tag: tag(2).parse().unwrap(),
        removal: Removal {
            env: Some("dev".parse().unwrap()),
            left_routes: 0,
            removed_policies: 1,
            removed_routes: 20,
            service: None,
        },
    }
}

fn headers(answer: &Response) -> Vec<(String, String)> {
    let names = [
        "content-type",
        "etag",
        "cache-control",
        "vary",
        "tm-signature",
        "tm-confirmed",
        "tm-stale",
        "x-accel-buffering",
    ];
    let value = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    let pair = |name: &str| Some((name.to_owned(), value(name)?));
    names.into_iter().filter_map(pair).collect()
}

/// Asks both the same, and compares status, headers and bytes.
async fn same(plane: &Plane, relay: &Relay, path: &str, sent: &[(&str, &str)]) -> Vec<u8> {
    let wanted = ask(&format!("{}{path}", plane.url()), NODE, sent).await;
    let got = ask(&format!("{}{path}", relay.url()), NODE, sent).await;
    assert_eq!(got.status(), wanted.status(), "{path} {sent:?}");
    assert_eq!(headers(&got), headers(&wanted), "{path} {sent:?}");
    let (got, wanted) = (got.bytes().await.unwrap(), wanted.bytes().await.unwrap());
    assert_eq!(got, wanted, "{path} {sent:?}");
    got.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_and_304_are_those_of_the_control_plane() {
    let (plane, relay) = stage().await;
    plane.change("acme", &["shop/dev/v9"], "http://dev.example/");
    let bytes = same(&plane, &relay, SNAPSHOT, &[]).await;
    assert!(bytes.starts_with(b"{\"digest\""), "a whole body");
    let etag = format!("\"{}\"", tag(4));
    assert!(
        same(&plane, &relay, SNAPSHOT, &[("if-none-match", &etag)])
            .await
            .is_empty()
    );
    for part in [
        "?env=prod",
        "?env=dev",
        "?service=shop",
        "?service=shop&env=prod",
    ] {
        let path = format!("{SNAPSHOT}{part}");
        assert!(!same(&plane, &relay, &path, &[]).await.is_empty(), "{part}");
    }
    let gzip = ask(
        &format!("{}{SNAPSHOT}", relay.url()),
        NODE,
        &[("accept-encoding", "gzip")],
    )
    .await;
    assert_eq!(gzip.headers()["content-encoding"], "gzip");
    assert_eq!(gzip.headers()["etag"], format!("W/{etag}").as_str());
    let mut unpacked = Vec::new();
    let packed = gzip.bytes().await.unwrap();
    std::io::Read::read_to_end(
        &mut flate2::read::GzDecoder::new(&packed[..]),
        &mut unpacked,
    )
    .unwrap();
    assert_eq!(unpacked, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmation_of_a_removal_is_passed_on_to_those_it_concerns() {
    let (plane, relay) = stage().await;
    plane.change("acme", &["shop/dev/v9"], "http://dev.example/");
    let removal = format!("{} service=* env=dev routes=20 policies=1 left=0; ", tag(2));
    for (part, is_told) in [("", true), ("?env=dev", true), ("?env=prod", false)] {
        let path = format!("{SNAPSHOT}{part}");
        same(&plane, &relay, &path, &[]).await;
        let answer = ask(&format!("{}{path}", relay.url()), NODE, &[]).await;
        let told = answer.headers().get("tm-confirmed");
        let told = told.map(|it| it.to_str().unwrap().starts_with(&removal));
        assert_eq!(told, is_told.then_some(true), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_is_answered_by_a_change_and_by_its_end() {
    let (plane, relay) = stage().await;
    let url = format!("{}{SNAPSHOT}?wait=20s", relay.url());
    let etag = format!("\"{}\"", tag(3));
    same(&plane, &relay, SNAPSHOT, &[]).await;
    let seen = [("if-none-match", etag.as_str())];
    let change = async {
        relay
            .shows("it waits", |status| status["counts"]["waiters"] == 1)
            .await;
        plane.change("acme", &["shop/prod/v1"], "http://b.example/");
    };
    let (answer, ()) = tokio::join!(ask(&url, NODE, &seen), change);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["etag"], format!("\"{}\"", tag(4)).as_str());
    let wanted = same(&plane, &relay, SNAPSHOT, &[]).await;
    assert_eq!(answer.bytes().await.unwrap(), wanted);
    let etag = format!("\"{}\"", tag(4));
    let sent = [("if-none-match", etag.as_str()), ("prefer", "wait=1")];
    let late = ask(&format!("{}{SNAPSHOT}", relay.url()), NODE, &sent).await;
    assert_eq!(late.status(), 304);
    assert_eq!(late.headers()["preference-applied"], "wait=1");
    relay
        .shows("nobody waits", |status| status["counts"]["waiters"] == 0)
        .await;
}

/// Reads a stream until it ends with a text.
async fn read_until(answer: &mut Response, end: &str, text: &mut String) {
    let read = async {
        while !text.ends_with(end) {
            let piece = answer.chunk().await.unwrap().expect("the stream goes on");
            text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    };
    let read = timeout(PATIENCE, read).await;
    read.unwrap_or_else(|_| panic!("no {end:?} at the end of {text}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_has_the_bytes_of_the_control_plane() {
    let (plane, relay) = stage().await;
    same(&plane, &relay, SNAPSHOT, &[]).await;
    for after in [None, Some(tag(3)), Some(format!("{}.7", "1".repeat(16)))] {
        let now = plane.snapshot("acme").tag().clone();
        relay.holds("acme", "live", &now.to_string()).await;
        let sent: Vec<_> = after
            .iter()
            .map(|it| ("last-event-id", it.as_str()))
            .collect();
        let mut streams = Vec::new();
        for url in [plane.url(), relay.url()] {
            streams.push((
                ask(&format!("{url}{STREAM}"), NODE, &sent).await,
                String::new(),
            ));
        }
        assert_eq!(headers(&streams[0].0), headers(&streams[1].0));
        for (answer, text) in &mut streams {
            read_until(answer, "\"}\n\n", text).await;
        }
        let places: [&[&str]; 2] = [&["shop/prod/v1", "shop/dev/v1"], &["shop/prod/v2"]];
        for (at, places) in places.into_iter().enumerate() {
            plane.change("acme", places, &format!("http://{at}.example/"));
            for (answer, text) in &mut streams {
                let length = text.len();
                // The signature is the last event.
                while text[length..].matches("event: signature").count() == 0 {
                    let piece = timeout(PATIENCE, answer.chunk()).await.unwrap();
                    text.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
                }
                read_until(answer, "\"}\n\n", text).await;
            }
        }
        assert_eq!(streams[1].1, streams[0].1, "after {after:?}");
        assert!(
            streams[1].1.contains("a\\u2028b"),
            "an end of a line is escaped"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_of_a_part_has_its_events_and_no_snapshot_in_between() {
    let (plane, relay) = stage().await;
    let url = format!("{}{STREAM}?env=prod", relay.url());
    let mut answer = ask(&url, NODE, &[]).await;
    let mut text = String::new();
    read_until(&mut answer, "\"}\n\n", &mut text).await;
    crate::common::eventually("the relay has its stream", async || {
        (!plane.streams().is_empty()).then_some(())
    })
    .await;
    // The first event of the part comes after one of another part.
    plane.change("acme", &["shop/dev/v1"], "http://dev.example/");
    plane.change("acme", &["shop/prod/v1"], "http://b.example/");
    let end = format!("{}\"}}\n\n", signature(&relay, "?env=prod", 5).await);
    read_until(&mut answer, &end, &mut text).await;
    assert_eq!(text.matches("event: snapshot").count(), 1, "{text}");
    assert_eq!(text.matches("event: change").count(), 1, "{text}");
    assert!(text.contains(&format!("id: {}\n", tag(5))), "{text}");
}

/// The signature of a part at a revision.
async fn signature(relay: &Relay, part: &str, revision: u64) -> String {
    let seen = format!("\"{}\"", tag(revision));
    let url = format!("{}{SNAPSHOT}{part}", relay.url());
    crate::common::eventually("the part has moved", async || {
        let answer = ask(&url, NODE, &[]).await;
        let is_there = answer.headers()["etag"] == seen.as_str();
        is_there.then(|| {
            answer.headers()["tm-signature"]
                .to_str()
                .unwrap()
                .to_owned()
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_whole_revisions_or_a_reset() {
    let (plane, relay) = stage().await;
    same(&plane, &relay, SNAPSHOT, &[]).await;
    plane.change(
        "acme",
        &["shop/prod/v1", "shop/prod/v2"],
        "http://b.example/",
    );
    plane.change("acme", &["shop/prod/v3"], "http://c.example/");
    relay.holds("acme", "live", &tag(5)).await;
    let changes = async |query: &str| -> Value {
        let url = format!("{}/api/v1/tenants/acme/changes?{query}", relay.url());
        let answer = ask(&url, NODE, &[]).await;
        assert_eq!(answer.status(), 200, "{query}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    let all = changes(&format!("after={}", tag(3))).await;
    assert_eq!(
        (&all["to"], &all["complete"]),
        (&tag(5).into(), &true.into())
    );
    let revisions = |it: &Value| -> Vec<u64> {
        let changes = it["changes"].as_array().unwrap().iter();
        changes.map(|it| it["revision"].as_u64().unwrap()).collect()
    };
    assert_eq!(revisions(&all), [4, 4, 5]);
    let one = changes(&format!("after={}&limit=1", tag(3))).await;
    assert_eq!(revisions(&one), [4, 4], "a revision is not split");
    assert_eq!(
        (&one["to"], &one["complete"]),
        (&tag(4).into(), &false.into())
    );
    let none = changes(&format!("after={}", tag(5))).await;
    assert_eq!(
        (revisions(&none).len(), &none["complete"]),
        (0, &true.into())
    );
    let body: Value = serde_json::from_slice(&same(&plane, &relay, SNAPSHOT, &[]).await).unwrap();
    for after in [format!("{}.9", "1".repeat(16)), tag(1)] {
        let reset = changes(&format!("after={after}")).await;
        assert_eq!(
            (&reset["reset"], &reset["snapshot"]),
            (&true.into(), &body),
            "{after}"
        );
    }
    for wrong in [
        "",
        "after=x",
        "after=0707070707070707.3&limit=0",
        "after=0707070707070707.3&colour=1",
    ] {
        let url = format!("{}/api/v1/tenants/acme/changes?{wrong}", relay.url());
        assert_eq!(ask(&url, NODE, &[]).await.status(), 422, "{wrong}");
    }
    let url = format!(
        "{}/api/v1/tenants/acme/changes?after={}",
        relay.url(),
        tag(9)
    );
    assert_eq!(
        ask(&url, NODE, &[]).await.status(),
        503,
        "never older than the caller"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_dialects_are_rendered_as_by_the_control_plane() {
    let (plane, relay) = stage().await;
    let settings = |listen: &str| Settings {
        ca_file: "/etc/ssl/certs/ca-certificates.crt".into(),
        listen: listen.into(),
        admin: "127.0.0.1:9901".into(),
    };
    for revision in [3, 4] {
        let held = plane.snapshot("acme");
        assert_eq!(held.tag().revision.0, revision);
        for dialect in Dialect::ALL {
            let name = dialect.as_str();
            for (query, scope, listen) in [
                ("", Scope::default(), "127.0.0.1:10000"),
                (
                    "&env=prod",
                    Scope {
                        env: Some("prod".parse().unwrap()),
                        service: None,
                    },
                    "127.0.0.1:10000",
                ),
                ("&listen=0.0.0.0:80", Scope::default(), "0.0.0.0:80"),
            ] {
                let url = format!("{}/api/v1/dataplane/{name}?tenant=acme{query}", relay.url());
                let wanted_tag = held.scope_tag(&scope).to_etag();
                let wanted = rendered(&held, dialect, settings(listen), scope);
                let got = crate::common::eventually("the document", async || {
                    let answer = ask(&url, NODE, &[]).await;
                    assert_eq!(answer.status(), 200, "{url}");
                    let is_new = answer.headers()["etag"] == wanted_tag.as_str();
                    Some(answer.bytes().await.unwrap()).filter(|_| is_new)
                });
                assert_eq!(got.await, wanted, "{url}");
            }
        }
        plane.change("acme", &["shop/prod/v0"], "http://c.example/");
    }
    let url = format!("{}/api/v1/dataplane/lighttpd?tenant=acme", relay.url());
    assert_eq!(ask(&url, NODE, &[]).await.status(), 404);
}

fn rendered(
    held: &TenantSnapshot,
    dialect: Dialect,
    settings: Settings,
    scope: Scope,
) -> bytes::Bytes {
    Renderer::new(dialect, settings, scope)
        .render([held])
        .document
        .to_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_keys_and_self_are_answered() {
    let (plane, relay) = stage().await;
    let path = "/api/v1/routes/resolve?tenant=acme&service=shop&env=prod&version=v1";
    let answer = ask(&format!("{}{path}", relay.url()), NODE, &[]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["etag"], format!("\"{EPOCH}.1\"").as_str());
    let held = plane.snapshot("acme");
    let route = held.get("shop", "prod", "v1").unwrap();
    assert_eq!(
        answer.bytes().await.unwrap(),
        native::resolve(held.tenant(), route).unwrap()
    );
    let chosen = path.replace("&version=v1", "&key=alice");
    assert_eq!(
        ask(&format!("{}{chosen}", relay.url()), NODE, &[])
            .await
            .status(),
        200
    );
    for path in ["/api/v1/dataplane/keys", "/api/v1/self"] {
        same(&plane, &relay, path, &[]).await;
    }
    for (path, status) in [
        ("/api/v1/tenants/acme/snapshot?at=2026-01-01T00:00:00Z", 422),
        ("/api/v1/tenants/acme/snapshot?colour=red", 422),
        ("/api/v1/tenants/acme/snapshot?wait=soon", 422),
        ("/api/v1/tenants/acme/routes", 404),
        ("/api/v1/tenants/A%20b/snapshot", 404),
        ("/metrics", 404),
    ] {
        let answer = ask(&format!("{}{path}", relay.url()), NODE, &[]).await;
        assert_eq!(answer.status(), status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_that_was_removed_is_gone_and_its_streams_end() {
    let (plane, relay) = stage().await;
    let mut answer = ask(&format!("{}{STREAM}", relay.url()), NODE, &[]).await;
    let mut text = String::new();
    read_until(&mut answer, "\"}\n\n", &mut text).await;
    plane.remove("acme");
    let ended = async { while answer.chunk().await.unwrap().is_some() {} };
    timeout(PATIENCE, ended).await.expect("the stream ends");
    let gone = ask(&format!("{}{SNAPSHOT}", relay.url()), NODE, &[]).await;
    assert_eq!(gone.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 45 s: the time between comments is 15 s"]
async fn quiet_stream_lives_on_with_comments() {
    let (_plane, relay) = stage().await;
    let mut answer = ask(&format!("{}{STREAM}", relay.url()), NODE, &[]).await;
    let mut text = String::new();
    read_until(&mut answer, "\"}\n\n", &mut text).await;
    for _ in 0..3 {
        let piece = timeout(PATIENCE, answer.chunk()).await.unwrap().unwrap();
        assert_eq!(piece.as_deref(), Some(&b":\n\n"[..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_follows_a_relay() {
    let (plane, first) = stage().await;
    let second = Relay::start(&[first.url()], "").await;
    let third = Relay::start(&[second.url()], "").await;
    let watcher = Watcher::start(watcher(&[third.url()])).await.unwrap();
    watcher.ready().await.unwrap();
    let mut views = watcher.changed();
    let wanted = plane.change("acme", &["shop/prod/v1"], "http://b.example/");
    let held = views.wait_for(|view| view.tag() == Some(&wanted));
    timeout(PATIENCE, held).await.unwrap().unwrap();
    same(&plane, &third, SNAPSHOT, &[]).await;
    assert_eq!(
        plane.streams().len(),
        1,
        "one stream for all of them: {:?}",
        plane.streams()
    );
    assert!(Duration::from_secs(60) > watcher.age().unwrap());
}
