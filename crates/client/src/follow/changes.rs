//! The events of a stream: changes, which are taken in whole revisions, and signatures.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use traffic_manager_core::{
    event::{Event, Recorded},
    snapshot::Applied,
    tag::VersionTag,
};

use super::{
    Candidate, Follower, Refusal, Verdict,
    held::Held,
    signatures::{Checked, Proof},
};

/// The data of an event `signature`.
#[derive(Deserialize)]
struct Signed {
    tag: VersionTag,
    digest: String,
    signature: String,
    confirmed: Option<String>,
}

impl Signed {
    fn proof(&self) -> Proof<'_> {
        Proof {
            signature: Some(&self.signature),
            confirmation: self.confirmed.as_deref(),
        }
    }
}

impl Follower {
    /// Takes an event `change`. A revision is whole with the event whose id is the revision's own
    /// tag: many readers of streams repeat the last id on events without one, so having an id
    /// means nothing.
    pub fn change(&mut self, json: Bytes, id: Option<&VersionTag>, now: Timestamp) -> Verdict {
        let event: Event = match serde_json::from_slice(&json) {
            Ok(event) => event,
            Err(why) => return self.refuse(Refusal::Malformed, &format!("change: {why}")),
        };
        let (tag, place) = (event.tag(), event.body.change.place());
        let is_foreign = place.map_or_else(
            || !self.scope.is_whole(),
            |(service, env)| !self.scope.has(service, env),
        );
        if event.body.tenant != self.tenant || is_foreign {
            return self.refuse(Refusal::Foreign, "change of another tenant or scope");
        }
        match self.base() {
            Some(base) if base.snapshot.tag().covers(&tag) => {
                self.counters.dropped += 1;
                return Verdict::Dropped;
            }
            Some(base) if base.snapshot.tag().epoch == tag.epoch && base.is_exact() => {}
            _ => return self.gap(),
        }
        let (events, size) = &mut self.partial;
        if events.first().is_some_and(|first| first.event.tag() != tag) {
            return self.gap();
        }
        *size += json.len();
        if *size > self.max_bytes {
            return self.refuse(Refusal::TooLarge, &format!("revision {tag} is too large"));
        }
        events.push(Recorded { event, json });
        match id {
            Some(id) if *id == tag => self.revision(tag, now),
            _ => Verdict::More,
        }
    }

    /// Takes the events of a whole revision.
    fn revision(&mut self, tag: VersionTag, now: Timestamp) -> Verdict {
        let (events, _) = std::mem::take(&mut self.partial);
        let Some(base) = self.base() else {
            return self.gap();
        };
        match base.snapshot.follow(&events, &self.scope) {
            Ok(Applied::Next(snapshot)) => {
                let held = base.next(snapshot);
                self.settle(Candidate { held, cursor: tag }, now)
            }
            Ok(Applied::Known) => Verdict::Dropped,
            // The tenant was removed. The data stay until the service says so itself.
            Ok(Applied::Ended | Applied::Gap) => self.gap(),
            Err(why) => self.refuse(Refusal::Malformed, &format!("revision {tag}: {why}")),
        }
    }

    /// Takes an event `signature`, which says tag, digest and signature of what came before it.
    pub fn signature(&mut self, json: &[u8], now: Timestamp) -> Verdict {
        let Ok(signed) = serde_json::from_slice::<Signed>(json) else {
            return if self.keys.is_empty() {
                Verdict::More
            } else {
                self.refuse(Refusal::Malformed, "an event signature that is none")
            };
        };
        let Some(mut candidate) = self.pending.take() else {
            return self.signature_of_held(&signed);
        };
        if *candidate.held.snapshot.tag() != signed.tag {
            self.pending = Some(candidate);
            return Verdict::Unsigned;
        }
        if hex::encode(candidate.held.digest) != signed.digest {
            let what = format!("revision {} has another digest here", signed.tag);
            return self.refuse(Refusal::Digest, &what);
        }
        candidate.held.confirmation = self.confirmation(signed.confirmed.as_deref());
        candidate.held.signature = Some(signed.signature);
        self.settle(candidate, now)
    }

    fn signature_of_held(&mut self, signed: &Signed) -> Verdict {
        let Some(held) = self.held.clone() else {
            return Verdict::More;
        };
        let digest = hex::encode(held.digest);
        if *held.snapshot.tag() != signed.tag || digest != signed.digest {
            return Verdict::More;
        }
        match self.check(&held, Some(&signed.signature)) {
            Checked::Bad => self.refuse(Refusal::Signature, "a wrong signature of the data"),
            Checked::Missing => Verdict::More,
            Checked::Good => {
                self.keep(signed.proof());
                Verdict::Taken
            }
        }
    }

    /// The newest state, signed or not: the next revision follows it.
    fn base(&self) -> Option<&Held> {
        let pending = self.pending.as_ref().map(|candidate| &candidate.held);
        pending.or(self.held.as_deref())
    }

    fn gap(&mut self) -> Verdict {
        self.drop_partial();
        self.needs_snapshot = true;
        Verdict::Gap
    }
}
