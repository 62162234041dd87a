use kaching_base::{ActivationId, ErrorCode};
use kaching_db::{self as db, Json, Sql, Tx, params};
use kaching_domain::{Activation, License, Nonce};

use super::{
    super::{Health, sql},
    Grounds,
};
use crate::{licenses, stored::Fields};

/// An activation that is locked, with its license.
pub(super) struct Stood {
    pub(super) activation: Activation,
    pub(super) health: Option<Health>,
    pub(super) license: License,
}

/// Locks those of these activations that nobody else has locked, in the order of their ids.
pub(super) fn lock(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = ActivationId>,
    grounds: &Grounds,
) -> db::Result<Vec<Stood>> {
    let mut select = Sql::new("select a.health,");
    select.push(licenses::sql::columns()).push(",").push(sql::SELECT.trim_start_matches("select"));
    select.push(" join licenses l on l.id = a.license");
    select.push(" where a.id in ").list(filled(ids)).push(" order by a.id for update of a skip locked");
    tx.query_all(&select, select.params(), |row| {
        let mut fields = Fields::of(row);
        Ok(Stood {
            health: fields.take::<Option<Json<Health>>>()?.map(|json| json.0),
            license: licenses::sql::read_next(&mut fields, |terms, overrides| {
                grounds.granted(terms, &overrides)
            })?,
            activation: sql::read_next(&mut fields)?,
        })
    })
}

/// Writes what heartbeats move, of all of these at once: nothing of it stands in an index.
pub(in super::super) fn beat<'a>(
    tx: &mut Tx<'_>,
    after: impl Iterator<Item = &'a Activation>,
) -> db::Result<()> {
    let mut update = Sql::new("with beat (id, number, nonce, last_seen_at, run_until, refused) as (values ");
    let mut row = "(cast(? as uuid), cast(? as bigint), cast(? as text), cast(? as bigint), cast(? as bigint), cast(? as text))";
    for activation in filled(after) {
        update.add(
            row,
            params![
                activation.id,
                activation.credential.number,
                activation.credential.nonce.as_ref().map(Nonce::as_str),
                activation.last_seen_at,
                activation.run_until,
                activation.refused.map(ErrorCode::as_str)
            ],
        );
        row = ", (?, ?, ?, ?, ?, ?)";
    }
    if update.params().is_empty() {
        return Ok(());
    }
    update.push(
        ") update activations set number = beat.number, nonce = beat.nonce, last_seen_at = beat.last_seen_at,
                run_until = beat.run_until, refused = beat.refused from beat where activations.id = beat.id",
    );
    tx.execute(&update, update.params()).map(drop)
}

/// The same, with the last one repeated up to a power of two: a database that prepares each length prepares seven.
fn filled<T: Copy>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    if let Some(last) = all.last().copied() {
        all.resize(all.len().next_power_of_two(), last);
    }
    all
}
