//! A database per test, on the real primary and its replica.

use arc_swap::ArcSwap;
use tokio_postgres::{Client, NoTls, Row, error::SqlState, types::ToSql};
use tokio_postgres_rustls::MakeRustlsConnect;
use traffic_manager::store::migrations;
use url::Url;
use uuid::Uuid;

use super::{eventually, secure};

/// A migrated database for one test. It is dropped when the last user lets go of it.
pub struct Database {
    /// The database's name, `tm_test_…`.
    pub name: String,
    /// The database's URL on the primary, with the service's role.
    pub app_url: String,
    /// The same URL on the replica.
    pub replica_url: String,
    superuser: ArcSwap<Client>,
}

impl Database {
    /// Creates a database as a copy of the migrated template, and waits until the replica has it.
    pub async fn create() -> Self {
        let server = connect(&variable("PG_PRIMARY_URL")).await;
        let (name, template) = (new_name(), template(&server).await);
        server
            .execute(&create_database(&name, &template), &[])
            .await
            .expect("a database for the test");
        // A copy does not have the rights on the template itself, such as TEMPORARY.
        let rights = "update pg_database set datacl = template.datacl \
             from pg_database template where template.datname = $1 and pg_database.datname = $2";
        server
            .execute(rights, &[&template, &name])
            .await
            .expect("the rights of the template");
        Self::open(name).await
    }

    /// Creates an empty database and migrates it: it shares no object id with another database.
    pub async fn migrated() -> Self {
        let server = connect(&variable("PG_PRIMARY_URL")).await;
        let name = new_name();
        migrate_new(&server, &name).await;
        Self::open(name).await
    }

    async fn open(name: String) -> Self {
        let superuser = ArcSwap::from_pointee(connect(&url_of("PG_PRIMARY_URL", &name)).await);
        let database = Self {
            app_url: url_of("PG_APP_URL", &name),
            replica_url: url_of("PG_APP_REPLICA_URL", &name),
            superuser,
            name,
        };
        super::secure::let_in(&database).await;
        database.caught_up().await;
        database
    }

    /// Waits until the replica has replayed everything that the primary has written by now.
    pub async fn caught_up(&self) {
        let position: String = self.rows("select pg_current_wal_lsn()::text", &[]).await[0].get(0);
        let replica = connect(&variable("PG_REPLICA_URL")).await;
        eventually("the replica has caught up", async || {
            let sql = "select pg_last_wal_replay_lsn() >= $1::text::pg_lsn";
            replica
                .query_one(sql, &[&position])
                .await
                .unwrap()
                .get::<_, bool>(0)
                .then_some(())
        })
        .await;
    }

    /// Returns the rows of `sql`. The superuser reads them on the primary, so no rule of the
    /// service applies.
    pub async fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        self.superuser
            .load_full()
            .query(sql, parameters)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// Returns the first column of the first row: the number that `sql` counts.
    pub async fn count(&self, sql: &str) -> i64 {
        self.rows(sql, &[]).await[0].get(0)
    }

    /// The same, but returns `None` while the primary is away.
    pub async fn try_count(&self, sql: &str) -> Option<i64> {
        let row = self.superuser.load_full().query_one(sql, &[]).await.ok()?;
        row.try_get(0).ok()
    }

    /// Opens a new superuser connection after the primary was away.
    pub async fn connect_again(&self) {
        self.superuser.store(std::sync::Arc::new(
            connect(&url_of("PG_PRIMARY_URL", &self.name)).await,
        ));
    }

    /// Changes rows as the superuser, without the service.
    pub async fn execute(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> u64 {
        self.superuser
            .load_full()
            .execute(sql, parameters)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// Counts the statements of requests that wait for a lock.
    pub async fn waiting(&self) -> i64 {
        self.waiting_statements().await.len() as i64
    }

    /// Returns the statements of requests that wait for a lock. It excludes the queries of the
    /// archiver of events set aside: they wait for the same tables, but on a connection that no
    /// request can use.
    pub async fn waiting_statements(&self) -> Vec<String> {
        let sql = "select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' \
             and query not like '% from set_aside_events %'";
        self.rows(sql, &[])
            .await
            .iter()
            .map(|row| row.get(0))
            .collect()
    }

    /// Locks a table against everybody else until the lock is released or dropped.
    pub async fn lock(&self, table: &str) -> Lock {
        let session = connect(&self.owner_url()).await;
        for statement in [
            "begin",
            &format!("lock table {table} in access exclusive mode"),
        ] {
            session.execute(statement, &[]).await.unwrap();
        }
        Lock(session)
    }

    /// The database's URL on the primary as the superuser, with every right.
    pub fn owner_url(&self) -> String {
        url_of("PG_PRIMARY_URL", &self.name)
    }

    /// Returns every row of every table as text, except one table's.
    pub async fn dump(&self, without: &str) -> String {
        let tables = "select string_agg(format('select %L || t::text as row from %I t', table_name || ' ', table_name), ' union all ') \
             from information_schema.tables where table_schema = 'public' and table_name <> $1";
        let sql: String = self.rows(tables, &[&without]).await[0].get(0);
        let rows = self.rows(&format!("{sql} order by 1"), &[]).await;
        rows.iter()
            .map(|row| row.get::<_, String>(0) + "\n")
            .collect()
    }

    /// Returns everything that a write could leave behind, as one text that can be compared.
    pub async fn fingerprint(&self) -> String {
        let sql = "select concat_ws(' ', \
             (select count(*) || ' tenants ' || coalesce(sum(hashtext(t::text)), 0) from tenants t), \
             (select count(*) || ' routes ' || coalesce(sum(hashtext(r::text)), 0) from routes r), \
             (select count(*) || ' events' from route_events), (select count(*) || ' outbox' from outbox), \
             (select count(*) || ' keys' from idempotency_keys))";
        self.rows(sql, &[]).await[0].get(0)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (url, name) = (variable("PG_PRIMARY_URL"), self.name.clone());
        // A thread of its own: the test's runtime may be ending, and its services may still hold
        // connections.
        let dropper = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let server = connect(&url).await;
                server
                    .execute(&format!("drop database if exists {name} with (force)"), &[])
                    .await
            })
        });
        let _ = dropper.join();
    }
}

/// Returns the name of the migrated database that every test's database is a copy of. The first
/// caller makes it, under a lock that all suites take. Its name has the hash of the migrations, so
/// that a stack that lives longer than a migration never serves an old one.
async fn template(server: &Client) -> String {
    const LOCK: i64 = i64::from_be_bytes(*b"tm-templ");
    let name = format!("tm_template_{:016x}", migrations::fingerprint());
    server
        .execute("select pg_advisory_lock($1)", &[&LOCK])
        .await
        .expect("the lock of the template");
    let known = server
        .query_opt("select from pg_database where datname = $1", &[&name])
        .await
        .expect("the list of databases");
    if known.is_none() {
        make_template(server, &name).await;
    }
    server
        .execute("select pg_advisory_unlock($1)", &[&LOCK])
        .await
        .expect("the lock of the template");
    name
}

/// Migrates a new database, and gives it the template's name at the end: a template that is there
/// is complete. Removes the templates of other migrations.
async fn make_template(server: &Client, name: &str) {
    let old = "select datname from pg_database where datname like 'tm\\_template\\_%'";
    for row in server.query(old, &[]).await.expect("the list of databases") {
        let old: String = row.get(0);
        let drop = format!("drop database if exists {old} with (force)");
        server.execute(&drop, &[]).await.expect("no old template");
    }
    let draft = "tm_template_draft";
    migrate_new(server, draft).await;
    // A database can be renamed once nobody is connected to it.
    let rename = format!("alter database {draft} rename to {name}");
    eventually("the template has its name", async || {
        server.execute(&rename, &[]).await.ok()
    })
    .await;
}

/// Creates a database and migrates it as the owner, as with the command `migrate`: the owner is no
/// superuser, and has no more rights than it needs.
async fn migrate_new(server: &Client, name: &str) {
    server
        .execute(&create_database(name, "template1"), &[])
        .await
        .expect("a new database");
    let mut owner = connect(&url_of("PG_OWNER_URL", name)).await;
    migrations::run(&mut owner)
        .await
        .expect("the migrations run");
}

fn create_database(name: &str, template: &str) -> String {
    format!("create database {name} template {template} owner traffic_manager_owner")
}

fn new_name() -> String {
    format!("tm_test_{}", Uuid::new_v4().simple())
}

/// A lock on a table: nobody else can read or write it until this session ends.
pub struct Lock(Client);

impl Lock {
    pub async fn release(self) {
        self.0.execute("rollback", &[]).await.unwrap();
    }
}

/// Opens a connection to the stack's Postgres. A replica may refuse one because it replays what other tests
/// removed just then; that is tried again.
pub async fn connect(url: &str) -> Client {
    let conflicts =
        |error: &tokio_postgres::Error| error.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE);
    for _ in 0..CONFLICTS {
        match try_connect(url).await {
            Err(error) if conflicts(&error) => {}
            other => return other.expect(CONNECTS),
        }
    }
    try_connect(url).await.expect(CONNECTS)
}

/// The most conflicts with the replay of a replica in a row.
const CONFLICTS: u32 = 20;
const CONNECTS: &str = "a connection to the stack; is it up? `make test` starts it";

/// The same, or the error of a server that may be away.
pub async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    if !secure::is_on() {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        return Ok(client);
    }
    let tls = MakeRustlsConnect::new(
        traffic_manager::tls::client("STACK_CA", &secure::ca()).expect("the stack's CA"),
    );
    let (client, connection) = tokio_postgres::connect(url, tls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Returns an environment variable that describes the running stack.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `make test`, which starts the stack and sets it")
    })
}

/// Returns a URL of the stack's Postgres, with another database in it.
pub fn url_of(name: &str, database: &str) -> String {
    let mut url = Url::parse(&variable(name)).expect("a Postgres URL");
    url.set_path(database);
    url.to_string()
}
