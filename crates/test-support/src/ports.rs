//! Addresses for processes that bind them later, and bind them again after a restart.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// The first port, and how many there are. The system gives none of them to connections: those
/// ports begin at 32,768 (`net.ipv4.ip_local_port_range`).
const FIRST: u32 = 20_000;
const COUNT: u32 = 7_000;

/// Suites that run at the same time begin at different places.
static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| (std::process::id() * 97 % COUNT).into());

/// Returns a loopback address that nothing listens at, another one at each call.
pub fn free_address() -> SocketAddr {
    for _ in 0..COUNT {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = u16::try_from(FIRST + offset).expect("a port");
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener.local_addr().expect("its address");
        }
    }
    panic!("no port from {FIRST} on is free");
}
