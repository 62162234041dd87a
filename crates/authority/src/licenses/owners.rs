use kaching_base::{CustomerId, ErrorCode, PlanId, ProductId, Timestamp};
use kaching_db::Tx;
use kaching_domain::Refused;

use super::sql;
use crate::Result;

/// What licenses belong to, and what is hidden from lists once it is archived.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner {
    Customer(CustomerId),
    Product(ProductId),
    Plan(PlanId),
}

/// More are not counted.
pub(super) const COUNTED: i64 = 1000;

/// Refuses while licenses run, or are suspended and may run again: whoever archives their owner loses sight of them.
pub(crate) fn check_unused(tx: &mut Tx<'_>, owner: Owner, now: Timestamp) -> Result<()> {
    let noun = match owner {
        Owner::Customer(_) => "customer",
        Owner::Product(_) => "product",
        Owner::Plan(_) => "plan",
    };
    let (count, run) = match sql::count_running(tx, owner, now)? {
        0 => return Ok(()),
        1 => ("1 license".to_owned(), "runs"),
        many if many > COUNTED => (format!("more than {COUNTED} licenses"), "run"),
        many => (format!("{many} licenses"), "run"),
    };
    let detail = format!(
        "the {noun} has {count} in force or suspended, which {run} on after it is archived: revoke first, or force it"
    );
    Err(Refused::new(ErrorCode::WrongState, detail).into())
}
