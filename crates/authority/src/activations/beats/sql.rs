use kaching_base::{ActivationId, LicenseId};
use kaching_db::{self as db, Engine, Json, Param, Row, Sql, ToParam, Tx, params};
use kaching_domain::{Activation, License};

use super::super::{Health, sql};
use crate::{
    licenses::{self, Seen},
    stored::{Fields, Granted},
};

/// An activation that is locked, with its license.
pub(super) struct Stood {
    pub(super) activation: Activation,
    pub(super) health: Option<Health>,
    pub(super) license: Seen,
}

/// An activation with its license.
macro_rules! stood {
    ($rest:literal) => {
        concat!(
            "select a.health, ",
            licenses::sql::seen!(),
            ", ",
            sql::columns!(),
            " from activations a join licenses l on l.id = a.license /*+ place */",
            $rest
        )
    };
}

/// Locks those of these activations that nobody else has locked, in the order of their ids.
pub(super) fn lock(tx: &mut Tx<'_>, ids: impl Iterator<Item = ActivationId>) -> db::Result<Vec<Stood>> {
    let (one, several) = (stood!(" where a.id = ?1 /*+ place */"), Sql::new(stood!(" where a.id in ")));
    find(tx, ids, one, (several, " order by a.id for update of a skip locked"), read_stood)
}

fn read_stood(row: &Row<'_>) -> db::Result<Stood> {
    let mut fields = Fields::of(row);
    Ok(Stood {
        health: fields.take::<Option<Json<Health>>>()?.map(|json| json.0),
        license: licenses::sql::read_seen(&mut fields)?,
        activation: sql::read_next(&mut fields)?,
    })
}

/// These licenses as they are; `granted` reads what they grant.
pub(super) fn licenses(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = LicenseId>,
    granted: impl Fn(String, String) -> db::Result<Granted>,
) -> db::Result<Vec<License>> {
    let mut several = Sql::new(licenses::sql::SELECT);
    several.push(" where l.id in ");
    find(tx, ids, licenses::sql::BY_ID, (several, ""), |row| licenses::sql::read_with(row, &granted))
}

/// What there is of these: each by a statement of its own, or all by one, in two parts around their ids.
fn find<K: ToParam + Copy, T>(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = K>,
    one: &'static str,
    (mut several, rest): (Sql, &'static str),
    mut read: impl FnMut(&Row<'_>) -> db::Result<T>,
) -> db::Result<Vec<T>> {
    if each_alone(tx) {
        return ids.filter_map(|id| tx.query_opt(one, params![id], &mut read).transpose()).collect();
    }
    several.list(filled(ids)).push(rest);
    tx.query_all(&several, several.params(), read)
}

/// Whether each is read and written by a statement of its own: it costs no way to a server, and one that changes many rows
/// writes down how each was before.
fn each_alone(tx: &Tx<'_>) -> bool {
    tx.engine() == Engine::Sqlite
}

/// Writes what a heartbeat moves: nothing of it stands in an index.
pub(in super::super) fn beat(tx: &mut Tx<'_>, after: &Activation) -> db::Result<()> {
    let sql =
        "update activations set number = ?2, nonce = ?3, last_seen_at = ?4, run_until = ?5, refused = ?6
               where id = ?1 /*+ place */";
    tx.execute(sql, &moved(after)).map(drop)
}

/// Writes what these heartbeats move.
pub(super) fn beat_all<'a>(
    tx: &mut Tx<'_>,
    mut after: impl Iterator<Item = &'a Activation>,
) -> db::Result<()> {
    match each_alone(tx) {
        true => after.try_for_each(|activation| beat(tx, activation)),
        false => beat_at_once(tx, after),
    }
}

fn beat_at_once<'a>(tx: &mut Tx<'_>, after: impl Iterator<Item = &'a Activation>) -> db::Result<()> {
    let mut update = Sql::new("with beat (id, number, nonce, last_seen_at, run_until, refused) as (values ");
    let mut row = "(cast(? as uuid), cast(? as bigint), cast(? as text), cast(? as bigint), cast(? as bigint), cast(? as text))";
    for activation in filled(after) {
        update.add(row, &moved(activation));
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

fn moved(after: &Activation) -> [Param<'_>; 6] {
    [
        after.id.to_param(),
        after.credential.number.to_param(),
        after.credential.nonce.as_ref().map_or(Param::Null, |nonce| nonce.as_str().to_param()),
        after.last_seen_at.to_param(),
        after.run_until.to_param(),
        after.refused.map_or(Param::Null, |code| code.as_str().to_param()),
    ]
}

/// The same, with the last one repeated up to a power of two: a database that prepares each length prepares seven.
fn filled<T: Copy>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    if let Some(last) = all.last().copied() {
        all.resize(all.len().next_power_of_two(), last);
    }
    all
}
