//! What instances tell each other about nodes, through a compacted topic: each follows it from its beginning.

use std::sync::Arc;

use rdkafka::{
    error::KafkaError,
    producer::{FutureRecord, Producer as _},
};
use tokio_util::sync::CancellationToken;

use super::{Ledger, Nodes};
use crate::{
    config::{self, ConfigError},
    domain::{
        ids::TenantName,
        ledger::wire::{self, Told},
    },
    kafka::{self, Producing, Record, Tail, TailFrom},
};

/// The most records of one tenant in one step.
const STEP: usize = 500;
/// The most records that wait for Kafka: half of what the producer takes.
const MOST_IN_FLIGHT: i32 = 10_000;

/// The exchange of one instance with the others.
pub struct Exchange {
    ledger: Arc<Ledger>,
    settings: config::Kafka,
    producer: Producing,
}

impl Exchange {
    /// Creates the exchange. Fails if the settings do not allow a producer.
    pub fn new(ledger: Arc<Ledger>, settings: &config::Kafka) -> Result<Self, ConfigError> {
        Ok(Self {
            ledger,
            settings: settings.clone(),
            producer: Producing::new("nodes", settings, kafka::status_producer)?,
        })
    }

    /// Tells what the others have to know. While the link is lost nothing is sent: all is told once it is back.
    pub fn tell(&self) {
        let link = &self.ledger.link;
        if !link.is_up() {
            return;
        }
        let tenants = self.ledger.all();
        if link.begins() {
            tenants
                .iter()
                .for_each(|(_, nodes)| nodes.table().tell_all());
        }
        let mut is_all = self.tell_ends();
        // Another tenant is the first each time, so that one with much to tell does not keep the others from it.
        let first = fastrand::usize(..tenants.len().max(1));
        for (tenant, nodes) in tenants.iter().cycle().skip(first).take(tenants.len()) {
            is_all &= self.tell_of(tenant, nodes);
        }
        link.tells(is_all);
    }

    /// Returns whether all was told of a tenant's nodes, but for what was told a moment ago and has changed since.
    fn tell_of(&self, tenant: &TenantName, nodes: &Nodes) -> bool {
        if !self.has_room() {
            return false;
        }
        let due = nodes.table().due(self.ledger.now(), STEP);
        let mut is_all = due.len() < STEP;
        let mut due = due.into_iter();
        for record in due.by_ref() {
            let key = record.key.clone();
            let Ok(bytes) = wire::write(tenant, record) else {
                continue;
            };
            if self
                .send(&wire::key_of(tenant, &key), Some(&bytes))
                .is_err()
            {
                // The producer is dead, which the next beat notices.
                nodes.table().again(key);
                is_all = false;
                break;
            }
        }
        due.for_each(|record| nodes.table().again(record.key));
        is_all
    }

    /// Tells of the nodes of deleted tenants. Returns whether all were told of.
    fn tell_ends(&self) -> bool {
        let mut ended = self.ledger.ended.lock();
        while let Some((tenant, key)) = ended.last() {
            if !self.has_room() || self.send(&wire::key_of(tenant, key), None).is_err() {
                return false;
            }
            ended.pop();
        }
        true
    }

    /// Whether the client library's queue has room for more than beats.
    fn has_room(&self) -> bool {
        self.producer.current().in_flight_count() < MOST_IN_FLIGHT
    }

    /// Tells, once a second, that this instance is there, and waits until Kafka has it.
    pub async fn beat(&self) {
        let beat = self.ledger.link.beat();
        let Ok(bytes) = wire::write_beat(&beat) else {
            return;
        };
        let key = wire::key_of_instance(&beat.instance);
        // The beats are one task to the producer: as long as none arrives, it makes no progress.
        let sent = self.producer.deliver(0, |producer| {
            let record = FutureRecord::to(&self.settings.node_topic)
                .key(&key)
                .payload(&bytes);
            producer.send_result(record).map_err(|(error, _)| error)
        });
        if let Err(error) = sent.await {
            tracing::debug!(error = %error, "the other instances could not be told of this one");
        }
    }

    /// Follows what the others tell until `stop` is cancelled, and then says that this instance ends.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let tail = Tail {
            name: "nodes",
            topic: self.settings.node_topic.clone(),
            from: TailFrom::Beginning,
            settings: self.settings.clone(),
        };
        tail.follow(stop, |record, written| self.hear(record, written))
            .await;
        // The last words of its nodes come before its own.
        self.ledger.flush();
        self.tell();
        let key = wire::key_of_instance(&self.ledger.instance);
        if self.send(&key, None).is_ok() && self.ledger.link.is_up() {
            // Whoever does not hear of it waits for this instance's nodes for a while.
            self.producer.flush(kafka::question_timeout()).await;
        }
    }

    fn hear(&self, record: &Record, written: u64) {
        let ledger = &self.ledger;
        let Some(bytes) = &record.value else {
            return self.hear_end(record, written);
        };
        match wire::read(bytes, written) {
            Some(Told::Beat(beat)) => ledger.link.heard(&beat, written),
            Some(Told::Node(tenant, record)) => ledger.learn(&tenant, *record),
            // It is a later version's: this instance learns from the node itself.
            None => {}
        }
    }

    fn hear_end(&self, record: &Record, written: u64) {
        let key = record.key.as_deref().unwrap_or_default();
        let Ok(key) = std::str::from_utf8(key) else {
            return;
        };
        if let Some(instance) = wire::instance_of(key) {
            self.ledger.link.left(instance);
        } else if let Some((tenant, key)) = wire::parse_key(key)
            && let Some(nodes) = self.ledger.of(&tenant)
        {
            nodes.table().forget(&key, written);
        }
    }

    /// Hands a record over to the client library, which sends it by itself.
    fn send(&self, key: &str, payload: Option<&Vec<u8>>) -> Result<(), KafkaError> {
        let mut record = FutureRecord::to(&self.settings.node_topic).key(key);
        record.payload = payload;
        let sent = self.producer.current().send_result(record);
        sent.map(drop).map_err(|(error, _)| error)
    }
}
