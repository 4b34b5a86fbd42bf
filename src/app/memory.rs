//! Returns freed memory to the system: after a burst of large work the C library would otherwise
//! keep most of it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::telemetry::names;

/// Growth of resident memory, in bytes, after which freed memory is returned. After less growth the
/// process would soon need the memory again.
const WORTH_IT: u64 = 32 * 1024 * 1024;

/// Memory is returned at least once in this many checks, without any growth: freed parts of memory
/// that was held for long cause no growth.
const AT_LEAST: u64 = 6;

/// Resident bytes after freed memory was last returned, and the number of checks.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: AtomicU64,
    looks: AtomicU64,
}

impl Kept {
    /// Returns freed memory to the system if the process has grown since the last time, or after
    /// [`AT_LEAST`] checks. Holds the allocator's locks for milliseconds, one heap at a time, and
    /// so runs on a thread that serves no requests.
    pub(super) async fn give_back(self: Arc<Self>) {
        let done = tokio::task::spawn_blocking(move || {
            let Some(now) = heap::resident_bytes() else {
                return;
            };
            let mut left = now;
            let is_due = self.looks.fetch_add(1, Ordering::Relaxed) % AT_LEAST == AT_LEAST - 1;
            if is_due || now > self.bytes.load(Ordering::Relaxed) + WORTH_IT {
                heap::give_back();
                left = heap::resident_bytes().unwrap_or(now);
                self.bytes.store(left, Ordering::Relaxed);
            }
            metrics::gauge!(names::RESIDENT_BYTES).set(left as f64);
        });
        // The task fails only while the process ends.
        let _ = done.await;
    }
}
