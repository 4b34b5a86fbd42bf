//! The regular confirmation of the data. With several servers, every other time it is another server that is asked: one
//! that keeps changes back, and says for ever that nothing is new, is found out by the others.

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use traffic_manager_core::tag::VersionTag;

use super::{Answer, Driver, Pause};
use crate::follow::{Verdict, servers::ServerFault};

impl Driver {
    /// Notes that the data were confirmed now.
    pub(super) fn is_confirmed(&mut self) {
        let jitter = 1.0 - 0.1 * fastrand::f64();
        self.confirms_at = Instant::now() + self.times.confirm.mul_f64(jitter);
    }

    /// Asks whether the data are the newest: the server that the watcher follows, or in turn another one.
    pub(super) async fn confirm(&mut self) -> Pause {
        let turn = self.confirms;
        self.confirms = turn.wrapping_add(1);
        let Some(tag) = self.follower.known_tag().cloned() else {
            return self.ask(false).await;
        };
        if turn.is_multiple_of(2) || self.http.others() == 0 {
            return self.ask(false).await;
        }
        let mine = self.http.at();
        // Each of the others in its turn.
        let other = mine + 1 + turn / 2 % self.http.others();
        self.http.turn_to(other);
        let applied = self.applied();
        let is_heard = self.hear_another(&tag).await;
        self.http.turn_to(mine);
        if !is_heard {
            return self.ask(false).await;
        }
        self.is_confirmed();
        if self.applied() > applied {
            self.publish();
            if self.still_denies(&tag).await {
                self.http.turn_to(other);
            }
        }
        Pause::None
    }

    /// Asks the server of now for something newer. Returns whether it said anything that was taken.
    async fn hear_another(&mut self, tag: &VersionTag) -> bool {
        self.follower.hear(self.http.at());
        let answer = self.http.snapshot(Some(tag), false).await;
        let now = Timestamp::now();
        let verdict = match answer {
            Answer::Content(body) => {
                match self.follower.snapshot(&body.json, body.proof(), None, now) {
                    Verdict::Unsigned => self.follower.refuse_unsigned(),
                    verdict => verdict,
                }
            }
            Answer::Unchanged(tag, signature) => {
                self.follower
                    .unchanged(tag.as_ref(), signature.as_deref(), now)
            }
            // It does not know better, and the watcher's own server is there.
            _ => return false,
        };
        verdict == Verdict::Taken
    }

    /// Asks the server of now once more, after a while, for something newer than the tag that it said to be the newest.
    /// Returns whether it still says so.
    async fn still_denies(&mut self, tag: &VersionTag) -> bool {
        sleep(self.times.opinion).await;
        self.follower.hear(self.http.at());
        let answer = self.http.snapshot(Some(tag), false).await;
        match answer {
            Answer::Unchanged(..) => {
                let what =
                    format!("says that nothing is newer than {tag}, but another server has it");
                self.follower.accuse(ServerFault::Withheld, &what);
                true
            }
            // What it sends now is as good as what the other server sent, or it is counted against it.
            Answer::Content(body) => {
                let now = Timestamp::now();
                let verdict = self.follower.snapshot(&body.json, body.proof(), None, now);
                verdict != Verdict::Taken
            }
            _ => false,
        }
    }
}
