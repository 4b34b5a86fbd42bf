use super::*;
use crate::command::MAX_ENDED;

/// Creates a world with so many routes and one policy.
fn large(routes: usize) -> World {
    let mut world = World::new();
    let put = |at| desired(&format!("v{at}"), Some(spec(true)));
    world.does(Op::Apply(Box::new(many((0..routes).map(put).collect()))));
    world.does(super::put(
        "prod",
        json!({ "split": [{ "version": "v1", "weight": 1 }] }),
    ));
    world
}

#[test]
fn large_tenant_is_deleted_in_consecutive_steps() {
    let mut world = large(2 * MAX_ENDED + 5);
    let head = world.state.chain_head;
    let mut events = world.does(Op::DeleteTenant {
        with_everything: true,
    });
    assert_eq!(events.len(), MAX_ENDED);
    assert!(
        matches!(events[0].body.change, Change::Policy { after: None, .. }),
        "policies before the routes that they name"
    );
    let outcome = world.outcome.clone().unwrap();
    assert!(matches!(
        (outcome.effect, outcome.object),
        (Effect::Updated, ChangedObject::Tenant(_))
    ));
    for op in [
        upsert("new", true),
        Op::PatchTenant {
            quotas: QuotasPatch::DEFAULTS,
            allowed_hosts: None,
        },
        upsert("v1", true),
    ] {
        assert_eq!(world.refuses(op), Rejection::TenantEnding);
    }
    while world.state.tenant.is_some() {
        let step = world.does(Op::EndTenant);
        assert!((1..=MAX_ENDED + 1).contains(&step.len()));
        events.extend(step);
    }
    assert_eq!(events.len(), 2 * MAX_ENDED + 7);
    assert!(matches!(
        events.last().unwrap().body.change,
        Change::Tenant { after: None, .. }
    ));
    let hashes = std::iter::once(head).chain(events.iter().map(|event| event.hash));
    assert!(
        events
            .iter()
            .map(|event| event.body.prev_hash)
            .eq(hashes.take(events.len())),
        "one chain"
    );
    assert_eq!(world.refuses(Op::EndTenant), Rejection::TenantNotFound);
    world.does(upsert("v1", true));
    assert_eq!(
        world.does(Op::EndTenant),
        [],
        "another incarnation is not deleted"
    );
}

#[test]
fn deletion_steps_keep_the_actor_and_reason_of_the_request() {
    let mut world = large(MAX_ENDED + 5);
    world.does(Op::DeleteTenant {
        with_everything: true,
    });
    if let Some(ending) = world
        .state
        .tenant
        .as_mut()
        .and_then(|tenant| tenant.ending.as_mut())
    {
        (ending.actor.id, ending.reason) = ("somebody".into(), Some("the end".into()));
    }
    let events = world.does(Op::EndTenant);
    let by = |event: &Event| {
        event.body.actor.id == "somebody" && event.body.reason.as_deref() == Some("the end")
    };
    assert!(!events.is_empty() && events.iter().all(by));
}

#[test]
fn tenant_deletion_ignores_the_rate_and_survives_a_restore() {
    let mut world = large(MAX_ENDED + 5);
    let quotas = QuotasPatch {
        writes_per_second: Some(Some(0)),
        ..Default::default()
    };
    world.does(Op::PatchTenant {
        quotas,
        allowed_hosts: None,
    });
    world.does(Op::DeleteTenant {
        with_everything: true,
    });
    world.state.is_of_other_timeline = true;
    world.does(Op::StartEpoch);
    world.does(Op::EndTenant);
    assert_eq!(world.state.tenant, None);
}

#[test]
fn tenant_stays_while_only_some_of_its_objects_are_loaded() {
    let mut world = large(MAX_ENDED + 5);
    world.state.routes = world.state.routes.drain().take(3).collect();
    assert_eq!(
        world
            .does(Op::DeleteTenant {
                with_everything: true
            })
            .len(),
        4
    );
    assert_eq!(
        world.state.tenant.as_ref().unwrap().routes,
        MAX_ENDED as u32 + 2
    );
    world.state.policies.clear();
    assert_eq!(world.does(Op::EndTenant), []);
}
