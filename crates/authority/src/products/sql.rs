use std::collections::BTreeSet;

use kaching_base::{Code, ProductId};
use kaching_db::{self as db, Param, Row, Tx, params};
use kaching_domain::{Contact, KeyPrefix, Product};

use crate::{
    Result,
    search::{self, Noun, Reindex, words_of},
    stored::{Fields, key_format, key_format_of},
    table::Table,
};

macro_rules! columns {
    () => {
        "p.id, p.code, p.created_at, p.name, p.key_prefix, p.key_format, p.lease_alg, p.contact_url, p.contact_email,
                p.updated_at, p.archived_at"
    };
}

const PRODUCTS: Table =
    Table { name: "products", columns: columns!(), fixed: 3, derived: &[], placed: false };

macro_rules! select {
    ($rest:literal) => {
        concat!("select ", columns!(), " from products p", $rest)
    };
}
pub(super) const SELECT: &str = select!("");

pub(super) fn read(row: &Row<'_>) -> db::Result<Product> {
    let mut fields = Fields::of(row);
    Ok(Product {
        id: fields.take()?,
        code: fields.take()?,
        created_at: fields.take()?,
        name: fields.take()?,
        key_prefix: fields.word(|text| text.parse::<KeyPrefix>().ok())?,
        key_format: fields.word(key_format_of)?,
        lease_alg: fields.take()?,
        contact: Contact { url: fields.take()?, email: fields.take()? },
        updated_at: fields.take()?,
        archived_at: fields.take()?,
    })
}

pub(crate) fn by_id(tx: &mut Tx<'_>, id: ProductId) -> Result<Option<Product>> {
    Ok(tx.query_opt(select!(" where p.id = ?1"), params![id], read)?)
}

pub(crate) fn by_code(tx: &mut Tx<'_>, code: &str) -> Result<Option<Product>> {
    Ok(tx.query_opt(select!(" where p.code = ?1"), params![printable(code)], read)?)
}

pub(crate) fn lock_by_code(tx: &mut Tx<'_>, code: &str) -> Result<Option<Product>> {
    Ok(tx.query_opt(select!(" where p.code = ?1 for update"), params![printable(code)], read)?)
}

/// Returns the codes of all features of a product, archived ones too: a license may keep those.
pub(crate) fn feature_codes(tx: &mut Tx<'_>, id: ProductId) -> Result<BTreeSet<Code>> {
    let sql = "select code from features where product = ?1";
    Ok(tx.query_all(sql, params![id], |row| row.get(0))?.into_iter().collect())
}

/// Returns the code, or an empty text where it has a NUL, which PostgreSQL takes in no text and no code has.
pub(crate) fn printable(code: &str) -> &str {
    if code.contains('\0') { "" } else { code }
}

/// Calls `write` with the values of all columns.
fn with_values<T>(product: &Product, write: impl FnOnce(&[Param<'_>]) -> T) -> T {
    write(params![
        product.id,
        product.code,
        product.created_at,
        product.name,
        product.key_prefix.as_str(),
        key_format(product.key_format),
        product.lease_alg,
        product.contact.url,
        product.contact.email,
        product.updated_at,
        product.archived_at
    ])
}

/// Inserts a product. Returns whether its code was free.
pub(super) fn insert(tx: &mut Tx<'_>, product: &Product) -> Result<bool> {
    let inserted =
        with_values(product, |values| PRODUCTS.insert(tx, values, " on conflict (code) do nothing"))?;
    if inserted == 1 {
        put_words(tx, product)?;
    }
    Ok(inserted == 1)
}

pub(super) fn update(tx: &mut Tx<'_>, product: &Product) -> Result<()> {
    with_values(product, |values| PRODUCTS.update(tx, values))?;
    put_words(tx, product)
}

/// Indexes products again that an earlier version may have indexed in another form.
pub(crate) const REINDEX: Reindex<Product, ProductId> = Reindex {
    select: select!(
        " where p.id > ?1 and octet_length(p.name) > length(p.name)
          order by p.id limit 500 for update"
    ),
    read,
    id: |one| one.id,
    put_words,
};

fn put_words(tx: &mut Tx<'_>, product: &Product) -> Result<()> {
    search::put(tx, Noun::Product, product.id, &words_of([product.code.as_str(), &product.name]))
}
