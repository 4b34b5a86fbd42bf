//! Chains that were never written through the API, with the age and the number of items per
//! revision that a test needs.

use serde_json::{Value, json};
use traffic_manager::{
    audit::{archive::Archive, document},
    domain::{chain, hash::EventHash},
    kafka::Record,
};
use uuid::Uuid;

use crate::support::World;

/// A tenant's history in one epoch.
pub struct Chain {
    pub tenant: String,
    pub epoch: String,
    pub events: Vec<Value>,
}

/// The time of an event at this many minutes of a day long ago.
pub fn minute(minute: u64) -> String {
    format!(
        "2020-01-02T{:02}:{:02}:00.000000Z",
        minute / 60,
        minute % 60
    )
}

/// Gives an event the hash of its content.
pub fn seal(mut event: Value) -> Value {
    event.as_object_mut().unwrap().remove("hash");
    let hash = EventHash::of(&chain::canonical(&event).unwrap());
    event["hash"] = json!(hash);
    event
}

impl Chain {
    /// Revisions of one item each, one a minute, from minute 1 on.
    pub fn of(tenant: &str, revisions: u64) -> Self {
        Self::with(
            tenant,
            &(1..=revisions).map(|at| vec![at]).collect::<Vec<_>>(),
        )
    }

    /// Revisions with the minutes of their items.
    pub fn with(tenant: &str, revisions: &[Vec<u64>]) -> Self {
        let epoch = Uuid::new_v4().simple().to_string()[..16].to_owned();
        let (mut before, mut events) = (json!(EventHash::GENESIS), Vec::new());
        for (revision, items) in (1..).zip(revisions) {
            for (item, at) in items.iter().enumerate() {
                let event = seal(json!({
                    "id": Uuid::now_v7(), "tenant": tenant, "epoch": epoch, "revision": revision, "item": item, "items": items.len(),
                    "action": "created", "route": { "service": "web", "env": "prod", "version": format!("v{revision}-{item}") },
                    "before": null, "after": { "url": "http://a/", "is_active": true, "labels": {}, "description": null },
                    "actor": { "kind": "test", "id": "tester" }, "reason": null, "request_id": "r", "trace_id": null,
                    "source_ip": null, "occurred_at": minute(*at), "prev_hash": before,
                }));
                before = event["hash"].clone();
                events.push(event);
            }
        }
        Self {
            tenant: tenant.to_owned(),
            epoch,
            events,
        }
    }

    /// The hash of a revision's last event.
    pub fn hash(&self, revision: u64) -> &str {
        let last = self
            .events
            .iter()
            .rfind(|event| event["revision"] == revision)
            .expect("a revision");
        last["hash"].as_str().expect("a hash")
    }

    /// Inserts the chain into Postgres's history and into the archive.
    pub async fn commit(&self, world: &World) {
        for event in &self.events {
            let text = |name: &str| event[name].as_str().expect("text").to_owned();
            let number = |name: &str| event[name].as_i64().expect("a number");
            let payload = String::from_utf8(chain::canonical(event).unwrap()).unwrap();
            let sql = "insert into route_events (tenant, epoch, revision, item, id, aggregateid, type, payload, service, env, version, occurred_at) \
                       values ($1, $2, $3, $4, $5, $1, 'trafficmanager.route.created.v1', $6::text::json, 'web', 'prod', 'v', $7)";
            let at: jiff::Timestamp = text("occurred_at").parse().unwrap();
            let (revision, item) = (number("revision"), i32::try_from(number("item")).unwrap());
            let id: Uuid = text("id").parse().unwrap();
            world
                .db
                .execute(
                    sql,
                    &[
                        &self.tenant,
                        &self.epoch,
                        &revision,
                        &item,
                        &id,
                        &payload,
                        &at,
                    ],
                )
                .await;
        }
        archive(world, &self.events).await;
    }

    /// Makes the chain the present history of its tenant.
    pub async fn live(&self, world: &World) {
        let last = self.events.last().expect("an event");
        let sql = "insert into tenants (name, epoch, revision, chain_head, routes, created_at, created_by, updated_at, updated_by) \
                   values ($1, $2, $3, $4, 0, now(), 't', now(), 't')";
        let revision = last["revision"].as_i64().unwrap();
        world
            .db
            .execute(
                sql,
                &[
                    &self.tenant,
                    &self.epoch,
                    &revision,
                    &last["hash"].as_str().unwrap(),
                ],
            )
            .await;
    }
}

/// Archives events as the consumer does.
pub async fn archive(world: &World, events: &[Value]) {
    let text = |value: String| Some(value.into_bytes());
    let archivable: Vec<_> = events
        .iter()
        .map(|event| {
            let record = Record {
                topic: "t".into(),
                partition: 0,
                offset: 0,
                key: text(event["tenant"].as_str().expect("a tenant").to_owned()),
                value: text(event.to_string()),
                headers: vec![(
                    "ce_type".into(),
                    text("trafficmanager.route.created.v1".into()),
                )],
            };
            document::read(&record, "2020-01-03T00:00:00Z".parse().unwrap()).expect("an event")
        })
        .collect();
    Archive::new(&world.settings.mongo, std::time::Duration::from_secs(10))
        .await
        .expect("settings")
        .insert(&archivable)
        .await
        .expect("the archive");
}
