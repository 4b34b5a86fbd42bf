//! Changes as fast as the agent takes them, while clients send requests.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

use super::stage::Stage;
use crate::common::HOST;

/// The longest time of a request.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest time from the last change to its first answer.
const LAST: Duration = Duration::from_secs(2);
/// The pause of a client between two requests.
const PAUSE: Duration = Duration::from_millis(1);

/// What a client has seen.
#[derive(Default)]
struct Seen {
    answered: u64,
    /// Requests on a connection that the proxy had closed before it answered a byte. RFC 9112 §9.3.1: a client sends them
    /// again.
    closed_idle: u64,
    /// Answers with `connection: close`.
    told_to_close: u64,
    failures: Vec<String>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} answered, {} failed, {} idle connections closed, {} told to close",
            self.answered,
            self.failures.len(),
            self.closed_idle,
            self.told_to_close
        )
    }
}

/// Sends one request after the other until it is told to stop.
struct Client {
    stop: watch::Sender<bool>,
    task: JoinHandle<Seen>,
}

impl Client {
    fn start(web: SocketAddr, keeps: bool) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let (mut seen, mut kept) = (Seen::default(), None);
            while !*stopped.borrow() {
                let request = timeout(LIMIT, request(web, keeps, &mut kept, &mut seen)).await;
                match request {
                    Ok(Ok(())) => seen.answered += 1,
                    Ok(Err(why)) => seen.failures.push(why),
                    Err(_) => seen.failures.push(format!("no answer within {LIMIT:?}")),
                }
                tokio::time::sleep(PAUSE).await;
            }
            seen
        });
        Self { stop, task }
    }

    async fn stop(self) -> Seen {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }
}

/// Sends a request, on the kept connection if there is one. What is not an answer of an upstream is a failure.
async fn request(
    web: SocketAddr,
    keeps: bool,
    kept: &mut Option<TcpStream>,
    seen: &mut Seen,
) -> Result<(), String> {
    if let Some(mut connection) = kept.take() {
        match exchange(&mut connection, keeps).await {
            Ok(answer) => return taken(&answer, connection, kept, seen),
            Err(Fault::BeforeAnswer(_)) => seen.closed_idle += 1,
            Err(Fault::InAnswer(why)) => return Err(why),
        }
    }
    let connection = TcpStream::connect(web).await;
    let mut connection = connection.map_err(|error| format!("connect: {error}"))?;
    match exchange(&mut connection, keeps).await {
        Ok(answer) if keeps => taken(&answer, connection, kept, seen),
        Ok(answer) => check(&answer),
        Err(Fault::BeforeAnswer(why) | Fault::InAnswer(why)) => Err(why),
    }
}

fn taken(
    answer: &str,
    connection: TcpStream,
    kept: &mut Option<TcpStream>,
    seen: &mut Seen,
) -> Result<(), String> {
    if answer
        .to_ascii_lowercase()
        .contains("\r\nconnection: close\r\n")
    {
        seen.told_to_close += 1;
    } else {
        *kept = Some(connection);
    }
    check(answer)
}

fn check(answer: &str) -> Result<(), String> {
    let is_one = answer.ends_with("\r\n\r\none") || answer.ends_with("\r\n\r\ntwo");
    if answer.starts_with("HTTP/1.1 200 ") && is_one {
        Ok(())
    } else {
        Err(format!("an answer of no upstream: {answer:?}"))
    }
}

enum Fault {
    BeforeAnswer(String),
    InAnswer(String),
}

async fn exchange(connection: &mut TcpStream, keeps: bool) -> Result<String, Fault> {
    let close = if keeps { "" } else { "connection: close\r\n" };
    let request = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n{close}\r\n");
    let sent = connection.write_all(request.as_bytes()).await;
    sent.map_err(|error| Fault::BeforeAnswer(format!("send: {error}")))?;
    let mut answer = Vec::new();
    loop {
        let fault = |why: String| match answer.is_empty() {
            true => Fault::BeforeAnswer(why),
            false => Fault::InAnswer(why),
        };
        let mut piece = [0; 4096];
        match connection.read(&mut piece).await {
            Ok(0) => return Err(fault("the connection ended".to_owned())),
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) => return Err(fault(format!("read: {error}"))),
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            (name.eq_ignore_ascii_case("content-length")).then(|| value.parse::<usize>().ok())?
        });
        if length.is_some_and(|length| body.len() >= length) {
            return Ok(text);
        }
    }
}

/// Each change goes to the other upstream, as soon as the one before was taken.
async fn changes_under_load(dialect: &'static str, changes: u64) {
    let mut stage = Stage::with_pause(dialect, 1).await;
    let agent = stage.begin().await;
    let failures = agent.status().await.unwrap()["proxy"]["failures"].clone();
    let clients = [true, false].map(|keeps| Client::start(stage.web, keeps));
    let started = Instant::now();
    for revision in 2..=changes + 1 {
        let url = [&stage.one, &stage.two][usize::from(revision % 2 == 0)];
        stage.publish(revision, url);
        agent.applies(revision).await;
    }
    let took = started.elapsed();
    let last = if changes % 2 == 1 { "two" } else { "one" };
    let shown = timeout(LAST, stage.answers(last)).await;
    assert!(
        shown.is_ok(),
        "the last change is not served within {LAST:?}"
    );
    let status = agent.status().await.unwrap();
    assert_eq!(status["proxy"]["failures"], failures, "{status}");
    let [kept, new] = clients;
    let (kept, new) = (kept.stop().await, new.stop().await);
    println!("{dialect}: {changes} changes in {took:?}; kept: {kept}; new: {new}");
    assert!(kept.answered > changes && new.answered > changes);
    assert_eq!(kept.failures, [""; 0]);
    assert_eq!(new.failures, [""; 0]);
    // At most the idle connection of each reload.
    assert!(kept.closed_idle <= changes, "{}", kept.closed_idle);
}

/// Changes of hosts are no reloads of `HAProxy`: not even an idle connection is closed.
#[tokio::test(flavor = "multi_thread")]
async fn haproxy_closes_no_connection_for_changes_of_hosts() {
    const CHANGES: u64 = 100;
    let mut stage = Stage::with_pause("haproxy", 1).await;
    let agent = stage.begin().await;
    stage.publish_hosts(2, &[HOST], 2);
    agent.applies(2).await;
    let worker = stage.worker().await.unwrap();
    let clients = [true, false].map(|keeps| Client::start(stage.web, keeps));
    let started = Instant::now();
    for revision in 3..CHANGES + 3 {
        let added = format!("host-{revision}.example");
        stage.publish_hosts(revision, &[HOST, &added], 2);
        agent.applies(revision).await;
        assert_eq!(stage.serves(&added).await, 200);
    }
    let took = started.elapsed();
    let [kept, new] = clients;
    let (kept, new) = (kept.stop().await, new.stop().await);
    println!("haproxy: {CHANGES} changes of hosts in {took:?}; kept: {kept}; new: {new}");
    assert_eq!(kept.failures, [""; 0]);
    assert_eq!(new.failures, [""; 0]);
    assert_eq!((kept.closed_idle, kept.told_to_close), (0, 0));
    assert!(kept.answered > CHANGES && new.answered > CHANGES);
    assert_eq!(stage.worker().await.unwrap(), worker, "it was reloaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_loses_no_request_and_no_change_in_20_reloads() {
    changes_under_load("haproxy", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_loses_no_request_and_no_change_in_20_reloads() {
    changes_under_load("nginx", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute"]
async fn haproxy_loses_no_request_and_no_change_in_200_reloads() {
    changes_under_load("haproxy", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more than a minute"]
async fn nginx_loses_no_request_and_no_change_in_200_reloads() {
    changes_under_load("nginx", 200).await;
}
