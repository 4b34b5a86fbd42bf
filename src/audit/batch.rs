//! What the consumer has in its hands, and which offsets that makes: pure.
//!
//! Each assignment of partitions is a generation. What was read in one is nobody's business in the next: its new owner reads it again, and
//! an offset stored late would move the group back.

use std::collections::HashMap;

use crate::kafka::Record;

/// Records that were read in one generation, to be handled together.
#[derive(Debug, Clone)]
pub struct Batch {
    generation: u64,
    records: Vec<Record>,
}

impl Batch {
    /// An empty one.
    pub fn new(generation: u64) -> Self {
        Self { generation, records: Vec::new() }
    }

    /// It is this generation now: what was collected before belongs to the next owner.
    pub fn begin(&mut self, generation: u64) {
        if generation != self.generation {
            self.records.clear();
            self.generation = generation;
        }
    }

    /// Adds a record, unless it was read in another generation.
    pub fn add(&mut self, read_in: u64, record: Record) {
        if read_in == self.generation {
            self.records.push(record);
        }
    }

    /// The generation that they were read in.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The records, in the order in which they were read.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Where each partition goes on, to be stored once every record is archived or dead-lettered; `None` when it is another generation by
    /// then.
    pub fn storable(&self, now: u64) -> Option<HashMap<i32, i64>> {
        self.storable_of(&self.records, now)
    }

    /// The same of a piece of it.
    pub fn storable_of(&self, piece: &[Record], now: u64) -> Option<HashMap<i32, i64>> {
        if now != self.generation {
            return None;
        }
        let mut next: HashMap<i32, i64> = HashMap::new();
        for record in piece {
            let offset = next.entry(record.partition).or_insert(0);
            *offset = (*offset).max(record.offset + 1);
        }
        Some(next)
    }
}
