//! Tests of `topic`.

use super::*;

fn with(headers: &[(&str, &str)]) -> DeadLetterHead {
    let headers = headers
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Some(value.as_bytes().to_vec())))
        .collect();
    let record = Record {
        partition: 0,
        offset: 7,
        key: Some(b"acme".to_vec()),
        headers,
        ..Record::default()
    };
    head(&record, Timestamp::UNIX_EPOCH)
}

#[test]
fn foreign_dead_letter_shows_its_readable_parts() {
    let none = with(&[
        (kafka::DLQ_ATTEMPTS, "-1"),
        (kafka::DLQ_TOPIC, "t"),
        (kafka::DLQ_PARTITION, "x"),
    ]);
    assert_eq!(
        (none.origin.as_ref(), none.attempts, none.reason.as_str()),
        (None, 0, "")
    );
    assert_eq!(none.tenant, Some("acme".parse().unwrap()));
    let ours = [
        (kafka::DLQ_REASON, "refused"),
        (kafka::DLQ_ATTEMPTS, "5"),
        (kafka::DLQ_TOPIC, "t"),
        (kafka::DLQ_PARTITION, "2"),
        (kafka::DLQ_OFFSET, "42"),
    ];
    let all = with(&ours);
    assert_eq!(
        all.origin,
        Some(DeadLetterOrigin {
            topic: "t".into(),
            partition: 2,
            offset: 42
        })
    );
    assert_eq!(
        (all.attempts, all.reason.as_str(), all.omitted),
        (5, "refused", false)
    );
}
