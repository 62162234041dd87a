use kaching_base::{ActivationId, ErrorCode, LicenseId, ProductId, Timestamp};
use kaching_db::{self as db, Json, Sql, Tx, params};
use kaching_domain::{Activation, License, Nonce};

use super::super::{Health, sql};
use crate::{
    licenses,
    stored::{Fields, Granted},
};

/// An activation that is locked, and what tells whether its license is known as it is.
pub(super) struct Stood {
    pub(super) activation: Activation,
    pub(super) health: Option<Health>,
    pub(super) product: ProductId,
    /// The license's revision and last change: all that a lease says of it changes with one of them.
    pub(super) version: (i64, Timestamp),
    /// The license's count of active ones.
    pub(super) active: i64,
}

/// Locks those of these activations that nobody else has locked, in the order of their ids.
pub(super) fn lock(tx: &mut Tx<'_>, ids: impl Iterator<Item = ActivationId>) -> db::Result<Vec<Stood>> {
    let mut select = Sql::new("select a.health, l.product, l.revision, l.updated_at, l.active,");
    select.push(sql::SELECT.trim_start_matches("select")).push(" join licenses l on l.id = a.license");
    select.push(" where a.id in ").list(filled(ids)).push(" order by a.id for update of a skip locked");
    tx.query_all(&select, select.params(), |row| {
        let mut fields = Fields::of(row);
        Ok(Stood {
            health: fields.take::<Option<Json<Health>>>()?.map(|json| json.0),
            product: fields.take()?,
            version: (fields.take()?, fields.take()?),
            active: fields.take()?,
            activation: sql::read_next(&mut fields)?,
        })
    })
}

/// These licenses as they are; `granted` reads what they grant.
pub(super) fn licenses(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = LicenseId>,
    granted: impl Fn(String, String) -> db::Result<Granted>,
) -> db::Result<Vec<License>> {
    let mut select = Sql::new(licenses::sql::SELECT);
    select.push(" where l.id in ").list(filled(ids));
    tx.query_all(&select, select.params(), |row| licenses::sql::read_with(row, &granted))
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
