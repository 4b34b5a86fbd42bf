//! Isolation in the database: whatever a query leaves out, the service's role sees and changes no
//! rows of unnamed tenants.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_postgres::{Client, types::Type};
use traffic_manager::{
    domain::{
        host::{Host, claims::Claims},
        ids::{PolicyName, RouteKey, TenantName},
        policy::PathPrefix,
    },
    store::{
        self, Server, Visible,
        group::{Rows, RowsToLock},
    },
};

use crate::support::{
    Database, TestApp,
    database::{connect, url_of},
    settings,
};

/// Returns the tables with rows of tenants, and the column with the tenant's name.
const TABLES: &str = "select c.relname::text, a.attname::text from pg_class c join pg_attribute a on a.attrelid = c.oid \
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 \
      and (a.attname = 'tenant' or (c.relname = 'tenants' and a.attname = 'name')) order by 1";

async fn tables(db: &Database) -> Vec<(String, String)> {
    let tables: Vec<_> = db
        .rows(TABLES, &[])
        .await
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert!(tables.len() >= 9, "{tables:?}");
    tables
}

/// Starts a service with rows of two tenants in each of the tables.
async fn two_tenants() -> TestApp {
    let app = TestApp::start().await;
    for tenant in ["acme", "globex"] {
        app.post("/tenants")
            .header("idempotency-key", "k")
            .json(&json!({ "name": tenant }))
            .expect(201)
            .await;
        app.put(&format!("/routes/{tenant}/web/prod/v1"))
            .json(&json!({ "url": "http://a" }))
            .expect(201)
            .await;
        let policy = json!({ "failover": ["v1"], "hosts": [format!("{tenant}.example")] });
        app.put(&format!("/policies/{tenant}/web/prod"))
            .json(&policy)
            .expect(201)
            .await;
        let plan = json!({ "routes": [{ "service": "web", "env": "test", "version": "v2", "url": "http://b" }] });
        app.post(&format!("/tenants/{tenant}/plans"))
            .json(&plan)
            .expect(201)
            .await;
        let sql = "insert into audit_checkpoints (tenant, epoch, revision, hash, events, occurred_at) \
                   select name, epoch, 1, chain_head, 1, now() from tenants where name = $1";
        app.db.execute(sql, &[&tenant]).await;
        let sql = "insert into api_keys (id, tenant, roles, services, envs, description, hash, created_by, changed) \
                   values (lpad($1, 12, '0'), $1, '{viewer}', '{}', '{}', '', sha256($1::bytea), 'test', 1)";
        app.db.execute(sql, &[&tenant]).await;
        let sql = "insert into replays (id, tenant, from_revision, include_removed, events_per_second, reason, created_by) \
                   values (gen_random_uuid(), $1, 1, false, 1, 'test', 'test')";
        app.db.execute(sql, &[&tenant]).await;
        let sql = "insert into data_keys (tenant, id, kind, subject, master, wrapped, name) \
                   values ($1, left(md5($1), 16), 'key', $1::bytea, 'm', $1::bytea, 'n')";
        app.db.execute(sql, &[&tenant]).await;
        let sql = "insert into quarantined_policies (tenant, service, env, dialect, form, epoch, revision, reason, node, program) \
                   select name, 'web', 'prod', 'envoy', 'f', epoch, 1, 'test', 'n', 'p' from tenants where name = $1";
        app.db.execute(sql, &[&tenant]).await;
    }
    app
}

/// Opens a session of the service's role that names the tenants in `visible`.
async fn probe(db: &Database, visible: Option<&str>) -> Client {
    let client = connect(&db.app_url).await;
    if let Some(visible) = visible {
        client
            .execute("select set_config('app.tenants', $1, false)", &[&visible])
            .await
            .unwrap();
    }
    client
}

async fn seen(client: &Client, (table, column): &(String, String)) -> Vec<String> {
    // A key for all tenants has no tenant: its column is null.
    let sql =
        format!("select distinct {column} from {table} where {column} is not null order by 1");
    client
        .query(&sql, &[])
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
        .iter()
        .map(|row| row.get(0))
        .collect()
}

/// Returns the SQLSTATE with which `sql` is refused.
async fn refused(client: &Client, sql: &str) -> String {
    let error = client.execute(sql, &[]).await.expect_err(sql);
    error
        .code()
        .unwrap_or_else(|| panic!("{sql}: {error:?}"))
        .code()
        .to_owned()
}

/// The SQLSTATE for a statement that Postgres does not allow.
const DENIED: &str = "42501";

fn primary(db: &Database, overrides: &[&str]) -> Server {
    let settings = settings(db, overrides);
    Server::primary(&settings.postgres, &settings.resilience).unwrap()
}

fn tenant(name: &str) -> TenantName {
    name.parse().unwrap()
}

fn host(raw: &str) -> Host {
    raw.to_owned().try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_tables_force_row_level_security_on_their_owner() {
    let db = Database::create().await;
    let sql = "select c.relrowsecurity and c.relforcerowsecurity, \
                   (select array_agg((p.polpermissive, p.polcmd::text, p.polroles, p.polqual is not null, p.polwithcheck is not null)::text) \
                    from pg_policy p where p.polrelid = c.oid) \
               from pg_class c where c.oid = $1::text::regclass";
    for (table, _) in tables(&db).await {
        let row = &db.rows(sql, &[&table]).await[0];
        assert!(
            row.get::<_, bool>(0),
            "{table}: row-level security is not forced"
        );
        let policies: Option<Vec<String>> = row.get(1);
        assert_eq!(
            policies.as_deref(),
            Some(&["(t,*,{0},t,t)".to_owned()][..]),
            "{table}: one policy for all commands and roles"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_sees_tenant_rows_only_in_the_migration_session() {
    let app = two_tenants().await;
    let url = url_of("PG_OWNER_URL", &app.db.name);
    let mut migrating = connect(&url).await;
    assert_eq!(
        store::migrations::run(&mut migrating).await.unwrap(),
        Vec::<String>::new()
    );
    let owner = connect(&url).await;
    for table in tables(&app.db).await {
        assert_eq!(
            seen(&migrating, &table).await,
            ["acme", "globex"],
            "{table:?}: a migration sees what it changes"
        );
        assert_eq!(seen(&owner, &table).await, [""; 0], "{table:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_role_sees_no_row_of_an_unnamed_tenant() {
    let app = two_tenants().await;
    let cases: [(Option<&str>, &[&str]); 9] = [
        (None, &[]),
        (Some(""), &[]),
        (Some("acme"), &["acme"]),
        (Some("globex,acme"), &["acme", "globex"]),
        (Some("initech"), &[]),
        (Some("*"), &["acme", "globex"]),
        // `*` means all tenants only if it stands alone.
        (Some("acme,*"), &["acme"]),
        (Some("acme, globex"), &["acme"]),
        (Some("ACME,%,acm_"), &[]),
    ];
    for (visible, expected) in cases {
        let probe = probe(&app.db, visible).await;
        for table in tables(&app.db).await {
            assert_eq!(
                seen(&probe, &table).await,
                expected,
                "{table:?} with {visible:?}"
            );
        }
    }
    // A setting for one transaction ends with the transaction.
    let mut probe = probe(&app.db, None).await;
    let tx = probe.transaction().await.unwrap();
    tx.execute("select set_config('app.tenants', 'acme', true)", &[])
        .await
        .unwrap();
    assert_eq!(tx.query("select from routes", &[]).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    assert_eq!(
        probe.query("select from routes", &[]).await.unwrap().len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn service_role_changes_no_row_of_an_unnamed_tenant() {
    let app = two_tenants().await;
    let probe = probe(&app.db, Some("acme")).await;
    let may = async |table: &str, right: &str| {
        let sql = "select has_table_privilege('traffic_manager', $1, $2)";
        app.db.rows(sql, &[&table, &right]).await[0].get::<_, bool>(0)
    };
    let before = app.db.fingerprint().await;
    let (mut inserts, mut updates, mut deletes) = (0, 0, 0);
    for (table, column) in tables(&app.db).await {
        let copy = format!(
            "insert into {table} select (jsonb_populate_record(null::{table}, to_jsonb(t) || '{{\"{column}\": \"globex\"}}')).* from {table} t"
        );
        assert_eq!(refused(&probe, &copy).await, DENIED, "{copy}");
        inserts += i32::from(may(&table, "insert").await);
        let give_away = format!("update {table} set {column} = 'globex'");
        assert_eq!(refused(&probe, &give_away).await, DENIED, "{give_away}");
        if may(&table, "update").await {
            updates += 1;
            let touch = format!("update {table} set {column} = {column} where {column} = 'globex'");
            assert_eq!(probe.execute(&touch, &[]).await.unwrap(), 0, "{touch}");
        }
        if may(&table, "delete").await {
            deletes += 1;
            let delete = format!("delete from {table} where {column} = 'globex'");
            assert_eq!(probe.execute(&delete, &[]).await.unwrap(), 0, "{delete}");
        }
    }
    assert_eq!(
        (inserts, updates, deletes),
        (12, 9, 9),
        "the statements that only row-level security could refuse"
    );
    let steal = "insert into routes select 'globex', service, env, version, 'http://mine', is_active, labels, description, revision, \
                 created_at, created_by, updated_at, updated_by from routes \
                 on conflict (tenant, service, env, version) do update set url = excluded.url";
    assert_eq!(refused(&probe, steal).await, DENIED);
    assert_eq!(app.db.fingerprint().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_role_owns_nothing_and_cannot_disable_row_security() {
    let app = two_tenants().await;
    let is_more = "select count(*) from pg_roles r where (r.rolsuper or r.rolbypassrls or r.rolcreaterole) \
                   and pg_has_role('traffic_manager', r.oid, 'member')";
    assert_eq!(app.db.count(is_more).await, 0);
    let owned = "select (select count(*) from pg_class c where pg_has_role('traffic_manager', c.relowner, 'member')) \
                 + (select count(*) from pg_proc p where pg_has_role('traffic_manager', p.proowner, 'member'))";
    assert_eq!(app.db.count(owned).await, 0);
    let probe = probe(&app.db, Some("acme")).await;
    for (table, _) in tables(&app.db).await {
        for sql in [
            format!("alter table {table} disable row level security"),
            format!("alter table {table} no force row level security"),
            format!("drop policy visible_tenants on {table}"),
            format!("create policy mine on {table} using (true)"),
            format!("alter table {table} owner to traffic_manager"),
            format!("truncate {table}"),
        ] {
            assert_eq!(refused(&probe, &sql).await, DENIED, "{sql}");
        }
    }
    assert_eq!(
        refused(&probe, "set role traffic_manager_owner").await,
        DENIED
    );
    assert_eq!(refused(&probe, "create or replace function owned_prefixes(hosts text[]) returns table (host text, path_prefix text) language sql as ''").await, DENIED);
    for trigger in [
        "keep_hosts_of_one_tenant",
        "keep_hosts_of_one_tenant_changed",
        "place_host",
    ] {
        assert_eq!(
            refused(
                &probe,
                &format!("alter table policy_hosts disable trigger {trigger}")
            )
            .await,
            DENIED
        );
    }
    probe.execute("set row_security = off", &[]).await.unwrap();
    assert_eq!(
        refused(&probe, "select from routes").await,
        DENIED,
        "an error, and not all rows"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn service_role_creates_no_tables_and_no_large_objects() {
    let app = two_tenants().await;
    let probe = probe(&app.db, Some("acme")).await;
    for sql in [
        "create temporary table mine ()",
        "create temp view mine as select 1",
        "create table mine ()",
    ] {
        assert_eq!(refused(&probe, sql).await, DENIED, "{sql}");
    }
    // A superuser has to run this statement once for a database, as is done for the database of the
    // stack.
    let roles = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docker/postgres/roles.sql"
    ))
    .unwrap();
    let revoke = &roles[roles.find("REVOKE EXECUTE").expect("the statement")..];
    app.db
        .execute(revoke.trim_end().trim_end_matches(';'), &[])
        .await;
    let writing = "select oid::regprocedure::text from pg_proc where pronamespace = 'pg_catalog'::regnamespace \
                   and (proname like 'lo\\_%' or proname = 'lowrite') and proname not in ('lo_get', 'lo_close', 'lo_unlink', 'lo_export', \
                     'lo_lseek', 'lo_lseek64', 'lo_tell', 'lo_tell64') and has_function_privilege('traffic_manager', oid, 'execute')";
    let left: Vec<String> = app
        .db
        .rows(writing, &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(refused(&probe, "select lo_create(0)").await, DENIED);
}

#[tokio::test(flavor = "multi_thread")]
async fn query_without_a_tenant_predicate_sees_no_foreign_rows() {
    let app = two_tenants().await;
    // The reads run one after the other, so that each borrows the connection of the read before it.
    let server = primary(&app.db, &[]);
    let forgetful = async |tx: &store::Transaction<'_>| {
        let rows = tx
            .query("select tenant from routes order by 1", &[])
            .await?;
        Ok(rows
            .iter()
            .map(|row| row.get::<_, String>(0))
            .collect::<Vec<_>>())
    };
    for (visible, expected) in [
        (Visible::all_tenants(), &["acme", "globex"][..]),
        (Visible::tenant(&tenant("globex")), &["globex"]),
        (
            Visible::tenants([&tenant("acme"), &tenant("globex")]),
            &["acme", "globex"],
        ),
        (Visible::tenants([]), &[]),
        (Visible::no_tenants(), &[]),
    ] {
        assert_eq!(
            server.read(&visible, forgetful).await.unwrap(),
            expected,
            "{visible:?}"
        );
        assert_eq!(
            server.read_at_once(&visible, forgetful).await.unwrap(),
            expected,
            "{visible:?}"
        );
        let next = server.connection().await.unwrap();
        assert_eq!(
            next.query("select from routes", &[]).await.unwrap().len(),
            0,
            "the tenants of a read do not stay on its connection"
        );
    }
    // A read cannot write, and a write changes no rows of other tenants.
    let delete =
        async |tx: &store::Transaction<'_>| Ok(tx.execute("delete from plans", &[]).await?);
    assert!(
        server
            .read(&Visible::tenant(&tenant("acme")), delete)
            .await
            .is_err()
    );
    assert_eq!(app.db.count("select count(*) from plans").await, 2);
    assert_eq!(
        server
            .write(&Visible::tenant(&tenant("acme")), delete)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        app.db
            .count("select count(*) from plans where tenant = 'globex'")
            .await,
        1
    );
    let next = server.connection().await.unwrap();
    assert_eq!(
        next.query("select from routes", &[]).await.unwrap().len(),
        0,
        "the tenants of a write do not stay on its connection"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn group_commit_changes_only_rows_of_its_tenants() {
    let app = two_tenants().await;
    let server = primary(&app.db, &[]);
    let before = app.db.fingerprint().await;
    let wanted = || RowsToLock {
        tenants: vec![tenant("acme")],
        hosts: ["globex.example", "acme.example", "*.globex.example"]
            .map(|host| (tenant("acme"), self::host(host)))
            .into(),
        ..RowsToLock::default()
    };
    let theirs = RouteKey {
        tenant: tenant("globex"),
        name: serde_json::from_value(json!({"service": "web", "env": "prod", "version": "v1"}))
            .unwrap(),
    };
    let commit = async |rows: &dyn Fn() -> Rows| {
        let mut client = server.writing_connection().await.unwrap();
        let decide = |locked: store::group::Locked| Ok((rows(), locked.hosts));
        let owners = Box::pin(store::group::commit(
            &mut client,
            server.tls(),
            &wanted(),
            Duration::from_secs(10),
            decide,
        ))
        .await
        .unwrap();
        assert_eq!(
            client.query("select from routes", &[]).await.unwrap().len(),
            0,
            "the tenants of a group do not stay on its connection"
        );
        owners
    };
    let delete = || Rows {
        delete_routes: vec![theirs.clone()],
        ..Rows::default()
    };
    // A group must learn that a host is taken. It sees the owner only for hosts of its own tenants.
    let mut taken = Claims::default();
    let policy = PolicyName {
        service: "web".parse().unwrap(),
        env: "prod".parse().unwrap(),
    };
    taken.insert(
        &host("acme.example"),
        &PathPrefix::default(),
        &tenant("acme"),
        &policy,
    );
    ["globex.example", "*.globex.example"]
        .into_iter()
        .for_each(|name| taken.insert_unseen(host(name)));
    assert_eq!(commit(&delete).await, taken);
    let delete_tenant = || Rows {
        delete_tenants: vec![tenant("globex")],
        ..Rows::default()
    };
    commit(&delete_tenant).await;
    assert_eq!(app.db.fingerprint().await, before);
    app.put("/policies/acme/web/prod")
        .json(&json!({ "failover": ["v1"], "hosts": ["globex.example"] }))
        .problem(409, "host_taken")
        .await;
}

/// `taken_hosts` reveals only that another tenant has a host, and makes no other rows visible after
/// that. It reads no whole table.
#[tokio::test(flavor = "multi_thread")]
async fn taken_host_is_reported_without_its_owner() {
    let app = two_tenants().await;
    let mut probe = probe(&app.db, Some("acme")).await;
    let tx = probe.transaction().await.unwrap();
    tx.execute("set local enable_seqscan = off", &[])
        .await
        .unwrap();
    let sql = "select wanted, to_jsonb(t) - 'wanted' as rest from taken_hosts(array_fill('acme'::text, array[5]), \
               array['acme.example', 'globex.example', '*.globex.example', 'a.globex.example', '*.example']) t order by 1, 2";
    let nothing =
        json!({ "tenant": null, "service": null, "env": null, "host": null, "path_prefix": null });
    let own = json!({ "tenant": "acme", "service": "web", "env": "prod", "host": "acme.example", "path_prefix": "/" });
    let told: Vec<(String, Value)> = tx
        .query(sql, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let expected = [
        ("*.example".to_owned(), nothing.clone()),
        ("*.globex.example".to_owned(), nothing.clone()),
        ("acme.example".to_owned(), own),
        ("globex.example".to_owned(), nothing),
    ];
    assert_eq!(told, expected);
    let scans = "select pg_stat_get_xact_numscans('policy_hosts'::regclass), pg_stat_get_xact_numscans('policy_hosts_by_place'::regclass)";
    let scans = tx.query_one(scans, &[]).await.unwrap();
    assert_eq!(scans.get::<_, i64>(0), 0, "no scan of the whole table");
    assert!(scans.get::<_, i64>(1) > 0, "the index is used");
    assert_eq!(
        tx.query("select from policies where tenant = 'globex'", &[])
            .await
            .unwrap()
            .len(),
        0
    );
    // The same holds for a claim, also for a refused claim.
    let claim = "insert into policy_hosts (tenant, service, env, host, path_prefix) values ('acme', 'web', 'prod', $1, '/x')";
    assert_eq!(tx.execute(claim, &[&"b.acme.example"]).await.unwrap(), 1);
    assert_eq!(
        tx.query("select from policies where tenant = 'globex'", &[])
            .await
            .unwrap()
            .len(),
        0
    );
    let error = tx.execute(claim, &[&"globex.example"]).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(
        (error.code().code(), error.constraint()),
        ("23505", Some("hosts_of_one_tenant"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn group_commit_writes_for_many_tenants() {
    let app = TestApp::with(&["write.lanes=1"]).await;
    let written = join_all((0..60).map(|at| {
        let path = format!("/routes/t{}/web/prod/v{}", at % 20, at / 20);
        app.put(&path).json(&json!({ "url": "http://a" })).send()
    }))
    .await;
    assert!(
        written.iter().all(|answer| answer.status == 201),
        "{:?}",
        written
            .iter()
            .find(|answer| answer.status != 201)
            .map(|a| &a.json)
    );
    for table in [
        "tenants where revision = 3 and routes = 3",
        "routes",
        "route_events",
        "outbox",
    ] {
        let expected = if table.starts_with("tenants") { 20 } else { 60 };
        assert_eq!(
            app.db.count(&format!("select count(*) from {table}")).await,
            expected,
            "{table}"
        );
    }
}

/// Rows under row-level security are still found by their keys. A filter that no index can use
/// would make each write read whole tables.
#[tokio::test(flavor = "multi_thread")]
async fn every_group_commit_statement_uses_an_index() {
    let app = two_tenants().await;
    let server = primary(&app.db, &[]);
    let mut client = server.writing_connection().await.unwrap();
    let wanted = RowsToLock {
        tenants: vec![tenant("acme")],
        ..RowsToLock::default()
    };
    Box::pin(store::group::commit(
        &mut client,
        server.tls(),
        &wanted,
        Duration::from_secs(10),
        |_| Ok((Rows::default(), ())),
    ))
    .await
    .unwrap();
    let prepared = "select name, statement, cardinality(parameter_types) from pg_prepared_statements where statement not like '%set_config%' and statement not like '%pg_prepared%'";
    let prepared = client.query(prepared, &[]).await.unwrap();
    assert!(prepared.len() >= 20, "{}", prepared.len());
    let mut scans = 0;
    for row in &prepared {
        let (name, statement, parameters): (String, String, i32) =
            (row.get(0), row.get(1), row.get(2));
        let nulls = vec!["null"; usize::try_from(parameters).unwrap()].join(", ");
        let explained = client
            .query_one(
                &format!("explain (format json) execute {name} ({nulls})"),
                &[],
            )
            .await
            .unwrap();
        assert_eq!(explained.columns()[0].type_(), &Type::JSON);
        let plan: Value = explained.get(0);
        scans += scans_by_index(&plan[0]["Plan"], &statement);
    }
    assert!(scans >= 15, "{scans}");
}

/// Returns the number of table scans in a plan. Each must have a condition for its index.
fn scans_by_index(plan: &Value, statement: &str) -> usize {
    let kind = plan["Node Type"].as_str().unwrap();
    let is_scan = plan["Relation Name"].is_string() && kind.ends_with("Scan");
    if is_scan {
        let is_by_index =
            matches!(kind, "Index Scan" | "Index Only Scan") && plan["Index Cond"].is_string();
        assert!(
            is_by_index,
            "{statement}\n{kind} of {}: {plan:#}",
            plan["Relation Name"]
        );
    }
    let below = plan["Plans"].as_array().map_or(&[][..], Vec::as_slice);
    usize::from(is_scan)
        + below
            .iter()
            .map(|plan| scans_by_index(plan, statement))
            .sum::<usize>()
}
