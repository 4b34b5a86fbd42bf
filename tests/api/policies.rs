//! Traffic policies: writes, reads, ownership, `resolve`, and the protection of versions in use.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

pub async fn route(app: &TestApp, tenant: &str, version: &str) -> Answer {
    let url = format!("http://{version}.example");
    app.put(&format!("/routes/{tenant}/web/prod/{version}"))
        .json(&json!({ "url": url }))
        .send()
        .await
}

async fn with_versions(versions: &[&str]) -> TestApp {
    let app = TestApp::start().await;
    for version in versions {
        assert_eq!(route(&app, "acme", version).await.status, 201);
    }
    app
}

fn split(weights: &[(&str, u32)]) -> Value {
    let split: Vec<_> = weights
        .iter()
        .map(|(version, weight)| json!({"version": version, "weight": weight}))
        .collect();
    json!({ "split": split })
}

const POLICY: &str = "/policies/acme/web/prod";
const RESOLVE: &str = "/routes/resolve?tenant=acme&service=web&env=prod";

#[tokio::test(flavor = "multi_thread")]
async fn policy_is_created_changed_read_and_deleted_like_a_route() {
    let app = with_versions(&["v1", "v2"]).await;
    let mut body = split(&[("v1", 90), ("v2", 10)]);
    body["hosts"] = json!(["b.example", "a.example"]);
    let made = app
        .put(POLICY)
        .header("x-reason", "canary")
        .json(&body)
        .expect(201)
        .await;
    assert_eq!(
        (made.revision(), made.header("location")),
        (3, "/api/v1/policies/acme/web/prod")
    );
    assert_eq!(made.json["hosts"], json!(["a.example", "b.example"]));
    assert_eq!(made.json["path_prefix"], "/");
    let unchanged = app.put(POLICY).json(&body).expect(200).await;
    assert_eq!(
        (unchanged.header("tm-unchanged"), unchanged.revision()),
        ("true", 3)
    );

    let changed = app
        .patch(POLICY)
        .json(&json!({"sticky_by": {"cookie": "sid"}, "hosts": null}))
        .expect(200)
        .await;
    assert_eq!(
        (changed.revision(), &changed.json["hosts"]),
        (4, &json!([]))
    );
    assert_eq!(changed.json["split"], body["split"]);
    app.patch(POLICY)
        .header("if-match", made.header("etag"))
        .json(&json!({}))
        .problem(412, "precondition_failed")
        .await;

    let read = app
        .get(POLICY)
        .header("tm-min-revision", changed.tag())
        .expect(200)
        .await;
    assert_eq!((read.tag(), &read.json), (changed.tag(), &changed.json));
    app.get(POLICY)
        .header("if-none-match", changed.header("etag"))
        .expect(304)
        .await;
    let list = app.get("/policies?tenant=acme").expect(200).await;
    assert_eq!(
        (&list.json["items"][0], list.revision()),
        (&changed.json, 4)
    );
    let history = app.get("/policies/acme/web/prod/history").expect(200).await;
    let actions: Vec<_> = history.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["action"])
        .collect();
    assert_eq!(actions, ["policy_set", "policy_set"]);
    assert_eq!(
        history.json["items"][1]["policy"],
        json!({"service": "web", "env": "prod"})
    );
    assert_eq!(history.json["items"][1]["reason"], "canary");

    // Snapshots contain the policy, with the tag of its scope, until the policy is deleted.
    let held = app
        .get("/tenants/acme/snapshot?env=prod")
        .header("tm-min-revision", changed.tag())
        .expect(200)
        .await;
    assert_eq!(
        (held.revision(), &held.json["policies"][0]["sticky_by"]),
        (4, &json!({"cookie": "sid"}))
    );
    let gone = app.delete(POLICY).expect(204).await;
    assert_eq!(gone.revision(), 5);
    let held = app
        .get("/tenants/acme/snapshot")
        .header("tm-min-revision", gone.tag())
        .expect(200)
        .await;
    assert_eq!(held.json["policies"], json!([]));
    app.get(POLICY)
        .header("tm-min-revision", gone.tag())
        .problem(404, "policy_not_found")
        .await;
    app.delete(POLICY).problem(404, "policy_not_found").await;
    app.patch(POLICY)
        .json(&json!({}))
        .problem(404, "policy_not_found")
        .await;
    // Another instance that reads everything from the database returns the same bytes.
    let other = TestApp::on(app.db.clone(), &[]).await;
    app.db.caught_up().await;
    assert_eq!(
        other.get("/tenants/acme/snapshot").expect(200).await.bytes,
        held.bytes
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_policy_is_refused_with_its_members() {
    let app = with_versions(&["v1"]).await;
    let pointers = async |body: Value| {
        let answer = app
            .put(POLICY)
            .json(&body)
            .problem(422, "invalid_request")
            .await;
        answer
            .pointers()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(pointers(json!({})).await, ["/split"]);
    let unknown = json!({"split": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}], "failover": ["v3"]});
    assert_eq!(pointers(unknown).await, ["/split/1/version", "/failover/0"]);
    assert_eq!(pointers(split(&[("v1", 10001)])).await, ["/split/0/weight"]);
    assert_eq!(
        pointers(json!({"hosts": ["UPPER"], "failover": ["v1"]})).await,
        ["/hosts/0"]
    );
    assert_eq!(
        pointers(json!({"path_prefix": "/a/../b", "failover": ["v1"]})).await,
        ["/path_prefix"]
    );
    assert_eq!(pointers(json!({"splits": []})).await, ["/splits"]);
    assert_eq!(pointers(json!({"split": [["v1", 1]]})).await, ["/split/0"]);
    let rule = |headers: Value| json!({"rules": [{"name": "r", "match": {"headers": headers}, "version": "v1"}]});
    assert_eq!(pointers(rule(json!({}))).await, ["/rules/0/match"]);
    assert_eq!(pointers(rule(json!({"x": {"regex": "("}}))).await.len(), 1);
    assert_eq!(
        pointers(rule(json!({"x": {"regex": "a".repeat(600)}})))
            .await
            .len(),
        1
    );
    assert_eq!(
        app.get("/tenants/acme").expect(200).await.revision(),
        1,
        "no row was written"
    );
    app.put("/policies/nobody/web/prod")
        .json(&json!({"failover": ["v1"]}))
        .problem(422, "invalid_request")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_follows_the_policy_and_explains_its_choice() {
    let app = with_versions(&["v1", "v2", "beta", "spare"]).await;
    app.get(RESOLVE).problem(404, "policy_not_found").await;
    let mut body = split(&[("v1", 90), ("v2", 10)]);
    body["rules"] = json!([{"name": "testers", "match": {"headers": {"X-Beta": {"exact": "yes"}}}, "version": "beta"}]);
    body["failover"] = json!(["spare"]);
    body["sticky_by"] = json!({"cookie": "sid"});
    app.put(POLICY).json(&body).expect(201).await;

    let of_key = async |key: &str| {
        app.get(&format!("{RESOLVE}&key={key}&explain=true"))
            .expect(200)
            .await
    };
    let first = of_key("user-7").await;
    assert_eq!(of_key("user-7").await.json, first.json);
    let why = &first.json["explanation"];
    assert_eq!(
        (&why["reason"], &why["key"], &why["policy_revision"]),
        (&json!("split"), &json!("user-7"), &json!(5))
    );
    assert_eq!(why["split"][0]["version"], first.json["version"]);
    let shares: Vec<_> = why["split"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["weight"].clone(), part["share"].clone()))
        .collect();
    assert!(
        shares.contains(&(json!(90), json!(0.9))) && shares.contains(&(json!(10), json!(0.1))),
        "{shares:?}"
    );
    // Both versions get traffic.
    let mut chosen = std::collections::BTreeSet::new();
    for key in 0..60 {
        chosen.insert(
            of_key(&key.to_string()).await.json["version"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(chosen.into_iter().collect::<Vec<_>>(), ["v1", "v2"]);

    // A rule comes before the split. The key comes from the cookie that the policy names.
    let beta = app
        .get(&format!("{RESOLVE}&header.x-beta=yes&explain=true"))
        .expect(200)
        .await;
    assert_eq!(
        (&beta.json["version"], &beta.json["explanation"]["rule"]),
        (&json!("beta"), &json!("testers"))
    );
    let by_cookie = app
        .get(&format!(
            "{RESOLVE}&header.cookie=a%3D1%3B%20sid%3Duser-7&explain=true"
        ))
        .expect(200)
        .await;
    assert_eq!(by_cookie.json, first.json);

    // An answer for a key stays valid while its scope is unchanged. A random choice has no tag.
    let tag = first.header("etag");
    app.get(&format!("{RESOLVE}&key=user-7"))
        .header("if-none-match", tag)
        .expect(304)
        .await;
    let by_chance = app.get(RESOLVE).expect(200).await;
    assert_eq!(
        (by_chance.header("etag"), by_chance.header("cache-control")),
        ("", "no-store")
    );

    // An inactive version is not chosen.
    let version = first.json["version"].as_str().unwrap().to_owned();
    app.post(&format!(
        "/routes/acme/web/prod/{version}/deactivate?confirm_in_use=true"
    ))
    .expect(200)
    .await;
    let moved = app
        .get(&format!("{RESOLVE}&key=user-7&explain=true"))
        .header("if-none-match", tag)
        .expect(200)
        .await;
    assert_eq!(
        (&moved.json["version"], &moved.json["explanation"]["reason"]),
        (&json!("spare"), &json!("failover"))
    );
    assert_eq!(moved.json["explanation"]["instead_of"], *version);
    app.get(&format!("{RESOLVE}&version=v1&key=a"))
        .problem(422, "invalid_request")
        .await;
    app.get(&format!("{RESOLVE}&header.host=a"))
        .problem(422, "invalid_request")
        .await;
    app.get("/routes/resolve?tenant=acme&service=web")
        .problem(422, "invalid_request")
        .await;
    app.get("/routes/resolve?tenant=nobody&service=web&env=prod")
        .problem(404, "tenant_not_found")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_in_use_needs_an_alternative_and_confirmation() {
    let app = with_versions(&["v1", "v2"]).await;
    app.put(POLICY).json(&split(&[("v1", 1)])).expect(201).await;
    let v1 = "/routes/acme/web/prod/v1";
    // The traffic has no other version to go to, so no confirmation helps.
    for refused in [
        app.delete(v1),
        app.delete(&format!("{v1}?confirm_in_use=true")),
        app.post(&format!("{v1}/deactivate?confirm_in_use=true")),
    ] {
        let problem = refused.problem(409, "version_in_use").await;
        assert_eq!(
            (&problem.json["policies"], &problem.json["may_confirm"]),
            (&json!([{"service": "web", "env": "prod"}]), &json!(false))
        );
    }
    app.put(&format!("{v1}?confirm_in_use=true"))
        .json(&json!({"url": "http://x", "is_active": false}))
        .problem(409, "version_in_use")
        .await;

    app.put(POLICY)
        .json(&split(&[("v1", 1), ("v2", 1)]))
        .expect(200)
        .await;
    let problem = app
        .post(&format!("{v1}/deactivate"))
        .problem(409, "version_in_use")
        .await;
    assert_eq!(problem.json["may_confirm"], true);
    app.post(&format!("{v1}/deactivate?confirm_in_use=true"))
        .expect(200)
        .await;
    app.post(&format!("{v1}/activate")).expect(200).await;

    // A confirmed deletion takes the version out of the policy, in the same revision.
    app.delete(v1).problem(409, "version_in_use").await;
    let gone = app
        .delete(&format!("{v1}?confirm_in_use=true"))
        .expect(204)
        .await;
    let policy = app
        .get(POLICY)
        .header("tm-min-revision", gone.tag())
        .expect(200)
        .await;
    assert_eq!(
        (policy.revision(), &policy.json["split"]),
        (gone.revision(), &split(&[("v2", 1)])["split"])
    );
    let changes = app
        .get(&format!(
            "/tenants/acme/changes?after={}.{}",
            gone.epoch(),
            gone.revision() - 1
        ))
        .expect(200)
        .await;
    let items: Vec<_> = changes.json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["action"].clone(), e["item"].clone(), e["items"].clone()))
        .collect();
    assert_eq!(
        items,
        [
            (json!("policy_set"), json!(0), json!(2)),
            (json!("deleted"), json!(1), json!(2))
        ]
    );
    // A version with weight 0 gets no traffic. It can be deactivated, but its deletion needs a
    // confirmation.
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({"url": "http://x"}))
        .expect(201)
        .await;
    app.put(POLICY)
        .json(&split(&[("v1", 0), ("v2", 1)]))
        .expect(200)
        .await;
    app.post(&format!("{v1}/deactivate")).expect(200).await;
    app.delete(v1).problem(409, "version_in_use").await;
    app.delete(&format!("{v1}?confirm_in_use=true"))
        .expect(204)
        .await;
}

/// Returns the members of all `PATCH` bodies that are objects themselves.
fn nested_of_patches() -> Vec<String> {
    let document = traffic_manager::http::document::openapi();
    let resolved = |schema: &Value| {
        let mut schema = schema.clone();
        while let Some(reference) = schema["$ref"].as_str() {
            schema = document.pointer(&reference[1..]).unwrap().clone();
        }
        schema
    };
    let mut nested = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for content in item["patch"]["requestBody"]["content"]
            .as_object()
            .into_iter()
            .flat_map(|content| content.values())
        {
            for (name, member) in resolved(&content["schema"])["properties"]
                .as_object()
                .unwrap()
            {
                let choices = member["anyOf"]
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![member.clone()]);
                let is_object = |choice: &Value| {
                    let types = resolved(choice)["type"].clone();
                    types == "object"
                        || types
                            .as_array()
                            .is_some_and(|types| types.contains(&json!("object")))
                };
                if choices.iter().any(is_object) {
                    nested.push(format!("{path} {name}"));
                }
            }
        }
    }
    nested.sort_unstable();
    nested.dedup();
    nested
}

#[tokio::test(flavor = "multi_thread")]
async fn merge_patch_applies_inside_every_nested_object() {
    let app = with_versions(&["v1"]).await;
    app.put(POLICY)
        .json(&json!({
            "failover": ["v1"], "sticky_by": {"header": "x-user"}, "rewrite": {"strip_prefix": true},
            "retries": {"attempts": 2, "on": ["reset"]}, "mirror": {"version": "v1", "share": 100},
            "request_headers": {"set": {"a": "1", "b": "2"}}, "response_headers": {"remove": ["c"]},
        }))
        .expect(201)
        .await;
    let route = "/routes/acme/web/prod/v1";
    app.patch(route)
        .json(&json!({"labels": {"a": "1", "b": "2"}}))
        .expect(200)
        .await;
    app.patch("/tenants/acme")
        .json(&json!({"quotas": {"routes": 7, "policies": 8}}))
        .expect(200)
        .await;
    let policy = |member: &str| format!("/api/v1/policies/{{tenant}}/{{service}}/{{env}} {member}");
    let cases = [
        (
            policy("mirror"),
            POLICY,
            json!({"share": 200}),
            json!({"version": "v1", "share": 200}),
        ),
        (
            policy("request_headers"),
            POLICY,
            json!({"set": {"A": null, "C": "3"}}),
            json!({"remove": [], "set": {"b": "2", "c": "3"}}),
        ),
        (
            policy("response_headers"),
            POLICY,
            json!({"set": {"d": "4"}}),
            json!({"remove": ["c"], "set": {"d": "4"}}),
        ),
        (
            policy("retries"),
            POLICY,
            json!({"per_try_timeout_ms": 5}),
            json!({"attempts": 2, "on": ["reset"], "per_try_timeout_ms": 5}),
        ),
        (
            policy("rewrite"),
            POLICY,
            json!({"prefix": "/v"}),
            json!({"prefix": "/v", "strip_prefix": true}),
        ),
        (
            policy("sticky_by"),
            POLICY,
            json!({"header": null, "cookie": "sid"}),
            json!({"cookie": "sid"}),
        ),
        (
            "/api/v1/routes/{tenant}/{service}/{env}/{version} labels".to_owned(),
            route,
            json!({"a": null, "c": "3"}),
            json!({"b": "2", "c": "3"}),
        ),
        (
            "/api/v1/tenants/{tenant} quotas".to_owned(),
            "/tenants/acme",
            json!({"routes": null, "waiters": 9}),
            json!({"body_bytes": null, "policies": 8, "routes": null, "waiters": 9, "writes_per_second": null}),
        ),
    ];
    assert_eq!(
        nested_of_patches(),
        cases.each_ref().map(|case| case.0.clone())
    );
    for (named, path, patch, after) in cases {
        let member = named.rsplit(' ').next().unwrap();
        let changed = app
            .patch(path)
            .json(&json!({ member: patch }))
            .expect(200)
            .await;
        assert_eq!(changed.json[member], after, "{named}");
    }
    let length = app
        .patch(POLICY)
        .json(&json!({"request_headers": {"set": {"Content-Length": "5"}}}))
        .problem(422, "invalid_request")
        .await;
    assert_eq!(length.pointers(), ["/request_headers"]);
    let both = app
        .patch(POLICY)
        .json(&json!({"sticky_by": {"header": "x"}}))
        .problem(422, "invalid_request")
        .await;
    assert_eq!(
        (both.pointers(), &both.json["errors"][0]["code"]),
        (vec!["/sticky_by"], &json!("one_of"))
    );
    let unknown = app
        .patch(POLICY)
        .json(&json!({"sticky_by": {"query": "x"}}))
        .problem(422, "invalid_request")
        .await;
    assert_eq!(unknown.pointers(), ["/sticky_by/query"]);
    let gone = app
        .patch(POLICY)
        .json(&json!({"sticky_by": null}))
        .expect(200)
        .await;
    assert_eq!(gone.json["sticky_by"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_condition_or_sticky_by_lists_the_allowed_kinds() {
    let app = with_versions(&["v1"]).await;
    let rule = |condition: Value| json!({"rules": [{"name": "r", "match": {"headers": {"x": condition}}, "version": "v1"}]});
    for (body, pointer, code, detail) in [
        (
            rule(json!({"exact": "a", "prefix": "b"})),
            "/rules/0/match/headers/x",
            "one_of",
            "must have one of exact, prefix, suffix, contains, regex, present",
        ),
        (
            rule(json!({})),
            "/rules/0/match/headers/x",
            "one_of",
            "must have one of exact, prefix, suffix, contains, regex, present",
        ),
        (
            rule(json!({"equals": "a"})),
            "/rules/0/match/headers/x",
            "unknown_member",
            "expected one of `exact`, `prefix`, `suffix`, `contains`, `regex`, `present`",
        ),
        (
            rule(json!("a")),
            "/rules/0/match/headers/x",
            "wrong_type",
            "expected an object with one of exact, prefix, suffix, contains, regex, present",
        ),
        (
            json!({"failover": ["v1"], "sticky_by": {"cookie": "a", "header": "b"}}),
            "/sticky_by",
            "one_of",
            "must have one of cookie, header",
        ),
        (
            json!({"failover": ["v1"], "sticky_by": {}}),
            "/sticky_by",
            "one_of",
            "must have one of cookie, header",
        ),
        (
            json!({"failover": ["v1"], "sticky_by": "a"}),
            "/sticky_by",
            "wrong_type",
            "expected an object with one of cookie, header",
        ),
    ] {
        let answer = app
            .put(POLICY)
            .json(&body)
            .problem(422, "invalid_request")
            .await;
        let error = &answer.json["errors"][0];
        assert_eq!(
            (answer.pointers(), &error["code"]),
            (vec![pointer], &json!(code)),
            "{body}: {error}"
        );
        assert!(
            error["detail"].as_str().unwrap().contains(detail),
            "{body}: {error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_sticky_key_counts_as_no_key() {
    let app = with_versions(&["v1", "v2"]).await;
    let mut body = split(&[("v1", 50), ("v2", 50)]);
    body["sticky_by"] = json!({"cookie": "uid"});
    app.put(POLICY).json(&body).expect(201).await;
    for question in [
        "",
        "&key=",
        "&header.cookie=uid%3D%3B%20theme%3Ddark",
        "&header.cookie=uid%3D%22%22",
        "&key=&header.cookie=uid%3D",
    ] {
        let answer = app
            .get(&format!("{RESOLVE}&explain=true{question}"))
            .expect(200)
            .await;
        assert_eq!(
            (
                &answer.json["explanation"]["key"],
                answer.header("cache-control")
            ),
            (&Value::Null, "no-store"),
            "{question}"
        );
    }
    for question in [
        "&key=7",
        "&header.cookie=uid%3D7",
        "&key=&header.cookie=uid%3D%227%22",
        "&header.cookie=uid%3D%3B%20uid%3D7",
    ] {
        let answer = app
            .get(&format!("{RESOLVE}&explain=true{question}"))
            .expect(200)
            .await;
        assert_eq!(answer.json["explanation"]["key"], "7", "{question}");
    }
}
