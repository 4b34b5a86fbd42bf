//! Quotas of a tenant: enforced under its lock, whoever writes at the same time, and refused with
//! the limit.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

async fn tenant(app: &TestApp, quotas: Value) {
    app.post("/tenants")
        .json(&json!({"name": "acme", "quotas": quotas}))
        .expect(201)
        .await;
}

async fn put(app: &TestApp, version: u32) -> Answer {
    app.put(&format!("/routes/acme/web/prod/v{version}"))
        .json(&json!({"url": "http://a"}))
        .send()
        .await
}

fn exceeded(answer: &Answer, quota: &str, limit: u32) {
    answer.assert_problem(quota);
    let told = (
        answer.status.as_u16(),
        &answer.json["code"],
        &answer.json["quota"],
        &answer.json["limit"],
    );
    assert_eq!(
        told,
        (409, &json!("quota_exceeded"), &json!(quota), &json!(limit))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_limit_routes_and_policies_also_in_one_revision() {
    let app = TestApp::start().await;
    tenant(&app, json!({"routes": 3, "policies": 1})).await;
    let answers = futures_util::future::join_all((0..8).map(|version| put(&app, version))).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 201).count(),
        3
    );
    answers
        .iter()
        .filter(|answer| answer.status != 201)
        .for_each(|answer| exceeded(answer, "routes", 3));
    let held = app.get("/routes?tenant=acme").expect(200).await;
    let versions: Vec<_> = held.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| route["version"].clone())
        .collect();
    // A batch that adds a route and deletes another does not exceed the quota.
    let put = |version: &str| json!({"action": "put", "route": {"service": "web", "env": "prod", "version": version, "url": "http://b"}});
    let delete = json!({"action": "delete", "route": {"service": "web", "env": "prod", "version": versions[0]}});
    let batch = async |changes: Value| {
        app.post("/tenants/acme/batch")
            .json(&json!({ "changes": changes }))
            .send()
            .await
    };
    exceeded(
        &batch(json!([put("a"), put("b"), delete])).await,
        "routes",
        3,
    );
    assert_eq!(batch(json!([put("a"), delete])).await.status, 200);

    let policy = json!({"failover": ["a"]});
    app.put("/policies/acme/web/prod")
        .json(&policy)
        .expect(201)
        .await;
    app.patch("/tenants/acme")
        .json(&json!({"quotas": {"routes": null}}))
        .expect(200)
        .await;
    app.put("/routes/acme/web/dev/a")
        .json(&json!({"url": "http://a"}))
        .expect(201)
        .await;
    exceeded(
        &app.put("/policies/acme/web/dev").json(&policy).send().await,
        "policies",
        1,
    );
    let read = app.get("/tenants/acme").expect(200).await;
    assert_eq!(
        (
            &read.json["routes"],
            &read.json["policies"],
            &read.json["quotas"]["policies"]
        ),
        (&json!(4), &json!(1), &json!(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn write_rate_quota_holds_over_all_instances() {
    let app = TestApp::start().await;
    let other = TestApp::on(app.db.clone(), &[]).await;
    tenant(&app, json!({"writes_per_second": 5})).await;
    let started = std::time::Instant::now();
    let answers = futures_util::future::join_all(
        (0..40).map(|at| put(if at % 2 == 0 { &app } else { &other }, at)),
    )
    .await;
    let elapsed = started.elapsed().as_secs_f64();
    let done = answers.iter().filter(|answer| answer.status == 201).count();
    // The quota of a second is accepted at once, and five more writes in each second that the
    // requests took.
    let most = 6 + (elapsed * 5.0).ceil() as usize;
    assert!(
        done >= 5 && done <= most,
        "{done} of at most {most} in {elapsed} s"
    );
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.assert_problem("rate");
        assert_eq!(
            (
                refused.status.as_u16(),
                &refused.json["code"],
                &refused.json["writes_per_second"]
            ),
            (429, &json!("too_many_writes"), &json!(5))
        );
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=8).contains(&wait), "{wait}");
    }
    // Writes that change nothing or that are impossible do not count.
    for _ in 0..20 {
        app.delete("/routes/acme/web/prod/none")
            .problem(404, "route_not_found")
            .await;
    }
    app.patch("/tenants/acme")
        .json(&json!({"quotas": {"writes_per_second": 0}}))
        .expect(200)
        .await;
    app.put("/routes/acme/web/prod/w")
        .json(&json!({"url": "http://a"}))
        .problem(429, "too_many_writes")
        .await;
    app.patch("/tenants/acme")
        .json(&json!({"quotas": null}))
        .expect(200)
        .await;
    app.put("/routes/acme/web/prod/w")
        .json(&json!({"url": "http://a"}))
        .expect(201)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_limit_body_size_and_waiters() {
    let app = TestApp::start().await;
    tenant(&app, json!({"body_bytes": 200, "waiters": 2})).await;
    let large = json!({"url": "http://a", "description": "x".repeat(200)});
    exceeded(
        &app.put("/routes/acme/web/prod/v1")
            .json(&large)
            .send()
            .await,
        "body_bytes",
        200,
    );
    let made = app
        .put("/routes/acme/web/prod/v1")
        .json(&json!({"url": "http://a"}))
        .expect(201)
        .await;

    // The probe below may take the second place for a moment, so a refused poll is sent again.
    let snapshot = async || loop {
        let call = app
            .get("/tenants/acme/snapshot?wait=5s")
            .header("if-none-match", made.header("etag"));
        let answer = call.send().await;
        if answer.status != 429 {
            return answer;
        }
    };
    app.get("/tenants/acme/snapshot")
        .header("tm-min-revision", made.tag())
        .expect(200)
        .await;
    let (first, second, refused) = tokio::join!(snapshot(), snapshot(), async {
        crate::support::eventually("two wait", async || {
            let answer = app
                .get("/tenants/acme/snapshot?wait=1ms")
                .header("if-none-match", made.header("etag"))
                .send()
                .await;
            (answer.status == 429).then_some(answer)
        })
        .await
    });
    refused.assert_problem("waiters");
    assert_eq!(
        refused.json["detail"],
        "too many long-polls and streams are waiting, limit 2"
    );
    assert_eq!(
        (
            first.status.as_u16(),
            second.status.as_u16(),
            &refused.json["code"]
        ),
        (304, 304, &json!("too_many_waiters"))
    );
    for wrong in [
        json!({"routes": -1}),
        json!({"routes": 10_000_001}),
        json!({"speed": 1}),
        json!([1]),
        json!({"waiters": "2"}),
    ] {
        app.patch("/tenants/acme")
            .json(&json!({ "quotas": wrong }))
            .problem(422, "invalid_request")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_full_tenant_needs_its_name_and_is_recorded() {
    let app = TestApp::start().await;
    tenant(&app, json!({})).await;
    assert_eq!(put(&app, 1).await.status, 201);
    app.put("/policies/acme/web/prod")
        .json(&json!({"failover": ["v1"], "hosts": ["a.example"]}))
        .expect(201)
        .await;
    app.delete("/tenants/acme")
        .problem(409, "tenant_not_empty")
        .await;
    app.delete("/tenants/acme?confirm=other")
        .problem(422, "invalid_request")
        .await;
    let gone = app
        .delete("/tenants/acme?confirm=acme")
        .header("x-reason", "contract ended")
        .expect(204)
        .await;
    app.get("/tenants/acme/snapshot")
        .problem(404, "tenant_not_found")
        .await;
    let sql =
        "select payload::text from route_events where tenant = 'acme' order by revision, item";
    let events: Vec<Value> = app
        .db
        .rows(sql, &[])
        .await
        .iter()
        .map(|row| serde_json::from_str(&row.get::<_, String>(0)).unwrap())
        .collect();
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["action"].as_str().unwrap(),
                event["revision"].as_u64().unwrap(),
            )
        })
        .collect();
    let end = gone.revision();
    let expected = [
        ("tenant_created", 1),
        ("created", 2),
        ("policy_set", 3),
        ("policy_deleted", end),
        ("deleted", end),
        ("tenant_deleted", end),
    ];
    assert_eq!(told, expected);
    assert_eq!(events[5]["reason"], "contract ended");
    // The new incarnation has another epoch, and the host is free.
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({"url": "http://a"}))
        .expect(201)
        .await;
    let again = app
        .put("/policies/acme/web/prod")
        .json(&json!({"failover": ["v1"], "hosts": ["a.example"]}))
        .expect(201)
        .await;
    assert_ne!(again.epoch(), gone.epoch());
}
