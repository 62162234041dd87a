//! Conditions on dates. Where few licenses match, their index finds them and they are sorted; where many do, the
//! list is walked in its order, and `+ 0` hides the index that would find them all first.

use kaching_base::{CLOCK_TOLERANCE, Timestamp};
use kaching_db::{Sql, Tx, params};
use kaching_domain::State;

use crate::{
    Result,
    licenses::LicenseFilter,
    search::{FEW, is_few},
};

/// Adds the condition that the end date is in the given range.
pub(in crate::licenses) fn dates(
    tx: &mut Tx<'_>,
    sql: &mut Sql,
    filter: &LicenseFilter,
    by_expiry: bool,
) -> Result<()> {
    let (after, before) = (filter.expires_after, filter.expires_before);
    if after.is_none() && before.is_none() {
        return Ok(());
    }
    let from = after.unwrap_or(Timestamp::from_micros(0));
    let to = before.unwrap_or(Timestamp::from_micros(i64::MAX));
    let counting = "select count(*) from (select 1 as one from licenses
                    where expires_sort >= ?1 and expires_sort < ?2 limit ?3) as found";
    let indexed = by_expiry || is_few(tx, counting, params![from, to, FEW + 1])?;
    // Without `before`, the range includes licenses that never end.
    match (indexed, before) {
        (true, Some(_)) => sql.add(" and l.expires_sort >= ? and l.expires_sort < ?", params![from, to]),
        (true, None) => sql.add(" and l.expires_sort >= ?", params![from]),
        (false, Some(_)) => {
            sql.add(" and l.expires_sort + 0 >= ? and l.expires_sort + 0 < ?", params![from, to])
        }
        (false, None) => sql.add(" and l.expires_sort + 0 >= ?", params![from]),
    };
    Ok(())
}

/// Adds the condition that the state at this moment is the given one.
pub(in crate::licenses) fn state(
    tx: &mut Tx<'_>,
    sql: &mut Sql,
    state: State,
    by_expiry: bool,
    now: Timestamp,
) -> Result<()> {
    match state {
        State::Suspended => sql.push(" and l.status = 'suspended'"),
        State::Revoked => sql.push(" and l.status = 'revoked'"),
        State::Active => sql.add(
            if by_expiry {
                " and l.status = 'active' and (l.starts_at is null or l.starts_at + 0 <= ?) and l.expires_sort > ?"
            } else {
                " and l.status = 'active' and (l.starts_at is null or l.starts_at + 0 <= ?)
                  and l.expires_sort + 0 > ?"
            },
            params![now + CLOCK_TOLERANCE, now],
        ),
        State::InGrace => in_grace(tx, sql, by_expiry, now)?,
        State::NotYetValid => {
            let begun = now + CLOCK_TOLERANCE;
            let counting = "select count(*) from (select 1 as one from licenses
                            where status = 'active' and starts_at > ?1 limit ?2) as found";
            let indexed = !by_expiry && is_few(tx, counting, params![begun, FEW + 1])?;
            let few = " and l.status = 'active' and l.starts_at > ?";
            let many = " and l.status = 'active' and l.starts_at + 0 > ?";
            sql.add(if indexed { few } else { many }, params![begun])
        }
        State::Expired if by_expiry => sql.add(
            " and l.status = 'active' and l.expires_sort <= ? and l.ends_at + 0 <= ?",
            params![now, now],
        ),
        State::Expired => {
            let counting = "select count(*) from (select 1 as one from licenses
                            where status = 'active' and ends_at <= ?1 limit ?2) as found";
            let few = " and l.status = 'active' and l.ends_at <= ?";
            let many = " and l.status = 'active' and l.ends_at + 0 <= ?";
            sql.add(if is_few(tx, counting, params![now, FEW + 1])? { few } else { many }, params![now])
        }
    };
    Ok(())
}

/// Returns the earliest end of a license in grace: it ended no longer ago than the longest grace.
pub(crate) fn earliest_in_grace(tx: &mut Tx<'_>, now: Timestamp) -> Result<Timestamp> {
    let longest = "select coalesce(max(ends_at - expires_at), 0) from licenses";
    let longest: i64 = tx.query_one(longest, &[], |row| row.get(0))?;
    Ok(Timestamp::from_micros(now.micros().saturating_sub(longest)))
}

fn in_grace<'s>(tx: &mut Tx<'_>, sql: &'s mut Sql, by_expiry: bool, now: Timestamp) -> Result<&'s mut Sql> {
    let since = earliest_in_grace(tx, now)?;
    let counting = "select count(*) from (select 1 as one from licenses
                    where status = 'active' and expires_sort > ?1 and expires_sort <= ?2 limit ?3) as found";
    let indexed = by_expiry || is_few(tx, counting, params![since, now, FEW + 1])?;
    let few = " and l.status = 'active' and l.expires_sort > ? and l.expires_sort <= ? and l.ends_at + 0 > ?";
    let many = " and l.status = 'active' and l.expires_sort + 0 > ? and l.expires_sort + 0 <= ? and l.ends_at + 0 > ?";
    Ok(sql.add(if indexed { few } else { many }, params![since, now, now]))
}
