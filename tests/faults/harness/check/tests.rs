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
struct Scenario {
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

impl Scenario {
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
fn found(change: impl FnOnce(&mut Scenario)) -> [usize; 6] {
    let mut scenario = Scenario::of(&STORY);
    change(&mut scenario);
    scenario.figures()
}

#[test]
fn correct_history_has_no_findings() {
    let mut scenario = Scenario::of(&STORY);
    settled(&scenario.recorder, "w-4", "t0", Fate::Refused);
    settled(&scenario.recorder, "w-5", "t0", Fate::Unchanged);
    settled(&scenario.recorder, "w-6", "t0", Fate::Unknown);
    scenario.recorder.changed("t0", 2, "t0-2");
    scenario.sees(0, Some(1), Some("http://0/"));
    scenario.sees(2, Some(2), Some("http://1/"));
    scenario.sees(2, None, None);
    scenario.sees(0, None, None);
    // In a scope that nothing touched, an older revision shows the same.
    scenario.sees_of(
        Scope::Env("other"),
        3,
        Some(1),
        Some(content(std::iter::empty())),
    );
    scenario.sees_of(Scope::Whole, 3, Some(3), None);
    let again = scenario.history.topic[0].clone();
    scenario.history.topic.push(again);
    let by_hand = Record {
        headers: vec![("tm_test".to_owned(), None)],
        ..scenario.history.topic[0].clone()
    };
    scenario.history.topic.push(Record {
        headers: vec![("tm_test".to_owned(), Some(b"poison".to_vec()))],
        ..by_hand
    });
    assert_eq!(scenario.figures(), [0; 6]);
    let found = check(&scenario.recorder.seen(), &scenario.history, 0);
    assert_eq!(
        (found.unknown, found.kafka_duplicates, found.answers_checked),
        (1, 1, 6)
    );
}

#[test]
fn write_with_unknown_outcome_may_exist_or_not() {
    let mut scenario = Scenario::of(&STORY);
    scenario.recorder = Recorder::new();
    STORY
        .iter()
        .for_each(|(tenant, id, _)| settled(&scenario.recorder, id, tenant, Fate::Unknown));
    assert_eq!(scenario.figures(), [0; 6]);
    assert_eq!(
        check(&scenario.recorder.seen(), &scenario.history, 0).unknown,
        4
    );
}

#[test]
fn lost_writes_and_events_are_found() {
    let lost = [1, 0, 0, 0, 0, 0];
    assert_eq!(
        found(|scenario| settled(
            &scenario.recorder,
            "w-4",
            "t0",
            Fate::Committed { revision: 4 }
        )),
        lost,
        "acknowledged"
    );
    assert_eq!(
        found(|scenario| drop(scenario.history.topic.pop())),
        lost,
        "Kafka"
    );
    assert_eq!(
        found(|scenario| drop(scenario.history.archive.pop())),
        lost,
        "the archive"
    );
    assert_eq!(
        found(|scenario| drop(scenario.history.routes.remove("t1"))),
        lost,
        "a route"
    );
    assert_eq!(
        found(|scenario| scenario.history.revisions.clear()),
        [2, 0, 0, 0, 0, 0],
        "the revision of each tenant"
    );
    let elsewhere = Scenario::of(&[("t0", "w-0", None)]);
    settled(
        &elsewhere.recorder,
        "w-1",
        "t0",
        Fate::Committed { revision: 2 },
    );
    assert_eq!(elsewhere.figures(), lost);
    assert_eq!(
        found(|scenario| {
            scenario.recorder = Recorder::new();
            STORY.iter().for_each(|(_, id, _)| {
                settled(
                    &scenario.recorder,
                    id,
                    "t0",
                    Fate::Committed { revision: 1 },
                )
            });
        }),
        [3, 0, 0, 0, 0, 0],
        "acknowledged as another revision, or of another tenant"
    );
}

#[test]
fn doubled_events_are_found() {
    assert_eq!(
        found(|scenario| scenario
            .history
            .archive
            .extend(scenario.history.archive.last().cloned())),
        [0, 1, 0, 0, 0, 0],
        "the archive"
    );
    let mut twice = Scenario::of(&[
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
        found(|scenario| scenario.history.topic.swap(1, 2)),
        [0, 0, 2, 0, 0, 0],
        "Kafka"
    );
    assert_eq!(
        found(|scenario| scenario.history.topic[1].partition = 1),
        [0, 0, 1, 0, 0, 0],
        "another partition"
    );
    let gap = found(|scenario| {
        let next = event("t0", 5, "w-4", None, &"0".repeat(64));
        settled(
            &scenario.recorder,
            "w-4",
            "t0",
            Fate::Committed { revision: 5 },
        );
        scenario.history.revisions.insert("t0".to_owned(), 5);
        scenario.history.topic.push(record(&next, 9));
        scenario.history.archive.push(archived(&next));
        scenario.events().push(next);
    });
    assert_eq!(
        gap,
        [0, 0, 2, 0, 0, 0],
        "a gap, in the history and in Kafka"
    );
    let rewritten = found(|scenario| {
        let other = event("t0", 2, "w-1", Some("http://1/"), &"1".repeat(64));
        (scenario.history.topic[1], scenario.history.archive[1]) =
            (record(&other, 1), archived(&other));
        scenario.events()[1] = other;
    });
    assert_eq!(
        rewritten,
        [0, 0, 1, 0, 0, 0],
        "a wrong hash of the predecessor"
    );
}

#[test]
fn invented_events_are_found() {
    let invented = [0, 0, 0, 1, 0, 0];
    for fate in [Fate::Refused, Fate::Unchanged, Fate::Failed] {
        let mut scenario = Scenario::of(&STORY);
        scenario.recorder = Recorder::new();
        STORY[1..]
            .iter()
            .zip([2, 3, 1])
            .for_each(|((tenant, id, _), revision)| {
                settled(&scenario.recorder, id, tenant, Fate::Committed { revision });
            });
        assert_eq!(scenario.figures(), invented, "an event without a write");
        settled(&scenario.recorder, "w-0", "t0", fate);
        assert_eq!(
            scenario.figures(),
            invented,
            "an event of a write that was not committed"
        );
    }
    assert_eq!(
        found(|scenario| scenario.history.topic[0].value = Some(b"{}".to_vec())),
        invented,
        "another content in Kafka"
    );
    assert_eq!(
        found(|scenario| scenario.history.topic[0].key = None),
        invented,
        "another key in Kafka"
    );
    assert_eq!(
        found(|scenario| scenario.history.archive[0].event = json!({})),
        invented,
        "another content in the archive"
    );
    let unknown = event("t0", 9, "w-9", None, "");
    assert_eq!(
        found(|scenario| scenario.history.topic.push(record(&unknown, 9))),
        invented,
        "Kafka"
    );
    assert_eq!(
        found(|scenario| scenario.history.archive.push(archived(&unknown))),
        invented,
        "the archive"
    );
}

#[test]
fn answers_that_go_back_or_never_existed_are_found() {
    let backwards = [0, 0, 0, 0, 1, 0];
    assert_eq!(
        found(|scenario| scenario.sees(2, Some(1), Some("http://0/"))),
        backwards,
        "older than the known revision"
    );
    assert_eq!(
        found(|scenario| scenario.sees_of(Scope::Whole, 2, Some(1), None)),
        backwards,
        "the same, not modified"
    );
    assert_eq!(
        found(|scenario| scenario.sees(1, Some(2), Some("http://0/"))),
        backwards,
        "a revision with the content of another"
    );
    assert_eq!(
        found(|scenario| scenario.sees(0, Some(4), None)),
        backwards,
        "a missing revision"
    );
    assert_eq!(
        found(|scenario| scenario.sees_of(Scope::Whole, 0, None, None)),
        backwards,
        "no tenant"
    );
    assert_eq!(
        found(|scenario| scenario.recorder.changed("t0", 2, "t0-1")),
        backwards,
        "a change with another event"
    );
    assert_eq!(
        found(|scenario| scenario.recorder.changed("t0", 4, "t0-4")),
        backwards,
        "a change without an event"
    );
    let kept = Scenario::of(&STORY[..2]);
    kept.sees(1, None, None);
    assert_eq!(kept.figures(), backwards, "404 for an existing tenant");
}

#[test]
fn forbidden_answers_and_dead_letters_are_found() {
    let other = [0, 0, 0, 0, 0, 1];
    assert_eq!(
        found(|scenario| scenario.recorder.fault("500".to_owned())),
        other
    );
    assert_eq!(
        found(|scenario| settled(&scenario.recorder, "w-0", "t0", Fate::Refused)),
        other,
        "two answers to one key"
    );
    assert_eq!(
        found(|scenario| scenario
            .history
            .dead_letters
            .extend(scenario.history.topic.last().cloned())),
        other,
        "a dead letter"
    );
    let scenario = Scenario::of(&STORY);
    assert_eq!(
        check(&scenario.recorder.seen(), &scenario.history, 1).other,
        1,
        "a missing dead letter"
    );
    scenario.recorder.epoch("t0", "a");
    scenario.recorder.epoch("t0", "b");
    assert_eq!(scenario.figures(), other, "a second epoch");
}
