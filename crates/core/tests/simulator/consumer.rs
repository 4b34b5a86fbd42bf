//! The audit consumer: `pipeline::batch`, `pipeline::document` and `pipeline::stored` between a log
//! that is read again after every rebalance and an archive that answers late, in part, or not.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use traffic_manager_core::pipeline::{
    batch::Batch,
    document::{self, Archivable},
    record::Record,
    stored::{Bulk, Fate},
};

use crate::{
    broker::PARTITIONS,
    world::{Event, Process, World},
};

/// The number of records in a batch.
const BATCH: usize = 4;
/// The number of attempts at an event that the archive refuses.
const ATTEMPTS: u32 = 2;
/// An error code that is not about the document: the primary steps down.
const CANNOT_STORE: i32 = 189;
/// An error code that is about the document: the validator refuses it.
const REFUSED: i32 = 121;
/// The microseconds that the group waits for members to join, and before it drops a killed member.
const SESSION: u64 = 60_000;

/// The state of one member of the group.
#[derive(Debug, Default)]
pub struct Member {
    /// The member's id, new with each start.
    id: u64,
    /// The generation, counted as in the consumer's context: with each revocation and each
    /// assignment.
    generation: u64,
    /// The number of the member's assignment, if it has one.
    assignment: Option<u64>,
    positions: BTreeMap<usize, usize>,
    stored: BTreeMap<usize, i64>,
    collects: Option<Batch>,
    /// True if the last poll returned no record.
    is_idle: bool,
    handles: Option<Handling>,
    pending: VecDeque<(u64, Record)>,
}

/// A batch in the hands of a member.
#[derive(Debug)]
struct Handling {
    batch: Batch,
    attempt: u32,
    readable: Vec<Archivable>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Reading,
    Inserting,
    /// The errors of the bulk.
    Asking(Vec<(usize, i32, String)>),
    Done,
}

impl World {
    /// Starts a member, and with it a rebalance.
    pub fn start_member(&mut self, at: usize) {
        self.broker.born += 1;
        let id = self.broker.born;
        self.members[at] = Member {
            id,
            ..Member::default()
        };
        self.broker.members.insert(id);
        self.rebalance();
        self.own(Process::Member(at), Event::Poll(at));
        self.own(Process::Member(at), Event::Commit(at));
    }

    fn rebalance(&mut self) {
        self.broker.begin_rebalance();
        self.meet("rebalance");
        let assignment = self.broker.assignment;
        self.after(SESSION, Event::Assign(assignment));
    }

    /// Kills a member. The group notices after `SESSION`.
    pub fn kill_member(&mut self, at: usize) {
        let dead = std::mem::take(&mut self.members[at]);
        self.after(SESSION, Event::Evicted(dead.id));
    }

    /// Removes a silent member from the group, and begins a rebalance.
    pub fn evicted(&mut self, id: u64) {
        if self.broker.members.remove(&id) {
            self.rebalance();
        }
    }

    /// Ends a rebalance without the members that have not joined.
    pub fn assign(&mut self, assignment: u64) {
        if self.broker.rebalances && self.broker.assignment == assignment {
            self.broker.assign();
        }
    }

    /// Lets a member poll, also while it handles a batch: the member learns of rebalances, and gets
    /// a record.
    pub fn poll(&mut self, at: usize) {
        let is_silent = self.chance(300);
        let wait = if is_silent {
            self.meet("member silent");
            self.rng.u64(SESSION / 2..SESSION * 3)
        } else if self.members[at].handles.is_some() {
            self.delay() * 3
        } else {
            self.delay() + if self.members[at].is_idle { 8_000 } else { 0 }
        };
        self.own_after(Process::Member(at), wait, Event::Poll(at));
        if is_silent {
            return;
        }
        if self.chance(150) {
            self.rebalance();
        }
        self.poll_rebalances(at);
        let received = self.receive(at);
        let member = &mut self.members[at];
        member.is_idle = received.is_none();
        if member.handles.is_some() {
            // Read while a batch waits: a partition that has just been assigned is not paused yet.
            member
                .pending
                .extend(received.map(|record| (member.generation, record)));
            return;
        }
        let batch = member
            .collects
            .get_or_insert_with(|| Batch::new(member.generation));
        while let Some((read_in, record)) = member.pending.pop_front() {
            batch.add(read_in, record);
        }
        batch.begin(member.generation);
        let is_all = received.is_none();
        if let Some(record) = received {
            batch.add(member.generation, record);
        }
        let collected = batch.records().len();
        if collected >= BATCH || (is_all && collected > 0) {
            let batch = member.collects.take().unwrap_or_else(|| Batch::new(0));
            member.handles = Some(Handling {
                batch,
                attempt: 1,
                readable: Vec::new(),
                stage: Stage::Reading,
            });
            self.own(Process::Member(at), Event::Handle(at));
        }
    }

    /// Applies a revocation and then, once all have joined, an assignment. Each begins a new
    /// generation.
    fn poll_rebalances(&mut self, at: usize) {
        let id = self.members[at].id;
        if !self.broker.members.contains(&id) && !self.broker.rebalances {
            // The member is out of the group, and joins it again.
            self.revoke(at);
            self.broker.members.insert(id);
            self.rebalance();
        }
        if self.broker.rebalances && !self.broker.has_joined(id) {
            self.commit_stored(at);
            self.revoke(at);
            self.broker.members.insert(id);
            if self.broker.join(id) {
                self.broker.assign();
            }
        }
        let member = &mut self.members[at];
        if !self.broker.rebalances
            && member.assignment != Some(self.broker.assignment)
            && self.broker.members.contains(&id)
        {
            member.assignment = Some(self.broker.assignment);
            member.generation += 1;
            let mine = self.broker.owners.iter().filter(|(_, owner)| **owner == id);
            member.positions = mine
                .map(|(at, _)| {
                    (
                        *at,
                        usize::try_from(self.broker.committed[*at]).unwrap_or(0),
                    )
                })
                .collect();
            member.stored.clear();
        }
    }

    fn revoke(&mut self, at: usize) {
        let member = &mut self.members[at];
        if member.handles.is_some() && member.assignment.is_some() {
            self.ran.meet("revoked in the middle");
        }
        member.generation += 1;
        member.assignment = None;
        member.positions.clear();
        member.stored.clear();
    }

    fn receive(&mut self, at: usize) -> Option<Record> {
        let partition = self.rng.usize(0..PARTITIONS);
        let member = &mut self.members[at];
        let position = member.positions.get_mut(&partition)?;
        let entry = self.broker.logs[partition].get(*position)?;
        *position += 1;
        Some(entry.record.clone())
    }

    /// Does a batch's next step.
    pub fn handle(&mut self, at: usize) {
        let Some(mut handling) = self.members[at].handles.take() else {
            return;
        };
        let stage = std::mem::replace(&mut handling.stage, Stage::Done);
        handling.stage = match stage {
            Stage::Reading => self.read_records(&mut handling),
            Stage::Inserting => self.insert(&mut handling),
            Stage::Asking(errors) => self.settle_bulk(&mut handling, errors),
            Stage::Done => {
                self.finish(at, &handling.batch);
                return;
            }
        };
        let wait = self.delay();
        self.members[at].handles = Some(handling);
        self.own_after(Process::Member(at), wait, Event::Handle(at));
    }

    fn read_records(&mut self, handling: &mut Handling) -> Stage {
        handling.attempt = 1;
        handling.readable.clear();
        for record in handling.batch.records() {
            match document::read(record, Timestamp::UNIX_EPOCH.into()) {
                Ok(archivable) => handling.readable.push(archivable),
                Err(reason) => self.broken(|| format!("a record cannot be read: {reason}")),
            }
        }
        Stage::Inserting
    }

    fn insert(&mut self, handling: &mut Handling) -> Stage {
        if handling.readable.is_empty() {
            return Stage::Done;
        }
        let (rng, faults) = (&mut self.rng, self.faults);
        // The bulk is done whole, in part or not at all, and no answer arrives.
        if faults && rng.u8(0..12) == 0 {
            let part = rng.u8(0..3);
            self.archive.bulk(&handling.readable, || {
                (part == 0 || part == 1 && rng.bool()).then_some(CANNOT_STORE)
            });
            self.meet("bulk unknown");
            return Stage::Reading;
        }
        let errors = self
            .archive
            .bulk(&handling.readable, || match rng.u8(0..40) {
                0 if faults => Some(CANNOT_STORE),
                1..4 if faults => Some(REFUSED),
                _ => None,
            });
        Stage::Asking(errors)
    }

    fn settle_bulk(&mut self, handling: &mut Handling, errors: Vec<(usize, i32, String)>) -> Stage {
        let events = std::mem::take(&mut handling.readable);
        let Ok(bulk) = Bulk::new(&events, errors) else {
            self.meet("archive cannot store");
            return Stage::Reading;
        };
        if self.chance(40) {
            self.meet("bulk unknown");
            return Stage::Reading;
        }
        let hashes = self.archive.hashes(&bulk.asks());
        let stored = bulk.settled(&hashes);
        for (event, stored) in events.iter().zip(&stored) {
            match stored.fate(handling.attempt, ATTEMPTS) {
                Fate::Inserted => {}
                Fate::Duplicate => self.meet("redelivered"),
                Fate::Again => handling.readable.push(event.clone()),
                Fate::DeadLetter("refused") => {
                    self.meet("dead letter");
                    self.letters
                        .insert(event.id.clone(), event.event.event.clone());
                }
                Fate::DeadLetter(reason) => self.broken(|| format!("{}: {reason}", event.id)),
            }
        }
        handling.attempt += 1;
        if handling.readable.is_empty() {
            Stage::Done
        } else {
            Stage::Inserting
        }
    }

    /// Stores the offsets of a batch whose events are all archived or dead letters, unless the
    /// batch belongs to an earlier generation.
    fn finish(&mut self, at: usize, batch: &Batch) {
        let member = &mut self.members[at];
        let Some(next) = batch.storable(member.generation) else {
            self.meet("result of an earlier generation");
            return;
        };
        // The client library refuses partitions that are not assigned.
        for (partition, offset) in next {
            let partition = usize::try_from(partition).unwrap_or(usize::MAX);
            if member.positions.contains_key(&partition) {
                member.stored.insert(partition, offset);
            }
        }
    }

    /// Lets a member commit its stored offsets now and then.
    pub fn commit_offsets(&mut self, at: usize) {
        self.commit_stored(at);
        let wait = self.delay() * 4;
        self.own_after(Process::Member(at), wait, Event::Commit(at));
    }

    /// Commits the stored offsets. The broker takes an offset from the partition's owner only.
    fn commit_stored(&mut self, at: usize) {
        let stored = self.members[at].stored.clone();
        let id = self.members[at].id;
        for (partition, offset) in stored {
            if self.broker.owners.get(&partition) != Some(&id) {
                continue;
            }
            let before = self.broker.committed[partition];
            self.must(offset >= before, || {
                format!("the offset of partition {partition} goes back from {before} to {offset}")
            });
            self.broker.committed[partition] = offset;
            for at in before.max(0)..offset {
                let entry = &self.broker.logs[partition][usize::try_from(at).unwrap_or(0)];
                let id = entry.recorded.event.body.id.to_string();
                let is_kept =
                    self.archive.documents.contains_key(&id) || self.letters.contains_key(&id);
                self.must(is_kept, || format!("offset {offset} of partition {partition} is committed, and {at} is not archived"));
            }
        }
    }
}
