//! The largest record that the topics take: `kafka.max_message_bytes`, in the topics as in every client.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, OwnedResourceSpecifier, ResourceSpecifier},
    client::DefaultClientContext,
};

use super::{TopicError, client};
use crate::config;

/// The topics' setting.
const SETTING: &str = "max.message.bytes";

/// Bytes that a dead letter may have beside the record that it was: its own headers.
pub const LETTER_BYTES: usize = 65_536;

/// What `max.message.bytes` is wanted to be: the largest record, its headers and those of a dead letter.
pub(super) fn wanted(settings: &config::Kafka) -> usize {
    settings.max_message_bytes + LETTER_BYTES
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(15))).request_timeout(Some(Duration::from_secs(20)))
}

/// The settings of both topics.
async fn described(
    admin: &AdminClient<DefaultClientContext>, settings: &config::Kafka,
) -> Result<Vec<(String, ConfigResource)>, TopicError> {
    let topics = [ResourceSpecifier::Topic(&settings.topic), ResourceSpecifier::Topic(&settings.dlq_topic)];
    let names = [&settings.topic, &settings.dlq_topic];
    let mut found = Vec::new();
    for (result, asked) in admin.describe_configs(&topics, &options()).await?.into_iter().zip(names) {
        let resource = result.map_err(|code| TopicError::Refused(asked.clone(), code))?;
        let name = match &resource.specifier {
            OwnedResourceSpecifier::Topic(name) => name.clone(),
            _ => asked.clone(),
        };
        found.push((name, resource));
    }
    Ok(found)
}

fn taken(resource: &ConfigResource) -> Option<usize> {
    resource.get(SETTING)?.value.as_ref()?.parse().ok()
}

/// Raises what topics take to what is wanted; one that takes more is left alone. What else was set for a topic stays.
pub(super) async fn raise(admin: &AdminClient<DefaultClientContext>, settings: &config::Kafka) -> Result<(), TopicError> {
    let wanted = wanted(settings);
    for (topic, resource) in described(admin, settings).await? {
        let Some(taken) = taken(&resource).filter(|taken| *taken < wanted) else { continue };
        // The request replaces all that was set for the topic, so all of it is said again.
        let is_own = |entry: &&rdkafka::admin::ConfigEntry| entry.source == ConfigSource::DynamicTopic && !entry.is_read_only;
        let own = resource.entries.iter().filter(is_own);
        let mut entries: HashMap<&str, &str> =
            own.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?))).collect();
        let value = wanted.to_string();
        entries.insert(SETTING, &value);
        let alter = AlterConfig { specifier: ResourceSpecifier::Topic(&topic), entries };
        for result in admin.alter_configs(&[alter], &options()).await? {
            result.map_err(|(_, code)| TopicError::Refused(topic.clone(), code))?;
        }
        tracing::info!(kafka.topic = topic, before = taken, now = wanted, "the topic takes larger records");
    }
    Ok(())
}

/// What the topics take, as a process has found it.
#[derive(Debug, Default)]
pub struct Room {
    short: Mutex<Option<String>>,
}

impl Room {
    /// A topic that takes less than is wanted, in words.
    pub fn short(&self) -> Option<String> {
        self.short.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks Kafka. It may not be there, or may not tell: then nothing is known, and nothing changes.
    pub async fn look(&self, settings: &config::Kafka) {
        let (least, asked) = (settings.max_message_bytes, async {
            let admin: AdminClient<DefaultClientContext> = client(settings)?.create()?;
            let described = described(&admin, settings).await;
            // Dropping blocks until its thread has ended.
            tokio::task::spawn_blocking(move || drop(admin));
            described
        });
        let found = match asked.await {
            Ok(found) => found,
            Err(error) => return tracing::debug!(error = %error, "what the topics take is not known"),
        };
        let is_short = |(topic, resource): &(String, ConfigResource)| {
            let taken = taken(resource).filter(|taken| *taken < least)?;
            Some(format!("topic {topic} takes records of {taken} bytes, and kafka.max_message_bytes is {least}: run migrate"))
        };
        let short = found.iter().find_map(is_short);
        let mut held = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(short) = short.as_ref().filter(|_| *held != short) {
            tracing::warn!("{short}");
        }
        *held = short;
    }
}
