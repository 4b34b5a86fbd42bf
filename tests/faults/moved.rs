//! The primary is lost, killed or hung, and the replica is promoted: the service, which knows both hosts, goes on there by itself. An old
//! primary that comes back and takes writes as well is not shown: nothing of ours keeps the relay from it, whoever promotes has to.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_postgres::NoTls;

use crate::{
    cluster::Cluster,
    processes::{Process, eventually},
    support::World,
};

pub async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the cluster");
    tokio::spawn(connection);
    client
}

async fn goes_on_at_the_other_host(lose: &str) {
    // Two that start at a time may choose the same ports; and the parts that others stop are needed here.
    let _alone = crate::hangs::alone().await;
    let Some(cluster) = Cluster::start() else { return };
    let mut owner = client(cluster.variable("PG_OWNER_URL")).await;
    traffic_manager::store::migrations::run(&mut owner).await.expect("the migrations");
    let world = World::new().await;
    let mut environment = world.environment.clone();
    environment.insert("TM__POSTGRES__PRIMARY_URL".into(), cluster.both());
    environment.insert("TM__POSTGRES__REPLICA_URLS".into(), cluster.variable("PG_APP_REPLICA_URL").into());
    let process = Process::start("all", &environment);
    process.ready().await;
    let http = crate::support::secure::http().timeout(Duration::from_secs(15)).build().expect("a client");
    let base = format!("{}/api/v1", process.base());
    let write = async |number: usize| {
        let request = http.put(format!("{base}/routes/acme/web/prod/v{number}")).json(&json!({ "url": "http://a.example" }));
        request.send().await.expect("an answer").status().as_u16()
    };
    let resolve = async |number: usize| {
        let url = format!("{base}/routes/resolve?tenant=acme&service=web&env=prod&version=v{number}");
        http.get(url).send().await.expect("an answer").status().as_u16()
    };
    for number in 0..20 {
        assert_eq!(write(number).await, 201);
    }
    assert_eq!(resolve(0).await, 200);
    let new = client(cluster.variable("PG_REPLICA_URL")).await;
    let count = "select count(*) from route_events";
    eventually(Duration::from_secs(30), "the replica has what was acknowledged", async || {
        new.query_one(count, &[]).await.is_ok_and(|row| row.get::<_, i64>(0) == 20)
    })
    .await;

    cluster.run(&[lose, "postgres-primary"]);
    let lost = Instant::now();
    assert_eq!(write(20).await, 503, "nobody takes writes");
    assert_eq!(resolve(0).await, 200, "what is held is served");
    cluster.run(&["promote"]);
    let promoted = Instant::now();
    eventually(Duration::from_secs(60), "writes are taken again", async || {
        assert_eq!(resolve(0).await, 200, "what is held is served");
        [200, 201].contains(&write(20).await)
    })
    .await;
    println!("{lose}: no write for {:?}, of these {:?} after the promotion", lost.elapsed(), promoted.elapsed());
    for number in 21..40 {
        assert!([200, 201].contains(&write(number).await));
    }
    // The server cannot know that nothing was lost: the tenant has begun an epoch, with the 20 routes that it had.
    let of = async |condition: &str| -> i64 {
        let count = format!("{count} where payload->'actor'->>'kind' {condition} 'system'");
        new.query_one(&count, &[]).await.expect("the new primary").get(0)
    };
    assert_eq!((of("<>").await, of("=").await), (40, 21), "acknowledged before and after, and what the new epoch began with");
    eventually(Duration::from_secs(60), "all is archived", async || world.archived_count().await == 61).await;
    let report: serde_json::Value =
        reqwest::get(format!("http://{}/health/resilience", process.ops)).await.unwrap().json().await.unwrap();
    assert_eq!(report["replicas"][0]["is_promoted"], true, "{report}");
    drop(process);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_was_killed_is_replaced() {
    goes_on_at_the_other_host("kill").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_is_replaced() {
    goes_on_at_the_other_host("pause").await;
}
