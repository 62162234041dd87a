use std::collections::BTreeSet;

use kaching_base::{ErrorCode, LicenseId, Seconds};
use kaching_domain::{License, Refused, Status};
use kaching_license::LicenseKey;
use serde_json::json;

use super::{LicenseDetails, change::lock, create::make_key, details::details, sql, unknown};
use crate::{
    Authority, Cx, Error, Result,
    audit::{self, Entry},
    products,
};

/// A license's present key.
pub struct RevealedKey {
    pub license: LicenseId,
    pub key: LicenseKey,
}

/// The most licenses whose keys are shown together, as on a page of a list: an audit entry has room for their ids.
const MOST: usize = 200;

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

    /// Shows the keys of several licenses, in the order of their ids. One audit entry names all of them, since an entry for
    /// each would bury the changes. Ids without a license are left out.
    ///
    /// # Errors
    /// If there are none, or more than 200.
    pub async fn reveal_keys(&self, cx: Cx, licenses: Vec<LicenseId>) -> Result<Vec<RevealedKey>> {
        let licenses: BTreeSet<LicenseId> = licenses.into_iter().collect();
        if licenses.is_empty() || licenses.len() > MOST {
            let detail = format!("name 1 to {MOST} licenses, not {}", licenses.len());
            return Err(Error::invalid("/licenses", detail));
        }
        self.write("licenses.reveal_keys", cx, move |tx, op| {
            let found = sql::present_keys(tx, &op.keys, &licenses)?;
            let shown: Vec<LicenseId> = found.iter().map(|(license, _)| *license).collect();
            let entry = Entry::ok(json!({ "keys": shown.len(), "licenses": shown }));
            audit::append(tx, op, "license.reveal_keys", None, entry)?;
            Ok(found.into_iter().map(|(license, key)| RevealedKey { license, key }).collect())
        })
        .await
    }
}
