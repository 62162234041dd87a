use std::collections::BTreeMap;

use kaching_base::{Code, Seconds, Timestamp};
use kaching_db::{Json, Tx, params};
use kaching_domain::{License, Status, licenses::Present};

use crate::Result;

/// A slot is free this long after the lease's last moment.
const LAPSES_AFTER: Seconds = Seconds(60);

/// What is in use now; nothing is asked where nothing can be.
pub(super) fn present(tx: &mut Tx<'_>, license: &License, now: Timestamp) -> Result<Present> {
    if license.status == Status::Revoked || license.active == 0 {
        return Ok(Present::default());
    }
    let all = tx.query_all(
        "select levels from activations where license = ?1 and status = 'active' and run_until > ?2",
        params![license.id, now - LAPSES_AFTER],
        |row| row.get::<Json<BTreeMap<Code, u64>>>(0),
    )?;
    let mut present = Present { active: all.len() as u64, levels: BTreeMap::new() };
    for (name, level) in all.into_iter().flat_map(|levels| levels.0) {
        let highest = present.levels.entry(name).or_default();
        *highest = level.max(*highest);
    }
    Ok(present)
}
