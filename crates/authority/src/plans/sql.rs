use kaching_base::{PlanId, Price, ProductId};
use kaching_db::{self as db, Json, Row, Tx, params};
use kaching_domain::Plan;

use super::PlanDetails;
use crate::{
    Result,
    products::sql::printable,
    search::{self, Noun, words_of},
    stored::{Fields, StoredTerms},
};

/// All columns in the order of [`read`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select n.id, n.product, n.code, n.name, n.rank, n.license_type, n.terms, n.price, n.created_at,
                    n.updated_at, n.archived_at, (select code from products where id = n.product) from plans n",
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
            name: fields.take()?,
            rank: fields.take()?,
            license_type: fields.take()?,
            terms: fields.json::<StoredTerms>()?.into(),
            price: fields.take::<Option<Json<Price>>>()?.map(|json| json.0),
            created_at: fields.take()?,
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

/// Whether the code was free.
pub(super) fn insert(tx: &mut Tx<'_>, plan: &Plan) -> Result<bool> {
    let inserted = tx.execute(
        "insert into plans (id, product, code, name, rank, license_type, terms, price, created_at, updated_at,
                            archived_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) on conflict (product, code) do nothing",
        params![
            plan.id,
            plan.product,
            plan.code,
            plan.name,
            plan.rank,
            plan.license_type,
            Json(StoredTerms::from(&plan.terms)),
            plan.price.as_ref().map(Json),
            plan.created_at,
            plan.updated_at,
            plan.archived_at
        ],
    )?;
    if inserted == 1 {
        put_words(tx, plan)?;
    }
    Ok(inserted == 1)
}

pub(super) fn update(tx: &mut Tx<'_>, plan: &Plan) -> Result<()> {
    tx.execute(
        "update plans set name = ?2, rank = ?3, license_type = ?4, terms = ?5, price = ?6, updated_at = ?7,
                archived_at = ?8 where id = ?1",
        params![
            plan.id,
            plan.name,
            plan.rank,
            plan.license_type,
            Json(StoredTerms::from(&plan.terms)),
            plan.price.as_ref().map(Json),
            plan.updated_at,
            plan.archived_at
        ],
    )?;
    put_words(tx, plan)
}

/// Indexes the next plans behind this one that an earlier version may have indexed in another form, and returns the
/// last one's id.
pub(crate) fn index_words(tx: &mut Tx<'_>, after: PlanId) -> Result<Option<PlanId>> {
    let sql = select!(
        " where n.id > ?1 and octet_length(n.name) > length(n.name)
          order by n.id limit 500 for update"
    );
    let found = tx.query_all(sql, params![after], read)?;
    for one in &found {
        put_words(tx, &one.plan)?;
    }
    Ok(found.last().map(|one| one.plan.id))
}

fn put_words(tx: &mut Tx<'_>, plan: &Plan) -> Result<()> {
    search::put(tx, Noun::Plan, plan.id, &words_of([plan.code.as_str(), &plan.name]))
}
