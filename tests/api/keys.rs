//! Attacks on API keys, and the permissions of those who administer keys.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use traffic_manager::auth::key::NewToken;

use crate::support::{
    Answer, Call, PATIENCE, TestApp,
    callers::{Office, mistyped, pepper},
    database::{connect, url_of},
    eventually, secure,
};

/// Returns a token that differs from another in one character. Its checksum is right and its mark
/// is wrong, as in a token that an attacker makes up.
fn altered(token: &str, at: usize) -> String {
    let (said, _) = token.split_at(token.len() - 6);
    let mut bytes = said.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
    let said = String::from_utf8(bytes).unwrap();
    let mut sum = crc32fast::hash(said.as_bytes());
    let mut checksum = Vec::new();
    for _ in 0..6 {
        checksum.push(
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(sum % 62) as usize],
        );
        sum /= 62;
    }
    checksum.reverse();
    format!("{said}{}", String::from_utf8(checksum).unwrap())
}

/// A database that accepts no connections.
struct PostgresOutage {
    name: String,
    superuser: tokio_postgres::Client,
}

impl PostgresOutage {
    async fn of(office: &Office) -> Self {
        let superuser = connect(&url_of("PG_PRIMARY_URL", "postgres")).await;
        let away = Self {
            name: office.app.db.name.clone(),
            superuser,
        };
        away.allow(false).await;
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename <> 'postgres'";
        away.superuser.query(sql, &[&away.name]).await.unwrap();
        away
    }

    async fn allow(&self, allow: bool) {
        let sql = format!(
            "alter database {} with allow_connections {allow}",
            self.name
        );
        self.superuser.execute(&sql, &[]).await.unwrap();
    }

    async fn back(self) {
        self.allow(true).await;
    }
}

fn ask(office: &Office) -> Call {
    office.app.get("/tenants/acme")
}

#[tokio::test]
async fn forged_and_mistyped_keys_get_the_same_refusal() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let good = office.key("acme", &["viewer"]).await;
    ask(&office).bearer(&good).expect(200).await;
    let basic = format!("Basic {good}");
    let id = good
        .split('_')
        .nth(1)
        .unwrap()
        .parse()
        .expect("the id of a key");
    let issued = |token: NewToken| format!("Bearer {}", token.token.expose_secret());
    let forged = [
        // The marks of these two tokens are right, so that the keys are looked up.
        (
            "a token of this key that was never issued",
            issued(NewToken::of(id, &pepper()).unwrap()),
        ),
        (
            "a key that was never made",
            issued(NewToken::make(&pepper()).unwrap()),
        ),
        ("another secret", format!("Bearer {}", altered(&good, 40))),
        ("another id", format!("Bearer {}", altered(&good, 8))),
        ("mistyped", format!("Bearer {}", mistyped(&good))),
        ("cut short", format!("Bearer {}", &good[..good.len() - 7])),
        ("too long", format!("Bearer {good}0")),
        ("without its prefix", format!("Bearer {}", &good[4..])),
        ("in upper case", format!("Bearer {}", good.to_uppercase())),
        ("twice", format!("Bearer {good} {good}")),
        ("twice, with a comma", format!("Bearer {good},{good}")),
        ("empty", "Bearer ".into()),
        ("no token", "Bearer".into()),
        ("another scheme", basic),
        ("no scheme", good.clone()),
        ("a path", "Bearer tmk_../../../../etc/passwd".into()),
        ("a statement", "Bearer tmk_' or 1=1 --_".into()),
        ("a very long one", format!("Bearer {}", "a".repeat(7000))),
    ];
    let mut bodies = Vec::new();
    for (what, value) in &forged {
        let call = ask(&office)
            .header("authorization", value)
            .header("x-correlation-id", "same");
        let answer = call.problem(401, "unauthenticated").await;
        assert!(
            !String::from_utf8_lossy(&answer.bytes).contains(&good),
            "{what}"
        );
        bodies.push(answer.bytes);
    }
    bodies.dedup();
    assert_eq!(
        bodies.len(),
        1,
        "the answer does not say which check failed"
    );
    ask(&office)
        .header("authorization", b"Bearer \xff\xfe")
        .problem(401, "unauthenticated")
        .await;
    for name in [
        "x-api-key",
        "cookie",
        "proxy-authorization",
        "x-authorization",
    ] {
        ask(&office)
            .header(name, format!("Bearer {good}"))
            .problem(401, "unauthenticated")
            .await;
    }
    let twice = ask(&office).bearer(&good).bearer(&altered(&good, 40));
    twice.problem(401, "unauthenticated").await;
    ask(&office)
        .header("authorization", format!("bearer   {good}"))
        .expect(200)
        .await;
}

#[tokio::test]
async fn key_is_refused_after_its_expiry() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let end = |ms: i64| json!((Timestamp::now() + SignedDuration::from_millis(ms)).to_string());
    let body = |end: Value| json!({ "tenant": "acme", "roles": ["viewer"], "expires_at": end });
    let past = office
        .app
        .post("/keys")
        .bearer(&office.admin)
        .json(&body(end(-1000)));
    assert_eq!(
        past.problem(422, "invalid_request").await.pointers(),
        ["/expires_at"]
    );
    let token = office.made(&body(end(1500))).await;
    ask(&office).bearer(&token).expect(200).await;
    eventually("the key expires", async || {
        (ask(&office).bearer(&token).send().await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn database_holds_no_secret() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let token = office.key("acme", &["viewer"]).await;
    let body = json!({ "overlap_seconds": 60 });
    let id = &token[4..16];
    let rotated = office
        .app
        .post(&format!("/keys/{id}/rotate"))
        .bearer(&office.admin)
        .json(&body)
        .expect(200)
        .await;
    let rotated = rotated.json["token"].as_str().unwrap().to_owned();
    let tables = office
        .app
        .db
        .rows(
            "select tablename::text from pg_tables where schemaname = 'public'",
            &[],
        )
        .await;
    assert!(tables.len() > 8);
    let mut dump = String::new();
    for table in tables {
        let table: String = table.get(0);
        let rows = office
            .app
            .db
            .rows(&format!("select t::text from {table} t"), &[])
            .await;
        rows.iter().for_each(|row| dump.push_str(row.get(0)));
    }
    assert!(dump.contains(id), "the key is in there");
    for secret in [&token, &rotated, &office.admin] {
        let (secret, checksum) = secret[17..].split_at(43);
        for part in [secret, &secret[..12], &secret[31..]] {
            assert!(
                !dump.contains(part) && !dump.contains(&hex::encode(part)),
                "{part}"
            );
        }
        assert_eq!(checksum.len(), 6);
    }
}

#[tokio::test]
async fn callers_cannot_give_more_than_they_have() {
    let office = Office::open().await;
    office.tenant("acme").await;
    office.tenant("other").await;
    let admin = office.key("acme", &["tenant_admin"]).await;
    let make = async |token: &str, body: Value| {
        office
            .app
            .post("/keys")
            .bearer(token)
            .json(&body)
            .send()
            .await
    };
    for (body, status, code) in [
        (json!({ "roles": ["viewer"] }), 201, Value::Null),
        (
            json!({ "tenant": "acme", "roles": ["tenant_admin"] }),
            201,
            Value::Null,
        ),
        (
            json!({ "tenant": "other", "roles": ["viewer"] }),
            404,
            json!("tenant_not_found"),
        ),
        (
            json!({ "tenant": "nobody", "roles": ["viewer"] }),
            404,
            json!("tenant_not_found"),
        ),
        (
            json!({ "roles": ["platform_admin"] }),
            422,
            json!("invalid_request"),
        ),
        (
            json!({ "tenant": "acme", "roles": ["platform_admin"] }),
            422,
            json!("invalid_request"),
        ),
        (json!({ "roles": [] }), 422, json!("invalid_request")),
        (json!({ "roles": ["root"] }), 422, json!("invalid_request")),
        (
            json!({ "roles": ["viewer"], "envs": ["prod"] }),
            422,
            json!("invalid_request"),
        ),
    ] {
        let answer = make(&admin, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json["code"]),
            (status, &code),
            "{body}: {}",
            answer.json
        );
        assert!(
            status != 201 || answer.json["tenant"] == "acme",
            "{}",
            answer.json
        );
    }
    let platform = make(&office.admin, json!({ "roles": ["auditor"] })).await;
    assert_eq!(
        (platform.status.as_u16(), &platform.json["tenant"]),
        (201, &Value::Null)
    );
    let missing = make(
        &office.admin,
        json!({ "tenant": "nobody", "roles": ["viewer"] }),
    )
    .await;
    assert_eq!(
        missing.json["code"], "tenant_not_found",
        "there is no key of a tenant that does not exist"
    );
    for other in [
        platform.json["id"].as_str().unwrap(),
        &office.key("other", &["viewer"]).await[4..16],
        "0Yb3kQ9zTn5W",
    ] {
        office
            .app
            .get(&format!("/keys/{other}"))
            .bearer(&admin)
            .problem(404, "key_not_found")
            .await;
        office
            .app
            .delete(&format!("/keys/{other}"))
            .bearer(&admin)
            .problem(404, "key_not_found")
            .await;
        let rotate = office
            .app
            .post(&format!("/keys/{other}/rotate"))
            .bearer(&admin)
            .json(&json!({}));
        rotate.problem(404, "key_not_found").await;
    }
}

#[tokio::test]
async fn retried_key_creation_makes_no_second_key_and_hides_its_token() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let make = async |body: Value| {
        office
            .app
            .post("/keys")
            .bearer(&office.admin)
            .header("idempotency-key", "k1")
            .json(&body)
            .send()
            .await
    };
    let body = json!({ "tenant": "acme", "roles": ["viewer"] });
    let (first, again) = (make(body.clone()).await, make(body).await);
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json["id"], again.json["id"]);
    assert!(first.json["token"].is_string() && again.json["token"].is_null());
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = make(json!({ "tenant": "acme", "roles": ["editor"] })).await;
    assert_eq!(other.json["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn keys_of_a_tenant_end_with_it_and_their_number_is_limited() {
    let office = Office::with(&["auth.keys_per_tenant=2"]).await;
    office.tenant("acme").await;
    let token = office.key("acme", &["viewer"]).await;
    office.key("acme", &["viewer"]).await;
    let third = office
        .app
        .post("/keys")
        .bearer(&office.admin)
        .json(&json!({ "tenant": "acme", "roles": ["viewer"] }));
    third.problem(409, "quota_exceeded").await;
    ask(&office).bearer(&token).expect(200).await;
    office
        .app
        .delete("/tenants/acme?confirm=acme")
        .bearer(&office.admin)
        .expect(204)
        .await;
    office.tenant("acme").await;
    eventually("the key is refused", async || {
        (ask(&office).bearer(&token).send().await.status == 401).then_some(())
    })
    .await;
    let keys = office
        .app
        .get("/keys?tenant=acme")
        .bearer(&office.admin)
        .expect(200)
        .await;
    let keys = keys.json["items"].as_array().unwrap().clone();
    assert!(
        keys.len() == 2 && keys.iter().all(|key| key["revoked_at"].is_string()),
        "{keys:?}"
    );
    office.key("acme", &["viewer"]).await;
}

#[tokio::test]
async fn known_keys_work_and_unknown_get_503_without_postgres() {
    let office = Office::with(&["kafka.bootstrap_servers="]).await;
    office.tenant("acme").await;
    let (known, unknown) = (
        office.key("acme", &["node"]).await,
        office.key("acme", &["node"]).await,
    );
    let snapshot = |token: &str| office.app.get("/tenants/acme/snapshot").bearer(token);
    snapshot(&known).expect(200).await;
    let away = PostgresOutage::of(&office).await;
    snapshot(&known).expect(200).await;
    let answer = snapshot(&unknown).send().await;
    assert_eq!(answer.status, 503, "{}", answer.json);
    snapshot(&altered(&known, 40))
        .problem(401, "unauthenticated")
        .await;
    away.back().await;
    eventually("the key is known again", async || {
        (snapshot(&unknown).send().await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn known_keys_work_for_a_limited_time_without_postgres() {
    let office = Office::with(&[
        "auth.key_grace_ms=300",
        "auth.key_refresh_ms=100",
        "kafka.bootstrap_servers=",
    ])
    .await;
    office.tenant("acme").await;
    let known = office.key("acme", &["node"]).await;
    let snapshot = || office.app.get("/tenants/acme/snapshot").bearer(&known);
    snapshot().expect(200).await;
    let _away = PostgresOutage::of(&office).await;
    eventually("the grace is over", async || {
        (snapshot().send().await.status == 503).then_some(())
    })
    .await;
}

/// Starts a long-poll with a key, and returns when the long-poll waits.
async fn waiting(office: &Office, token: &str) -> JoinHandle<Answer> {
    let first = office
        .app
        .get("/tenants/acme/snapshot")
        .bearer(token)
        .expect(200)
        .await;
    let waiting = office
        .app
        .get("/tenants/acme/snapshot?wait=30s")
        .bearer(token)
        .header("if-none-match", first.header("etag"));
    let waiting = tokio::spawn(waiting.send());
    eventually("the long poll waits", async || {
        let metrics = office.app.ops("/metrics").send().await;
        String::from_utf8_lossy(&metrics.bytes)
            .lines()
            .any(|line| line.starts_with("tm_waiters ") && !line.ends_with(" 0"))
            .then_some(())
    })
    .await;
    waiting
}

async fn change(office: &Office) {
    let change = office
        .app
        .put("/routes/acme/checkout/prod/v2")
        .bearer(&office.admin);
    change
        .json(&json!({ "url": "https://b.example.com" }))
        .expect(201)
        .await;
}

#[tokio::test]
async fn stream_and_long_poll_of_a_revoked_key_send_nothing_more() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let token = office.key("acme", &["node"]).await;
    let waiting = waiting(&office, &token).await;
    office
        .app
        .delete(&format!("/keys/{}", &token[4..16]))
        .bearer(&office.admin)
        .expect(204)
        .await;
    eventually("the key is refused", async || {
        (office
            .app
            .get("/tenants/acme/snapshot")
            .bearer(&token)
            .send()
            .await
            .status
            == 401)
            .then_some(())
    })
    .await;
    change(&office).await;
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, 401, "{}", answer.json);
}

#[tokio::test]
async fn unused_revoked_key_gets_nothing_on_its_open_stream() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let token = office.key("acme", &["node"]).await;
    let waiting = waiting(&office, &token).await;
    let stream = secure::http()
        .build()
        .unwrap()
        .get(format!("{}/api/v1/tenants/acme/stream", office.app.api));
    let mut stream = stream.bearer_auth(&token).send().await.unwrap();
    let mut told = String::new();
    while !told.contains("event: snapshot") {
        told.push_str(
            std::str::from_utf8(&stream.chunk().await.unwrap().expect("a snapshot")).unwrap(),
        );
    }
    office
        .app
        .delete(&format!("/keys/{}", &token[4..16]))
        .bearer(&office.admin)
        .expect(204)
        .await;
    change(&office).await;
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, 401, "{}", answer.json);
    let rest = tokio::time::timeout(PATIENCE, stream.bytes())
        .await
        .expect("the stream ends")
        .unwrap();
    assert!(
        !String::from_utf8_lossy(&rest).contains("event: change"),
        "{rest:?}"
    );
}

#[tokio::test]
async fn replaced_token_is_refused_at_once_by_the_same_instance() {
    let office = Office::with(&["auth.key_refresh_ms=5000"]).await;
    office.tenant("acme").await;
    let token = office.key("acme", &["viewer"]).await;
    ask(&office).bearer(&token).expect(200).await;
    let id = &token[4..16];
    let rotate = office
        .app
        .post(&format!("/keys/{id}/rotate"))
        .bearer(&office.admin)
        .json(&json!({ "overlap_seconds": 0 }));
    let other = rotate.expect(200).await.json["token"]
        .as_str()
        .unwrap()
        .to_owned();
    ask(&office)
        .bearer(&token)
        .problem(401, "unauthenticated")
        .await;
    ask(&office).bearer(&other).expect(200).await;
    office
        .app
        .delete(&format!("/keys/{id}"))
        .bearer(&office.admin)
        .expect(204)
        .await;
    ask(&office)
        .bearer(&other)
        .problem(401, "unauthenticated")
        .await;
}

/// Starts another instance, and returns when `office` has noticed a change of a key that was made
/// there.
async fn revocation_noticed(office: &Office) -> TestApp {
    let other = office.key("acme", &["viewer"]).await;
    ask(office).bearer(&other).expect(200).await;
    let elsewhere = office.another().await;
    elsewhere
        .delete(&format!("/keys/{}", &other[4..16]))
        .bearer(&office.admin)
        .expect(204)
        .await;
    eventually("the revocation is noticed", async || {
        (ask(office).bearer(&other).send().await.status == 401).then_some(())
    })
    .await;
    elsewhere
}

#[tokio::test]
async fn keys_missing_from_a_restored_database_are_refused() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let token = office.key("acme", &["viewer"]).await;
    ask(&office).bearer(&token).expect(200).await;
    // A change of another instance is noticed here, so this instance knows the number of the last
    // change.
    revocation_noticed(&office).await;
    let before = "with gone as (delete from api_keys where id = $1 returning changed) update api_keys_version set version = changed - 1 from gone";
    let superuser = connect(&url_of("PG_PRIMARY_URL", &office.app.db.name)).await;
    assert_eq!(
        superuser.execute(before, &[&&token[4..16]]).await.unwrap(),
        1
    );
    eventually("the key is refused", async || {
        (ask(&office).bearer(&token).send().await.status == 401).then_some(())
    })
    .await;
    ask(&office).bearer(&office.admin).expect(200).await;
}

#[tokio::test]
async fn key_revoked_on_another_timeline_is_refused() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let superuser = connect(&url_of("PG_PRIMARY_URL", &office.app.db.name)).await;
    // The timeline that continues from the backup has had as many changes by now as the lost
    // timeline, or more.
    for more in [0_i64, 3] {
        let token = office.key("acme", &["viewer"]).await;
        ask(&office).bearer(&token).expect(200).await;
        // The state that this instance knows is no older than the key.
        let elsewhere = revocation_noticed(&office).await;
        let restored = "with revoked as (update api_keys set revoked_at = now(), revoked_by = 'there', changed = 1 where id = $1), \
                             version as (update api_keys_version set version = version + $2) \
                        update installation set restores = restores + 1";
        assert_eq!(
            superuser
                .execute(restored, &[&&token[4..16], &more])
                .await
                .unwrap(),
            1
        );
        eventually("the key is refused", async || {
            (ask(&office).bearer(&token).send().await.status == 401).then_some(())
        })
        .await;
        ask(&office).bearer(&office.admin).expect(200).await;
        elsewhere.drain().await;
    }
}

#[tokio::test]
async fn last_use_of_a_key_is_recorded() {
    let office = Office::with(&["auth.key_refresh_ms=100"]).await;
    office.tenant("acme").await;
    let token = office.key("acme", &["viewer"]).await;
    let noted = async || {
        let shown = office
            .app
            .get(&format!("/keys/{}", &token[4..16]))
            .bearer(&office.admin)
            .expect(200)
            .await;
        shown.json["last_used_at"]
            .as_str()
            .map(|time| time.parse::<Timestamp>().unwrap())
    };
    assert_eq!(noted().await, None);
    let before = Timestamp::now();
    ask(&office).bearer(&token).expect(200).await;
    let noted = eventually("the use is recorded", noted).await;
    assert!(before <= noted && noted <= Timestamp::now(), "{noted}");
}

#[tokio::test]
async fn rotation_without_a_body_uses_the_defaults() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let key = office
        .app
        .post("/keys")
        .bearer(&office.admin)
        .json(&json!({ "tenant": "acme", "roles": ["viewer"] }))
        .expect(201)
        .await;
    let rotate = || {
        office
            .app
            .post(&format!(
                "/keys/{}/rotate",
                key.json["id"].as_str().unwrap()
            ))
            .bearer(&office.admin)
    };
    let overlap = |answer: &crate::support::Answer| {
        let at = |member: &str| {
            answer.json[member]
                .as_str()
                .unwrap()
                .parse::<jiff::Timestamp>()
                .unwrap()
        };
        at("previous_until")
            .duration_since(at("rotated_at"))
            .as_secs()
    };
    let by_default = 3590..=3600;
    assert!(by_default.contains(&overlap(&rotate().expect(200).await)));
    assert!(by_default.contains(&overlap(
        &rotate().body("application/json", "").expect(200).await
    )));
    assert!(
        (0..=5).contains(&overlap(
            &rotate()
                .json(&json!({ "overlap_seconds": 5 }))
                .expect(200)
                .await
        ))
    );
    rotate()
        .body("text/plain", "{}")
        .problem(415, "unsupported_media_type")
        .await;
    for body in [" ", "{"] {
        rotate()
            .body("application/json", body)
            .problem(400, "malformed_request")
            .await;
    }
    let wrong = [
        json!([]),
        json!("x"),
        json!(5),
        json!({ "overlap_seconds": -1 }),
        json!({ "overlap_seconds": "5" }),
        json!({ "unknown": 1 }),
    ];
    for body in wrong {
        rotate().json(&body).problem(422, "invalid_request").await;
    }
}

#[tokio::test]
async fn key_that_was_read_can_be_sent_back_to_create_another() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let made = office
        .app
        .post("/keys")
        .bearer(&office.admin)
        .json(&json!({ "tenant": "acme", "roles": ["viewer"] }))
        .expect(201)
        .await;
    let read = office
        .app
        .get(&format!("/keys/{}", made.json["id"].as_str().unwrap()))
        .bearer(&office.admin)
        .expect(200)
        .await;
    let other = office
        .app
        .post("/keys")
        .bearer(&office.admin)
        .json(&read.json)
        .expect(201)
        .await;
    assert_ne!(other.json["id"], made.json["id"]);
    assert_eq!(
        (&other.json["tenant"], &other.json["roles"]),
        (&made.json["tenant"], &made.json["roles"])
    );
    let mut unknown = read.json.clone();
    unknown["revision"] = json!(1);
    office
        .app
        .post("/keys")
        .bearer(&office.admin)
        .json(&unknown)
        .problem(422, "invalid_request")
        .await;
}
