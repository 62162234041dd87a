use kaching_base::{FeatureId, ProductId};
use kaching_db::{self as db, Param, Row, Tx, params};
use kaching_domain::Feature;

use super::FeatureDetails;
use crate::{
    Result,
    products::sql::printable,
    search::{self, Noun, Reindex, words_of},
    stored::Fields,
    table::Table,
};

macro_rules! columns {
    () => {
        "f.id, f.product, f.code, f.created_at, f.title, f.benefit, f.updated_at, f.archived_at"
    };
}

const FEATURES: Table =
    Table { name: "features", columns: columns!(), fixed: 4, derived: &[], placed: false };

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select ",
            columns!(),
            ", (select code from products where id = f.product) from features f",
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
            created_at: fields.take()?,
            title: fields.take()?,
            benefit: fields.take()?,
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

/// Calls `write` with the values of all columns.
fn with_values<T>(feature: &Feature, write: impl FnOnce(&[Param<'_>]) -> T) -> T {
    write(params![
        feature.id,
        feature.product,
        feature.code,
        feature.created_at,
        feature.title,
        feature.benefit,
        feature.updated_at,
        feature.archived_at
    ])
}

/// Inserts a feature. Returns whether its code was free.
pub(super) fn insert(tx: &mut Tx<'_>, feature: &Feature) -> Result<bool> {
    let free = " on conflict (product, code) do nothing";
    let inserted = with_values(feature, |values| FEATURES.insert(tx, values, free))?;
    if inserted == 1 {
        put_words(tx, feature)?;
    }
    Ok(inserted == 1)
}

pub(super) fn update(tx: &mut Tx<'_>, feature: &Feature) -> Result<()> {
    with_values(feature, |values| FEATURES.update(tx, values))?;
    put_words(tx, feature)
}

/// Indexes features again that an earlier version may have indexed in another form.
pub(crate) const REINDEX: Reindex<FeatureDetails, FeatureId> = Reindex {
    select: select!(
        " where f.id > ?1 and octet_length(f.title) > length(f.title)
          order by f.id limit 500 for update"
    ),
    read,
    id: |one| one.feature.id,
    put_words: |tx, one| put_words(tx, &one.feature),
};

fn put_words(tx: &mut Tx<'_>, feature: &Feature) -> Result<()> {
    search::put(tx, Noun::Feature, feature.id, &words_of([feature.code.as_str(), &feature.title]))
}
