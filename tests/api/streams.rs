//! Server-sent events: no event is missing or sent twice, and no reader holds up the service.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Answer, PATIENCE, TestApp, eventually, secure};

async fn put(app: &TestApp, route: &str, url: &str) -> Answer {
    app.put(&format!("/routes/acme/{route}"))
        .json(&json!({ "url": format!("http://{url}") }))
        .send()
        .await
}

/// An event, or a comment (without a name).
#[derive(Debug)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Event {
    fn revision(&self) -> u64 {
        self.id.split_once('.').unwrap().1.parse().unwrap()
    }
}

/// An open stream.
pub struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    pub async fn open(app: &TestApp, query: &str, last_event_id: Option<&str>) -> Self {
        Self::at(app, &format!("/tenants/acme/stream{query}"), last_event_id).await
    }

    async fn at(app: &TestApp, path: &str, last_event_id: Option<&str>) -> Self {
        let mut request = secure::http()
            .build()
            .unwrap()
            .get(format!("{}/api/v1{path}", app.api));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let mut stream = Self {
            response,
            text: String::new(),
        };
        assert_eq!(stream.block().await.as_deref(), Some("retry: 1000"));
        stream
    }

    /// Returns the next block of lines, or `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk())
                .await
                .expect("the stream sends something");
            self.text
                .push_str(std::str::from_utf8(&chunk.expect("a whole stream")?).expect("UTF-8"));
        }
    }

    async fn next(&mut self) -> Option<Event> {
        let block = self.block().await?;
        let field = |name: &str| {
            block
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .to_owned()
        };
        let data = serde_json::from_str(&field("data: ")).unwrap_or(Value::Null);
        Some(Event {
            id: field("id: "),
            name: field("event: "),
            data,
        })
    }

    /// Returns the next event that is no comment.
    pub async fn change(&mut self) -> Event {
        loop {
            let event = self.next().await.expect("more to come");
            if !event.name.is_empty() {
                return event;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_starts_with_a_snapshot_and_sends_every_change() {
    let app = TestApp::start().await;
    let first = put(&app, "web/prod/v1", "a").await;
    let mut all = Stream::open(&app, "", None).await;
    let mut dev = Stream::open(&app, "?env=dev", None).await;
    let snapshot = all.change().await;
    assert_eq!(
        (snapshot.name.as_str(), &snapshot.id),
        ("snapshot", &first.tag())
    );
    assert_eq!(
        snapshot.data,
        app.get("/tenants/acme/snapshot").expect(200).await.json
    );
    assert_eq!(dev.change().await.data["routes"], json!([]));
    for n in 0..20 {
        put(&app, ["web/prod/v1", "web/dev/v1"][n % 2], &format!("h{n}")).await;
    }
    for revision in 2..=21 {
        let event = all.change().await;
        assert_eq!(
            (event.name.as_str(), event.revision()),
            ("change", revision)
        );
        assert_eq!(event.data["revision"], revision);
    }
    for revision in (3..=21).step_by(2) {
        let event = dev.change().await;
        assert_eq!(
            (event.revision(), &event.data["route"]["env"]),
            (revision, &json!("dev"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resumed_stream_misses_nothing_and_repeats_nothing() {
    let app = TestApp::start().await;
    let first = put(&app, "web/prod/v1", "h0").await;
    let (mut seen, mut last) = (vec![], first.tag());
    let writer = async {
        for n in 1..=300 {
            put(&app, "web/prod/v1", &format!("h{n}")).await;
        }
    };
    // Reads a few events at a time, in turns from this instance and from a new one that has seen
    // nothing yet.
    let reader = async {
        while seen.last() != Some(&301) {
            let fresh = TestApp::on(app.db.clone(), &["read.refresh_ms=50"]).await;
            let mut stream = Stream::open(
                if seen.len() % 2 == 0 { &app } else { &fresh },
                "",
                Some(&last),
            )
            .await;
            for _ in 0..37 {
                let event = stream.change().await;
                assert_eq!(event.name, "change");
                seen.push(event.revision());
                last = event.id;
                if seen.last() == Some(&301) {
                    break;
                }
            }
        }
    };
    tokio::join!(writer, reader);
    assert_eq!(seen, (2..=301).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_waits_while_overload_prevents_its_catch_up() {
    let app = TestApp::start().await;
    let first = put(&app, "web/prod/v1", "a").await;
    let second = put(&app, "web/prod/v1", "b").await;
    let other = TestApp::on(
        app.db.clone(),
        &[
            "postgres.replica_urls=",
            "postgres.pool_size=2",
            "postgres.acquire_timeout_ms=50",
            "postgres.lock_timeout_ms=10000",
            "postgres.statement_timeout_ms=20000",
            "resilience.postgres_primary.timeout_ms=10000",
            "read.stream_comment_ms=100",
        ],
    )
    .await;
    other.get("/tenants/acme/snapshot").expect(200).await;
    let held = app.db.lock("plans").await;
    let caught_up = async {
        eventually("both connections are in use", async || {
            (app.db.waiting().await == 2).then_some(())
        })
        .await;
        let mut stream = Stream::open(&other, "", Some(&first.tag())).await;
        assert_eq!(
            stream.next().await.expect("the stream continues").name,
            "",
            "a comment, because the changes could not be read"
        );
        held.release().await;
        assert_eq!(stream.change().await.id, second.tag());
    };
    let plans = || other.get("/tenants/acme/plans");
    let (one, two, ()) = tokio::join!(plans().send(), plans().send(), caught_up);
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_with_a_tag_of_another_timeline_starts_over() {
    let app = TestApp::start().await;
    let newest = put(&app, "web/prod/v1", "a").await;
    let mut stream = Stream::open(&app, "", Some("0123456789abcdef.7")).await;
    let event = stream.change().await;
    assert_eq!((event.name.as_str(), event.id), ("snapshot", newest.tag()));
    // The same happens in the middle of a stream: the tenant is deleted and made again.
    app.delete("/routes/acme/web/prod/v1").expect(204).await;
    assert_eq!(stream.change().await.data["action"], "deleted");
    app.delete("/tenants/acme").expect(204).await;
    while let Some(event) = stream.next().await {
        assert_eq!(event.name, "", "a tenant that is gone has no events");
    }
    let again = put(&app, "web/prod/v1", "b").await;
    let mut stream = Stream::open(&app, "", Some(&newest.tag())).await;
    assert_eq!(stream.change().await.id, again.tag());
    app.get("/tenants/nobody/stream")
        .problem(404, "tenant_not_found")
        .await;
    app.get("/tenants/acme/stream")
        .header("last-event-id", "seven")
        .problem(422, "invalid_request")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_stream_sends_comments_and_ends_at_lifetime_or_drain() {
    let app = TestApp::with(&["read.stream_comment_ms=100", "read.stream_lifetime_ms=1500"]).await;
    put(&app, "web/prod/v1", "a").await;
    let mut stream = Stream::open(&app, "", None).await;
    stream.change().await;
    let mut comments = 0;
    while let Some(event) = stream.next().await {
        assert!(event.name.is_empty() && event.id.is_empty());
        comments += 1;
    }
    assert!((5..=15).contains(&comments), "{comments}");

    let mut stream = Stream::open(&app, "", None).await;
    stream.change().await;
    app.drain().await;
    while stream.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_reader_that_stalls_is_cut_off() {
    let app = TestApp::with(&["http.write_stall_ms=1000", "read.max_waiters=1"]).await;
    put(&app, "web/prod/v1", "a").await;
    let mut slow = secure::narrow(&app.api).await;
    let head = format!(
        "GET /api/v1/tenants/acme/stream HTTP/1.1\r\nhost: localhost\r\n{}\r\n",
        secure::authorization()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut head = [0; 64];
    slow.read_exact(&mut head).await.unwrap();
    assert!(head.starts_with(b"HTTP/1.1 200"));
    // Sends more than all buffers in between can hold.
    let labels: serde_json::Map<_, _> = (0..32)
        .map(|n| (format!("label-{n}"), json!("x".repeat(255))))
        .collect();
    for n in 0..500 {
        let body = json!({ "url": format!("http://h{n}"), "labels": labels });
        app.put("/routes/acme/web/prod/v1")
            .json(&body)
            .expect(200)
            .await;
    }
    let newest = app.get("/tenants/acme/snapshot").expect(200).await;
    eventually("the reader's place is free", async || {
        let probe = app
            .get("/tenants/acme/snapshot?wait=1ms")
            .header("if-none-match", newest.header("etag"))
            .send()
            .await;
        (probe.status == 304).then_some(())
    })
    .await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut rest))
        .await
        .expect("the connection has ended");
    let complete = String::from_utf8_lossy(&rest).contains("http://h499\"");
    assert!(
        !complete,
        "{ended:?}: the stalled reader was not cut off, {} bytes",
        rest.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_puts_the_tag_on_the_last_item_of_a_revision() {
    let app = TestApp::start().await;
    let first = put(&app, "web/prod/v0", "a").await;
    let mut stream = Stream::open(&app, "", None).await;
    assert_eq!(stream.change().await.name, "snapshot");
    let change = |at: u32| json!({"action": "put", "route": {"service": "web", "env": "prod", "version": format!("n{at}"), "url": "http://b"}});
    let batch = json!({"changes": (0..5).map(change).collect::<Vec<_>>()});
    let done = app
        .post("/tenants/acme/batch")
        .json(&batch)
        .expect(200)
        .await;
    for item in 0..5 {
        let event = stream.change().await;
        let id = if item == 4 { done.tag() } else { String::new() };
        assert_eq!((&event.data["item"], event.id), (&json!(item), id));
    }
    // A client that reconnects in the middle has the tag from before, and gets all items.
    let mut again = Stream::open(&app, "", Some(&first.tag())).await;
    assert_eq!(again.change().await.data["item"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn platform_stream_sends_changes_of_all_tenants_once() {
    let app = TestApp::start().await;
    let mut stream = Stream::at(&app, "/stream", None).await;
    for tenant in ["a", "b", "a"] {
        let path = format!("/routes/{tenant}/web/prod/v1");
        app.patch(&path)
            .json(&json!({"description": "again"}))
            .send()
            .await;
        app.put(&path)
            .json(&json!({"url": "http://a"}))
            .send()
            .await;
    }
    let mut seen = Vec::new();
    for _ in 0..4 {
        let event = stream.change().await;
        assert_eq!((event.name.as_str(), event.id.as_str()), ("change", ""));
        seen.push((
            event.data["tenant"].as_str().unwrap().to_owned(),
            event.data["revision"].as_u64().unwrap(),
        ));
    }
    let expected = [("a", 1), ("b", 1), ("a", 2), ("a", 3)]
        .map(|(tenant, revision)| (tenant.to_owned(), revision));
    assert_eq!(seen, expected);
    app.get("/stream?colour=blue")
        .problem(422, "invalid_request")
        .await;
}
