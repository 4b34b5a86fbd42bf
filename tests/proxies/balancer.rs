//! One address for several instances of the service, as a load balancer for TCP gives it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A running balancer. Each connection goes to the next instance that accepts it.
pub struct Balancer {
    pub address: SocketAddr,
    forwarded: Arc<AtomicUsize>,
    _end: DropGuard,
}

impl Balancer {
    pub async fn start(instances: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (end, forwarded) = (CancellationToken::new(), Arc::default());
        let served = accept(listener, instances, Arc::clone(&forwarded));
        tokio::spawn(end.clone().run_until_cancelled_owned(served));
        Self {
            address,
            forwarded,
            _end: end.drop_guard(),
        }
    }

    /// Returns the number of connections that an instance has accepted.
    pub fn forwarded(&self) -> usize {
        self.forwarded.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, instances: Vec<SocketAddr>, forwarded: Arc<AtomicUsize>) {
    let mut next = 0;
    while let Ok((mut client, _)) = listener.accept().await {
        for _ in 0..instances.len() {
            let instance = instances[next % instances.len()];
            next += 1;
            if let Ok(mut server) = TcpStream::connect(instance).await {
                forwarded.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
                break;
            }
        }
    }
}
