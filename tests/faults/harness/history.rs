//! The final state: the history in Postgres, the topic in Kafka, the archive in MongoDB.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use serde_json::Value;
use traffic_manager::{audit::document::ArchivedEvent, config::Settings, kafka::Record};

use crate::support::{World, secure, topic::all_records};

/// An event as Postgres has it.
pub struct Event {
    pub id: String,
    pub tenant: String,
    pub revision: u64,
    /// The id of the write that made the event.
    pub request_id: String,
    /// The route of the event, `service/env/version`.
    pub route: String,
    /// The URL that the route resolves to after the event; `None` when the route is deleted or
    /// inactive.
    pub url: Option<String>,
    pub text: String,
}

impl Event {
    pub fn of(text: &str) -> Self {
        let event: Value = serde_json::from_str(text).expect("an event");
        let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let after = &event["after"];
        Self {
            id: string(&event["id"]),
            tenant: string(&event["tenant"]),
            revision: event["revision"].as_u64().expect("a revision"),
            request_id: string(&event["request_id"]),
            route: ["service", "env", "version"]
                .map(|part| string(&event["route"][part]))
                .join("/"),
            url: (after["is_active"] == true).then(|| string(&after["url"])),
            text: text.to_owned(),
        }
    }
}

/// All three stores, and the tables that follow from the history.
pub struct History {
    /// The events by tenant, in order of revisions.
    pub events: BTreeMap<String, Vec<Event>>,
    /// The records of the topic, partition by partition in order of offsets.
    pub topic: Vec<Record>,
    pub archive: Vec<ArchivedEvent>,
    /// The records of the dead-letter topic.
    pub dead_letters: Vec<Record>,
    /// The active routes of each tenant with their URLs.
    pub routes: BTreeMap<String, BTreeMap<String, String>>,
    pub revisions: HashMap<String, u64>,
}

impl History {
    pub async fn read(world: &World) -> Self {
        let rows = world
            .db
            .rows(
                "select payload::text from route_events order by tenant, revision, item",
                &[],
            )
            .await;
        let mut events: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        for event in rows.iter().map(|row| Event::of(row.get(0))) {
            events.entry(event.tenant.clone()).or_default().push(event);
        }
        let mut routes: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let sql = "select tenant, service || '/' || env || '/' || version, url from routes where is_active";
        for row in world.db.rows(sql, &[]).await {
            routes
                .entry(row.get(0))
                .or_default()
                .insert(row.get(1), row.get(2));
        }
        let revisions = world
            .db
            .rows("select name, revision from tenants", &[])
            .await;
        let revisions = revisions
            .iter()
            .map(|row| {
                (
                    row.get(0),
                    u64::try_from(row.get::<_, i64>(1)).expect("a revision"),
                )
            })
            .collect();
        let topic = all_records(&world.settings.kafka.topic).await;
        let dead_letters = all_records(&world.settings.kafka.dlq_topic).await;
        Self {
            events,
            topic,
            archive: world.archived().await,
            dead_letters,
            routes,
            revisions,
        }
    }

    pub fn count(&self) -> usize {
        self.events.values().map(Vec::len).sum()
    }
}

/// Returns the offsets that the archive's consumers have committed, by partition.
pub fn committed_offsets(settings: &Settings) -> Option<BTreeMap<i32, i64>> {
    let mut config = secure::kafka();
    config.set("group.id", &settings.kafka.group);
    let reader: BaseConsumer = config.create().ok()?;
    let mut asked = TopicPartitionList::new();
    for partition in 0..settings.migrate.partitions {
        asked.add_partition(&settings.kafka.topic, partition);
    }
    let committed = reader
        .committed_offsets(asked, Duration::from_secs(5))
        .ok()?;
    let known = committed
        .elements()
        .into_iter()
        .filter_map(|element| Some((element.partition(), element.offset().to_raw()?)));
    Some(known.filter(|(_, offset)| *offset >= 0).collect())
}
