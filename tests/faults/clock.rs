//! T16: one instance's clock is five minutes ahead, another's ten. Order follows revisions
//! and not clocks, so nothing changes.

use serde_json::json;

use crate::{
    harness::{Expected, Run, Size, Target},
    processes::Process,
    support::World,
};

/// The path of libfaketime on Debian. `docker/local-stack.sh install` fetches the library.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t16_clocks_that_disagree_change_no_order() {
    assert!(
        std::path::Path::new(LIBRARY).exists(),
        "{LIBRARY} is not there (Debian's package libfaketime)"
    );
    let _load = crate::parts::only_load().await;
    let (size, world) = (Size::new(), World::new().await);
    let skewed = |by: &str| {
        let mut environment = world.environment.clone();
        for (key, value) in [
            ("LD_PRELOAD", LIBRARY),
            ("FAKETIME", by),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ] {
            environment.insert(key.into(), value.into());
        }
        environment
    };
    let instances = [
        Process::start("all", &world.environment),
        Process::start("serve", &skewed("+5m")),
        // Not behind the kernel's clock: the library does not reach timed waits of C, which would end at once and
        // spin, in threads of librdkafka that wait for each other.
        Process::start("serve", &skewed("+10m")),
    ];
    for instance in &instances {
        instance.ready().await;
    }
    let run = Run::start(
        "T16",
        size,
        world,
        instances.iter().map(Target::of).collect(),
    )
    .await;
    run.breaks();
    run.lasts(run.size.seconds(8, 100)).await;
    let sql = "select count(*) from route_events where abs(extract(epoch from occurred_at - now())) > 200";
    let skewed = run.world.db.count(sql).await;
    run.heals().await;
    run.finish(Expected::default(), json!({ "skewed_events": skewed }))
        .await;
    assert!(skewed > 100, "the clocks did not differ: {skewed}");
    drop(instances);
}
