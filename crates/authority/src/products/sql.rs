use kaching_base::ProductId;
use kaching_db::{self as db, Row, Tx, params};
use kaching_domain::{Contact, KeyPrefix, Product};

use crate::{
    Result,
    search::{self, Noun, words_of},
    stored::{Fields, key_format, key_format_of},
};

/// All columns in the order of [`read`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select p.id, p.code, p.name, p.key_prefix, p.key_format, p.lease_alg, p.contact_url, p.contact_email,
                    p.created_at, p.updated_at, p.archived_at from products p",
            $rest
        )
    };
}
pub(super) const SELECT: &str = select!("");

pub(super) fn read(row: &Row<'_>) -> db::Result<Product> {
    let mut fields = Fields::of(row);
    Ok(Product {
        id: fields.take()?,
        code: fields.take()?,
        name: fields.take()?,
        key_prefix: fields.word(|text| text.parse::<KeyPrefix>().ok())?,
        key_format: fields.word(key_format_of)?,
        lease_alg: fields.take()?,
        contact: Contact { url: fields.take()?, email: fields.take()? },
        created_at: fields.take()?,
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

/// PostgreSQL takes no NUL in a text, and no code has one.
pub(crate) fn printable(code: &str) -> &str {
    if code.contains('\0') { "" } else { code }
}

/// Whether the code was free.
pub(super) fn insert(tx: &mut Tx<'_>, product: &Product) -> Result<bool> {
    let inserted = tx.execute(
        "insert into products (id, code, name, key_prefix, key_format, lease_alg, contact_url, contact_email,
                               created_at, updated_at, archived_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) on conflict (code) do nothing",
        params![
            product.id,
            product.code,
            product.name,
            product.key_prefix.as_str(),
            key_format(product.key_format),
            product.lease_alg,
            product.contact.url,
            product.contact.email,
            product.created_at,
            product.updated_at,
            product.archived_at
        ],
    )?;
    if inserted == 1 {
        put_words(tx, product)?;
    }
    Ok(inserted == 1)
}

pub(super) fn update(tx: &mut Tx<'_>, product: &Product) -> Result<()> {
    tx.execute(
        "update products set name = ?2, key_prefix = ?3, key_format = ?4, lease_alg = ?5, contact_url = ?6,
                contact_email = ?7, updated_at = ?8, archived_at = ?9 where id = ?1",
        params![
            product.id,
            product.name,
            product.key_prefix.as_str(),
            key_format(product.key_format),
            product.lease_alg,
            product.contact.url,
            product.contact.email,
            product.updated_at,
            product.archived_at
        ],
    )?;
    put_words(tx, product)
}

/// Indexes the next products behind this one that an earlier version may have indexed in another form, and returns the
/// last one's id.
pub(crate) fn index_words(tx: &mut Tx<'_>, after: ProductId) -> Result<Option<ProductId>> {
    let sql = select!(
        " where p.id > ?1 and octet_length(p.name) > length(p.name)
          order by p.id limit 500 for update"
    );
    let found = tx.query_all(sql, params![after], read)?;
    for one in &found {
        put_words(tx, one)?;
    }
    Ok(found.last().map(|one| one.id))
}

fn put_words(tx: &mut Tx<'_>, product: &Product) -> Result<()> {
    search::put(tx, Noun::Product, product.id, &words_of([product.code.as_str(), &product.name]))
}
