//! The proof of the archive, against documents that an attacker with write access has changed.

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use traffic_manager::app::Role;
use uuid::Uuid;

use crate::{
    chains::{Chain, archive, seal},
    support::{TestApp, World, eventually},
};

async fn world_with(events: u64) -> (World, TestApp) {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::All).await;
    for n in 0..events {
        let body = json!({ "url": format!("http://host-{n}/") });
        app.put("/routes/acme/web/prod/v1")
            .json(&body)
            .header("x-reason", format!("step {n}"))
            .send()
            .await;
    }
    eventually("everything is archived", async || {
        (world.archived_count().await == events).then_some(())
    })
    .await;
    (world, app)
}

async fn verify(app: &TestApp, query: &str) -> Value {
    app.get(&format!("/audit/verify?tenant=acme{query}"))
        .expect(200)
        .await
        .json
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_names_tampered_events() {
    let (world, app) = world_with(12).await;
    let whole = verify(&app, "").await;
    let want = json!({ "tenant": "acme", "epoch": whole["epoch"], "from": 1, "to": 12, "complete": true, "verified": true,
        "events": 12, "first_bad": null, "missing": [], "missing_count": 0, "checkpoint": null });
    assert_eq!(whole, want);
    assert_eq!(verify(&app, "&from=4&to=9").await["events"], 6);

    let collection = world.collection().await;
    let original = |revision: i64| {
        let collection = collection.clone();
        async move {
            collection
                .find_one(doc! { "revision": revision })
                .await
                .unwrap()
                .expect("the event")
        }
    };
    let put_back = async |document: Document| {
        collection
            .delete_one(doc! { "revision": document.get_i64("revision").unwrap() })
            .await
            .unwrap();
        collection.insert_one(document).await.unwrap();
        assert_eq!(verify(&app, "").await["verified"], true);
    };
    let bad = |answer: &Value| {
        (
            answer["first_bad"]["revision"].clone(),
            answer["first_bad"]["reason"].clone(),
        )
    };

    let fifth = original(5).await;
    collection
        .update_one(
            doc! { "revision": 5_i64 },
            doc! { "$set": { "event.reason": "another" } },
        )
        .await
        .unwrap();
    let answer = verify(&app, "").await;
    assert_eq!(
        (bad(&answer), &answer["verified"]),
        ((json!(5), json!("misplaced")), &json!(false)),
        "{answer}"
    );
    collection
        .update_one(
            doc! { "revision": 5_i64 },
            doc! { "$set": { "reason": "another" } },
        )
        .await
        .unwrap();
    assert_eq!(
        bad(&verify(&app, "").await),
        (json!(5), json!("edited")),
        "in the filtered field as well"
    );
    put_back(fifth.clone()).await;

    collection
        .update_one(
            doc! { "revision": 5_i64 },
            doc! { "$set": { "changed_by": "somebody" } },
        )
        .await
        .unwrap();
    assert_eq!(
        bad(&verify(&app, "").await),
        (json!(5), json!("misplaced")),
        "a filtered field alone"
    );
    put_back(fifth).await;

    for revision in [1, 7, 12] {
        let document = original(revision).await;
        collection
            .delete_one(doc! { "revision": revision })
            .await
            .unwrap();
        let answer = verify(&app, "").await;
        assert_eq!(
            (
                &answer["missing"],
                &answer["verified"],
                &answer["first_bad"]
            ),
            (&json!([revision]), &json!(false), &json!(null))
        );
        put_back(document).await;
    }
    // A fault outside the requested range does not count.
    let last = original(12).await;
    collection
        .delete_one(doc! { "revision": 12_i64 })
        .await
        .unwrap();
    assert_eq!(verify(&app, "&to=11").await["verified"], true);
    put_back(last).await;
    app.drain().await;
    world.end().await;
}

/// Drops the archive's index of places, as somebody with every right could.
async fn drop_place_index(world: &World) {
    let collection = world.collection().await;
    collection
        .drop_index("tenant_1_epoch_1_revision_1_item_1")
        .await
        .expect("the index of places");
}

/// A name, the revisions to delete, the documents to insert, the first bad revision, and the
/// reason.
type Tampering = (&'static str, Vec<i64>, Vec<Document>, u64, &'static str);

#[tokio::test(flavor = "multi_thread")]
async fn verification_names_the_first_bad_revision() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    let acme = Chain::of("acme", 9);
    acme.commit(&world).await;
    acme.live(&world).await;
    drop_place_index(&world).await;
    let collection = world.collection().await;
    let original = collection
        .find(doc! {})
        .sort(doc! { "revision": 1 })
        .await
        .unwrap();
    let original: Vec<Document> = futures_util::TryStreamExt::try_collect(original)
        .await
        .unwrap();
    let document = |revision: usize| original[revision - 1].clone();
    let with = |revision: usize, changes: Document| {
        let mut changed = document(revision);
        changed.extend(changes);
        changed
    };
    let resealed = async |revision: usize, change: &dyn Fn(&mut Value)| {
        let mut event = acme.events[revision - 1].clone();
        change(&mut event);
        event
    };
    // Archives a made-up event and returns its document.
    let made_up = async |event: Value| {
        collection.delete_many(doc! {}).await.unwrap();
        archive(&world, &[seal(event)]).await;
        collection
            .find_one(doc! {})
            .await
            .unwrap()
            .expect("the event")
    };
    let inserted = made_up(
        resealed(5, &|event| {
            (event["id"], event["item"]) = (json!(Uuid::now_v7()), json!(1))
        })
        .await,
    )
    .await;
    let instead = made_up(resealed(5, &|event| event["reason"] = json!("another")).await).await;
    let after_the_end = made_up(
        resealed(9, &|event| {
            (event["id"], event["revision"], event["prev_hash"]) =
                (json!(Uuid::now_v7()), json!(10), json!(acme.hash(9)))
        })
        .await,
    )
    .await;
    let newest_forged =
        made_up(resealed(9, &|event| event["reason"] = json!("another")).await).await;
    let swap = |a: usize, b: usize| {
        let place =
            |document: &Document| doc! { "revision": document.get_i64("revision").unwrap() };
        vec![with(a, place(&document(b))), with(b, place(&document(a)))]
    };
    let twin = |place: Document| {
        let mut twin = with(5, place);
        twin.insert("_id", "twin");
        twin
    };
    // Each case names the deleted revisions, the inserted documents and the expected answer.
    let cases: Vec<Tampering> = vec![
        (
            "edited",
            vec![5],
            vec![with(5, doc! { "hash": "0".repeat(64) })],
            5,
            "misplaced",
        ),
        (
            "a member taken away",
            vec![5],
            vec![{
                let mut d = document(5);
                d.remove("changed_by");
                d
            }],
            5,
            "edited",
        ),
        (
            "no event left",
            vec![5],
            vec![with(5, doc! { "event": {} })],
            5,
            "misplaced",
        ),
        (
            "edited and sealed again",
            vec![5],
            vec![instead],
            6,
            "broken_link",
        ),
        (
            "the newest edited and sealed again",
            vec![9],
            vec![newest_forged],
            9,
            "wrong_end",
        ),
        (
            "doubled in its place",
            vec![],
            vec![twin(doc! {})],
            5,
            "misplaced",
        ),
        (
            "doubled in the next place",
            vec![6],
            vec![twin(doc! { "revision": 6_i64 })],
            6,
            "misplaced",
        ),
        (
            "doubled as another item",
            vec![],
            vec![twin(doc! { "item": 1_i64 })],
            5,
            "misplaced",
        ),
        (
            "doubled between two places",
            vec![],
            vec![twin(doc! { "revision": 5.5 })],
            5,
            "edited",
        ),
        ("reordered", vec![4, 5], swap(4, 5), 4, "misplaced"),
        (
            "reordered far apart",
            vec![2, 8],
            swap(2, 8),
            2,
            "misplaced",
        ),
        (
            "inserted within a revision",
            vec![],
            vec![inserted],
            5,
            "misplaced",
        ),
        (
            "inserted after the newest",
            vec![],
            vec![after_the_end],
            10,
            "wrong_end",
        ),
    ];
    for (what, out, put, revision, reason) in cases {
        collection.delete_many(doc! {}).await.unwrap();
        let left = original
            .iter()
            .filter(|document| !out.contains(&document.get_i64("revision").unwrap()));
        collection
            .insert_many(left.chain(&put))
            .bypass_document_validation(true)
            .await
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        let answer = verify(&app, "").await;
        assert_eq!(
            answer["first_bad"],
            json!({ "revision": revision, "reason": reason }),
            "{what}: {answer}"
        );
        assert_eq!(answer["verified"], false, "{what}");
    }
    collection.delete_many(doc! {}).await.unwrap();
    collection.insert_many(&original).await.unwrap();
    assert_eq!(verify(&app, "").await["verified"], true);
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_finds_a_double_at_the_end_of_a_page() {
    let world = World::new().await;
    let app = TestApp::run(world.db.clone(), world.settings.clone(), Role::Serve).await;
    let acme = Chain::of("acme", 510);
    acme.commit(&world).await;
    acme.live(&world).await;
    drop_place_index(&world).await;
    let collection = world.collection().await;
    assert_eq!(verify(&app, "").await["events"], 510);
    let mut twin = collection
        .find_one(doc! { "revision": 500_i64 })
        .await
        .unwrap()
        .unwrap();
    for id in ["0", "z"] {
        twin.insert("_id", id);
        collection.insert_one(&twin).await.unwrap();
        let answer = verify(&app, "").await;
        assert_eq!(
            answer["first_bad"],
            json!({ "revision": 500, "reason": "misplaced" }),
            "{answer}"
        );
        collection.delete_one(doc! { "_id": id }).await.unwrap();
    }
    app.drain().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_covers_more_than_one_page() {
    let (world, app) = world_with(620).await;
    let answer = verify(&app, "").await;
    assert_eq!(
        (&answer["events"], &answer["verified"], &answer["complete"]),
        (&json!(620), &json!(true), &json!(true))
    );
    for (query, pointer) in [
        ("&from=0", "?from"),
        ("&from=5&to=4", "?to"),
        ("&to=x", "?to"),
    ] {
        let problem = app
            .get(&format!("/audit/verify?tenant=acme{query}"))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(problem.pointers(), [pointer], "{query}");
    }
    app.get("/audit/verify")
        .problem(422, "invalid_request")
        .await;
    app.get("/audit/verify?tenant=nobody")
        .problem(404, "tenant_not_found")
        .await;
    app.drain().await;
    world.end().await;
}
