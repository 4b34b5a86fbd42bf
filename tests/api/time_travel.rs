//! Time travel: `?at=`, differences and blame, compared with a model that remembers every state.

use std::collections::{BTreeMap, btree_map::Entry};

use serde_json::{Value, json};

use crate::support::TestApp;

/// A small random number generator with a seed: the history is the same every time.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

async fn step(app: &TestApp, rng: &mut Rng, at: u64) {
    let service = format!("s{}", rng.below(3));
    let (env, version) = (
        ["prod", "dev"][rng.below(2) as usize],
        format!("v{}", rng.below(3)),
    );
    let path = format!("/routes/acme/{service}/{env}/{version}");
    match rng.below(10) {
        0..=4 => {
            let body = json!({"url": format!("http://h{}", rng.below(4)), "labels": {"n": at.to_string()}, "is_active": rng.below(4) > 0});
            app.put(&format!("{path}?confirm_in_use=true"))
                .json(&body)
                .send()
                .await
        }
        5 => {
            app.delete(&format!("{path}?confirm_in_use=true"))
                .send()
                .await
        }
        6 => {
            app.post(&format!("{path}/deactivate?confirm_in_use=true"))
                .send()
                .await
        }
        7 => {
            app.put(&format!("/policies/acme/{service}/{env}"))
                .json(&json!({"failover": [version]}))
                .send()
                .await
        }
        8 => {
            app.delete(&format!("/policies/acme/{service}/{env}"))
                .send()
                .await
        }
        _ => {
            let put = |n: u64| json!({"action": "put", "route": {"service": service, "env": env, "version": format!("v{n}"), "url": format!("http://b{at}")}});
            app.post("/tenants/acme/batch")
                .json(&json!({"changes": [put(0), put(1), put(2)]}))
                .send()
                .await
        }
    };
}

/// The answers that the service gave while a revision was current.
struct Then {
    time: String,
    snapshots: BTreeMap<&'static str, (String, Vec<u8>)>,
    routes: Value,
    policies: Value,
    export: Vec<u8>,
}

const SCOPES: [&str; 3] = ["", "env=prod", "service=s1"];

async fn observe(app: &TestApp, tag: &str) -> Then {
    let mut snapshots = BTreeMap::new();
    for scope in SCOPES {
        let answer = app
            .get(&format!("/tenants/acme/snapshot?{scope}"))
            .header("tm-min-revision", tag)
            .expect(200)
            .await;
        snapshots.insert(scope, (answer.tag(), answer.bytes));
    }
    let fresh = async |path: &str| {
        app.get(path)
            .header("tm-min-revision", tag)
            .expect(200)
            .await
    };
    Then {
        time: jiff::Timestamp::now().to_string(),
        snapshots,
        routes: fresh("/routes?tenant=acme&limit=200").await.json["items"].clone(),
        policies: fresh("/policies?tenant=acme&limit=200").await.json["items"].clone(),
        export: app.get("/tenants/acme/export").expect(200).await.bytes,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_past_revision_reads_as_it_was() {
    let app = TestApp::start().await;
    let epoch = app
        .post("/tenants")
        .json(&json!({"name": "acme"}))
        .expect(201)
        .await
        .epoch();
    let mut rng = Rng(7);
    let mut history: BTreeMap<u64, Then> = BTreeMap::new();
    for at in 0..60 {
        step(&app, &mut rng, at).await;
        let revision = app.get("/tenants/acme").expect(200).await.revision();
        if let Entry::Vacant(new) = history.entry(revision) {
            new.insert(observe(&app, &format!("{epoch}.{revision}")).await);
        }
    }
    assert!(history.len() > 30, "{}", history.len());
    for (revision, then) in &history {
        for at in [
            revision.to_string(),
            format!("{epoch}.{revision}"),
            then.time.clone(),
        ] {
            for (scope, (tag, bytes)) in &then.snapshots {
                let again = app
                    .get(&format!("/tenants/acme/snapshot?at={at}&{scope}"))
                    .expect(200)
                    .await;
                assert_eq!(
                    (&again.tag(), String::from_utf8_lossy(&again.bytes)),
                    (tag, String::from_utf8_lossy(bytes)),
                    "{at} {scope}"
                );
            }
        }
        let list = app
            .get(&format!("/routes?tenant=acme&at={revision}&limit=200"))
            .expect(200)
            .await;
        assert_eq!(list.json["items"], then.routes, "{revision}");
        for route in then.routes.as_array().unwrap() {
            let path = ["service", "env", "version"]
                .map(|name| route[name].as_str().unwrap())
                .join("/");
            assert_eq!(
                &app.get(&format!("/routes/acme/{path}?at={revision}"))
                    .expect(200)
                    .await
                    .json,
                route,
                "{revision}"
            );
        }
        for policy in then.policies.as_array().unwrap() {
            let path = ["service", "env"]
                .map(|name| policy[name].as_str().unwrap())
                .join("/");
            assert_eq!(
                &app.get(&format!("/policies/acme/{path}?at={revision}"))
                    .expect(200)
                    .await
                    .json,
                policy,
                "{revision}"
            );
        }
        assert_eq!(
            app.get(&format!("/tenants/acme/export?at={revision}"))
                .expect(200)
                .await
                .bytes,
            then.export
        );
    }
    differences(&app, &history).await;
}

/// Asserts that a difference, applied to the earlier state, gives the later state.
async fn differences(app: &TestApp, history: &BTreeMap<u64, Then>) {
    let objects = |then: &Then| {
        let mut objects = BTreeMap::new();
        for object in then
            .routes
            .as_array()
            .unwrap()
            .iter()
            .chain(then.policies.as_array().unwrap())
        {
            let mut spec = object.as_object().unwrap().clone();
            let key = json!({"service": spec["service"], "env": spec["env"], "version": spec.get("version")}).to_string();
            for name in [
                "tenant",
                "service",
                "env",
                "version",
                "revision",
                "created_at",
                "created_by",
                "updated_at",
                "updated_by",
                // Of one prefix, only the answer to a read of the policy has a list.
                "path_prefixes",
            ] {
                spec.remove(name);
            }
            objects.insert(key, Value::Object(spec));
        }
        objects
    };
    let revisions: Vec<_> = history.keys().copied().collect();
    for (at, from) in revisions.iter().enumerate() {
        let to = revisions[(at * 7 + 3) % revisions.len()].max(*from);
        let answer = app
            .get(&format!("/tenants/acme/diff?from={from}&to={to}"))
            .expect(200)
            .await;
        let (mut now, desired) = (objects(&history[from]), objects(&history[&to]));
        for change in answer.json["changes"].as_array().unwrap() {
            let key = json!({"service": change["key"]["service"], "env": change["key"]["env"], "version": change["key"].get("version")});
            let held = now.remove(&key.to_string());
            assert_eq!(
                held.as_ref().unwrap_or(&Value::Null),
                &change["before"],
                "{from} {to}"
            );
            if !change["after"].is_null() {
                now.insert(key.to_string(), change["after"].clone());
            }
        }
        assert_eq!(now, desired, "{from} {to}");
    }
    app.get("/tenants/acme/diff?from=9&to=3")
        .problem(422, "invalid_request")
        .await;
    app.get("/tenants/acme/diff")
        .problem(422, "invalid_request")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_reads_refuse_revisions_that_never_existed() {
    let app = TestApp::start().await;
    let first = app
        .put("/routes/acme/s/e/v")
        .json(&json!({"url": "http://a"}))
        .expect(201)
        .await;
    app.delete("/routes/acme/s/e/v").expect(204).await;
    app.get("/routes/acme/s/e/v?at=1").expect(200).await;
    app.get("/routes/acme/s/e/v?at=2")
        .problem(404, "route_not_found")
        .await;
    app.get("/routes/acme/s/e/v?at=0")
        .problem(404, "route_not_found")
        .await;
    app.get("/routes/acme/s/e/v?at=2020-01-01T00:00:00Z")
        .problem(404, "route_not_found")
        .await;
    app.get("/routes/nobody/s/e/v?at=1")
        .problem(404, "tenant_not_found")
        .await;
    for wrong in [
        "3",
        "0000000000000000.1",
        "yesterday",
        "-1",
        "",
        "99999999999999999999",
    ] {
        app.get(&format!("/routes/acme/s/e/v?at={wrong}"))
            .problem(422, "invalid_request")
            .await;
    }
    app.get("/routes?at=1")
        .problem(422, "invalid_request")
        .await;
    let empty = app.get("/tenants/acme/snapshot?at=2").expect(200).await;
    assert_eq!(
        (&empty.json["routes"], empty.epoch()),
        (&json!([]), first.epoch())
    );
    // All pages show the same instant, whatever changes in between.
    for version in 0..5 {
        app.put(&format!("/routes/acme/s/e/v{version}"))
            .json(&json!({"url": "http://a"}))
            .expect(201)
            .await;
    }
    let page = app
        .get("/routes?tenant=acme&at=7&limit=3")
        .expect(200)
        .await;
    app.delete("/routes/acme/s/e/v4").expect(204).await;
    let cursor = page.json["next_cursor"].as_str().unwrap();
    let rest = app
        .get(&format!("/routes?tenant=acme&at=7&limit=3&cursor={cursor}"))
        .expect(200)
        .await;
    assert_eq!(
        (
            rest.json["items"].as_array().unwrap().len(),
            &rest.json["items"][1]["version"]
        ),
        (2, &json!("v4"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn blame_names_the_event_of_each_member() {
    let app = TestApp::start().await;
    let path = "/routes/acme/s/e/v";
    app.put(path)
        .header("x-reason", "begin")
        .json(&json!({"url": "http://a", "labels": {"a": "1"}}))
        .expect(201)
        .await;
    app.patch(path)
        .header("x-reason", "move")
        .json(&json!({"url": "http://b", "labels": {"b": "1"}}))
        .expect(200)
        .await;
    let last = app.post(&format!("{path}/deactivate")).expect(200).await;
    let blame = app
        .get(&format!("{path}/blame"))
        .header("tm-min-revision", last.tag())
        .expect(200)
        .await;
    let of = |name: &str| {
        (
            blame.json["members"][name]["revision"].as_u64(),
            blame.json["members"][name]["reason"].as_str(),
        )
    };
    assert_eq!(of("url"), (Some(2), Some("move")));
    assert_eq!(of("labels/a"), (Some(1), Some("begin")));
    assert_eq!(of("labels/b"), (Some(2), Some("move")));
    assert_eq!(of("is_active"), (Some(3), None));
    assert_eq!(blame.json["members"]["is_active"]["value"], false);
    app.get("/routes/acme/s/e/w/blame")
        .problem(404, "route_not_found")
        .await;
}
