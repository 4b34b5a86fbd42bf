//! Memory that bodies take, measured by the allocator of the serving process: at most four times
//! the size of a body, whatever is in it.

use test_support as support;

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use serde_json::json;
use tokio::sync::Mutex;

use crate::support::{Answer, TestApp};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The longest wait for an answer: a debug build reads slowly.
const PATIENCE: Duration = Duration::from_secs(100);

/// The size of the bodies, in bytes.
const SIZE: usize = 3 << 19;

/// The number of items in a body whose last item is the only wrong one.
const ITEMS: usize = 5_000;

/// The highest permitted peak of memory, as a multiple of the body's size.
const MOST: usize = 4;

/// The memory in bytes that a request of any size takes: buffers of both ends of the connection,
/// statements, logs. Includes other work of the process at the same time.
const BASE_BYTES: usize = 1 << 20;

/// A lock, so that each measurement covers one test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

const YAML: &str = "application/yaml";
const JSON: &str = "application/json";

/// Returns as many items as fit into [`SIZE`], between two texts.
fn filled(before: &str, item: impl Fn(usize) -> String, between: &str, after: &str) -> String {
    let mut body = String::with_capacity(SIZE + 4096);
    body.push_str(before);
    for at in 0.. {
        let item = item(at);
        if body.len() + item.len() > SIZE {
            break;
        }
        if at > 0 {
            body.push_str(between);
        }
        body.push_str(&item);
    }
    body.push_str(after);
    body
}

/// Returns the same item as often as it fits into [`SIZE`], between two texts.
fn same(before: &str, item: &str, between: &str, after: &str) -> String {
    let count = (SIZE - before.len()) / (item.len() + between.len());
    format!(
        "{before}{}{item}{after}",
        format!("{item}{between}").repeat(count - 1)
    )
}

/// Returns items of one size, of which only the last differs.
fn late(before: &str, item: impl Fn(usize, &str) -> String, between: &str, after: &str) -> String {
    ending_with("\t", before, item, between, after)
}

/// Returns items of one size, but for the text of the last one.
fn ending_with(
    last: &str,
    before: &str,
    item: impl Fn(usize, &str) -> String,
    between: &str,
    after: &str,
) -> String {
    let padding = padding();
    let items: Vec<_> = (0..ITEMS)
        .map(|at| item(at, if at == ITEMS - 1 { last } else { &padding }))
        .collect();
    format!("{before}{}{after}", items.join(between))
}

fn padding() -> String {
    "p".repeat(SIZE / ITEMS - 120)
}

fn json_route(at: usize, description: &str) -> String {
    json!({ "service": "web", "env": "prod", "version": format!("v{at}"), "url": "http://a", "description": description })
        .to_string()
}

/// The kinds of bodies. Each is refused, or is an unknown member to one of the two endpoints.
fn kinds() -> Vec<(&'static str, &'static str, String)> {
    let member = |name: &str, value: &str| format!(r#"{{"{name}":{value}"#);
    let mut kinds = Vec::new();
    for list in ["routes", "policies", "changes"] {
        let open = member(list, "[");
        let mut both = |name: &'static str, body: String| {
            kinds.push((name, JSON, body.clone()));
            kinds.push((name, YAML, body));
        };
        both("digits", same(&open, "1", ",", "]}"));
        both("empty objects", same(&open, "{}", ",", "]}"));
        both("empty texts", same(&open, r#""""#, ",", "]}"));
        both("escapes", same(&open, r#""\u0000""#, ",", "]}"));
        both(
            "long numbers",
            same(&open, "1234567890123456789", ",", "]}"),
        );
        both("one number", same(&open, "7", "", "]}"));
        both("one text", same(&format!("{open}\""), "x", "", "\"]}"));
        both(
            "one text of escapes",
            same(&format!("{open}\""), "\\n", "", "\"]}"),
        );
        both(
            "many members",
            filled(&format!("{open}{{"), |at| format!("\"{at}\":1"), ",", "}]}"),
        );
        both(
            "one long member",
            same(&format!("{open}{{\""), "m", "", "\":1}]}"),
        );
        both("nesting", same(&open, "[", "", ""));
        both("nested objects", same(&open, "{\"a\":", "", ""));
        both(
            "texts of 60 kB",
            filled(&open, |_| format!("\"{}\"", "t".repeat(60_000)), ",", "]}"),
        );
        let versions = same("[", "\"a\"", ",", "]");
        both(
            "one list of a policy",
            format!(r#"{open}{{"service":"a","env":"b","failover":{versions}}}]}}"#),
        );
        both(
            "one list of a changed policy",
            format!(
                r#"{open}{{"action":"put","policy":{{"service":"a","env":"b","failover":{versions}}}}}]}}"#
            ),
        );
        let labels = filled("{", |at| format!("\"{at}\":\"\""), ",", "}");
        both(
            "labels",
            format!(r#"{open}{{"service":"a","env":"b","version":"c","labels":{labels}}}]}}"#),
        );
        both("no end", filled(&open, |at| json_route(at, ""), ",", ""));
        both(
            "routes with an invalid last one",
            late(&open, json_route, ",", "]}"),
        );
        let change = |at: usize, description: &str| {
            format!(
                r#"{{"action":"put","route":{}}}"#,
                json_route(at, description)
            )
        };
        both(
            "changes with an invalid last one",
            late(&open, change, ",", "]}"),
        );
    }
    let block = |at: usize, description: &str| {
        format!(
            "- service: web\n  env: prod\n  version: v{at}\n  url: http://a\n  description: \"{description}\"\n"
        )
    };
    let yaml = [
        (
            "block routes with an invalid last one",
            late("routes:\n", block, "", ""),
        ),
        ("dashes", same("routes:\n", "-\n", "", "")),
        ("nested dashes", same("", "- ", "", "")),
        (
            "keys without values",
            filled("{", |at| format!("a{at}"), ",", "}"),
        ),
        ("aliases", same("a: &a A\nb: [", "*a", ",", "]")),
        ("anchors", filled("[", |at| format!("&a{at} 1"), ",", "]")),
        ("unknown aliases", same("[", "*a", ",", "]")),
        ("a plain text", same("a: ", "x", "", "")),
        ("a plain text of words", same("a: ", "x", " ", "")),
        ("a folded text", same("a: >\n", " x\n\n", "", "")),
        ("a literal text", same("a: |\n", " x\n", "", "")),
        ("a plain text of lines", same("a: x\n", " x\n", "", "")),
        ("a quoted text of lines", same("a: '", "x\n\n ", "", "'")),
        ("a comment", same("#", "c", "", "\n[")),
        ("comments", same("", "#\n", "", "[")),
        ("blanks", same("", " ", "", "[")),
        ("lines", same("", "\n", "", "[")),
        ("documents", same("", "---\n", "", "")),
        ("explicit keys", same("", "? a\n", "", "")),
        ("a long key", same("", "k", "", ": 1")),
        ("a long tag", same("!", "t", "", " x")),
        ("a long anchor", same("&", "t", "", " x")),
        ("a long directive", same("%", "d", "", "\n---\n")),
        (
            "many directives",
            filled("", |at| format!("%TAG !{at}! x\n"), "", "---\n["),
        ),
        ("flow in flow", same("", "[a,", "", "")),
        ("no text end", same("a: \"", "x", "", "")),
    ];
    kinds.extend(yaml.map(|(name, body)| (name, YAML, body)));
    kinds
}

#[tokio::test(flavor = "multi_thread")]
async fn body_uses_at_most_four_times_its_size_in_memory() {
    let _alone = ALONE.lock().await;
    let app = TestApp::with(&[
        "http.request_timeout_ms=120000",
        "write.timeout_ms=60000",
        "http.workers=1",
    ])
    .await;
    app.put("/routes/acme/web/prod/v1")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let mut wrong = Vec::new();
    for (name, media_type, body) in kinds() {
        for path in ["/tenants/acme/plans?dry_run=true", "/tenants/acme/batch"] {
            let size = body.len();
            let call = app
                .post(path)
                .patient(PATIENCE)
                .body(media_type, body.clone());
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let answer = call.send().await;
            let peak = MEMORY.peak_usage().saturating_sub(before);
            let status = answer.status.as_u16();
            if !matches!(status, 400 | 422) || peak > MOST * size + BASE_BYTES {
                wrong.push(format!(
                    "{name} as {media_type} to {path}: {status}, {:.1} times its size",
                    peak as f64 / size as f64
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The longest wait of other requests in a release build. A debug build is some twenty times
/// slower.
const LONGEST_WAIT: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 100 });

/// A valid plan of the same size as the other bodies.
fn accepted() -> String {
    ending_with(&padding(), r#"{"routes":["#, json_route, ",", "]}")
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_do_not_delay_other_requests() {
    let _alone = ALONE.lock().await;
    // A single worker thread: if it read the body, no other request would be answered meanwhile.
    let app = TestApp::with(&[
        "http.request_timeout_ms=120000",
        "write.timeout_ms=60000",
        "http.workers=1",
    ])
    .await;
    app.put("/routes/other/web/prod/v1")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let refused = kinds()
        .into_iter()
        .map(|(name, media_type, body)| (name, media_type, body, &[400, 422][..]));
    let all = refused.chain([("a valid plan", JSON, accepted(), &[201][..])]);
    let (mut longest_of_all, mut answered_in_all, mut wrong) =
        ((Duration::ZERO, String::new()), 0, Vec::new());
    for (name, media_type, body, statuses) in all {
        let is_read_to_its_end =
            name == "routes with an invalid last one" && body.starts_with(r#"{"routes":["#);
        let large = app
            .post("/tenants/other/plans")
            .patient(PATIENCE)
            .body(media_type, body)
            .send();
        let Beside {
            took,
            status,
            answered,
            longest,
        } = beside(&app, large).await;
        assert!(
            statuses.contains(&status),
            "{name} as {media_type}: {status}"
        );
        // The slowest to read: the service has to read it to its end.
        if is_read_to_its_end {
            assert!(longest < took / 2, "{media_type}: {longest:?} of {took:?}");
            assert!(
                answered >= 10,
                "{media_type}: {answered} answers in {took:?}"
            );
        }
        answered_in_all += answered;
        if longest > LONGEST_WAIT {
            wrong.push(format!("{name} as {media_type}: {longest:?}"));
        }
        longest_of_all = longest_of_all.max((longest, format!("{name} as {media_type}")));
    }
    println!(
        "the longest wait of {answered_in_all} requests beside large bodies: {longest_of_all:?}"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(answered_in_all >= 1_000, "{answered_in_all} answers");
}

/// A large request, and the small ones that were answered beside it.
struct Beside {
    took: Duration,
    status: u16,
    answered: usize,
    longest: Duration,
}

/// Sends small requests, one after another, until `large` is answered.
async fn beside(app: &TestApp, large: impl Future<Output = Answer> + Send + 'static) -> Beside {
    let began = Instant::now();
    // A task of its own, so that checking its answer does not delay the small requests.
    let large = tokio::spawn(async move { (large.await, began.elapsed()) });
    let (mut answered, mut longest) = (0, Duration::ZERO);
    while !large.is_finished() {
        let began = Instant::now();
        app.get("/routes/resolve?tenant=other&service=web&env=prod&version=v1")
            .expect(200)
            .await;
        longest = longest.max(began.elapsed());
        answered += 1;
    }
    let (answer, took) = large.await.expect("it is answered");
    Beside {
        took,
        status: answer.status.as_u16(),
        answered,
        longest,
    }
}

/// The nodes of a large fleet, and the most bytes that each may take.
const NODES: usize = 100_000;
const NODE_BYTES: usize = 500;

#[test]
fn hundred_thousand_nodes_take_at_most_500_bytes_each() {
    use traffic_manager::domain::{
        ledger::{Applied, Needs, NodeKey, NodeTable, Sighting, Times},
        snapshot::{Scope, TenantContent, TenantSnapshot},
    };
    let _alone = ALONE.blocking_lock();
    let before = MEMORY.current_usage();
    let times = Times {
        silent_after: 30_000,
        forget_after: 86_400_000,
    };
    let mut table = NodeTable::new("3f1c9a7be0d25864".into(), times);
    let tag = |revision: u64| format!("0123456789abcdef.{revision}").parse().unwrap();
    let began = Instant::now();
    for number in 0..NODES {
        let key = NodeKey {
            node: format!("edge-{number:06}-eu-west").parse().unwrap(),
            scope: Scope {
                service: None,
                env: Some("prod".parse().unwrap()),
            },
        };
        let sighting = Sighting {
            at: 1_000_000 + number as u64,
            dialect: Some("envoy".parse().unwrap()),
            applied: Applied::Tag(tag(6)),
            served: Some(tag(7)),
            error: None,
        };
        table.saw(key, sighting, NODES).unwrap();
    }
    let seen = began.elapsed();
    let records = table.due(1_200_000, NODES).len();
    let each = MEMORY.current_usage().saturating_sub(before) / NODES;
    let content = TenantContent {
        confirmed: None,
        tag: tag(7),
        routes: Vec::new(),
        policies: Vec::new(),
        scopes: Vec::new(),
        waiters: None,
    };
    let snapshot = TenantSnapshot::new("acme".parse().unwrap(), content).unwrap();
    let began = Instant::now();
    let counted = table.convergence(&mut Needs::newest(&snapshot), 1_000_000, None);
    let counting = began.elapsed();
    let began = Instant::now();
    table.sweep(1_000_000, NODES);
    let sweeping = began.elapsed();
    println!(
        "{each} bytes a node; seen in {seen:?}, counted in {counting:?}, swept in {sweeping:?}"
    );
    assert_eq!((records, counted.live), (NODES, NODES as u64));
    assert!(each <= NODE_BYTES, "{each} bytes for each node");
}
