//! The settings of topics.

use rdkafka::{
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    client::DefaultClientContext,
};

use crate::support::{eventually, secure};

/// Creates a client that can create and change topics.
pub fn admin() -> AdminClient<DefaultClientContext> {
    secure::kafka().create().expect("an admin client")
}

/// Sets `max.message.bytes` of a topic, and nothing else, and waits until Kafka has it.
pub async fn takes(topic: &str, bytes: &str) {
    let alter = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", bytes);
    let altered = admin()
        .alter_configs(&[alter], &AdminOptions::new())
        .await
        .expect("Kafka answers");
    altered
        .into_iter()
        .for_each(|result| drop(result.expect("it is altered")));
    eventually("the topic is altered", async || {
        (set(topic, "max.message.bytes").await == bytes).then_some(())
    })
    .await;
}

/// Returns the value of a topic's setting.
pub async fn set(topic: &str, name: &str) -> String {
    let topics = [ResourceSpecifier::Topic(topic)];
    let described = admin()
        .describe_configs(&topics, &AdminOptions::new())
        .await
        .expect("Kafka answers");
    let resource = described
        .into_iter()
        .next()
        .expect("one topic")
        .expect("its settings");
    resource
        .get(name)
        .and_then(|entry| entry.value.clone())
        .expect("a value")
}
