//! Whether what the tables hold is one history that explains what the senders heard.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use traffic_manager::{
    domain::{
        chain,
        command::{Effect, Object, Outcome},
        event::Event,
        hash::EventHash,
        route::RouteSpec,
    },
    service::batch::{Reply, Request},
};
use uuid::Uuid;

use crate::{Heard, plain, support::Database};

/// Everything that must hold, whatever the order was in which the commands came.
pub async fn all(db: &Database, heard: &Heard, seed: u64) {
    let seed = format!("TM_MODEL_SEED={seed}");
    let events = events(db).await;
    gapless_and_chained(&events, &seed);
    queued_in_order(db, &events, &seed).await;
    replay(db, &events, &seed).await;
    explains(&events, heard, &seed);
    keys_once(db, heard, &seed).await;
}

/// The tables as the plain model puts them.
pub async fn rows(db: &Database) -> plain::Rows {
    let mut rows = plain::Rows::new();
    for row in db.rows("select name, epoch, revision, routes_quota from tenants", &[]).await {
        let quota = row.get::<_, Option<i32>>("routes_quota").map(|quota| u32::try_from(quota).unwrap());
        let revision = u64::try_from(row.get::<_, i64>("revision")).unwrap();
        rows.insert(row.get("name"), (row.get("epoch"), revision, quota, BTreeMap::new()));
    }
    let sql = "select tenant, service || '/' || env || '/' || version as route, url, is_active, labels::text, description, revision from routes";
    for row in db.rows(sql, &[]).await {
        let labels = serde_json::from_str(&row.get::<_, String>("labels")).unwrap();
        let spec = (row.get("url"), row.get("is_active"), labels, row.get("description"));
        let tenant = rows.get_mut(&row.get::<_, String>("tenant")).expect("the tenant of a route");
        tenant.3.insert(row.get("route"), (spec, u64::try_from(row.get::<_, i64>("revision")).unwrap()));
    }
    rows
}

/// Everything that the tables hold, but for the clock of the database.
pub async fn state(db: &Database) -> Vec<String> {
    let sql = "select 'tenant ' || t::text as line, 0::bigint as at from tenants t \
         union all select 'route ' || r::text, 0 from routes r \
         union all select 'event ' || e::text, 0 from route_events e \
         union all select 'outbox ' || event_id, row_number() over (order by id) from outbox \
         union all select concat_ws(' ', 'key', tenant, actor, key, fingerprint, outcome::text), 0 from idempotency_keys \
         order by at, line";
    db.rows(sql, &[]).await.iter().map(|row| row.get("line")).collect()
}

/// The history, by tenant and epoch.
type Events = BTreeMap<(String, String), Vec<(Event, Value)>>;

async fn events(db: &Database) -> Events {
    let sql = "select tenant, epoch, revision, item, id, aggregatetype, aggregateid, type, service, env, version, payload::text, \
                      (extract(epoch from occurred_at) * 1000000)::bigint as at from route_events order by tenant, epoch, revision, item";
    let mut events = Events::new();
    for row in db.rows(sql, &[]).await {
        let text: String = row.get("payload");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(String::from_utf8(chain::canonical(&value).unwrap()).unwrap(), text, "the payload is canonical");
        let event: Event = serde_json::from_value(value.clone()).unwrap();
        let body = &event.body;
        // The columns are those of the payload.
        assert_eq!(row.get::<_, String>("tenant"), body.tenant.as_str());
        assert_eq!(row.get::<_, String>("epoch"), body.epoch.as_str());
        assert_eq!(row.get::<_, i64>("revision"), i64::try_from(body.revision.0).unwrap());
        assert_eq!((row.get::<_, i32>("item"), body.item, body.items), (0, 0, 1));
        assert_eq!(row.get::<_, Uuid>("id"), body.id);
        assert_eq!((row.get("aggregatetype"), row.get::<_, String>("aggregateid")), ("route", body.tenant.to_string()));
        assert_eq!(row.get::<_, String>("type"), format!("trafficmanager.route.{}.v1", body.action.as_str()));
        assert_eq!([row.get("service"), row.get("env"), row.get::<_, String>("version")].join("/"), body.route.to_string());
        assert_eq!(row.get::<_, i64>("at"), body.occurred_at.timestamp().as_microsecond());
        events.entry((row.get("tenant"), row.get("epoch"))).or_default().push((event, value));
    }
    events
}

fn gapless_and_chained(events: &Events, seed: &str) {
    for (life, events) in events {
        let mut head = EventHash::GENESIS;
        for (at, (event, value)) in events.iter().enumerate() {
            assert_eq!(event.body.revision.0, at as u64 + 1, "{seed} {life:?}: revisions are 1 to n");
            assert_eq!(event.body.prev_hash, head, "{seed} {life:?} {at}");
            head = chain::check(value).unwrap_or_else(|error| panic!("{seed} {life:?} {at}: {error}"));
        }
    }
}

/// The outbox holds each event once, and a tenant's in commit order.
async fn queued_in_order(db: &Database, events: &Events, seed: &str) {
    let queued: Vec<Uuid> = db.rows("select event_id from outbox order by id", &[]).await.iter().map(|row| row.get(0)).collect();
    let place: HashMap<Uuid, usize> = queued.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let count: usize = events.values().map(Vec::len).sum();
    assert_eq!((queued.len(), place.len()), (count, count), "{seed}");
    let mut lives: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for ((tenant, epoch), events) in events {
        let places: Vec<usize> = events.iter().map(|(event, _)| place[&event.body.id]).collect();
        assert!(places.is_sorted(), "{seed} {tenant} {epoch}: {places:?}");
        lives.entry(tenant).or_default().push((places[0], places[places.len() - 1]));
    }
    for lives in lives.values_mut() {
        lives.sort_unstable();
        assert!(lives.windows(2).all(|pair| pair[0].1 < pair[1].0), "{seed}: lives do not overlap: {lives:?}");
    }
}

/// The events by themselves make the tables.
async fn replay(db: &Database, events: &Events, seed: &str) {
    let mut want: BTreeMap<String, String> = BTreeMap::new();
    let mut heads: BTreeMap<(String, String), (u64, EventHash, usize)> = BTreeMap::new();
    let sql = "select name, epoch, revision, chain_head, routes from tenants";
    let tenants = db.rows(sql, &[]).await;
    let alive: BTreeSet<(String, String)> = tenants.iter().map(|row| (row.get("name"), row.get("epoch"))).collect();
    for (life, events) in events {
        let mut routes: BTreeMap<String, (RouteSpec, String)> = BTreeMap::new();
        let mut created: BTreeMap<String, String> = BTreeMap::new();
        for (event, _) in events {
            let body = &event.body;
            let name = body.route.to_string();
            assert_eq!(body.before.as_ref(), routes.get(&name).map(|(spec, _)| spec), "{seed} {life:?} {}", body.revision);
            assert_ne!(body.before, body.after, "{seed} {life:?}: an event changes something");
            let Some(spec) = &body.after else {
                routes.remove(&name);
                created.remove(&name);
                continue;
            };
            let first = created.entry(name.clone()).or_insert_with(|| body.occurred_at.to_string());
            routes.insert(name, (spec.clone(), format!("{} {first} {}", body.revision, body.occurred_at)));
        }
        let last = events.last().expect("an event");
        heads.insert(life.clone(), (last.0.body.revision.0, last.0.hash, routes.len()));
        if alive.contains(life) {
            want.extend(routes.into_iter().map(|(name, (spec, rest))| {
                (format!("{}/{name}", life.0), format!("{} {rest}", String::from_utf8(chain::canonical(&spec).unwrap()).unwrap()))
            }));
        } else {
            assert!(routes.is_empty(), "{seed} {life:?}: a tenant went with its routes");
        }
    }
    assert_eq!(tables(db).await, want, "{seed}");
    for row in tenants {
        let life = (row.get("name"), row.get("epoch"));
        let (revision, head, routes) = heads.get(&life).copied().unwrap_or((0, EventHash::GENESIS, 0));
        let got = (row.get::<_, i64>("revision"), row.get::<_, String>("chain_head"), row.get::<_, i32>("routes"));
        let want = (i64::try_from(revision).unwrap(), head.to_string(), i32::try_from(routes).unwrap());
        assert_eq!(got, want, "{seed} {life:?}");
    }
}

async fn tables(db: &Database) -> BTreeMap<String, String> {
    let utc = |column: &str| format!("to_char({column} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    let sql = format!(
        "select concat_ws('/', tenant, service, env, version) as name, \
                jsonb_build_object('url', url, 'is_active', is_active, 'labels', labels, 'description', description)::text as spec, \
                concat_ws(' ', revision, {}, {}) as rest from routes",
        utc("created_at"),
        utc("updated_at")
    );
    let line = |row: &tokio_postgres::Row| {
        let spec: Value = serde_json::from_str(&row.get::<_, String>("spec")).unwrap();
        let spec = String::from_utf8(chain::canonical(&spec).unwrap()).unwrap();
        (row.get("name"), format!("{spec} {}", row.get::<_, String>("rest")))
    };
    db.rows(&sql, &[]).await.iter().map(line).collect()
}

/// Every change that was acknowledged is in the history once, as it was told; and nothing else is.
fn explains(events: &Events, heard: &Heard, seed: &str) {
    let by_id: HashMap<Uuid, &Event> = events.values().flatten().map(|(event, _)| (event.body.id, event)).collect();
    let mut told = BTreeSet::new();
    for (request, reply) in heard {
        let id = request.facts.event_id;
        let made = match reply {
            Ok(reply) if !reply.replayed && reply.outcome.effect != Effect::Unchanged && request.command.route().is_some() => {
                reply
            }
            _ => {
                assert!(!by_id.contains_key(&id), "{seed}: {reply:?} left an event: {request:?}");
                continue;
            }
        };
        let event = by_id.get(&id).unwrap_or_else(|| panic!("{seed}: lost: {request:?} {made:?}"));
        assert!(told.insert(id), "{seed}: two were told of {id}");
        assert_eq!(event.tag(), made.outcome.tag, "{seed}");
        assert_eq!(&event.body.tenant, &request.command.tenant, "{seed}");
        assert_eq!(Some(&event.body.route), request.command.route(), "{seed}");
        assert_eq!(event.body.reason, request.facts.reason, "{seed}");
        match (&made.outcome.object, &event.body.after) {
            (Object::Route(route), Some(after)) => {
                assert_eq!((&route.spec, route.revision), (after, event.body.revision), "{seed}");
            }
            (Object::Gone, None) => assert_eq!(made.outcome.effect, Effect::Deleted, "{seed}"),
            other => panic!("{seed}: {other:?}"),
        }
        assert_eq!(made.outcome.effect == Effect::Created, event.body.before.is_none(), "{seed}");
    }
    assert_eq!(told.len(), by_id.len(), "{seed}: an event that nobody was told of");
}

/// Of the commands with one key, one was done; the others heard its answer, or that the key was taken.
async fn keys_once(db: &Database, heard: &Heard, seed: &str) {
    type Answers<'a> = Vec<(&'a Request, &'a Reply)>;
    let mut by_key: BTreeMap<(String, String), Answers<'_>> = BTreeMap::new();
    for (request, reply) in heard {
        if let (Some(key), Ok(reply)) = (&request.idempotency_key, reply) {
            by_key.entry((request.command.tenant.to_string(), key.clone())).or_default().push((request, reply));
        }
    }
    for (key, answers) in &by_key {
        let first: Vec<_> = answers.iter().filter(|(_, reply)| !reply.replayed).collect();
        assert_eq!(first.len(), 1, "{seed} {key:?}: done {} times", first.len());
        for (request, reply) in answers {
            assert_eq!(request.command, first[0].0.command, "{seed} {key:?}");
            assert_eq!(reply.outcome, first[0].1.outcome, "{seed} {key:?}");
        }
    }
    let rows = db.rows("select tenant, key, outcome::text from idempotency_keys", &[]).await;
    assert_eq!(rows.len(), by_key.len(), "{seed}: the keys of refused commands are not remembered");
    for row in rows {
        let outcome: Outcome = serde_json::from_str(&row.get::<_, String>("outcome")).unwrap();
        assert_eq!(outcome, by_key[&(row.get("tenant"), row.get("key"))][0].1.outcome, "{seed}");
    }
}
