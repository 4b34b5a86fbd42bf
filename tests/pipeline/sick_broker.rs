//! A Kafka of the test's own that can be sick: it still answers, metadata too, but answers some
//! requests with errors.
//!
//! The broker is the client library's mock cluster. A proxy between the broker and its clients
//! writes errors into the answers. A connection from before the repair keeps getting errors: this
//! is a client that does not recover, and only a new client helps.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use rdkafka::types::RDKafkaApiKey as Api;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use traffic_manager::config::{self, SecurityProtocol};

const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;

/// The newest version of each request whose answers have no compact members and have the layout
/// that [`spoil`] reads.
const VERSIONS: [(Api, i16); 8] = [
    (Api::Produce, 7),
    (Api::Fetch, 11),
    (Api::ListOffsets, 5),
    (Api::Metadata, 8),
    (Api::FindCoordinator, 2),
    (Api::JoinGroup, 5),
    (Api::Heartbeat, 3),
    (Api::InitProducerId, 1),
];

/// A counter that is odd while the broker is sick. A connection is well if it was made in the
/// current era, and that era is even.
type Era = AtomicU64;

/// The broker and the proxy in front of it.
pub struct SickBroker {
    pub cluster: MockCluster<'static, DefaultProducerContext>,
    era: Arc<Era>,
    spoilt: Arc<AtomicU64>,
}

impl SickBroker {
    /// Starts a broker whose topics have one partition. While it is sick, the proxy answers these
    /// kinds of requests with errors.
    pub async fn start(kafka: &mut config::Kafka, sick: &[Api]) -> Self {
        let cluster = MockCluster::new(1).expect("a mock cluster");
        for (api, newest) in VERSIONS {
            cluster
                .apiversion(api, Some(0), Some(newest))
                .expect("a version that it knows");
        }
        for topic in [&kafka.topic, &kafka.dlq_topic] {
            cluster.create_topic(topic, 1, 1).expect("a topic");
        }
        let target: SocketAddr = cluster.bootstrap_servers().parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (era, spoilt) = (Arc::<Era>::default(), Arc::<AtomicU64>::default());
        let sick: Arc<HashSet<i16>> = Arc::new(sick.iter().map(|api| i16::from(*api)).collect());
        let (eras, counted) = (era.clone(), spoilt.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(target).await else {
                    continue;
                };
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let line = Arc::new(Line {
                    asked: Mutex::default(),
                    born: eras.load(Ordering::SeqCst),
                    eras: eras.clone(),
                    sick: sick.clone(),
                    spoilt: counted.clone(),
                    ports: (target.port(), address.port()),
                });
                tokio::spawn(requests(from_client, to_server, line.clone()));
                tokio::spawn(answers(from_server, to_client, line));
            }
        });
        kafka.bootstrap_servers = address.to_string();
        kafka.security_protocol = SecurityProtocol::Plaintext;
        kafka.ca_file.clear();
        Self {
            cluster,
            era,
            spoilt,
        }
    }

    /// Makes the broker sick.
    pub fn sickens(&self) {
        assert_eq!(
            self.era.fetch_add(1, Ordering::SeqCst) % 2,
            0,
            "it was well"
        );
    }

    /// Repairs the broker for new connections.
    pub fn is_mended(&self) {
        assert_eq!(
            self.era.fetch_add(1, Ordering::SeqCst) % 2,
            1,
            "it was sick"
        );
    }

    /// Returns the number of answers into which the proxy has written an error.
    pub fn spoilt(&self) -> u64 {
        self.spoilt.load(Ordering::SeqCst)
    }
}

struct Line {
    /// The kinds of unanswered requests, by their correlation ids.
    asked: Mutex<HashMap<i32, i16>>,
    born: u64,
    eras: Arc<Era>,
    sick: Arc<HashSet<i16>>,
    spoilt: Arc<AtomicU64>,
    /// The ports of the broker and of the proxy.
    ports: (u16, u16),
}

async fn frame(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut frame = vec![0; length as usize];
    from.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn pass_on(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> std::io::Result<()> {
    to.write_u32(u32::try_from(frame.len()).expect("a frame"))
        .await?;
    to.write_all(frame).await?;
    to.flush().await
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: Arc<Line>,
) -> std::io::Result<()> {
    loop {
        let frame = frame(&mut from).await?;
        let (api, correlation) = (i16_at(&frame, 0), i32_at(&frame, 4));
        line.asked.lock().insert(correlation, api);
        pass_on(&mut to, &frame).await?;
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: Arc<Line>,
) -> std::io::Result<()> {
    loop {
        let mut frame = frame(&mut from).await?;
        let api = line.asked.lock().remove(&i32_at(&frame, 0)).unwrap_or(-1);
        redirect(&mut frame, line.ports);
        let era = line.eras.load(Ordering::SeqCst);
        let is_sick = era % 2 == 1 || line.born != era;
        if is_sick && line.sick.contains(&api) {
            line.spoilt.fetch_add(1, Ordering::SeqCst);
            spoil(api, &mut frame);
        }
        pass_on(&mut to, &frame).await?;
    }
}

fn i16_at(frame: &[u8], at: usize) -> i16 {
    i16::from_be_bytes(frame[at..at + 2].try_into().expect("two bytes"))
}

fn i32_at(frame: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(frame[at..at + 4].try_into().expect("four bytes"))
}

/// Replaces the broker's address in an answer by the proxy's.
fn redirect(frame: &mut [u8], (from, to): (u16, u16)) {
    let told = [b"127.0.0.1".as_slice(), &u32::from(from).to_be_bytes()].concat();
    for at in 0..frame.len().saturating_sub(told.len() - 1) {
        if frame[at..].starts_with(&told) {
            frame[at + 9..at + 13].copy_from_slice(&u32::from(to).to_be_bytes());
        }
    }
}

/// Writes an error into an answer, which begins with the correlation id.
fn spoil(api: i16, frame: &mut [u8]) {
    let is = |wanted: Api| api == i16::from(wanted);
    // After the correlation id: a throttle time, then the error.
    if is(Api::InitProducerId) || is(Api::JoinGroup) || is(Api::Heartbeat) {
        return write(frame, 8, COORDINATOR_LOAD_IN_PROGRESS);
    }
    // The topics with their partitions follow at once, after a throttle time, or after a throttle
    // time, an error and a session.
    let mut at = if is(Api::Produce) {
        4
    } else if is(Api::ListOffsets) {
        8
    } else {
        14
    };
    for _ in 0..counted(frame, &mut at) {
        at += 2 + usize::try_from(i16_at(frame, at)).expect("a name");
        for _ in 0..counted(frame, &mut at) {
            write(frame, at + 4, NOT_LEADER_OR_FOLLOWER);
            at += 6;
            if is(Api::Produce) {
                // Base offset, time of appending, first offset.
                at += 24;
            } else if is(Api::ListOffsets) {
                // Time, offset, leader's epoch.
                at += 20;
            } else {
                // High watermark, last stable offset, first offset, aborted transactions, preferred
                // replica, records.
                at += 24;
                at += counted(frame, &mut at) * 16;
                at += 4;
                at += counted(frame, &mut at);
            }
        }
    }
}

/// Reads the number of elements of an array, or of bytes. A null value counts as 0.
fn counted(frame: &[u8], at: &mut usize) -> usize {
    let count = i32_at(frame, *at);
    *at += 4;
    usize::try_from(count).unwrap_or(0)
}

fn write(frame: &mut [u8], at: usize, error: i16) {
    frame[at..at + 2].copy_from_slice(&error.to_be_bytes());
}
