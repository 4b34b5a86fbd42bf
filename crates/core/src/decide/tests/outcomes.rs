//! Tests of the answers to commands.

use super::*;

impl World {
    /// Runs a command. Returns the effect, the revision of the tag, and the object of the answer.
    fn answers(&mut self, op: Op) -> (Effect, u64, ChangedObject) {
        self.does(op);
        let outcome = self.outcome.clone().unwrap();
        assert_eq!(outcome.tag.epoch, self.epoch());
        (outcome.effect, outcome.tag.revision.0, outcome.object)
    }

    /// Returns the epoch of the tenant, or of the tenant that was just deleted.
    fn epoch(&self) -> Epoch {
        let held = self
            .state
            .tenant
            .as_ref()
            .map(|tenant| tenant.epoch.clone());
        held.unwrap_or_else(|| self.outcome.clone().unwrap().tag.epoch)
    }

    fn route(&self, version: &str) -> ChangedObject {
        ChangedObject::Route(Box::new(self.state.routes[&route(version)].clone()))
    }

    fn policy(&self) -> ChangedObject {
        ChangedObject::Policy(Box::new(self.state.policies[&place("prod")].clone()))
    }

    fn record(&self) -> ChangedObject {
        ChangedObject::Tenant(Box::new(self.state.tenant.clone().unwrap()))
    }
}

#[test]
fn change_returns_its_revision_and_the_resulting_object() {
    let mut world = World::new();
    assert_eq!(
        world.answers(upsert("v1", true)),
        (Effect::Created, 1, world.route("v1"))
    );
    let off = Op::SetActive {
        route: route("v1"),
        is_active: false,
    };
    assert_eq!(world.answers(off), (Effect::Updated, 2, world.route("v1")));
    let shares = json!({ "split": [{ "version": "v1", "weight": 1 }] });
    world.does(upsert("v1", true));
    assert_eq!(
        world.answers(put("prod", shares)),
        (Effect::Created, 4, world.policy())
    );
    assert_eq!(
        world.answers(Op::DeletePolicy {
            policy: place("prod")
        }),
        (Effect::Deleted, 5, ChangedObject::Gone)
    );
    assert_eq!(
        world.answers(Op::Delete { route: route("v1") }),
        (Effect::Deleted, 6, ChangedObject::Gone)
    );
    let quotas = QuotasPatch {
        routes: Some(Some(7)),
        ..QuotasPatch::default()
    };
    assert_eq!(
        world.answers(Op::PatchTenant {
            quotas,
            allowed_hosts: None
        }),
        (Effect::Updated, 7, world.record())
    );
    assert_eq!(
        world.answers(Op::DeleteTenant {
            with_everything: false
        }),
        (Effect::Deleted, 8, ChangedObject::Gone)
    );
    assert_eq!(
        world.answers(Op::CreateTenant {
            quotas: Quotas::default(),
            allowed_hosts: Vec::new()
        }),
        (Effect::Created, 1, world.record())
    );
}

#[test]
fn no_op_adds_no_revision_and_returns_the_objects_tag() {
    let mut world = World::with(&["v1", "v2"]);
    assert_eq!(
        world.answers(upsert("v1", true)),
        (Effect::Unchanged, 1, world.route("v1"))
    );
    assert_eq!(world.decision, Some(Decision::Unchanged));
    let shares = json!({ "split": [{ "version": "v1", "weight": 1 }] });
    world.does(put("prod", shares.clone()));
    world.does(upsert("v3", true));
    assert_eq!(
        world.answers(put("prod", shares)),
        (Effect::Unchanged, 3, world.policy())
    );
    assert_eq!(
        world.answers(Op::PatchTenant {
            quotas: QuotasPatch::default(),
            allowed_hosts: None
        }),
        (Effect::Unchanged, 4, world.record())
    );
    let same = many(vec![
        desired("v1", Some(spec(true))),
        desired("v2", Some(spec(true))),
    ]);
    let summary = Summary {
        unchanged: 2,
        ..Summary::default()
    };
    assert_eq!(
        world.answers(Op::Apply(Box::new(same))),
        (Effect::Unchanged, 4, ChangedObject::Applied { summary })
    );
    assert_eq!(world.revision(), 4);
}

#[test]
fn batch_returns_counts_by_kind_of_change() {
    let mut world = World::with(&["v1", "v2", "v3", "v4"]);
    let changes = vec![
        desired("v1", Some(spec(true))),
        desired("v2", Some(spec(false))),
        desired("v3", None),
        desired("v5", Some(spec(true))),
    ];
    let summary = Summary {
        create: 1,
        update: 1,
        delete: 1,
        unchanged: 1,
    };
    assert_eq!(
        world.answers(Op::Apply(Box::new(many(changes)))),
        (Effect::Updated, 5, ChangedObject::Applied { summary })
    );
}

#[test]
fn first_route_creates_the_tenant_only_with_permission() {
    let mut world = World::new();
    world.may_create_tenant = false;
    assert_eq!(world.refuses(upsert("v1", true)), Rejection::TenantNotFound);
    world.may_create_tenant = true;
    world.does(upsert("v1", true));
}

#[test]
fn revision_with_too_many_changes_is_refused() {
    assert_eq!(
        (too_many(MAX_CHANGES), too_many(MAX_CHANGES + 1)),
        (Ok(()), Err(Rejection::TooManyChanges))
    );
    let all = (0..=MAX_CHANGES).map(|at| desired(&format!("v{at}"), Some(spec(true))));
    let all = Op::Apply(Box::new(many(all.collect())));
    assert_eq!(World::new().refuses(all), Rejection::TooManyChanges);
}
