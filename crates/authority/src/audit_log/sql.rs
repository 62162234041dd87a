use kaching_base::{ActivationId, AuditId, CustomerId, LicenseId, Timestamp};
use kaching_db::{self as db, Param, Row, Sql, Tx, params};

use super::{ActorFilter, AuditFilter, AuditRecord};
use crate::{Result, list::Paging, search::FEW, stored::Fields};

macro_rules! select {
    ($rest:literal) => {
        concat!("select e.id, e.at, e.action, e.target, e.body from audit_entries e", $rest)
    };
}

/// An indexed column by which entries are found in the order of their ids.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Target,
    Actor,
}

/// The values of a statement's column.
#[derive(Clone, Copy)]
enum Value<'v> {
    Text(&'v str),
    /// The column `word` of the table `w`.
    Wanted,
}

/// Adds the conditions, the order and the length of a list of the entries with one value in a column.
fn with_value(
    sql: &mut Sql,
    (by, value): (Column, Value<'_>),
    filter: &AuditFilter,
    paging: &Paging,
    most: usize,
) {
    match (by, value) {
        (Column::Target, Value::Text(target)) => sql.add("e.target = ?", params![target]),
        (Column::Target, Value::Wanted) => sql.push("e.target = w.word"),
        // There are few actors, so PostgreSQL takes one for frequent and would walk the log: a range of pairs, sorted by
        // both columns, leaves it the index of actors alone.
        (Column::Actor, value) => {
            let (after, before) = bounds(filter, paging);
            let (after, before) = (Param::Uuid(after), Param::Uuid(before));
            match value {
                Value::Text(actor) => sql.add(
                    "(e.actor, e.id) > (?, ?) and (e.actor, e.id) < (?, ?)",
                    params![actor, after, actor, before],
                ),
                Value::Wanted => sql.add(
                    "(e.actor, e.id) > (w.word, ?) and (e.actor, e.id) < (w.word, ?)",
                    params![after, before],
                ),
            }
        }
    };
    conditions(sql, filter, Some(by));
    match by {
        Column::Target => paging.finish_with(sql, most),
        Column::Actor => {
            let down = " order by e.actor desc, e.id desc";
            sql.push(if paging.descending { down } else { " order by e.actor, e.id" });
            sql.add(" limit ?", params![i64::try_from(most).unwrap_or(i64::MAX)]);
        }
    }
}

/// Returns the ids between which the entries of a page are, both outside.
fn bounds(filter: &AuditFilter, paging: &Paging) -> ([u8; 16], [u8; 16]) {
    // Ids are in the order of their milliseconds.
    let before_since = |at| u128::from_be_bytes(*AuditId::new(at, [0; 10]).as_bytes()).saturating_sub(1);
    let since = filter.since.map_or([0; 16], |at| before_since(at).to_be_bytes());
    let until = filter.until.map_or([0xff; 16], |at| *first_id_behind(at).as_bytes());
    match paging.after_id() {
        Some(cursor) if paging.descending => (since, until.min(cursor)),
        Some(cursor) => (since.max(cursor), until),
        None => (since, until),
    }
}

/// Returns the first id of the first millisecond that begins at this moment or later.
fn first_id_behind(at: Timestamp) -> AuditId {
    AuditId::new(Timestamp::from_micros(at.micros().saturating_add(999)), [0; 10])
}

/// Adds the conditions of the filter, except for what the column in use decides.
fn conditions(sql: &mut Sql, filter: &AuditFilter, by: Option<Column>) {
    if let Some(since) = filter.since {
        sql.add(" and e.id >= ? and e.at >= ?", params![AuditId::new(since, [0; 10]), since]);
    }
    if let Some(until) = filter.until {
        sql.add(" and e.id < ? and e.at < ?", params![first_id_behind(until), until]);
    }
    sql.add_if(" and e.action = ?", filter.action.as_deref());
    if by == Some(Column::Actor) {
        return;
    }
    // The index of another column is in use: `|| ''` hides this one.
    match &filter.actor {
        Some(ActorFilter::One(actor)) => {
            sql.add(" and e.actor || '' = ?", params![actor.as_str()]);
        }
        Some(ActorFilter::Kind(kind)) => {
            let (first, behind) = range(kind);
            sql.add(
                " and e.actor || '' >= ? and e.actor || '' < ?",
                params![first.as_str(), behind.as_str()],
            );
        }
        None => {}
    }
}

/// Returns the texts before and behind all actors of a kind: `;` follows `:`.
fn range(kind: &str) -> (String, String) {
    (format!("{kind}:"), format!("{kind};"))
}

/// Returns the next entries of the whole log.
pub(super) fn of_log(tx: &mut Tx<'_>, filter: &AuditFilter, paging: &Paging) -> Result<Vec<AuditRecord>> {
    let mut sql = Sql::new(select!(" where 1 = 1"));
    conditions(&mut sql, filter, None);
    paging.finish(&mut sql);
    Ok(tx.query_all(&sql, sql.params(), read)?)
}

/// Returns the next entries that have one of these values in a column.
///
/// Only values whose next entry is among the first can have an entry on the page, so the next entry of each is looked up
/// before anything else is read. The cost follows from the number of values and the length of the page, not from the number
/// of entries.
pub(super) fn of_values(
    tx: &mut Tx<'_>,
    by: Column,
    values: &[String],
    filter: &AuditFilter,
    paging: &Paging,
) -> Result<Vec<AuditRecord>> {
    if let [value] = values {
        let mut sql = Sql::new(select!(" where "));
        with_value(&mut sql, (by, Value::Text(value)), filter, paging, paging.most());
        return Ok(tx.query_all(&sql, sql.params(), read)?);
    }
    let mut next = Vec::new();
    for values in values.chunks(VALUES_PER_STATEMENT) {
        next.extend(next_of_each(tx, by, values, filter, paging)?);
    }
    paging.by_id(&mut next, |(id, _)| *id);
    next.truncate(paging.most());
    let ids = first_ids(tx, by, next.iter().map(|(_, value)| value.as_str()), filter, paging)?;
    let mut sql = Sql::new(select!(" where e.id in "));
    sql.list(ids);
    let mut found = tx.query_all(&sql, sql.params(), read)?;
    paging.by_id(&mut found, |record| record.id);
    Ok(found)
}

/// The number of values that one statement looks up.
const VALUES_PER_STATEMENT: usize = 1000;

/// Returns the next entry of each of these values that has one.
fn next_of_each(
    tx: &mut Tx<'_>,
    by: Column,
    values: &[String],
    filter: &AuditFilter,
    paging: &Paging,
) -> Result<Vec<(AuditId, String)>> {
    let mut sql = Sql::new("with wanted (word) as (");
    let mut row = "values (cast(? as text))";
    for value in values {
        sql.add(row, params![value.as_str()]);
        row = ", (?)";
    }
    sql.push(") select w.word, (select e.id from audit_entries e where ");
    with_value(&mut sql, (by, Value::Wanted), filter, paging, 1);
    sql.push(") from wanted w");
    let found =
        tx.query_all(&sql, sql.params(), |row| Ok((row.get::<String>(0)?, row.get::<Option<AuditId>>(1)?)))?;
    Ok(found.into_iter().filter_map(|(value, id)| Some((id?, value))).collect())
}

/// Returns the ids of the next entries that have one of these values, of which there are no more than rows of a page.
fn first_ids<'v>(
    tx: &mut Tx<'_>,
    by: Column,
    values: impl Iterator<Item = &'v str>,
    filter: &AuditFilter,
    paging: &Paging,
) -> Result<Vec<AuditId>> {
    let mut sql = Sql::new("select u.id from (");
    let mut before = " select * from (select e.id from audit_entries e where ";
    for value in values {
        sql.push(before);
        with_value(&mut sql, (by, Value::Text(value)), filter, paging, paging.most());
        sql.push(") as one");
        before = " union all select * from (select e.id from audit_entries e where ";
    }
    if sql.params().is_empty() {
        return Ok(Vec::new());
    }
    let most = i64::try_from(paging.most()).unwrap_or(i64::MAX);
    sql.push(") as u order by u.id").push(if paging.descending { " desc" } else { "" });
    sql.add(" limit ?", params![most]);
    Ok(tx.query_all(&sql, sql.params(), |row| row.get(0))?)
}

fn read(row: &Row<'_>) -> db::Result<AuditRecord> {
    let mut fields = Fields::of(row);
    Ok(AuditRecord {
        id: fields.take()?,
        at: fields.take()?,
        action: fields.take()?,
        target: fields.take()?,
        body: fields.take()?,
        personal: None,
    })
}

/// Returns the actors of a kind that have entries, each found by one look-up; at most one more than [`FEW`].
pub(super) fn actors(tx: &mut Tx<'_>, kind: &str) -> Result<Vec<String>> {
    let sql = "with recursive found (actor) as (
                 select min(e.actor) from audit_entries e where e.actor >= ?1 and e.actor < ?2
                 union all
                 select (select min(e.actor) from audit_entries e where e.actor > f.actor and e.actor < ?2)
                   from found f where f.actor is not null)
               select actor from found where actor is not null limit ?3";
    let (first, behind) = range(kind);
    Ok(tx.query_all(sql, params![first.as_str(), behind.as_str(), FEW + 1], |row| row.get(0))?)
}

/// Returns some of the activations of a license.
pub(super) fn activations_of_license(
    tx: &mut Tx<'_>,
    license: LicenseId,
    most: i64,
) -> Result<Vec<ActivationId>> {
    let sql = "select id from activations where license = ?1 limit ?2";
    Ok(tx.query_all(sql, params![license, most], |row| row.get(0))?)
}

/// Returns some of the licenses of a customer.
pub(super) fn licenses_of_customer(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    most: i64,
) -> Result<Vec<LicenseId>> {
    let sql = "select id from licenses where customer = ?1 limit ?2";
    Ok(tx.query_all(sql, params![customer, most], |row| row.get(0))?)
}

/// Returns some of the activations of a customer.
pub(super) fn activations_of_customer(
    tx: &mut Tx<'_>,
    customer: CustomerId,
    most: i64,
) -> Result<Vec<ActivationId>> {
    let sql =
        "select a.id from licenses l join activations a on a.license = l.id where l.customer = ?1 limit ?2";
    Ok(tx.query_all(sql, params![customer, most], |row| row.get(0))?)
}

/// Returns those of these licenses that exist, with their customers.
pub(super) fn customers_of_licenses(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = LicenseId>,
) -> Result<Vec<(LicenseId, CustomerId)>> {
    let mut sql = Sql::new("select l.id, l.customer from licenses l where l.id in ");
    sql.list(ids);
    Ok(tx.query_all(&sql, sql.params(), |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Returns those of these activations that exist, with their licenses and customers.
pub(super) fn owners_of_activations(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = ActivationId>,
) -> Result<Vec<(ActivationId, LicenseId, CustomerId)>> {
    let mut sql = Sql::new(
        "select a.id, a.license, l.customer from activations a join licenses l on l.id = a.license where a.id in ",
    );
    sql.list(ids);
    Ok(tx.query_all(&sql, sql.params(), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
}

/// Returns the sealed personal part of an entry; of a customer's reader only what is that customer's.
pub(super) fn sealed(tx: &mut Tx<'_>, id: AuditId, customer: Option<CustomerId>) -> Result<Option<Vec<u8>>> {
    let mut sql = Sql::new("select payload from audit_private where ");
    sql.add("id = ?", params![id]);
    sql.add_if(" and customer = ?", customer);
    Ok(tx.query_opt(&sql, sql.params(), |row| row.get(0))?)
}
