//! A proxy in front of the archive that a test can shut, or slow down.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// A proxy in front of MongoDB.
pub struct Gate {
    /// The archive's URL through the proxy.
    pub url: String,
    /// Cancelling it closes the proxy's connections and refuses new ones.
    pub shut: CancellationToken,
}

impl Gate {
    /// Starts a gate in front of the server of `url`. The gate delays each request by `delay`.
    pub async fn open(url: &str, delay: Duration) -> Self {
        let mut url = url::Url::parse(url).expect("a URL");
        let target = format!(
            "{}:{}",
            url.host_str().expect("a host"),
            url.port().expect("a port")
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        url.set_port(Some(listener.local_addr().expect("its address").port()))
            .expect("a port");
        let shut = CancellationToken::new();
        let until = shut.clone();
        tokio::spawn(async move {
            while let Some(Ok((client, _))) = until.run_until_cancelled(listener.accept()).await {
                let (target, until) = (target.clone(), until.clone());
                tokio::spawn(async move {
                    until.run_until_cancelled(pass(client, target, delay)).await
                });
            }
        });
        Self {
            url: url.to_string(),
            shut,
        }
    }
}

async fn pass(mut client: TcpStream, target: String, delay: Duration) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.split(), server.split());
    let questions = async {
        let mut buffer = vec![0; 65536];
        loop {
            let length = from_client.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            tokio::time::sleep(delay).await;
            to_server.write_all(&buffer[..length]).await?;
        }
    };
    tokio::select! {
        done = questions => done,
        done = tokio::io::copy(&mut from_server, &mut to_client) => done.map(drop),
    }
}
