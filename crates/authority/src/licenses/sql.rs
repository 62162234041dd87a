pub(super) mod batch;
pub(crate) mod range;

use std::collections::BTreeSet;

use kaching_base::{LicenseId, PlanId, Timestamp};
use kaching_db::{self as db, Json, Param, Row, Sql, Tx, params};
use kaching_domain::{License, ScheduledChange, Status};
use kaching_license::LicenseKey;

use crate::{
    Error, Result,
    keys::KeyRing,
    search::{self, Noun, Reindex, words_of},
    stored::{Fields, Granted, StoredBinding, StoredOverrides, StoredTerms, granted},
    table::Table,
};

macro_rules! columns {
    () => {
        "l.id, l.product, l.active, l.created_at, l.granted, l.overrides, l.customer, l.plan, l.license_type, l.status,
                l.revision, l.starts_at, l.expires_at, l.kept_day, l.starts_at_first_activation, l.bindings, l.tags,
                l.notes, l.metadata, l.suspended_reason, l.scheduled_plan, l.scheduled_at, l.updated_at, l.archived_at"
    };
}

/// [`set_active`] alone updates the count of active activations.
const LICENSES: Table =
    Table { name: "licenses", columns: columns!(), fixed: 4, derived: &["ends_at"], placed: true };

macro_rules! select {
    ($rest:literal) => {
        concat!("select ", columns!(), " from licenses l", $rest)
    };
}
pub(crate) const SELECT: &str = select!("");
pub(crate) const BY_ID: &str = select!(" where l.id = ?1 /*+ place */");

pub(crate) fn read(row: &Row<'_>) -> db::Result<License> {
    read_with(row, |terms, overrides| granted(&terms, &overrides))
}

/// As [`read`]; `granted` parses the terms and overrides.
pub(crate) fn read_with(
    row: &Row<'_>,
    granted: impl FnOnce(String, String) -> db::Result<Granted>,
) -> db::Result<License> {
    let mut fields = Fields::of(row);
    let (id, product, active, created_at) = (fields.take()?, fields.take()?, fields.take()?, fields.take()?);
    let (granted, overrides) = granted(fields.take()?, fields.take()?)?;
    Ok(License {
        id,
        product,
        active,
        created_at,
        granted,
        overrides,
        customer: fields.take()?,
        plan: fields.take()?,
        license_type: fields.take()?,
        status: fields.word(Status::from_word)?,
        revision: fields.take()?,
        starts_at: fields.take()?,
        expires_at: fields.take()?,
        kept_day: fields.take::<Option<i64>>()?.and_then(|day| u8::try_from(day).ok()),
        starts_at_first_activation: fields.take()?,
        bindings: fields.json::<Vec<StoredBinding>>()?.into_iter().map(Into::into).collect(),
        tags: fields.json()?,
        notes: fields.take()?,
        metadata: fields.json()?,
        suspended_reason: fields.take()?,
        scheduled: match (fields.take()?, fields.take()?) {
            (Some(plan), Some(at)) => Some(ScheduledChange { plan, at }),
            _ => None,
        },
        updated_at: fields.take()?,
        archived_at: fields.take()?,
    })
}

pub(crate) fn by_id(tx: &mut Tx<'_>, id: LicenseId) -> Result<Option<License>> {
    Ok(tx.query_opt(BY_ID, params![id], read)?)
}

pub(crate) fn lock_by_id(tx: &mut Tx<'_>, id: LicenseId) -> Result<Option<License>> {
    Ok(tx.query_opt(select!(" where l.id = ?1 /*+ place */ for update"), params![id], read)?)
}

/// Returns the license of a key that has not ended, by the key's lookup hash.
pub(crate) fn by_key(tx: &mut Tx<'_>, lookup: &[u8; 32], now: Timestamp) -> Result<Option<License>> {
    let sql = select!(
        " where l.id = (select license from license_keys where lookup = ?1 and (ends_at is null or ends_at > ?2))"
    );
    Ok(tx.query_opt(sql, params![lookup[..], now], read)?)
}

/// Returns the next licenses behind this one whose scheduled change is due, the longest due first.
pub(super) fn due(
    tx: &mut Tx<'_>,
    now: Timestamp,
    after: (Timestamp, LicenseId),
) -> Result<Vec<(Timestamp, LicenseId)>> {
    let sql =
        "select scheduled_at, id from licenses where scheduled_at <= ?1 and (scheduled_at, id) > (?2, ?3)
               order by scheduled_at, id limit 100";
    Ok(tx.query_all(sql, params![now, after.0, after.1], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Calls `write` with the values of all columns.
fn with_values<T>(license: &License, write: impl FnOnce(&[Param<'_>]) -> T) -> T {
    let scheduled = license.scheduled.as_ref();
    write(params![
        license.id,
        license.product,
        license.active,
        license.created_at,
        Json(StoredTerms::from(&*license.granted)),
        Json(StoredOverrides::from(&*license.overrides)),
        license.customer,
        license.plan,
        license.license_type,
        license.status.as_str(),
        license.revision,
        license.starts_at,
        license.expires_at,
        license.kept_day.map(i64::from),
        license.starts_at_first_activation,
        Json(license.bindings.iter().map(StoredBinding::from).collect::<Vec<_>>()),
        Json(&license.tags),
        license.notes,
        Json(&license.metadata),
        license.suspended_reason,
        scheduled.map(|scheduled| scheduled.plan),
        scheduled.map(|scheduled| scheduled.at),
        license.updated_at,
        license.archived_at,
        license.end()
    ])
}

pub(crate) fn insert(tx: &mut Tx<'_>, license: &License) -> Result<()> {
    with_values(license, |values| LICENSES.insert(tx, values, ""))?;
    put_words(tx, license)
}

/// Writes the whole row except for the count of active activations.
pub(crate) fn update(tx: &mut Tx<'_>, license: &License) -> Result<()> {
    with_values(license, |values| LICENSES.update(tx, values))?;
    put_words(tx, license)
}

/// Writes the count of active activations, under the license's lock.
pub(crate) fn set_active(tx: &mut Tx<'_>, id: LicenseId, active: i64) -> Result<()> {
    tx.execute("update licenses set active = ?2 where id = ?1 /*+ place */", params![id, active])?;
    Ok(())
}

/// Writes only the revision, under the license's lock.
pub(crate) fn set_revision(tx: &mut Tx<'_>, id: LicenseId, revision: i64) -> Result<()> {
    tx.execute("update licenses set revision = ?2 where id = ?1 /*+ place */", params![id, revision])?;
    Ok(())
}

/// Indexes licenses again that an earlier version may have indexed in another form.
pub(crate) const REINDEX: Reindex<License, LicenseId> = Reindex {
    select: select!(
        " where l.id > ?1 and (octet_length(l.tags) > length(l.tags) or l.metadata <> '{}')
          order by l.id limit 500 for update"
    ),
    read,
    id: |one| one.id,
    put_words,
};

/// Indexes a license by its tags and metadata. It is also found by its customer.
fn put_words(tx: &mut Tx<'_>, license: &License) -> Result<()> {
    search::put(tx, Noun::License, license.id, &words(license))?;
    search::put(tx, Noun::LicenseTag, license.id, &license.tags)?;
    search::put_metadata(tx, Noun::LicenseMetadata, license.id, &license.metadata)
}

/// Returns the words by which a license is found.
pub(super) fn words(license: &License) -> BTreeSet<String> {
    words_of(license.tags.iter().chain(license.metadata.values()).map(String::as_str))
}

pub(crate) fn insert_key(
    tx: &mut Tx<'_>,
    keys: &KeyRing,
    license: LicenseId,
    key: &LicenseKey,
    now: Timestamp,
) -> Result<()> {
    let lookup = keys.lookup(key);
    let sealed = keys.seal("license_keys", "sealed", &lookup, key.expose().as_bytes())?;
    tx.execute(
        "insert into license_keys (lookup, license, sealed, created_at, ends_at) values (?1, ?2, ?3, ?4, null)",
        params![lookup[..], license, sealed, now],
    )?;
    Ok(())
}

/// Ends all keys of the license at this moment, unless they end earlier.
pub(super) fn end_keys(tx: &mut Tx<'_>, license: LicenseId, at: Timestamp) -> Result<()> {
    tx.execute(
        "update license_keys set ends_at = ?2 where license = ?1 and (ends_at is null or ends_at > ?2)",
        params![license, at],
    )?;
    Ok(())
}

/// Returns the key that has no end.
pub(super) fn present_key(tx: &mut Tx<'_>, keys: &KeyRing, license: LicenseId) -> Result<LicenseKey> {
    let (lookup, sealed): (Vec<u8>, Vec<u8>) = tx.query_one(
        "select lookup, sealed from license_keys where license = ?1 and ends_at is null",
        params![license],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    unseal_key(keys, &lookup, &sealed)
}

/// Returns the keys without an end of these licenses, in the order of their ids.
pub(super) fn present_keys(
    tx: &mut Tx<'_>,
    keys: &KeyRing,
    licenses: &BTreeSet<LicenseId>,
) -> Result<Vec<(LicenseId, LicenseKey)>> {
    let mut sql =
        Sql::new("select license, lookup, sealed from license_keys where ends_at is null and license in ");
    sql.list(licenses.iter().copied()).push(" order by license");
    let found: Vec<(LicenseId, Vec<u8>, Vec<u8>)> =
        tx.query_all(&sql, sql.params(), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    found
        .into_iter()
        .map(|(license, lookup, sealed)| Ok((license, unseal_key(keys, &lookup, &sealed)?)))
        .collect()
}

fn unseal_key(keys: &KeyRing, lookup: &[u8], sealed: &[u8]) -> Result<LicenseKey> {
    let text = keys.unseal("license_keys", "sealed", lookup, sealed)?;
    let text = String::from_utf8(text).map_err(|_| Error::stored("license key", "it is no text"))?;
    LicenseKey::parse(&text).map_err(|_| Error::stored("license key", "it is no license key"))
}

/// Lets every license start now whose start a clock ahead of time had postponed.
pub(crate) fn bring_back(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    let sql = "update licenses set starts_at = ?1, revision = revision + 1
               where starts_at > ?1 and starts_at <= updated_at";
    tx.execute(sql, params![now])?;
    Ok(())
}

/// Counts the licenses of this plan, without revoked ones.
pub(crate) fn count_of_plan(tx: &mut Tx<'_>, plan: PlanId) -> Result<u64> {
    let sql = "select count(*) from licenses where plan = ?1 and status in ('active', 'suspended')";
    let count: i64 = tx.query_one(sql, params![plan], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Returns the next licenses of this plan that are not revoked, in the order of their ids.
pub(crate) fn of_plan_in_full(
    tx: &mut Tx<'_>,
    plan: PlanId,
    after: Option<LicenseId>,
    most: usize,
) -> Result<Vec<License>> {
    let after = after.unwrap_or(LicenseId::from_bytes([0; 16]));
    let sql =
        select!(" where l.plan = ?1 and l.id > ?2 and l.status || '' <> 'revoked' order by l.id limit ?3");
    Ok(tx.query_all(sql, params![plan, after, i64::try_from(most).unwrap_or(i64::MAX)], read)?)
}

/// Returns the ids of the next licenses of this plan, in their order.
pub(crate) fn of_plan(
    tx: &mut Tx<'_>,
    plan: PlanId,
    after: Option<LicenseId>,
    most: usize,
) -> Result<Vec<LicenseId>> {
    let after = after.unwrap_or(LicenseId::from_bytes([0; 16]));
    let sql = "select id from licenses where plan = ?1 and id > ?2 order by id limit ?3";
    Ok(tx.query_all(sql, params![plan, after, i64::try_from(most).unwrap_or(i64::MAX)], |row| row.get(0))?)
}
