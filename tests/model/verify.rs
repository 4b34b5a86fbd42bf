//! Checks the stored history against the replies to the senders.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use traffic_manager::{
    domain::{
        chain,
        command::{ChangedObject, Effect, Outcome},
        event::{Change, Event, EventBody},
        hash::EventHash,
    },
    service::batch::{Reply, Request},
};
use uuid::Uuid;

use crate::{Heard, plain, replay, support::Database};

/// Runs all checks that must hold, whatever the order of the commands was.
pub async fn all(db: &Database, heard: &Heard, seed: u64) {
    let seed = format!("TM_MODEL_SEED={seed}");
    let events = events(db).await;
    gapless_and_chained(&events, &seed);
    queued_in_order(db, &events, &seed).await;
    replay::tables(db, &events, &seed).await;
    explains(&events, heard, &seed);
    keys_once(db, heard, &seed).await;
}

/// Returns the tables in the form of the plain model.
pub async fn rows(db: &Database) -> plain::Rows {
    let revision =
        |row: &tokio_postgres::Row| u64::try_from(row.get::<_, i64>("revision")).unwrap();
    let mut rows = plain::Rows::new();
    for row in db
        .rows(
            "select name, epoch, revision, quotas::text, allowed_hosts::text from tenants",
            &[],
        )
        .await
    {
        let quotas = serde_json::from_str(&row.get::<_, String>("quotas")).unwrap();
        let allowed_hosts = serde_json::from_str(&row.get::<_, String>("allowed_hosts")).unwrap();
        let epoch = row.get("epoch");
        rows.insert(
            row.get("name"),
            plain::Row {
                epoch,
                revision: revision(&row),
                quotas,
                allowed_hosts,
                ..plain::Row::default()
            },
        );
    }
    let sql = "select tenant, service || '/' || env || '/' || version as route, url, is_active, labels::text, description, revision from routes";
    for row in db.rows(sql, &[]).await {
        let labels = serde_json::from_str(&row.get::<_, String>("labels")).unwrap();
        let spec = (
            row.get("url"),
            row.get("is_active"),
            labels,
            row.get("description"),
        );
        let tenant = rows
            .get_mut(&row.get::<_, String>("tenant"))
            .expect("the tenant of a route");
        tenant
            .routes
            .insert(row.get("route"), (spec, revision(&row)));
    }
    let sql = "select tenant, service || '/' || env as policy, spec::text, revision from policies";
    for row in db.rows(sql, &[]).await {
        let spec = serde_json::from_str(&row.get::<_, String>("spec")).unwrap();
        let tenant = rows
            .get_mut(&row.get::<_, String>("tenant"))
            .expect("the tenant of a policy");
        tenant
            .policies
            .insert(row.get("policy"), (spec, revision(&row)));
    }
    rows
}

/// Returns everything that the tables hold, except times of the database's clock and its timeline.
pub async fn state(db: &Database) -> Vec<String> {
    let sql = "select 'tenant ' || (to_jsonb(t) - 'lineage')::text as line, 0::bigint as at from tenants t \
         union all select 'route ' || r::text, 0 from routes r \
         union all select 'policy ' || p::text, 0 from policies p \
         union all select 'host ' || h::text, 0 from policy_hosts h \
         union all select 'scope ' || s::text, 0 from scopes s join tenants t on t.name = s.tenant and t.epoch = s.epoch \
         union all select 'event ' || e::text, 0 from route_events e \
         union all select 'outbox ' || event_id, row_number() over (order by id) from outbox \
         union all select concat_ws(' ', 'key', tenant, actor, key, fingerprint, outcome::text), 0 from idempotency_keys \
         order by at, line";
    db.rows(sql, &[])
        .await
        .iter()
        .map(|row| row.get("line"))
        .collect()
}

/// The events by tenant and epoch.
pub type Events = BTreeMap<(String, String), Vec<(Event, Value)>>;

async fn events(db: &Database) -> Events {
    let sql = "select tenant, epoch, revision, item, id, aggregatetype, aggregateid, type, service, env, version, payload::text, \
                      (extract(epoch from occurred_at) * 1000000)::bigint as at from route_events order by tenant, epoch, revision, item";
    let mut events = Events::new();
    for row in db.rows(sql, &[]).await {
        let text: String = row.get("payload");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            String::from_utf8(chain::canonical(&value).unwrap()).unwrap(),
            text,
            "the payload is canonical"
        );
        let event: Event = serde_json::from_value(value.clone()).unwrap();
        let body = &event.body;
        // The columns agree with the payload.
        assert_eq!(row.get::<_, String>("tenant"), body.tenant.as_str());
        assert_eq!(row.get::<_, String>("epoch"), body.epoch.as_str());
        assert_eq!(
            row.get::<_, i64>("revision"),
            i64::try_from(body.revision.0).unwrap()
        );
        assert_eq!(row.get::<_, i32>("item"), i32::try_from(body.item).unwrap());
        assert_eq!(row.get::<_, Uuid>("id"), body.id);
        assert_eq!(row.get::<_, String>("aggregateid"), body.tenant.as_str());
        assert_eq!(row.get::<_, String>("type"), body.ce_type());
        let key = [
            row.get("service"),
            row.get("env"),
            row.get::<_, String>("version"),
        ]
        .join("/");
        let want = match &body.change {
            Change::Route { name, .. } => ("route", name.to_string()),
            Change::Policy { name, .. } => ("policy", format!("{name}/")),
            Change::Tenant { .. } => ("tenant", "//".to_owned()),
        };
        assert_eq!((row.get("aggregatetype"), key), want);
        assert_eq!(
            row.get::<_, i64>("at"),
            body.occurred_at.timestamp().as_microsecond()
        );
        events
            .entry((row.get("tenant"), row.get("epoch")))
            .or_default()
            .push((event, value));
    }
    events
}

fn gapless_and_chained(events: &Events, seed: &str) {
    for (life, events) in events {
        let (mut head, mut next) = (EventHash::GENESIS, (1, 0));
        for (at, (event, value)) in events.iter().enumerate() {
            let body = &event.body;
            assert_eq!(
                (body.revision.0, body.item),
                next,
                "{seed} {life:?}: revisions are 1 to n, items 0 to n - 1"
            );
            assert_eq!(body.prev_hash, head, "{seed} {life:?} {next:?}");
            head = chain::check(value)
                .unwrap_or_else(|error| panic!("{seed} {life:?} {next:?}: {error}"));
            let is_last = body.item + 1 == body.items;
            next = if is_last {
                (body.revision.0 + 1, 0)
            } else {
                (body.revision.0, body.item + 1)
            };
            if body.item > 0 {
                let first = &events[at - body.item as usize].0.body;
                let shared = |body: &EventBody| {
                    (
                        body.items,
                        body.occurred_at,
                        body.request_id.clone(),
                        body.reason.clone(),
                    )
                };
                assert_eq!(
                    shared(body),
                    shared(first),
                    "{seed} {life:?} {}: items of one revision",
                    body.revision
                );
            }
        }
        assert_eq!(next.1, 0, "{seed} {life:?}: the last revision is whole");
    }
}

/// Checks that the outbox holds each event once, and a tenant's events in commit order.
async fn queued_in_order(db: &Database, events: &Events, seed: &str) {
    let queued: Vec<Uuid> = db
        .rows("select event_id from outbox order by id", &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    let place: HashMap<Uuid, usize> = queued
        .iter()
        .enumerate()
        .map(|(at, id)| (*id, at))
        .collect();
    let count: usize = events.values().map(Vec::len).sum();
    assert_eq!((queued.len(), place.len()), (count, count), "{seed}");
    let mut lives: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for ((tenant, epoch), events) in events {
        let places: Vec<usize> = events
            .iter()
            .map(|(event, _)| place[&event.body.id])
            .collect();
        assert!(places.is_sorted(), "{seed} {tenant} {epoch}: {places:?}");
        lives
            .entry(tenant)
            .or_default()
            .push((places[0], places[places.len() - 1]));
    }
    for lives in lives.values_mut() {
        lives.sort_unstable();
        assert!(
            lives.windows(2).all(|pair| pair[0].1 < pair[1].0),
            "{seed}: incarnations do not overlap: {lives:?}"
        );
    }
}

/// Checks that every acknowledged change is in the history once, as the reply says, and that
/// nothing else is.
fn explains(events: &Events, heard: &Heard, seed: &str) {
    type Place<'a> = (&'a str, &'a str, u64);
    let mut revisions: BTreeMap<Place<'_>, Vec<&Event>> = BTreeMap::new();
    for ((tenant, epoch), events) in events {
        for (event, _) in events {
            revisions
                .entry((tenant, epoch, event.body.revision.0))
                .or_default()
                .push(event);
        }
    }
    let first_ids: BTreeSet<Uuid> = revisions.values().map(|items| items[0].body.id).collect();
    let mut told = BTreeSet::new();
    for (request, reply) in heard {
        let id = request.context.event_id;
        let made = match reply {
            Ok(reply) if !reply.replayed && reply.outcome.effect != Effect::Unchanged => reply,
            _ => {
                assert!(
                    !first_ids.contains(&id),
                    "{seed}: {reply:?} left an event: {request:?}"
                );
                continue;
            }
        };
        let tag = &made.outcome.tag;
        let place = (
            request.command.tenant.as_str(),
            tag.epoch.as_str(),
            tag.revision.0,
        );
        let items = revisions
            .get(&place)
            .unwrap_or_else(|| panic!("{seed}: lost: {request:?} {made:?}"));
        assert!(told.insert(place), "{seed}: two replies have {place:?}");
        assert_eq!(
            (items[0].body.id, &items[0].body.reason),
            (id, &request.context.reason),
            "{seed}"
        );
        assert_reply_matches_events(request, &made.outcome, items, seed);
    }
    assert_eq!(
        told.len(),
        revisions.len(),
        "{seed}: a revision without a reply"
    );
}

/// Checks that the events of a revision agree with the reply to its sender.
fn assert_reply_matches_events(request: &Request, outcome: &Outcome, items: &[&Event], seed: &str) {
    let last = &items[items.len() - 1].body;
    match (&outcome.object, &last.change) {
        (
            ChangedObject::Route(route),
            Change::Route {
                name,
                after: Some(after),
                ..
            },
        ) => {
            assert_eq!(
                (&route.name, Some(name)),
                (name, request.command.route()),
                "{seed}"
            );
            assert_eq!(
                (&route.spec, route.revision),
                (after, last.revision),
                "{seed}"
            );
        }
        (
            ChangedObject::Policy(policy),
            Change::Policy {
                name,
                after: Some(after),
                ..
            },
        ) => {
            assert_eq!(
                (&policy.name, Some(name)),
                (name, request.command.policy()),
                "{seed}"
            );
            assert_eq!(
                (&policy.spec, policy.revision),
                (after, last.revision),
                "{seed}"
            );
        }
        (
            ChangedObject::Tenant(tenant),
            Change::Tenant {
                after: Some(after), ..
            },
        ) => {
            assert_eq!(
                (tenant.quotas, tenant.revision),
                (after.quotas, last.revision),
                "{seed}"
            );
        }
        (ChangedObject::Gone, change) => assert_eq!(change.is_there(), (true, false), "{seed}"),
        (ChangedObject::Applied { summary }, _) => {
            let count = |is: (bool, bool)| {
                items
                    .iter()
                    .filter(|item| item.body.change.is_there() == is)
                    .count()
            };
            let got = [summary.create, summary.update, summary.delete].map(|count| count as usize);
            assert_eq!(
                got,
                [
                    count((false, true)),
                    count((true, true)),
                    count((true, false))
                ],
                "{seed}"
            );
            return;
        }
        other => panic!("{seed}: {other:?}"),
    }
    let want = match last.change.is_there() {
        (false, _) => Effect::Created,
        (true, true) => Effect::Updated,
        (true, false) => Effect::Deleted,
    };
    assert_eq!(outcome.effect, want, "{seed}");
}

/// Checks that one command of each key was executed. The other commands got its answer, or the
/// rejection that the key is taken.
async fn keys_once(db: &Database, heard: &Heard, seed: &str) {
    type Answers<'a> = Vec<(&'a Request, &'a Reply)>;
    let mut by_key: BTreeMap<(String, String), Answers<'_>> = BTreeMap::new();
    for (request, reply) in heard {
        if let (Some(key), Ok(reply)) = (&request.idempotency_key, reply) {
            by_key
                .entry((request.command.tenant.to_string(), key.clone()))
                .or_default()
                .push((request, reply));
        }
    }
    // Compares as JSON, since the time until which a tenant's changes are paid for is in no reply.
    let told = |outcome: &Outcome| serde_json::to_value(outcome).unwrap();
    for (key, answers) in &by_key {
        let first: Vec<_> = answers
            .iter()
            .filter(|(_, reply)| !reply.replayed)
            .collect();
        assert_eq!(first.len(), 1, "{seed} {key:?}: done {} times", first.len());
        for (request, reply) in answers {
            assert_eq!(request.command, first[0].0.command, "{seed} {key:?}");
            assert_eq!(
                told(&reply.outcome),
                told(&first[0].1.outcome),
                "{seed} {key:?}"
            );
        }
    }
    let rows = db
        .rows(
            "select tenant, key, outcome::text from idempotency_keys",
            &[],
        )
        .await;
    assert_eq!(
        rows.len(),
        by_key.len(),
        "{seed}: the keys of refused commands are not remembered"
    );
    for row in rows {
        let outcome: Value = serde_json::from_str(&row.get::<_, String>("outcome")).unwrap();
        assert_eq!(
            outcome,
            told(&by_key[&(row.get("tenant"), row.get("key"))][0].1.outcome),
            "{seed}"
        );
    }
}
