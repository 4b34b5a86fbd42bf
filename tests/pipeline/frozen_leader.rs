//! A leader that is frozen, not dead: its session stays open, so its lock would be held for as long
//! as it is frozen.

use std::{sync::Arc, time::Duration};

use traffic_manager::relay::{Relay, RelayStatus};

use crate::support::{World, eventually};

#[tokio::test]
async fn silent_leader_loses_its_lease() {
    let mut world = World::new().await;
    // The session ends when the leader is silent for longer than the sum of these three: 4 s.
    world.settings.kafka.delivery_timeout = Duration::from_millis(1000);
    world.settings.relay.step_timeout = Duration::from_millis(2000);
    world.settings.relay.poll = Duration::from_millis(1000);
    let relay = || {
        Relay::new(
            (&world.settings).into(),
            Arc::default(),
            Arc::<RelayStatus>::default(),
        )
        .expect("valid settings")
    };
    let (frozen, standby) = (relay(), relay());
    let Some(lease) = frozen.elect(None).await.expect("Postgres").won() else {
        panic!("another relay leads")
    };

    let second = eventually("the standby leads", async || {
        standby.elect(None).await.expect("Postgres").won()
    })
    .await;

    assert!(second.epoch() > lease.epoch());
    assert!(
        lease.lost().is_cancelled(),
        "the first relay notices that its lease is lost"
    );
    frozen
        .publish_batch(&lease)
        .await
        .expect_err("the first relay may not publish");
    world.end().await;
}
