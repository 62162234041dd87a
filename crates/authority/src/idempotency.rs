//! Answers that were given under an idempotency key, remembered for a day.

use kaching_base::{ErrorCode, Seconds};
use kaching_db::{Tx, params};

use crate::{Authority, Cx, Error, Once, Op, Result, error::Replay};

/// The time for which an answer is remembered, by the protocol.
const REMEMBERED: Seconds = Seconds::days(1);

/// Claims the key for this operation, or returns the answer that it had.
///
/// The row is inserted first: on PostgreSQL a duplicate that is in flight waits here for the first to end.
pub(crate) fn claim(tx: &mut Tx<'_>, op: &Op, once: &Once) -> Result<()> {
    tx.execute(
        "delete from idempotency_keys where scope = ?1 and idempotency_key = ?2 and created_at < ?3",
        params![once.scope.as_str(), once.key.as_str(), op.now - REMEMBERED],
    )?;
    let claimed = tx.execute(
        "insert into idempotency_keys (scope, idempotency_key, body, created_at) values (?1, ?2, ?3, ?4)
         on conflict (scope, idempotency_key) do nothing",
        params![once.scope.as_str(), once.key.as_str(), once.body, op.now],
    )?;
    if claimed == 1 {
        return Ok(());
    }
    let found = tx.query_opt(
        "select body, answer from idempotency_keys where scope = ?1 and idempotency_key = ?2",
        params![once.scope.as_str(), once.key.as_str()],
        |row| Ok((row.get::<Vec<u8>>(0)?, row.get::<Option<Vec<u8>>>(1)?)),
    )?;
    match found {
        Some((body, _)) if body != once.body => Err(Error::coded(
            ErrorCode::IdempotencyKeyReused,
            "this Idempotency-Key was used for another request; use a new one",
        )),
        Some((_, Some(answer))) => {
            let answer = op.keys.unseal("idempotency_keys", "answer", &name(once), &answer)?;
            Err(Error::Replayed(Replay(answer)))
        }
        _ => Err(Error::coded(
            ErrorCode::IdempotencyInProgress,
            "the same request is still being handled; ask again in a moment",
        )),
    }
}

/// Stores the answer, sealed: it may hold a license key.
pub(crate) fn remember(tx: &mut Tx<'_>, op: &Op, once: &Once, answer: &[u8]) -> Result<()> {
    let sealed = op.keys.seal("idempotency_keys", "answer", &name(once), answer)?;
    tx.execute(
        "update idempotency_keys set answer = ?3 where scope = ?1 and idempotency_key = ?2",
        params![once.scope.as_str(), once.key.as_str(), sealed],
    )?;
    Ok(())
}

/// Removes answers of more than a day ago, a bounded number at a time: they may hold keys. Returns how many.
pub(crate) async fn forget_old(authority: &Authority) -> Result<u64> {
    authority
        .write("idempotency.forget", Cx::system("idempotency.forget"), |tx, op| {
            let forgotten = tx.execute(
                "delete from idempotency_keys where (scope, idempotency_key) in
                   (select scope, idempotency_key from idempotency_keys where created_at < ?1
                    order by created_at limit 1000)",
                params![op.now - REMEMBERED],
            )?;
            Ok(forgotten)
        })
        .await
}

/// Releases the key: only successes are remembered.
pub(crate) fn release(tx: &mut Tx<'_>, once: &Once) -> Result<()> {
    tx.execute(
        "delete from idempotency_keys where scope = ?1 and idempotency_key = ?2",
        params![once.scope.as_str(), once.key.as_str()],
    )?;
    Ok(())
}

fn name(once: &Once) -> Vec<u8> {
    format!("{}\n{}", once.scope, once.key).into_bytes()
}
