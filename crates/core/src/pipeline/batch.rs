//! The records that the consumer handles together, and the offsets to store afterwards: pure,
//! without I/O.
//!
//! Each assignment of partitions is a generation. Records that were read in one generation are
//! dropped in the next: their new owner reads them again, and an offset that is stored late would
//! move the group back.

use std::collections::HashMap;

use super::record::Record;

/// Records that were read in one generation, to be handled together.
#[derive(Debug, Clone)]
pub struct Batch {
    generation: u64,
    records: Vec<Record>,
}

impl Batch {
    /// Creates an empty batch.
    pub fn new(generation: u64) -> Self {
        Self {
            generation,
            records: Vec::new(),
        }
    }

    /// Sets the current generation. If it is a new one, drops the records of the old one: they
    /// belong to the next owner.
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

    /// Returns the generation in which the records were read.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the records, in the order in which they were read.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Returns the next offset of each partition, to be stored once every record is archived or
    /// dead-lettered; `None` if the generation `now` is another one.
    pub fn storable(&self, now: u64) -> Option<HashMap<i32, i64>> {
        self.storable_of(&self.records, now)
    }

    /// Returns the next offsets for a part of the batch, as [`Batch::storable`] does for all of it.
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
