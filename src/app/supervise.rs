//! Restarts long-running tasks after a panic.
//!
//! Without a restart, a process whose relay or consumer has panicked would look healthy and do
//! nothing.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use crate::telemetry::names;

/// The pause between a panic and the restart.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs the future that `make` returns until it ends by itself. After a panic, calls `on_panic`,
/// pauses, and runs a new future from `make`, unless `stop` is cancelled.
pub async fn supervised<F: Future<Output = ()>>(
    part: &'static str,
    stop: CancellationToken,
    on_panic: impl Fn(),
    mut make: impl FnMut() -> F,
) {
    while AssertUnwindSafe(make()).catch_unwind().await.is_err() {
        tracing::error!(part, "a part of the process panicked and is restarted");
        metrics::counter!(names::PANICS, "part" => part).increment(1);
        on_panic();
        if stop
            .run_until_cancelled(tokio::time::sleep(PAUSE))
            .await
            .is_none()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn task_restarts_after_a_panic_and_not_after_a_normal_end() {
        let (begun, told) = (Cell::new(0), Cell::new(0));
        let make = || {
            begun.set(begun.get() + 1);
            async { assert!(begun.get() > 2, "a defect") }
        };
        supervised(
            "test",
            CancellationToken::new(),
            || told.set(told.get() + 1),
            make,
        )
        .await;
        assert_eq!((begun.get(), told.get()), (3, 2));
    }

    #[tokio::test]
    async fn panicked_task_does_not_restart_after_stop() {
        let stop = CancellationToken::new();
        stop.cancel();
        let begun = Cell::new(0);
        let make = || {
            begun.set(begun.get() + 1);
            async { panic!("a defect") }
        };
        supervised("test", stop, || {}, make).await;
        assert_eq!(begun.get(), 1);
    }
}
