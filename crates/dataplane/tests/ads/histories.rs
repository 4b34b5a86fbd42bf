//! A simulated Envoy is driven through random histories.

use std::{collections::VecDeque, sync::Arc};

use proptest::prelude::*;
use traffic_manager_dataplane::{
    ads::{Action, Kind, Limits, Report, Stream},
    envoy::Offer,
};

use crate::{
    client::{Response, offer},
    envoy::{BAD, Envoy},
};

#[derive(Debug, Clone)]
enum Event {
    /// A new offer: clusters and routes from these bits; what is bad in it.
    Offer {
        clusters: u8,
        routes: u8,
        content: u8,
        bad: Bad,
    },
    /// The node's oldest message on the way reaches the server.
    ToServer,
    /// The server's oldest response on the way reaches the node, whose new clusters warm for so long.
    ToNode {
        warms: u64,
    },
    Time {
        ms: u64,
    },
    /// The stream breaks, and the node connects again.
    Break,
    /// The node is started anew, with nothing.
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bad {
    Nothing,
    Cluster,
    Routes,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let bad = prop_oneof![8 => Just(Bad::Nothing), 1 => Just(Bad::Cluster), 1 => Just(Bad::Routes)];
    let offers = (any::<u8>(), any::<u8>(), 0u8..2, bad);
    let event = prop_oneof![
        4 => offers.prop_map(|(clusters, routes, content, bad)| Event::Offer { clusters, routes, content, bad }),
        12 => Just(Event::ToServer),
        12 => prop_oneof![3 => Just(0u64), 1 => 1u64..5_000].prop_map(|warms| Event::ToNode { warms }),
        8 => (1u64..4_000).prop_map(|ms| Event::Time { ms }),
        1 => Just(Event::Break),
        1 => Just(Event::Restart),
    ];
    prop::collection::vec(event, 1..120)
}

struct World {
    kind: Kind,
    stream: Stream,
    node: Envoy,
    to_server: VecDeque<Vec<u8>>,
    to_node: VecDeque<Response>,
    now: u64,
    offers: Vec<Arc<Offer>>,
    /// Offers whose clusters are good.
    good: Vec<Arc<Offer>>,
    acked: Option<String>,
}

impl World {
    fn new(kind: Kind) -> Self {
        let mut new = Self {
            kind,
            stream: Stream::new(kind, Limits::default()),
            node: Envoy::new(kind),
            to_server: VecDeque::new(),
            to_node: VecDeque::new(),
            now: 0,
            offers: Vec::new(),
            good: Vec::new(),
            acked: None,
        };
        new.node_speaks();
        new
    }

    fn node_speaks(&mut self) {
        self.node.now = self.now;
        self.to_server.extend(self.node.says());
    }

    fn act(&mut self, actions: Vec<Action>) -> Result<(), String> {
        let mut sent = 0;
        for action in actions {
            match action {
                Action::Send(bytes) => {
                    sent += 1;
                    self.to_node.push_back(Response::read(self.kind, &bytes));
                }
                Action::Report(Report::Ack {
                    version,
                    routes: true,
                }) => self.acked = Some(version),
                Action::Report(Report::Late { .. }) | Action::End(..) => {
                    return Err(format!("{action:?}"));
                }
                Action::Report(_) => {}
            }
        }
        if sent > 1 || (sent > 0 && self.to_node.len() > 1) {
            return Err(format!("{} responses are in flight", self.to_node.len()));
        }
        Ok(())
    }

    fn connect(&mut self) {
        self.to_server.clear();
        self.to_node.clear();
        self.acked = None;
        self.stream = Stream::new(self.kind, Limits::default());
        self.stream.remember(self.good.clone());
        if let Some(newest) = self.offers.last() {
            // Nothing can be sent before the node has asked.
            assert_eq!(self.stream.on_offer(Arc::clone(newest), self.now), []);
        }
        self.node.connect();
        self.node_speaks();
    }

    fn offer(&mut self, clusters: u8, routes: u8, content: u8, bad: Bad) -> Result<(), String> {
        let version = (self.offers.len() + 1).to_string();
        // Seven clusters whose content never changes, and one whose content does.
        let names: Vec<String> = (0..7)
            .filter(|i| clusters & (1 << i) != 0)
            .map(|i| format!("c{i}"))
            .collect();
        let mut all: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "1")).collect();
        // Not with a bad one: what a node took of a rejected response it does not tell after a reconnect.
        if clusters & 128 != 0 && bad != Bad::Cluster {
            all.push(("m", if content == 0 { "1" } else { "2" }));
        }
        let mut used: Vec<&str> = all
            .iter()
            .map(|c| c.0)
            .enumerate()
            .filter(|(i, _)| routes & (1 << i) != 0)
            .map(|c| c.1)
            .collect();
        match bad {
            Bad::Cluster => all.push(("x", BAD)),
            Bad::Routes => used.push(BAD),
            Bad::Nothing => {}
        }
        let offer = offer(&version, &all, &used);
        self.offers.push(Arc::clone(&offer));
        if bad != Bad::Cluster {
            self.good.push(Arc::clone(&offer));
        }
        let actions = self.stream.on_offer(offer, self.now);
        self.act(actions)
    }

    fn step(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Offer {
                clusters,
                routes,
                content,
                bad,
            } => self.offer(*clusters, *routes, *content, *bad)?,
            Event::ToServer => {
                if let Some(message) = self.to_server.pop_front() {
                    let actions = self.stream.on_request(&message, self.now);
                    self.act(actions)?;
                    if let (true, Some(newest)) = (self.stream.needs_offer(), self.offers.last()) {
                        let actions = self.stream.on_offer(Arc::clone(newest), self.now);
                        self.act(actions)?;
                    }
                }
            }
            Event::ToNode { warms } => {
                if let Some(response) = self.to_node.pop_front() {
                    let answers = self.node.take(response, *warms)?;
                    self.to_server.extend(answers);
                    self.node_speaks();
                }
            }
            Event::Time { ms } => {
                // Nothing stays on its way for long: lateness is another test.
                let due = self.to_node.is_empty() && self.to_server.is_empty();
                self.now += if due { *ms } else { 1 };
                self.node_speaks();
                let actions = self.stream.on_tick(self.now);
                self.act(actions)?;
                let due = self.stream.deadline();
                if due.is_some_and(|due| due <= self.now) {
                    return Err(format!("due at {due:?}, and it is {} already", self.now));
                }
            }
            Event::Break => self.connect(),
            Event::Restart => {
                self.node = Envoy::new(self.kind);
                self.connect();
            }
        }
        self.node.check()
    }

    /// Lets everything happen that is under way.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..200 {
            self.step(&Event::ToServer)?;
            self.step(&Event::ToNode { warms: 500 })?;
            self.step(&Event::Time { ms: 250 })?;
        }
        Ok(())
    }
}

fn run(kind: Kind, events: &[Event]) -> Result<(), String> {
    let mut world = World::new(kind);
    for event in events {
        world.step(event)?;
    }
    world.offer(0b1010_1010, 0b0111, 1, Bad::Nothing)?;
    world.settle()?;
    let newest = world.offers.last().cloned().ok_or("no offer")?;
    if world.acked.as_ref() != Some(&newest.version) {
        return Err(format!(
            "acknowledged is {:?}, not {}",
            world.acked, newest.version
        ));
    }
    // Over delta the version of routes begins with that of their offer.
    let routes = world.node.routes();
    let routes = routes.and_then(|version| version.rsplit('/').next());
    if routes != Some(newest.routes["tm"].version.as_str()) {
        return Err(format!("the routes are {:?}", world.node.routes()));
    }
    let wanted = newest
        .clusters
        .values()
        .map(|r| (r.name.to_string(), r.version.clone()))
        .collect();
    let mut active = world.node.active();
    if world.node.lost {
        // What was taken of a rejected response before a reconnect is not told to anybody.
        active.retain(|name, _| newest.clusters.contains_key(name.as_str()));
    }
    if active != wanted {
        return Err(format!("the clusters are {active:?}"));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn routes_never_name_a_cluster_that_is_not_warm_and_the_newest_offer_wins(events in events()) {
        for kind in [Kind::Delta, Kind::World] {
            if let Err(why) = run(kind, &events) {
                return Err(TestCaseError::fail(format!("{kind:?}: {why}")));
            }
        }
    }
}

#[test]
fn the_simulated_node_notices_routes_that_come_too_early_and_resources_that_did_not_change() {
    let response = |resources, added: &[(&str, &str)]| Response {
        resources,
        version: "1".to_owned(),
        nonce: "1".to_owned(),
        added: added
            .iter()
            .map(|(n, c)| ((*n).to_owned(), (format!("v-{c}"), (*c).to_owned())))
            .collect(),
        removed: Vec::new(),
    };
    use traffic_manager_dataplane::ads::Type;
    let mut node = Envoy::new(Kind::Delta);
    let asks = node.says();
    assert_eq!(asks.len(), 1);
    assert_eq!(
        node.take(response(Type::Clusters, &[("a", "1")]), 100)
            .unwrap(),
        Vec::<Vec<u8>>::new(),
        "withheld"
    );
    node.take(response(Type::Routes, &[("tm", "a")]), 0)
        .unwrap();
    assert!(node.check().unwrap_err().contains("name a"));
    node.now = 100;
    assert_eq!(node.says().len(), 2, "the ACK, and the request for routes");
    node.check().unwrap();
    assert!(
        node.take(response(Type::Clusters, &[("a", "1")]), 0)
            .unwrap_err()
            .contains("again")
    );
}
