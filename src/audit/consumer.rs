//! The audit consumer: Kafka → archive. An offset is stored only after the archive, or the
//! dead-letter topic, has the record.
//!
//! [`Consumer::handle`] is one step: it takes a batch of records, and archives or dead-letters each
//! of them. The loop around it keeps the group's membership alive while the archive is unavailable
//! (partitions paused, still polling), drops the results of partitions that a rebalance has moved
//! to another member, and restarts the consumer when it is stuck.

mod attempts;
mod lag;
mod status;
mod steps;
mod trace;

use std::{
    collections::{HashMap, VecDeque},
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use parking_lot::Mutex;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    consumer::{
        BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer,
    },
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio_util::sync::CancellationToken;

pub use self::status::{ConsumerReport, ConsumerStatus};
use self::{
    attempts::{Attempts, Begun},
    lag::measure_lag,
    steps::Steps,
};
use super::{
    archive::{
        Archive, ArchiveError,
        stored::{Fate, Stored},
    },
    batch::Batch,
    dead_letters::{DeadLetterProducer, NewDeadLetter},
    document::{self, Archivable},
};
use crate::{
    config::{self, ConfigError, Settings},
    kafka::{self, Progress, Record},
    resilience::{CallError, Dependency, pauses},
    telemetry::names,
};

/// The result of a batch, in numbers of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handled {
    /// Records that were inserted into the archive.
    pub inserted: usize,
    /// Records that the archive had already, with the same hash.
    pub duplicates: usize,
    /// Records that were sent to the dead-letter topic.
    pub dead_lettered: usize,
}

/// The reason why a batch could not be handled now. Handling it again is harmless.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The archive is not available.
    #[error("the archive is not available")]
    Archive(#[from] CallError<ArchiveError>),
    /// The dead-letter topic does not accept a record.
    #[error("the dead-letter topic is not available")]
    DeadLetter(#[source] KafkaError),
    /// Handling a record panicked: a defect of this program, triggered by some record.
    #[error("handling a record panicked")]
    Panic,
}

impl HandleError {
    /// Returns whether the archive timed out, so that the next step should be smaller.
    fn is_too_long(&self) -> bool {
        matches!(
            self,
            Self::Archive(CallError::Timeout(..) | CallError::Failed(ArchiveError::Timeout(_)))
        )
    }
}

/// Counts assignments: the result of an earlier generation is no longer ours to store.
struct Rebalances {
    generation: Arc<AtomicU64>,
    /// Whether the group has assigned partitions to this member, possibly none.
    has_joined: Arc<AtomicBool>,
}

impl ClientContext for Rebalances {}

impl ConsumerContext for Rebalances {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            tracing::info!(
                kafka.partitions = partitions.count(),
                "partitions are being revoked"
            );
            // Commits the offsets of archived records while the partitions are still ours; it is no
            // error if none are stored.
            let _ = consumer.commit_consumer_state(CommitMode::Sync);
        }
        self.has_joined
            .store(matches!(rebalance, Rebalance::Assign(_)), Ordering::SeqCst);
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

type Stream = StreamConsumer<Rebalances>;

/// The reason why consuming ended.
enum Ended {
    Stopped,
    Restart(&'static str),
}

/// The settings that the audit consumer uses.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    audit: config::Audit,
    kafka: config::Kafka,
    /// The longest time that each step may take at the end: the running attempt half of it, the
    /// leave of the group, and the flush of the dead letters.
    last_step: Duration,
}

impl From<&Settings> for ConsumerSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            audit: settings.audit.clone(),
            kafka: settings.kafka.clone(),
            last_step: settings.drain.step,
        }
    }
}

/// One subscription of the consumer, from its start to its end.
struct Subscription<'a> {
    consumer: &'a Arc<Stream>,
    generation: &'a AtomicU64,
    attempts: Attempts,
    /// Records that were read while a batch waited for the archive, each with the generation in
    /// which it was read.
    pending: VecDeque<(u64, Record)>,
    stop: &'a CancellationToken,
}

/// The audit consumer of one process.
pub struct Consumer {
    settings: ConsumerSettings,
    archive: Archive,
    policy: Arc<Dependency>,
    dead_letters: DeadLetterProducer,
    status: Arc<ConsumerStatus>,
    steps: Steps,
}

impl Consumer {
    /// Creates a consumer that archives under the policy `policy`.
    pub fn new(
        settings: ConsumerSettings,
        archive: Archive,
        policy: Arc<Dependency>,
        status: Arc<ConsumerStatus>,
    ) -> Result<Self, ConfigError> {
        let dead_letters = DeadLetterProducer::new(&settings.kafka)?;
        let steps = Steps::new(settings.audit.batch);
        Ok(Self {
            settings,
            archive,
            policy,
            dead_letters,
            status,
            steps,
        })
    }

    /// Consumes until `stop`, then finishes the step, commits and leaves the group.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ConfigError> {
        while !stop.is_cancelled() {
            let generation = Arc::new(AtomicU64::new(0));
            let has_joined = Arc::new(AtomicBool::new(false));
            let rebalances = Rebalances {
                generation: generation.clone(),
                has_joined: has_joined.clone(),
            };
            let consumer = Arc::new(kafka::audit_consumer(&self.settings.kafka, rebalances)?);
            let ended = match consumer.subscribe(&[&self.settings.kafka.topic]) {
                Ok(()) => {
                    self.consume(&consumer, &generation, &has_joined, &stop)
                        .await
                }
                Err(error) => {
                    self.report_error(&error);
                    Ended::Restart("subscribe")
                }
            };
            leave(consumer, self.settings.last_step).await;
            if let Ended::Restart(reason) = ended {
                tracing::warn!(reason, "the audit consumer is recreated");
                metrics::counter!(names::AUDIT_RESTARTS, "reason" => reason).increment(1);
                self.status.restarts.fetch_add(1, Ordering::Relaxed);
                stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(500)))
                    .await;
            }
        }
        self.dead_letters.flush(self.settings.last_step).await;
        Ok(())
    }

    async fn consume(
        &self,
        consumer: &Arc<Stream>,
        generation: &AtomicU64,
        has_joined: &AtomicBool,
        stop: &CancellationToken,
    ) -> Ended {
        let done: Arc<Mutex<HashMap<i32, i64>>> = Arc::default();
        let measuring = CancellationToken::new();
        let _measured = measuring.clone().drop_guard();
        tokio::spawn(measuring.run_until_cancelled_owned(measure_lag(
            Arc::downgrade(consumer),
            self.settings.kafka.topic.clone(),
            done.clone(),
            self.status.clone(),
        )));
        // The measured lag belongs to the consumer before this one.
        self.status.forget();
        let mut progress = Progress::new();
        let mut subscription = Subscription {
            consumer,
            generation,
            attempts: Attempts::new(
                &self.settings.kafka.topic,
                self.settings.audit.max_attempts,
                self.settings.audit.batch,
            ),
            pending: VecDeque::new(),
            stop,
        };
        loop {
            let batch = match stop
                .run_until_cancelled(self.collect(&mut subscription))
                .await
            {
                None => return Ended::Stopped,
                Some(Err(reason)) => return Ended::Restart(reason),
                Some(Ok(batch)) => batch,
            };
            if batch.records().is_empty() {
                // A failure to join the group, or an unknown lag, counts as work that makes no
                // progress.
                let has_joined = has_joined.load(Ordering::SeqCst);
                if has_joined && self.status.has_nothing_to_read() {
                    progress.moves();
                } else {
                    progress.waits(has_joined, Instant::now());
                }
                if progress.is_stalled(Instant::now(), self.patience(has_joined)) {
                    return Ended::Restart("stuck");
                }
                continue;
            }
            self.status.reads(batch.records());
            for piece in subscription
                .attempts
                .pieces(consumer, batch.generation(), batch.records())
                .await
            {
                // The rest belongs to the next owner, as do the marks of its offsets. If this
                // consumer is the next owner, it reads the records again.
                if batch.generation() != generation.load(Ordering::SeqCst) {
                    break;
                }
                let begun = subscription.attempts.begin(consumer, piece).await;
                if !self
                    .archive_while_polling(&mut subscription, piece, begun)
                    .await
                {
                    return Ended::Stopped;
                }
                progress.moves();
                // After a revocation the offsets belong to the next owner: storing ours would move
                // them back.
                if let Some(next) = batch.storable_of(piece, generation.load(Ordering::SeqCst)) {
                    self.store_offsets(consumer, next, &done);
                    subscription.attempts.end(consumer, piece).await;
                }
            }
            self.status.reads(&[]);
        }
    }

    /// Returns how long the consumer may read nothing although there are records. A group that is
    /// forming waits up to one session timeout for members that are gone, so the limit is longer
    /// before the consumer has joined.
    fn patience(&self, has_joined: bool) -> Duration {
        let stuck = self.settings.audit.stalled_after;
        if has_joined {
            stuck
        } else {
            stuck.max(2 * self.settings.kafka.session_timeout)
        }
    }

    /// Collects the next batch, all of it read in one generation: up to `audit.batch` records,
    /// without a wait of more than `audit.batch_wait_ms` for the next record. Returns an empty
    /// batch after a second without records.
    async fn collect(&self, from: &mut Subscription<'_>) -> Result<Batch, &'static str> {
        let Subscription {
            consumer,
            generation,
            pending,
            ..
        } = from;
        let mut batch = Batch::new(generation.load(Ordering::SeqCst));
        let mut wait = Duration::from_secs(1);
        while batch.records().len() < self.settings.audit.batch {
            if let Some((read_in, record)) = pending.pop_front() {
                batch.add(read_in, record);
                continue;
            }
            let received = tokio::time::timeout(wait, consumer.recv()).await;
            // Rebalances happen while polling.
            let now = generation.load(Ordering::SeqCst);
            batch.begin(now);
            match received {
                Err(_) => break,
                Ok(Ok(message)) => batch.add(now, kafka::record(&message)),
                Ok(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::PollExceeded))) => {
                    return Err("poll_exceeded");
                }
                Ok(Err(error)) => {
                    self.report_error(&error);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            wait = self.settings.audit.batch_wait;
        }
        Ok(batch)
    }

    /// Handles a batch, however long the archive stays unavailable, and keeps polling meanwhile, so
    /// that the group does not consider this member dead. Returns false if stopped first.
    async fn archive_while_polling(
        &self,
        polled: &mut Subscription<'_>,
        batch: &[Record],
        begun: Begun,
    ) -> bool {
        let Subscription {
            consumer,
            generation,
            attempts,
            pending,
            stop,
        } = polled;
        let (marked, deaths) = match begun {
            Begun::Handle(marked) => (marked, 0),
            Begun::Park(deaths) => (None, deaths),
        };
        let mut handled = pin!(self.handle_until_done(batch, deaths, stop));
        let quick = tokio::time::timeout(self.settings.audit.attempt, &mut handled).await;
        // Stopped or still waiting: if the process ends from now on, these records are not the
        // cause.
        if quick != Ok(true)
            && let Some(marked) = marked
        {
            attempts.release(consumer, marked).await;
        }
        if let Ok(done) = quick {
            return done;
        }
        self.status.waits_for_archive.store(true, Ordering::Relaxed);
        pause(consumer);
        let done = loop {
            tokio::select! {
                done = &mut handled => break done,
                received = consumer.recv() => match received {
                    Ok(message) => {
                        pending.push_back((generation.load(Ordering::SeqCst), kafka::record(&message)));
                        // A rebalance may have assigned partitions that are not paused yet.
                        pause(consumer);
                    }
                    Err(error) => {
                        self.report_error(&error);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        };
        resume(consumer);
        self.status
            .waits_for_archive
            .store(false, Ordering::Relaxed);
        done
    }

    /// Handles a batch in as many steps as needed, and returns true when all is done. At a stop the
    /// running attempt has half of `drain.step_ms` to end; its offsets are then committed. After a
    /// panic the records are handled one at a time. A record that has panicked, or ended the
    /// process, `audit.max_attempts` times is dead-lettered.
    async fn handle_until_done(
        &self,
        batch: &[Record],
        mut attempts: u32,
        stop: &CancellationToken,
    ) -> bool {
        let mut waits = pauses();
        let too_late = async {
            stop.cancelled().await;
            tokio::time::sleep(self.settings.last_step / 2).await;
        };
        let mut too_late = pin!(too_late);
        let mut left = batch;
        while !left.is_empty() {
            let (step, after) = left.split_at(self.steps.size().min(left.len()));
            let attempt = async {
                match step {
                    [poison] if attempts >= self.settings.audit.max_attempts => {
                        self.park(poison, attempts).await
                    }
                    step => self.handle(step).await.map(drop),
                }
            };
            let result = tokio::select! {
                result = AssertUnwindSafe(attempt).catch_unwind() => result.unwrap_or(Err(HandleError::Panic)),
                () = &mut too_late => return false,
            };
            let Err(error) = result else {
                self.steps.done();
                (left, attempts, waits) = (after, 0, pauses());
                continue;
            };
            self.report_error(&error);
            if error.is_too_long() {
                self.steps.too_long();
            }
            if let HandleError::Panic = error {
                metrics::counter!(names::PANICS, "part" => "audit").increment(1);
                if step.len() > 1 {
                    for record in step {
                        if !Box::pin(self.handle_until_done(std::slice::from_ref(record), 0, stop))
                            .await
                        {
                            return false;
                        }
                    }
                    left = after;
                    continue;
                }
                attempts += 1;
            }
            let wait = waits.next().unwrap_or(Duration::from_secs(2));
            if stop
                .run_until_cancelled(tokio::time::sleep(wait))
                .await
                .is_none()
            {
                return false;
            }
        }
        self.status.failed(None);
        true
    }

    /// Runs one step: archives every record that can be archived, then dead-letters the rest. On
    /// success each record is in the archive or in the dead-letter topic. Dead letters come last,
    /// so that a step that is repeated while the archive is unavailable does not send them each
    /// time.
    pub async fn handle(&self, batch: &[Record]) -> Result<Handled, HandleError> {
        let _spans: Vec<_> = batch.iter().filter_map(trace::span).collect();
        let now = Timestamp::now().into();
        let mut handled = Handled::default();
        let mut dead_letters = Vec::new();
        let mut readable: Vec<(&Record, Archivable)> = Vec::with_capacity(batch.len());
        for record in batch {
            match document::read(record, now) {
                Ok(archivable) => readable.push((record, archivable)),
                Err(reason) => dead_letters.push(NewDeadLetter {
                    record,
                    reason: reason.to_string(),
                    attempts: 1,
                }),
            }
        }
        let mut attempt = 1;
        while !readable.is_empty() {
            let (records, events): (Vec<&Record>, Vec<Archivable>) =
                std::mem::take(&mut readable).into_iter().unzip();
            let started = Instant::now();
            let stored = self
                .policy
                .call(|_| true, self.archive.insert(&events))
                .await?;
            metrics::histogram!(names::ARCHIVE_SECONDS).record(started.elapsed().as_secs_f64());
            for ((record, event), stored) in records.into_iter().zip(events).zip(stored) {
                match stored.fate(attempt, self.settings.audit.max_attempts) {
                    Fate::Inserted => {
                        handled.inserted += 1;
                        if !record.is_repeated() {
                            let delay =
                                Timestamp::now().duration_since(event.occurred_at.timestamp());
                            metrics::histogram!(names::ARCHIVE_DELAY_SECONDS)
                                .record(delay.as_secs_f64().max(0.0));
                        }
                    }
                    Fate::Duplicate => handled.duplicates += 1,
                    Fate::DeadLetter(reason) => {
                        let cause = if let Stored::Refused(cause) = &stored {
                            cause
                        } else {
                            "the archive has another event at this revision"
                        };
                        tracing::error!(
                            event.id = event.id,
                            reason,
                            cause,
                            "the archive refuses an event; it is dead-lettered"
                        );
                        dead_letters.push(NewDeadLetter {
                            record,
                            reason: reason.to_owned(),
                            attempts: attempt,
                        });
                    }
                    Fate::Again => readable.push((record, event)),
                }
            }
            attempt += 1;
        }
        self.count(handled);
        self.dead_letters
            .send(&dead_letters)
            .await
            .map_err(HandleError::DeadLetter)?;
        handled.dead_lettered = dead_letters.len();
        self.status
            .dead_letters
            .fetch_add(dead_letters.len() as u64, Ordering::Relaxed);
        Ok(handled)
    }

    /// Dead-letters a record as `poison` after `attempts` attempts that panicked or ended the
    /// process.
    async fn park(&self, record: &Record, attempts: u32) -> Result<(), HandleError> {
        let dead_letter = NewDeadLetter {
            record,
            reason: "poison".to_owned(),
            attempts,
        };
        self.dead_letters
            .send(&[dead_letter])
            .await
            .map_err(HandleError::DeadLetter)?;
        self.status.dead_letters.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn count(&self, handled: Handled) {
        let Handled {
            inserted,
            duplicates,
            dead_lettered: _,
        } = handled;
        metrics::counter!(names::ARCHIVED, "result" => "inserted").increment(inserted as u64);
        metrics::counter!(names::ARCHIVED, "result" => "duplicate").increment(duplicates as u64);
        self.status
            .archived
            .fetch_add((inserted + duplicates) as u64, Ordering::Relaxed);
    }

    fn store_offsets(
        &self,
        consumer: &Stream,
        next: HashMap<i32, i64>,
        done: &Mutex<HashMap<i32, i64>>,
    ) {
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in &next {
            if let Err(error) = offsets.add_partition_offset(
                &self.settings.kafka.topic,
                *partition,
                Offset::Offset(*offset),
            ) {
                self.report_error(&error);
            }
        }
        if let Err(error) = consumer.store_offsets(&offsets) {
            self.report_error(&error);
        }
        done.lock().extend(next);
    }

    fn report_error(&self, error: &dyn std::error::Error) {
        let text = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        tracing::warn!(error = text, "an audit step failed; it will be retried");
        self.status.failed(Some(text));
    }
}

fn pause(consumer: &Stream) {
    if let Ok(assignment) = consumer.assignment()
        && let Err(error) = consumer.pause(&assignment)
    {
        tracing::warn!(error = %error, "partitions could not be paused");
    }
}

fn resume(consumer: &Stream) {
    if let Ok(assignment) = consumer.assignment()
        && let Err(error) = consumer.resume(&assignment)
    {
        tracing::warn!(error = %error, "partitions could not be resumed");
    }
}

/// Commits the stored offsets and leaves the group, so that its partitions move at once. Both calls
/// block, so they run on another thread.
async fn leave(consumer: Arc<Stream>, limit: Duration) {
    let left = tokio::task::spawn_blocking(move || {
        let _ = consumer.commit_consumer_state(CommitMode::Sync);
        consumer.unsubscribe();
        kafka::release(consumer);
    });
    if tokio::time::timeout(limit, left).await.is_err() {
        tracing::warn!(
            "the consumer could not leave its group in time; its session timeout ends its membership"
        );
    }
}
