//! Freed memory goes back to the system: after a burst of large work the C library would keep most of it for good.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::telemetry::names;

/// How much the process grows until it is worth a look: below that, what is given back is soon wanted again.
const WORTH_IT: u64 = 32 * 1024 * 1024;

/// Looks after which it is given back in any case: what was freed from what is held for long shows in no growth.
const AT_LEAST: u64 = 6;

/// What the process held when freed memory was last given back, and how many looks there were.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: AtomicU64,
    looks: AtomicU64,
}

impl Kept {
    /// Gives freed memory back if the process has grown since the last time, or that is long ago. Takes locks of the allocator for milliseconds, one heap at a time, and
    /// so runs on a thread that serves nobody.
    pub(super) async fn give_back(self: Arc<Self>) {
        let done = tokio::task::spawn_blocking(move || {
            let Some(now) = heap::resident_bytes() else { return };
            let mut left = now;
            let is_due = self.looks.fetch_add(1, Ordering::Relaxed) % AT_LEAST == AT_LEAST - 1;
            if is_due || now > self.bytes.load(Ordering::Relaxed) + WORTH_IT {
                heap::give_back();
                left = heap::resident_bytes().unwrap_or(now);
                self.bytes.store(left, Ordering::Relaxed);
            }
            metrics::gauge!(names::RESIDENT_BYTES).set(left as f64);
        });
        // A process that ends has nothing to give back.
        let _ = done.await;
    }
}
