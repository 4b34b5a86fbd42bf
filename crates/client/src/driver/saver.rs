//! The task that writes a watcher's file: the newest state, at most once in a while.

use std::time::Duration;

use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, spawn_blocking},
    time::sleep,
};

use crate::{disk::Disk, follow::saved::Saved};

/// The most failures that wait to be told.
const FAILURES: usize = 16;

/// The shortest times between two writes after a failure, in shortest times between two writes.
const AFTER_FAILURE: u32 = 10;

/// The task's handle. The task ends when it is dropped.
pub struct Saver {
    newest: watch::Sender<Option<Saved>>,
    failures: mpsc::Receiver<String>,
    task: JoinHandle<()>,
}

impl Saver {
    /// Starts the task. It writes at most once in `every`. `present` is what the file has already.
    pub fn start(disk: Disk, every: Duration, present: Option<Saved>) -> Self {
        let (newest, changes) = watch::channel(present);
        let (told, failures) = mpsc::channel(FAILURES);
        Self {
            newest,
            failures,
            task: tokio::spawn(save(disk, every, changes, told)),
        }
    }

    /// Has a state written, unless it is the one that was offered last.
    pub fn offer(&mut self, saved: Saved) {
        self.newest.send_if_modified(|newest| {
            let is_new = !newest.as_ref().is_some_and(|newest| newest.is_same(&saved));
            if is_new {
                *newest = Some(saved);
            }
            is_new
        });
    }

    /// The next failure that was not told yet.
    pub fn failure(&mut self) -> Option<String> {
        self.failures.try_recv().ok()
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn save(
    disk: Disk,
    every: Duration,
    mut changes: watch::Receiver<Option<Saved>>,
    told: mpsc::Sender<String>,
) {
    while changes.changed().await.is_ok() {
        let Some(saved) = changes.borrow_and_update().clone() else {
            continue;
        };
        let writing = disk.clone();
        let failure = match spawn_blocking(move || writing.save(&saved)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("cannot write the file: {error}")),
            Err(_) => Some("the write of the file did not end".to_owned()),
        };
        if let Some(failure) = failure {
            // If the channel is full, enough failures wait to be told.
            let _ = told.try_send(failure);
            changes.mark_changed();
            sleep(every * AFTER_FAILURE).await;
        } else {
            sleep(every).await;
        }
    }
}
