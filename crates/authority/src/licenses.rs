//! Licenses, as operators manage them.

pub(crate) mod audit_view;
mod change;
mod create;
mod create_batch;
mod details;
mod key;
mod licensed;
mod list;
mod present;
pub(crate) mod sql;

use kaching_base::{LicenseId, Timestamp};
use kaching_db::{Tx, params};
use kaching_domain::License;
use kaching_license::LicenseKey;

use crate::{Authority, Cx, Error, Op, Result, Sight, jobs::Progress, plans, sight::AliasedTable};

pub use change::{Renewal, Upgrade};
pub use create::NewLicense;
pub use create_batch::CreatedBatch;
pub use details::LicenseDetails;
pub use kaching_domain::licenses::{At, EditLicense};
pub use key::RevealedKey;
pub use licensed::Licensed;
pub use list::LicenseFilter;
pub(crate) use present::present;

impl Authority {
    /// Returns one license by its id.
    ///
    /// # Errors
    /// If there is none in sight.
    pub async fn license(&self, sight: &Sight, address: String) -> Result<LicenseDetails> {
        self.read_in_sight("licenses.show", sight, move |tx, now, sight| {
            let license = find(tx, sight, id(&address)?)?;
            details::details(tx, license, now)
        })
        .await
    }

    /// Returns the license that has this key now.
    ///
    /// # Errors
    /// If there is none in sight.
    pub async fn find_license(&self, sight: &Sight, key: LicenseKey) -> Result<LicenseDetails> {
        let lookup = self.keys().lookup(&key);
        self.read_in_sight("licenses.find", sight, move |tx, now, sight| {
            let named = (
                " where l.id = (select license from license_keys
                                where lookup = ? and (ends_at is null or ends_at > ?))",
                AliasedTable::Licenses,
            );
            let found = sight.find(tx, sql::SELECT, named, params![lookup[..], now], sql::read)?;
            details::details(tx, found.ok_or_else(|| Error::not_found("license with this key"))?, now)
        })
        .await
    }
}

/// Returns the license of this id.
///
/// # Errors
/// If there is none in sight.
pub(crate) fn find(tx: &mut Tx<'_>, sight: &Sight, id: LicenseId) -> Result<License> {
    let named = (" where l.id = ? /*+ place */", AliasedTable::Licenses);
    sight.find(tx, sql::SELECT, named, params![id], sql::read)?.ok_or_else(unknown)
}

/// Parses the id of a license. The text may be a mistyped key: it is not repeated.
fn id(address: &str) -> Result<LicenseId> {
    address.parse().map_err(|_| unknown())
}

pub(crate) fn unknown() -> Error {
    Error::not_found("license with this id")
}

/// Writes a changed license: the row, an audit entry with this action, and a notification where the revision is higher.
pub(crate) fn record(
    tx: &mut Tx<'_>,
    op: &mut Op,
    action: &'static str,
    before: &License,
    after: &License,
) -> Result<()> {
    sql::update(tx, after)?;
    let entry = audit_view::changed(before, after);
    crate::audit::append(tx, op, action, Some(after.id.to_string()), entry)?;
    if after.revision != before.revision {
        op.changed(after.id, after.revision);
    }
    Ok(())
}

/// Applies a scheduled change that is due. Call it after the license is locked, and before a decision about it.
pub(crate) fn apply_due(tx: &mut Tx<'_>, op: &mut Op, license: License) -> Result<License> {
    match due(tx, &license, op.now)? {
        Some(changed) => {
            record(tx, op, "license.change_plan", &license, &changed)?;
            Ok(changed)
        }
        None => Ok(license),
    }
}

/// Returns the license after its scheduled change if that is due, without writing it.
pub(crate) fn due(tx: &mut Tx<'_>, license: &License, now: Timestamp) -> Result<Option<License>> {
    let Some(scheduled) = license.scheduled.as_ref().filter(|scheduled| scheduled.at <= now) else {
        return Ok(None);
    };
    let (Some(from), Some(to)) =
        (plans::sql::by_id(tx, license.plan)?, plans::sql::by_id(tx, scheduled.plan)?)
    else {
        return Ok(None);
    };
    Ok(kaching_domain::licenses::due_change(license, &from, &to, now))
}

/// Applies all scheduled changes that are due. A license that cannot be changed is passed over with the next page, so that
/// it delays no other.
pub(crate) async fn apply_due_changes(authority: &Authority) -> Result<Progress> {
    let mut progress = Progress::default();
    let mut after = (Timestamp::from_micros(i64::MIN), LicenseId::from_bytes([0; 16]));
    loop {
        let page = authority.read("licenses.due", move |tx, now| sql::due(tx, now, after)).await?;
        let Some(last) = page.last() else { return Ok(progress) };
        after = *last;
        for (_, id) in page {
            let changed =
                authority.write("licenses.change_plan", Cx::system("licenses.change_plan"), move |tx, op| {
                    match sql::lock_by_id(tx, id)? {
                        Some(license) => apply_due(tx, op, license).map(drop),
                        None => Ok(()),
                    }
                });
            progress.item(id, changed.await)?;
        }
    }
}
