//! Snapshots: one change of a tenant with 10,000 routes, up to the bytes for proxies, compared with
//! a complete new snapshot.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use traffic_manager::domain::{
    chain::seal,
    event::{Action, Actor, Change, EventBody, Recorded},
    hash::EventHash,
    ids::{RouteName, TenantName},
    route::RouteSpec,
    snapshot::{Applied, Scope, SnapshotRoute, TenantContent, TenantSnapshot},
    tag::{Epoch, Revision, VersionTag},
};
use traffic_manager_dataplane::native;
use uuid::Uuid;

use crate::{
    Bench,
    pairs::{Ratio, Target, compare},
};

const ROUTES: usize = 10_000;

fn tenant() -> Result<TenantName> {
    Ok("t000000".parse()?)
}

fn epoch() -> Epoch {
    Epoch::from_random([7; 8])
}

/// Returns a route by its number. There are a hundred services with ten environments of ten
/// versions each.
fn route(number: usize) -> Result<SnapshotRoute> {
    let (s, e, v) = (number / 100, number / 10 % 10, number % 10);
    Ok(SnapshotRoute {
        name: name(number)?,
        url: format!("https://v{v}.env-{e}.service-{s}.t000000.example.com/").parse()?,
        is_active: true,
        labels: Default::default(),
        revision: Revision(1),
    })
}

fn name(number: usize) -> Result<RouteName> {
    let (s, e, v) = (number / 100, number / 10 % 10, number % 10);
    Ok(RouteName {
        service: format!("service-{s}").parse()?,
        env: format!("env-{e}").parse()?,
        version: format!("v{v}").parse()?,
    })
}

/// Returns the tenant's content with all routes, as stored.
fn content() -> Result<TenantContent> {
    let routes = (0..ROUTES).map(route).collect::<Result<Vec<_>>>()?;
    let mut scopes: Vec<_> = routes
        .iter()
        .map(|route| {
            (
                route.name.service.clone(),
                route.name.env.clone(),
                route.revision,
            )
        })
        .collect();
    scopes.dedup();
    Ok(TenantContent {
        confirmed: None,
        tag: VersionTag {
            epoch: epoch(),
            revision: Revision(1),
        },
        routes,
        policies: Vec::new(),
        scopes,
        waiters: None,
    })
}

/// Returns the event that follows `revision` and changes one route.
fn change(number: usize, revision: Revision) -> Result<Recorded> {
    let url = format!("https://new-{number}.example.com/").parse()?;
    let event = seal(EventBody {
        confirmed_removal: None,
        id: Uuid::now_v7(),
        tenant: tenant()?,
        epoch: epoch(),
        revision: revision.next(),
        item: 0,
        items: 1,
        action: Action::Updated,
        change: Change::Route {
            name: name(number)?,
            before: None,
            after: Some(RouteSpec {
                url,
                is_active: true,
                labels: Default::default(),
                description: None,
            }),
        },
        actor: Actor {
            kind: "bench".into(),
            id: "bench".into(),
            token: None,
        },
        reason: None,
        request_id: "bench".into(),
        trace_id: None,
        source_ip: None,
        occurred_at: "2026-11-21T05:48:00.123456Z".parse()?,
        prev_hash: EventHash::GENESIS,
    })?;
    let json = serde_json::to_vec(&event)?.into();
    Ok(Recorded { event, json })
}

/// Measures the milliseconds of both ways in pairs. The target for a change is at most a
/// twenty-fifth of a complete new snapshot.
pub fn one_route(bench: &Bench) -> Result<()> {
    let content = content()?;
    let mut current = TenantSnapshot::new(tenant()?, content.clone())?;
    let whole = || {
        let content = content.clone();
        let started = Instant::now();
        let snapshot = TenantSnapshot::new(tenant()?, content)?;
        std::hint::black_box(native::snapshot(&snapshot, &Scope::default()));
        Ok(started.elapsed())
    };
    let mut number = 0;
    let changed = || {
        number = (number + 7919) % ROUTES;
        let event = change(number, current.tag().revision)?;
        let started = Instant::now();
        let Applied::Next(next) = current.apply(std::iter::once(&event))? else {
            bail!("the event does not follow")
        };
        std::hint::black_box(native::snapshot(&next, &Scope::default()));
        let elapsed = started.elapsed();
        current = next;
        Ok(elapsed)
    };
    let milliseconds: fn(&Duration) -> f64 = |elapsed| elapsed.as_secs_f64() * 1e3;
    let name = "one route of 10000 changed / all made anew, time";
    let figures = [Ratio::of(name, Target::AtMost(0.04), milliseconds)];
    compare(bench, &figures, whole, changed)?;
    let body: serde_json::Value =
        serde_json::from_slice(&native::snapshot(&current, &Scope::default()))
            .context("the body after all changes")?;
    bench.report().note(
        "snapshot of 10000 routes",
        json!({ "bytes": body.to_string().len() }),
    );
    Ok(())
}
