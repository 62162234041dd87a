use kaching_base::{FeatureId, ProductId};
use kaching_db::{self as db, Row, Tx, params};
use kaching_domain::Feature;

use super::FeatureDetails;
use crate::{
    Result,
    products::sql::printable,
    search::{self, Noun, words_of},
    stored::Fields,
};

/// All columns in the order of [`read`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select f.id, f.product, f.code, f.title, f.benefit, f.created_at, f.updated_at, f.archived_at,
                    (select code from products where id = f.product) from features f",
            $rest
        )
    };
}
pub(super) const SELECT: &str = select!("");

pub(super) fn read(row: &Row<'_>) -> db::Result<FeatureDetails> {
    let mut fields = Fields::of(row);
    Ok(FeatureDetails {
        feature: Feature {
            id: fields.take()?,
            product: fields.take()?,
            code: fields.take()?,
            title: fields.take()?,
            benefit: fields.take()?,
            created_at: fields.take()?,
            updated_at: fields.take()?,
            archived_at: fields.take()?,
        },
        product: fields.take()?,
    })
}

/// Every feature of a product by code, archived ones too.
pub(crate) fn of_product(tx: &mut Tx<'_>, product: ProductId) -> Result<Vec<Feature>> {
    let sql = select!(" where f.product = ?1 order by f.code");
    Ok(tx.query_all(sql, params![product], |row| Ok(read(row)?.feature))?)
}

pub(super) fn by_address(tx: &mut Tx<'_>, product: &str, code: &str) -> Result<Option<FeatureDetails>> {
    let sql = select!(" where f.product = (select id from products where code = ?1) and f.code = ?2");
    Ok(tx.query_opt(sql, params![printable(product), printable(code)], read)?)
}

pub(super) fn lock_by_address(tx: &mut Tx<'_>, product: &str, code: &str) -> Result<Option<FeatureDetails>> {
    let sql =
        select!(" where f.product = (select id from products where code = ?1) and f.code = ?2 for update");
    Ok(tx.query_opt(sql, params![printable(product), printable(code)], read)?)
}

/// Whether the code was free.
pub(super) fn insert(tx: &mut Tx<'_>, feature: &Feature) -> Result<bool> {
    let inserted = tx.execute(
        "insert into features (id, product, code, title, benefit, created_at, updated_at, archived_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) on conflict (product, code) do nothing",
        params![
            feature.id,
            feature.product,
            feature.code,
            feature.title,
            feature.benefit,
            feature.created_at,
            feature.updated_at,
            feature.archived_at
        ],
    )?;
    if inserted == 1 {
        put_words(tx, feature)?;
    }
    Ok(inserted == 1)
}

pub(super) fn update(tx: &mut Tx<'_>, feature: &Feature) -> Result<()> {
    tx.execute(
        "update features set title = ?2, benefit = ?3, updated_at = ?4, archived_at = ?5 where id = ?1",
        params![feature.id, feature.title, feature.benefit, feature.updated_at, feature.archived_at],
    )?;
    put_words(tx, feature)
}

/// Indexes the next features behind this one that an earlier version may have indexed in another form, and returns the
/// last one's id.
pub(crate) fn index_words(tx: &mut Tx<'_>, after: FeatureId) -> Result<Option<FeatureId>> {
    let sql = select!(
        " where f.id > ?1 and octet_length(f.title) > length(f.title)
          order by f.id limit 500 for update"
    );
    let found = tx.query_all(sql, params![after], read)?;
    for one in &found {
        put_words(tx, &one.feature)?;
    }
    Ok(found.last().map(|one| one.feature.id))
}

fn put_words(tx: &mut Tx<'_>, feature: &Feature) -> Result<()> {
    search::put(tx, Noun::Feature, feature.id, &words_of([feature.code.as_str(), &feature.title]))
}
