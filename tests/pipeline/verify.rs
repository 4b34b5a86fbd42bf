//! The proof of the archive, against documents that somebody with the rights to has tampered with.

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use traffic_manager::app::Role;

use crate::support::{TestApp, World, eventually};

async fn world_with(events: u64) -> (World, TestApp) {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    for n in 0..events {
        let body = json!({ "url": format!("http://host-{n}/") });
        app.put("/routes/acme/web/prod/v1").json(&body).header("x-reason", format!("step {n}")).send().await;
    }
    eventually("everything is archived", async || (world.archived_count().await == events).then_some(())).await;
    (world, app)
}

async fn verify(app: &TestApp, query: &str) -> Value {
    app.get(&format!("/audit/verify?tenant=acme{query}")).expect(200).await.json
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tampered_with_is_found_and_named() {
    let (world, app) = world_with(12).await;
    let whole = verify(&app, "").await;
    let want = json!({ "tenant": "acme", "epoch": whole["epoch"], "from": 1, "to": 12, "complete": true, "verified": true,
        "events": 12, "first_bad": null, "missing": [], "missing_count": 0 });
    assert_eq!(whole, want);
    assert_eq!(verify(&app, "&from=4&to=9").await["events"], 6);

    let collection = world.collection().await;
    let original = |revision: i64| {
        let collection = collection.clone();
        async move { collection.find_one(doc! { "revision": revision }).await.unwrap().expect("the event") }
    };
    let put_back = async |document: Document| {
        collection.delete_one(doc! { "revision": document.get_i64("revision").unwrap() }).await.unwrap();
        collection.insert_one(document).await.unwrap();
        assert_eq!(verify(&app, "").await["verified"], true);
    };
    let bad = |answer: &Value| (answer["first_bad"]["revision"].clone(), answer["first_bad"]["reason"].clone());

    let fifth = original(5).await;
    collection.update_one(doc! { "revision": 5_i64 }, doc! { "$set": { "event.reason": "another" } }).await.unwrap();
    let answer = verify(&app, "").await;
    assert_eq!((bad(&answer), &answer["verified"]), ((json!(5), json!("misplaced")), &json!(false)), "{answer}");
    collection.update_one(doc! { "revision": 5_i64 }, doc! { "$set": { "reason": "another" } }).await.unwrap();
    assert_eq!(bad(&verify(&app, "").await), (json!(5), json!("edited")), "in the filtered field as well");
    put_back(fifth.clone()).await;

    collection.update_one(doc! { "revision": 5_i64 }, doc! { "$set": { "changed_by": "somebody" } }).await.unwrap();
    assert_eq!(bad(&verify(&app, "").await), (json!(5), json!("misplaced")), "a filtered field alone");
    put_back(fifth).await;

    for revision in [1, 7, 12] {
        let document = original(revision).await;
        collection.delete_one(doc! { "revision": revision }).await.unwrap();
        let answer = verify(&app, "").await;
        assert_eq!(
            (&answer["missing"], &answer["verified"], &answer["first_bad"]),
            (&json!([revision]), &json!(false), &json!(null))
        );
        put_back(document).await;
    }
    // Outside of what was asked for.
    let last = original(12).await;
    collection.delete_one(doc! { "revision": 12_i64 }).await.unwrap();
    assert_eq!(verify(&app, "&to=11").await["verified"], true);
    put_back(last).await;
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_one_page_is_walked_to_the_end() {
    let (world, app) = world_with(620).await;
    let answer = verify(&app, "").await;
    assert_eq!((&answer["events"], &answer["verified"], &answer["complete"]), (&json!(620), &json!(true), &json!(true)));
    for (query, pointer) in [("&from=0", "?from"), ("&from=5&to=4", "?to"), ("&to=x", "?to")] {
        let problem = app.get(&format!("/audit/verify?tenant=acme{query}")).problem(422, "invalid_request").await;
        assert_eq!(problem.pointers(), [pointer], "{query}");
    }
    app.get("/audit/verify").problem(422, "invalid_request").await;
    app.get("/audit/verify?tenant=nobody").problem(404, "tenant_not_found").await;
    app.drain().await;
    world.end().await;
}
