use serde_json::json;
use traffic_manager_core::snapshot::{Scope, TenantContent};

use super::*;
use crate::{apply::AppliedTenant, guard::Guard};

const LIMITS: Limits = Limits {
    most_dropped_percent: 50,
    always_allowed: 10,
};

fn tag(revision: u64) -> VersionTag {
    format!("0707070707070707.{revision}").parse().unwrap()
}

/// Returns a tenant with so many routes in each service, each with a policy if it has any.
fn tenant(revision: u64, services: &[(&str, usize)]) -> TenantSnapshot {
    let route = |service: &str, at: usize| {
        json!({
            "service": service, "env": "prod", "version": format!("v{at}"), "url": "http://a/", "is_active": true,
            "labels": {}, "revision": 1,
        })
    };
    let policy = |(service, _): &(&str, usize)| json!({ "service": service, "env": "prod", "split": [{"version": "v0", "weight": 1}], "revision": 1 });
    let routes = services
        .iter()
        .flat_map(|(service, count)| (0..*count).map(|at| route(service, at)));
    let policies = services.iter().filter(|(_, count)| *count > 0).map(policy);
    let content = json!({
        "tag": tag(revision), "routes": routes.collect::<Vec<_>>(), "policies": policies.collect::<Vec<_>>(), "scopes": [],
    });
    let content: TenantContent = serde_json::from_value(content).unwrap();
    TenantSnapshot::new("acme".parse().unwrap(), content).unwrap()
}

fn confirmation(
    revision: u64,
    service: Option<&str>,
    (routes, policies, left): (u32, u32, u32),
) -> Confirmation {
    Confirmation {
        tag: tag(revision),
        scope: Scope {
            service: service.map(|name| name.parse().unwrap()),
            env: None,
        },
        counts: Some(Counts {
            routes,
            policies,
            left,
        }),
    }
}

/// Asks a guard with the whole old state, and a guard that knows its size only. Both say the same.
fn allows(old: &TenantSnapshot, new: &TenantSnapshot, confirmation: &Confirmation) -> bool {
    let guard = || Guard::new(LIMITS, "/nonexistent".as_ref());
    let by_names = guard().allows(old, new, Some(confirmation));
    let before = AppliedTenant {
        tag: old.tag().clone(),
        size: Size::of(old),
    };
    let by_size = guard().allows_after(Some(&before), new, Some(confirmation));
    assert_eq!(by_names, by_size, "{confirmation}");
    assert!(!guard().allows(old, new, None), "only with a confirmation");
    assert!(!guard().allows_after(Some(&before), new, None));
    by_names
}

#[test]
fn removal_that_was_confirmed_in_between_is_let_through() {
    let old = tenant(40, &[("web", 100), ("shop", 20)]);
    let new = tenant(43, &[("web", 2), ("shop", 20)]);
    let confirmed = |revision| confirmation(revision, None, (98, 0, 22));
    for revision in [41, 42, 43] {
        assert!(allows(&old, &new, &confirmed(revision)), "{revision}");
    }
    for revision in [1, 40, 44] {
        assert!(!allows(&old, &new, &confirmed(revision)), "{revision}");
    }
    let mut of_another_epoch = confirmed(42);
    of_another_epoch.tag = "0808080808080808.42".parse().unwrap();
    assert!(!allows(&old, &new, &of_another_epoch));
}

#[test]
fn everything_may_go_if_that_was_confirmed() {
    let old = tenant(40, &[("web", 30)]);
    let new = tenant(41, &[]);
    assert!(allows(&old, &new, &confirmation(41, None, (30, 1, 0))));
    assert!(
        !allows(&old, &new, &confirmation(41, None, (30, 0, 0))),
        "the policy was not deleted by that"
    );
    assert!(
        !allows(&old, &new, &confirmation(41, None, (29, 1, 1))),
        "one was left"
    );
}

#[test]
fn wipe_of_the_rest_after_a_confirmed_removal_is_held_back() {
    let old = tenant(40, &[("web", 100), ("shop", 60)]);
    let confirmed = confirmation(41, None, (100, 1, 60));
    assert!(allows(&old, &tenant(42, &[("shop", 60)]), &confirmed));
    assert!(
        allows(&old, &tenant(42, &[("shop", 50)]), &confirmed),
        "ten may always go"
    );
    assert!(!allows(&old, &tenant(42, &[("shop", 20)]), &confirmed));
    assert!(!allows(&old, &tenant(42, &[]), &confirmed));
}

#[test]
fn removal_in_one_scope_allows_nothing_in_another() {
    let old = tenant(40, &[("web", 100), ("shop", 60)]);
    let web = confirmation(41, Some("web"), (100, 1, 0));
    assert!(allows(&old, &tenant(41, &[("shop", 60)]), &web));
    assert!(!allows(&old, &tenant(41, &[]), &web));
    let old = tenant(40, &[("web", 200), ("shop", 60)]);
    let guard = Guard::new(LIMITS, "/nonexistent".as_ref());
    let shop = confirmation(41, Some("shop"), (200, 1, 0));
    assert!(
        !guard.allows(&old, &tenant(41, &[("web", 60)]), Some(&shop)),
        "as many routes, but of the other service"
    );
}

#[test]
fn part_of_a_removal_is_let_through_right_after_it_only() {
    let old = tenant(40, &[("web", 100)]);
    let mut part = confirmation(41, Some("web"), (0, 0, 0));
    part.counts = None;
    assert!(allows(&old, &tenant(41, &[("web", 1)]), &part));
    assert!(!allows(&old, &tenant(42, &[("web", 1)]), &part));
}

#[test]
fn reason_says_what_was_confirmed() {
    let guard = Guard::new(LIMITS, "/nonexistent".as_ref());
    let confirmed = confirmation(41, None, (100, 1, 60));
    let old = tenant(40, &[("web", 100), ("shop", 60)]);
    guard.allows(&old, &tenant(42, &[("shop", 20)]), Some(&confirmed));
    assert_eq!(
        guard.held_back().unwrap().reason,
        "it drops 40 of 60 routes that were left at 0707070707070707.41"
    );
}
