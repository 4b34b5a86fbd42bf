//! Origin of keys: no key outlives its maker, a key's descendants end with it, and events name the
//! token that was used.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use traffic_manager::auth::jwt::Now;

use crate::{
    issuer::Issuer,
    signer::{Signer, claims},
    support::{Answer, Call, callers::Office, database::connect, eventually, primary},
};

/// Starts an office that also accepts an issuer's tokens.
async fn office_with_issuer(more: &[&str]) -> (Office, Issuer, Signer) {
    let signer = Signer::ec("k1");
    let issuer = Issuer::with(&[&signer]);
    let jwt = issuer.settings();
    let all: Vec<&str> = jwt
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
        .collect();
    let office = Office::with(&all).await;
    office.tenant("acme").await;
    (office, issuer, signer)
}

fn make(office: &Office, by: &str, more: Value) -> Call {
    let mut body = json!({ "tenant": "acme", "roles": ["viewer"] });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    office.app.post("/keys").bearer(by).json(&body)
}

fn text(answer: &Answer, name: &str) -> String {
    answer.json[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {}", answer.json))
        .to_owned()
}

fn time(answer: &Answer, name: &str) -> Timestamp {
    text(answer, name).parse().expect("a time")
}

/// Makes the key of a tenant administrator. Returns its id and its token.
async fn admin(office: &Office, by: &str, more: Value) -> (String, String) {
    let mut body = json!({ "roles": ["tenant_admin"] });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let answer = make(office, by, body).expect(201).await;
    (text(&answer, "id"), text(&answer, "token"))
}

fn rotate(office: &Office, by: &str, id: &str, overlap: u32) -> Call {
    office
        .app
        .post(&format!("/keys/{id}/rotate"))
        .bearer(by)
        .json(&json!({ "overlap_seconds": overlap }))
}

async fn is_accepted(office: &Office, token: &str) -> bool {
    office
        .app
        .get("/tenants/acme")
        .bearer(token)
        .send()
        .await
        .status
        == 200
}

#[tokio::test]
async fn key_ends_no_later_than_the_credential_that_made_it() {
    let (office, _issuer, signer) = office_with_issuer(&[]).await;
    let now = Now::read();
    let at = |seconds: i64| Timestamp::from_second(now.unix as i64 + seconds).unwrap();
    let jwt = signer.token(&claims(
        now,
        json!({ "roles": ["tenant_admin"], "exp": now.unix.floor() + 200.0 }),
    ));
    let (_, expiring) = admin(
        &office,
        &office.admin,
        json!({ "expires_at": at(200).to_string() }),
    )
    .await;
    let (id, replaced) = admin(&office, &office.admin, json!({})).await;
    rotate(&office, &office.admin, &id, 190).expect(200).await;
    let (lasting_id, _) = admin(&office, &office.admin, json!({})).await;
    for (what, by) in [
        ("a token of the issuer", &jwt),
        ("a key that expires", &expiring),
        ("a token that was replaced", &replaced),
    ] {
        let unsaid = make(&office, by, json!({})).expect(201).await;
        assert!(
            time(&unsaid, "expires_at") <= at(205),
            "{what}: {}",
            unsaid.json
        );
        let sooner = make(&office, by, json!({ "expires_at": at(100).to_string() }))
            .expect(201)
            .await;
        assert_eq!(time(&sooner, "expires_at"), at(100), "{what}");
        let later = make(&office, by, json!({ "expires_at": at(3600).to_string() }))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(
            (later.pointers(), &later.json["errors"][0]["code"]),
            (vec!["/expires_at"], &json!("after_caller")),
            "{what}"
        );
        // A key that the caller makes cannot make a key that lasts longer either.
        let (_, child) = admin(&office, by, json!({})).await;
        let grandchild = make(&office, &child, json!({})).expect(201).await;
        assert!(
            time(&grandchild, "expires_at") <= at(205),
            "{what}: {}",
            grandchild.json
        );
        // The caller cannot rotate a key that lasts longer, and so gets no token of such a key.
        rotate(&office, by, &lasting_id, 0)
            .problem(403, "forbidden")
            .await;
        rotate(&office, by, &text(&sooner, "id"), 0)
            .expect(200)
            .await;
    }
    rotate(&office, &replaced, &id, 0)
        .problem(403, "forbidden")
        .await;
    let lasting = make(&office, &office.admin, json!({})).expect(201).await;
    assert!(
        lasting.json["expires_at"].is_null(),
        "a key without an expiry creates keys without one: {}",
        lasting.json
    );
}

#[tokio::test]
async fn retry_with_a_renewed_token_finds_the_first_key() {
    let (office, _issuer, signer) = office_with_issuer(&[]).await;
    let now = Now::read();
    let jwt = |seconds: f64| {
        signer.token(&claims(
            now,
            json!({ "roles": ["tenant_admin"], "exp": now.unix.floor() + seconds }),
        ))
    };
    let first = make(&office, &jwt(100.0), json!({}))
        .header("idempotency-key", "k")
        .expect(201)
        .await;
    let again = make(&office, &jwt(200.0), json!({}))
        .header("idempotency-key", "k")
        .expect(201)
        .await;
    assert_eq!(
        (text(&again, "id"), again.header("idempotency-replayed")),
        (text(&first, "id"), "true")
    );
}

/// A family of keys: `a` made `b`, which made `c`. `a` rotated `d`, which made `e`. `f` is
/// unrelated to these, and rotated itself.
struct Family {
    ids: Vec<(&'static str, String)>,
    tokens: Vec<(&'static str, String)>,
}

impl Family {
    async fn of(office: &Office) -> Self {
        let (a, a_token) = admin(office, &office.admin, json!({})).await;
        let (b, b_token) = admin(office, &a_token, json!({})).await;
        let (c, c_token) = admin(office, &b_token, json!({})).await;
        let (d, _) = admin(office, &office.admin, json!({})).await;
        let d_token = text(&rotate(office, &a_token, &d, 0).expect(200).await, "token");
        // The rotation of `d` by itself does not hide that `a` was shown a token of `d`.
        let d_token = text(&rotate(office, &d_token, &d, 0).expect(200).await, "token");
        let (e, e_token) = admin(office, &d_token, json!({})).await;
        let (f, f_token) = admin(office, &office.admin, json!({})).await;
        let f_token = text(&rotate(office, &f_token, &f, 0).expect(200).await, "token");
        let ids = vec![("a", a), ("b", b), ("c", c), ("d", d), ("e", e), ("f", f)];
        let tokens = vec![
            ("a", a_token),
            ("b", b_token),
            ("c", c_token),
            ("d", d_token),
            ("e", e_token),
            ("f", f_token),
        ];
        Self { ids, tokens }
    }

    fn id(&self, name: &str) -> &str {
        &self.ids.iter().find(|(own, _)| *own == name).unwrap().1
    }

    async fn accepted(&self, office: &Office) -> String {
        let mut good = String::new();
        for (name, token) in &self.tokens {
            if is_accepted(office, token).await {
                good.push_str(name);
            }
        }
        good
    }
}

#[tokio::test]
async fn revocation_ends_derived_keys_unless_they_are_kept() {
    // MongoDB is unreachable, so the records stay in the outbox.
    let away = [
        "auth.key_refresh_ms=200",
        "mongo.url=mongodb://127.0.0.1:1/nobody",
    ];
    let office = Office::with(&away).await;
    office.tenant("acme").await;
    let family = Family::of(&office).await;
    let elsewhere = office.again(&away).await;
    assert_eq!(family.accepted(&office).await, "abcdef");
    for (_, token) in &family.tokens {
        elsewhere
            .get("/tenants/acme")
            .bearer(token)
            .expect(200)
            .await;
    }
    let revoke = |path: &str| {
        office
            .app
            .delete(&format!("/keys/{path}"))
            .bearer(&office.admin)
    };
    revoke(&format!("{}?descendants=perhaps", family.id("a")))
        .problem(422, "invalid_request")
        .await;
    revoke(&format!("{}?descendants=keep", family.id("c")))
        .expect(204)
        .await;
    assert_eq!(family.accepted(&office).await, "abdef");
    revoke(&format!("{}?descendants=keep", family.id("a")))
        .expect(204)
        .await;
    assert_eq!(
        family.accepted(&office).await,
        "bdef",
        "the derived keys are kept"
    );
    // Revokes `a` a second time, now with its descendants.
    revoke(family.id("a")).expect(204).await;
    assert_eq!(family.accepted(&office).await, "f");
    for (name, token) in &family.tokens {
        let wanted = if *name == "f" { 200 } else { 401 };
        eventually("everywhere", async || {
            (elsewhere
                .get("/tenants/acme")
                .bearer(token)
                .send()
                .await
                .status
                == wanted)
                .then_some(())
        })
        .await;
    }
    let sql = "select event->>'key', coalesce(event->>'reason', '') from access_outbox where event->>'action' = 'key_revoked' order by 1";
    let mut told: Vec<(String, String)> = office
        .app
        .db
        .rows(sql, &[])
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let mut wanted: Vec<(String, String)> = ["a", "c"]
        .map(|name| (family.id(name).to_owned(), String::new()))
        .to_vec();
    wanted.extend(
        ["b", "d", "e"].map(|name| (family.id(name).to_owned(), "maker_revoked".to_owned())),
    );
    told.sort();
    wanted.sort();
    assert_eq!(told, wanted, "each revocation is logged once");
}

#[tokio::test]
async fn key_under_revocation_creates_no_other_key() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let (id, token) = admin(&office, &office.admin, json!({})).await;
    assert!(is_accepted(&office, &token).await);
    // Revokes the key directly in the database, as another instance does it a moment before this
    // one notices.
    let mut holder = connect(&office.app.db.owner_url()).await;
    let held = holder.transaction().await.unwrap();
    held.query("select from api_keys_version for update", &[])
        .await
        .unwrap();
    let making = tokio::spawn(make(&office, &token, json!({})).send());
    let rotating = tokio::spawn(rotate(&office, &token, &id, 0).send());
    eventually("both wait", async || {
        (office.app.db.waiting().await == 2).then_some(())
    })
    .await;
    office
        .app
        .db
        .execute(
            "update api_keys set revoked_at = now(), revoked_by = 'elsewhere' where id = $1",
            &[&id],
        )
        .await;
    held.rollback().await.unwrap();
    let (made, rotated) = (making.await.unwrap(), rotating.await.unwrap());
    assert_eq!(
        (made.status.as_u16(), &made.json["code"]),
        (401, &json!("unauthenticated")),
        "{}",
        made.json
    );
    assert_eq!(
        (rotated.status.as_u16(), &rotated.json["code"]),
        (409, &json!("key_ended")),
        "{}",
        rotated.json
    );
    assert_eq!(
        office
            .app
            .db
            .count("select count(*) from api_keys where revoked_at is null")
            .await,
        1,
        "the first key"
    );
}

#[tokio::test]
async fn event_names_the_token_of_the_key_that_was_used() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let body = json!({ "tenant": "acme", "roles": ["editor"] });
    let made = office
        .app
        .post("/keys")
        .bearer(&office.admin)
        .json(&body)
        .expect(201)
        .await;
    let (id, own) = (text(&made, "id"), text(&made, "token"));
    let (administrator, administrators) = admin(&office, &office.admin, json!({})).await;
    let actor = async |token: &str, version: &str| {
        let path = format!("/routes/acme/checkout/prod/{version}");
        office
            .app
            .put(&path)
            .bearer(token)
            .json(&json!({ "url": "https://b.example.com" }))
            .expect(201)
            .await;
        let blame = office
            .app
            .get(&format!("{path}/blame"))
            .bearer(&office.admin)
            .expect(200)
            .await;
        blame.json["members"]["url"]["actor"].clone()
    };
    assert_eq!(
        actor(&own, "v10").await,
        json!({ "id": id, "kind": "key" }),
        "it has had one token"
    );
    let shown = text(
        &rotate(&office, &administrators, &id, 3600)
            .expect(200)
            .await,
        "token",
    );
    assert_eq!(
        actor(&own, "v11").await,
        json!({ "id": id, "kind": "key", "token": 1 })
    );
    assert_eq!(
        actor(&shown, "v12").await,
        json!({ "id": id, "kind": "key", "token": 2 })
    );
    let key = office
        .app
        .get(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(200)
        .await;
    assert_eq!(
        (
            &key.json["tokens"],
            &key.json["rotated_by"],
            &key.json["rotated_by_kind"]
        ),
        (&json!(2), &json!(administrator), &json!("key"))
    );
    assert_eq!(&key.json["created_by_kind"], "key");
}

#[tokio::test]
async fn idempotency_key_belongs_to_one_caller_of_one_kind() {
    let (office, _issuer, signer) = office_with_issuer(&[]).await;
    let (id, key) = admin(&office, &office.admin, json!({})).await;
    let subject = |roles: Value, tenant: &str| {
        signer.token(&claims(
            Now::read(),
            json!({ "sub": id, "roles": roles, "tenant": tenant }),
        ))
    };
    let (jwt, other) = (
        subject(json!(["tenant_admin"]), "acme"),
        subject(json!(["platform_admin"]), "*"),
    );
    let (put, batch) = (
        json!({ "url": "https://b.example.com" }),
        json!({ "changes": [] }),
    );
    let plan = json!({ "routes": [], "policies": [] });
    let new_key = json!({ "tenant": "acme", "roles": ["viewer"] });
    for (path, body) in [
        ("/routes/acme/checkout/prod/v7", &put),
        ("/tenants/acme/batch", &batch),
        ("/tenants/acme/plans", &plan),
        ("/keys", &new_key),
    ] {
        let send = async |token: &str| {
            let method = if path.starts_with("/routes") {
                reqwest::Method::PUT
            } else {
                reqwest::Method::POST
            };
            let call = office
                .app
                .call(method, &format!("/api/v1{path}"))
                .bearer(token)
                .header("idempotency-key", format!("the same for {path}"));
            call.json(body).send().await
        };
        for token in [&key, &jwt] {
            let first = send(token).await;
            assert!(first.status.is_success(), "{path}: {}", first.json);
            assert_eq!(
                first.header("idempotency-replayed"),
                "",
                "{path}: the idempotency key is another caller's"
            );
            assert_eq!(
                send(token).await.header("idempotency-replayed"),
                "true",
                "{path}: the idempotency key is the caller's own"
            );
        }
        // This caller has the same kind and id, though other roles, and so shares the idempotency
        // key.
        assert_eq!(
            send(&other).await.header("idempotency-replayed"),
            "true",
            "{path}"
        );
    }
    // The same holds for an operation of the whole platform.
    let platform = &office.admin[4..16];
    let jwt = signer.token(&claims(
        Now::read(),
        json!({ "sub": platform, "roles": ["platform_admin"], "tenant": "*" }),
    ));
    let replay = json!({ "tenant": "acme", "reason": "a test" });
    for token in [&office.admin, &jwt] {
        let send = || {
            office
                .app
                .post("/replays")
                .bearer(token)
                .header("idempotency-key", "the same")
                .json(&replay)
        };
        assert_eq!(
            send().expect(201).await.header("idempotency-replayed"),
            "",
            "the idempotency key is another caller's"
        );
        assert_eq!(
            send().expect(201).await.header("idempotency-replayed"),
            "true",
            "the idempotency key is the caller's own"
        );
    }
}

#[tokio::test]
async fn keys_created_and_revoked_in_a_loop_are_limited() {
    let office = Office::with(&["auth.keys_per_tenant=2"]).await;
    office.tenant("acme").await;
    office.tenant("other").await;
    let (_, by) = admin(&office, &office.admin, json!({})).await;
    let mut made = 1;
    let full = loop {
        let answer = make(&office, &by, json!({})).send().await;
        if answer.status != 201 {
            break answer;
        }
        made += 1;
        assert!(made <= 20, "no end");
        office
            .app
            .delete(&format!("/keys/{}", text(&answer, "id")))
            .bearer(&by)
            .expect(204)
            .await;
    };
    assert_eq!(
        (made, full.status.as_u16(), &full.json["code"]),
        (20, 409, &json!("quota_exceeded")),
        "{}",
        full.json
    );
    office.key("other", &["viewer"]).await;
    // Keys that ended long ago are deleted, and then there is room again.
    office.app.db.execute("update api_keys set revoked_at = now() - interval '31 days' where revoked_at is not null", &[]).await;
    traffic_manager::service::upkeep::sweep(primary(&office.app.db), 24, 30).await;
    assert_eq!(
        office
            .app
            .db
            .count("select count(*) from api_keys where tenant = 'acme'")
            .await,
        1
    );
    make(&office, &by, json!({})).expect(201).await;
}

#[tokio::test]
async fn expired_keys_do_not_count_against_the_quota() {
    let office = Office::with(&["auth.keys_per_tenant=1"]).await;
    office.tenant("acme").await;
    let soon = Timestamp::now() + SignedDuration::from_millis(1500);
    let made = make(
        &office,
        &office.admin,
        json!({ "expires_at": soon.to_string() }),
    )
    .expect(201)
    .await;
    make(&office, &office.admin, json!({}))
        .problem(409, "quota_exceeded")
        .await;
    let token = text(&made, "token");
    eventually("it has expired", async || {
        (!is_accepted(&office, &token).await).then_some(())
    })
    .await;
    make(&office, &office.admin, json!({})).expect(201).await;
}
