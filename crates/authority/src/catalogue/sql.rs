use kaching_base::ProductId;
use kaching_db::{self as db, Tx, params};

use super::Stamp;
use crate::stored::Fields;

/// The columns of [`read`], for a product `p`.
macro_rules! columns {
    () => {
        "p.updated_at,
         (select coalesce(max(updated_at), 0) from features where product = p.id),
         (select count(*) from features where product = p.id),
         (select coalesce(max(updated_at), 0) from plans where product = p.id),
         (select count(*) from plans where product = p.id)"
    };
}
pub(crate) use columns;

pub(crate) fn stamp(tx: &mut Tx<'_>, product: ProductId) -> db::Result<Stamp> {
    let sql = concat!("select ", columns!(), " from products p where p.id = ?1");
    tx.query_one(sql, params![product], |row| read(&mut Fields::of(row)))
}

pub(crate) fn read(fields: &mut Fields<'_>) -> db::Result<Stamp> {
    Ok([fields.take()?, fields.take()?, fields.take()?, fields.take()?, fields.take()?])
}
