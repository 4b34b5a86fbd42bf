//! Reads a topic as it grows, in no consumer group, and begins anew when the client library makes no progress.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    Message as _, Offset,
    consumer::{Consumer as _, StreamConsumer},
    error::KafkaError,
};
use tokio_util::sync::CancellationToken;

use super::{Progress, Record, ends_of, partitions, question_timeout, record, release, room};
use crate::{config, telemetry::names};

/// Where reading begins, also when it begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TailFrom {
    /// With the first record that the topic has.
    Beginning,
    /// With the next record.
    End,
}

/// A topic that is read as it grows.
#[derive(Clone)]
pub struct Tail {
    /// The reader's name in logs and metrics.
    pub name: &'static str,
    /// The topic.
    pub topic: String,
    /// Where reading begins.
    pub from: TailFrom,
    /// The settings of Kafka.
    pub settings: config::Kafka,
}

impl Tail {
    /// Gives each record to `read`, until `stop` is cancelled, with the time at which it was written: milliseconds
    /// since the Unix epoch, by the broker's clock if the topic says so.
    pub async fn follow(&self, stop: CancellationToken, mut read: impl FnMut(&Record, u64)) {
        let mut reason = String::new();
        while !stop.is_cancelled() {
            let tail = self.clone();
            let connected = tokio::task::spawn_blocking(move || tail.connect()).await;
            match connected {
                Ok(Ok((consumer, begins))) => {
                    let (consumer, places) = (Arc::new(consumer), Places(Mutex::new(begins)));
                    let following = async {
                        tokio::select! {
                            () = self.read_all(&consumer, &places, &mut read) => {}
                            reason = self.stalls(&consumer, &places) => {
                                tracing::warn!(follower = self.name, reason, "a follower of a topic is restarted");
                                metrics::counter!(names::FOLLOWERS_RESTARTED, "follower" => self.name, "reason" => reason).increment(1);
                            }
                        }
                    };
                    stop.run_until_cancelled(following).await;
                    release(consumer);
                }
                Ok(Err(error)) => {
                    let why = error.to_string();
                    if why != reason {
                        tracing::warn!(
                            follower = self.name,
                            error = why,
                            "a follower of a topic cannot start yet"
                        );
                        reason = why;
                    }
                }
                Err(error) => {
                    tracing::warn!(follower = self.name, error = %error, "a follower of a topic failed");
                }
            }
            stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(1)))
                .await;
        }
    }

    /// Creates a consumer in no group. Also returns its start offset in each partition. Each call to Kafka blocks for
    /// at most [`question_timeout`].
    pub fn connect(&self) -> Result<(StreamConsumer, BTreeMap<i32, i64>), KafkaError> {
        let (settings, topic) = (&self.settings, self.topic.as_str());
        let consumer: StreamConsumer = super::client(settings)
            .map_err(|error| KafkaError::AdminOpCreation(error.to_string()))?
            // Required by librdkafka, never joined and never committed to.
            .set("group.id", format!("{}-{}", settings.group, self.name))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "100")
            .set(
                "fetch.message.max.bytes",
                room::wanted(settings).to_string(),
            )
            .create()?;
        let limit = question_timeout();
        let mut assigned = partitions(&consumer, topic, Offset::End, limit)?;
        if self.from == TailFrom::Beginning && assigned.count() > 1 {
            // Whoever reads its own record has to have read all before it.
            let why = format!("the topic {topic} must have one partition");
            return Err(KafkaError::AdminOpCreation(why));
        }
        let mut begins = BTreeMap::new();
        for element in assigned.elements() {
            let (first, end) = consumer.fetch_watermarks(topic, element.partition(), limit)?;
            let begin = match self.from {
                TailFrom::Beginning => first,
                TailFrom::End => end,
            };
            begins.insert(element.partition(), begin);
        }
        for (partition, begin) in &begins {
            assigned.set_partition_offset(topic, *partition, Offset::Offset(*begin))?;
        }
        consumer.assign(&assigned)?;
        Ok((consumer, begins))
    }

    async fn read_all(
        &self,
        consumer: &StreamConsumer,
        places: &Places,
        read: &mut impl FnMut(&Record, u64),
    ) {
        let mut count = 0_u32;
        loop {
            match consumer.recv().await {
                Ok(message) => {
                    count = count.wrapping_add(1);
                    if count.is_multiple_of(256) {
                        // A long topic must not keep a thread for itself.
                        tokio::task::yield_now().await;
                    }
                    let record = record(&message);
                    places.reached(record.partition, record.offset + 1);
                    let written = message.timestamp().to_millis().unwrap_or_default();
                    read(&record, u64::try_from(written).unwrap_or_default());
                }
                Err(error) => {
                    tracing::debug!(follower = self.name, error = %error, "a follower of a topic cannot read at the moment");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    /// Returns `stuck` when nothing was read for `kafka.stalled_after_ms` although there are unread
    /// records, or `unknown` when Kafka did not say where the partitions end.
    async fn stalls(&self, consumer: &Arc<StreamConsumer>, places: &Places) -> &'static str {
        let limit = self.settings.stalled_after;
        let mut progress = Progress::new();
        loop {
            tokio::time::sleep(limit / 4).await;
            let (asked, topic) = (consumer.clone(), self.topic.clone());
            let ends = tokio::task::spawn_blocking(move || {
                let ends = ends(&asked, &topic);
                release(asked);
                ends
            })
            .await;
            let (now, is_known) = (places.now(), matches!(ends, Ok(Ok(_))));
            match ends {
                Ok(Ok(ends)) if !is_behind(&now, &ends) => progress.moves(),
                _ => progress.waits(now, Instant::now()),
            }
            if progress.is_stalled(Instant::now(), limit) {
                return if is_known { "stuck" } else { "unknown" };
            }
        }
    }
}

/// The next offset to read, by partition.
struct Places(Mutex<BTreeMap<i32, i64>>);

impl Places {
    fn reached(&self, partition: i32, next: i64) {
        self.0.lock().insert(partition, next);
    }

    fn now(&self) -> BTreeMap<i32, i64> {
        self.0.lock().clone()
    }
}

fn ends(consumer: &StreamConsumer, topic: &str) -> Result<BTreeMap<i32, i64>, KafkaError> {
    ends_of(consumer, topic, &consumer.assignment()?, question_timeout())
}

/// Returns whether any partition has unread records.
fn is_behind(next: &BTreeMap<i32, i64>, ends: &BTreeMap<i32, i64>) -> bool {
    ends.iter()
        .any(|(partition, end)| next.get(partition).is_none_or(|next| next < end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follower_at_the_end_of_every_partition_is_not_behind() {
        let at = |offsets: &[(i32, i64)]| offsets.iter().copied().collect::<BTreeMap<_, _>>();
        let ends = at(&[(0, 5), (1, 0)]);
        assert!(
            !is_behind(&at(&[(0, 5), (1, 0)]), &ends) && !is_behind(&at(&[(0, 6), (1, 0)]), &ends)
        );
        assert!(is_behind(&at(&[(0, 4), (1, 0)]), &ends));
        assert!(
            is_behind(&at(&[(0, 5)]), &ends),
            "a partition without a known offset"
        );
    }
}
