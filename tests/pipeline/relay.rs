//! The relay: order, acknowledgements before deletes, one leader, fencing, wake-ups.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use traffic_manager::{
    config::Settings,
    kafka::EventHeaders,
    relay::{Relay, RelayError, RelayStatus, Step},
    store::{
        self,
        outbox::{Election, Lease},
    },
};

use crate::{
    support::{World, eventually},
    topic::{Routes, records},
};

fn relay(settings: &Settings) -> Relay {
    Relay::new(
        settings.into(),
        Arc::new(Notify::new()),
        Arc::new(RelayStatus::default()),
    )
    .expect("a relay")
}

async fn lead(relay: &Relay) -> Lease {
    relay
        .elect(None)
        .await
        .expect("Postgres answers")
        .won()
        .unwrap_or_else(|| panic!("another leads"))
}

async fn queued(world: &World) -> i64 {
    world.db.count("select count(*) from outbox").await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_deleted_only_after_ordered_publication() {
    let mut world = World::new().await;
    world.settings.relay.batch = 50;
    let routes = Routes::of(&world);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    routes.change_traced("a", 0, Some(trace)).await;
    for number in 1..60 {
        routes.change(["a", "b", "c"][number % 3], number).await;
    }
    let relay = relay(&world.settings);
    let lease = lead(&relay).await;
    assert_eq!(
        relay.publish_batch(&lease).await.unwrap(),
        Step::Published(50)
    );
    assert_eq!(queued(&world).await, 10);
    assert_eq!(
        relay.publish_batch(&lease).await.unwrap(),
        Step::Published(10)
    );
    assert_eq!(relay.publish_batch(&lease).await.unwrap(), Step::Idle);
    assert_eq!(queued(&world).await, 0);

    let published = records(&world.settings.kafka.topic, 60).await;
    let sql = "select tenant, epoch, revision, id::text, payload::text, traceparent from route_events order by tenant, revision";
    for row in world.db.rows(sql, &[]).await {
        let (tenant, epoch, revision): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
        let of_tenant: Vec<_> = published
            .iter()
            .filter(|record| record.key.as_deref() == Some(tenant.as_bytes()))
            .collect();
        let record = of_tenant[usize::try_from(revision).unwrap() - 1];
        assert_eq!(
            record.value.as_deref(),
            Some(row.get::<_, String>(4).as_bytes()),
            "the value is the payload, byte for byte"
        );
        let sent = EventHeaders {
            id: row.get(3),
            source: "/traffic-manager".into(),
            ce_type: format!(
                "trafficmanager.route.{}.v1",
                if revision == 1 { "created" } else { "updated" }
            ),
            subject: format!("{tenant}/web/prod/v1"),
            time: "2026-11-21T05:48:00.123456Z".into(),
            revision: revision.to_string(),
            epoch,
            traceparent: row.get(5),
            replay: None,
        };
        for (name, value) in [
            ("ce_specversion", Some("1.0")),
            ("ce_id", Some(sent.id.as_str())),
            ("ce_source", Some(sent.source.as_str())),
            ("ce_type", Some(sent.ce_type.as_str())),
            ("ce_subject", Some(sent.subject.as_str())),
            ("ce_time", Some(sent.time.as_str())),
            ("ce_datacontenttype", Some("application/json")),
            ("tm_revision", Some(sent.revision.as_str())),
            ("tm_epoch", Some(sent.epoch.as_str())),
            ("traceparent", sent.traceparent.as_deref()),
        ] {
            assert_eq!(record.header(name), value, "{name} of {tenant} {revision}");
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_not_accepted_by_kafka_stays_in_the_outbox() {
    let world = World::new().await;
    let routes = Routes::of(&world);
    for number in 0..5 {
        routes.change("a", number).await;
    }
    let mut unreachable = world.settings.clone();
    unreachable.kafka.bootstrap_servers = "127.0.0.1:1".into();
    unreachable.kafka.delivery_timeout = Duration::from_millis(1000);
    let cut_off = relay(&unreachable);
    let lease = lead(&cut_off).await;
    let failed = cut_off.publish_batch(&lease).await;
    assert!(
        matches!(failed, Err(RelayError::Kafka { published: 0, .. })),
        "{failed:?}"
    );
    assert_eq!(queued(&world).await, 5);
    assert_eq!(
        relay(&world.settings).publish_batch(&lease).await.unwrap(),
        Step::Published(5)
    );
    assert_eq!(queued(&world).await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standby_relay_takes_over_when_the_leaders_session_ends() {
    let world = World::new().await;
    let (first, second) = (relay(&world.settings), relay(&world.settings));
    let lease = lead(&first).await;
    let Election::Lost(standby) = second.elect(None).await.expect("Postgres answers") else {
        panic!("the first leads")
    };
    let epoch = lease.epoch();
    drop(lease);
    let standby = tokio::sync::Mutex::new(Some(standby));
    let taken_over = eventually("the second takes over", async || {
        let mut standby = standby.lock().await;
        match second
            .elect(standby.take())
            .await
            .expect("Postgres answers")
        {
            Election::Won(lease) => Some(lease),
            Election::Lost(session) => {
                *standby = Some(session);
                None
            }
        }
    })
    .await;
    assert!(taken_over.epoch() > epoch);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standby_relay_clears_its_last_error() {
    let world = World::new().await;
    let leader = relay(&world.settings);
    let lease = lead(&leader).await;
    let status = Arc::new(RelayStatus::default());
    world
        .db
        .execute(
            &format!("revoke connect on database {} from public", world.db.name),
            &[],
        )
        .await;
    let standby = Relay::new(
        (&world.settings).into(),
        Arc::new(Notify::new()),
        status.clone(),
    )
    .expect("a relay");
    let stop = CancellationToken::new();
    let running = tokio::spawn(standby.run(stop.clone()));
    eventually("the election fails", async || status.report().last_error).await;
    world
        .db
        .execute(
            &format!("grant connect on database {} to public", world.db.name),
            &[],
        )
        .await;
    eventually("it stands by", async || {
        status.report().last_error.is_none().then_some(())
    })
    .await;
    assert!(!status.leads());
    drop(lease);
    eventually("it leads", async || status.leads().then_some(())).await;
    stop.cancel();
    running.await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deposed_leader_deletes_nothing_and_its_events_are_resent() {
    let world = World::new().await;
    let routes = Routes::of(&world);
    for number in 0..3 {
        routes.change("a", number).await;
    }
    let deposed = relay(&world.settings);
    let lease = lead(&deposed).await;
    // Simulates a new leader that takes over while the old one is stopped and does not know it yet.
    world
        .db
        .execute("update relay_lease set epoch = epoch + 1", &[])
        .await;
    assert_eq!(deposed.publish_batch(&lease).await.unwrap(), Step::Deposed);
    assert_eq!(queued(&world).await, 3, "a deposed leader deletes nothing");
    drop(lease);
    let next = relay(&world.settings);
    let lease = eventually("the next leads", async || {
        next.elect(None).await.expect("Postgres answers").won()
    })
    .await;
    assert_eq!(
        next.publish_batch(&lease).await.unwrap(),
        Step::Published(3)
    );
    let revisions: Vec<_> = records(&world.settings.kafka.topic, 6)
        .await
        .iter()
        .map(|r| r.header("tm_revision").unwrap().to_owned())
        .collect();
    assert_eq!(
        revisions,
        ["1", "2", "3", "1", "2", "3"],
        "at least once, each time in order"
    );
    world.end().await;
}

/// Ids are given before commits: a transaction with a smaller id may commit after one with a larger
/// id was published.
#[tokio::test(flavor = "multi_thread")]
async fn event_that_commits_late_is_not_lost() {
    let world = World::new().await;
    let routes = Routes::of(&world);
    routes.change("a", 0).await;
    routes.change("b", 0).await;
    let owner_url = crate::support::database::url_of("PG_PRIMARY_URL", &world.db.name);
    let mut late = crate::support::database::connect(&owner_url).await;
    // The first row leaves the queue and comes back, with its small id, in a transaction that stays
    // open.
    let row = world
        .db
        .rows("select id, event_id from outbox order by id limit 1", &[])
        .await
        .remove(0);
    let (id, event): (i64, uuid::Uuid) = (row.get(0), row.get(1));
    world
        .db
        .execute("delete from outbox where id = $1", &[&id])
        .await;
    let open = late.transaction().await.expect("a transaction");
    open.execute(
        "insert into outbox (id, event_id) overriding system value values ($1, $2)",
        &[&id, &event],
    )
    .await
    .expect("a row");
    let relay = relay(&world.settings);
    let lease = lead(&relay).await;
    assert_eq!(
        relay.publish_batch(&lease).await.unwrap(),
        Step::Published(1),
        "the larger id"
    );
    open.commit().await.expect("the late commit");
    assert_eq!(
        relay.publish_batch(&lease).await.unwrap(),
        Step::Published(1),
        "the event with the smaller id comes later"
    );
    assert_eq!(records(&world.settings.kafka.topic, 2).await.len(), 2);
    world.end().await;
}

/// `relay.poll_ms` for tests in which only the wake-up under test may publish: 60 s.
const NEVER: Duration = Duration::from_secs(60);

async fn published_after(poll: Duration, wake: impl AsyncFn(&World, &Notify)) {
    let mut world = World::new().await;
    world.settings.relay.poll = poll;
    let (notify, status) = (Arc::new(Notify::new()), Arc::new(RelayStatus::default()));
    let relay =
        Relay::new((&world.settings).into(), notify.clone(), status.clone()).expect("a relay");
    let stop = CancellationToken::new();
    let running = tokio::spawn(relay.run(stop.clone()));
    eventually("it leads", async || status.leads().then_some(())).await;
    let (routes, published) = (Routes::of(&world), async || {
        (queued(&world).await == 0).then_some(())
    });
    // Once it has published this event, it looks at the queue no more until it is woken.
    routes.change("a", 0).await;
    notify.notify_one();
    eventually("the first event is published", published).await;
    let lease = status.report().lease_epoch;
    routes.change("a", 1).await;
    wake(&world, &notify).await;
    eventually("the event is published", published).await;
    // A leader that is silent for too long loses its session, and the next one publishes.
    assert_eq!(
        status.report().lease_epoch,
        lease,
        "the relay that was woken published the event"
    );
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), running)
        .await
        .expect("it stops in time")
        .expect("it does not panic");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_in_the_same_process_wakes_the_relay() {
    published_after(NEVER, async |_, notify| notify.notify_one()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notify_from_another_process_wakes_the_relay() {
    published_after(NEVER, async |world, _| {
        let settings = &world.settings;
        let server = store::Server::primary(&settings.postgres, &settings.resilience);
        let connection = server
            .expect("settings")
            .connection()
            .await
            .expect("a connection");
        store::outbox::notify(&connection)
            .await
            .expect("a notification");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn safety_poll_finds_an_event_without_a_wake_up() {
    published_after(Duration::from_millis(100), async |_, _| {}).await;
}
