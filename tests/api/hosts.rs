//! Ownership of hosts: over the API, by two instances at once, in an older database, and the names
//! that a tenant may have.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_postgres::Client;
use traffic_manager::{domain::policy::Host, store};

use crate::{
    policies::route,
    support::{
        Answer, Database, TestApp,
        database::{connect, url_of},
    },
};

fn claim(host: &str, prefix: &str) -> Value {
    json!({ "failover": ["v1"], "hosts": [host], "path_prefix": prefix })
}

async fn with_tenants(names: &[&str]) -> TestApp {
    let app = TestApp::start().await;
    for name in names {
        assert_eq!(route(&app, name, "v1").await.status, 201);
    }
    app
}

fn host(raw: &str) -> Host {
    raw.to_owned().try_into().unwrap()
}

/// Claims a host through each endpoint that can write a policy.
async fn claims_by_every_command(
    app: &TestApp,
    tenant: &str,
    name: &str,
    prefix: &str,
) -> Vec<Answer> {
    let path = format!("/policies/{tenant}/web/prod");
    let mut policy = claim(name, prefix);
    let put = app.put(&path).json(&policy).send().await;
    let patch = app.patch(&path).json(&policy).send().await;
    (policy["service"], policy["env"]) = (json!("web"), json!("prod"));
    let batch = json!({ "changes": [{ "action": "put", "policy": policy }] });
    let batch = app
        .post(&format!("/tenants/{tenant}/batch"))
        .json(&batch)
        .send()
        .await;
    let scope = json!({ "service": "web", "env": "prod" });
    let route =
        json!({ "service": "web", "env": "prod", "version": "v1", "url": "http://v1.example" });
    let document = json!({ "scope": scope, "routes": [route], "policies": [policy] });
    let plan = app
        .post(&format!("/tenants/{tenant}/plans"))
        .json(&document)
        .send()
        .await;
    let applied = match plan.json["id"].as_str() {
        Some(id) => {
            let hash = json!({ "hash": plan.json["hash"] });
            app.post(&format!("/tenants/{tenant}/plans/{id}/apply"))
                .json(&hash)
                .send()
                .await
        }
        None => plan,
    };
    vec![put, patch, batch, applied]
}

#[tokio::test(flavor = "multi_thread")]
async fn host_of_another_tenant_is_refused_with_any_prefix() {
    let app = with_tenants(&["acme", "evil"]).await;
    let free = json!({ "failover": ["v1"] });
    app.put("/policies/evil/web/prod")
        .json(&free)
        .expect(201)
        .await;
    let hosts = [
        "shop.example.com",
        "*.shop.example.com",
        "*.example.com",
        "a.shop.example.com",
        "www.example.com",
    ];
    for theirs in hosts {
        app.put("/policies/acme/web/prod")
            .json(&claim(theirs, "/x"))
            .send()
            .await;
        for (mine, prefix) in hosts
            .iter()
            .flat_map(|mine| [(mine, "/"), (mine, "/x/login")])
        {
            for (at, answer) in claims_by_every_command(&app, "evil", mine, prefix)
                .await
                .into_iter()
                .enumerate()
            {
                let what = format!("{theirs}, {mine}{prefix}, way {at}: {}", answer.json);
                if host(mine).overlaps(&host(theirs)) {
                    assert_eq!(
                        (answer.status.as_u16(), &answer.json["code"]),
                        (409, &json!("host_taken")),
                        "{what}"
                    );
                    assert_eq!(
                        (&answer.json["host"], &answer.json["path_prefix"]),
                        (&json!(mine), &json!(prefix)),
                        "{what}"
                    );
                    assert!(
                        !String::from_utf8_lossy(&answer.bytes).contains("acme"),
                        "the answer does not name the holder: {what}"
                    );
                } else {
                    assert!(answer.status.is_success(), "{what}");
                }
            }
            app.put("/policies/evil/web/prod")
                .json(&free)
                .expect(200)
                .await;
        }
    }
    // Within one tenant, path prefixes divide a host between policies.
    let of = |name: &str, prefix: &str| claim(name, prefix);
    app.put("/routes/acme/web/dev/v1")
        .json(&json!({ "url": "http://d" }))
        .expect(201)
        .await;
    app.put("/policies/acme/web/prod")
        .json(&of("shop.example.com", "/"))
        .expect(200)
        .await;
    app.put("/policies/acme/web/dev")
        .json(&of("shop.example.com", "/"))
        .problem(409, "host_taken")
        .await;
    app.put("/policies/acme/web/dev")
        .json(&of("shop.example.com", "/dev"))
        .expect(201)
        .await;
    app.put("/policies/acme/web/dev")
        .json(&of("*.shop.example.com", "/"))
        .expect(200)
        .await;
    // A host is free once all policies of its tenant have given it up.
    app.delete("/policies/acme/web/dev").expect(204).await;
    app.put("/policies/evil/web/prod")
        .json(&of("shop.example.com", "/x"))
        .problem(409, "host_taken")
        .await;
    app.delete("/policies/acme/web/prod").expect(204).await;
    app.put("/policies/evil/web/prod")
        .json(&of("shop.example.com", "/x"))
        .expect(200)
        .await;
    // Rolls back to a state with a host that another tenant has by now.
    let rollback = app
        .post("/tenants/acme/rollback")
        .json(&json!({ "to": 2 }))
        .expect(201)
        .await;
    let id = rollback.json["id"].as_str().unwrap();
    let hash = json!({ "hash": rollback.json["hash"] });
    app.post(&format!("/tenants/acme/plans/{id}/apply"))
        .json(&hash)
        .problem(409, "host_taken")
        .await;
}

/// A retry gets the first answer, whoever has the host by now. A new command does not.
#[tokio::test(flavor = "multi_thread")]
async fn host_claim_retry_gets_the_first_answer() {
    let app = with_tenants(&["acme", "evil"]).await;
    let put = |key: &str| {
        app.put("/policies/acme/web/prod")
            .header("idempotency-key", key)
            .json(&claim("shop.example.com", "/"))
    };
    let first = put("k").expect(201).await;
    app.delete("/policies/acme/web/prod").expect(204).await;
    app.put("/policies/evil/web/prod")
        .json(&claim("*.example.com", "/"))
        .expect(201)
        .await;
    let again = put("k").expect(201).await;
    assert_eq!(
        (again.header("idempotency-replayed"), &again.json),
        ("true", &first.json)
    );
    put("l").problem(409, "host_taken").await;
    assert_eq!(
        app.db
            .count("select count(*) from policy_hosts where tenant = 'acme'")
            .await,
        0
    );
}

/// Many tenants claim overlapping hosts through two instances at the same moment. No two tenants
/// get hosts that overlap.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_claims_give_a_host_to_one_tenant() {
    let app = TestApp::start().await;
    let other = TestApp::on(app.db.clone(), &[]).await;
    for tenant in 0..12 {
        assert_eq!(route(&app, &format!("t{tenant}"), "v1").await.status, 201);
    }
    let rounds: &[&[(&str, &str)]] = &[
        &[("x.example.com", "/")],
        &[
            ("x.example.com", "/"),
            ("x.example.com", "/a"),
            ("x.example.com", "/b"),
        ],
        &[("*.x.example.com", "/"), ("a.x.example.com", "/a")],
        &[("*.x.example.com", "/"), ("x.example.com", "/")],
        &[
            ("*.x.example.com", "/"),
            ("*.a.x.example.com", "/"),
            ("*.example.com", "/"),
        ],
    ];
    for hosts in rounds {
        let claims = (0..12).map(|tenant| {
            let app = if tenant % 2 == 0 { &app } else { &other };
            let (name, prefix) = hosts[tenant % hosts.len()];
            app.put(&format!("/policies/t{tenant}/web/prod"))
                .json(&claim(name, prefix))
                .send()
        });
        let statuses: Vec<_> = join_all(claims)
            .await
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect();
        let won = statuses.iter().filter(|status| **status < 300).count();
        assert_eq!(
            (
                won,
                statuses.iter().filter(|status| **status == 409).count()
            ),
            (1, 11),
            "{hosts:?}: {statuses:?}"
        );
        let owners = "select count(distinct tenant) from policy_hosts";
        assert_eq!(app.db.count(owners).await, 1, "{hosts:?}");
        let given_up = (0..12).map(|tenant| {
            app.put(&format!("/policies/t{tenant}/web/prod"))
                .json(&json!({ "failover": ["v1"] }))
                .send()
        });
        assert!(
            join_all(given_up)
                .await
                .iter()
                .all(|answer| answer.status.is_success())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_spelling_of_a_host_is_accepted() {
    let app = with_tenants(&["acme", "evil"]).await;
    app.put("/policies/acme/web/prod")
        .json(&claim("xn--bcher-kva.example.com", "/"))
        .expect(201)
        .await;
    let spellings = [
        "XN--BCHER-KVA.EXAMPLE.COM",
        "xn--bcher-kva.example.com.",
        "xn--bcher-kva.example.com:443",
        "b\u{fc}cher.example.com",
        "B\u{dc}CHER.example.com",
        "bu\u{308}cher.example.com",
        "xn--bcher-kva.ex%61mple.com",
        " xn--bcher-kva.example.com",
        "xn--bcher-kva\u{3002}example\u{ff0e}com",
    ];
    for spelling in spellings {
        for answer in claims_by_every_command(&app, "evil", spelling, "/").await {
            answer.assert_problem("invalid_request");
            let errors = answer.json["errors"].to_string();
            assert!(
                errors.contains("write xn--bcher-kva.example.com"),
                "{spelling}: {errors}"
            );
        }
    }
    app.put("/policies/evil/web/prod")
        .json(&claim("xn--bcher-kva.example.com", "/x"))
        .problem(409, "host_taken")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_gets_only_hosts_that_it_is_allowed() {
    let app = with_tenants(&["acme"]).await;
    let needs_grant = [
        "*.com",
        "*.co.uk",
        "co.uk",
        "*.github.io",
        "github.io",
        "*.localhost",
    ];
    for name in needs_grant {
        for answer in claims_by_every_command(&app, "acme", name, "/").await {
            // There is no policy to patch.
            if answer.status != 404 {
                assert_eq!(
                    (
                        answer.status.as_u16(),
                        &answer.json["code"],
                        &answer.json["host"]
                    ),
                    (403, &json!("host_not_allowed"), &json!(name))
                );
            }
        }
    }
    let tenant = app
        .patch("/tenants/acme")
        .json(&json!({ "allowed_hosts": ["com", "a.example.org", "com"] }))
        .expect(200)
        .await;
    assert_eq!(
        tenant.json["allowed_hosts"],
        json!(["a.example.org", "com"])
    );
    assert_eq!(
        app.get("/tenants/acme").expect(200).await.json["allowed_hosts"],
        json!(["a.example.org", "com"])
    );
    assert_eq!(
        app.get("/tenants").expect(200).await.json["items"][0]["allowed_hosts"],
        json!(["a.example.org", "com"])
    );
    app.put("/policies/acme/web/prod")
        .json(&claim("*.com", "/"))
        .expect(201)
        .await;
    app.put("/policies/acme/web/prod")
        .json(&claim("x.a.example.org", "/"))
        .expect(200)
        .await;
    app.put("/policies/acme/web/prod")
        .json(&claim("b.example.org", "/"))
        .problem(403, "host_not_allowed")
        .await;
    // Settings that a PATCH does not name stay. A policy keeps its hosts until its next change.
    app.patch("/tenants/acme")
        .json(&json!({ "quotas": { "routes": 9 } }))
        .expect(200)
        .await;
    app.patch("/tenants/acme")
        .json(&json!({ "allowed_hosts": ["org"] }))
        .expect(200)
        .await;
    app.patch("/tenants/acme")
        .json(&json!({ "allowed_hosts": ["net"] }))
        .expect(200)
        .await;
    app.patch("/policies/acme/web/prod")
        .json(&json!({ "path_prefix": "/x" }))
        .problem(403, "host_not_allowed")
        .await;
    app.patch("/policies/acme/web/prod")
        .json(&json!({ "hosts": [] }))
        .expect(200)
        .await;
    let back = app
        .patch("/tenants/acme")
        .json(&json!({ "allowed_hosts": null }))
        .expect(200)
        .await;
    assert_eq!(
        (&back.json["allowed_hosts"], &back.json["quotas"]["routes"]),
        (&json!([]), &json!(9))
    );
    let made = json!({ "name": "globex", "allowed_hosts": ["globex.example"] });
    let made = app
        .post("/tenants")
        .json(&made)
        .header("idempotency-key", "k")
        .expect(201)
        .await;
    assert_eq!(made.json["allowed_hosts"], json!(["globex.example"]));
    // The tenant's events contain `allowed_hosts`.
    let sql = "select payload::jsonb #> '{after,allowed_hosts}' as hosts from route_events where type like '%tenant%' order by tenant, revision";
    let told: Vec<Option<Value>> = app
        .db
        .rows(sql, &[])
        .await
        .iter()
        .map(|row| row.get("hosts"))
        .collect();
    let both = Some(json!(["a.example.org", "com"]));
    let expected = [
        both.clone(),
        both,
        Some(json!(["org"])),
        Some(json!(["net"])),
        None,
        Some(json!(["globex.example"])),
    ];
    assert_eq!(told, expected);

    let wrong = |hosts: Value| {
        app.patch("/tenants/acme")
            .json(&json!({ "allowed_hosts": hosts }))
            .problem(422, "invalid_request")
    };
    assert_eq!(
        wrong(json!(["a.example", "*.b.example", "C.example", "1.2.3.4"]))
            .await
            .pointers(),
        ["/allowed_hosts/1", "/allowed_hosts/2", "/allowed_hosts/3"]
    );
    let many: Vec<_> = (0..65).map(|at| format!("a{at}.example")).collect();
    assert_eq!(wrong(json!(many)).await.pointers(), ["/allowed_hosts"]);
    app.patch("/tenants/acme")
        .json(&json!({ "allowed_hosts": &many[..64] }))
        .expect(200)
        .await;
}

/// Returns a session in its own schema, in the state that the release before the rule leaves.
#[expect(
    clippy::disallowed_methods,
    reason = "migrations are texts of many statements, on a connection of the test's own"
)]
async fn database_before_the_host_rule(db: &Database) -> Client {
    let client = connect(&url_of("PG_OWNER_URL", &db.name)).await;
    client
        .batch_execute("create schema before; set search_path = before; set app.tenants = '*'")
        .await
        .unwrap();
    for (number, sql) in migrations().iter().filter(|(number, _)| *number < 10) {
        client
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("V{number}: {error:?}"));
    }
    client
}

fn migrations() -> Vec<(u32, String)> {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
        .unwrap()
        .map(|file| file.unwrap().path());
    let number = |path: &std::path::Path| {
        path.file_name()?
            .to_str()?
            .strip_prefix('V')?
            .split_once("__")?
            .0
            .parse()
            .ok()
    };
    let mut all: Vec<(u32, String)> = files
        .filter_map(|path| Some((number(&path)?, std::fs::read_to_string(&path).unwrap())))
        .collect();
    all.sort_unstable();
    all
}

#[expect(
    clippy::disallowed_methods,
    reason = "migrations are texts of many statements, on a connection of the test's own"
)]
#[tokio::test(flavor = "multi_thread")]
async fn migration_keeps_and_reports_hosts_of_two_tenants() {
    let db = Database::create().await;
    let client = database_before_the_host_rule(&db).await;
    let rows = [
        ("acme", "web", "shop.example.com", "/"),
        ("acme", "app", "deep.er.wild.example.org", "/"),
        ("acme", "own", "shop.example.com", "/own"),
        ("evil", "web", "shop.example.com", "/login"),
        ("evil", "app", "*.wild.example.org", "/"),
        ("good", "web", "wild.example.net", "/"),
    ];
    for tenant in ["acme", "evil", "good"] {
        let sql = "insert into tenants (name, epoch, revision, chain_head, routes, created_at, created_by, updated_at, updated_by) \
                   values ($1, '0123456789abcdef', 0, repeat('0', 64), 0, now(), 'x', now(), 'x')";
        client.execute(sql, &[&tenant]).await.unwrap();
    }
    for (tenant, service, host, prefix) in rows {
        let sql = "insert into policies values ($1, $2, 'prod', '{}', 1, now(), 'x', now(), 'x')";
        client.execute(sql, &[&tenant, &service]).await.unwrap();
        let sql = "insert into policy_hosts (tenant, service, env, host, path_prefix) values ($1, $2, 'prod', $3, $4)";
        client
            .execute(sql, &[&tenant, &service, &host, &prefix])
            .await
            .unwrap();
    }
    let (_, rule) = migrations()
        .into_iter()
        .find(|(number, _)| *number == 10)
        .unwrap();
    client.batch_execute(&rule).await.unwrap();

    let told: Vec<_> = store::policies::conflicts(&client, 100).await.unwrap();
    let line = |conflict: &store::policies::Conflict| {
        let (other, other_host) = &conflict.other;
        format!(
            "{} {} | {} {other_host}",
            conflict.policy.join("/"),
            conflict.host,
            other.join("/")
        )
    };
    assert_eq!(
        told.iter().map(line).collect::<Vec<_>>(),
        [
            "acme/app/prod deep.er.wild.example.org | evil/app/prod *.wild.example.org",
            "acme/own/prod shop.example.com | evil/web/prod shop.example.com",
            "acme/web/prod shop.example.com | evil/web/prod shop.example.com",
            "evil/app/prod *.wild.example.org | acme/app/prod deep.er.wild.example.org",
            "evil/web/prod shop.example.com | acme/own/prod shop.example.com",
            "evil/web/prod shop.example.com | acme/web/prod shop.example.com",
        ]
    );
    assert_eq!(
        store::policies::conflicts(&client, 2).await.unwrap().len(),
        2
    );
    let count =
        "select count(*) from policy_hosts where place <> '' and is_wildcard = (host like '*.%')";
    assert_eq!(
        client.query_one(count, &[]).await.unwrap().get::<_, i64>(0),
        6,
        "none is lost"
    );
    // A process of the previous release does not know the rule, and cannot break it either.
    let insert = "insert into policy_hosts (tenant, service, env, host, path_prefix) values ('good', 'web', 'prod', $1, '/new')";
    for taken in [
        "shop.example.com",
        "*.example.com",
        "x.wild.example.org",
        "*.org",
    ] {
        let error = client.execute(insert, &[&taken]).await.expect_err(taken);
        assert_eq!(
            error.as_db_error().and_then(|db| db.constraint()),
            Some("hosts_of_one_tenant"),
            "{taken}"
        );
    }
    assert_eq!(
        client
            .execute(insert, &[&"a.wild.example.net"])
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        client
            .execute(
                "update policy_hosts set path_prefix = '/y' where tenant = 'good'",
                &[]
            )
            .await
            .unwrap(),
        2
    );
    let error = client
        .execute(
            "update policy_hosts set host = '*.example.com' where path_prefix = '/login'",
            &[],
        )
        .await
        .unwrap_err();
    assert_eq!(
        error.as_db_error().and_then(|db| db.constraint()),
        Some("hosts_of_one_tenant")
    );
}

/// Gives evil's policy the host of acme, as was possible before the rule.
async fn share_hosts(db: &Database) {
    let guards = [
        "keep_hosts_of_one_tenant",
        "keep_hosts_of_one_tenant_changed",
    ];
    for guard in guards {
        db.execute(
            &format!("alter table policy_hosts disable trigger {guard}"),
            &[],
        )
        .await;
    }
    let sql = "insert into policy_hosts (tenant, service, env, host, path_prefix) values ('evil', 'web', 'prod', 'shop.example.com', '/login')";
    db.execute(sql, &[]).await;
    for guard in guards {
        db.execute(
            &format!("alter table policy_hosts enable trigger {guard}"),
            &[],
        )
        .await;
    }
    let spec = r#"{"failover":["v1"],"hosts":["shop.example.com"],"path_prefix":"/login","rules":[],"split":[],"sticky_by":null}"#;
    db.execute(
        "update policies set spec = $1::text::json where tenant = 'evil'",
        &[&spec],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_shared_before_the_rule_keep_working() {
    let before = with_tenants(&["acme", "evil"]).await;
    before
        .put("/policies/acme/web/prod")
        .json(&claim("shop.example.com", "/"))
        .expect(201)
        .await;
    before
        .put("/policies/evil/web/prod")
        .json(&json!({ "failover": ["v1"] }))
        .expect(201)
        .await;
    let db = before.db.clone();
    before.drain().await;
    share_hosts(&db).await;
    let app = TestApp::on(db, &[]).await;
    for (tenant, prefix) in [("acme", "/"), ("evil", "/login")] {
        let path = format!("/policies/{tenant}/web/prod");
        assert_eq!(
            app.get(&path).expect(200).await.json["hosts"],
            json!(["shop.example.com"])
        );
        let snapshot = app
            .get(&format!("/tenants/{tenant}/snapshot"))
            .expect(200)
            .await;
        assert_eq!(snapshot.json["policies"][0]["path_prefix"], json!(prefix));
        assert_eq!(
            app.put(&path)
                .json(&claim("shop.example.com", prefix))
                .expect(200)
                .await
                .header("tm-unchanged"),
            "true"
        );
        // Routes of the service still change as before.
        app.put(&format!("/routes/{tenant}/web/prod/v2"))
            .json(&json!({ "url": "http://v2" }))
            .expect(201)
            .await;
        let wait = json!({ "split": [{ "version": "v2", "weight": 1 }] });
        let refused = app
            .patch(&path)
            .json(&wait)
            .problem(409, "host_taken")
            .await;
        let detail = refused.json["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("remove it from `hosts`"), "{detail}");
        app.post(&format!("/routes/{tenant}/web/prod/v2/deactivate"))
            .expect(200)
            .await;
        app.delete(&format!("/routes/{tenant}/web/prod/v2"))
            .expect(204)
            .await;
    }
    // Once one of the two tenants gives the host up, the other can change its policy again.
    app.patch("/policies/evil/web/prod")
        .json(&json!({ "hosts": ["evil.example.com"] }))
        .expect(200)
        .await;
    app.patch("/policies/acme/web/prod")
        .json(&json!({ "path_prefix": "/x" }))
        .expect(200)
        .await;
    app.delete("/policies/evil/web/prod").expect(204).await;
}
