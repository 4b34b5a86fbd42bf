//! The effect that a fault must have had for a run to count, and the effect that clients may have
//! felt.

use std::time::Duration;

use super::{
    Size,
    record::{Fate, Phase, Seen},
    report::Measured,
};

/// The largest share of writes that may have an unknown outcome. About a fifth of the writes are
/// sent only once; the fault may hit any of those, but not half of them.
const MOST_UNKNOWN: f64 = 0.1;

/// The drop in the share of answered attempts that counts as not felt.
const TOLERATED_DROP: f64 = 0.02;

/// The availability that clients must have had while something was broken.
#[derive(Debug, Default)]
pub enum Answered {
    /// Any availability passes.
    #[default]
    Whatever,
    /// The availability from before the fault, less `TOLERATED_DROP`. An overloaded machine refuses some
    /// requests at any time, so both phases are compared.
    AsBefore,
    /// At least these shares of the attempts were answered.
    AtLeast { writes: f64, reads: f64 },
}

/// The expectations of one test, in addition to the checks of every run.
#[derive(Debug, Default)]
pub struct Expected {
    pub answered: Answered,
    /// The least number of events that must have waited for Kafka at some time.
    pub unpublished: i64,
    /// The exact number of records in the dead-letter topic.
    pub dead_letters: usize,
}

impl Size {
    /// Returns the least number of events that wait after `time` without progress: half of the
    /// writes, because not every write makes an event and a slow machine makes fewer.
    pub fn waiting_after(&self, time: Duration) -> i64 {
        (self.writes_per_second as f64 * time.as_secs_f64() / 2.0) as i64
    }
}

impl Expected {
    /// Returns the expectations that the run did not meet, in words.
    pub fn unmet(&self, seen: &Seen, measured: &Measured) -> Vec<String> {
        let mut unmet = Vec::new();
        for (name, requests) in [
            ("writes", &seen.write_requests),
            ("reads", &seen.read_requests),
        ] {
            let [before, during] =
                [Phase::Before, Phase::During].map(|phase| requests.availability(phase));
            let least = match self.answered {
                Answered::Whatever => 0.0,
                Answered::AsBefore => before - TOLERATED_DROP,
                Answered::AtLeast { writes, .. } if name == "writes" => writes,
                Answered::AtLeast { reads, .. } => reads,
            };
            if during < least {
                unmet.push(format!(
                    "{name}: {during:.3} of the attempts were answered, at least {least:.3} should have been; {:?}",
                    seen.refusals
                ));
            }
        }
        if measured.peak_outbox < self.unpublished {
            unmet.push(format!(
                "at most {} events waited for Kafka, expected {}",
                measured.peak_outbox, self.unpublished
            ));
        }
        let unknown = seen
            .writes
            .values()
            .filter(|write| write.fate == Fate::Unknown)
            .count();
        if unknown as f64 > MOST_UNKNOWN * seen.writes.len() as f64 {
            unmet.push(format!(
                "the outcome of {unknown} of {} writes is unknown",
                seen.writes.len()
            ));
        }
        unmet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::record::{Attempt, Recorder};

    /// Records a hundred writes and a hundred reads before and during the fault. During it,
    /// `refused` of each are refused. `unknown` of the writes have an unknown outcome.
    fn ran(refused: usize, unknown: usize) -> Recorder {
        let recorder = Recorder::new();
        for phase in [Phase::Before, Phase::During] {
            for number in 0..100 {
                let is_refused = phase == Phase::During && number < refused;
                let attempt = if is_refused {
                    Attempt::Refused
                } else {
                    Attempt::Good
                };
                recorder.attempted(phase, attempt, false, Duration::from_millis(1));
                recorder.read(phase, attempt, Duration::from_millis(1));
                let fate = if number < unknown {
                    Fate::Unknown
                } else {
                    Fate::Committed { revision: 1 }
                };
                recorder.settled(
                    phase,
                    &format!("w-{number}"),
                    "t0",
                    fate,
                    Duration::from_millis(1),
                );
            }
        }
        recorder
    }

    #[test]
    fn unmet_expectations_are_reported() {
        let measured = Measured {
            peak_outbox: 10,
            ..Measured::default()
        };
        let unmet = |recorder: &Recorder, answered, unpublished| {
            Expected {
                answered,
                unpublished,
                ..Expected::default()
            }
            .unmet(&recorder.seen(), &measured)
            .len()
        };
        let at_least = |writes, reads| Answered::AtLeast { writes, reads };
        assert_eq!(unmet(&ran(2, 10), Answered::AsBefore, 10), 0);
        assert_eq!(
            unmet(&ran(3, 0), Answered::AsBefore, 0),
            2,
            "writes and reads"
        );
        assert_eq!(unmet(&ran(20, 0), Answered::Whatever, 0), 0);
        assert_eq!(unmet(&ran(20, 0), at_least(0.0, 0.9), 0), 1);
        assert_eq!(unmet(&ran(20, 0), at_least(0.9, 0.8), 0), 1);
        assert_eq!(
            unmet(&ran(0, 0), Answered::AsBefore, 11),
            1,
            "the fault did nothing"
        );
        assert_eq!(unmet(&ran(0, 11), Answered::Whatever, 0), 1, "unknown");
    }
}
