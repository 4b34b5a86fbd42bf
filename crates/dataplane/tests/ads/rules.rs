//! The rules, one by one.

use std::{collections::BTreeMap, sync::Arc};

use traffic_manager_dataplane::{
    ads::{Action, Code, Kind, Limits, Report, Stream, Type},
    envoy::Offer,
};

use crate::client::{Ask, Response, node, offer, reports, responses};

const BOTH: [Kind; 2] = [Kind::Delta, Kind::World];
const WARM: u64 = 15_000;

/// A stream, and what a node says on it.
struct Talk {
    kind: Kind,
    stream: Stream,
    now: u64,
    /// The version of the last response of each type: what a node of the state of the world repeats.
    versions: BTreeMap<Type, String>,
    /// The last offer, which is offered again to a node that has said what it has.
    offered: Option<Arc<Offer>>,
    all: Vec<Action>,
}

impl Talk {
    fn new(kind: Kind) -> Self {
        let stream = Stream::new(kind, Limits::default());
        Self {
            kind,
            stream,
            now: 0,
            versions: BTreeMap::new(),
            offered: None,
            all: Vec::new(),
        }
    }

    fn note(&mut self, actions: Vec<Action>) -> Vec<Response> {
        self.all.extend(actions.clone());
        let sent = responses(self.kind, &actions);
        for r in &sent {
            self.versions.insert(r.resources, r.version.clone());
        }
        sent
    }

    fn ask(&mut self, resources: Type, ask: Ask) -> Vec<Response> {
        let request = ask.encode(self.kind, resources.url());
        let actions = self.stream.on_request(&request, self.now);
        let mut sent = self.note(actions);
        if let (true, Some(offer)) = (self.stream.needs_offer(), self.offered.clone()) {
            sent.extend(self.offer(&offer));
        }
        sent
    }

    fn offer(&mut self, offer: &Arc<Offer>) -> Vec<Response> {
        self.offered = Some(offer.clone());
        let actions = self.stream.on_offer(Arc::clone(offer), self.now);
        self.note(actions)
    }

    fn wait(&mut self, ms: u64) -> Vec<Response> {
        self.now += ms;
        let actions = self.stream.on_tick(self.now);
        self.note(actions)
    }

    fn names(&self, resources: Type) -> Vec<String> {
        let repeats = self.kind == Kind::World && resources == Type::Routes;
        if repeats {
            vec!["tm".to_owned()]
        } else {
            Vec::new()
        }
    }

    fn ack(&mut self, response: &Response) -> Vec<Response> {
        let (nonce, version) = (response.nonce.clone(), response.version.clone());
        let names = self.names(response.resources);
        self.ask(
            response.resources,
            Ask {
                nonce,
                version,
                names,
                ..Ask::default()
            },
        )
    }

    fn nack(&mut self, response: &Response, why: &str) -> Vec<Response> {
        let (nonce, error) = (response.nonce.clone(), Some(why.to_owned()));
        let names = self.names(response.resources);
        self.ask(
            response.resources,
            Ask {
                nonce,
                error,
                names,
                ..Ask::default()
            },
        )
    }

    /// A fresh node that has come to have this offer.
    fn settled(kind: Kind, first: &Arc<Offer>) -> Self {
        let mut talk = Self::new(kind);
        assert_eq!(talk.offer(first), []);
        let clusters = one(talk.ask(Type::Clusters, Ask::first()));
        assert_eq!(clusters.resources, Type::Clusters);
        assert_eq!(talk.ack(&clusters), []);
        let routes = one(talk.ask(Type::Routes, Ask::default().names(&["tm"])));
        assert_eq!(routes.resources, Type::Routes);
        assert_eq!(talk.ack(&routes), []);
        assert_eq!(talk.reports().last(), Some(&ack(&first.version)));
        talk
    }

    /// Returns the versions of the offers whose routes are used, as reported since the last
    /// [`Self::reports`].
    fn taken(&self) -> Vec<&str> {
        let taken = self.all.iter().filter_map(|action| match action {
            Action::Report(Report::Taken { version }) => Some(version.as_str()),
            _ => None,
        });
        taken.collect()
    }

    /// Takes the reports since the last call.
    fn reports(&mut self) -> Vec<Report> {
        reports(&std::mem::take(&mut self.all))
    }
}

fn one(mut sent: Vec<Response>) -> Response {
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent.remove(0)
}

fn ack(version: &str) -> Report {
    Report::Ack {
        version: version.to_owned(),
        routes: true,
    }
}

fn nack(version: &str, resources: Type, reason: &str) -> Report {
    Report::Nack {
        version: version.to_owned(),
        resources,
        reason: reason.to_owned(),
    }
}

fn first() -> Arc<Offer> {
    offer("1", &[("a", "1"), ("b", "1")], &["a", "b"])
}

fn second() -> Arc<Offer> {
    offer("2", &[("b", "1"), ("c", "1")], &["b", "c"])
}

#[test]
fn clusters_are_made_before_and_removed_after_the_routes() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        let add = one(talk.offer(&second()));
        let expected: &[&str] = if kind == Kind::Delta {
            &["c"]
        } else {
            &["a", "b", "c"]
        };
        assert_eq!((add.names(), add.removed.len()), (expected.to_vec(), 0));
        assert_eq!(
            talk.wait(WARM - 1),
            [],
            "the ACK of the clusters is awaited"
        );
        let routes = one(talk.ack(&add));
        assert_eq!(routes.added["tm"].1, "b,c");
        assert_eq!(talk.wait(WARM - 1), [], "the ACK of the routes is awaited");
        let remove = one(talk.ack(&routes));
        assert_eq!(remove.resources, Type::Clusters);
        match kind {
            Kind::Delta => assert_eq!(
                (remove.names(), &remove.removed[..]),
                (vec![], &["a".to_owned()][..])
            ),
            Kind::World => assert_eq!(remove.names(), ["b", "c"]),
        }
        assert_eq!(talk.reports(), []);
        assert_eq!(talk.ack(&remove), []);
        assert_eq!(talk.reports(), [ack("2")]);
        assert_eq!(talk.stream.deadline(), None);
    }
}

#[test]
fn routes_that_are_used_are_told_once_even_while_a_cluster_is_not_warm() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        assert_eq!(talk.taken(), Vec::<&str>::new());
        one(talk.offer(&second()));
        let routes = one(talk.wait(WARM));
        assert_eq!(talk.taken(), Vec::<&str>::new());
        let remove = talk.ack(&routes);
        assert_eq!(remove.len(), 1);
        assert_eq!(talk.taken(), ["2"], "{kind:?}");
        talk.nack(&routes, "too late to be an answer");
        assert_eq!(talk.taken(), ["2"]);
    }
}

#[test]
fn clusters_of_a_node_that_takes_its_routes_from_elsewhere_are_told_after_a_while() {
    for kind in BOTH {
        let mut talk = Talk::new(kind);
        assert_eq!(talk.offer(&first()), []);
        let clusters = one(talk.ask(Type::Clusters, Ask::first()));
        assert_eq!(talk.ack(&clusters), []);
        assert_eq!(talk.taken(), Vec::<&str>::new());
        assert!(talk.stream.deadline().is_some());
        assert_eq!(talk.wait(WARM), []);
        assert_eq!(talk.taken(), ["1"], "{kind:?}");
        assert_eq!(talk.stream.deadline(), None);
    }
}

#[test]
fn a_node_says_after_a_reconnect_whose_routes_it_has() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        assert_eq!(talk.stream.said(), None);
        let routes = one({
            let add = one(talk.offer(&second()));
            talk.ack(&add)
        });
        let (version, own) = (routes.version.clone(), routes.added["tm"].0.clone());
        let mut new = Talk::new(kind);
        let has = match kind {
            Kind::Delta => Ask {
                has: [("tm".to_owned(), own)].into(),
                ..Ask::first()
            },
            Kind::World => Ask {
                version,
                ..Ask::first()
            },
        };
        new.ask(Type::Routes, has.names(&["tm"]));
        assert_eq!(new.stream.said(), Some("2"), "{kind:?}");
    }
}

#[test]
fn of_offers_that_come_while_one_is_in_flight_only_the_newest_is_sent() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &offer("1", &[("a", "1")], &["a"]));
        let add = one(talk.offer(&offer("2", &[("a", "1"), ("b", "1")], &["b"])));
        for version in ["3", "4", "5"] {
            assert_eq!(
                talk.offer(&offer(version, &[("a", "1"), (version, "1")], &[version])),
                []
            );
        }
        let routes = one(talk.ack(&add));
        assert_eq!(
            routes.added["tm"].1, "b",
            "what was begun is brought to its end"
        );
        let next = one(talk.ack(&routes));
        assert!(next.names().contains(&"5"), "{next:?}");
        assert!(
            !next.names().contains(&"3") && !next.names().contains(&"4"),
            "{next:?}"
        );
    }
}

#[test]
fn an_offer_that_is_taken_back_while_it_waits_is_not_sent() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        let add = one(talk.offer(&second()));
        assert_eq!(talk.offer(&first()), []);
        assert_eq!(talk.offer(&second()), []);
        let routes = one(talk.ack(&add));
        let remove = one(talk.ack(&routes));
        assert_eq!(talk.ack(&remove), []);
        assert_eq!(talk.reports(), [ack("2")]);
    }
}

#[test]
fn an_offer_that_differs_in_its_version_only_is_acknowledged_without_a_word() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        assert_eq!(
            talk.offer(&offer("1b", &[("a", "1"), ("b", "1")], &["a", "b"])),
            []
        );
        assert_eq!(talk.reports(), [ack("1b")]);
    }
}

#[test]
fn a_stale_nonce_is_no_answer() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        let add = one(talk.offer(&second()));
        let old = Response {
            nonce: "1".to_owned(),
            ..add.clone()
        };
        assert_eq!(talk.ack(&old), []);
        assert_eq!(talk.nack(&old, "old"), []);
        let foreign = Response {
            nonce: "no number".to_owned(),
            ..add.clone()
        };
        assert_eq!(talk.ack(&foreign), []);
        // The nonce of clusters, for routes.
        let crossed = Response {
            resources: Type::Routes,
            ..add.clone()
        };
        assert_eq!(talk.ack(&crossed), []);
        assert_eq!(talk.reports(), []);
        assert_eq!(one(talk.ack(&add)).resources, Type::Routes);
    }
}

#[test]
fn rejected_clusters_keep_the_routes_and_are_not_sent_again_until_the_offer_changes() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        let bad = offer("2", &[("b", "1"), ("bad", "1"), ("c", "1")], &["b"]);
        let add = one(talk.offer(&bad));
        assert_eq!(talk.nack(&add, "bad: no such type"), []);
        assert_eq!(
            talk.reports(),
            [nack("2", Type::Clusters, "bad: no such type")]
        );
        assert_eq!(talk.wait(10 * WARM), []);
        assert_eq!(talk.offer(&bad), []);
        assert_eq!(talk.reports(), []);
        // The same content under another version: the same fate.
        let again = offer("3", &[("b", "1"), ("bad", "1"), ("c", "1")], &["b"]);
        assert_eq!(talk.offer(&again), []);
        assert_eq!(
            talk.reports(),
            [nack("3", Type::Clusters, "bad: no such type")]
        );

        let add = one(talk.offer(&second()));
        assert!(
            add.names().contains(&"c") && !add.names().contains(&"bad"),
            "{add:?}"
        );
        let routes = one(talk.ack(&add));
        let remove = one(talk.ack(&routes));
        if kind == Kind::Delta {
            assert_eq!(remove.removed, ["a", "bad"]);
        }
        assert_eq!(talk.ack(&remove), []);
        assert_eq!(talk.reports(), [ack("2")]);
    }
}

#[test]
fn rejected_routes_keep_the_old_clusters() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        let add = one(talk.offer(&second()));
        let routes = one(talk.ack(&add));
        assert_eq!(talk.nack(&routes, "a domain twice"), []);
        assert_eq!(talk.reports(), [nack("2", Type::Routes, "a domain twice")]);
        assert_eq!(talk.wait(10 * WARM), []);
        assert_eq!(talk.stream.deadline(), None);

        // Back to the first: the node has its routes still, so that nothing is sent but the removal of c.
        let remove = one(talk.offer(&first()));
        assert_eq!(remove.resources, Type::Clusters);
        match kind {
            Kind::Delta => assert_eq!(
                (remove.names(), &remove.removed[..]),
                (vec![], &["c".to_owned()][..])
            ),
            Kind::World => assert_eq!(remove.names(), ["a", "b"]),
        }
        assert_eq!(talk.ack(&remove), []);
        assert_eq!(talk.reports(), [ack("1")]);
    }
}

#[test]
fn a_rejected_removal_is_told_and_tried_again_with_the_next_offer() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        let add = one(talk.offer(&second()));
        let routes = one(talk.ack(&add));
        let remove = one(talk.ack(&routes));
        assert_eq!(talk.nack(&remove, "fewer than minimum_clusters"), []);
        assert_eq!(
            talk.reports(),
            [nack("2", Type::Clusters, "fewer than minimum_clusters")]
        );
        let routes = one(talk.offer(&offer("3", &[("b", "1"), ("c", "1")], &["b"])));
        assert_eq!(routes.resources, Type::Routes);
        let remove = one(talk.ack(&routes));
        if kind == Kind::Delta {
            assert_eq!(remove.removed, ["a"]);
        }
        assert_eq!(talk.ack(&remove), []);
        assert_eq!(talk.reports(), [ack("3")]);
    }
}

#[test]
fn clusters_that_do_not_get_warm_are_waited_for_no_longer_than_the_limit() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        let add = one(talk.offer(&offer("2", &[("b", "1"), ("cold", "1")], &["b", "cold"])));
        assert_eq!(talk.stream.deadline(), Some(WARM));
        assert_eq!(talk.wait(WARM - 1), []);
        let routes = one(talk.wait(1));
        assert_eq!(routes.resources, Type::Routes);
        let late = Report::Late {
            version: "2".to_owned(),
            resources: Type::Clusters,
            names: vec!["cold".to_owned()],
        };
        assert_eq!(talk.reports(), [late]);
        let remove = one(talk.ack(&routes));
        assert_eq!(remove.resources, Type::Clusters);
        // Its ACK is withheld as well. The next offer does not wait for it.
        let next = one(talk.offer(&offer(
            "3",
            &[("b", "1"), ("cold", "1"), ("d", "1")],
            &["b", "d"],
        )));
        assert!(next.names().contains(&"d"));
        assert_eq!(talk.reports(), []);
        // Then it is warm: Envoy answers all that it owes, or the last only.
        if kind == Kind::Delta {
            assert_eq!(talk.ack(&add), []);
            assert_eq!(talk.ack(&remove), []);
        }
        let routes = one(talk.ack(&next));
        assert_eq!(talk.ack(&routes), []);
        assert_eq!(talk.reports(), [ack("3")]);
    }
}

#[test]
fn a_new_node_without_clusters_to_get_is_answered_so_that_it_becomes_ready() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &offer("1", &[], &[]));
        assert_eq!(talk.wait(WARM), []);
        // The last policy goes: an offer without clusters is one too.
        let add = one(talk.offer(&first()));
        let routes = one(talk.ack(&add));
        assert_eq!(talk.ack(&routes), []);
        let routes = one(talk.offer(&offer("3", &[], &[])));
        assert_eq!(routes.resources, Type::Routes);
        let remove = one(talk.ack(&routes));
        assert_eq!(remove.names(), [""; 0]);
    }
}

#[test]
fn a_node_that_comes_back_over_delta_gets_the_difference_only() {
    let mut talk = Talk::new(Kind::Delta);
    talk.offer(&offer(
        "2",
        &[("b", "2"), ("c", "1"), ("d", "1")],
        &["b", "c"],
    ));
    let ask = Ask::first().has(&[("a", "1"), ("b", "1"), ("c", "1")]);
    let add = one(talk.ask(Type::Clusters, ask));
    assert_eq!((add.names(), add.removed.len()), (vec!["b", "d"], 0));
    assert_eq!(
        talk.ask(
            Type::Routes,
            Ask::default().names(&["tm"]).has(&[("tm", "a,b")])
        ),
        []
    );
    let routes = one(talk.ack(&add));
    let remove = one(talk.ack(&routes));
    assert_eq!(
        (remove.names(), &remove.removed[..]),
        (vec![], &["a".to_owned()][..])
    );

    let mut talk = Talk::new(Kind::Delta);
    talk.offer(&first());
    assert_eq!(
        talk.ask(Type::Clusters, Ask::first().has(&[("a", "1"), ("b", "1")])),
        []
    );
    assert_eq!(
        talk.ask(
            Type::Routes,
            Ask::default().names(&["tm"]).has(&[("tm", "a,b")])
        ),
        []
    );
    assert_eq!(
        talk.reports().last(),
        Some(&ack("1")),
        "silence is an answer"
    );
}

#[test]
fn a_node_that_never_asks_for_clusters_is_waited_for_once() {
    for kind in BOTH {
        let mut talk = Talk::new(kind);
        talk.offer(&second());
        let ask = Ask {
            version: "1/x".to_owned(),
            ..Ask::first()
        };
        let ask = ask.names(&["tm"]).has(&[("tm", "a,b")]);
        assert_eq!(talk.ask(Type::Routes, ask), []);
        assert_eq!(talk.stream.deadline(), Some(WARM));
        let routes = one(talk.wait(WARM));
        assert_eq!(talk.ack(&routes), []);
        assert_eq!(talk.stream.deadline(), None);
    }
}

#[test]
fn a_node_that_says_what_it_has_gets_no_routes_of_an_offer_made_before() {
    let has = [("a", "1"), ("b", "1"), ("c", "1")];
    let mut talk = Talk::new(Kind::Delta);
    // The offer is that of an instance that is behind: the node has the second already.
    talk.offer(&first());
    assert_eq!(talk.ask(Type::Clusters, Ask::first().has(&has)), []);
    talk.offered = None;
    let routes = Ask {
        has: BTreeMap::from([("tm".to_owned(), "2/v-b,c".to_owned())]),
        ..Ask::default().names(&["tm"])
    };
    assert_eq!(talk.ask(Type::Routes, routes), []);
    assert!(talk.stream.needs_offer());
    assert_eq!(talk.stream.deadline(), None);
    assert_eq!(talk.wait(10 * WARM), []);
    assert_eq!(talk.stream.said(), Some("2"));
    let remove = one(talk.offer(&second()));
    assert_eq!(
        (remove.names(), &remove.removed[..]),
        (vec![], &["a".to_owned()][..])
    );
    assert!(!talk.stream.needs_offer());
}

#[test]
fn a_node_that_comes_back_with_clusters_to_lose_keeps_them_until_its_routes_have_changed() {
    let mut talk = Talk::new(Kind::Delta);
    talk.offer(&second());
    // All new clusters are there already; the routes' request has not come yet.
    let has = [("a", "1"), ("b", "1"), ("c", "1")];
    assert_eq!(talk.ask(Type::Clusters, Ask::first().has(&has)), []);
    let routes = one(talk.ask(
        Type::Routes,
        Ask::default().names(&["tm"]).has(&[("tm", "a,b")]),
    ));
    assert_eq!(one(talk.ack(&routes)).removed, ["a"]);
}

#[test]
fn a_node_that_comes_back_while_clusters_warm_gets_its_routes_after_them() {
    for kind in BOTH {
        let mut talk = Talk::new(kind);
        talk.offer(&second());
        let routes = Ask {
            version: "1/x".to_owned(),
            ..Ask::first()
        };
        let routes = routes.names(&["tm"]).has(&[("tm", "a,b")]);
        assert_eq!(
            talk.ask(Type::Routes, routes),
            [],
            "Envoy withholds the clusters' request"
        );
        assert_eq!(talk.stream.deadline(), Some(WARM));
        talk.now = 1_000;
        let has = [("a", "1"), ("b", "1")];
        let ask = Ask {
            version: "1/x".to_owned(),
            ..Ask::default()
        }
        .has(&has);
        let add = one(talk.ask(Type::Clusters, ask));
        assert_eq!(add.resources, Type::Clusters);
        assert_eq!(one(talk.ack(&add)).resources, Type::Routes);
    }
}

#[test]
fn a_node_that_comes_back_over_the_state_of_the_world_is_known_by_its_version() {
    let mut talk = Talk::settled(Kind::World, &first());
    let versions = std::mem::take(&mut talk.versions);
    let back = |resources: Type| Ask {
        version: versions[&resources].clone(),
        ..Ask::first()
    };

    let mut talk = Talk::new(Kind::World);
    talk.offer(&offer("1b", &[("a", "1"), ("b", "1")], &["a", "b"]));
    assert_eq!(talk.ask(Type::Clusters, back(Type::Clusters)), []);
    assert_eq!(
        talk.ask(Type::Routes, back(Type::Routes).names(&["tm"])),
        []
    );
    assert_eq!(talk.reports().last(), Some(&ack("1b")));

    // A server that remembers what it offered keeps the clusters.
    let mut talk = Talk::new(Kind::World);
    talk.stream
        .remember(vec![offer("0", &[("z", "1")], &["z"]), first()]);
    talk.offer(&second());
    let add = one(talk.ask(Type::Clusters, back(Type::Clusters)));
    assert_eq!(add.names(), ["a", "b", "c"]);
    assert_eq!(
        talk.ask(Type::Routes, back(Type::Routes).names(&["tm"])),
        []
    );
    let routes = one(talk.ack(&add));
    assert_eq!(one(talk.ack(&routes)).names(), ["b", "c"]);

    // A version that is none of these: all that it may have is kept.
    let mut talk = Talk::new(Kind::World);
    talk.stream
        .remember(vec![offer("0", &[("z", "1")], &["z"]), first()]);
    talk.offer(&second());
    let ask = Ask {
        version: "7/?".to_owned(),
        ..Ask::first()
    };
    assert_eq!(
        one(talk.ask(Type::Clusters, ask)).names(),
        ["a", "b", "c", "z"]
    );
}

#[test]
fn clusters_that_are_kept_on_a_guess_and_rejected_do_not_block_the_node_for_ever() {
    let mut talk = Talk::new(Kind::World);
    talk.stream.remember(vec![offer("0", &[("bad", "1")], &[])]);
    talk.offer(&first());
    let ask = Ask {
        version: "7/?".to_owned(),
        ..Ask::first()
    };
    let add = one(talk.ask(Type::Clusters, ask));
    assert_eq!(add.names(), ["a", "b", "bad"]);
    assert_eq!(talk.nack(&add, "bad: no such type"), []);
    let add = one(talk.offer(&second()));
    assert!(!add.names().contains(&"bad"), "{add:?}");
}

#[test]
fn a_node_with_clusters_only_gets_them_and_keeps_the_old_ones_for_a_while() {
    for kind in BOTH {
        let mut talk = Talk::new(kind);
        talk.offer(&first());
        let add = one(talk.ask(Type::Clusters, Ask::first()));
        assert_eq!(talk.ack(&add), []);
        let clusters_only = |v: &str| Report::Ack {
            version: v.to_owned(),
            routes: false,
        };
        assert_eq!(talk.reports(), [clusters_only("1")]);
        let add = one(talk.offer(&second()));
        assert_eq!(talk.ack(&add), []);
        assert_eq!(talk.reports(), [clusters_only("2")]);
        assert_eq!(talk.stream.deadline(), Some(WARM));
        let remove = one(talk.wait(WARM));
        if kind == Kind::Delta {
            assert_eq!(remove.removed, ["a"]);
        } else {
            assert_eq!(remove.names(), ["b", "c"]);
        }
    }
}

#[test]
fn a_new_node_with_routes_only_gets_them_at_once() {
    for kind in BOTH {
        let mut talk = Talk::new(kind);
        let routes = Ask::first().names(&["tm"]);
        assert_eq!(talk.ask(Type::Routes, routes), [], "there is no offer");
        let routes = one(talk.offer(&first()));
        assert_eq!(talk.ack(&routes), []);
        assert_eq!(talk.reports(), [ack("1")]);
        assert_eq!(one(talk.offer(&second())).resources, Type::Routes);
    }
}

#[test]
fn a_route_configuration_that_does_not_exist_is_told_to_the_caller_and_not_to_the_node() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        let nonce = "2".to_owned();
        let ask = Ask {
            nonce,
            ..Ask::default()
        }
        .names(&["tm", "typo"]);
        for again in talk.ask(Type::Routes, ask) {
            assert_eq!(talk.ack(&again), []);
        }
        let missing = Report::Missing {
            name: "typo".to_owned(),
        };
        assert_eq!(talk.reports().first(), Some(&missing));
        // An offer without routes must not cost the node its clusters: its routes still name them.
        let none = Arc::new(Offer {
            routes: BTreeMap::new(),
            ..(*second()).clone()
        });
        let add = one(talk.offer(&none));
        assert_eq!(talk.ack(&add), []);
        assert_eq!(talk.wait(10 * WARM), []);
    }
}

#[test]
fn clusters_by_name_are_sent_by_name_and_those_that_do_not_exist_are_said_to_be_removed() {
    let mut talk = Talk::new(Kind::Delta);
    talk.offer(&first());
    let add = one(talk.ask(Type::Clusters, Ask::first().names(&["b", "x"])));
    assert_eq!(add.names(), ["b"]);
    assert_eq!(talk.ack(&add), []);
    let routes = one(talk.ask(Type::Routes, Ask::default().names(&["tm"])));
    let remove = one(talk.ack(&routes));
    assert_eq!(
        (remove.names(), &remove.removed[..]),
        (vec![], &["x".to_owned()][..])
    );
    assert_eq!(talk.ack(&remove), []);

    // Asked for again: sent again. Then let go: nothing of it any longer.
    let add = one(talk.ask(Type::Clusters, Ask::default().names(&["b", "a"])));
    assert_eq!(add.names(), ["a", "b"]);
    assert_eq!(talk.ack(&add), []);
    let drop = Ask {
        drop: vec!["a".to_owned()],
        ..Ask::default()
    };
    assert_eq!(talk.ask(Type::Clusters, drop), []);
    let changed = one(talk.offer(&offer("2", &[("a", "2"), ("b", "2")], &["a", "b"])));
    assert_eq!(changed.names(), ["b"]);
}

#[test]
fn names_that_the_state_of_the_world_adds_are_sent_and_those_it_drops_are_not() {
    let mut talk = Talk::new(Kind::World);
    talk.offer(&first());
    let add = one(talk.ask(Type::Clusters, Ask::first().names(&["a"])));
    assert_eq!(add.names(), ["a"]);
    let (nonce, version) = (add.nonce, add.version);
    let more = Ask {
        nonce,
        version,
        ..Ask::default()
    }
    .names(&["a", "b"]);
    let add = one(talk.ask(Type::Clusters, more));
    assert_eq!(add.names(), ["a", "b"]);
    let (nonce, version) = (add.nonce, add.version);
    assert_eq!(
        talk.ask(
            Type::Clusters,
            Ask {
                nonce,
                version,
                ..Ask::default()
            }
            .names(&["b"])
        ),
        []
    );
    let changed = one(talk.offer(&offer("2", &[("a", "2"), ("b", "2")], &["b"])));
    assert_eq!(changed.names(), ["b"]);
}

#[test]
fn a_star_and_an_empty_list_both_mean_all_clusters() {
    for kind in BOTH {
        for names in [&["*"][..], &[]] {
            let mut talk = Talk::new(kind);
            talk.offer(&first());
            assert_eq!(
                one(talk.ask(Type::Clusters, Ask::first().names(names))).names(),
                ["a", "b"]
            );
        }
    }
    let mut talk = Talk::new(Kind::Delta);
    talk.offer(&first());
    let add = one(talk.ask(Type::Clusters, Ask::first()));
    let drop = Ask {
        drop: vec!["*".to_owned()],
        nonce: add.nonce,
        ..Ask::default()
    };
    assert_eq!(talk.ask(Type::Clusters, drop), []);
    assert_eq!(talk.offer(&second()), [], "no cluster is wanted any longer");
}

#[test]
fn other_types_get_no_answer_and_are_told_once() {
    for kind in BOTH {
        let mut talk = Talk::settled(kind, &first());
        let listeners = "type.googleapis.com/envoy.config.listener.v3.Listener";
        for _ in 0..2 {
            let ask = Ask::default().encode(kind, listeners);
            let actions = talk.stream.on_request(&ask, 0);
            talk.note(actions);
        }
        assert_eq!(talk.all.len(), 1);
        assert_eq!(
            talk.reports(),
            [Report::Foreign {
                type_url: listeners.to_owned()
            }]
        );
        assert_eq!(
            one(talk.offer(&second())).resources,
            Type::Clusters,
            "the stream goes on"
        );
    }
}

#[test]
fn a_node_below_the_floor_is_told_nothing() {
    for kind in BOTH {
        let unknown = {
            let mut n = node(0);
            n.user_agent_build_version = None;
            n
        };
        for old in [node(36), unknown] {
            let mut talk = Talk::new(kind);
            talk.offer(&first());
            let ask = Ask {
                node: Some(old),
                ..Ask::first()
            };
            assert_eq!(talk.ask(Type::Clusters, ask), []);
            assert!(matches!(&talk.reports()[..], [Report::TooOld(_)]));
            talk.ask(Type::Routes, Ask::default().names(&["tm"]));
            talk.offer(&second());
            talk.wait(10 * WARM);
            assert_eq!(talk.all, [], "neither an answer nor an end");
        }
        let mut talk = Talk::new(kind);
        talk.offer(&first());
        assert_eq!(
            talk.ask(
                Type::Clusters,
                Ask {
                    node: Some(node(37)),
                    ..Ask::first()
                }
            )
            .len(),
            1
        );
    }
}

#[test]
fn what_is_sent_for_an_offer_does_not_depend_on_anything_else() {
    for kind in BOTH {
        let sent = || {
            let mut stream = Stream::new(kind, Limits::default());
            let mut all = stream.on_offer(first(), 0);
            all.extend(stream.on_request(&Ask::first().encode(kind, Type::Clusters.url()), 5));
            all
        };
        assert_eq!(sent(), sent());
    }
}

#[test]
fn a_reason_is_shortened_and_codes_are_those_of_grpc() {
    let mut talk = Talk::settled(Kind::Delta, &first());
    let add = one(talk.offer(&second()));
    talk.nack(&add, &"ä".repeat(10_000));
    let reports = talk.reports();
    assert!(
        matches!(&reports[..], [Report::Nack { reason, .. }] if reason.len() == 4_096),
        "{reports:?}"
    );
    assert_eq!(
        [Code::InvalidArgument as u8, Code::ResourceExhausted as u8],
        [3, 8]
    );
}
