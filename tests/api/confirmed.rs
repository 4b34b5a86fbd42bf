//! Removals of most routes that were confirmed: nodes get a signed statement of them.

use serde_json::{Value, json};
use traffic_manager::domain::snapshot::confirmation::SignedConfirmation;

use crate::{
    signatures::Keys,
    streams::Stream,
    support::{Answer, TestApp},
};

pub fn names(service: &str, env: &str, count: u32) -> Vec<Value> {
    let name = |at| json!({"service": service, "env": env, "version": format!("v{at:02}")});
    (0..count).map(name).collect()
}

/// Returns the changes that put all of these routes.
pub fn puts(names: Vec<Value>) -> Vec<Value> {
    let put = |mut route: Value| {
        route["url"] = json!("http://a");
        json!({"action": "put", "route": route})
    };
    names.into_iter().map(put).collect()
}

pub fn deletions(names: Vec<Value>) -> Vec<Value> {
    let delete = |route| json!({"action": "delete", "route": route});
    names.into_iter().map(delete).collect()
}

/// Makes the tenant.
pub async fn tenant(app: &TestApp) {
    let made = app.post("/tenants").json(&json!({"name": "acme"}));
    made.expect(201).await;
}

/// Makes all changes in one revision, and confirms what has to be confirmed.
pub async fn batch(app: &TestApp, changes: &[Value]) -> Answer {
    let path = "/tenants/acme/batch";
    let mut body = json!({ "changes": changes });
    let answer = app.post(path).json(&body).send().await;
    if answer.status == 200 {
        return answer;
    }
    assert_eq!(answer.json["code"], "shrink_not_confirmed");
    body["confirm_shrink"] = answer.json["confirm_shrink"].clone();
    app.post(path).json(&body).expect(200).await
}

/// Returns the confirmation that comes with the snapshot of a scope, without its signatures, which are checked.
async fn said(app: &TestApp, keys: &Keys, query: &str) -> Option<String> {
    let path = format!("/tenants/acme/snapshot{query}");
    let answer = app.get(&path).expect(200).await;
    let header = answer.headers.get("tm-confirmed")?.to_str().unwrap();
    let signed: SignedConfirmation = header.parse().unwrap();
    let text = signed.confirmation.text(&"acme".parse().unwrap());
    assert!(keys.have_signed_text(&signed.signatures, &text), "{query}");
    // The fast path, another coding, the ordinary path: the same statement.
    for ask in [
        app.get(&path),
        app.get(&path).header("accept-encoding", "gzip"),
        app.get(&path).header("prefer", "wait=1"),
    ] {
        assert_eq!(ask.expect(200).await.header("tm-confirmed"), header);
    }
    let seen = answer.header("etag").to_owned();
    let same = app.get(&path).header("if-none-match", seen);
    let same = same.expect(304).await;
    assert!(!same.headers.contains_key("tm-confirmed"));
    Some(signed.confirmation.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_removal_is_signed_for_each_scope_that_it_touched() {
    let keys = Keys::new();
    let app = TestApp::with(&[&keys.setting()]).await;
    tenant(&app).await;
    let all = [
        names("web", "prod", 30),
        names("web", "dev", 4),
        names("shop", "prod", 1),
    ];
    batch(&app, &puts(all.concat())).await;
    batch(&app, &deletions(names("web", "dev", 1))).await;
    assert_eq!(said(&app, &keys, "").await, None, "nothing was confirmed");

    let removed = batch(&app, &deletions(names("web", "prod", 25))).await;
    let tag = removed.tag();
    let whole = format!("{tag} service=* env=* routes=25 policies=0 left=9");
    let part = |service: &str, env: &str| {
        let part = format!("{tag} service={service} env={env} routes=* policies=* left=*");
        Some(part)
    };
    assert_eq!(said(&app, &keys, "").await.as_ref(), Some(&whole));
    assert_eq!(said(&app, &keys, "?env=prod").await, part("*", "prod"));
    assert_eq!(said(&app, &keys, "?service=web").await, part("web", "*"));
    let none = said(&app, &keys, "?env=dev").await;
    assert_eq!(none, None, "it took nothing there");

    // Later states have it too: a node may have been away. Another instance says the same.
    batch(&app, &deletions(names("web", "dev", 2)[1..].to_vec())).await;
    let another = TestApp::on(app.db.clone(), &[&keys.setting()]).await;
    for app in [&app, &another] {
        assert_eq!(said(app, &keys, "").await.as_ref(), Some(&whole));
        assert_eq!(said(app, &keys, "?env=dev").await, part("*", "dev"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_plan_of_a_part_is_told_with_its_part_and_in_streams() {
    let keys = Keys::new();
    let app = TestApp::with(&[&keys.setting()]).await;
    tenant(&app).await;
    let all = [names("web", "prod", 3), names("shop", "prod", 2)];
    let mut changes = puts(all.concat());
    changes.push(json!({"action": "put", "policy": {
        "service": "web", "env": "prod", "split": [{"version": "v01", "weight": 1}],
    }}));
    let first = batch(&app, &changes).await;
    let mut stream = Stream::open(&app, "", Some(&first.tag())).await;
    let begun = stream.change().await;
    assert_eq!(begun.name, "signature");
    assert_eq!(begun.data["confirmed"], Value::Null);

    let body = json!({"routes": [], "prune": true, "scope": {"service": "web"}});
    let plan = app
        .post("/tenants/acme/plans")
        .json(&body)
        .expect(201)
        .await;
    let (id, hash) = (plan.json["id"].as_str().unwrap(), &plan.json["hash"]);
    let applied = app
        .post(&format!("/tenants/acme/plans/{id}/apply"))
        .json(&json!({"hash": hash, "confirm_shrink": hash}))
        .expect(200)
        .await;
    let tag = applied.tag();
    let removal =
        json!({"left_routes": 0, "removed_policies": 1, "removed_routes": 3, "service": "web"});
    for _ in 0..4 {
        let change = stream.change().await;
        assert_eq!(change.name, "change");
        assert_eq!(change.data["confirmed_removal"], removal);
    }
    let signed = stream.change().await;
    assert_eq!(signed.name, "signature");
    let whole = app.get("/tenants/acme/snapshot").expect(200).await;
    assert_eq!(signed.data["confirmed"], whole.header("tm-confirmed"));
    let text = format!("{tag} service=web env=* routes=3 policies=1 left=0");
    assert_eq!(said(&app, &keys, "").await, Some(text));
    assert_eq!(said(&app, &keys, "?service=shop").await, None);
    // Streams that begin later have it from the start.
    for after in [None, Some(tag.as_str())] {
        let mut late = Stream::open(&app, "", after).await;
        let mut event = late.change().await;
        if after.is_none() {
            assert_eq!(event.name, "snapshot");
            event = late.change().await;
        }
        assert_eq!(event.data, signed.data);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_nothing_is_said_of_a_confirmed_removal() {
    let app = TestApp::start().await;
    tenant(&app).await;
    batch(&app, &puts(names("web", "prod", 2))).await;
    batch(&app, &deletions(names("web", "prod", 2))).await;
    for _ in 0..2 {
        let snapshot = app.get("/tenants/acme/snapshot").expect(200).await;
        assert!(!snapshot.headers.contains_key("tm-confirmed"));
    }
}
