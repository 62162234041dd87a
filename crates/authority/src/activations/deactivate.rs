use kaching_domain::activations::deactivate::deactivate;
use serde_json::json;

use super::{Deactivate, credential_invalid, sql, unknown};
use crate::{Authority, Cx, Result, audit::Entry, licenses};

impl Authority {
    /// Gives the slot back. Doing it again changes nothing.
    ///
    /// # Errors
    /// `credential_invalid` or `activation_not_found`.
    pub async fn deactivate(&self, cx: Cx, ask: Deactivate) -> Result<()> {
        self.write("activations.deactivate", cx, move |tx, op| {
            let id = ask.proof.authorization.activation;
            let found = sql::by_id(tx, id)?.ok_or_else(unknown)?;
            let license = licenses::sql::lock_by_id(tx, found.license)?.ok_or_else(unknown)?;
            let before = sql::lock_by_id(tx, id)?.ok_or_else(unknown)?;
            if !ask.proof.is_present(&before) {
                return Err(credential_invalid());
            }
            let Some(after) = deactivate(&before, op.now) else { return Ok(()) };
            if !sql::is_first(tx, id, &ask.nonce, op.now)? {
                return Ok(());
            }
            sql::update(tx, &after)?;
            if before.lapses_at().is_some() && after.lapses_at().is_none() {
                licenses::sql::set_active(tx, license.id, license.active - 1)?;
            }
            op.changed_one(license.id, id, license.revision);
            op.on("activation.deactivate", id);
            let change = json!({ "license": license.id, "was": before.status.as_str() });
            op.audit(tx, Entry::ok(change).of_customer(license.customer))
        })
        .await
    }
}
