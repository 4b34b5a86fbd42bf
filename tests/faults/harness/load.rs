//! The common load: writes and reads that come at a fixed rate, however long the answers take, over
//! tenants and routes that a seed chooses.
//!
//! Every write has an Idempotency-Key. The key is also the request's id, so the event carries it.
//! Most writes are sent again until their answer is known. Some are sent only once, so that some
//! outcomes stay unknown. About one write in twenty is sent twice on purpose.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Size, Target,
    reads::Readers,
    record::{Attempt, Fate, Recorder},
};

/// How long a write is sent again before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
/// The most requests under way. Further requests wait at the client, and their wait counts.
const UNDER_WAY: usize = 4000;

pub const ENVS: [&str; 2] = ["prod", "dev"];

pub fn client() -> reqwest::Client {
    crate::support::secure::http()
        .timeout(ATTEMPT)
        .build()
        .expect("a client")
}

/// A write of the load.
#[derive(Debug, Clone)]
pub struct Write {
    id: String,
    tenant: usize,
    method: Method,
    path: String,
    body: Option<Value>,
    if_match: bool,
    /// True if the write is given up after one attempt.
    once: bool,
}

/// Returns the write of a number: the same for the same seed. About one in twenty repeats an
/// earlier write.
pub fn write_of(size: &Size, number: u64) -> Write {
    let mut rng = StdRng::seed_from_u64(
        size.seed
            .wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
    );
    if number > 100 && rng.random_ratio(1, 20) {
        let earlier = number - rng.random_range(1..100);
        let again = plain_write(size, earlier);
        // Repeats only writes that cannot be refused: a refusal is not stored under its key.
        if again.method == Method::PUT && !again.if_match {
            return again;
        }
    }
    plain_write(size, number)
}

fn plain_write(size: &Size, number: u64) -> Write {
    let mut rng = StdRng::seed_from_u64(size.seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
    let tenant = rng.random_range(0..size.tenants);
    let path = format!(
        "/routes/t{tenant}/{}",
        route(rng.random_range(0..size.routes))
    );
    let (id, once) = (format!("w-{number}"), rng.random_ratio(1, 5));
    let url = json!({ "url": format!("http://host/{number}") });
    let write = |method, path, body, if_match| Write {
        id,
        tenant,
        method,
        path,
        body,
        if_match,
        once,
    };
    match rng.random_range(0..100) {
        0..2 => write(Method::DELETE, path, None, false),
        2..5 => write(Method::POST, format!("{path}/deactivate"), None, false),
        5..8 => write(Method::POST, format!("{path}/activate"), None, false),
        8..11 => write(Method::PUT, path, Some(url), true),
        _ => write(Method::PUT, path, Some(url), false),
    }
}

/// Returns the name of a tenant's route, `service/env/version`.
pub fn route(number: usize) -> String {
    format!("s{}/{}/v{}", number % 4, ENVS[number % 2], number / 4)
}

/// The writes and reads, which go on until they are stopped.
pub struct Load {
    stop: CancellationToken,
    sources: Vec<JoinHandle<()>>,
    requests: TaskTracker,
}

impl Load {
    pub fn start(size: &Size, targets: &Arc<Vec<Target>>, recorder: &Arc<Recorder>) -> Self {
        let (stop, requests) = (CancellationToken::new(), TaskTracker::new());
        let writer = Arc::new(Writer {
            http: client(),
            size: size.clone(),
            targets: targets.clone(),
            recorder: recorder.clone(),
            readers: Arc::new(Readers::new(size, targets, recorder)),
        });
        let places = Arc::new(Semaphore::new(UNDER_WAY));
        let reader = writer.readers.clone();
        let write = move |number, due| {
            let writer = writer.clone();
            async move { writer.settle(write_of(&writer.size, number), due).await }
        };
        let read = move |number, due| {
            let reader = reader.clone();
            async move { reader.read(number, due).await }
        };
        let sources = vec![
            tokio::spawn(arrivals(
                size.writes_per_second,
                stop.clone(),
                requests.clone(),
                places.clone(),
                write,
            )),
            tokio::spawn(arrivals(
                size.reads_per_second,
                stop.clone(),
                requests.clone(),
                places,
                read,
            )),
        ];
        Self {
            stop,
            sources,
            requests,
        }
    }

    /// Stops new requests, and waits until those under way are answered or given up.
    pub async fn end(self) {
        self.stop.cancel();
        for source in self.sources {
            source.await.expect("a source of requests");
        }
        self.requests.close();
        self.requests.wait().await;
    }
}

/// Starts each request when it is due, however the earlier requests ended.
async fn arrivals<F: Future<Output = ()> + Send + 'static>(
    per_second: u64,
    stop: CancellationToken,
    requests: TaskTracker,
    places: Arc<Semaphore>,
    request: impl Fn(u64, Instant) -> F,
) {
    if per_second == 0 {
        return;
    }
    let begun = Instant::now();
    for number in 0.. {
        let due = begun + Duration::from_nanos(number * 1_000_000_000 / per_second);
        if stop
            .run_until_cancelled(tokio::time::sleep_until(due.into()))
            .await
            .is_none()
        {
            return;
        }
        let place = places.clone().acquire_owned().await.expect("never closed");
        let request = request(number, due);
        requests.spawn(async move {
            request.await;
            drop(place);
        });
    }
}

struct Writer {
    http: reqwest::Client,
    size: Size,
    targets: Arc<Vec<Target>>,
    recorder: Arc<Recorder>,
    readers: Arc<Readers>,
}

/// The result of one attempt.
enum WriteResult {
    Fate(Fate),
    NotDone,
    PerhapsDone,
}

impl Writer {
    /// Sends a write until its answer is known, each time to a random instance.
    async fn settle(&self, write: Write, due: Instant) {
        let (phase, give_up) = (self.recorder.phase(), Instant::now() + PATIENCE);
        let mut perhaps_done = false;
        let fate = loop {
            match self.attempt(&write).await {
                WriteResult::Fate(fate) => break fate,
                WriteResult::NotDone => {}
                WriteResult::PerhapsDone => perhaps_done = true,
            }
            if write.once || Instant::now() >= give_up {
                break if perhaps_done {
                    Fate::Unknown
                } else {
                    Fate::Failed
                };
            }
            tokio::time::sleep(PAUSE).await;
        };
        self.recorder.settled(
            phase,
            &write.id,
            &format!("t{}", write.tenant),
            fate,
            due.elapsed(),
        );
    }

    async fn attempt(&self, write: &Write) -> WriteResult {
        let phase = self.recorder.phase();
        let base = &self.targets[rand::rng().random_range(0..self.targets.len())].base;
        let mut request = self
            .http
            .request(write.method.clone(), format!("{base}{}", write.path))
            .header("x-correlation-id", &write.id)
            .header("idempotency-key", &write.id);
        if write.if_match {
            request = request.header("if-match", "\"0123456789abcdef.7\"");
        }
        if let Some(body) = &write.body {
            request = request.json(body);
        }
        let begun = Instant::now();
        let (attempt, result) = match request.send().await {
            Ok(answer) => self.result_of(write, answer).await,
            Err(error) => {
                self.recorder.lost(&error);
                (
                    Attempt::Lost,
                    if error.is_connect() {
                        WriteResult::NotDone
                    } else {
                        WriteResult::PerhapsDone
                    },
                )
            }
        };
        self.recorder.attempted(
            phase,
            attempt,
            matches!(result, WriteResult::PerhapsDone),
            begun.elapsed(),
        );
        result
    }

    /// Returns the result that an answer means for the write. After a 5xx or 429 the write may have
    /// been done, unless the code excludes it.
    async fn result_of(&self, write: &Write, answer: reqwest::Response) -> (Attempt, WriteResult) {
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_success() {
            let tag = headers
                .get("etag")
                .and_then(|tag| tag.to_str().ok())
                .unwrap_or_default()
                .trim_matches('"');
            let Some((epoch, Ok(revision))) = tag
                .split_once('.')
                .map(|(epoch, revision)| (epoch, revision.parse()))
            else {
                self.recorder
                    .fault(format!("{}: {status} without a tag", write.id));
                return (Attempt::Good, WriteResult::PerhapsDone);
            };
            self.recorder.epoch(&format!("t{}", write.tenant), epoch);
            self.readers.acknowledged(write.tenant, revision);
            let unchanged = headers.contains_key("tm-unchanged");
            return (
                Attempt::Good,
                WriteResult::Fate(if unchanged {
                    Fate::Unchanged
                } else {
                    Fate::Committed { revision }
                }),
            );
        }
        // 408: the server waited too long for the request, because an overloaded machine sends it
        // late.
        if status.as_u16() == 408 {
            return (Attempt::Lost, WriteResult::NotDone);
        }
        if status.as_u16() != 429 && status.is_client_error() {
            return (Attempt::Good, WriteResult::Fate(Fate::Refused));
        }
        if !headers.contains_key("retry-after") {
            self.recorder
                .fault(format!("{}: {status} without Retry-After", write.id));
        }
        let problem: Value = answer.json().await.unwrap_or_default();
        self.recorder.refused(
            status.as_u16(),
            problem["code"].as_str().unwrap_or_default(),
        );
        let result = match problem["code"].as_str() {
            Some(
                "unavailable" | "overloaded" | "audit_backlog" | "too_many_requests"
                | "too_many_writes",
            ) => WriteResult::NotDone,
            Some("commit_unknown" | "deadline_exceeded") => WriteResult::PerhapsDone,
            code => {
                self.recorder
                    .fault(format!("{}: {status} {code:?}", write.id));
                WriteResult::PerhapsDone
            }
        };
        (Attempt::Refused, result)
    }
}
