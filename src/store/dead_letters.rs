//! The table `dead_letter_decisions`: what was decided of letters, which themselves stand in Kafka.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Error, Transaction, access, column, text};
use crate::domain::{
    access::AccessEvent,
    dead_letter::{Decision, LetterId, LetterKey},
    time::UtcTime,
};

/// Who decides, why, and the key that a retry is known by.
#[derive(Debug, Clone)]
pub struct By {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// `Idempotency-Key`
    pub idempotency_key: Option<String>,
}

const COLUMNS: &str = "partition, letter_offset, letter_at, state, reason, decided_by, decided_at";

/// What becomes of a decision that is there: the new one takes its place, where the caller says so.
const DECIDE_ANEW: &str = "on conflict (partition, letter_offset, letter_at) do update \
     set state = excluded.state, reason = excluded.reason, decided_by = excluded.decided_by, decided_at = now(), \
         idempotency_key = excluded.idempotency_key";

/// What was decided of those letters of which something was.
pub async fn find(tx: &Transaction<'_>, letters: &[LetterKey]) -> Result<HashMap<LetterKey, Decision>, Error> {
    let sql = format!(
        "select {COLUMNS} from dead_letter_decisions \
         join unnest($1::int[], $2::bigint[], $3::timestamptz[]) as k (partition, letter_offset, letter_at) \
           using (partition, letter_offset, letter_at)"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let (partitions, offsets, times) = columns(letters);
    tx.query(&statement, &[&partitions, &offsets, &times]).await?.iter().map(decision_of).collect()
}

/// What this actor decided with this idempotency key, in the order of the letters' places.
pub async fn decided_before(tx: &Transaction<'_>, by: &By) -> Result<Vec<(LetterKey, Decision)>, Error> {
    let sql = format!(
        "select {COLUMNS} from dead_letter_decisions where decided_by = $1 and idempotency_key = $2 order by partition, letter_offset"
    );
    let statement = tx.prepare_cached(&sql).await?;
    tx.query(&statement, &[&by.actor, &by.idempotency_key]).await?.iter().map(decision_of).collect()
}

/// Decides that letters are sent again, and tells the audit of each, in one transaction. Before they are sent: what is done with nobody
/// knowing of it would be worse than what is known and must be done again. With `only_open`, a letter that was decided on is left as it is.
/// Returns those that are decided now.
pub async fn redrive(
    tx: &Transaction<'_>, letters: &[(LetterKey, AccessEvent)], by: &By, only_open: bool,
) -> Result<Vec<LetterKey>, Error> {
    let sql = format!(
        "insert into dead_letter_decisions as d (partition, letter_offset, letter_at, state, reason, decided_by, idempotency_key) \
         select partition, letter_offset, letter_at, 'redriving', $4, $5, $6 \
         from unnest($1::int[], $2::bigint[], $3::timestamptz[]) as k (partition, letter_offset, letter_at) \
         {DECIDE_ANEW} where not $7 or d.state = 'redriving' returning {COLUMNS}"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let keys: Vec<_> = letters.iter().map(|(key, _)| *key).collect();
    let (partitions, offsets, times) = columns(&keys);
    let By { actor, reason, idempotency_key } = by;
    let rows = tx.query(&statement, &[&partitions, &offsets, &times, reason, actor, idempotency_key, &only_open]).await?;
    let decided = rows.iter().map(|row| Ok(decision_of(row)?.0)).collect::<Result<Vec<_>, Error>>()?;
    let told: Vec<_> = letters.iter().filter(|(key, _)| decided.contains(key)).map(|(_, told)| told.clone()).collect();
    access::insert(tx, &told).await?;
    Ok(decided)
}

/// Notes that letters were sent again.
pub async fn redriven(tx: &Transaction<'_>, letters: &[LetterKey]) -> Result<(), Error> {
    let sql = "update dead_letter_decisions d set state = 'redriven' \
               from unnest($1::int[], $2::bigint[], $3::timestamptz[]) as k (partition, letter_offset, letter_at) \
               where (d.partition, d.letter_offset, d.letter_at) = (k.partition, k.letter_offset, k.letter_at) and d.state = 'redriving'";
    let statement = tx.prepare_cached(sql).await?;
    let (partitions, offsets, times) = columns(letters);
    tx.execute(&statement, &[&partitions, &offsets, &times]).await?;
    Ok(())
}

/// Discards a letter that is open, and tells the audit, in one transaction. False when it is not.
pub async fn discard(tx: &Transaction<'_>, letter: LetterKey, by: &By, told: &AccessEvent) -> Result<bool, Error> {
    let sql = format!(
        "insert into dead_letter_decisions as d (partition, letter_offset, letter_at, state, reason, decided_by, idempotency_key) \
         values ($1, $2, $3, 'discarded', $4, $5, $6) {DECIDE_ANEW} where d.state = 'redriving'"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let LetterKey { id: LetterId { partition, offset }, at } = letter;
    let By { actor, reason, idempotency_key } = by;
    let inserted = tx.execute(&statement, &[&partition, &offset, &at.timestamp(), reason, actor, idempotency_key]).await? == 1;
    if inserted {
        access::insert(tx, std::slice::from_ref(told)).await?;
    }
    Ok(inserted)
}

fn columns(letters: &[LetterKey]) -> (Vec<i32>, Vec<i64>, Vec<Timestamp>) {
    let partitions = letters.iter().map(|letter| letter.id.partition).collect();
    let offsets = letters.iter().map(|letter| letter.id.offset).collect();
    (partitions, offsets, letters.iter().map(|letter| letter.at.timestamp()).collect())
}

fn decision_of(row: &Row) -> Result<(LetterKey, Decision), Error> {
    let id = LetterId { partition: column(row, "partition")?, offset: column(row, "letter_offset")? };
    let time = |name| Ok::<UtcTime, Error>(column::<Timestamp>(row, name)?.into());
    let decision = Decision {
        state: text(row, "state")?,
        reason: column(row, "reason")?,
        decided_by: column(row, "decided_by")?,
        decided_at: time("decided_at")?,
    };
    Ok((LetterKey { id, at: time("letter_at")? }, decision))
}
