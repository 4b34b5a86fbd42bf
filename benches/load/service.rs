//! The service under test: the program as a separate process with default settings and its own
//! database, topics and archive.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio_rustls::TlsConnector;

use crate::{
    Bench,
    http::{self, get},
    process::Process,
    support::{World, database, ports::free_address},
    tls::Certificate,
};

/// Number of routes of each seeded tenant: ten services with ten environments of ten versions each.
pub const ROUTES_PER_TENANT: usize = 1000;

/// Settings of a service as it is shipped: callers need keys, and each request counts against every
/// limit. The limits are far above what one machine can ask for, so that none refuses a request.
pub const AS_SHIPPED: &[(&str, &str)] = &[
    ("AUTH__MODE", "required"),
    ("AUTH__KEY_PEPPER", "a pepper of the load program, 32 bytes"),
    ("LIMITS__REQUESTS_PER_SECOND_PER_ADDRESS", "1000000"),
    ("LIMITS__REQUESTS_PER_SECOND_PER_CALLER", "1000000"),
    ("LIMITS__REQUESTS_PER_SECOND_PER_TENANT", "1000000"),
    ("LIMITS__CONCURRENT_REQUESTS_PER_TENANT", "256"),
];

/// A database, topics and an archive for one case, removed on drop.
pub struct Site<'a> {
    bench: &'a Bench,
    world: Option<World>,
}

impl<'a> Site<'a> {
    /// Creates a new site.
    pub fn new(bench: &'a Bench) -> Self {
        Self {
            bench,
            world: Some(bench.runtime.block_on(World::new())),
        }
    }

    /// Returns the site's database, topics and archive.
    pub fn world(&self) -> Result<&World> {
        self.world.as_ref().context("the world has ended")
    }

    /// Runs SQL as the superuser, and returns the number of affected rows.
    pub fn execute(&self, sql: &str) -> Result<u64> {
        let db = &self.world()?.db;
        Ok(self.bench.runtime.block_on(db.execute(sql, &[])))
    }

    /// Returns the number in the first column of the first row that `sql` returns.
    pub fn number(&self, sql: &str) -> Result<f64> {
        let db = &self.world()?.db;
        let rows = self.bench.runtime.block_on(db.rows(sql, &[]));
        Ok(rows.first().context("no row")?.try_get(0)?)
    }

    /// Makes an API key, and returns the header line that presents it.
    pub fn key(&self, role: &str, tenant: Option<&str>) -> Result<String> {
        let mut command = Command::new(&self.bench.program);
        command.args(["key", "create", "--role", role]);
        command.args(tenant.into_iter().flat_map(|tenant| ["--tenant", tenant]));
        command.env_clear().envs(&self.world()?.environment);
        let shipped = AS_SHIPPED.iter();
        command.envs(shipped.map(|(key, value)| (format!("TM__{key}"), value)));
        let output = command.output()?;
        ensure!(
            output.status.success(),
            "no key: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let token = String::from_utf8(output.stdout)?;
        Ok(format!("Authorization: Bearer {}\r\n", token.trim()))
    }

    /// Waits until Kafka has acknowledged every event, and the queue is empty.
    pub fn wait_until_published(&self, limit: Duration) -> Result<()> {
        let started = Instant::now();
        while self.number("select count(*)::float8 from outbox")? > 0.0 {
            ensure!(
                started.elapsed() < limit,
                "the queue is not empty after {limit:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until the replica has replayed all changes so far. After seeding this takes longer
    /// than a test would wait.
    pub fn catch_up(&self, limit: Duration) -> Result<()> {
        let db = &self.world()?.db;
        self.bench.runtime.block_on(async {
            let position: String =
                db.rows("select pg_current_wal_lsn()::text", &[]).await[0].get(0);
            let replica = database::connect(&database::variable("PG_REPLICA_URL")).await;
            let started = Instant::now();
            while !replica
                .query_one(
                    "select pg_last_wal_replay_lsn() >= $1::text::pg_lsn",
                    &[&position],
                )
                .await?
                .try_get::<_, bool>(0)?
            {
                ensure!(
                    started.elapsed() < limit,
                    "the replica has not caught up in {limit:?}"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        })
    }

    /// Adds tenants `first..end`, each with `services` services of a hundred routes, as committed
    /// writes would have left them, but without their history.
    pub fn seed(&self, first: usize, end: usize, services: usize) -> Result<()> {
        self.seed_shape(first, end, [services, 10, 10])
    }

    /// The same with this many services, environments of each, and versions in each.
    pub fn seed_shape(
        &self,
        first: usize,
        end: usize,
        [services, envs, versions]: [usize; 3],
    ) -> Result<()> {
        let count = services * envs * versions;
        // Seeds 100 tenants per statement (with ten services: 100,000 routes), so that the replica
        // can keep up.
        for from in (first..end).step_by(100) {
            let last = end.min(from + 100) - 1;
            self.execute(&format!(
                "insert into tenants (name, epoch, revision, chain_head, routes, created_at, created_by, updated_at, updated_by) \
                 select 't' || lpad(t::text, 6, '0'), lpad(to_hex(t), 16, '0'), {count}, repeat('0', 64), {count}, \
                   now(), 'bench', now(), 'bench' \
                 from generate_series({from}, {last}) t"
            ))?;
            self.execute(&format!(
                "insert into routes (tenant, service, env, version, url, is_active, labels, revision, \
                   created_at, created_by, updated_at, updated_by) \
                 select 't' || lpad(t::text, 6, '0'), 'service-' || s, 'env-' || e, 'v' || v, \
                   'https://v' || v || '.env-' || e || '.service-' || s || '.t' || lpad(t::text, 6, '0') || '.example.com/', \
                   true, '{{}}', s * 100 + e * 10 + v + 1, now(), 'bench', now(), 'bench' \
                 from generate_series({from}, {last}) t, generate_series(0, {services} - 1) s, \
                   generate_series(0, {envs} - 1) e, generate_series(0, {versions} - 1) v"
            ))?;
            self.seed_scopes(from, last)?;
            self.catch_up(Duration::from_secs(300))?;
        }
        self.execute("analyze tenants, routes")?;
        self.catch_up(Duration::from_secs(300))?;
        // Without this checkpoint Postgres would write the seeded pages during the measurements.
        self.execute("checkpoint")?;
        Ok(())
    }

    /// Adds the revision of each service and environment, if the schema has the table `scopes`.
    fn seed_scopes(&self, first: usize, last: usize) -> Result<()> {
        if self.number("select (to_regclass('scopes') is not null)::int::float8")? > 0.0 {
            self.execute(&format!(
                "insert into scopes (tenant, service, env, epoch, revision) \
                 select r.tenant, r.service, r.env, t.epoch, max(r.revision) from routes r join tenants t on t.name = r.tenant \
                 where r.tenant between 't' || lpad('{first}', 6, '0') and 't' || lpad('{last}', 6, '0') group by 1, 2, 3, 4"
            ))?;
        }
        Ok(())
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        if let Some(world) = self.world.take() {
            self.bench.runtime.block_on(world.end());
        }
    }
}

/// A running service and its API's address.
pub struct Service {
    /// The service's process.
    pub process: Process,
    /// The listen address of the API.
    pub api: SocketAddr,
    /// The listen address of metrics and health.
    pub ops: SocketAddr,
    /// The header line of a caller with every right; empty if the service asks for no credentials.
    pub key: String,
    tls: Option<TlsConnector>,
}

impl Service {
    /// Starts `traffic-manager serve` as it is shipped, with keys and limits, except `settings`
    /// (such as `("READ__CACHE_BYTES", "1")`), and waits until the service is ready.
    pub fn start(site: &Site<'_>, settings: &[(&str, &str)]) -> Result<Self> {
        Self::in_role(site, "serve", settings)
    }

    /// The same in the role `all`: it also publishes the events, and archives them.
    pub fn with_archive(site: &Site<'_>) -> Result<Self> {
        Self::in_role(site, "all", &[])
    }

    fn in_role(site: &Site<'_>, role: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let key = site.key("platform_admin", None)?;
        let mut command = Command::new(&site.bench.program);
        command.arg(role);
        Self::run(site, &[AS_SHIPPED, settings].concat(), key, command)
    }

    /// Starts the service as it is shipped, with TLS.
    pub fn over_tls(site: &Site<'_>, certificate: &Certificate) -> Result<Self> {
        let path = |path: &Path| path.display().to_string();
        let (certificate_file, key_file) = (path(&certificate.certificate), path(&certificate.key));
        let settings = [
            ("HTTP__TLS__CERT_FILE", certificate_file.as_str()),
            ("HTTP__TLS__KEY_FILE", key_file.as_str()),
        ];
        let tls = Some(certificate.connector()?);
        Ok(Self {
            tls,
            ..Self::start(site, &settings)?
        })
    }

    /// Starts the service without keys and limits.
    pub fn open(site: &Site<'_>) -> Result<Self> {
        let mut command = Command::new(&site.bench.program);
        command.arg("serve");
        Self::run(site, &[], String::new(), command)
    }

    /// Starts the service as it is shipped, with one worker, under callgrind, which writes its
    /// counts to files that begin with `files`.
    pub fn under_callgrind(site: &Site<'_>, files: &Path) -> Result<Self> {
        let key = site.key("platform_admin", None)?;
        let mut command = Command::new("valgrind");
        command
            .args(["--tool=callgrind", "--separate-threads=yes"])
            .arg(format!("--callgrind-out-file={}", files.display()))
            .arg(&site.bench.program)
            .arg("serve");
        // Everything takes some fifty times as long.
        let patient = [
            ("HTTP__WORKERS", "1"),
            ("HTTP__REQUEST_TIMEOUT_MS", "60000"),
            ("POSTGRES__CONNECT_TIMEOUT_MS", "30000"),
            ("POSTGRES__ACQUIRE_TIMEOUT_MS", "30000"),
            ("RESILIENCE__POSTGRES_PRIMARY__TIMEOUT_MS", "30000"),
            ("RESILIENCE__POSTGRES_REPLICA__TIMEOUT_MS", "30000"),
            ("WRITE__TIMEOUT_MS", "30000"),
        ];
        Self::run(site, &[AS_SHIPPED, &patient].concat(), key, command)
    }

    fn run(
        site: &Site<'_>,
        settings: &[(&str, &str)],
        key: String,
        mut command: Command,
    ) -> Result<Self> {
        let bench = site.bench;
        let (api, ops) = (free_address(), free_address());
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(&site.world()?.environment);
        command
            .env("TM__HTTP__LISTEN", api.to_string())
            .env("TM__HTTP__OPS_LISTEN", ops.to_string());
        command.envs(
            settings
                .iter()
                .map(|(key, value)| (format!("TM__{key}"), value)),
        );
        let process = Process::start("the service", command, &bench.directory.join("service.log"))?;
        process.listens(ops, Duration::from_secs(30))?;
        let started = Instant::now();
        let ready = get("/health/ready", "Connection: close\r\n");
        loop {
            process.lives()?;
            if matches!(
                bench.runtime.block_on(http::once(ops, &ready)),
                Ok((200, ..))
            ) {
                return Ok(Self {
                    process,
                    api,
                    ops,
                    key,
                    tls: None,
                });
            }
            if started.elapsed() > Duration::from_secs(60) {
                bail!(
                    "the service is not ready after a minute; see {}",
                    bench.directory.join("service.log").display()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Requests `path`, and returns the answer's entity tag and body. Fails unless the status is
    /// 200.
    pub fn fetch(&self, bench: &Bench, path: &str) -> Result<(String, Vec<u8>)> {
        let request = get(path, &self.key);
        let asked = http::once_over(self.api, self.tls.as_ref(), &request);
        let (status, etag, body) = bench.runtime.block_on(asked)?;
        ensure!(
            status == 200,
            "GET {path}: status {status}, body {}",
            String::from_utf8_lossy(&body)
        );
        Ok((
            etag.with_context(|| format!("GET {path}: no entity tag"))?,
            body,
        ))
    }
}

/// Returns the path of a seeded route.
pub fn route_path(tenant: usize, route: usize) -> String {
    let (s, e, v) = (route / 100 % 10, route / 10 % 10, route % 10);
    format!("/api/v1/routes/t{tenant:06}/service-{s}/env-{e}/v{v}")
}

/// Returns the path and query that resolve a seeded route.
pub fn resolve_path(tenant: usize, route: usize) -> String {
    let (s, e, v) = (route / 100 % 10, route / 10 % 10, route % 10);
    format!(
        "/api/v1/routes/resolve?tenant=t{tenant:06}&service=service-{s}&env=env-{e}&version=v{v}"
    )
}

/// Returns the URL of a seeded route, as in the route's answer.
pub fn seeded_url(tenant: usize, route: usize) -> String {
    let (s, e, v) = (route / 100 % 10, route / 10 % 10, route % 10);
    format!("https://v{v}.env-{e}.service-{s}.t{tenant:06}.example.com/")
}
