use kaching_base::{LicenseId, ProductId, Timestamp};
use kaching_db::{self as db, Engine, Row, Sql, ToParam, Tx, params};
use kaching_domain::{Contact, License};

use super::{CatalogueVersion, LicenseVersion, Names};
use crate::{
    Result, licenses,
    stored::{Fields, Granted},
};

/// The columns of [`read_license_version`], for a license `l`.
macro_rules! license_version {
    () => {
        "l.id, l.product, l.revision, l.updated_at, l.active"
    };
}
pub(crate) use license_version;

pub(crate) fn read_license_version(fields: &mut Fields<'_>) -> db::Result<LicenseVersion> {
    Ok(LicenseVersion {
        license: fields.take()?,
        product: fields.take()?,
        revision: fields.take()?,
        updated_at: fields.take()?,
        active: fields.take()?,
    })
}

/// The columns of [`read_catalogue_version`], for a product `p`.
macro_rules! catalogue_version {
    () => {
        "p.updated_at,
         (select coalesce(max(updated_at), 0) from features where product = p.id),
         (select count(*) from features where product = p.id),
         (select coalesce(max(updated_at), 0) from plans where product = p.id),
         (select count(*) from plans where product = p.id)"
    };
}

fn read_catalogue_version(fields: &mut Fields<'_>) -> db::Result<CatalogueVersion> {
    Ok(CatalogueVersion([fields.take()?, fields.take()?, fields.take()?, fields.take()?, fields.take()?]))
}

pub(crate) fn catalogue_version(tx: &mut Tx<'_>, product: ProductId) -> db::Result<CatalogueVersion> {
    let sql = concat!("select ", catalogue_version!(), " from products p where p.id = ?1");
    tx.query_one(sql, params![product], |row| read_catalogue_version(&mut Fields::of(row)))
}

/// Returns the names around a license, with the version of the catalogue that has them.
pub(super) fn names(tx: &mut Tx<'_>, license: &License) -> db::Result<(Names, CatalogueVersion)> {
    let sql = concat!(
        "select p.code, p.lease_alg, p.contact_url, p.contact_email, n.code, n.name, n.rank, ",
        catalogue_version!(),
        " from products p, plans n where p.id = ?1 and n.id = ?2"
    );
    tx.query_one(sql, params![license.product, license.plan], |row| {
        let mut fields = Fields::of(row);
        let names = Names {
            product: fields.take()?,
            lease_alg: fields.take()?,
            contact: Contact { url: fields.take()?, email: fields.take()? },
            plan: fields.take()?,
            plan_name: fields.take()?,
            rank: fields.take()?,
        };
        Ok((names, read_catalogue_version(&mut fields)?))
    })
}

/// Selects the versions of the license of a key that has not ended, and of its catalogue.
macro_rules! select_versions_by_key {
    ($rest:literal) => {
        concat!(
            "select ",
            license_version!(),
            ", ",
            catalogue_version!(),
            " from license_keys k join licenses l on l.id = k.license join products p on p.id = l.product
              where k.lookup = ?1 and (k.ends_at is null or k.ends_at > ?2)",
            $rest
        )
    };
}

fn read_versions(row: &Row<'_>) -> db::Result<(LicenseVersion, CatalogueVersion)> {
    let mut fields = Fields::of(row);
    Ok((read_license_version(&mut fields)?, read_catalogue_version(&mut fields)?))
}

/// Returns the version of the license that this key opens, by the key's lookup hash, and that of its catalogue.
pub(crate) fn versions_by_key(
    tx: &mut Tx<'_>,
    lookup: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(LicenseVersion, CatalogueVersion)>> {
    Ok(tx.query_opt(select_versions_by_key!(""), params![lookup[..], now], read_versions)?)
}

/// As [`versions_by_key`], and locks the license's row for update.
pub(crate) fn lock_versions_by_key(
    tx: &mut Tx<'_>,
    lookup: &[u8; 32],
    now: Timestamp,
) -> Result<Option<(LicenseVersion, CatalogueVersion)>> {
    let sql = select_versions_by_key!(" for update of l");
    Ok(tx.query_opt(sql, params![lookup[..], now], read_versions)?)
}

/// Returns these licenses; `granted` parses their terms and overrides.
pub(super) fn licenses(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = LicenseId>,
    granted: impl Fn(String, String) -> db::Result<Granted>,
) -> db::Result<Vec<License>> {
    let mut several = Sql::new(licenses::sql::SELECT);
    several.push(" where l.id in ");
    find_all(tx, ids, licenses::sql::BY_ID, (several, ""), |row| licenses::sql::read_with(row, &granted))
}

/// Returns the rows of these ids: by one statement for each id on SQLite, and by one for all of them on PostgreSQL,
/// whose two parts stand before and after the list of ids.
pub(crate) fn find_all<K: ToParam + Copy, T>(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = K>,
    one: &'static str,
    (mut several, rest): (Sql, &'static str),
    mut read: impl FnMut(&Row<'_>) -> db::Result<T>,
) -> db::Result<Vec<T>> {
    if is_row_by_row(tx) {
        return ids.filter_map(|id| tx.query_opt(one, params![id], &mut read).transpose()).collect();
    }
    several.list(padded(ids)).push(rest);
    tx.query_all(&several, several.params(), read)
}

/// Whether each row is read and written by a statement of its own. On SQLite that costs no round trip, and a statement
/// that changes many rows first copies each of them to a journal.
pub(crate) fn is_row_by_row(tx: &Tx<'_>) -> bool {
    tx.engine() == Engine::Sqlite
}

/// Repeats the last item up to a power of two, so that a database that prepares one statement for each length prepares
/// only seven.
pub(crate) fn padded<T: Copy>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    if let Some(last) = items.last().copied() {
        items.resize(items.len().next_power_of_two(), last);
    }
    items
}
