use std::collections::BTreeMap;

use kaching_base::ActivationId;
use kaching_domain::{
    Fingerprint,
    activations::{Mover, activate as rules, operator_move::move_by_operator},
};

use super::{
    ActivationDetails, MoveTo,
    activate::word,
    record::{self, AuditAction},
    sql, unknown,
};
use crate::{Authority, Cx, Error, Result, entitlement::Entitlement, licenses};

impl Authority {
    /// Moves an activation to another installation, which holds the slot immediately and gets its credential when it
    /// activates. The present one runs on for the move grace.
    ///
    /// # Errors
    /// If there is no such activation, it holds no slot, or the license does not accept the new installation.
    pub async fn move_activation(&self, cx: Cx, id: ActivationId, to: MoveTo) -> Result<ActivationDetails> {
        self.write("activations.move", cx, move |tx, op| {
            op.on("activation.move", id);
            let found = sql::by_id(tx, id)?.ok_or_else(|| Error::not_found("activation with this id"))?;
            let license = licenses::sql::lock_by_id(tx, found.license)?.ok_or_else(unknown)?;
            let license = licenses::apply_due(tx, op, license)?;
            let entitlement = Entitlement::of(tx, license.clone())?;
            let from = sql::lock_by_id(tx, id)?.ok_or_else(unknown)?;
            let kind = to.kind.unwrap_or(from.kind);
            // The spelling is the operator's. The client may spell its name in another way.
            let fingerprint = Fingerprint::new(kind, to.fingerprint.clone())
                .map_err(|error| Error::invalid("/fingerprint", error.to_string()))?
                .canonical();
            let present = sql::lock_by_fingerprint(tx, license.id, &fingerprint)?;
            let request = rules::ActivateRequest {
                product: entitlement.names.product.clone(),
                fingerprint,
                kind,
                name: to.name.clone(),
                version: None,
                levels: BTreeMap::new(),
                // Nobody holds the credential of a moved activation before it activates.
                nonce: "moved-by-operator".parse().expect("it has the form of a nonce"),
                address: None,
            };
            let in_grace = sql::in_grace(tx, license.id, op.now)?;
            let situation = rules::ActivateContext {
                license: &license,
                product: &entitlement.names.product,
                present: present.as_ref(),
                nonce_seen: false,
                moving: None,
                held: license.active.unsigned_abs(),
                holders: &[],
                in_grace: &in_grace,
                moves: &[],
                new_id: op.id(),
                now: op.now,
            };
            op.on("activation.move", id);
            let decision = move_by_operator(&request, &from, &situation)?;
            let action = AuditAction { action: "activation.admit", mover: word(Mover::Operator) };
            record::decision(tx, op, &action, &license, license.active, present.as_ref(), &decision)?;
            let health = sql::health(tx, decision.activation.id)?;
            Ok(ActivationDetails { activation: decision.activation, health })
        })
        .await
    }
}
