//! Entries that a product can cause as often as it likes: one an hour for each activation and action.
//!
//! The first one is written immediately. Those within an hour of the last entry are counted, and one entry gives the
//! first, the last and their number.

use kaching_base::{ActivationId, Seconds};
use kaching_db::Tx;
use serde_json::{Value, json};

use super::sql::repeated as sql;
use crate::{
    Authority, Cx, Error, Op, Result,
    audit::{self, Entry},
    jobs::Progress,
};

const HOUR: Seconds = Seconds(3600);

/// Appends an entry about an activation, or counts it for the next one. Its row is locked by the caller.
pub(super) fn audit(
    tx: &mut Tx<'_>,
    op: &mut Op,
    id: ActivationId,
    action: &'static str,
    change: Value,
    entry: impl FnOnce(Value) -> Entry,
) -> Result<()> {
    let mut counted = change.clone();
    counted["at"] = json!(op.now);
    if sql::count_recent(tx, id, action, op.now - HOUR, &counted)? {
        return Ok(());
    }
    sql::begin(tx, id, action, op.now)?;
    op.on(action, id);
    op.audit(tx, entry(change))
}

/// Writes the counted entries whose hour is over: some together, or, if that fails, each in a transaction of its own.
pub(crate) async fn write_repeated(authority: &Authority) -> Result<Progress> {
    let due = authority.read("activations.repeated_due", |tx, now| sql::due(tx, now - HOUR)).await?;
    if due.is_empty() {
        return Ok(Progress::default());
    }
    match write(authority, due.clone()).await {
        Ok(done) => return Ok(done.into()),
        Err(error) if error.concerns_one_item() => {}
        Err(error) => return Err(error),
    }
    let mut progress = Progress::default();
    for (id, action) in due {
        let written = write(authority, vec![(id, action.clone())]).await.map(drop);
        if written.as_ref().is_err_and(Error::concerns_one_item) {
            postpone(authority, id, action.clone()).await?;
        }
        progress.item(format!("{id} {action}"), written)?;
    }
    Ok(progress)
}

async fn write(authority: &Authority, due: Vec<(ActivationId, String)>) -> Result<u64> {
    let cx = Cx::system("activations.write_repeated");
    authority.write("activations.write_repeated", cx, move |tx, op| write_all(tx, op, &due)).await
}

/// Looks again in an hour at what could not be written.
async fn postpone(authority: &Authority, id: ActivationId, action: String) -> Result<()> {
    let cx = Cx::system("activations.write_repeated");
    authority
        .write("activations.put_off_repeated", cx, move |tx, op| sql::postpone(tx, id, &action, op.now))
        .await
}

fn write_all(tx: &mut Tx<'_>, op: &mut Op, due: &[(ActivationId, String)]) -> Result<u64> {
    let mut checked = 0;
    for (id, action) in due {
        // Another server may have written it.
        let Some(counted) = sql::lock_due(tx, *id, action, op.now - HOUR)? else { continue };
        checked += 1;
        if counted.times == 0 {
            sql::end(tx, &counted)?;
            continue;
        }
        let change = json!({ "times": counted.times, "first": counted.first, "last": counted.last });
        let target = counted.activation.to_string();
        audit::append(tx, op, &counted.action, Some(target), Entry::ok(change))?;
        sql::begin(tx, counted.activation, &counted.action, op.now)?;
    }
    Ok(checked)
}
