//! Requests without a pause while a test changes something, and what became of them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::ask::{Answer, Ask, Connection};

/// The pause of a task between two requests: without it two tasks take all of two processors.
const PAUSE: Duration = Duration::from_micros(500);

/// How many failures are kept in words.
const EXAMPLES: usize = 10;

/// The connections of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// A new one for each request.
    Fresh,
    /// One for each task. A request on a connection that the proxy has closed meanwhile is sent
    /// once more on a new one, as browsers do.
    Kept,
}

/// A running load.
pub struct Load {
    end: CancellationToken,
    tasks: JoinSet<Counts>,
    answered: Arc<AtomicU64>,
}

/// The answers to a load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub statuses: BTreeMap<u16, u64>,
    /// The answers of each upstream, by its name.
    pub names: BTreeMap<String, u64>,
    /// Requests without an answer.
    pub failures: u64,
    /// Requests that were sent again because their connection had been closed; no failures.
    pub sent_again: u64,
    /// The first failures in words, and the first answers with an error.
    pub examples: Vec<String>,
}

impl Load {
    /// Asks from `tasks` tasks at once until [`Load::stop`]. `request` makes each request from its
    /// number.
    pub fn start(
        tasks: usize,
        connections: Connections,
        request: impl Fn(u64) -> Ask + Send + Sync + 'static,
    ) -> Self {
        let (end, answered) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
        let (request, number) = (Arc::new(request), Arc::new(AtomicU64::new(0)));
        let mut running = JoinSet::new();
        for _ in 0..tasks {
            let (end, answered) = (end.clone(), answered.clone());
            let (request, number) = (request.clone(), number.clone());
            running.spawn(async move {
                let (mut counts, mut connection) = (Counts::default(), Connection::default());
                while !end.is_cancelled() {
                    let ask = request(number.fetch_add(1, Ordering::SeqCst));
                    counts.ask(&mut connection, &ask, connections).await;
                    answered.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(PAUSE).await;
                }
                counts
            });
        }
        Self {
            end,
            tasks: running,
            answered,
        }
    }

    /// Waits until so many more requests were answered, or have failed.
    pub async fn goes_on(&self, requests: u64) {
        let from = self.answered.load(Ordering::SeqCst);
        crate::eventually("the load goes on", async || {
            (self.answered.load(Ordering::SeqCst) >= from + requests).then_some(())
        })
        .await;
    }

    /// Lets the requests on the way end, and counts all.
    pub async fn stop(mut self) -> Counts {
        self.end.cancel();
        let mut all = Counts::default();
        while let Some(counts) = self.tasks.join_next().await {
            all.add(counts.expect("a task of the load"));
        }
        all
    }
}

impl Counts {
    /// Returns the number of requests.
    pub fn requests(&self) -> u64 {
        self.statuses.values().sum::<u64>() + self.failures
    }

    async fn ask(&mut self, connection: &mut Connection, ask: &Ask, connections: Connections) {
        if connections == Connections::Fresh {
            *connection = Connection::default();
        }
        let was_kept = connection.is_kept();
        let mut answer = connection.ask(ask).await;
        if answer.is_err() && was_kept {
            self.sent_again += 1;
            answer = connection.ask(ask).await;
        }
        match answer {
            Ok(answer) => self.count(&answer),
            Err(error) => {
                self.failures += 1;
                self.example(error.to_string());
            }
        }
    }

    fn count(&mut self, answer: &Answer) {
        *self.statuses.entry(answer.status).or_default() += 1;
        if let Some(name) = answer.name() {
            *self.names.entry(name.to_owned()).or_default() += 1;
        }
        if answer.status >= 400 {
            self.example(format!("{} {}", answer.status, answer.text()));
        }
    }

    fn example(&mut self, example: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(example);
        }
    }

    fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (name, count) in other.names {
            *self.names.entry(name).or_default() += count;
        }
        self.failures += other.failures;
        self.sent_again += other.sent_again;
        for example in other.examples {
            self.example(example);
        }
    }
}
