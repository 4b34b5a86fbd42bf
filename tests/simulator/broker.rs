//! What Kafka promises, and no more: a partition is a log that is only appended to, a producer's records stand in it in their order or not at
//! all from some point on, an acknowledged record is in it, and one member of a group at a time may commit for a partition.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rdkafka::message::Headers as _;
use traffic_manager::{cache::follower, domain::event::Recorded, kafka::Record, relay, store::outbox::OutboxRow};
use uuid::Uuid;

/// Partitions of the topic.
pub const PARTITIONS: usize = 2;

/// A record in the log, with the event that it carries.
#[derive(Clone)]
pub struct Entry {
    /// The record as a consumer gets it.
    pub record: Record,
    /// The event as the cache's follower reads it.
    pub recorded: Recorded,
}

/// The topic, and the group of the audit consumers.
#[derive(Default)]
pub struct Broker {
    /// By partition.
    pub logs: [Vec<Entry>; PARTITIONS],
    /// The ids of the events that the log has.
    pub has: HashSet<Uuid>,
    /// Where the group goes on.
    pub committed: [i64; PARTITIONS],
    /// Who is in the group.
    pub members: BTreeSet<u64>,
    /// Who has joined the rebalance that is under way.
    joined: BTreeSet<u64>,
    /// Whether one is.
    pub rebalances: bool,
    /// Whose the partitions are.
    pub owners: BTreeMap<usize, u64>,
    /// Counts assignments.
    pub assignment: u64,
    /// Counts members.
    pub born: u64,
}

/// The partition of a tenant.
pub fn partition_of(row: &OutboxRow) -> usize {
    usize::from(row.tenant.as_str().bytes().last().unwrap_or(0)) % PARTITIONS
}

fn record_of(row: &OutboxRow, partition: usize, offset: usize) -> Record {
    let headers = relay::headers(row, "simulator", None).write();
    Record {
        topic: "route-events".into(),
        partition: i32::try_from(partition).unwrap(),
        offset: i64::try_from(offset).unwrap(),
        key: Some(row.tenant.as_str().as_bytes().to_vec()),
        value: Some(row.payload.clone().into_bytes()),
        headers: headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
    }
}

impl Broker {
    /// Appends a row. True when its event was not there yet.
    pub fn append(&mut self, row: &OutboxRow) -> bool {
        let partition = partition_of(row);
        let record = record_of(row, partition, self.logs[partition].len());
        let recorded = follower::recorded(&row.ce_type, row.payload.as_bytes()).expect("what was published is an event");
        self.logs[partition].push(Entry { record, recorded });
        self.has.insert(row.event_id)
    }

    /// Somebody came or went: everything is handed out anew.
    pub fn begin_rebalance(&mut self) {
        self.rebalances = true;
        self.joined.clear();
    }

    /// A member has given up what it had. True when it was the last that was waited for.
    pub fn join(&mut self, member: u64) -> bool {
        self.joined.insert(member);
        self.joined.is_superset(&self.members)
    }

    /// Whether a member has given up what it had.
    pub fn has_joined(&self, member: u64) -> bool {
        self.joined.contains(&member)
    }

    /// Hands the partitions out to those who have joined; who has not is out of the group.
    pub fn assign(&mut self) {
        self.members = std::mem::take(&mut self.joined);
        self.rebalances = false;
        self.assignment += 1;
        let members: Vec<_> = self.members.iter().copied().collect();
        self.owners.clear();
        for partition in 0..PARTITIONS {
            if let Some(member) = members.get(partition % members.len().max(1)) {
                self.owners.insert(partition, *member);
            }
        }
    }
}
