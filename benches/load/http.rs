//! The load generator: keep-alive connections in a closed loop, every answer checked.

use std::{
    cell::RefCell,
    net::SocketAddr,
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{process::Process, wire};

/// How long one answer may take. Longer is a failure.
const PATIENCE: Duration = Duration::from_secs(40);
/// A run that fails so often is ended.
const MOST_FAILURES: u64 = 100;

/// Random numbers for keys; xorshift, for they are drawn by the million.
pub struct Dice(u64);

impl Dice {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % (end.max(1) as u64)).unwrap_or(0)
    }
}

/// What the body of an answer must be.
pub enum Body {
    /// These bytes, or none.
    Exactly(Arc<[u8]>),
    /// Anything with these bytes in it.
    With(String),
}

/// What an answer must be.
pub struct Expected {
    /// One of these.
    pub statuses: &'static [u16],
    /// Its body.
    pub body: Body,
}

impl Expected {
    /// What is wrong with an answer.
    pub fn fault(&self, status: u16, body: &[u8]) -> Option<String> {
        let right = match &self.body {
            Body::Exactly(bytes) => bytes.as_ref() == body,
            Body::With(text) => wire::find(body, text.as_bytes()).is_some(),
        };
        if right && self.statuses.contains(&status) {
            return None;
        }
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
        Some(format!("status {status}, body {shown:?}"))
    }
}

/// Where requests come from.
pub trait Source: Send + Sync {
    /// Writes the next request, whole, and says what its answer must be.
    fn next(&self, dice: &mut Dice, request: &mut Vec<u8>) -> Expected;
}

/// The same request every time.
pub struct Same {
    /// The request, whole.
    pub request: Vec<u8>,
    /// Its answer's status.
    pub status: &'static [u16],
    /// Its answer's body; empty for a 304.
    pub body: Arc<[u8]>,
}

impl Source for Same {
    fn next(&self, _: &mut Dice, request: &mut Vec<u8>) -> Expected {
        request.extend_from_slice(&self.request);
        Expected { statuses: self.status, body: Body::Exactly(self.body.clone()) }
    }
}

/// A request without a body. `headers` are whole lines.
pub fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes()
}

/// A request with a JSON body.
pub fn with_json(method: &str, path: &str, json: &str) -> Vec<u8> {
    let length = json.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    format!("{head}Content-Length: {length}\r\n\r\n{json}").into_bytes()
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    answered: usize,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let connected = tokio::time::timeout(Duration::from_secs(10), TcpStream::connect(address)).await;
        let stream = connected.context("no connection in 10 s")?.with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096), answered: 0 })
    }

    /// Sends a request.
    pub async fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request).await?)
    }

    /// The next answer, with its body and what [`Connection::header`] reads.
    pub async fn receive(&mut self) -> Result<wire::Message> {
        self.buffer.drain(..self.answered);
        self.answered = 0;
        loop {
            if let Some(message) = wire::parse(&self.buffer)? {
                self.answered = message.end;
                return Ok(message);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the server closed the connection");
            }
        }
    }

    /// The body of the answer just received.
    pub fn body<'a>(&'a self, message: &'a wire::Message) -> &'a [u8] {
        message.body(&self.buffer)
    }

    /// A header of the answer just received.
    pub fn header(&self, message: &wire::Message, name: &str) -> Option<String> {
        message.header(&self.buffer, name).map(std::borrow::Cow::into_owned)
    }

    /// Sends a request and awaits its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<wire::Message> {
        self.send(request).await?;
        self.receive().await
    }
}

/// One request on a connection of its own: its status, entity tag and body.
pub async fn once(address: SocketAddr, request: &[u8]) -> Result<(u16, Option<String>, Vec<u8>)> {
    let asked = async {
        let mut connection = Connection::open(address).await?;
        let message = connection.exchange(request).await?;
        Ok((message.status, connection.header(&message, "etag"), connection.body(&message).to_vec()))
    };
    tokio::time::timeout(PATIENCE, asked).await.with_context(|| format!("no answer in {PATIENCE:?}"))?
}

/// What a run found. It exists only when every answer was right.
#[derive(Debug)]
pub struct Run {
    /// Answers.
    pub requests: u64,
    /// How long it ran.
    pub seconds: f64,
    /// What the server's processes used meanwhile, in microseconds per answer.
    pub cpu_us: f64,
    /// Microseconds.
    pub latency: Histogram<u64>,
}

impl Run {
    /// Answers per second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Milliseconds that this share of the answers took at most.
    pub fn latency_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// What one thread, or all, counted.
pub struct Tally {
    requests: u64,
    failures: u64,
    first_failure: Option<String>,
    latency: Histogram<u64>,
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Result<Self> {
        Ok(Self { requests: 0, failures: 0, first_failure: None, latency: Histogram::new_with_bounds(1, 120_000_000, 3)? })
    }

    /// Counts an answer.
    pub fn answer(&mut self, latency: Duration, fault: Option<String>) {
        self.requests += 1;
        self.latency.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
        if let Some(fault) = fault {
            self.failure(fault);
        }
    }

    /// Counts something that went wrong.
    pub fn failure(&mut self, what: String) {
        self.failures += 1;
        self.first_failure.get_or_insert(what);
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) -> Result<()> {
        self.requests += other.requests;
        self.failures += other.failures;
        if let Some(first) = &other.first_failure {
            self.first_failure.get_or_insert_with(|| first.clone());
        }
        Ok(self.latency.add(&other.latency)?)
    }

    /// The run, if nothing was wrong.
    pub fn finish(self, elapsed: Duration, cpu_us: f64) -> Result<Run> {
        let Self { requests, failures, first_failure, latency } = self;
        if failures > 0 || requests == 0 {
            let first = first_failure.unwrap_or_else(|| "no answer at all".into());
            bail!("{failures} failures in {requests} answers; the first: {first}");
        }
        Ok(Run { requests, seconds: elapsed.as_secs_f64(), cpu_us: cpu_us / requests as f64, latency })
    }
}

/// Where load goes, and how much.
#[derive(Clone, Copy)]
pub struct Load<'a> {
    /// The server's address.
    pub address: SocketAddr,
    /// The server's process.
    pub server: &'a Process,
    /// Connections.
    pub connections: usize,
    /// How long.
    pub duration: Duration,
}

/// Runs a closed loop: each connection sends its next request when its last was answered.
pub fn closed_loop(load: Load<'_>, source: &dyn Source) -> Result<Run> {
    let threads = load.connections.clamp(1, 2);
    let barrier = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let shares = (0..threads).map(|thread| load.connections / threads + usize::from(thread < load.connections % threads));
        let workers: Vec<_> = shares
            .enumerate()
            .map(|(thread, share)| {
                let barrier = &barrier;
                scope.spawn(move || worker(load, source, thread, share, barrier))
            })
            .collect();
        barrier.wait();
        let (started, before) = (Instant::now(), load.server.cpu_us());
        let mut all = Tally::new()?;
        for worker in workers {
            let tally = worker.join().map_err(|_| anyhow::anyhow!("a thread of the load generator failed"))??;
            all.add(&tally)?;
        }
        let elapsed = started.elapsed();
        let cpu = load.server.cpu_us() - before;
        load.server.lives()?;
        all.finish(elapsed, cpu)
    })
}

/// One thread with its share of the connections.
fn worker(load: Load<'_>, source: &dyn Source, thread: usize, share: usize, barrier: &Barrier) -> Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let connected = runtime.as_ref().ok().map(|runtime| {
        let opened = (0..share).map(|_| Connection::open(load.address));
        runtime.block_on(async { join_all(opened).await.into_iter().collect::<Result<Vec<_>>>() })
    });
    // Whatever failed: the others wait here.
    barrier.wait();
    let (runtime, connections) = (runtime?, connected.context("no runtime")??);
    let tally = RefCell::new(Tally::new()?);
    let until = Instant::now() + load.duration;
    let loops = connections.into_iter().enumerate().map(|(number, connection)| {
        let dice = Dice::new((thread * 100_000 + number + 1) as u64);
        drive(connection, source, dice, until, &tally)
    });
    let bounded = runtime.block_on(async { tokio::time::timeout(load.duration + PATIENCE, join_all(loops)).await });
    let mut tally = tally.into_inner();
    if bounded.is_err() {
        tally.failure(format!("an answer did not come in {PATIENCE:?}"));
    }
    Ok(tally)
}

/// One connection.
async fn drive(mut connection: Connection, source: &dyn Source, mut dice: Dice, until: Instant, tally: &RefCell<Tally>) {
    let mut request = Vec::with_capacity(1024);
    let mut now = Instant::now();
    while now < until && tally.borrow().failures < MOST_FAILURES {
        request.clear();
        let expected = source.next(&mut dice, &mut request);
        match connection.exchange(&request).await {
            Ok(message) => {
                let fault = expected.fault(message.status, connection.body(&message));
                let sent = std::mem::replace(&mut now, Instant::now());
                tally.borrow_mut().answer(now - sent, fault);
            }
            Err(error) => {
                tally.borrow_mut().failure(format!("{error:#}"));
                return;
            }
        }
    }
}
