//! A client that sends its tag never gets an older answer.
//!
//! Three instances run with a replica whose replay stops now and then. Instances are killed at
//! random. 50 clients check every answer. `TM_BACKWARDS_SECONDS` sets the time, `TM_BACKWARDS_SEED`
//! repeats the random choices.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    parts::{self, Alone},
    processes::Process,
    replica::Paused,
    support::database::{connect, variable},
};

const CLIENTS: u64 = 50;
const TENANTS: usize = 3;
const INSTANCES: usize = 3;

/// The kinds of reads. A client keeps a tag for each tenant and kind.
const STYLES: [&str; 6] = [
    "snapshot",
    "snapshot?env=prod",
    "snapshot?wait=300ms",
    "resolve",
    "changes",
    "route",
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

#[derive(Default)]
struct Tally {
    answers: AtomicUsize,
    refused: AtomicUsize,
    lost: AtomicUsize,
    regressions: parking_lot::Mutex<Vec<String>>,
}

/// A client, with the newest tag per tenant and style, and the newest content per route.
struct Client {
    http: reqwest::Client,
    bases: Arc<Vec<String>>,
    rng: StdRng,
    seen: HashMap<(usize, &'static str), (String, u64)>,
    content: HashMap<(usize, &'static str, String), u64>,
    tally: Arc<Tally>,
}

impl Client {
    async fn poll(&mut self) {
        let (tenant, style) = (
            self.rng.random_range(0..TENANTS),
            STYLES[self.rng.random_range(0..STYLES.len())],
        );
        let base = &self.bases[self.rng.random_range(0..INSTANCES)];
        let seen = self.seen.get(&(tenant, style)).cloned();
        let url = match (style, &seen) {
            ("resolve", _) => {
                format!("{base}/routes/resolve?tenant=t{tenant}&service=web&env=prod&version=v1")
            }
            ("route", _) => format!("{base}/routes/t{tenant}/web/prod/v1"),
            ("changes", Some((tag, _))) => format!("{base}/tenants/t{tenant}/changes?after={tag}"),
            ("changes", None) => {
                format!("{base}/tenants/t{tenant}/changes?after=0123456789abcdef.1")
            }
            _ => format!("{base}/tenants/t{tenant}/{style}"),
        };
        let mut request = self.http.get(url);
        if let Some((tag, _)) = seen.as_ref().filter(|_| style != "changes") {
            request = request.header("if-none-match", format!("\"{tag}\""));
        }
        let Ok(answer) = request.send().await else {
            self.tally.lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if answer.status().is_server_error() || answer.status() == 404 {
            // 503: nothing new enough is available, which is not an older answer. 404 after a tag
            // is an older answer.
            assert!(
                [404, 503].contains(&answer.status().as_u16()),
                "{style}: {}",
                answer.status()
            );
            if let Some((tag, _)) = seen.filter(|_| answer.status() == 404) {
                self.regressed(format!("{style}: 404 after {tag}"));
            }
            self.tally.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let status = answer.status();
        let tag = answer.headers()["etag"]
            .to_str()
            .unwrap()
            .trim_start_matches("W/")
            .trim_matches('"')
            .to_owned();
        let Ok(bytes) = answer.bytes().await else {
            self.tally.lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.tally.answers.fetch_add(1, Ordering::Relaxed);
        let revision: u64 = tag.split_once('.').unwrap().1.parse().unwrap();
        if let Some((old_tag, old)) = &seen {
            assert_eq!(tag[..16], old_tag[..16], "one history");
            if revision < *old || (status == 304 && tag != *old_tag) {
                self.regressed(format!("{style}: {tag} ({status}) after {old_tag}"));
            }
        }
        self.seen.insert((tenant, style), (tag, revision));
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        self.check_content(tenant, style, seen.map(|(_, revision)| revision), &body);
    }

    /// Checks that no route goes back, by the writer's counter in each route's URL, and that
    /// changes have no gap.
    fn check_content(
        &mut self,
        tenant: usize,
        style: &'static str,
        after: Option<u64>,
        body: &Value,
    ) {
        let mut routes: Vec<&Value> = body["routes"]
            .as_array()
            .map(|routes| routes.iter().collect())
            .unwrap_or_default();
        routes.extend(body.get("url").map(|_| body));
        for route in routes {
            let name = ["service", "env", "version"]
                .map(|part| route[part].as_str().unwrap())
                .join("/");
            let count = route["url"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            let newest = self
                .content
                .entry((tenant, style, name.clone()))
                .or_default();
            if count < *newest {
                let message = format!("{style}: {name} says {count} after {newest}");
                self.tally.regressions.lock().push(message);
            }
            *newest = count;
        }
        if let (Some(after), Some(changes)) = (after, body["changes"].as_array()) {
            let revisions: Vec<u64> = changes
                .iter()
                .map(|event| event["revision"].as_u64().unwrap())
                .collect();
            let expected: Vec<u64> = (after + 1..).take(revisions.len()).collect();
            if body.get("reset").is_some() || revisions != expected {
                self.regressed(format!("changes after {after}: {revisions:?}"));
            }
        }
    }

    fn regressed(&self, message: String) {
        self.tally.regressions.lock().push(message);
    }
}

/// Writes one tenant's routes until `stop` is set, with a counter in each URL. Retries each write
/// until its answer is known.
async fn write(
    tenant: usize,
    bases: Arc<Vec<String>>,
    seed: u64,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
) {
    let (http, mut rng) = (client(), StdRng::seed_from_u64(seed));
    let routes = ["web/prod/v1", "web/dev/v1", "api/prod/v1", "api/dev/v1"];
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        count += 1;
        let path = if count == 1 {
            routes[0]
        } else {
            routes[rng.random_range(0..routes.len())]
        };
        loop {
            let base = &bases[rng.random_range(0..INSTANCES)];
            let request = http
                .put(format!("{base}/routes/t{tenant}/{path}"))
                .header("idempotency-key", format!("{tenant}-{count}"))
                .json(&json!({ "url": format!("http://host/{count}") }));
            match request.send().await {
                Ok(answer) if answer.status().is_success() => break,
                Ok(answer) => assert_eq!(
                    answer.status(),
                    503,
                    "{}",
                    answer.text().await.unwrap_or_default()
                ),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        written.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..30))).await;
    }
}

fn client() -> reqwest::Client {
    crate::support::secure::http()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

/// Stops and resumes the replay of the replica's log until `stop` is set. Leaves it running, and
/// returns the number of pauses.
async fn pause_now_and_then(alone: &Alone, seed: u64, stop: &AtomicBool) -> usize {
    let replica = connect(&variable("PG_REPLICA_URL")).await;
    let (mut rng, mut pauses) = (StdRng::seed_from_u64(seed), 0);
    while !stop.load(Ordering::Relaxed) {
        let paused = Paused::begin(alone, &replica).await;
        pauses += 1;
        tokio::time::sleep(Duration::from_millis(rng.random_range(500..3000))).await;
        paused.end(&replica).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(100..1000))).await;
    }
    pauses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_never_older_than_the_tag_that_was_sent() {
    let alone = parts::alone().await;
    let (seconds, seed) = (
        number("TM_BACKWARDS_SECONDS", 15),
        number("TM_BACKWARDS_SEED", rand::random()),
    );
    println!("TM_BACKWARDS_SEED={seed}");
    let world = alone.world().await;
    let mut environment = world.environment.clone();
    // Instances learn of one another's writes late, and start cold from a replica whose replay may
    // be stopped.
    environment.remove("TM__KAFKA__BOOTSTRAP_SERVERS");
    environment.insert("TM__READ__REFRESH_MS".into(), "3000".into());
    let mut instances: Vec<Process> = (0..INSTANCES)
        .map(|_| Process::start("serve", &environment))
        .collect();
    for instance in &instances {
        instance.ready().await;
    }
    let bases: Arc<Vec<String>> = Arc::new(
        instances
            .iter()
            .map(|instance| format!("{}/api/v1", instance.base()))
            .collect(),
    );
    let (stop, written, tally) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(Tally::default()),
    );
    let writers: Vec<_> = (0..TENANTS)
        .map(|tenant| {
            tokio::spawn(write(
                tenant,
                bases.clone(),
                seed + tenant as u64,
                stop.clone(),
                written.clone(),
            ))
        })
        .collect();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client_number| {
            let (stop, rng) = (
                stop.clone(),
                StdRng::seed_from_u64(seed ^ (client_number << 32)),
            );
            let (seen, content) = (HashMap::new(), HashMap::new());
            let mut client = Client {
                http: client(),
                bases: bases.clone(),
                rng,
                seen,
                content,
                tally: tally.clone(),
            };
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    client.poll().await;
                }
            })
        })
        .collect();
    let mut rng = StdRng::seed_from_u64(seed);
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds);
    let killing = async {
        while tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(rng.random_range(500..2500))).await;
            instances[rng.random_range(0..INSTANCES)].kill_and_restart();
        }
        stop.store(true, Ordering::Relaxed);
    };
    let ((), pauses) = tokio::join!(killing, pause_now_and_then(&alone, seed, &stop));
    for task in writers.into_iter().chain(clients) {
        task.await.expect("no surprise");
    }
    let kills: usize = instances.iter().map(Process::kills).sum();
    let (answers, refused, lost) = (&tally.answers, &tally.refused, &tally.lost);
    println!(
        "{} writes, {answers:?} answers, {refused:?} refused, {lost:?} lost, {kills} kills, {pauses} pauses",
        written.load(Ordering::Relaxed)
    );
    let regressions = std::mem::take(&mut *tally.regressions.lock());
    assert!(
        regressions.is_empty(),
        "{} answers went back, such as {:?}",
        regressions.len(),
        &regressions[..regressions.len().min(5)]
    );
    assert!(
        answers.load(Ordering::Relaxed) > 1000,
        "too few answers to tell"
    );
    assert!(
        kills >= 3 && pauses >= 2 && written.load(Ordering::Relaxed) > 50,
        "too little happened to tell"
    );
    drop(instances);
    world.end().await;
}
