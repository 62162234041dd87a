use kaching_base::{PlanId, Price, ProductId};
use kaching_db::{self as db, Json, Param, Row, Tx, params};
use kaching_domain::Plan;

use super::PlanDetails;
use crate::{
    Result,
    products::sql::printable,
    search::{self, Noun, Reindex, words_of},
    stored::{Fields, StoredTerms},
    table::Table,
};

macro_rules! columns {
    () => {
        "n.id, n.product, n.code, n.created_at, n.name, n.rank, n.license_type, n.terms, n.price, n.updated_at,
                n.archived_at"
    };
}

const PLANS: Table = Table { name: "plans", columns: columns!(), fixed: 4, derived: &[], placed: false };

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select ",
            columns!(),
            ", (select code from products where id = n.product) from plans n",
            $rest
        )
    };
}
pub(super) const SELECT: &str = select!("");

pub(super) fn read(row: &Row<'_>) -> db::Result<PlanDetails> {
    let mut fields = Fields::of(row);
    Ok(PlanDetails {
        plan: Plan {
            id: fields.take()?,
            product: fields.take()?,
            code: fields.take()?,
            created_at: fields.take()?,
            name: fields.take()?,
            rank: fields.take()?,
            license_type: fields.take()?,
            terms: fields.json::<StoredTerms>()?.into(),
            price: fields.take::<Option<Json<Price>>>()?.map(|json| json.0),
            updated_at: fields.take()?,
            archived_at: fields.take()?,
        },
        product: fields.take()?,
    })
}

pub(crate) fn by_id(tx: &mut Tx<'_>, id: PlanId) -> Result<Option<Plan>> {
    Ok(tx.query_opt(select!(" where n.id = ?1"), params![id], |row| Ok(read(row)?.plan))?)
}

pub(crate) fn by_code(tx: &mut Tx<'_>, product: ProductId, code: &str) -> Result<Option<Plan>> {
    let sql = select!(" where n.product = ?1 and n.code = ?2");
    Ok(tx.query_opt(sql, params![product, printable(code)], |row| Ok(read(row)?.plan))?)
}

/// Every plan of a product by rank, archived ones too.
pub(crate) fn of_product(tx: &mut Tx<'_>, product: ProductId) -> Result<Vec<Plan>> {
    let sql = select!(" where n.product = ?1 order by n.rank, n.code");
    Ok(tx.query_all(sql, params![product], |row| Ok(read(row)?.plan))?)
}

pub(super) fn lock_by_address(tx: &mut Tx<'_>, product: &str, code: &str) -> Result<Option<PlanDetails>> {
    let sql =
        select!(" where n.product = (select id from products where code = ?1) and n.code = ?2 for update");
    Ok(tx.query_opt(sql, params![printable(product), printable(code)], read)?)
}

/// Calls `write` with the values of all columns.
fn with_values<T>(plan: &Plan, write: impl FnOnce(&[Param<'_>]) -> T) -> T {
    write(params![
        plan.id,
        plan.product,
        plan.code,
        plan.created_at,
        plan.name,
        plan.rank,
        plan.license_type,
        Json(StoredTerms::from(&plan.terms)),
        plan.price.as_ref().map(Json),
        plan.updated_at,
        plan.archived_at
    ])
}

/// Inserts a plan. Returns whether its code was free.
pub(super) fn insert(tx: &mut Tx<'_>, plan: &Plan) -> Result<bool> {
    let free = " on conflict (product, code) do nothing";
    let inserted = with_values(plan, |values| PLANS.insert(tx, values, free))?;
    if inserted == 1 {
        put_words(tx, plan)?;
    }
    Ok(inserted == 1)
}

pub(super) fn update(tx: &mut Tx<'_>, plan: &Plan) -> Result<()> {
    with_values(plan, |values| PLANS.update(tx, values))?;
    put_words(tx, plan)
}

/// Indexes plans again that an earlier version may have indexed in another form.
pub(crate) const REINDEX: Reindex<PlanDetails, PlanId> = Reindex {
    select: select!(
        " where n.id > ?1 and octet_length(n.name) > length(n.name)
          order by n.id limit 500 for update"
    ),
    read,
    id: |one| one.plan.id,
    put_words: |tx, one| put_words(tx, &one.plan),
};

fn put_words(tx: &mut Tx<'_>, plan: &Plan) -> Result<()> {
    search::put(tx, Noun::Plan, plan.id, &words_of([plan.code.as_str(), &plan.name]))
}
