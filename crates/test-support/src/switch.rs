//! A TCP proxy in front of a part of the stack. A test can cut the part off without an effect on
//! other tests.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional, split},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};

/// The behaviour of the proxy's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Passes,
    /// All bytes, in both directions, arrive later by this time.
    Delays(Duration),
    /// The bytes of clients pass at this rate, in bytes a second, on each connection.
    Trickles(usize),
    /// Connections stay open, and nothing passes.
    Hangs,
    /// Connections are closed, new ones too.
    Cut,
}

/// A running proxy.
pub struct Switch {
    pub address: SocketAddr,
    line: watch::Sender<Line>,
}

impl Switch {
    /// Starts a proxy to `target`, a host and port.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (line, seen) = watch::channel(Line::Passes);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target.clone(), seen.clone()));
            }
        });
        Self { address, line }
    }

    pub fn pass(&self) {
        self.line.send_replace(Line::Passes);
    }

    pub fn delay(&self, by: Duration) {
        self.line.send_replace(Line::Delays(by));
    }

    pub fn trickle(&self, bytes_per_second: usize) {
        self.line.send_replace(Line::Trickles(bytes_per_second));
    }

    /// Makes connections half-open: the proxy accepts them, keeps them open and never answers.
    pub fn hang(&self) {
        self.line.send_replace(Line::Hangs);
    }

    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }
}

/// Serves one connection. Returns when the connection ends, or at the next change of the line after
/// a hang.
async fn pass(mut client: TcpStream, target: String, mut line: watch::Receiver<Line>) {
    let state = *line.borrow_and_update();
    if !matches!(state, Line::Hangs | Line::Cut) {
        let Ok(mut server) = TcpStream::connect(target).await else {
            return;
        };
        tokio::select! {
            _ = carry(&mut client, &mut server, state) => return,
            _ = line.changed() => {}
        }
    }
    let state = *line.borrow_and_update();
    if state == Line::Hangs {
        let _ = line.changed().await;
    }
}

async fn carry(client: &mut TcpStream, server: &mut TcpStream, line: Line) -> std::io::Result<()> {
    let ((from_client, mut to_client), (mut from_server, to_server)) =
        (split(client), split(server));
    match line {
        Line::Delays(delay) => tokio::select! {
            ended = late(from_client, to_server, delay) => ended,
            ended = late(from_server, to_client, delay) => ended,
        },
        Line::Trickles(rate) => tokio::select! {
            ended = slowly(from_client, to_server, rate) => ended,
            ended = tokio::io::copy(&mut from_server, &mut to_client) => ended.map(drop),
        },
        Line::Passes | Line::Hangs | Line::Cut => {
            let mut client = from_client.unsplit(to_client);
            copy_bidirectional(&mut client, &mut from_server.unsplit(to_server))
                .await
                .map(drop)
        }
    }
}

/// Copies at most `rate` bytes a second. At most a twentieth of that is on the way.
async fn slowly(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    rate: usize,
) -> std::io::Result<()> {
    let mut bytes = vec![0; (rate / 20).max(1)];
    loop {
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..count]).await?;
        tokio::time::sleep(Duration::from_secs_f64(count as f64 / rate as f64)).await;
    }
}

/// Copies everything `delay` later, at the speed at which it came.
async fn late(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    delay: Duration,
) -> std::io::Result<()> {
    let (held, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let read = async move {
        loop {
            let mut bytes = vec![0; 65536];
            let count = from.read(&mut bytes).await?;
            bytes.truncate(count);
            if count == 0 || held.send((Instant::now() + delay, bytes)).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((at, bytes)) = due.recv().await {
            tokio::time::sleep_until(at.into()).await;
            to.write_all(&bytes).await?;
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(drop)
}
