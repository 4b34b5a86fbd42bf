//! The database is restored to a point in time while the service runs, as docs/operations/backup.md
//! says.
//!
//! Lost revisions are not confused with the revisions after the restore, clients learn of the new
//! epoch, and the archive keeps both timelines.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{cluster::Placed, processes::eventually};

/// The service, as its clients see it.
struct Client {
    http: reqwest::Client,
    base: String,
}

struct Answer {
    status: u16,
    tag: String,
    body: Value,
}

impl Client {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let tag = answer
            .headers()
            .get("etag")
            .and_then(|tag| tag.to_str().ok())
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned();
        Answer {
            status: answer.status().as_u16(),
            tag,
            body: answer.json().await.unwrap_or_default(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], None).await
    }

    async fn put(&self, tenant: &str, version: &str) -> Answer {
        let path = format!("/routes/{tenant}/web/prod/{version}");
        self.ask(
            Method::PUT,
            &path,
            &[],
            Some(&json!({ "url": format!("http://{version}.example/") })),
        )
        .await
    }

    async fn snapshot(&self, tenant: &str) -> Answer {
        self.get(&format!("/tenants/{tenant}/snapshot")).await
    }
}

pub fn epoch(tag: &str) -> &str {
    tag.split_once('.').expect("a tag").0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn point_in_time_restore_starts_epochs_and_resets_clients() {
    let _load = crate::parts::only_load().await;
    let placed = Placed::start("all", &[("TM__WRITE__TIMELINE_CHECK_MS", "1000")]).await;
    let Some(Placed {
        process,
        world,
        owner,
        cluster,
    }) = placed
    else {
        return;
    };
    let http = crate::support::secure::http()
        .timeout(Duration::from_secs(15))
        .build()
        .expect("a client");
    let client = Client {
        http,
        base: format!("{}/api/v1", process.base()),
    };

    cluster.run(&["backup"]);
    for number in 0..10 {
        assert_eq!(client.put("acme", &format!("v{number}")).await.status, 201);
    }
    assert_eq!(client.put("quiet", "v0").await.status, 201);
    let kept = client.snapshot("acme").await;
    let time: String = owner
        .query_one("select clock_timestamp()::text", &[])
        .await
        .expect("the time")
        .get(0);
    for number in 10..15 {
        assert_eq!(
            client.put("acme", &format!("v{number}")).await.status,
            201,
            "acknowledged, and about to be lost"
        );
    }
    assert_eq!(client.put("young", "v0").await.status, 201);
    let (lost, quiet) = (
        client.snapshot("acme").await,
        client.snapshot("quiet").await,
    );
    assert_eq!(
        (
            lost.tag.ends_with(".15"),
            client.snapshot("young").await.status
        ),
        (true, 200)
    );
    eventually(Duration::from_secs(30), "all is archived", async || {
        world.archived_count().await == 17
    })
    .await;

    let began = Instant::now();
    cluster.run(&["restore", &time]);
    let restored = Instant::now();
    eventually(
        Duration::from_secs(60),
        "the tenant has begun an epoch without a write",
        async || {
            let now = client.snapshot("acme").await;
            // Until then the answer is the old one or a 503, and never the same epoch with less in
            // it.
            let goes_on =
                now.status == 503 || now.tag == lost.tag || epoch(&now.tag) != epoch(&lost.tag);
            assert!(
                goes_on,
                "the tenant goes back in its epoch: {} {} after {}",
                now.status, now.tag, lost.tag
            );
            now.status == 200 && now.tag != lost.tag
        },
    )
    .await;
    println!(
        "the restore took {:?}, the new epochs {:?} after it",
        restored - began,
        restored.elapsed()
    );
    let now = client.snapshot("acme").await;
    assert_eq!(now.tag, format!("{}.1", epoch(&now.tag)));
    assert_eq!(
        now.body["routes"],
        with_revision(&kept.body["routes"], 1),
        "exactly the content of that time"
    );
    let changes = client
        .get(&format!("/tenants/acme/changes?after={}", lost.tag))
        .await;
    assert_eq!(
        (changes.status, &changes.body["reset"]),
        (200, &json!(true)),
        "{}",
        changes.body
    );
    let polled = client
        .ask(
            Method::GET,
            "/tenants/acme/snapshot",
            &[("if-none-match", &format!("\"{}\"", lost.tag))],
            None,
        )
        .await;
    assert_eq!(
        (polled.status, &polled.tag),
        (200, &now.tag),
        "an earlier poller gets the whole snapshot"
    );
    let behind = client
        .ask(
            Method::GET,
            "/tenants/acme/snapshot",
            &[("tm-min-revision", &lost.tag)],
            None,
        )
        .await;
    assert_eq!(
        (behind.status, &behind.body["code"]),
        (503, &json!("revision_not_reached"))
    );
    let of_before = format!("\"{}.4\"", epoch(&lost.tag));
    let guarded = client
        .ask(
            Method::DELETE,
            "/routes/acme/web/prod/v3",
            &[("if-match", &of_before)],
            None,
        )
        .await;
    assert_eq!(guarded.status, 412);
    eventually(
        Duration::from_secs(30),
        "objects created after that time are gone",
        async || client.snapshot("young").await.status == 404,
    )
    .await;
    eventually(
        Duration::from_secs(30),
        "every tenant starts an epoch",
        async || {
            let now = client.snapshot("quiet").await;
            now.status == 200 && epoch(&now.tag) != epoch(&quiet.tag)
        },
    )
    .await;

    let written = client.put("acme", "v10").await;
    assert_eq!(
        (written.status, written.tag),
        (201, format!("{}.2", epoch(&now.tag))),
        "a revision of its own"
    );
    // 17 events from before the restore, 11 + 2 that begin the new epochs, and this one.
    eventually(Duration::from_secs(60), "all is archived", async || {
        world.archived_count().await == 31
    })
    .await;
    let archived = world.archived().await;
    let of = |epoch: &str| {
        archived
            .iter()
            .filter(|event| event.tenant == "acme" && event.epoch == epoch)
            .count()
    };
    assert_eq!(
        (of(epoch(&lost.tag)), of(epoch(&now.tag))),
        (15, 12),
        "the archive keeps both timelines"
    );
    let verified = client.get("/audit/verify?tenant=acme").await.body;
    assert_eq!(
        (&verified["verified"], &verified["epoch"]),
        (&json!(true), &json!(epoch(&now.tag))),
        "{verified}"
    );
    drop(process);
    world.end().await;
}

/// Returns the same routes, each with this revision.
fn with_revision(routes: &Value, revision: u64) -> Value {
    let mut routes = routes.clone();
    routes
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter(|route| route.get("revision").is_some())
        .for_each(|route| {
            route["revision"] = json!(revision);
        });
    routes
}
