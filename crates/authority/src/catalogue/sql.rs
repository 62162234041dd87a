use kaching_base::ProductId;
use kaching_db::{self as db, Tx, params};

use super::Stamp;

pub(crate) fn stamp(tx: &mut Tx<'_>, product: ProductId) -> db::Result<Stamp> {
    let sql = "select p.updated_at,
                      (select coalesce(max(updated_at), 0) from features where product = p.id),
                      (select count(*) from features where product = p.id),
                      (select coalesce(max(updated_at), 0) from plans where product = p.id),
                      (select count(*) from plans where product = p.id)
               from products p where p.id = ?1";
    tx.query_one(sql, params![product], |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?])
    })
}
