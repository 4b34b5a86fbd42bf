//! What streams and long polls cost a relay: memory, processor time of a change, and the time until the last node has it.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};

use super::{
    plane::{NODE, Plane},
    process::Relay,
};
use crate::common::{tag, tenant};

const LONG: Duration = Duration::from_secs(120);

/// The most resident memory of a waiter, in KiB.
const MOST: f64 = 25.0;

/// Reads for ever, and says when a revision has come, which is told by its tag at the end of a line.
async fn read(
    address: SocketAddr,
    path: &str,
    tags: Vec<String>,
    came: mpsc::UnboundedSender<(usize, Instant)>,
) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let first = format!("if-none-match: \"{0}\"\r\nlast-event-id: {0}", tags[0]);
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {NODE}\r\n{first}\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let (mut text, mut next) = (Vec::new(), 1);
    let mut piece = [0; 2048];
    while let Ok(read @ 1..) = connection.read(&mut piece).await {
        text.extend_from_slice(&piece[..read]);
        let wanted = tags[next].as_bytes();
        while next < tags.len() && text.windows(wanted.len()).any(|it| it == wanted) {
            let _ = came.send((next, Instant::now()));
            text.clear();
            next += 1;
            if next == tags.len() {
                next -= 1;
                break;
            }
        }
    }
}

/// The processor time of a process so far.
fn processor(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = stat.rsplit_once(") ").unwrap().1;
    let ticks: u64 = after
        .split(' ')
        .skip(11)
        .take(2)
        .map(|it| it.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// Measures streams over some changes, then long polls over one.
async fn cost(count: usize) -> f64 {
    let plane = Plane::start([tenant(1, 100, "http://a.example/")]).await;
    let relay = Relay::start(&[plane.url()], "").await;
    let url = format!("{}/api/v1/tenants/acme/snapshot", relay.url());
    assert_eq!(super::process::ask(&url, NODE, &[]).await.status(), 200);
    let tags: Vec<_> = (1..=6).map(tag).collect();
    let before = relay.resident();
    let (came, mut comes) = mpsc::unbounded_channel();
    let mut readers = Vec::new();
    for _ in 0..count {
        let (tags, came, address) = (tags.clone(), came.clone(), relay.listen);
        let path = "/api/v1/tenants/acme/stream";
        readers.push(tokio::spawn(async move {
            read(address, path, tags, came).await
        }));
    }
    let waiting = |status: &serde_json::Value| status["counts"]["waiters"] == count;
    relay.shows("all wait", waiting).await;
    let each = (relay.resident() - before) as f64 / count as f64;
    for revision in 2..=6 {
        let (began, spent) = (Instant::now(), processor(relay.pid()));
        plane.change(
            "acme",
            &["shop/prod/v1"],
            &format!("http://{revision}.example/"),
        );
        let mut times = Vec::new();
        while times.len() < count {
            let (at, when) = timeout(LONG, comes.recv())
                .await
                .expect("all are told")
                .unwrap();
            assert_eq!(at + 1, revision as usize);
            times.push(when - began);
        }
        times.sort();
        let spent = processor(relay.pid()) - spent;
        let (median, late) = (times[count / 2], times[count * 99 / 100]);
        println!(
            "{count} streams, {each:.1} KiB each: a change takes {spent:?} of processor, median {median:?}, p99 {late:?}"
        );
    }
    let after = (relay.resident() - before) as f64 / count as f64;
    println!("{count} streams, {after:.1} KiB each after the changes");
    for reader in readers {
        reader.abort();
    }
    each
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_takes_little_memory_of_a_relay() {
    let each = cost(1000).await;
    assert!(each <= MOST, "{each:.1} KiB");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "for figures of an optimised relay"]
async fn five_thousand_streams() {
    let each = cost(5000).await;
    assert!(each <= MOST, "{each:.1} KiB");
}
