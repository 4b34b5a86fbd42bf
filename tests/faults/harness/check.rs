//! The conditions that must hold once everything has drained.
//!
//! No acknowledged write is lost, and nothing is doubled. Everything is in order. A refused write
//! has no event. No answer is older than its client already knew.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;
use serde_json::Value;
use traffic_manager::{domain::chain, kafka::DLQ_REASON};

use super::{
    history::{Event, History},
    record::{Fate, Scope, Seen, Sighting, content},
};

/// The counts of the findings. All but the last three counts must be 0.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// Acknowledged writes that are not in Postgres; events in Postgres that are not in Kafka or
    /// not in the archive.
    pub lost: usize,
    /// Keys with two events; events that the archive has twice.
    pub doubled: usize,
    /// Gaps in revisions, records before their predecessors, chains that do not verify.
    pub out_of_order: usize,
    /// Writes that were refused, unchanged or failed for good and still have an event; anything
    /// else that nobody asked for.
    pub invented: usize,
    /// Answers that are older than their client knew; answers with content that never existed.
    pub backwards: usize,
    /// Observations of clients that must never occur; too many or too few dead letters.
    pub other: usize,
    /// Writes whose outcome no client knows, because it gave up.
    pub unknown: usize,
    /// Records that Kafka has more than once. They are allowed, and only counted.
    pub kafka_duplicates: usize,
    /// Answers that were compared with the history.
    pub answers_checked: usize,
    /// The messages that describe the faults.
    #[serde(skip)]
    pub messages: Vec<String>,
}

impl Findings {
    pub fn wrong(&self) -> usize {
        self.lost + self.doubled + self.out_of_order + self.invented + self.backwards + self.other
    }

    fn say(&mut self, message: String) -> usize {
        self.messages.push(message);
        1
    }
}

/// Compares the clients' observations with the history. `dead_letters` is the number of records
/// that must be dead letters; no event of the history is one of them.
pub fn check(seen: &Seen, history: &History, dead_letters: usize) -> Findings {
    let mut found = Findings::default();
    fates(seen, history, &mut found);
    revisions(history, &mut found);
    topic(history, &mut found);
    archive(history, &mut found);
    set_aside(history, dead_letters, &mut found);
    tables(history, &mut found);
    answers(seen, history, &mut found);
    for message in &seen.faults {
        found.other += found.say(message.clone());
    }
    found
}

/// Checks that an acknowledged write has exactly one event, and a refused, unchanged or failed
/// write none. A write with an unknown outcome may have one.
fn fates(seen: &Seen, history: &History, found: &mut Findings) {
    let mut made: HashMap<&str, &Event> = HashMap::new();
    for event in history.events.values().flatten() {
        if let Some(first) = made.insert(&event.request_id, event) {
            found.doubled += found.say(format!(
                "{} made {} {} and {}",
                event.request_id, event.tenant, first.revision, event.revision
            ));
        }
        if !seen.writes.contains_key(&event.request_id) {
            found.invented += found.say(format!(
                "{} {} is of no write: {}",
                event.tenant, event.revision, event.request_id
            ));
        }
    }
    for (id, write) in &seen.writes {
        match (&write.fate, made.get(id.as_str())) {
            (Fate::Committed { revision }, None) => {
                found.lost += found.say(format!(
                    "{id} was acknowledged as {} {revision}, and is not there",
                    write.tenant
                ));
            }
            (Fate::Committed { revision }, Some(event))
                if event.revision != *revision || event.tenant != write.tenant =>
            {
                found.lost += found.say(format!(
                    "{id} was acknowledged as {revision} and is {}",
                    event.revision
                ));
            }
            (fate @ (Fate::Unchanged | Fate::Refused | Fate::Failed), Some(event)) => {
                found.invented += found.say(format!(
                    "{id} was {fate:?}, and is {} {}",
                    event.tenant, event.revision
                ));
            }
            (Fate::Unknown, _) => found.unknown += 1,
            _ => {}
        }
    }
}

/// Checks that each tenant's revisions are 1..n without a gap, and that each event carries the hash
/// of the one before.
fn revisions(history: &History, found: &mut Findings) {
    for (tenant, events) in &history.events {
        let mut previous = "0".repeat(64);
        for (expected, event) in (1..).zip(events) {
            if event.revision != expected {
                found.out_of_order += found.say(format!(
                    "{tenant} {} stands where {expected} should",
                    event.revision
                ));
                break;
            }
            let value: Value = serde_json::from_str(&event.text).expect("an event");
            let hash = chain::check(&value);
            if value["prev_hash"] != previous.as_str() || hash.is_err() {
                found.out_of_order +=
                    found.say(format!("{tenant} {expected}: the chain does not verify"));
                break;
            }
            previous = hash.map(|hash| hash.to_string()).unwrap_or_default();
        }
        if history.revisions.get(tenant) != events.last().map(|event| &event.revision) {
            found.lost += found.say(format!(
                "{tenant} is at {:?}, its history is not",
                history.revisions.get(tenant)
            ));
        }
    }
}

/// Checks that Kafka has the same events, unchanged. The first record of an event comes after the
/// first record of the tenant's event before it.
fn topic(history: &History, found: &mut Findings) {
    let known: HashMap<&str, &Event> = history
        .events
        .values()
        .flatten()
        .map(|event| (event.id.as_str(), event))
        .collect();
    let (mut first, mut next): (HashSet<&str>, HashMap<&str, (i32, u64)>) = Default::default();
    for record in &history.topic {
        let id = record.header("ce_id").unwrap_or_default();
        let Some(event) = known.get(id) else {
            // A record that a test sent by hand has the header `tm_test`.
            if record.header("tm_test").is_none() {
                found.invented +=
                    found.say(format!("Kafka has {id:?}, which is not in the history"));
            }
            continue;
        };
        if record.value.as_deref() != Some(event.text.as_bytes())
            || record.key.as_deref() != Some(event.tenant.as_bytes())
        {
            found.invented += found.say(format!(
                "{} {} is another in Kafka",
                event.tenant, event.revision
            ));
        }
        if !first.insert(id) {
            found.kafka_duplicates += 1;
            continue;
        }
        let (partition, expected) = next.entry(&event.tenant).or_insert((record.partition, 1));
        if (*partition, *expected) != (record.partition, event.revision) {
            found.out_of_order += found.say(format!(
                "{} {} is in Kafka before {expected} was",
                event.tenant, event.revision
            ));
        }
        *expected = event.revision + 1;
    }
    let missing = known.keys().filter(|id| !first.contains(**id)).count();
    if missing > 0 {
        found
            .messages
            .push(format!("{missing} events are not in Kafka"));
        found.lost += missing;
    }
}

/// Checks that the archive has the same events, each once and as it was published.
fn archive(history: &History, found: &mut Findings) {
    let mut archived: HashMap<(&str, u64), &Value> = HashMap::new();
    for document in &history.archive {
        let revision = u64::try_from(document.revision).unwrap_or_default();
        if archived
            .insert((&document.tenant, revision), &document.event)
            .is_some()
        {
            found.doubled += found.say(format!(
                "{} {revision} is in the archive twice",
                document.tenant
            ));
        }
    }
    for event in history.events.values().flatten() {
        match archived.remove(&(event.tenant.as_str(), event.revision)) {
            None => {
                found.lost += found.say(format!(
                    "{} {} is not in the archive",
                    event.tenant, event.revision
                ))
            }
            Some(value) => {
                if serde_json::from_str::<Value>(&event.text).ok().as_ref() != Some(value) {
                    found.invented += found.say(format!(
                        "{} {} is another in the archive",
                        event.tenant, event.revision
                    ));
                }
            }
        }
    }
    for (tenant, revision) in archived.keys() {
        found.invented += found.say(format!(
            "the archive has {tenant} {revision}, which is not in the history"
        ));
    }
}

/// Checks that there are exactly as many dead letters as the test expects.
fn set_aside(history: &History, expected: usize, found: &mut Findings) {
    let count = history.dead_letters.len();
    if count != expected {
        let reasons: BTreeSet<&str> = history
            .dead_letters
            .iter()
            .filter_map(|letter| letter.header(DLQ_REASON))
            .collect();
        found.other += found.say(format!(
            "{count} records are dead-lettered, {expected} should be; because of {reasons:?}"
        ));
    }
}

/// Checks that the table of routes is the result of the history.
fn tables(history: &History, found: &mut Findings) {
    for (tenant, events) in &history.events {
        let expected = state(events, u64::MAX, &Scope::Whole);
        let empty = BTreeMap::new();
        let table = history.routes.get(tenant).unwrap_or(&empty);
        if !expected.iter().map(|(name, url)| (*name, *url)).eq(table
            .iter()
            .map(|(name, url)| (name.as_str(), url.as_str())))
        {
            found.lost += found.say(format!("{tenant}: the routes are not those of its history"));
        }
    }
}

/// Returns the routes that resolve in a scope after a revision, with their URLs.
fn state<'a>(events: &'a [Event], revision: u64, scope: &Scope) -> BTreeMap<&'a str, &'a str> {
    let mut routes = BTreeMap::new();
    for event in events
        .iter()
        .take_while(|event| event.revision <= revision)
        .filter(|event| scope.has(&event.route))
    {
        match &event.url {
            Some(url) => routes.insert(event.route.as_str(), url.as_str()),
            None => routes.remove(event.route.as_str()),
        };
    }
    routes
}

/// Checks that each answer shows its scope at some revision that is not older than its client knew.
fn answers(seen: &Seen, history: &History, found: &mut Findings) {
    for sighting in &seen.sightings {
        found.answers_checked += 1;
        if let Some(message) = wrong_answer(sighting, history) {
            found.backwards += found.say(message);
        }
    }
    for ((tenant, revision), id) in &seen.changes {
        let place = usize::try_from(*revision)
            .unwrap_or(usize::MAX)
            .wrapping_sub(1);
        let event = history
            .events
            .get(tenant)
            .and_then(|events| events.get(place));
        if event.is_none_or(|event| event.id != *id) {
            found.backwards += found.say(format!(
                "changes named {id} as {tenant} {revision}, which the history does not have"
            ));
        }
    }
}

fn wrong_answer(sighting: &Sighting, history: &History) -> Option<String> {
    let Sighting {
        tenant,
        scope,
        floor,
        revision,
        content: shown,
    } = sighting;
    let events = history
        .events
        .get(tenant)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let touches = |event: &&Event| scope.has(&event.route);
    let Some(revision) = *revision else {
        let gone =
            |event: &Event| touches(&event) && event.url.is_none() && event.revision > *floor;
        let absent = matches!(scope, Scope::Route(_))
            && (state(events, *floor, scope).is_empty() || events.iter().any(gone));
        return (!absent).then(|| format!("{tenant} {scope:?}: 404 to a client that knew {floor}"));
    };
    if events
        .last()
        .is_none_or(|newest| newest.revision < revision)
    {
        return Some(format!(
            "{tenant} {scope:?}: {revision} was answered, which the history does not have"
        ));
    }
    let newer = events
        .iter()
        .filter(touches)
        .find(|event| event.revision > revision && event.revision <= *floor);
    if let Some(newer) = newer {
        return Some(format!(
            "{tenant} {scope:?}: {revision} to a client that knew {floor}, which has {}",
            newer.revision
        ));
    }
    let shown = (*shown)?;
    let expected = content(state(events, revision, scope).into_iter());
    (shown != expected).then(|| format!("{tenant} {scope:?}: {revision} never had this content"))
}

#[cfg(test)]
mod tests;
