use kaching_base::{ErrorCode, LicenseId, Seconds};
use kaching_domain::{License, Refused, Status};
use kaching_license::LicenseKey;
use serde_json::json;

use super::{LicenseDetails, change::lock, create::make_key, details::details, sql, unknown};
use crate::{Authority, Cx, Error, Result, audit::Entry, products};

/// A license's present key.
pub struct RevealedKey {
    pub license: LicenseId,
    pub key: LicenseKey,
}

/// The longest time for which an old key works together with the new one.
const LONGEST: Seconds = Seconds::days(365);

impl Authority {
    /// Gives a license a new key; the old one works on for this many seconds, 0 to a year.
    ///
    /// # Errors
    /// If there is no such license, it is revoked, or the time makes no sense.
    pub async fn rekey_license(&self, cx: Cx, address: String, old_ends_in_s: i64) -> Result<LicenseDetails> {
        self.write("licenses.rekey", cx, move |tx, op| {
            if !(0..=LONGEST.0).contains(&old_ends_in_s) {
                let detail = format!("seconds are 0 to {}, not {old_ends_in_s}", LONGEST.0);
                return Err(Error::invalid("/old_ends_in_s", detail));
            }
            let license = lock(tx, op, &address, "license.rekey")?;
            if license.status == Status::Revoked {
                return Err(Refused::new(
                    ErrorCode::WrongState,
                    "the license is revoked: no key opens it any more",
                )
                .into());
            }
            let product = products::sql::by_id(tx, license.product)?.ok_or_else(unknown)?;
            let ends_at = op.now + Seconds(old_ends_in_s);
            let key = make_key(op, product.key_prefix.as_str())?;
            sql::end_keys(tx, license.id, ends_at)?;
            sql::insert_key(tx, &op.keys, license.id, &key, op.now)?;
            let license = License { updated_at: op.now, ..license };
            sql::update(tx, &license)?;
            op.audit(tx, Entry::ok(json!({ "old_ends_at": ends_at })).of_customer(license.customer))?;
            let mut details = details(tx, license, op.now)?;
            details.key = Some(key);
            Ok(details)
        })
        .await
    }

    /// Shows a license's key; that it was shown is an audit entry.
    ///
    /// # Errors
    /// If there is no such license.
    pub async fn reveal_key(&self, cx: Cx, address: String) -> Result<RevealedKey> {
        self.write("licenses.reveal_key", cx, move |tx, op| {
            let license = lock(tx, op, &address, "license.reveal_key")?;
            let key = sql::present_key(tx, &op.keys, license.id)?;
            op.audit(tx, Entry::ok(json!({})).of_customer(license.customer))?;
            Ok(RevealedKey { license: license.id, key })
        })
        .await
    }
}
