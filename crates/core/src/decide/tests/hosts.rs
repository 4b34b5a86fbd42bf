//! Tests of the ownership of hosts: other tenants, path prefixes within one tenant, allowed
//! suffixes, and hosts from before the rule.

use super::*;
use crate::{
    host::NotAllowed,
    policy::{Host, PathPrefix},
};

fn host(raw: &str) -> Host {
    raw.to_owned().try_into().unwrap()
}

fn prefix(raw: &str) -> PathPrefix {
    raw.to_owned().try_into().unwrap()
}

fn of(host: &str, prefix: &str) -> serde_json::Value {
    json!({ "failover": ["v1"], "hosts": [host], "path_prefix": prefix })
}

fn taken(host: &str, prefix: &str, of_another_tenant: bool) -> Rejection {
    Rejection::HostTaken {
        host: self::host(host),
        prefix: prefix.into(),
        of_another_tenant,
    }
}

fn of_another(world: &mut World, host: &str, prefix: &str) {
    world.state.hosts.insert(
        &self::host(host),
        &self::prefix(prefix),
        &"other".parse().unwrap(),
        &place("prod"),
    );
}

/// Creates a world with one version in two environments.
fn two_places() -> World {
    let mut world = World::with(&["v1"]);
    world.does(Op::Upsert {
        route: place("dev").route(&"v1".parse().unwrap()),
        spec: spec(true),
    });
    world
}

#[test]
fn path_prefixes_divide_a_host_within_a_tenant() {
    let mut world = two_places();
    world.does(put("prod", of("a.example", "/")));
    assert_eq!(
        world.refuses(put("dev", of("a.example", "/"))),
        taken("a.example", "/", false)
    );
    world.does(put("dev", of("a.example", "/x")));
    world.does(put("dev", of("*.a.example", "/")));
    world.does(put("dev", of("b.example", "/")));
    world.does(put(
        "prod",
        json!({ "failover": ["v1"], "hosts": ["a.example"], "sticky_by": { "header": "x" } }),
    ));

    // Two policies can exchange their hosts in one revision. A policy cannot take a host that
    // another one claims in the same revision.
    let policy = |env: &str, host: &str| Desired::Policy {
        name: place(env),
        spec: Some(policy_spec(of(host, "/"))),
    };
    world.does(Op::Apply(Box::new(many(vec![
        policy("dev", "a.example"),
        policy("prod", "b.example"),
    ]))));
    let holder = |world: &World, name: &str| {
        world
            .state
            .hosts
            .holder(&host(name), &PathPrefix::default())
            .map(|(_, name)| name.env.to_string())
    };
    assert_eq!(
        (holder(&world, "a.example"), holder(&world, "b.example")),
        (Some("dev".into()), Some("prod".into()))
    );
    let new = Op::Apply(Box::new(many(vec![
        policy("dev", "c.example"),
        policy("prod", "c.example"),
    ])));
    assert_eq!(world.refuses(new), taken("c.example", "/", false));
    world.does(Op::DeletePolicy {
        policy: place("dev"),
    });
    assert_eq!(holder(&world, "a.example"), None);
}

type Way<'a> = &'a dyn Fn(&str, &str) -> Op;

/// Combines each host of another tenant with each claimed host, each command that can claim a host,
/// and each prefix.
#[test]
fn host_belongs_to_one_tenant_with_any_prefix() {
    let hosts = [
        "a.example",
        "*.a.example",
        "b.a.example",
        "*.b.a.example",
        "c.b.a.example",
        "z.example",
    ];
    let put_it = |claimed: &str, path: &str| put("prod", of(claimed, path));
    let patch_it = |claimed: &str, path: &str| Op::PatchPolicy {
        policy: place("prod"),
        patch: Box::new(PolicyPatch {
            hosts: Some(Some(vec![host(claimed)])),
            path_prefixes: Some(Some(vec![prefix(path)])),
            ..PolicyPatch::default()
        }),
    };
    let apply_it = |claimed: &str, path: &str| {
        let policy = Desired::Policy {
            name: place("prod"),
            spec: Some(policy_spec(of(claimed, path))),
        };
        Op::Apply(Box::new(many(vec![policy])))
    };
    let ways: [Way<'_>; 3] = [&put_it, &patch_it, &apply_it];
    for (theirs, their_prefix) in hosts
        .iter()
        .flat_map(|theirs| [(theirs, "/"), (theirs, "/x")])
    {
        for (mine, my_prefix) in hosts
            .iter()
            .flat_map(|mine| [(mine, "/"), (mine, "/x"), (mine, "/x/y")])
        {
            for way in ways {
                let mut world = two_places();
                world.does(put("prod", json!({ "failover": ["v1"] })));
                of_another(&mut world, theirs, their_prefix);
                let op = way(mine, my_prefix);
                if host(mine).overlaps(&host(theirs)) {
                    assert_eq!(
                        world.refuses(op),
                        taken(mine, my_prefix, true),
                        "{theirs}{their_prefix}"
                    );
                } else {
                    world.does(op);
                }
            }
        }
    }
    // A host is refused also if its tenant is not visible.
    let mut world = two_places();
    world.state.hosts.insert_unseen(host("*.a.example"));
    assert_eq!(
        world.refuses(put_it("*.a.example", "/")),
        taken("*.a.example", "/", true)
    );
    world.does(put_it("c.a.example", "/"));
}

/// A host that two tenants had before the rule stays in use. Its policy can be written again only
/// without the host.
#[test]
fn policy_with_a_shared_host_can_be_deleted_but_not_changed() {
    let mut world = two_places();
    world.does(upsert("v2", true));
    world.does(put(
        "prod",
        json!({ "failover": ["v1", "v2"], "hosts": ["a.example", "b.example"] }),
    ));
    of_another(&mut world, "a.example", "/login");
    let patch = |patch: PolicyPatch| Op::PatchPolicy {
        policy: place("prod"),
        patch: Box::new(patch),
    };
    let other_member = patch(PolicyPatch {
        failover: Some(Some(vec!["v1".parse().unwrap()])),
        ..PolicyPatch::default()
    });
    let refused = world.refuses(other_member);
    assert_eq!(refused, taken("a.example", "/", true));
    let detail = refused.to_string();
    assert!(
        detail.contains("a.example")
            && detail.contains("remove it from `hosts`")
            && !detail.contains("other/"),
        "{detail}"
    );
    // Writing the same policy again changes nothing, and a version can still be removed.
    world.does(put(
        "prod",
        json!({ "failover": ["v1", "v2"], "hosts": ["a.example", "b.example"] }),
    ));
    world
        .tries(Op::Delete { route: route("v2") }, true)
        .unwrap();
    world.does(patch(PolicyPatch {
        hosts: Some(Some(vec![host("b.example")])),
        ..PolicyPatch::default()
    }));
    world.does(patch(PolicyPatch {
        path_prefixes: Some(Some(vec![prefix("/x")])),
        ..PolicyPatch::default()
    }));

    let mut world = two_places();
    world.does(put("prod", of("a.example", "/")));
    of_another(&mut world, "a.example", "/login");
    world.does(Op::DeletePolicy {
        policy: place("prod"),
    });
}

#[test]
fn tenant_with_allowed_suffixes_gets_hosts_under_them_only() {
    let suffixes = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned().try_into().unwrap())
            .collect::<Vec<_>>()
    };
    let allow = |names: &[&str]| Op::PatchTenant {
        quotas: QuotasPatch::default(),
        allowed_hosts: Some(suffixes(names)),
    };
    let not_allowed = |name: &str, why| Rejection::HostNotAllowed {
        host: host(name),
        why,
    };
    let mut world = two_places();
    assert_eq!(
        world.refuses(put("prod", of("*.com", "/"))),
        not_allowed("*.com", NotAllowed::PublicSuffix)
    );
    world.does(put("prod", of("a.example.org", "/")));
    let events = world.does(allow(&["com"]));
    assert!(
        matches!(&events[0].body.change, Change::Tenant { after: Some(spec), .. } if spec.allowed_hosts == suffixes(&["com"]))
    );
    world.does(put("dev", of("*.com", "/")));
    // The tenant keeps its present hosts until their policy is changed.
    assert_eq!(
        world.refuses(put("prod", of("a.example.org", "/x"))),
        not_allowed("a.example.org", NotAllowed::OutsideSuffixes)
    );
    world.does(put("prod", of("a.example.com", "/x")));
    // An absent `allowed_hosts` keeps the list. An empty list allows any free host.
    world.does(Op::PatchTenant {
        quotas: QuotasPatch {
            routes: Some(Some(9)),
            ..QuotasPatch::default()
        },
        allowed_hosts: None,
    });
    assert_eq!(
        world.state.tenant.as_ref().unwrap().allowed_hosts,
        suffixes(&["com"])
    );
    world.does(allow(&[]));
    assert_eq!(
        world.refuses(put("dev", of("*.com", "/x"))),
        not_allowed("*.com", NotAllowed::PublicSuffix)
    );
    world.does(put("dev", of("any.example.org", "/")));

    let mut world = World::new();
    world.does(Op::CreateTenant {
        quotas: Quotas::default(),
        allowed_hosts: suffixes(&["example.com"]),
    });
    world.does(upsert("v1", true));
    assert_eq!(
        world.refuses(put("prod", of("example.org", "/"))),
        not_allowed("example.org", NotAllowed::OutsideSuffixes)
    );
    world.does(put("prod", of("*.example.com", "/")));
}

#[test]
fn tenant_deletion_frees_only_its_own_hosts() {
    let mut world = two_places();
    world.does(put("prod", of("a.example", "/")));
    of_another(&mut world, "b.example", "/");
    world.does(Op::DeleteTenant {
        with_everything: true,
    });
    let holder = |name: &str| {
        world
            .state
            .hosts
            .holder(&host(name), &PathPrefix::default())
            .is_some()
    };
    assert_eq!((holder("a.example"), holder("b.example")), (false, true));
}

/// An `Idempotency-Key` from before `allowed_hosts` was added stays bound to the same command.
#[test]
fn command_without_allowed_hosts_serialises_as_before() {
    let json = |op: Op| serde_json::to_value(op).unwrap();
    let create = Op::CreateTenant {
        quotas: Quotas::default(),
        allowed_hosts: Vec::new(),
    };
    let patch = Op::PatchTenant {
        quotas: QuotasPatch::default(),
        allowed_hosts: None,
    };
    assert_eq!(
        json(create)["create_tenant"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["quotas"]
    );
    assert_eq!(
        json(patch)["patch_tenant"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["quotas"]
    );
}
