//! Limits of requests: their size, and the time that a client may take. A row of the security
//! checklist.
//!
//! Bodies that are refused for their content are in `bad_input`.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{
    TestApp,
    secure::{self, Duplex},
};

const V1: &str = "/api/v1/routes/t/s/e/v";

/// Opens a raw connection, for requests that no client library sends.
async fn connect(app: &TestApp) -> Box<dyn Duplex> {
    let (_, address) = app.api.split_once("://").unwrap();
    secure::over(TcpStream::connect(address).await.unwrap()).await
}

/// Sends the bytes, and reads until the server hangs up or `time` is over. Returns the answer, and
/// whether the server hung up.
async fn exchange(app: &TestApp, bytes: &[u8], time: Duration) -> (String, bool) {
    let mut socket = connect(app).await;
    // The server may refuse the request before all of it is sent.
    let _ = socket.write_all(bytes).await;
    read(&mut socket, time).await
}

async fn read(socket: &mut impl Duplex, time: Duration) -> (String, bool) {
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(time, socket.read_to_end(&mut answer))
        .await
        .is_ok();
    (String::from_utf8_lossy(&answer).into_owned(), ended)
}

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_refuse_a_too_long_path_or_query() {
    let app = TestApp::with(&["http.max_uri_bytes=600"]).await;
    let of = |bytes: usize| {
        format!(
            "/api/v1/routes?cursor={}",
            "x".repeat(bytes - "/api/v1/routes?cursor=".len())
        )
    };
    app.call(Method::GET, &of(600))
        .problem(400, "invalid_cursor")
        .await;
    app.call(Method::GET, &of(601))
        .problem(414, "uri_too_long")
        .await;
    let nowhere = app
        .call(Method::GET, &format!("/{}", "y".repeat(60_000)))
        .of_tampered_data();
    nowhere.problem(414, "uri_too_long").await;
    // The fast path does not bypass the limit.
    let long = format!("/api/v1/tenants/{}/snapshot", "z".repeat(600));
    app.call(Method::GET, &long)
        .problem(414, "uri_too_long")
        .await;
    // A target that is too long for the type of the `http` crate is not HTTP to actix: 400, and the
    // connection is closed.
    let (answer, ended) = exchange(
        &app,
        format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(66_000)).as_bytes(),
        Duration::from_secs(5),
    )
    .await;
    assert_eq!((status(&answer), ended), (400, true), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_refuse_too_many_or_too_large_headers() {
    let app = TestApp::with(&["http.max_headers=20", "http.max_header_bytes=4096"]).await;
    let many = |count: usize| {
        (0..count).fold(app.get("/routes"), |call, n| {
            call.header(&format!("x-header-{n}"), "x")
        })
    };
    many(15).expect(200).await;
    many(21).problem(431, "headers_too_large").await;
    app.get("/routes")
        .header("cookie", "x".repeat(3500))
        .expect(200)
        .await;
    app.get("/routes")
        .header("cookie", "x".repeat(4096))
        .problem(431, "headers_too_large")
        .await;
    // A header name with many values: each value counts.
    let same = (0..21).fold(app.get("/routes"), |call, _| call.header("x-header", "x"));
    same.problem(431, "headers_too_large").await;
    // Beyond the parser limits of actix there is no problem document, and the connection is closed.
    let lines = |count: usize, bytes: usize| {
        (0..count)
            .map(|n| format!("x-{n}: {}\r\n", "x".repeat(bytes)))
            .collect::<String>()
    };
    for lines in [lines(97, 1), lines(50, 3000), lines(1, 140_000)] {
        let request = format!("GET /api/v1/routes HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n");
        let (answer, ended) = exchange(&app, request.as_bytes(), Duration::from_secs(5)).await;
        assert!(
            ended && matches!(status(&answer), 0 | 431),
            "{} bytes: {answer}",
            request.len()
        );
    }
    app.get("/routes").expect(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_refuse_too_deep_nesting() {
    let app = TestApp::start().await;
    app.put("/routes/t/s/e/v")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let nested = |depth: usize, open: &str, close: &str| {
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    };
    let calls = [
        ("PUT", V1),
        ("POST", "/api/v1/tenants/t/plans"),
        ("POST", "/api/v1/tenants/t/batch"),
        ("PUT", "/api/v1/policies/t/s/e"),
    ];
    for (method, path) in calls {
        let call = || app.call(method.parse().unwrap(), path);
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let levels = open.matches(['[', '{']).count();
            for depth in [33, 100, 5000] {
                let body = nested(depth / levels + 1, open, close);
                let answer = call()
                    .body("application/json", body)
                    .problem(422, "invalid_request")
                    .await;
                assert_eq!(
                    answer.json["errors"][0]["code"], "too_deep",
                    "{method} {path} {open} {depth}"
                );
            }
            // At the greatest depth that is allowed, the body is refused for another reason.
            let body = nested(32 / levels, open, close);
            let answer = call()
                .body("application/json", body)
                .problem(422, "invalid_request")
                .await;
            assert_ne!(
                answer.json["errors"][0]["code"], "too_deep",
                "{method} {path} {open}"
            );
        }
    }
    let plans = "/api/v1/tenants/t/plans";
    for depth in [33, 100, 5000] {
        let answer = app
            .call(Method::POST, plans)
            .body("application/yaml", nested(depth, "[", "]"))
            .send()
            .await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 422),
            "{depth}: {}",
            answer.json
        );
        answer.assert_problem("YAML");
    }
}

/// A small document that expands to a huge one: nine levels of ten references each.
#[tokio::test(flavor = "multi_thread")]
async fn limits_refuse_a_yaml_alias_bomb() {
    let app = TestApp::start().await;
    app.put("/routes/t/s/e/v")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..=8 {
        let of = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{of}]\n"));
    }
    let started = Instant::now();
    let answer = app
        .post("/tenants/t/plans")
        .body("application/yaml", bomb)
        .problem(400, "malformed_request")
        .await;
    // A thousand million items would take minutes.
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}: {}",
        started.elapsed(),
        answer.json
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_refuse_too_many_items() {
    let app = TestApp::start().await;
    app.put("/routes/t/s/e/v")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let labels: serde_json::Map<String, Value> =
        (0..33).map(|n| (format!("k{n}"), json!("v"))).collect();
    let body = json!({ "url": "http://a", "labels": labels });
    let answer = app
        .put("/routes/t/s/e/w")
        .json(&body)
        .problem(422, "invalid_request")
        .await;
    assert_eq!(answer.pointers(), ["/labels"]);
    for member in ["hosts", "failover"] {
        let items: Vec<String> = (0..65).map(|n| format!("v{n}")).collect();
        let mut body = json!({ "split": [{ "version": "v", "weight": 1 }] });
        body[member] = json!(items);
        let answer = app
            .put("/policies/t/s/e")
            .json(&body)
            .problem(422, "invalid_request")
            .await;
        assert_eq!(
            answer.pointers()[0],
            format!("/{member}"),
            "{}",
            answer.json
        );
    }
    let change = |n: usize| json!({ "action": "upsert", "route": { "service": "s", "env": "e", "version": format!("v{n}") } });
    let changes: Vec<Value> = (0..10_001).map(change).collect();
    let answer = app
        .post("/tenants/t/batch")
        .json(&json!({ "changes": changes }))
        .send()
        .await;
    assert_eq!(answer.status, 422, "{}", answer.json["detail"]);
    for limit in [0, 1001, 1_000_000] {
        let answer = app
            .get(&format!("/routes?limit={limit}"))
            .problem(422, "invalid_request")
            .await;
        assert_eq!(answer.pointers(), ["?limit"]);
    }
}

/// A gzip bomb is never unpacked: the API accepts no content coding.
#[tokio::test(flavor = "multi_thread")]
async fn limits_refuse_compressed_bodies() {
    let app = TestApp::start().await;
    app.put("/routes/t/s/e/v")
        .json(&json!({ "url": "http://a" }))
        .expect(201)
        .await;
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![b' '; 40_000_000]).unwrap();
        encoder.finish().unwrap()
    };
    assert!(bomb.len() < 60_000, "{}", bomb.len());
    for coding in [
        "gzip",
        "deflate",
        "br",
        "zstd",
        "identity, gzip",
        "GZIP",
        "x-gzip",
        "unheard-of",
    ] {
        for (method, path) in [
            ("PUT", V1),
            ("POST", "/api/v1/routes"),
            ("POST", "/api/v1/tenants/t/batch"),
            ("POST", "/api/v1/tenants/t/plans"),
        ] {
            let call = app
                .call(method.parse().unwrap(), path)
                .header("content-encoding", coding);
            let answer = call
                .body("application/json", bomb.clone())
                .problem(415, "unsupported_media_type")
                .await;
            assert!(
                answer.json["detail"]
                    .as_str()
                    .unwrap()
                    .contains("Content-Encoding"),
                "{coding} {path}"
            );
        }
    }
    let plain = app
        .put("/routes/t/s/e/v")
        .header("content-encoding", "identity");
    plain.json(&json!({ "url": "http://a" })).expect(200).await;
}

fn chunked_head(path: &str) -> String {
    let authorization = secure::authorization();
    format!(
        "PUT {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
}

/// A body without a length is refused as soon as it is too large, and is not read to its end.
#[tokio::test(flavor = "multi_thread")]
async fn limits_end_a_too_large_chunked_body_early() {
    let app = TestApp::start().await;
    for path in [V1, "/nothing", "/api/v1/routes"] {
        let mut socket = connect(&app).await;
        socket
            .write_all(chunked_head(path).as_bytes())
            .await
            .unwrap();
        let (mut reader, mut writer) = tokio::io::split(socket);
        let endless = async {
            let chunk = format!("2000\r\n{}\r\n", " ".repeat(0x2000));
            let mut sent = 0_usize;
            while writer.write_all(chunk.as_bytes()).await.is_ok() {
                sent += 0x2000;
                tokio::task::yield_now().await;
            }
            sent
        };
        let mut answer = Vec::new();
        let hung_up = async {
            let _ = reader.read_to_end(&mut answer).await;
        };
        let both = async { tokio::join!(endless, hung_up) };
        let sent = tokio::time::timeout(Duration::from_secs(10), both).await;
        assert!(
            sent.is_ok(),
            "{path}: a body without an end is still being read"
        );
        let answer = String::from_utf8_lossy(&answer);
        let wanted = if path == V1 {
            413
        } else if path == "/nothing" {
            404
        } else {
            405
        };
        assert!(
            matches!(status(&answer), 0) || status(&answer) == wanted,
            "{path}: {answer}"
        );
    }
}

/// Slow clients: a request head that never ends.
#[tokio::test(flavor = "multi_thread")]
async fn limits_cut_off_a_slow_request_head() {
    let app = TestApp::with(&["http.client_header_timeout_ms=500"]).await;
    for first in ["GET /api/v1/routes HTTP/1.1\r\n", ""] {
        let mut socket = connect(&app).await;
        socket.write_all(first.as_bytes()).await.unwrap();
        let started = Instant::now();
        let (mut reader, mut writer) = tokio::io::split(socket);
        let drip = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if writer.write_all(b"x").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let mut answer = Vec::new();
        tokio::select! {
            () = drip => unreachable!("it has no end"),
            _ = reader.read_to_end(&mut answer) => {}
            () = tokio::time::sleep(Duration::from_secs(8)) => panic!("a slow head is waited for"),
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
        assert!(
            matches!(status(&String::from_utf8_lossy(&answer)), 0 | 400 | 408),
            "{answer:?}"
        );
    }
}

/// Slow clients: a body that comes a byte at a time. The deadline of the request applies, and then
/// the connection is closed.
#[tokio::test(flavor = "multi_thread")]
async fn limits_cut_off_a_slow_request_body() {
    let app = TestApp::with(&["http.request_timeout_ms=600", "write.timeout_ms=500"]).await;
    let authorization = secure::authorization();
    let with_length = format!(
        "PUT {V1} HTTP/1.1\r\nhost: localhost\r\n{authorization}content-type: application/json\r\ncontent-length: 60000\r\n\r\n"
    );
    for (head, byte) in [
        (with_length, "{"),
        (chunked_head(V1), "1\r\n{\r\n"),
        (chunked_head("/nothing"), "1\r\n{\r\n"),
    ] {
        let mut socket = connect(&app).await;
        socket.write_all(head.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(socket);
        let drip = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if writer.write_all(byte.as_bytes()).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let mut answer = Vec::new();
        tokio::select! {
            () = drip => unreachable!("it has no end"),
            _ = reader.read_to_end(&mut answer) => {}
            () = tokio::time::sleep(Duration::from_secs(8)) => {
                panic!("a slow body is waited for: {byte:?} {head}{}", String::from_utf8_lossy(&answer))
            }
        }
        let answer = String::from_utf8_lossy(&answer);
        let wanted = if head.contains("/nothing") { 404 } else { 503 };
        assert!(
            matches!(status(&answer), 0) || status(&answer) == wanted,
            "{answer}"
        );
    }
    app.get("/routes").expect(200).await;
}
