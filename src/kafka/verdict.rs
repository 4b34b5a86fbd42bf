//! The meaning of Kafka's error codes for a record that is sent: pure, without I/O.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// The consequence of a failed delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The record itself is refused, and will be as long as Kafka's settings stay the same: sending
    /// it again changes nothing.
    ForGood,
    /// Kafka, or the network, does not work at the moment: the record is sent again.
    ForNow,
    /// This producer accepts no more records: another producer sends the record again.
    ProducerDead,
}

/// Returns the verdict for a failed delivery. An error without a Kafka error code says nothing
/// about the record.
pub fn of(error: &KafkaError) -> Verdict {
    error.rdkafka_error_code().map_or(Verdict::ForNow, of_code)
}

/// Returns the verdict for an error code. The table in the tests lists every code that the client
/// library knows, so a new code without a verdict fails the tests.
pub fn of_code(code: Code) -> Verdict {
    match code {
        // Errors of the record: its size (for the client, the broker or the log's segment), its
        // format, its compression, its key or value.
        Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::InvalidMessageSize
        | Code::InvalidRecord
        | Code::BadMessage
        | Code::BadCompression
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::KeySerialization
        | Code::ValueSerialization => Verdict::ForGood,
        // Errors of the producer: it reports one itself, or the broker does not know it or confuses
        // it with another.
        Code::Fatal
        | Code::GaplessGuarantee
        | Code::PurgeQueue
        | Code::PurgeInflight
        | Code::Fenced
        | Code::ProducerFenced
        | Code::BrokerDestroy
        | Code::DestroyBroker
        | Code::State
        | Code::Inconsistent
        | Code::CriticalSystemResource
        | Code::OutOfOrderSequenceNumber
        | Code::DuplicateSequenceNumber
        | Code::InvalidProducerEpoch
        | Code::InvalidProducerIdMapping
        | Code::UnknownProducerId => Verdict::ProducerDead,
        // Other errors may pass. A wrong checksum comes from a damaged transfer; a missing right,
        // topic or replica can come back.
        _ => Verdict::ForNow,
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaRespErr;

    use super::*;

    /// Returns every code that the library knows, by its number.
    fn every_code() -> Vec<Code> {
        let known = (-250..1000).filter_map(|number| RDKafkaRespErr::try_from(number).ok());
        known.map(Code::from).collect()
    }

    const FOR_GOOD: &[i32] = &[4, 10, 18, 43, 76, 87, -161, -162, -198, -199];
    const PRODUCER_DEAD: &[i32] = &[
        45, 46, 47, 49, 59, 90, -137, -144, -148, -149, -150, -151, -152, -172, -194, -197,
    ];

    /// The codes of librdkafka 2.12: a library with more codes needs verdicts for them.
    const FOR_NOW: &[std::ops::RangeInclusive<i32>] = &[
        -200..=-200,
        -196..=-195,
        -193..=-173,
        -171..=-163,
        -160..=-153,
        -147..=-145,
        -143..=-138,
        -136..=-100,
        -1..=3,
        5..=9,
        11..=17,
        19..=42,
        44..=44,
        48..=48,
        50..=58,
        60..=75,
        77..=86,
        88..=89,
        91..=133,
    ];

    #[test]
    fn every_kafka_code_has_exactly_one_verdict() {
        let codes = every_code();
        assert!(codes.len() > 150, "{} codes", codes.len());
        for code in codes {
            let number = code as i32;
            let listed = [
                (Verdict::ForGood, FOR_GOOD.contains(&number)),
                (Verdict::ProducerDead, PRODUCER_DEAD.contains(&number)),
                (
                    Verdict::ForNow,
                    FOR_NOW.iter().any(|range| range.contains(&number)),
                ),
            ];
            let listed: Vec<_> = listed
                .iter()
                .filter(|(_, is_in)| *is_in)
                .map(|(verdict, _)| *verdict)
                .collect();
            assert_eq!(listed, [of_code(code)], "{number}: {code}");
        }
    }

    #[test]
    fn errors_that_an_operator_can_fix_are_not_permanent() {
        for code in [
            Code::TopicAuthorizationFailed,
            Code::UnknownTopicOrPartition,
            Code::UnknownTopic,
            Code::NotLeaderForPartition,
            Code::CoordinatorLoadInProgress,
            Code::NotEnoughReplicas,
            Code::KafkaStorageError,
            Code::InvalidTimestamp,
            Code::PolicyViolation,
            Code::InvalidMessage,
            Code::MessageTimedOut,
            Code::QueueFull,
            Code::Authentication,
        ] {
            assert_eq!(of_code(code), Verdict::ForNow, "{code}");
        }
        assert_eq!(of(&KafkaError::Canceled), Verdict::ForNow);
        assert_eq!(
            of(&KafkaError::MessageProduction(Code::MessageSizeTooLarge)),
            Verdict::ForGood
        );
    }
}
