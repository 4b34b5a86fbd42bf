//! A small TCP load balancer that acts on `/health/ready`, like the balancers of real
//! installations.
//!
//! It asks each instance a few times a second, sends new connections only to ready instances, and
//! leaves open connections alone.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::processes::Process;

/// The time between two readiness checks.
const EVERY: Duration = Duration::from_millis(200);

struct Instance {
    api: SocketAddr,
    ready: AtomicBool,
}

/// A balancer that runs until it is dropped.
pub struct Balancer {
    pub address: SocketAddr,
    instances: Arc<Vec<Instance>>,
    _running: DropGuard,
}

impl Balancer {
    pub async fn start(processes: &[Process]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let instance = |process: &Process| Instance {
            api: process.api,
            ready: AtomicBool::new(true),
        };
        let instances: Arc<Vec<Instance>> = Arc::new(processes.iter().map(instance).collect());
        let stop = CancellationToken::new();
        for (number, process) in processes.iter().enumerate() {
            tokio::spawn(stop.clone().run_until_cancelled_owned(ask(
                instances.clone(),
                number,
                process.ops,
            )));
        }
        tokio::spawn(
            stop.clone()
                .run_until_cancelled_owned(balance(listener, instances.clone())),
        );
        Self {
            address,
            instances,
            _running: stop.drop_guard(),
        }
    }

    /// Returns true if new connections go to an instance.
    pub fn sends_to(&self, number: usize) -> bool {
        self.instances[number].ready.load(Ordering::SeqCst)
    }
}

async fn ask(instances: Arc<Vec<Instance>>, number: usize, ops: SocketAddr) {
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(1))
        .build()
        .expect("a client");
    loop {
        let answer = http.get(format!("http://{ops}/health/ready")).send().await;
        instances[number].ready.store(
            answer.is_ok_and(|answer| answer.status().is_success()),
            Ordering::SeqCst,
        );
        tokio::time::sleep(EVERY).await;
    }
}

async fn balance(listener: TcpListener, instances: Arc<Vec<Instance>>) {
    let (next, mut connections) = (AtomicUsize::new(0), JoinSet::new());
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let first = next.fetch_add(1, Ordering::Relaxed);
        connections.spawn(pass(client, instances.clone(), first));
    }
}

/// Passes the connection to the next ready instance that accepts it. An instance that refuses the
/// connection costs one try and not the client's request.
async fn pass(mut client: TcpStream, instances: Arc<Vec<Instance>>, first: usize) {
    for turn in 0..instances.len() {
        let instance = &instances[(first + turn) % instances.len()];
        if !instance.ready.load(Ordering::SeqCst) {
            continue;
        }
        if let Ok(mut server) = TcpStream::connect(instance.api).await {
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}
