//! What a node tells the service of itself.

#[path = "conformance/case.rs"]
#[expect(dead_code, reason = "the cases use the rest")]
mod case;
#[path = "conformance/content.rs"]
#[expect(dead_code, reason = "the cases use the rest")]
mod content;
#[path = "conformance/server.rs"]
#[expect(dead_code, reason = "the cases use the rest")]
mod server;

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt as _,
    sync::mpsc,
    time::{Instant, timeout},
};
use traffic_manager_client::{Fault, FaultCode, Report, Settings, Watcher};

use self::{case::Snapshot, server::Request};

const PATIENCE: Duration = Duration::from_secs(30);

/// The service: the test gets each request, told apart by whether it is a report.
struct Service {
    requests: mpsc::UnboundedReceiver<Request>,
    streams: Vec<Request>,
    reads: Vec<Request>,
}

impl Service {
    async fn new() -> (Self, Settings) {
        let (sender, requests) = mpsc::unbounded_channel();
        let url = server::start(0, sender).await;
        let mut settings = Settings::new(vec![url.parse().unwrap()], "acme".parse().unwrap());
        settings.node = Some("edge-1".parse().unwrap());
        settings.dialect = Some("envoy".parse().unwrap());
        settings.times.first_retry = Duration::from_millis(1);
        settings.times.last_retry = Duration::from_millis(5);
        let service = Self {
            requests,
            streams: Vec::new(),
            reads: Vec::new(),
        };
        (service, settings)
    }

    /// Answers all that is no report, and returns the next report.
    async fn report(&mut self) -> Request {
        loop {
            let next = timeout(PATIENCE, self.requests.recv()).await;
            let mut request = next.unwrap().unwrap();
            if request.headers[":method"] == "HEAD" {
                return request;
            }
            if request.path.ends_with("/stream") {
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n:\n\n";
                request.connection.write_all(head).await.unwrap();
                self.streams.push(request);
                continue;
            }
            let body = content::body(&content::full(&Snapshot::Tag("a.5".into())));
            let length = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            server::write(&mut request.connection, head.as_bytes(), false).await;
            server::write(&mut request.connection, &body, false).await;
            self.reads.push(request);
        }
    }
}

async fn answer(request: &mut Request, status: &str) {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    server::write(&mut request.connection, head.as_bytes(), false).await;
}

fn applied(tag: &str) -> Report {
    Report {
        applied: Some(content::tag(tag).parse().unwrap()),
        fault: None,
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).map(String::as_str)
}

#[tokio::test]
async fn report_is_a_head_request_with_all_that_the_node_tells() {
    let (mut service, mut settings) = Service::new().await;
    settings.scope.env = Some("prod".parse().unwrap());
    let watcher = Watcher::start(settings).await.unwrap();
    let wait = async {
        watcher.ready().await.unwrap();
        watcher.report(Report {
            fault: Some(Fault {
                tag: content::tag("a.7").parse().unwrap(),
                code: FaultCode::HeldBack,
                text: "drops\n9".to_owned(),
            }),
            ..applied("a.4")
        });
    };
    let (request, ()) = tokio::join!(service.report(), wait);
    assert_eq!(request.path, "/api/v1/tenants/acme/snapshot");
    assert_eq!(request.query, "env=prod");
    assert_eq!(header(&request, "tm-node"), Some("edge-1"));
    assert_eq!(header(&request, "tm-dialect"), Some("envoy"));
    let etag = format!("\"{}\"", content::tag("a.5"));
    assert_eq!(header(&request, "if-none-match"), Some(etag.as_str()));
    assert_eq!(
        header(&request, "tm-applied"),
        Some(content::tag("a.4").as_str())
    );
    assert_eq!(
        header(&request, "tm-refused"),
        Some(content::tag("a.7").as_str())
    );
    assert_eq!(header(&request, "tm-error"), Some("held_back drops%0A9"));
}

#[tokio::test]
async fn stream_and_snapshot_say_who_the_node_is_and_not_what_it_applies() {
    let (mut service, mut settings) = Service::new().await;
    settings.times.report = Duration::from_millis(200);
    let watcher = Watcher::start(settings).await.unwrap();
    watcher.report(applied("a.5"));
    while service.streams.is_empty() {
        answer(&mut service.report().await, "304 Not Modified").await;
    }
    for request in service.reads.iter().chain(&service.streams) {
        assert_eq!(header(request, "tm-node"), Some("edge-1"));
        assert_eq!(header(request, "tm-dialect"), Some("envoy"));
        assert_eq!(header(request, "tm-applied"), None);
    }
}

#[tokio::test]
async fn reports_in_one_moment_are_one_and_the_next_comes_after_a_pause() {
    let (mut service, mut settings) = Service::new().await;
    assert_eq!(settings.times.report_pause, Duration::from_millis(100));
    let pause = Duration::from_secs(1);
    settings.times.report_pause = pause;
    let watcher = Watcher::start(settings).await.unwrap();
    watcher.report(applied("a.1"));
    let mut first = service.report().await;
    let began = Instant::now();
    for revision in 2..=50 {
        watcher.report(applied(&format!("a.{revision}")));
    }
    answer(&mut first, "304 Not Modified").await;
    let mut second = service.report().await;
    assert_eq!(
        header(&second, "tm-applied"),
        Some(content::tag("a.50").as_str())
    );
    // The first was sent a moment before it was read.
    assert!(began.elapsed() > pause / 2, "{:?}", began.elapsed());
    answer(&mut second, "200 OK").await;
    let mut reported = watcher.reported();
    let both = reported.wait_for(|reported| reported.sent == 2);
    let both = timeout(PATIENCE, both).await.unwrap().unwrap();
    assert_eq!(both.failed, 0);
}

#[tokio::test]
async fn report_that_fails_is_sent_again_in_its_newest_form() {
    let (mut service, settings) = Service::new().await;
    let watcher = Watcher::start(settings).await.unwrap();
    watcher.report(applied("a.1"));
    let mut first = service.report().await;
    watcher.report(applied("a.2"));
    answer(&mut first, "503 Service Unavailable").await;
    let mut second = service.report().await;
    assert_eq!(
        header(&second, "tm-applied"),
        Some(content::tag("a.2").as_str())
    );
    answer(&mut second, "304 Not Modified").await;
    let mut reported = watcher.reported();
    let taken = reported.wait_for(|reported| reported.sent == 1);
    let taken = timeout(PATIENCE, taken).await.unwrap().unwrap();
    assert_eq!(taken.failed, 1);
}

#[tokio::test]
async fn same_report_is_sent_again_regularly_and_without_a_name_none() {
    let (mut service, mut settings) = Service::new().await;
    settings.times.report = Duration::from_millis(120);
    let mut nameless = settings.clone();
    let watcher = Watcher::start(settings).await.unwrap();
    watcher.report(applied("a.1"));
    for _ in 0..3 {
        let mut request = service.report().await;
        assert_eq!(
            header(&request, "tm-applied"),
            Some(content::tag("a.1").as_str())
        );
        answer(&mut request, "304 Not Modified").await;
    }
    drop(watcher);

    let (mut service, settings) = Service::new().await;
    nameless.node = None;
    nameless.servers = settings.servers;
    let watcher = Watcher::start(nameless).await.unwrap();
    watcher.report(applied("a.1"));
    let none = timeout(Duration::from_millis(400), service.report()).await;
    assert!(none.is_err(), "a report without a name");
    assert_eq!(service.streams.len(), 1);
    assert_eq!(header(&service.reads[0], "tm-node"), None);
}

#[tokio::test]
async fn node_without_dialect_runs_what_it_holds_until_its_first_report() {
    let (mut service, mut settings) = Service::new().await;
    settings.dialect = None;
    let watcher = Watcher::start(settings).await.unwrap();
    let mut request = service.report().await;
    // The first report may be made before there are data.
    while header(&request, "tm-applied").is_none() {
        answer(&mut request, "200 OK").await;
        request = service.report().await;
    }
    assert_eq!(
        header(&request, "tm-applied"),
        Some(content::tag("a.5").as_str())
    );
    answer(&mut request, "304 Not Modified").await;
    watcher.report(applied("a.4"));
    let request = service.report().await;
    assert_eq!(
        header(&request, "tm-applied"),
        Some(content::tag("a.4").as_str())
    );
}

#[tokio::test]
async fn service_that_hangs_does_not_hold_up_a_caller() {
    let (mut service, settings) = Service::new().await;
    let watcher = Watcher::start(settings).await.unwrap();
    watcher.report(applied("a.1"));
    let _unanswered = service.report().await;
    let began = Instant::now();
    for revision in 0..100_000 {
        watcher.report(applied(&format!("a.{revision}")));
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}
