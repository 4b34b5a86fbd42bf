//! An instance that is behind: an Envoy that comes to it from another one gets nothing older than it has.

use test_support::{authority::Authority, eventually};

use crate::{
    balancer::Balancer,
    load::{Connections, Load},
    programs::{Program, Site},
    scene::{HOST, SERVICE, comes_to, split},
    served::{Service, policy, route},
    upstreams::Upstream,
};

/// An instance hears of the others' changes after a minute.
const LATE: [&str; 1] = ["read.refresh_ms=60000"];
/// The requests of the load after the Envoy came to another instance.
const REQUESTS: usize = 200;

async fn comes_to_an_instance_that_is_behind(transport: &str) {
    let upstreams = [
        Upstream::plain("first").await,
        Upstream::plain("second").await,
    ];
    let [to_first, to_second] = [upstreams[0].url("/a"), upstreams[1].url("/b")];
    let mut current = Service::start(&Authority::new()).await;
    let changes = [
        route(SERVICE, "v1", &to_first, true),
        route(SERVICE, "v2", &to_second, true),
        policy(SERVICE, &split(1, 0)),
    ];
    current.change(&changes).await;
    let behind = current.another_with(&LATE).await;
    let held = async || {
        let snapshot = behind.get("/tenants/acme/snapshot").expect(200).await;
        snapshot.json["revision"].as_u64()
    };
    let before = held().await;

    let balancer = Balancer::start(vec![current.ads, behind.ads]).await;
    let site = Site::new(Program::Envoy);
    let port = |port: u16| format!("port_value: {port}}}");
    let (own, shared) = (port(current.ads.port()), port(balancer.address.port()));
    let bootstrap = current.bootstrap_with(&site, transport).await;
    let envoy = current.start_proxy(site, &bootstrap.replace(&own, &shared));
    let ask = envoy.get("/x").host(HOST);
    comes_to(&ask, "first").await;
    current.change(&[policy(SERVICE, &split(0, 1))]).await;
    comes_to(&ask, "second").await;
    assert_eq!(held().await, before, "the other instance is behind");

    let load = {
        let ask = ask.clone();
        Load::start(2, Connections::Kept, move |_| ask.clone())
    };
    current.stop().await;
    eventually("the Envoy is at the other instance", async || {
        (balancer.forwarded() > 1).then_some(())
    })
    .await;
    for _ in 0..REQUESTS {
        assert_eq!(ask.send().await.expect("an answer").name(), Some("second"));
    }
    // It follows the other instance: a third state comes, without the first in between.
    let third = [
        policy(SERVICE, &split(0, 1)),
        route(SERVICE, "v2", &upstreams[1].url("/d"), true),
    ];
    behind.change(&third).await;
    eventually("the next change is served", async || {
        let echo = ask.send().await.ok()?.echo()?;
        (echo.target == "/d/x").then_some(())
    })
    .await;
    let counts = load.stop().await;
    let names: Vec<_> = counts.names.keys().map(String::as_str).collect();
    assert_eq!((names, counts.failures), (vec!["second"], 0), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envoy_with_a_stream_gets_nothing_older_from_an_instance_that_is_behind() {
    comes_to_an_instance_that_is_behind("&transport=ads").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envoy_that_polls_gets_nothing_older_from_an_instance_that_is_behind() {
    comes_to_an_instance_that_is_behind("&transport=rest").await;
}
