use kaching_base::{ActivationId, ErrorCode};
use kaching_domain::activations::release;
use serde_json::json;

use super::{ActivationDetails, sql, unknown};
use crate::{Authority, Cx, Error, Result, audit::Entry, licenses};

/// A reason is a sentence or two.
const LONGEST: usize = 1000;

impl Authority {
    /// Frees an activation's slot immediately, and ends the suspicion of a copy. The reason is personal data.
    ///
    /// # Errors
    /// If there is no such activation, or nothing to release.
    pub async fn release_activation(
        &self,
        cx: Cx,
        id: ActivationId,
        reason: Option<String>,
    ) -> Result<ActivationDetails> {
        if reason.as_ref().is_some_and(|reason| reason.len() > LONGEST) {
            return Err(Error::invalid("/reason", format!("a reason is at most {LONGEST} bytes long")));
        }
        self.write("activations.release", cx, move |tx, op| {
            op.on("activation.release", id);
            let found = sql::by_id(tx, id)?.ok_or_else(|| Error::not_found("activation with this id"))?;
            let license = licenses::sql::lock_by_id(tx, found.license)?.ok_or_else(unknown)?;
            let before = sql::lock_by_id(tx, id)?.ok_or_else(unknown)?;
            let after = release(&before)?;
            let freed = i64::from(before.lapses_at().is_some()) - i64::from(after.lapses_at().is_some());
            sql::update(tx, Some(&before), &after)?;
            if freed != 0 {
                licenses::sql::set_active(tx, license.id, license.active - freed)?;
            }
            licenses::sql::set_revision(tx, license.id, license.revision + 1)?;
            op.changed_one(license.id, id, license.revision + 1);
            let suspected = before.suspicion.copy_suspected.then_some(ErrorCode::CopySuspected);
            let change =
                json!({ "license": license.id, "was": before.status.as_str(), "suspected": suspected });
            let entry = Entry::ok(change).of_customer(license.customer);
            let entry = match &reason {
                Some(reason) => entry.private(json!({ "reason": reason })),
                None => entry,
            };
            op.audit(tx, entry)?;
            Ok(ActivationDetails { activation: after, health: sql::health(tx, id)? })
        })
        .await
    }
}
