//! T7: a client that names a revision never sees an older one, however far behind the replica is.
//!
//! The replica's replay is stopped while two instances serve and a third is killed and restarted.
//! `backwards.rs` does the same with long-polls, clients of many sorts, and no Kafka.

use std::marker::PhantomData;

use serde_json::json;

use crate::{
    harness::{Expected, Run, Size, Target},
    parts::{self, Alone},
    processes::Process,
    support::database::{connect, variable},
};

/// A guard that stops the replica's replay until it is dropped, so that a failing test does not
/// leave the replay stopped. Only a test that holds the parts alone has one.
pub struct Paused<'alone>(PhantomData<&'alone Alone>);

const RESUME: &str = "select pg_wal_replay_resume()";

impl<'alone> Paused<'alone> {
    pub async fn begin(_alone: &'alone Alone, replica: &tokio_postgres::Client) -> Self {
        replica
            .execute("select pg_wal_replay_pause()", &[])
            .await
            .expect("the replica pauses");
        Self(PhantomData)
    }

    /// Resumes the replay, while the load goes on.
    pub async fn end(self, replica: &tokio_postgres::Client) {
        replica
            .execute(RESUME, &[])
            .await
            .expect("the replica resumes");
        std::mem::forget(self);
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        // Uses a runtime of its own: the test's runtime may be about to end.
        let resumed = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let replica = connect(&variable("PG_REPLICA_URL")).await;
                replica
                    .execute(RESUME, &[])
                    .await
                    .expect("the replica resumes");
            });
        });
        let resumed = resumed.join().is_ok();
        assert!(
            resumed || std::thread::panicking(),
            "the replica could not be resumed"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t7_stopped_replica_never_answers_below_the_minimum() {
    let alone = parts::alone().await;
    let (size, world) = (Size::new(), alone.world().await);
    let mut environment = world.environment.clone();
    // The replica is asked however far behind it is, so that only the comparison of revisions
    // protects the answers.
    environment.insert(
        "TM__POSTGRES__REPLICA_MAX_LAG_BYTES".into(),
        "1000000000".into(),
    );
    let mut instances = ["all", "serve", "serve"].map(|role| Process::start(role, &environment));
    for instance in &instances {
        instance.ready().await;
    }
    let run = Run::start(
        "T7",
        size,
        world,
        instances.iter().map(Target::of).collect(),
    )
    .await;
    run.lasts(run.size.seconds(1, 5)).await;
    let replica = connect(&variable("PG_REPLICA_URL")).await;
    let mut behind = 0;
    for _ in 0..if run.size.full { 3 } else { 2 } {
        run.breaks();
        let paused = Paused::begin(&alone, &replica).await;
        for _ in 0..2 {
            run.lasts(run.size.seconds(2, 15)).await;
            // A cold instance has nothing but the content that it reads.
            instances[2].kill_and_restart();
            instances[2].ready().await;
        }
        let sql =
            "select pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::int8";
        behind = behind.max(
            replica
                .query_one(sql, &[])
                .await
                .expect("the replica answers")
                .get::<_, i64>(0),
        );
        paused.end(&replica).await;
        run.lasts(run.size.seconds(1, 5)).await;
    }
    run.heals().await;
    run.finish(
        Expected::default(),
        json!({ "bytes_behind": behind, "cold_starts": instances[2].kills() }),
    )
    .await;
    assert!(behind > 0, "the replica was never behind");
    drop(instances);
}
