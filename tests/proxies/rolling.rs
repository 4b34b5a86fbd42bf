//! A rolling restart: three instances are restarted one after another, while changes are made and
//! an Envoy forwards requests.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use test_support::{authority::Authority, eventually};
use tokio::sync::RwLock;

use crate::{
    ask::Ask,
    balancer::Balancer,
    load::{Connections, Load},
    programs::{Program, Proxy, Site},
    scene::{HOST, SERVICE, nothing_was_lost, split},
    served::{Service, policy, route},
    upstreams::Upstream,
};

const INSTANCES: usize = 3;

/// The changes that must be served after a restart before the next one.
const BETWEEN: usize = 3;

/// The longest time from a change to its effect. The bootstrap limits the pause before an Envoy
/// connects again to 2 s; by default it would reach 30 s.
const LIMIT: Duration = Duration::from_secs(10);

/// The instances, of which one is locked while it is restarted.
struct Fleet {
    instances: Vec<RwLock<Service>>,
    upstreams: [Upstream; 2],
    /// The number of changes that have been served.
    served: AtomicUsize,
}

impl Fleet {
    async fn new() -> Self {
        let first = Service::start(&Authority::new()).await;
        let mut all = vec![first.another().await, first.another().await];
        all.push(first);
        Self {
            instances: all.into_iter().map(RwLock::new).collect(),
            upstreams: [
                Upstream::plain("first").await,
                Upstream::plain("second").await,
            ],
            served: AtomicUsize::new(0),
        }
    }

    /// Starts an Envoy that knows one address for all instances.
    async fn envoy(&self) -> (Balancer, Proxy) {
        let mut addresses = Vec::new();
        for instance in &self.instances {
            addresses.push(instance.read().await.ads);
        }
        let service = self.instances[0].read().await;
        let balancer = Balancer::start(addresses).await;
        let site = Site::new(Program::Envoy);
        let port = |port: u16| format!("port_value: {port}}}");
        let (own, shared) = (port(service.ads.port()), port(balancer.address.port()));
        let bootstrap = service.bootstrap(&site).await;
        assert_eq!(bootstrap.matches(&own).count(), 1, "{bootstrap}");
        let proxy = service.start_proxy(site, &bootstrap.replace(&own, &shared));
        (balancer, proxy)
    }

    /// Moves the traffic to the other upstream and to a new URL, by an instance that runs, and
    /// returns the time until the proxy does so.
    async fn change(&self, number: usize, ask: &Ask) -> Duration {
        let is_second = number % 2 == 1;
        let version = if is_second { "v2" } else { "v1" };
        let url = self.upstreams[usize::from(is_second)].url(&format!("/{number}"));
        let weights = split(u32::from(!is_second), u32::from(is_second));
        let changes = [
            route(SERVICE, version, &url, true),
            policy(SERVICE, &weights),
        ];
        let mut instances = self.instances.iter().cycle().skip(number);
        let running = instances.find_map(|instance| instance.try_read().ok());
        let running = running.expect("two instances run");
        let began = Instant::now();
        running.change(&changes).await;
        drop(running);
        let target = format!("/{number}/x");
        eventually(&format!("change {number} is served"), async || {
            let echo = ask.send().await.ok()?.echo()?;
            (echo.target == target).then_some(())
        })
        .await;
        self.served.fetch_add(1, Ordering::SeqCst);
        began.elapsed()
    }

    /// Restarts each instance once.
    async fn roll(&self) {
        for instance in &self.instances {
            let mut instance = instance.write().await;
            instance.stop().await;
            instance.run().await;
            drop(instance);
            let from = self.served.load(Ordering::SeqCst);
            eventually("changes are served after a restart", async || {
                (self.served.load(Ordering::SeqCst) >= from + BETWEEN).then_some(())
            })
            .await;
        }
    }

    /// Makes changes, each once the last is served, until the restarts are over. Returns how long
    /// each took.
    async fn changes_during_the_restarts(&self, first: usize, ask: &Ask) -> Vec<Duration> {
        let (mut took, mut restarts) = (Vec::new(), Box::pin(self.roll()));
        let mut is_over = false;
        while !is_over {
            let mut change = Box::pin(self.change(first + took.len(), ask));
            tokio::select! {
                served = &mut change => took.push(served),
                () = &mut restarts => {
                    is_over = true;
                    took.push(change.await);
                }
            }
        }
        took
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_loses_no_request_and_no_change() {
    let fleet = Fleet::new().await;
    let others = [route(SERVICE, "v2", &fleet.upstreams[1].url("/0"), true)];
    fleet.instances[0].read().await.change(&others).await;
    let (balancer, envoy) = fleet.envoy().await;
    let ask = envoy.get("/x").host(HOST);
    fleet.change(0, &ask).await;
    let loads = [Connections::Fresh, Connections::Kept].map(|kind| {
        let ask = ask.clone();
        Load::start(2, kind, move |_| ask.clone())
    });

    let mut took = fleet.changes_during_the_restarts(1, &ask).await;

    let mut requests = 0;
    for load in loads {
        let counts = load.stop().await;
        nothing_was_lost(Program::Envoy, &counts);
        requests += counts.requests();
    }
    took.sort_unstable();
    let (median, max) = (took[took.len() / 2], took[took.len() - 1]);
    println!(
        "rolling restart: {} changes served, median {median:?}, max {max:?}; {requests} requests, none failed",
        took.len()
    );
    assert!(
        balancer.forwarded() > INSTANCES,
        "each restart moved the stream: {} connections",
        balancer.forwarded()
    );
    assert!(max < LIMIT, "a change took {max:?}");
}
