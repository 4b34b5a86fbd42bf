//! All rdkafka settings, and the format of a record: CloudEvents 1.0 in binary mode (the attributes
//! are headers, the value is the data).

mod producing;
mod progress;
mod room;
mod tail;
pub mod verdict;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use self::{
    producing::{GRACE, Producing, SILENT, acknowledged},
    progress::Progress,
    room::Room,
    tail::{Tail, TailFrom},
    verdict::Verdict,
};
pub use crate::domain::pipeline::record::{CONTENT_TYPE, EventHeaders, Record};

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    config::{ClientConfig, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
    producer::FutureProducer,
};

use secrecy::ExposeSecret as _;

use crate::{
    config::{self, ConfigError, SaslMechanism, SecurityProtocol},
    domain::{dead_letter::DeadLetterId, pipeline::record::REDRIVEN_FROM},
};

/// The largest broker response that is read, in bytes: several of the largest records, and the
/// protocol's overhead.
const RECEIVED_BYTES: usize = 100_000_000;

fn client(settings: &config::Kafka) -> Result<ClientConfig, ConfigError> {
    if settings.bootstrap_servers.is_empty() {
        return Err(config::missing("kafka.bootstrap_servers"));
    }
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &settings.bootstrap_servers)
        .set("client.id", "traffic-manager")
        .set("socket.keepalive.enable", "true")
        // As much as the topics accept, for records that are sent and records that are read.
        .set("message.max.bytes", room::wanted(settings).to_string())
        .set("receive.message.max.bytes", RECEIVED_BYTES.to_string())
        // Reconnects within a second after a broker's restart, instead of ten.
        .set("reconnect.backoff.max.ms", "1000")
        .set_log_level(RDKafkaLogLevel::Warning);
    secure(&mut client, settings);
    Ok(client)
}

/// Sets up encryption and the client's credentials. With TLS the brokers' host names are always
/// verified.
fn secure(client: &mut ClientConfig, settings: &config::Kafka) {
    let protocol = match settings.security_protocol {
        SecurityProtocol::Plaintext => return,
        SecurityProtocol::Ssl => "ssl",
        SecurityProtocol::SaslSsl => "sasl_ssl",
    };
    client
        .set("security.protocol", protocol)
        .set("ssl.endpoint.identification.algorithm", "https");
    if !settings.ca_file.is_empty() {
        client.set("ssl.ca.location", &settings.ca_file);
    }
    if settings.security_protocol == SecurityProtocol::SaslSsl {
        let mechanism = match settings.sasl_mechanism {
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
            SaslMechanism::Plain => "PLAIN",
        };
        client
            .set("sasl.mechanism", mechanism)
            .set("sasl.username", &settings.sasl_username)
            .set("sasl.password", settings.sasl_password.expose_secret());
    }
}

fn wrong(error: KafkaError) -> ConfigError {
    ConfigError::Invalid {
        key: "kafka".into(),
        reason: error.to_string(),
    }
}

/// Creates the relay's producer. It is idempotent and gapless: within a partition retries neither
/// duplicate nor reorder records, and a record that could not be delivered stops the producer (a
/// fatal error) before a later one overtakes it. `murmur2_random` is the partitioner of the Java
/// clients, so that a tenant's partition is the same for everyone.
pub fn producer(settings: &config::Kafka) -> Result<FutureProducer, ConfigError> {
    client(settings)?
        .set("enable.idempotence", "true")
        .set("enable.gapless.guarantee", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("delivery.timeout.ms", millis(settings.delivery_timeout))
        .set("linger.ms", millis(settings.linger))
        .set("message.max.bytes", settings.max_message_bytes.to_string())
        .create()
        .map_err(wrong)
}

/// Creates the producer for records that Kafka may refuse. It has no gapless guarantee, so a
/// refused record does not affect others. The caller keeps the order by sending one record at a
/// time.
pub fn careful_producer(settings: &config::Kafka) -> Result<FutureProducer, ConfigError> {
    client(settings)?
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("delivery.timeout.ms", millis(settings.delivery_timeout))
        .set("linger.ms", "0")
        .set("message.max.bytes", settings.max_message_bytes.to_string())
        .create()
        .map_err(wrong)
}

/// Creates the producer for dead letters. It has no gapless guarantee: the consumer's own loop
/// sends a failed record again.
pub fn dead_letter_producer(settings: &config::Kafka) -> Result<FutureProducer, ConfigError> {
    client(settings)?
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("delivery.timeout.ms", millis(settings.delivery_timeout))
        .create()
        .map_err(wrong)
}

/// Creates the producer of what instances tell each other about nodes. A lost record is told again with the next
/// one, so the leader's word suffices.
pub fn status_producer(settings: &config::Kafka) -> Result<FutureProducer, ConfigError> {
    client(settings)?
        .set("acks", "1")
        .set("compression.codec", "lz4")
        .set("partitioner", "murmur2_random")
        .set("delivery.timeout.ms", millis(settings.delivery_timeout))
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "20000")
        .create()
        .map_err(wrong)
}

/// Creates the archive's consumer. Only stored offsets are committed, and the code stores an offset
/// only after its record is archived. Assignment is eager: every rebalance revokes all partitions,
/// so one generation number shows whether a result is still ours.
pub fn audit_consumer<C: ConsumerContext + 'static>(
    settings: &config::Kafka,
    context: C,
) -> Result<StreamConsumer<C>, ConfigError> {
    client(settings)?
        .set("group.id", &settings.group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("enable.auto.offset.store", "false")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", millis(settings.session_timeout))
        .set(
            "heartbeat.interval.ms",
            millis(settings.session_timeout / 4),
        )
        .set("max.poll.interval.ms", millis(settings.max_poll_interval))
        .set("fetch.wait.max.ms", "100")
        .set(
            "fetch.message.max.bytes",
            room::wanted(settings).to_string(),
        )
        // Limits the memory for records that are not read yet.
        .set("queued.min.messages", "10000")
        .set("queued.max.messages.kbytes", "16384")
        .create_with_context(context)
        .map_err(wrong)
}

/// Gives up a reference to a consumer. If it is the last one, the consumer ends on a thread of its
/// own: rdkafka waits for that without a limit, and neither a worker of the runtime nor its end may
/// wait with it.
pub fn release<C: ConsumerContext + 'static>(consumer: Arc<StreamConsumer<C>>) {
    if let Some(last) = Arc::into_inner(consumer) {
        std::thread::spawn(move || drop(last));
    }
}

/// Returns the current end offset of each of these partitions. Blocks for at most `limit` per
/// partition.
pub fn ends_of<C: ConsumerContext>(
    consumer: &StreamConsumer<C>,
    topic: &str,
    partitions: &TopicPartitionList,
    limit: Duration,
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let end = |partition: i32| {
        Ok((
            partition,
            consumer.fetch_watermarks(topic, partition, limit)?.1,
        ))
    };
    partitions
        .elements()
        .iter()
        .map(|element| end(element.partition()))
        .collect()
}

/// Returns all partitions of a topic, each at `offset`; a topic without partitions is an error.
/// Blocks for at most `limit`.
pub fn partitions<C: ConsumerContext>(
    consumer: &StreamConsumer<C>,
    topic: &str,
    offset: Offset,
    limit: Duration,
) -> Result<TopicPartitionList, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), limit)?;
    let mut partitions = TopicPartitionList::new();
    for partition in metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions())
    {
        partitions.add_partition_offset(topic, partition.id(), offset)?;
    }
    match partitions.count() {
        0 => Err(KafkaError::MetadataFetch(
            RDKafkaErrorCode::UnknownTopicOrPartition,
        )),
        _ => Ok(partitions),
    }
}

/// Creates a reader for any position of any topic, in no group: the caller assigns partitions. It
/// reports the end of a partition.
pub fn reader(settings: &config::Kafka) -> Result<BaseConsumer, ConfigError> {
    client(settings)?
        // Required by librdkafka, never joined and never committed to.
        .set("group.id", format!("{}-reader", settings.group))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "100")
        .set(
            "fetch.message.max.bytes",
            room::wanted(settings).to_string(),
        )
        // Limits the memory for records that are not read yet.
        .set("queued.max.messages.kbytes", "4096")
        .create()
        .map_err(wrong)
}

/// Creates the topics if they do not exist, and raises the limits of those of events to the largest record. Dead
/// letters have no expiry: they are stored nowhere else, so they stay until somebody removes them.
pub async fn create_topics(
    settings: &config::Kafka,
    migrate: &config::Migrate,
) -> Result<(), TopicError> {
    let admin: AdminClient<DefaultClientContext> = client(settings)?.create()?;
    let replication = || TopicReplication::Fixed(migrate.replication);
    let largest = room::wanted(settings).to_string();
    let dead_letters = NewTopic::new(&settings.dlq_topic, 1, replication())
        .set("retention.ms", "-1")
        .set("retention.bytes", "-1")
        // The broker sets the time of dead-lettering, so that nobody who may write to the topic can
        // forge it.
        .set("message.timestamp.type", "LogAppendTime")
        .set("max.message.bytes", &largest);
    let events = NewTopic::new(&settings.topic, migrate.partitions, replication())
        .set("max.message.bytes", &largest);
    // One partition, so that whoever reads its own record has read all before it. What is older than a day is
    // forgotten, and of what is younger only the newest of each node is needed. The broker sets the time, so that
    // no instance depends on the clock of another one.
    let nodes = NewTopic::new(&settings.node_topic, 1, replication())
        .set("cleanup.policy", "compact,delete")
        .set("retention.ms", "172800000")
        // A new instance reads the topic from its beginning, so what is outdated has to leave it soon.
        .set("segment.ms", "300000")
        .set("segment.bytes", "67108864")
        .set("min.cleanable.dirty.ratio", "0.1")
        .set("message.timestamp.type", "LogAppendTime");
    let topics = [events, dead_letters, nodes];
    let options = AdminOptions::new()
        .operation_timeout(Some(Duration::from_secs(15)))
        .request_timeout(Some(Duration::from_secs(20)));
    for result in admin.create_topics(&topics, &options).await? {
        match result {
            Ok(topic) => tracing::info!(kafka.topic = topic, "topic created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(TopicError::Refused(topic, code)),
        }
    }
    match room::raise(&admin, settings).await {
        // An operator with the right to change topics must do it; `relay` and `audit` report it
        // until it is done.
        Err(TopicError::Refused(
            topic,
            code @ (RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed),
        )) => {
            tracing::warn!(kafka.topic = topic, error = %code, "the topic's record size limit can be neither read nor changed");
            Ok(())
        }
        raised => raised,
    }
}

/// The reason why a topic could not be created.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The settings are incomplete or invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Kafka cannot be reached.
    #[error("kafka.bootstrap_servers: Kafka cannot be reached")]
    Kafka(#[from] KafkaError),
    /// Kafka refused to create or configure this topic, with this code.
    #[error("topic {0} cannot be created or configured: {1}")]
    Refused(String, RDKafkaErrorCode),
}

/// Returns a record that a consumer has read, detached from the consumer.
pub fn record(message: &BorrowedMessage<'_>) -> Record {
    let header =
        |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
    Record {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message
            .headers()
            .map(|headers| headers.iter().map(header).collect())
            .unwrap_or_default(),
    }
}

/// Returns an event's headers as the headers of a record.
pub fn event_headers(event: &EventHeaders) -> OwnedHeaders {
    event
        .pairs()
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        })
}

/// Header: the reason why the record was dead-lettered.
pub const DLQ_REASON: &str = "tm_dlq_reason";
/// Header: the number of attempts to archive the record.
pub const DLQ_ATTEMPTS: &str = "tm_dlq_attempts";
/// Header: the topic from which the dead-lettered record was read.
pub const DLQ_TOPIC: &str = "tm_dlq_topic";
/// Header: the partition from which the dead-lettered record was read.
pub const DLQ_PARTITION: &str = "tm_dlq_partition";
/// Header: the offset of the dead-lettered record.
pub const DLQ_OFFSET: &str = "tm_dlq_offset";
/// Header: the parts of the record that were left out.
pub const DLQ_OMITTED: &str = "tm_dlq_omitted";
/// The prefix of all these header names.
const DLQ: &str = "tm_dlq_";

/// Returns the headers of a dead letter: the record's own headers, then reason, attempts and
/// origin. If the record is not `whole`, it is too large for the topic: its key, value and headers
/// are left out, which `tm_dlq_omitted` states. Attempts before a redrive are added.
pub fn dead_letter_headers(
    record: &Record,
    reason: &str,
    attempts: u32,
    whole: bool,
) -> OwnedHeaders {
    let before = record
        .header(REDRIVEN_ATTEMPTS)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0u32);
    let attempts = attempts.saturating_add(before);
    let mut headers = OwnedHeaders::new();
    if whole {
        // The writer of the record may have forged our dead-letter headers.
        for (key, value) in record
            .headers
            .iter()
            .filter(|(key, _)| !key.starts_with(DLQ))
        {
            headers = headers.insert(Header {
                key,
                value: value.as_ref(),
            });
        }
    } else {
        headers = headers.insert(Header {
            key: DLQ_OMITTED,
            value: Some("key, value, headers"),
        });
    }
    let own = [
        (DLQ_REASON, reason.to_owned()),
        (DLQ_ATTEMPTS, attempts.to_string()),
        (DLQ_TOPIC, record.topic.clone()),
        (DLQ_PARTITION, record.partition.to_string()),
        (DLQ_OFFSET, record.offset.to_string()),
    ];
    for (key, value) in &own {
        headers = headers.insert(Header {
            key,
            value: Some(value),
        });
    }
    headers
}

/// Header: the attempts to archive the dead letter that a redriven record was before.
const REDRIVEN_ATTEMPTS: &str = "tm_redriven_attempts";

/// Returns the headers of a redriven record: its own headers and, if `marked`, the id and attempts
/// of the dead letter.
pub fn redriven_headers(
    record: &Record,
    dead_letter: DeadLetterId,
    attempts: u32,
    marked: bool,
) -> OwnedHeaders {
    let is_ours =
        |key: &str| key.starts_with(DLQ) || [REDRIVEN_FROM, REDRIVEN_ATTEMPTS].contains(&key);
    let mut headers = OwnedHeaders::new();
    for (key, value) in record.headers.iter().filter(|(key, _)| !is_ours(key)) {
        headers = headers.insert(Header {
            key,
            value: value.as_ref(),
        });
    }
    if marked {
        for (key, value) in [
            (REDRIVEN_FROM, dead_letter.to_string()),
            (REDRIVEN_ATTEMPTS, attempts.to_string()),
        ] {
            headers = headers.insert(Header {
                key,
                value: Some(&value),
            });
        }
    }
    headers
}

/// Returns a duration as the client library takes it: in whole milliseconds.
fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// Returns the time limit of blocking calls to Kafka: 2 s.
pub fn question_timeout() -> Duration {
    Duration::from_secs(2)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Sender, channel},
        thread::{self, ThreadId},
    };

    use super::*;

    /// Tells on which thread it is dropped.
    struct DropsTold(Sender<ThreadId>);

    impl Drop for DropsTold {
        fn drop(&mut self) {
            let _ = self.0.send(thread::current().id());
        }
    }

    impl rdkafka::ClientContext for DropsTold {}
    impl ConsumerContext for DropsTold {}

    #[tokio::test]
    async fn last_reference_to_a_consumer_ends_it_on_another_thread() {
        let (told, drops) = channel();
        let consumer: StreamConsumer<DropsTold> = ClientConfig::new()
            .set("bootstrap.servers", "127.0.0.1:1")
            .set("group.id", "group")
            .create_with_context(DropsTold(told))
            .unwrap();
        let consumer = Arc::new(consumer);
        release(consumer.clone());
        assert!(drops.try_recv().is_err(), "another reference holds it");
        release(consumer);
        let dropped_on = drops.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_ne!(dropped_on, thread::current().id());
    }
}
