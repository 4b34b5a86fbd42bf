//! Writes are answered within their deadline while `PostgreSQL` is slow and then half-open.
//!
//! The line to `PostgreSQL` gets slow, and then takes connections and never answers. Once it passes
//! traffic again, everything works again by itself.

use std::time::{Duration, Instant};

use serde_json::json;
use url::Url;

use crate::{
    harness::{Expected, Run, Size, Target},
    processes::{Process, eventually},
    support::{World, switch::Switch},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_then_half_open_connection_delays_no_request() {
    let _load = crate::parts::only_load().await;
    let (size, world) = (Size::new(), World::new().await);
    let mut url = Url::parse(&world.environment["TM__POSTGRES__PRIMARY_URL"]).expect("a URL");
    let target = format!(
        "{}:{}",
        url.host_str().expect("a host"),
        url.port().expect("a port")
    );
    let line = Switch::start(target).await;
    url.set_port(Some(line.address.port())).expect("a port");
    let mut environment = world.environment.clone();
    environment.insert("TM__POSTGRES__PRIMARY_URL".into(), url.to_string());
    let process = Process::start("serve", &environment);
    let others = ["relay", "audit"].map(|role| Process::start(role, &world.environment));
    process.ready().await;
    let run = Run::start("half_open", size, world, vec![Target::of(&process)]).await;
    run.lasts(run.size.seconds(2, 10)).await;
    run.breaks();
    run.recorder.window();
    line.delay(Duration::from_millis(20));
    run.lasts(run.size.seconds(4, 30)).await;
    let delayed = run.recorder.window().map(|(write, _)| write);
    line.hang();
    run.lasts(run.size.seconds(6, 30)).await;
    line.pass();
    let (back, good) = (Instant::now(), run.recorder.seen().write_requests.good);
    let written = async || {
        run.recorder.seen().write_requests.good.iter().sum::<u64>() > good.iter().sum::<u64>() + 20
    };
    eventually(Duration::from_secs(60), "writes work again", written).await;
    let again = back.elapsed();
    run.heals().await;
    run.lasts(run.size.seconds(2, 10)).await;
    let slowest = run.recorder.seen().write_requests.slowest[1];
    let more = json!({
        "write_p99_delayed_ms": delayed, "slowest_attempt_s": slowest.as_secs_f64(), "writes_again_s": again.as_secs_f64()
    });
    let settings = &run.world.settings;
    let deadline = settings.write.timeout.max(settings.http.request_timeout);
    run.finish(Expected::default(), more).await;
    assert!(
        slowest < deadline + Duration::from_secs(2),
        "an attempt took {slowest:?}, and may take {deadline:?}"
    );
    assert!(
        again < Duration::from_secs(15),
        "writes worked again after {again:?}"
    );
    drop((process, others));
}
