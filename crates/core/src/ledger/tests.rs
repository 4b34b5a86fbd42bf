//! The tables of several instances against one model that sees everything.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::{
    snapshot::{SnapshotRoute, TenantContent, TenantSnapshot},
    tag::Revision,
};

const TIMES: Times = Times {
    silent_after: 30_000,
    forget_after: 86_400_000,
};
const EPOCH: &str = "0123456789abcdef";

fn tag(revision: u64) -> VersionTag {
    format!("{EPOCH}.{revision}").parse().unwrap()
}

fn key(node: &str) -> NodeKey {
    NodeKey {
        node: node.parse().unwrap(),
        scope: Scope::default(),
    }
}

fn runs(at: Millis, revision: u64) -> Sighting {
    Sighting {
        at,
        dialect: None,
        applied: Applied::Tag(tag(revision)),
        served: None,
        error: None,
    }
}

fn refuses(at: Millis, revision: u64) -> Sighting {
    let error = NodeError {
        tag: Some(tag(revision)),
        code: "refused".parse().unwrap(),
        text: "no".to_owned(),
    };
    Sighting {
        applied: Applied::Unsaid,
        error: Some(Box::new(error)),
        ..runs(at, 0)
    }
}

fn table(name: &str) -> NodeTable {
    NodeTable::new(Arc::from(name), TIMES)
}

fn snapshot(revision: u64, scopes: &[(&str, u64)]) -> TenantSnapshot {
    let scope =
        |(env, at): &(&str, u64)| ("web".parse().unwrap(), env.parse().unwrap(), Revision(*at));
    let content = TenantContent {
        confirmed: None,
        tag: tag(revision),
        routes: Vec::<SnapshotRoute>::new(),
        policies: Vec::new(),
        scopes: scopes.iter().map(scope).collect(),
        waiters: None,
    };
    TenantSnapshot::new("acme".parse().unwrap(), content).unwrap()
}

fn state(table: &NodeTable, node: &str, needed: u64, now: Millis) -> NodeState {
    let wanted = key(node);
    let (_, entry) = table.iter().find(|(key, _)| **key == wanted).unwrap();
    entry.state(&tag(needed), None, now, &TIMES)
}

#[test]
fn node_lags_until_it_runs_the_revision_and_is_lost_when_it_is_silent() {
    let mut here = table("a");
    here.saw(key("edge"), runs(1_000, 4), 10).unwrap();
    assert_eq!(state(&here, "edge", 5, 1_000), NodeState::Lagging);
    here.saw(key("edge"), refuses(2_000, 5), 10).unwrap();
    assert_eq!(state(&here, "edge", 5, 2_000), NodeState::Refused);
    assert_eq!(state(&here, "edge", 4, 2_000), NodeState::Converged);
    here.saw(key("edge"), runs(3_000, 5), 10).unwrap();
    assert_eq!(state(&here, "edge", 5, 33_000), NodeState::Converged);
    assert_eq!(state(&here, "edge", 5, 33_001), NodeState::Lost);
}

/// The write that repairs what was refused is not refused itself.
#[test]
fn refusal_counts_against_what_was_refused_and_not_what_comes_after() {
    let mut here = table("a");
    here.saw(key("edge"), runs(1_000, 4), 10).unwrap();
    here.saw(key("edge"), refuses(2_000, 5), 10).unwrap();
    assert_eq!(state(&here, "edge", 5, 2_000), NodeState::Refused);
    assert_eq!(state(&here, "edge", 6, 2_000), NodeState::Lagging);
    let mut untagged = refuses(3_000, 5);
    untagged.error.as_mut().unwrap().tag = None;
    here.saw(key("edge"), untagged, 10).unwrap();
    let wanted = key("edge");
    let (_, entry) = here.iter().find(|(key, _)| **key == wanted).unwrap();
    let at = |since| entry.state(&tag(6), Some(since), 3_000, &TIMES);
    assert_eq!(
        (at(3_000), at(3_001)),
        (NodeState::Refused, NodeState::Lagging)
    );
}

#[test]
fn node_that_never_said_what_it_runs_is_in_no_share() {
    let held = snapshot(5, &[]);
    let mut here = table("a");
    let mut silent = runs(1, 5);
    silent.applied = Applied::Unsaid;
    here.saw(key("traefik"), silent, 10).unwrap();
    here.saw(key("edge"), runs(1, 5), 10).unwrap();
    let counted = here.convergence(&mut Needs::newest(&held), 1, None);
    assert_eq!(
        (counted.live, counted.converged, counted.unknown),
        (1, 1, 1)
    );
}

#[test]
fn wait_is_for_the_nodes_that_the_change_concerns() {
    let held = snapshot(9, &[("prod", 9), ("test", 4)]);
    let mut here = table("a");
    for (node, env, at) in [("a", "prod", 4), ("b", "test", 4), ("c", "test", 3)] {
        let scope = Scope {
            env: Some(env.parse().unwrap()),
            service: None,
        };
        here.saw(NodeKey { scope, ..key(node) }, runs(1, at), 10)
            .unwrap();
    }
    let wait = here.convergence(&mut Needs::newest(&held), 1, Some(1));
    assert_eq!((wait.live, wait.converged), (1, 0));
    let all = here.convergence(&mut Needs::newest(&held), 1, None);
    assert_eq!((all.live, all.converged), (3, 1));
}

#[test]
fn long_absence_says_nothing_about_the_rhythm() {
    let mut here = table("a");
    for at in [1, 5_000, 605_000] {
        here.saw(key("edge"), runs(at, 1), 10).unwrap();
    }
    assert_eq!(state(&here, "edge", 1, 635_000), NodeState::Converged);
    assert_eq!(state(&here, "edge", 1, 635_001), NodeState::Lost);
}

#[test]
fn node_is_told_of_at_most_five_times_a_second() {
    let mut here = table("a");
    let mut records = 0;
    for now in (1_000..2_000).step_by(10) {
        here.saw(key("edge"), runs(now, now), 10).unwrap();
        records += here.due(now, 10).len();
    }
    assert_eq!(records, 5);
    assert_eq!(here.due(2_300, 10).len(), 1, "the last word is told");
}

#[test]
fn deletion_takes_the_nodes_that_came_before_it_and_do_not_wait() {
    let mut here = table("a");
    here.saw(key("old"), runs(1_000, 1), 10).unwrap();
    here.waits(&key("waits"), 1_000, 10).unwrap();
    here.saw(key("new"), runs(3_000, 1), 10).unwrap();
    assert_eq!(here.forget_before(2_000), [key("old")]);
    here.left(&key("waits"), 3_000);
    assert_eq!(here.forget_before(2_000), [key("waits")]);
    here.forget(&key("new"), 2_000);
    assert_eq!(here.len(), 1);
}

#[test]
fn node_of_another_epoch_lags() {
    let mut here = table("a");
    let mut sighting = runs(1, 0);
    sighting.applied = Applied::Tag("fedcba9876543210.900".parse().unwrap());
    here.saw(key("edge"), sighting, 10).unwrap();
    assert_eq!(state(&here, "edge", 5, 2), NodeState::Lagging);
}

#[test]
fn rhythm_of_a_node_decides_when_it_is_lost() {
    let mut here = table("a");
    for at in [0, 20_000, 40_000, 60_000] {
        here.saw(key("edge"), runs(at, 1), 10).unwrap();
    }
    assert_eq!(state(&here, "edge", 1, 120_000), NodeState::Converged);
    assert_eq!(state(&here, "edge", 1, 120_001), NodeState::Lost);
}

#[test]
fn node_that_waits_is_there() {
    let mut here = table("a");
    here.waits(&key("edge"), 0, 10).unwrap();
    assert_eq!(state(&here, "edge", 1, 900_000), NodeState::Unknown);
    here.left(&key("edge"), 900_000);
    assert_eq!(state(&here, "edge", 1, 930_000), NodeState::Unknown);
    assert_eq!(state(&here, "edge", 1, 930_001), NodeState::Lost);
}

/// The stream of an agent is at one instance, and its reports go to another one.
#[test]
fn open_stream_does_not_outdate_a_report_at_another_instance() {
    let (mut streamed, mut reported) = (table("a"), table("b"));
    streamed.waits(&key("edge"), 0, 10).unwrap();
    streamed.sweep(20_000, 10);
    reported.saw(key("edge"), runs(19_000, 7), 10).unwrap();
    for record in reported.due(19_100, 10) {
        streamed.learn(record, 10).unwrap();
    }
    assert_eq!(state(&streamed, "edge", 7, 20_000), NodeState::Converged);
    for record in streamed.due(20_000, 10) {
        reported.learn(record, 10).unwrap();
    }
    assert_eq!(state(&reported, "edge", 7, 45_000), NodeState::Converged);
}

#[test]
fn others_learn_in_time_that_a_quiet_node_is_still_there() {
    let (mut here, mut there) = (table("a"), table("b"));
    let mut records = 0;
    for second in 0..300_u64 {
        let now = 1_000_000 + second * 1_000;
        here.saw(key("edge"), runs(now, 1), 10).unwrap();
        here.sweep(now, 10);
        for record in here.due(now, 10) {
            records += 1;
            there.learn(record, 10).unwrap();
        }
        assert_eq!(state(&there, "edge", 1, now), NodeState::Converged);
    }
    assert_eq!(records, 300 / 15, "one record for half of a window");
}

#[test]
fn tenant_has_no_more_nodes_than_places_and_lost_ones_make_room() {
    let mut here = table("a");
    for number in 0..10 {
        here.saw(key(&format!("n{number}")), runs(number, 1), 10)
            .unwrap();
    }
    assert_eq!(here.saw(key("more"), runs(20, 1), 10), Err(Full));
    assert!(here.is_crowded(20));
    here.saw(key("n0"), runs(30_000, 1), 10).unwrap();
    here.sweep(30_005, 10);
    assert_eq!(
        here.len(),
        9,
        "the one that was silent for longest has left"
    );
    assert!(
        here.page(None, 10, |key, _| key.node.as_str() == "n1")
            .is_empty()
    );
    here.saw(key("more"), runs(30_006, 1), 10).unwrap();
    assert!(!here.is_crowded(70_000));
}

#[test]
fn lost_node_is_listed_for_a_day_and_then_forgotten() {
    let mut here = table("a");
    here.saw(key("edge"), runs(0, 1), 10).unwrap();
    here.sweep(TIMES.forget_after + 30_000, 10);
    assert_eq!(here.len(), 1);
    here.sweep(TIMES.forget_after + 30_001, 10);
    assert!(here.is_empty());
}

#[test]
fn pages_are_in_order_and_go_on_after_a_key() {
    let mut here = table("a");
    for node in ["d", "b", "a", "c"] {
        here.saw(key(node), runs(0, 1), 10).unwrap();
    }
    let names = |page: Vec<(&NodeKey, &Entry)>| {
        let names = page.iter().map(|(key, _)| key.node.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(here.page(None, 3, |_, _| true)), ["a", "b", "c"]);
    assert_eq!(
        names(here.page(Some(&key("b")), 3, |_, _| true)),
        ["c", "d"]
    );
}

#[test]
fn narrowed_node_needs_only_the_changes_of_its_scope() {
    let held = snapshot(9, &[("prod", 4), ("test", 9)]);
    let mut here = table("a");
    let narrowed = NodeKey {
        scope: Scope {
            env: Some("prod".parse().unwrap()),
            service: None,
        },
        ..key("edge")
    };
    here.saw(narrowed, runs(1, 4), 10).unwrap();
    here.saw(key("whole"), runs(1, 8), 10).unwrap();
    let counted = here.convergence(&mut Needs::newest(&held), 1, None);
    assert_eq!((counted.live, counted.converged), (2, 1));
    assert_eq!(counted.oldest.unwrap().key, key("whole"));
}

#[test]
fn share_is_of_the_nodes_that_were_there_and_newcomers_count_once_they_have_it() {
    let held = snapshot(5, &[]);
    let mut here = table("a");
    let seen = |here: &mut NodeTable, node: &str, at, revision| {
        here.saw(key(node), runs(at, revision), 100).unwrap();
    };
    for (node, revision) in [("a", 5), ("b", 5), ("c", 4), ("gone", 4)] {
        seen(&mut here, node, 1, revision);
    }
    for node in ["a", "b", "c"] {
        seen(&mut here, node, 30_000, if node == "c" { 4 } else { 5 });
    }
    // The change comes at 20 s: `gone` was there, and is lost since; two more come afterwards.
    seen(&mut here, "new", 31_000, 4);
    seen(&mut here, "good", 31_000, 5);
    let counted = here.convergence(&mut Needs::newest(&held), 31_000, Some(20_000));
    assert_eq!((counted.live, counted.converged, counted.lost), (4, 3, 1));
    assert_eq!(counted.laggards.len(), 1);
    assert!(counted.reaches(75.0) && !counted.reaches(75.1));
    let all = here.convergence(&mut Needs::newest(&held), 31_000, None);
    assert_eq!((all.live, all.converged), (5, 3));
}

#[test]
fn percentages_are_exact() {
    let of = |live, converged, refused| Convergence {
        live,
        converged,
        refused,
        ..Convergence::default()
    };
    assert!(of(20, 19, 0).reaches(95.0) && !of(20, 18, 0).reaches(95.0));
    assert!(of(1000, 999, 0).reaches(99.9) && !of(1000, 998, 0).reaches(99.9));
    assert!(of(7, 7, 0).reaches(100.0) && !of(7, 6, 0).reaches(100.0));
    assert!(!of(0, 0, 0).reaches(1.0), "no nodes are no success");
    assert!(of(20, 0, 2).cannot_reach(95.0) && !of(20, 0, 1).cannot_reach(95.0));
}

/// What happens to nodes: (node, instance, milliseconds later, what it says).
fn events() -> impl Strategy<Value = Vec<(u8, usize, u64, Option<u64>)>> {
    let event = (
        0..4_u8,
        0..3_usize,
        1..9_000_u64,
        prop::option::of(1..6_u64),
    );
    prop::collection::vec(event, 1..60)
}

proptest! {
    /// Whatever hops between instances, and in whatever order they tell each other: in the end all say the
    /// same, which is what somebody who sees everything says. None ever says that a node runs a revision that the
    /// node has not said to run.
    #[test]
    fn instances_agree_with_a_model(
        events in events(), shuffle in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        let mut tables = [table("a"), table("b"), table("c")];
        let mut model: BTreeMap<u8, (Millis, Option<u64>)> = BTreeMap::new();
        let mut said: BTreeMap<u8, u64> = BTreeMap::new();
        let mut travelling: Vec<(usize, Record)> = Vec::new();
        let mut order = shuffle.iter();
        let mut now = 1;
        for (node, instance, later, runs_now) in events {
            now += later;
            let name = key(&format!("n{node}"));
            let sighting = match runs_now {
                Some(revision) => runs(now, revision),
                None => refuses(now, 9),
            };
            let known = model.entry(node).or_insert((now, None));
            *known = (now, runs_now.or(known.1));
            said.entry(node).and_modify(|most| *most = runs_now.unwrap_or(0).max(*most)).or_insert(runs_now.unwrap_or(0));
            tables[instance].saw(name, sighting, 100).unwrap();
            for (at, table) in tables.iter_mut().enumerate() {
                table.sweep(now, 100);
                for record in table.due(now, 100) {
                    travelling.extend((0..3).filter(|other| *other != at).map(|other| (other, record.clone())));
                }
            }
            if let Some(index) = order.next() && !travelling.is_empty() {
                let (to, record) = travelling.swap_remove(index.index(travelling.len()));
                tables[to].learn(record, 100).unwrap();
            }
            for table in &tables {
                for (key, entry) in table.iter() {
                    let node: u8 = key.node.as_str()[1..].parse().unwrap();
                    let claimed = entry.statement.applied().map_or(0, |tag| tag.revision.0);
                    prop_assert!(claimed <= said[&node]);
                }
            }
        }
        for table in &mut tables {
            table.tell_all();
        }
        for (at, table) in tables.iter_mut().enumerate() {
            for record in table.due(now + Times::PAUSE, 1000) {
                travelling.extend((0..3).filter(|other| *other != at).map(|other| (other, record.clone())));
            }
        }
        while !travelling.is_empty() {
            let index = order.next().map_or(0, |index| index.index(travelling.len()));
            let (to, record) = travelling.swap_remove(index);
            tables[to].learn(record, 100).unwrap();
        }
        for table in &tables {
            prop_assert_eq!(table.len(), model.len());
            for (key, entry) in table.iter() {
                let node: u8 = key.node.as_str()[1..].parse().unwrap();
                let (last, applied) = model[&node];
                prop_assert_eq!(entry.seen, last);
                prop_assert_eq!(entry.statement.applied().map(|tag| tag.revision.0), applied);
            }
        }
    }
}
