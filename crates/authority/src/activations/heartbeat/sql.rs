use kaching_base::ActivationId;
use kaching_db::{self as db, Json, Param, Row, Sql, ToParam, Tx, params};
use kaching_domain::Activation;

use super::super::{ReportedHealth, sql};
use crate::{
    entitlement::{
        self, LicenseVersion,
        sql::{find_all, is_row_by_row, padded, read_license_version},
    },
    stored::Fields,
};

/// An activation that is locked, and the version of its license, which is not.
pub(super) struct LockedActivation {
    pub(super) activation: Activation,
    pub(super) health: Option<ReportedHealth>,
    pub(super) license: LicenseVersion,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select a.health, ",
            entitlement::sql::license_version!(),
            ", ",
            sql::columns!(),
            " from activations a join licenses l on l.id = a.license /*+ place */",
            $rest
        )
    };
}

/// Locks an activation. Its license is read by a second statement, which sees a change that the first one waited for.
pub(super) fn lock(tx: &mut Tx<'_>, id: ActivationId) -> db::Result<Option<LockedActivation>> {
    let sql = "select id from activations where id = ?1 /*+ place */ for update";
    match tx.query_opt(sql, params![id], |row| row.get::<ActivationId>(0))? {
        Some(id) => tx.query_opt(select!(" where a.id = ?1 /*+ place */"), params![id], read),
        None => Ok(None),
    }
}

/// Locks those of these activations that no other transaction has locked, in the order of their ids.
pub(super) fn lock_all(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = ActivationId>,
) -> db::Result<Vec<LockedActivation>> {
    let (one, several) = (select!(" where a.id = ?1 /*+ place */"), Sql::new(select!(" where a.id in ")));
    find_all(tx, ids, one, (several, " order by a.id for update of a skip locked"), read)
}

fn read(row: &Row<'_>) -> db::Result<LockedActivation> {
    let mut fields = Fields::of(row);
    Ok(LockedActivation {
        health: fields.take::<Option<Json<ReportedHealth>>>()?.map(|json| json.0),
        license: read_license_version(&mut fields)?,
        activation: sql::read_next(&mut fields)?,
    })
}

/// Writes the columns that every heartbeat changes; no index covers them.
pub(super) fn write_times(tx: &mut Tx<'_>, after: &Activation) -> db::Result<()> {
    let sql =
        "update activations set number = ?2, nonce = ?3, last_seen_at = ?4, run_until = ?5, refused = ?6
               where id = ?1 /*+ place */";
    tx.execute(sql, &times(after)).map(drop)
}

/// As [`write_times`], for many heartbeats.
pub(super) fn write_all_times<'a>(
    tx: &mut Tx<'_>,
    mut after: impl Iterator<Item = &'a Activation>,
) -> db::Result<()> {
    match is_row_by_row(tx) {
        true => after.try_for_each(|activation| write_times(tx, activation)),
        false => write_times_together(tx, after),
    }
}

fn write_times_together<'a>(tx: &mut Tx<'_>, after: impl Iterator<Item = &'a Activation>) -> db::Result<()> {
    let mut update =
        Sql::new("with heartbeat (id, number, nonce, last_seen_at, run_until, refused) as (values ");
    let mut row = "(cast(? as uuid), cast(? as bigint), cast(? as text), cast(? as bigint), cast(? as bigint), cast(? as text))";
    for activation in padded(after) {
        update.add(row, &times(activation));
        row = ", (?, ?, ?, ?, ?, ?)";
    }
    if update.params().is_empty() {
        return Ok(());
    }
    update.push(
        ") update activations set number = heartbeat.number, nonce = heartbeat.nonce, last_seen_at = heartbeat.last_seen_at,
                run_until = heartbeat.run_until, refused = heartbeat.refused from heartbeat where activations.id = heartbeat.id",
    );
    tx.execute(&update, update.params()).map(drop)
}

fn times(after: &Activation) -> [Param<'_>; 6] {
    [
        after.id.to_param(),
        after.credential.number.to_param(),
        after.credential.nonce.as_ref().map_or(Param::Null, |nonce| nonce.as_str().to_param()),
        after.last_seen_at.to_param(),
        after.run_until.to_param(),
        after.refused.map_or(Param::Null, |code| code.as_str().to_param()),
    ]
}
