//! A TCP proxy in front of a part of the stack, which one test can take away without the others noticing.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Passes,
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
    if state == Line::Passes {
        let Ok(mut server) = TcpStream::connect(target).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = line.changed() => {}
        }
    }
    let state = *line.borrow_and_update();
    if state == Line::Hangs {
        let _ = line.changed().await;
    }
}
