//! Dead letters: lists, reads, redrives and discards them.
//!
//! Dead letters stand in Kafka. The decisions about them stand in Postgres, and each decision is
//! recorded in the access log in the same transaction.
//!
//! A dead letter is redriven only after the decision is committed and recorded. If the process is
//! killed in between, the letter stays `redriving`, and a later request sends it again. The
//! consumer recognises events by their ids. So it is harmless to send an event twice, but not to
//! send it never.

use std::{sync::Arc, time::Duration};

use super::{
    Error,
    keys::Requester,
    reads::{Page, PageRequest, Reads},
};
use crate::{
    audit::dead_letters::topic::{DeadLetterError, DeadLetterTopic, Position, Record},
    config::{self, ms},
    domain::{
        access::{AccessEvent, Kind},
        command::Rejection,
        dead_letter::{DeadLetterId, DeadLetterKey, DeadLetterState, Decision},
        ids::TenantName,
    },
    resilience::{CallError, Dependency},
    store::{self, Server, Visible},
};

pub use crate::audit::dead_letters::topic::{DeadLetter, DeadLetterHead, DeadLetterOrigin};

/// The filter of a list of dead letters.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only dead letters in this state.
    pub state: Option<DeadLetterState>,
    /// Only dead letters whose record key is the name of this tenant.
    pub tenant: Option<TenantName>,
    /// Only dead letters with this reason, in `snake_case`.
    pub reason: Option<String>,
    /// Only open dead letters, which still need action.
    pub only_open: bool,
}

impl Filter {
    fn holds_for(&self, dead_letter: &Decided) -> bool {
        self.state.is_none_or(|state| state == dead_letter.state())
            && self
                .tenant
                .as_ref()
                .is_none_or(|tenant| Some(tenant) == dead_letter.head.tenant.as_ref())
            && self
                .reason
                .as_ref()
                .is_none_or(|reason| *reason == dead_letter.head.reason)
            && (dead_letter.state().is_open() || !self.only_open)
    }
}

/// A dead letter and the decision about it.
#[derive(Debug, Clone)]
pub struct Decided<L = DeadLetterHead> {
    /// The dead letter, with or without its content.
    pub head: L,
    /// The decision; `None` if there is none yet.
    pub decision: Option<Decision>,
}

impl<L> Decided<L> {
    /// Returns the state of the dead letter: `waiting` if there is no decision.
    pub fn state(&self) -> DeadLetterState {
        self.decision
            .as_ref()
            .map_or(DeadLetterState::Waiting, |decision| decision.state)
    }
}

/// The caller, the reason and the idempotency key of an operator's request.
#[derive(Debug, Clone)]
pub struct OperatorRequest {
    /// The caller and its request.
    pub by: Requester,
    /// The reason that the caller gave.
    pub reason: Option<String>,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// A dead letter that cannot be redriven, with the reason.
pub type NotRedriven = (DeadLetterId, &'static str);

/// The result of a request to redrive dead letters.
#[derive(Debug, Clone, Default)]
pub struct Redriven {
    /// The dead letters that Kafka has accepted.
    pub redriven: Vec<DeadLetterId>,
    /// The dead letters that cannot be redriven, with the reasons.
    pub refused: Vec<NotRedriven>,
    /// True if an earlier request with the same `Idempotency-Key` decided on some of these dead
    /// letters.
    pub replayed: bool,
    /// The cursor of the next dead letters; `None` at the end.
    pub next_cursor: Option<String>,
}

/// The use cases of dead letters.
pub struct DeadLetters {
    dead_letters: DeadLetterTopic,
    policy: Arc<Dependency>,
    primary: Arc<Server>,
    reads: Arc<Reads>,
    limit: Duration,
    scan: usize,
}

impl DeadLetters {
    /// Reads the dead letter topic of the settings under `policy`; `reads` provides the cursors.
    pub fn new(
        kafka: config::Kafka,
        settings: &config::DeadLetters,
        policy: Arc<Dependency>,
        primary: Arc<Server>,
        reads: Arc<Reads>,
    ) -> Self {
        let limit = ms(settings.read_timeout_ms);
        Self {
            dead_letters: DeadLetterTopic::new(kafka, limit),
            policy,
            primary,
            reads,
            limit,
            scan: settings.scan,
        }
    }

    /// Returns a page of dead letters, the newest of each partition first. A call stops after about
    /// `dead_letters.scan` dead letters. So a page may be short or empty and still have a cursor.
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
        &self,
        filter: &Filter,
        count: usize,
        from: Option<Position>,
    ) -> Result<(Vec<Decided>, Option<Position>), Error> {
        let reader = self.call(self.dead_letters.open()).await?;
        let mut next = from.or_else(|| reader.newest());
        let (mut items, mut looked_at) = (Vec::new(), 0);
        while let Some(position) = next
            && looked_at < self.scan
        {
            let (heads, following) = self.call(reader.before(position, self.limit)).await?;
            next = following;
            looked_at += heads.len();
            for dead_letter in self
                .decided(heads)
                .await?
                .into_iter()
                .filter(|dead_letter| filter.holds_for(dead_letter))
            {
                let id = dead_letter.head.key.id;
                items.push(dead_letter);
                if items.len() == count {
                    return Ok((items, Some(Position::after(id))));
                }
            }
        }
        Ok((items, next))
    }

    async fn decided(&self, heads: Vec<DeadLetterHead>) -> Result<Vec<Decided>, Error> {
        let keys: Vec<_> = heads.iter().map(|head| head.key).collect();
        let read = async |tx: &store::Transaction<'_>| store::dead_letters::find(tx, &keys).await;
        let mut decisions = self.primary.read(&Visible::no_tenants(), read).await?;
        Ok(heads
            .into_iter()
            .map(|head| Decided {
                decision: decisions.remove(&head.key),
                head,
            })
            .collect())
    }

    /// Returns one dead letter with its content.
    pub async fn dead_letter(&self, id: DeadLetterId) -> Result<Decided<DeadLetter>, Error> {
        let dead_letter = self
            .call(self.dead_letters.dead_letter(id))
            .await?
            .ok_or(Error::LetterNotFound)?;
        let decided = self.decided(vec![dead_letter.head.clone()]).await?.pop();
        Ok(Decided {
            head: dead_letter,
            decision: decided.and_then(|decided| decided.decision),
        })
    }

    /// Redrives one dead letter, whatever was decided about it before.
    pub async fn redrive(
        &self,
        id: DeadLetterId,
        operator: &OperatorRequest,
    ) -> Result<(Decided, bool), Error> {
        let before = self
            .decided_before(
                operator,
                |before| before.id == id,
                DeadLetterState::Redriven,
            )
            .await?;
        let redriven = if before.is_empty() {
            let dead_letter = self
                .call(self.dead_letters.dead_letter(id))
                .await?
                .ok_or(Error::LetterNotFound)?;
            self.send(vec![dead_letter], operator, false).await?
        } else {
            self.finish(&before).await?
        };
        if let Some((_, why)) = redriven.refused.first() {
            return Err(Error::NotRedrivable(why));
        }
        let Decided {
            head: DeadLetter { head, .. },
            decision,
        } = self.dead_letter(id).await?;
        Ok((Decided { head, decision }, !before.is_empty()))
    }

    /// Redrives the newest open dead letters that match `filter`, at most `page.limit`, the oldest
    /// of them first. A retry of a request that was done in part does the rest, because the
    /// remaining dead letters are still open.
    pub async fn redrive_many(
        &self,
        filter: &Filter,
        page: &PageRequest,
        operator: &OperatorRequest,
    ) -> Result<Redriven, Error> {
        let list = format!("redrive {filter:?}");
        let from: Option<Position> = self.reads.open(&list, page).await?;
        let before = self
            .decided_before(operator, |_| true, DeadLetterState::Redriven)
            .await?;
        let mut redriven = self.finish(&before).await?;
        let left = (page.limit as usize).saturating_sub(before.len());
        let (mut found, next) = match before.first() {
            // The earlier request has used up the limit. The next page begins after its oldest dead
            // letter.
            Some((oldest, _)) if left == 0 => (Vec::new(), Some(Position::after(oldest.id))),
            _ => self.scan(filter, left, from).await?,
        };
        found.reverse();
        for piece in found.chunks(AT_A_TIME) {
            let mut dead_letters = Vec::with_capacity(piece.len());
            for found in piece {
                // A dead letter that has gone since it was listed gives nothing to send.
                dead_letters.extend(
                    self.call(self.dead_letters.dead_letter(found.head.key.id))
                        .await?,
                );
            }
            let Redriven {
                redriven: sent,
                refused,
                ..
            } = self.send(dead_letters, operator, true).await?;
            redriven.redriven.extend(sent);
            redriven.refused.extend(refused);
        }
        redriven.next_cursor = match next {
            Some(position) => Some(self.reads.cursors().await?.seal(&list, &position)?),
            None => None,
        };
        Ok(redriven)
    }

    /// Discards an open dead letter, including one whose redrive has no confirmed outcome. A dead
    /// letter that is already discarded keeps its first reason.
    pub async fn discard(
        &self,
        id: DeadLetterId,
        operator: &OperatorRequest,
    ) -> Result<Decided, Error> {
        self.decided_before(
            operator,
            |before| before.id == id,
            DeadLetterState::Discarded,
        )
        .await?;
        let DeadLetter { head, .. } = self
            .call(self.dead_letters.dead_letter(id))
            .await?
            .ok_or(Error::LetterNotFound)?;
        let (by, access_event) = (
            decider(operator),
            access_event(operator, "dead_letter_discarded", &head),
        );
        let write = async |tx: &store::Transaction<'_>| {
            store::dead_letters::discard(tx, head.key, &by, &access_event).await
        };
        self.primary.write(&Visible::no_tenants(), write).await?;
        let decided = self
            .decided(vec![head])
            .await?
            .pop()
            .ok_or(Error::LetterNotFound)?;
        match decided.state() {
            DeadLetterState::Discarded => Ok(decided),
            other => Err(Error::LetterDecided(other.as_str())),
        }
    }

    /// Returns the decisions with the same `Idempotency-Key`. Returns an error if the key belongs
    /// to a different request.
    async fn decided_before(
        &self,
        operator: &OperatorRequest,
        is_meant: impl Fn(&DeadLetterKey) -> bool,
        wanted: DeadLetterState,
    ) -> Result<Vec<(DeadLetterKey, Decision)>, Error> {
        if operator.idempotency_key.is_none() {
            return Ok(Vec::new());
        }
        let by = decider(operator);
        let read =
            async |tx: &store::Transaction<'_>| store::dead_letters::decided_before(tx, &by).await;
        let before = self.primary.read(&Visible::no_tenants(), read).await?;
        let is_so = |state: DeadLetterState| {
            state == wanted
                || (state == DeadLetterState::Redriving && wanted == DeadLetterState::Redriven)
        };
        if !before
            .iter()
            .all(|(key, decision)| is_meant(key) && is_so(decision.state))
        {
            return Err(Rejection::IdempotencyMismatch.into());
        }
        Ok(before)
    }

    /// Completes the redrive that an earlier request decided on, and returns its result. Sends the
    /// dead letters without a confirmed outcome now.
    async fn finish(&self, before: &[(DeadLetterKey, Decision)]) -> Result<Redriven, Error> {
        let (mut dead_letters, mut gone) = (Vec::new(), Vec::new());
        let is_open = |decision: &Decision| decision.state == DeadLetterState::Redriving;
        for (key, _) in before.iter().filter(|(_, decision)| is_open(decision)) {
            match self
                .call(self.dead_letters.dead_letter(key.id))
                .await?
                .filter(|dead_letter| dead_letter.head.key == *key)
            {
                Some(dead_letter) => dead_letters.push(dead_letter),
                None => gone.push((key.id, "the dead letter no longer exists in Kafka")),
            }
        }
        let (ready, mut refused) = self.ready(dead_letters).await?;
        refused.extend(gone);
        let refused = self.publish(ready, refused).await?.refused;
        let is_refused = |id: DeadLetterId| refused.iter().any(|(refused, _)| *refused == id);
        let redriven = before
            .iter()
            .map(|(key, _)| key.id)
            .filter(|id| !is_refused(*id))
            .collect();
        Ok(Redriven {
            redriven,
            refused,
            replayed: !before.is_empty(),
            next_cursor: None,
        })
    }

    /// Returns the records to send for the dead letters, and the dead letters that have no such
    /// record.
    async fn ready(
        &self,
        dead_letters: Vec<DeadLetter>,
    ) -> Result<(Vec<(DeadLetterHead, Record)>, Vec<NotRedriven>), Error> {
        let (mut ready, mut refused) = (Vec::new(), Vec::new());
        for dead_letter in dead_letters {
            let head = dead_letter.head.clone();
            if head
                .origin
                .as_ref()
                .is_none_or(|origin| origin.topic != self.dead_letters.topic())
            {
                refused.push((head.key.id, "its record does not come from kafka.topic"));
                continue;
            }
            match self.call(self.dead_letters.content(dead_letter)).await? {
                Some(record) => ready.push((head, record)),
                None => refused.push((
                    head.key.id,
                    "its record was too large to be kept, and no longer exists in the original topic",
                )),
            }
        }
        Ok((ready, refused))
    }

    async fn send(
        &self,
        dead_letters: Vec<DeadLetter>,
        operator: &OperatorRequest,
        only_open: bool,
    ) -> Result<Redriven, Error> {
        let (mut ready, refused) = self.ready(dead_letters).await?;
        let by = decider(operator);
        let access_event: Vec<_> = ready
            .iter()
            .map(|(head, _)| {
                (
                    head.key,
                    access_event(operator, "dead_letter_redriven", head),
                )
            })
            .collect();
        let write = async |tx: &store::Transaction<'_>| {
            store::dead_letters::redrive(tx, &access_event, &by, only_open).await
        };
        let decided = self.primary.write(&Visible::no_tenants(), write).await?;
        ready.retain(|(head, _)| decided.contains(&head.key));
        self.publish(ready, refused).await
    }

    /// Sends the decided records, and notes the dead letters that Kafka has accepted. A record that
    /// Kafka refuses for good is added to `refused`. Any other error of one record fails the whole
    /// request: dead letters that are not noted may be sent again.
    async fn publish(
        &self,
        ready: Vec<(DeadLetterHead, Record)>,
        mut refused: Vec<NotRedriven>,
    ) -> Result<Redriven, Error> {
        let send = async {
            let mut results = self.dead_letters.send(&ready).await;
            // Kafka has refused nothing and accepted nothing, so it is away. Its breaker must count
            // that.
            if results.iter().all(|result| {
                result
                    .as_ref()
                    .is_err_and(|error| error.refusal().is_none())
            }) && let Some(Err(error)) = results.pop()
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
        let note =
            async |tx: &store::Transaction<'_>| store::dead_letters::redriven(tx, &taken).await;
        self.primary.write(&Visible::no_tenants(), note).await?;
        match failure {
            Some(error) => Err(Error::unavailable("kafka", error)),
            None => Ok(Redriven {
                redriven: taken.into_iter().map(|key| key.id).collect(),
                refused,
                ..Redriven::default()
            }),
        }
    }

    async fn call<T>(
        &self,
        operation: impl Future<Output = Result<T, DeadLetterError>>,
    ) -> Result<T, Error> {
        let is_failure = |error: &DeadLetterError| {
            matches!(error, DeadLetterError::Kafka(_) | DeadLetterError::Timeout)
        };
        self.policy
            .call(is_failure, operation)
            .await
            .map_err(|error| match error {
                CallError::Failed(DeadLetterError::Defect(error)) => Error::internal(error),
                CallError::Full(_) => Error::Overloaded("dead letter queries"),
                error => Error::unavailable("kafka", error),
            })
    }
}

/// Dead letters in memory at a time during a redrive.
const AT_A_TIME: usize = 20;

fn decider(operator: &OperatorRequest) -> store::dead_letters::Decider {
    let OperatorRequest {
        by,
        reason,
        idempotency_key,
    } = operator;
    let actor = by.caller.actor.id.clone();
    let idempotency_key = idempotency_key
        .as_ref()
        .map(|key| by.caller.actor.own_key(key));
    store::dead_letters::Decider {
        actor,
        reason: reason.clone(),
        idempotency_key,
    }
}

fn access_event(operator: &OperatorRequest, action: &str, head: &DeadLetterHead) -> AccessEvent {
    let (reason, object) = (operator.reason.clone(), Some(head.key.id.to_string()));
    // Only the sender of the record has named the tenant, so the name may be false. The access log
    // record is not visible to the tenant's auditors.
    AccessEvent {
        reason,
        tenant: head.tenant.clone(),
        object,
        ..operator.by.access_event(Kind::Operated, action)
    }
}
