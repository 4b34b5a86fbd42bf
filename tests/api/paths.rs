//! Names in paths, queries and bodies, in every spelling: the caller is checked against the names
//! that the request means.

use std::collections::BTreeSet;

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use reqwest::StatusCode;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use traffic_manager::{
    auth::Role,
    http::endpoints::{self, Access, Endpoint},
};

use crate::{
    auth::{call_as, filled},
    support::{Answer, callers::Office, secure},
};

/// Returns every way to write `name` with one of its characters percent-encoded, in lower and upper
/// case, and with all of them.
fn spellings(name: &str) -> Vec<String> {
    let escaped = |at: usize, upper: bool| {
        let escape = |(index, byte): (usize, u8)| match (index == at || at == name.len(), upper) {
            (true, true) => format!("%{byte:02X}"),
            (true, false) => format!("%{byte:02x}"),
            (false, _) => char::from(byte).to_string(),
        };
        name.bytes().enumerate().map(escape).collect::<String>()
    };
    let all: BTreeSet<_> = (0..=name.len())
        .flat_map(|at| [escaped(at, false), escaped(at, true)])
        .collect();
    all.into_iter().collect()
}

/// Returns the endpoint's path with each spelling of the tenant's name. The rest of the path stays
/// as it is.
fn in_path<'a>(endpoint: &'a Endpoint, tenant: &'a str) -> impl Iterator<Item = String> + 'a {
    spellings(tenant)
        .into_iter()
        .map(|spelling| filled(&endpoint.path.replace("{tenant}", &spelling), tenant))
}

fn with_tenant_in_path() -> impl Iterator<Item = &'static Endpoint> {
    endpoints::all()
        .iter()
        .filter(|endpoint| endpoint.path.contains("{tenant}"))
}

/// Sends the call of [`call_as`] with another path.
async fn send(
    office: &Office,
    endpoint: &Endpoint,
    tenant: &str,
    token: &str,
    path: &str,
) -> Answer {
    call_as(office, endpoint, tenant, token)
        .at(path)
        .header("x-correlation-id", "same")
        .send()
        .await
}

/// A caller of one tenant gets the same answer to each spelling of another tenant's name: 404, as
/// for a missing tenant.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_another_tenant_gets_an_answer() {
    let office = Office::open().await;
    office.tenant("acme-1").await;
    office.tenant("other").await;
    let before = office.app.db.fingerprint().await;
    let mut sent = 0;
    for role in Role::ALL
        .into_iter()
        .filter(|role| *role != Role::PlatformAdmin)
    {
        let token = office.key("other", &[role.as_str()]).await;
        for endpoint in with_tenant_in_path() {
            let plain = call_as(&office, endpoint, "acme-1", &token)
                .header("x-correlation-id", "same")
                .send()
                .await;
            assert_eq!(
                plain.status,
                StatusCode::NOT_FOUND,
                "{} {}",
                endpoint.method,
                endpoint.path
            );
            for path in in_path(endpoint, "acme-1") {
                let answer = send(&office, endpoint, "acme-1", &token, &path).await;
                let name = format!("{} {path} as {}", endpoint.method, role.as_str());
                assert_eq!(
                    (answer.status, &answer.bytes),
                    (plain.status, &plain.bytes),
                    "{name}"
                );
                sent += 1;
            }
        }
    }
    assert!(sent > 1300, "{sent}");
    println!("{sent} requests for another tenant, each refused");
    let after = office.app.db.fingerprint().await;
    assert_eq!(after, before, "no row was written");
}

/// A caller with access gets the same answer to each spelling of each name in the path.
#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_name_gets_the_same_answer() {
    let office = Office::open().await;
    office.tenant("acme-1").await;
    let policy = json!({ "split": [{ "version": "v1", "weight": 1 }] });
    office
        .app
        .put("/policies/acme-1/checkout/prod")
        .bearer(&office.admin)
        .json(&policy)
        .expect(201)
        .await;
    let names = [
        ("{tenant}", "acme-1"),
        ("{service}", "checkout"),
        ("{env}", "prod"),
        ("{version}", "v1"),
    ];
    let mut sent = 0;
    for role in [
        Role::PlatformAdmin,
        Role::TenantAdmin,
        Role::Viewer,
        Role::Node,
    ] {
        let token = match role {
            Role::PlatformAdmin => office.admin.clone(),
            role => office.key("acme-1", &[role.as_str()]).await,
        };
        let is_read =
            |endpoint: &&Endpoint| endpoint.method == "GET" && !endpoint.path.ends_with("/stream");
        for endpoint in with_tenant_in_path().filter(is_read) {
            let plain = call_as(&office, endpoint, "acme-1", &token)
                .header("x-correlation-id", "same")
                .send()
                .await;
            for (placeholder, name) in names
                .into_iter()
                .filter(|(placeholder, _)| endpoint.path.contains(placeholder))
            {
                for spelling in spellings(name) {
                    let path = filled(&endpoint.path.replace(placeholder, &spelling), "acme-1");
                    let answer = send(&office, endpoint, "acme-1", &token, &path).await;
                    assert_eq!(
                        (answer.status, &answer.bytes),
                        (plain.status, &plain.bytes),
                        "{path} as {}",
                        role.as_str()
                    );
                    sent += 1;
                }
            }
        }
    }
    assert!(sent > 800, "{sent}");
}

/// Streams never end, so the test checks the status in the head of the answer.
#[tokio::test(flavor = "multi_thread")]
async fn streams_open_for_any_spelling_of_the_callers_tenant_only() {
    let office = Office::open().await;
    office.tenant("acme-1").await;
    office.tenant("other").await;
    let client = secure::http().build().unwrap();
    for (tenant, status) in [("acme-1", 200), ("other", 404)] {
        let token = office.key(tenant, &["viewer"]).await;
        for path in spellings("acme-1") {
            let url = format!("{}/api/v1/tenants/{path}/stream", office.app.api);
            let answer = client.get(&url).bearer_auth(&token).send().await.unwrap();
            assert_eq!(answer.status(), status, "{url} as {tenant}");
        }
    }
}

/// A path segment that is no valid name is refused by the gate, whoever asks, and never reaches a
/// tenant.
#[tokio::test(flavor = "multi_thread")]
async fn path_with_an_invalid_tenant_name_is_refused() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let token = office
        .key(
            "acme",
            &["tenant_admin", "editor", "viewer", "auditor", "node"],
        )
        .await;
    // Escaped once, twice, with separators, with bytes that are no UTF-8, with characters that fold
    // to letters.
    let none = [
        "%2561cme",
        "%25%36%31cme",
        "acme%2Fx",
        "acme%00",
        "acme%20",
        "%20acme",
        "acme%ff",
        "%C3%A1cme",
        "%EF%BD%81cme",
        "ACME",
        "%41cme",
        "acme%2c",
        "acme%3b",
        "*",
        "%2a",
        "acme%0a",
        "-acme",
        "a..b",
        "%7e",
    ];
    for endpoint in with_tenant_in_path() {
        for raw in none {
            let path = filled(&endpoint.path.replace("{tenant}", raw), "acme");
            let answer = call_as(&office, endpoint, "acme", &token)
                .at(&path)
                .of_tampered_data()
                .send()
                .await;
            // A caller whose role may not use the endpoint at all gets 403 first.
            let is_refused = matches!(answer.status.as_u16(), 403 | 404 | 422);
            assert!(
                is_refused,
                "{} {path}: {} {}",
                endpoint.method, answer.status, answer.json
            );
        }
        for raw in ["%", "acme%", "%6", "%zz", "%%361cme", "%+1"] {
            let path = filled(&endpoint.path.replace("{tenant}", raw), "acme");
            let status = raw_status(&office, endpoint.method, &path, &token).await;
            assert_eq!(status, 400, "{} {path}", endpoint.method);
        }
    }
}

/// Returns the status of a request whose target no client library would send.
async fn raw_status(office: &Office, method: &str, path: &str, token: &str) -> u16 {
    let text = raw(office, method, path, token).await;
    text.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{path}: {text}"))
}

/// Returns the answer to such a request: all of it, or the first bytes if it is a stream.
async fn raw(office: &Office, method: &str, path: &str, token: &str) -> String {
    let address = office.app.api.split("//").nth(1).unwrap();
    let mut link = secure::over(TcpStream::connect(address).await.unwrap()).await;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    link.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match link.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
        }
        let text = String::from_utf8_lossy(&answer);
        // A stream of the caller's own tenant does not end, so the read stops after its first
        // event.
        if text.contains("text/event-stream") && text.contains("event: snapshot")
            || text.contains("retry: 1000") && path.starts_with("/api/v1/stream")
        {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A name in a query or a body is checked like a name in a path, however it is escaped there.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_another_tenant_in_query_or_body_is_answered() {
    let office = Office::open().await;
    office.tenant("acme-1").await;
    office.tenant("other").await;
    let token = office
        .key(
            "other",
            &["tenant_admin", "editor", "viewer", "auditor", "node"],
        )
        .await;
    let mut sent = 0;
    let elsewhere = |endpoint: &&Endpoint| {
        matches!(endpoint.access, Access::Roles(_))
            && !endpoint.path.contains('{')
            && !endpoint.path.ends_with("/stream")
    };
    for endpoint in endpoints::all().iter().filter(elsewhere) {
        let plain = call_as(&office, endpoint, "acme-1", &token)
            .header("x-correlation-id", "same")
            .send()
            .await;
        if plain.status != StatusCode::NOT_FOUND {
            continue; // The endpoint takes no tenant.
        }
        for spelling in spellings("acme-1") {
            let (query, body) = (format!("tenant={spelling}"), json_escapes(&spelling));
            let call =
                call_as(&office, endpoint, "acme-1", &token).header("x-correlation-id", "same");
            let call = if endpoint.method == "GET" {
                call.replacing_in_query("tenant=acme-1", &query)
            } else {
                call.replacing_in_body("acme-1", &body)
            };
            let answer = call.send().await;
            assert_eq!(
                (answer.status, &answer.bytes),
                (plain.status, &plain.bytes),
                "{} {} {spelling}",
                endpoint.method,
                endpoint.path
            );
            sent += 1;
        }
        if endpoint.method == "GET" {
            let call =
                call_as(&office, endpoint, "acme-1", &token).header("x-correlation-id", "same");
            let answer = call
                .replacing_in_query("tenant=", "%74en%61nt=")
                .send()
                .await;
            assert_eq!(
                (answer.status, &answer.bytes),
                (plain.status, &plain.bytes),
                "{}",
                endpoint.path
            );
        }
    }
    assert!(sent > 150, "{sent}");
}

/// Returns the same characters with JSON escapes.
fn json_escapes(spelling: &str) -> String {
    spelling
        .split('%')
        .enumerate()
        .map(|(at, part)| {
            if at == 0 {
                part.to_owned()
            } else {
                format!("\\u00{part}")
            }
        })
        .collect()
}

/// An escaped letter in a fixed part of a path counts as that letter, also for the roles, the
/// limits and the access log.
#[tokio::test(flavor = "multi_thread")]
async fn escaped_fixed_path_has_the_same_access_rules() {
    let office = Office::open().await;
    office.tenant("acme").await;
    let viewer = office.key("acme", &["viewer"]).await;
    for (path, plain) in [
        ("/api/v1/%6beys", "/keys"),
        ("/%61pi/v1/keys", "/keys"),
        ("/api/v1/audit/%65vents", "/audit/events"),
    ] {
        let ask = |token: &str| {
            office
                .app
                .get(plain)
                .bearer(token)
                .header("x-correlation-id", "same")
        };
        let (answer, wanted) = (
            ask(&viewer).at(path).send().await,
            ask(&viewer).send().await,
        );
        assert_eq!(
            (answer.status, &answer.bytes),
            (wanted.status, &wanted.bytes),
            "{path}"
        );
        assert_eq!(answer.status, 403, "{path}");
        office
            .app
            .get(plain)
            .at(path)
            .problem(401, "unauthenticated")
            .await;
        ask(&office.admin).at(path).expect(200).await;
    }
}

/// Generates a segment of a random path: names, fixed parts, escapes of any byte, and separators.
fn part() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "api",
        "v1",
        "tenants",
        "routes",
        "policies",
        "acme",
        "other",
        "snapshot",
        "export",
        "stream",
        "changes",
        "diff",
        "plans",
        "checkout",
        "prod",
        "history",
        "blame",
        "keys",
        "audit",
        "events",
        "health",
        "resilience",
        "..",
        ".",
        "",
        "*",
        ";",
        "docs",
    ]);
    let escaped = |text: &'static str| {
        let byte = any::<(bool, bool)>();
        prop::collection::vec(byte, text.len()).prop_map(move |how| {
            let write = |(byte, how): (u8, (bool, bool))| match how {
                (true, true) => format!("%{byte:02X}"),
                (true, false) => format!("%{byte:02x}"),
                (false, _) => char::from(byte).to_string(),
            };
            text.bytes().zip(how).map(write).collect::<String>()
        })
    };
    let junk = prop::collection::vec(any::<u8>(), 0..6)
        .prop_map(|bytes| bytes.iter().map(|byte| format!("%{byte:02x}")).collect());
    prop_oneof![6 => known.prop_flat_map(escaped), 1 => junk, 1 => "[!-~&&[^ #?]]{0,8}"]
}

/// For any path, the gate and the router take the same names from it, and the answer shows nothing
/// of another tenant.
#[tokio::test(flavor = "multi_thread")]
async fn random_paths_never_show_data_of_another_tenant() {
    let office = Office::open().await;
    office.tenant("acme").await;
    office.tenant("other").await;
    let secret =
        json!({ "url": "https://secret-of-acme.example", "description": "secret-of-acme" });
    office
        .app
        .put("/routes/acme/checkout/prod/v1")
        .bearer(&office.admin)
        .json(&secret)
        .expect(200)
        .await;
    let token = office
        .key(
            "other",
            &["tenant_admin", "editor", "viewer", "auditor", "node"],
        )
        .await;
    let tails = prop::collection::vec(part(), 1..5).prop_map(|parts| parts.join("/"));
    let path = (
        prop_oneof![4 => Just("/api/v1/tenants/"), 2 => Just("/api/v1/routes/"), 1 => Just("/")],
        prop::option::weighted(0.7, spelled("acme")),
        tails,
    )
        .prop_map(|(head, tenant, tail)| match tenant {
            Some(tenant) => format!("{head}{tenant}/{tail}"),
            None => format!("{head}{tail}"),
        });
    let mut runner = TestRunner::deterministic();
    let cases = std::env::var("TM_FUZZ_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(1500);
    for _ in 0..cases {
        let path = path.new_tree(&mut runner).unwrap().current();
        let answer = raw(&office, "GET", &path, &token).await;
        assert!(!answer.contains("secret-of-acme"), "{path}: {answer}");
        assert!(!answer.starts_with("HTTP/1.1 5"), "{path}: {answer}");
    }
}

/// Generates `name`, plain or with any of its characters escaped.
fn spelled(name: &'static str) -> impl Strategy<Value = String> {
    prop::sample::select(
        spellings(name)
            .into_iter()
            .chain([name.to_owned()])
            .collect::<Vec<_>>(),
    )
}
