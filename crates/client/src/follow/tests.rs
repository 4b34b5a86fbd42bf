use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;
use traffic_manager_core::snapshot::{
    body,
    signature::{KeyId, Signatures},
};

use super::*;
use crate::file;

mod confirmations;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn tag(epoch: u8, revision: u64) -> VersionTag {
    let epoch = Epoch::from_random([epoch; 8]);
    format!("{epoch}.{revision}").parse().unwrap()
}

/// The only content that the tenant ever had at a tag: one route, whose URL says the tag.
fn body_of(tag: &VersionTag) -> Vec<u8> {
    let mut body = json!({
        "tenant": "acme", "epoch": tag.epoch.as_str(), "revision": tag.revision.0, "digest": "", "policies": [],
        "routes": [{ "service": "web", "env": "prod", "version": "v1", "url": format!("https://{tag}.example/"), "labels": {},
                     "revision": tag.revision.0 }],
    });
    if let Err(BadBody::Digest { computed, .. }) = body::read(body.to_string().as_bytes()) {
        body["digest"] = json!(computed);
    }
    body.to_string().into_bytes()
}

fn change_to(tag: &VersionTag) -> Bytes {
    let change = json!({
        "action": "updated", "actor": { "id": "tester", "kind": "key" }, "before": null,
        "after": { "url": format!("https://{tag}.example/"), "is_active": true, "labels": {}, "description": null },
        "epoch": tag.epoch.as_str(), "hash": "0".repeat(64), "id": "01a1fd21-de3d-7778-bc54-13f5856b700d", "item": 0,
        "items": 1, "occurred_at": "2026-11-21T08:03:37.661997Z", "prev_hash": "0".repeat(64), "reason": null,
        "request_id": "test", "revision": tag.revision.0, "route": { "service": "web", "env": "prod", "version": "v1" },
        "source_ip": null, "tenant": "acme", "trace_id": null,
    });
    change.to_string().into()
}

fn pair(seed: u8) -> (Ed25519KeyPair, [u8; 32]) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    (pair, public)
}

/// Returns the digest at a tag, and its signature by the key of a seed.
fn signed(tag: &VersionTag, seed: u8) -> (String, String) {
    let digest = body::read(&body_of(tag)).unwrap().digest;
    let (pair, public) = pair(seed);
    let text = Statement {
        tenant: &"acme".parse().unwrap(),
        scope: &Scope::default(),
        tag,
        digest: &digest,
    };
    let signature = pair.sign(text.to_string().as_bytes());
    let signature = signature.as_ref().try_into().unwrap();
    let signatures = Signatures(vec![(KeyId::of(&public), signature)]);
    (hex::encode(digest), signatures.to_string())
}

fn follower(with_key: bool) -> Follower {
    let mut settings = Settings::new(Vec::new(), "acme".parse().unwrap());
    if with_key {
        settings.trusted_keys = vec![TrustedKey::new(pair(1).1)];
    }
    Follower::new(&settings)
}

/// How what the follower hears is signed.
#[derive(Debug, Clone, Copy)]
enum Sign {
    Not,
    Good,
    /// By a key that is not trusted.
    Unknown,
    /// Of the revision before.
    Other,
}

#[derive(Debug, Clone, Copy)]
enum Hears {
    Snapshot(Sign),
    Damaged,
    Change,
    Signature(Sign),
    Unchanged(Sign),
    Gone,
    TagRefused,
    StreamEnded,
    Restart,
}

fn hears() -> impl Strategy<Value = (Hears, u8, u64)> {
    let sign = || {
        prop_oneof![
            Just(Sign::Not),
            Just(Sign::Good),
            Just(Sign::Unknown),
            Just(Sign::Other)
        ]
    };
    let what = prop_oneof![
        4 => sign().prop_map(Hears::Snapshot),
        1 => Just(Hears::Damaged),
        6 => Just(Hears::Change),
        4 => sign().prop_map(Hears::Signature),
        2 => sign().prop_map(Hears::Unchanged),
        1 => Just(Hears::Gone),
        1 => Just(Hears::TagRefused),
        1 => Just(Hears::StreamEnded),
        1 => Just(Hears::Restart),
    ];
    (what, 0..3_u8, 1..9_u64)
}

fn signature(sign: Sign, tag: &VersionTag) -> Option<String> {
    match sign {
        Sign::Not => None,
        Sign::Good => Some(signed(tag, 1).1),
        Sign::Unknown => Some(signed(tag, 2).1),
        Sign::Other => {
            let mut other = tag.clone();
            other.revision.0 -= 1;
            Some(signed(&other, 1).1)
        }
    }
}

fn proof(signature: Option<&str>) -> Proof<'_> {
    Proof {
        signature,
        confirmation: None,
    }
}

fn restarted(old: &Follower, with_key: bool) -> Follower {
    let mut new = follower(with_key);
    if let Some(saved) = old.saved() {
        let bytes = file::write(&saved).unwrap();
        let (head, body) = file::read(&bytes).unwrap();
        assert_eq!(new.restore(head, body), Ok(()));
    }
    new
}

fn hear(follower: &mut Follower, what: Hears, tag: &VersionTag, now: Timestamp) {
    match what {
        Hears::Snapshot(sign) => {
            let signature = signature(sign, tag);
            follower.snapshot(&body_of(tag), proof(signature.as_deref()), None, now);
        }
        Hears::Damaged => {
            let mut body = body_of(tag);
            let place = body.len() / 2;
            body[place] ^= 1;
            let signature = signature(Sign::Good, tag);
            follower.snapshot(&body, proof(signature.as_deref()), None, now);
        }
        Hears::Change => {
            follower.change(change_to(tag), Some(tag), now);
        }
        Hears::Signature(sign) => {
            let signature = signature(sign, tag).unwrap_or_default();
            let data = json!({ "tag": tag, "digest": signed(tag, 1).0, "signature": signature });
            follower.signature(data.to_string().as_bytes(), now);
        }
        Hears::Unchanged(sign) => {
            let known = follower.known_tag().cloned();
            let signature = known.as_ref().and_then(|known| signature(sign, known));
            follower.unchanged(known.as_ref(), signature.as_deref(), now);
        }
        Hears::Gone => follower.gone(),
        Hears::TagRefused => follower.tag_refused(),
        Hears::StreamEnded => follower.stream_ended(),
        Hears::Restart => {}
    }
}

proptest! {
    /// Whatever comes, in whatever order: the data are never older than before, never of an epoch
    /// that was left, always the content of their tag, and with a key always signed.
    #[test]
    fn data_never_go_backwards_and_are_always_whole(
        with_key: bool, heard in proptest::collection::vec(hears(), 1..40),
    ) {
        let mut follower = follower(with_key);
        let mut left: Vec<Epoch> = Vec::new();
        let mut second = 0;
        for (what, epoch, revision) in heard {
            let before = follower.view();
            second += 1;
            if matches!(what, Hears::Restart) {
                follower = restarted(&follower, with_key);
            } else {
                hear(&mut follower, what, &tag(epoch, revision), at(second));
            }
            let after = follower.view();
            let Some(new) = after.tag() else {
                prop_assert!(before.tag().is_none(), "the data are lost");
                continue;
            };
            if let Some(old) = before.tag() {
                if old.epoch == new.epoch {
                    prop_assert!(new.covers(old), "{} after {}", new, old);
                } else {
                    left.push(old.epoch.clone());
                }
            }
            prop_assert!(!left.contains(&new.epoch), "back to {}", new);
            let held = follower.held.clone().unwrap();
            let url = held.snapshot.get("web", "prod", "v1").unwrap().url.as_str().to_owned();
            prop_assert_eq!(url, format!("https://{new}.example/"));
            let (digest, good) = signed(new, 1);
            prop_assert_eq!(hex::encode(held.digest), digest);
            if with_key {
                prop_assert_eq!(held.signature.as_deref(), Some(good.as_str()));
            }
        }
    }
}

#[test]
fn age_counts_from_the_last_confirmation_also_after_a_restart() {
    let mut follower = follower(false);
    assert_eq!(follower.view().age(at(9)), None);
    follower.snapshot(&body_of(&tag(1, 5)), proof(None), None, at(10));
    assert_eq!(follower.view().age(at(25)), Some(Duration::from_secs(15)));
    follower.alive(at(20));
    assert_eq!(follower.view().age(at(25)), Some(Duration::from_secs(5)));
    let mut again = restarted(&follower, false);
    assert_eq!(again.view().state, State::Disk);
    assert_eq!(again.view().age(at(120)), Some(Duration::from_secs(100)));
    assert_eq!(again.view().age(at(0)), Some(Duration::ZERO));
    again.alive(at(110));
    assert_eq!(
        again.view().age(at(120)),
        Some(Duration::from_secs(100)),
        "not confirmed yet"
    );
    again.unchanged(Some(&tag(1, 5)), None, at(110));
    assert_eq!(again.view().age(at(120)), Some(Duration::from_secs(10)));
    assert_eq!(again.view().state, State::Live);
}

#[test]
fn state_becomes_stale_only_from_live() {
    let mut follower = follower(false);
    follower.failed("no answer");
    assert_eq!(follower.view().state, State::Starting);
    follower.snapshot(&body_of(&tag(1, 5)), proof(None), None, at(0));
    follower.failed("no answer");
    assert_eq!(follower.view().state, State::Stale);
    follower.alive(at(1));
    assert_eq!(follower.view().state, State::Live);
    follower.gone();
    follower.failed("no answer");
    assert_eq!(follower.view().state, State::Gone);
    assert!(follower.needs_snapshot());
    follower.denied();
    assert_eq!(follower.view().state, State::Denied);
    assert_eq!(follower.view().counters.reconnects, 3);
}

#[test]
fn faults_are_counted_for_the_server_that_was_heard() {
    let servers = ["https://a.example", "https://b.example"].map(|url| url.parse().unwrap());
    let settings = Settings::new(servers.to_vec(), "acme".parse().unwrap());
    let mut follower = Follower::new(&settings);
    follower.hear(1);
    follower.snapshot(&body_of(&tag(1, 5)), proof(None), None, at(0));
    assert_eq!(follower.view().faults.len(), 0);
    follower.snapshot(b"{}", proof(None), None, at(1));
    follower.hear(0);
    follower.snapshot(&body_of(&tag(1, 4)), proof(None), None, at(2));
    follower.accuse(ServerFault::Withheld, "keeps it back");
    let view = follower.view();
    let [second, first] = &*view.faults else {
        panic!("{:?}", view.faults)
    };
    assert_eq!(&*second.server, "https://b.example/");
    assert_eq!((second.refused(Refusal::Malformed), second.count()), (1, 1));
    assert_eq!(&*first.server, "https://a.example/");
    assert_eq!((first.older, first.withheld, first.count()), (1, 1, 2));
    assert_eq!(&*first.last, "keeps it back");
    assert_eq!(view.tag(), Some(&tag(1, 5)), "never backwards");
}

#[test]
fn own_refusal_is_no_fault_of_the_server() {
    let servers = vec!["https://a.example".parse().unwrap()];
    let mut settings = Settings::new(servers, "acme".parse().unwrap());
    settings.accept = Some(Accept::new(|_, _| false));
    let mut follower = Follower::new(&settings);
    follower.snapshot(&body_of(&tag(1, 5)), proof(None), None, at(0));
    let refused = follower.snapshot(&body_of(&tag(1, 6)), proof(None), None, at(1));
    assert_eq!(refused, Verdict::Refused(Refusal::NotAccepted));
    assert_eq!(follower.view().faults.len(), 0);
}

#[test]
fn view_of_a_part_has_all_changes_since_its_snapshot() {
    let mut settings = Settings::new(Vec::new(), "acme".parse().unwrap());
    settings.scope.env = Some("prod".parse().unwrap());
    let mut follower = Follower::new(&settings);
    follower.snapshot(&body_of(&tag(1, 30)), proof(None), None, at(0));
    let revisions = |follower: &Follower, after: u64| -> Option<Vec<u64>> {
        let changes = follower.view().changes_after(&tag(1, after))?;
        Some(changes.iter().map(|change| change.revision.0).collect())
    };
    assert_eq!(revisions(&follower, 30), Some(vec![]));
    // The revisions in between are of other parts.
    for revision in [70, 90] {
        let tag = tag(1, revision);
        follower.change(change_to(&tag), Some(&tag), at(1));
    }
    assert_eq!(revisions(&follower, 29), None);
    assert_eq!(revisions(&follower, 30), Some(vec![70, 90]));
    assert_eq!(revisions(&follower, 70), Some(vec![90]));
    assert_eq!(
        follower
            .view()
            .changes_after(&tag(2, 90))
            .map(|it| it.len()),
        None
    );
    // The oldest are forgotten in the end: 128 are kept.
    for revision in 91..=218 {
        let tag = tag(1, revision);
        follower.change(change_to(&tag), Some(&tag), at(1));
    }
    assert_eq!(revisions(&follower, 70), None);
    assert_eq!(revisions(&follower, 90).map(|it| it.len()), Some(128));
    let again = body_of(&tag(1, 300));
    follower.snapshot(&again, proof(None), None, at(2));
    assert_eq!(revisions(&follower, 218), None);
}
