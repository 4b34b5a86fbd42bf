//! The access log: which accesses leave records, how a flood is limited, who may read it, and how
//! it survives outages and a kill.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use mongodb::bson::{Document, doc};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use traffic_manager::{audit::archive, auth::key::NewToken, config::Settings};
use uuid::Uuid;

use crate::support::{
    Answer, PATIENCE, TestApp,
    browser::Browser,
    callers::{ASKING, Office, forger, mistyped},
    database::variable,
    eventually, secure,
    switch::Switch,
};

/// A service that authenticates callers, with an archive of its own behind a switch.
struct Audited {
    office: Office,
    switch: Switch,
    database: String,
    overrides: Vec<String>,
}

impl Audited {
    async fn open(overrides: &[&str]) -> Self {
        let direct = variable("MONGO_ADMIN_URL");
        let host = url::Url::parse(&direct).expect("a MongoDB URL");
        let host = format!(
            "{}:{}",
            host.host_str().expect("a host"),
            host.port().expect("a port")
        );
        let switch = Switch::start(host.clone()).await;
        let database = format!("tm_test_{}", Uuid::new_v4().simple());
        let mut all = vec![
            format!(
                "mongo.url={}",
                direct.replace(&host, &switch.address.to_string())
            ),
            format!("mongo.database={database}"),
            format!("migrate.mongo_url={direct}"),
        ];
        // Short times, so that outages and recoveries are noticed soon. Connections to PostgreSQL
        // get long ones for a busy machine.
        let patient = [
            "postgres.connect_timeout_ms=20000",
            "postgres.acquire_timeout_ms=10000",
            "resilience.postgres_primary.timeout_ms=10000",
        ];
        let quick = [
            "resilience.mongodb_access.timeout_ms=500",
            "resilience.open_ms=20",
            "resilience.max_open_ms=50",
            "access_log.poll_ms=50",
        ];
        all.extend(
            patient
                .iter()
                .chain(&quick)
                .chain(overrides)
                .map(|pair| (*pair).to_owned()),
        );
        let settings = Settings::without_environment(&all).expect("valid settings");
        archive::set_up(&settings.migrate, &settings.mongo)
            .await
            .expect("the archive");
        let flags: Vec<&str> = all.iter().map(String::as_str).collect();
        Self {
            office: Office::with(&flags).await,
            switch,
            database,
            overrides: all,
        }
    }

    /// Another instance of the same installation.
    async fn another(&self) -> TestApp {
        let flags: Vec<&str> = ASKING
            .into_iter()
            .chain(self.overrides.iter().map(String::as_str))
            .collect();
        TestApp::on(self.office.app.db.clone(), &flags).await
    }

    /// Returns the matching records of the archive.
    async fn find(&self, filter: Document) -> Vec<Document> {
        let client = mongodb::Client::with_uri_str(variable("MONGO_ADMIN_URL"))
            .await
            .expect("a MongoDB URL");
        let collection = client
            .database(&self.database)
            .collection::<Document>("access_events");
        let mut found = collection.find(filter).await.expect("the archive");
        let mut records = Vec::new();
        while found.advance().await.expect("the archive") {
            records.push(found.deserialize_current().expect("a document"));
        }
        records
    }

    /// Waits for the only record of a request.
    async fn record(&self, request: &str) -> Document {
        let found = eventually(&format!("{request} is in the access log"), async || {
            Some(self.find(doc! { "correlation_id": request }).await)
                .filter(|found| !found.is_empty())
        })
        .await;
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    }

    async fn waiting(&self) -> i64 {
        self.office
            .app
            .db
            .count("select count(*) from access_outbox")
            .await
    }

    async fn end(self) {
        let client = mongodb::Client::with_uri_str(variable("MONGO_ADMIN_URL"))
            .await
            .expect("a MongoDB URL");
        let _ = client.database(&self.database).drop().await;
    }

    async fn get(&self, path: &str, token: &str, request: &str) -> Answer {
        self.office
            .app
            .get(path)
            .bearer(token)
            .header("x-correlation-id", request)
            .send()
            .await
    }
}

/// Counts the accesses behind the records: each record and the accesses that it suppressed.
fn count_accesses(records: &[Document]) -> i64 {
    records
        .iter()
        .map(|record| 1 + record.get_i64("suppressed").unwrap())
        .sum()
}

fn text<'a>(record: &'a Document, name: &str) -> Option<&'a str> {
    record.get_str(name).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_log_records_every_bad_credential_without_its_text() {
    let audited = Audited::open(&[]).await;
    let Audited { office, .. } = &audited;
    office.tenant("acme").await;
    let key = async |body: Value| {
        let made = office
            .app
            .post("/keys")
            .bearer(&office.admin)
            .json(&body)
            .expect(201)
            .await
            .json;
        (
            made["id"].as_str().unwrap().to_owned(),
            made["token"].as_str().unwrap().to_owned(),
        )
    };
    let viewer = json!({ "tenant": "acme", "roles": ["viewer"] });
    let (revoked, rotated, guessed) = (
        key(viewer.clone()).await,
        key(viewer.clone()).await,
        key(viewer.clone()).await,
    );
    let soon = jiff::Timestamp::now() + Duration::from_millis(1500);
    let expired =
        key(json!({ "tenant": "acme", "roles": ["viewer"], "expires_at": soon.to_string() })).await;
    for (_, token) in [&revoked, &rotated, &guessed] {
        office
            .app
            .get("/tenants/acme")
            .bearer(token)
            .expect(200)
            .await;
    }
    office
        .app
        .delete(&format!("/keys/{}", revoked.0))
        .bearer(&office.admin)
        .expect(204)
        .await;
    let rotate = office
        .app
        .post(&format!("/keys/{}/rotate", rotated.0))
        .bearer(&office.admin);
    rotate
        .json(&json!({ "overlap_seconds": 0 }))
        .expect(200)
        .await;
    for (_, token) in [&revoked, &rotated, &expired] {
        eventually("the key is refused", async || {
            (office
                .app
                .get("/tenants/acme")
                .bearer(token)
                .send()
                .await
                .status
                == 401)
                .then_some(())
        })
        .await;
    }
    let unknown = NewToken::make(&forger()).unwrap();
    let wrong = NewToken::of(guessed.0.parse().unwrap(), &forger()).unwrap();
    let mistyped = mistyped(&guessed.1);
    let bearer = |token: &str| vec![format!("Bearer {token}")];
    let (unknown_id, wrong) = (
        unknown.id.to_string(),
        wrong.token.expose_secret().to_owned(),
    );
    let forged = [
        ("no_credentials", vec![], None),
        ("unknown_token", bearer("nonsense-of-a-forger"), None),
        (
            "unknown_token",
            bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."),
            None,
        ),
        ("malformed_key", bearer(&mistyped), None),
        (
            "malformed_credentials",
            vec!["Basic YWRtaW46c2VjcmV0LW9mLWEtZm9yZ2Vy".to_owned()],
            None,
        ),
        (
            "two_credentials",
            vec![
                format!("Bearer {}", office.admin),
                format!("Bearer {wrong}"),
            ],
            None,
        ),
        (
            "unknown_key",
            bearer(unknown.token.expose_secret()),
            Some((unknown_id.as_str(), None)),
        ),
        (
            "wrong_secret",
            bearer(&wrong),
            Some((&guessed.0, Some("acme"))),
        ),
        (
            "revoked_key",
            bearer(&revoked.1),
            Some((&revoked.0, Some("acme"))),
        ),
        (
            "rotated_key",
            bearer(&rotated.1),
            Some((&rotated.0, Some("acme"))),
        ),
        (
            "expired_key",
            bearer(&expired.1),
            Some((&expired.0, Some("acme"))),
        ),
    ];
    for (at, (reason, headers, of)) in forged.iter().enumerate() {
        let request = format!("forged-{at}");
        let stranger = secure::stranger().build().expect("a client");
        let call = stranger
            .get(format!("{}/api/v1/tenants/acme", office.app.api))
            .header("x-correlation-id", &request);
        let call = headers
            .iter()
            .fold(call, |call, value| call.header("authorization", value));
        assert_eq!(
            call.send().await.expect("an answer").status(),
            401,
            "{reason}"
        );
        let record = audited.record(&request).await;
        assert_eq!(
            (text(&record, "kind"), text(&record, "reason")),
            (Some("denied"), Some(*reason)),
            "{record:?}"
        );
        assert_eq!(
            text(&record, "action"),
            Some("GET /api/v1/tenants/{tenant}")
        );
        assert_eq!(
            (record.get_i64("status").ok(), text(&record, "source_ip")),
            (Some(401), Some("127.0.0.1"))
        );
        assert_eq!(text(&record, "key"), of.map(|(key, _)| key), "{reason}");
        assert_eq!(
            text(&record, "visible_to"),
            of.and_then(|(_, tenant)| tenant),
            "{reason}"
        );
    }
    let all = format!("{:?}", audited.find(doc! {}).await);
    let presented = forged.iter().flat_map(|(_, headers, _)| headers);
    for secret in presented
        .filter_map(|value| value.split_once(' '))
        .map(|(_, token)| token)
        .chain([office.admin.as_str()])
    {
        assert!(
            !all.contains(secret) && !all.contains(&secret[secret.len().min(17)..]),
            "{secret} is in the archive"
        );
    }
    audited.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_log_names_callers_that_are_denied() {
    let audited = Audited::open(&[]).await;
    let Audited { office, .. } = &audited;
    for tenant in ["acme", "other"] {
        office.tenant(tenant).await;
    }
    let viewer = office.key("acme", &["viewer"]).await;
    let editor = office.key("other", &["editor", "auditor"]).await;
    let admin = office.key("other", &["tenant_admin"]).await;
    let narrow = office
        .made(&json!({ "tenant": "other", "roles": ["editor"], "envs": ["test"] }))
        .await;
    let id = |token: &str| token[4..16].to_owned();
    let route = json!({ "tenant": "acme", "service": "checkout", "env": "prod", "version": "v9", "url": "http://a" });
    let put = json!({ "url": "http://a" });
    let key = json!({ "tenant": "acme", "roles": ["viewer"] });
    type Case<'a> = (
        &'a str,
        &'a str,
        &'a str,
        Option<&'a Value>,
        u16,
        &'a str,
        &'a str,
        &'a str,
    );
    let cases: [Case<'_>; 7] = [
        (
            "PUT",
            "/routes/acme/checkout/prod/v1",
            &viewer,
            Some(&put),
            403,
            "role",
            "acme",
            "acme",
        ),
        (
            "GET",
            "/tenants/acme",
            &editor,
            None,
            404,
            "other_tenant",
            "acme",
            "other",
        ),
        (
            "GET",
            "/audit/events?tenant=acme",
            &editor,
            None,
            404,
            "other_tenant",
            "acme",
            "other",
        ),
        (
            "GET",
            "/tenants/acme/snapshot",
            &editor,
            None,
            404,
            "other_tenant",
            "acme",
            "other",
        ),
        (
            "POST",
            "/routes",
            &editor,
            Some(&route),
            404,
            "other_tenant",
            "acme",
            "other",
        ),
        (
            "POST",
            "/keys",
            &admin,
            Some(&key),
            404,
            "other_tenant",
            "acme",
            "other",
        ),
        (
            "PUT",
            "/routes/other/checkout/prod/v1",
            &narrow,
            Some(&put),
            403,
            "outside_grant",
            "other",
            "other",
        ),
    ];
    for (at, (method, path, token, body, status, reason, tenant, visible_to)) in
        cases.into_iter().enumerate()
    {
        let request = format!("refused-{at}");
        let call = office
            .app
            .call(method.parse().unwrap(), &format!("/api/v1{path}"));
        let call = call.bearer(token).header("x-correlation-id", &request);
        let call = body.iter().fold(call, |call, body| call.json(body));
        call.expect(status).await;
        let record = audited.record(&request).await;
        assert_eq!(text(&record, "reason"), Some(reason), "{record:?}");
        assert_eq!(
            (text(&record, "tenant"), text(&record, "visible_to")),
            (Some(tenant), Some(visible_to)),
            "{record:?}"
        );
        assert_eq!(
            record.get_document("actor").ok(),
            Some(&doc! { "kind": "key", "id": id(token) })
        );
        assert_eq!(record.get_i64("status").ok(), Some(i64::from(status)));
    }
    // A missing object and an allowed request leave no record.
    audited
        .get("/routes/acme/none/prod/v1", &viewer, "plain-missing")
        .await;
    audited.get("/tenants/acme", &viewer, "plain-read").await;
    audited
        .get("/tenants/nobody", &office.admin, "plain-nobody")
        .await;
    office
        .app
        .get("/tenants/acme")
        .header("x-correlation-id", "the-last")
        .expect(401)
        .await;
    audited.record("the-last").await;
    assert_eq!(audited.find(doc! { "correlation_id": { "$in": ["plain-missing", "plain-read", "plain-nobody"] } }).await, []);
    audited.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_log_names_the_tenant_for_any_spelling() {
    let audited = Audited::open(&[]).await;
    let Audited { office, .. } = &audited;
    for tenant in ["acme", "other"] {
        office.tenant(tenant).await;
    }
    let stranger = office.key("other", &["viewer"]).await;
    for (at, spelling) in ["acme", "%61cme", "a%63me", "%61%63%6D%65"]
        .into_iter()
        .enumerate()
    {
        let export = |token: &str, request: &str| {
            let call = office
                .app
                .get("/tenants/acme/export")
                .at(&format!("/api/v1/tenants/{spelling}/export"));
            call.bearer(token).header("x-correlation-id", request)
        };
        export(&office.admin, &format!("read-{at}"))
            .expect(200)
            .await;
        let record = audited.record(&format!("read-{at}")).await;
        assert_eq!(
            (text(&record, "kind"), text(&record, "tenant")),
            (Some("read"), Some("acme")),
            "{spelling}: {record:?}"
        );
        assert_eq!(
            text(&record, "visible_to"),
            Some("acme"),
            "{spelling}: the tenant's auditors see the record"
        );
        export(&stranger, &format!("refused-{at}"))
            .expect(404)
            .await;
        let record = audited.record(&format!("refused-{at}")).await;
        assert_eq!(
            (text(&record, "reason"), text(&record, "tenant")),
            (Some("other_tenant"), Some("acme")),
            "{record:?}"
        );
    }
    // A percent-encoded letter in a fixed part of the path hides nothing either.
    let keys = office
        .app
        .get("/keys")
        .at("/api/v1/%6beys")
        .bearer(&stranger)
        .header("x-correlation-id", "fixed");
    keys.expect(403).await;
    assert_eq!(
        text(&audited.record("fixed").await, "action"),
        Some("GET /api/v1/keys")
    );
    audited.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_log_summarises_a_flood_in_few_records() {
    const FLOOD: usize = 10_000;
    let audited = Audited::open(&["access_log.summary_ms=3600000", "http.workers=1"]).await;
    let token = NewToken::make(&forger()).unwrap().token;
    let mistyped = format!("{}x", token.expose_secret());
    let started = Instant::now();
    let client = secure::http().build().expect("a client");
    let url = format!("{}/api/v1/routes", audited.office.app.api);
    let refused = stream::iter(0..FLOOD)
        .map(|_| client.get(&url).bearer_auth(&mistyped).send())
        .buffer_unordered(32);
    let refused = refused.filter(|answer| {
        std::future::ready(answer.as_ref().is_ok_and(|answer| answer.status() == 401))
    });
    let refused = refused.count().await;
    assert_eq!(refused, FLOOD);
    let seconds = started.elapsed().as_secs() as usize;
    let (database, switch) = (audited.database.clone(), audited.switch);
    audited.office.app.drain().await;
    let client = mongodb::Client::with_uri_str(variable("MONGO_ADMIN_URL"))
        .await
        .expect("a MongoDB URL");
    let collection = client
        .database(&database)
        .collection::<Document>("access_events");
    let found: Vec<_> = collection
        .find(doc! { "kind": "denied" })
        .await
        .unwrap()
        .collect::<Vec<_>>()
        .await;
    let records: Vec<Document> = found.into_iter().map(|record| record.unwrap()).collect();
    println!(
        "{refused} refused in {seconds} s left {} records",
        records.len()
    );
    // The burst, one record a second, and the last one.
    assert!(records.len() <= 20 + seconds + 2, "{}", records.len());
    assert_eq!(count_accesses(&records), i64::try_from(refused).unwrap());
    drop(switch);
    let _ = client.database(&database).drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_log_records_sensitive_reads() {
    let audited = Audited::open(&[]).await;
    let Audited { office, .. } = &audited;
    office.tenant("acme").await;
    let auditor = office.key("acme", &["auditor", "viewer"]).await;
    let admin = office.key("acme", &["tenant_admin"]).await;
    let everywhere = office.made(&json!({ "roles": ["auditor"] })).await;
    let actor = |token: &str| doc! { "kind": "key", "id": &token[4..16] };
    for (at, (path, token, tenant)) in [
        ("/audit/events", &auditor, Some("acme")),
        ("/audit/events?tenant=acme", &everywhere, Some("acme")),
        ("/audit/recent", &everywhere, None),
        ("/audit/export", &auditor, Some("acme")),
        ("/audit/verify?tenant=acme", &auditor, Some("acme")),
        (
            "/audit/route?tenant=acme&service=checkout&env=prod&version=v1",
            &auditor,
            Some("acme"),
        ),
        ("/audit/access", &auditor, Some("acme")),
        ("/tenants/acme/export", &auditor, Some("acme")),
        ("/keys", &admin, Some("acme")),
    ]
    .into_iter()
    .enumerate()
    {
        let request = format!("read-{at}");
        let answer = audited.get(path, token, &request).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.json);
        let record = audited.record(&request).await;
        assert_eq!(
            (text(&record, "kind"), record.get_i64("status").ok()),
            (Some("read"), Some(200)),
            "{path}"
        );
        assert_eq!(
            record.get_document("actor").ok(),
            Some(&actor(token)),
            "{path}"
        );
        assert_eq!(
            (text(&record, "tenant"), text(&record, "visible_to")),
            (tenant, tenant),
            "{path}"
        );
    }
    // An invalid query leaves no record.
    audited
        .get("/audit/events?cursor=nonsense", &auditor, "not-answered")
        .await;
    audited.get("/audit/events", &auditor, "the-last").await;
    audited.record("the-last").await;
    assert_eq!(
        audited
            .find(doc! { "correlation_id": "not-answered" })
            .await,
        []
    );
    audited.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_log_shows_auditors_only_their_own_tenant() {
    let audited = Audited::open(&[]).await;
    let Audited { office, .. } = &audited;
    let mut auditors = Vec::new();
    for tenant in ["acme", "other"] {
        office.tenant(tenant).await;
        auditors.push(office.key(tenant, &["auditor"]).await);
    }
    let [acme, other] = [&auditors[0], &auditors[1]];
    audited.get("/tenants/acme", other, "other-at-acme").await;
    audited
        .get(
            "/audit/export?tenant=acme",
            &office.admin,
            "platform-at-acme",
        )
        .await;
    audited
        .get("/audit/recent", &office.admin, "platform-everywhere")
        .await;
    office
        .app
        .get("/tenants/acme")
        .header("x-correlation-id", "nobody-at-acme")
        .expect(401)
        .await;
    audited.get("/audit/events", acme, "acme-at-home").await;
    for request in [
        "other-at-acme",
        "platform-at-acme",
        "platform-everywhere",
        "nobody-at-acme",
        "acme-at-home",
    ] {
        audited.record(request).await;
    }
    eventually("key changes are logged", async || {
        (audited.waiting().await == 0).then_some(())
    })
    .await;
    // Small pages, so that the test follows cursors.
    let list = async |query: &str, token: &str| -> Vec<String> {
        let (mut requests, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/audit/access?limit=2{query}{cursor}");
            let page = office.app.get(&path).bearer(token).expect(200).await.json;
            let items = page["items"].as_array().unwrap();
            // The readers of this list leave records in it, too.
            let others = items
                .iter()
                .filter(|item| item["action"] != "GET /api/v1/audit/access");
            requests.extend(others.map(|item| match item["kind"].as_str() {
                Some("key_changed") => {
                    format!(
                        "{} {}",
                        item["action"].as_str().unwrap(),
                        item["visible_to"].as_str().unwrap_or("-")
                    )
                }
                _ => item["correlation_id"].as_str().unwrap().to_owned(),
            }));
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        requests.sort_unstable();
        requests
    };
    assert_eq!(
        list("", acme).await,
        ["acme-at-home", "key_created acme", "platform-at-acme"]
    );
    assert_eq!(
        list("", other).await,
        ["key_created other", "other-at-acme"]
    );
    assert_eq!(list("&tenant=acme&kind=denied", acme).await, [""; 0]);
    let all = [
        "acme-at-home",
        "nobody-at-acme",
        "other-at-acme",
        "platform-at-acme",
        "platform-everywhere",
    ];
    let keys = ["key_created -", "key_created acme", "key_created other"];
    assert_eq!(list("&kind=key_changed", &office.admin).await, keys);
    let mut reads = list("&kind=read", &office.admin).await;
    reads.extend(list("&kind=denied", &office.admin).await);
    reads.sort_unstable();
    assert_eq!(reads, all);
    let about = [
        "acme-at-home",
        "key_created acme",
        "other-at-acme",
        "platform-at-acme",
    ];
    assert_eq!(list("&tenant=acme", &office.admin).await, about);
    assert_eq!(
        list(&format!("&actor={}", &other[4..16]), &office.admin).await,
        ["other-at-acme"]
    );
    assert_eq!(
        list("&to=2026-01-01T00:00:00Z", &office.admin).await,
        [""; 0]
    );
    office
        .app
        .get("/audit/access?tenant=acme")
        .bearer(other)
        .problem(404, "tenant_not_found")
        .await;
    office
        .app
        .get("/audit/access?kind=all")
        .bearer(other)
        .problem(422, "invalid_request")
        .await;
    // A cursor of one caller's list is invalid for another caller.
    let page = office
        .app
        .get("/audit/access?limit=1")
        .bearer(acme)
        .expect(200)
        .await
        .json;
    let cursor = page["next_cursor"].as_str().unwrap();
    office
        .app
        .get(&format!("/audit/access?limit=1&cursor={cursor}"))
        .bearer(other)
        .problem(400, "invalid_cursor")
        .await;
    audited.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_changes_are_logged_across_an_archive_outage() {
    let audited = Audited::open(&[]).await;
    let Audited { office, switch, .. } = &audited;
    let second = audited.another().await;
    office.tenant("acme").await;
    eventually("the earlier records are archived", async || {
        (audited.waiting().await == 0).then_some(())
    })
    .await;
    let before = audited.find(doc! { "kind": "key_changed" }).await.len();
    switch.cut();
    for _ in 0..5 {
        let made = office
            .app
            .post("/keys")
            .bearer(&office.admin)
            .json(&json!({ "tenant": "acme", "roles": ["viewer"] }));
        let id = made.expect(201).await.json["id"]
            .as_str()
            .unwrap()
            .to_owned();
        office
            .app
            .post(&format!("/keys/{id}/rotate"))
            .bearer(&office.admin)
            .json(&json!({}))
            .expect(200)
            .await;
        office
            .app
            .delete(&format!("/keys/{id}"))
            .bearer(&office.admin)
            .expect(204)
            .await;
    }
    eventually("health shows the waiting records", async || {
        let health = office.app.ops("/health/resilience").expect(200).await.json;
        (health["trail"]["key_changes"]["events"] == 15
            && health["trail"]["records"]["last_error"].is_string())
        .then_some(())
    })
    .await;
    assert_eq!(audited.waiting().await, 15);
    switch.pass();
    eventually("nothing waits", async || {
        (audited.waiting().await == 0).then_some(())
    })
    .await;
    let records = audited.find(doc! { "kind": "key_changed" }).await;
    assert_eq!(
        records.len(),
        before + 15,
        "with two instances that move them"
    );
    for action in ["key_created", "key_rotated", "key_revoked"] {
        assert!(
            records
                .iter()
                .filter(|record| text(record, "action") == Some(action))
                .count()
                >= 5,
            "{action}"
        );
    }
    office.key("acme", &["viewer"]).await;
    office
        .app
        .delete("/tenants/acme?confirm=acme")
        .bearer(&office.admin)
        .expect(204)
        .await;
    eventually("the end of a key with its tenant is logged", async || {
        let ended = doc! { "action": "key_revoked", "reason": "tenant_deleted", "tenant": "acme", "visible_to": "acme" };
        (audited.find(ended).await.len() == 1).then_some(())
    })
    .await;
    second.drain().await;
    audited.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_between_insert_and_removal_doubles_no_record() {
    let audited = Audited::open(&[]).await;
    let Audited { office, .. } = &audited;
    let db = &office.app.db;
    eventually("the first key is logged", async || {
        (audited.waiting().await == 0).then_some(())
    })
    .await;
    // A process that is killed there has inserted the record and not removed it. A process that
    // cannot remove it leaves the same state.
    let function = "create function kept() returns trigger language plpgsql as $$ begin raise 'not now'; end $$";
    db.execute(function, &[]).await;
    db.execute(
        "create trigger kept before delete on access_outbox for each row execute function kept()",
        &[],
    )
    .await;
    office
        .app
        .post("/keys")
        .bearer(&office.admin)
        .json(&json!({ "roles": ["auditor"] }))
        .expect(201)
        .await;
    let inserted =
        async || (audited.find(doc! { "kind": "key_changed" }).await.len() == 2).then_some(());
    eventually("it is inserted", inserted).await;
    let deletions = async || db.count("select count(*) from access_outbox").await;
    assert_eq!(deletions().await, 1, "and not removed");
    db.execute("drop trigger kept on access_outbox", &[]).await;
    eventually("it is removed", async || {
        (deletions().await == 0).then_some(())
    })
    .await;
    assert_eq!(audited.find(doc! { "kind": "key_changed" }).await.len(), 2);
    audited.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archive_outage_delays_no_request_and_drops_are_counted() {
    let audited = Audited::open(&[
        "access_log.queue=5",
        "access_log.batch=2",
        "access_log.burst_per_source=1000",
        "access_log.summary_ms=100",
        "resilience.mongodb_access.timeout_ms=3000",
    ])
    .await;
    let Audited { office, switch, .. } = &audited;
    office.tenant("acme").await;
    let reader = office.key("acme", &["tenant_admin"]).await;
    office.app.get("/keys").bearer(&reader).expect(200).await;
    switch.hang();
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let started = Instant::now();
        office.app.get("/tenants/acme").expect(401).await;
        office.app.get("/keys").bearer(&reader).expect(200).await;
        slowest = slowest.max(started.elapsed());
    }
    println!("slowest refusal and read while MongoDB hangs: {slowest:?}");
    assert!(
        slowest < Duration::from_secs(2),
        "they wait for MongoDB: {slowest:?}"
    );
    switch.pass();
    let counted = async || {
        (
            count_accesses(&audited.find(doc! { "kind": "denied" }).await),
            count_accesses(&audited.find(doc! { "kind": "read" }).await),
        )
    };
    let started = Instant::now();
    while counted().await != (100, 101) {
        assert!(started.elapsed() < PATIENCE, "{:?}", counted().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        audited.find(doc! {}).await.len() < 150,
        "some records were dropped"
    );
    audited.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn access_log_records_sign_ins_sign_outs_and_failures() {
    let audited = Audited::open(&[]).await;
    let office = &audited.office;
    office.tenant("acme").await;
    let token = office.key("acme", &["viewer"]).await;
    let id = &token[4..16];
    let browser = Browser::of(&office.app);
    let ask = async |method: Method, request: &str, token: &str| {
        let call = browser.request(method, "/ui/session");
        let call = call.header("x-correlation-id", request);
        let answer = browser.send(call.json(&json!({ "token": token }))).await;
        answer.status().as_u16()
    };
    assert_eq!(ask(Method::POST, "wrong", &mistyped(&token)).await, 401);
    let forged = NewToken::of(id.parse().unwrap(), &forger()).unwrap().token;
    assert_eq!(
        ask(Method::POST, "forged", forged.expose_secret()).await,
        401
    );
    assert_eq!(ask(Method::POST, "in", &token).await, 204);
    let elsewhere = browser.request(Method::GET, "/api/v1/tenants/other");
    let elsewhere = elsewhere.header("x-correlation-id", "elsewhere");
    assert_eq!(browser.send(elsewhere).await.status(), 404);
    let cross = browser.plain(Method::PUT, "/api/v1/routes/acme/a/b/c");
    let cross = cross.header("x-correlation-id", "cross");
    assert_eq!(browser.send(cross).await.status(), 403);
    assert_eq!(ask(Method::DELETE, "out", "").await, 204);

    let text = |record: &Document, name: &str| record.get_str(name).ok().map(str::to_owned);
    for (request, kind, action, reason) in [
        ("wrong", "denied", "POST /ui/session", Some("malformed_key")),
        ("forged", "denied", "POST /ui/session", Some("wrong_secret")),
        ("in", "operated", "signed_in", None),
        (
            "elsewhere",
            "denied",
            "GET /api/v1/tenants/{tenant}",
            Some("other_tenant"),
        ),
        (
            "cross",
            "denied",
            "PUT /api/v1/routes/{tenant}/{service}/{env}/{version}",
            Some("cross_site"),
        ),
        ("out", "operated", "signed_out", None),
    ] {
        let record = audited.record(request).await;
        assert_eq!(text(&record, "kind").as_deref(), Some(kind), "{record:?}");
        assert_eq!(
            text(&record, "action").as_deref(),
            Some(action),
            "{record:?}"
        );
        assert_eq!(text(&record, "reason").as_deref(), reason, "{record:?}");
        let is_known = !["wrong", "forged"].contains(&request);
        let actor = record.get_document("actor").ok();
        let named = doc! { "kind": "key", "id": id };
        assert_eq!(actor, is_known.then_some(&named), "{record:?}");
        if request != "wrong" {
            assert_eq!(
                text(&record, "visible_to").as_deref(),
                Some("acme"),
                "{record:?}"
            );
            assert_eq!(text(&record, "key").as_deref(), Some(id), "{record:?}");
        }
        let shown = record.to_string();
        assert!(!shown.contains(&token) && !shown.contains(forged.expose_secret()));
    }
    audited.end().await;
}
