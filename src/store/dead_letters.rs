//! The table `dead_letter_decisions`: decisions on dead letters. The dead letters themselves are in
//! Kafka.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Error, Transaction, access_log, column, text};
use crate::domain::{
    access::AccessEvent,
    dead_letter::{DeadLetterId, DeadLetterKey, Decision},
    time::UtcTime,
};

/// The actor who decides, the reason, and the key that identifies a retry.
#[derive(Debug, Clone)]
pub struct Decider {
    /// The actor who decides.
    pub actor: String,
    /// The reason that the actor gave, if any.
    pub reason: Option<String>,
    /// The `Idempotency-Key` of the request.
    pub idempotency_key: Option<String>,
}

const COLUMNS: &str = "partition, letter_offset, letter_at, state, reason, decided_by, decided_at";

/// Replaces an existing decision, under the condition that the caller adds.
const DECIDE_ANEW: &str = "on conflict (partition, letter_offset, letter_at) do update \
     set state = excluded.state, reason = excluded.reason, decided_by = excluded.decided_by, decided_at = now(), \
         idempotency_key = excluded.idempotency_key";

/// Returns the decisions on these dead letters. Dead letters without a decision are left out.
pub async fn find(
    tx: &Transaction<'_>,
    dead_letters: &[DeadLetterKey],
) -> Result<HashMap<DeadLetterKey, Decision>, Error> {
    let sql = format!(
        "select {COLUMNS} from dead_letter_decisions \
         join unnest($1::int[], $2::bigint[], $3::timestamptz[]) as k (partition, letter_offset, letter_at) \
           using (partition, letter_offset, letter_at)"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let (partitions, offsets, times) = columns(dead_letters);
    tx.query(&statement, &[&partitions, &offsets, &times])
        .await?
        .iter()
        .map(decision_of)
        .collect()
}

/// Returns the decisions of this actor with this idempotency key, in the order of the dead letters'
/// places.
pub async fn decided_before(
    tx: &Transaction<'_>,
    by: &Decider,
) -> Result<Vec<(DeadLetterKey, Decision)>, Error> {
    let sql = format!(
        "select {COLUMNS} from dead_letter_decisions where decided_by = $1 and idempotency_key = $2 order by partition, letter_offset"
    );
    let statement = tx.prepare_cached(&sql).await?;
    tx.query(&statement, &[&by.actor, &by.idempotency_key])
        .await?
        .iter()
        .map(decision_of)
        .collect()
}

/// Decides that dead letters are sent again, and records each in the access log, in one
/// transaction. Runs before they are sent: an unrecorded redrive would be worse than a recorded one
/// that must be repeated. With `only_open`, dead letters that were already redriven or discarded
/// are left as they are. Returns the dead letters that are decided now.
pub async fn redrive(
    tx: &Transaction<'_>,
    dead_letters: &[(DeadLetterKey, AccessEvent)],
    by: &Decider,
    only_open: bool,
) -> Result<Vec<DeadLetterKey>, Error> {
    let sql = format!(
        "insert into dead_letter_decisions as d (partition, letter_offset, letter_at, state, reason, decided_by, idempotency_key) \
         select partition, letter_offset, letter_at, 'redriving', $4, $5, $6 \
         from unnest($1::int[], $2::bigint[], $3::timestamptz[]) as k (partition, letter_offset, letter_at) \
         {DECIDE_ANEW} where not $7 or d.state = 'redriving' returning {COLUMNS}"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let keys: Vec<_> = dead_letters.iter().map(|(key, _)| *key).collect();
    let (partitions, offsets, times) = columns(&keys);
    let Decider {
        actor,
        reason,
        idempotency_key,
    } = by;
    let rows = tx
        .query(
            &statement,
            &[
                &partitions,
                &offsets,
                &times,
                reason,
                actor,
                idempotency_key,
                &only_open,
            ],
        )
        .await?;
    let decided = rows
        .iter()
        .map(|row| Ok(decision_of(row)?.0))
        .collect::<Result<Vec<_>, Error>>()?;
    let access_event: Vec<_> = dead_letters
        .iter()
        .filter(|(key, _)| decided.contains(key))
        .map(|(_, access_event)| access_event.clone())
        .collect();
    access_log::insert(tx, &access_event).await?;
    Ok(decided)
}

/// Records that dead letters were sent again.
pub async fn redriven(tx: &Transaction<'_>, dead_letters: &[DeadLetterKey]) -> Result<(), Error> {
    let sql = "update dead_letter_decisions d set state = 'redriven' \
               from unnest($1::int[], $2::bigint[], $3::timestamptz[]) as k (partition, letter_offset, letter_at) \
               where (d.partition, d.letter_offset, d.letter_at) = (k.partition, k.letter_offset, k.letter_at) and d.state = 'redriving'";
    let statement = tx.prepare_cached(sql).await?;
    let (partitions, offsets, times) = columns(dead_letters);
    tx.execute(&statement, &[&partitions, &offsets, &times])
        .await?;
    Ok(())
}

/// Discards an open dead letter and records it in the access log, in one transaction. A dead letter
/// whose redrive has no confirmed outcome is open too. Returns false when the dead letter is not
/// open.
pub async fn discard(
    tx: &Transaction<'_>,
    dead_letter: DeadLetterKey,
    by: &Decider,
    access_event: &AccessEvent,
) -> Result<bool, Error> {
    let sql = format!(
        "insert into dead_letter_decisions as d (partition, letter_offset, letter_at, state, reason, decided_by, idempotency_key) \
         values ($1, $2, $3, 'discarded', $4, $5, $6) {DECIDE_ANEW} where d.state = 'redriving'"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let DeadLetterKey {
        id: DeadLetterId { partition, offset },
        at,
    } = dead_letter;
    let Decider {
        actor,
        reason,
        idempotency_key,
    } = by;
    let inserted = tx
        .execute(
            &statement,
            &[
                &partition,
                &offset,
                &at.timestamp(),
                reason,
                actor,
                idempotency_key,
            ],
        )
        .await?
        == 1;
    if inserted {
        access_log::insert(tx, std::slice::from_ref(access_event)).await?;
    }
    Ok(inserted)
}

fn columns(dead_letters: &[DeadLetterKey]) -> (Vec<i32>, Vec<i64>, Vec<Timestamp>) {
    let partitions = dead_letters
        .iter()
        .map(|dead_letter| dead_letter.id.partition)
        .collect();
    let offsets = dead_letters
        .iter()
        .map(|dead_letter| dead_letter.id.offset)
        .collect();
    (
        partitions,
        offsets,
        dead_letters
            .iter()
            .map(|dead_letter| dead_letter.at.timestamp())
            .collect(),
    )
}

fn decision_of(row: &Row) -> Result<(DeadLetterKey, Decision), Error> {
    let id = DeadLetterId {
        partition: column(row, "partition")?,
        offset: column(row, "letter_offset")?,
    };
    let time = |name| Ok::<UtcTime, Error>(column::<Timestamp>(row, name)?.into());
    let decision = Decision {
        state: text(row, "state")?,
        reason: column(row, "reason")?,
        decided_by: column(row, "decided_by")?,
        decided_at: time("decided_at")?,
    };
    Ok((
        DeadLetterKey {
            id,
            at: time("letter_at")?,
        },
        decision,
    ))
}
