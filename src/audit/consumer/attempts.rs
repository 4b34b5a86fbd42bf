//! Counts crashes that a record may have caused, over restarts.
//!
//! A record that kills the consumer each time is dead-lettered in the end.
//!
//! Before the first batch after an assignment begins, the consumer commits the offset at its start
//! again, with a mark: the number of times that a process has died at this offset. The mark is
//! removed when the batch is done, or as soon as the batch has run for `audit.attempt_ms`: a
//! process that is killed while it waits for an unavailable archive did not die of a record. After
//! `audit.max_attempts` deaths the records from this offset on are handled one at a time, each with
//! its own mark. A record with this many deaths of its own is dead-lettered as `poison`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _},
    error::KafkaError,
};

use super::Stream;
use crate::kafka::{self, Record};

/// The mark in the metadata of a committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Mark {
    /// The number of attempts that began at this offset and are not known to have ended.
    deaths: u32,
    /// The number of records from this offset on that are handled one at a time.
    alone: u32,
}

impl Mark {
    fn write(self) -> String {
        if self == Self::default() {
            String::new()
        } else {
            format!("deaths={} alone={}", self.deaths, self.alone)
        }
    }

    /// Parses a mark. Any other metadata counts as no deaths.
    fn read(metadata: &str) -> Self {
        let parsed = || {
            let (deaths, alone) = metadata.strip_prefix("deaths=")?.split_once(" alone=")?;
            Some(Self {
                deaths: deaths.parse().ok()?,
                alone: alone.parse().ok()?,
            })
        };
        parsed().unwrap_or_default()
    }

    /// After `max` deaths, switches to one record at a time for the next `batch` records.
    fn narrowed(self, max: u32, batch: u32) -> Self {
        if self.alone == 0 && self.deaths >= max {
            Self {
                deaths: 0,
                alone: batch,
            }
        } else {
            self
        }
    }
}

/// The way to handle a part of a batch.
#[derive(Debug)]
pub(super) enum Begun {
    /// The records are handled. Holds their marks, if they have any.
    Handle(Option<Marked>),
    /// The part is a single record with too many deaths: it is dead-lettered. Holds the number of
    /// deaths.
    Park(u32),
}

/// The marks of a part that is being handled.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    /// Partition, offset and mark as they were before the part began.
    before: Vec<(i32, i64, Mark)>,
}

/// The marks of the assigned partitions.
pub(super) struct Attempts {
    topic: String,
    max: u32,
    batch: u32,
    generation: u64,
    /// The mark of each partition; `None` once the partition is past its first batch.
    marks: HashMap<i32, Option<Mark>>,
}

impl Attempts {
    /// Creates the marks for `topic`. After `max` deaths, `batch` records are handled one at a
    /// time.
    pub fn new(topic: &str, max: u32, batch: usize) -> Self {
        let batch = u32::try_from(batch).unwrap_or(u32::MAX);
        Self {
            topic: topic.to_owned(),
            max,
            batch,
            generation: u64::MAX,
            marks: HashMap::new(),
        }
    }

    /// Looks up the marks of partitions that were assigned since the last batch, and splits the
    /// batch into the parts that are handled together.
    pub async fn pieces<'a>(
        &mut self,
        consumer: &Arc<Stream>,
        generation: u64,
        batch: &'a [Record],
    ) -> Vec<&'a [Record]> {
        if self.generation != generation {
            (self.generation, self.marks) = (generation, HashMap::new());
        }
        let new: Vec<i32> = firsts(batch)
            .keys()
            .copied()
            .filter(|partition| !self.marks.contains_key(partition))
            .collect();
        if !new.is_empty() {
            let found = self.committed(consumer, &new).await.unwrap_or_else(|error| {
                tracing::warn!(error = %error, "the number of earlier attempts of the records is unknown");
                HashMap::new()
            });
            for partition in new {
                let mark = found
                    .get(&partition)
                    .copied()
                    .unwrap_or_default()
                    .narrowed(self.max, self.batch);
                self.marks.insert(partition, Some(mark));
            }
        }
        let is_alone = |record: &Record| {
            self.mark(record.partition)
                .is_some_and(|mark| mark.alone > 0)
        };
        if batch.iter().any(is_alone) {
            batch.chunks(1).collect()
        } else {
            vec![batch]
        }
    }

    fn mark(&self, partition: i32) -> Option<Mark> {
        self.marks.get(&partition).copied().flatten()
    }

    /// Marks a part as begun.
    pub async fn begin(&self, consumer: &Arc<Stream>, piece: &[Record]) -> Begun {
        let marked = firsts(piece)
            .into_iter()
            .filter_map(|(partition, offset)| Some((partition, offset, self.mark(partition)?)));
        let before: Vec<_> = marked.collect();
        if let [(_, _, mark)] = before[..]
            && mark.alone > 0
            && mark.deaths >= self.max
        {
            return Begun::Park(mark.deaths);
        }
        if before.is_empty() {
            return Begun::Handle(None);
        }
        let begun = before.iter().map(|(partition, offset, mark)| {
            (
                *partition,
                *offset,
                Mark {
                    deaths: mark.deaths + 1,
                    ..*mark
                },
            )
        });
        self.commit(consumer, begun.collect()).await;
        Begun::Handle(Some(Marked { before }))
    }

    /// Restores the marks of a part: a process that ends from now on does not count as a death of
    /// these records.
    pub async fn release(&self, consumer: &Arc<Stream>, marked: Marked) {
        self.commit(consumer, marked.before).await;
    }

    /// Commits the offsets of a part that is done, with the marks of the records that come next.
    /// Its offsets are stored already.
    pub async fn end(&mut self, consumer: &Arc<Stream>, piece: &[Record]) {
        let mut next = Vec::new();
        for (partition, offset) in lasts(piece) {
            let Some(mark) = self.mark(partition) else {
                continue;
            };
            let alone = mark.alone.saturating_sub(1);
            let mark = Mark { deaths: 0, alone };
            self.marks
                .insert(partition, Some(mark).filter(|mark| mark.alone > 0));
            next.push((partition, offset + 1, mark));
        }
        if !next.is_empty() {
            self.commit(consumer, next).await;
        }
    }

    async fn committed(
        &self,
        consumer: &Arc<Stream>,
        partitions: &[i32],
    ) -> Result<HashMap<i32, Mark>, KafkaError> {
        let mut asked = TopicPartitionList::new();
        for partition in partitions {
            asked.add_partition(&self.topic, *partition);
        }
        let consumer = consumer.clone();
        let answer = tokio::task::spawn_blocking(move || {
            consumer.committed_offsets(asked, kafka::question_timeout())
        })
        .await;
        let committed = answer.unwrap_or(Err(KafkaError::Canceled))?;
        Ok(committed
            .elements()
            .iter()
            .map(|element| (element.partition(), Mark::read(element.metadata())))
            .collect())
    }

    /// Commits offsets with their marks. A failure is only logged: the consumer works without marks
    /// too.
    async fn commit(&self, consumer: &Arc<Stream>, offsets: Vec<(i32, i64, Mark)>) {
        let mut list = TopicPartitionList::new();
        for (partition, offset, mark) in offsets {
            let mut element = list.add_partition(&self.topic, partition);
            if element.set_offset(Offset::Offset(offset)).is_ok() {
                element.set_metadata(mark.write());
            }
        }
        let consumer = consumer.clone();
        let committing =
            tokio::task::spawn_blocking(move || consumer.commit(&list, CommitMode::Sync));
        match tokio::time::timeout(kafka::question_timeout(), committing).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                tracing::debug!(error = %error, "an attempt mark could not be committed")
            }
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("an attempt mark could not be committed in time")
            }
        }
    }
}

/// Returns the first offset of each partition.
fn firsts(records: &[Record]) -> BTreeMap<i32, i64> {
    let mut firsts = BTreeMap::new();
    for record in records {
        firsts.entry(record.partition).or_insert(record.offset);
    }
    firsts
}

/// Returns the last offset of each partition.
fn lasts(records: &[Record]) -> BTreeMap<i32, i64> {
    records
        .iter()
        .map(|record| (record.partition, record.offset))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_round_trips_and_other_text_reads_as_no_mark() {
        for mark in [
            Mark {
                deaths: 3,
                alone: 0,
            },
            Mark {
                deaths: 0,
                alone: 500,
            },
            Mark {
                deaths: 5,
                alone: 1,
            },
        ] {
            assert_eq!(Mark::read(&mark.write()), mark);
        }
        assert_eq!(
            Mark::default().write(),
            "",
            "a mark without deaths is empty text"
        );
        for other in [
            "",
            "x",
            "deaths=1",
            "deaths=-1 alone=0",
            "deaths=1 alone=",
            "deaths= alone=1",
        ] {
            assert_eq!(Mark::read(other), Mark::default(), "{other}");
        }
    }

    #[test]
    fn max_deaths_switch_to_single_records_only_once() {
        let mark = |deaths, alone| Mark { deaths, alone };
        assert_eq!(mark(4, 0).narrowed(5, 100), mark(4, 0));
        assert_eq!(mark(5, 0).narrowed(5, 100), mark(0, 100));
        assert_eq!(
            mark(5, 7).narrowed(5, 100),
            mark(5, 7),
            "a record that is handled alone keeps its count"
        );
    }
}
