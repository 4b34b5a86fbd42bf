//! A model of Kafka's promises, and no more.
//!
//! A partition is a log that is only appended to. A producer's records stand in the log in their
//! order, or not at all from some point on. An acknowledged record is in the log. Only one member
//! of a group at a time may commit for a partition.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use traffic_manager_core::{
    cache::revisions,
    event::Recorded,
    pipeline::record::{EventHeaders, Record},
    write::rows::OutboxRow,
};
use uuid::Uuid;

/// The number of partitions of the topic.
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
    /// The log of each partition.
    pub logs: [Vec<Entry>; PARTITIONS],
    /// The ids of the events that the log has.
    pub has: HashSet<Uuid>,
    /// The committed offset of the group by partition.
    pub committed: [i64; PARTITIONS],
    /// The ids of the group's members.
    pub members: BTreeSet<u64>,
    /// The ids of the members that have joined the rebalance under way.
    joined: BTreeSet<u64>,
    /// True while a rebalance is under way.
    pub rebalances: bool,
    /// The id of each partition's owner.
    pub owners: BTreeMap<usize, u64>,
    /// The number of assignments so far.
    pub assignment: u64,
    /// The number of members started so far, and the newest member's id.
    pub born: u64,
}

/// Returns the partition of a row's tenant.
pub fn partition_of(row: &OutboxRow) -> usize {
    usize::from(row.tenant.as_str().bytes().last().unwrap_or(0)) % PARTITIONS
}

fn record_of(row: &OutboxRow, partition: usize, offset: usize) -> Record {
    let headers = EventHeaders::of(row, "simulator", None);
    Record {
        topic: "route-events".into(),
        partition: i32::try_from(partition).unwrap(),
        offset: i64::try_from(offset).unwrap(),
        key: Some(row.tenant.as_str().as_bytes().to_vec()),
        value: Some(row.payload.clone().into_bytes()),
        headers: headers
            .pairs()
            .map(|(key, value)| (key.to_owned(), Some(value.into())))
            .collect(),
    }
}

impl Broker {
    /// Appends a row. Returns true if its event was not in the log yet.
    pub fn append(&mut self, row: &OutboxRow) -> bool {
        let partition = partition_of(row);
        let record = record_of(row, partition, self.logs[partition].len());
        let recorded = revisions::recorded(&row.ce_type, row.payload.as_bytes())
            .expect("what was published is an event");
        self.logs[partition].push(Entry { record, recorded });
        self.has.insert(row.event_id)
    }

    /// Begins a rebalance: all partitions are assigned anew.
    pub fn begin_rebalance(&mut self) {
        self.rebalances = true;
        self.joined.clear();
    }

    /// Records that a member has given up its partitions. Returns true if no other member is
    /// awaited.
    pub fn join(&mut self, member: u64) -> bool {
        self.joined.insert(member);
        self.joined.is_superset(&self.members)
    }

    /// Returns true if a member has given up its partitions.
    pub fn has_joined(&self, member: u64) -> bool {
        self.joined.contains(&member)
    }

    /// Assigns the partitions to the members that have joined. The others leave the group.
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
