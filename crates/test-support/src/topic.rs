//! Reading and writing topics as any client would, and writing routes through the group commit.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::json;
use traffic_manager::{
    domain::{
        command::{Command, CommandContext, Op, Precondition},
        event::Actor,
        ids::RouteName,
        tag::Epoch,
    },
    kafka::{self, Record},
    service::{batch::Request, privacy::Privacy, unpublished::Unpublished, writer::Writer},
    store::Server,
};
use uuid::Uuid;

use crate::{World, secure};

/// Reads a topic until `count` records have come, and returns them in partition order.
pub async fn records(topic: &str, count: usize) -> Vec<Record> {
    let consumer: StreamConsumer = secure::kafka()
        .set("group.id", Uuid::new_v4().to_string())
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let metadata = consumer
        .fetch_metadata(Some(topic), Duration::from_secs(10))
        .expect("metadata");
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        partitions
            .add_partition_offset(topic, partition.id(), Offset::Beginning)
            .expect("a partition");
    }
    consumer.assign(&partitions).expect("an assignment");
    let mut records = Vec::new();
    while records.len() < count {
        let message = tokio::time::timeout(Duration::from_secs(30), consumer.recv()).await;
        let message = message
            .unwrap_or_else(|_| panic!("{} of {count} records came", records.len()))
            .expect("a record");
        records.push(kafka::record(&message));
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
    writer: Writer,
}

impl Routes {
    pub fn of(world: &World) -> Self {
        let settings = &world.settings;
        let key = "postgres.primary_url";
        let server = Server::new(
            "primary",
            key,
            &settings.postgres.primary_url,
            &settings.postgres,
            settings
                .resilience
                .policy(&settings.resilience.postgres_primary),
        );
        let nothing_follows: traffic_manager::service::writer::OnCommit = Arc::new(|_| {});
        let (writer, _) = Writer::start(
            Arc::new(server.expect("settings")),
            &settings.write,
            &settings.limits,
            Arc::new(Privacy::off()),
            Unpublished::new(&settings.audit),
            nothing_follows,
        );
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
