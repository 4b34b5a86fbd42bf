//! A TCP proxy in front of a part of the stack, which one test can take away without the others noticing.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional, split},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Passes,
    /// What is sent either way arrives that much later.
    Delays(Duration),
    /// Of what clients send, so many bytes a second come through on each connection.
    Trickles(usize),
    /// They stay open, and nothing comes through.
    Hangs,
    /// They are lost, and new ones too.
    Cut,
}

/// A running proxy.
pub struct Switch {
    pub address: SocketAddr,
    line: watch::Sender<Line>,
}

impl Switch {
    /// To `target`, a host and port.
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

    /// Half-open: connections are taken and stay, and nothing is ever answered.
    pub fn hang(&self) {
        self.line.send_replace(Line::Hangs);
    }

    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }
}

/// Ends with the connection, or with the next change of the line after a hang.
async fn pass(mut client: TcpStream, target: String, mut line: watch::Receiver<Line>) {
    let state = *line.borrow_and_update();
    if !matches!(state, Line::Hangs | Line::Cut) {
        let Ok(mut server) = TcpStream::connect(target).await else { return };
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
    let ((from_client, mut to_client), (mut from_server, to_server)) = (split(client), split(server));
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
            copy_bidirectional(&mut client, &mut from_server.unsplit(to_server)).await.map(drop)
        }
    }
}

/// So many bytes a second, and no more on the way than a twentieth of that.
async fn slowly(
    mut from: impl tokio::io::AsyncRead + Unpin, mut to: impl tokio::io::AsyncWrite + Unpin, rate: usize,
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

/// Everything that comes goes on `delay` later, as fast as it came.
async fn late(
    mut from: impl tokio::io::AsyncRead + Unpin, mut to: impl tokio::io::AsyncWrite + Unpin, delay: Duration,
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
