//! Readers of tenants' streams, `GET …/stream`: server-sent events.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{Bench, http::get, service::Service, wire};

/// The call of a reader at the arrival of each change, with the change's version tag.
pub type OnChange = Arc<dyn Fn(&str) + Send + Sync>;

/// Open streams, each with a reader. Dropping them closes their connections.
pub struct Streams {
    readers: JoinSet<Result<()>>,
}

impl Streams {
    /// Opens a stream of each of these tenants, and returns when every stream has sent its
    /// snapshot: the changes follow.
    pub fn open(
        bench: &Bench,
        service: &Service,
        tenants: impl IntoIterator<Item = usize>,
        on_change: &OnChange,
    ) -> Result<Self> {
        let opened = stream::iter(tenants)
            .map(|tenant| {
                let path = format!("/api/v1/tenants/t{tenant:06}/stream");
                Reader::open(service.api, get(&path, &service.key))
            })
            .buffer_unordered(32)
            .try_collect::<Vec<_>>();
        let limit = Duration::from_secs(60);
        let opened = async { tokio::time::timeout(limit, opened).await };
        let opened = bench.runtime.block_on(opened);
        let opened = opened.with_context(|| format!("not every stream is open in {limit:?}"))??;
        let mut readers = JoinSet::new();
        for reader in opened {
            readers.spawn_on(reader.read(on_change.clone()), bench.runtime.handle());
        }
        Ok(Self { readers })
    }

    /// Waits until `is_done`. Fails after `limit`, or if a stream ends meanwhile.
    pub fn wait(&mut self, limit: Duration, is_done: impl Fn() -> bool) -> Result<()> {
        let started = Instant::now();
        while !is_done() {
            self.live()?;
            ensure!(
                started.elapsed() < limit,
                "not every change came in {limit:?}"
            );
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Fails if a stream has ended.
    fn live(&mut self) -> Result<()> {
        if let Some(ended) = self.readers.try_join_next() {
            ended.context("a reader failed")??;
            bail!("a stream ended");
        }
        Ok(())
    }

    /// Closes the connections of all streams.
    pub fn close(mut self, bench: &Bench) {
        bench.runtime.block_on(self.readers.shutdown());
    }
}

/// The client's end of a stream.
struct Reader {
    stream: TcpStream,
    /// Bytes as received, of which the first `decoded` are in `text`.
    buffer: Vec<u8>,
    decoded: usize,
    /// The stream's text, of which the first `read` bytes are done.
    text: Vec<u8>,
    read: usize,
}

impl Reader {
    /// Opens a stream, and waits for its snapshot.
    async fn open(address: SocketAddr, request: Vec<u8>) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&request).await?;
        let mut reader = Self {
            stream,
            buffer: Vec::with_capacity(4096),
            decoded: 0,
            text: Vec::new(),
            read: 0,
        };
        reader.head().await?;
        while event(reader.block().await?).0 != Some("snapshot") {}
        Ok(reader)
    }

    /// Calls `on_change` for each change, until the stream ends.
    async fn read(mut self, on_change: OnChange) -> Result<()> {
        loop {
            if let (Some("change"), Some(tag)) = event(self.block().await?) {
                on_change(tag);
            }
        }
    }

    /// Reads the head of the answer.
    async fn head(&mut self) -> Result<()> {
        loop {
            if let Some(end) = wire::find(&self.buffer, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]);
                ensure!(head.get(9..12) == Some("200"), "a stream answers {head}");
                self.decoded = end + 4;
                return Ok(());
            }
            self.receive().await?;
        }
    }

    /// Returns the next block of lines, without the empty line at its end.
    async fn block(&mut self) -> Result<&str> {
        loop {
            if let Some(length) = wire::find(&self.text[self.read..], b"\n\n") {
                let start = self.read;
                self.read += length + 2;
                return Ok(std::str::from_utf8(&self.text[start..start + length])?);
            }
            self.text.drain(..self.read);
            self.read = 0;
            self.decode().await?;
        }
    }

    /// Moves the next chunk into the text.
    async fn decode(&mut self) -> Result<()> {
        loop {
            if let Some((data, length)) = wire::chunk(&self.buffer[self.decoded..])? {
                ensure!(!data.is_empty(), "the service ended a stream");
                self.text.extend_from_slice(data);
                self.decoded += length;
                return Ok(());
            }
            self.buffer.drain(..self.decoded);
            self.decoded = 0;
            self.receive().await?;
        }
    }

    async fn receive(&mut self) -> Result<()> {
        let received = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(
            received > 0,
            "the service closed the connection of a stream"
        );
        Ok(())
    }
}

/// Returns the name and the id of an event. A comment has neither.
fn event(block: &str) -> (Option<&str>, Option<&str>) {
    let field = |name: &str| {
        let mut lines = block.lines().take_while(|line| !line.starts_with("data:"));
        lines.find_map(|line| line.strip_prefix(name))
    };
    (field("event: "), field("id: "))
}
