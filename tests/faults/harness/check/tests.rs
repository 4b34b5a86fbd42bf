//! Tests the checker on small histories: it finds nothing in a correct history, and the fault in
//! each wrong one.

use std::time::Duration;

use serde_json::json;
use traffic_manager::{
    domain::{chain::canonical, hash::EventHash},
    kafka::Record,
};

use traffic_manager::audit::document::ArchivedEvent;

use super::*;
use crate::harness::record::{Phase, Recorder};

/// The writes of two tenants: the tenant, the id of the write, and the URL of the tenant's only
/// route. `None` deactivates the route.
const STORY: [(&str, &str, Option<&str>); 4] = [
    ("t0", "w-0", Some("http://0/")),
    ("t0", "w-1", Some("http://1/")),
    ("t0", "w-2", None),
    ("t1", "w-3", Some("http://3/")),
];
const ROUTE: &str = "s/e/v";

/// The clients' observations of a story, and its history.
struct Told {
    recorder: Recorder,
    history: History,
}

fn event(
    tenant: &str,
    revision: u64,
    request_id: &str,
    url: Option<&str>,
    prev_hash: &str,
) -> Event {
    let mut event = json!({
        "id": format!("{tenant}-{revision}"), "tenant": tenant, "revision": revision, "request_id": request_id,
        "route": { "service": "s", "env": "e", "version": "v" },
        "after": { "is_active": url.is_some(), "url": url.unwrap_or("http://x/") }, "prev_hash": prev_hash,
    });
    event["hash"] = json!(EventHash::of(&canonical(&event).expect("JSON")).to_string());
    Event::of(&event.to_string())
}

fn record(event: &Event, offset: usize) -> Record {
    Record {
        topic: "route-events".to_owned(),
        partition: i32::from(event.tenant == "t1"),
        offset: i64::try_from(offset).expect("a small number"),
        key: Some(event.tenant.clone().into_bytes()),
        value: Some(event.text.clone().into_bytes()),
        headers: vec![("ce_id".to_owned(), Some(event.id.clone().into_bytes()))],
    }
}

fn archived(event: &Event) -> ArchivedEvent {
    serde_json::from_value(json!({
        "event_id": event.id, "event_type": "x", "action": "updated", "tenant": event.tenant, "epoch": "e", "revision": event.revision,
        "item": 0, "route": { "tenant": event.tenant }, "changed_by": "c", "correlation_id": event.request_id, "occurred_at": "",
        "processed_at": "", "prev_hash": "", "hash": "", "metadata": { "topic": "", "partition": 0, "offset": 0 },
        "event": serde_json::from_str::<Value>(&event.text).expect("JSON"),
    }))
    .expect("an archived event")
}

impl Told {
    fn of(story: &[(&str, &str, Option<&str>)]) -> Self {
        let recorder = Recorder::new();
        let mut events: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        let mut routes: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (tenant, id, url) in story {
            let before = events.entry((*tenant).to_owned()).or_default();
            let hash = |event: &Event| {
                serde_json::from_str::<Value>(&event.text).expect("JSON")["hash"]
                    .as_str()
                    .map(str::to_owned)
            };
            let prev_hash = before
                .last()
                .and_then(hash)
                .unwrap_or_else(|| "0".repeat(64));
            let revision = before.len() as u64 + 1;
            before.push(event(tenant, revision, id, *url, &prev_hash));
            settled(&recorder, id, tenant, Fate::Committed { revision });
            let routes = routes.entry((*tenant).to_owned()).or_default();
            match url {
                Some(url) => routes.insert(ROUTE.to_owned(), (*url).to_owned()),
                None => routes.remove(ROUTE),
            };
        }
        let all = || events.values().flatten();
        let history = History {
            topic: all()
                .enumerate()
                .map(|(offset, event)| record(event, offset))
                .collect(),
            archive: all().map(archived).collect(),
            dead_letters: Vec::new(),
            revisions: events
                .iter()
                .map(|(tenant, events)| (tenant.clone(), events.len() as u64))
                .collect(),
            events,
            routes,
        };
        Self { recorder, history }
    }

    /// Returns the counts: lost, doubled, out of order, invented, backwards, other.
    fn figures(&self) -> [usize; 6] {
        let found = check(&self.recorder.seen(), &self.history, 0);
        assert_eq!(
            found.wrong() == 0,
            found.messages.is_empty(),
            "{:?}",
            found.messages
        );
        [
            found.lost,
            found.doubled,
            found.out_of_order,
            found.invented,
            found.backwards,
            found.other,
        ]
    }

    fn events(&mut self) -> &mut Vec<Event> {
        self.history.events.get_mut("t0").expect("a tenant")
    }

    /// Records that a client that knew `floor` was shown the route with this revision and URL.
    fn sees(&self, floor: u64, revision: Option<u64>, url: Option<&str>) {
        let shown = revision.map(|_| content(url.map(|url| (ROUTE, url)).into_iter()));
        self.sees_of(Scope::Route(ROUTE.to_owned()), floor, revision, shown);
    }

    fn sees_of(&self, scope: Scope, floor: u64, revision: Option<u64>, content: Option<u64>) {
        self.recorder.sighted(Sighting {
            tenant: "t0".to_owned(),
            scope,
            floor,
            revision,
            content,
        });
    }
}

fn settled(recorder: &Recorder, id: &str, tenant: &str, fate: Fate) {
    recorder.settled(Phase::During, id, tenant, fate, Duration::from_millis(1));
}

/// Returns the checker's counts after `change` has falsified the story.
fn found(change: impl FnOnce(&mut Told)) -> [usize; 6] {
    let mut told = Told::of(&STORY);
    change(&mut told);
    told.figures()
}

#[test]
fn correct_history_has_no_findings() {
    let mut told = Told::of(&STORY);
    settled(&told.recorder, "w-4", "t0", Fate::Refused);
    settled(&told.recorder, "w-5", "t0", Fate::Unchanged);
    settled(&told.recorder, "w-6", "t0", Fate::Unknown);
    told.recorder.told("t0", 2, "t0-2");
    told.sees(0, Some(1), Some("http://0/"));
    told.sees(2, Some(2), Some("http://1/"));
    told.sees(2, None, None);
    told.sees(0, None, None);
    // In a scope that nothing touched, an older revision shows the same.
    told.sees_of(
        Scope::Env("other"),
        3,
        Some(1),
        Some(content(std::iter::empty())),
    );
    told.sees_of(Scope::Whole, 3, Some(3), None);
    let again = told.history.topic[0].clone();
    told.history.topic.push(again);
    let by_hand = Record {
        headers: vec![("tm_test".to_owned(), None)],
        ..told.history.topic[0].clone()
    };
    told.history.topic.push(Record {
        headers: vec![("tm_test".to_owned(), Some(b"poison".to_vec()))],
        ..by_hand
    });
    assert_eq!(told.figures(), [0; 6]);
    let found = check(&told.recorder.seen(), &told.history, 0);
    assert_eq!(
        (found.unknown, found.kafka_duplicates, found.answers_checked),
        (1, 1, 6)
    );
}

#[test]
fn write_with_unknown_outcome_may_exist_or_not() {
    let mut told = Told::of(&STORY);
    told.recorder = Recorder::new();
    STORY
        .iter()
        .for_each(|(tenant, id, _)| settled(&told.recorder, id, tenant, Fate::Unknown));
    assert_eq!(told.figures(), [0; 6]);
    assert_eq!(check(&told.recorder.seen(), &told.history, 0).unknown, 4);
}

#[test]
fn lost_writes_and_events_are_found() {
    let lost = [1, 0, 0, 0, 0, 0];
    assert_eq!(
        found(|told| settled(&told.recorder, "w-4", "t0", Fate::Committed { revision: 4 })),
        lost,
        "acknowledged"
    );
    assert_eq!(found(|told| drop(told.history.topic.pop())), lost, "Kafka");
    assert_eq!(
        found(|told| drop(told.history.archive.pop())),
        lost,
        "the archive"
    );
    assert_eq!(
        found(|told| drop(told.history.routes.remove("t1"))),
        lost,
        "a route"
    );
    assert_eq!(
        found(|told| told.history.revisions.clear()),
        [2, 0, 0, 0, 0, 0],
        "the revision of each tenant"
    );
    let elsewhere = Told::of(&[("t0", "w-0", None)]);
    settled(
        &elsewhere.recorder,
        "w-1",
        "t0",
        Fate::Committed { revision: 2 },
    );
    assert_eq!(elsewhere.figures(), lost);
    assert_eq!(
        found(|told| {
            told.recorder = Recorder::new();
            STORY.iter().for_each(|(_, id, _)| {
                settled(&told.recorder, id, "t0", Fate::Committed { revision: 1 })
            });
        }),
        [3, 0, 0, 0, 0, 0],
        "acknowledged as another revision, or of another tenant"
    );
}

#[test]
fn doubled_events_are_found() {
    assert_eq!(
        found(|told| told
            .history
            .archive
            .extend(told.history.archive.last().cloned())),
        [0, 1, 0, 0, 0, 0],
        "the archive"
    );
    let mut twice = Told::of(&[
        ("t0", "w-0", Some("http://0/")),
        ("t0", "w-0", Some("http://0/")),
    ]);
    twice.recorder = Recorder::new();
    settled(
        &twice.recorder,
        "w-0",
        "t0",
        Fate::Committed { revision: 2 },
    );
    assert_eq!(twice.figures(), [0, 1, 0, 0, 0, 0], "a key with two events");
}

#[test]
fn events_out_of_order_are_found() {
    assert_eq!(
        found(|told| told.history.topic.swap(1, 2)),
        [0, 0, 2, 0, 0, 0],
        "Kafka"
    );
    assert_eq!(
        found(|told| told.history.topic[1].partition = 1),
        [0, 0, 1, 0, 0, 0],
        "another partition"
    );
    let gap = found(|told| {
        let next = event("t0", 5, "w-4", None, &"0".repeat(64));
        settled(&told.recorder, "w-4", "t0", Fate::Committed { revision: 5 });
        told.history.revisions.insert("t0".to_owned(), 5);
        told.history.topic.push(record(&next, 9));
        told.history.archive.push(archived(&next));
        told.events().push(next);
    });
    assert_eq!(
        gap,
        [0, 0, 2, 0, 0, 0],
        "a gap, in the history and in Kafka"
    );
    let rewritten = found(|told| {
        let other = event("t0", 2, "w-1", Some("http://1/"), &"1".repeat(64));
        (told.history.topic[1], told.history.archive[1]) = (record(&other, 1), archived(&other));
        told.events()[1] = other;
    });
    assert_eq!(rewritten, [0, 0, 1, 0, 0, 0], "a predecessor that is none");
}

#[test]
fn invented_events_are_found() {
    let invented = [0, 0, 0, 1, 0, 0];
    for fate in [Fate::Refused, Fate::Unchanged, Fate::Failed] {
        let mut told = Told::of(&STORY);
        told.recorder = Recorder::new();
        STORY[1..]
            .iter()
            .zip([2, 3, 1])
            .for_each(|((tenant, id, _), revision)| {
                settled(&told.recorder, id, tenant, Fate::Committed { revision });
            });
        assert_eq!(told.figures(), invented, "of no write");
        settled(&told.recorder, "w-0", "t0", fate);
        assert_eq!(told.figures(), invented, "and yet there");
    }
    assert_eq!(
        found(|told| told.history.topic[0].value = Some(b"{}".to_vec())),
        invented,
        "another content in Kafka"
    );
    assert_eq!(
        found(|told| told.history.topic[0].key = None),
        invented,
        "another key in Kafka"
    );
    assert_eq!(
        found(|told| told.history.archive[0].event = json!({})),
        invented,
        "another content in the archive"
    );
    let unknown = event("t0", 9, "w-9", None, "");
    assert_eq!(
        found(|told| told.history.topic.push(record(&unknown, 9))),
        invented,
        "Kafka"
    );
    assert_eq!(
        found(|told| told.history.archive.push(archived(&unknown))),
        invented,
        "the archive"
    );
}

#[test]
fn answers_that_go_back_or_never_existed_are_found() {
    let backwards = [0, 0, 0, 0, 1, 0];
    assert_eq!(
        found(|told| told.sees(2, Some(1), Some("http://0/"))),
        backwards,
        "older than what was known"
    );
    assert_eq!(
        found(|told| told.sees_of(Scope::Whole, 2, Some(1), None)),
        backwards,
        "the same, not modified"
    );
    assert_eq!(
        found(|told| told.sees(1, Some(2), Some("http://0/"))),
        backwards,
        "with the content of another"
    );
    assert_eq!(
        found(|told| told.sees(0, Some(4), None)),
        backwards,
        "a revision that is not there"
    );
    assert_eq!(
        found(|told| told.sees_of(Scope::Whole, 0, None, None)),
        backwards,
        "no tenant"
    );
    assert_eq!(
        found(|told| told.recorder.told("t0", 2, "t0-1")),
        backwards,
        "another event told"
    );
    assert_eq!(
        found(|told| told.recorder.told("t0", 4, "t0-4")),
        backwards,
        "an event told that is not there"
    );
    let kept = Told::of(&STORY[..2]);
    kept.sees(1, None, None);
    assert_eq!(kept.figures(), backwards, "404 for what is there");
}

#[test]
fn forbidden_answers_and_dead_letters_are_found() {
    let other = [0, 0, 0, 0, 0, 1];
    assert_eq!(found(|told| told.recorder.fault("500".to_owned())), other);
    assert_eq!(
        found(|told| settled(&told.recorder, "w-0", "t0", Fate::Refused)),
        other,
        "two answers to one key"
    );
    assert_eq!(
        found(|told| told
            .history
            .dead_letters
            .extend(told.history.topic.last().cloned())),
        other,
        "a dead letter"
    );
    let told = Told::of(&STORY);
    assert_eq!(
        check(&told.recorder.seen(), &told.history, 1).other,
        1,
        "one that is missing"
    );
    told.recorder.epoch("t0", "a");
    told.recorder.epoch("t0", "b");
    assert_eq!(told.figures(), other, "a second epoch");
}
