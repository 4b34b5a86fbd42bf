//! A connection is lost during COMMIT: the answer is "unknown", and a retry with the same
//! Idempotency-Key gets the true outcome.

use serde_json::{Value, json};
use url::Url;

use crate::{
    processes::Process,
    proxy::{Commit, Proxy},
    support::{
        World,
        authority::{Authority, Behind, Folder, Front, Time},
        secure,
    },
};

async fn commit_lost(commit: Commit, replayed: bool) {
    let world = World::new().await;
    let mut url = Url::parse(&world.environment["TM__POSTGRES__PRIMARY_URL"]).expect("a URL");
    let target = format!(
        "{}:{}",
        url.host_str().expect("a host"),
        url.port().expect("a port")
    );
    let proxy = Proxy::start(target).await;
    let mut environment = world.environment.clone();
    // The proxy has to read the traffic. If TLS is on, it ends in front of the proxy.
    let (folder, authority) = (Folder::new(), Authority::new());
    let front = Front::open(
        &authority.server("127.0.0.1", Time::Now),
        Behind::Postgres,
        proxy.address.to_string(),
    )
    .await;
    if secure::is_on() {
        environment.insert("TM__POSTGRES__CA_FILE".into(), authority.file(&folder));
        environment.insert("TM__POSTGRES__REPLICA_URLS".into(), String::new());
    }
    let way = if secure::is_on() {
        front.address
    } else {
        proxy.address
    };
    url.set_port(Some(way.port())).expect("a port");
    environment.insert("TM__POSTGRES__PRIMARY_URL".into(), url.to_string());
    let process = Process::start("serve", &environment);
    process.ready().await;
    let http = secure::http().build().unwrap();
    let write = async || {
        let body = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1", "url": "http://a.example/" });
        let request = http
            .post(format!("{}/api/v1/routes", process.base()))
            .header("idempotency-key", "once")
            .json(&body);
        request.send().await.expect("an answer")
    };

    proxy.arm(commit);
    let first = write().await;
    assert!(proxy.fired(), "the COMMIT was lost");
    assert_eq!(first.status(), 503, "the outcome of the commit is unknown");
    assert!(first.headers().contains_key("retry-after"));
    let problem: Value = first.json().await.expect("a problem");
    assert_eq!(problem["code"], "commit_unknown");

    let events = async || -> i64 { world.db.count("select count(*) from route_events").await };
    assert_eq!(
        events().await,
        i64::from(replayed),
        "the real outcome of the commit"
    );
    let retry = write().await;
    assert_eq!(retry.status(), 201);
    assert_eq!(
        retry.headers().contains_key("idempotency-replayed"),
        replayed
    );
    let tag = retry.headers()["etag"].to_str().expect("a tag").to_owned();
    assert!(tag.ends_with(".1\""), "{tag}");
    assert_eq!(events().await, 1, "the write is applied exactly once");
    drop(process);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_with_a_lost_answer_is_applied_once() {
    commit_lost(Commit::LoseAnswer, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commit_that_never_arrived_is_applied_by_the_retry() {
    commit_lost(Commit::LoseRequest, false).await;
}
