//! The search for policies that an Envoy refuses, with a node that refuses some forms.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use traffic_manager_dataplane::{
    Settings,
    ads::search::{Composition, Doubt, Doubts, Finding, Past, Search},
    envoy::{Form, Former, Forms, PolicyKey, compose},
};

use crate::samples::{model, policy};

/// The contents of the services `s0`, `s1` and so on; 0: there is none.
type Contents = Vec<u8>;

/// A content that the node refuses.
const BAD: u8 = 7;

fn forms(contents: &Contents) -> Arc<Forms> {
    let names: Vec<_> = (0..contents.len()).map(|at| format!("s{at}")).collect();
    let urls: Vec<_> = contents
        .iter()
        .map(|content| format!("http://10.0.0.1/{content}"))
        .collect();
    let there = || contents.iter().enumerate().filter(|(_, one)| **one > 0);
    let versions: Vec<_> = there()
        .map(|(at, _)| (names[at].as_str(), "v1", urls[at].as_str()))
        .collect();
    let policies: Vec<_> = there()
        .map(|(at, _)| {
            let host = format!("{}.example.org", names[at]);
            let spec = policy(&[&host], &[("v1", 1)], json!({}));
            (names[at].as_str(), spec)
        })
        .collect();
    let mut forms = Former::new(Settings::default()).forms(&model(&versions, &policies));
    forms.version = format!("{contents:?}");
    Arc::new(forms)
}

fn content(form: &Form) -> u8 {
    let base = &form.policy.upstreams[0].base;
    base.trim_start_matches('/').parse().unwrap()
}

/// A node, and what it uses.
struct Node {
    search: Search,
    /// The content of each policy; `None`: it has no routes.
    uses: BTreeMap<PolicyKey, Option<u8>>,
    offered: Option<String>,
    trials: usize,
    findings: Vec<Finding>,
    /// The contents that it refuses.
    refuses: Vec<u8>,
}

impl Node {
    fn new() -> Self {
        Self {
            search: Search::default(),
            uses: BTreeMap::new(),
            offered: None,
            trials: 0,
            findings: Vec::new(),
            refuses: vec![BAD],
        }
    }

    /// Offers compositions until there is none that is new.
    fn settle(&mut self, past: Option<&Arc<Forms>>) {
        while let Some(next) = self.search.composition() {
            let version = next.version();
            if self.offered.as_ref() == Some(&version) {
                return;
            }
            self.offered = Some(version.clone());
            self.trials += 1;
            assert!(self.trials < 400, "the search does not end");
            let found = self.answer(&next, &version, past);
            self.findings.extend(found);
        }
    }

    fn answer(
        &mut self,
        next: &Composition,
        version: &str,
        past: Option<&Arc<Forms>>,
    ) -> Vec<Finding> {
        let of = |form: &Arc<Form>| {
            let content = (!form.is_empty()).then(|| content(form));
            (form.key.clone(), content)
        };
        let new: BTreeMap<_, _> = next.forms().iter().map(of).collect();
        let is_refused =
            |content: &Option<u8>| content.is_some_and(|one| self.refuses.contains(&one));
        if !new.values().any(is_refused) {
            self.uses = new;
            return self.search.taken(version);
        }
        let mut found = self.search.refused(version, "no");
        if matches!(found.as_slice(), [Finding::PastNeeded]) {
            let past = past.map(|forms| {
                let tenants = forms.all.iter().map(|form| form.key.tenant.clone());
                Arc::new(Past {
                    tenants: tenants.chain(["acme".parse().unwrap()]).collect(),
                    forms: forms.clone(),
                })
            });
            found = self.search.remember(past);
        }
        found
    }

    fn contents(&self, services: usize) -> Vec<Option<u8>> {
        let of = |at| {
            let service = format!("s{at}");
            let found = self
                .uses
                .iter()
                .find(|(key, _)| key.name.service.as_str() == service);
            found.and_then(|(_, content)| *content)
        };
        (0..services).map(of).collect()
    }

    fn refused(&self) -> BTreeSet<String> {
        let of = |finding: &Finding| match finding {
            Finding::Refused { form, .. } => Some(form.key.name.service.to_string()),
            _ => None,
        };
        self.findings.iter().filter_map(of).collect()
    }
}

#[test]
fn one_bad_policy_of_a_thousand_is_found_in_few_trials_and_the_others_move_on() {
    let mut contents = vec![1; 1000];
    let mut node = Node::new();
    node.search.offer(forms(&contents));
    node.settle(None);
    assert_eq!(node.trials, 1);

    contents.fill(2);
    contents[617] = BAD;
    node.search.offer(forms(&contents));
    node.settle(None);
    assert!(node.trials <= 24, "{}", node.trials);
    let uses = node.contents(1000);
    assert_eq!(uses[617], Some(1));
    assert_eq!(uses.iter().filter(|one| **one == Some(2)).count(), 999);
    assert_eq!(node.refused(), BTreeSet::from(["s617".to_owned()]));

    // Repaired: released by itself, with one trial.
    contents[617] = 3;
    let before = node.trials;
    node.search.offer(forms(&contents));
    node.settle(None);
    assert_eq!(node.trials, before + 1);
    assert_eq!(node.contents(1000)[617], Some(3));
    assert!(matches!(
        node.findings.last(),
        Some(Finding::Released { .. })
    ));
}

#[test]
fn words_that_name_the_policy_save_the_division() {
    let (mut search, contents) = (Search::default(), vec![1, BAD, 1, 1, 1, 1, 1, 1]);
    search.offer(forms(&contents));
    let first = search.composition().unwrap().version();
    assert!(
        search
            .refused(&first, "route acme/s1/prod is wrong")
            .is_empty()
    );
    let second = search.composition().unwrap();
    let absent: Vec<_> = second.forms().iter().map(|form| form.is_empty()).collect();
    assert_eq!(
        absent,
        [false, true, false, false, false, false, false, false]
    );
    search.taken(&second.version());
    let third = search.composition().unwrap().version();
    let found = search.refused(&third, "route acme/s1/prod is wrong");
    assert!(matches!(
        found.as_slice(),
        [Finding::Refused { instead: None, .. }]
    ));
}

#[test]
fn a_new_stream_of_a_node_never_takes_a_route_from_it() {
    let good = forms(&vec![1, 1, 1, 1]);
    let now = forms(&vec![2, BAD, 2, 1]);
    // Nobody knows what the node has: it keeps that.
    let mut node = Node::new();
    node.search.resume();
    node.search.offer(now.clone());
    node.settle(None);
    assert!(matches!(node.findings.as_slice(), [Finding::Stuck(_)]));
    assert!(node.uses.is_empty());
    // The history knows.
    let mut node = Node::new();
    node.search.resume();
    node.search.offer(now.clone());
    node.settle(Some(&good));
    assert_eq!(node.contents(4), [Some(2), Some(1), Some(2), Some(1)]);
    // What another node has told shortens the search.
    let mut node = Node::new();
    node.search.resume();
    node.search.offer(now.clone());
    node.search.doubt(doubt(&now.all[1], Some(&good.all[1])));
    node.settle(Some(&good));
    assert_eq!(node.contents(4), [Some(2), Some(1), Some(2), Some(1)]);
    assert_eq!(
        node.trials, 4,
        "all, all but the doubtful one, that one, without it"
    );
}

fn doubt(form: &Form, instead: Option<&Arc<Form>>) -> Doubts {
    let doubt = Doubt {
        hash: form.hash.clone(),
        instead: instead.cloned(),
    };
    Doubts::from([(form.key.clone(), doubt)])
}

#[test]
fn what_another_node_says_takes_nothing_from_a_node() {
    let now = forms(&vec![1, 2]);
    for is_resumed in [false, true] {
        let mut node = Node::new();
        if is_resumed {
            node.search.resume();
        }
        node.search.doubt(doubt(&now.all[1], None));
        node.search.offer(now.clone());
        node.settle(None);
        assert_eq!(node.contents(2), [Some(1), Some(2)]);
        assert_eq!(node.trials, 1);
    }
}

#[test]
fn an_older_form_that_is_refused_too_costs_no_other_policy_its_routes() {
    let (bad, now) = (forms(&vec![0, 0, BAD]), forms(&vec![1, 1, 8]));
    let mut node = Node::new();
    node.search.doubt(doubt(&now.all[2], bad.all.first()));
    node.refuses = vec![BAD, 8];
    node.search.offer(now);
    node.settle(None);
    assert_eq!(node.contents(3), [Some(1), Some(1), None]);
    assert_eq!(node.refused(), BTreeSet::from(["s2".to_owned()]));
}

#[test]
fn a_node_that_refuses_what_it_has_keeps_it() {
    // The same forms, as another program would render them: nothing in them is new to the node.
    let now = forms(&vec![1, 1, BAD]);
    let mut node = Node::new();
    node.search.resume();
    node.search.offer(now.clone());
    node.settle(Some(&now));
    assert!(matches!(node.findings.as_slice(), [Finding::Stuck(_)]));
    assert!(node.uses.is_empty());
}

#[test]
fn a_node_that_refuses_everything_is_left_with_what_it_has() {
    let mut node = Node::new();
    node.refuses = vec![1];
    node.search.offer(forms(&vec![1; 200]));
    node.settle(None);
    assert!(node.trials < 300, "{}", node.trials);
    assert!(node.uses.values().all(Option::is_none));
}

#[test]
fn words_are_known_to_name_other_tenants() {
    let mut search = Search::default();
    search.offer(forms(&vec![1]));
    let [acme, other] = ["acme", "other"].map(|name| name.parse().unwrap());
    for words in ["route acme/s0/prod", "host s0.example.org twice"] {
        assert!(search.names_others(&other, words));
        assert!(!search.names_others(&acme, words));
    }
    assert!(!search.names_others(&other, "regex '[ab]{200}c'"));
}

#[derive(Debug, Clone)]
enum Event {
    Change(Vec<(usize, u8)>),
    /// The node takes part in the next changes only: several come before it answers.
    Settle,
    Reconnect,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let content = prop_oneof![6 => 1u8..7, 1 => Just(BAD), 1 => Just(0u8)];
    let changes = prop::collection::vec((0usize..9, content), 1..9);
    let event = prop_oneof![
        4 => changes.prop_map(Event::Change),
        4 => Just(Event::Settle),
        1 => Just(Event::Reconnect),
    ];
    prop::collection::vec(event, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// After each search the node uses the present form of each policy that is good, and of each
    /// bad one the last form that it took, or none if it never took one.
    #[test]
    fn node_has_everything_that_it_takes(events in events()) {
        let mut contents: Contents = vec![0; 9];
        let mut node = Node::new();
        let mut expected: Vec<Option<u8>> = vec![None; 9];
        let mut had = forms(&contents);
        for event in events.into_iter().chain([Event::Settle]) {
            match event {
                Event::Change(changes) => {
                    for (at, content) in changes {
                        contents[at] = content;
                    }
                    node.search.offer(forms(&contents));
                }
                Event::Settle => {
                    node.trials = 0;
                    node.search.offer(forms(&contents));
                    node.settle(Some(&had));
                    for (expected, content) in expected.iter_mut().zip(&contents) {
                        match *content {
                            0 => *expected = None,
                            BAD => {}
                            good => *expected = Some(good),
                        }
                    }
                    prop_assert_eq!(node.contents(9), expected.clone(), "{:?}", contents);
                    let uses: Contents =
                        expected.iter().map(|content| content.unwrap_or(0)).collect();
                    had = forms(&uses);
                }
                Event::Reconnect => {
                    let uses = std::mem::take(&mut node.uses);
                    node = Node::new();
                    if uses.values().any(Option::is_some) {
                        node.search.resume();
                    }
                    node.uses = uses;
                }
            }
        }
    }
}

#[test]
fn a_composition_has_the_clusters_of_its_forms_and_no_others() {
    let (old, new) = (forms(&vec![1, 1]), forms(&vec![2, 2]));
    let key = new.all[1].key.clone();
    let mixed = Composition::with(new.clone(), BTreeMap::from([(key, old.all[1].clone())]));
    let composed = mixed.offer();
    let of = |forms: &Arc<Forms>, at: usize| {
        let offer = compose(String::new(), &forms.all[at..=at], |_| false);
        offer.clusters.keys().next().unwrap().clone()
    };
    let expected: BTreeSet<_> = [of(&new, 0), of(&old, 1)].into();
    assert_eq!(
        composed.clusters.keys().cloned().collect::<BTreeSet<_>>(),
        expected
    );
    assert_ne!(mixed.version(), Composition::whole(new).version());
}

#[test]
fn an_older_form_loses_a_host_that_another_policy_has_by_now_and_nothing_else() {
    let spec = |hosts: &[&str]| policy(hosts, &[("v1", 1)], json!({}));
    let of = |a: &[&str], b: &[&str]| {
        let versions = [
            ("a", "v1", "http://10.0.0.1"),
            ("b", "v1", "http://10.0.0.2"),
        ];
        let policies = [("a", spec(a)), ("b", spec(b))];
        Former::new(Settings::default()).forms(&model(&versions, &policies))
    };
    let (old, new) = (
        of(&["one.org", "two.org"], &["b.org"]),
        of(&["one.org"], &["b.org", "two.org"]),
    );
    let instead = BTreeMap::from([(new.all[0].key.clone(), old.all[0].clone())]);
    let offer = Composition::with(Arc::new(new), instead).offer();
    let routes: Value = serde_json::from_str(&offer.routes["tm"].json().unwrap()).unwrap();
    let cluster = |host: &str| {
        let hosts = routes["virtual_hosts"].as_array().unwrap();
        let found = hosts.iter().find(|one| {
            let domains = one["domains"].as_array().unwrap();
            domains.contains(&json!(host))
        });
        let found = found.unwrap();
        let cluster = found["routes"][0]["route"]["cluster"].as_str();
        cluster.map(|name| name[..7].to_owned())
    };
    assert_eq!(cluster("one.org").as_deref(), Some("acme/a/"));
    assert_eq!(cluster("two.org").as_deref(), Some("acme/b/"));
    assert_eq!(cluster("b.org").as_deref(), Some("acme/b/"));
}
