//! Entries about many objects of one operation, with few statements.

use kaching_db::{Sql, Tx, params};

use super::{AuditRow, Entry, PrivateRow, epoch, row_of};
use crate::{Op, Result};

/// The entries of one statement.
const ROWS: usize = 50;

/// Appends an entry with this action for each target, as [`append`](super::append) does.
pub(crate) fn append_all(
    tx: &mut Tx<'_>,
    op: &mut Op,
    action: &'static str,
    entries: impl IntoIterator<Item = (String, Entry)>,
) -> Result<()> {
    let rows = entries.into_iter().map(|(target, entry)| row_of(op, action, Some(target), entry));
    let rows: Vec<AuditRow> = rows.collect::<Result<_>>()?;
    for rows in rows.chunks(ROWS) {
        insert_private(tx, rows)?;
        let mut sql = Sql::new("insert into audit_entries (id, epoch, at, action, target, body)");
        let mut before = " values ";
        for AuditRow { id, target, body, .. } in rows {
            sql.push(before).add(
                "(?, ?, ?, ?, ?, ?)",
                params![*id, epoch(op), op.now, action, target.as_deref(), body.as_str()],
            );
            before = ", ";
        }
        tx.execute(&sql, sql.params())?;
    }
    Ok(())
}

fn insert_private(tx: &mut Tx<'_>, rows: &[AuditRow]) -> Result<()> {
    let mut sql = Sql::new("insert into audit_private (id, customer, salt, payload)");
    let mut before = " values ";
    for row in rows {
        let Some(PrivateRow { customer, salt, payload }) = &row.private else { continue };
        sql.push(before).add("(?, ?, ?, ?)", params![row.id, *customer, *salt, payload.as_slice()]);
        before = ", ";
    }
    if sql.params().is_empty() {
        return Ok(());
    }
    tx.execute(&sql, sql.params())?;
    Ok(())
}
