//! What calls promise: outcomes, tags, tries, tokens and problems, against a scripted server.

#[path = "calls/server.rs"]
mod server;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use server::{Server, answer, problem};
use traffic_manager_api_types::Code;
use traffic_manager_client::{
    Client, ClientSettings, Conditional, Error, StartError, Token,
    types::{AuditFilter, ListFilter, PolicyKey, RouteFilter, RouteKey, RouteSpec, ScopeFilter},
};

const TAG: &str = "0123456789abcdef.7";

fn route(url: &str) -> String {
    format!(
        r#"{{"tenant":"acme","service":"web","env":"prod","version":"v1","url":"{url}","is_active":true,"labels":{{}},
            "description":null,"revision":7,"created_at":"2026-11-21T08:03:37.123456Z","created_by":"a",
            "updated_at":"2026-11-21T08:03:37.123456Z","updated_by":"a","from_the_future":[1]}}"#
    )
}

fn key() -> RouteKey {
    RouteKey::new("acme", "web", "prod", "v1")
}

#[tokio::test]
async fn read_has_value_strong_tag_age_and_unknown_members() {
    let headers = [
        &format!("etag: W/\"{TAG}\"") as &str,
        "tm-stale: 12",
        "content-type: application/json",
    ];
    let unchanged = answer(304, &headers[..1], "");
    let server = Server::start(&[answer(200, &headers, &route("http://a")), unchanged]).await;
    let client = server.client();
    let read = client.get_route(&key()).await.unwrap();
    assert_eq!(
        (read.value.url.as_str(), read.stale_seconds),
        ("http://a", Some(12))
    );
    assert_eq!(read.value.other["from_the_future"], serde_json::json!([1]));
    let tag = read.tag.unwrap();
    assert_eq!(tag.as_str(), TAG);
    let again = client.get_route(&key()).unless(tag.clone()).await.unwrap();
    assert!(matches!(again, Conditional::Unchanged { tag: Some(same), .. } if same == tag));
    let seen = server.seen();
    assert_eq!(seen[0].line, "GET /api/v1/routes/acme/web/prod/v1");
    assert_eq!(
        seen[1].header("if-none-match"),
        Some(format!("\"{TAG}\"").as_str())
    );
    assert!(
        seen[0]
            .header("user-agent")
            .unwrap()
            .starts_with("tm-rust/")
    );
}

#[tokio::test]
async fn write_says_what_happened_and_reads_are_at_least_as_new() {
    let etag = format!("etag: \"{TAG}\"");
    let headers = [
        &etag as &str,
        "tm-unchanged: true",
        "idempotency-replayed: true",
    ];
    let server = Server::start(&[
        answer(201, &headers, &route("http://a")),
        answer(200, &[], &route("http://a")),
        answer(200, &[], &route("http://a")),
        answer(200, &[], r#"{"items":[],"next_cursor":null}"#),
    ])
    .await;
    let client = server.client();
    let call = client.put_route(&key(), &RouteSpec::new("http://a"));
    let write = call.if_match(TAG).reason("because").await.unwrap();
    assert!(write.created && write.unchanged && write.replayed);
    client.get_route(&key()).await.unwrap();
    client.get_route(&key()).any_revision().await.unwrap();
    let of_other = ListFilter {
        tenant: Some("other".to_owned()),
        ..ListFilter::default()
    };
    client.list_policies(&of_other).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].body, r#"{"url":"http://a"}"#);
    assert_eq!(
        seen[0].header("if-match"),
        Some(format!("\"{TAG}\"").as_str())
    );
    assert_eq!(seen[0].header("x-reason"), Some("because"));
    let asked: Vec<_> = seen
        .iter()
        .map(|seen| seen.header("tm-min-revision"))
        .collect();
    assert_eq!(asked, [None, Some(TAG), None, None]);
}

#[tokio::test]
async fn wait_for_nodes_outlasts_the_call_and_says_how_it_ended() {
    let numbers = format!(
        r#"{{"state":"timeout","revision":"{TAG}","live":3,"converged":2,"refused":0,"lost":1,"anonymous":0,
            "laggards":[{{"node":"edge-1","applied":null,"seconds":1.5}}],"oldest":null,"partial":false,
            "warming":false}}"#
    );
    let share = ["tm-convergence: 0.6666"];
    let with =
        |numbers: &str| route("http://a").replace("[1]", &format!("1,\"convergence\":{numbers}"));
    let server = Server::start(&[
        answer(200, &share, &with(&numbers)),
        answer(204, &share, ""),
        answer(200, &[], &with("[\"from the future\"]")),
    ])
    .await;
    let mut settings = server.settings();
    settings.times.answer = Duration::ZERO;
    settings.times.call = Duration::ZERO;
    let client = Client::new(settings).unwrap();
    let call = client.activate_route(&key());
    let wait = Duration::from_secs(10);
    let write = call.wait_for_nodes(200.0 / 3.0, wait).await.unwrap();
    let convergence = write.convergence.unwrap();
    assert_eq!(convergence.state.as_deref(), Some("timeout"));
    assert_eq!(convergence.laggards[0].node, "edge-1");
    assert_eq!(convergence.share(), Some(2.0 / 3.0));
    let deleted = client.delete_route(&key()).wait_for_nodes(95.0, wait).await;
    let deleted = deleted.unwrap();
    assert_eq!(
        (deleted.convergence, deleted.converged_share),
        (None, Some(0.6666))
    );
    let unreadable = client.activate_route(&key()).wait_for_nodes(95.0, wait);
    assert_eq!(unreadable.await.unwrap().convergence, None);
    for share in [0.0, -1.0, 101.0, f64::NAN, 0.00001] {
        let call = client.activate_route(&key()).wait_for_nodes(share, wait);
        assert!(matches!(call.await, Err(Error::Request(_))), "{share}");
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(
        seen[0]
            .line
            .ends_with("/activate?wait=66.6667%25%2C10000ms"),
        "{}",
        seen[0].line
    );
}

#[tokio::test]
async fn revision_of_another_epoch_is_asked_for_only_once() {
    let etag = format!("etag: \"{TAG}\"");
    let server = Server::start(&[
        answer(200, &[&etag], &route("http://a")),
        problem(503, "revision_not_reached", &[], ""),
        answer(200, &[], &route("http://a")),
    ])
    .await;
    let mut settings = server.settings();
    settings.times.tries = 1;
    let client = Client::new(settings).unwrap();
    client.activate_route(&key()).await.unwrap();
    let refused = client.get_route(&key()).await.unwrap_err();
    assert!(refused.problem().unwrap().is(Code::RevisionNotReached));
    client.get_route(&key()).await.unwrap();
    assert_eq!(server.seen()[2].header("tm-min-revision"), None);
}

#[tokio::test]
async fn write_is_tried_again_with_the_same_key_and_body() {
    let server = Server::start(&[
        String::new(),
        problem(503, "commit_unknown", &[], ""),
        problem(429, "too_many_writes", &["retry-after: 0"], ""),
        answer(200, &[], &route("http://a")),
    ])
    .await;
    let client = server.client();
    client
        .put_route(&key(), &RouteSpec::new("http://a"))
        .await
        .unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    let first = &seen[0];
    let key = first.header("idempotency-key").unwrap();
    assert!(
        seen.iter()
            .all(|seen| seen.header("idempotency-key") == Some(key))
    );
    assert!(
        seen.iter()
            .all(|seen| seen.body == first.body && seen.line == first.line)
    );
    client
        .put_route(&self::key(), &RouteSpec::new("http://a"))
        .await
        .unwrap_err();
    assert_ne!(server.seen()[4].header("idempotency-key"), Some(key));
}

#[tokio::test]
async fn what_may_be_done_twice_or_cannot_help_is_sent_once() {
    let server = Server::start(&[
        problem(503, "unavailable", &[], ""),
        problem(500, "internal", &[], ""),
    ])
    .await;
    let client = server.client();
    client.revoke_key("k1").await.unwrap_err();
    client.get_route(&key()).await.unwrap_err();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn pause_that_outlasts_the_call_is_not_begun() {
    let server = Server::start(&[problem(503, "unavailable", &["retry-after: 600"], "")]).await;
    let started = std::time::Instant::now();
    let error = server.client().get_route(&key()).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(30));
    let problem = error.problem().unwrap();
    assert_eq!(problem.retry_after, Some(Duration::from_secs(600)));
}

#[tokio::test]
async fn budget_ends_tries_of_a_service_that_refuses_everything() {
    let refusals = vec![problem(503, "overloaded", &[], ""); 100];
    let server = Server::start(&refusals).await;
    let client = server.client();
    for _ in 0..20 {
        client.get_route(&key()).await.unwrap_err();
    }
    // 20 first tries, ten saved ones, and a tenth of the calls.
    assert!(
        (30..=32).contains(&server.seen().len()),
        "{}",
        server.seen().len()
    );
}

#[tokio::test]
async fn refused_token_is_asked_for_once_more() {
    let server = Server::start(&[
        problem(401, "unauthenticated", &[], ""),
        answer(200, &[], &route("http://a")),
        problem(401, "unauthenticated", &[], ""),
        problem(401, "unauthenticated", &[], ""),
        problem(401, "unauthenticated", &[], ""),
    ])
    .await;
    let asked = Arc::new(AtomicU32::new(0));
    let mut settings = server.settings();
    let counter = asked.clone();
    settings.token = Some(Token::from_fn(move || {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        async move { Ok(format!("hunter{number}")) }
    }));
    let client = Client::new(settings.clone()).unwrap();
    client.get_route(&key()).await.unwrap();
    let error = client.get_route(&key()).await.unwrap_err();
    assert_eq!(
        (error.status(), asked.load(Ordering::Relaxed)),
        (Some(401), 3)
    );
    let seen = server.seen();
    let sent: Vec<_> = seen
        .iter()
        .map(|seen| seen.header("authorization").unwrap())
        .collect();
    let expected =
        ["hunter0", "hunter1", "hunter1", "hunter2"].map(|token| format!("Bearer {token}"));
    assert_eq!(sent, expected);
    settings.token = Some(Token::fixed("hunter9"));
    let client = Client::new(settings).unwrap();
    let error = client.get_route(&key()).await.unwrap_err();
    assert_eq!(
        server.seen().len(),
        5,
        "a fixed token is not asked for again"
    );
    for text in [
        format!("{client:?}"),
        format!("{error:?}"),
        error.to_string(),
    ] {
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[tokio::test]
async fn token_goes_to_no_other_machine_in_the_clear() {
    let mut settings = ClientSettings::new(vec!["http://tm.example.com".parse().unwrap()]);
    settings.token = Some(Token::fixed("hunter2"));
    let refused = Client::new(settings);
    assert!(matches!(refused, Err(StartError::PlainHttp(_))));
}

#[tokio::test]
async fn problem_has_helpers_its_json_and_the_request_in_its_text() {
    let hash = "0".repeat(64);
    let members =
        format!(r#","confirm_shrink":"{hash}","removed_routes":12,"active_routes":20,"new":true"#);
    let fields = r#","errors":[{"pointer":"/url","code":"bad_url","detail":"no host"}]"#;
    let etag = format!("etag: \"{TAG}\"");
    let server = Server::start(&[
        problem(409, "shrink_not_confirmed", &[], &members),
        problem(422, "invalid_request", &[], fields),
        problem(412, "precondition_failed", &[&etag], ""),
        answer(502, &["content-type: text/html"], "<h1>Bad gateway</h1>"),
    ])
    .await;
    let client = server.client();
    let error = client.delete_route(&key()).await.unwrap_err();
    let shrink = error.problem().unwrap().shrink().unwrap();
    assert_eq!((shrink.confirm_shrink, shrink.removed_routes), (hash, 12));
    assert!(error.problem().unwrap().raw.contains("\"new\":true"));
    assert!(error.problem().unwrap().in_use().is_none());
    let error = client.delete_route(&key()).await.unwrap_err();
    let expected = "d (invalid_request, 422); /url: no host; request r-1";
    assert_eq!(error.to_string(), expected);
    let error = client.delete_route(&key()).await.unwrap_err();
    assert_eq!(error.problem().unwrap().tag.as_ref().unwrap().as_str(), TAG);
    let error = client.delete_route(&key()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Status { status: 502, beginning } if beginning.contains("gateway"))
    );
}

#[tokio::test]
async fn pages_hold_one_page_and_follow_cursors() {
    let page = |item: &str, next: &str| {
        let body = format!(r#"{{"items":[{}],"next_cursor":{next}}}"#, route(item));
        answer(200, &[], &body)
    };
    let empty = answer(200, &[], r#"{"items":[],"next_cursor":"c2"}"#);
    let server =
        Server::start(&[page("http://a", "\"c1\""), empty, page("http://b", "null")]).await;
    let filter = RouteFilter {
        label: vec!["a=1".to_owned(), "b=2".to_owned()],
        is_active: Some(true),
        ..RouteFilter::default()
    };
    let mut pages = server.client().list_routes(&filter).pages();
    let mut urls = Vec::new();
    while let Some(route) = pages.try_next().await.unwrap() {
        urls.push(route.url.clone());
        assert!(server.seen().len() < 4);
    }
    assert_eq!(urls, ["http://a", "http://b"]);
    let lines: Vec<_> = server.seen().into_iter().map(|seen| seen.line).collect();
    let query = "GET /api/v1/routes?is_active=true&label=a%3D1&label=b%3D2";
    let (second, third) = (format!("{query}&cursor=c1"), format!("{query}&cursor=c2"));
    assert_eq!(lines, [query, &second, &third]);
}

#[tokio::test]
async fn lines_of_an_export_end_properly_or_not_at_all() {
    let whole = answer(200, &[], "one\r\ntwo\nthree");
    let cut = "HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\none\ntw".to_owned();
    let server = Server::start(&[whole, cut]).await;
    let client = server.client();
    let mut body = client
        .export_audit_events(&AuditFilter::default())
        .await
        .unwrap();
    for expected in [Some("one"), Some("two"), Some("three"), None, None] {
        assert_eq!(body.line().await.unwrap().as_deref(), expected);
    }
    let mut body = client
        .export_audit_events(&AuditFilter::default())
        .await
        .unwrap();
    assert_eq!(body.line().await.unwrap().as_deref(), Some("one"));
    assert!(matches!(body.line().await, Err(Error::NoAnswer(_))));
}

#[tokio::test]
async fn stream_gives_events_from_a_tag_on() {
    let events = format!("id: {TAG}\nevent: change\ndata: {{}}\n\n: comment\n\n");
    let kind = "content-type: text/event-stream";
    let server = Server::start(&[answer(200, &[kind], &events)]).await;
    let scope = ScopeFilter::default();
    let call = server.client().stream_changes("acme", &scope).after(TAG);
    let mut stream = call.await.unwrap();
    let event = stream.event().await.unwrap().unwrap();
    assert_eq!(
        (event.id.as_deref(), event.name.as_str()),
        (Some(TAG), "change")
    );
    assert_eq!(stream.event().await.unwrap(), None);
    assert_eq!(server.seen()[0].header("last-event-id"), Some(TAG));
}

#[tokio::test]
async fn names_that_lead_to_another_path_are_refused() {
    let server = Server::start(&[]).await;
    let client = server.client();
    for name in ["", ".", ".."] {
        let error = client
            .get_policy(&PolicyKey::new("acme", name, "prod"))
            .await;
        assert!(matches!(error, Err(Error::Request(_))), "{name}");
    }
    client
        .get_policy(&PolicyKey::new("acme", "a/b?c", "prod"))
        .await
        .unwrap_err();
    assert_eq!(
        server.seen()[0].line,
        "GET /api/v1/policies/acme/a%2Fb%3Fc/prod"
    );
}
