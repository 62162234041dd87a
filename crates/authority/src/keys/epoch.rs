//! The epoch: the authority's life between restores. Its row is also what a change of keys locks.

use kaching_base::Timestamp;
use kaching_db::{Tx, params};

use crate::{Error, Result};

/// Waits until no other server on the same database changes the keys: the second one finds what the first one made.
pub(crate) fn lock_keys(tx: &mut Tx<'_>) -> Result<()> {
    tx.query_opt("select value from settings where name = 'epoch' for update", &[], |row| {
        row.get::<String>(0)
    })?;
    Ok(())
}

/// Returns the present epoch.
pub(crate) fn epoch(tx: &mut Tx<'_>) -> Result<u64> {
    let text =
        tx.query_opt("select value from settings where name = 'epoch'", &[], |row| row.get::<String>(0))?;
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Error::stored("epoch", "it is missing"))
}

/// Returns the epoch to begin at this moment. The second puts it above every epoch that came of the same backup, too.
pub(crate) fn next_epoch(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64> {
    Ok(u64::try_from(now.seconds()).unwrap_or(0).max(epoch(tx)? + 1))
}

pub(crate) fn set_epoch(tx: &mut Tx<'_>, epoch: u64) -> Result<()> {
    tx.execute("update settings set value = ?1 where name = 'epoch'", params![epoch.to_string()])?;
    Ok(())
}
