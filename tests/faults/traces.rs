//! A single trace, from the HTTP request through the outbox and Kafka to the archive, as a
//! collector receives it.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::Mutex,
};

use crate::{
    processes::{Process, eventually},
    support::World,
};

/// Starts an OTLP/HTTP collector that keeps the requests that it gets. Returns its URL and the
/// received bytes.
pub async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!(
        "http://{}/v1/traces",
        listener.local_addr().expect("its address")
    );
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 65536];
                let mut pending = Vec::new();
                while let Ok(read @ 1..) = connection.read(&mut buffer).await {
                    pending.extend_from_slice(&buffer[..read]);
                    if is_whole(&pending) {
                        kept.lock().await.append(&mut pending);
                        let _ = connection
                            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                            .await;
                    }
                }
            });
        }
    });
    (url, received)
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse::<usize>().ok());
    length.is_some_and(|length| request.len() >= head + 4 + length)
}

/// The parts of OTLP's request that the test looks at, with their numbers in its schema.
mod otlp {
    #[derive(prost::Message)]
    pub struct Request {
        #[prost(message, repeated, tag = "1")]
        pub resources: Vec<Resource>,
    }

    #[derive(prost::Message)]
    pub struct Resource {
        #[prost(message, repeated, tag = "2")]
        pub scopes: Vec<Scope>,
    }

    #[derive(prost::Message)]
    pub struct Scope {
        #[prost(message, repeated, tag = "2")]
        pub spans: Vec<Span>,
    }

    #[derive(prost::Message)]
    pub struct Span {
        #[prost(bytes = "vec", tag = "1")]
        pub trace_id: Vec<u8>,
        #[prost(string, tag = "5")]
        pub name: String,
        #[prost(int32, tag = "6")]
        pub kind: i32,
        #[prost(message, repeated, tag = "9")]
        pub attributes: Vec<Attribute>,
    }

    #[derive(prost::Message)]
    pub struct Attribute {
        #[prost(string, tag = "1")]
        pub key: String,
    }
}

/// The kinds of spans in OTLP.
const SERVER: i32 = 2;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

/// Returns the spans of a trace in the requests that the collector has kept.
fn spans(mut bytes: &[u8], trace_id: &[u8]) -> Vec<otlp::Span> {
    let mut spans = Vec::new();
    while let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|length| length.parse().ok())
            .expect("a length");
        let body = &bytes[head + 4..head + 4 + length];
        let request = <otlp::Request as prost::Message>::decode(body).expect("OTLP");
        let scopes = request.resources.into_iter().flat_map(|found| found.scopes);
        spans.extend(scopes.flat_map(|scope| scope.spans));
        bytes = &bytes[head + 4 + length..];
    }
    spans.retain(|span| span.trace_id == trace_id);
    spans
}

fn assert_conventions(spans: &[otlp::Span]) {
    let messaging = [
        "messaging.system",
        "messaging.operation.type",
        "messaging.operation.name",
        "messaging.destination.name",
        "messaging.message.id",
    ];
    let http = [
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "url.path",
    ];
    for (name, kind, attributes) in [
        ("http.request", SERVER, &http[..]),
        ("outbox.publish", PRODUCER, &messaging[..]),
        ("audit.archive", CONSUMER, &messaging[..]),
    ] {
        let span = spans
            .iter()
            .find(|span| span.name == name)
            .expect("the span");
        assert_eq!(span.kind, kind, "{name}");
        let keys: Vec<_> = span
            .attributes
            .iter()
            .map(|found| found.key.as_str())
            .collect();
        for attribute in attributes {
            assert!(keys.contains(attribute), "{name} has {keys:?}");
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trace_leads_from_the_request_to_the_archive() {
    let (url, received) = collector().await;
    let world = World::new().await;
    let mut environment = world.environment.clone();
    environment.insert("TM__TELEMETRY__OTLP_ENDPOINT".into(), url);
    let process = Process::start("all", &environment);
    process.ready().await;
    let trace_id: [u8; 16] = *uuid::Uuid::new_v4().as_bytes();
    let hex: String = trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let body = json!({ "tenant": "acme", "service": "web", "env": "prod", "version": "v1", "url": "http://a.example/" });
    let request = crate::support::secure::http()
        .build()
        .unwrap()
        .post(format!("{}/api/v1/routes", process.base()))
        .json(&body);
    let response = request
        .header("traceparent", format!("00-{hex}-00f067aa0ba902b7-01"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 201);
    assert!(
        response.headers()["traceparent"]
            .to_str()
            .expect("text")
            .contains(&hex)
    );
    eventually(
        Duration::from_secs(60),
        "the event is archived",
        async || world.archived_count().await == 1,
    )
    .await;
    assert_eq!(
        world.archived().await[0].trace_id.as_deref(),
        Some(hex.as_str())
    );
    eventually(
        Duration::from_secs(60),
        "the collector has all three spans of the trace",
        async || {
            let received = received.lock().await;
            let spans: [&[u8]; 3] = [b"http.request", b"outbox.publish", b"audit.archive"];
            contains(&received, &trace_id) && spans.iter().all(|span| contains(&received, span))
        },
    )
    .await;
    assert_conventions(&spans(&received.lock().await, &trace_id));
    drop(process);
    world.end().await;
}
