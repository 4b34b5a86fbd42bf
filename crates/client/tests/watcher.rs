//! What the watcher promises beside the cases of `sdk/conformance`.

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
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
    time::timeout,
};
use traffic_manager_client::{Settings, StartError, State, Token, Watcher};

use self::{case::Snapshot, server::Request};

const PATIENCE: Duration = Duration::from_secs(30);

async fn started() -> (Settings, mpsc::UnboundedReceiver<Request>) {
    let (sender, requests) = mpsc::unbounded_channel();
    let url = server::start(0, sender).await;
    let settings = Settings::new(vec![url.parse().unwrap()], "acme".parse().unwrap());
    (settings, requests)
}

async fn next(requests: &mut mpsc::UnboundedReceiver<Request>) -> Request {
    timeout(PATIENCE, requests.recv()).await.unwrap().unwrap()
}

async fn answer_snapshot(request: &mut Request) {
    let body = content::body(&content::full(&Snapshot::Tag("a.5".into())));
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    server::write(&mut request.connection, head.as_bytes(), false).await;
    server::write(&mut request.connection, &body, false).await;
}

#[tokio::test]
async fn ready_waits_for_data_and_not_for_a_connection() {
    let (settings, mut requests) = started().await;
    let watcher = Watcher::start(settings).await.unwrap();
    let mut request = next(&mut requests).await;
    assert_eq!((watcher.state(), watcher.tag()), (State::Starting, None));
    assert!(watcher.current().is_none() && watcher.age().is_none());
    let early = timeout(Duration::from_millis(50), watcher.ready()).await;
    assert!(early.is_err(), "ready without data");
    answer_snapshot(&mut request).await;
    let snapshot = timeout(PATIENCE, watcher.ready()).await.unwrap().unwrap();
    assert_eq!(snapshot.tag().to_string(), content::tag("a.5"));
    assert_eq!(watcher.state(), State::Live);
    assert!(watcher.age().unwrap() < PATIENCE);
}

#[tokio::test]
async fn dropped_watcher_ends_its_connections() {
    let (settings, mut requests) = started().await;
    let watcher = Watcher::start(settings).await.unwrap();
    answer_snapshot(&mut next(&mut requests).await).await;
    let mut stream = next(&mut requests).await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n";
    stream.connection.write_all(head).await.unwrap();
    timeout(PATIENCE, watcher.ready()).await.unwrap().unwrap();
    let mut changed = watcher.changed();
    drop(watcher);
    let end = timeout(PATIENCE, stream.connection.read_u8()).await;
    assert!(end.unwrap().is_err(), "the connection is still open");
    while timeout(PATIENCE, changed.changed()).await.unwrap().is_ok() {}
}

#[tokio::test]
async fn file_that_cannot_be_written_is_a_warning() {
    let (mut settings, mut requests) = started().await;
    settings.file = Some("/nowhere/at/all/acme.tm".into());
    settings.times.save = Duration::from_millis(1);
    settings.times.reopen = Duration::from_millis(1);
    let watcher = Watcher::start(settings).await.unwrap();
    answer_snapshot(&mut next(&mut requests).await).await;
    let mut stream = next(&mut requests).await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    stream.connection.write_all(head).await.unwrap();
    // Failures are shown with the next sign of life.
    let mut view = watcher.changed();
    let shown = view.wait_for(|view| view.counters.file_errors == 1);
    let beats = async {
        loop {
            stream.connection.write_all(b":\n\n").await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        shown = timeout(PATIENCE, shown) => {
            let view = shown.unwrap().unwrap().clone();
            assert_eq!(view.state, State::Live);
            assert!(view.problem.unwrap().contains("cannot write the file"));
        }
        () = beats => {}
    }
}

#[tokio::test]
async fn token_is_in_no_debug_text_and_in_no_problem() {
    let (mut settings, mut requests) = started().await;
    settings.token = Some(Token::fixed("hunter2\u{7f}"));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let watcher = Watcher::start(settings.clone()).await.unwrap();
    let mut view = watcher.changed();
    let view = timeout(PATIENCE, view.wait_for(|view| view.problem.is_some()));
    let problem = view.await.unwrap().unwrap().problem.clone().unwrap();
    assert!(!problem.contains("hunter2"), "{problem}");
    assert!(requests.try_recv().is_err(), "a request with half a token");
    settings.servers = vec!["http://tm.example.com".parse().unwrap()];
    let refused = Watcher::start(settings).await;
    assert!(matches!(refused, Err(StartError::PlainHttp(_))));
}
