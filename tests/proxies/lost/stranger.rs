//! Something else at the addresses of the service, which answers 200 to everything.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use test_support::proxies::wire::{self, Kind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::programs::Program;

const PAGE: (&str, &str) = ("text/html", "<html>back soon</html>");

/// What is no configuration: a page for maintenance, an empty document, nothing.
const GARBAGE: [(&str, &str); 3] = [PAGE, ("application/json", "{}"), ("application/json", "")];

/// A running stranger.
pub struct Stranger {
    told: Arc<Told>,
    accepting: JoinSet<()>,
}

/// The number of answers that each dialect had, and of connections of Envoys.
#[derive(Default)]
struct Told {
    dialects: Mutex<BTreeMap<String, usize>>,
    envoys: AtomicUsize,
}

impl Stranger {
    pub async fn listen(api: SocketAddr, ads: SocketAddr) -> Self {
        let (told, mut accepting) = (Arc::<Told>::default(), JoinSet::new());
        let (api, ads) = (TcpListener::bind(api).await, TcpListener::bind(ads).await);
        accepting.spawn(polls(api.expect("the API's port"), told.clone()));
        accepting.spawn(streams(ads.expect("the port for Envoys"), told.clone()));
        Self { told, accepting }
    }

    /// Returns whether each proxy had every answer that it could misunderstand.
    pub fn has_told_all(&self) -> bool {
        let dialects = self.told.dialects.lock().expect("no panic");
        Program::ALL.into_iter().all(|program| match program {
            Program::Envoy => self.told.envoys.load(Ordering::SeqCst) > 0,
            _ => dialects
                .get(program.dialect())
                .is_some_and(|answers| *answers >= garbage(program.dialect()).len()),
        })
    }

    /// Closes the ports.
    pub async fn leave(mut self) {
        self.accepting.shutdown().await;
    }
}

/// Returns the answers for a dialect. Traefik takes an empty document, and no document, for a
/// configuration without routers, whoever sends it; nothing in the service can prevent that.
fn garbage(dialect: &str) -> &'static [(&'static str, &'static str)] {
    if dialect == Program::Traefik.dialect() {
        &GARBAGE[..1]
    } else {
        &GARBAGE
    }
}

async fn polls(listener: TcpListener, told: Arc<Told>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(poll(client, told.clone()));
    }
}

/// Gives a proxy the next answer of its row, and at last the page again and again.
async fn poll(client: TcpStream, told: Arc<Told>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let Some(request) = wire::read(&mut client, Kind::Request).await? else {
        return Ok(());
    };
    let path = request.start.split([' ', '?']).nth(1).unwrap_or_default();
    let dialect = path.rsplit('/').next().unwrap_or_default().to_owned();
    let number = told
        .dialects
        .lock()
        .expect("no panic")
        .get(&dialect)
        .copied();
    let number = number.unwrap_or_default();
    let (kind, body) = *garbage(&dialect).get(number).unwrap_or(&PAGE);
    answer(&mut client, kind, body).await?;
    *told
        .dialects
        .lock()
        .expect("no panic")
        .entry(dialect)
        .or_default() += 1;
    Ok(())
}

/// Answers Envoys, who speak HTTP/2, in HTTP/1.1.
async fn streams(listener: TcpListener, told: Arc<Told>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let told = told.clone();
        tokio::spawn(async move {
            let mut preface = [0; 24];
            client.read_exact(&mut preface).await?;
            answer(&mut client, PAGE.0, PAGE.1).await?;
            told.envoys.fetch_add(1, Ordering::SeqCst);
            std::io::Result::Ok(())
        });
    }
}

async fn answer(
    client: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    kind: &str,
    body: &str,
) -> std::io::Result<()> {
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\netag: \"a\"\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await?;
    // The client has read the answer once it closes its side.
    client.read_to_end(&mut Vec::new()).await?;
    Ok(())
}
