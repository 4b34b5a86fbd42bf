//! The peer of the write path: pgbench with one statement for each write, in one round trip.
//!
//! The statement writes either the minimum (a row of a route and a row of a queue) or the same rows
//! as ours (the tenant's revision, the route, the event with its three indexes, the queue, the
//! scope).

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use url::Url;

use crate::{
    Bench,
    process::{Process, find},
    service::Site,
    support::database::url_of,
};

/// Number of parallel callers of pgbench and of our service.
pub const CALLERS: usize = 32;

const TABLES: &[&str] = &[
    "create table bench_routes (tenant text, service text, env text, version text, url text not null, is_active boolean not null, \
     labels jsonb not null, revision bigint not null, updated_at timestamptz not null, primary key (tenant, service, env, version))",
    "create table bench_outbox (id bigint generated always as identity primary key, event_id uuid not null, payload json not null, \
     created_at timestamptz not null default clock_timestamp())",
];

/// The rows that one statement of pgbench writes.
#[derive(Debug, Clone, Copy)]
pub enum Rows {
    /// The minimum: a row of a route and a row of a queue.
    Least,
    /// The same rows as one of our writes, for a random tenant.
    Same {
        /// The number of tenants to choose from.
        tenants: usize,
    },
}

const SAME_TABLES: &[&str] = &[
    "create table bench_tenants (name text primary key, epoch text not null, revision bigint not null, chain_head text not null, \
     updated_at timestamptz not null) with (fillfactor = 50)",
    "create table bench_events (tenant text, epoch text, revision bigint, item integer, id uuid not null unique, type text not null, \
     payload json not null, service text not null, env text not null, version text not null, occurred_at timestamptz not null, \
     primary key (tenant, epoch, revision, item))",
    "create index on bench_events (tenant, service, env, version, epoch, revision desc, item desc)",
    "create table bench_queue (id bigint generated always as identity primary key, event_id uuid not null, \
     created_at timestamptz not null default clock_timestamp())",
    "create table bench_scopes (tenant text, service text, env text, epoch text not null, revision bigint not null, \
     primary key (tenant, service, env))",
];

/// Returns the pgbench script that writes the same rows as ours. The payload is as long as an
/// event.
fn same_rows(tenants: usize) -> String {
    format!(
        "\\set t random(0, {})\n\\set r random(0, 99)\n\\set u random(1, 1000000000)\n\
         with tenant as (update bench_tenants set revision = revision + 1, chain_head = md5(:u::text) || md5(:u::text), \
         updated_at = now() where name = 't' || lpad(:t::int::text, 6, '0') returning *), \
         changed as (insert into bench_routes select name, 'service-0', 'env-' || (:r::int / 10), 'v' || (:r::int % 10), \
         'https://host-' || :u::bigint::text || '.example.com/', true, '{{}}', revision, now() from tenant \
         on conflict (tenant, service, env, version) do update set url = excluded.url, revision = excluded.revision, \
         updated_at = excluded.updated_at returning *), \
         event as (insert into bench_events select c.tenant, t.epoch, t.revision, 0, gen_random_uuid(), 'updated', \
         json_build_object('before', repeat('x', 350), 'after', repeat('y', 350), 'url', c.url), c.service, c.env, c.version, now() \
         from changed c, tenant t returning *), \
         scope as (insert into bench_scopes select tenant, service, env, epoch, revision from event \
         on conflict (tenant, service, env) do update set epoch = excluded.epoch, revision = excluded.revision) \
         insert into bench_queue (event_id) select id from event;\n",
        tenants - 1
    )
}

/// Returns the pgbench script that writes the minimum. `:t`, `:r` and `:u` are new random numbers
/// for each write.
fn script(tenants: usize) -> String {
    let tenant = "'t' || lpad(:t::int::text, 6, '0')";
    let url = "'https://host-' || :u::bigint::text || '.example.com/'";
    format!(
        "\\set t random(0, {})\n\\set r random(0, 99)\n\\set u random(1, 1000000000)\n\
         with changed as (insert into bench_routes values ({tenant}, 'service-0', 'env-' || (:r::int / 10), 'v' || (:r::int % 10), \
         {url}, true, '{{}}', 1, now()) on conflict (tenant, service, env, version) do update set url = excluded.url, \
         revision = bench_routes.revision + 1, updated_at = excluded.updated_at returning *) \
         insert into bench_outbox (event_id, payload) select gen_random_uuid(), to_json(changed) from changed;\n",
        tenants - 1
    )
}

/// pgbench with its own tables in a site's database.
pub struct Pgbench {
    program: PathBuf,
    script: PathBuf,
    log: PathBuf,
    url: Url,
}

impl Pgbench {
    /// Creates and fills the tables. Returns `None` if pgbench is not installed.
    pub fn prepare(
        bench: &Bench,
        site: &Site<'_>,
        tenants: usize,
        rows: Rows,
    ) -> Result<Option<Self>> {
        // Packages install pgbench beside the server, in a directory of the server's version.
        let beside: Vec<String> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("bin").display().to_string())
            .collect();
        let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
        let Some(program) = find("pgbench", &beside) else {
            return Ok(None);
        };
        for table in TABLES.iter().chain(SAME_TABLES) {
            site.execute(table)?;
        }
        site.execute(&format!(
            "insert into bench_tenants select 't' || lpad(t::text, 6, '0'), '0123456789abcdef', 1, repeat('0', 64), now() \
             from generate_series(0, {tenants} - 1) t"
        ))?;
        site.execute(&format!(
            "insert into bench_routes select 't' || lpad(t::text, 6, '0'), 'service-0', 'env-' || e, 'v' || v, \
             'https://host-0.example.com/', true, '{{}}', 1, now() \
             from generate_series(0, {tenants} - 1) t, generate_series(0, 9) e, generate_series(0, 9) v"
        ))?;
        site.execute("analyze bench_routes")?;
        site.catch_up(Duration::from_secs(60))?;
        let path = bench.directory.join("write.sql");
        let script = match rows {
            Rows::Least => script(tenants),
            Rows::Same { tenants } => same_rows(tenants),
        };
        fs::write(&path, script).with_context(|| format!("{}", path.display()))?;
        let url = Url::parse(&url_of("PG_PRIMARY_URL", &site.world()?.db.name))?;
        Ok(Some(Self {
            program,
            script: path,
            log: bench.directory.join("pgbench.log"),
            url,
        }))
    }

    /// Runs pgbench and returns its transactions per second. The password is passed in the
    /// environment, because a list of processes shows arguments.
    pub fn run(&self, duration: Duration) -> Result<f64> {
        let seconds = duration.as_secs().max(1);
        let mut command = Command::new(&self.program);
        command
            .args(["-n", "-M", "prepared", "-j", "2", "-c"])
            .arg(CALLERS.to_string())
            .args(["-T", &seconds.to_string(), "-f"])
            .arg(&self.script)
            .env("PGHOST", self.url.host_str().unwrap_or("127.0.0.1"))
            .env("PGPORT", self.url.port().unwrap_or(5432).to_string())
            .env("PGUSER", self.url.username())
            .env("PGPASSWORD", self.url.password().unwrap_or_default())
            .env("PGDATABASE", self.url.path().trim_start_matches('/'));
        let _ = fs::remove_file(&self.log);
        let process = Process::start("pgbench", command, &self.log)?;
        let is_good = process.wait(Duration::from_secs(seconds + 30))?;
        let text = fs::read_to_string(&self.log)?;
        ensure!(is_good, "pgbench failed: {text}");
        let failed = text
            .lines()
            .find_map(|line| line.strip_prefix("number of failed transactions: "));
        ensure!(
            failed.is_none_or(|line| line.starts_with("0 ")),
            "pgbench: failed transactions: {failed:?}"
        );
        let tps = text
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        tps.with_context(|| format!("pgbench says no rate: {text}"))
    }
}
