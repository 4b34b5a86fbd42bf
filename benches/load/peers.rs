//! Peers: other programs for a task of ours. nginx serves a file, and etcd's JSON gateway reads or
//! writes a value, each of the same bytes as an answer of `resolve`. Unleash serves feature toggles
//! to clients that poll them.
//!
//! A proxy could ask these servers instead. A peer is skipped if it is not installed;
//! `make bench-peers` installs all of them.

pub mod etcd;
pub mod nginx;
pub mod unleash;

use std::net::SocketAddr;

use anyhow::{Context as _, Result};

use crate::{
    Bench,
    http::{Load, Run, Same, Source, closed_loop},
    pairs::{Ratio, Target, compare},
    process::Process,
    reads::{Access, CONNECTIONS, OneTenant},
};

/// Directories where Debian installs server programs.
const SERVERS: &[&str] = &["/usr/sbin", "/usr/local/sbin"];

/// A running peer.
struct Peer {
    process: Process,
    address: SocketAddr,
}

impl Peer {
    /// Runs a closed loop on this many connections.
    fn run(&self, bench: &Bench, connections: usize, source: &dyn Source) -> Result<Run> {
        let load = Load {
            address: self.address,
            server: &self.process,
            connections,
            duration: bench.duration,
            tls: None,
        };
        closed_loop(load, source).context("the peer")
    }
}

/// Records that a figure is skipped, because its peer is not there.
fn skip(bench: &Bench, name: &str, peer: &str) {
    let reason = format!("{peer} is not installed: make bench-peers");
    bench.report().skip(name, reason);
}

/// Measures `resolve` in pairs with a peer's answer of the same bytes. `start` returns the peer and
/// the request for it.
fn against(
    bench: &Bench,
    name: &'static str,
    target: Target,
    start: impl FnOnce(&Bench, &OneTenant<'_>) -> Result<(Peer, Same)>,
) -> Result<()> {
    let ours = OneTenant::start(bench, Access::Keys)?;
    let (peer, question) = start(bench, &ours)?;
    let figures = [Ratio::of(name, target, Run::rate)];
    compare(
        bench,
        &figures,
        || peer.run(bench, CONNECTIONS, &question),
        || ours.run(bench, &ours.resolve),
    )
}
