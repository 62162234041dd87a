//! The levels of the activations that count as active, by license, so that the highest is found without reading them all.
//!
//! They are written with the row of their activation, under its lock. The levels of a lapsed activation remain until the
//! lapse is recorded, so a reader compares its `run_until`.

use std::collections::BTreeMap;

use kaching_base::{Code, LicenseId, Limit, Limits, Timestamp};
use kaching_db::{Sql, Tx, params};
use kaching_domain::{Activation, ActivationStatus, License, activations::CLEARANCE, licenses::Present};

use crate::Result;

/// Returns the present use: the number of activations that hold a slot, and the highest of each level in `limits`.
///
/// `active` is the count in the license's row. Activations that have lapsed without a record yet are few, and subtracted.
pub(crate) fn in_use(
    tx: &mut Tx<'_>,
    license: &License,
    active: i64,
    limits: Option<&Limits>,
    now: Timestamp,
) -> Result<Present> {
    let last = now - CLEARANCE;
    let names: Vec<_> = limits.into_iter().flatten().filter_map(level).collect();
    let mut sql = Sql::new("select (select count(*) from activations a");
    sql.add(
        " where a.license = ? and a.status = 'active' and a.check_at <= ? and a.run_until <= ?)",
        params![license.id, now, last],
    );
    for name in &names {
        sql.add(
            ", (select u.value from level_use u join activations a on a.id = u.activation
                where u.license = ? and u.name = ? and a.run_until > ? order by u.value desc limit 1)",
            params![license.id, name, last],
        );
    }
    Ok(tx.query_one(&sql, sql.params(), |row| {
        let lapsed: i64 = row.get(0)?;
        let mut levels = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            if let Some(highest) = row.get::<Option<i64>>(at + 1)? {
                levels.insert((*name).clone(), highest.unsigned_abs());
            }
        }
        Ok(Present { active: (active - lapsed).max(0).unsigned_abs(), levels })
    })?)
}

/// Returns how many activations of each of these licenses have lapsed without a record yet, by one statement. They are few;
/// licenses without any are left out.
pub(crate) fn unrecorded_lapses(
    tx: &mut Tx<'_>,
    licenses: impl IntoIterator<Item = LicenseId>,
    now: Timestamp,
) -> Result<BTreeMap<LicenseId, i64>> {
    let mut sql = Sql::new("select a.license, count(*) from activations a where a.license in ");
    sql.list(licenses);
    sql.add(
        " and a.status = 'active' and a.check_at <= ? and a.run_until <= ? group by a.license",
        params![now, now - CLEARANCE],
    );
    Ok(tx.query_all(&sql, sql.params(), |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

fn level<'l>((name, limit): (&'l Code, &Limit)) -> Option<&'l Code> {
    matches!(limit, Limit::Level { .. }).then_some(name)
}

/// Returns the levels that count: those of an active activation.
fn counted(activation: &Activation) -> Option<&BTreeMap<Code, u64>> {
    let counts = activation.status == ActivationStatus::Active && !activation.levels.is_empty();
    counts.then_some(&activation.levels)
}

/// Writes the levels of an activation that had none.
pub(super) fn insert(tx: &mut Tx<'_>, activation: &Activation) -> Result<()> {
    for (name, level) in counted(activation).into_iter().flatten() {
        let level = i64::try_from(*level).unwrap_or(i64::MAX);
        tx.execute(
            "insert into level_use (activation, name, license, value) values (?1, ?2, ?3, ?4)",
            params![activation.id, name, activation.license, level],
        )?;
    }
    Ok(())
}

/// Writes the levels of an activation where they have changed; `before` is `None` where the old row is not known.
pub(super) fn replace(tx: &mut Tx<'_>, before: Option<&Activation>, after: &Activation) -> Result<()> {
    let known = before.map(counted);
    if known == Some(counted(after)) {
        return Ok(());
    }
    if known != Some(None) {
        tx.execute("delete from level_use where activation = ?1", params![after.id])?;
    }
    insert(tx, after)
}
