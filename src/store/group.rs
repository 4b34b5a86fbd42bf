//! A group commit: lock, read, let the caller decide, write, commit.
//!
//! This module runs the transaction, and the caller decides: a pure function from the locked rows
//! to the rows to write. Everything between BEGIN and COMMIT is pipelined into two round trips;
//! groups with policies and large groups need more.

use std::{future::Future, time::Duration};

use deadpool_postgres::{Object, Transaction};
use futures_util::{TryFutureExt as _, try_join};
use tokio_postgres::Statement;

use super::{Error, Tls, Visible, events, idempotency, policies, routes, scopes, server, tenants};
use crate::domain::ids::TenantName;
pub use crate::domain::write::rows::{Locked, Rows, RowsToLock};

/// All statements of a group. They are prepared before the first one is sent: only then does a
/// pipeline run in the order in which its futures are made, and the reads must come after the lock.
struct Statements {
    show: Statement,
    lock: Statement,
    find_routes: Statement,
    policies: policies::Reading,
    scopes_of: Statement,
    active_of: Statement,
    patterns_of: Statement,
    routes_of: Statement,
    first_routes: Statement,
    find_answers: Statement,
    insert_tenants: Statement,
    update_tenants: Statement,
    delete_tenants: Statement,
    upsert_routes: Statement,
    delete_routes: Statement,
    write_policies: policies::Writing,
    raise_scopes: Statement,
    insert_events: Statement,
    enqueue: Statement,
    insert_answers: Statement,
}

impl Statements {
    async fn prepare(client: &Object) -> Result<Self, Error> {
        let recording = |error| Error::from(error).of_recording();
        Ok(Self {
            show: Visible::statement(client).await?,
            lock: client.prepare_cached(&tenants::lock_sql()).await?,
            find_routes: client.prepare_cached(routes::FIND).await?,
            policies: policies::Reading::prepare(client).await?,
            scopes_of: client.prepare_cached(scopes::OF).await?,
            active_of: client.prepare_cached(routes::ACTIVE).await?,
            patterns_of: client.prepare_cached(policies::PATTERNS).await?,
            routes_of: client.prepare_cached(routes::OF).await?,
            first_routes: client.prepare_cached(routes::FIRST).await?,
            find_answers: client.prepare_cached(idempotency::FIND).await?,
            insert_tenants: client.prepare_cached(tenants::INSERT).await?,
            update_tenants: client.prepare_cached(tenants::UPDATE).await?,
            delete_tenants: client.prepare_cached(tenants::DELETE).await?,
            upsert_routes: client.prepare_cached(routes::UPSERT).await?,
            delete_routes: client.prepare_cached(routes::DELETE).await?,
            write_policies: policies::Writing::prepare(client).await?,
            raise_scopes: client.prepare_cached(scopes::RAISE).await?,
            insert_events: client
                .prepare_cached(events::INSERT)
                .await
                .map_err(recording)?,
            enqueue: client
                .prepare_cached(events::ENQUEUE)
                .await
                .map_err(recording)?,
            insert_answers: client.prepare_cached(idempotency::INSERT).await?,
        })
    }
}

/// Runs a group as one transaction. `decide` gets the locked rows and returns the rows to write and
/// an answer, which is returned after the commit. Any error but [`Error::CommitUnknown`] means that
/// nothing was written.
pub async fn commit<T>(
    client: &mut Object,
    tls: &Tls,
    wanted: &RowsToLock,
    limit: Duration,
    decide: impl FnOnce(Locked) -> Result<(Rows, T), Error>,
) -> Result<T, Error> {
    let statements = within(limit, Statements::prepare(client)).await?;
    let canceller = client.cancel_token();
    let tx = within(limit, async { Ok(client.transaction().await?) }).await?;
    let prepared = Box::pin(server::cancelled_after(limit, canceller, tls, async {
        if wanted.is_large {
            server::lift_limits(&tx, limit).await?;
        }
        let locked = lock(&tx, &statements, wanted).await?;
        let (rows, answer) = decide(locked)?;
        Box::pin(write(&tx, &statements, &rows)).await?;
        Ok((rows.is_empty(), answer))
    }));
    let (is_empty, answer) = prepared.await?;
    if is_empty {
        // Nothing was written, so there is no COMMIT whose outcome could be unknown.
        within(limit, async { Ok(tx.rollback().await?) }).await?;
    } else {
        commit_or_unknown(tx, limit).await?;
    }
    Ok(answer)
}

/// Commits. A COMMIT that exceeds `limit` is not cancelled: only the server can say what became of
/// it.
pub(super) async fn commit_or_unknown(tx: Transaction<'_>, limit: Duration) -> Result<(), Error> {
    match tokio::time::timeout(limit, tx.commit()).await {
        Ok(Ok(())) => Ok(()),
        // The server itself said that it did not commit.
        Ok(Err(error))
            if error
                .as_db_error()
                .is_some_and(|db| !db.code().code().starts_with("57P")) =>
        {
            Err(error.into())
        }
        Ok(Err(error)) => Err(Error::CommitUnknown(Some(error))),
        Err(_) => Err(Error::CommitUnknown(None)),
    }
}

async fn lock(
    tx: &Transaction<'_>,
    statements: &Statements,
    wanted: &RowsToLock,
) -> Result<Locked, Error> {
    let names: Vec<_> = wanted.tenants.iter().map(TenantName::as_str).collect();
    let keys: Vec<_> = wanted.routes.iter().collect();
    let answers: Vec<_> = wanted.keys.iter().collect();
    let visible = Visible::tenants(&wanted.tenants);
    // Pipelined: the visible tenants are set before anything is read. The reads take their
    // snapshots when they run, after the lock was granted.
    let (
        (),
        tenants,
        mut routes,
        more_routes,
        ending_routes,
        mut policies,
        ending_policies,
        hosts,
        scopes,
        active,
        patterns,
        answers,
    ) = try_join!(
        visible.show(tx, &statements.show),
        tenants::lock(tx, &statements.lock, &names),
        routes::find(tx, &statements.find_routes, &keys),
        routes::of(tx, &statements.routes_of, &wanted.whole),
        routes::first(tx, &statements.first_routes, &wanted.ending),
        statements
            .policies
            .find(tx, &wanted.policies, &wanted.whole),
        statements.policies.first(tx, &wanted.ending),
        statements
            .policies
            .taken(tx, &wanted.hosts, &wanted.policies),
        scopes::of(tx, &statements.scopes_of, &wanted.scopes_of),
        routes::active(tx, &statements.active_of, &wanted.active_of),
        policies::patterns(tx, &statements.patterns_of, &wanted.patterns_of),
        idempotency::find(tx, &statements.find_answers, &answers),
    )?;
    routes.extend(more_routes);
    routes.extend(ending_routes);
    if !policies.is_empty() {
        routes.extend(statements.policies.routes(tx, &policies).await?);
    }
    policies.extend(ending_policies);
    // A tenant that was made after the lock was requested is not locked, so its objects do not
    // count: to this group it does not exist yet.
    routes.retain(|(owner, _)| tenants.iter().any(|locked| locked.tenant.name == *owner));
    policies.retain(|(owner, _)| tenants.iter().any(|locked| locked.tenant.name == *owner));
    Ok(Locked {
        tenants,
        routes,
        policies,
        hosts,
        scopes,
        active,
        patterns,
        answers,
    })
}

async fn write(tx: &Transaction<'_>, statements: &Statements, rows: &Rows) -> Result<(), Error> {
    let inserts: Vec<_> = rows
        .insert_tenants
        .iter()
        .map(|(tenant, head)| (tenant, *head))
        .collect();
    let updates: Vec<_> = rows
        .update_tenants
        .iter()
        .map(|(tenant, head)| (tenant, *head))
        .collect();
    let deletes: Vec<_> = rows.delete_tenants.iter().map(TenantName::as_str).collect();
    let upserts: Vec<_> = rows
        .upsert_routes
        .iter()
        .map(|(tenant, route)| (tenant, route))
        .collect();
    let gone: Vec<_> = rows.delete_routes.iter().collect();
    // Pipelined, in the order that the foreign keys need: tenants before their objects, deleted
    // objects before their tenant. Hosts are released before they are claimed, and claimed last.
    try_join!(
        tenants::write(tx, &statements.insert_tenants, &inserts),
        tenants::write(tx, &statements.update_tenants, &updates),
        routes::delete(tx, &statements.delete_routes, &gone),
        routes::upsert(tx, &statements.upsert_routes, &upserts),
        statements.write_policies.delete(tx, &rows.delete_policies),
        statements.write_policies.upsert(tx, &rows.upsert_policies),
        statements.write_policies.release(tx, &rows.upsert_policies),
        scopes::raise(tx, &statements.raise_scopes, &rows.events),
        tenants::delete(tx, &statements.delete_tenants, &deletes),
        events::insert(tx, &statements.insert_events, &rows.events).map_err(Error::of_recording),
        events::enqueue(tx, &statements.enqueue, &rows.events).map_err(Error::of_recording),
        idempotency::insert(tx, &statements.insert_answers, &rows.answers),
        statements.write_policies.claim(tx, &rows.upsert_policies),
    )?;
    Ok(())
}

async fn within<T>(
    limit: Duration,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, operation)
        .await
        .unwrap_or(Err(Error::Timeout))
}
