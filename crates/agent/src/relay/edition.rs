//! One state of a part of a tenant, with everything that nodes are sent of it. Each text is made once, when the first node
//! needs it, and shared by all.

use std::{
    io::Write as _,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use traffic_manager_client::{TenantSnapshot, View};
use traffic_manager_core::{snapshot::Recent, tag::VersionTag};

/// The most texts of changes that are kept: nodes that are up to date all need the same one.
const DELTAS: usize = 8;

/// A state, as nodes are served it.
#[derive(Debug)]
pub struct Edition {
    view: View,
    snapshot: Arc<TenantSnapshot>,
    /// The place in the stream after it.
    place: VersionTag,
    signature: Option<String>,
    confirmation: Option<String>,
    body: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
    snapshot_event: OnceLock<Bytes>,
    deltas: Mutex<Vec<(VersionTag, Bytes)>>,
}

impl Edition {
    /// The state that a watcher shows; `None` if it has none.
    pub fn of(view: &View) -> Option<Self> {
        Some(Self {
            snapshot: view.snapshot.clone()?,
            place: view.place()?.clone(),
            signature: view.signature().map(str::to_owned),
            confirmation: view.signed_confirmation(),
            view: view.clone(),
            body: OnceLock::new(),
            gzip: OnceLock::new(),
            snapshot_event: OnceLock::new(),
            deltas: Mutex::default(),
        })
    }

    /// Whether nodes would be sent the same of another view.
    pub fn is_of(&self, view: &View) -> bool {
        let same = |snapshot: &Arc<TenantSnapshot>| Arc::ptr_eq(snapshot, &self.snapshot);
        view.snapshot.as_ref().is_some_and(same)
            && view.place() == Some(&self.place)
            && view.signature() == self.signature.as_deref()
            && view.signed_confirmation() == self.confirmation
    }

    /// The objects.
    pub fn snapshot(&self) -> &Arc<TenantSnapshot> {
        &self.snapshot
    }

    /// The tag.
    pub fn tag(&self) -> &VersionTag {
        self.snapshot.tag()
    }

    /// The place in the stream after the state.
    pub fn place(&self) -> &VersionTag {
        &self.place
    }

    /// The signatures, as the control plane made them.
    pub fn signature(&self) -> Option<&str> {
        self.signature.as_deref()
    }

    /// The confirmation of a removal, as the control plane signed it.
    pub fn confirmation(&self) -> Option<&str> {
        self.confirmation.as_deref()
    }

    /// The body of `GET snapshot`.
    pub fn body(&self) -> Bytes {
        let body = || self.view.body().unwrap_or_default().into();
        self.body.get_or_init(body).clone()
    }

    /// The same in gzip.
    pub fn gzip(&self) -> Bytes {
        self.gzip.get_or_init(|| gzip(&self.body())).clone()
    }

    /// The changes after a tag; `None` if not all of them are known any more.
    pub fn changes_after(&self, after: &VersionTag) -> Option<Vec<Arc<Recent>>> {
        self.view.changes_after(after)
    }

    /// The event `snapshot` of a stream, with that of the signature.
    pub fn snapshot_event(&self) -> Bytes {
        let text = || {
            let body = one_line(&self.body());
            let mut text = format!("id: {}\nevent: snapshot\ndata: ", self.place).into_bytes();
            text.extend_from_slice(&body);
            text.extend_from_slice(b"\n\n");
            text.extend_from_slice(&self.signature_event());
            text.into()
        };
        self.snapshot_event.get_or_init(text).clone()
    }

    /// The event `signature` of a stream; empty if there are no signatures. It has no id: a client that comes back after the
    /// changes and before it has not taken them, and gets them again.
    pub fn signature_event(&self) -> Bytes {
        let (Some(signature), Some(digest)) = (&self.signature, self.view.digest()) else {
            return Bytes::new();
        };
        // None of these needs escaping in JSON: names, hex digits, and a few marks between them.
        let (tag, digest) = (self.tag(), hex::encode(digest));
        let confirmed = self.confirmation();
        let confirmed = confirmed.map_or_else(String::new, |it| format!(",\"confirmed\":\"{it}\""));
        format!(
            "event: signature\ndata: {{\"tag\":\"{tag}\",\"digest\":\"{digest}\",\"signature\":\"{signature}\"{confirmed}}}\n\n"
        )
        .into()
    }

    /// The events of a stream after a tag: its changes and their signature. Empty if there are none; `None` if not all of
    /// them are known any more.
    pub fn delta(&self, after: &VersionTag) -> Option<Bytes> {
        let mut deltas = self.deltas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = deltas.iter().find(|(from, _)| from == after) {
            return Some(text.clone());
        }
        let changes = self.changes_after(after)?;
        let mut text = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            let next = changes.get(at + 1);
            // Only the last event of a revision has the tag: a client that comes back after an earlier one gets it whole.
            if next.is_none_or(|next| next.revision != change.revision) {
                let epoch = &self.tag().epoch;
                text.extend_from_slice(format!("id: {epoch}.{}\n", change.revision).as_bytes());
            }
            text.extend_from_slice(b"event: change\ndata: ");
            text.extend_from_slice(&one_line(&change.json));
            text.extend_from_slice(b"\n\n");
        }
        let last = changes.last().map(|change| change.revision);
        if last == Some(self.tag().revision) {
            text.extend_from_slice(&self.signature_event());
        }
        let text = Bytes::from(text);
        if deltas.len() == DELTAS {
            deltas.remove(0);
        }
        deltas.push((after.clone(), text.clone()));
        Some(text)
    }
}

/// Packs a body.
pub fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail.
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

/// Escapes the characters at which some readers end a line (U+0085, U+2028, U+2029), as the control plane does. In JSON they
/// occur in texts only, where an escape means the same.
fn one_line(json: &Bytes) -> Bytes {
    let escape = |at: usize| match json[at..] {
        [0xc2, 0x85, ..] => Some((2, "\\u0085")),
        [0xe2, 0x80, 0xa8, ..] => Some((3, "\\u2028")),
        [0xe2, 0x80, 0xa9, ..] => Some((3, "\\u2029")),
        _ => None,
    };
    let Some(first) = (0..json.len()).find(|at| escape(*at).is_some()) else {
        return json.clone();
    };
    let mut line = json[..first].to_vec();
    let mut at = first;
    while let Some(byte) = json.get(at) {
        match escape(at) {
            Some((length, escaped)) => {
                line.extend_from_slice(escaped.as_bytes());
                at += length;
            }
            None => {
                line.push(*byte);
                at += 1;
            }
        }
    }
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_lines_are_escaped() {
        let line = |text: &'static str| one_line(&Bytes::from_static(text.as_bytes()));
        assert_eq!(
            line("a\u{85}b\u{2028}\u{2029}ä"),
            "a\\u0085b\\u2028\\u2029ä"
        );
        assert_eq!(line("äöü"), "äöü");
    }
}
