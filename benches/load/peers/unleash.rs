//! Unleash: feature toggles, polled by clients and changed through an API, as our routes are. It
//! runs as its package does, in production mode, on a database of its own in the stack's
//! PostgreSQL, without its check for new versions.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use uuid::Uuid;

use super::{Peer, skip};
use crate::{
    Bench,
    http::{Body, Dice, Expected, Run, Same, Source, get, once, with_json},
    pairs::{Ratio, Target, compare},
    pgbench::CALLERS,
    process::Process,
    reads::{Access, CONNECTIONS, OneTenant, unchanged},
    support::{
        database::{connect, url_of, variable},
        ports::free_address,
    },
    writes,
};

/// Where `make bench-peers` installs Unleash.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.stack/tools/unleash");
/// The program, in that folder.
const PROGRAM: &str = "node_modules/unleash-server/dist/server.js";
/// The header line of a client, which polls all toggles of an environment.
const CLIENT: &str = "Authorization: *:development.the-client-of-the-load-program\r\n";
/// The header line of a caller with every right.
const ADMIN: &str = "Authorization: *:*.the-admin-of-the-load-program\r\n";
const FEATURES: &str = "/api/client/features";
const TOGGLES: &str = "/api/admin/projects/default/features";
/// Number of toggles that clients poll: their answer is about as long as our snapshot of ten
/// routes.
const POLLED: usize = 5;
/// Number of toggles that are turned on and off: more than callers, so that no two callers have the
/// same one at a time.
const TOGGLED: usize = 128;

/// An empty database in the stack's PostgreSQL, dropped at the end of the case.
struct EmptyDatabase<'a> {
    bench: &'a Bench,
    name: String,
}

impl<'a> EmptyDatabase<'a> {
    fn create(bench: &'a Bench) -> Result<Self> {
        let name = format!("tm_test_unleash_{}", Uuid::new_v4().simple());
        let database = Self { bench, name };
        let sql = format!("create database {} template template0", database.name);
        database.execute(&sql)?;
        Ok(database)
    }

    fn execute(&self, sql: &str) -> Result<()> {
        self.bench.runtime.block_on(async {
            let server = connect(&variable("PG_PRIMARY_URL")).await;
            server.execute(sql, &[]).await
        })?;
        Ok(())
    }

    fn url(&self) -> String {
        url_of("PG_PRIMARY_URL", &self.name)
    }

    /// Returns the number of changes of toggles that Unleash has recorded.
    fn changes(&self) -> Result<u64> {
        let sql = "select count(*) from events where type in \
                   ('feature-environment-enabled', 'feature-environment-disabled')";
        let row = self.bench.runtime.block_on(async {
            let database = connect(&self.url()).await;
            database.query_one(sql, &[]).await
        })?;
        Ok(u64::try_from(row.try_get::<_, i64>(0)?)?)
    }
}

impl Drop for EmptyDatabase<'_> {
    fn drop(&mut self) {
        let sql = format!("drop database if exists {} with (force)", self.name);
        if let Err(error) = self.execute(&sql) {
            eprintln!("load: {} was not dropped: {error:#}", self.name);
        }
    }
}

/// A running Unleash. The server is declared, and so ended, before its database.
struct Unleash<'a> {
    peer: Peer,
    database: EmptyDatabase<'a>,
    bench: &'a Bench,
}

impl<'a> Unleash<'a> {
    /// Starts Unleash, and waits until it has made its tables and is healthy.
    fn start(bench: &'a Bench) -> Result<Self> {
        let (database, address) = (EmptyDatabase::create(bench)?, free_address());
        let token =
            |header: &str| -> String { header.trim_start_matches("Authorization: ").trim().into() };
        let mut command = Command::new(program("node"));
        command.arg(program(PROGRAM)).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs([
            ("NODE_ENV", "production".to_owned()),
            ("DATABASE_URL", database.url()),
            ("DATABASE_SSL", "false".into()),
            ("HTTP_HOST", address.ip().to_string()),
            ("HTTP_PORT", address.port().to_string()),
            ("INIT_CLIENT_API_TOKENS", token(CLIENT)),
            ("INIT_ADMIN_API_TOKENS", token(ADMIN)),
            ("LOG_LEVEL", "warn".into()),
            ("CHECK_VERSION", "false".into()),
            ("SEND_TELEMETRY", "false".into()),
        ]);
        let log = bench.directory.join("unleash.log");
        let process = Process::start("Unleash", command, &log)?;
        process.listens(address, Duration::from_secs(120))?;
        let unleash = Self {
            peer: Peer { process, address },
            database,
            bench,
        };
        unleash.ask(&get("/health", ""), 200)?;
        Ok(unleash)
    }

    /// Sends a request, and returns the entity tag and the body of its answer.
    fn ask(&self, request: &[u8], expected: u16) -> Result<(Option<String>, Vec<u8>)> {
        let asked = once(self.peer.address, request);
        let (status, tag, body) = self.bench.runtime.block_on(asked)?;
        ensure!(
            status == expected,
            "Unleash answers {status} {}",
            String::from_utf8_lossy(&body)
        );
        Ok((tag, body))
    }

    /// Makes the toggles `first..end`, and turns each on.
    fn make_toggles(&self, first: usize, end: usize) -> Result<()> {
        for number in first..end {
            let body = json!({ "name": name_of(number), "type": "release" }).to_string();
            self.ask(&with_json("POST", TOGGLES, ADMIN, &body), 201)?;
            self.ask(&turn(number, true), 200)?;
        }
        Ok(())
    }

    /// Returns a client's poll without news. Waits until Unleash, which looks for changes once a
    /// second, answers with the newest toggles.
    fn unchanged(&self) -> Result<Same> {
        let (request, started) = (get(FEATURES, CLIENT), Instant::now());
        let mut before = None;
        loop {
            let (tag, body) = self.ask(&request, 200)?;
            let tag = tag.context("an answer of Unleash without an entity tag")?;
            if before.as_ref() == Some(&tag) {
                let answer: serde_json::Value = serde_json::from_slice(&body)?;
                let count = answer["features"].as_array().map(Vec::len);
                ensure!(count == Some(POLLED), "Unleash has {count:?} toggles");
                let detail = json!({ "bytes": body.len() });
                self.bench.report().note("Unleash client features", detail);
                return Ok(unchanged(FEATURES, CLIENT, &tag));
            }
            before = Some(tag);
            ensure!(
                started.elapsed() < Duration::from_secs(60),
                "Unleash does not stop to change its entity tag"
            );
            std::thread::sleep(Duration::from_secs(3));
        }
    }

    /// Turns toggles on and off. Fails if Unleash has not recorded each change: it also answers 200
    /// when a toggle has that state already.
    fn toggle(&self, toggles: &Toggles) -> Result<Run> {
        let before = self.database.changes()?;
        let run = self.peer.run(self.bench, CALLERS, toggles)?;
        let changes = self.database.changes()? - before;
        ensure!(
            changes as f64 >= 0.99 * run.requests as f64,
            "{} requests to Unleash made {changes} changes",
            run.requests
        );
        Ok(run)
    }
}

fn program(path: &str) -> PathBuf {
    Path::new(INSTALLED).join(path)
}

fn name_of(toggle: usize) -> String {
    format!("toggle-{toggle}")
}

/// Returns the request that turns a toggle on or off.
fn turn(toggle: usize, on: bool) -> Vec<u8> {
    let (name, state) = (name_of(toggle), if on { "on" } else { "off" });
    let path = format!("{TOGGLES}/{name}/environments/development/{state}");
    with_json("POST", &path, ADMIN, "{}")
}

/// A source of changes: turns every toggle off, then every toggle on, and so on.
#[derive(Default)]
struct Toggles {
    number: AtomicUsize,
}

impl Source for Toggles {
    fn next(&self, _: &mut Dice, request: &mut Vec<u8>) -> Expected {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let on = (number / TOGGLED) % 2 == 1;
        request.extend_from_slice(&turn(number % TOGGLED, on));
        Expected {
            statuses: &[200],
            body: Body::Exactly([].into()),
        }
    }
}

/// Compares a poll without news with a client's poll of Unleash, and writes of a route with changes
/// of a toggle.
pub fn polls_and_writes(bench: &Bench) -> Result<()> {
    let polls = "snapshot 304 / Unleash client features 304, CPU";
    let changes = "PUT, one tenant / Unleash toggle, writes";
    if !program(PROGRAM).is_file() {
        skip(bench, polls, "Unleash");
        skip(bench, changes, "Unleash");
        return Ok(());
    }
    let ours = OneTenant::start(bench, Access::Keys)?;
    let unleash = Unleash::start(bench)?;
    unleash.make_toggles(0, POLLED)?;
    let (seen, base) = (ours.ten_routes_unchanged(bench)?, unleash.unchanged()?);
    let figures = [Ratio::of(polls, Target::AtMost(0.01), |run: &Run| {
        run.cpu_us
    })];
    compare(
        bench,
        &figures,
        || unleash.peer.run(bench, CONNECTIONS, &base),
        || ours.run(bench, &seen),
    )?;
    unleash.make_toggles(POLLED, TOGGLED)?;
    let toggles = Toggles::default();
    let figures = [Ratio::of(changes, Target::AtLeast(1.0), Run::rate)];
    compare(
        bench,
        &figures,
        || unleash.toggle(&toggles),
        || writes::run(bench, &ours.service, 1, CALLERS),
    )
}
