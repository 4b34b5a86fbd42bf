//! Confirmed removals in snapshots.

use super::*;

#[test]
fn confirmed_removal_comes_with_events_and_with_stored_content_and_not_with_the_digest() {
    let before = snapshot(4, vec![route("v1", true, 1), route("v2", true, 2)]);
    let whole = Scope::default();
    assert_eq!(before.confirmation(&whole), None);
    let gone = Change::Route {
        name: name("s", "e", "v1"),
        before: None,
        after: None,
    };
    let [plain] = &revision(5, vec![gone])[..] else {
        panic!("one event");
    };
    let mut body = plain.event.body.clone();
    body.confirmed_removal = Some(crate::removal::Removal {
        env: None,
        left_routes: 1,
        removed_policies: 0,
        removed_routes: 1,
        service: None,
    });
    let event = chain::seal(body).unwrap();
    let json = chain::canonical(&event).unwrap().into();
    let marked = Recorded { event, json };
    let after = |recorded: &Recorded| match before.apply([recorded]).unwrap() {
        Applied::Next(next) => next,
        other => panic!("{other:?}"),
    };
    let (plain, after) = (after(plain), after(&marked));
    assert_eq!(plain.digest(&whole), after.digest(&whole));
    assert_eq!(plain.confirmation(&whole), None);
    let said = after.confirmation(&whole).unwrap();
    assert_eq!(
        (said.tag.clone(), said.counts.map(|counts| counts.left)),
        (tag(5), Some(1))
    );
    let stored = TenantSnapshot::new("t".parse().unwrap(), after.content()).unwrap();
    assert_eq!(stored.confirmation(&whole), Some(said));
    // The removal is newer than anything in a scope that it did not touch.
    let other = Scope {
        service: Some("other".parse().unwrap()),
        env: None,
    };
    assert_eq!(after.confirmation(&other), None);
    // What belongs to another epoch says nothing about this one.
    let mut content = after.content();
    content.tag.epoch = Epoch::from_random([8; 8]);
    let continued = TenantSnapshot::new("t".parse().unwrap(), content).unwrap();
    assert_eq!(continued.confirmation(&whole), None);
}
