use super::*;
use crate::event::Action;

#[test]
fn tenant_of_another_timeline_starts_an_epoch_with_all_objects() {
    let mut world = World::with(&["v1", "v2"]);
    world.does(put(
        "prod",
        json!({ "split": [{ "version": "v1", "weight": 1 }] }),
    ));
    let before = world.state.clone();
    assert!(
        world.does(Op::StartEpoch).is_empty(),
        "its newest revision is of this timeline"
    );
    world.state.is_of_other_timeline = true;
    let events = world.does(Op::StartEpoch);
    let (was, is) = (before.tenant.unwrap(), world.state.tenant.clone().unwrap());
    assert_ne!(is.epoch, was.epoch);
    assert_eq!(
        (is.revision, is.routes, is.policies, is.created_at),
        (Revision(1), 2, 1, was.created_at)
    );
    assert!(!world.state.is_of_other_timeline);
    let said: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event.body.action,
                event.body.revision,
                event.body.epoch.clone(),
            )
        })
        .collect();
    let made = |action| (action, Revision(1), is.epoch.clone());
    assert_eq!(
        said,
        [
            Action::TenantCreated,
            Action::Created,
            Action::Created,
            Action::PolicySet
        ]
        .map(made)
    );
    assert_eq!(events[0].body.prev_hash, EventHash::GENESIS);
    let reason = events[0].body.reason.as_deref().unwrap();
    assert!(
        reason.ends_with(&format!("continues {}", was.tag())),
        "{reason}"
    );
    assert_eq!(world.state.routes.len(), 2);
    assert!(
        world
            .state
            .routes
            .values()
            .all(|route| route.revision == Revision(1))
    );
    assert_eq!(world.state.active, 2);
    assert!(world.does(Op::StartEpoch).is_empty(), "once");
    // A plan from the previous epoch is stale.
    let base = Some(Base {
        tag: was.tag(),
        scope: Scope::default(),
        active: 2,
    });
    let apply = Apply {
        base,
        ..many(vec![desired("v3", Some(spec(true)))])
    };
    assert_eq!(
        world.tries(Op::Apply(Box::new(apply)), false),
        Err(Rejection::PlanStale)
    );
}
