//! The lane of large commands: plans and batches of many changes, and deletions of tenants.
//!
//! A large command takes as long as hundreds of small ones. In a common lane, every command behind
//! it would wait. It also locks its tenant's row, so the tenant's small commands use this lane too
//! until it is done: in a common group they would make the whole group wait for that row. Tenants
//! take turns here, however many commands each of them has sent.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;

use super::{Lane, Waiting};
use crate::domain::{
    command::{Command, Op},
    ids::TenantName,
};

/// The number of commands in the lane, for each tenant.
type Counts = Arc<Mutex<HashMap<TenantName, usize>>>;

fn lock(counts: &Counts) -> MutexGuard<'_, HashMap<TenantName, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Decides which commands go to the lane.
pub(super) struct Large {
    /// A command with at least this many changes is large.
    from: usize,
    counts: Counts,
}

impl Large {
    pub(super) fn new(from: usize) -> Self {
        Self {
            from,
            counts: Counts::default(),
        }
    }

    /// Returns the command's place in the lane, or `None` if the command belongs in an ordinary
    /// lane.
    pub(super) fn admit(&self, command: &Command) -> Option<InLarge> {
        let mut counts = lock(&self.counts);
        if !is_large(&command.op, self.from) && !counts.contains_key(&command.tenant) {
            return None;
        }
        *counts.entry(command.tenant.clone()).or_default() += 1;
        drop(counts);
        Some(InLarge {
            counts: self.counts.clone(),
            tenant: command.tenant.clone(),
        })
    }
}

/// Returns true if a command may take as long as many small ones.
pub(super) fn is_large(op: &Op, from: usize) -> bool {
    match op {
        Op::Apply(apply) => apply.changes.len() >= from,
        Op::DeleteTenant { with_everything } => *with_everything,
        Op::StartEpoch | Op::EndTenant => true,
        Op::Upsert { .. }
        | Op::Patch { .. }
        | Op::SetActive { .. }
        | Op::Delete { .. }
        | Op::PutPolicy { .. }
        | Op::PatchPolicy { .. }
        | Op::DeletePolicy { .. }
        | Op::CreateTenant { .. }
        | Op::PatchTenant { .. } => false,
    }
}

/// Keeps a tenant in the lane until it is dropped.
pub(super) struct InLarge {
    counts: Counts,
    tenant: TenantName,
}

impl Drop for InLarge {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.tenant);
            }
        }
    }
}

/// The waiting commands of the lane: each tenant's commands in order of arrival, and the tenants in
/// turn.
#[derive(Default)]
struct Turns {
    waiting: HashMap<TenantName, VecDeque<Waiting>>,
    order: VecDeque<TenantName>,
}

impl Turns {
    fn push(&mut self, waiting: Waiting) {
        let tenant = &waiting.request.command.tenant;
        if !self.waiting.contains_key(tenant) {
            self.order.push_back(tenant.clone());
        }
        self.waiting
            .entry(tenant.clone())
            .or_default()
            .push_back(waiting);
    }

    /// Returns the next tenant's next group: one large command, or the small commands before its
    /// next large one.
    fn next(&mut self, large_from: usize, most: usize) -> Vec<Waiting> {
        let Some(tenant) = self.order.pop_front() else {
            return Vec::new();
        };
        let Some(queue) = self.waiting.get_mut(&tenant) else {
            return Vec::new();
        };
        let is_small = |waiting: &Waiting| !is_large(&waiting.request.command.op, large_from);
        let small = queue
            .iter()
            .take(most)
            .take_while(|waiting| is_small(waiting))
            .count();
        let group = queue.drain(..small.max(1).min(queue.len())).collect();
        if queue.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.order.push_back(tenant);
        }
        group
    }
}

impl Lane {
    /// Executes large commands. A command whose caller has given up is dropped at its turn. CoDel
    /// does not apply here: steps are so long that the queue would always count as standing.
    pub(super) async fn run_large(mut self, mut receiver: mpsc::Receiver<Waiting>) {
        let (from, most) = (self.settings.large_changes, self.settings.max_batch);
        let mut turns = Turns::default();
        loop {
            if turns.order.is_empty() {
                let Some(waiting) = receiver.recv().await else {
                    return;
                };
                turns.push(waiting);
            }
            while let Ok(waiting) = receiver.try_recv() {
                turns.push(waiting);
            }
            let taken: Vec<_> = turns
                .next(from, most)
                .into_iter()
                .filter_map(|waiting| waiting.taken(true))
                .collect();
            self.answer(taken).await;
        }
    }
}
