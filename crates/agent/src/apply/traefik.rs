//! Traefik: it asks the agent for the document itself.

use bytes::Bytes;
use tokio::sync::watch;

use super::{Running, ask::Http};

/// The way to a Traefik.
pub struct Traefik {
    pub http: Http,
    /// The document that the agent serves. `None` before the first: Traefik keeps what it has when
    /// it is answered 503.
    pub document: watch::Sender<Option<Bytes>>,
}

impl Traefik {
    pub async fn running(&self, wanted: &str) -> Running {
        match self.http.get("/revision").await {
            Ok(answer) => match answer.revision {
                Some(shown) => Running::of(&shown, wanted),
                None => Running::Other("no revision".to_owned()),
            },
            Err(why) => Running::Away(why),
        }
    }
}
