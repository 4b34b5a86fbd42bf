//! etcd, asked through its JSON gateway. It keeps its defaults: a write is answered after an fsync.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{Peer, SERVERS, against, skip};
use crate::{
    Bench,
    http::{Body, Dice, Expected, Run, Same, Source, once, with_json},
    pairs::{Ratio, Target, compare},
    pgbench::CALLERS,
    process::{Process, find},
    service::{Service, Site},
    support::ports::free_address,
    writes,
};

/// The request that stores a value.
fn put_of(key: &str, value: &[u8]) -> Vec<u8> {
    let (key, value) = (BASE64_STANDARD.encode(key), BASE64_STANDARD.encode(value));
    let body = json!({ "key": key, "value": value }).to_string();
    with_json("POST", "/v3/kv/put", "", &body)
}

/// Starts etcd with an empty data directory, and waits until it takes a value.
fn start(bench: &Bench, program: PathBuf) -> Result<Peer> {
    let root = bench.directory.join("etcd");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).with_context(|| format!("{}", root.display()))?;
    let (address, peers) = (free_address(), free_address());
    let (client_url, peer_url) = (format!("http://{address}"), format!("http://{peers}"));
    let mut command = Command::new(program);
    command.arg("--data-dir").arg(root.join("data"));
    command.args(["--name", "bench", "--log-level", "error"]);
    command.args(["--listen-client-urls", &client_url]);
    command.args(["--advertise-client-urls", &client_url]);
    command.args(["--listen-peer-urls", &peer_url]);
    command.args(["--initial-advertise-peer-urls", &peer_url]);
    command.args(["--initial-cluster", &format!("bench={peer_url}")]);
    // Debian's package sets this variable on architectures without an official build of etcd.
    command.env(
        "ETCD_UNSUPPORTED_ARCH",
        std::env::consts::ARCH.replace("aarch64", "arm64"),
    );
    let process = Process::start("etcd", command, &root.join("output.log"))?;
    process.listens(address, Duration::from_secs(30))?;
    let peer = Peer { process, address };
    store(bench, &peer, "started", b"yes")?;
    Ok(peer)
}

/// Stores a value, and repeats that until etcd has elected its leader.
fn store(bench: &Bench, peer: &Peer, key: &str, value: &[u8]) -> Result<()> {
    let (put, started) = (put_of(key, value), Instant::now());
    while !matches!(
        bench.runtime.block_on(once(peer.address, &put)),
        Ok((200, ..))
    ) {
        peer.process.lives()?;
        ensure!(
            started.elapsed() < Duration::from_secs(30),
            "etcd takes no value"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Compares `resolve` with a read of a value of the same bytes.
pub fn range(bench: &Bench) -> Result<()> {
    let name = "resolve / etcd gateway range, requests";
    let Some(program) = find("etcd", SERVERS) else {
        skip(bench, name, "etcd");
        return Ok(());
    };
    against(bench, name, Target::AtLeast(10.0), |bench, ours| {
        let peer = start(bench, program)?;
        let key = "t000000/service-1/env-2/v3";
        store(bench, &peer, key, &ours.resolve.body)?;
        let body = json!({ "key": BASE64_STANDARD.encode(key) }).to_string();
        let range = with_json("POST", "/v3/kv/range", "", &body);
        let (status, _, body) = bench.runtime.block_on(once(peer.address, &range))?;
        let answer: Value = serde_json::from_slice(&body)?;
        ensure!(
            status == 200
                && answer["kvs"][0]["value"] == BASE64_STANDARD.encode(&ours.resolve.body),
            "etcd answers {status} {answer}"
        );
        let question = Same {
            request: range,
            status: &[200],
            body: Arc::from(body),
        };
        Ok((peer, question))
    })
}

/// A source of writes to etcd: the same routes of the same number of tenants as [`writes::Puts`],
/// each with a new URL. A value is about as long as an answer of `resolve`.
#[derive(Default)]
struct Puts {
    number: AtomicU64,
}

impl Source for Puts {
    fn next(&self, dice: &mut Dice, request: &mut Vec<u8>) -> Expected {
        let (tenant, route) = (dice.below(writes::TENANTS), dice.below(100));
        let (env, version, salt) = (route / 10, route % 10, dice.below(1_000_000_000));
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let value = format!(
            "{{\"tenant\":\"t{tenant:06}\",\"service\":\"service-0\",\"env\":\"env-{env}\",\"version\":\"v{version}\",\
             \"url\":\"https://host-{salt}-{number}.example.com/\",\"revision\":{number}}}"
        );
        let key = format!("t{tenant:06}/service-0/env-{env}/v{version}");
        request.extend_from_slice(&put_of(&key, value.as_bytes()));
        Expected {
            statuses: &[200],
            body: Body::With("\"revision\"".into()),
        }
    }
}

/// Compares our write of a route with etcd's of a value.
pub fn put(bench: &Bench) -> Result<()> {
    let name = "PUT, 1000 tenants / etcd gateway put, requests";
    let Some(program) = find("etcd", SERVERS) else {
        skip(bench, name, "etcd");
        return Ok(());
    };
    let site = Site::new(bench);
    site.seed(0, writes::TENANTS, 1)?;
    let service = Service::start(&site, &[])?;
    let (peer, puts) = (start(bench, program)?, Puts::default());
    let figures = [Ratio::of(name, Target::AtLeast(1.0), Run::rate)];
    compare(
        bench,
        &figures,
        || peer.run(bench, CALLERS, &puts),
        || writes::run(bench, &service, writes::TENANTS, CALLERS),
    )
}
