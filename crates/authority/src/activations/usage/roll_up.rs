use kaching_base::ActivationId;
use kaching_db::Tx;

use super::{
    Increment,
    sql::{self, InboxKey, InboxRow},
};
use crate::{Authority, Cx, Error, Result};

/// Steps of one call; the rest waits for the next.
const STEPS: u64 = 64;

/// Moves the increments that wait in the inbox to the reports, a bounded number at a time. Returns the number of rows
/// that were moved. A row that cannot be read stays, and stops no other.
pub(crate) async fn roll_up_usage(authority: &Authority) -> Result<u64> {
    let (mut moved, mut after) = (0, (ActivationId::from_bytes([0; 16]), 0, 0));
    for _ in 0..STEPS {
        // Nearly always there is nothing, and reading holds up no writer.
        let waits = authority.read("usage.waiting", move |tx, _| sql::is_waiting(tx, after)).await?;
        if !waits {
            break;
        }
        let step =
            authority.write("usage.roll_up", Cx::system("usage.roll_up"), move |tx, _| step(tx, after));
        let (rows, last) = step.await?;
        moved += rows;
        match last {
            Some(key) => after = key,
            None => break,
        }
    }
    Ok(moved)
}

/// Moves the next rows. Returns their number and the last key, where there may be more.
fn step(tx: &mut Tx<'_>, after: InboxKey) -> Result<(u64, Option<InboxKey>)> {
    let rows = sql::lock_next(tx, after)?;
    let mut moved = 0;
    for row in &rows {
        match increments(row) {
            Ok(increments) => {
                sql::report(tx, row.activation, &increments, row.received_at)?;
                sql::delete(tx, row)?;
                moved += 1;
            }
            Err(error) => tracing::error!(%error, activation = %row.activation, "usage cannot be read"),
        }
    }
    Ok((moved, rows.last().map(|row| (row.activation, row.generation, row.number))))
}

fn increments(row: &InboxRow) -> Result<Vec<Increment>> {
    serde_json::from_str(&row.increments).map_err(|error| Error::stored("usage", error))
}
