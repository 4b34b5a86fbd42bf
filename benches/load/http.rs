//! The load generator: keep-alive connections in a closed loop, with a check of every answer.

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
use tokio_rustls::TlsConnector;

use crate::{process::Process, support::secure::Duplex, wire};

/// The longest time for one answer. A longer time is a failure.
const PATIENCE: Duration = Duration::from_secs(40);
/// A thread of the load generator stops after this many failures.
const MOST_FAILURES: u64 = 100;

/// A generator of random numbers for keys. Xorshift, because a run draws millions of them.
pub struct Dice(u64);

impl Dice {
    /// Makes a generator. The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a random number below `end`, or 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % (end.max(1) as u64)).unwrap_or(0)
    }
}

/// The expected body of an answer.
pub enum Body {
    /// The body is exactly these bytes; empty for no body.
    Exactly(Arc<[u8]>),
    /// The body contains this text.
    With(String),
}

/// The expected answer to a request.
pub struct Expected {
    /// The allowed status codes.
    pub statuses: &'static [u16],
    /// The expected body.
    pub body: Body,
}

impl Expected {
    /// Returns a description of a wrong answer, and `None` for a right one.
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

/// A source of requests for the load generator.
pub trait Source: Send + Sync {
    /// Appends the next complete request to `request`, and returns the expected answer.
    fn next(&self, dice: &mut Dice, request: &mut Vec<u8>) -> Expected;
}

/// A source that repeats one request.
pub struct Same {
    /// The complete request, as sent on the connection.
    pub request: Vec<u8>,
    /// The allowed status codes of the answer.
    pub status: &'static [u16],
    /// The exact body of the answer; empty for a 304.
    pub body: Arc<[u8]>,
}

impl Source for Same {
    fn next(&self, _: &mut Dice, request: &mut Vec<u8>) -> Expected {
        request.extend_from_slice(&self.request);
        Expected {
            statuses: self.status,
            body: Body::Exactly(self.body.clone()),
        }
    }
}

/// Returns a GET request. `headers` are complete header lines, each with its line end.
pub fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes()
}

/// Returns a request with a JSON body. `headers` are complete header lines.
pub fn with_json(method: &str, path: &str, headers: &str, json: &str) -> Vec<u8> {
    let length = json.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Type: application/json\r\n"
    );
    format!("{head}Content-Length: {length}\r\n\r\n{json}").into_bytes()
}

/// A keep-alive connection and its read buffer.
pub struct Connection {
    stream: Box<dyn Duplex>,
    buffer: Vec<u8>,
    answered: usize,
}

impl Connection {
    /// Connects to `address` without TLS. Fails after 10 seconds.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        Self::open_over(address, None).await
    }

    /// Connects to `address`, in TLS if there is a connector. Fails after 10 seconds.
    pub async fn open_over(address: SocketAddr, tls: Option<&TlsConnector>) -> Result<Self> {
        let connect = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let stream: Box<dyn Duplex> = match tls {
                None => Box::new(stream),
                Some(tls) => Box::new(tls.connect(address.ip().into(), stream).await?),
            };
            Ok::<_, std::io::Error>(stream)
        };
        let connected = tokio::time::timeout(Duration::from_secs(10), connect).await;
        let stream = connected
            .context("no connection in 10 s")?
            .with_context(|| format!("no connection to {address}"))?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
            answered: 0,
        })
    }

    /// Sends a request without waiting for its answer.
    pub async fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(request).await?)
    }

    /// Waits for the next complete answer. Its body and headers stay readable until the next call.
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

    /// Returns the body of the answer just received.
    pub fn body<'a>(&'a self, message: &'a wire::Message) -> &'a [u8] {
        message.body(&self.buffer)
    }

    /// Returns the value of a header of the answer just received.
    pub fn header(&self, message: &wire::Message, name: &str) -> Option<String> {
        message
            .header(&self.buffer, name)
            .map(std::borrow::Cow::into_owned)
    }

    /// Sends a request and waits for its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<wire::Message> {
        self.send(request).await?;
        self.receive().await
    }
}

/// Sends one request on a new connection, and returns the answer's status, entity tag and body.
pub async fn once(address: SocketAddr, request: &[u8]) -> Result<(u16, Option<String>, Vec<u8>)> {
    once_over(address, None, request).await
}

/// The same, in TLS if there is a connector.
pub async fn once_over(
    address: SocketAddr,
    tls: Option<&TlsConnector>,
    request: &[u8],
) -> Result<(u16, Option<String>, Vec<u8>)> {
    let asked = async {
        let mut connection = Connection::open_over(address, tls).await?;
        let message = connection.exchange(request).await?;
        Ok((
            message.status,
            connection.header(&message, "etag"),
            connection.body(&message).to_vec(),
        ))
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .with_context(|| format!("no answer in {PATIENCE:?}"))?
}

/// The result of a run. A run gives a result only if every answer was right.
#[derive(Debug)]
pub struct Run {
    /// Number of answers.
    pub requests: u64,
    /// Duration of the run, in seconds.
    pub seconds: f64,
    /// CPU time of the server's processes, in microseconds per answer.
    pub cpu_us: f64,
    /// Latencies of the answers, in microseconds.
    pub latency: Histogram<u64>,
}

impl Run {
    /// Returns the answers per second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Returns the latency at `quantile` (0 to 1), in milliseconds.
    pub fn latency_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// The counts of one thread, or of all threads together.
pub struct Tally {
    requests: u64,
    failures: u64,
    first_failure: Option<String>,
    latency: Histogram<u64>,
}

impl Tally {
    /// Makes a tally without any answers.
    pub fn new() -> Result<Self> {
        Ok(Self {
            requests: 0,
            failures: 0,
            first_failure: None,
            latency: Histogram::new_with_bounds(1, 120_000_000, 3)?,
        })
    }

    /// Counts an answer and its latency, and a failure if there is a `fault`.
    pub fn answer(&mut self, latency: Duration, fault: Option<String>) {
        self.requests += 1;
        self.latency.saturating_record(
            u64::try_from(latency.as_micros())
                .unwrap_or(u64::MAX)
                .max(1),
        );
        if let Some(fault) = fault {
            self.failure(fault);
        }
    }

    /// Counts a failure, and keeps the first one for the report.
    pub fn failure(&mut self, what: String) {
        self.failures += 1;
        self.first_failure.get_or_insert(what);
    }

    /// Adds the counts of another tally.
    pub fn add(&mut self, other: &Self) -> Result<()> {
        self.requests += other.requests;
        self.failures += other.failures;
        if let Some(first) = &other.first_failure {
            self.first_failure.get_or_insert_with(|| first.clone());
        }
        Ok(self.latency.add(&other.latency)?)
    }

    /// Returns the result of the run. Fails if there was a failure or no answer. `cpu_us` is the
    /// CPU time of all answers together.
    pub fn finish(self, elapsed: Duration, cpu_us: f64) -> Result<Run> {
        let Self {
            requests,
            failures,
            first_failure,
            latency,
        } = self;
        if failures > 0 || requests == 0 {
            let first = first_failure.unwrap_or_else(|| "no answer at all".into());
            bail!("{failures} failures in {requests} answers; the first: {first}");
        }
        Ok(Run {
            requests,
            seconds: elapsed.as_secs_f64(),
            cpu_us: cpu_us / requests as f64,
            latency,
        })
    }
}

/// The target and the size of a load.
#[derive(Clone, Copy)]
pub struct Load<'a> {
    /// The server's address.
    pub address: SocketAddr,
    /// The server's process.
    pub server: &'a Process,
    /// Number of connections, which send requests at the same time.
    pub connections: usize,
    /// Duration of the run.
    pub duration: Duration,
    /// Encrypts the connections; `None` for plain ones.
    pub tls: Option<&'a TlsConnector>,
}

/// Runs a closed loop: each connection sends its next request after the answer to its last one.
pub fn closed_loop(load: Load<'_>, source: &dyn Source) -> Result<Run> {
    let threads = load.connections.clamp(1, 2);
    let barrier = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let shares = (0..threads).map(|thread| {
            load.connections / threads + usize::from(thread < load.connections % threads)
        });
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
            let tally = worker
                .join()
                .map_err(|_| anyhow::anyhow!("a thread of the load generator failed"))??;
            all.add(&tally)?;
        }
        let elapsed = started.elapsed();
        let cpu = load.server.cpu_us() - before;
        load.server.lives()?;
        all.finish(elapsed, cpu)
    })
}

/// Runs one thread with its share of the connections.
fn worker(
    load: Load<'_>,
    source: &dyn Source,
    thread: usize,
    share: usize,
    barrier: &Barrier,
) -> Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let connected = runtime.as_ref().ok().map(|runtime| {
        let opened = (0..share).map(|_| Connection::open_over(load.address, load.tls));
        runtime.block_on(async {
            join_all(opened)
                .await
                .into_iter()
                .collect::<Result<Vec<_>>>()
        })
    });
    // Reached even after a failure, because the other threads wait at this barrier.
    barrier.wait();
    let (runtime, connections) = (runtime?, connected.context("no runtime")??);
    let tally = RefCell::new(Tally::new()?);
    let until = Instant::now() + load.duration;
    let loops = connections
        .into_iter()
        .enumerate()
        .map(|(number, connection)| {
            let dice = Dice::new((thread * 100_000 + number + 1) as u64);
            drive(connection, source, dice, until, &tally)
        });
    let bounded = runtime
        .block_on(async { tokio::time::timeout(load.duration + PATIENCE, join_all(loops)).await });
    let mut tally = tally.into_inner();
    if bounded.is_err() {
        tally.failure(format!("an answer did not come in {PATIENCE:?}"));
    }
    Ok(tally)
}

/// Sends requests on one connection until the end of the run.
async fn drive(
    mut connection: Connection,
    source: &dyn Source,
    mut dice: Dice,
    until: Instant,
    tally: &RefCell<Tally>,
) {
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
