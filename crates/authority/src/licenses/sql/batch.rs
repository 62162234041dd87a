//! Many new licenses by few statements, so that the transaction is short.

use kaching_base::{LicenseId, Timestamp};
use kaching_db::{Sql, Tx, params};
use kaching_domain::License;
use kaching_license::LicenseKey;

use super::{LICENSES, with_values, words};
use crate::{
    Result,
    keys::KeyRing,
    search::{self, Noun},
};

/// The rows of one statement: the parameters of all stay far below what the engines take.
const ROWS: usize = 50;

/// Inserts licenses that have the same tags and metadata.
pub(in crate::licenses) fn insert(tx: &mut Tx<'_>, licenses: &[License]) -> Result<()> {
    for licenses in licenses.chunks(ROWS) {
        let mut rows = LICENSES.insert_rows();
        for license in licenses {
            with_values(license, |values| rows.row(values));
        }
        rows.run(tx)?;
    }
    let Some(first) = licenses.first() else { return Ok(()) };
    let ids: Vec<LicenseId> = licenses.iter().map(|license| license.id).collect();
    search::add_to_all(tx, Noun::License, &ids, &words(first))?;
    search::add_to_all(tx, Noun::LicenseTag, &ids, &first.tags)?;
    search::add_to_all(tx, Noun::LicenseMetadata, &ids, &search::entries(&first.metadata))
}

/// Inserts the first keys of licenses.
pub(in crate::licenses) fn insert_keys(
    tx: &mut Tx<'_>,
    ring: &KeyRing,
    keys: &[(LicenseId, LicenseKey)],
    now: Timestamp,
) -> Result<()> {
    for keys in keys.chunks(ROWS) {
        let mut sql = Sql::new("insert into license_keys (lookup, license, sealed, created_at, ends_at)");
        let mut before = " values ";
        for (license, key) in keys {
            let lookup = ring.lookup(key);
            let sealed = ring.seal("license_keys", "sealed", &lookup, key.expose().as_bytes())?;
            sql.push(before).add("(?, ?, ?, ?, null)", params![lookup[..], *license, sealed, now]);
            before = ", ";
        }
        tx.execute(&sql, sql.params())?;
    }
    Ok(())
}
