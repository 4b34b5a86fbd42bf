//! What nodes and relays may say, and what is made of a wrong word.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp, callers::Office, eventually};

const NODES: &str = "/tenants/acme/nodes";
const SNAPSHOT: &str = "/tenants/acme/snapshot";

/// A node's name, its path, its headers, and whether the poll confirms what it has.
type Poll<'a> = (&'a str, &'a str, &'a [(&'a str, String)], bool);

async fn app() -> TestApp {
    let app = TestApp::start().await;
    for (env, version) in [("prod", "v1"), ("test", "v1")] {
        let path = format!("/routes/acme/web/{env}/{version}");
        app.put(&path)
            .json(&json!({ "url": "http://a.example/" }))
            .expect(201)
            .await;
    }
    app
}

/// Returns the first node once it is known.
async fn first(app: &TestApp) -> Value {
    eventually("the node is known", async || {
        let nodes = app.get(NODES).expect(200).await.json;
        nodes["items"].get(0).cloned()
    })
    .await
}

fn tag_of(answer: &Answer) -> String {
    let tag = answer.headers["etag"].to_str().unwrap();
    tag.trim_start_matches("W/").trim_matches('"').to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_words_of_a_node_are_refused_and_change_nothing() {
    let app = app().await;
    for (name, value) in [
        ("tm-node", "Edge 1"),
        ("tm-node", ""),
        ("tm-node", "a,b"),
        ("tm-dialect", "HAProxy 2.6"),
        ("tm-applied", "7"),
        (
            "tm-applied",
            "\"0123456789abcdef.1\", \"0123456789abcdef.2\"",
        ),
        ("tm-refused", "x"),
        ("tm-error", ""),
        ("tm-error", "a/b text"),
    ] {
        for path in [SNAPSHOT, "/dataplane/haproxy?tenant=acme"] {
            let mut call = app.get(path).header(name, value);
            if name != "tm-node" {
                call = call.header("tm-node", "edge-1");
            }
            let answer = call.send().await;
            assert_eq!(answer.status, 422, "{name}: {value}");
            let pointer = answer.json["errors"][0]["pointer"].as_str().unwrap();
            assert_eq!(pointer.to_ascii_lowercase(), format!("{name}:"));
        }
    }
    let doubled = app
        .get(SNAPSHOT)
        .header("tm-node", "a")
        .header("tm-node", "b");
    assert_eq!(doubled.send().await.status, 400);
    let nodes = app.get(NODES).expect(200).await.json;
    assert_eq!(nodes["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_refusal_are_kept_as_text() {
    let app = app().await;
    let words = "%1b[31m%0aline two %22quoted%22 %C3%A4 100%";
    app.get(SNAPSHOT)
        .header("tm-node", "edge-1")
        .header("tm-error", format!("refused {words}{}", "x".repeat(3000)))
        .expect(200)
        .await;
    let node = first(&app).await;
    let text = node["error"]["text"].as_str().unwrap();
    assert!(
        text.starts_with("\u{fffd}[31m line two \"quoted\" ä 100%x"),
        "{text:?}"
    );
    assert_eq!(text.len(), 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_poll_confirms_depends_on_what_polls() {
    let app = app().await;
    let tag = tag_of(&app.get(SNAPSHOT).expect(200).await);
    let polls: [Poll<'_>; 6] = [
        ("json", SNAPSHOT, &[], true),
        ("whole", "/tenants/acme/changes?after=TAG", &[], true),
        ("agent", SNAPSHOT, &[("tm-dialect", "nginx".into())], false),
        ("document", "/dataplane/caddy?tenant=acme", &[], false),
        (
            "applied",
            "/dataplane/caddy?tenant=acme",
            &[("tm-applied", tag.clone())],
            true,
        ),
        ("part", "/tenants/acme/snapshot?env=prod", &[], true),
    ];
    for (node, path, headers, confirms) in polls {
        let path = path.replace("TAG", &tag);
        let held = match node {
            "part" => tag_of(&app.get(&path).expect(200).await),
            _ => tag.clone(),
        };
        let mut call = app
            .get(&path)
            .header("tm-node", node)
            .header("if-none-match", format!("\"{held}\""));
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let status = call.send().await.status;
        assert!([200, 304].contains(&status.as_u16()), "{node}: {status}");
        let known = eventually("the node is known", async || {
            let answer = app.get(&format!("{NODES}/{node}")).send().await;
            (answer.status == 200).then(|| answer.json["scopes"][0].clone())
        })
        .await;
        let state = if confirms { "converged" } else { "unknown" };
        assert_eq!(known["state"], state, "{node}: {known}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_wrong_is_refused_before_the_write() {
    let app = app().await;
    let before = app.get("/tenants/acme").expect(200).await.json["revision"].clone();
    let body = json!({ "url": "http://changed.example/" });
    for wait in [
        "wait=95",
        "wait=",
        "wait=101%25",
        "wait=95%25,x",
        "wait=95%25&wait=95%25",
        "%77ait=95",
    ] {
        let answer = app
            .put(&format!("/routes/acme/web/prod/v1?{wait}"))
            .json(&body)
            .send()
            .await;
        assert_eq!(answer.status, 422, "{wait}");
    }
    let after = app.get("/tenants/acme").expect(200).await.json["revision"].clone();
    assert_eq!(before, after);
    // Without Kafka nobody knows all nodes, which the answer of the write says.
    let answer = app
        .put("/routes/acme/web/prod/v1?wait=95%25,100ms")
        .header("idempotency-key", "once")
        .json(&body)
        .expect(200)
        .await;
    assert_eq!(answer.json["convergence"]["state"], "partial");
    let again = app
        .put("/routes/acme/web/prod/v1?wait=95%25,100ms")
        .header("idempotency-key", "once")
        .json(&body)
        .expect(200)
        .await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(
        again.json["convergence"]["revision"],
        answer.json["convergence"]["revision"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_report_the_nodes_of_their_tenant_and_of_their_scope_only() {
    let office = Office::open().await;
    for tenant in ["acme", "globex"] {
        office.tenant(tenant).await;
    }
    let relay = office.key("acme", &["node"]).await;
    let narrow = office
        .made(&json!({ "tenant": "acme", "roles": ["node"], "envs": ["prod"], "description": "narrow" }))
        .await;
    let admin = office.key("acme", &["tenant_admin"]).await;
    let report = |tenant: &str, reports: Value, token: &str| {
        office
            .app
            .post(&format!("/tenants/{tenant}/nodes"))
            .bearer(token)
            .json(&json!({ "reports": reports }))
            .send()
    };
    let one = |env: Value| json!([{ "node": "edge-1", "env": env, "applied": "0123456789abcdef.1", "seen_ms_ago": 5 }]);
    assert_eq!(report("acme", one(Value::Null), &relay).await.status, 204);
    assert_eq!(report("globex", one(Value::Null), &relay).await.status, 404);
    assert_eq!(report("acme", one(Value::Null), &narrow).await.status, 403);
    assert_eq!(
        report("acme", one(json!("prod")), &narrow).await.status,
        204
    );
    let wrong = report(
        "acme",
        json!([{ "node": "A", "seen_ms_ago": 1, "error": { "code": "", "text": "" } }]),
        &relay,
    )
    .await;
    assert_eq!(wrong.status, 422);
    assert_eq!(wrong.json["errors"].as_array().unwrap().len(), 2);
    let many: Vec<_> = (0..1001)
        .map(|number| json!({ "node": format!("n{number}"), "seen_ms_ago": 1 }))
        .collect();
    assert_eq!(report("acme", json!(many), &relay).await.status, 422);
    assert_eq!(
        report("acme", json!(many[..1000]), &relay).await.status,
        204
    );
    let nodes = office
        .app
        .get(&format!("{NODES}/edge-1"))
        .bearer(&admin)
        .expect(200)
        .await
        .json;
    assert_eq!(nodes["scopes"].as_array().unwrap().len(), 2);
    // A node asks for nobody's state.
    assert_eq!(
        office.app.get(NODES).bearer(&relay).send().await.status,
        403
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn self_says_who_the_caller_is() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let narrow = office
        .made(&json!({ "tenant": "acme", "roles": ["node"], "envs": ["prod"], "description": "narrow" }))
        .await;
    let me = office
        .app
        .get("/self")
        .bearer(&narrow)
        .expect(200)
        .await
        .json;
    assert_eq!(
        (
            &me["roles"],
            &me["tenant"],
            &me["services"],
            &me["envs"],
            &me["expires_at"]
        ),
        (
            &json!(["node"]),
            &json!("acme"),
            &Value::Null,
            &json!(["prod"]),
            &Value::Null
        )
    );
    assert_eq!(me["actor"]["kind"], "key");
    for role in ["tenant_admin", "editor", "viewer", "auditor"] {
        let token = office.key("acme", &[role]).await;
        let me = office
            .app
            .get("/self")
            .bearer(&token)
            .expect(200)
            .await
            .json;
        assert_eq!(me["roles"], json!([role]));
    }
    assert_eq!(
        office
            .app
            .get("/self")
            .bearer("tmk_nobody")
            .send()
            .await
            .status,
        401
    );
    assert_eq!(office.app.get("/self").send().await.status, 401);
}
