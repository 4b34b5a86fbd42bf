//! The largest record that the topics accept: `kafka.max_message_bytes`, in the topics as in every
//! client.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource,
        OwnedResourceSpecifier, ResourceSpecifier,
    },
    client::DefaultClientContext,
};

use super::{TopicError, client};
use crate::config;

/// The topic setting for the largest record, in bytes.
const SETTING: &str = "max.message.bytes";

/// The room for a dead letter's own headers, in bytes, beside the original record.
pub const LETTER_BYTES: usize = 65_536;

/// Returns the wanted `max.message.bytes`: room for the largest record, its headers and those of a
/// dead letter.
pub(super) fn wanted(settings: &config::Kafka) -> usize {
    settings.max_message_bytes + LETTER_BYTES
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(Duration::from_secs(15)))
        .request_timeout(Some(Duration::from_secs(20)))
}

/// Reads the settings of both topics.
async fn described(
    admin: &AdminClient<DefaultClientContext>,
    settings: &config::Kafka,
) -> Result<Vec<(String, ConfigResource)>, TopicError> {
    let topics = [
        ResourceSpecifier::Topic(&settings.topic),
        ResourceSpecifier::Topic(&settings.dlq_topic),
    ];
    let names = [&settings.topic, &settings.dlq_topic];
    let mut found = Vec::new();
    for (result, asked) in admin
        .describe_configs(&topics, &options())
        .await?
        .into_iter()
        .zip(names)
    {
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

/// Raises the limit of both topics to the wanted size. A topic with a larger limit is left alone,
/// and other settings of a topic stay as they are.
pub(super) async fn raise(
    admin: &AdminClient<DefaultClientContext>,
    settings: &config::Kafka,
) -> Result<(), TopicError> {
    let wanted = wanted(settings);
    for (topic, resource) in described(admin, settings).await? {
        let Some(taken) = taken(&resource).filter(|taken| *taken < wanted) else {
            continue;
        };
        // The request replaces all settings of the topic, so it repeats all of them.
        let is_own = |entry: &&rdkafka::admin::ConfigEntry| {
            entry.source == ConfigSource::DynamicTopic && !entry.is_read_only
        };
        let own = resource.entries.iter().filter(is_own);
        let mut entries: HashMap<&str, &str> = own
            .filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)))
            .collect();
        let value = wanted.to_string();
        entries.insert(SETTING, &value);
        let alter = AlterConfig {
            specifier: ResourceSpecifier::Topic(&topic),
            entries,
        };
        for result in admin.alter_configs(&[alter], &options()).await? {
            result.map_err(|(_, code)| TopicError::Refused(topic.clone(), code))?;
        }
        tracing::info!(
            kafka.topic = topic,
            before = taken,
            now = wanted,
            "the topic's record size limit was raised"
        );
    }
    Ok(())
}

/// The result of the last check of the topics' limits.
#[derive(Debug, Default)]
pub struct Room {
    short: Mutex<Option<String>>,
}

impl Room {
    /// Returns a message about a topic that accepts less than `kafka.max_message_bytes`, if there
    /// is one.
    pub fn short(&self) -> Option<String> {
        self.short
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks Kafka for the limits of the topics. If Kafka is not available or refuses to answer, the
    /// last result stays.
    pub async fn look(&self, settings: &config::Kafka) {
        let (least, asked) = (settings.max_message_bytes, async {
            let admin: AdminClient<DefaultClientContext> = client(settings)?.create()?;
            let described = described(&admin, settings).await;
            // Dropping the client blocks until its thread has ended.
            tokio::task::spawn_blocking(move || drop(admin));
            described
        });
        let found = match asked.await {
            Ok(found) => found,
            Err(error) => {
                return tracing::debug!(error = %error, "the topics' record size limits cannot be read");
            }
        };
        let is_short = |(topic, resource): &(String, ConfigResource)| {
            let taken = taken(resource).filter(|taken| *taken < least)?;
            Some(format!(
                "topic {topic} accepts records of at most {taken} bytes, kafka.max_message_bytes is {least}: run migrate"
            ))
        };
        let short = found.iter().find_map(is_short);
        let mut held = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(short) = short.as_ref().filter(|_| *held != short) {
            tracing::warn!("{short}");
        }
        *held = short;
    }
}
