//! Many changes at once: plan, review, apply; batches; rollback; the wipe guard; documents.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp, callers::Office};

fn routes(range: std::ops::Range<u32>, host: &str) -> Vec<Value> {
    range
        .map(|at| json!({"service": "web", "env": "prod", "version": format!("v{at:05}"), "url": format!("http://{host}/{at}")}))
        .collect()
}

async fn tenant() -> TestApp {
    let app = TestApp::start().await;
    app.post("/tenants")
        .json(&json!({"name": "acme"}))
        .expect(201)
        .await;
    app
}

const PLANS: &str = "/tenants/acme/plans";

async fn plan(app: &TestApp, body: &Value) -> Answer {
    app.post(PLANS).json(body).expect(201).await
}

async fn apply(app: &TestApp, plan: &Answer, more: Value) -> Answer {
    let mut body = json!({ "hash": plan.json["hash"] });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    app.post(&format!(
        "{PLANS}/{}/apply",
        plan.json["id"].as_str().unwrap()
    ))
    .json(&body)
    .send()
    .await
}

async fn filled(count: u32) -> TestApp {
    let app = tenant().await;
    let first = plan(&app, &json!({ "routes": routes(0..count, "a") })).await;
    assert_eq!(apply(&app, &first, json!({})).await.status, 200);
    app
}

fn summary(answer: &Answer) -> [u64; 4] {
    ["create", "update", "delete", "unchanged"]
        .map(|name| answer.json["summary"][name].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_changes_nothing_until_applied_and_then_all_at_once() {
    let app = filled(3).await;
    let before = app.get("/tenants/acme").expect(200).await;
    let mut desired = routes(1..4, "b");
    desired[0]["url"] = json!("http://a/1");
    let policy = json!({"service": "web", "env": "prod", "failover": ["v00002"]});
    let body =
        json!({"routes": desired, "policies": [policy], "prune": true, "scope": {"env": "prod"}});
    let made = app
        .post(PLANS)
        .header("x-reason", "release 7")
        .json(&body)
        .expect(201)
        .await;
    assert_eq!(summary(&made), [2, 1, 1, 1]);
    assert_eq!(
        (&made.json["active_routes"], made.json["base"].as_str()),
        (&json!([3, 3]), Some(before.tag().as_str()))
    );
    let changes: Vec<_> = made.json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (&c["action"], &c["key"]["version"]))
        .collect();
    let expected = json!([
        ["update", "v00002"],
        ["create", "v00003"],
        ["create", null],
        ["delete", "v00000"]
    ]);
    assert_eq!(json!(changes), expected);
    assert_eq!(
        app.get("/tenants/acme").expect(200).await.tag(),
        before.tag()
    );
    let listed = app.get(PLANS).expect(200).await;
    let mut told = made.json.clone();
    told.as_object_mut().unwrap().remove("changes");
    assert_eq!(
        (
            listed.json["items"].as_array().unwrap().len(),
            &listed.json["items"][0]
        ),
        (2, &told)
    );
    assert_eq!(
        app.get(made.header("location").strip_prefix("/api/v1").unwrap())
            .expect(200)
            .await
            .json,
        made.json
    );

    let other = json!({"hash": "0".repeat(64)});
    app.post(&format!(
        "{PLANS}/{}/apply",
        made.json["id"].as_str().unwrap()
    ))
    .json(&other)
    .problem(409, "plan_hash_mismatch")
    .await;
    let done = apply(&app, &made, json!({})).await;
    assert_eq!(
        (done.status.as_u16(), done.revision(), summary(&done)),
        (200, before.revision() + 1, [2, 1, 1, 0])
    );
    let changes = app
        .get(&format!(
            "/tenants/acme/changes?after={}&limit=1",
            before.tag()
        ))
        .expect(200)
        .await;
    let events = changes.json["changes"].as_array().unwrap();
    assert_eq!(
        (events.len(), &changes.json["complete"]),
        (4, &json!(true)),
        "a revision is never split"
    );
    for (at, event) in events.iter().enumerate() {
        assert_eq!(
            (&event["item"], &event["items"], &event["reason"]),
            (&json!(at), &json!(4), &json!("release 7"))
        );
    }
    // A second application is refused: the state for which the plan was made has changed.
    let again = apply(&app, &made, json!({})).await;
    assert_eq!(
        (again.status.as_u16(), &again.json["code"]),
        (409, &json!("plan_stale"))
    );
    assert_eq!(again.json["plan"]["changes"], json!([]));
    app.delete(&format!("{PLANS}/{}", made.json["id"].as_str().unwrap()))
        .expect(204)
        .await;
    app.get(&format!("{PLANS}/{}", made.json["id"].as_str().unwrap()))
        .problem(404, "plan_not_found")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_plan_returns_the_new_difference() {
    let app = filled(2).await;
    let made = plan(
        &app,
        &json!({"routes": routes(0..3, "a"), "scope": {"service": "web"}}),
    )
    .await;
    // The first change is outside the scope of the plan and does not affect it.
    app.put("/routes/acme/api/prod/v1")
        .json(&json!({"url": "http://x"}))
        .expect(201)
        .await;
    app.put("/routes/acme/web/prod/v00000")
        .json(&json!({"url": "http://changed"}))
        .expect(200)
        .await;
    let stale = apply(&app, &made, json!({})).await;
    stale.assert_problem("stale");
    assert_eq!(
        (stale.status.as_u16(), &stale.json["code"]),
        (409, &json!("plan_stale"))
    );
    let new = &stale.json["plan"];
    let actions: Vec<_> = new["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (&change["action"], &change["key"]["version"]))
        .collect();
    assert_eq!(
        json!(actions),
        json!([["update", "v00000"], ["create", "v00002"]])
    );
    assert_eq!(new["changes"][0]["before"]["url"], "http://changed");
    let path = format!("{PLANS}/{}/apply", new["id"].as_str().unwrap());
    app.post(&path)
        .json(&json!({"hash": new["hash"]}))
        .expect(200)
        .await;
    let unmoved = plan(
        &app,
        &json!({"routes": routes(3..4, "a"), "scope": {"service": "web"}}),
    )
    .await;
    app.put("/routes/acme/api/prod/v1")
        .json(&json!({"url": "http://y"}))
        .expect(200)
        .await;
    assert_eq!(apply(&app, &unmoved, json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_that_removes_most_routes_needs_confirmation() {
    let app = filled(30).await;
    let made = plan(&app, &json!({"routes": routes(0..14, "a"), "prune": true})).await;
    assert_eq!(made.json["warnings"][0]["code"], "shrink_not_confirmed");
    let refused = apply(&app, &made, json!({})).await;
    refused.assert_problem("shrink");
    assert_eq!(
        (refused.status.as_u16(), &refused.json["code"]),
        (409, &json!("shrink_not_confirmed"))
    );
    let numbers = (
        &refused.json["active_routes"],
        &refused.json["removed_routes"],
        &refused.json["confirm_shrink"],
    );
    assert_eq!(numbers, (&json!(30), &json!(16), &made.json["hash"]));
    assert_eq!(
        apply(&app, &made, json!({"confirm_shrink": "no"}))
            .await
            .status,
        409
    );
    // Removing exactly half of the routes needs no confirmation.
    let half = plan(&app, &json!({"routes": routes(0..15, "a"), "prune": true})).await;
    assert_eq!(half.json["warnings"], json!([]));
    assert_eq!(
        apply(&app, &made, json!({"confirm_shrink": made.json["hash"]}))
            .await
            .status,
        200
    );

    // A batch has a hash too, and a deactivated route counts as removed.
    let change = |at: u32| json!({"action": "deactivate", "route": {"service": "web", "env": "prod", "version": format!("v{at:05}")}});
    let body = json!({"changes": (0..14).map(change).collect::<Vec<_>>()});
    let refused = app
        .post("/tenants/acme/batch")
        .json(&body)
        .problem(409, "shrink_not_confirmed")
        .await;
    let mut confirmed = body.clone();
    confirmed["confirm_shrink"] = refused.json["confirm_shrink"].clone();
    app.post("/tenants/acme/batch")
        .json(&confirmed)
        .expect(200)
        .await;
    let none = app.get("/tenants/acme/snapshot").expect(200).await;
    assert_eq!(none.json["routes"], json!([]));
    // Deactivating the last active route needs a confirmation too.
    app.post("/routes/acme/web/prod/v00000/activate")
        .expect(200)
        .await;
    let last = json!({"changes": [change(0)]});
    app.post("/tenants/acme/batch")
        .json(&last)
        .problem(409, "shrink_not_confirmed")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_applies_whole_or_names_invalid_changes_by_index() {
    let app = filled(2).await;
    let before = app.get("/tenants/acme").expect(200).await.tag();
    let key = |version: &str| json!({"service": "web", "env": "prod", "version": version});
    let mut put = key("new");
    put["url"] = json!("http://new");
    let policy =
        json!({"service": "web", "env": "prod", "split": [{"version": "new", "weight": 1}]});
    let changes = [
        json!({"action": "put", "route": put}),
        json!({"action": "put", "policy": policy}),
        json!({"action": "deactivate", "route": key("v00000")}),
        json!({"action": "delete", "route": key("v00001")}),
    ];
    let batch = async |changes: &[Value]| {
        app.post("/tenants/acme/batch")
            .json(&json!({ "changes": changes }))
            .send()
            .await
    };
    let with = |change: Value| [&changes[..], &[change]].concat();
    for (wrong, pointer) in [
        (
            json!({"action": "delete", "route": key("nothing")}),
            "/changes/4",
        ),
        (
            json!({"action": "activate", "route": key("v00000")}),
            "/changes/4",
        ),
        (
            json!({"action": "put", "route": key("x")}),
            "/changes/4/route/url",
        ),
        (
            json!({"action": "activate", "route": put}),
            "/changes/4/route",
        ),
        (
            json!({"action": "activate", "policy": policy}),
            "/changes/4/action",
        ),
        (json!({"action": "put"}), "/changes/4"),
        (
            json!({"action": "put", "policy": {"service": "api", "env": "prod"}}),
            "/changes/4/policy/split",
        ),
        (
            json!({"action": "put", "policy": {"service": "api", "env": "prod", "hosts": ["A"]}}),
            "/changes/4/policy/hosts/0",
        ),
        (
            json!({"action": "explode", "route": key("x")}),
            "/changes/4/action",
        ),
        (
            json!({"action": "put", "policy": {"service": "api", "env": "prod", "failover": ["v9"]}}),
            "/changes/4/policy/failover/0",
        ),
    ] {
        let answer = batch(&with(wrong.clone())).await;
        answer.assert_problem(&wrong.to_string());
        assert_eq!(
            (answer.status.as_u16(), answer.pointers()),
            (422, vec![pointer]),
            "{wrong}"
        );
    }
    assert_eq!(app.get("/tenants/acme").expect(200).await.tag(), before);
    let done = batch(&changes).await;
    assert_eq!(
        (done.status.as_u16(), summary(&done)),
        (200, [2, 1, 1, 0]),
        "{}",
        done.json
    );
    let unchanged = app
        .post("/tenants/acme/batch")
        .json(&json!({"changes": changes[..2]}))
        .expect(200)
        .await;
    assert_eq!(
        (
            unchanged.header("tm-unchanged"),
            summary(&unchanged),
            unchanged.tag()
        ),
        ("true", [0, 0, 0, 2], done.tag())
    );
    // A policy blocks the deletion of its version, also within a batch.
    let answer = batch(&[json!({"action": "delete", "route": key("new")})]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json["code"]),
        (409, &json!("version_in_use"))
    );
    let both = [
        json!({"action": "delete", "route": key("new")}),
        json!({"action": "delete", "policy": {"service": "web", "env": "prod"}}),
    ];
    let refused = batch(&both).await;
    assert_eq!(
        refused.json["code"], "shrink_not_confirmed",
        "the last active route"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_retry_with_the_same_key_gets_the_first_answer() {
    let app = filled(2).await;
    let body = json!({"routes": routes(0..3, "b")});
    let make = async |body: &Value| {
        app.post(PLANS)
            .header("idempotency-key", "k1")
            .json(body)
            .send()
            .await
    };
    let (first, again) = (make(&body).await, make(&body).await);
    assert_eq!(
        (
            again.status.as_u16(),
            again.header("idempotency-replayed"),
            &again.json
        ),
        (201, "true", &first.json)
    );
    let other = make(&json!({"routes": []})).await;
    assert_eq!(
        (other.status.as_u16(), &other.json["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    let path = format!("{PLANS}/{}/apply", first.json["id"].as_str().unwrap());
    let hash = json!({"hash": first.json["hash"]});
    let apply = async || {
        app.post(&path)
            .header("idempotency-key", "k2")
            .json(&hash)
            .expect(200)
            .await
    };
    let (first, again) = (apply().await, apply().await);
    assert_eq!(
        (
            again.header("idempotency-replayed"),
            &again.json,
            again.tag()
        ),
        ("true", &first.json, first.tag())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_returns_a_plan_to_the_earlier_state() {
    let app = filled(2).await;
    let then = app.get("/tenants/acme").expect(200).await.tag();
    let export = async || app.get("/tenants/acme/export").expect(200).await.bytes;
    let before = export().await;
    app.put("/routes/acme/web/prod/v00000")
        .json(&json!({"url": "http://x", "labels": {"a": "b"}}))
        .expect(200)
        .await;
    app.delete("/routes/acme/web/prod/v00001").expect(204).await;
    app.put("/routes/acme/api/prod/v1")
        .json(&json!({"url": "http://y"}))
        .expect(201)
        .await;
    app.put("/policies/acme/api/prod")
        .json(&json!({"failover": ["v1"]}))
        .expect(201)
        .await;
    let back = json!({"to": then, "reason": "the earlier state was better"});
    let made = app
        .post("/tenants/acme/rollback")
        .json(&back)
        .expect(201)
        .await;
    assert_eq!(summary(&made), [1, 1, 2, 0]);
    let done = apply(&app, &made, json!({})).await;
    assert_eq!(done.status, 200, "{}", done.json);
    assert_eq!(export().await, before);
    let event = app
        .get("/routes/acme/web/prod/v00000/history?limit=1")
        .header("tm-min-revision", done.tag())
        .expect(200)
        .await;
    assert_eq!(
        event.json["items"][0]["reason"],
        "the earlier state was better"
    );
    for wrong in [
        json!({}),
        json!({"to": "soon"}),
        json!({"to": 10_000}),
        json!({"to": -1}),
        json!({"to": {}}),
    ] {
        app.post("/tenants/acme/rollback")
            .json(&wrong)
            .problem(422, "invalid_request")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn applied_export_recreates_the_same_tenant() {
    let app = filled(20).await;
    let policy = json!({"hosts": ["shop.example"], "split": [{"version": "v00001", "weight": 9}], "failover": ["v00002"],
        "rules": [{"name": "b: \"beta\"", "match": {"headers": {"x": {"regex": "a|b"}, "y": {"present": false}}}, "version": "v00003"}]});
    app.put("/policies/acme/web/prod")
        .json(&policy)
        .expect(201)
        .await;
    app.patch("/routes/acme/web/prod/v00004")
        .json(&json!({"is_active": false, "description": "yes: no", "labels": {"n": "1"}}))
        .expect(200)
        .await;
    let yaml = app
        .get("/tenants/acme/export?format=yaml")
        .expect(200)
        .await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    let json = app
        .get("/tenants/acme/export?format=json")
        .expect(200)
        .await;
    let empty = TestApp::start().await;
    for (name, document, media_type) in [
        ("acme", &yaml, "application/yaml"),
        ("other", &json, "application/json"),
    ] {
        // Both tenants are in the same database, so the second cannot have hosts that the first
        // owns.
        if name == "other" {
            empty.delete("/policies/acme/web/prod").expect(204).await;
        }
        empty
            .post("/tenants")
            .json(&json!({ "name": name }))
            .expect(201)
            .await;
        let plans = format!("/tenants/{name}/plans");
        let made = empty
            .post(&plans)
            .body(media_type, document.bytes.clone())
            .expect(201)
            .await;
        let path = format!("{plans}/{}/apply", made.json["id"].as_str().unwrap());
        empty
            .post(&path)
            .json(&json!({"hash": made.json["hash"]}))
            .expect(200)
            .await;
        for (format, original) in [("yaml", &yaml), ("json", &json)] {
            if name == "other" || format == "yaml" {
                let copy = empty
                    .get(&format!("/tenants/{name}/export?format={format}"))
                    .expect(200)
                    .await;
                assert_eq!(
                    String::from_utf8_lossy(&copy.bytes),
                    String::from_utf8_lossy(&original.bytes)
                );
            }
        }
        let nothing = empty
            .post(&plans)
            .body(media_type, document.bytes.clone())
            .expect(201)
            .await;
        assert_eq!(
            (summary(&nothing), &nothing.json["changes"]),
            ([0, 0, 0, 21], &json!([]))
        );
    }
    app.get("/tenants/acme/export?format=xml")
        .problem(422, "invalid_request")
        .await;
    for (media_type, body, status) in [
        ("application/yaml", "a: [", 400),
        ("application/yaml", "routes: []\nroutes: []", 422),
        ("application/yaml", "router: []", 422),
        ("application/yaml", "- 1", 422),
        ("text/yaml", "routes: []", 415),
    ] {
        let answer = app.post(PLANS).body(media_type, body).send().await;
        assert_eq!(answer.status.as_u16(), status, "{body} {}", answer.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn export_matches_the_editor_schema() {
    let app = filled(3).await;
    let policy = json!({"hosts": ["*.shop.example"], "path_prefix": "/a", "split": [{"version": "v00001", "weight": 9}],
        "sticky_by": {"cookie": "sid"}, "rules": [{"name": "r", "match": {"headers": {"x": {"regex": "a"}}}, "version": "v00002"}]});
    app.put("/policies/acme/web/prod")
        .json(&policy)
        .expect(201)
        .await;
    app.patch("/routes/acme/web/prod/v00000")
        .json(&json!({"labels": {"a": "b"}, "description": "d"}))
        .expect(200)
        .await;
    let schema = app
        .call(reqwest::Method::GET, "/docs/tenant-document.v1.json")
        .expect(200)
        .await;
    assert_eq!(schema.header("content-type"), "application/schema+json");
    let schema = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema.json)
        .unwrap();
    let export = app
        .get("/tenants/acme/export?format=json&env=prod")
        .expect(200)
        .await
        .json;
    assert_eq!(
        (
            export["routes"].as_array().unwrap().len(),
            export["policies"].as_array().unwrap().len()
        ),
        (3, 1)
    );
    let errors: Vec<_> = schema
        .iter_errors(&export)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    // A plan refuses these documents, as the schema does.
    for (pointer, wrong) in [
        ("", json!([])),
        ("/routes/0/urls", json!("http://a")),
        ("/routes/0/url", json!("ftp://a")),
        ("/routes/0/version", json!("-")),
        ("/policies/0/split/0/weight", json!(10_001)),
        (
            "/policies/0/sticky_by",
            json!({"cookie": "a", "header": "b"}),
        ),
        (
            "/policies/0/rules/0/match/headers",
            json!({"host": {"exact": "a"}}),
        ),
        ("/scope/tenant", json!("acme")),
        ("/prune", json!("yes")),
    ] {
        let mut document = export.clone();
        match pointer.rsplit_once('/') {
            None => document = wrong,
            Some((parent, member)) => document.pointer_mut(parent).unwrap()[member] = wrong,
        }
        assert!(!schema.is_valid(&document), "{pointer}");
        app.post(PLANS)
            .json(&document)
            .problem(422, "invalid_request")
            .await;
    }
    for least in [
        json!({}),
        json!({"scope": null}),
        json!({"routes": [{"service": "a", "env": "b", "version": "c", "url": "http://d"}]}),
    ] {
        assert!(schema.is_valid(&least), "{least}");
        app.post(PLANS).json(&least).expect(201).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_batch_is_unchanged_or_404_for_a_missing_tenant() {
    let app = tenant().await;
    let nothing = json!({"changes": []});
    let unchanged = app
        .post("/tenants/acme/batch")
        .json(&nothing)
        .expect(200)
        .await;
    assert_eq!(
        (unchanged.header("tm-unchanged"), summary(&unchanged)),
        ("true", [0, 0, 0, 0])
    );
    app.post("/tenants/nobody/batch")
        .json(&nothing)
        .problem(404, "tenant_not_found")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_and_exports_check_the_callers_tag() {
    let app = filled(1).await;
    let old = app.get("/tenants/acme").expect(200).await;
    let new = app
        .put("/routes/acme/web/prod/v1")
        .json(&json!({"url": "http://a"}))
        .expect(201)
        .await;
    let body = json!({"routes": routes(0..2, "b")});
    let refused = app
        .post(PLANS)
        .header("if-match", old.header("etag"))
        .json(&body)
        .problem(412, "precondition_failed")
        .await;
    assert_eq!(refused.tag(), new.tag());
    app.post("/tenants/acme/rollback")
        .header("if-match", old.header("etag"))
        .json(&json!({"to": 1}))
        .problem(412, "precondition_failed")
        .await;
    app.post(PLANS)
        .header("if-match", new.header("etag"))
        .json(&body)
        .expect(201)
        .await;
    let policy = |version: &str| json!({"service": "web", "env": "prod", "failover": [version]});
    let mut unknown = json!({"policies": [policy("v1")]});
    unknown["policies"]
        .as_array_mut()
        .unwrap()
        .push(json!({"service": "api", "env": "prod", "failover": ["v9"]}));
    let refused = app
        .post(PLANS)
        .json(&unknown)
        .problem(422, "invalid_request")
        .await;
    assert_eq!(refused.pointers(), ["/policies/1/failover/0"]);
    let later = format!("{}.{}", new.epoch(), new.revision() + 1);
    app.get("/tenants/acme/export")
        .header("tm-min-revision", new.tag())
        .expect(200)
        .await;
    app.get("/tenants/acme/export")
        .header("tm-min-revision", later)
        .problem(503, "revision_not_reached")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewer_may_dry_run_a_plan_and_nothing_is_stored() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let viewer = office.key("acme", &["viewer"]).await;
    let body = json!({ "routes": [{ "service": "web", "env": "prod", "version": "v1", "url": "http://a" }], "prune": true });
    let before = office.app.db.fingerprint().await;
    let ask = |query: &str, token: &str| {
        office
            .app
            .post(&format!("{PLANS}{query}"))
            .bearer(token)
            .json(&body)
    };
    for _ in 0..2 {
        let preview = ask("?dry_run=true", &viewer)
            .header("idempotency-key", "k")
            .expect(200)
            .await;
        assert_eq!(summary(&preview), [1, 0, 1, 0]);
        assert_eq!(preview.json["warnings"], json!([]));
        for member in ["id", "hash", "expires_at"] {
            assert_eq!(preview.json.get(member), None, "{member}");
        }
    }
    assert_eq!(office.app.db.fingerprint().await, before);
    for query in ["", "?dry_run=false"] {
        ask(query, &viewer).problem(403, "forbidden").await;
    }
    ask("?dry_run=true&dry_run=false", &viewer)
        .problem(422, "invalid_request")
        .await;
    let node = office.key("acme", &["node", "auditor"]).await;
    ask("?dry_run=true", &node).problem(403, "forbidden").await;
    office.tenant("other").await;
    let other = office.key("other", &["viewer", "tenant_admin"]).await;
    ask("?dry_run=true", &other)
        .problem(404, "tenant_not_found")
        .await;
    // A dry run answers with the same members as a plan.
    let editor = office.key("acme", &["editor"]).await;
    let (plan, preview) = (
        ask("", &editor).expect(201).await,
        ask("?dry_run=true", &editor).expect(200).await,
    );
    for (member, value) in preview.json.as_object().unwrap() {
        assert_eq!(value, &plan.json[member], "{member}");
    }
    let stale = ask("?dry_run=true", &viewer).header("if-match", "\"0123456789abcdef.1\"");
    stale.problem(412, "precondition_failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_deletion_needs_the_right_to_apply_and_is_logged() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let key = |part: Value| {
        let mut body = json!({ "tenant": "acme", "roles": ["editor"] });
        body.as_object_mut()
            .unwrap()
            .extend(part.as_object().unwrap().clone());
        body
    };
    let of_test = office.made(&key(json!({ "envs": ["test"] }))).await;
    let of_both = office
        .made(&key(
            json!({ "envs": ["test", "prod"], "services": ["web"] }),
        ))
        .await;
    let route =
        |env: &str| json!({ "service": "web", "env": env, "version": "v1", "url": "http://a" });
    let make = async |routes: &[Value]| {
        let made = office
            .app
            .post(PLANS)
            .bearer(&office.admin)
            .json(&json!({ "routes": routes }))
            .expect(201)
            .await;
        format!("{PLANS}/{}", made.json["id"].as_str().unwrap())
    };
    for envs in [&["prod"][..], &["test", "prod"], &["test"], &[]] {
        let path = make(&envs.iter().map(|env| route(env)).collect::<Vec<_>>()).await;
        let may = !envs.contains(&"prod");
        let hash = office
            .app
            .get(&path)
            .bearer(&of_test)
            .expect(200)
            .await
            .json["hash"]
            .clone();
        if !may {
            office
                .app
                .delete(&path)
                .bearer(&of_test)
                .problem(403, "outside_grant")
                .await;
            let apply = office
                .app
                .post(&format!("{path}/apply"))
                .bearer(&of_test)
                .json(&json!({ "hash": hash }));
            apply.problem(403, "outside_grant").await;
            office.app.get(&path).bearer(&of_test).expect(200).await;
        }
        let token = if may { &of_test } else { &of_both };
        office
            .app
            .delete(&path)
            .bearer(token)
            .header("x-reason", "not needed")
            .expect(204)
            .await;
        office
            .app
            .delete(&path)
            .bearer(token)
            .problem(404, "plan_not_found")
            .await;
        let id = path.rsplit('/').next().unwrap();
        let sql = "select event ->> 'kind', event ->> 'action', event ->> 'tenant', event ->> 'visible_to', event ->> 'reason' from access_outbox \
                   where event ->> 'object' = $1";
        let told = office.app.db.rows(sql, &[&id]).await;
        let told: Vec<[String; 5]> = told
            .iter()
            .map(|row| [0, 1, 2, 3, 4].map(|at| row.get(at)))
            .collect();
        assert_eq!(
            told,
            [["operated", "plan_deleted", "acme", "acme", "not needed"]],
            "{envs:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_plans_of_a_tenant_are_limited_in_bytes() {
    let app = TestApp::with(&["limits.plan_bytes_per_tenant=65536"]).await;
    for name in ["acme", "other"] {
        app.post("/tenants")
            .json(&json!({ "name": name }))
            .expect(201)
            .await;
    }
    // These descriptions do not compress.
    let route = |at: usize| {
        let noise: String = (0..12)
            .map(|part| {
                format!(
                    "{:016x}",
                    (at as u64 * 13 + part + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                )
            })
            .collect();
        json!({ "service": "web", "env": "prod", "version": format!("v{at}"), "url": "http://a", "description": noise })
    };
    let body = json!({ "routes": (0..60).map(route).collect::<Vec<_>>() });
    let mut made = 0;
    let refused = loop {
        let answer = app.post(PLANS).json(&body).send().await;
        if answer.status != 201 {
            break answer;
        }
        made += 1;
    };
    assert!((1..20).contains(&made), "{made}");
    assert_eq!(
        (
            &refused.json["code"],
            &refused.json["quota"],
            &refused.json["limit"]
        ),
        (
            &json!("quota_exceeded"),
            &json!("plan_bytes"),
            &json!(65536)
        )
    );
    let listed = app.get(PLANS).expect(200).await;
    assert_eq!(listed.json["items"].as_array().unwrap().len(), made);
    app.post("/tenants/other/plans")
        .json(&body)
        .expect(201)
        .await;
    app.delete(&format!(
        "{PLANS}/{}",
        listed.json["items"][0]["id"].as_str().unwrap()
    ))
    .expect(204)
    .await;
    app.post(PLANS).json(&body).expect(201).await;
}
