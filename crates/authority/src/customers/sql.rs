use kaching_base::CustomerId;
use kaching_db::{self as db, Json, Param, Row, Tx, params};
use kaching_domain::Customer;

use crate::{
    Result,
    search::{self, Noun, Reindex, words_of},
    stored::Fields,
    table::Table,
};

macro_rules! columns {
    () => {
        "c.id, c.created_at, c.reference, c.name, c.email, c.company, c.tags, c.notes, c.metadata, c.updated_at,
                c.archived_at"
    };
}

const CUSTOMERS: Table =
    Table { name: "customers", columns: columns!(), fixed: 2, derived: &["sort_name"], placed: false };

macro_rules! select {
    ($rest:literal) => {
        concat!("select ", columns!(), " from customers c", $rest)
    };
}
pub(super) const SELECT: &str = select!("");

pub(super) fn read(row: &Row<'_>) -> db::Result<Customer> {
    let mut fields = Fields::of(row);
    Ok(Customer {
        id: fields.take()?,
        created_at: fields.take()?,
        reference: fields.take()?,
        name: fields.take()?,
        email: fields.take()?,
        company: fields.take()?,
        tags: fields.json()?,
        notes: fields.take()?,
        metadata: fields.json()?,
        updated_at: fields.take()?,
        archived_at: fields.take()?,
    })
}

/// Returns the sort key of a name.
pub(super) fn sort_name(name: &str) -> String {
    name.to_lowercase()
}

pub(super) fn lock_by_id(tx: &mut Tx<'_>, id: CustomerId) -> Result<Option<Customer>> {
    Ok(tx.query_opt(select!(" where c.id = ?1 for update"), params![id], read)?)
}

/// Returns another customer that has the reference. Where two take it at the same time, the unique index refuses one.
pub(super) fn reference_holder(tx: &mut Tx<'_>, customer: &Customer) -> Result<Option<Customer>> {
    let sql = select!(" where c.reference = ?1 and c.id <> ?2");
    Ok(tx.query_opt(sql, params![customer.reference, customer.id], read)?)
}

/// Calls `write` with the values of all columns.
fn with_values<T>(customer: &Customer, write: impl FnOnce(&[Param<'_>]) -> T) -> T {
    write(params![
        customer.id,
        customer.created_at,
        customer.reference,
        customer.name,
        customer.email,
        customer.company,
        Json(&customer.tags),
        customer.notes,
        Json(&customer.metadata),
        customer.updated_at,
        customer.archived_at,
        sort_name(&customer.name)
    ])
}

/// Inserts a customer. Returns whether its reference was free.
pub(crate) fn insert(tx: &mut Tx<'_>, customer: &Customer) -> Result<bool> {
    let free = " on conflict (reference) do nothing";
    let inserted = with_values(customer, |values| CUSTOMERS.insert(tx, values, free))?;
    if inserted == 1 {
        put_words(tx, customer)?;
    }
    Ok(inserted == 1)
}

pub(super) fn update(tx: &mut Tx<'_>, customer: &Customer) -> Result<()> {
    with_values(customer, |values| CUSTOMERS.update(tx, values))?;
    put_words(tx, customer)
}

/// Indexes customers again that an earlier version may have indexed in another form.
pub(crate) const REINDEX: Reindex<Customer, CustomerId> = Reindex {
    select: select!(
        " where c.id > ?1 and (octet_length(c.name) > length(c.name) or octet_length(c.company) > length(c.company) or octet_length(c.email) > length(c.email)
               or c.metadata <> '{}')
          order by c.id limit 500 for update"
    ),
    read,
    id: |one| one.id,
    put_words,
};

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
