//! T8: three instances behind a load balancer are replaced one by one under load, and no request
//! fails.
//!
//! Three processes that migrate a new database at the same time all succeed.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    harness::{Answered, Expected, Run, Size, Target, balancer::Balancer, record::Requests},
    processes::{Process, eventually},
    support::{
        World,
        database::{connect, url_of, variable},
        secure,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t8_rolling_restart_fails_no_request() {
    let _load = crate::parts::only_load().await;
    let (mut size, world) = (Size::new(), World::new().await);
    // Starting a process costs as much as hundreds of requests, and three share the machine.
    (size.writes_per_second, size.reads_per_second) =
        (size.writes_per_second / 2, size.reads_per_second / 4);
    let mut environment = world.environment.clone();
    environment.insert("TM__DRAIN__READY_GRACE_MS".into(), "1500".into());
    // While a process starts, connections take their time on a machine with few cores.
    for key in [
        "POSTGRES__ACQUIRE_TIMEOUT_MS",
        "RESILIENCE__POSTGRES_PRIMARY__TIMEOUT_MS",
    ] {
        environment.insert(format!("TM__{key}"), "5000".into());
    }
    let mut instances: Vec<Process> = (0..3)
        .map(|_| Process::start("all", &environment))
        .collect();
    for instance in &instances {
        instance.ready().await;
    }
    let balancer = Balancer::start(&instances).await;
    let target = Target {
        base: format!("{}/api/v1", secure::base(balancer.address)),
        process: None,
    };
    let run = Run::start("T8", size, world, vec![target]).await;
    run.lasts(run.size.seconds(2, 10)).await;
    run.breaks();
    let mut exits = Vec::new();
    for _ in 0..if run.size.full { 3 } else { 1 } {
        for (number, instance) in instances.iter_mut().enumerate() {
            instance.terminate();
            let told = Instant::now();
            eventually(
                Duration::from_secs(5),
                "the balancer notices the drain",
                async || !balancer.sends_to(number),
            )
            .await;
            assert_eq!(
                instance.wait(Duration::from_secs(30)).await,
                Some(0),
                "the exit code"
            );
            exits.push(told.elapsed().as_secs_f64());
            instance.start_again();
            eventually(
                Duration::from_secs(60),
                "the balancer sends to the new one",
                async || balancer.sends_to(number),
            )
            .await;
            run.lasts(run.size.seconds(1, 5)).await;
        }
    }
    run.heals().await;
    run.lasts(run.size.seconds(1, 5)).await;
    let ([refused, lost], allowed) = {
        let seen = run.recorder.seen();
        let (writes, reads) = (&seen.write_requests, &seen.read_requests);
        let of =
            |counts: fn(&Requests) -> &[u64; 3], at: usize| counts(writes)[at] + counts(reads)[at];
        let [refused, lost] = [of(|r| &r.refused, 1), of(|r| &r.lost, 1)];
        let [before, during] =
            [0, 1].map(|at| of(|r| &r.good, at) + of(|r| &r.refused, at) + of(|r| &r.lost, at));
        (
            [refused, lost],
            (of(|r| &r.refused, 0) * during).div_ceil(before.max(1)),
        )
    };
    let expected = Expected {
        answered: Answered::AsBefore,
        ..Expected::default()
    };
    run.finish(
        expected,
        json!({ "exit_s": exits, "refused": refused, "refused_allowed": allowed, "lost": lost }),
    )
    .await;
    // An overloaded machine refuses some requests before the replacement begins. The share of
    // refused requests may not grow during it.
    assert!(
        lost == 0 && refused <= allowed,
        "{refused} requests were refused, {allowed} may be, and {lost} lost"
    );
    drop(instances);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t8_three_concurrent_migrations_run_once() {
    let world = World::new().await;
    let name = format!("{}_new", world.db.name);
    let server = connect(&variable("PG_PRIMARY_URL")).await;
    server
        .execute(
            &format!("create database {name} owner traffic_manager_owner"),
            &[],
        )
        .await
        .expect("a database");
    let mut environment: HashMap<String, String> = world.environment.clone();
    environment.insert(
        "TM__MIGRATE__POSTGRES_URL".into(),
        url_of("PG_OWNER_URL", &name),
    );
    let mut migrating: Vec<Process> = (0..3)
        .map(|_| Process::start("migrate", &environment))
        .collect();
    for process in &mut migrating {
        assert_eq!(process.wait(Duration::from_secs(120)).await, Some(0));
    }
    let database = connect(&url_of("PG_PRIMARY_URL", &name)).await;
    let sql = "select count(*), count(distinct version), (select count(*) from installation) from refinery_schema_history";
    let row = database
        .query_one(sql, &[])
        .await
        .expect("the history of migrations");
    let counts: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    drop(database);
    server
        .execute(&format!("drop database {name} with (force)"), &[])
        .await
        .expect("the database goes");
    assert!(
        counts[0] > 5 && counts[0] == counts[1],
        "each migration once: {counts:?}"
    );
    assert_eq!(counts[2], 1);
    world.end().await;
}
