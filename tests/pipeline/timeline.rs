//! After a restore every tenant begins a new epoch, whether it is written to or not, and all
//! clients learn of it.

use serde_json::{Value, json};
use traffic_manager::{
    app::{Role, commands},
    config::Settings,
};

use crate::support::{
    TestApp, World,
    database::{connect, url_of},
    eventually,
};

/// Runs the command that marks the database as restored from a backup.
async fn mark_restored(world: &World) {
    let mut settings: Settings = world.settings.clone();
    settings.migrate.postgres_url = world.db.owner_url().into();
    commands::mark_restored(&settings)
        .await
        .expect("the restore is recorded");
}

async fn epoch(app: &TestApp, tenant: &str) -> String {
    app.get(&format!("/tenants/{tenant}"))
        .expect(200)
        .await
        .json["epoch"]
        .as_str()
        .expect("an epoch")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tenant_starts_an_epoch_after_a_restore() {
    let world = World::new().await;
    let mut settings = world.settings.clone();
    settings.write.timeline_check_ms = 3_600_000;
    let writer = TestApp::run(world.db.clone(), settings.clone(), Role::All).await;
    settings.read.refresh_ms = 60_000;
    let reader = TestApp::run(world.db.clone(), settings, Role::Serve).await;
    let route = async |version: &str, url: &str| {
        let path = format!("/routes/acme/web/prod/{version}");
        writer.put(&path).json(&json!({ "url": url })).send().await
    };
    for version in ["v1", "v2", "v3"] {
        route(version, "http://old.example/").await;
    }
    let policy = json!({ "split": [{ "version": "v1", "weight": 3 }, { "version": "v2", "weight": 1 }], "hosts": ["shop.example"] });
    writer
        .put("/policies/acme/web/prod")
        .json(&policy)
        .expect(201)
        .await;
    writer
        .put("/routes/other/web/prod/v1")
        .json(&json!({ "url": "http://other.example/" }))
        .send()
        .await;
    let snapshot = "/tenants/acme/snapshot";
    let before = reader.get(snapshot).expect(200).await;
    assert_eq!(before.revision(), 4);

    mark_restored(&world).await;
    // A tag from before the restore does not match, even though the guarded write itself would have
    // begun the new epoch.
    let stale = writer
        .put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://new.example/" }));
    let stale = stale
        .header("if-match", format!("\"{}.1\"", before.epoch()))
        .send()
        .await;
    assert_eq!(stale.status, 412, "{}", stale.json);
    let changed = route("v1", "http://new.example/").await;
    assert_eq!(
        (changed.status.as_u16(), changed.revision()),
        (200, 2),
        "the first revision of the epoch has all objects"
    );
    let now = changed.epoch();
    assert_ne!(now, before.epoch());
    let told = async || {
        Some(reader.get(snapshot).expect(200).await).filter(|answer| answer.epoch() == now)
    };
    let after = eventually("the other instance follows", told).await;
    assert_eq!(
        after.json["routes"].as_array().map(Vec::len),
        before.json["routes"].as_array().map(Vec::len)
    );
    assert_eq!(
        after.json["policies"][0]["split"],
        before.json["policies"][0]["split"]
    );
    let changes = reader
        .get(&format!("/tenants/acme/changes?after={}", before.tag()))
        .expect(200)
        .await
        .json;
    assert_eq!(
        (&changes["reset"], &changes["snapshot"]["epoch"]),
        (&json!(true), &json!(now)),
        "{changes}"
    );
    reader
        .get(snapshot)
        .header("tm-min-revision", before.tag())
        .problem(503, "revision_not_reached")
        .await;
    // Reads of the past go back to the start of the epoch, and its first event names the tag before
    // it.
    let first = writer
        .get("/routes/acme/web/prod/v3/history")
        .expect(200)
        .await
        .json["items"][0]
        .clone();
    assert_eq!(
        (
            &first["action"],
            &first["revision"],
            &first["actor"]["kind"]
        ),
        (&json!("created"), &json!(1), &json!("system"))
    );
    assert!(
        first["reason"]
            .as_str()
            .is_some_and(|reason| reason.ends_with(&before.tag())),
        "{first}"
    );
    let past = writer
        .get(&format!("/routes?tenant=acme&at={now}.1"))
        .expect(200)
        .await
        .json;
    assert!(
        past["items"]
            .as_array()
            .is_some_and(|routes| routes.len() == 3),
        "{past}"
    );
    // The tenant still has its host.
    let claim = writer
        .put("/policies/other/web/prod")
        .json(&json!({ "split": [{ "version": "v1", "weight": 1 }], "hosts": ["shop.example"] }));
    claim.problem(409, "host_taken").await;

    // Both histories are archived, and the present one verifies.
    let epochs = async |epoch: &str| {
        world
            .archived()
            .await
            .into_iter()
            .filter(|event| event.tenant == "acme" && event.epoch == epoch)
            .count()
    };
    eventually("both are archived", async || {
        (epochs(&before.epoch()).await == 4 && epochs(&now).await == 6).then_some(())
    })
    .await;
    let verified = writer
        .get("/audit/verify?tenant=acme")
        .expect(200)
        .await
        .json;
    assert_eq!(
        (&verified["verified"], &verified["epoch"], &verified["to"]),
        (&json!(true), &json!(now), &json!(2)),
        "{verified}"
    );
    reader.drain().await;
    writer.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_tenant_starts_its_epoch_once_after_a_restore() {
    let world = World::with(&["write.timeline_check_ms=100"]).await;
    let (one, two) = tokio::join!(
        TestApp::run(world.db.clone(), world.settings.clone(), Role::All),
        TestApp::run(world.db.clone(), world.settings.clone(), Role::All)
    );
    for tenant in ["a", "b", "c"] {
        one.put(&format!("/routes/{tenant}/web/prod/v1"))
            .json(&json!({ "url": "http://a.example/" }))
            .expect(201)
            .await;
    }
    // A tenant without routes counts, too.
    one.post("/tenants")
        .json(&json!({ "name": "empty" }))
        .expect(201)
        .await;
    let names = ["a", "b", "c", "empty"];
    let mut before = Vec::new();
    for tenant in names {
        before.push(epoch(&one, tenant).await);
    }
    mark_restored(&world).await;
    for (tenant, before) in names.iter().zip(&before) {
        let moved = async || Some(epoch(&two, tenant).await).filter(|epoch| epoch != before);
        eventually("the tenant has begun an epoch", moved).await;
    }
    let revisions = async |tenant: &str| -> Value {
        one.get(&format!("/tenants/{tenant}"))
            .expect(200)
            .await
            .json["revision"]
            .clone()
    };
    for tenant in names {
        assert_eq!(
            revisions(tenant).await,
            json!(1),
            "{tenant}: one instance began the epoch and the other saw it"
        );
    }
    let epochs = world
        .db
        .count("select count(distinct epoch) from route_events")
        .await;
    assert_eq!(epochs, 8, "each tenant has had two");
    one.drain().await;
    two.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_that_cannot_start_its_epoch_blocks_no_other() {
    let world = World::with(&[
        "write.lanes=1",
        "write.timeline_check_ms=3600000",
        "write.new_epoch_timeout_ms=1000",
    ])
    .await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    let superuser = connect(&url_of("PG_PRIMARY_URL", &world.db.name)).await;
    let good: Vec<_> = (0..20).map(|n| format!("good{n}")).collect();
    let put = async |tenant: &str, url: &str| {
        app.put(&format!("/routes/{tenant}/web/prod/v1"))
            .json(&json!({ "url": url }))
            .send()
            .await
            .status
            .as_u16()
    };
    for tenant in good.iter().map(String::as_str).chain(["stuck"]) {
        assert_eq!(put(tenant, "http://old.example/").await, 201);
    }
    // A sequence counts an attempt even if its transaction is rolled back.
    let tries = "create sequence tries";
    let slow = "create function slow() returns trigger language plpgsql security definer as \
                $$ begin perform nextval('tries'), pg_sleep(case new.name when 'stuck' then 60 else 0.3 end); return new; end $$";
    let trigger = "create trigger slow before update on tenants for each row when (new.name in ('stuck', 'good0')) execute function slow()";
    for statement in [tries, slow, trigger] {
        superuser.execute(statement, &[]).await.unwrap();
    }
    mark_restored(&world).await;
    // The first write holds the lane for so long that all writes that come meanwhile form one
    // group.
    let others = futures_util::future::join_all(
        good.iter().map(|tenant| put(tenant, "http://new.example/")),
    );
    let (others, stuck) = tokio::join!(others, put("stuck", "http://new.example/"));
    assert_eq!((stuck, others), (503, vec![200; good.len()]));
    let tries = async || world.db.count("select last_value from tries").await;
    let before = tries().await;
    assert_eq!(put("stuck", "http://new.example/").await, 503);
    assert_eq!(
        tries().await,
        before,
        "the failing tenant is not retried at once"
    );
    superuser
        .execute("drop trigger slow on tenants", &[])
        .await
        .unwrap();
    let begun = async || (put("stuck", "http://new.example/").await == 200).then_some(());
    eventually("the tenant begins its epoch once it can", begun).await;
    app.drain().await;
    world.end().await;
}
