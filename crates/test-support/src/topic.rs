//! Reading and writing topics as any client would, and writing routes through the group commit.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::json;
use traffic_manager::{
    app::services::WritePath,
    domain::{
        command::{Command, CommandContext, Op, Precondition},
        event::Actor,
        ids::RouteName,
        tag::Epoch,
    },
    kafka::{self, Record},
    service::{
        batch::Request,
        write::{
            unpublished::Unpublished,
            writer::{OnCommit, Writer},
        },
    },
    store::router::Router,
};
use uuid::Uuid;

use crate::{World, secure};

/// Reads a topic until `count` records have come, and returns them in partition order.
pub async fn records(topic: &str, count: usize) -> Vec<Record> {
    let (consumer, _) = at_the_beginning(topic);
    next_records(&consumer, count).await
}

/// Reads every record that a topic holds now, and returns them in partition order.
pub async fn all_records(topic: &str) -> Vec<Record> {
    let (consumer, count) = at_the_beginning(topic);
    next_records(&consumer, count).await
}

/// Returns a consumer of all partitions from their first record, and how many records they hold.
fn at_the_beginning(topic: &str) -> (StreamConsumer, usize) {
    let limit = Duration::from_secs(30);
    let consumer: StreamConsumer = secure::kafka()
        .set("group.id", Uuid::new_v4().to_string())
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let metadata = consumer
        .fetch_metadata(Some(topic), limit)
        .expect("metadata");
    let (mut partitions, mut count) = (TopicPartitionList::new(), 0);
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition.id(), limit)
            .expect("watermarks");
        count += usize::try_from(high - low).expect("a count");
        partitions
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .expect("a partition");
    }
    consumer.assign(&partitions).expect("an assignment");
    (consumer, count)
}

/// An error of a consumer is news, not an end: librdkafka connects again and goes on. Only a
/// topic that gives no record for the whole limit fails the test.
async fn next_records(consumer: &StreamConsumer, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    let mut news = None;
    while records.len() < count {
        let record = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                match consumer.recv().await {
                    Ok(message) => return kafka::record(&message),
                    Err(error) => news = Some(error),
                }
            }
        });
        let record = record.await;
        let came = records.len();
        records.push(record.unwrap_or_else(|_| panic!("{came} of {count} records came: {news:?}")));
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

/// Sends a record as any client could.
pub async fn send(topic: &str, record: &Record) {
    let producer: FutureProducer = secure::kafka().create().expect("a producer");
    let mut headers = rdkafka::message::OwnedHeaders::new();
    for (key, value) in &record.headers {
        headers = headers.insert(rdkafka::message::Header {
            key,
            value: value.as_ref(),
        });
    }
    let mut message = FutureRecord::<[u8], [u8]>::to(topic)
        .headers(headers)
        .partition(record.partition);
    message.key = record.key.as_deref();
    message.payload = record.value.as_deref();
    producer
        .send(message, Duration::from_secs(10))
        .await
        .expect("the record is taken");
}

/// The write path of a world, without the relay and the consumer.
pub struct Routes {
    writer: Arc<Writer>,
}

impl Routes {
    pub fn of(world: &World) -> Self {
        let mut settings = world.settings.clone();
        settings.privacy.master_keys.clear();
        let router = Router::connect(&settings.postgres, &settings.resilience).expect("settings");
        let unpublished = Unpublished::new(&settings.audit);
        let nothing_follows: OnCommit = Arc::new(|_| {});
        let path = WritePath::start(&settings, &Arc::new(router), unpublished, nothing_follows);
        let writer = path.expect("settings").writer;
        Self { writer }
    }

    /// Commits one change of a route of `tenant`, and so one event.
    pub async fn change(&self, tenant: &str, number: usize) {
        self.change_traced(tenant, number, None).await;
    }

    pub async fn change_traced(&self, tenant: &str, number: usize, traceparent: Option<&str>) {
        let spec = json!({ "url": format!("http://host-{number}.example/"), "is_active": true, "labels": {}, "description": null });
        let route = RouteName {
            service: "web".parse().unwrap(),
            env: "prod".parse().unwrap(),
            version: "v1".parse().unwrap(),
        };
        let command = Command {
            tenant: tenant.parse().unwrap(),
            op: Op::Upsert {
                route,
                spec: serde_json::from_value(spec).unwrap(),
            },
            precondition: Precondition::default(),
            confirm_in_use: false,
        };
        let context = CommandContext {
            event_id: Uuid::now_v7(),
            new_epoch: Epoch::from_random(Uuid::new_v4().into_bytes()[..8].try_into().unwrap()),
            now: "2026-11-21T05:48:00.123456Z".parse().unwrap(),
            actor: Actor {
                kind: "test".into(),
                id: "tester".into(),
                token: None,
            },
            may_create_tenant: true,
            reason: None,
            request_id: format!("{tenant}-{number}"),
            trace_id: None,
            source_ip: None,
            body_bytes: 0,
            resource_scope: Default::default(),
        };
        let request = Request {
            command,
            context,
            idempotency_key: None,
            traceparent: traceparent.map(str::to_owned),
        };
        self.writer
            .write(request)
            .await
            .expect("the write is committed");
    }
}
