//! Two transactions at the moment when no row can be locked: the tenant does not exist yet.

use std::{sync::Arc, time::Duration};

use tokio_postgres::Client;
use traffic_manager::{
    domain::{
        command::{Command, Effect, Op, Precondition, Rejection},
        tenant::QuotasPatch,
    },
    service::batch::{self, Committed, Request},
    store,
};

use crate::{
    Instance,
    commands::{Rng, Step},
    policies, quotas,
    support::{Database, database::connect, eventually},
    write,
};

/// Makes a request for `op`; its ids follow from `word`.
fn request(tenant: &str, op: Op, word: u64) -> Request {
    let mut request = Step(word).request(word, &[]);
    request.command = Command {
        tenant: tenant.parse().unwrap(),
        op,
        precondition: Precondition::default(),
        confirm_in_use: false,
    };
    request.idempotency_key = None;
    request.context.may_create_tenant = true;
    request
}

/// Returns two operations on one route: create or replace, and delete.
fn upsert_and_delete() -> (Op, Op) {
    let mut words = (0..).map(|word| Step(word).request(word, &[]).command.op);
    let upsert = words.find(|op| matches!(op, Op::Upsert { .. })).unwrap();
    let Op::Upsert { route, .. } = &upsert else {
        unreachable!()
    };
    let delete = Op::Delete {
        route: route.clone(),
    };
    (upsert, delete)
}

async fn commit(instance: &Instance, requests: &[Request]) -> Result<Committed, store::Error> {
    let mut client = instance.server.connection().await.unwrap();
    let limit = Duration::from_secs(10);
    let decide = |locked| Ok(batch::plan(requests, locked, quotas()).unwrap().split());
    Box::pin(store::group::commit(
        &mut client,
        instance.server.tls(),
        &batch::wanted(requests),
        limit,
        decide,
    ))
    .await
}

async fn session(db: &Database) -> Client {
    let client = connect(&db.app_url).await;
    client.execute("set app.tenants = '*'", &[]).await.unwrap();
    client
}

async fn waits_for_a_lock(db: &Database) {
    eventually("the group waits for a lock", async || {
        (db.waiting().await == 1).then_some(())
    })
    .await;
}

/// A tenant that is created and deleted within one group leaves no row. The group still waits for a
/// transaction that is creating the tenant.
#[tokio::test(flavor = "multi_thread")]
async fn tenant_made_and_deleted_in_a_group_waits_for_its_creation() {
    let db = Database::create().await;
    let instance = Arc::new(Instance::start(&db));
    let mut other = session(&db).await;
    let making = other.transaction().await.unwrap();
    let sql = "insert into tenants values ('t', '0123456789abcdef', 0, repeat('0', 64), 0, now(), 'x', now(), 'x')";
    making.execute(sql, &[]).await.unwrap();

    let (upsert, delete) = upsert_and_delete();
    let requests = [
        request("t", upsert, 1),
        request("t", delete, 2),
        request(
            "t",
            Op::DeleteTenant {
                with_everything: false,
            },
            3,
        ),
    ];
    let group = tokio::spawn({
        let (instance, requests) = (instance.clone(), requests.clone());
        async move { commit(&instance, &requests).await }
    });
    waits_for_a_lock(&db).await;
    making.commit().await.unwrap();
    let lost = group.await.unwrap().unwrap_err();
    assert!(
        matches!(&lost, store::Error::Unique { constraint, .. } if constraint == "tenants_pkey"),
        "{lost:?}"
    );
    assert_eq!(db.count("select count(*) from route_events").await, 0);

    // The next attempt finds the tenant, and its events belong to that tenant's epoch.
    let committed = commit(&instance, &requests).await.unwrap();
    assert!(committed.replies.iter().all(Result::is_ok));
    assert!(
        committed
            .events
            .iter()
            .all(|recorded| recorded.event.body.epoch.as_str() == "0123456789abcdef")
    );
    assert_eq!(db.count("select count(*) from tenants").await, 0);
}

/// A tenant is created and deleted within one group, with no other transaction at work.
#[tokio::test(flavor = "multi_thread")]
async fn tenant_made_and_deleted_in_a_group_leaves_only_events() {
    let db = Database::create().await;
    let instance = Instance::start(&db);
    let (upsert, delete) = upsert_and_delete();
    let requests = [
        request("t", upsert, 1),
        request("t", delete, 2),
        request(
            "t",
            Op::DeleteTenant {
                with_everything: false,
            },
            3,
        ),
    ];
    let committed = commit(&instance, &requests).await.unwrap();
    let effects: Vec<_> = committed
        .replies
        .iter()
        .map(|reply| reply.as_ref().unwrap().outcome.effect)
        .collect();
    assert_eq!(effects, [Effect::Created, Effect::Deleted, Effect::Deleted]);
    let counts = "select (select count(*) from tenants) * 100 + (select count(*) from routes) * 10 + (select count(*) from route_events)";
    // The events: the route's creation, the route's deletion, and the tenant's deletion.
    assert_eq!(db.count(counts).await, 3);
    assert_eq!(db.count("select count(*) from outbox").await, 3);
}

/// The group's lock finds no such tenant. Its reads, a moment later, find the tenant's routes.
#[tokio::test(flavor = "multi_thread")]
async fn routes_of_a_tenant_created_after_the_lock_are_not_read() {
    let db = Database::create().await;
    let instance = Arc::new(Instance::start(&db));
    write(
        &instance,
        &request(
            "a",
            Op::CreateTenant {
                quotas: Default::default(),
                allowed_hosts: Vec::new(),
            },
            1,
        ),
    )
    .await
    .unwrap();
    // The group waits for tenant a, with a snapshot in which there is no tenant b.
    let mut other = session(&db).await;
    let holding = other.transaction().await.unwrap();
    holding
        .query("select from tenants where name = 'a' for update", &[])
        .await
        .unwrap();
    let (upsert, delete) = upsert_and_delete();
    let requests = [
        request(
            "a",
            Op::PatchTenant {
                quotas: QuotasPatch {
                    routes: Some(Some(3)),
                    ..QuotasPatch::default()
                },
                allowed_hosts: None,
            },
            2,
        ),
        request("b", delete, 3),
        request(
            "b",
            Op::DeleteTenant {
                with_everything: false,
            },
            4,
        ),
    ];
    let group = tokio::spawn({
        let (instance, requests) = (instance.clone(), requests.clone());
        async move { commit(&instance, &requests).await }
    });
    waits_for_a_lock(&db).await;
    let made = write(&instance, &request("b", upsert, 5)).await.unwrap();
    holding.rollback().await.unwrap();

    let replies = group.await.unwrap().unwrap().replies;
    assert!(replies[0].is_ok());
    assert_eq!(
        replies[1..],
        [
            Err(Rejection::RouteNotFound),
            Err(Rejection::TenantNotFound)
        ]
    );
    assert_eq!(
        db.count("select count(*) from routes where tenant = 'b'")
            .await,
        1
    );
    assert_eq!(
        db.count("select count(*) from route_events where tenant = 'b'")
            .await,
        1
    );
    let epoch: String = db
        .rows("select epoch from tenants where name = 'b'", &[])
        .await[0]
        .get(0);
    assert_eq!(epoch, made.outcome.tag.epoch.as_str());
}

/// All tenants share the hosts: a host that one tenant gives up in a group can pass to the next
/// tenant in the same group.
#[tokio::test(flavor = "multi_thread")]
async fn host_moves_between_tenants_within_one_group() {
    let db = Database::create().await;
    let instance = Instance::start(&db);
    let (policy, version) = (policies::name(&mut Rng::new(1)), "v0".parse().unwrap());
    let (upsert, _) = upsert_and_delete();
    let Op::Upsert { spec, .. } = upsert else {
        unreachable!()
    };
    let upsert = Op::Upsert {
        route: policy.route(&version),
        spec,
    };
    let claim = serde_json::json!({ "failover": ["v0"], "hosts": ["a.example"] });
    let put = Op::PutPolicy {
        policy: policy.clone(),
        spec: serde_json::from_value(claim).unwrap(),
    };
    let ops = [
        ("a", upsert.clone()),
        ("b", upsert),
        ("a", put.clone()),
        ("b", put.clone()),
        ("a", Op::DeletePolicy { policy }),
        ("b", put.clone()),
        ("a", put),
    ];
    let requests: Vec<_> = ops
        .into_iter()
        .zip(1..)
        .map(|((tenant, op), word)| request(tenant, op, word))
        .collect();
    let replies = commit(&instance, &requests).await.unwrap().replies;
    let done: Vec<bool> = replies.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, true, true, false, true, true, false]);
    for at in [3, 6] {
        assert!(
            matches!(&replies[at], Err(Rejection::HostTaken { .. })),
            "{:?}",
            replies[at]
        );
    }
    assert_eq!(
        db.count("select count(*) from policy_hosts where tenant = 'b'")
            .await,
        1
    );
    assert_eq!(db.count("select count(*) from policy_hosts").await, 1);
}

/// Puts a policy that claims a host with a path prefix, for tenants that have its version.
fn put(host: &str, prefix: &str) -> Op {
    let spec = serde_json::json!({ "failover": ["v0"], "hosts": [host], "path_prefix": prefix });
    Op::PutPolicy {
        policy: policies::name(&mut Rng::new(1)),
        spec: serde_json::from_value(spec).unwrap(),
    }
}

async fn two_with_versions(instance: &Instance) {
    let (upsert, _) = upsert_and_delete();
    let Op::Upsert { spec, .. } = upsert else {
        unreachable!()
    };
    let route = policies::name(&mut Rng::new(1)).route(&"v0".parse().unwrap());
    for (tenant, word) in [("a", 1), ("b", 2)] {
        write(
            instance,
            &request(
                tenant,
                Op::Upsert {
                    route: route.clone(),
                    spec: spec.clone(),
                },
                word,
            ),
        )
        .await
        .unwrap();
    }
}

/// Pairs of hosts that two tenants may not both have.
const OVERLAPS: [(&str, &str, &str, &str); 6] = [
    ("x.example.com", "/", "x.example.com", "/a"),
    ("*.x.example.com", "/", "b.a.x.example.com", "/"),
    ("a.x.example.com", "/", "*.x.example.com", "/"),
    ("*.x.example.com", "/", "x.example.com", "/"),
    ("*.x.example.com", "/", "*.a.x.example.com", "/"),
    ("*.example.com", "/", "*.a.x.example.com", "/"),
];

fn lost_the_host(lost: &store::Error) -> bool {
    matches!(lost, store::Error::Unique { constraint, .. } if store::policies::HOST_CONSTRAINTS.contains(&constraint.as_str()))
}

/// Another instance claims a host after a group has read that the host is free, and before the
/// group writes.
#[tokio::test(flavor = "multi_thread")]
async fn host_claimed_after_the_read_is_not_claimed_twice() {
    let db = Database::create().await;
    let (instance, other) = (Instance::start(&db), Instance::start(&db));
    two_with_versions(&instance).await;
    for (at, (mine, my_prefix, theirs, their_prefix)) in (0..).zip(OVERLAPS) {
        let (requests, claim) = (
            [request("a", put(mine, my_prefix), 10 + at)],
            request("b", put(theirs, their_prefix), 20 + at),
        );
        let decide = |locked| {
            let claimed = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| claimed.block_on(write(&other, &claim))).unwrap();
            Ok(batch::plan(&requests, locked, quotas()).unwrap().split())
        };
        let mut client = instance.server.connection().await.unwrap();
        let (wanted, limit) = (batch::wanted(&requests), Duration::from_secs(10));
        let group = Box::pin(store::group::commit(
            &mut client,
            instance.server.tls(),
            &wanted,
            limit,
            decide,
        ))
        .await;
        let lost = group.expect_err("two tenants have it");
        assert!(lost_the_host(&lost), "{mine} {theirs}: {lost:?}");
        // The next attempt sees the other instance's claim.
        let refused = write(&instance, &requests[0]).await.unwrap_err();
        assert!(
            matches!(
                refused,
                Rejection::HostTaken {
                    of_another_tenant: true,
                    ..
                }
            ),
            "{mine} {theirs}: {refused:?}"
        );
        write(
            &other,
            &request(
                "b",
                Op::DeletePolicy {
                    policy: policies::name(&mut Rng::new(1)),
                },
                30 + at,
            ),
        )
        .await
        .unwrap();
    }
    assert_eq!(db.count("select count(*) from policy_hosts").await, 0);
}

/// Another transaction has claimed a host and not committed yet. Claims that overlap wait for it,
/// and other claims do not.
#[tokio::test(flavor = "multi_thread")]
async fn claim_waits_for_an_overlapping_uncommitted_claim() {
    let db = Database::create().await;
    let instance = Arc::new(Instance::start(&db));
    two_with_versions(&instance).await;
    write(&instance, &request("b", put("free.example.net", "/"), 3))
        .await
        .unwrap();
    for (at, (mine, my_prefix, theirs, their_prefix)) in (0..).zip(OVERLAPS) {
        let mut other = session(&db).await;
        let sql = "update policy_hosts set host = $1, path_prefix = $2 where tenant = 'b'";
        other
            .execute(sql, &[&"free.example.net", &"/"])
            .await
            .unwrap();
        let claiming = other.transaction().await.unwrap();
        assert_eq!(
            claiming
                .execute(sql, &[&theirs, &their_prefix])
                .await
                .unwrap(),
            1
        );
        write(
            &instance,
            &request("a", put("else.example.org", "/"), 40 + at),
        )
        .await
        .unwrap();
        let requests = [request("a", put(mine, my_prefix), 10 + at)];
        let group = tokio::spawn({
            let instance = instance.clone();
            async move { commit(&instance, &requests).await }
        });
        waits_for_a_lock(&db).await;
        claiming.commit().await.unwrap();
        let lost = group.await.unwrap().expect_err("two tenants have it");
        assert!(lost_the_host(&lost), "{mine} {theirs}: {lost:?}");
        assert_eq!(
            db.count("select count(distinct host) from policy_hosts")
                .await,
            2
        );
    }
}

/// An operator marks a backup as restored after a group has decided and before it writes.
#[tokio::test(flavor = "multi_thread")]
async fn revision_decided_before_a_restore_keeps_its_old_timeline() {
    let db = Database::create().await;
    let instance = Instance::start(&db);
    let (upsert, _) = upsert_and_delete();
    write(
        &instance,
        &request(
            "t",
            Op::CreateTenant {
                quotas: Default::default(),
                allowed_hosts: Vec::new(),
            },
            1,
        ),
    )
    .await
    .unwrap();
    let owner = connect(&db.owner_url()).await;
    let requests = [request("t", upsert, 2)];
    let decide = |locked: store::group::Locked| {
        assert!(
            batch::on_other_timeline(&requests, &locked).is_empty(),
            "the restore is not visible yet"
        );
        let restored = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| restored.block_on(store::installation::restored(&owner)))
            .unwrap();
        Ok(batch::plan(&requests, locked, quotas()).unwrap().split())
    };
    let mut client = instance.server.connection().await.unwrap();
    let (wanted, limit) = (batch::wanted(&requests), Duration::from_secs(10));
    Box::pin(store::group::commit(
        &mut client,
        instance.server.tls(),
        &wanted,
        limit,
        decide,
    ))
    .await
    .unwrap();
    drop(client);

    let on_other_timeline =
        async |tx: &store::Transaction<'_>| store::tenants::on_other_timeline(tx, None, 10).await;
    let visible = store::Visible::all_tenants();
    assert_eq!(
        instance
            .server
            .read(&visible, on_other_timeline)
            .await
            .unwrap(),
        ["t".parse().unwrap()]
    );
}
