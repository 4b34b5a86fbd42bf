//! Dead letters: found, looked at, sent again, discarded. They stand in Kafka; what was decided of them stands in Postgres, and each decision
//! is told to the audit of access in its own transaction.
//!
//! A letter is sent again only after that was decided and told. Whoever is killed in between leaves it `redriving`, and does it again: the
//! consumer knows events by their ids, so twice is harmless, and never is not.

use std::{sync::Arc, time::Duration};

use super::{
    Error,
    keys::By,
    reads::{Page, PageRequest, Reads},
};
use crate::{
    audit::dead_letters::letters::{Letters, LettersError, Position, Record},
    config::{self, ms},
    domain::{
        access::{AccessEvent, Kind},
        command::Rejection,
        dead_letter::{Decision, LetterId, LetterKey, LetterState},
        ids::TenantName,
    },
    resilience::{CallError, Dependency},
    store::{self, Server, Visible},
};

pub use crate::audit::dead_letters::letters::{Head, Letter, Origin};

/// What letters are listed by.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// What became of them.
    pub state: Option<LetterState>,
    /// The tenant that their key names.
    pub tenant: Option<TenantName>,
    /// Why they are there.
    pub reason: Option<String>,
    /// Only those that somebody still has to do something about.
    pub only_open: bool,
}

impl Filter {
    fn holds_for(&self, letter: &Decided) -> bool {
        self.state.is_none_or(|state| state == letter.state())
            && self.tenant.as_ref().is_none_or(|tenant| Some(tenant) == letter.head.tenant.as_ref())
            && self.reason.as_ref().is_none_or(|reason| *reason == letter.head.reason)
            && (letter.state().is_open() || !self.only_open)
    }
}

/// A letter and what was decided of it.
#[derive(Debug, Clone)]
pub struct Decided<L = Head> {
    /// The letter.
    pub head: L,
    /// What was decided, if anything was.
    pub decision: Option<Decision>,
}

impl<L> Decided<L> {
    /// What became of it.
    pub fn state(&self) -> LetterState {
        self.decision.as_ref().map_or(LetterState::Waiting, |decision| decision.state)
    }
}

/// What somebody wants, in which request.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Who.
    pub by: By,
    /// Why.
    pub reason: Option<String>,
    /// `Idempotency-Key`
    pub idempotency_key: Option<String>,
}

/// A letter that cannot be sent again, and why.
pub type Refused = (LetterId, &'static str);

/// What became of a request to send letters again.
#[derive(Debug, Clone, Default)]
pub struct Redriven {
    /// Those that Kafka has taken.
    pub redriven: Vec<LetterId>,
    /// Those that cannot be sent again, and why.
    pub refused: Vec<Refused>,
    /// Whether this is about letters that an earlier request with the same `Idempotency-Key` decided on.
    pub replayed: bool,
    /// Where to go on; `None` at the end.
    pub next_cursor: Option<String>,
}

/// The use cases of dead letters.
pub struct DeadLetters {
    letters: Letters,
    policy: Arc<Dependency>,
    primary: Arc<Server>,
    reads: Arc<Reads>,
    limit: Duration,
    scan: usize,
}

impl DeadLetters {
    /// Letters of the topic of the settings, which is asked under `policy`; `reads` lends its cursors.
    pub fn new(
        kafka: config::Kafka, settings: &config::DeadLetters, policy: Arc<Dependency>, primary: Arc<Server>, reads: Arc<Reads>,
    ) -> Self {
        let limit = ms(settings.read_timeout_ms);
        Self { letters: Letters::new(kafka, limit), policy, primary, reads, limit, scan: settings.scan }
    }

    /// A page of letters, the newest of each partition first. A page may be short, or empty, and have a cursor all the same: no more than
    /// `dead_letters.scan` letters are looked at for one.
    pub async fn list(&self, filter: &Filter, page: &PageRequest) -> Result<Page<Decided>, Error> {
        let list = format!("dead letters {filter:?}");
        let from: Option<Position> = self.reads.open(&list, page).await?;
        let (items, next) = self.scan(filter, page.limit as usize, from).await?;
        let next_cursor = match next {
            Some(position) => Some(self.reads.cursors().await?.seal(&list, &position)?),
            None => None,
        };
        Ok(Page { items, next_cursor })
    }

    async fn scan(
        &self, filter: &Filter, count: usize, from: Option<Position>,
    ) -> Result<(Vec<Decided>, Option<Position>), Error> {
        let reader = self.call(self.letters.open()).await?;
        let mut next = from.or_else(|| reader.newest());
        let (mut items, mut looked_at) = (Vec::new(), 0);
        while let Some(position) = next
            && looked_at < self.scan
        {
            let (heads, following) = self.call(reader.before(position, self.limit)).await?;
            next = following;
            looked_at += heads.len();
            for letter in self.decided(heads).await?.into_iter().filter(|letter| filter.holds_for(letter)) {
                let id = letter.head.key.id;
                items.push(letter);
                if items.len() == count {
                    return Ok((items, Some(Position::after(id))));
                }
            }
        }
        Ok((items, next))
    }

    async fn decided(&self, heads: Vec<Head>) -> Result<Vec<Decided>, Error> {
        let keys: Vec<_> = heads.iter().map(|head| head.key).collect();
        let read = async |tx: &store::Transaction<'_>| store::dead_letters::find(tx, &keys).await;
        let mut decisions = self.primary.read(&Visible::no_tenants(), read).await?;
        Ok(heads.into_iter().map(|head| Decided { decision: decisions.remove(&head.key), head }).collect())
    }

    /// One letter, with its content.
    pub async fn letter(&self, id: LetterId) -> Result<Decided<Letter>, Error> {
        let letter = self.call(self.letters.letter(id)).await?.ok_or(Error::LetterNotFound)?;
        let decided = self.decided(vec![letter.head.clone()]).await?.pop();
        Ok(Decided { head: letter, decision: decided.and_then(|decided| decided.decision) })
    }

    /// Sends one letter again, whatever was decided of it before.
    pub async fn redrive(&self, id: LetterId, wish: &Wish) -> Result<(Decided, bool), Error> {
        let before = self.decided_before(wish, |before| before.id == id, LetterState::Redriven).await?;
        let redriven = if before.is_empty() {
            let letter = self.call(self.letters.letter(id)).await?.ok_or(Error::LetterNotFound)?;
            self.send(vec![letter], wish, false).await?
        } else {
            self.finish(&before).await?
        };
        if let Some((_, why)) = redriven.refused.first() {
            return Err(Error::NotRedrivable(why));
        }
        let Decided { head: Letter { head, .. }, decision } = self.letter(id).await?;
        Ok((Decided { head, decision }, !before.is_empty()))
    }

    /// Sends the newest letters again that are open and that `filter` holds for, at most `page.limit`; the oldest of them first. A request
    /// that was decided on in part goes on: those that it has not come to are still open.
    pub async fn redrive_many(&self, filter: &Filter, page: &PageRequest, wish: &Wish) -> Result<Redriven, Error> {
        let list = format!("redrive {filter:?}");
        let from: Option<Position> = self.reads.open(&list, page).await?;
        let before = self.decided_before(wish, |_| true, LetterState::Redriven).await?;
        let mut redriven = self.finish(&before).await?;
        let left = (page.limit as usize).saturating_sub(before.len());
        let (mut found, next) = match before.first() {
            // Nothing is left of the limit: what comes next is older than its oldest letter.
            Some((oldest, _)) if left == 0 => (Vec::new(), Some(Position::after(oldest.id))),
            _ => self.scan(filter, left, from).await?,
        };
        found.reverse();
        for piece in found.chunks(AT_A_TIME) {
            let mut letters = Vec::with_capacity(piece.len());
            for found in piece {
                // Gone since it was listed: there is nothing left to send.
                letters.extend(self.call(self.letters.letter(found.head.key.id)).await?);
            }
            let Redriven { redriven: sent, refused, .. } = self.send(letters, wish, true).await?;
            redriven.redriven.extend(sent);
            redriven.refused.extend(refused);
        }
        redriven.next_cursor = match next {
            Some(position) => Some(self.reads.cursors().await?.seal(&list, &position)?),
            None => None,
        };
        Ok(redriven)
    }

    /// Discards a letter that is open: also one that was to be sent again, of which it is not known that it was. One that is discarded stays
    /// so, with its first reason.
    pub async fn discard(&self, id: LetterId, wish: &Wish) -> Result<Decided, Error> {
        self.decided_before(wish, |before| before.id == id, LetterState::Discarded).await?;
        let Letter { head, .. } = self.call(self.letters.letter(id)).await?.ok_or(Error::LetterNotFound)?;
        let (by, told) = (decider(wish), told(wish, "dead_letter_discarded", &head));
        let write = async |tx: &store::Transaction<'_>| store::dead_letters::discard(tx, head.key, &by, &told).await;
        self.primary.write(&Visible::no_tenants(), write).await?;
        let decided = self.decided(vec![head]).await?.pop().ok_or(Error::LetterNotFound)?;
        match decided.state() {
            LetterState::Discarded => Ok(decided),
            other => Err(Error::LetterDecided(other.as_str())),
        }
    }

    /// What was decided with the same `Idempotency-Key`, if that was the same request.
    async fn decided_before(
        &self, wish: &Wish, is_meant: impl Fn(&LetterKey) -> bool, wanted: LetterState,
    ) -> Result<Vec<(LetterKey, Decision)>, Error> {
        if wish.idempotency_key.is_none() {
            return Ok(Vec::new());
        }
        let by = decider(wish);
        let read = async |tx: &store::Transaction<'_>| store::dead_letters::decided_before(tx, &by).await;
        let before = self.primary.read(&Visible::no_tenants(), read).await?;
        let is_so = |state: LetterState| state == wanted || (state == LetterState::Redriving && wanted == LetterState::Redriven);
        if !before.iter().all(|(key, decision)| is_meant(key) && is_so(decision.state)) {
            return Err(Rejection::IdempotencyMismatch.into());
        }
        Ok(before)
    }

    /// What became of what an earlier request decided to send. Of which it is not known that it did, is sent now.
    async fn finish(&self, before: &[(LetterKey, Decision)]) -> Result<Redriven, Error> {
        let (mut letters, mut gone) = (Vec::new(), Vec::new());
        let is_open = |decision: &Decision| decision.state == LetterState::Redriving;
        for (key, _) in before.iter().filter(|(_, decision)| is_open(decision)) {
            match self.call(self.letters.letter(key.id)).await?.filter(|letter| letter.head.key == *key) {
                Some(letter) => letters.push(letter),
                None => gone.push((key.id, "it is gone")),
            }
        }
        let (ready, mut refused) = self.ready(letters).await?;
        refused.extend(gone);
        let refused = self.publish(ready, refused).await?.refused;
        let is_refused = |id: LetterId| refused.iter().any(|(refused, _)| *refused == id);
        let redriven = before.iter().map(|(key, _)| key.id).filter(|id| !is_refused(*id)).collect();
        Ok(Redriven { redriven, refused, replayed: !before.is_empty(), next_cursor: None })
    }

    /// What is sent again for letters, and those for which nothing can be.
    async fn ready(&self, letters: Vec<Letter>) -> Result<(Vec<(Head, Record)>, Vec<Refused>), Error> {
        let (mut ready, mut refused) = (Vec::new(), Vec::new());
        for letter in letters {
            let head = letter.head.clone();
            if head.origin.as_ref().is_none_or(|origin| origin.topic != self.letters.topic()) {
                refused.push((head.key.id, "it does not come from kafka.topic"));
                continue;
            }
            match self.call(self.letters.content(letter)).await? {
                Some(record) => ready.push((head, record)),
                None => refused.push((head.key.id, "its content was too large to be kept, and is gone from where it came from")),
            }
        }
        Ok((ready, refused))
    }

    async fn send(&self, letters: Vec<Letter>, wish: &Wish, only_open: bool) -> Result<Redriven, Error> {
        let (mut ready, refused) = self.ready(letters).await?;
        let by = decider(wish);
        let told: Vec<_> = ready.iter().map(|(head, _)| (head.key, told(wish, "dead_letter_redriven", head))).collect();
        let write = async |tx: &store::Transaction<'_>| store::dead_letters::redrive(tx, &told, &by, only_open).await;
        let decided = self.primary.write(&Visible::no_tenants(), write).await?;
        ready.retain(|(head, _)| decided.contains(&head.key));
        self.publish(ready, refused).await
    }

    /// Sends what was decided to be sent, and notes what Kafka has taken. What it would never take is refused, as others were before; another
    /// error of one is an error of all: what is not noted may be done again.
    async fn publish(&self, ready: Vec<(Head, Record)>, mut refused: Vec<Refused>) -> Result<Redriven, Error> {
        let send = async {
            let mut results = self.letters.send(&ready).await;
            // Kafka is away: that is for its breaker to know.
            if results.iter().all(|result| result.as_ref().is_err_and(|error| error.refusal().is_none()))
                && let Some(Err(error)) = results.pop()
            {
                return Err(error);
            }
            Ok(results)
        };
        let sent = self.call(send).await?;
        let mut failure = None;
        let mut taken = Vec::with_capacity(ready.len());
        for ((head, _), result) in ready.iter().zip(sent) {
            match result {
                Ok(()) => taken.push(head.key),
                Err(error) => match error.refusal() {
                    Some(why) => refused.push((head.key.id, why)),
                    None => failure = Some(error),
                },
            }
        }
        let note = async |tx: &store::Transaction<'_>| store::dead_letters::redriven(tx, &taken).await;
        self.primary.write(&Visible::no_tenants(), note).await?;
        match failure {
            Some(error) => Err(Error::unavailable("kafka", error)),
            None => Ok(Redriven { redriven: taken.into_iter().map(|key| key.id).collect(), refused, ..Redriven::default() }),
        }
    }

    async fn call<T>(&self, operation: impl Future<Output = Result<T, LettersError>>) -> Result<T, Error> {
        let is_failure = |error: &LettersError| matches!(error, LettersError::Kafka(_) | LettersError::Timeout);
        self.policy.call(is_failure, operation).await.map_err(|error| match error {
            CallError::Failed(LettersError::Defect(error)) => Error::internal(error),
            CallError::Full(_) => Error::Overloaded("questions about dead letters"),
            error => Error::unavailable("kafka", error),
        })
    }
}

/// Letters that are held in memory at a time to be sent again.
const AT_A_TIME: usize = 20;

fn decider(wish: &Wish) -> store::dead_letters::By {
    let Wish { by, reason, idempotency_key } = wish;
    let actor = by.caller.actor.id.clone();
    let idempotency_key = idempotency_key.as_ref().map(|key| by.caller.actor.own_key(key));
    store::dead_letters::By { actor, reason: reason.clone(), idempotency_key }
}

fn told(wish: &Wish, action: &str, head: &Head) -> AccessEvent {
    let (reason, object) = (wish.reason.clone(), Some(head.key.id.to_string()));
    // Whose a letter is, only its sender has said: its tenant's auditors are not told.
    AccessEvent { reason, tenant: head.tenant.clone(), object, ..wish.by.told(Kind::Operated, action) }
}
