//! Customers, products and plans own licenses: none is archived while its licenses are in use.

use kaching_base::{CustomerId, ErrorCode, PlanId, ProductId, Timestamp};
use kaching_db::{Row, Tx, params};
use kaching_domain::Refused;

use crate::Result;

/// An owner of licenses, which can be archived.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner {
    Customer(CustomerId),
    Product(ProductId),
    Plan(PlanId),
}

/// More licenses are not counted.
const MAX: i64 = 1000;

/// Refuses while licenses of the owner run, or are suspended and may run again: once it is archived, lists hide it.
pub(crate) fn check_unused(tx: &mut Tx<'_>, owner: Owner, now: Timestamp) -> Result<()> {
    let noun = match owner {
        Owner::Customer(_) => "customer",
        Owner::Product(_) => "product",
        Owner::Plan(_) => "plan",
    };
    let (count, run) = match count_running(tx, owner, now)? {
        0 => return Ok(()),
        1 => ("1 license".to_owned(), "runs"),
        many if many > MAX => (format!("more than {MAX} licenses"), "run"),
        many => (format!("{many} licenses"), "run"),
    };
    let detail = format!(
        "the {noun} has {count} in force or suspended, which {run} on after it is archived: revoke first, or force it"
    );
    Err(Refused::new(ErrorCode::WrongState, detail).into())
}

/// Counts the licenses of an owner that are neither revoked nor past their end and grace, up to one more than [`MAX`].
fn count_running(tx: &mut Tx<'_>, owner: Owner, now: Timestamp) -> Result<i64> {
    let most = MAX + 1;
    let count = |row: &Row<'_>| row.get(0);
    Ok(match owner {
        Owner::Customer(id) => tx.query_one(
            "select count(*) from (select 1 as one from licenses where customer = ?1
               and status || '' in ('active', 'suspended') and (ends_at is null or ends_at + 0 > ?2) limit ?3) as found",
            params![id, now, most],
            count,
        ),
        Owner::Product(id) => tx.query_one(
            "select count(*) from (select 1 as one from licenses where product = ?1
               and status in ('active', 'suspended') and (ends_at is null or ends_at + 0 > ?2) limit ?3) as found",
            params![id, now, most],
            count,
        ),
        Owner::Plan(id) => tx.query_one(
            "select count(*) from (select 1 as one from licenses where plan = ?1
               and status in ('active', 'suspended') and (ends_at is null or ends_at + 0 > ?2) limit ?3) as found",
            params![id, now, most],
            count,
        ),
    }?)
}
