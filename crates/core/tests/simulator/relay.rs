//! The relay: `pipeline::delivered` between a queue and a log, with leaders that are killed, frozen,
//! and deposed without knowing it.

use traffic_manager_core::{
    pipeline::delivered::{self, Delivered},
    write::rows::OutboxRow,
};

use crate::{
    broker::partition_of,
    world::{Event, Process, World},
};

/// The number of rows in a batch.
const BATCH: usize = 6;

/// Records of one producer and partition that its leader has given up on, and that may still reach
/// the broker, in their order.
#[derive(Debug, Default)]
pub struct Sending {
    rows: Vec<OutboxRow>,
}

/// The state of one relay.
#[derive(Debug, Default)]
pub struct Leader {
    session: Option<u64>,
    epoch: i64,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Standby,
    Reading,
    /// The rows, and for each row that was sent whether it was acknowledged.
    Sending(Vec<OutboxRow>, Vec<bool>),
    /// The ids of the rows that may be deleted.
    Deleting(Vec<i64>),
}

impl World {
    /// Does a relay's next step.
    pub fn relay(&mut self, at: usize) {
        let me = Process::Relay(at);
        if self.chance(150) {
            return self.freeze(at);
        }
        let stage = std::mem::take(&mut self.relays[at].stage);
        let next = match stage {
            Stage::Standby => self.stand(at),
            Stage::Reading => self.read(at),
            Stage::Sending(rows, acknowledged) => self.send(rows, acknowledged),
            Stage::Deleting(ids) => self.delete(at, &ids),
        };
        let pause = matches!(next, Stage::Standby)
            || matches!(&next, Stage::Reading if self.database.outbox.is_empty());
        self.relays[at].stage = next;
        let wait = self.delay() + if pause { 12_000 } else { 0 };
        self.own_after(me, wait, Event::Relay(at));
    }

    /// Freezes a relay at its current step. Mostly the server ends its session meanwhile; sometimes
    /// the relay loses only its lock.
    fn freeze(&mut self, at: usize) {
        self.meet("relay frozen");
        let session = self.relays[at].session;
        if session.is_some() && self.database.leader == session {
            self.database.leader = None;
            if self.rng.u8(0..3) > 0 {
                self.relays[at].session = None;
            } else {
                self.meet("leader deposed without knowing it");
            }
        }
        let wait = self.rng.u64(20_000..600_000);
        self.own_after(Process::Relay(at), wait, Event::Relay(at));
    }

    /// Kills a relay. Its session ends with it.
    pub fn kill_relay(&mut self, at: usize) {
        let dead = std::mem::take(&mut self.relays[at]);
        if dead.session.is_some() && self.database.leader == dead.session {
            self.database.leader = None;
        }
        // Records that the relay had sent may be under way.
        if let Stage::Sending(rows, acknowledged) = dead.stage {
            let sent = rows[acknowledged.len()..]
                .iter()
                .filter(|row| !self.is_stopped(&rows, &acknowledged, row));
            let sent: Vec<_> = sent.cloned().collect();
            self.leave_in_flight(&sent);
        }
    }

    fn stand(&mut self, at: usize) -> Stage {
        if self.database.leader.is_some() {
            return Stage::Standby;
        }
        self.database.lease_epoch += 1;
        let epoch = self.database.lease_epoch;
        self.database.leader = Some(epoch.unsigned_abs());
        (self.relays[at].session, self.relays[at].epoch) = (self.database.leader, epoch);
        self.meet("leader elected");
        Stage::Reading
    }

    fn read(&mut self, at: usize) -> Stage {
        if self.relays[at].session.is_none() {
            return Stage::Standby;
        }
        match self.database.queue(BATCH) {
            rows if rows.is_empty() => Stage::Reading,
            rows => Stage::Sending(rows, Vec::new()),
        }
    }

    /// Sends the next row and gets its result. A gapless producer promises that no later row of a
    /// partition arrives before a failed one; otherwise there is no such promise.
    fn send(&mut self, rows: Vec<OutboxRow>, mut acknowledged: Vec<bool>) -> Stage {
        let row = &rows[acknowledged.len()];
        let is_acknowledged = if self.is_stopped(&rows, &acknowledged, row) {
            false
        } else if self.chance(40) {
            self.meet("record lost");
            if self.rng.bool() {
                let partition = partition_of(row);
                let rest: Vec<_> = rows[acknowledged.len()..]
                    .iter()
                    .filter(|row| partition_of(row) == partition)
                    .cloned()
                    .collect();
                self.leave_in_flight(if self.is_gapless { &rest } else { &rest[..1] });
            }
            false
        } else if self.chance(40) {
            self.meet("acknowledgement lost");
            self.append(&row.clone());
            false
        } else {
            self.append(&row.clone());
            true
        };
        acknowledged.push(is_acknowledged);
        if acknowledged.len() < rows.len() {
            return Stage::Sending(rows, acknowledged);
        }
        let mut delivered = Delivered::default();
        rows.iter()
            .zip(acknowledged)
            .for_each(|(row, is_acknowledged)| delivered.record(row, is_acknowledged));
        Stage::Deleting(delivered.deletable())
    }

    /// Returns true if the producer sends nothing to a row's partition any more.
    fn is_stopped(&self, rows: &[OutboxRow], acknowledged: &[bool], row: &OutboxRow) -> bool {
        let mut failed = rows
            .iter()
            .zip(acknowledged)
            .filter(|(_, is_acknowledged)| !**is_acknowledged);
        self.is_gapless && failed.any(|(other, _)| partition_of(other) == partition_of(row))
    }

    fn delete(&mut self, at: usize, ids: &[i64]) -> Stage {
        let Leader {
            session: Some(_),
            epoch,
            ..
        } = self.relays[at]
        else {
            return Stage::Standby;
        };
        let is_deposed = epoch != self.database.lease_epoch;
        let deleted = self.database.delete(ids, epoch);
        self.must(!is_deposed || deleted.is_empty(), || {
            "a deposed leader deleted from the queue".to_owned()
        });
        for row in &deleted {
            let is_there = self.broker.has.contains(&row.event_id);
            self.must(is_there, || {
                format!(
                    "{} {} left the queue, and Kafka does not have it",
                    row.tenant, row.tag
                )
            });
        }
        if self.chance(60) {
            self.meet("answer to a delete lost");
            return self.give_up_lease(at);
        }
        if delivered::is_deposed(ids.len(), deleted.len() as u64) {
            self.meet("leader found itself deposed");
            return self.give_up_lease(at);
        }
        Stage::Reading
    }

    fn give_up_lease(&mut self, at: usize) -> Stage {
        if self.database.leader == self.relays[at].session {
            self.database.leader = None;
        }
        self.relays[at].session = None;
        Stage::Standby
    }

    /// Leaves records in flight that their leader has given up on: some of them, from the first on,
    /// arrive later.
    fn leave_in_flight(&mut self, rows: &[OutboxRow]) {
        for partition in 0..crate::broker::PARTITIONS {
            let rows: Vec<_> = rows
                .iter()
                .filter(|row| partition_of(row) == partition)
                .cloned()
                .collect();
            let some = self.rng.usize(0..=rows.len());
            if some > 0 {
                self.soon(Event::Late(Sending {
                    rows: rows[..some].to_vec(),
                }));
            }
        }
    }

    /// Delivers the first of the late records.
    pub fn late(&mut self, mut sending: Sending) {
        self.meet("record late");
        let first = sending.rows.remove(0);
        self.append(&first);
        if !sending.rows.is_empty() {
            self.soon(Event::Late(sending));
        }
    }

    fn append(&mut self, row: &OutboxRow) {
        if !self.broker.append(row) {
            self.meet("record doubled");
            return;
        }
        if !self.is_gapless {
            return;
        }
        // A new event in the log must be the next event of its tenant.
        let Some(past) = self.database.past.get(&row.tenant) else {
            return;
        };
        let at = past
            .events
            .iter()
            .position(|event| event.body.id == row.event_id);
        let is_next = at.is_some_and(|at| {
            past.events[..at]
                .iter()
                .all(|event| self.broker.has.contains(&event.body.id))
        });
        self.must(is_next, || {
            format!(
                "{} {} was published before an event that comes before it",
                row.tenant, row.tag
            )
        });
    }
}
