//! Dependencies that hang: stopped with SIGSTOP, which is not a crash. Connections stay open and
//! nothing answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    parts::{self, Fault},
    processes::{Process, eventually},
};

struct Client {
    http: reqwest::Client,
    base: String,
    ops: String,
}

impl Client {
    fn of(process: &Process) -> Self {
        let http = crate::support::secure::http()
            .timeout(Duration::from_secs(15))
            .build()
            .expect("a client");
        Self {
            http,
            base: format!("{}/api/v1", process.base()),
            ops: format!("http://{}", process.ops),
        }
    }

    async fn write(&self, number: usize) -> reqwest::Response {
        let body = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": format!("v{number}"), "url": "http://a.example/" });
        self.http
            .post(format!("{}/routes", self.base))
            .json(&body)
            .send()
            .await
            .expect("an answer")
    }

    async fn resolve(&self, number: usize) -> reqwest::Response {
        let url = format!(
            "{}/routes/resolve?tenant=acme&service=web&env=prod&version=v{number}",
            self.base
        );
        self.http.get(url).send().await.expect("an answer")
    }

    async fn resilience(&self) -> Value {
        let response = self
            .http
            .get(format!("{}/health/resilience", self.ops))
            .send()
            .await
            .expect("an answer");
        response.json().await.expect("JSON")
    }

    async fn metric(&self, name: &str) -> f64 {
        let text = self
            .http
            .get(format!("{}/metrics", self.ops))
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("text");
        let line = text
            .lines()
            .find(|line| line.starts_with(name) && !line.starts_with('#'));
        line.and_then(|line| line.rsplit(' ').next())
            .and_then(|value| value.parse().ok())
            .unwrap_or(-1.0)
    }
}

/// A dependency, and the signs of its hang.
struct Hang {
    part: &'static str,
    /// Shorter timeouts than by default, so that the hang outlasts them within the test.
    settings: &'static [(&'static str, &'static str)],
    /// The backlog: the number of events and the age of the oldest, in health and as metrics.
    backlog: [Backlog; 2],
    /// Returns true once health shows that the timeouts have run out and the caller has given up
    /// for now.
    noticed: fn(&Value) -> bool,
}

/// A figure in health, and the metric with the same value.
struct Backlog {
    health: &'static str,
    metric: &'static str,
}

impl Backlog {
    fn in_health(&self, health: &Value) -> f64 {
        health
            .pointer(self.health)
            .and_then(Value::as_f64)
            .unwrap_or(-1.0)
    }
}

/// Checks that writes and reads go on while `hang.part` hangs. The backlog must show, and must
/// drain by itself afterwards.
async fn assert_works_without(hang: Hang) {
    let alone = parts::alone().await;
    let Hang {
        part: hung,
        backlog: [events, seconds],
        ..
    } = &hang;
    let world = alone.world().await;
    let mut environment = world.environment.clone();
    environment.extend(
        hang.settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
    );
    let process = Process::start("all", &environment);
    process.ready().await;
    let client = Client::of(&process);
    assert_eq!(client.write(0).await.status(), 201);
    eventually(
        Duration::from_secs(60),
        "the first event is archived",
        async || world.archived_count().await == 1,
    )
    .await;

    let paused = alone.strike(Fault::Pause, hung).await;
    let mut slowest = Duration::ZERO;
    for number in 1..=100 {
        let started = Instant::now();
        let written = client.write(number).await;
        assert_eq!(written.status(), 201, "a write while {hung} hangs");
        assert_eq!(
            client.resolve(number).await.status(),
            200,
            "a read of one's own write while {hung} hangs"
        );
        slowest = slowest.max(started.elapsed());
    }
    for (backlog, least) in [(events, 100.0), (seconds, 1.0)] {
        eventually(
            Duration::from_secs(30),
            "the backlog shows in health",
            async || backlog.in_health(&client.resilience().await) >= least,
        )
        .await;
        eventually(
            Duration::from_secs(30),
            "the backlog shows in the metrics",
            async || client.metric(backlog.metric).await >= least,
        )
        .await;
    }
    eventually(Duration::from_secs(60), "the hang is noticed", async || {
        (hang.noticed)(&client.resilience().await)
    })
    .await;
    drop(paused);

    let resumed = Instant::now();
    eventually(
        Duration::from_secs(120),
        "the archive catches up",
        async || world.archived_count().await == 101,
    )
    .await;
    println!(
        "{hung}: slowest write and read {slowest:?}; drained {:?} after it resumed",
        resumed.elapsed()
    );
    for backlog in [events, seconds] {
        eventually(
            Duration::from_secs(30),
            "the backlog is 0 again",
            async || {
                backlog.in_health(&client.resilience().await) == 0.0
                    && client.metric(backlog.metric).await == 0.0
            },
        )
        .await;
    }
    assert!(
        slowest < Duration::from_secs(2),
        "requests were delayed: {slowest:?}"
    );
    drop(process);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_and_reads_continue_while_kafka_hangs() {
    assert_works_without(Hang {
        part: "kafka",
        settings: &[("TM__KAFKA__DELIVERY_TIMEOUT_MS", "3000")],
        backlog: [
            Backlog {
                health: "/backlog/events",
                metric: "tm_outbox_backlog_events",
            },
            Backlog {
                health: "/backlog/oldest_seconds",
                metric: "tm_outbox_oldest_age_seconds",
            },
        ],
        noticed: |health| health["relay"]["last_error"].is_string(),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_and_reads_continue_while_mongodb_hangs() {
    assert_works_without(Hang {
        part: "mongo",
        settings: &[("TM__RESILIENCE__MONGODB_ARCHIVE__TIMEOUT_MS", "500")],
        backlog: [
            Backlog {
                health: "/audit/lag",
                metric: "tm_audit_consumer_lag_events",
            },
            Backlog {
                health: "/audit/lag_seconds",
                metric: "tm_audit_consumer_lag_seconds",
            },
        ],
        noticed: |health| {
            let open = |dependency: &Value| {
                dependency["name"] == "mongodb_archive" && dependency["breaker"] == "open"
            };
            health["dependencies"]
                .as_array()
                .is_some_and(|all| all.iter().any(open))
                && health["audit"]["waits_for_archive"] == true
        },
    })
    .await;
}

/// An offset that is stored before its record is archived would be committed while the archive is
/// down, and the record would be lost with the process. The archive is down and not hung: when a
/// hung archive resumes, it still processes the requests that were sent to it, even those of a
/// killed process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumer_killed_while_the_archive_is_down_loses_nothing() {
    let alone = parts::alone().await;
    let world = alone.world().await;
    let mut process = Process::start("all", &world.environment);
    process.ready().await;
    let client = Client::of(&process);
    assert_eq!(client.write(0).await.status(), 201);
    eventually(
        Duration::from_secs(60),
        "the first event is archived",
        async || world.archived_count().await == 1,
    )
    .await;
    let down = alone.strike(Fault::Kill, "mongo").await;
    for number in 1..=20 {
        assert_eq!(client.write(number).await.status(), 201);
    }
    let waits = async || client.resilience().await["audit"]["waits_for_archive"] == true;
    eventually(
        Duration::from_secs(30),
        "the consumer holds records that the archive does not take",
        waits,
    )
    .await;
    // Two intervals of the automatic commit: every stored offset is committed by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    process.kill_and_restart();
    drop(down);
    process.ready().await;
    eventually(
        Duration::from_secs(60),
        "every event is archived",
        async || world.archived_count().await == 21,
    )
    .await;
    drop(process);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_answers_carry_their_age_while_postgres_hangs() {
    let alone = parts::alone().await;
    let world = alone.world().await;
    let process = Process::start("all", &world.environment);
    process.ready().await;
    let client = Client::of(&process);
    assert_eq!(client.write(0).await.status(), 201);
    assert_eq!(client.resolve(0).await.status(), 200);
    let paused = (
        alone.strike(Fault::Pause, "postgres-primary").await,
        alone.strike(Fault::Pause, "postgres-replica").await,
    );
    eventually(
        Duration::from_secs(60),
        "answers carry their age",
        async || {
            let answer = client.resolve(0).await;
            assert_eq!(answer.status(), 200, "cached answers are served");
            answer.headers().contains_key("tm-stale")
        },
    )
    .await;
    eventually(
        Duration::from_secs(60),
        "readiness reports the hang",
        async || {
            let ready = client
                .http
                .get(format!("{}/health/ready", client.ops))
                .send()
                .await
                .expect("an answer");
            assert_eq!(
                ready.status(),
                200,
                "the instance stays ready for cached answers"
            );
            let ready: Value = ready.json().await.expect("JSON");
            let status = |part: &str| ready["checks"][part]["status"].as_str().map(str::to_owned);
            assert_ne!(ready["status"], "unhealthy");
            status("postgres_primary").as_deref() == Some("unhealthy")
                && status("postgres_replicas").as_deref() == Some("degraded")
        },
    )
    .await;
    let refused = client.write(1).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let unknown = client
        .http
        .get(format!("{}/tenants/nobody/snapshot", client.base))
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        unknown.status(),
        503,
        "a tenant that is not cached gets no invented answer"
    );
    drop(paused);
    eventually(Duration::from_secs(60), "writes work again", async || {
        client.write(2).await.status() == 201
    })
    .await;
    eventually(
        Duration::from_secs(60),
        "answers are fresh again",
        async || !client.resolve(0).await.headers().contains_key("tm-stale"),
    )
    .await;
    drop(process);
    world.end().await;
}
