//! A TCP proxy in front of Postgres that can lose a connection in the middle of a COMMIT.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The fate of the next COMMIT of the write path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Commit {
    /// The COMMIT passes unchanged.
    Pass = 0,
    /// The COMMIT reaches the server and is done; the answer is lost with the connection.
    LoseAnswer = 1,
    /// The COMMIT is lost with the connection, before the server sees it.
    LoseRequest = 2,
}

/// A running proxy.
pub struct Proxy {
    pub address: SocketAddr,
    next_commit: Arc<AtomicU8>,
}

impl Proxy {
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let next_commit = Arc::new(AtomicU8::new(Commit::Pass as u8));
        let armed = next_commit.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(&target).await {
                    tokio::spawn(pass(client, server, armed.clone()));
                }
            }
        });
        Self {
            address,
            next_commit,
        }
    }

    pub fn arm(&self, commit: Commit) {
        self.next_commit.store(commit as u8, Ordering::SeqCst);
    }

    pub fn fired(&self) -> bool {
        self.next_commit.load(Ordering::SeqCst) == Commit::Pass as u8
    }
}

/// The statement that marks a connection of the write path: only such a connection prepares it,
/// before its first COMMIT.
const WRITES: &[u8] = b"insert into route_events";

/// Passes bytes both ways until one side ends, or a COMMIT is to be lost. The driver sends COMMIT
/// as one small message of its own.
async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    armed: Arc<AtomicU8>,
) -> std::io::Result<()> {
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    let mut is_writing = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let sent = &from_client[..read?];
                if sent.is_empty() {
                    return Ok(());
                }
                is_writing |= sent.windows(WRITES.len()).any(|window| window == WRITES);
                let commits = is_writing && sent.windows(6).any(|window| window == b"COMMIT");
                let fate = if commits { armed.swap(Commit::Pass as u8, Ordering::SeqCst) } else { Commit::Pass as u8 };
                if fate == Commit::LoseRequest as u8 {
                    return Ok(());
                }
                server.write_all(sent).await?;
                if fate == Commit::LoseAnswer as u8 {
                    // The server has answered, so it has committed.
                    let _ = server.read(&mut from_server).await?;
                    return Ok(());
                }
            }
            read = server.read(&mut from_server) => {
                let answered = &from_server[..read?];
                if answered.is_empty() {
                    return Ok(());
                }
                client.write_all(answered).await?;
            }
        }
    }
}
