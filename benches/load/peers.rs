//! Peers: nginx with a file, and etcd's JSON gateway with a value, each of the same bytes as an
//! answer of `resolve`.
//!
//! A proxy could ask these servers instead. A peer is skipped if it is not installed;
//! `make bench-peers` installs both.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt as _,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    Bench,
    http::{Load, Run, Same, closed_loop, get, once, with_json},
    machine::cores,
    pairs::{Ratio, Target, compare},
    process::{Process, find, free_address},
    reads::{Access, CONNECTIONS, OneTenant},
};

/// Directories where Debian installs server programs.
const SERVERS: &[&str] = &["/usr/sbin", "/usr/local/sbin"];

/// A running peer and the request for it.
struct Peer {
    process: Process,
    address: SocketAddr,
    question: Same,
}

/// Measures `resolve` in pairs with a peer's answer of the same bytes.
fn against(
    bench: &Bench,
    name: &'static str,
    target: Target,
    start: impl FnOnce(&Bench, &OneTenant<'_>) -> Result<Peer>,
) -> Result<()> {
    let ours = OneTenant::start(bench, Access::Keys)?;
    let peer = start(bench, &ours)?;
    let base = || -> Result<Run> {
        let load = Load {
            address: peer.address,
            server: &peer.process,
            connections: CONNECTIONS,
            duration: bench.duration,
            tls: None,
        };
        closed_loop(load, &peer.question).context("the peer")
    };
    let figures = [Ratio {
        name,
        target,
        of_a: Run::rate,
        of_b: Run::rate,
    }];
    compare(bench, &figures, base, || ours.run(bench, &ours.resolve))
}

/// Compares `resolve` with nginx, which serves a file.
pub fn nginx(bench: &Bench) -> Result<()> {
    let name = "resolve / nginx file, requests";
    let Some(program) = find("nginx", SERVERS) else {
        bench
            .report()
            .skip(name, "nginx is not installed: make bench-peers");
        return Ok(());
    };
    against(bench, name, Target::AtLeast(1.3), |bench, ours| {
        let root = bench.directory.join("nginx");
        fs::create_dir_all(root.join("files"))?;
        fs::create_dir_all(root.join("temp"))?;
        fs::write(root.join("files/route.json"), &ours.resolve.body)?;
        let address = free_address()?;
        // Started as root, nginx would otherwise serve as a user without read permission here.
        let user = if fs::metadata("/proc/self")?.uid() == 0 {
            "user root;\n"
        } else {
            ""
        };
        let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("    {kind}_temp_path {}/temp/{kind};\n", root.display()))
            .collect();
        let config = format!(
            "{user}daemon off;\nworker_processes {};\npid {root}/pid;\nerror_log {root}/error.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n{temps}    access_log off;\n    sendfile on;\n    tcp_nopush on;\n    keepalive_requests 1000000000;\n    \
             open_file_cache max=100;\n    types {{ application/json json; }}\n    \
             server {{ listen {address}; root {root}/files; }}\n}}\n",
            cores(),
            root = root.display()
        );
        fs::write(root.join("nginx.conf"), config)?;
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(&root)
            .arg("-e")
            .arg(root.join("error.log"))
            .arg("-c")
            .arg(root.join("nginx.conf"));
        let process = Process::start("nginx", command, &root.join("output.log"))?;
        process.listens(address, Duration::from_secs(10))?;
        let question = Same {
            request: get("/route.json", ""),
            status: &[200],
            body: ours.resolve.body.clone(),
        };
        Ok(Peer {
            process,
            address,
            question,
        })
    })
}

/// Compares `resolve` with etcd's JSON gateway, which reads a value.
pub fn etcd(bench: &Bench) -> Result<()> {
    let name = "resolve / etcd gateway range, requests";
    let Some(program) = find("etcd", SERVERS) else {
        bench
            .report()
            .skip(name, "etcd is not installed: make bench-peers");
        return Ok(());
    };
    against(bench, name, Target::AtLeast(10.0), |bench, ours| {
        let root = bench.directory.join("etcd");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root)?;
        let (address, peers) = (free_address()?, free_address()?);
        let (client_url, peer_url) = (format!("http://{address}"), format!("http://{peers}"));
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(root.join("data")).args([
            "--name",
            "bench",
            "--log-level",
            "error",
        ]);
        command.args([
            "--listen-client-urls",
            &client_url,
            "--advertise-client-urls",
            &client_url,
        ]);
        command.args([
            "--listen-peer-urls",
            &peer_url,
            "--initial-advertise-peer-urls",
            &peer_url,
        ]);
        command.args(["--initial-cluster", &format!("bench={peer_url}")]);
        // Debian's package sets this variable on architectures without an official build of etcd.
        command.env(
            "ETCD_UNSUPPORTED_ARCH",
            std::env::consts::ARCH.replace("aarch64", "arm64"),
        );
        let process = Process::start("etcd", command, &root.join("output.log"))?;
        process.listens(address, Duration::from_secs(30))?;
        let key = BASE64_STANDARD.encode("t000000/service-1/env-2/v3");
        let value = BASE64_STANDARD.encode(&ours.resolve.body);
        let put = with_json(
            "POST",
            "/v3/kv/put",
            "",
            &json!({ "key": key, "value": value }).to_string(),
        );
        let range = with_json(
            "POST",
            "/v3/kv/range",
            "",
            &json!({ "key": key }).to_string(),
        );
        let started = Instant::now();
        while !matches!(bench.runtime.block_on(once(address, &put)), Ok((200, ..))) {
            process.lives()?;
            ensure!(
                started.elapsed() < Duration::from_secs(30),
                "etcd takes no value"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        let (status, _, body) = bench.runtime.block_on(once(address, &range))?;
        let answer: Value = serde_json::from_slice(&body)?;
        ensure!(
            status == 200 && answer["kvs"][0]["value"] == value,
            "etcd answers {status} {answer}"
        );
        let question = Same {
            request: range,
            status: &[200],
            body: Arc::from(body),
        };
        Ok(Peer {
            process,
            address,
            question,
        })
    })
}
