//! Shares, clients that stay, time limits, retries and copies.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use test_support::eventually;

use super::{
    Stage,
    probes::{Probe, Put, Verdict, get},
    rows::{Row, row},
};
use crate::{
    ask::{Ask, Connection},
    programs::Program::{Caddy, HaProxy, Nginx, Traefik},
    served::TENANT,
    upstreams::Fault,
};

/// When the slow version answers, and the time limit of its policy.
pub const LATE: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_millis(300);

/// The clients that are compared with what the service resolves.
const CLIENTS: usize = 200;

pub fn rows() -> Vec<Row> {
    let mut rows = shared();
    rows.extend(guarded());
    rows
}

/// What `HAProxy`'s buffer means for retries.
const LARGE: &str = "requests of more than 15 kB are sent again only if no connection is made";
/// What Traefik retries.
const ALL_THREE: &str = "Traefik takes connections that fail or end early for the status 502: it retries all three or none";

fn shared() -> Vec<Row> {
    let split = json!([{"version": "v1", "weight": 3}, {"version": "v2", "weight": 1}]);
    let of = |put: Put| Probe::Other(put);
    let other_hash: &[&str] = &["nginx divides keys by another hash"];
    let own_cookie: &[&str] = &["its name is "];
    let by_own_cookie = || [of(|stage, row| Box::pin(stays_by_own_cookie(stage, row)))];
    vec![
        row("split", json!({ "split": split })).asks(get("/").share(25)),
        row(
            "split-of-one",
            json!({"split": [
                {"version": "v1", "weight": 0}, {"version": "v2", "weight": 5},
            ]}),
        )
        .asks(get("/").share(100)),
        row(
            "sticky-header",
            json!({"split": split, "sticky_by": {"header": "x-user"}}),
        )
        .asks(of(|stage, row| {
            Box::pin(agrees_with_resolve(stage, row, "header"))
        }))
        .asks(get("/").share(25))
        .otherwise(
            Nginx,
            other_hash,
            [
                of(|stage, row| Box::pin(stays(stage, row, "header"))),
                get("/").share(25),
            ],
        )
        .otherwise(Traefik, own_cookie, by_own_cookie())
        .otherwise(Caddy, own_cookie, by_own_cookie()),
        row(
            "sticky-cookie",
            json!({"split": split, "sticky_by": {"cookie": "sid"}}),
        )
        .asks(of(|stage, row| {
            Box::pin(agrees_with_resolve(stage, row, "cookie"))
        }))
        .asks(get("/").share(25))
        .otherwise(
            Nginx,
            other_hash,
            [
                of(|stage, row| Box::pin(stays(stage, row, "cookie"))),
                get("/").share(25),
            ],
        )
        .otherwise(Traefik, own_cookie, by_own_cookie())
        .otherwise(Caddy, own_cookie, by_own_cookie()),
    ]
}

fn guarded() -> Vec<Row> {
    let silence: &[&str] = &["a time limit is the longest silence of the version"];
    let of_header: &[&str] = &["is for each attempt and ends with the header of the response"];
    let late =
        |name| {
            row(name, json!({
            "split": [{"version": "slow", "weight": 1}], "timeout_ms": LIMIT.as_millis() as u64,
        }))
        .versions(&["slow"])
        };
    let retried = json!({"retries": {"attempts": 1, "on": ["gateway_error"]}});
    let again = json!({"retries": {"attempts": 2, "on": ["connect_failure", "reset"]}});
    vec![
        late("timeout")
            .asks(get("/").status(504).within(LATE))
            .noted(&[HaProxy, Nginx], silence)
            .noted(&[Traefik, Caddy], of_header),
        row("retry-after-503", retried)
            .asks(Probe::Other(|stage, row| {
                Box::pin(is_retried(stage, row, Fault::Status(503)))
            }))
            .otherwise(
                Caddy,
                &["Caddy does not retry after an answer 502, 503 or 504"],
                [Probe::Other(|stage, row| {
                    Box::pin(is_not_retried(stage, row))
                })],
            )
            .noted(&[HaProxy], &[LARGE])
            .noted(&[Traefik], &[ALL_THREE]),
        row("retry-after-close", again)
            .asks(Probe::Other(|stage, row| {
                Box::pin(is_retried(stage, row, Fault::Close))
            }))
            .noted(
                &[HaProxy],
                &[
                    "HAProxy waits up to a second before it connects again",
                    LARGE,
                ],
            )
            .noted(&[Traefik], &[ALL_THREE])
            .noted(&[Caddy], &["Caddy retries only GET requests"]),
        row(
            "mirror",
            json!({"mirror": {"version": "copies", "share": 10_000}}),
        )
        .versions(&["copies"])
        .asks(Probe::Other(|stage, row| Box::pin(is_copied(stage, row))))
        .otherwise(HaProxy, &["HAProxy cannot copy requests"], [not_copied()])
        .otherwise(
            Caddy,
            &["Caddy makes no copies of requests"],
            [not_copied()],
        ),
    ]
}

fn not_copied() -> Probe {
    Probe::Other(|stage, row| Box::pin(is_not_copied(stage, row)))
}

fn of_client(stage: &Stage, row: &Row, by: &str, client: usize) -> Ask {
    let key = format!("client-{client}");
    match by {
        "cookie" => row.ask(stage).cookie("other", "1").cookie("sid", &key),
        _ => row.ask(stage).header("x-user", &key),
    }
}

/// Returns the version of each client.
async fn versions(stage: &Stage, row: &Row, by: &str) -> Result<Vec<String>, String> {
    let (mut versions, mut connection) = (Vec::new(), Connection::default());
    for client in 0..CLIENTS {
        let answer = connection.ask(&of_client(stage, row, by, client)).await;
        let answer = answer.map_err(|error| format!("no answer: {error}"))?;
        versions.push(answer.name().ok_or("not of a version")?.to_owned());
    }
    Ok(versions)
}

/// The proxy and the service give each client the same version.
async fn agrees_with_resolve(stage: &Stage, row: &Row, by: &str) -> Verdict {
    let versions = versions(stage, row, by).await?;
    for (client, version) in versions.iter().enumerate() {
        let path = format!(
            "/routes/resolve?tenant={TENANT}&service={}&env=prod&key=client-{client}",
            row.name
        );
        let resolved = stage.service.get(&path).expect(200).await.json;
        if resolved["version"] != **version {
            return Err(format!("client-{client} came to {version}: {resolved}"));
        }
    }
    several(&versions)
}

/// Each client comes to the same version again, and not all to one.
async fn stays(stage: &Stage, row: &Row, by: &str) -> Verdict {
    let first = versions(stage, row, by).await?;
    if versions(stage, row, by).await? != first {
        return Err("a client came to another version".to_owned());
    }
    several(&first)
}

fn several(versions: &[String]) -> Verdict {
    if versions.iter().collect::<BTreeSet<_>>().len() == 2 {
        return Ok(());
    }
    Err("all clients came to one version".to_owned())
}

/// A cookie of the proxy's own, whose name the report tells, keeps a client with its version.
async fn stays_by_own_cookie(stage: &Stage, row: &Row) -> Verdict {
    let reports = stage.service.report(stage.program()).await;
    let notes = &reports[row.name].notes;
    let cookie = notes
        .iter()
        .find_map(|note| note.split_once("its name is "))
        .map(|(_, name)| name.trim_end_matches('.'));
    let cookie = cookie.ok_or("the report does not name the cookie")?;
    let mut versions = Vec::new();
    for _ in 0..20 {
        let answer = row.ask(stage).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        let version = answer.name().ok_or("not of a version")?.to_owned();
        let value = answer.cookie(cookie).ok_or("no cookie")?;
        let again = row.ask(stage).cookie(cookie, value);
        for _ in 0..5 {
            let next = again.send().await.map_err(|error| error.to_string())?;
            if next.name() != Some(&version) {
                return Err(format!("{version} first, then {:?}", next.name()));
            }
        }
        versions.push(version);
    }
    several(&versions)
}

/// The first try fails so, and the second is answered: the version gets two requests.
async fn is_retried(stage: &Stage, row: &Row, fault: Fault) -> Verdict {
    let first = &stage.upstreams.v1;
    let before = first.requests();
    first.fail_next(&[fault]);
    let verdict = answers_of_first(stage, row).await;
    first.fail_next(&[]);
    verdict?;
    match first.requests() - before {
        2 => Ok(()),
        other => Err(format!("{other} requests")),
    }
}

/// The answer of the version is the client's.
async fn is_not_retried(stage: &Stage, row: &Row) -> Verdict {
    stage.upstreams.v1.fail_next(&[Fault::Status(503)]);
    let answer = row.ask(stage).send().await;
    match answer.map(|answer| answer.status) {
        Ok(503) => Ok(()),
        other => Err(format!("answers {other:?}")),
    }
}

async fn is_copied(stage: &Stage, row: &Row) -> Verdict {
    let (before, copies) = (stage.upstreams.copies.requests(), 10);
    for _ in 0..copies {
        answers_of_first(stage, row).await?;
    }
    eventually("the copies come", async || {
        (stage.upstreams.copies.requests() >= before + copies).then_some(())
    })
    .await;
    match stage.upstreams.copies.requests() - before {
        10 => Ok(()),
        other => Err(format!("{other} copies")),
    }
}

async fn is_not_copied(stage: &Stage, row: &Row) -> Verdict {
    for _ in 0..10 {
        answers_of_first(stage, row).await?;
    }
    match stage.upstreams.copies.requests() {
        0 => Ok(()),
        other => Err(format!("{other} copies")),
    }
}

async fn answers_of_first(stage: &Stage, row: &Row) -> Verdict {
    let answer = row.ask(stage).send().await;
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.name() {
        Some("v1") => Ok(()),
        _ => Err(format!("not of v1: {answer:?}")),
    }
}
