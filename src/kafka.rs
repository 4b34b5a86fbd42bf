//! Every rdkafka setting, and the shape of a record: CloudEvents 1.0 in binary mode (the attributes are headers, the value is the data).

mod producing;
mod progress;
mod room;
pub mod verdict;

use std::{collections::BTreeMap, time::Duration};

pub use self::{
    producing::{GRACE, Producing, SILENT, acknowledged},
    progress::Progress,
    room::Room,
    verdict::Verdict,
};

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
    config::{self, ConfigError, SaslMechanism, SecurityProtocol, ms},
    domain::dead_letter::LetterId,
};

/// The largest answer of a broker that is read: several of the largest records, and what comes with them.
const RECEIVED_BYTES: usize = 100_000_000;

/// CloudEvents' content type of the data.
pub const CONTENT_TYPE: &str = "application/json";

fn client(settings: &config::Kafka) -> Result<ClientConfig, ConfigError> {
    if settings.bootstrap_servers.is_empty() {
        return Err(config::missing("kafka.bootstrap_servers"));
    }
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &settings.bootstrap_servers)
        .set("client.id", "traffic-manager")
        .set("socket.keepalive.enable", "true")
        // As much as the topics take, in a record that is sent (for a producer) and in one that is read.
        .set("message.max.bytes", room::wanted(settings).to_string())
        .set("receive.message.max.bytes", RECEIVED_BYTES.to_string())
        // Found again within a second after a broker's restart, instead of ten.
        .set("reconnect.backoff.max.ms", "1000")
        .set_log_level(RDKafkaLogLevel::Warning);
    secure(&mut client, settings);
    Ok(client)
}

/// Encryption, and who this client is. The brokers' names are verified whenever there is TLS.
fn secure(client: &mut ClientConfig, settings: &config::Kafka) {
    let protocol = match settings.security_protocol {
        SecurityProtocol::Plaintext => return,
        SecurityProtocol::Ssl => "ssl",
        SecurityProtocol::SaslSsl => "sasl_ssl",
    };
    client.set("security.protocol", protocol).set("ssl.endpoint.identification.algorithm", "https");
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
    ConfigError::Invalid { key: "kafka".into(), reason: error.to_string() }
}

/// The relay's producer. Idempotent and gapless: within a partition nothing is doubled or reordered by retries, and a record that
/// could not be delivered stops the producer (a fatal error) before a later one overtakes it. `murmur2_random` is the partitioner of
/// the Java clients, so that a tenant's partition is the same for everyone.
pub fn producer(settings: &config::Kafka) -> Result<FutureProducer, ConfigError> {
    client(settings)?
        .set("enable.idempotence", "true")
        .set("enable.gapless.guarantee", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("delivery.timeout.ms", settings.delivery_timeout_ms.to_string())
        .set("linger.ms", settings.linger_ms.to_string())
        .set("message.max.bytes", settings.max_message_bytes.to_string())
        .create()
        .map_err(wrong)
}

/// The producer of records that may be refused: one that is costs no other, since there is no gapless guarantee that it would break. Its user
/// keeps the order by sending one at a time.
pub fn careful_producer(settings: &config::Kafka) -> Result<FutureProducer, ConfigError> {
    client(settings)?
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("delivery.timeout.ms", settings.delivery_timeout_ms.to_string())
        .set("linger.ms", "0")
        .set("message.max.bytes", settings.max_message_bytes.to_string())
        .create()
        .map_err(wrong)
}

/// The producer of dead letters. Without the gapless guarantee: one that fails is sent again by the consumer's own loop.
pub fn dead_letter_producer(settings: &config::Kafka) -> Result<FutureProducer, ConfigError> {
    client(settings)?
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("delivery.timeout.ms", settings.delivery_timeout_ms.to_string())
        .create()
        .map_err(wrong)
}

/// The archive's consumer. Offsets are committed only once stored, and stored by hand only once archived. Eager assignment: every
/// rebalance revokes everything, so one generation number tells whether a result is still ours.
pub fn audit_consumer<C: ConsumerContext + 'static>(
    settings: &config::Kafka, context: C,
) -> Result<StreamConsumer<C>, ConfigError> {
    client(settings)?
        .set("group.id", &settings.group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("enable.auto.offset.store", "false")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", settings.session_timeout_ms.to_string())
        .set("heartbeat.interval.ms", (settings.session_timeout_ms / 4).to_string())
        .set("max.poll.interval.ms", settings.max_poll_interval_ms.to_string())
        .set("fetch.wait.max.ms", "100")
        .set("fetch.message.max.bytes", room::wanted(settings).to_string())
        // What is held unread is bounded.
        .set("queued.min.messages", "10000")
        .set("queued.max.messages.kbytes", "16384")
        .create_with_context(context)
        .map_err(wrong)
}

/// A consumer of everything that is published from now on, in no group, and the offset that it begins at in each partition. Each question that
/// it asks Kafka blocks for at most `limit`.
pub fn tail_consumer(settings: &config::Kafka, limit: Duration) -> Result<(StreamConsumer, BTreeMap<i32, i64>), KafkaError> {
    let consumer: StreamConsumer = client(settings)
        .map_err(|error| KafkaError::AdminOpCreation(error.to_string()))?
        // Required by librdkafka, never joined and never committed to.
        .set("group.id", format!("{}-cache", settings.group))
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.message.max.bytes", room::wanted(settings).to_string())
        .create()?;
    let mut assigned = partitions(&consumer, &settings.topic, Offset::End, limit)?;
    let ends = ends_of(&consumer, &settings.topic, &assigned, limit)?;
    for (partition, end) in &ends {
        assigned.set_partition_offset(&settings.topic, *partition, Offset::Offset(*end))?;
    }
    consumer.assign(&assigned)?;
    Ok((consumer, ends))
}

/// Where each of these partitions of a topic ends now. Blocks for at most `limit` for each.
pub fn ends_of<C: ConsumerContext>(
    consumer: &StreamConsumer<C>, topic: &str, partitions: &TopicPartitionList, limit: Duration,
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let end = |partition: i32| Ok((partition, consumer.fetch_watermarks(topic, partition, limit)?.1));
    partitions.elements().iter().map(|element| end(element.partition())).collect()
}

/// All partitions of a topic, each at `offset`; at least one. Blocks for at most `limit`.
pub fn partitions<C: ConsumerContext>(
    consumer: &StreamConsumer<C>, topic: &str, offset: Offset, limit: Duration,
) -> Result<TopicPartitionList, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), limit)?;
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        partitions.add_partition_offset(topic, partition.id(), offset)?;
    }
    match partitions.count() {
        0 => Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition)),
        _ => Ok(partitions),
    }
}

/// A reader of any place of any topic, in no group: its user assigns. It tells where a partition ends.
pub fn reader(settings: &config::Kafka) -> Result<BaseConsumer, ConfigError> {
    client(settings)?
        // Required by librdkafka, never joined and never committed to.
        .set("group.id", format!("{}-reader", settings.group))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("fetch.wait.max.ms", "100")
        .set("fetch.message.max.bytes", room::wanted(settings).to_string())
        // What is held unread is bounded.
        .set("queued.max.messages.kbytes", "4096")
        .create()
        .map_err(wrong)
}

/// Makes the two topics, if they are not there, and sees to it that they take the largest record. Dead letters are kept until somebody removes them: they are nowhere else.
pub async fn create_topics(settings: &config::Kafka, migrate: &config::Migrate) -> Result<(), TopicError> {
    let admin: AdminClient<DefaultClientContext> = client(settings)?.create()?;
    let replication = || TopicReplication::Fixed(migrate.replication);
    let largest = room::wanted(settings).to_string();
    let dead_letters = NewTopic::new(&settings.dlq_topic, 1, replication())
        .set("retention.ms", "-1")
        .set("retention.bytes", "-1")
        // When a letter was dead-lettered is for nobody who may write to the topic to say.
        .set("message.timestamp.type", "LogAppendTime")
        .set("max.message.bytes", &largest);
    let events = NewTopic::new(&settings.topic, migrate.partitions, replication()).set("max.message.bytes", &largest);
    let topics = [events, dead_letters];
    let options =
        AdminOptions::new().operation_timeout(Some(Duration::from_secs(15))).request_timeout(Some(Duration::from_secs(20)));
    for result in admin.create_topics(&topics, &options).await? {
        match result {
            Ok(topic) => tracing::info!(kafka.topic = topic, "topic created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(TopicError::Refused(topic, code)),
        }
    }
    match room::raise(&admin, settings).await {
        // Whoever may change topics has to do it; `relay` and `audit` tell as long as it is not done.
        Err(TopicError::Refused(
            topic,
            code @ (RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed),
        )) => {
            tracing::warn!(kafka.topic = topic, error = %code, "whether the topic takes the largest record is not known, and cannot be changed");
            Ok(())
        }
        raised => raised,
    }
}

/// Why a topic could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Kafka cannot be asked.
    #[error("kafka.bootstrap_servers: Kafka cannot be asked")]
    Kafka(#[from] KafkaError),
    /// Kafka refused.
    #[error("topic {0} cannot be made, or be set up to take the largest record: {1}")]
    Refused(String, RDKafkaErrorCode),
}

/// The header of an event that a replay has published again: the replay's id.
const REPLAY: &str = "tm_replay";

/// The `CloudEvents` attributes and our own headers of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHeaders {
    /// `ce_id`: the event's id.
    pub id: String,
    /// `ce_source`
    pub source: String,
    /// `ce_type`
    pub ce_type: String,
    /// `ce_subject`: tenant/service/env/version, as far as the event is about these.
    pub subject: String,
    /// `ce_time`
    pub time: String,
    /// `tm_revision`
    pub revision: String,
    /// `tm_epoch`
    pub epoch: String,
    /// `traceparent`
    pub traceparent: Option<String>,
    /// `tm_replay`: the replay that publishes it again.
    pub replay: Option<String>,
}

impl EventHeaders {
    /// As a record's headers.
    pub fn write(&self) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new();
        let fixed = [
            ("ce_specversion", "1.0"),
            ("ce_id", &self.id),
            ("ce_source", &self.source),
            ("ce_type", &self.ce_type),
            ("ce_subject", &self.subject),
            ("ce_time", &self.time),
            ("ce_datacontenttype", CONTENT_TYPE),
            ("tm_revision", &self.revision),
            ("tm_epoch", &self.epoch),
        ];
        let optional = [("traceparent", self.traceparent.as_deref()), (REPLAY, self.replay.as_deref())];
        let present = optional.into_iter().filter_map(|(key, value)| Some((key, value?)));
        for (key, value) in fixed.into_iter().chain(present) {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        headers
    }
}

/// A record, detached from its consumer.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Where it came from.
    pub topic: String,
    /// Where it came from.
    pub partition: i32,
    /// Where it came from.
    pub offset: i64,
    /// The tenant.
    pub key: Option<Vec<u8>>,
    /// The event.
    pub value: Option<Vec<u8>>,
    /// As they came.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// Whether it was published before, and now again: by a replay, or as a dead letter that was sent again.
    pub fn is_repeated(&self) -> bool {
        self.headers.iter().any(|(key, _)| [REPLAY, REDRIVEN_FROM].contains(&key.as_str()))
    }

    /// A header as text, if it is there and is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

impl From<&BorrowedMessage<'_>> for Record {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        let header = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(<[u8]>::to_vec));
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map(|headers| headers.iter().map(header).collect()).unwrap_or_default(),
        }
    }
}

/// Why a dead letter is one.
pub const DLQ_REASON: &str = "tm_dlq_reason";
/// After how many attempts.
pub const DLQ_ATTEMPTS: &str = "tm_dlq_attempts";
/// Where it came from.
pub const DLQ_TOPIC: &str = "tm_dlq_topic";
/// Where it came from.
pub const DLQ_PARTITION: &str = "tm_dlq_partition";
/// Where it came from.
pub const DLQ_OFFSET: &str = "tm_dlq_offset";
/// What was left out of it.
pub const DLQ_OMITTED: &str = "tm_dlq_omitted";
/// How all of these begin.
const DLQ: &str = "tm_dlq_";

/// The headers of a dead letter: those that it came with, then why, after how many attempts, and from where. One that is not `whole`
/// is too large for the topic: its key, value and headers are left out, which `tm_dlq_omitted` says. Attempts before a redrive count.
pub fn dead_letter_headers(record: &Record, reason: &str, attempts: u32, whole: bool) -> OwnedHeaders {
    let before = record.header(REDRIVEN_ATTEMPTS).and_then(|text| text.parse().ok()).unwrap_or(0u32);
    let attempts = attempts.saturating_add(before);
    let mut headers = OwnedHeaders::new();
    if whole {
        // Whoever wrote the record may have written what we read letters by.
        for (key, value) in record.headers.iter().filter(|(key, _)| !key.starts_with(DLQ)) {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
    } else {
        headers = headers.insert(Header { key: DLQ_OMITTED, value: Some("key, value, headers") });
    }
    let own = [
        (DLQ_REASON, reason.to_owned()),
        (DLQ_ATTEMPTS, attempts.to_string()),
        (DLQ_TOPIC, record.topic.clone()),
        (DLQ_PARTITION, record.partition.to_string()),
        (DLQ_OFFSET, record.offset.to_string()),
    ];
    for (key, value) in &own {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    headers
}

/// The letter that a record was before it was sent again, and how often it had been tried.
const REDRIVEN_FROM: &str = "tm_redriven_from";
const REDRIVEN_ATTEMPTS: &str = "tm_redriven_attempts";

/// The headers of a record that is sent again: those that it came with, and, if they find room, which letter it was.
pub fn redriven_headers(record: &Record, letter: LetterId, attempts: u32, marked: bool) -> OwnedHeaders {
    let is_ours = |key: &str| key.starts_with(DLQ) || [REDRIVEN_FROM, REDRIVEN_ATTEMPTS].contains(&key);
    let mut headers = OwnedHeaders::new();
    for (key, value) in record.headers.iter().filter(|(key, _)| !is_ours(key)) {
        headers = headers.insert(Header { key, value: value.as_ref() });
    }
    if marked {
        for (key, value) in [(REDRIVEN_FROM, letter.to_string()), (REDRIVEN_ATTEMPTS, attempts.to_string())] {
            headers = headers.insert(Header { key, value: Some(&value) });
        }
    }
    headers
}

/// How long blocking questions to Kafka may take.
pub fn question_timeout() -> Duration {
    ms(2000)
}
