//! How an instance learns of other instances' writes: by Kafka's events, and without Kafka by the
//! safety read.

use std::time::Duration;

use serde_json::json;
use traffic_manager::app::Role;

use crate::support::{TestApp, World, eventually};

async fn assert_follower_sees_a_write(prepare: impl Fn(&mut traffic_manager::config::Settings)) {
    let world = World::new().await;
    let writer = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let mut settings = world.settings.clone();
    prepare(&mut settings);
    let reader = TestApp::run(world.db.clone(), settings, Role::Serve).await;
    let route = |url: &str| json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1", "url": url });
    writer
        .post("/routes")
        .json(&route("http://old.example/"))
        .expect(201)
        .await;
    let resolve = "/routes/resolve?tenant=acme&service=web&env=prod&version=v1";
    let shown = async |url: &str| {
        let answer = reader.get(resolve).send().await;
        (answer.status == 200 && answer.json["url"] == url).then_some(())
    };
    eventually("the reader holds the tenant", async || {
        shown("http://old.example/").await
    })
    .await;
    // The test makes several changes: after the first, the reader's follower is known to run.
    for number in 0..3 {
        let url = format!("http://new-{number}.example/");
        writer.post("/routes").json(&route(&url)).expect(200).await;
        eventually("the change shows at the reader", async || shown(&url).await).await;
    }
    reader.drain().await;
    writer.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_sees_a_write_through_kafka_events() {
    Box::pin(assert_follower_sees_a_write(|settings| {
        settings.read.refresh = Duration::from_secs(60)
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follower_sees_a_write_through_the_safety_read_without_kafka() {
    Box::pin(assert_follower_sees_a_write(|settings| {
        settings.kafka.bootstrap_servers = "127.0.0.1:1".into();
        settings.read.refresh = Duration::from_millis(100);
    }))
    .await;
}
