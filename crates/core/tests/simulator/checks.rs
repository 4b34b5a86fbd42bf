//! The conditions that must hold once everything has come to rest.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use traffic_manager_core::{
    command::Effect,
    event::Event,
    ids::TenantName,
    tag::{Epoch, VersionTag},
    walk::Walk,
};

use crate::{database::Past, world::World};

/// Checks that every acknowledged change is in every store once, in its order, in a chain that
/// verifies.
pub fn at_rest(world: &World) -> Result<(), String> {
    check_answers(world)?;
    let archived = archived(world)?;
    for (tenant, past) in &world.database.past {
        order(tenant, past)?;
        published(world, tenant, past)?;
        for events in incarnations(past) {
            chain(tenant, &events, &archived)?;
        }
        let head = world.database.head(tenant);
        let last = past.events.last().map(|event| (event.tag(), event.hash));
        if head.is_some() && head != last {
            return Err(format!(
                "{tenant} ends with {head:?}, and its history with {last:?}"
            ));
        }
    }
    Ok(())
}

/// Checks the answers of the clients: an acknowledged change was done exactly as answered, and a
/// refused change was not done.
fn check_answers(world: &World) -> Result<(), String> {
    let mut done: HashMap<&str, Vec<VersionTag>> = HashMap::new();
    for event in world.database.past.values().flat_map(|past| &past.events) {
        let tags = done.entry(&event.body.request_id).or_default();
        if !tags.contains(&event.tag()) {
            tags.push(event.tag());
        }
    }
    if let Some((key, tags)) = done.iter().find(|(_, tags)| tags.len() > 1) {
        return Err(format!("{key} was done more than once: {tags:?}"));
    }
    for (key, answer) in world.clients.iter().flat_map(|client| &client.answers) {
        let tags = done.get(key.key.as_str()).map_or(&[][..], Vec::as_slice);
        let holds = match answer {
            Ok(outcome) if outcome.effect == Effect::Unchanged => tags.is_empty(),
            Ok(outcome) => {
                let stored = world.database.answer(key).map(|answer| &answer.outcome);
                tags == [outcome.tag.clone()] && stored == Some(outcome)
            }
            Err(_) => tags.is_empty() && world.database.answer(key).is_none(),
        };
        if !holds {
            return Err(format!(
                "{} was answered {answer:?}, and the stored tags are {tags:?}",
                key.key
            ));
        }
    }
    Ok(())
}

type Place = (TenantName, Epoch, u64, u32);

/// Returns the archive with its dead letters, by place.
fn archived(world: &World) -> Result<BTreeMap<Place, Value>, String> {
    let mut archived = BTreeMap::new();
    // An event that was refused may have been accepted when it came again.
    let letters = world
        .letters
        .keys()
        .filter(|id| !world.archive.documents.contains_key(*id))
        .count();
    for (id, value) in world
        .archive
        .documents
        .iter()
        .map(|(id, (_, value))| (id, value))
        .chain(&world.letters)
    {
        let event: Event =
            serde_json::from_value(value.clone()).map_err(|error| format!("{id}: {error}"))?;
        let body = event.body;
        archived.insert(
            (body.tenant, body.epoch, body.revision.0, body.item),
            value.clone(),
        );
    }
    let events: usize = world
        .database
        .past
        .values()
        .map(|past| past.events.len())
        .sum();
    if archived.len() != events || world.archive.documents.len() + letters != events {
        let documents = world.archive.documents.len();
        return Err(format!(
            "{events} events were committed; {documents} are archived, {letters} are dead letters"
        ));
    }
    Ok(archived)
}

/// Splits the events of a tenant by epoch.
fn incarnations(past: &Past) -> Vec<Vec<&Event>> {
    let mut incarnations: Vec<Vec<&Event>> = Vec::new();
    for event in &past.events {
        match incarnations.last_mut() {
            Some(life) if life[0].body.epoch == event.body.epoch => life.push(event),
            _ => incarnations.push(vec![event]),
        }
    }
    incarnations
}

/// Checks that each epoch has revisions 1 to n, with all of their items, in the order of the
/// commits.
fn order(tenant: &TenantName, past: &Past) -> Result<(), String> {
    for life in incarnations(past) {
        let mut next = (1, 0);
        for event in life {
            let body = &event.body;
            if (body.revision.0, body.item) != next {
                return Err(format!(
                    "{tenant}: {} item {} stands where {next:?} should",
                    event.tag(),
                    body.item
                ));
            }
            next = if body.is_last_item() {
                (body.revision.0 + 1, 0)
            } else {
                (body.revision.0, body.item + 1)
            };
        }
    }
    Ok(())
}

/// Checks that the log, read from its beginning, has the whole history in its order, whatever is
/// doubled in between.
fn published(world: &World, tenant: &TenantName, past: &Past) -> Result<(), String> {
    let mut expected = past.events.iter();
    let mut next = expected.next();
    for entry in world.broker.logs.iter().flatten() {
        if next.is_some_and(|event| event.body.id == entry.recorded.event.body.id) {
            next = expected.next();
        }
    }
    match next {
        None => Ok(()),
        Some(event) => Err(format!(
            "{tenant}: the log has not {} in its order",
            event.tag()
        )),
    }
}

/// Checks that an auditor's walk over the archive finds nothing wrong.
fn chain(
    tenant: &TenantName,
    life: &[&Event],
    archived: &BTreeMap<Place, Value>,
) -> Result<(), String> {
    let Some(last) = life.last() else {
        return Ok(());
    };
    let mut walk = Walk::from(1);
    let of_life = |(place, _): &(&Place, &Value)| place.0 == *tenant && place.1 == last.body.epoch;
    for (place, value) in archived.iter().filter(of_life) {
        walk.step((place.2, place.3), value)
            .map_err(|fault| format!("{tenant}: {} at {place:?}", fault.as_str()))?;
    }
    walk.finish(last.body.revision.0, Some(last.hash))
        .map_err(|fault| format!("{tenant}: {}", fault.as_str()))?;
    match walk.missing() {
        (_, 0) => Ok(()),
        (missing, _) => Err(format!("{tenant}: the archive misses {missing:?}")),
    }
}
