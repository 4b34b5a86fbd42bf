//! The changes of a tenant since a tag.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, TestApp, eventually};

async fn put(app: &TestApp, route: &str, url: &str) -> Answer {
    app.put(&format!("/routes/acme/{route}"))
        .json(&json!({ "url": format!("http://{url}") }))
        .send()
        .await
}

async fn changes(app: &TestApp, query: &str) -> Answer {
    app.get(&format!("/tenants/acme/changes?{query}"))
        .expect(200)
        .await
}

fn revisions(answer: &Answer) -> Vec<u64> {
    answer.json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["revision"].as_u64().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_have_no_gap_from_memory_and_from_postgres() {
    let app = TestApp::start().await;
    let first = put(&app, "web/prod/v1", "a").await;
    app.get("/tenants/acme/snapshot").expect(200).await;
    for n in 0..9 {
        put(
            &app,
            ["web/prod/v1", "web/dev/v1", "api/prod/v1"][n % 3],
            &format!("h{n}"),
        )
        .await;
    }
    let newest = app.get("/tenants/acme/snapshot").expect(200).await;
    // This instance has seen none of the changes.
    let other = TestApp::on(app.db.clone(), &[]).await;
    app.db.caught_up().await;
    let epoch = first.epoch();
    for instance in [&app, &other] {
        let all = changes(instance, &format!("after={}", first.tag())).await;
        assert_eq!(revisions(&all), (2..=10).collect::<Vec<_>>());
        assert_eq!(
            (&all.json["from"], &all.json["to"]),
            (&json!(first.tag()), &json!(newest.tag()))
        );
        assert_eq!(
            (&all.json["complete"], all.tag()),
            (&json!(true), newest.tag())
        );
        assert_eq!(all.json.get("reset"), None);
        let history = instance
            .get("/routes/acme/api/prod/v1/history")
            .expect(200)
            .await;
        assert_eq!(
            all.json["changes"][8]["hash"], history.json["items"][0]["hash"],
            "the stored events"
        );

        let page = changes(instance, &format!("after={epoch}.3&limit=4")).await;
        assert_eq!(
            (revisions(&page), &page.json["complete"]),
            (vec![4, 5, 6, 7], &json!(false))
        );
        assert_eq!(page.json["to"], format!("{epoch}.7"));
        let rest = changes(instance, &format!("after={epoch}.7&limit=4")).await;
        assert_eq!(
            (revisions(&rest), &rest.json["complete"]),
            (vec![8, 9, 10], &json!(true))
        );
        let none = changes(instance, &format!("after={}", newest.tag())).await;
        assert_eq!(
            (revisions(&none), &none.json["to"], &none.json["complete"]),
            (vec![], &json!(newest.tag()), &json!(true))
        );

        let dev = changes(instance, &format!("after={epoch}.1&env=dev")).await;
        assert_eq!(
            (revisions(&dev), &dev.json["to"]),
            (vec![3, 6, 9], &json!(newest.tag()))
        );
        let web = changes(instance, &format!("after={epoch}.1&service=web&env=prod")).await;
        assert_eq!(revisions(&web), [2, 5, 8]);
    }
    let bytes = async |instance: &TestApp| {
        changes(instance, &format!("after={}", first.tag()))
            .await
            .bytes
    };
    assert_eq!(bytes(&app).await, bytes(&other).await, "byte for byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_changes_are_replaced_by_the_whole_snapshot() {
    let app = TestApp::start().await;
    let first = put(&app, "web/prod/v1", "a").await;
    for n in 0..4 {
        put(&app, "web/prod/v1", &format!("h{n}")).await;
    }
    let whole = app.get("/tenants/acme/snapshot").expect(200).await;
    let is_reset = |answer: &Answer, whole: &Answer| {
        assert_eq!(
            (&answer.json["reset"], &answer.json["changes"]),
            (&json!(true), &json!([]))
        );
        assert_eq!(
            (&answer.json["snapshot"], &answer.json["to"]),
            (&whole.json, &json!(whole.tag()))
        );
    };
    is_reset(&changes(&app, "after=0123456789abcdef.2").await, &whole);
    let prod = app.get("/tenants/acme/snapshot?env=prod").expect(200).await;
    is_reset(
        &changes(&app, "after=0123456789abcdef.2&env=prod").await,
        &prod,
    );

    // Too old: the history no longer reaches back that far.
    let deleted = app
        .db
        .execute("delete from route_events where revision <= 3", &[])
        .await;
    assert_eq!(deleted, 3);
    let other = TestApp::on(app.db.clone(), &[]).await;
    app.db.caught_up().await;
    is_reset(
        &changes(&other, &format!("after={}.1", first.epoch())).await,
        &whole,
    );
    assert_eq!(
        revisions(&changes(&other, &format!("after={}.3", first.epoch())).await),
        [4, 5]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_request_waits_for_the_next_change() {
    let app = TestApp::with(&["read.max_waiters=1"]).await;
    put(&app, "web/prod/v1", "a").await;
    let newest = put(&app, "web/dev/v1", "a").await;
    let started = Instant::now();
    let quiet = changes(&app, &format!("after={}&wait=400ms", newest.tag())).await;
    assert_eq!(
        (revisions(&quiet), &quiet.json["complete"]),
        (vec![], &json!(true))
    );
    assert!(started.elapsed() >= Duration::from_millis(350));
    // The only place is taken for as long as the wait goes on.
    let is_held = async || {
        eventually("the waiting request has its place", async || {
            let now = app.get("/tenants/acme/snapshot").expect(200).await;
            let probe = app
                .get("/tenants/acme/snapshot?wait=1ms")
                .header("if-none-match", now.header("etag"))
                .send()
                .await;
            (probe.status == 429).then_some(())
        })
        .await;
    };
    let query = format!("after={}&wait=30s&env=dev", newest.tag());
    // A probe that has the only place for a moment refuses the wait, which is then begun again.
    let wait = eventually("the wait begins", async || {
        let path = format!("/tenants/acme/changes?{query}");
        let answer = app.get(&path).send().await;
        (answer.status != 429).then_some(answer)
    });
    let (waited, ()) = tokio::join!(wait, async {
        is_held().await;
        put(&app, "web/prod/v1", "b").await;
        is_held().await;
        put(&app, "web/dev/v1", "b").await;
    });
    assert_eq!(
        (
            waited.status.as_u16(),
            revisions(&waited),
            waited.revision()
        ),
        (200, vec![4], 4),
        "the other scope's change did not end the wait"
    );
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_changes_query_gets_422_and_a_future_tag_503() {
    let app = TestApp::start().await;
    let newest = put(&app, "web/prod/v1", "a").await;
    for (query, pointer) in [
        ("", "?after"),
        ("after=7", "?after"),
        ("after=0123456789abcdef.1&limit=0", "?limit"),
        ("after=0123456789abcdef.1&limit=1001", "?limit"),
        ("after=0123456789abcdef.1&wait=x", "?wait"),
    ] {
        let problem = app
            .get(&format!("/tenants/acme/changes?{query}"))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(problem.pointers(), [pointer], "{query}");
    }
    let future = format!("/tenants/acme/changes?after={}.9", newest.epoch());
    app.get(&future).problem(503, "revision_not_reached").await;
    app.get(&format!("/tenants/nobody/changes?after={}", newest.tag()))
        .problem(404, "tenant_not_found")
        .await;
}
