use kaching_base::CustomerId;
use kaching_db::{self as db, Json, Row, Tx, params};
use kaching_domain::Customer;

use crate::{
    Result,
    search::{self, Noun, words_of},
    stored::Fields,
};

/// All columns in the order of [`read`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select c.id, c.reference, c.name, c.email, c.company, c.tags, c.notes, c.metadata, c.created_at,
                    c.updated_at, c.archived_at from customers c",
            $rest
        )
    };
}
pub(super) const SELECT: &str = select!("");

pub(super) fn read(row: &Row<'_>) -> db::Result<Customer> {
    let mut fields = Fields::of(row);
    Ok(Customer {
        id: fields.take()?,
        reference: fields.take()?,
        name: fields.take()?,
        email: fields.take()?,
        company: fields.take()?,
        tags: fields.json()?,
        notes: fields.take()?,
        metadata: fields.json()?,
        created_at: fields.take()?,
        updated_at: fields.take()?,
        archived_at: fields.take()?,
    })
}

/// What names are sorted by.
pub(super) fn sort_name(name: &str) -> String {
    name.to_lowercase()
}

pub(super) fn lock_by_id(tx: &mut Tx<'_>, id: CustomerId) -> Result<Option<Customer>> {
    Ok(tx.query_opt(select!(" where c.id = ?1 for update"), params![id], read)?)
}

/// Another customer that has the reference. Two that take it at once are told apart by the unique index.
pub(super) fn reference_holder(tx: &mut Tx<'_>, customer: &Customer) -> Result<Option<Customer>> {
    let sql = select!(" where c.reference = ?1 and c.id <> ?2");
    Ok(tx.query_opt(sql, params![customer.reference, customer.id], read)?)
}

/// Whether the reference was free.
pub(crate) fn insert(tx: &mut Tx<'_>, customer: &Customer) -> Result<bool> {
    let inserted = tx.execute(
        "insert into customers (id, reference, name, sort_name, email, company, tags, notes, metadata, created_at,
                                updated_at, archived_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) on conflict (reference) do nothing",
        params![
            customer.id,
            customer.reference,
            customer.name,
            sort_name(&customer.name),
            customer.email,
            customer.company,
            Json(&customer.tags),
            customer.notes,
            Json(&customer.metadata),
            customer.created_at,
            customer.updated_at,
            customer.archived_at
        ],
    )?;
    if inserted == 1 {
        put_words(tx, customer)?;
    }
    Ok(inserted == 1)
}

pub(super) fn update(tx: &mut Tx<'_>, customer: &Customer) -> Result<()> {
    tx.execute(
        "update customers set reference = ?2, name = ?3, sort_name = ?4, email = ?5, company = ?6, tags = ?7,
                notes = ?8, metadata = ?9, updated_at = ?10, archived_at = ?11 where id = ?1",
        params![
            customer.id,
            customer.reference,
            customer.name,
            sort_name(&customer.name),
            customer.email,
            customer.company,
            Json(&customer.tags),
            customer.notes,
            Json(&customer.metadata),
            customer.updated_at,
            customer.archived_at
        ],
    )?;
    put_words(tx, customer)
}

/// Indexes the next customers behind this one that an earlier version may have indexed in another form, and returns the
/// last one's id.
pub(crate) fn index_words(tx: &mut Tx<'_>, after: CustomerId) -> Result<Option<CustomerId>> {
    let sql = select!(
        " where c.id > ?1 and (octet_length(c.name) > length(c.name) or octet_length(c.company) > length(c.company) or octet_length(c.email) > length(c.email)
               or c.metadata <> '{}')
          order by c.id limit 500 for update"
    );
    let found = tx.query_all(sql, params![after], read)?;
    for one in &found {
        put_words(tx, one)?;
    }
    Ok(found.last().map(|one| one.id))
}

fn put_words(tx: &mut Tx<'_>, customer: &Customer) -> Result<()> {
    let reference = customer.reference.as_ref().map(|r| r.as_str());
    let optional = [reference, customer.company.as_deref()].into_iter().flatten();
    let words = words_of(optional.chain([customer.name.as_str()]));
    let mail = words_of(customer.email.as_deref());
    search::put(tx, Noun::Customer, customer.id, &words)?;
    search::put(tx, Noun::CustomerMail, customer.id, &mail)?;
    search::put(tx, Noun::CustomerTag, customer.id, &customer.tags)?;
    search::put_metadata(tx, Noun::CustomerMetadata, customer.id, &customer.metadata)
}
