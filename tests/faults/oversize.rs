//! The memory that oversize requests cost: a row of the security checklist.
//!
//! The test has a process of its own, so that nothing else uses its memory.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    processes::{Process, eventually},
    support::{OPEN, World, database::variable, secure},
};

const AT_ONCE: usize = 50;
const MIB: usize = 1024 * 1024;

/// Returns a field of `/proc/<pid>/status`, in bytes.
pub fn memory(process: &Process, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid()))
        .expect("a running process");
    let line = status
        .lines()
        .find(|line| line.starts_with(name))
        .expect("a line");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<usize>().ok())
        .expect("a number")
        * 1024
}

/// Sends without end, until the server hangs up, and returns the answer's status.
async fn endless(process: &Process, path: &str, head: &str, piece: &[u8]) -> u16 {
    let mut socket = TcpStream::connect(process.api).await.expect("a connection");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{head}\r\n\r\n"
    );
    socket
        .write_all(head.as_bytes())
        .await
        .expect("the server reads the head");
    let (mut reader, mut writer) = socket.split();
    let sending = async { while writer.write_all(piece).await.is_ok() {} };
    let mut answer = Vec::new();
    let reading = async {
        let _ = reader.read_to_end(&mut answer).await;
    };
    let both = async { tokio::join!(sending, reading) };
    tokio::time::timeout(Duration::from_secs(30), both)
        .await
        .expect("the server hangs up");
    String::from_utf8_lossy(&answer)
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_fifty_oversize_requests_cost_less_than_ten_mib() {
    let world = World::new().await;
    let environment = [
        ("TM__POSTGRES__PRIMARY_URL", world.db.app_url.clone()),
        ("TM__MONGO__URL", variable("MONGO_APP_URL")),
        ("TM__HTTP__WORKERS", "2".into()),
        // Allows one large body at a time. Otherwise the test would measure the memory of large
        // bodies that are allowed.
        ("TM__HTTP__MAX_BULK_BYTES", "2097152".into()),
        ("TM__HTTP__MAX_BULK_TOTAL_BYTES", "2097152".into()),
    ];
    // The API itself stays without TLS, because its memory is measured.
    let ways = secure::overrides()
        .into_iter()
        .filter(|(key, _)| key.starts_with("postgres.") || key.starts_with("mongo."));
    let ways = ways.map(|(key, value)| {
        (
            format!("TM__{}", key.replace('.', "__").to_uppercase()),
            value,
        )
    });
    let open = OPEN.map(|(key, value)| {
        (
            format!("TM__{}", key.replace('.', "__").to_uppercase()),
            value.to_owned(),
        )
    });
    let environment = environment
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .chain(open)
        .chain(ways)
        .collect();
    let process = Process::start("serve", &environment);
    process.ready().await;
    let base = format!("http://{}/api/v1", process.api);
    let client = reqwest::Client::new();
    let route =
        json!({ "tenant": "t", "service": "s", "env": "e", "version": "v", "url": "http://a" });
    eventually(Duration::from_secs(60), "a write is taken", async || {
        client
            .post(format!("{base}/routes"))
            .json(&route)
            .send()
            .await
            .expect("an answer")
            .status()
            .is_success()
    })
    .await;

    let spaces = vec![b' '; 0x4000];
    let chunk = [b"4000\r\n", spaces.as_slice(), b"\r\n"].concat();
    let (length, chunked) = ("content-length: 1000000000", "transfer-encoding: chunked");
    let kinds = [
        ("/api/v1/routes", length, &spaces),
        ("/api/v1/routes", chunked, &chunk),
        ("/api/v1/tenants/t/batch", length, &spaces),
        ("/api/v1/tenants/t/batch", chunked, &chunk),
        ("/nothing", chunked, &chunk),
    ];
    let round = async || {
        let requests = (0..AT_ONCE)
            .map(|n| kinds[n % kinds.len()])
            .map(|(path, head, piece)| endless(&process, path, head, piece));
        futures_util::future::join_all(requests).await
    };
    // The allocator keeps the memory of the first connections.
    round().await;
    let before = memory(&process, "VmRSS");
    std::fs::write(format!("/proc/{}/clear_refs", process.pid()), "5").expect("the peak is reset");
    for _ in 0..3 {
        for status in round().await {
            // An answer may be lost when the connection is cut while more is on its way.
            assert!(matches!(status, 0 | 404 | 413 | 503), "{status}");
        }
    }
    let (peak, after) = (memory(&process, "VmHWM"), memory(&process, "VmRSS"));
    println!(
        "oversize: {} KiB before, {} KiB at most, {} KiB after",
        before / 1024,
        peak / 1024,
        after / 1024
    );
    assert!(peak < before + 10 * MIB, "{before} became {peak}");
    let read = client
        .get(format!("{base}/routes/t/s/e/v"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(read.status(), 200);
    drop(process);
    world.end().await;
}
