//! Caddy: `POST /load`. It answers when it has taken the document over, or says why not.

use bytes::Bytes;
use reqwest::StatusCode;

use super::{Applied, Applier, ApplyError, Handed, Running, ask::Http};

/// The way to a Caddy.
pub struct Caddy(pub Http);

impl Caddy {
    pub async fn apply(
        &self,
        applier: &Applier,
        wanted: &str,
        document: &Bytes,
        before: Option<&Applied>,
    ) -> Result<Handed, ApplyError> {
        let handed = Handed::of_document(document);
        let is_same = before.is_some_and(|before| before.handed == handed);
        // Each load closes idle connections, so what runs already is not loaded again.
        if is_same && applier.reads_back && self.running(wanted).await == Running::Wanted {
            return Ok(handed);
        }
        let answer = self.0.post("/load", document.clone()).await;
        let answer = answer.map_err(ApplyError::Away)?;
        if answer.status != StatusCode::OK {
            return Err(ApplyError::Refused(answer.text));
        }
        applier.shows(wanted).await?;
        Ok(handed)
    }

    pub async fn running(&self, wanted: &str) -> Running {
        match self.0.get(&format!("/id/tm-{wanted}")).await {
            Ok(answer) if answer.status == StatusCode::OK => Running::Wanted,
            Ok(answer) => Running::Other(format!("something else ({})", answer.status)),
            Err(why) => Running::Away(why),
        }
    }
}
