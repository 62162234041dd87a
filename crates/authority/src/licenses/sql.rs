pub(super) mod range;

use kaching_base::{LicenseId, PlanId, ProductId, Timestamp};
use kaching_db::{self as db, Json, Row, Tx, params};
use kaching_domain::{License, ScheduledChange, Status};
use kaching_license::LicenseKey;

use super::owners::{COUNTED, Owner};
use crate::{
    Error, Result,
    catalogue::{self, Stamp},
    keys::KeyRing,
    search::{self, Noun, words_of},
    stored::{Fields, Granted, StoredBinding, StoredOverrides, StoredTerms, granted},
};

/// All columns in the order of [`read`].
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select l.granted, l.overrides, l.id, l.product, l.customer, l.plan, l.license_type, l.status, l.revision,
                    l.starts_at, l.expires_at, l.kept_day, l.starts_at_first_activation, l.bindings, l.tags, l.notes, l.metadata,
                    l.suspended_reason, l.scheduled_plan, l.scheduled_at, l.active, l.created_at, l.updated_at,
                    l.archived_at from licenses l",
            $rest
        )
    };
}
pub(crate) const SELECT: &str = select!("");
pub(crate) const BY_ID: &str = select!(" where l.id = ?1 /*+ place */");

/// What tells whether a license that was read before is still so.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) license: LicenseId,
    pub(crate) product: ProductId,
    /// The revision and the last change: all that products are told of a license changes with one of them.
    pub(crate) version: (i64, Timestamp),
    /// How many activations the row counts as active, which changes by itself.
    pub(crate) active: i64,
}

/// The columns of [`read_seen`], for a license `l`.
macro_rules! seen {
    () => {
        "l.id, l.product, l.revision, l.updated_at, l.active"
    };
}
pub(crate) use seen;

pub(crate) fn read_seen(fields: &mut Fields<'_>) -> db::Result<Seen> {
    Ok(Seen {
        license: fields.take()?,
        product: fields.take()?,
        version: (fields.take()?, fields.take()?),
        active: fields.take()?,
    })
}

pub(crate) fn read(row: &Row<'_>) -> db::Result<License> {
    read_with(row, |terms, overrides| granted(&terms, &overrides))
}

/// As [`read`]; `granted` reads what the license grants.
pub(crate) fn read_with(
    row: &Row<'_>,
    granted: impl FnOnce(String, String) -> db::Result<Granted>,
) -> db::Result<License> {
    let mut fields = Fields::of(row);
    let (granted, overrides) = granted(fields.take()?, fields.take()?)?;
    Ok(License {
        granted,
        overrides,
        id: fields.take()?,
        product: fields.take()?,
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
        active: fields.take()?,
        created_at: fields.take()?,
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

/// The license of a key that has not ended, by the key's lookup hash.
pub(crate) fn by_key(tx: &mut Tx<'_>, lookup: &[u8; 32], now: Timestamp) -> Result<Option<License>> {
    let sql = select!(
        " where l.id = (select license from license_keys where lookup = ?1 and (ends_at is null or ends_at > ?2))"
    );
    Ok(tx.query_opt(sql, params![lookup[..], now], read)?)
}

/// [`Seen`] and the stamp of the catalogue, for the key of a license that has not ended.
macro_rules! select_seen_by_key {
    ($rest:literal) => {
        concat!(
            "select ",
            seen!(),
            ", ",
            catalogue::sql::columns!(),
            " from license_keys k join licenses l on l.id = k.license join products p on p.id = l.product
              where k.lookup = ?1 and (k.ends_at is null or k.ends_at > ?2)",
            $rest
        )
    };
}

fn read_seen_by_key(row: &Row<'_>) -> db::Result<(Seen, Stamp)> {
    let mut fields = Fields::of(row);
    Ok((read_seen(&mut fields)?, catalogue::sql::read(&mut fields)?))
}

/// As [`by_key`], of one that may be known, with the catalogue of its product.
pub(crate) fn seen_by_key(
    tx: &mut Tx<'_>,
    lookup: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(Seen, Stamp)>> {
    Ok(tx.query_opt(select_seen_by_key!(""), params![lookup[..], now], read_seen_by_key)?)
}

/// As [`seen_by_key`], locked.
pub(crate) fn lock_seen_by_key(
    tx: &mut Tx<'_>,
    lookup: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(Seen, Stamp)>> {
    let sql = select_seen_by_key!(" for update of l");
    Ok(tx.query_opt(sql, params![lookup[..], now], read_seen_by_key)?)
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

pub(crate) fn insert(tx: &mut Tx<'_>, license: &License) -> Result<()> {
    let scheduled = license.scheduled.as_ref();
    tx.execute(
        "insert into licenses (id /*+ place */, product, customer, plan, license_type, status, revision, starts_at, expires_at,
                ends_at, starts_at_first_activation, granted, overrides, bindings, tags, notes, metadata,
                suspended_reason, scheduled_plan, scheduled_at, active, created_at, updated_at, archived_at, kept_day)
         values (?1 /*+ place */, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
                ?20, ?21, ?22, ?23, ?24, ?25)",
        params![
            license.id,
            license.product,
            license.customer,
            license.plan,
            license.license_type,
            license.status.as_str(),
            license.revision,
            license.starts_at,
            license.expires_at,
            license.end(),
            license.starts_at_first_activation,
            Json(StoredTerms::from(&*license.granted)),
            Json(StoredOverrides::from(&*license.overrides)),
            Json(license.bindings.iter().map(StoredBinding::from).collect::<Vec<_>>()),
            Json(&license.tags),
            license.notes,
            Json(&license.metadata),
            license.suspended_reason,
            scheduled.map(|scheduled| scheduled.plan),
            scheduled.map(|scheduled| scheduled.at),
            license.active,
            license.created_at,
            license.updated_at,
            license.archived_at,
            license.kept_day.map(i64::from)
        ],
    )?;
    put_words(tx, license)
}

/// Writes the whole row but for the count of active activations, which [`set_active`] alone moves.
pub(crate) fn update(tx: &mut Tx<'_>, license: &License) -> Result<()> {
    let scheduled = license.scheduled.as_ref();
    tx.execute(
        "update licenses set customer = ?2, plan = ?3, license_type = ?4, status = ?5, revision = ?6, starts_at = ?7,
                expires_at = ?8, ends_at = ?9, starts_at_first_activation = ?10, granted = ?11, overrides = ?12,
                bindings = ?13, tags = ?14, notes = ?15, metadata = ?16, suspended_reason = ?17, scheduled_plan = ?18,
                scheduled_at = ?19, updated_at = ?20, archived_at = ?21, kept_day = ?22 where id = ?1",
        params![
            license.id,
            license.customer,
            license.plan,
            license.license_type,
            license.status.as_str(),
            license.revision,
            license.starts_at,
            license.expires_at,
            license.end(),
            license.starts_at_first_activation,
            Json(StoredTerms::from(&*license.granted)),
            Json(StoredOverrides::from(&*license.overrides)),
            Json(license.bindings.iter().map(StoredBinding::from).collect::<Vec<_>>()),
            Json(&license.tags),
            license.notes,
            Json(&license.metadata),
            license.suspended_reason,
            scheduled.map(|scheduled| scheduled.plan),
            scheduled.map(|scheduled| scheduled.at),
            license.updated_at,
            license.archived_at,
            license.kept_day.map(i64::from)
        ],
    )?;
    put_words(tx, license)
}

/// Writes how many activations are counted as active; under the license's lock.
pub(crate) fn set_active(tx: &mut Tx<'_>, id: LicenseId, active: i64) -> Result<()> {
    tx.execute("update licenses set active = ?2 where id = ?1 /*+ place */", params![id, active])?;
    Ok(())
}

/// Writes a raised revision alone, where nothing else of the row changed; under the license's lock.
pub(crate) fn set_revision(tx: &mut Tx<'_>, id: LicenseId, revision: i64) -> Result<()> {
    tx.execute("update licenses set revision = ?2 where id = ?1 /*+ place */", params![id, revision])?;
    Ok(())
}

/// Indexes the next licenses behind this one that an earlier version may have indexed in another form, and returns the
/// last one's id.
pub(crate) fn index_words(tx: &mut Tx<'_>, after: LicenseId) -> Result<Option<LicenseId>> {
    let sql = select!(
        " where l.id > ?1 and (octet_length(l.tags) > length(l.tags) or l.metadata <> '{}')
          order by l.id limit 500 for update"
    );
    let found = tx.query_all(sql, params![after], read)?;
    for one in &found {
        put_words(tx, one)?;
    }
    Ok(found.last().map(|one| one.id))
}

/// A license is found by its tags and what other systems call it, besides by its customer.
fn put_words(tx: &mut Tx<'_>, license: &License) -> Result<()> {
    let words = words_of(license.tags.iter().chain(license.metadata.values()).map(String::as_str));
    search::put(tx, Noun::License, license.id, &words)?;
    search::put(tx, Noun::LicenseTag, license.id, &license.tags)?;
    search::put_metadata(tx, Noun::LicenseMetadata, license.id, &license.metadata)
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

/// No key of the license works after this moment; those that end earlier still do.
pub(super) fn end_keys(tx: &mut Tx<'_>, license: LicenseId, at: Timestamp) -> Result<()> {
    tx.execute(
        "update license_keys set ends_at = ?2 where license = ?1 and (ends_at is null or ends_at > ?2)",
        params![license, at],
    )?;
    Ok(())
}

/// The key that has no end.
pub(super) fn present_key(tx: &mut Tx<'_>, keys: &KeyRing, license: LicenseId) -> Result<LicenseKey> {
    let (lookup, sealed): (Vec<u8>, Vec<u8>) = tx.query_one(
        "select lookup, sealed from license_keys where license = ?1 and ends_at is null",
        params![license],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let text = keys.unseal("license_keys", "sealed", &lookup, &sealed)?;
    let text = String::from_utf8(text).map_err(|_| Error::stored("license key", "it is no text"))?;
    LicenseKey::parse(&text).map_err(|_| Error::stored("license key", "it is no license key"))
}

/// Lets every license start now that a clock that ran ahead has let start later.
pub(crate) fn bring_back(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    let sql = "update licenses set starts_at = ?1, revision = revision + 1
               where starts_at > ?1 and starts_at <= updated_at";
    tx.execute(sql, params![now])?;
    Ok(())
}

/// How many licenses have this plan, revoked ones apart.
pub(crate) fn count_of_plan(tx: &mut Tx<'_>, plan: PlanId) -> Result<u64> {
    let sql = "select count(*) from licenses where plan = ?1 and status in ('active', 'suspended')";
    let count: i64 = tx.query_one(sql, params![plan], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// How many licenses of an owner are neither revoked nor past their end and grace; one more than
/// [`COUNTED`](super::owners::COUNTED) stands for more.
pub(super) fn count_running(tx: &mut Tx<'_>, owner: Owner, now: Timestamp) -> Result<i64> {
    let most = COUNTED + 1;
    let count = |row: &Row<'_>| row.get(0);
    Ok(match owner {
        Owner::Customer(id) => tx.query_one(
            "select count(*) from (select 1 as one from licenses where customer = ?1
               and status || '' in ('active', 'suspended') and (ends_at is null or ends_at + 0 > ?2) limit ?3) as found",
            params![id, now, most],
            count,
        ),
        Owner::Product(id) => tx.query_one(
            "select count(*) from (select 1 as one from licenses where product = ?1
               and status in ('active', 'suspended') and (ends_at is null or ends_at + 0 > ?2) limit ?3) as found",
            params![id, now, most],
            count,
        ),
        Owner::Plan(id) => tx.query_one(
            "select count(*) from (select 1 as one from licenses where plan = ?1
               and status in ('active', 'suspended') and (ends_at is null or ends_at + 0 > ?2) limit ?3) as found",
            params![id, now, most],
            count,
        ),
    }?)
}

/// The next licenses that have this plan and are not revoked, in the order of their ids.
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

/// The next licenses that have this plan, in the order of their ids.
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
